"""Who may call whom: lists of numbers at either gateway, and hours of routes, changed while the
switch runs; for redirected calls and transfers too."""

import datetime

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import check, check_equal
from harness.lab import CALLEE, CALLER, STRANGER_AT_CALLEE, SWITCH_TO_CALLEE
from harness.sip import Agent, Leg, sdp
from harness.switch import Switch

OURS, OTHERS = f"<sip:4989555@{CALLER}>", f"<sip:4477555@{CALLER}>"
NOBODY = "<sip:anonymous@anonymous.invalid>"
SECOND = ("[[gateway]]", 'name = "second"', 'kind = "routing"',
          f'address = "{STRANGER_AT_CALLEE}"')


class Screened:
    """A customer, a vendor, and a second one."""

    def __init__(self, bench: Bench, **parameters: str):
        self.switch: Switch = bench.switch(parameters=parameters, site=(
            *SECOND, "[routing]", f'store = "{bench.folder / "routes.db"}"'))
        self.caller, self.first = bench.caller(), bench.callee()
        self.second = bench.callee(STRANGER_AT_CALLEE)
        self.wanted: list[tuple] = []

    def invite(self, number: str = NUMBER, says: str = OURS) -> Leg:
        return self.caller.invite(SIP_AT_CALLER, number, sdp(CALLER, 20000), says=says)

    def expect_record(self, reason: str, status: int, routing: str = "") -> None:
        self.wanted.append((reason, status, routing))

    def passes(self, number: str = NUMBER, says: str = OURS, at: Agent | None = None) -> None:
        """To the one of them, who is busy."""
        leg = self.invite(number, says)
        asked = at or self.first
        invite = asked.expect("INVITE")
        check(f"sip:{number}@" in invite.uri, f"{invite.uri} instead of {number}")
        asked.answer_leg(invite).reply(486)
        asked.expect("ACK")
        leg.ack(self.caller.expect(486))
        self.expect_record("UserBusy", 486, "second" if asked is self.second else "bcorp")

    def denied(self, status: int, reason: str, number: str = NUMBER, says: str = OURS,
               routing: str = "") -> None:
        leg = self.invite(number, says)
        refusal = self.caller.expect(status)
        leg.ack(refusal)
        self.expect_record(reason, status, routing)

    def check_records(self) -> None:
        records = self.switch.wait_cdrs_by_start(len(self.wanted))
        check_equal([(one["end_reason"], one["sip_code"], one["routing_gateway"])
                     for one in records], self.wanted, "records")
        for agent in (self.first, self.second):
            check_equal(agent.receive(0.001), None, "what else a vendor got")


@case
def lists_deny_calls(bench: Bench) -> None:
    """Of the customer: 403. Of a vendor: the next one is asked, or there is none."""
    s = Screened(bench)
    ask = s.switch.ask
    s.passes(says=OTHERS)
    ask("list", "add", "ours", "caller", "--otherwise", "deny", "--allow", "4989")
    s.passes(says=OTHERS)  # no gateway names it yet
    ask("gateway", "set", "acme", "lists=ours")
    s.passes()
    s.denied(403, "NumberBarred", says=OTHERS)
    s.denied(403, "NumberBarred", says=NOBODY)
    ask("list", "set", "ours", "--allow", "44", "--deny", "4477000-4477599")
    s.denied(403, "NumberBarred", says=OTHERS)  # the range is longer
    s.passes(says=f"<sip:4477600@{CALLER}>")
    ask("list", "set", "ours", "--remove", "4477000-4477599")
    s.passes(says=OTHERS)
    ask("list", "set", "ours", "--otherwise", "allow")
    s.passes(says=NOBODY)

    # By called number too; each list must allow. What the customer wants to hear instead of 403.
    ask("list", "add", "cheap", "callee", "--deny", "49900", "--allow", "4990055")
    ask("gateway", "set", "acme", "lists=ours, cheap", "fail_codes=NumberBarred:607")
    s.denied(607, "NumberBarred", "49900123")
    s.passes("49900551")
    ask("list", "set", "ours", "--deny", "4989")
    s.denied(607, "NumberBarred", "49900551")

    # After the customer's plans.
    ask("gateway", "set", "acme", "caller_plan=4989:4477", "callee_plan=77:49900", "fail_codes=")
    s.passes("49900551")
    s.denied(403, "NumberBarred", "77123")
    ask("gateway", "set", "acme", "lists=", "caller_plan=", "callee_plan=")

    # A vendor's, before its plans: the next one of the route; none.
    ask("list", "add", "theirs", "caller", "--deny", "4477")
    ask("gateway", "set", "bcorp", "lists=theirs", "caller_plan=4989:4477")
    s.passes()
    s.denied(503, "NoAvailableRouter", says=OTHERS, routing="bcorp")
    ask("route", "add", "49", "second", "--priority", "200")
    s.passes(says=OTHERS, at=s.second)
    ask("gateway", "set", "second", "lists=cheap")
    s.denied(503, "NoAvailableRouter", "49900123", says=OTHERS)
    ask("list", "set", "theirs", "--remove", "4477")
    s.passes("49900123", says=OTHERS)
    # A list stays for as long as a gateway names it.
    refused = s.switch.ctl("list", "del", "theirs")
    check('list "theirs" is used by gateway bcorp' in refused.stderr, refused.stderr)
    ask("gateway", "set", "bcorp", "lists=")
    ask("list", "del", "theirs")
    check_equal(s.switch.ctl("gateway", "set", "bcorp", "lists=theirs").returncode, 1,
                "exit code of a list that is none")
    s.passes(says=OTHERS)
    s.check_records()


@case
def hours_deny_calls(bench: Bench) -> None:
    """A route at another time is none; whose prefix has no other, the number has no route."""
    s = Screened(bench)
    ask = s.switch.ask
    today = datetime.datetime.now()
    # Neither today nor the days around it, whatever the time zone and the hour.
    closed = (today + datetime.timedelta(days=3)).strftime("%a").lower()
    ask("window", "add", "open", closed)
    ask("route", "add", "4930", "second", "--time", "open")
    s.denied(404, "NoRoute")
    s.passes("4940123")
    ask("window", "set", "open", "mon-sun")
    s.passes(at=s.second)
    ask("window", "set", "open", f"{closed} 08:00-18:00; {closed} 20:00-21:00")
    s.denied(404, "NoRoute")
    ask("route", "add", "4930", "bcorp", "--priority", "200")
    s.passes()
    ask("route", "set", "4930", "second", "--time", "mon-sun")
    s.passes(at=s.second)
    s.check_records()


@case
def lists_deny_redirected_calls(bench: Bench) -> None:
    """Where a 302 points is a call to there: by the customer's lists and the other vendor's."""
    s = Screened(bench, TD_SIP_REDIRECT="follow")
    ask = s.switch.ask
    ask("list", "add", "cheap", "callee", "--deny", "49900")
    ask("list", "add", "theirs", "callee", "--deny", "4977")

    def redirected(contacts: str) -> Leg:
        leg = s.invite()
        s.first.answer_leg(s.first.expect("INVITE")).reply(302, more=f"Contact: {contacts}\r\n")
        s.first.expect("ACK")
        return leg

    def followed(contacts: str, number: str) -> None:
        leg = redirected(contacts)
        invite = s.second.expect("INVITE")
        check_equal(invite.uri, f"sip:{number}@{STRANGER_AT_CALLEE}:5060", "Request-URI")
        s.second.answer_leg(invite).reply(486)
        s.second.expect("ACK")
        leg.ack(s.caller.expect(486))
        s.expect_record("UserBusy", 486, "second")

    def not_followed(contacts: str) -> None:
        redirected(contacts).ack(s.caller.expect(480))
        s.expect_record("GatewayRedirected", 480, "bcorp")

    barred = f"<sip:49900123@{STRANGER_AT_CALLEE}>"
    followed(barred, "49900123")
    ask("gateway", "set", "acme", "lists=cheap")
    not_followed(barred)
    followed(f"{barred}, <sip:4940@{STRANGER_AT_CALLEE}>", "4940")
    # The host alone: the number that was dialled, not the one that is barred.
    followed(f"{barred}, <sip:{STRANGER_AT_CALLEE}>", NUMBER)
    ask("gateway", "set", "second", "lists=theirs")
    not_followed(f"<sip:4977123@{STRANGER_AT_CALLEE}>")
    followed(f"<sip:4978123@{STRANGER_AT_CALLEE}>", "4978123")
    ask("list", "set", "cheap", "--remove", "49900")
    followed(barred, "49900123")
    s.check_records()


@case
def lists_deny_transfers(bench: Bench) -> None:
    """Where a REFER points is a call of the customer's; a denied one costs nobody the call."""
    switch = bench.switch(parameters={"TD_SIP_REFER": "follow"}, site=(
        *SECOND, "[[route]]", 'prefix = "39"', 'gateway = "second"',
        "[routing]", f'store = "{bench.folder / "routes.db"}"'))
    peers, second = Peers.at(bench), bench.callee(STRANGER_AT_CALLEE)
    switch.ask("list", "add", "cheap", "callee", "--deny", "39900")
    switch.ask("gateway", "set", "acme", "lists=cheap")
    call = establish(peers)

    def refer(number: str) -> None:
        cseq = call.callee_leg.send("REFER", more=f"Refer-To: <sip:{number}@{SWITCH_TO_CALLEE}>\r\n"
                                                  f"Referred-By: <sip:{NUMBER}@{CALLEE}>\r\n")
        peers.callee.expect_response(202, (cseq, "REFER"))

    def expect_told(status: int) -> None:
        """The last word on the transfer; there may be others before it."""
        while True:
            notify = peers.callee.expect("NOTIFY")
            call.callee_leg.reply(200, request=notify)
            if "terminated" in notify.get("Subscription-State"):
                check(f"SIP/2.0 {status} " in notify.body, f"not {status}: {notify.body!r}")
                return

    refer("39900123")
    expect_told(403)
    call.caller_leg.settle()  # the call goes on
    switch.ask("list", "set", "cheap", "--remove", "39900")
    refer("39900123")
    invite = second.expect("INVITE")
    check("sip:39900123@" in invite.uri, f"Request-URI {invite.uri}")
    second.answer_leg(invite).reply(486)
    second.expect("ACK")
    expect_told(486)
    call.caller_leg.bye_with(call.callee_leg)
    records = switch.wait_cdrs_by_start(3)
    check_equal([(one["callee"], one["end_reason"], one["sip_code"], one["mapping_gateway"])
                 for one in records],
                [(NUMBER, "NormalClearing", 200, "acme"),
                 ("39900123", "NumberBarred", 403, "acme"), ("39900123", "UserBusy", 486, "acme")],
                "records")
    check_equal([one["transferred_from"] for one in records[1:]], [records[0]["call"]] * 2,
                "where the records came from")
