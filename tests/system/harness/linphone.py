"""linphonec: a phone that nobody here wrote, driven by what one would type."""

import os
import pathlib
import shutil

from .failure import Skipped
from .lab import Namespace
from .process import Process
from .tone import read_wav, seconds_of


def demand_linphone() -> None:
    if not shutil.which("linphonec"):
        raise Skipped("linphonec is not installed")


class Linphone(Process):
    """One phone at `address`. It plays the WAV `speech` and records what it hears; digits go as
    RTP events, or with `info` as INFO."""

    def __init__(self, namespace: Namespace, address: str, folder: pathlib.Path, *, name: str,
                 user: str, speech: pathlib.Path, port: int = 5060,
                 codecs: tuple[str, ...] = ("PCMA", "PCMU"), ice: bool = False,
                 info: bool = False):
        demand_linphone()
        self.folder = folder / name
        self.heard = self.folder / "heard.wav"
        # It wants to keep things at home and complains if it can't.
        (self.folder / ".local/share/linphone").mkdir(parents=True)
        lines = ["[sip]", f"sip_port={port}", "sip_tcp_port=0", "sip_tls_port=0", "use_ipv6=0",
                 f"contact=sip:{user}@{address}", f"use_info={info:d}",
                 f"use_rfc2833={not info:d}", "guess_hostname=0",
                 "[net]", "nat_policy_ref=lab", "[nat_policy_0]", "ref=lab",
                 f"protocols={'ice' if ice else ''}", "[rtp]", "audio_rtp_port=20000",
                 "[misc]", "add_missing_audio_codecs=0"]
        for number, codec in enumerate(codecs):
            lines += [f"[audio_codec_{number}]", f"mime={codec}", "rate=8000", "channels=1",
                      "enabled=1"]
        config = self.folder / "linphonerc"
        config.write_text("\n".join(lines) + "\n")
        super().__init__(name, ["linphonec", "-c", str(config), "-S", "-d", "6", "-l",
                                str(self.folder / "debug.log")],
                         folder / f"{name}.log", namespace,
                         {**os.environ, "HOME": str(self.folder), "TERM": "dumb"}, typed=True)
        self.type("soundcard use files")
        self.type(f"play {speech}")
        self.type(f"record {self.heard}")
        self.wait_line("Using wav files")

    # --- what a hand would do ---

    def dial(self, uri: str) -> None:
        self.type(f"call {uri}")

    def accept(self) -> None:
        self.type("answer")

    def hang_up(self) -> None:
        self.type("terminate")

    def hold(self) -> None:
        self.type("pause")

    def resume(self) -> None:
        self.type("resume")

    def press(self, digit: str) -> None:
        self.type(digit)

    def wait_incoming(self) -> None:
        self.wait_line("incoming call from")

    def wait_ringing(self) -> None:
        self.wait_line(r"Call \d+ to .* ringing")

    def wait_established(self) -> None:
        self.wait_line(r"Call \d+ with .* connected")

    def wait_closed(self) -> None:
        self.wait_line(r"Call \d+ with .* ended")

    # --- what an ear would hear ---

    def seconds_heard(self, hertz: int) -> float:
        return seconds_of(read_wav(self.heard), hertz)
