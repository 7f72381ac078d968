"""Many calls at once between two SIPp, and what each of the two saw of them, by its own log."""

import dataclasses
import os
import pathlib
import random
import re
import signal
from typing import Iterator

from .bench import Bench
from .failure import check

ANSWERS, HANGS_UP, BUSY, CANCELLED, NO_ROUTE = 1, 2, 3, 4, 5  # what becomes of a call
WEIGHTS = {ANSWERS: 45, HANGS_UP: 20, BUSY: 15, CANCELLED: 12, NO_ROUTE: 8}
RING_MS, TALK_MS = 600, 1500  # for up to so long
ROWS = 2000  # of calls; then the same ones come again
END_S = 40.0  # all are over by then, and forgotten ones given up


@dataclasses.dataclass
class CallerSaw:
    invites: list[float] = dataclasses.field(default_factory=list)  # when it sent each
    words: list[tuple[float, int]] = dataclasses.field(default_factory=list)  # to the INVITE
    bye_status: int = 0  # the answer to its BYE
    hung_up: bool = False  # it got a BYE
    number: str = ""

    @property
    def status(self) -> int:
        """Of the final response."""
        return max((status for _, status in self.words if status >= 200), default=0)

    @property
    def rang(self) -> bool:
        return any(status == 180 for _, status in self.words)

    @property
    def answered_at(self) -> float:
        return next(at for at, status in self.words if status == 200)


@dataclasses.dataclass
class CalleeSaw:
    """Of one leg: an attempt of the switch's."""
    number: str
    status: int = 0  # that it sent to the INVITE, and when first
    said_at: float = 0.0
    acked: bool = False
    asked_to_end: bool = False  # got a BYE or CANCEL
    bye_status: int = 0  # the answer to its BYE


@dataclasses.dataclass
class Line:
    at: float  # s since 1970
    sent: bool
    call_id: str
    method: str  # of the CSeq
    text: str  # the message's first line

    @property
    def status(self) -> int:
        """0: a request."""
        return int(self.text[8:11]) if self.text.startswith("SIP/2.0 ") else 0

    @property
    def number(self) -> str:
        found = re.match(r"INVITE sip:(\d+)@", self.text)
        return found.group(1) if found else ""


def lines_of(log: pathlib.Path) -> Iterator[Line]:
    with log.open(encoding="utf-8") as file:
        for text in file:
            _, _, at, way, call_id, cseq, first = text.rstrip("\n").split("\t", 6)
            yield Line(float(at), way == "S", call_id, cseq.split()[-1], first)


class Load:
    """`rate` calls a second from now on; the seed says which."""

    def __init__(self, bench: Bench, rate: int, seed: int, timeout: int):
        rows = bench.folder / "calls.csv"
        rows.write_text("SEQUENTIAL\n" + "".join(self._rows(random.Random(seed))))
        # Each message is sent three times at most: 0.3 and 0.6 s apart, then 1.2 s of patience.
        limits = {"calls": rate * timeout, "at_once": 20 * rate, "timeout": timeout, "brief": True}
        more = ("-max_retrans", "2")
        self._callee = bench.sipp_callee("callee_under_load", more=more, **limits)
        self._caller = bench.sipp_caller("caller_under_load", rate=rate,
                                         more=("-inf", str(rows), *more), **limits)

    @staticmethod
    def _rows(draw: random.Random) -> Iterator[str]:
        kinds, weights = list(WEIGHTS), list(WEIGHTS.values())
        for _ in range(ROWS):
            kind = draw.choices(kinds, weights)[0]
            ring, talk = draw.randrange(RING_MS), draw.randrange(TALK_MS)
            number = f"{'99' if kind == NO_ROUTE else '49'}{kind}{ring:04}{talk:04}"
            yield f"{number};{kind};{ring};{talk};\n"

    def end(self) -> None:
        """No more calls; returns when those that there are have ended."""
        for sipp in (self._caller, self._callee):
            check(sipp.running, f"{sipp.name} ended too early: {sipp.last_words()}")
            os.kill(sipp.pid, signal.SIGUSR1)
            sipp.wait(END_S)

    def callers(self) -> dict[str, CallerSaw]:
        """By Call-ID."""
        calls: dict[str, CallerSaw] = {}
        for line in lines_of(self._caller.messages):
            call = calls.setdefault(line.call_id, CallerSaw())
            if line.number:
                call.number = line.number
                call.invites.append(line.at)
            elif line.method == "INVITE" and not line.sent:
                call.words.append((line.at, line.status))
            elif line.method == "BYE" and not line.sent:
                call.bye_status = max(call.bye_status, line.status)
                call.hung_up |= line.status == 0
        return calls

    def callees(self) -> dict[str, CalleeSaw]:
        """By Call-ID of the leg."""
        legs: dict[str, CalleeSaw] = {}
        for line in lines_of(self._callee.messages):
            if line.number:
                legs.setdefault(line.call_id, CalleeSaw(line.number))
            leg = legs[line.call_id]
            if line.sent and line.method == "INVITE" and line.status > leg.status:
                leg.status, leg.said_at = line.status, line.at
            elif not line.sent and line.status == 0:
                leg.acked |= line.method == "ACK"
                leg.asked_to_end |= line.method in ("BYE", "CANCEL")
            elif not line.sent and line.method == "BYE":
                leg.bye_status = max(leg.bye_status, line.status)
        return legs
