"""Where RTCP goes: on ports of its own, or on RTP's with whom that is agreed (RFC 5761)."""

from harness.bench import NUMBER, Bench, case
from harness.call import Call, Peers, SIP_AT_CALLER, speak_both_ways
from harness.failure import check, check_equal
from harness.rtp import sender_report
from harness.sip import Message

MUX = "a=rtcp-mux\r\n"


def establish_with(peers: Peers, offered: str, answered: str) -> tuple[Call, Message, Message]:
    """A call with these lines in its descriptions; and what either party was told."""
    caller_leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp() + offered)
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(200, peers.callee_sdp() + answered)
    answer = peers.caller.expect(200)
    caller_leg.ack(answer)
    peers.callee.expect("ACK")
    call = Call(peers, caller_leg, callee_leg, invite, answer.media(), invite.media())
    return call, invite, answer


@case
def rtcp_mux_on_one_side(bench: Bench) -> None:
    """The caller has RTCP on RTP's port, the callee apart: each gets the other's where it said."""
    switch = bench.switch()
    peers = Peers.at(bench)
    call, invite, answer = establish_with(peers, MUX, "")
    check(MUX in invite.body and MUX in answer.body, "the offer is passed on, and answered")
    speak_both_ways(call, 20)
    peers.caller_rtp.received.clear()
    there, back = sender_report(0x0CA11E50, 1), sender_report(0xCA11EE00, 2)
    peers.caller_rtp.rtp.sendto(there, call.switch_for_caller)
    peers.callee_rtp.wait_rtcp(1)
    door = call.switch_for_callee
    check_equal(peers.callee_rtp.received_rtcp, [(there, (door[0], door[1] + 1))], "the caller's")
    peers.callee_rtp.rtcp.sendto(back, (door[0], door[1] + 1))
    peers.caller_rtp.wait_received(1)
    check_equal(peers.caller_rtp.received, [(back, call.switch_for_caller)], "the callee's")
    check_equal(peers.caller_rtp.received_rtcp, [], "on the port that nobody looks at")
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_cdrs(1)


@case
def rtcp_mux_on_both_sides(bench: Bench) -> None:
    bench.switch()
    peers = Peers.at(bench)
    call, _, answer = establish_with(peers, MUX, MUX)
    check(MUX in answer.body, "the caller is answered with it")
    speak_both_ways(call, 5)
    for side in (peers.caller_rtp, peers.callee_rtp):
        side.received.clear()
    there, back = sender_report(0x0CA11E50, 1), sender_report(0xCA11EE00, 2)
    peers.caller_rtp.rtp.sendto(there, call.switch_for_caller)
    peers.callee_rtp.rtp.sendto(back, call.switch_for_callee)
    peers.callee_rtp.wait_received(1)
    peers.caller_rtp.wait_received(1)
    check_equal(peers.callee_rtp.received, [(there, call.switch_for_callee)], "at the callee")
    check_equal(peers.caller_rtp.received, [(back, call.switch_for_caller)], "at the caller")


@case
def no_ports_for_rtcp(bench: Bench) -> None:
    """TD_RTCP_PORTS off: a port of either address carries a call; RTCP goes where it is muxed."""
    switch = bench.switch(parameters={"TD_RTCP_PORTS": "off",
                                      "SS_RTP_PORT_RANGE": "10000,10001"})
    peers = Peers.at(bench)
    call, invite, answer = establish_with(peers, "", MUX)
    check(MUX in invite.body, "offered unasked, as the only way")
    check(MUX not in answer.body, "the caller hasn't asked for it")
    check_equal((call.switch_for_caller[1], call.switch_for_callee[1]), (10000, 10000), "ports")
    speak_both_ways(call, 20)
    peers.caller_rtp.received.clear()
    peers.callee_rtp.rtp.sendto(sender_report(0xCA11EE00, 2), call.switch_for_callee)
    switch.wait_counter("drop_rtcp_unwanted", 1)
    check_equal(peers.caller_rtp.received + peers.caller_rtp.received_rtcp, [], "the caller's gain")
    peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    check_equal(peers.callee.expect("INVITE").media()[1], 10001, "the second call's port")
    third = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    third.ack(peers.caller.expect(503))
    check_equal(switch.wait_cdrs(1)[0]["end_reason"], "NoMediaPort", "end_reason")
    switch.wait_counter("media_ports_exhausted", 1)
    call.caller_leg.bye_with(call.callee_leg)
