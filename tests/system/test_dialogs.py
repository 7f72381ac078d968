"""Dialogs (RFC 3261 §12): early ones that fork, ones that move, calls that are sent elsewhere."""

from harness.bench import CALLEE_RTP, NUMBER, Bench, case
from harness.call import (SIP_AT_CALLER, Call, Peers, check_media_address, establish,
                          speak_both_ways)
from harness.failure import check, check_equal
from harness.lab import CALLEE, CALLER, STRANGER_AT_CALLEE, SWITCH_TO_CALLEE, SWITCH_TO_CALLER
from harness.sip import sdp


@case
def callee_forks(bench: Bench) -> None:
    """A vendor behind whom several ring: each early dialog is one of the caller's, with a tag of
    its own; the one that answers has the call, and its media."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    ears = [peers.callee_rtp, bench.rtp_callee(CALLEE_RTP + 10)]
    forks = [peers.callee.answer_leg(invite) for _ in ears]
    tags = []
    for fork, ear in zip(forks, ears):
        fork.reply(183, sdp(CALLEE, ear.port, payloads="8"))
        progress = peers.caller.expect(183)
        check_media_address(progress, SWITCH_TO_CALLER)
        tags.append(progress.get("To"))
    check(tags[0] != tags[1], f"both early dialogs have the tag {tags[0]}")
    forks[0].reply(200, sdp(CALLEE, ears[0].port, payloads="8"))
    answer = peers.caller.expect(200)
    check_equal(answer.get("To"), tags[0], "To of the 200")
    leg.ack(answer)
    ack = peers.callee.expect("ACK")
    check_equal(ack.get("To"), forks[0].local, "To of the ACK")
    # The other one answers as well: it is hung up, and nobody else notices.
    forks[1].reply(200, sdp(CALLEE, ears[1].port, payloads="8"))
    ack = peers.callee.expect("ACK")
    check_equal(ack.get("To"), forks[1].local, "To of the second ACK")
    check_equal(forks[1].take_bye().get("To"), forks[1].local, "To of the BYE")
    call = Call(peers, leg, forks[0], invite, answer.media(),
                check_media_address(invite, SWITCH_TO_CALLEE))
    speak_both_ways(call, 20)
    leg.bye_with(forks[0])
    check_equal(switch.wait_one_record()["sip_code"], 200, "sip_code")


@case
def contacts_move_in_call(bench: Bench) -> None:
    """Each party in turn is somewhere else from a re-INVITE on (§12.2): requests find it there."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    peers = call.peers
    mover, other = call.caller_leg, call.callee_leg
    mover.agent = bench.caller(port=5066)
    mover.reinvite(other, sdp(CALLER, peers.caller_rtp.port), peers.callee_sdp())
    other.agent = bench.callee(port=5067)
    other.reinvite(mover, peers.callee_sdp(), peers.caller_sdp())
    speak_both_ways(call, 10)
    mover.bye_with(other)
    switch.wait_one_record()
    for agent in (peers.caller, peers.callee):
        agent.expect_silence(0.05)


ELSEWHERE = ("[[gateway]]", 'name = "belse"', 'kind = "routing"',
             f'address = "{STRANGER_AT_CALLEE}:5080"', 'port = "callee"')


@case
def redirect_followed(bench: Bench) -> None:
    """TD_SIP_REDIRECT = follow: the first Contact that is a vendor of ours is tried, whatever else
    the 302 names; the record tells of both."""
    switch = bench.switch(site=ELSEWHERE, parameters={"TD_SIP_REDIRECT": "follow"})
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    first = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    first.reply(302, more=f"Contact: <sip:4930999@192.0.2.7>;q=1.0,"
                          f" <sip:4930999@{STRANGER_AT_CALLEE}:5080>;q=0.5\r\n")
    peers.callee.expect("ACK")
    elsewhere = bench.callee(STRANGER_AT_CALLEE, 5080)
    invite = elsewhere.expect("INVITE")
    check("sip:4930999@" in invite.uri, f"Request-URI {invite.uri}")
    second = elsewhere.answer_leg(invite)
    second.reply(200, peers.callee_sdp())
    answer = peers.caller.expect(200)
    leg.ack(answer)
    elsewhere.expect("ACK")
    speak_both_ways(Call(peers, leg, second, invite, answer.media(), invite.media()), 10)
    leg.bye_with(second)
    record = switch.wait_one_record()
    wanted = {"sip_code": 200, "routing_gateway": "belse", "callee_sent": "4930999"}
    for key, value in wanted.items():
        check_equal(record[key], value, key)
    check_equal([(one["routing_gateway"], one["sip_code"]) for one in record["given_up"]],
                [("bcorp", 302)], "given_up")


@case
def redirect_to_strangers_refused(bench: Bench) -> None:
    """None of its Contacts is a vendor of ours, nor a number with a route: the call is refused."""
    switch = bench.switch(site=ELSEWHERE, parameters={"TD_SIP_REDIRECT": "follow"})
    peers = Peers.at(bench)
    strange = bench.callee(STRANGER_AT_CALLEE, 5060)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    callee_leg = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    callee_leg.reply(302, more=f"Contact: <sip:4930999@{STRANGER_AT_CALLEE}:5060>, "
                               f"<tel:+15550100>, <sip:1@example.com>\r\n")
    peers.callee.expect("ACK")
    refusal = peers.caller.expect(480)
    check(STRANGER_AT_CALLEE not in refusal.text, "the caller learned the vendor's Contacts")
    leg.ack(refusal)
    check_equal(switch.wait_one_record()["end_reason"], "GatewayRedirected", "end_reason")
    strange.expect_silence(0.05)
