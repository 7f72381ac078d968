"""The switch under test: its site file, its two processes, its operator's tool, its CDRs."""

import dataclasses
import json
import os
import pathlib
import random
import re
import socket
import subprocess

from .failure import Failure, check, check_equal, wait_until
from .lab import CALLEE, CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER, Lab
from .process import Process

READY = r"\bready\b"
# The sanitizers' builds start slower by far.
START_TIMEOUT = 40.0


@dataclasses.dataclass
class Options:
    """What a test may want otherwise than the others."""
    workers: int = 1
    shards: int = 1
    no_huge: bool = False
    memory_mb: int = 512
    parameters: dict[str, str] = dataclasses.field(default_factory=dict)
    capacity: int = 100
    caller: str = CALLER  # the mapping gateway's address
    callee: str = f"{CALLEE}:5060"  # the routing gateway's address or name
    callee_listener: str = ""  # reached by this [[listener]] instead of the port
    name_servers: list[str] = dataclasses.field(default_factory=list)
    site: tuple[str, ...] = ()  # more lines of the site file
    first: tuple[str, ...] = ()  # such that stand before all gateways
    # Its two cables and its addresses on them, where it isn't alone between the far ends.
    towards_caller: tuple[str, str] = ("sw0", SWITCH_TO_CALLER)
    towards_callee: tuple[str, str] = ("sw1", SWITCH_TO_CALLEE)
    core: int = 1  # its worker's, where there is one


def answers(asker: socket.socket, peer: str, port: int, door: str) -> bool:
    """Whether the switch answers an OPTIONS, however it does."""
    branch = random.getrandbits(64)
    asker.sendto((f"OPTIONS sip:{door} SIP/2.0\r\n"
                  f"Via: SIP/2.0/UDP {peer}:{port};branch=z9hG4bK{branch:x}\r\n"
                  f"Max-Forwards: 70\r\nFrom: <sip:probe@{peer}>;tag=1\r\nTo: <sip:{door}>\r\n"
                  f"Call-ID: {branch:x}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
                  ).encode(), (door, 5060))
    try:
        return bool(asker.recv(65536))
    except TimeoutError:
        return False


class Switch:
    def __init__(self, lab: Lab, build: pathlib.Path, folder: pathlib.Path, options: Options,
                 number: int):
        self.lab = lab
        self.build = build
        self.folder = folder
        self.options = options
        self.segment = f"{lab.name}-{number}"
        self.socket = lab.folder / f"control{number}.sock"
        self.journal = folder / "cdr.jsonl"
        self.site = folder / "site.toml"
        self.dataplane: Process | None = None
        self.controlplane: Process | None = None
        self.site.write_text(self.site_text())

    def site_text(self) -> str:
        options = self.options
        # Two workers share the two cores with everything else: slow, but a fair test of hand-overs.
        cores = [options.core] if options.workers == 1 else list(range(options.workers))
        huge = self.lab.huge_pages and not options.no_huge
        parameters = {"SS_RTP_PORT_RANGE": "10000,39999", **options.parameters}
        return "\n".join([
            "[corridor]", f'segment = "{self.segment}"',
            f"workers = {options.workers}", f"shards = {options.shards}",
            "[dataplane]", f"cores = {cores}", "main_core = 0",
            f"memory_mb = {options.memory_mb}", f"huge_pages = {str(huge).lower()}",
            "[[port]]", 'name = "caller"',
            f'device = "net_af_packet0,iface={options.towards_caller[0]}"',
            f'address = "{options.towards_caller[1]}/24"', "sip_port = 5060",
            "[[port]]", 'name = "callee"',
            f'device = "net_af_packet1,iface={options.towards_callee[0]}"',
            f'address = "{options.towards_callee[1]}/24"', "sip_port = 5060",
            "[dns]", f"servers = {json.dumps(options.name_servers)}",
            "[control]", f'socket = "{self.socket}"',
            "[cdr]", f'journal = "{self.journal}"',
            *options.first,
            "[[gateway]]", 'name = "acme"', 'kind = "mapping"', f'address = ["{options.caller}"]',
            f"capacity = {options.capacity}",
            "[[gateway]]", 'name = "bcorp"', 'kind = "routing"', f'address = "{options.callee}"',
            f'listener = "{options.callee_listener}"' if options.callee_listener
            else 'port = "callee"', f"capacity = {options.capacity}",
            "[[route]]", 'prefix = "49"', 'gateway = "bcorp"', *options.site,
            "[parameters]", *(f'{name} = "{value}"' if not value.isdigit() else f"{name} = {value}"
                              for name, value in parameters.items()), ""])

    # --- the two processes ---

    def program(self, name: str) -> str:
        for room in ("dataplane", "controlplane", "controlplane/admin"):
            path = self.build / room / name
            if path.is_file():
                return str(path)
        raise Failure(f"{name} is not built in {self.build}")

    def _launch(self, name: str, *more: str) -> Process:
        environment = dict(os.environ)
        # DPDK keeps what it has until the end: not a leak of ours.
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=0")
        environment.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        return Process(name, [self.program(name), "--config", str(self.site), *more],
                       self.folder / f"{name}.log", self.lab.switch, environment)

    def launch_dataplane(self) -> Process:
        more = ["--no-huge"] if self.options.no_huge else []
        self.dataplane = self._launch("tandem-dataplane", *more)
        return self.dataplane

    def launch_controlplane(self) -> Process:
        self.controlplane = self._launch("tandem-controlplane")
        return self.controlplane

    def start_dataplane(self) -> None:
        """Once it returns, and the other process lives, SIP gets through."""
        self.launch_dataplane().wait_line(READY, START_TIMEOUT)
        if self.controlplane and self.controlplane.running:
            self.wait_signalling()

    def start_controlplane(self) -> None:
        self.launch_controlplane().wait_line(READY, START_TIMEOUT)
        if self.dataplane and self.dataplane.running:
            self.wait_signalling()

    def start(self) -> None:
        self.launch_dataplane()
        self.launch_controlplane()
        self.wait_ready()
        self.wait_signalling()

    def restart_with(self, parameters: dict[str, str]) -> None:
        """Another control plane, with these parameters in the site file."""
        assert self.controlplane
        check_equal(self.controlplane.stop(), 0, "exit code of the control plane")
        self.options.parameters = parameters
        self.site.write_text(self.site_text())
        self.start_controlplane()

    def wait_ready(self) -> None:
        for process in (self.dataplane, self.controlplane):
            if process:
                process.wait_line(READY, START_TIMEOUT)

    def wait_signalling(self) -> None:
        """SIP gets through on both sides: each process is ready before they have shaken hands, and
        a peer that sends a datagram only once would see it lost."""
        for namespace, peer, door in ((self.lab.caller, CALLER, SWITCH_TO_CALLER),
                                      (self.lab.callee, CALLEE, SWITCH_TO_CALLEE)):
            if door not in (self.options.towards_caller[1], self.options.towards_callee[1]):
                continue  # another switch's
            with namespace.udp(peer, 0) as asker:
                asker.settimeout(0.2)
                port = asker.getsockname()[1]
                wait_until(lambda: answers(asker, peer, port, door), f"{door} answers OPTIONS")

    def check_alive(self) -> None:
        for process in (self.dataplane, self.controlplane):
            if process and not process.running:
                raise Failure(f"{process.name} died: {process.last_words(15)}")

    def stop(self) -> None:
        """A clean end: both obey SIGTERM with exit code 0 and leave no shared memory."""
        codes = {}
        for process in (self.controlplane, self.dataplane):
            if process:
                codes[process.name] = process.stop()
        self.controlplane = self.dataplane = None
        for name, code in codes.items():
            check_equal(code, 0, f"exit code of {name} after SIGTERM")
        if codes:
            check(not self.segment_path.exists(), f"{self.segment_path} was left behind")
            check_equal(self.open_call_files(), [], "memory of open calls that was left behind")

    def kill(self) -> None:
        """The end after a failure: nothing is demanded any more, nothing stays."""
        for process in (self.controlplane, self.dataplane):
            if process:
                process.kill()
        self.segment_path.unlink(missing_ok=True)
        for path in self.open_call_files():
            path.unlink()

    def open_call_files(self) -> list[pathlib.Path]:
        return sorted(self.segment_path.parent.glob(f"{self.segment}.calls-*"))

    @property
    def segment_path(self) -> pathlib.Path:
        return pathlib.Path("/dev/shm") / self.segment

    # --- the operator's tool ---

    def ctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.program("tandemctl"), "--socket", str(self.socket), *arguments],
                              text=True, capture_output=True, timeout=20, stdin=subprocess.DEVNULL)

    def ask(self, *arguments: str) -> dict:
        done = self.ctl("--json", *arguments)
        if done.returncode != 0:
            raise Failure(f"tandemctl {' '.join(arguments)}: exit code {done.returncode}, "
                          f"{(done.stderr or done.stdout).strip()}")
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Failure(f"tandemctl {' '.join(arguments)}: no JSON: {done.stdout!r}") from None

    def calls(self) -> list[dict]:
        return self.ask("show", "calls")["calls"]

    def flows(self) -> list[dict]:
        return self.ask("show", "flows")["flows"]

    def counter(self, name: str) -> int:
        counters = self.ask("show", "counters")
        for side in ("dataplane", "controlplane"):
            if name in counters[side]:
                return counters[side][name]
        raise Failure(f"no counter {name}")

    def wait_counter(self, name: str, least: int, timeout: float = 10.0) -> int:
        return wait_until(lambda: (value := self.counter(name)) >= least and value,
                          f"counter {name} at {least} or above", timeout)

    def wait_no_calls(self, timeout: float = 10.0) -> None:
        wait_until(lambda: not self.calls(), "no call left", timeout)

    def wait_nothing_left(self) -> None:
        """No call and no flow: a record is on disk a moment before they are gone."""
        self.wait_no_calls()
        wait_until(lambda: not self.flows(), "no flow left")

    def wait_one_record(self, timeout: float = 10.0) -> dict:
        """A call is over for good: nothing is left of it but exactly one record."""
        self.wait_cdrs(1, timeout)
        self.wait_nothing_left()
        return self.wait_cdrs(1)[0]

    # --- call records ---

    def finished_journals(self) -> list[pathlib.Path]:
        return sorted(self.journal.parent.glob(f"{self.journal.stem}-*{self.journal.suffix}"))

    def wait_cdrs_by_start(self, count: int) -> list[dict]:
        """As the calls came, for a refused one has its record before the one that ended before."""
        return sorted(self.wait_cdrs(count), key=lambda one: (one["start_ms"], one["sequence"]))

    def cdrs(self) -> list[dict]:
        """Of all files of the journal, by their numbers. The current one first: while it is read,
        it may become one of the finished."""
        records = {}
        for path in [self.journal, *self.finished_journals()]:
            try:
                text = path.read_text()
            except FileNotFoundError:
                continue
            whole = text[:text.rfind("\n") + 1]  # a line being written isn't a record yet
            for record in map(json.loads, whole.splitlines()):
                records[record["sequence"]] = record
        return [records[number] for number in sorted(records)]

    def wait_cdrs(self, count: int, timeout: float = 10.0) -> list[dict]:
        wait_until(lambda: len(self.cdrs()) >= count, f"{count} call records", timeout)
        records = self.cdrs()
        check_equal(len(records), count, "number of call records")
        return records

    def sanitizer_report(self) -> str:
        """The first line of a sanitizer's report in the logs, or nothing."""
        for log in self.folder.glob("tandem-*.log"):
            found = re.search(r"^.*(ERROR: \w+Sanitizer|runtime error:|WARNING: ThreadSan).*$",
                              log.read_text(errors="replace"), re.MULTILINE)
            if found:
                return f"{log.name}: {found.group(0)}"
        return ""
