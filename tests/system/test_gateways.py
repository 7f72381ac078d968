"""Gateways set by commands while the switch runs."""

import concurrent.futures

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import check, check_equal, wait_until
from harness.lab import CALLER, STRANGER_AT_CALLER
from harness.sip import Agent, sdp


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
