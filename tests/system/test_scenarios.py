"""Calls between two SIPp that behave, each at one end: what a peer may ask of us by the RFCs."""

from harness.bench import Bench, case
from harness.failure import check_equal


def play(bench: Bench, caller: str, callee: str, sip_code: int = 200, **more: object) -> dict:
    """Both scenarios to their ends, one record, and nothing left."""
    switch = bench.switch()
    bench.sipp_call(caller, callee, **more)
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], sip_code, "sip_code")
    switch.wait_nothing_left()
    return record


@case
def sipp_holds_and_changes_codec(bench: Bench) -> None:
    """re-INVITEs: sendonly and recvonly pass, and so does a codec that wasn't the first choice."""
    play(bench, "caller_reinvites", "callee_reinvited", talk_ms=100)


@case
def sipp_offers_late(bench: Bench) -> None:
    play(bench, "caller_offers_late", "callee_offers", talk_ms=100)


@case
def sipp_hears_early_media(bench: Bench) -> None:
    record = play(bench, "caller_hears_early", "callee_plays_early", talk_ms=100)
    check_equal(record["end_direction"], "caller", "end_direction")


@case
def sipp_cancels_early(bench: Bench) -> None:
    """Our CANCEL waits for the callee's first word (RFC 3261 §9.1)."""
    play(bench, "caller_cancels_early", "callee_rings_late", 487)


@case
def sipp_cancels_late(bench: Bench) -> None:
    """A CANCEL that crossed our 200 gets its 200 and changes nothing (RFC 3261 §9.2)."""
    play(bench, "caller_cancels_late", "callee_answers", talk_ms=100)


@case
def sipp_is_redirected(bench: Bench) -> None:
    play(bench, "caller_hears_unavailable", "callee_redirects", 480)


@case
def sipp_asks_options(bench: Bench) -> None:
    bench.switch()
    bench.sipp_caller("caller_asks_options").finish()


@case
def sipp_sends_much(bench: Bench) -> None:
    """An INVITE of three datagrams' worth."""
    play(bench, "caller_sends_much", "callee_answers", talk_ms=100)


@case
def sipp_acknowledges_ringing(bench: Bench) -> None:
    """Reliable provisional responses on both legs (RFC 3262): each 18x gets its PRACK."""
    play(bench, "caller_acknowledges_ringing", "callee_rings_reliably", talk_ms=100)


@case
def sipp_holds_by_update(bench: Bench) -> None:
    play(bench, "caller_updates", "callee_updated", talk_ms=100)


@case
def sipp_sends_info(bench: Bench) -> None:
    """A digit as INFO reaches the callee as it was sent, and its answer the caller."""
    play(bench, "caller_informs", "callee_informed", talk_ms=100)
