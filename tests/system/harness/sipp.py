"""SIPp as a caller or a callee."""

import pathlib

from .failure import Failure
from .lab import Namespace
from .process import Process

SCENARIOS = pathlib.Path(__file__).resolve().parents[1] / "scenarios"


class Sipp(Process):
    """Runs `scenario` (a file, or a name in scenarios/) for `calls` calls from address:5060;
    without a target it waits for them."""

    def __init__(self, namespace: Namespace, address: str, scenario: str | pathlib.Path,
                 folder: pathlib.Path, *,
                 target: str = "", number: str = "4930123456", calls: int = 1, at_once: int = 1,
                 rate: int = 50, talk_ms: int = 300, media_port: int = 0, timeout: int = 60,
                 more: tuple[str, ...] = ()):
        if isinstance(scenario, str):
            scenario = SCENARIOS / f"{scenario}.xml"
        name = f"sipp-{scenario.stem}"
        self.errors = folder / f"{name}-errors.log"
        argv = ["sipp", "-sf", str(scenario), "-i", address, "-p", "5060",
                "-mi", address, "-m", str(calls), "-d", str(talk_ms), "-nostdin",
                "-timeout", f"{timeout}s", "-timeout_error",
                "-trace_err", "-error_file", str(self.errors),
                "-trace_msg", "-message_file", str(folder / f"{name}-messages.log"), *more]
        if media_port:
            argv += ["-mp", str(media_port)]
        if target:
            argv += ["-s", number, "-r", str(rate), "-l", str(at_once), target]
        super().__init__(name, argv, folder / f"{name}.log", namespace)
        self.timeout = timeout
        if not target:
            self.wait_listening(5060)

    def last_words(self, count: int = 5) -> str:
        if self.errors.exists():
            lines = [line for line in self.errors.read_text(errors="replace").splitlines() if line]
            if lines:
                return " / ".join(lines[:3])
        return super().last_words(count)

    def finish(self) -> None:
        """Demands that every call went as the scenario says."""
        code = self.wait(self.timeout + 10)
        if code != 0:
            raise Failure(f"{self.name}: exit code {code}: {self.last_words()}")
