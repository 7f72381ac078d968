"""baresip: a phone that nobody here wrote, without a screen, driven and watched over its control
socket (its module ctrl_tcp: JSON in netstrings)."""

import json
import pathlib
import shutil
import socket
import threading
import time

from .failure import Failure, Skipped, wait_until
from .lab import Namespace
from .process import Process
from .tone import seconds_of, read_wav

MODULES = pathlib.Path("/usr/lib/baresip/modules")
NEEDED = ("g711", "aufile", "aubridge", "sndfile", "account", "menu", "ctrl_tcp")
APPLICATIONS = ("account", "menu", "ctrl_tcp")
CONTROL_PORT = 4444

Event = dict[str, object]


def demand_baresip() -> None:
    if not shutil.which("baresip"):
        raise Skipped("baresip is not installed")
    for module in NEEDED:
        if not (MODULES / f"{module}.so").exists():
            raise Skipped(f"baresip has no module {module}")


class Baresip(Process):
    """A phone at `address`, for the number `user`; two in one namespace need a `control` port each.
    It plays the WAV `speech` and records what it hears. It listens on UDP and TCP 5060, and on TLS
    5061 when it has a `certificate` (its key is in the same file). `media` is its address for
    voice, if another one; `transport` carries its requests. It registers with `domain` each
    `register_s` seconds."""

    def __init__(self, namespace: Namespace, address: str, folder: pathlib.Path, *, name: str,
                 user: str, speech: pathlib.Path, media: str = "", transport: str = "udp",
                 certificate: pathlib.Path | None = None, ca: pathlib.Path | None = None,
                 codecs: str = "PCMA/8000/1", answer: str = "manual", account: str = "",
                 domain: str = "", register_s: int = 0, control: int = CONTROL_PORT,
                 config: tuple[str, ...] = (), rtcp_mux: bool = False):
        demand_baresip()
        self.folder = folder / name
        self._port = control
        self.folder.mkdir()
        self.events: list[Event] = []
        self._answers: dict[str, Event] = {}
        self._commands = 0
        self._news = threading.Condition()
        lines = [f"sip_listen {address}:5060", f"net_interface {media or address}",
                 f"audio_source aufile,{speech}", "audio_player aubridge,nil",
                 "audio_alert aubridge,nil", "audio_path /nonexistent",
                 "ausrc_srate 8000", "auplay_srate 8000", "ausrc_channels 1", "auplay_channels 1",
                 "rtp_ports 20000-20100", f"rtcp_mux {'yes' if rtcp_mux else 'no'}",
                 "jitter_buffer_type fixed", "jitter_buffer_delay 2-10", f"snd_path {self.folder}",
                 "statmode_default off", f"ctrl_tcp_listen 127.0.0.1:{control}",
                 f"module_path {MODULES}", *config,
                 *(f"module{'_app' if module in APPLICATIONS else ''} {module}.so"
                   for module in NEEDED)]
        if certificate:
            lines.append(f"sip_certificate {certificate}")
        if ca:
            lines.append(f"sip_cafile {ca}")
        (self.folder / "config").write_text("\n".join(lines) + "\n")
        (self.folder / "accounts").write_text(
            f"<sip:{user}@{domain or address};transport={transport}>;regint={register_s};"
            f"answermode={answer};"
            f"audio_codecs={codecs};ptime=20{account}\n")
        (self.folder / "contacts").touch()
        super().__init__(name, ["baresip", "-s", "-f", str(self.folder)], folder / f"{name}.log",
                         namespace)  # -s: every SIP message goes to the log
        self._control = self._connect(namespace)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    # --- the control socket ---

    def _connect(self, namespace: Namespace) -> socket.socket:
        def attempt() -> socket.socket | None:
            if not self.running:
                raise Failure(f"{self.name} ended too early: {self.last_words()}")
            made = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                made.connect(("127.0.0.1", self._port))
                return made
            except OSError:
                made.close()
                return None

        found = wait_until(attempt, f"{self.name} opens its control socket", 20)
        assert found
        return found

    def _listen(self) -> None:
        kept = b""
        while chunk := self._receive():
            kept += chunk
            while (colon := kept.find(b":")) > 0 and len(kept) > colon + 1 + int(kept[:colon]):
                end = colon + 1 + int(kept[:colon])
                self._take(json.loads(kept[colon + 1:end]))
                kept = kept[end + 1:]  # after the comma

    def _receive(self) -> bytes:
        try:
            return self._control.recv(65536)
        except OSError:
            return b""

    def _take(self, said: Event) -> None:
        with self._news:
            if said.get("event"):
                self.events.append(said)
            else:
                self._answers[str(said.get("token"))] = said
            self._news.notify_all()

    def command(self, command: str, params: str = "") -> str:
        self._commands += 1
        token = str(self._commands)
        text = json.dumps({"command": command, "params": params, "token": token}).encode()
        self._control.sendall(b"%d:%s," % (len(text), text))
        deadline = time.monotonic() + 15
        with self._news:
            while token not in self._answers:
                if not self._news.wait(deadline - time.monotonic()):
                    raise Failure(f"{self.name} does not answer the command {command}")
            answer = self._answers[token]
        if not answer["ok"]:
            raise Failure(f"{self.name} refuses {command} {params}: {answer.get('data')}")
        return str(answer.get("data"))

    def wait_event(self, kind: str, count: int = 1, timeout: float = 15.0) -> Event:
        """The `count`th event of this kind."""
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                found = [event for event in self.events if event["type"] == kind]
                if len(found) >= count:
                    return found[count - 1]
                if not self._news.wait(deadline - time.monotonic()):
                    seen = [event["type"] for event in self.events]
                    raise Failure(f"{self.name} saw no {kind} within {timeout:g} s, only {seen}")

    # --- what a hand would do ---

    def dial(self, uri: str) -> None:
        self.command("dial", uri)

    def accept(self) -> None:
        self.command("accept")

    def hang_up(self) -> None:
        self.command("hangup")

    def hold(self) -> None:
        self.command("hold")

    def resume(self) -> None:
        self.command("resume")

    def press(self, digit: str) -> None:
        self.command("sndcode", digit)

    def digits(self) -> str:
        """What the other side has pressed."""
        return "".join(str(event["param"]) for event in self.events
                       if event["type"] == "CALL_DTMF_START")

    def wait_incoming(self) -> None:
        self.wait_event("CALL_INCOMING")

    def wait_ringing(self) -> None:
        self.wait_event("CALL_RINGING")

    def wait_established(self) -> None:
        self.wait_event("CALL_ESTABLISHED")

    def wait_closed(self, count: int = 1) -> str:
        """Why the call ended, in baresip's words."""
        return str(self.wait_event("CALL_CLOSED", count).get("param", ""))

    # --- what an ear would hear ---

    def seconds_heard(self, hertz: int) -> float:
        return sum(seconds_of(read_wav(path), hertz)
                   for path in sorted(self.folder.glob("dump-*-dec.wav")))

    def kill(self) -> None:
        super().kill()
        self._control.close()
