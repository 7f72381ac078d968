"""Routes that the operator changes while calls go."""

from harness.bench import Bench, case
from harness.call import SIP_AT_CALLER, Peers
from harness.failure import check, check_equal
from harness.lab import CALLEE, STRANGER_AT_CALLEE
from harness.sip import Agent


@case
def routes_change_while_calls_go(bench: Bench) -> None:
    """A deck is imported and the next call goes by it; so does the one after each change, and after
    kill -9. What makes no sense is refused, and the routes stay as they are."""
    store = bench.folder / "routes.db"
    switch = bench.switch(site=(
        "[[gateway]]", 'name = "ccorp"', 'kind = "routing"', f'address = "{CALLEE}:5070"',
        'port = "callee"', "[routing]", f'store = "{store}"'))
    peers = Peers.at(bench)
    others = {"bcorp": peers.callee, "ccorp": bench.callee(port=5070)}

    def refused(status: int) -> None:
        leg = peers.caller.invite(SIP_AT_CALLER, "4420123", peers.caller_sdp())
        leg.ack(peers.caller.expect(status))

    def goes_to(gateway: str) -> None:
        leg = peers.caller.invite(SIP_AT_CALLER, "4420123", peers.caller_sdp())
        callee: Agent = others[gateway]
        callee.answer_leg(callee.expect("INVITE")).reply(486)
        callee.expect("ACK")
        leg.ack(peers.caller.expect(486))

    refused(404)
    deck = bench.folder / "deck.csv"
    deck.write_text("prefix,gateway,price\n44,ccorp,0.02\n" +
                    "".join(f"44{n},ccorp,0.01\n" for n in range(30000, 50000)))
    check_equal(switch.ask("route", "import", str(deck)),
                {"added": 20001, "changed": 0, "removed": 0, "refused": 0, "kept": True}, "import")
    goes_to("ccorp")

    bad = bench.folder / "bad.csv"
    bad.write_text("prefix,gateway\n4420,bcorp\n4421,dcorp\n49,bcorp\n")
    fault = switch.ctl("route", "import", str(bad))
    check_equal(fault.returncode, 1, "exit code of an import with bad rows")
    check(f'{bad}:3: there is no gateway "dcorp"' in fault.stderr, fault.stderr)
    check(f'{bad}:4: the site file has a route of "49" to bcorp' in fault.stderr, fault.stderr)
    goes_to("ccorp")

    switch.ask("route", "add", "4420", "bcorp", "--time", "mon-sun")
    goes_to("bcorp")
    switch.ask("route", "set", "4420", "bcorp", "--disable")
    goes_to("ccorp")
    switch.ask("route", "set", "4420", "bcorp", "--enable")
    tested = switch.ask("route", "test", "4420123")
    check_equal([one["gateway"] for one in tested["candidates"]], ["bcorp"], "candidates")
    check_equal([(one["prefix"], one["reason"]) for one in tested["passed_over"]],
                [("44", "a longer prefix has routes")], "passed over")

    assert switch.controlplane
    switch.controlplane.kill()
    switch.start_controlplane()
    goes_to("bcorp")
    switch.ask("list", "add", "no-premium", "callee", "--deny", "44900-44909")
    switch.ask("route", "del", "4420", "bcorp")
    deck.write_text("prefix,gateway\n33,ccorp\n")
    check_equal(switch.ask("route", "import", str(deck), "--replace")["removed"], 20001, "removed")
    refused(404)
    check_equal(switch.ask("route", "test", "449051")["lists"][0]["verdict"], "deny", "the list")
    check_equal(switch.ask("route", "show", "")["total"], 2, "routes")


@case
def gateways_lead_to_themselves(bench: Bench) -> None:
    """A gateway's own prefixes, priority and weight are routes: true for the next call, after a
    restart, and below what a route says. Those that make no sense are refused, and the former ones
    stay."""
    switch = bench.switch()
    peers = Peers.at(bench)
    second = bench.callee(STRANGER_AT_CALLEE)

    def goes_to(number: str, agent: Agent) -> None:
        leg = peers.caller.invite(SIP_AT_CALLER, number, peers.caller_sdp())
        agent.answer_leg(agent.expect("INVITE")).reply(486)
        agent.expect("ACK")
        leg.ack(peers.caller.expect(486))

    def leads(number: str) -> list[tuple[str, int, str]]:
        return [(one["gateway"], one["priority"], one["from"])
                for one in switch.ask("route", "test", number)["candidates"]]

    switch.ask("gateway", "add", "second", "kind=routing", f"address={STRANGER_AT_CALLEE}",
               "prefixes=4430-4449,every", "priority=50")
    check_equal(leads("4431123"), [("second", 50, "gateway")], "the gateway's routes")
    goes_to("4431123", second)
    goes_to("1555", second)
    goes_to("49123", peers.callee)  # the longer prefix, of the site file
    refused = switch.ctl("gateway", "set", "second", "prefixes=4430-4449,4440-4459")
    check("prefixes: 4440-4459 overlaps 4430-4449" in refused.stderr, refused.stderr)
    refused = switch.ctl("route", "del", "443", "second")
    check("is one of the prefixes of second" in refused.stderr, refused.stderr)
    goes_to("4431123", second)
    switch.ask("gateway", "set", "bcorp", "prefixes=443", "priority=40")
    check_equal(leads("4431123"), [("bcorp", 40, "gateway"), ("second", 50, "gateway")], "order")
    goes_to("4431123", peers.callee)
    switch.ask("route", "add", "443", "bcorp", "--priority", "60")
    goes_to("4431123", second)
    switch.stop()
    switch.start()
    check_equal(leads("4431123"), [("second", 50, "gateway"), ("bcorp", 60, "store")],
                "after a restart")
    goes_to("4431123", second)
    switch.ask("gateway", "del", "second")
    goes_to("4431123", peers.callee)
