"""Gateways set by commands while the switch runs."""

import concurrent.futures

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import check, check_equal, wait_until
from harness.lab import CALLER, STRANGER_AT_CALLEE, STRANGER_AT_CALLER
from harness.sip import Agent, Leg, sdp


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


@case
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
