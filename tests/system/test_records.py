"""Call records: nothing lost and nothing twice, whatever is killed; how they leave the house."""

import collections
import csv
import json
import os
import random
import subprocess
import time

from harness.bench import Bench, case
from harness.failure import check, check_equal, wait_until
from harness.lab import SWITCH_TO_CALLER
from harness.load import Load
from harness.reconcile import Kill, Reconciliation
from harness.sip import Agent, Message, sdp
from harness.switch import READY, START_TIMEOUT, Switch

RATE = 200  # calls a second


def kill_controlplane(switch: Switch) -> Kill:
    """And starts it again."""
    assert switch.controlplane
    before = time.time()
    switch.controlplane.kill()
    kill = Kill(before, time.time())
    switch.launch_controlplane().wait_line(READY, START_TIMEOUT)
    return kill


@case
def control_plane_killed_under_load(bench: Bench) -> None:
    """kill -9 at random instants under 200 calls/s. scripts/kill-records asks for more of them."""
    count = int(os.environ.get("TANDEM_KILLS", "3"))
    seed = int(os.environ.get("TANDEM_SEED", random.getrandbits(32)))
    print(f"seed {seed}", flush=True)
    draw = random.Random(seed)
    for recorder in bench.recorders.values():
        recorder.stop()  # the parties' own logs say what they saw
    switch = bench.switch(capacity=2000, parameters={"SERVER_CDR_FILE_WRITE_INTERVAL": "1"})
    load = Load(bench, RATE, seed, timeout=60 + 3 * count)
    kills: list[Kill] = []
    lost = 0
    for number in range(1, count + 1):
        wait_until(lambda: len(switch.calls()) > 20, "calls are up")
        time.sleep(draw.random() * 0.9)  # the random instant, not a wait for anything
        kills.append(kill_controlplane(switch))
        lost += switch.counter("cdr_lost_calls")
        check_equal(switch.counter("cdr_slots_corrupt"), 0, "cdr_slots_corrupt")
        if number % 20 == 0:
            print(f"{number} kills", flush=True)
    wait_until(lambda: len(switch.calls()) > 20, "calls are up after the last kill")
    load.end()
    switch.wait_no_calls()
    switch.stop()
    found = Reconciliation(load.callers(), load.callees(), switch.cdrs(), kills)
    figures = found.figures()
    check_equal(found.lost(), lost, "records of calls that were up, by the counter")
    check(lost >= count, f"no call was up at the kills: {figures}")
    check(len(switch.finished_journals()) >= 1, "no file was finished meanwhile")
    print(f"{count} kills: {figures}, {len(switch.finished_journals())} finished files", flush=True)


def unroutable(caller: Agent, mark: str) -> str:
    body = sdp(caller.address, 20000)
    return (f"INVITE sip:99@{SWITCH_TO_CALLER} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {caller.address}:5060;branch=z9hG4bK{mark}\r\nMax-Forwards: 70\r\n"
            f"From: <sip:=1+1,x@{caller.address}>;tag={mark}\r\nTo: <sip:99@{SWITCH_TO_CALLER}>\r\n"
            f"Call-ID: {mark}\r\nCSeq: 1 INVITE\r\nContact: <sip:a@{caller.address}>\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}")


def invite(caller: Agent, count: int) -> list[Message]:
    """So many calls to a number that no route leads to, and what they are refused with: each that
    got 404 leaves a record."""
    marks = {f"{random.getrandbits(48):x}" for _ in range(count)}
    for mark in marks:
        caller.send(unroutable(caller, mark), (SWITCH_TO_CALLER, 5060))
    answers: dict[str, Message] = {}
    while len(answers) < count:
        message = caller.receive()
        check(message, f"{len(answers)} of {count} calls were refused")
        assert message
        if message.status >= 300 and message.call_id in marks:
            answers[message.call_id] = message
    return list(answers.values())


def numbers(text: str) -> list[int]:
    return [json.loads(line)["sequence"] for line in text.splitlines()]


def export(switch: Switch, *more: str) -> str:
    done = switch.ctl("cdr", "export", *more)
    check_equal(done.returncode, 0, f"exit code of cdr export {more}: {done.stderr}")
    return done.stdout


def wait_synced(switch: Switch, count: int) -> None:
    """Records are in the file a moment before the disk has them, and the tools show them then."""
    switch.wait_cdrs(count)
    wait_until(lambda: numbers(switch.ctl("--json", "cdr", "tail", "-n", "1").stdout) == [count],
               f"record {count} is on disk")


@case
def records_are_exported_once(bench: Bench) -> None:
    switch = bench.switch(parameters={"SERVER_CDR_FILE_WRITE_INTERVAL": "1",
                                      "SERVER_CDR_FILE_WRITE_MAX": "1"})
    caller = bench.caller()
    invite(caller, 3)
    wait_synced(switch, 3)
    check_equal(numbers(export(switch, "--no-mark")), [1, 2, 3], "a look")
    check_equal(numbers(export(switch)), [1, 2, 3], "the first export")
    check_equal(export(switch), "", "nothing is new")
    # Whoever takes nothing, or doesn't take all, has exported nothing.
    invite(caller, 2)
    wait_synced(switch, 5)
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([switch.program("tandemctl"), "--socket", str(switch.socket), "cdr",
                               "export"], stdout=full, stderr=subprocess.PIPE, timeout=20,
                              text=True)
    check_equal(done.returncode, 1, "exit code on a full disk")
    check("can't write the standard output" in done.stderr, done.stderr)
    there = bench.folder / "calls.csv"
    export(switch, "--format", "csv", "-o", str(there))
    with there.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    check_equal([row["sequence"] for row in rows], ["4", "5"], "rows")
    check_equal(rows[0]["caller"], "=1+1,x", "a cell as it was sent")
    check_equal(rows[0]["end_reason"], "NoRoute", "end_reason")
    before = there.read_bytes()
    check_equal(switch.ctl("cdr", "export", "-o", str(there)).returncode, 1, "exit code: it exists")
    check_equal(there.read_bytes(), before, "an export is not written over")
    # A choice: marks nothing unless told to, and never past what is not exported.
    check_equal(numbers(export(switch, "--from", "2", "--to", "4")), [2, 3, 4], "from, to")
    check_equal(len(numbers(export(switch, "--since", "2020-01-01"))), 5, "since")
    check_equal(export(switch, "--until", "2020-01-01T00:00:00Z"), "", "until")
    check_equal(switch.ctl("cdr", "export", "--since", "soon").returncode, 2, "no time")
    done = switch.ctl("cdr", "export", "--since", "2020-01-01", "--mark")
    check_equal(done.returncode, 1, "exit code: a mark that would leave a gap")
    invite(caller, 2)
    wait_synced(switch, 7)
    done = switch.ctl("cdr", "export", "--from", "7", "--mark")
    check_equal(done.returncode, 1, "exit code: 6 would be passed over")
    check("records 6 to 6 have not been exported yet" in done.stderr, done.stderr)
    # A time without records leaves no file; exported ones go but for the latest.
    wait_until(lambda: switch.journal.stat().st_size == 0, "the last file is finished")
    export(switch)
    check_equal([path.name for path in switch.finished_journals()][1:], [], "files that stay")
    check_equal(switch.counter("cdr_files_unexported"), 0, "cdr_files_unexported")
    # The mark outlives the control plane.
    assert switch.controlplane
    switch.controlplane.kill()
    switch.start_controlplane()
    check_equal(export(switch), "", "nothing is new after a restart")


@case
def records_are_followed(bench: Bench) -> None:
    switch = bench.switch()
    caller = bench.caller()
    invite(caller, 3)
    wait_synced(switch, 3)
    done = switch.ctl("--json", "cdr", "tail", "-n", "2")
    check_equal(numbers(done.stdout), [2, 3], "the last two")
    with subprocess.Popen([switch.program("tandemctl"), "--socket", str(switch.socket), "cdr",
                           "tail", "-n", "1", "--follow"], stdout=subprocess.PIPE, text=True,
                          stdin=subprocess.DEVNULL) as follower:
        assert follower.stdout
        check(follower.stdout.readline().startswith("3 "), "the last one")
        invite(caller, 1)
        line = follower.stdout.readline()
        check(line.startswith("4 ") and "404 NoRoute by switch" in line, f"what came: {line}")
        follower.terminate()


@case
def disk_that_takes_no_records(bench: Bench) -> None:
    """SERVER_MAX_CDR_PENDING_LIST_LENGTH records wait, then callers are told to come back; nothing
    is lost when the disk takes them again, and nothing when the control plane is killed first."""
    disk = bench.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "tmpfs", str(disk)], check=True)
    try:
        # Other stores are not what this is about.
        switch = bench.new_switch(parameters={"SERVER_MAX_CDR_PENDING_LIST_LENGTH": "100"},
                                  site=("[gateways]", f'store = "{bench.folder / "gateways.db"}"',
                                        "[routing]", f'store = "{bench.folder / "routes.db"}"'))
        switch.journal = disk / "cdr.jsonl"
        switch.site.write_text(switch.site_text())
        switch.start()
        caller = bench.caller()
        statuses: collections.Counter[int] = collections.Counter()
        while not statuses[503]:
            for answer in invite(caller, 20):
                statuses[answer.status] += 1
                check(answer.status == 404 or answer.all("Retry-After"), "503 without Retry-After")
            check(statuses[404] < 1000, "no call is refused for want of room for its record")
        check_equal(switch.counter("calls_refused_records"), statuses[503], "calls_refused_records")
        check(len(switch.cdrs()) < statuses[404], "the disk takes all")
        assert switch.controlplane
        switch.controlplane.kill()
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        switch.start_controlplane()
        records = switch.wait_cdrs(statuses[404])
        check_equal([record["sequence"] for record in records],
                    list(range(1, statuses[404] + 1)), "sequence numbers")
        check_equal(len({record["caller_call_id"] for record in records}), statuses[404], "calls")
        check(switch.counter("cdr_recovered") >= 100, "cdr_recovered")
        check_equal(invite(caller, 1)[0].status, 404, "a call with room for its record")
        switch.stop()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)
