"""The bench of one test: hands out switches and peers, and clears the table after it."""

import contextlib
import pathlib
from typing import Callable, TypeVar

from .failure import Failure
from .lab import (CALLEE, CALLER, FAR_CABLE, FAR_TO_NEAR, NEAR_CABLE, NEAR_TO_FAR,
                  SWITCH_TO_CALLER, Lab)
from .nat import Home
from .process import Process
from .recorder import Recorder
from .rtp import RtpPeer
from .sip import Agent
from .sipp import Sipp
from .switch import Options, Switch

Peer = TypeVar("Peer", bound=Process)
CASES: dict[str, Callable[["Bench"], None]] = {}
PATIENT: set[str] = set()  # names of cases

CALLER_RTP, CALLEE_RTP = 20000, 30000
NUMBER = "4930123456"


def case(function: Callable[["Bench"], None]) -> Callable[["Bench"], None]:
    """Makes the function a test; its name is the test's name."""
    assert function.__name__ not in CASES
    CASES[function.__name__] = function
    return function


def patient_case(function: Callable[["Bench"], None]) -> Callable[["Bench"], None]:
    """A test that waits for a clock most of its time: several of these run at once."""
    PATIENT.add(function.__name__)
    return case(function)


class Bench:
    _numbers = 0

    def __init__(self, lab: Lab, build: pathlib.Path, folder: pathlib.Path):
        self.lab = lab
        self.build = build
        self.folder = folder
        self.switches: list[Switch] = []
        self._stack = contextlib.ExitStack()
        self.recorders = {name: self._stack.enter_context(Recorder(namespace))
                          for name, namespace in (("caller", lab.caller), ("callee", lab.callee))}

    def new_switch(self, **options: object) -> Switch:
        """A switch that isn't started yet."""
        Bench._numbers += 1
        folder = self.folder / f"switch{len(self.switches)}" if self.switches else self.folder
        folder.mkdir(exist_ok=True)
        made = Switch(self.lab, self.build, folder, Options(**options), Bench._numbers)
        self.switches.append(made)
        return made

    def switch(self, **options: object) -> Switch:
        made = self.new_switch(**options)
        made.start()
        return made

    def switch_pair(self, **options: object) -> tuple[Switch, Switch, dict[bool, Recorder]]:
        """The caller's switch, the callee's, and what each (True: the caller's) sends to the other
        one. It's seen where it arrives: what DPDK sends goes past the sender's recorders."""
        self._stack.enter_context(self.lab.cable_between())
        cable = {from_near: self._stack.enter_context(Recorder(self.lab.switch, end))
                 for from_near, end in ((True, FAR_CABLE), (False, NEAR_CABLE))}
        common = {"no_huge": True, **options}
        near = self.new_switch(towards_callee=(NEAR_CABLE, NEAR_TO_FAR),
                               callee=f"{FAR_TO_NEAR}:5060", **common)
        far = self.new_switch(towards_caller=(FAR_CABLE, FAR_TO_NEAR), caller=NEAR_TO_FAR,
                              core=0, **common)
        for switch in (near, far):
            switch.launch_dataplane()
            switch.launch_controlplane()
        for switch in (near, far):
            switch.wait_ready()
            switch.wait_signalling()
        return near, far, cable

    def caller(self, address: str = CALLER, port: int = 5060) -> Agent:
        return self._stack.enter_context(Agent(self.lab.caller, address, port))

    def callee(self, address: str = CALLEE, port: int = 5060) -> Agent:
        return self._stack.enter_context(Agent(self.lab.callee, address, port))

    def rtp_caller(self, port: int = CALLER_RTP, address: str = CALLER) -> RtpPeer:
        return self._stack.enter_context(RtpPeer(self.lab.caller, address, port))

    def rtp_callee(self, port: int = CALLEE_RTP, address: str = CALLEE) -> RtpPeer:
        return self._stack.enter_context(RtpPeer(self.lab.callee, address, port))

    def sipp_callee(self, scenario: str, address: str = CALLEE, **more: object) -> Sipp:
        return self.peer(Sipp, self.lab.callee, address, scenario, **more)

    def sipp_caller(self, scenario: str, address: str = CALLER,
                    target: str = f"{SWITCH_TO_CALLER}:5060", **more: object) -> Sipp:
        return self.peer(Sipp, self.lab.caller, address, scenario, target=target, **more)

    def sipp_call(self, caller: str, callee: str, **more: object) -> None:
        """Both scenarios from start to end, as they are written."""
        far = self.sipp_callee(callee, **more)
        near = self.sipp_caller(caller, **more)
        # Whoever fails first knows best why.
        near.finish()
        far.finish()
        near.kill()
        far.kill()

    def lay_kernel_cables(self) -> None:
        self._stack.enter_context(self.lab.kernel_cables())

    def home(self, udp_timeout_s: int) -> Home:
        return self._stack.enter_context(Home(self.lab, udp_timeout_s).built())

    def peer(self, kind: Callable[..., Peer], *arguments: object, **more: object) -> Peer:
        """A process that plays a peer, `kind(…, folder, …)`; it ends with the test."""
        made = kind(*arguments, self.folder, **more)
        self._stack.callback(made.kill)
        return made

    def write_traffic(self) -> None:
        """traffic.txt: what passed at both far ends, for whoever looks into a failure."""
        seen = sorted(((one.at, side, one) for side, recorder in self.recorders.items()
                       for one in recorder.datagrams), key=lambda entry: entry[0])
        with (self.folder / "traffic.txt").open("w") as file:
            for at, side, one in seen:
                words = one.data.split(b"\r\n")[0][:70]
                what = words.decode() if words.isascii() and words else one.data[:12].hex()
                print(f"{at - seen[0][0]:9.4f} {side} {'sent' if one.sent else 'got '} "
                      f"{one.source[0]}:{one.source[1]} → {one.target[0]}:{one.target[1]} "
                      f"{len(one.data)} {what!r}", file=file)

    def clear(self, demand: bool) -> None:
        """Peers away, switches away. With `demand`, switches must end cleanly and quietly."""
        try:
            self._stack.close()
            if demand:
                for switch in self.switches:
                    switch.check_alive()
                    switch.stop()
        finally:
            for switch in self.switches:
                switch.kill()
        for switch in self.switches:
            if report := switch.sanitizer_report():
                raise Failure(report)
