"""Many calls at once, played by one thread at both ends, with a memory of what each caller saw.

Nothing is repeated: what is lost stays lost, so that each call is one INVITE and no more."""

import dataclasses
import random
import re
import selectors
import threading
import time

from .lab import CALLEE, CALLER, SWITCH_TO_CALLER, Lab
from .sip import sdp

RING_AND_ANSWER, BUSY = "4930", "4931"  # the callee's answer, by the dialled number
HOLD_S = 1.5  # calls are up for up to so long


@dataclasses.dataclass
class Seen:
    """What the caller saw of its call."""
    status: int = 0  # of the final response
    hung_up: bool = False  # its BYE was answered with 200
    over: bool = False  # nothing of it is still to come


def header(text: str, name: str) -> str:
    found = re.search(rf"^{name}: *(.*?)\r$", text, re.MULTILINE | re.IGNORECASE)
    return found.group(1) if found else ""


class Load:
    def __init__(self, lab: Lab, rate: float, seed: int):
        self.calls: dict[str, Seen] = {}
        self._gap = 1.0 / rate
        self._random = random.Random(seed)
        self._caller = lab.caller.udp(CALLER, 5060)
        self._callee = lab.callee.udp(CALLEE, 5060)
        self._byes: list[tuple[float, str, str]] = []  # when, Call-ID, the BYE
        self._number = 0
        self._calling = True
        self._living = True
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def stop_calling(self) -> None:
        """No more calls; those that are up go on."""
        self._calling = False

    def open_calls(self) -> int:
        return sum(seen.status == 200 and not seen.over for seen in list(self.calls.values()))

    def end(self) -> None:
        self._living = False
        self._thread.join()
        self._caller.close()
        self._callee.close()

    def __enter__(self) -> "Load":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _live(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(self._caller, selectors.EVENT_READ, self._caller_gets)
        selector.register(self._callee, selectors.EVENT_READ, self._callee_gets)
        due = time.monotonic()
        while self._living:
            for key, _ in selector.select(0.002):
                data, source = key.fileobj.recvfrom(65536)  # type: ignore[union-attr]
                key.data(data.decode(), source)
            now = time.monotonic()
            while self._byes and self._byes[0][0] <= now:
                _, call_id, bye = self._byes.pop(0)
                self._send(bye)
                # A switch that was killed meanwhile answers it with 481, or not at all.
                self.calls[call_id].over = True
            if self._calling and now >= due:
                due = max(due + self._gap, now - 10 * self._gap)
                self._begin()
        selector.close()

    def _send(self, text: str) -> None:
        self._caller.sendto(text.encode(), (SWITCH_TO_CALLER, 5060))

    def _request(self, method: str, uri: str, to: str, call_id: str, cseq: int, body: str) -> str:
        content = "Content-Type: application/sdp\r\n" if body else ""
        return (f"{method} {uri} SIP/2.0\r\n"
                f"Via: SIP/2.0/UDP {CALLER}:5060;branch=z9hG4bK{call_id}{method}\r\n"
                f"Max-Forwards: 70\r\nFrom: <sip:4989@{CALLER}>;tag={call_id}\r\nTo: {to}\r\n"
                f"Call-ID: {call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: <sip:load@{CALLER}:5060>\r\n{content}"
                f"Content-Length: {len(body)}\r\n\r\n{body}")

    def _begin(self) -> None:
        self._number += 1
        call_id = f"load{self._number}x{self._random.getrandbits(48):x}"
        number = (BUSY if self._random.random() < 0.15 else RING_AND_ANSWER) + "123"
        self.calls[call_id] = Seen()
        uri = f"sip:{number}@{SWITCH_TO_CALLER}"
        self._send(self._request("INVITE", uri, f"<{uri}>", call_id, 1, sdp(CALLER, 20000)))

    def _caller_gets(self, text: str, source: tuple[str, int]) -> None:
        if not text.startswith("SIP/2.0 "):
            self._answer(self._caller, text, source)
            return
        status = int(text[8:11])
        call_id = header(text, "Call-ID")
        seen = self.calls.get(call_id)
        if status < 200 or seen is None:
            return
        if header(text, "CSeq").endswith("BYE"):
            seen.hung_up = status == 200
            return
        first = seen.status == 0
        seen.status = status
        contact = re.search(r"<([^>]+)>", header(text, "Contact"))
        uri = contact.group(1) if status == 200 and contact else f"sip:x@{SWITCH_TO_CALLER}"
        ack = self._request("ACK", uri, header(text, "To"), call_id, 1, "")
        if status != 200:  # an ACK of the INVITE's transaction
            ack = ack.replace(f"{call_id}ACK", f"{call_id}INVITE", 1)
        self._send(ack)
        if first and status == 200:
            bye = self._request("BYE", uri, header(text, "To"), call_id, 2, "")
            self._byes.append((time.monotonic() + self._random.random() * HOLD_S, call_id, bye))
            self._byes.sort()

    def _callee_gets(self, text: str, source: tuple[str, int]) -> None:
        if text.startswith("INVITE "):
            if text.startswith(f"INVITE sip:{BUSY}"):
                self._respond(self._callee, text, source, "486 Busy Here")
                return
            self._respond(self._callee, text, source, "180 Ringing")
            self._respond(self._callee, text, source, "200 OK", sdp(CALLEE, 30000, "8"))
        else:
            self._answer(self._callee, text, source)

    def _answer(self, way, text: str, source: tuple[str, int]) -> None:
        """200 to whatever the switch asks for itself."""
        if text.startswith(("BYE ", "CANCEL ", "OPTIONS ")):
            self._respond(way, text, source, "200 OK")

    @staticmethod
    def _respond(way, request: str, source: tuple[str, int], status: str, body: str = "") -> None:
        head = request.split("\r\n\r\n", 1)[0] + "\r\n"
        vias = "".join(line + "\r\n" for line in re.findall(r"^(Via:.*?)\r$", head, re.MULTILINE))
        to = header(head, "To")
        if "tag=" not in to:
            to += ";tag=callee"
        content = "Content-Type: application/sdp\r\n" if body else ""
        way.sendto((f"SIP/2.0 {status}\r\n{vias}From: {header(head, 'From')}\r\nTo: {to}\r\n"
                    f"Call-ID: {header(head, 'Call-ID')}\r\nCSeq: {header(head, 'CSeq')}\r\n"
                    f"Contact: <sip:load@{CALLEE}:5060>\r\n{content}"
                    f"Content-Length: {len(body)}\r\n\r\n{body}").encode(), source)
