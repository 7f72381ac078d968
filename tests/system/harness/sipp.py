"""SIPp as a caller or a callee."""

import pathlib

from .failure import Failure
from .lab import Namespace
from .process import Process

SCENARIOS = pathlib.Path(__file__).resolve().parents[1] / "scenarios"


class Sipp(Process):
    """Runs `scenario` (a file, or a name in scenarios/) for `calls` calls from address:port;
    without a target it waits for them. Over TCP it keeps to one connection. Its voice is at
    `media`, where that is another address. `says` puts other words into the scenario, for one
    behind a proxy (`via`). `messages` is its own log of what it sent and received: each as a
    whole, or, where many are to come, a line of each (`brief`)."""

    def __init__(self, namespace: Namespace, address: str, scenario: str | pathlib.Path,
                 folder: pathlib.Path, *,
                 target: str = "", number: str = "4930123456", calls: int = 1, at_once: int = 1,
                 rate: int = 50, talk_ms: int = 300, media_port: int = 0, timeout: int = 60,
                 port: int = 5060, protocol: str = "udp", media: str = "",
                 says: dict[str, str] | None = None, via: str = "", brief: bool = False,
                 more: tuple[str, ...] = ()):
        if isinstance(scenario, str):
            scenario = SCENARIOS / f"{scenario}.xml"
        if says:
            text = scenario.read_text(encoding="utf-8")
            for word, instead in says.items():
                text = text.replace(word, instead)
            scenario = folder / scenario.name
            scenario.write_text(text, encoding="utf-8")
        name = f"sipp-{scenario.stem}"
        self.errors = folder / f"{name}-errors.log"
        self.messages = folder / f"{name}-messages.log"
        trace = (("-trace_shortmsg", "-shortmessage_file") if brief else
                 ("-trace_msg", "-message_file"))
        argv = ["sipp", "-sf", str(scenario), "-i", address, "-p", str(port),
                "-t", f"{protocol[0]}1", "-mi", media or address,
                "-m", str(calls), "-d", str(talk_ms), "-nostdin",
                "-timeout", f"{timeout}s", "-timeout_error",
                "-trace_err", "-error_file", str(self.errors),
                *trace, str(self.messages), *more]
        if media_port:
            argv += ["-mp", str(media_port)]
        if via:
            argv += ["-rsa", via]
        if target:
            argv += ["-s", number, "-r", str(rate), "-l", str(at_once), target]
        super().__init__(name, argv, folder / f"{name}.log", namespace)
        self.timeout = timeout
        if not target:
            self.wait_listening(port, protocol)

    def last_words(self, count: int = 5) -> str:
        if self.errors.exists():
            lines = [line for line in self.errors.read_text(errors="replace").splitlines() if line]
            if lines:
                return " / ".join(line[:1000] for line in lines[:3])
        return super().last_words(count)

    def finish(self) -> None:
        """Demands that every call went as the scenario says."""
        code = self.wait(self.timeout + 10)
        if code != 0:
            raise Failure(f"{self.name}: exit code {code}: {self.last_words()}")
