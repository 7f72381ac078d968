"""SRTP between the switch and phones that nobody here wrote; the other one speaks in the clear."""

from harness.bench import CALLER_RTP, NUMBER, Bench, case
from harness.call import SIP_AT_CALLER
from harness.certificates import Authority, Identity
from harness.dtls import PROFILE, DtlsClient, describe, fingerprint
from harness.failure import check, check_equal
from harness.lab import CALLEE, CALLER, SWITCH_TO_CALLER
from harness.phones import (CALLER_HERTZ, check_heard, check_record, far_phone, near_phone,
                            pick_up, ring, voice_to, wait_quiet, wait_talk)
from harness.rtp import Address
from harness.sip import Leg, sdp
from harness.switch import Switch
from harness.tone import seconds_of

SDES = {"account": ";mediaenc=srtp-mand", "config": ("module srtp.so",)}
DTLS = {"account": ";mediaenc=dtls_srtp", "config": ("module dtls_srtp.so",)}


def speak(bench: Bench, near: dict, far: dict, policies: dict[str, str]) -> Switch:
    """A call of two phones, each with what its gateway may have; both hear the other."""
    caller = near_phone(bench, **near)
    callee = far_phone(bench, **far)
    switch = bench.switch()
    for gateway, policy in policies.items():
        switch.ask("gateway", "set", gateway, *policy.split())
    ring(caller, callee)
    pick_up(caller, callee)
    wait_talk(bench)
    caller.hang_up()
    callee.wait_closed()
    check_record(switch, "caller")
    check_heard(caller, callee)
    # (baresip opens its RTCP port by a packet in the clear, which goes no further; nor does what it
    # says in the clear when one of its two handshakes is done and the other about to be.)
    forged = switch.counter("drop_srtp_bad_tag")
    shakes = any(phone.get("account") == DTLS["account"] for phone in (near, far))
    check(forged <= (5 if shakes else 0), f"drop_srtp_bad_tag: {forged}")
    check_equal(switch.counter("drop_srtp_replayed"), 0, "drop_srtp_replayed")
    return switch


@case
def srtp_calls_clear(bench: Bench) -> None:
    switch = speak(bench, SDES, {}, {"acme": "TD_SRTP=optional"})
    check(switch.counter("srtp_unprotected") > 0, "nothing was deciphered")
    check(switch.counter("srtp_protected") > 0, "nothing was enciphered")
    check_equal(switch.wait_cdrs(1)[0]["media_rule"], "encrypted", "media_rule")


@case
def clear_calls_srtp(bench: Bench) -> None:
    switch = speak(bench, {}, SDES, {"bcorp": "TD_SRTP=required"})
    check(switch.counter("srtp_unprotected") > 0, "nothing was deciphered")
    check_equal(switch.wait_cdrs(1)[0]["media_rule"], "srtp_required", "media_rule")


@case
def srtp_on_both_sides(bench: Bench) -> None:
    """Two phones with SRTP, each with keys of its own; the caller's gateway may do as it likes."""
    switch = speak(bench, SDES, SDES, {"acme": "TD_SRTP=optional", "bcorp": "TD_SRTP=required"})
    logs = "".join(log.read_text() for log in switch.folder.glob("tandem-*.log"))
    check("inline:" not in logs, "a key is in a log")


def check_shaken(switch: Switch, parties: int) -> None:
    """So many parties have shaken hands, on RTP's port and on RTCP's, and nothing went wrong."""
    check_equal(switch.counter("dtls_agreed"), 2 * parties, "dtls_agreed")
    check_equal(switch.counter("dtls_failed"), 0, "dtls_failed")
    check(switch.counter("srtp_unprotected") > 0, "nothing was deciphered")
    check(switch.counter("srtp_protected") > 0, "nothing was enciphered")


@case
def dtls_calls_clear(bench: Bench) -> None:
    check_shaken(speak(bench, DTLS, {}, {"acme": "TD_SRTP=required"}), 1)


@case
def muxed_calls_clear(bench: Bench) -> None:
    """RTCP on RTP's port: one handshake for both, and the other party's RTCP is apart."""
    switch = speak(bench, {**DTLS, "rtcp_mux": True}, {}, {"acme": "TD_SRTP=required"})
    check_equal(switch.counter("dtls_agreed"), 1, "dtls_agreed")
    check(switch.counter("srtp_unprotected") > 0, "nothing was deciphered")
    check(switch.counter("srtp_protected") > 0, "nothing was enciphered")


@case
def clear_calls_dtls(bench: Bench) -> None:
    check_shaken(speak(bench, {}, DTLS, {"bcorp": "TD_SRTP=required TD_SRTP_KEYS=dtls"}), 1)


@case
def dtls_calls_sdes(bench: Bench) -> None:
    check_shaken(speak(bench, DTLS, SDES, {"acme": "TD_SRTP=optional",
                                           "bcorp": "TD_SRTP=required"}), 1)


@case
def dtls_on_both_sides(bench: Bench) -> None:
    check_shaken(speak(bench, DTLS, DTLS, {"acme": "TD_SRTP=optional",
                                           "bcorp": "TD_SRTP=required TD_SRTP_KEYS=dtls"}), 2)


@case
def dtls_call_is_held(bench: Bench) -> None:
    """By the phone that speaks it, and taken up again, under the same keys."""
    caller, callee = near_phone(bench, **DTLS), far_phone(bench)
    switch = bench.switch()
    switch.ask("gateway", "set", "acme", "TD_SRTP=required")
    ring(caller, callee)
    pick_up(caller, callee)
    wait_talk(bench)
    before = switch.counter("dtls_agreed")
    caller.hold()
    wait_quiet(bench, "callee", sent=True)
    mark = len(bench.recorders["callee"].datagrams)
    caller.resume()
    wait_talk(bench)
    seconds = seconds_of(voice_to(bench, "callee", mark), CALLER_HERTZ)
    check(seconds > 0.8, f"after the hold {seconds:.2f} s of the caller reach the callee")
    caller.hang_up()
    callee.wait_closed()
    check_record(switch, "caller")
    check_heard(caller, callee)
    check_equal(switch.counter("dtls_agreed"), before, "dtls_agreed after the hold")


def answered_for(bench: Bench, named: Identity) -> tuple[Leg, Leg, Address]:
    """A call that is up, whose caller has named this certificate and will begin; where to."""
    caller, callee = bench.caller(), bench.callee()
    offer = describe(sdp(CALLER, CALLER_RTP), named, "active")
    leg = caller.invite(SIP_AT_CALLER, NUMBER, offer)
    invite = callee.expect("INVITE")
    check(" RTP/AVP " in invite.body, f"the callee is offered {invite.body}")
    called = callee.answer_leg(invite)
    called.reply(200, sdp(CALLEE, CALLER_RTP, payloads="8"))
    answer = caller.expect(200)
    check("a=setup:passive" in answer.body and "UDP/TLS/RTP/SAVP" in answer.body,
          f"the caller is answered {answer.body}")
    leg.ack(answer)
    callee.expect("ACK")
    called.peer = invite.source
    return leg, called, answer.media()


@case
def dtls_by_openssl(bench: Bench) -> None:
    """The certificate that was named: keys, and a call that goes on."""
    switch = bench.switch()
    switch.ask("gateway", "set", "acme", "TD_SRTP=required")
    named = Authority(bench.folder).identity(CALLER)
    leg, called, way = answered_for(bench, named)
    client = bench.peer(DtlsClient, bench.lab.caller, (CALLER, CALLER_RTP), way, named)
    client.wait_line(f"SRTP Extension negotiated, profile={PROFILE}")
    switch.wait_counter("dtls_agreed", 1)
    check_equal(switch.counter("dtls_failed"), 0, "dtls_failed")
    check_equal(len(switch.calls()), 1, "calls")
    leg.bye_with(called)
    check_equal(switch.wait_one_record()["end_reason"], "NormalClearing", "end_reason")


@case
def dtls_of_somebody_else(bench: Bench) -> None:
    """Another certificate than the caller has named: whoever that is, it hears nothing."""
    switch = bench.switch()
    switch.ask("gateway", "set", "acme", "TD_SRTP=required")
    authority = Authority(bench.folder)
    named, other = authority.identity(CALLER), authority.identity(SWITCH_TO_CALLER)
    check(fingerprint(named) != fingerprint(other), "two certificates are one")
    leg, called, way = answered_for(bench, named)
    client = bench.peer(DtlsClient, bench.lab.caller, (CALLER, CALLER_RTP), way, other)
    client.wait_line("alert bad certificate|alert certificate unknown")
    for ended in (leg, called):
        reason = ended.take_bye().get("Reason")
        check(reason.startswith("Q.850;cause=88;"), f"BYE says {reason}")
    check_equal(switch.wait_one_record()["end_reason"], "DtlsFingerprint", "end_reason")
    check_equal(switch.counter("dtls_agreed"), 0, "dtls_agreed")
