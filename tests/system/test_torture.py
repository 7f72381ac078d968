"""The torture messages of RFC 4475, sent to the real processes: each is understood, refused with
what its section names, or dropped; and calls go on."""

import os
import pathlib

from harness.bench import Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import Failure, Skipped, check
from harness.lab import REPOSITORY
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
    ("TC_SDP01_V", "3.3.15", {404, 406, 484}),
    ("TC_INV2543_I", "3.4.1", {400, 404, 484}),  # it has no Contact
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
