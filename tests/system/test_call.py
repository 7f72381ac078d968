"""Calls as SIP sees them: how they begin, fail and end, and what the call record says of it."""

import time

from harness.bench import NUMBER, Bench, case, patient_case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import check, check_equal, wait_until
from harness.lab import STRANGER_AT_CALLER
from harness.sip import sdp


@case
def caller_hangs_up(bench: Bench) -> None:
    switch = bench.switch()
    bench.sipp_call("caller_hangs_up", "callee_answers")
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 200, "sip_code")
    check_equal(record["end_direction"], "caller", "end_direction")
    switch.wait_nothing_left()


@case
def callee_hangs_up(bench: Bench) -> None:
    switch = bench.switch()
    bench.sipp_call("caller_waits", "callee_hangs_up")
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 200, "sip_code")
    check_equal(record["end_direction"], "callee", "end_direction")


@case
def caller_cancels(bench: Bench) -> None:
    switch = bench.switch()
    bench.sipp_call("caller_cancels", "callee_rings")
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 487, "sip_code")
    check_equal(record["end_direction"], "caller", "end_direction")
    check(record["ring_ms"], "ring_ms is not set though it rang")
    check(not record["answer_ms"], "answer_ms is set though nobody answered")
    check_equal(record["hold_ms"], 0, "hold_ms")
    switch.wait_no_calls()


@case
def cancel_meets_answer(bench: Bench) -> None:
    """CANCEL and 200 cross: the callee, answered already, must be hung up, not left alone."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(180)
    peers.caller.expect(180)
    leg.cancel()
    cancel = peers.callee.expect("CANCEL")
    check_equal(peers.caller.expect(200).cseq[1], "CANCEL", "method of the 200")
    leg.ack(peers.caller.expect(487))
    callee_leg.reply(200, request=cancel)
    callee_leg.reply(200, peers.callee_sdp())  # instead of the 487
    peers.callee.expect("ACK")
    callee_leg.take_bye()
    switch.wait_one_record()


@case
def callee_busy(bench: Bench) -> None:
    switch = bench.switch()
    bench.sipp_call("caller_hears_busy", "callee_busy")
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 486, "sip_code")
    check_equal(record["end_direction"], "callee", "end_direction")
    check_equal(record["routing_gateway"], "bcorp", "routing_gateway")
    check(not record["answer_ms"], "answer_ms is set though nobody answered")
    check_equal(record["media"]["from_caller"]["packets"], 0, "from_caller packets")


@patient_case
def callee_silent(bench: Bench) -> None:
    """INVITE is repeated, then given up after SS_SIP_TIMEOUT_INVITE."""
    switch = bench.switch(parameters={"SS_SIP_TIMEOUT_INVITE": "2"})
    peers = Peers.at(bench)
    start = time.monotonic()
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    peers.callee.expect_repeat(invite)
    refusal = peers.caller.expect(408, timeout=15)
    check(time.monotonic() - start > 1.8, "given up before SS_SIP_TIMEOUT_INVITE")
    leg.ack(refusal)
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 408, "sip_code")
    check_equal(record["end_direction"], "switch", "end_direction")
    switch.wait_nothing_left()


@case
def late_answer_is_hung_up(bench: Bench) -> None:
    """A 200 that comes after the caller was told 408 leaves no half-open call behind."""
    switch = bench.switch(parameters={"SS_SIP_TIMEOUT_INVITE": "1"})
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    leg.ack(peers.caller.expect(408, timeout=15))
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(200, peers.callee_sdp())
    peers.callee.expect("ACK")
    callee_leg.take_bye()
    switch.wait_one_record()


@case
def invite_repeated(bench: Bench) -> None:
    """A retransmitted INVITE is absorbed: one call, and the last answer once more."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    peers.caller.send(leg.invite_text, SIP_AT_CALLER)
    invite = peers.callee.expect("INVITE")
    peers.callee.expect_silence(0.4, but=(invite,))
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(180)
    ringing = peers.caller.expect(180)
    peers.caller.send(leg.invite_text, SIP_AT_CALLER)
    peers.caller.expect_repeat(ringing)
    callee_leg.reply(200, peers.callee_sdp())
    leg.ack(peers.caller.expect(200))
    peers.callee.expect("ACK")
    leg.bye_with(callee_leg)
    switch.wait_cdrs(1)
    check_equal(switch.counter("calls_started"), 1, "calls_started")
    check(switch.counter("sip_absorbed") >= 2, "sip_absorbed does not count the repeats")


@case
def answer_repeated_by_callee(bench: Bench) -> None:
    """A repeated 200 is answered with the same ACK again; the caller hears nothing of it."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    answer = callee_leg.reply(200, peers.callee_sdp())
    leg.ack(peers.caller.expect(200))
    ack = peers.callee.expect("ACK")
    peers.callee.send(answer.text, invite.source)
    peers.callee.expect_repeat(ack)
    peers.caller.expect_silence(0.3)
    leg.bye_with(callee_leg)
    switch.wait_cdrs(1)


@case
def answer_repeated_until_ack(bench: Bench) -> None:
    """Our 200 is repeated as long as the caller's ACK is missing, and not any longer."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    callee_leg = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    callee_leg.reply(200, peers.callee_sdp())
    answer = peers.caller.expect(200)
    peers.caller.expect_repeat(answer)
    peers.caller.expect_repeat(answer)
    leg.ack(answer)
    leg.settle()
    # The gap after the second repeat is two seconds: a third one would come within this time.
    peers.caller.expect_silence(2.5)
    peers.callee.expect("ACK")
    leg.bye_with(callee_leg)
    switch.wait_cdrs(1)


@case
def bye_repeated(bench: Bench) -> None:
    """A repeated BYE gets its 200 again, a BYE for nobody gets 481."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    caller, leg = call.peers.caller, call.caller_leg
    bye = leg.request("BYE")
    caller.send(bye, leg.peer)
    answer = caller.expect(200)
    call.callee_leg.take_bye()
    caller.send(bye, leg.peer)
    caller.expect_repeat(answer)
    leg.call_id = "nobody@" + leg.call_id
    caller.send(leg.request("BYE"), leg.peer)
    caller.expect(481)
    switch.wait_cdrs(1)


@case
def unknown_source_refused(bench: Bench) -> None:
    switch = bench.switch()
    with bench.caller(STRANGER_AT_CALLER) as stranger:
        leg = stranger.invite(SIP_AT_CALLER, NUMBER, sdp(STRANGER_AT_CALLER, 20000))
        leg.ack(stranger.expect(403))
    check(switch.counter("sip_refused") >= 1, "sip_refused does not count it")
    switch.wait_no_calls()


@case
def no_route_refused(bench: Bench) -> None:
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, "15550100", peers.caller_sdp())
    leg.ack(peers.caller.expect(404))
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 404, "sip_code")
    check_equal(record["end_direction"], "switch", "end_direction")
    switch.wait_no_calls()


@case
def full_gateway_refused(bench: Bench) -> None:
    """The second call finds the gateway's capacity used up: 503, and the first one lives on."""
    switch = bench.switch(capacity=1)
    peers = Peers.at(bench)
    call = establish(peers)
    second = peers.more(bench, 10)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, second.caller_sdp())
    leg.ack(peers.caller.expect(503))
    call.caller_leg.bye_with(call.callee_leg)
    records = switch.wait_cdrs(2)
    check_equal(sorted(record["sip_code"] for record in records), [200, 503], "SIP codes")
    call = establish(peers)  # the place is free again
    call.caller_leg.bye_with(call.callee_leg)


def fifty_calls_with(bench: Bench, **options: object) -> None:
    switch = bench.switch(**options)
    # Both ends wait for a BYE: however slow this machine is, all fifty are up at one time.
    callee = bench.sipp_callee("callee_answers", calls=50)
    caller = bench.sipp_caller("caller_waits", calls=50, at_once=50, rate=50)
    wait_until(lambda: [call["state"] for call in switch.calls()] == ["answered"] * 50,
               "50 calls at once", 30)
    calls = switch.calls()
    check_equal(len({call["shard"] for call in calls}), switch.options.shards,
                "shards that have calls")
    for call in calls:
        switch.ask("hangup", call["id"])
    caller.finish()
    callee.finish()
    records = switch.wait_cdrs(50)
    check_equal({record["sip_code"] for record in records}, {200}, "SIP codes")
    check_equal(sorted(record["sequence"] for record in records),
                list(range(records[0]["sequence"], records[0]["sequence"] + 50)), "sequences")
    for key in ("call", "caller_call_id", "callee_call_id"):
        check_equal(len({record[key] for record in records}), 50, f"different values of {key}")
    switch.wait_nothing_left()


@case
def fifty_calls(bench: Bench) -> None:
    fifty_calls_with(bench)


@case
def fifty_calls_two_shards(bench: Bench) -> None:
    fifty_calls_with(bench, shards=2)


@case
def fifty_calls_two_workers_two_shards(bench: Bench) -> None:
    fifty_calls_with(bench, workers=2, shards=2)
