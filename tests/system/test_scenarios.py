"""Calls between two SIPp that behave, each at one end: what a peer may ask of us by the RFCs."""

from harness.bench import Bench, case
from harness.failure import check_equal


def play(bench: Bench, caller: str, callee: str, sip_code: int = 200,
         parameters: dict[str, str] | None = None, **more: object) -> dict:
    """Both scenarios to their ends, one record, and nothing left."""
    switch = bench.switch(parameters=parameters or {})
    bench.sipp_call(caller, callee, **more)
    record = switch.wait_one_record()
    check_equal(record["sip_code"], sip_code, "sip_code")
    return record


def play_alone(bench: Bench, *callers: str) -> None:
    """Scenarios that make no call: nothing of them is left, nor recorded."""
    switch = bench.switch()
    for caller in callers:
        bench.sipp_caller(caller).finish()
    switch.wait_nothing_left()
    check_equal(switch.cdrs(), [], "call records")


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
    play_alone(bench, "caller_asks_options")


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


# --- how messages may be written ---

@case
def sipp_writes_oddly(bench: Bench) -> None:
    """Compact forms, several values on a line, escapes and blanks reach the callee plainly; a
    header that nobody knows reaches it unaltered, and so does one in its answer the caller."""
    record = play(bench, "caller_writes_oddly", "callee_reads_plainly", talk_ms=50)
    check_equal(record["callee_sent"], "4930123456", "callee_sent")


@case
def sipp_dials_tel(bench: Bench) -> None:
    record = play(bench, "caller_dials_tel", "callee_answers", talk_ms=50)
    check_equal(record["callee_sent"], "4930123456", "callee_sent")


@case
def sipp_sends_isup(bench: Bench) -> None:
    """A part beside the description passes with every byte of it (RFC 5621)."""
    play(bench, "caller_sends_isup", "callee_takes_isup", talk_ms=50)


# --- what is refused at the door ---

@case
def sipp_is_refused(bench: Bench) -> None:
    """No hops left: 483; Replaces required: 420; a request in a dialog that we don't know: 481."""
    play_alone(bench, "caller_out_of_hops", "caller_requires_replaces", "caller_in_no_dialog")


# --- in the call ---

@case
def sipp_is_reinvited(bench: Bench) -> None:
    """The callee's turn: hold, media at another address, another codec."""
    play(bench, "caller_reinvited", "callee_reinvites", talk_ms=50)


@case
def sipp_faxes(bench: Bench) -> None:
    """T.38 by re-INVITE, and the Reason of a BYE."""
    play(bench, "caller_faxes", "callee_faxes", talk_ms=50)


@case
def sipp_sends_messages(bench: Bench) -> None:
    play(bench, "caller_messages", "callee_messaged", talk_ms=50)


@case
def sipp_asks_in_call(bench: Bench) -> None:
    play(bench, "caller_asks_in_call", "callee_answers", talk_ms=50)


@case
def sipp_refers_in_vain(bench: Bench) -> None:
    """REFER is declined with 603, and the call goes on."""
    play(bench, "caller_refers_in_vain", "callee_answers", talk_ms=50)


@case
def sipp_refers(bench: Bench) -> None:
    """REFER and its NOTIFY pass, where the operator wants it so."""
    play(bench, "caller_refers", "callee_referred", talk_ms=50,
         parameters={"TD_SIP_REFER": "relay"})


@case
def sipp_subscribes(bench: Bench) -> None:
    play(bench, "caller_subscribes", "callee_subscribed", talk_ms=50)


@case
def sipp_subscribes_in_vain(bench: Bench) -> None:
    play(bench, "caller_subscribes_in_vain", "callee_answers", talk_ms=50,
         parameters={"TD_SIP_SUBSCRIBE": "refuse"})


# --- why not ---

@case
def sipp_is_told_why(bench: Bench) -> None:
    """A refusal's Reason, Retry-After and unknown headers are the callee's own words."""
    record = play(bench, "caller_hears_why", "callee_says_why", 480)
    check_equal(record["end_direction"], "callee", "end_direction")
