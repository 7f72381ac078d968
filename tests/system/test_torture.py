"""The torture messages of RFC 4475, sent to the real processes: each is understood, refused with
what its section names, or dropped; and calls go on."""

import os
import pathlib
import re

from harness.bench import Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import Failure, Skipped, check, check_equal
from harness.lab import REPOSITORY
from harness.registration import authorization
from harness.sip import Agent, Message

DATA = pathlib.Path(os.environ.get("TANDEM_TEST_DATA", REPOSITORY / "../shared/data"))

# file, section, what may be answered. An INVITE that is understood is routed: no number leads
# anywhere (404, 484). REGISTERs are here where the parser has the word.
ANSWERED = [
    ("TC_WSINV", "3.1.1.1", {481}),  # it has a To tag
    ("TC_INTMETH", "3.1.1.2", {405, 501}),
    ("TC_ESC01_V", "3.1.1.3", {404, 484}),
    ("TC_ESC02_V", "3.1.1.5", {405, 501}),
    ("TC_LWSDISP_V", "3.1.1.6", {200}),
    ("TC_LONGREQ_V", "3.1.1.7", {404, 484}),
    ("TC_SEMIURI_V", "3.1.1.9", {200}),
    ("TC_TRANSPORTS_V", "3.1.1.10", {200}),
    ("TC_MPART01", "3.1.1.11", {405}),
    ("TC_BADINV01_I", "3.1.2.1", {400}),
    ("TC_CLERR_I", "3.1.2.2", {400}),
    ("TC_NCL_I", "3.1.2.3", {400}),
    ("TC_SCALAR02_V", "3.1.2.4", {400}),
    ("TC_QUOTBAL_I", "3.1.2.6", {400}),
    ("TC_LTGTRURI_I", "3.1.2.7", {400}),
    ("TC_LWSRURI_I", "3.1.2.8", {400}),
    ("TC_LWSSTART_V", "3.1.2.9", {400, 404, 484}),
    ("TC_TRWS_I", "3.1.2.10", {400}),
    ("TC_ESCRURI_V", "3.1.2.11", {400, 404, 484}),
    ("TC_BADDATE_V", "3.1.2.12", {400, 404, 484}),
    ("TC_REGBADCT_I", "3.1.2.13", {400}),
    ("TC_BADASPEC_I", "3.1.2.14", {400}),
    ("TC_BADDN_I", "3.1.2.15", {400}),
    ("TC_BADVERS_V", "3.1.2.16", {505}),
    ("TC_MISMATCH01_V", "3.1.2.17", {400}),
    ("TC_MISMATCH02_V", "3.1.2.18", {400, 501}),
    ("TC_BADBRANCH_V", "3.2.1", {200, 400}),
    ("TC_INSUF_I", "3.3.1", {400}),
    ("TC_UNKSCM_V", "3.3.2", {416}),
    ("TC_NOVELSC_V", "3.3.3", {416}),
    ("TC_BEXT01_V", "3.3.5", {420}),
    ("TC_INVUT_V", "3.3.6", {415}),
    ("TC_MULTI01_I", "3.3.8", {400}),
    ("TC_MCL01_I", "3.3.9", {400}),
    ("TC_ZEROMF_V", "3.3.11", {200, 483}),
    ("TC_SDP01_V", "3.3.15", {406}),
    ("TC_INV2543_I", "3.4.1", {404, 484}),  # of RFC 2543: it has no Contact, and needs none
]
# What a refusal must say of itself.
SAYING = {
    "TC_BEXT01_V": ("Unsupported", "nothingSupportsThis, nothingSupportsThisEither"),
    "TC_INVUT_V": ("Accept", "application/sdp, multipart/mixed"),
}
# REGISTERs, the user of each, what comes once its password is there, and the contacts that it has
# then. No value: there is no such account, and the question for the password is the answer.
REGISTERS = [
    ("TC_ESCNULL_V", "3.1.1.4", "", 401, ()),
    # What stands behind it in the datagram is no second message.
    ("TC_DBLREQ", "3.1.1.8", "j.user", 200, ("sip:j.user@host.example.com",)),
    ("TC_UNKSM2_V", "3.3.4", "", 400, ()),
    ("TC_REGAUT01_V", "3.3.7", "j.user", 200, ("sip:j.user@host.example.com",)),  # a query
    # The first parameter is the Contact's, the second one the URI's.
    ("TC_CPARAM01_V", "3.3.12", "watson", 200, ("sip:+19725552222@gw1.example.net",)),
    ("TC_CPARAM02_V", "3.3.13", "watson", 200, ("sip:+19725552222@gw1.example.net;unknownparam",)),
    ("TC_REGESCRT_V", "3.3.14", "user", 200,
     ("sip:user@example.com?Route=%3Csip:sip.example.com%3E",)),
]
# Whose Via has a port of its own (RFC 3261 §18.2.2: answers go to the address they come from).
PORTS = {"TC_QUOTBAL_I": 5050}
# file, section, the counter that tells of it.
DROPPED = [
    ("TC_UNREASON_V", "3.1.1.12", "drop_sip_response_stray"),
    ("TC_NOREASON_V", "3.1.1.13", "drop_sip_response_stray"),
    ("TC_SCALARLG_V", "3.1.2.5", "drop_sip_malformed"),
    ("TC_BIGCODE_V", "3.1.2.19", "drop_sip_malformed"),
    ("TC_BCAST_V", "3.3.10", "drop_sip_response_stray"),
]


def message(name: str) -> bytes:
    return (DATA / "rfc4475" / f"{name}.dat").read_bytes()


def demand_messages() -> None:
    if not (DATA / "rfc4475").is_dir():
        raise Skipped(f"no RFC 4475 messages in {DATA} (set TANDEM_TEST_DATA)")


def next_answer(agent: Agent, name: str) -> Message:
    """Refusals of the INVITEs before are repeated, as nobody sends an ACK: they are passed over."""
    while answer := agent.receive(10):
        if answer.text not in agent.seen and answer.status != 100:
            agent.seen.add(answer.text)
            return answer
    raise Failure(f"no answer to {name}")


@case
def torture_messages_are_answered(bench: Bench) -> None:
    demand_messages()
    switch = bench.switch()
    peers = Peers.at(bench)
    ears = {port: bench.caller(port=port) for port in PORTS.values()}
    wrong = []
    for name, section, statuses in ANSWERED:
        peers.caller.send(message(name), SIP_AT_CALLER)
        answer = next_answer(ears.get(PORTS.get(name, 0), peers.caller), name)
        if answer.status not in statuses:
            wrong.append(f"{name} ({section}): {answer.start_line!r} instead of {statuses}")
        field, value = SAYING.get(name, ("", ""))
        if field and ", ".join(answer.all(field)) != value:
            wrong.append(f"{name} ({section}): {field} is {answer.all(field)}")
    check(not wrong, "; ".join(wrong))
    switch.check_alive()
    call = establish(peers)
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_no_calls()


@case
def torture_messages_are_dropped(bench: Bench) -> None:
    """What can't be answered is counted, and nothing comes back."""
    demand_messages()
    switch = bench.switch()
    peers = Peers.at(bench)
    for name, _, counter in DROPPED:
        before = switch.counter(counter)
        peers.caller.send(message(name), SIP_AT_CALLER)
        switch.wait_counter(counter, before + 1)
    peers.caller.expect_silence(0.3)
    call = establish(peers)
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_nothing_left()


def with_line(request: bytes, line: str, branch: str) -> bytes:
    """It is another request then, and has a branch of its own."""
    start, rest = request.split(b"\r\n", 1)
    rest = rest.replace(b"branch=z9hG4bK", b"branch=z9hG4bK" + branch.encode(), 1)
    return start + b"\r\n" + line.encode() + b"\r\n" + rest


@case
def torture_registers_are_answered(bench: Bench) -> None:
    """Asked for the password first, as any REGISTER; with it, they do what they say."""
    demand_messages()
    switch = bench.switch(site=("[registrar]", 'realm = "example.com"',
                                f'store = "{bench.folder / "accounts.db"}"'))
    for user in ("j.user", "watson", "user"):
        switch.ask("account", "add", user, "--password", "s3cret")
    with bench.caller() as agent:
        for name, section, user, status, contacts in REGISTERS:
            agent.send(message(name), SIP_AT_CALLER)
            answer = next_answer(agent, name)
            if user:
                check(answer.status == 401, f"{name} ({section}): {answer.start_line!r}, no 401")
                line = authorization(answer.all("WWW-Authenticate")[0], "REGISTER", user, "s3cret")
                agent.send(with_line(message(name), line, name), SIP_AT_CALLER)
                answer = next_answer(agent, name)
            check(answer.status == status, f"{name} ({section}): {answer.start_line!r}")
            told = [re.search("<([^>]*)>", one)[1] for one in answer.all("Contact")]  # type: ignore
            check(tuple(told) == contacts, f"{name} ({section}): contacts {told}")
    switch.check_alive()


@case
def torture_is_whole(bench: Bench) -> None:
    """Each of the RFC's messages has its row here."""
    demand_messages()
    rows = {row[0] for row in (*ANSWERED, *DROPPED, *REGISTERS)}
    files = {path.stem for path in (DATA / "rfc4475").glob("*.dat")}
    check_equal(files - rows, {"TC_TEST_I"}, "messages without a row")  # which is none of the RFC's
    check_equal(len(rows), 49, "messages")
