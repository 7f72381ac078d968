"""A home behind a NAT: a namespace whose packets leave through the caller's, from its address, by
the kernel's connection tracking with a short memory for UDP."""

import contextlib
import pathlib
import shutil
import subprocess
from typing import Iterator

from .failure import Failure, Skipped
from .lab import CALLER, Lab, Namespace

HOME, ROUTER = "192.168.77.2", "192.168.77.1"


class Home:
    def __init__(self, lab: Lab, udp_timeout_s: int):
        self.lab = lab
        self.udp_timeout_s = udp_timeout_s
        self.namespace = Namespace(lab.name + "-home")
        self._router = lab.caller

    def ways_in(self) -> int:
        """How many UDP ports of the router lead into the home at this moment."""
        listed = subprocess.run(
            self._router.command(["conntrack", "-L", "-p", "udp", "--src", HOME]),
            capture_output=True, text=True)
        if listed.returncode != 0:
            raise Failure(f"conntrack: {listed.stderr.strip()}")
        return len(listed.stdout.splitlines())

    def _lay(self) -> None:
        home, router = self.namespace.name, self._router.name
        for command in (
                ["ip", "netns", "add", home],
                ["ip", "link", "add", "home0", "netns", router, "type", "veth",
                 "peer", "name", "far0", "netns", home],
                ["ip", "-n", router, "addr", "add", f"{ROUTER}/24", "dev", "home0"],
                ["ip", "-n", router, "link", "set", "home0", "up"],
                ["ip", "-n", home, "addr", "add", f"{HOME}/24", "dev", "far0"],
                ["ip", "-n", home, "link", "set", "lo", "up"],
                ["ip", "-n", home, "link", "set", "far0", "up"],
                ["ip", "-n", home, "route", "add", "default", "via", ROUTER],
                # What is forwarded must have its checksum: the appliance looks at it.
                self.namespace.command(["ethtool", "-K", "far0", "tx", "off"]),
                self._router.command(["nft", "add table ip home; add chain ip home out { type nat "
                                      "hook postrouting priority 100; }; add rule ip home out "
                                      f"ip saddr {HOME} snat to {CALLER}"])):
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode != 0:
                raise Failure(f"{' '.join(command)}: {done.stderr.strip()}")

    def _set_kernel(self) -> None:
        settings = {"net/ipv4/ip_forward": 1,
                    "net/netfilter/nf_conntrack_udp_timeout": self.udp_timeout_s,
                    "net/netfilter/nf_conntrack_udp_timeout_stream": self.udp_timeout_s}
        for path, value in settings.items():
            # /proc/sys shows the namespace of whoever opens it.
            subprocess.run(self._router.command(
                ["sh", "-c", f"echo {value} > {pathlib.Path('/proc/sys') / path}"]), check=True)

    @contextlib.contextmanager
    def built(self) -> Iterator["Home"]:
        for tool in ("nft", "conntrack"):
            if not shutil.which(tool):
                raise Skipped(f"{tool} is not installed")
        try:
            self._lay()
            self._set_kernel()
            yield self
        finally:
            for command in (["ip", "netns", "del", self.namespace.name],
                            ["ip", "-n", self._router.name, "link", "del", "home0"],
                            self._router.command(["nft", "delete", "table", "ip", "home"]),
                            self._router.command(["sh", "-c",
                                                  "echo 0 > /proc/sys/net/ipv4/ip_forward"])):
                subprocess.run(command, check=False, stderr=subprocess.DEVNULL)
