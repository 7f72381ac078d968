"""Registered phones are reached: through their NAT, after a crash, or not at all once they are
silent."""

import contextlib
import sqlite3
import time

from harness.baresip import Baresip
from harness.bench import Bench, case, patient_case
from harness.echo import Pinger
from harness.failure import Failure, check, check_equal, wait_until
from harness.lab import (CALLEE, CALLER, CALLER_AT_KERNEL, KERNEL_TO_CALLER, STRANGER_AT_CALLEE,
                         STRANGER_AT_CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER)
from harness.nat import HOME, Home
from harness.phones import CALLER_HERTZ
from harness.registration import authorization, register
from harness.sip import Agent, Message, sdp
from harness.sipp import Sipp
from harness.stream import StreamAgent
from harness.switch import Switch
from harness.tone import write_tone

REALM = "sip.example.net"
BOBS_NUMBER = "4989777"
# Longer than the shortest SS_SIP_NAT_KEEP_ALIVE_PERIOD, 10 s.
UDP_TIMEOUT_S = 12
NO_PROBES = {"SS_ENDPOINTTIMETOLIVE": "0"}


def switch_with_bob(bench: Bench, *more: str, shards: int = 1, **parameters: str) -> Switch:
    """Its gateway is where callee() is; phones are at the caller's side."""
    switch = bench.switch(site=("[registrar]", f'realm = "{REALM}"',
                                f'store = "{bench.folder / "accounts.db"}"', *more),
                          parameters={"TD_SIP_DIGEST": "md5", **parameters}, shards=shards,
                          caller=CALLEE, callee=f"{STRANGER_AT_CALLEE}:5060")
    switch.ask("account", "add", "bob", "--password", "bob-s3cret", "--number", BOBS_NUMBER)
    return switch


def bob_at_home(bench: Bench, home: Home) -> Baresip:
    bob = bench.peer(Baresip, home.namespace, HOME, name="bob", user="bob", register_s=600,
                     speech=write_tone(bench.folder / "bob.wav", CALLER_HERTZ),
                     domain=SWITCH_TO_CALLER, account=";auth_user=bob;auth_pass=bob-s3cret")
    bob.wait_line("200 OK")
    return bob


def endpoint(switch: Switch) -> dict:
    shown = switch.ask("show", "endpoints")["endpoints"]
    check_equal(len(shown), 1, "endpoints")
    return shown[0]


def call_bob(bench: Bench) -> Agent:
    gateway = bench.callee()
    gateway.invite((SWITCH_TO_CALLEE, 5060), BOBS_NUMBER, sdp(CALLEE, 30000))
    return gateway


def final_of(gateway: Agent) -> Message:
    while answer := gateway.receive():
        if answer.status >= 200:
            return answer
    raise Failure("the call has no final answer")


def next_request(agent: Agent, method: str, timeout: float = 15.0) -> Message:
    deadline = time.monotonic() + timeout
    while message := agent.receive(deadline - time.monotonic()):
        if message.method == method:
            return message
    raise Failure(f"no {method} within {timeout:g} s")


def register_bob(agent: Agent, number: int,
                 switch: tuple[str, int] = (SWITCH_TO_CALLER, 5060)) -> None:
    here = (agent.address, agent.port)
    challenge = register(agent, switch, "bob", REALM, here, number).get("WWW-Authenticate")
    answer = register(agent, switch, "bob", REALM, here, number + 1,
                      authorization(challenge, "REGISTER", "bob", "bob-s3cret"))
    check_equal(answer.status, 200, "answer to REGISTER")


def written(bench: Bench) -> int:
    """Registrations on disk."""
    with contextlib.closing(sqlite3.connect(f"file:{bench.folder}/registrations.db?mode=ro",
                                            uri=True)) as database:
        return database.execute("SELECT count(*) FROM binding").fetchone()[0]


def outlast_the_nat(switch: Switch) -> None:
    """From the registration until the NAT would have forgotten it but for a keepalive."""
    forgotten = time.monotonic() + UDP_TIMEOUT_S + 1
    switch.wait_counter("keepalives_sent", 1, 20)
    wait_until(lambda: time.monotonic() > forgotten, "time passes", 20)


@patient_case
def nat_closes_without_keepalive(bench: Bench) -> None:
    """The NAT forgets, and a call for the phone behind it fails."""
    home = bench.home(udp_timeout_s=5)
    switch = switch_with_bob(bench, SS_SIP_NAT_KEEP_ALIVE_MESSAGE="", SS_SIP_TIMEOUT_INVITE="1",
                             **NO_PROBES)
    bob_at_home(bench, home)
    shown = endpoint(switch)
    check_equal((shown["nat"], shown["source"].split(":")[0]), (True, CALLER), "way of bob")
    check_equal(home.ways_in(), 1, "ways in")
    wait_until(lambda: home.ways_in() == 0, "the NAT forgets")
    gateway = call_bob(bench)
    final = final_of(gateway)
    check(final.status >= 400, f"the call came through: {final.status}")
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], final.status, "sip_code")


@patient_case
def keepalive_keeps_nat_open(bench: Bench) -> None:
    """Each period a text goes in from where the phone registered, and a call rings long after the
    NAT would have forgotten."""
    home = bench.home(UDP_TIMEOUT_S)
    switch = switch_with_bob(bench, SS_SIP_NAT_KEEP_ALIVE_PERIOD="10", **NO_PROBES)
    bob = bob_at_home(bench, home)
    outlast_the_nat(switch)
    check_equal(home.ways_in(), 1, "ways in")
    texts = [one for one in bench.recorders["caller"].datagrams if one.data == b"HELLO"]
    check_equal({(one.source, one.target[0]) for one in texts},
                {((SWITCH_TO_CALLER, 5060), CALLER)}, "ways of the keepalives")
    gateway = call_bob(bench)
    bob.wait_incoming()
    gateway.expect(180)
    check_equal(switch.counter("keepalives_missed"), 0, "keepalives_missed")


@patient_case
def sipp_behind_nat_is_called(bench: Bench) -> None:
    """The same for a phone that SIPp plays, called by a gateway that it plays too."""
    home = bench.home(UDP_TIMEOUT_S)
    switch = switch_with_bob(bench, SS_SIP_NAT_KEEP_ALIVE_PERIOD="10", **NO_PROBES)
    users = bench.folder / "users.csv"
    users.write_text("SEQUENTIAL\nbob;[authentication username=bob password=bob-s3cret];\n")
    phone = bench.peer(Sipp, home.namespace, HOME, "phone_registers",
                       target=f"{SWITCH_TO_CALLER}:5060", more=("-inf", str(users)))
    phone.finish()
    ringing = bench.peer(Sipp, home.namespace, HOME, "callee_rings")
    outlast_the_nat(switch)
    gateway = bench.peer(Sipp, bench.lab.callee, CALLEE, "caller_cancels",
                         target=f"{SWITCH_TO_CALLEE}:5060", number=BOBS_NUMBER)
    gateway.finish()
    ringing.finish()


@patient_case
def silent_phone_is_offline(bench: Bench) -> None:
    """It can't be asked any more: calls get 480 at once, until it registers. By TCP, as a refused
    connection says at once what silence over UDP says after 32 s."""
    bench.lay_kernel_cables()
    door = (KERNEL_TO_CALLER, 5060)
    switch = switch_with_bob(bench, "[[listener]]", 'name = "near"', 'protocol = "tcp"',
                             f'address = "{KERNEL_TO_CALLER}:5060"', 'port = "caller"', shards=2,
                             SS_ENDPOINTTIMETOLIVE="10", SS_SIP_NAT_KEEP_ALIVE_MESSAGE="")
    with StreamAgent(bench.lab.caller, CALLER_AT_KERNEL, 5060) as bob:
        register_bob(bob, 1, switch=door)
        check(endpoint(switch)["online"], "offline from the start")
    switch.wait_counter("contacts_lost", 1, 30)
    check(not endpoint(switch)["online"], "still shown as online")
    gateway = call_bob(bench)
    check_equal(final_of(gateway).status, 480, "the call's answer")
    check_equal(switch.wait_cdrs(1)[0]["end_reason"], "EndpointOffline", "end_reason")
    with StreamAgent(bench.lab.caller, CALLER_AT_KERNEL, 5060) as bob:
        register_bob(bob, 3, switch=door)
        check(endpoint(switch)["online"], "not back by registering")
        # Whatever the answer says.
        bob.answer_leg(next_request(bob, "OPTIONS", 30)).reply(404)
        switch.wait_counter("probes_answered", 1)
        shown = endpoint(switch)
        check(shown["online"] and shown["round_trip_ms"] > 0, f"not there: {shown}")
        check(shown["last_seen_s"] <= 10, f"last seen {shown['last_seen_s']} s ago")


@case
def registrations_survive_kill(bench: Bench) -> None:
    """kill -9 of the control plane: those that registered a second ago are called after it."""
    switch = switch_with_bob(bench)
    bob = bench.caller()
    register_bob(bob, 1)
    before = endpoint(switch)
    wait_until(lambda: written(bench), "it is written")
    assert switch.controlplane
    switch.controlplane.kill()
    switch.start_controlplane()
    after = wait_until(lambda: switch.ask("show", "endpoints")["endpoints"], "bob found again")[0]
    for key in ("account", "contact", "source", "local", "protocol", "nat", "q"):
        check_equal(after[key], before[key], key)
    check(after["expires_s"] <= before["expires_s"], "it lives longer than it was granted")
    call_bob(bench)
    bob.answer_leg(next_request(bob, "INVITE")).reply(486)
    # The same device: its refresh kicks nobody, and takes nobody's place.
    register_bob(bob, 3)
    check_equal(switch.counter("bindings_kicked"), 0, "bindings_kicked")
    endpoint(switch)


def claims(user: str, number: int, address: str) -> str:
    """A REGISTER without a password."""
    return "\r\n".join((
        f"REGISTER sip:{REALM} SIP/2.0",
        f"Via: SIP/2.0/UDP {address}:5060;branch=z9hG4bK{user}{number}", "Max-Forwards: 70",
        f"From: <sip:{user}@{REALM}>;tag=1", f"To: <sip:{user}@{REALM}>",
        f"Call-ID: {user}-{number}", f"CSeq: {number} REGISTER",
        f"Contact: <sip:{user}@{address}>", f"User-Agent: {'x' * 600}", "Content-Length: 0", "", ""
    ))


@case
def storm_is_spread(bench: Bench) -> None:
    """More REGISTERs wait than half of the ring holds: newcomers are sent away for a while, each
    for another one; what comes from where a phone has registered is taken again first."""
    newcomers, refresh_each = 2400, 10
    switch = switch_with_bob(bench, SS_SIP_NAT_KEEP_ALIVE_MESSAGE="", **NO_PROBES)
    bob, stranger = bench.caller(), bench.caller(STRANGER_AT_CALLER)
    register_bob(bob, 1)
    # A burst of answers doesn't wait for ARP.
    stranger.send(claims("first", 1, STRANGER_AT_CALLER), (SWITCH_TO_CALLER, 5060))
    stranger.expect(401)
    assert switch.controlplane
    with switch.controlplane.held(), Pinger(bench.lab.caller, SWITCH_TO_CALLER) as pinger:
        for i in range(newcomers):
            if i % 50 == 0:
                pinger.ping()  # what was sent so far is in the ring
            stranger.send(claims(f"p{i}", 1, STRANGER_AT_CALLER), (SWITCH_TO_CALLER, 5060))
            if i % refresh_each == 0:
                bob.send(claims("bob", 10 + i, CALLER), (SWITCH_TO_CALLER, 5060))
    answers: dict[str, list[Message]] = {"bob": [], "new": []}
    for who, agent in (("new", stranger), ("bob", bob)):
        while answer := agent.receive(2):
            answers[who].append(answer)
    check(len(answers["new"]) > 0.8 * newcomers, f"only {len(answers['new'])} were answered")
    for who in answers:
        check_equal({one.status for one in answers[who]}, {401, 503}, f"answers to {who}")
    share = {who: sum(one.status == 503 for one in all_) / len(all_)
             for who, all_ in answers.items()}
    check(share["bob"] < share["new"], f"refreshes were not taken first: {share}")
    pauses = [int(one.get("Retry-After")) for one in answers["new"] if one.status == 503]
    check(min(pauses) >= 10 and max(pauses) <= 120 and len(set(pauses)) > 50,
          f"Retry-After is not spread over the span: {sorted(set(pauses))}")
    check(switch.counter("register_turned_away") >=
          sum(one.status == 503 for all_ in answers.values() for one in all_),
          "register_turned_away counts less than were told")
