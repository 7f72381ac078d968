"""Phones that nobody here wrote call one another through the switch."""

from harness.baresip import Baresip
from harness.bench import NUMBER, Bench, case
from harness.failure import check, check_equal, wait_until
from harness.lab import SWITCH_TO_CALLER
from harness.linphone import Linphone
from harness.phones import (CALLEE_HERTZ, CALLER_HERTZ, TALK_PACKETS, Phone, check_heard,
                            check_record, far_phone, near_phone, packets_of, pick_up, ring, talk,
                            voice_to, wait_quiet, wait_talk)
from harness.tone import seconds_of


# --- phone to phone ---

@case
def baresip_calls_baresip(bench: Bench) -> None:
    talk(bench, Baresip, Baresip, "caller")


@case
def linphone_calls_baresip(bench: Bench) -> None:
    talk(bench, Linphone, Baresip, "callee")


@case
def baresip_calls_linphone(bench: Bench) -> None:
    talk(bench, Baresip, Linphone, "callee")


@case
def baresip_chooses_pcmu(bench: Bench) -> None:
    """Offered both, a callee that only has the second one gets it, and so does its caller."""
    caller = near_phone(bench, codecs="PCMA/8000/1,PCMU/8000/1")
    callee = far_phone(bench, codecs="PCMU/8000/1")
    switch = bench.switch()
    ring(caller, callee)
    pick_up(caller, callee)
    wait_talk(bench)
    caller.hang_up()
    callee.wait_closed()
    check_record(switch, "caller", "PCMU")
    check_heard(caller, callee)


@case
def phones_without_common_codec(bench: Bench) -> None:
    """The callee refuses what it can't speak, and the caller is told why."""
    caller = near_phone(bench, codecs="PCMA/8000/1")
    callee = far_phone(bench, codecs="PCMU/8000/1", answer="auto")
    switch = bench.switch()
    caller.dial(f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    check("488" in caller.wait_closed(), "the caller was not told 488")
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 488, "sip_code")
    check(callee.running, "the callee died")


@case
def phones_speak_speex(bench: Bench) -> None:
    """A codec with a number of its own choice, which the switch need not know, passes too."""
    talk(bench, Linphone, Linphone, "caller", "speex", codecs=("speex",))


@case
def phones_keep_their_secret(bench: Bench) -> None:
    """Two phones that insist on SRTP agree on keys through the switch, and decipher one another."""
    talk(bench, Baresip, Baresip, "callee", account=";mediaenc=srtp-mand",
         config=("module srtp.so",))


@case
def linphone_offers_ice(bench: Bench) -> None:
    """No candidate of the caller's leads the callee round the relay; voice goes without ICE."""
    caller = near_phone(bench, Linphone, ice=True)
    callee = far_phone(bench)
    switch = bench.switch()
    ring(caller, callee)
    offers = {side: wait_until(lambda: [one.data for one in bench.recorders[side].datagrams
                                        if one.data.startswith(b"INVITE ")],
                               f"the INVITE on the {side}'s cable")[0]
              for side in ("caller", "callee")}
    check(b"a=candidate" in offers["caller"], "the caller did not offer ICE")
    check(b"a=candidate" not in offers["callee"], "candidates were passed on")
    pick_up(caller, callee)
    wait_talk(bench)
    callee.hang_up()
    caller.wait_closed()
    check_record(switch, "callee")
    check_heard(caller, callee)


@case
def baresip_listens_early(bench: Bench) -> None:
    """183 with SDP: voice flows before the answer. (baresip itself stays silent until then.)"""
    caller, callee = near_phone(bench), far_phone(bench, answer="early")
    switch = bench.switch()
    caller.dial(f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    caller.wait_event("CALL_PROGRESS")
    wait_until(lambda: packets_of(bench, "callee") >= TALK_PACKETS, "early media", 15)
    pick_up(caller, callee)
    wait_talk(bench)
    caller.hang_up()
    callee.wait_closed()
    record = check_record(switch, "caller")
    relayed = record["media"]["from_caller"]["relayed"]
    check(relayed >= 2 * TALK_PACKETS, f"{relayed} packets relayed: early media not counted")
    check_heard(caller, callee)


# --- calls that nobody answers ---

@case
def baresip_is_busy(bench: Bench) -> None:
    caller, callee = near_phone(bench), far_phone(bench)
    switch = bench.switch()
    ring(caller, callee)
    callee.hang_up()
    check("486" in caller.wait_closed(), "the caller was not told 486")
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 486, "sip_code")
    switch.wait_no_calls()


@case
def linphone_declines(bench: Bench) -> None:
    caller, callee = near_phone(bench), far_phone(bench, Linphone)
    switch = bench.switch()
    ring(caller, callee)
    callee.hang_up()
    check("603" in caller.wait_closed(), "the caller was not told 603")
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 603, "sip_code")
    switch.wait_no_calls()


def cancel(bench: Bench, near: type[Phone], far: type[Phone]) -> None:
    caller, callee = near_phone(bench, near), far_phone(bench, far)
    switch = bench.switch()
    ring(caller, callee)
    caller.hang_up()
    caller.wait_closed()
    callee.wait_closed()
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 487, "sip_code")
    check_equal(record["end_direction"], "caller", "end_direction")
    switch.wait_no_calls()


@case
def baresip_cancels(bench: Bench) -> None:
    cancel(bench, Baresip, Linphone)


@case
def linphone_cancels(bench: Bench) -> None:
    cancel(bench, Linphone, Baresip)


# --- in the call ---

def hold(bench: Bench, near: type[Phone], far: type[Phone], holder: str) -> None:
    caller, callee = near_phone(bench, near), far_phone(bench, far)
    switch = bench.switch()
    ring(caller, callee)
    pick_up(caller, callee)
    wait_talk(bench)
    holding, held = (caller, "callee") if holder == "caller" else (callee, "caller")
    holding.hold()
    wait_quiet(bench, held, sent=True)
    marks = {side: len(recorder.datagrams) for side, recorder in bench.recorders.items()}
    holding.resume()
    wait_talk(bench)
    for side, hertz in (("caller", CALLEE_HERTZ), ("callee", CALLER_HERTZ)):
        seconds = seconds_of(voice_to(bench, side, marks[side]), hertz)
        check(seconds > 0.8, f"after the hold {seconds:.2f} s of {hertz} Hz reach the {side}")
    held_phone = callee if holder == "caller" else caller
    held_phone.hang_up()
    holding.wait_closed()
    check_record(switch, held)
    check_heard(caller, callee)


@case
def baresip_holds_baresip(bench: Bench) -> None:
    hold(bench, Baresip, Baresip, "caller")


@case
def baresip_holds_linphone(bench: Bench) -> None:
    hold(bench, Linphone, Baresip, "callee")


@case
def linphone_holds_baresip(bench: Bench) -> None:
    hold(bench, Linphone, Baresip, "caller")


def press(bench: Bench, near: type[Phone], digits: str, **more: object) -> None:
    """Digits, as RTP events (RFC 4733) or as INFO: each arrives once, in order."""
    caller, callee = near_phone(bench, near, **more), far_phone(bench)
    switch = bench.switch()
    ring(caller, callee)
    pick_up(caller, callee)
    for number, digit in enumerate(digits, 1):
        caller.press(digit)
        callee.wait_event("CALL_DTMF_END", number)
    caller.hang_up()
    callee.wait_closed()
    check_equal(callee.digits(), digits, "digits that the callee got")
    switch.wait_cdrs(1)


@case
def baresip_presses_digits(bench: Bench) -> None:
    press(bench, Baresip, "1590#*")


@case
def linphone_presses_digits(bench: Bench) -> None:
    press(bench, Linphone, "19")


@case
def linphone_sends_digits_as_info(bench: Bench) -> None:
    press(bench, Linphone, "19", info=True)


@case
def baresip_asks_options(bench: Bench) -> None:
    caller = near_phone(bench)
    bench.switch()
    caller.command("options", f"sip:ping@{SWITCH_TO_CALLER}")
    caller.wait_line("SIP/2.0 200 OK")
