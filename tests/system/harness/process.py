"""A process of ours: its log is kept, and one can wait for a line of it."""

import contextlib
import ctypes
import os
import pathlib
import re
import signal
import subprocess
import threading
import time
from typing import Iterator

from .failure import Failure, wait_until
from .lab import Namespace

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def _die_with_parent() -> None:
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """Both output streams go into the log file `log`, line by line. One that is `typed` to reads
    what type() writes."""

    def __init__(self, name: str, argv: list[str], log: pathlib.Path,
                 namespace: Namespace | None = None, environment: dict[str, str] | None = None,
                 typed: bool = False):
        self.name = name
        self.log = log
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._child = subprocess.Popen(
            namespace.command(argv) if namespace else argv,
            stdin=subprocess.PIPE if typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
            start_new_session=True, preexec_fn=_die_with_parent)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child.poll() is None

    def _read(self) -> None:
        assert self._child.stdout
        with self.log.open("a", encoding="utf-8") as file:
            for raw in self._child.stdout:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                file.write(line + "\n")
                file.flush()
                with self._news:
                    self.lines.append(line)
                    self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def type(self, line: str) -> None:
        assert self._child.stdin
        self._child.stdin.write(line.encode() + b"\n")
        self._child.stdin.flush()

    def last_words(self, count: int = 5) -> str:
        return " | ".join(self.lines[-count:]) or "(nothing logged)"

    def wait_line(self, pattern: str, timeout: float = 20.0) -> str:
        """The first line, from the start of the log, in which `pattern` is found."""
        wanted = re.compile(pattern)
        deadline = time.monotonic() + timeout
        seen = 0
        with self._news:
            while True:
                for line in self.lines[seen:]:
                    if wanted.search(line):
                        return line
                seen = len(self.lines)
                if self._ended:
                    raise Failure(f"{self.name} ended too early: {self.last_words()}")
                if not self._news.wait(deadline - time.monotonic()):
                    raise Failure(f"{self.name} logged no {pattern!r} within {timeout:g} s: "
                                  f"{self.last_words()}")

    def wait_listening(self, port: int, protocol: str = "udp", timeout: float = 20.0) -> None:
        """Until something in its namespace listens on `port`."""
        table = pathlib.Path(f"/proc/{self.pid}/net/{protocol}")

        def listening() -> bool:
            if not self.running:
                raise Failure(f"{self.name} ended too early: {self.last_words()}")
            return f":{port:04X} " in table.read_text()

        wait_until(listening, f"{self.name} listens", timeout)

    def wait(self, timeout: float) -> int:
        """Its exit code; negative when a signal ended it."""
        try:
            code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} still runs after {timeout:g} s: "
                          f"{self.last_words()}") from None
        self._reader.join(5)
        return code

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It doesn't run meanwhile."""
        os.kill(self.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self.pid, signal.SIGCONT)

    def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM; its exit code. One that doesn't obey is killed, and that is a failure."""
        if self.running:
            self._child.terminate()
        try:
            return self.wait(timeout)
        except Failure:
            self.kill()
            raise Failure(f"{self.name} ignored SIGTERM for {timeout:g} s") from None

    def kill(self) -> None:
        if self.running:
            self._child.kill()
        self._child.wait()
        self._reader.join(5)
