"""SRTP between the switch and phones that nobody here wrote; the other one speaks in the clear."""

from harness.baresip import Baresip
from harness.bench import Bench, case
from harness.failure import check, check_equal
from harness.phones import (check_heard, check_record, far_phone, near_phone, pick_up, ring,
                            wait_talk)
from harness.switch import Switch

SDES = {"account": ";mediaenc=srtp-mand", "config": ("module srtp.so",)}


def speak(bench: Bench, near: dict, far: dict, policies: dict[str, str]) -> Switch:
    """A call of two phones, each with what its gateway may have; both hear the other."""
    caller = near_phone(bench, **near)
    callee = far_phone(bench, **far)
    switch = bench.switch()
    for gateway, policy in policies.items():
        switch.ask("gateway", "set", gateway, f"TD_SRTP={policy}")
    ring(caller, callee)
    pick_up(caller, callee)
    wait_talk(bench)
    caller.hang_up()
    callee.wait_closed()
    check_record(switch, "caller")
    check_heard(caller, callee)
    # (baresip opens its RTCP port by a packet in the clear, which goes no further.)
    for name in ("drop_srtp_bad_tag", "drop_srtp_replayed"):
        check_equal(switch.counter(name), 0, name)
    return switch


@case
def srtp_calls_clear(bench: Bench) -> None:
    switch = speak(bench, SDES, {}, {"acme": "optional"})
    check(switch.counter("srtp_unprotected") > 0, "nothing was deciphered")
    check(switch.counter("srtp_protected") > 0, "nothing was enciphered")
    check_equal(switch.wait_cdrs(1)[0]["media_rule"], "encrypted", "media_rule")


@case
def clear_calls_srtp(bench: Bench) -> None:
    switch = speak(bench, {}, SDES, {"bcorp": "required"})
    check(switch.counter("srtp_unprotected") > 0, "nothing was deciphered")
    check_equal(switch.wait_cdrs(1)[0]["media_rule"], "srtp_required", "media_rule")


@case
def srtp_on_both_sides(bench: Bench) -> None:
    """Two phones with SRTP, each with keys of its own; the caller's gateway may do as it likes."""
    switch = speak(bench, SDES, SDES, {"acme": "optional", "bcorp": "required"})
    logs = "".join(log.read_text() for log in switch.folder.glob("tandem-*.log"))
    check("inline:" not in logs, "a key is in a log")
