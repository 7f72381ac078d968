"""Who is calling, as the called gateway is told: each setting of both gateways, and each parameter,
by each header of the caller that matters (RFC 3323, 3325), on the wire."""

import dataclasses

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER
from harness.failure import Failure, check, check_equal
from harness.lab import CALLEE, CALLER, STRANGER_AT_CALLEE, SWITCH_TO_CALLEE
from harness.sip import Leg, Message, sdp
from harness.switch import Switch

Settings = dict[str, str]

ALICE = f'"Alice" <sip:4989555@{CALLER}>'
HIDDEN = '"Anonymous" <sip:anonymous@anonymous.invalid>'
PLAIN = f'"Alice" <sip:4989555@{SWITCH_TO_CALLEE}>'

PRIVACY_PARAMETER, DISPLAY = "SS_SIP_USER_AGENT_PRIVACY", "SS_SIP_E164_DISPLAY_FROM"
# Which settings there are, each as by default; a row says those that it wants otherwise.
CUSTOMER = {"support_privacy": "", "trusted": "", "caller_plan": ""}
VENDOR = {"privacy": "", "pai": "", "ppi": "", "pai_plan": "", "caller_plan": "",
          PRIVACY_PARAMETER: "", DISPLAY: ""}

# What a caller says beside who it is, and who it is stands in it (RFC 3323 §5.3).
OWN_WORDS = {"Reply-To": f"<sip:4989555@{CALLER}>", "Organization": "Alice Ltd",
             "Subject": "Alice calls", "s": "4989555", "Call-Info": "<http://alice.test/4989555>",
             "In-Reply-To": f"4989555@{CALLER}", "Referred-By": ALICE, "b": ALICE}
# What its network says of the number (RFC 8224, 8496): goes where the number goes.
NETWORKS_WORD = {"Identity": "e30.e30.4989555;info=<https://acme.test/c>;alg=ES256;ppt=shaken",
                 "y": "e30.e30.4989555;info=<https://acme.test/c>",
                 "P-Charge-Info": "<sip:4989555@acme.test>"}
# So does this description.
TELLING_SDP = sdp(CALLER, 20000).replace("o=-", "o=4989555").replace(
    "s=-", "s=Alice calls\r\ni=Alice\r\ne=alice@acme.test (Alice)\r\np=+49 89 555")
# Of one hop, or what came before RFC 3325: in each INVITE, and never passed on.
NEVER = {"Remote-Party-ID": f"{ALICE};party=calling;privacy=full", "Proxy-Require": "privacy"}
EXTRA = "".join(f"{name}: {value}\r\n"
                for name, value in {**OWN_WORDS, **NETWORKS_WORD, **NEVER}.items())


@dataclasses.dataclass
class Row:
    """A call: its caller's From and lines, both gateways' settings, and what the callee is told:
    From without its tag, and the values of each of these headers."""
    name: str
    sent: tuple[str, ...] = ()
    says: str = ALICE
    customer: Settings = dataclasses.field(default_factory=dict)
    vendor: Settings = dataclasses.field(default_factory=dict)
    told: str = PLAIN
    privacy: str = ""  # none
    asserted: tuple[str, ...] = ()
    preferred: tuple[str, ...] = ()


def check_told(row: Row, invite: Message) -> None:
    what = f"{row.name}: "
    check_equal(invite.get("From").rpartition(";tag=")[0], row.told, what + "From")
    check_equal(invite.all("Privacy"), [row.privacy] if row.privacy else [], what + "Privacy")
    check_equal(invite.all("P-Asserted-Identity"), list(row.asserted), what + "asserted")
    check_equal(invite.all("P-Preferred-Identity"), list(row.preferred), what + "preferred")
    for name in NEVER:
        check_equal(invite.all(name), [], what + name)
    check("privacy" not in invite.get("Supported"), f"{what}Supported {invite.get('Supported')}")
    hidden = row.told == HIDDEN
    origin = "o=- 20000 1 IN" if hidden else "o=4989555 20000 1 IN"
    check(origin in invite.body, f"{what}{origin} is not in {invite.body}")
    check_equal("Alice" in invite.body, not hidden, what + "her name in the description")
    for name, value in OWN_WORDS.items():
        check_equal(invite.all(name), [] if hidden else [value], what + name)
    for name, value in NETWORKS_WORD.items():
        unsaid = hidden and not row.asserted
        check_equal(invite.all(name), [] if unsaid else [value], what + name)
    if hidden and not row.asserted and not row.preferred:
        for word in ("4989555", "Alice", "alice", "4931", CALLER):
            check(word not in invite.text, f"{what}{word} stands in {invite.text}")


class Board:
    """The switch, and a caller and a callee who go through a table."""

    def __init__(self, bench: Bench, switch: Switch):
        self.switch = switch
        self.caller, self.callee = bench.caller(), bench.callee()
        self.now = {"acme": dict(CUSTOMER), "bcorp": dict(VENDOR)}
        self.calls = 0

    def set(self, gateway: str, settings: Settings) -> None:
        """Only what changes, for each command is a process of its own."""
        now = self.now[gateway]
        news = {name: value for name, value in settings.items() if now[name] != value}
        if news:
            self.switch.ask("gateway", "set", gateway,
                            *(f"{name}={value}" for name, value in news.items()))
        now.update(news)

    def try_row(self, row: Row) -> None:
        self.set("acme", {**CUSTOMER, **row.customer})
        self.set("bcorp", {**VENDOR, **row.vendor})
        leg = self.caller.invite(SIP_AT_CALLER, NUMBER, TELLING_SDP, says=row.says,
                                 more="".join(line + "\r\n" for line in row.sent) + EXTRA)
        try:
            invite = self.callee.expect("INVITE")
        except Failure as fault:
            raise Failure(f"{row.name}: {fault}") from None
        self.callee.answer_leg(invite).reply(486)
        ack = self.callee.expect("ACK")
        check_equal(ack.get("From"), invite.get("From"), f"{row.name}: From of the ACK")
        leg.ack(self.caller.expect(486))
        self.calls += 1
        check_told(row, invite)

    def try_rows(self, rows: list[Row]) -> None:
        """All of them, before it is told how many were wrong, and the first few."""
        faults = []
        for row in rows:
            try:
                self.try_row(row)
            except Failure as fault:
                faults.append(str(fault))
        check(not faults, f"{len(faults)} of {len(rows)}: " + "; ".join(faults[:5]))
        assert len({row.name for row in rows}) == len(rows)


# --- Privacy --------------------------------------------------------------------------------------

# What the caller asks for, and what the callee's gateway gets of it when it is set to …: From
# (hidden or not), Privacy.
PRIVACY = [
    # asked             ignore, passthrough       none         id
    ("",                (PLAIN, ""),              (PLAIN, ""),  (HIDDEN, "id")),
    ("id",              (HIDDEN, "id"),           (HIDDEN, ""), (HIDDEN, "id")),
    ("none",            (PLAIN, "none"),          (PLAIN, ""),  (HIDDEN, "id")),
    ("header",          (PLAIN, "header"),        (PLAIN, ""),  (HIDDEN, "header;id")),
    ("session",         (PLAIN, "session"),       (PLAIN, ""),  (HIDDEN, "session;id")),
    ("user",            (HIDDEN, "user"),         (HIDDEN, ""), (HIDDEN, "user;id")),
    ("user;critical",   (HIDDEN, "user;critical"), (HIDDEN, ""), (HIDDEN, "user;id;critical")),
    ("ID; critical",    (HIDDEN, "ID;critical"),  (HIDDEN, ""), (HIDDEN, "ID;critical")),
    ("critical;header", (PLAIN, "header;critical"), (PLAIN, ""), (HIDDEN, "header;id;critical")),
    ("user;header;session;id", (HIDDEN, "user;header;session;id"), (HIDDEN, ""),
     (HIDDEN, "user;header;session;id")),
]
BY_SETTING = {"ignore": 0, "passthrough": 0, "none": 1, "id": 2}


def privacy_rows() -> list[Row]:
    """Each request by each setting, honoured and not: then it is as if nothing had been asked."""
    rows = []
    for support in ("true", "false"):
        for setting, column in BY_SETTING.items():
            for asked, *wanted in PRIVACY:
                told, privacy = (wanted if support == "true" else PRIVACY[0][1:])[column]
                rows.append(Row(
                    f"Privacy {asked or 'absent'}, support {support}, to {setting}",
                    sent=(f"Privacy: {asked}",) if asked else (),
                    customer={"support_privacy": support},
                    vendor={} if setting == "ignore" else {"privacy": setting},
                    told=told, privacy=privacy))
    return rows


def parameter_rows(system: str, through: str) -> list[Row]:
    """SS_SIP_USER_AGENT_PRIVACY is `system`, at the gateway where it says `through` "gateway", else
    in the site file: what counts where the gateway has no `privacy`, and not where it has."""
    own = {PRIVACY_PARAMETER: system} if through == "gateway" else {}
    ours = {"support_privacy": "true"}
    rows = []
    for asked, *wanted in PRIVACY:
        told, privacy = wanted[BY_SETTING["id"] if system == "id" else 0]
        if system == "none" and not asked:
            privacy = "none"
        rows.append(Row(f"{system} by {through}, Privacy {asked or 'absent'}",
                        sent=(f"Privacy: {asked}",) if asked else (), customer=ours, vendor=own,
                        told=told, privacy=privacy))
    for setting in ("none", "passthrough", "id"):
        told, privacy = PRIVACY[0][1:][BY_SETTING[setting]]
        rows.append(Row(f"{system} by {through}, the gateway {setting}",
                        vendor={**own, "privacy": setting}, told=told, privacy=privacy))
    rows.append(Row(f"{system} by {through}, support off", sent=("Privacy: user",), vendor=own,
                    told=HIDDEN if system == "id" else PLAIN, privacy=system))
    return rows


ODD_PRIVACY = [
    Row("Privacy in two lines", sent=("Privacy: user", "Privacy: id"),
        customer={"support_privacy": "true"}, told=HIDDEN, privacy="user;id"),
    Row("Privacy by comma", sent=("Privacy: id, critical",), customer={"support_privacy": "true"},
        told=HIDDEN, privacy="id;critical"),
    Row("Privacy said twice", sent=("Privacy: id;ID", "Privacy: id"),
        customer={"support_privacy": "true"}, told=HIDDEN, privacy="id"),
    Row("Privacy unknown", sent=("Privacy: history",), customer={"support_privacy": "true"},
        privacy="history"),
]


@case
def privacy_of_callers(bench: Bench) -> None:
    """Privacy of a routing gateway, Support Privacy of a mapping gateway, and the parameter at the
    gateway."""
    switch = bench.switch()
    board = Board(bench, switch)
    board.try_rows([*privacy_rows(), *parameter_rows("id", "gateway"),
                    *parameter_rows("none", "gateway"), *ODD_PRIVACY])
    records = switch.wait_cdrs(board.calls)
    check_equal({record["caller"] for record in records}, {"4989555"}, "callers in the records")


# --- who is asserted and preferred ----------------------------------------------------------------

SIP, TEL = '"A" <sip:+4931@acme.test>', "<tel:+4931>"
SIP_LINE, TEL_LINE = f"P-Asserted-Identity: {SIP}", f"P-Asserted-Identity: {TEL}"
BOTH_LINES = (SIP_LINE, TEL_LINE)
PREFERRED = "<sip:4932@acme.test>"
PREFERRED_LINE = f"P-Preferred-Identity: {PREFERRED}"
NOBODY = '"Anonymous" <sip:anonymous@anonymous.invalid>'
NOBODY_PLAIN = f'"Anonymous" <sip:anonymous@{SWITCH_TO_CALLEE}>'
TRUSTED = {"trusted": "true"}
HONOURED = {"support_privacy": "true"}


def here(number: str) -> str:
    return f"<sip:{number}@{SWITCH_TO_CALLEE}>"


ASSERTED = [
    # To whom nothing is to be told.
    Row("pai none, trusted", sent=BOTH_LINES, customer=TRUSTED),
    Row("pai none, untrusted", sent=BOTH_LINES),
    # As it came, of trusted ones only.
    Row("pai passthrough, sip", sent=(SIP_LINE,), customer=TRUSTED, vendor={"pai": "passthrough"},
        asserted=(SIP,)),
    Row("pai passthrough, tel", sent=(TEL_LINE,), customer=TRUSTED, vendor={"pai": "passthrough"},
        asserted=(TEL,)),
    Row("pai passthrough, sip and tel", sent=BOTH_LINES, customer=TRUSTED,
        vendor={"pai": "passthrough"}, asserted=(SIP, TEL)),
    Row("pai passthrough, by comma", sent=(f"{SIP_LINE}, {TEL}",), customer=TRUSTED,
        vendor={"pai": "passthrough"}, asserted=(SIP, TEL)),
    Row("pai passthrough, absent", customer=TRUSTED, vendor={"pai": "passthrough"}),
    Row("pai passthrough, untrusted", sent=BOTH_LINES, vendor={"pai": "passthrough"}),
    # The number: what a trusted one asserts, else what From says.
    Row("pai caller, trusted", sent=BOTH_LINES, customer=TRUSTED, vendor={"pai": "caller"},
        asserted=(here("+4931"),)),
    Row("pai caller, trusted, tel", sent=(TEL_LINE,), customer=TRUSTED, vendor={"pai": "caller"},
        asserted=(here("+4931"),)),
    Row("pai caller, trusted, absent", customer=TRUSTED, vendor={"pai": "caller"},
        asserted=(here("4989555"),)),
    Row("pai caller, untrusted", sent=BOTH_LINES, vendor={"pai": "caller"},
        asserted=(here("4989555"),)),
    Row("pai caller, nobody", says=NOBODY, told=NOBODY_PLAIN, vendor={"pai": "caller"}),
    Row("pai caller, nobody, untrusted", says=NOBODY, told=NOBODY_PLAIN, sent=(SIP_LINE,),
        vendor={"pai": "caller"}),
    Row("pai caller, nobody, trusted", says=NOBODY, told=NOBODY_PLAIN, sent=(SIP_LINE,),
        customer=TRUSTED, vendor={"pai": "caller"}, asserted=(here("+4931"),)),
    # With privacy: Id keeps the number in what is asserted, and a gateway that isn't told to keep
    # it to itself gets none.
    Row("id, pai caller", vendor={"privacy": "id", "pai": "caller"}, told=HIDDEN, privacy="id",
        asserted=(here("4989555"),)),
    Row("id, pai caller, trusted", sent=BOTH_LINES, customer=TRUSTED,
        vendor={"privacy": "id", "pai": "caller"}, told=HIDDEN, privacy="id",
        asserted=(here("+4931"),)),
    Row("id, pai passthrough", sent=BOTH_LINES, customer=TRUSTED,
        vendor={"privacy": "id", "pai": "passthrough"}, told=HIDDEN, privacy="id",
        asserted=(SIP, TEL)),
    Row("id, pai passthrough, untrusted", sent=BOTH_LINES,
        vendor={"privacy": "id", "pai": "passthrough"}, told=HIDDEN, privacy="id"),
    Row("id asked for, all passes", sent=("Privacy: id", *BOTH_LINES, PREFERRED_LINE), says=NOBODY,
        customer={**TRUSTED, **HONOURED},
        vendor={"privacy": "passthrough", "pai": "passthrough", "ppi": "passthrough"}, told=HIDDEN,
        privacy="id", asserted=(SIP, TEL), preferred=(PREFERRED,)),
    Row("id asked for, to none", sent=("Privacy: id", *BOTH_LINES, PREFERRED_LINE), says=NOBODY,
        customer={**TRUSTED, **HONOURED},
        vendor={"privacy": "none", "pai": "passthrough", "ppi": "passthrough"}, told=HIDDEN),
    Row("id asked for, to none, caller", sent=("Privacy: id", *BOTH_LINES),
        customer={**TRUSTED, **HONOURED},
        vendor={"privacy": "none", "pai": "caller", "ppi": "caller"}, told=HIDDEN),
    Row("id asked for and stripped", sent=("Privacy: id", *BOTH_LINES), customer=TRUSTED,
        vendor={"privacy": "passthrough", "pai": "passthrough"}, asserted=(SIP, TEL)),
]

PREFERENCES = [
    Row("ppi none", sent=(PREFERRED_LINE,)),
    Row("ppi passthrough", sent=(PREFERRED_LINE,), vendor={"ppi": "passthrough"},
        preferred=(PREFERRED,)),
    Row("ppi passthrough, trusted", sent=(PREFERRED_LINE, SIP_LINE), customer=TRUSTED,
        vendor={"ppi": "passthrough"}, preferred=(PREFERRED,)),
    Row("ppi passthrough, two", sent=(f"{PREFERRED_LINE}, <tel:+4932>",),
        vendor={"ppi": "passthrough"}, preferred=(PREFERRED, "<tel:+4932>")),
    Row("ppi passthrough, absent", vendor={"ppi": "passthrough"}),
    Row("ppi caller", sent=(PREFERRED_LINE,), vendor={"ppi": "caller"},
        preferred=(here("4989555"),)),
    Row("ppi caller, absent", vendor={"ppi": "caller"}, preferred=(here("4989555"),)),
    Row("ppi caller, nobody", says=NOBODY, told=NOBODY_PLAIN, vendor={"ppi": "caller"}),
    Row("ppi caller, id", vendor={"ppi": "caller", "privacy": "id"}, told=HIDDEN, privacy="id",
        preferred=(here("4989555"),)),
    Row("both caller", sent=(SIP_LINE, PREFERRED_LINE), customer=TRUSTED,
        vendor={"pai": "caller", "ppi": "caller"}, asserted=(here("+4931"),),
        preferred=(here("4989555"),)),
]

# The dial plan for the asserted number, and those for the calling number.
PLANS = [
    Row("plan, From's number", vendor={"pai": "caller", "pai_plan": "49:0049"},
        asserted=(here("004989555"),)),
    Row("plan that doesn't fit", vendor={"pai": "caller", "pai_plan": "33:0033"},
        asserted=(here("4989555"),)),
    Row("plan, the asserted number", sent=(SIP_LINE,), customer=TRUSTED,
        vendor={"pai": "caller", "pai_plan": "49:no, +49:0049"}, asserted=(here("004931"),)),
    Row("plan, nobody's number", says=NOBODY, told=NOBODY_PLAIN, sent=(TEL_LINE,), customer=TRUSTED,
        vendor={"pai": "caller", "pai_plan": "+:00"}, asserted=(here("004931"),)),
    Row("plan, nobody", says=NOBODY, told=NOBODY_PLAIN,
        vendor={"pai": "caller", "pai_plan": ":00"}),
    Row("the caller's plans, nobody", says=NOBODY, told=NOBODY_PLAIN,
        customer={"caller_plan": ":0"}, vendor={"caller_plan": ":+"}),
    Row("a number for nobody", says=NOBODY, told=f'"Anonymous" {here("4989000")}',
        vendor={"caller_plan": "anonymous$:4989000", "pai": "caller"},
        asserted=(here("4989000"),)),
    Row("plan that refuses", vendor={"pai": "caller", "pai_plan": "4989:!", "ppi": "caller"},
        preferred=(here("4989555"),)),
    Row("plan, id", vendor={"privacy": "id", "pai": "caller", "pai_plan": ":+"}, told=HIDDEN,
        privacy="id", asserted=(here("+4989555"),)),
    Row("plan, what passes stays", sent=BOTH_LINES, customer=TRUSTED,
        vendor={"pai": "passthrough", "pai_plan": "+:00"}, asserted=(SIP, TEL)),
    Row("the caller's plans, and that one", customer={"caller_plan": "49:0"},
        vendor={"caller_plan": "0:+49", "pai": "caller", "ppi": "caller", "pai_plan": "+49:0049"},
        told=f'"Alice" {here("+4989555")}', asserted=(here("004989555"),),
        preferred=(here("+4989555"),)),
]

REWRITTEN: tuple[Settings, Settings] = {"caller_plan": "49:0"}, {"caller_plan": "0:+49"}


def display_rows(rule: str, through: str) -> list[Row]:
    own = {"privacy": "none", **({DISPLAY: rule} if through == "gateway" else {})}
    shown = {"ignore": '"Alice" ', "e164": '"+4989555" ', "original": '"4989555" '}[rule]
    bare = "" if rule == "ignore" else shown
    nobody = '"Anonymous" ' if rule == "ignore" else '"anonymous" '
    customer, vendor = REWRITTEN
    return [
        Row(f"{rule} by {through}", customer=customer, vendor={**vendor, **own},
            told=shown + here("+4989555")),
        Row(f"{rule} by {through}, no name", says=f"<sip:4989555@{CALLER}>", customer=customer,
            vendor={**vendor, **own}, told=bare + here("+4989555")),
        Row(f"{rule} by {through}, tel", says="<tel:4989555>", customer=customer,
            vendor={**vendor, **own}, told=bare + here("+4989555")),
        Row(f"{rule} by {through}, no brackets", says=f"sip:4989555@{CALLER}", customer=customer,
            vendor={**vendor, **own}, told=bare + here("+4989555")),
        Row(f"{rule} by {through}, nobody", says=NOBODY, vendor=own,
            told=nobody + here("anonymous")),
        Row(f"{rule} by {through}, id", vendor={**own, "privacy": "id"}, told=HIDDEN, privacy="id"),
    ]


@case
def asserted_callers(bench: Bench) -> None:
    """P-Asserted-Identity and P-Preferred-Identity, trust, the dial plan for the asserted number,
    and the display name by the parameter at the gateway."""
    switch = bench.switch()
    board = Board(bench, switch)
    board.try_rows([*ASSERTED, *PREFERENCES, *PLANS, *display_rows("ignore", "gateway"),
                    *display_rows("e164", "gateway"), *display_rows("original", "gateway")])
    switch.wait_cdrs(board.calls)


@case
def callers_by_the_site_files_parameters(bench: Bench) -> None:
    """What the site file says where a gateway doesn't, and the gateway's own over it."""
    numbered = f'"4989555" {here("4989555")}'
    switch = bench.switch()
    board = Board(bench, switch)
    for privacy, display in (("id", "e164"), ("none", "original")):
        switch.restart_with({PRIVACY_PARAMETER: privacy, DISPLAY: display})
        rows = [*parameter_rows(privacy, "site file"),
                Row("site file, ignore by gateway", vendor={PRIVACY_PARAMETER: "ignore"}),
                Row("site file, id by gateway", vendor={PRIVACY_PARAMETER: "id"}, told=HIDDEN,
                    privacy="id"),
                Row("site file, none by gateway", vendor={PRIVACY_PARAMETER: "none"},
                    privacy="none")]
        board.try_rows([*(dataclasses.replace(row, told=numbered) if row.told == PLAIN else row
                          for row in rows), *display_rows(display, "site file"),
                        *display_rows("ignore", "gateway")])


@case
def hidden_callers_all_through_the_dialog(bench: Bench) -> None:
    """Whatever the caller sends or answers, nothing in it tells who it is; nor does a CANCEL."""
    switch = bench.switch()
    caller, callee = bench.caller(), bench.callee()
    switch.ask("gateway", "set", "bcorp", "privacy=id")

    def check_hidden(message: Message) -> None:
        for word in ("4989555", "Alice", "alice", CALLER):
            check(word not in message.text, f"{word} stands in {message.text}")

    def invite() -> tuple[Leg, Message]:
        leg = caller.invite(SIP_AT_CALLER, NUMBER, TELLING_SDP, EXTRA, says=ALICE)
        asked = callee.expect("INVITE")
        check_hidden(asked)
        return leg, asked

    leg, asked = invite()
    other = callee.answer_leg(asked)
    other.reply(180)
    caller.expect(180)
    leg.cancel()
    cancel = callee.expect("CANCEL")
    check_hidden(cancel)
    other.reply(200, request=cancel)
    other.reply(487)
    check_hidden(callee.expect("ACK"))
    caller.expect(200)
    leg.ack(caller.expect(487))

    leg, asked = invite()
    other = callee.answer_leg(asked)
    other.reply(200, sdp(CALLEE, 30000, payloads="8"))
    leg.ack(caller.expect(200))
    check_hidden(callee.expect("ACK"))
    # Its re-INVITE and its INFO; its answers to the callee's.
    changed = TELLING_SDP.replace(" 20000 1 IN", " 20000 2 IN")
    leg.send("INVITE", changed, more=EXTRA)
    offer = callee.expect("INVITE")
    check_hidden(offer)
    other.reply(200, sdp(CALLEE, 30000, payloads="8"), request=offer)
    answer = caller.expect(200)
    caller.send(leg.request("ACK", cseq=answer.cseq[0]), leg.peer)
    check_hidden(callee.expect("ACK"))
    info = leg.send("INFO", more=EXTRA)
    asked = callee.expect("INFO")
    check_hidden(asked)
    other.reply(200, request=asked)
    caller.expect_response(200, (info, "INFO"))
    other.send("INVITE", sdp(CALLEE, 30002, payloads="8"))
    offer = caller.expect("INVITE")
    leg.reply(200, changed, request=offer, more=EXTRA)
    answer = callee.expect(200)
    check_hidden(answer)
    callee.send(other.request("ACK", cseq=answer.cseq[0]), other.peer)
    caller.expect("ACK")
    bye = leg.send("BYE", more=EXTRA)
    check_hidden(other.take_bye())
    caller.expect_response(200, (bye, "BYE"))
    check_equal({one["caller"] for one in switch.wait_cdrs(2)}, {"4989555"}, "callers")


@case
def each_gateway_is_told_by_its_own_settings(bench: Bench) -> None:
    """A call that goes on to the next gateway: what the former one was told is no measure."""
    switch = bench.switch(site=(
        "[[gateway]]", 'name = "second"', 'kind = "routing"', f'address = "{STRANGER_AT_CALLEE}"',
        "[[route]]", 'prefix = "49"', 'gateway = "second"', "priority = 200"))
    caller, first = bench.caller(), bench.callee()
    second = bench.callee(STRANGER_AT_CALLEE)
    hiding = ("privacy=id", "pai=none", "caller_plan=")
    telling = ("privacy=none", "pai=caller", "caller_plan=49:0049")
    wanted = {hiding: Row("hiding", told=HIDDEN, privacy="id"),
              telling: Row("telling", told=f'"Alice" {here("004989555")}',
                           asserted=(here("004989555"),))}
    for settings in ((hiding, telling), (telling, hiding)):
        for gateway, setting in zip(("bcorp", "second"), settings):
            switch.ask("gateway", "set", gateway, *setting)
        leg = caller.invite(SIP_AT_CALLER, NUMBER, TELLING_SDP, EXTRA, says=ALICE)
        for agent, setting, status in zip((first, second), settings, (480, 486)):
            asked = agent.expect("INVITE")
            check_told(wanted[setting], asked)
            agent.answer_leg(asked).reply(status)
            agent.expect("ACK")
        leg.ack(caller.expect(486))
    switch.wait_cdrs(2)
