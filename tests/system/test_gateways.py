"""Gateways set by commands while the switch runs."""

import concurrent.futures
import hashlib
import re

from harness.bench import NUMBER, Bench, case, patient_case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import Failure, check, check_equal, wait_until
from harness.lab import (CALLEE, CALLER, STRANGER_AT_CALLEE, STRANGER_AT_CALLER,
                         SWITCH_TO_CALLEE)
from harness.sip import Agent, Leg, Message, sdp


def attempt(agent: Agent, status: int) -> None:
    leg = agent.invite(SIP_AT_CALLER, NUMBER, sdp(STRANGER_AT_CALLER, 20000))
    leg.ack(agent.expect(status))


@case
def operator_keeps_gateways(bench: Bench) -> None:
    """A customer is added, limited, locked, kept over a restart, drained and removed: each change
    is true for its next call, and the calls of others don't notice."""
    switch = bench.switch()
    peers = Peers.at(bench)
    with bench.caller(STRANGER_AT_CALLER) as stranger:
        attempt(stranger, 403)
        added = switch.ask("gateway", "add", "new", "kind=mapping",
                           f"address={STRANGER_AT_CALLER}", "capacity=1")
        check_equal((added["name"], added["state"], added["calls"]), ("new", "up", 0), "added")
        call = establish(Peers(stranger, peers.callee, peers.caller_rtp, peers.callee_rtp))
        check_equal(switch.calls()[0]["mapping_gateway"], "new", "mapping gateway")
        attempt(stranger, 503)  # its only place is taken
        switch.ask("gateway", "set", "new", "capacity=5", "calls_per_s=1")
        check_equal(switch.ask("gateway", "show", "new")["settings"]["capacity"], "5", "capacity")

        refused = switch.ctl("gateway", "set", "new", "capacity=x", "colour=red")
        check_equal(refused.returncode, 1, "exit code of a wrong change")
        check("colour" in refused.stderr, refused.stderr)
        check_equal(switch.ctl("gateway", "add", "twin", "kind=mapping",
                               f"address={CALLER}").returncode, 1, "another's address")

        # While it drains no call comes in, and the one that is up goes on to its end.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            drained = pool.submit(switch.ctl, "gateway", "drain", "new", "--wait", "20")
            wait_until(lambda: switch.ask("gateway", "show", "new")["state"] == "locked", "lock")
            attempt(stranger, 503)
            check_equal(switch.ask("gateway", "show", "new")["calls"], 1, "calls while it drains")
            check(not drained.done(), "drained while a call is up")
            call.caller_leg.bye_with(call.callee_leg)
            check_equal(drained.result().returncode, 0, "exit code of drain")

        switch.stop()
        switch.start()
        shown = {gateway["name"]: gateway for gateway in switch.ask("gateway", "show")["gateways"]}
        check_equal(shown["new"]["state"], "locked", "state after a restart")
        check_equal(set(shown), {"acme", "bcorp", "new"}, "gateways after a restart")
        check_equal(switch.ctl("gateway", "del", "acme").returncode, 1, "the site file's")
        switch.ask("gateway", "del", "new")
        attempt(stranger, 403)


SECOND = ("[[gateway]]", 'name = "second"', 'kind = "routing"',
          f'address = "{STRANGER_AT_CALLEE}"', "[[route]]", 'prefix = "49"', 'gateway = "second"',
          "priority = 200")


def invite_second(caller: Agent, second: Agent) -> tuple[Leg, Leg]:
    """A call that the second gateway gets, ringing."""
    leg = caller.invite(SIP_AT_CALLER, NUMBER, sdp(CALLER, 20000))
    other = second.answer_leg(second.expect("INVITE"))
    other.reply(180)
    caller.expect(180)
    return leg, other


def settle_second(caller: Agent, second: Agent, leg: Leg, other: Leg) -> None:
    other.reply(200, sdp(STRANGER_AT_CALLEE, 30000, payloads="8"))
    leg.ack(caller.expect(200))
    second.expect("ACK")
    leg.bye_with(other)


@case
def refused_calls_go_to_the_next_gateway(bench: Bench) -> None:
    """503 with Retry-After: the next one takes it, and the following call doesn't ask again."""
    switch = bench.switch(site=SECOND)
    caller, first = bench.caller(), bench.callee()
    second = bench.callee(STRANGER_AT_CALLEE)
    leg = caller.invite(SIP_AT_CALLER, NUMBER, sdp(CALLER, 20000))
    first.answer_leg(first.expect("INVITE")).reply(503, more="Retry-After: 60\r\n")
    first.expect("ACK")
    other = second.answer_leg(second.expect("INVITE"))
    settle_second(caller, second, leg, other)
    shown = {one["name"]: one for one in switch.ask("gateway", "show")["gateways"]}
    check_equal(shown["bcorp"]["state"], "resting", "state after 503 with Retry-After")
    check(50 <= shown["bcorp"]["rests_s"] <= 60, f"rests_s {shown['bcorp']['rests_s']}")
    check_equal(shown["second"]["answered"], 1, "answered calls of the second")
    settle_second(caller, second, *invite_second(caller, second))
    records = switch.wait_cdrs(2)
    check_equal([len(record["given_up"]) for record in records], [1, 0], "gateways given up")
    check_equal(records[0]["given_up"][0]["sip_code"], 503, "status of the first")
    check_equal(first.receive(0.001), None, "what the resting gateway got")


@patient_case
def dead_gateways_are_left_out(bench: Bench) -> None:
    """OPTIONS answered by 503 is no proper answer; one that is brings the gateway back."""
    switch = bench.switch(site=SECOND)
    caller, first = bench.caller(), bench.callee()
    second = bench.callee(STRANGER_AT_CALLEE)
    switch.ask("gateway", "set", "bcorp", "probe=1")
    first.answer_leg(first.expect("OPTIONS")).reply(503)
    state = lambda: switch.ask("gateway", "show", "bcorp")["state"]
    wait_until(lambda: state() == "silent", "the gateway to be left out")
    settle_second(caller, second, *invite_second(caller, second))
    first.answer_leg(first.expect("OPTIONS")).reply(404)
    wait_until(lambda: state() == "up", "the gateway to be back")
    check(switch.ask("gateway", "show", "bcorp")["round_trip_ms"] > 0, "round trip")
    switch.ask("gateway", "set", "bcorp", "probe=")
    leg = caller.invite(SIP_AT_CALLER, NUMBER, sdp(CALLER, 20000))
    other = first.answer_leg(first.expect("INVITE"))
    other.reply(486)
    leg.ack(caller.expect(486))
    switch.wait_cdrs(2)


@patient_case
def the_first_gateway_is_probed(bench: Bench) -> None:
    """The very first one of the site file, from its start: out at no proper answer, back at one,
    and judged by nobody once it isn't probed any longer."""
    switch = bench.switch(first=("[[gateway]]", 'name = "zero"', 'kind = "routing"',
                                 f'address = "{STRANGER_AT_CALLEE}"', "probe = 1", "[[route]]",
                                 'prefix = "49"', 'gateway = "zero"', "priority = 50"))
    caller, callee = bench.caller(), bench.callee()
    zero = bench.callee(STRANGER_AT_CALLEE)
    state = lambda: switch.ask("gateway", "show", "zero")["state"]

    def expect(agent: Agent, method: str) -> Message:
        """This request; OPTIONS that come before it are answered properly."""
        while asked := agent.receive():
            if asked.method == method:
                return asked
            check_equal(asked.method, "OPTIONS", "request")
            agent.answer_leg(asked).reply(200)
        raise Failure(f"no {method} came to {agent.address}")

    def goes_to(agent: Agent) -> None:
        leg = caller.invite(SIP_AT_CALLER, NUMBER, sdp(CALLER, 20000))
        agent.answer_leg(expect(agent, "INVITE")).reply(486)
        expect(agent, "ACK")
        leg.ack(caller.expect(486))

    for _ in range(2):
        zero.answer_leg(zero.expect("OPTIONS")).reply(503)
        wait_until(lambda: state() == "silent", "the gateway to be left out")
        goes_to(callee)
        zero.answer_leg(zero.expect("OPTIONS")).reply(200)
        wait_until(lambda: state() == "up", "the gateway to be back")
        goes_to(zero)
    zero.answer_leg(zero.expect("OPTIONS")).reply(503)
    wait_until(lambda: state() == "silent", "the gateway to be left out")
    switch.ask("gateway", "set", "zero", "probe=0")
    wait_until(lambda: state() == "up", "the gateway to be let in")
    goes_to(zero)
    switch.wait_cdrs(5)


UPSTREAM_PASSWORD = "upstr3am-s3cret"
CHALLENGE = 'Digest realm="up", nonce="n0nce", algorithm=MD5, qop="auth"'


def check_proof(request: Message, header: str) -> None:
    """RFC 2617 §3.2.2.1, by the password that the switch was given."""
    said = dict(re.findall(r'(\w+)="?([^",]+)"?', request.get(header)))

    def digest(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = digest(f"tandem:up:{UPSTREAM_PASSWORD}")
    asked = digest(f"{request.start_line.split()[0]}:{said['uri']}")
    check_equal(said["response"],
                digest(f"{secret}:n0nce:{said['nc']}:{said['cnonce']}:auth:{asked}"),
                f"proof in {request.start_line}")


@case
def calls_go_and_come_through_a_registration(bench: Bench) -> None:
    """The vendor wants us registered, and each new call proven; its own calls come to our Contact
    with the number in To."""
    switch = bench.switch(site=("[store]", f'path = "{bench.folder / "store.db"}"'))
    caller, vendor = bench.caller(), bench.callee(STRANGER_AT_CALLEE)
    switch.ask("registration", "add", "up", f"server={STRANGER_AT_CALLEE}", "user=tandem",
               f"password={UPSTREAM_PASSWORD}")
    first = vendor.expect("REGISTER")
    unknown = switch.ctl("gateway", "add", "out", "kind=routing", "registration=down")
    check('registration: there is none named "down"' in unknown.stderr, unknown.stderr)
    added = switch.ask("gateway", "add", "out", "kind=routing", "registration=up", "prefixes=33")
    check_equal(added["state"], "unregistered", "state before the registrar has answered")
    vendor.answer_leg(first).reply(401, request=first, more=f"WWW-Authenticate: {CHALLENGE}\r\n")
    proven = vendor.expect("REGISTER")
    check_proof(proven, "Authorization")
    contact = proven.get("Contact")
    vendor.answer_leg(proven).reply(200, request=proven,
                                    more=f"Contact: {contact};expires=600\r\n")
    wait_until(lambda: switch.ask("show", "registrations")["registrations"][0]["state"] ==
               "registered", "the registration")
    check_equal(switch.ask("gateway", "show", "out")["state"], "up", "state")
    switch.ask("gateway", "add", "in", "kind=mapping", "registration=up")
    needed = switch.ctl("registration", "del", "up")
    check('is needed by gateway out' in needed.stderr, needed.stderr)

    leg = caller.invite(SIP_AT_CALLER, "33123", sdp(CALLER, 20000))
    plain = vendor.expect("INVITE")
    vendor.answer_leg(plain).reply(407, more=f"Proxy-Authenticate: {CHALLENGE}\r\n")
    vendor.expect("ACK")
    invite = vendor.expect("INVITE")
    check_proof(invite, "Proxy-Authorization")
    check_equal(invite.uri, f"sip:33123@{STRANGER_AT_CALLEE}", "Request-URI")
    check_equal(invite.cseq[0], plain.cseq[0] + 1, "CSeq")
    check("<sip:tandem@" in invite.get("Contact"), f"Contact {invite.get('Contact')}")
    other = vendor.answer_leg(invite)
    settle_second(caller, vendor, leg, other)

    callee = bench.callee()
    came = vendor.invite((SWITCH_TO_CALLEE, 5060), "tandem", sdp(STRANGER_AT_CALLEE, 30000),
                         to=f"<sip:{NUMBER}@up>")
    invite = callee.expect("INVITE")
    check(f"sip:{NUMBER}@" in invite.uri, f"Request-URI {invite.uri}")
    answered = callee.answer_leg(invite)
    answered.reply(200, sdp(CALLEE, 30002, payloads="8"))
    came.ack(vendor.expect(200))
    callee.expect("ACK")
    came.bye_with(answered)
    records = switch.wait_cdrs(2)
    check_equal([(one["mapping_gateway"], one["routing_gateway"], one["callee"])
                 for one in records],
                [("acme", "out", "33123"), ("in", "bcorp", NUMBER)], "records")
