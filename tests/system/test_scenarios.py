"""Calls between two SIPp that behave, each at one end: what a peer may ask of us by the RFCs."""

from harness.bench import Bench, case, patient_case
from harness.certificates import Authority
from harness.failure import check_equal, wait_until
from harness.lab import (CALLEE, CALLEE_AT_KERNEL, CALLER, CALLER_AT_KERNEL, KERNEL_TO_CALLER,
                         STRANGER_AT_CALLEE)
from harness.listener import switch_by_kernel
from harness.switch import Switch
from harness.tls_proxy import TlsProxy


def play(bench: Bench, caller: str, callee: str, sip_code: int = 200,
         parameters: dict[str, str] | None = None, site: tuple[str, ...] = (),
         **more: object) -> dict:
    """Both scenarios to their ends, one record, and nothing left."""
    switch = bench.switch(parameters=parameters or {}, site=site)
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


def invites_to_callee(bench: Bench) -> list[bytes]:
    return [one.data for one in bench.recorders["callee"].datagrams
            if not one.sent and one.data.startswith(b"INVITE ")]


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


# --- what crosses, repeats, and comes late ---

@case
def sipp_hears_fork(bench: Bench) -> None:
    """Several ring behind the callee: an early dialog of the caller's for each that describes
    media, and the one of them that answers has the call."""
    play(bench, "caller_hears_fork", "callee_forks", talk_ms=50)


@case
def sipp_sends_twice(bench: Bench) -> None:
    """A merged request: 482 to the copy, which makes no call; the first one is answered."""
    play(bench, "caller_sends_twice", "callee_answers_slowly", talk_ms=1000)
    check_equal(bench.switches[0].counter("calls_started"), 1, "calls_started")


@case
def sipp_misses_invites(bench: Bench) -> None:
    """The INVITE is repeated, octet by octet, until the callee says something."""
    play(bench, "caller_hangs_up", "callee_misses_two", talk_ms=50, more=("-nr",))
    # The recorder is another listener than the callee, and may be late.
    invites = wait_until(lambda: len(seen := invites_to_callee(bench)) >= 3 and seen, "3 INVITEs")
    check_equal((len(invites), len(set(invites))), (3, 1), "INVITEs to the callee, kinds of them")


@case
def sipp_misses_answers(bench: Bench) -> None:
    """The 200 is repeated until the caller's ACK; the callee's, repeated, gets its ACK again."""
    play(bench, "caller_misses_two", "callee_repeats_answer", talk_ms=50, more=("-nr",))


@case
def sipp_changes_cross(bench: Bench) -> None:
    """Each party asks for a change at once: 491 to the later one, who asks again and gets it."""
    play(bench, "caller_meets_change", "callee_meets_change", talk_ms=50)


@case
def sipp_answers_cancelled(bench: Bench) -> None:
    """Rang for too long, and answers just after our CANCEL: ACK and BYE for the callee."""
    record = play(bench, "caller_hears_unavailable", "callee_answers_cancelled", 480,
                  parameters={"SS_SIP_TIMEOUT_RINGING": "1"})
    check_equal(record["end_reason"], "NoAnswer", "end_reason")


@case
def sipp_answers_too_late(bench: Bench) -> None:
    """Not a word, so that no CANCEL may follow (RFC 3261 §9.1), and then 200: ACK and BYE."""
    record = play(bench, "caller_hears_timeout", "callee_answers_slowly", 408, talk_ms=2500,
                  parameters={"SS_SIP_TIMEOUT_INVITE": "1"})
    check_equal(record["end_reason"], "InviteTimeout", "end_reason")


@patient_case
def sipp_never_acknowledges(bench: Bench) -> None:
    """Half a minute, for that long the answer is repeated; then both are hung up."""
    record = play(bench, "caller_never_acknowledges", "callee_is_hung_up")
    check_equal((record["end_reason"], record["end_direction"]), ("AckTimeout", "switch"), "end")


@case
def sipp_byes_cross(bench: Bench) -> None:
    """Both hang up at once, as the callee sees it, and then as the caller does: 200 for each."""
    switch = bench.switch()
    for number, ends in enumerate((("caller_hangs_up", "callee_crosses_bye"),
                                   ("caller_crosses_bye", "callee_hangs_up")), 1):
        bench.sipp_call(*ends, talk_ms=200)
        check_equal(switch.wait_cdrs(number)[-1]["end_reason"], "NormalClearing", "end_reason")
        switch.wait_nothing_left()


@case
def sipp_leaves_change(bench: Bench) -> None:
    """BYE while a re-INVITE is open: of who asked for the change."""
    record = play(bench, "caller_leaves_change", "callee_left_in_change", talk_ms=50)
    check_equal(record["end_direction"], "caller", "end_direction")


@case
def sipp_is_left_in_change(bench: Bench) -> None:
    """BYE while a re-INVITE is open: of who was asked."""
    record = play(bench, "caller_left_in_change", "callee_leaves_change", talk_ms=50)
    check_equal(record["end_direction"], "callee", "end_direction")


# --- elsewhere ---

def vendor_elsewhere(port: int) -> tuple[str, ...]:
    return ("[[gateway]]", 'name = "belse"', 'kind = "routing"',
            f'address = "{STRANGER_AT_CALLEE}:{port}"', 'port = "callee"')


@case
def sipp_is_sent_elsewhere(bench: Bench) -> None:
    """A redirect that is followed, to the first Contact that is a vendor of ours."""
    third = bench.sipp_callee("callee_found_elsewhere", STRANGER_AT_CALLEE, port=5080)
    record = play(bench, "caller_hangs_up", "callee_sends_elsewhere", talk_ms=50,
                  parameters={"TD_SIP_REDIRECT": "follow"}, site=vendor_elsewhere(5080))
    third.finish()
    check_equal((record["routing_gateway"], record["callee_sent"]), ("belse", "4930999"), "callee")


@case
def sipp_transfers(bench: Bench) -> None:
    """Carried out by the switch: the callee goes on with a third party, in a call of its own."""
    # Both ends of the second call are in one network.
    parameters = {"TD_SIP_REFER": "follow", "SS_MEDIAPROXYMODE": "on"}
    switch = bench.switch(parameters=parameters, site=(
        *vendor_elsewhere(5090), "[[route]]", 'prefix = "391"', 'gateway = "belse"'))
    third = bench.sipp_callee("callee_answers_slowly", STRANGER_AT_CALLEE, port=5090, talk_ms=300)
    bench.sipp_call("caller_transfers", "callee_transferred", talk_ms=300)
    third.finish()
    records = {one["routing_gateway"]: one for one in switch.wait_cdrs(2)}
    check_equal(set(records), {"bcorp", "belse"}, "routing gateways of the records")
    check_equal(records["bcorp"]["transferred_to"], records["belse"]["call"], "transferred_to")
    check_equal(records["belse"]["mapping_gateway"], "acme", "who pays for the third party")
    check_equal({one["end_reason"] for one in records.values()}, {"NormalClearing"}, "end reasons")
    switch.wait_nothing_left()


@case
def sipp_behind_nat(bench: Bench) -> None:
    """A Via that is nowhere, with rport: responses go where the request came from."""
    play(bench, "caller_behind_nat", "callee_answers", talk_ms=50)


# --- over connections ---

def play_by_kernel(bench: Bench, switch: Switch, caller: str, callee: str, sip_code: int,
                   door: str, near_via: str = "", **more: object) -> None:
    """Both ends by the kernel's listeners, each on one connection from start to end."""
    far = bench.sipp_callee(callee, CALLEE_AT_KERNEL, media=CALLEE, protocol="tcp", talk_ms=100,
                            **more)
    near = bench.sipp_caller(caller, CALLER_AT_KERNEL, door, media=CALLER, protocol="tcp",
                             talk_ms=100, via=near_via, **more)
    near.finish()
    far.finish()
    check_equal(switch.wait_one_record()["sip_code"], sip_code, "sip_code")
    counters = [switch.counter(name) for name in ("stream_accepted", "stream_connected")]
    check_equal(counters, [1, 1], "connections of the caller's, and of ours")


def play_by_tcp(bench: Bench, caller: str, callee: str, sip_code: int = 200) -> None:
    bench.lay_kernel_cables()
    switch = switch_by_kernel(bench, "tcp")
    play_by_kernel(bench, switch, caller, callee, sip_code, f"{KERNEL_TO_CALLER}:5060")


def play_by_tls(bench: Bench, caller: str, callee: str, sip_code: int = 200) -> None:
    """Debian's SIPp has no TLS; the proxies beside it have, and demand a certificate, as we do."""
    bench.lay_kernel_cables()
    authority = Authority(bench.folder)
    switch = switch_by_kernel(bench, "tls", authority)
    near = TlsProxy(bench.lab.caller, (CALLER_AT_KERNEL, 5064), (KERNEL_TO_CALLER, 5061),
                    authority.identity(CALLER_AT_KERNEL), authority.certificate, tls_at_door=False)
    far = TlsProxy(bench.lab.callee, (CALLEE_AT_KERNEL, 5061), (CALLEE_AT_KERNEL, 5060),
                   authority.identity(CALLEE_AT_KERNEL), authority.certificate, tls_at_door=True)
    with near, far:
        play_by_kernel(bench, switch, caller, callee, sip_code, f"{KERNEL_TO_CALLER}:5061",
                       f"{CALLER_AT_KERNEL}:5064",
                       says={"[transport]": "TLS", "[local_port]>": "5061;transport=tls>",
                             "[local_port]": "5061"})


@case
def sipp_calls_by_tcp(bench: Bench) -> None:
    play_by_tcp(bench, "caller_hangs_up", "callee_answers")


@case
def sipp_is_hung_up_by_tcp(bench: Bench) -> None:
    """The callee's BYE comes back on the connection that we opened to it."""
    play_by_tcp(bench, "caller_waits", "callee_hangs_up")


@case
def sipp_holds_by_tcp(bench: Bench) -> None:
    play_by_tcp(bench, "caller_reinvites", "callee_reinvited")


@case
def sipp_cancels_by_tcp(bench: Bench) -> None:
    play_by_tcp(bench, "caller_cancels", "callee_rings", 487)


@case
def sipp_calls_by_tls(bench: Bench) -> None:
    play_by_tls(bench, "caller_hangs_up", "callee_answers")


@case
def sipp_is_hung_up_by_tls(bench: Bench) -> None:
    play_by_tls(bench, "caller_waits", "callee_hangs_up")


@case
def sipp_holds_by_tls(bench: Bench) -> None:
    play_by_tls(bench, "caller_reinvites", "callee_reinvited")


@case
def sipp_cancels_by_tls(bench: Bench) -> None:
    play_by_tls(bench, "caller_cancels", "callee_rings", 487)
