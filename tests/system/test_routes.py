"""Routes that the operator changes while calls go."""

from harness.bench import Bench, case
from harness.call import SIP_AT_CALLER, Peers
from harness.failure import check, check_equal
from harness.lab import CALLEE
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
