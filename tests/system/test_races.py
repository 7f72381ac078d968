"""What crosses on the wire, and what never comes: no call stays half open, and each has one record.
(More of it, at random, in the unit tests.)"""

import time

from harness.bench import NUMBER, Bench, case, patient_case
from harness.call import SIP_AT_CALLER, Call, Peers, establish, speak_both_ways
from harness.failure import check, check_equal
from harness.sip import Leg, Message


def both_ways(call: Call) -> tuple[tuple[Leg, Leg], tuple[Leg, Leg]]:
    return (call.caller_leg, call.callee_leg), (call.callee_leg, call.caller_leg)


def acknowledge(leg: Leg, cseq: int, branch: str = "") -> None:
    leg.agent.send(leg.request("ACK", cseq=cseq, branch=branch), leg.peer)


@case
def bye_overtakes_reinvite(bench: Bench) -> None:
    """Asked for a change, a party hangs up instead: who asked hears 487 and gets its BYE."""
    for shift, asks_first in ((0, 0), (10, 1)):
        switch = bench.switch() if not bench.switches else bench.switches[0]
        peers = Peers.at(bench) if shift == 0 else peers.more(bench, shift)
        call = establish(peers)
        asker, other = both_ways(call)[asks_first]
        cseq = asker.send("INVITE", peers.caller_sdp())
        branch = asker.branch
        offer = other.agent.expect("INVITE")
        bye = other.send("BYE")
        other.agent.expect_response(200, (bye, "BYE"))
        # 487 and BYE, in whichever order.
        got = [next_of(asker), next_of(asker)]
        check_equal(sorted(one.status for one in got), [0, 487], "to who asked")
        acknowledge(asker, cseq, branch)
        asker.reply(200, request=next(one for one in got if one.method == "BYE"))
        other.reply(487, request=offer)
        other.agent.expect("ACK")
        check_equal(switch.wait_cdrs(1 + asks_first)[-1]["end_reason"], "NormalClearing", "reason")
        switch.wait_nothing_left()


def next_of(leg: Leg) -> Message:
    """The next BYE or final response, once."""
    while message := leg.agent.receive(10):
        if message.text in leg.agent.seen or 100 <= message.status < 200:
            continue
        leg.agent.seen.add(message.text)
        return message
    check(False, f"nothing came to {leg.agent.address}")
    raise AssertionError


@case
def bye_follows_reinvite(bench: Bench) -> None:
    """A party asks for a change and hangs up before it is answered."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    asker, other = call.caller_leg, call.callee_leg
    cseq = asker.send("INVITE", call.peers.caller_sdp())
    branch = asker.branch
    offer = other.agent.expect("INVITE")
    bye = asker.send("BYE")
    got = [next_of(asker), next_of(asker)]
    check_equal(sorted((one.status, one.cseq) for one in got),
                [(200, (bye, "BYE")), (487, (cseq, "INVITE"))], "to who hung up")
    acknowledge(asker, cseq, branch)
    other.take_bye()
    other.reply(200, call.peers.callee_sdp(), request=offer)  # a 200 that comes too late
    other.agent.expect("ACK")
    check_equal(switch.wait_one_record()["end_direction"], "caller", "end_direction")


@case
def both_hang_up(bench: Bench) -> None:
    """BYEs cross: each gets its 200, whoever was first."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    sent = {leg.agent.address: (leg.send("BYE"), "BYE")
            for leg in (call.caller_leg, call.callee_leg)}
    for leg in (call.caller_leg, call.callee_leg):
        # Ours may have left before theirs came, or not.
        while (message := next_of(leg)).method == "BYE":
            leg.reply(200, request=message)
        check_equal((message.status, message.cseq), (200, sent[leg.agent.address]), "answer")
    record = switch.wait_one_record()
    check(record["end_direction"] in ("caller", "callee"), f"end_direction {record}")


@case
def changes_cross(bench: Bench) -> None:
    """Both parties ask for a change at once: one hears 491 (§14.1), asks again, and gets it."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    (first, second), _ = both_ways(call)
    peers = call.peers
    cseq = first.send("INVITE", peers.caller_sdp())
    offer = second.agent.expect("INVITE")
    refused = second.send("INVITE", peers.callee_sdp())
    branch = second.branch
    second.agent.expect_response(491, (refused, "INVITE"))
    acknowledge(second, refused, branch)
    second.reply(200, peers.callee_sdp(), request=offer)
    first.agent.expect_response(200, (cseq, "INVITE"))
    acknowledge(first, cseq)
    first.settle()
    second.agent.expect("ACK")
    second.reinvite(first, peers.callee_sdp(), peers.caller_sdp())
    speak_both_ways(call, 10)
    first.bye_with(second)
    switch.wait_one_record()


@patient_case
def answer_never_acknowledged(bench: Bench) -> None:
    """A caller that never sends its ACK: the 200 is repeated for 64 T1 (§13.3.1.4), then both are
    hung up."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    callee_leg = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    callee_leg.reply(200, peers.callee_sdp())
    start = time.monotonic()
    leg.accept(peers.caller.expect(200))
    peers.callee.expect("ACK")
    leg.take_bye(timeout=45)
    check(time.monotonic() - start > 31, "given up before 64 T1")
    check(peers.caller.repeats >= 8, f"the 200 was repeated {peers.caller.repeats} times only")
    callee_leg.take_bye()
    record = switch.wait_one_record()
    check_equal((record["end_reason"], record["end_direction"]), ("AckTimeout", "switch"), "end")


@case
def cancel_before_anything(bench: Bench) -> None:
    """A CANCEL right behind its INVITE: our own waits for the callee's first word (§9.1), which is
    its answer: hung up."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    leg.cancel()
    peers.caller.expect_response(200, (1, "CANCEL"))
    leg.ack(peers.caller.expect(487))
    callee_leg = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    callee_leg.reply(200, peers.callee_sdp())
    peers.callee.expect("ACK")
    callee_leg.take_bye()
    check_equal(switch.wait_one_record()["end_reason"], "CallerCancelled", "end_reason")
