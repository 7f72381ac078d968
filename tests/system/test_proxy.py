"""Calls through a proxy that nobody here wrote, before the callee or before the caller."""

import dataclasses

from harness.bench import CALLEE_RTP, NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Call, Peers, check_media_address, speak_both_ways
from harness.failure import check, check_equal
from harness.kamailio import Kamailio
from harness.lab import CALLEE, STRANGER_AT_CALLEE, STRANGER_AT_CALLER, SWITCH_TO_CALLER
from harness.phones import far_phone, near_phone, talk_with_hold
from harness.recorder import Datagram
from harness.rtp import RtpPeer
from harness.sip import Leg, sdp
from harness.switch import Switch

# The second host on each cable plays the proxy.
CALLER_PROXY, CALLEE_PROXY = STRANGER_AT_CALLER, STRANGER_AT_CALLEE


def sip_seen(bench: Bench, side: str) -> list[Datagram]:
    """What passed this side's cable as SIP, without the probes of the switch's start."""
    return [one for one in bench.recorders[side].datagrams
            if 5060 in (one.source[1], one.target[1]) and b"probe@" not in one.data]


def check_all_through(bench: Bench, side: str, proxy: str) -> None:
    """All signalling on this side went by the proxy, requests in the call too."""
    seen = sip_seen(bench, side)
    check(seen, f"no SIP on the {side}'s cable")
    others = {(one.source, one.target) for one in seen
              if (one.source if one.sent else one.target)[0] != proxy}
    check_equal(others, set(), f"SIP that passed the {side}'s proxy by")


@case
def proxy_before_callee(bench: Bench) -> None:
    """switch → Kamailio → baresip: our requests in the call follow its Record-Route, and so do
    the callee's."""
    bench.peer(Kamailio, bench.lab.callee, CALLEE_PROXY, name="proxy",
               initial=f'$du = "sip:{CALLEE}:5060"; t_relay();')
    caller, callee = near_phone(bench), far_phone(bench)
    switch = bench.switch(callee=f"{CALLEE_PROXY}:5060")
    # A re-INVITE towards the callee, and a BYE from it.
    talk_with_hold(bench, switch, caller, callee, holder=caller, ends=callee)
    check_all_through(bench, "callee", CALLEE_PROXY)


@case
def proxy_before_caller(bench: Bench) -> None:
    """baresip → Kamailio → switch: several Vias, and its Record-Route stands in our responses."""
    bench.peer(Kamailio, bench.lab.caller, CALLER_PROXY, name="proxy",
               initial="loose_route(); t_relay();")
    caller = near_phone(bench, account=f';outbound="sip:{CALLER_PROXY};lr"')
    callee = far_phone(bench)
    switch = bench.switch(caller=CALLER_PROXY)
    talk_with_hold(bench, switch, caller, callee, holder=callee, ends=caller)
    check_all_through(bench, "caller", CALLER_PROXY)


def forked(bench: Bench) -> tuple[Switch, Peers, Leg, list[Leg], list[RtpPeer]]:
    """A call that Kamailio forks to two callees; each has sent its own early media's address."""
    first = f"sip:{NUMBER}@{CALLEE}:5060"
    second = f"sip:{NUMBER}@{CALLEE}:5062"
    bench.peer(Kamailio, bench.lab.callee, CALLEE_PROXY, name="proxy",
               initial=f'$ru = "{first}"; append_branch("{second}"); t_relay();')
    switch = bench.switch(callee=f"{CALLEE_PROXY}:5060")
    peers = Peers.at(bench)
    media = [peers.callee_rtp, bench.rtp_callee(CALLEE_RTP + 10)]
    caller_leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    legs = []
    for agent, ear in zip((peers.callee, bench.callee(port=5062)), media):
        leg = agent.answer_leg(agent.expect("INVITE"))
        leg.reply(183, sdp(CALLEE, ear.port, payloads="8"))
        check_media_address(peers.caller.expect(183), SWITCH_TO_CALLER)
        legs.append(leg)
    return switch, peers, caller_leg, legs, media


def answered_by(leg: Leg, ear: RtpPeer, peers: Peers, caller_leg: Leg) -> Call:
    """This callee's 200 reaches the caller, and the caller's ACK reaches this callee."""
    assert leg.received_invite
    leg.reply(200, sdp(CALLEE, ear.port, payloads="8"))
    answer = peers.caller.expect(200)
    caller_leg.ack(answer)
    ack = leg.agent.expect("ACK")
    check_equal(ack.call_id, leg.call_id, "Call-ID of the ACK")
    peers = dataclasses.replace(peers, callee=leg.agent, callee_rtp=ear)
    return Call(peers, caller_leg, leg, leg.received_invite, answer.media(),
                leg.received_invite.media())


@case
def proxy_forks(bench: Bench) -> None:
    """Both callees ring with early media; the second one answers and the first is cancelled."""
    switch, peers, caller_leg, legs, media = forked(bench)
    call = answered_by(legs[1], media[1], peers, caller_leg)
    cancel_of_first = legs[0].agent.expect("CANCEL")
    legs[0].reply(200, request=cancel_of_first)
    legs[0].reply(487)
    legs[0].agent.expect("ACK")
    speak_both_ways(call, 25)
    caller_leg.bye_with(legs[1])
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 200, "sip_code")
    switch.wait_no_calls()
    check_all_through(bench, "callee", CALLEE_PROXY)


@case
def proxy_forks_and_both_answer(bench: Bench) -> None:
    """Two 200s: one callee has the call, the other is hung up, neither is left half open."""
    switch, peers, caller_leg, legs, media = forked(bench)
    call = answered_by(legs[0], media[0], peers, caller_leg)
    cancel_of_second = legs[1].agent.expect("CANCEL")
    legs[1].reply(200, request=cancel_of_second)
    legs[1].reply(200, sdp(CALLEE, media[1].port, payloads="8"))  # its 200 has crossed the CANCEL
    legs[1].agent.expect("ACK")
    legs[1].take_bye()
    peers.caller.expect_silence(0.3)
    speak_both_ways(call, 25)
    caller_leg.bye_with(legs[0])
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 200, "sip_code")
    switch.wait_no_calls()
    check_all_through(bench, "callee", CALLEE_PROXY)


@case
def proxy_redirects(bench: Bench) -> None:
    """A 302 is the vendor's word to us: the caller never sees where it points."""
    bench.peer(Kamailio, bench.lab.callee, CALLEE_PROXY, name="proxy",
               initial=f'append_to_reply("Contact: <sip:{NUMBER}@{CALLEE}>\\r\\n"); '
                       'sl_send_reply("302", "Moved Temporarily");')
    switch = bench.switch(callee=f"{CALLEE_PROXY}:5060")
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    refusal = peers.caller.expect(480)
    check(CALLEE not in refusal.text, "the caller learned the vendor's contact")
    leg.ack(refusal)
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 480, "sip_code")
    switch.wait_no_calls()
