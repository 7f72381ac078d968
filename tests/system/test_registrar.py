"""Phones register: accounts by the operator's hand, REGISTER by every way in."""

import re

from harness.baresip import Baresip
from harness.bench import Bench, case
from harness.failure import check, check_equal
from harness.lab import CALLER, CALLER_AT_KERNEL, KERNEL_TO_CALLER, SWITCH_TO_CALLER
from harness.registration import authorization, register
from harness.sip import Agent, Message
from harness.switch import Switch
from harness.tone import write_tone

REALM = "sip.example.net"
# SIPp knows no other, and baresip 1.0 gives up at a challenge that names one.
MD5_ALONE = {"TD_SIP_DIGEST": "md5"}


def switch_with_accounts(bench: Bench, *more: str, **options: object) -> Switch:
    """A switch that takes registrations, and the accounts alice and bob."""
    store = bench.folder / "accounts.db"
    switch = bench.switch(site=("[registrar]", f'realm = "{REALM}"', f'store = "{store}"', *more),
                          **options)
    for user in ("alice", "bob"):
        switch.ask("account", "add", user, "--password", f"{user}-s3cret")
    return switch


def endpoints(switch: Switch) -> list[dict]:
    return switch.ask("show", "endpoints")["endpoints"]


def phone(bench: Bench, user: str, password: str, server: str, address: str,
          transport: str = "udp") -> Baresip:
    speech = write_tone(bench.folder / f"{user}.wav", 440, 1)
    return bench.peer(Baresip, bench.lab.caller, address, name=f"phone-{user}", user=user,
                      speech=speech, transport=transport, domain=server, register_s=600,
                      account=f";auth_user={user};auth_pass={password}")


@case
def operator_keeps_accounts(bench: Bench) -> None:
    """Added, changed, shown, imported, removed; and all there after kill -9."""
    switch = switch_with_accounts(bench)
    switch.ask("account", "set", "bob", "--number", "4930123", "--devices", "2")
    good = bench.folder / "good.csv"
    good.write_text("user,password,numbers\n" +
                    "".join(f"u{i},secret{i},491{i}\n" for i in range(5000)))
    check_equal(switch.ask("account", "import", str(good)),
                {"added": 5000, "changed": 0, "removed": 0, "refused": 0, "kept": True}, "import")
    bad = bench.folder / "bad.jsonl"
    bad.write_text('{"user":"carol","password":"x"}\n{"user":"da ve","password":"x"}\n'
                   '{"user":"erin","password":"x","numbers":["4930123"]}\n')
    refused = switch.ctl("account", "import", str(bad))
    check_equal(refused.returncode, 1, "exit code of an import with bad rows")
    check(f"{bad}:2: a user is" in refused.stderr, f"no reason for line 2: {refused.stderr}")
    check(f"{bad}:3: number 4930123 is another account's" in refused.stderr, refused.stderr)
    check_equal(switch.ask("account", "show")["total"], 5002, "accounts")
    kept = switch.ask("account", "import", str(bad), "--keep-going")
    check_equal((kept["added"], kept["refused"]), (1, 2), "import that keeps going")
    assert switch.controlplane
    switch.controlplane.kill()
    switch.start_controlplane()
    check_equal(switch.ask("account", "show", "bob")["accounts"],
                [{"user": "bob", "realm": REALM, "numbers": ["4930123"], "devices": 2,
                  "enabled": True}], "bob after kill -9")
    check_equal(switch.ask("account", "show")["total"], 5003, "accounts after kill -9")
    switch.ask("account", "del", "bob")
    check_equal(switch.ctl("account", "show", "bob").returncode, 1, "exit code for nobody")
    store = (bench.folder / "accounts.db").read_bytes()
    check(b"s3cret" not in store and b"secret7" not in store, "a password lies in the store")


@case
def sipp_registers(bench: Bench) -> None:
    """Two hundred phones by the corridor, each challenged; and their refreshes."""
    switch = switch_with_accounts(bench, parameters=MD5_ALONE)
    users = bench.folder / "users.csv"
    rows = bench.folder / "rows.csv"
    users.write_text("SEQUENTIAL\n" + "".join(
        f"p{i};[authentication username=p{i} password=word{i}];\n" for i in range(200)))
    rows.write_text("user,password\n" + "".join(f"p{i},word{i}\n" for i in range(200)))
    switch.ask("account", "import", str(rows))
    for _ in range(2):
        sipp = bench.sipp_caller("phone_registers", calls=200, at_once=20,
                                 more=("-inf", str(users)))
        sipp.finish()
        sipp.kill()
        check_equal(switch.ask("show", "endpoints")["total"], 200, "endpoints")
    shown = next(one for one in endpoints(switch) if one["account"] == f"p7@{REALM}")
    check_equal((shown["contact"], shown["source"], shown["nat"]),
                (f"sip:p7@{CALLER}:5060", f"{CALLER}:5060", False), "p7's endpoint")
    check(590 <= shown["expires_s"] <= 600, f"expires_s {shown['expires_s']}")
    check_equal(switch.counter("register_accepted"), 400, "register_accepted")
    check_equal(switch.counter("register_wrong"), 0, "register_wrong")


@case
def baresip_registers(bench: Bench) -> None:
    """A phone that nobody here wrote, and one that has the password wrong."""
    switch = switch_with_accounts(bench, parameters=MD5_ALONE)
    alice = phone(bench, "alice", "alice-s3cret", SWITCH_TO_CALLER, CALLER)
    alice.wait_line("200 OK")
    shown = endpoints(switch)
    check_equal([one["account"] for one in shown], [f"alice@{REALM}"], "endpoints")
    check_equal((shown[0]["protocol"], shown[0]["nat"]), ("UDP", False), "way of alice's endpoint")
    alice.kill()
    bob = phone(bench, "bob", "guess", SWITCH_TO_CALLER, CALLER)
    bob.wait_line("SIP/2.0 401 Unauthorized")
    switch.wait_counter("register_wrong", 1)
    check_equal(len(endpoints(switch)), 1, "endpoints")
    # Without its account, a registration is none.
    switch.ask("account", "del", "alice")
    check_equal(endpoints(switch), [], "endpoints of a removed account")


@case
def baresip_registers_over_tcp(bench: Bench) -> None:
    """By a listener; and the connection outlives the seconds that a stranger's has."""
    bench.lay_kernel_cables()
    switch = switch_with_accounts(
        bench, "[[listener]]", 'name = "near"', 'protocol = "tcp"',
        f'address = "{KERNEL_TO_CALLER}:5060"', 'port = "caller"', parameters=MD5_ALONE)
    alice = phone(bench, "alice", "alice-s3cret", KERNEL_TO_CALLER, CALLER_AT_KERNEL, "tcp")
    alice.wait_line("200 OK")
    check_equal([one["protocol"] for one in endpoints(switch)], ["TCP"], "protocols")
    connections = switch.ask("show", "connections")["connections"]
    check_equal([one["known"] for one in connections], [True], "known connections")


def register_here(agent: Agent, user: str, number: int, *lines: str) -> Message:
    return register(agent, (SWITCH_TO_CALLER, 5060), user, REALM, (CALLER, 5060), number, *lines)


def proof(challenge: Message, user: str, password: str) -> str:
    """What a phone says that knows SHA-256 (RFC 7616)."""
    offered = challenge.all("WWW-Authenticate")
    check_equal([re.search(r"algorithm=([\w-]+)", one)[1] for one in offered],  # type: ignore
                ["SHA-256", "MD5"], "algorithms, the better one first")
    return authorization(offered[0], "REGISTER", user, password)


@case
def registers_by_sha_256(bench: Bench) -> None:
    """Offered both algorithms, a phone takes the better one; and a thief learns nothing."""
    switch = switch_with_accounts(bench)
    agent = bench.caller()
    good = proof(register_here(agent, "alice", 1), "alice", "alice-s3cret")
    check_equal(register_here(agent, "alice", 2, good).start_line, "SIP/2.0 200 OK",
                "with the proof")
    check_equal(len(endpoints(switch)), 1, "endpoints")
    stolen = register_here(agent, "alice", 3, good)
    check(stolen.start_line.startswith("SIP/2.0 401"), "a proof was good twice")
    answers = []
    for user in ("bob", "nobody"):
        guess = proof(register_here(agent, user, 1), user, "guess")
        answer = register_here(agent, user, 2, guess)
        answers.append([re.sub(r'nonce="\w+"|branch=\w+|tag=\w+|' + user, "", line)
                        for line in (answer.start_line, *answer.all("WWW-Authenticate"),
                                     *answer.all("To"), *answer.all("Via"))])
    check_equal(answers[0], answers[1], "answers for a wrong password and an unknown account")
    check_equal(switch.counter("register_wrong"), 2, "register_wrong")
