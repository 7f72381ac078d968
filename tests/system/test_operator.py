"""What the operator sees and does with tandemctl."""

import re

from harness.bench import NUMBER, Bench, case
from harness.call import Peers, establish, speak_both_ways
from harness.failure import check, check_equal, wait_until
from harness.lab import CALLEE, CALLER, REPOSITORY, SWITCH_TO_CALLEE, SWITCH_TO_CALLER


def counters_in(path: str) -> set[str]:
    text = (REPOSITORY / path).read_text()
    return set(re.findall(r"^COUNTER\((\w+),", text, re.MULTILINE))


@case
def hangup_ends_a_call(bench: Bench) -> None:
    switch = bench.switch()
    call = establish(Peers.at(bench))
    name = switch.calls()[0]["id"]
    check_equal(switch.ask("hangup", str(name)), {"call": name}, "answer to hangup")
    call.caller_leg.take_bye()
    call.callee_leg.take_bye()
    record = switch.wait_cdrs(1)[0]
    check_equal(record["call"], name, "call")
    check_equal(record["end_direction"], "switch", "end_direction")
    switch.wait_no_calls()
    check_equal(switch.ctl("hangup", str(name)).returncode, 1, "exit code for a call that is gone")


@case
def show_everything(bench: Bench) -> None:
    switch = bench.switch()
    call = establish(Peers.at(bench))
    speak_both_ways(call, 60)

    shown = switch.calls()
    check_equal(len(shown), 1, "calls")
    for key, value in {"caller": "4989555", "callee": NUMBER, "mapping_gateway": "acme",
                       "routing_gateway": "bcorp", "shard": 0}.items():
        check_equal(shown[0][key], value, f"{key} in show calls")
    check(0 < shown[0]["start_ms"] <= shown[0]["answer_ms"], f"times in show calls: {shown[0]}")
    check(shown[0]["state"], "state in show calls")

    # Workers publish figures about once a second.
    flows = wait_until(lambda: (now := switch.flows()) and len(now) == 4 and
                       sum(flow["packets"] for flow in now if flow["kind"] == "rtp") == 120 and now,
                       "four flows with 120 packets")
    check_equal(sorted(flow["kind"] for flow in flows), ["rtcp", "rtcp", "rtp", "rtp"], "kinds")
    by_local = {flow["local"]: flow for flow in flows}
    for door, remote, far in ((call.switch_for_caller, (CALLER, 20000), call.switch_for_callee),
                              (call.switch_for_callee, (CALLEE, 30000), call.switch_for_caller)):
        flow = by_local[f"{door[0]}:{door[1]}"]
        check_equal(flow["remote"], f"{remote[0]}:{remote[1]}", "remote in show flows")
        check_equal(flow["peer"], f"{far[0]}:{far[1]}", "peer in show flows")
        check_equal(flow["latched"], True, "latched in show flows")
        check_equal(flow["call"], shown[0]["id"], "call in show flows")
        check_equal((flow["packets"], flow["octets"], flow["lost"]), (60, 60 * 172, 0), "figures")
        check("jitter_us" in flow and "largest_gap_us" in flow, "jitter or gap in show flows")

    counters = switch.ask("show", "counters")
    check_equal(set(counters), {"dataplane", "controlplane"}, "parts of show counters")
    known = counters_in("drivers/wire/counters.def")
    check(set(counters["dataplane"]) | set(counters["controlplane"]) == known,
          "show counters and counters.def differ")
    wait_until(lambda: switch.counter("media_relayed") >= 120, "media_relayed at 120")

    workers = switch.ask("show", "workers")["workers"]
    check_equal([worker["worker"] for worker in workers], [0], "workers")
    for key in ("lcore", "flows", "turns", "busy_share", "rx_packets", "tx_packets", "drops"):
        check(key in workers[0], f"no {key} in show workers")
    check(0 <= workers[0]["busy_share"] <= 1, f"busy_share {workers[0]['busy_share']}")

    for what, wanted in (("calls", NUMBER), ("flows", SWITCH_TO_CALLER),
                         ("flows", SWITCH_TO_CALLEE), ("counters", "media_relayed"),
                         ("counters", "RTP and RTCP packets relayed"),
                         ("workers", "lcore")):
        done = switch.ctl("show", what)
        check_equal(done.returncode, 0, f"exit code of show {what}")
        check(wanted in done.stdout, f"no {wanted} in show {what}: {done.stdout}")
    call.caller_leg.bye_with(call.callee_leg)


@case
def tool_says_why_not(bench: Bench) -> None:
    switch = bench.new_switch()
    check_equal(switch.ctl("show", "calls").returncode, 3, "exit code without a control plane")
    switch.start()
    for arguments in ((), ("show",), ("show", "nonsense"), ("hangup",), ("--nonsense",)):
        done = switch.ctl(*arguments)
        check_equal(done.returncode, 2, f"exit code of tandemctl {' '.join(arguments)}")
        check(done.stderr.strip() or done.stdout.strip(), f"no word about {arguments}")
    for name in ("999999", "nonsense", "'; drop table calls"):
        check_equal(switch.ctl("hangup", name).returncode, 1, f"exit code of hangup {name}")
    assert switch.controlplane
    switch.controlplane.kill()
    check_equal(switch.ctl("show", "calls").returncode, 3, "exit code with a dead control plane")
    switch.start_controlplane()
