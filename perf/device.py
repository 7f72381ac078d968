"""A program under test on a core of its own, and how load is put on it: what perf/compare_call and
perf/compare_register share."""

import os
import pathlib
import subprocess
import sys
import time

import comparison

PERF = pathlib.Path(__file__).resolve().parent
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE_S = 10
SKIPPED = 77  # as meson's tests say it
APART = "TANDEM_PERF_APART"


def alone_on(core: int, command: list[str]) -> list[str]:
    """Ahead of whatever else the machine does (SCHED_FIFO, if we may), so that nobody starves."""
    ahead = ["chrt", "--fifo", "1"] if os.geteuid() == 0 else []
    return ["taskset", "-c", str(core), *ahead, *command]


def ticks_of(path: pathlib.Path) -> int:
    fields = path.read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


class Device:
    """The device under test: gone at the end of the block."""

    def __init__(self, command: list[str], core: int, ready: str, folder: str,
                 patience: float = PATIENCE_S):
        self.command = alone_on(core, command)
        self.ready = ready
        self.log = pathlib.Path(folder) / "device.log"
        self.patience = patience

    def __enter__(self) -> "Device":
        with self.log.open("w") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log)
        self.wait_for(self.ready)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait_for(self, words: str) -> None:
        """Until its log says so."""
        deadline = time.monotonic() + self.patience
        while words not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                sys.exit(f"compare: {' '.join(self.command)}:\n{self.log.read_text()}")
            time.sleep(0.05)

    def processes(self) -> list[str]:
        parent = self.process.pid
        children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return [str(parent), *children]

    def cpu_seconds(self) -> float:
        """What all of its processes and threads have used."""
        return sum(ticks_of(pathlib.Path(f"/proc/{pid}/stat"))
                   for pid in self.processes()) / TICKS

    def thread_seconds(self, name: str) -> float:
        """What its threads of this name have used."""
        return sum(ticks_of(task / "stat")
                   for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
                   if (task / "comm").read_text().strip() == name) / TICKS

    def resident(self) -> int:
        """Octets of memory, of its first process."""
        return int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * PAGE


def load(device: Device, command: list[str], lost_most: float, threads: dict[str, str]
         ) -> comparison.Figures:
    """Runs a load generator; `cpu` is the device's while it measured, for each thing completed,
    and so are the measures of `threads`, by thread name. More lost or refused than `lost_most` of
    what was completed ends the program."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    at: dict[str, dict[str, float]] = {}
    lines = []
    for line in process.stdout:
        word = line.split()[0]
        if word in ("measuring", "measured"):
            at[word] = {measure: device.thread_seconds(name) for measure, name in threads.items()}
            at[word]["cpu"] = device.cpu_seconds()
        else:
            lines.append(line)
    process.wait()
    figures = comparison.read_figures("".join(lines))
    wrong = figures.get("lost", 1) + figures.get("refused", 0)
    if not figures.get("completed") or wrong > figures["completed"] * lost_most:
        sys.exit(f"compare: {' '.join(command)}: too many for this machine now, or a fault:"
                 f"\n{''.join(lines)}{device.log.read_text()[-2000:]}")
    for measure, before in at["measuring"].items():
        figures[measure] = (at["measured"][measure] - before) * 1e6 / figures["completed"]
    return figures


def step_apart() -> None:
    """Begins again in a network namespace of our own, if we may make one."""
    if os.geteuid() == 0 and APART not in os.environ:
        os.environ[APART] = "yes"
        os.execvp("unshare", ["unshare", "--net", sys.executable, "-B", *sys.argv])
    if os.geteuid() == 0:
        comparison.run("ip", "link", "set", "lo", "up")
