"""Who guesses passwords is suspended, in the dataplane; phones elsewhere notice nothing of it."""

import itertools
import socket
import time

from harness.bench import NUMBER, Bench, case, patient_case
from harness.failure import Failure, check, check_equal, wait_until
from harness.lab import (CALLEE, CALLER, CALLER_AT_KERNEL, KERNEL_TO_CALLER, STRANGER_AT_CALLEE,
                         STRANGER_AT_CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER)
from harness.listener import listener
from harness.registration import authorization, send_register
from harness.rtp import Address
from harness.sip import Agent, Leg, Message, sdp
from harness.sipvicious import Sipvicious
from harness.stream import StreamAgent
from harness.switch import Switch

REALM = "sip.example.net"
# svcrack knows no other.
MD5_ALONE = {"TD_SIP_DIGEST": "md5"}
DOOR, PHONES_DOOR = (SWITCH_TO_CALLER, 5060), (SWITCH_TO_CALLEE, 5060)


def switch_with_accounts(bench: Bench, *more: str, parameters: dict[str, str] | None = None,
                         **options: object) -> Switch:
    """The accounts alice and 105. The gateways are at the far ends' first addresses; whom a test
    suspends must be at another."""
    store = bench.folder / "accounts.db"
    switch = bench.switch(site=("[registrar]", f'realm = "{REALM}"', f'store = "{store}"', *more),
                          parameters={**MD5_ALONE, **(parameters or {})}, **options)
    for user in ("alice", "105"):
        switch.ask("account", "add", user, "--password", f"{user}-s3cret")
    return switch


class Endpoint:
    """A phone, or who passes for one: it REGISTERs as it is told."""

    def __init__(self, agent: Agent, door: Address):
        self.agent = agent
        self.door = door
        self.contact = (agent.address, agent.port)
        self.numbers = itertools.count(1)

    def tell(self, user: str, *lines: str) -> int:
        """No answer is waited for. Its number."""
        number = next(self.numbers)
        send_register(self.agent, self.door, user, REALM, self.contact, number, *lines)
        return number

    def ask(self, user: str, *lines: str) -> Message:
        """Its answer, whatever else comes before that."""
        number = self.tell(user, *lines)
        while answer := self.agent.receive():
            if answer.cseq == (number, "REGISTER"):
                return answer
        raise Failure("no answer to a REGISTER")

    def proof(self, user: str, password: str) -> str:
        """What answers a challenge that it has just got."""
        challenge = self.ask(user)
        check_equal(challenge.status, 401, "answer to a REGISTER without a password")
        return authorization(challenge.get("WWW-Authenticate"), "REGISTER", user, password)

    def attempt(self, user: str, password: str) -> int:
        return self.ask(user, self.proof(user, password)).status


def attacker_of(bench: Bench) -> Endpoint:
    return Endpoint(bench.caller(STRANGER_AT_CALLER), DOOR)


def phone_of(bench: Bench) -> Endpoint:
    return Endpoint(bench.callee(STRANGER_AT_CALLEE), PHONES_DOOR)


def invite_as_alice(agent: Agent, door: Address) -> Leg:
    """An INVITE with her password, asked for it first."""
    body = sdp(agent.address, 4000)
    call = agent.invite(door, NUMBER, body)
    challenge = agent.expect(407)
    whom = call.remote
    call.ack(challenge)
    call.remote = whom
    line = "Proxy-" + authorization(challenge.get("Proxy-Authenticate"), "INVITE", "alice",
                                    "alice-s3cret") + "\r\n"
    again = call.request("INVITE", body, more=line)
    call.invite_branch, call.invite_cseq = call.branch, call.cseq
    agent.send(again, door)
    return call


def check_phone_works(bench: Bench, phone: Endpoint) -> None:
    """It registers, and calls somebody who is busy."""
    check_equal(phone.attempt("alice", "alice-s3cret"), 200, "the phone's REGISTER")
    with bench.callee() as vendor:
        call = invite_as_alice(phone.agent, PHONES_DOOR)
        leg = vendor.answer_leg(vendor.expect("INVITE"))
        leg.reply(486)
        vendor.expect("ACK")
        call.ack(phone.agent.expect(486))


def suspend(switch: Switch, attacker: Endpoint) -> None:
    before = switch.counter("sources_suspended")
    for i in range(6):
        check_equal(attacker.attempt("alice", f"guess{i}"), 401, "answer to a wrong password")
    switch.wait_counter("sources_suspended", before + 1)


def check_closed(connection: socket.socket, what: str) -> None:
    try:
        check_equal(connection.recv(65536), b"", what)
    except ConnectionResetError:
        pass


def suspensions(switch: Switch) -> list[dict]:
    return switch.ask("show", "suspensions")["suspensions"]


def check_dropped(switch: Switch, *suspended: Endpoint) -> None:
    """What they send ends in the dataplane, once that has heard of it; nothing gets further."""
    received = switch.counter("sip_received")

    def dropped() -> bool:
        before = switch.counter("drop_suspended")
        for one in suspended:
            for _ in range(20):
                one.tell("alice")
        wait_until(lambda: switch.counter("drop_suspended") + switch.counter("drop_sip_suspended")
                   >= before + 20 * len(suspended), "what the suspended send is dropped")
        return switch.counter("drop_suspended") >= before + 20 * len(suspended)

    wait_until(dropped, "all that the suspended send is dropped in the dataplane")
    check_equal(switch.counter("sip_received"), received, "sip_received")


@case
def wrong_passwords_suspend_their_source(bench: Bench) -> None:
    """Its datagrams end in the dataplane and reach nobody; the phone it is after works; and the
    operator forgives."""
    switch = switch_with_accounts(bench, parameters={"SS_ENDPOINT_REGISTER_RETRY": "0"})
    attacker, phone = attacker_of(bench), phone_of(bench)
    check_phone_works(bench, phone)
    suspend(switch, attacker)
    shown = suspensions(switch)
    check_equal([(one["address"], one["account"], one["reason"], one["failures"])
                 for one in shown], [(STRANGER_AT_CALLER, "", "password", 6)], "suspensions")
    check(150 <= shown[0]["left_s"] <= 180, f"left_s {shown[0]['left_s']}")
    check_dropped(switch, attacker)
    check_phone_works(bench, phone)
    check_equal(switch.ctl("suspension", "lift", STRANGER_AT_CALLEE).returncode, 1,
                "exit code for who isn't suspended")
    check_equal(switch.ask("suspension", "lift", STRANGER_AT_CALLER), {"lifted": 1}, "lift")
    check_equal(suspensions(switch), [], "suspensions after the lift")
    wait_until(lambda: answered(attacker), "the forgiven one is answered")
    check_equal(attacker.attempt("105", "105-s3cret"), 200, "its REGISTER")


def answered(who: Endpoint) -> bool:
    """What it lost before it was forgiven is not sent again."""
    who.tell("105")
    return who.agent.receive(0.2) is not None


@case
def suspensions_with_two_shards_and_workers(bench: Bench) -> None:
    """Failures of Call-IDs of both shards count together; both workers drop."""
    switch = switch_with_accounts(bench, workers=2, shards=2)
    attackers = [Endpoint(bench.caller(STRANGER_AT_CALLER, 5060 + i), DOOR) for i in range(6)]
    for i, attacker in enumerate(attackers):  # each port is another Call-ID
        check_equal(attacker.attempt("alice", f"guess{i}"), 401, "answer to a wrong password")
    switch.wait_counter("sources_suspended", 1)
    check_dropped(switch, *attackers)
    check_phone_works(bench, phone_of(bench))


@case
def forged_sources_and_accounts_lock_nobody_out(bench: Bench) -> None:
    """REGISTERs that bear the phone's address but aren't its own, and others for its account from
    elsewhere, by the hundred: it goes on working."""
    switch = switch_with_accounts(bench, parameters={"SS_SIP_AUTHENTICATION_TIMEOUT": "1"})
    attacker, phone = attacker_of(bench), phone_of(bench)
    check_phone_works(bench, phone)
    # Another port of the same host plays the forger: he reads nothing of what comes back.
    forger = Endpoint(bench.callee(STRANGER_AT_CALLEE, 6000), PHONES_DOOR)
    own = attacker.ask("alice").get("WWW-Authenticate")
    received = switch.counter("sip_received")
    for i in range(100):
        forger.tell("alice")
        for challenge in (own, own.replace('nonce="', 'nonce="0')):
            forger.tell("alice", authorization(challenge, "REGISTER", "alice", f"guess{i}"))
    switch.wait_counter("sip_received", received + 300)
    suspend(switch, attacker)
    check_equal({one["address"] for one in suspensions(switch)}, {STRANGER_AT_CALLER},
                "suspended addresses")
    check_phone_works(bench, phone)
    # A whole window later, when unanswered challenges have become failures.
    asked = switch.counter("invite_challenged")
    time.sleep(3)  # three windows: nothing happens that could be waited for
    forger.tell("alice")
    check_phone_works(bench, phone)
    check_equal(switch.counter("invite_challenged"), asked + 1, "invite_challenged")
    check_equal(len([one for one in suspensions(switch) if one["address"] == STRANGER_AT_CALLEE]),
                0, "suspensions of the phone's address")


@case
def account_suspended_for_one_source(bench: Bench) -> None:
    """There not even its password helps, and an account that isn't there looks the same; elsewhere
    it works."""
    switch = switch_with_accounts(bench, parameters={"SS_AUTHENTICATION_MAX_RETRY": "0"})
    attacker, phone = attacker_of(bench), phone_of(bench)
    good = attacker.proof("alice", "alice-s3cret")
    for user in ("alice", "nobody"):
        for i in range(6):
            check_equal(attacker.attempt(user, f"guess{i}"), 401, "answer to a wrong password")
    answers = [attacker.ask("alice"), attacker.ask("nobody"), attacker.ask("alice", good)]
    check_equal({answer.start_line for answer in answers},
                {"SIP/2.0 403 Too Many Failures"}, "answers")
    check_equal(attacker.attempt("105", "105-s3cret"), 200, "another account there")
    check_phone_works(bench, phone)
    check_equal(sorted(one["account"] for one in suspensions(switch)),
                [f"alice@{REALM}", f"nobody@{REALM}"], "suspensions")
    check_equal(switch.ask("suspension", "lift", "all"), {"lifted": 2}, "lift")
    check_equal(attacker.attempt("alice", "alice-s3cret"), 200, "after the lift")


@case
def suspended_over_the_kernel(bench: Bench) -> None:
    """TCP: its connection is closed and it gets no other; its datagrams to a UDP listener are
    dropped; those of others are not."""
    bench.lay_kernel_cables()
    switch = switch_with_accounts(bench, *listener("near", "tcp", KERNEL_TO_CALLER, "caller"),
                                  *listener("nearu", "udp", KERNEL_TO_CALLER, "caller"))
    door = (KERNEL_TO_CALLER, 5060)
    with StreamAgent(bench.lab.caller, CALLER_AT_KERNEL, 5070) as stream:
        attacker = Endpoint(stream, door)
        # The answer to the last one may be lost with the connection.
        for i in range(5):
            check_equal(attacker.attempt("alice", f"guess{i}"), 401, "answer to a wrong password")
        attacker.tell("alice", attacker.proof("alice", "guess"))
        stream.wait_closed(door)
    with bench.lab.caller.open_socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind((CALLER_AT_KERNEL, 0))
        other.settimeout(10)
        other.connect(door)
        check_closed(other, "what came on another connection")
    switch.wait_counter("drop_stream_suspended", 2)
    datagrams = Endpoint(bench.caller(CALLER_AT_KERNEL, 5090), door)
    before, received = switch.counter("drop_sip_suspended"), switch.counter("sip_received")
    for _ in range(5):
        datagrams.tell("alice")
    switch.wait_counter("drop_sip_suspended", before + 5)
    check_equal(switch.counter("sip_received"), received, "sip_received")
    check_phone_works(bench, phone_of(bench))


@case
def restarts_and_suspensions(bench: Bench) -> None:
    """A restarted dataplane drops whoever is suspended; a restarted control plane forgives, and
    tells the dataplane so."""
    switch = switch_with_accounts(bench)
    attacker = attacker_of(bench)
    suspend(switch, attacker)
    assert switch.dataplane and switch.controlplane
    switch.dataplane.kill()
    switch.start_dataplane()
    check_dropped(switch, attacker)
    switch.controlplane.kill()
    switch.start_controlplane()
    check_equal(suspensions(switch), [], "suspensions after a restart of the control plane")
    check(answered(attacker), "still dropped after a restart of the control plane")


@case
def strangers_get_no_answer(bench: Bench) -> None:
    """SS_REPLY_UNAUTHORIZED = off. What is answered comes first, so nothing was before it."""
    switch = switch_with_accounts(bench, parameters={"SS_REPLY_UNAUTHORIZED": "off"})
    stranger = attacker_of(bench)
    agent = stranger.agent
    for number in (NUMBER, "105", "nobody"):
        agent.invite(DOOR, number, sdp(STRANGER_AT_CALLER, 4000))
    leg = agent.invite(DOOR, "alice", sdp(STRANGER_AT_CALLER, 4000))
    for method in ("OPTIONS", "SUBSCRIBE", "MESSAGE", "BYE"):
        leg.send(method)
    switch.wait_counter("drop_sip_unanswered", 8)
    check_equal(agent.receive(0.001), None, "answer to a stranger")
    wrong = stranger.proof("alice", "guess")
    stranger.tell("alice", wrong)
    switch.wait_counter("drop_sip_unanswered", 9)
    check_equal(agent.receive(0.001), None, "answer to a wrong password")
    check_equal(stranger.attempt("alice", "alice-s3cret"), 200, "the right password")
    agent.invite(DOOR, "105", sdp(STRANGER_AT_CALLER, 4000))
    check_equal(agent.expect(407).status, 407, "answer where a password was proven")
    bench.sipp_call("caller_hangs_up", "callee_answers")  # gateways are no strangers


def attack(bench: Bench, tool: str, *options: str) -> Sipvicious:
    """From the caller's first address: that is what these tools send from, whatever they bind."""
    return bench.peer(Sipvicious, bench.lab.caller, tool, SWITCH_TO_CALLER, options)


@case
def calls_end_while_suspended(bench: Bench) -> None:
    """Somebody beside a phone guesses until their address is suspended: the phone can make no more
    calls, but the one that is up ends when it hangs up, and is recorded so."""
    switch = switch_with_accounts(bench)
    phone, attacker = attacker_of(bench), Endpoint(bench.caller(STRANGER_AT_CALLER, 5070), DOOR)
    check_equal(phone.attempt("alice", "alice-s3cret"), 200, "the phone's REGISTER")
    vendor = bench.callee()
    call = invite_as_alice(phone.agent, DOOR)
    leg = vendor.answer_leg(vendor.expect("INVITE"))
    leg.reply(200, sdp(CALLEE, 30000))
    call.ack(phone.agent.expect(200))
    vendor.expect("ACK")
    for i in range(6):
        attacker.attempt(f"nobody{i}", "guess")
    switch.wait_counter("sources_suspended", 1)
    dropped = switch.counter("drop_suspended")
    phone.agent.invite(DOOR, NUMBER, sdp(STRANGER_AT_CALLER, 4000))
    switch.wait_counter("drop_suspended", dropped + 1)
    call.bye_with(leg)
    record = switch.wait_cdrs(1)[0]
    check_equal((record["end_reason"], record["end_direction"]), ("NormalClearing", "caller"),
                "end of the call")
    switch.wait_no_calls()


@patient_case
def svwar_finds_no_extension(bench: Bench) -> None:
    """It asks for names, one of them an account's, by each method that it knows. Since all get the
    same answer it gives up after two or three; it is started again until it is suspended, and once
    more then."""
    switch = switch_with_accounts(bench, caller=STRANGER_AT_CALLER,
                                  parameters={"SS_SIP_AUTHENTICATION_TIMEOUT": "1",
                                              "SS_AUTHENTICATION_MAX_RETRY": "3"})
    phone = phone_of(bench)

    def scan(method: str) -> None:
        tool = attack(bench, "svwar", "-e103-199", "--force", "-m", method, "--maximumtime=1")
        check_phone_works(bench, phone)
        check_equal(tool.findings(), [], f"what svwar has found by {method}")

    scan("OPTIONS")  # isn't asked for a password, so there is nothing to fail
    check_equal(suspensions(switch), [], "suspensions after OPTIONS")
    for method in ("REGISTER", "INVITE"):
        for _ in range(10):
            scan(method)
            if suspensions(switch):
                break
        wait_until(lambda: suspensions(switch), f"svwar is suspended after {method}")
        check_equal([(one["address"], one["reason"]) for one in suspensions(switch)],
                    [(CALLER, "unanswered")], "suspensions")
        dropped = switch.counter("drop_suspended")
        scan(method)
        check(switch.counter("drop_suspended") > dropped, "nothing was dropped in the dataplane")
        switch.ask("suspension", "lift", "all")


@patient_case
def svcrack_finds_no_password(bench: Bench) -> None:
    """The right one is the thirtieth of its list; an account that isn't there looks the same."""
    switch = switch_with_accounts(bench, caller=STRANGER_AT_CALLER)
    phone = phone_of(bench)
    words = bench.folder / "words.txt"
    words.write_text("".join(f"guess{i}\n" for i in range(29)) + "105-s3cret\n")
    for user in ("105", "106"):
        dropped = switch.counter("drop_suspended")
        crack = attack(bench, "svcrack", f"-u{user}", "-d", str(words), "--maximumtime=1",
                       "--domain", REALM)
        check_phone_works(bench, phone)
        check_equal(crack.findings(), [], f"what svcrack has found of {user}")
        check_equal({(one["address"], one["account"]) for one in suspensions(switch)},
                    {(CALLER, ""), (CALLER, f"{user}@{REALM}")}, "suspensions")
        check(switch.counter("drop_suspended") > dropped, "nothing was dropped in the dataplane")
        check_phone_works(bench, phone)
        switch.ask("suspension", "lift", "all")
    check_equal(switch.counter("sources_suspended"), 2, "sources_suspended")
