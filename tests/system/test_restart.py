"""Starts, deaths, restarts and ends of the two processes."""

import json
import pathlib
import re
import subprocess

from harness.bench import Bench, case
from harness.call import CALLEE_STREAM, CALLER_STREAM, Call, Peers, establish, speak_both_ways
from harness.failure import check, check_equal, wait_until
from harness.lab import REPOSITORY


def quick_call(bench: Bench) -> None:
    bench.sipp_call("caller_hangs_up", "callee_answers")


def talk_on(call: Call) -> None:
    """Both ends speak in the background until hush()."""
    call.peers.caller_rtp.talk(CALLER_STREAM, call.switch_for_caller)
    call.peers.callee_rtp.talk(CALLEE_STREAM, call.switch_for_callee)


def hush(call: Call) -> None:
    call.peers.caller_rtp.hush()
    call.peers.callee_rtp.hush()


def check_flowing(call: Call, what: str, timeout: float = 10.0) -> None:
    """A second's worth of packets more arrives at both ends."""
    ends = (call.peers.caller_rtp, call.peers.callee_rtp)
    targets = [len(end.received) + 50 for end in ends]
    wait_until(lambda: all(len(end.received) >= target for end, target in zip(ends, targets)),
               what, timeout)


@case
def dataplane_first(bench: Bench) -> None:
    switch = bench.new_switch()
    switch.start_dataplane()
    switch.start_controlplane()
    quick_call(bench)
    switch.wait_cdrs(1)


@case
def control_plane_first(bench: Bench) -> None:
    switch = bench.new_switch()
    switch.start_controlplane()
    switch.start_dataplane()
    quick_call(bench)
    switch.wait_cdrs(1)


@case
def clean_restart_of_each(bench: Bench) -> None:
    """SIGTERM and a new start, one process after the other; calls work before and after."""
    switch = bench.switch()
    quick_call(bench)
    assert switch.dataplane and switch.controlplane
    check_equal(switch.controlplane.stop(), 0, "exit code of the control plane")
    switch.start_controlplane()
    quick_call(bench)
    check_equal(switch.dataplane.stop(), 0, "exit code of the dataplane")
    switch.start_dataplane()
    quick_call(bench)
    sequences = [record["sequence"] for record in switch.wait_cdrs(3)]
    check_equal(sequences, [sequences[0] + step for step in range(3)], "CDR sequences")


@case
def control_plane_killed_between_calls(bench: Bench) -> None:
    switch = bench.switch()
    quick_call(bench)
    first = switch.wait_cdrs(1)[0]
    for _ in range(3):
        assert switch.controlplane
        switch.controlplane.kill()
        switch.start_controlplane()
    quick_call(bench)
    second = switch.wait_cdrs(2)[1]
    check_equal(second["sequence"], first["sequence"] + 1, "the next CDR's sequence")
    check_equal(second["sip_code"], 200, "the next CDR's sip_code")
    check(second["call"] != first["call"], "a call's name was given twice")


@case
def media_outlives_control_plane(bench: Bench) -> None:
    """A call that is up keeps its voice while the control plane is dead and after its restart."""
    switch = bench.switch()
    peers = Peers.at(bench)
    call = establish(peers)
    talk_on(call)
    check_flowing(call, "voice before")
    assert switch.controlplane
    switch.controlplane.kill()
    check_flowing(call, "voice while the control plane is dead")
    switch.start_controlplane()
    check_flowing(call, "voice after the restart")
    other = establish(peers.more(bench, 10))
    check(other.switch_for_caller != call.switch_for_caller, "a port was given to two calls")
    speak_both_ways(other, 50)
    check_flowing(call, "voice beside a new call")
    hush(call)
    other.caller_leg.bye_with(other.callee_leg)


@case
def dataplane_killed_in_call(bench: Bench) -> None:
    """The control plane opens the flows again in a dataplane that comes back."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    talk_on(call)
    check_flowing(call, "voice before")
    assert switch.dataplane
    switch.dataplane.kill()
    switch.start_dataplane()
    check_flowing(call, "voice after the restart of the dataplane", timeout=20)
    check(switch.wait_counter("flow_reopened", 2) >= 2, "flow_reopened")
    hush(call)
    call.caller_leg.bye_with(call.callee_leg)
    check_equal(switch.wait_cdrs(1)[0]["sip_code"], 200, "sip_code")
    quick_call_after = establish(call.peers.more(bench, 10))
    speak_both_ways(quick_call_after, 20)
    quick_call_after.caller_leg.bye_with(quick_call_after.callee_leg)


@case
def dataplane_killed_between_calls(bench: Bench) -> None:
    switch = bench.switch()
    quick_call(bench)
    assert switch.dataplane
    switch.dataplane.kill()
    switch.start_dataplane()
    quick_call(bench)
    switch.wait_cdrs(2)


@case
def both_killed(bench: Bench) -> None:
    """A segment that nobody lives in any more is no obstacle."""
    switch = bench.switch()
    quick_call(bench)
    assert switch.dataplane and switch.controlplane
    switch.dataplane.kill()
    switch.controlplane.kill()
    switch.start()
    quick_call(bench)
    switch.wait_cdrs(2)


@case
def second_instance_refused(bench: Bench) -> None:
    """A process that finds its own kind running says so and leaves everything alone."""
    switch = bench.switch()
    for name in ("tandem-controlplane", "tandem-dataplane"):
        done = subprocess.run(
            bench.lab.switch.command([switch.program(name), "--config", str(switch.site)]),
            capture_output=True, text=True, timeout=40, stdin=subprocess.DEVNULL)
        check(done.returncode not in (0, -6, -11), f"second {name}: exit code {done.returncode}")
        check(done.stderr.strip(), f"second {name} gives no reason")
    quick_call(bench)
    switch.wait_cdrs(1)


def names_in(folder: str) -> set[str]:
    path = pathlib.Path(folder)
    return {str(found) for found in path.glob("*")} if path.is_dir() else set()


def huge_pages(which: str) -> int:
    """Of the whole machine: Total or Free."""
    text = pathlib.Path("/proc/meminfo").read_text()
    found = re.search(rf"HugePages_{which}:\s+(\d+)", text)
    return int(found.group(1)) if found else 0


@case
def nothing_left_behind(bench: Bench) -> None:
    """After a clean end, in either order: no shared memory, socket, EAL file or huge page."""
    def ours() -> set[str]:
        return {name for folder in ("/dev/shm", "/run/dpdk", "/dev/hugepages")
                for name in names_in(folder)}

    before, total, free = ours(), huge_pages("Total"), huge_pages("Free")
    for order in (("controlplane", "dataplane"), ("dataplane", "controlplane")):
        switch = bench.switch()
        check(switch.segment_path.exists(), f"no segment at {switch.segment_path}")
        quick_call(bench)
        for name in order:
            process = getattr(switch, name)
            check_equal(process.stop(), 0, f"exit code of {name}")
        check(not switch.socket.exists(), "the control socket was left behind")
        check(not switch.segment_path.exists(), "the segment was left behind")
        switch.dataplane = switch.controlplane = None
    # Other runs on this machine come and go too: only what bears our name counts.
    left = {name for name in ours() - before if bench.lab.name in name}
    check_equal(left, set(), "left behind")
    if bench.lab.huge_pages:
        # Another run's pages come and go meanwhile: then nobody can tell.
        wait_until(lambda: huge_pages("Free") >= free or huge_pages("Total") != total or
                   len(names_in("/run/tandem-lab")) > 1, "huge pages are free again")


@case
def wrong_configuration(bench: Bench) -> None:
    """Exit code 2, and every fault with file and line."""
    switch = bench.new_switch(parameters={"SS_SIP_TIMEOUT_INVITE": "3"})
    good = switch.site_text()
    # what is wrong, its replacement, which program must find it
    both, control, data = ("tandem-dataplane", "tandem-controlplane"), (1,), (0,)
    faults = [
        ("workers = 1", "workers = 0", (0, 1)),
        ("shards = 1", 'shards = "one"', (0, 1)),
        ('address = "10.77.1.1/24"', 'address = "10.77.1.1"', (0, 1)),
        ("[corridor]", "[corridor", (0, 1)),
        ("cores = [1]", "cores = []", data),
        ('device = "net_af_packet0,iface=sw0"', "", data),
        ('gateway = "bcorp"', 'gateway = "nobody"', control),
        ('kind = "mapping"', 'kind = "mopping"', control),
        ("SS_SIP_TIMEOUT_INVITE = 3", "SS_SIP_TIMEOUT_INVITE = 999999", control),
        ("SS_SIP_TIMEOUT_INVITE = 3", "SS_SIP_TIMEOUT_INVENTED = 3", control),
    ]
    for what, instead, programs in faults:
        check(what in good, f"{what!r} is not in the site file")
        switch.site.write_text(good.replace(what, instead))
        for name in (both[index] for index in programs):
            done = subprocess.run(
                bench.lab.switch.command([switch.program(name), "--config", str(switch.site)]),
                capture_output=True, text=True, timeout=40, stdin=subprocess.DEVNULL)
            said = f"{name} with {instead!r}: exit code {done.returncode}, says {done.stderr!r}"
            check(done.returncode == 2, said)
            check(re.search(rf"^{re.escape(str(switch.site))}:\d+: \S", done.stderr, re.MULTILINE),
                  said)
    check(not switch.segment_path.exists(), "a wrong configuration left shared memory behind")


@case
def several_faults_at_once(bench: Bench) -> None:
    switch = bench.new_switch()
    text = switch.site_text().replace('kind = "mapping"', 'kind = "mopping"')
    text = text.replace('gateway = "bcorp"', 'gateway = "nobody"')
    switch.site.write_text(text)
    done = subprocess.run([switch.program("tandem-controlplane"), "--config", str(switch.site)],
                          capture_output=True, text=True, timeout=40, stdin=subprocess.DEVNULL)
    check_equal(done.returncode, 2, "exit code")
    lines = text.splitlines()
    for wrong in ('kind = "mopping"', 'gateway = "nobody"'):
        number = lines.index(wrong) + 1
        check(f"{switch.site}:{number}: " in done.stderr, f"line {number} missing: {done.stderr}")


@case
def sample_configuration(bench: Bench) -> None:
    """conf/tandem.toml carries a call as it is, but for the names of one run."""
    switch = bench.new_switch()
    text = (REPOSITORY / "conf/tandem.toml").read_text()
    for key, value in {"segment": switch.segment, "socket": str(switch.socket),
                       "journal": str(switch.journal),
                       "huge_pages": bench.lab.huge_pages}.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {json.dumps(value)}", text)
        check_equal(count, 1, f"lines of {key} in conf/tandem.toml")
    switch.site.write_text(text)
    switch.start()
    quick_call(bench)
    switch.wait_cdrs(1)
