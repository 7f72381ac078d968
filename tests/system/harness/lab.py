"""The lab of namespaces (made by scripts/lab) and sockets inside them."""

import contextlib
import ctypes
import os
import pathlib
import socket
import subprocess
from typing import Iterator

from .failure import Failure

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
CLONE_NEWNET = 0x40000000

CALLER = "10.77.1.2"
CALLEE = "10.77.2.2"
STRANGER_AT_CALLER = "10.77.1.3"
STRANGER_AT_CALLEE = "10.77.2.3"
SWITCH_TO_CALLER = "10.77.1.1"
SWITCH_TO_CALLEE = "10.77.2.1"
# On the kernel's own cables, which only some tests lay (Lab.lay_kernel_cables).
KERNEL_TO_CALLER, CALLER_AT_KERNEL = "10.77.3.1", "10.77.3.2"
KERNEL_TO_CALLEE, CALLEE_AT_KERNEL = "10.77.4.1", "10.77.4.2"
# Between two switches (Lab.cable_between): the caller's and the callee's.
NEAR_CABLE, NEAR_TO_FAR = "mid0", "10.77.5.1"
FAR_CABLE, FAR_TO_NEAR = "mid1", "10.77.5.2"

_libc = ctypes.CDLL(None, use_errno=True)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Namespace:
    def __init__(self, name: str):
        self.name = name

    def command(self, argv: list[str]) -> list[str]:
        return ["ip", "netns", "exec", self.name, *argv]

    def open_socket(self, family: int, kind: int, protocol: int = 0) -> socket.socket:
        """A socket that lives in this namespace; this thread is back home when it returns."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        away = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
        try:
            _enter(away)
            try:
                return socket.socket(family, kind, protocol)
            finally:
                _enter(home)
        finally:
            os.close(away)
            os.close(home)

    def udp(self, address: str, port: int) -> socket.socket:
        made = self.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        made.bind((address, port))
        return made

    def raw(self) -> socket.socket:
        """For whole IPv4 packets, under whatever source."""
        return self.open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)


class Lab:
    """`with Lab() as lab:` – up at the start, down at the end whatever happens."""

    def __init__(self, name: str = "", huge_megabytes: int = 512):
        self.name = name or f"td{os.getpid()}"
        self.folder = pathlib.Path("/run/tandem-lab") / self.name
        self.caller = Namespace(self.name + "-caller")
        self.switch = Namespace(self.name + "-switch")
        self.callee = Namespace(self.name + "-callee")
        self.huge_megabytes = huge_megabytes
        self.huge_pages = False

    def _run(self, *arguments: str) -> None:
        # A session of its own: Ctrl-C reaches us, and we end it in our own order.
        done = subprocess.run([str(REPOSITORY / "scripts/lab"), *arguments], text=True,
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              start_new_session=True,
                              env={**os.environ, "TANDEM_LAB_OWNER": str(os.getpid())})
        if done.stderr:
            print(done.stderr, end="", flush=True)
        if done.returncode != 0:
            raise Failure(f"scripts/lab {' '.join(arguments)} failed")

    @contextlib.contextmanager
    def kernel_cables(self) -> Iterator[None]:
        """A cable more to each far end, on which the switch's namespace has an address itself:
        for SIP through the kernel."""
        try:
            for far, ours, theirs, number in (
                    (self.caller, KERNEL_TO_CALLER, CALLER_AT_KERNEL, 0),
                    (self.callee, KERNEL_TO_CALLEE, CALLEE_AT_KERNEL, 1)):
                subprocess.run(["ip", "link", "add", f"kern{number}", "netns", self.switch.name,
                                "type", "veth", "peer", "name", "far1", "netns", far.name],
                               check=True)
                for end, name, address in ((self.switch, f"kern{number}", ours),
                                           (far, "far1", theirs)):
                    ip = ["ip", "-n", end.name]
                    subprocess.run([*ip, "addr", "add", f"{address}/24", "dev", name], check=True)
                    subprocess.run([*ip, "link", "set", name, "up"], check=True)
            yield
        finally:
            for number in (0, 1):
                subprocess.run(["ip", "-n", self.switch.name, "link", "del", f"kern{number}"],
                               check=False, stderr=subprocess.DEVNULL)

    @contextlib.contextmanager
    def cable_between(self) -> Iterator[None]:
        """A cable from the switch's namespace to itself, between two switches."""
        ip = ["ip", "-n", self.switch.name, "link"]
        subprocess.run([*ip, "add", NEAR_CABLE, "type", "veth", "peer", "name", FAR_CABLE],
                       check=True)
        try:
            for end in (NEAR_CABLE, FAR_CABLE):
                subprocess.run([*ip, "set", end, "up"], check=True)
            yield
        finally:
            subprocess.run([*ip, "del", NEAR_CABLE], check=False, stderr=subprocess.DEVNULL)

    def __enter__(self) -> "Lab":
        try:
            self._run("up", self.name, str(self.huge_megabytes))
        except BaseException:
            self._run("down", self.name)
            raise
        self.huge_pages = (self.folder / "huge").read_text().strip() == "true"
        return self

    def __exit__(self, *_: object) -> None:
        self._run("down", self.name)
