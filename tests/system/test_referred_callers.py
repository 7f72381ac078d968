"""Who a transferred caller is, as the gateway that it comes to is told: by the same rules as if it
had called there itself."""

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER
from harness.failure import check, check_equal
from harness.lab import CALLEE, CALLER, STRANGER_AT_CALLEE, SWITCH_TO_CALLEE
from harness.sip import Leg, Message, sdp

THIRD = "771234"  # that the customer's plan makes 391234 of
HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>'
LINES = ("Privacy: id\r\nP-Asserted-Identity: <sip:+4931@acme.test>\r\n"
         f"Reply-To: <sip:4989555@{CALLER}>\r\n")


class Transferred:
    """A call to the first gateway, in which one party sends the other to the third one."""

    def __init__(self, bench: Bench):
        self.switch = bench.switch(parameters={"TD_SIP_REFER": "follow"}, site=(
            "[[gateway]]", 'name = "ccorp"', 'kind = "routing"',
            f'address = "{STRANGER_AT_CALLEE}"', "[[route]]", 'prefix = "39"',
            'gateway = "ccorp"'))
        self.caller, self.callee = bench.caller(), bench.callee()
        self.third = bench.callee(STRANGER_AT_CALLEE)
        self.calls = 0

    def set(self, gateway: str, *settings: str) -> None:
        self.switch.ask("gateway", "set", gateway, *settings)

    def establish(self) -> tuple[Leg, Leg, Message]:
        leg = self.caller.invite(SIP_AT_CALLER, NUMBER, sdp(CALLER, 20000), LINES)
        invite = self.callee.expect("INVITE")
        other = self.callee.answer_leg(invite)
        other.reply(200, sdp(CALLEE, 30000, payloads="8"))
        leg.ack(self.caller.expect(200))
        self.callee.expect("ACK")
        return leg, other, invite

    def told(self, asker: Leg, stays: Leg) -> Message:
        """The INVITE that the third one gets, who has no time; the call goes on and ends."""
        by = f"<sip:{'4989555' if asker.agent is self.caller else NUMBER}@{asker.agent.address}>"
        cseq = asker.send("REFER", more=f"Refer-To: <sip:{THIRD}@{asker.peer[0]}>\r\n"
                                        f"Referred-By: {by}\r\n")
        asker.agent.expect_response(202, (cseq, "REFER"))
        invite = self.third.expect("INVITE")
        self.third.answer_leg(invite).reply(486)
        self.third.expect("ACK")
        self.hear_out(asker)
        stays.bye_with(asker)
        self.calls += 2
        return invite

    def hear_out(self, asker: Leg) -> None:
        while True:
            notify = asker.agent.expect("NOTIFY")
            asker.reply(200, request=notify)
            if "terminated" in notify.get("Subscription-State"):
                check("SIP/2.0 486 " in notify.body, f"not 486: {notify.body!r}")
                return


def check_identity(invite: Message, told: str, privacy: list[str], asserted: list[str]) -> None:
    check_equal(invite.get("From").rpartition(";tag=")[0], told, "From")
    check_equal(invite.all("Privacy"), privacy, "Privacy")
    check_equal(invite.all("P-Asserted-Identity"), asserted, "P-Asserted-Identity")
    if told == HIDDEN and not asserted:
        for word in ("4989555", "Tester", "4931", CALLER):
            check(word not in invite.text, f"{word} stands in {invite.text}")


@case
def transferred_callers_keep_their_privacy(bench: Bench) -> None:
    """The caller goes to another gateway: its Privacy and what is asserted of it, by that gateway's
    settings and its own gateway's of now, and both gateways' plans."""
    t = Transferred(bench)
    here = f"@{SWITCH_TO_CALLEE}>"
    t.set("acme", "support_privacy=true", "trusted=true", "caller_plan=49:0", "callee_plan=77:39")
    t.set("ccorp", "callee_plan=39:0039", "caller_plan=0:+49", "privacy=passthrough",
          "pai=passthrough")
    leg, other, first = t.establish()
    check_identity(first, HIDDEN, ["id"], [])
    invite = t.told(other, leg)
    check_identity(invite, HIDDEN, ["id"], ["<sip:+4931@acme.test>"])
    check("sip:00391234@" in invite.uri, f"Request-URI {invite.uri}")
    check_equal(invite.all("Reply-To") + invite.all("Referred-By"), [], "who it is, otherwise said")

    for settings, told, privacy, asserted in (
            (("privacy=none", "pai=caller"), HIDDEN, [], []),
            (("privacy=id", "pai=caller", "pai_plan=+:00"), HIDDEN, ["id"], [f"<sip:004931{here}"]),
            (("privacy=", "pai=none", "pai_plan="), HIDDEN, ["id"], [])):
        t.set("ccorp", *settings)
        leg, other, _ = t.establish()
        check_identity(t.told(other, leg), told, privacy, asserted)

    # What its gateway may say has changed since it called.
    t.set("ccorp", "pai=caller")
    leg, other, first = t.establish()
    check_identity(first, HIDDEN, ["id"], [])
    t.set("acme", "support_privacy=false", "trusted=false")
    invite = t.told(other, leg)
    check_identity(invite, f'"Tester" <sip:+4989555{here}', [], [f"<sip:+4989555{here}"])
    check_equal(invite.all("Referred-By"), [f"<sip:{NUMBER}@{CALLEE}>"], "Referred-By")
    records = t.switch.wait_cdrs_by_start(t.calls)
    check_equal({(one["routing_gateway"], one["mapping_gateway"], one["caller"], one["callee_sent"])
                 for one in records}, {("bcorp", "acme", "4989555", NUMBER),
                                       ("ccorp", "acme", "4989555", "00391234")}, "records")


@case
def hidden_callers_stay_hidden_when_they_transfer(bench: Bench) -> None:
    """The caller sends its callee on: neither one's network is told who it was."""
    t = Transferred(bench)
    t.set("acme", "support_privacy=true", "callee_plan=77:39")
    leg, other, _ = t.establish()
    invite = t.told(leg, other)
    check(f"<sip:{NUMBER}@" in invite.get("From"), f"From {invite.get('From')}")
    for word in ("4989555", "Tester", "4931", CALLER):
        check(word not in invite.text, f"{word} stands in {invite.text}")
    t.set("acme", "support_privacy=false")
    leg, other, _ = t.establish()
    check_equal(t.told(leg, other).all("Referred-By"), [f"<sip:4989555@{CALLER}>"], "Referred-By")
    t.switch.wait_cdrs(t.calls)
