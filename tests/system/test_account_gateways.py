"""Gateways that are known by an account: they register with us, and calls come from them, or go to
where they are."""

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER
from harness.failure import check, check_equal
from harness.lab import (CALLER, STRANGER_AT_CALLEE, STRANGER_AT_CALLER, SWITCH_TO_CALLEE,
                         SWITCH_TO_CALLER)
from harness.registration import authorization, register
from harness.sip import Agent, Leg, Message, sdp
from harness.switch import Switch

REALM = "sip.example.net"
# The phones are not asked whether they are there, for the agents answer only what a test expects.
PARAMETERS = {"SS_ENDPOINTTIMETOLIVE": "0"}
USE_CONTACT = "SS_SIP_ROUTING_GATEWAY_INVITE_USE_CONTACT"
VENDOR_PORT = 5066
VENDOR_CONTACT = f"sip:vend@{STRANGER_AT_CALLEE}:{VENDOR_PORT}"


def switch_with_accounts(bench: Bench, **options: object) -> Switch:
    switch = bench.switch(parameters=PARAMETERS, site=(
        "[registrar]", f'realm = "{REALM}"', f'store = "{bench.folder / "accounts.db"}"',
        "[routing]", f'store = "{bench.folder / "routes.db"}"'), **options)
    for user in ("cust", "vend", "other"):
        switch.ask("account", "add", user, "--password", f"{user}-s3cret")
    return switch


class Registrant:
    """An agent that registers with one account."""

    def __init__(self, agent: Agent, user: str):
        self.agent, self.user = agent, user
        self.door = SWITCH_TO_CALLER if agent.address == CALLER else SWITCH_TO_CALLEE
        self.cseq = 0

    def register(self, expires: int = 600) -> None:
        def ask(*lines: str) -> Message:
            self.cseq += 1
            return register(self.agent, (self.door, 5060), self.user, REALM,
                            (self.agent.address, self.agent.port), self.cseq,
                            f"Expires: {expires}", *lines)

        challenge = ask()
        check_equal(challenge.status, 401, "REGISTER without a password")
        proof = authorization(challenge.get("WWW-Authenticate"), "REGISTER", self.user,
                              f"{self.user}-s3cret")
        check_equal(ask(proof).status, 200, "REGISTER with one")

    def call(self, number: str, more: str = "", password: str = "") -> Leg:
        """An INVITE, and once more with the password that is asked for."""
        says = f'"Some One" <sip:4940111@{REALM}>'
        first = self.agent.invite((self.door, 5060), number, sdp(CALLER, 20000), more, says=says)
        challenge = self.agent.expect(407)
        first.ack(challenge)
        proof = authorization(challenge.get("Proxy-Authenticate"), "INVITE", self.user,
                              password or f"{self.user}-s3cret")
        return self.agent.invite((self.door, 5060), number, sdp(CALLER, 20000),
                                 f"Proxy-{proof}\r\n{more}", says=says)


def answer(asked: Agent, caller: Agent, leg: Leg) -> tuple[Message, Leg]:
    """The INVITE, which is answered, and the callee's leg."""
    invite = asked.expect("INVITE")
    other = asked.answer_leg(invite)
    other.reply(200, sdp(asked.address, 30000, payloads="8"))
    leg.ack(caller.expect(200))
    asked.expect("ACK")
    return invite, other


@case
def a_registered_customer_calls(bench: Bench) -> None:
    """As a phone until a mapping gateway has its account, and then as that gateway: its numbers,
    plans, limits, trust, and what its network says are its own."""
    switch = switch_with_accounts(bench, caller=STRANGER_AT_CALLER)
    caller, callee = bench.caller(), bench.callee()
    cust = Registrant(caller, "cust")
    cust.register()
    words = ("P-Asserted-Identity: <sip:4940112@cust.test>\r\nPrivacy: id\r\n"
             "Diversion: <sip:4940113@cust.test>\r\n")
    switch.ask("gateway", "set", "bcorp", "pai=passthrough")

    leg = cust.call(NUMBER, words)
    invite, other = answer(callee, caller, leg)
    check_equal(invite.get("From").split(";")[0],
                '"Anonymous" <sip:anonymous@anonymous.invalid>', "From of a phone")
    check_equal(invite.all("P-Asserted-Identity") + invite.all("Diversion"), [], "a phone's word")
    leg.bye_with(other)

    switch.ask("gateway", "add", "cust-in", "kind=mapping", f"account=cust@{REALM}", "trusted=true",
               "caller_plan=49:0", "capacity=1")
    leg = cust.call(NUMBER, words)
    invite, other = answer(callee, caller, leg)
    check_equal(invite.get("From").split(";")[0], f'"Some One" <sip:040111@{SWITCH_TO_CALLEE}>',
                "From of the gateway")
    check_equal(invite.all("P-Asserted-Identity") + invite.all("Diversion"),
                ["<sip:4940112@cust.test>", "<sip:4940113@cust.test>"], "its network's word")
    shown = switch.ask("gateway", "show", "cust-in")
    check_equal((shown["calls"], shown["capacity"]), (1, 1), "calls of the gateway")
    second = cust.call(NUMBER)
    second.ack(caller.expect(503))
    leg.bye_with(other)

    # Another account is nobody's gateway, and a wrong password no account at all.
    leg = Registrant(caller, "other").call(NUMBER)
    leg.bye_with(answer(callee, caller, leg)[1])
    wrong = cust.call(NUMBER, password="guess")
    wrong.ack(caller.expect(407))
    switch.ask("gateway", "lock", "cust-in")
    cust.call(NUMBER).ack(caller.expect(503))
    records = switch.wait_cdrs_by_start(5)
    check_equal([(one["mapping_gateway"], one["caller_account"], one["caller"], one["end_reason"])
                 for one in records],
                [("", f"cust@{REALM}", "4940111", "NormalClearing"),
                 ("cust-in", f"cust@{REALM}", "4940111", "NormalClearing"),
                 ("cust-in", f"cust@{REALM}", "4940111", "CallerOverCapacity"),
                 ("", f"other@{REALM}", "4940111", "NormalClearing"),
                 ("cust-in", f"cust@{REALM}", "4940111", "CallerOverCapacity")], "records")


class Vendor:
    """The vendor that registers, and the one behind it in the route of 33."""

    def __init__(self, bench: Bench):
        self.switch = switch_with_accounts(bench)
        self.caller, self.next = bench.caller(), bench.callee()
        self.vendor = bench.callee(STRANGER_AT_CALLEE, VENDOR_PORT)
        self.registrant = Registrant(self.vendor, "vend")
        self.calls = 0

    def goes_to(self, number: str, wanted: Agent) -> Message:
        """A call that this one answers; the vendor's numbers are as its plan has them."""
        leg = self.caller.invite(SIP_AT_CALLER, number, sdp(CALLER, 20000))
        invite, other = answer(wanted, self.caller, leg)
        leg.bye_with(other)
        self.calls += 1
        return invite

    def fails(self, number: str, status: int) -> None:
        leg = self.caller.invite(SIP_AT_CALLER, number, sdp(CALLER, 20000))
        leg.ack(self.caller.expect(status))
        self.calls += 1

    def check_asked(self, invite: Message, uri: str) -> None:
        check_equal(invite.uri, uri, "Request-URI")
        check_equal(invite.get("To"), f"<sip:0033123@{STRANGER_AT_CALLEE}:{VENDOR_PORT}>", "To")


@case
def calls_go_to_a_registered_vendor(bench: Bench) -> None:
    """Where it has registered, by number or by its Contact; to the next one while it hasn't."""
    v = Vendor(bench)
    switch = v.switch
    by_number = f"sip:0033123@{STRANGER_AT_CALLEE}:{VENDOR_PORT}"
    switch.ask("gateway", "add", "vend-out", "kind=routing", f"account=vend@{REALM}",
               "callee_plan=33:0033")
    switch.ask("gateway", "add", "other-out", "kind=routing", f"account=other@{REALM}")
    for number, gateway, priority in (("33", "vend-out", "50"), ("33", "bcorp", "100"),
                                      ("34", "vend-out", "50"), ("35", "vend-out", "50"),
                                      ("35", "other-out", "60")):
        switch.ask("route", "add", number, gateway, "--priority", priority)

    # Nobody has registered: the next one, or none.
    check("sip:33123@" in v.goes_to("33123", v.next).uri, "the number of the next one")
    v.fails("34123", 503)
    v.fails("35123", 503)
    v.registrant.register()
    v.check_asked(v.goes_to("33123", v.vendor), by_number)
    switch.ask("gateway", "set", "vend-out", f"{USE_CONTACT}=on")
    v.check_asked(v.goes_to("33123", v.vendor), VENDOR_CONTACT)
    check_equal(v.goes_to("35123", v.vendor).get("To"),
                f"<sip:35123@{STRANGER_AT_CALLEE}:{VENDOR_PORT}>", "To by the Contact")

    # It refuses, and the call goes on to the next one.
    leg = v.caller.invite(SIP_AT_CALLER, "33123", sdp(CALLER, 20000))
    v.vendor.answer_leg(v.vendor.expect("INVITE")).reply(480)
    v.vendor.expect("ACK")
    leg.bye_with(answer(v.next, v.caller, leg)[1])
    v.calls += 1

    # The registration outlives the control plane; the site file says the same, or the contrary.
    switch.restart_with({**PARAMETERS, USE_CONTACT: "on"})
    switch.ask("gateway", "set", "vend-out", f"{USE_CONTACT}=")
    v.check_asked(v.goes_to("33123", v.vendor), VENDOR_CONTACT)
    switch.ask("gateway", "set", "vend-out", f"{USE_CONTACT}=off")
    v.check_asked(v.goes_to("33123", v.vendor), by_number)

    # It goes.
    v.registrant.register(expires=0)
    v.goes_to("33123", v.next)
    v.fails("34123", 503)
    records = switch.wait_cdrs_by_start(v.calls)
    check_equal([(one["routing_gateway"], one["callee_sent"]) for one in records],
                [("bcorp", "33123"), ("vend-out", ""), ("", ""),
                 ("vend-out", "0033123"), ("vend-out", "0033123"), ("vend-out", "35123"),
                 ("bcorp", "33123"), ("vend-out", "0033123"), ("vend-out", "0033123"),
                 ("bcorp", "33123"), ("vend-out", "")], "records")
    check_equal([one["end_reason"] for one in records],
                ["NormalClearing" if one["callee_sent"] else "NoAvailableRouter"
                 for one in records], "why they ended")
    check_equal([[(one["routing_gateway"], one["sip_code"]) for one in record["given_up"]]
                 for record in records if record["given_up"]], [[("vend-out", 480)]], "given up")
