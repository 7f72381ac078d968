"""Session timers (RFC 4028) in real time: the peers ask for a few seconds, which an operator must
allow (TD_SIP_MIN_SE)."""

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Call, Peers, check_media_address
from harness.failure import check, check_equal
from harness.lab import SWITCH_TO_CALLEE, SWITCH_TO_CALLER
from harness.sip import Leg, Message

INTERVAL_S = 2  # a refresh each half of it
SHORT = {"TD_SIP_MIN_SE": "1"}
UPDATES = "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, UPDATE\r\n"
AGREED = f"Supported: timer\r\nRequire: timer\r\nSession-Expires: {INTERVAL_S};refresher=uac\r\n"


def timed_call(peers: Peers, callee_more: str, callers_s: int = INTERVAL_S) -> Call:
    """Answered, with a session timer on each leg that the switch refreshes."""
    asked = f"Supported: timer\r\nSession-Expires: {callers_s}\r\n"
    caller_leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp(), UPDATES + asked)
    invite = peers.callee.expect("INVITE")
    check_equal(invite.get("Session-Expires"), "600;refresher=uac", "what the callee is asked for")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(200, peers.callee_sdp(), more=AGREED + callee_more)
    answer = peers.caller.expect(200)
    check_equal(answer.get("Session-Expires"), f"{callers_s};refresher=uas", "the caller's answer")
    caller_leg.ack(answer)
    peers.callee.expect("ACK")
    callee_leg.peer = invite.source
    return Call(peers, caller_leg, callee_leg, invite,
                check_media_address(answer, SWITCH_TO_CALLER),
                check_media_address(invite, SWITCH_TO_CALLEE))


def take_update(leg: Leg) -> Message:
    update = leg.agent.expect("UPDATE")
    check_equal(update.get("Session-Expires"), f"{INTERVAL_S};refresher=uac", "Session-Expires")
    leg.reply(200, request=update, more=AGREED + UPDATES)
    return update


@case
def refreshes_keep_a_call(bench: Bench) -> None:
    """By UPDATE where the peer takes it, else by re-INVITE. The second one comes when the interval
    would be over if the first didn't count."""
    switch = bench.switch(parameters=SHORT)
    peers = Peers.at(bench)
    call = timed_call(peers, "")
    shown = switch.calls()[0]["session_interval_s"]
    check_equal(shown, {"caller": INTERVAL_S, "callee": INTERVAL_S}, "session_interval_s")
    for _ in range(2):
        take_update(call.caller_leg)
        again = peers.callee.expect("INVITE")
        check_equal(again.text.split("\r\n\r\n")[1], call.invite.text.split("\r\n\r\n")[1],
                    "description in the re-INVITE")
        call.callee_leg.reply(200, peers.callee_sdp(), request=again, more=AGREED)
        peers.callee.expect("ACK")
    check(len(switch.calls()) == 1, "the call is over")
    call.caller_leg.bye_with(call.callee_leg)
    check_equal(switch.wait_one_record()["end_reason"], "NormalClearing", "end_reason")
    switch.wait_nothing_left()


@case
def silent_party_ends_its_call(bench: Bench) -> None:
    switch = bench.switch(parameters=SHORT)
    peers = Peers.at(bench)
    call = timed_call(peers, UPDATES, callers_s=60)
    peers.callee.expect("UPDATE")  # and no answer
    bye = call.caller_leg.take_bye()
    check("has not confirmed the session" in bye.get("Reason"), f"Reason {bye.get('Reason')}")
    call.callee_leg.take_bye()
    record = switch.wait_one_record()
    check_equal(record["end_reason"], "SessionTimeout", "end_reason")
    check_equal(record["end_direction"], "switch", "end_direction")
    switch.wait_nothing_left()
