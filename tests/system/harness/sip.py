"""A SIP endpoint on a UDP socket that a test drives message by message.

It does nothing on its own: no retransmission, no answer that the test didn't ask for. That is the
point: SIPp plays the peers that behave, this one plays those that don't."""

import random
import re
import socket
import time

from .failure import Failure, check
from .lab import Namespace

REASONS = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 486: "Busy Here",
           487: "Request Terminated", 480: "Temporarily Unavailable", 404: "Not Found"}


def token(length: int = 10) -> str:
    return "".join(random.choices("abcdefghijkmnpqrstuvwxyz23456789", k=length))


class Message:
    def __init__(self, text: str, source: tuple[str, int] = ("", 0)):
        head, _, self.body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.text = text
        self.source = source
        self.start_line = lines[0]
        self.headers = [(name.strip(), value.strip()) for name, _, value in
                        (line.partition(":") for line in lines[1:])]
        self.status = 0
        self.method = ""
        if self.start_line.startswith("SIP/2.0 "):
            self.status = int(self.start_line.split(" ")[1])
        else:
            self.method = self.start_line.split(" ")[0]

    def all(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def get(self, name: str) -> str:
        values = self.all(name)
        if not values:
            raise Failure(f"no {name} in: {self.start_line}")
        return values[0]

    @property
    def uri(self) -> str:
        return self.start_line.split(" ")[1]

    @property
    def call_id(self) -> str:
        return self.get("Call-ID")

    @property
    def cseq(self) -> tuple[int, str]:
        number, method = self.get("CSeq").split()
        return int(number), method

    def media(self) -> tuple[str, int]:
        """Where the audio of this SDP wants to be sent."""
        check(self.body, f"no SDP in: {self.start_line}")
        connection = re.search(r"^c=IN IP4 (\S+)", self.body, re.MULTILINE)
        audio = re.search(r"^m=audio (\d+) (?:UDP/TLS/)?RTP/S?AVP", self.body, re.MULTILINE)
        check(connection and audio, f"SDP without c= or m=audio: {self.body!r}")
        assert connection and audio
        return connection.group(1), int(audio.group(1))


def address_of(value: str) -> str:
    """The URI inside a Contact, From or To value."""
    found = re.search(r"<([^>]+)>", value)
    return found.group(1) if found else value.split(";")[0].strip()


def host_port(uri: str) -> tuple[str, int]:
    found = re.match(r"sips?:(?:[^@]*@)?([^:;>?]+)(?::(\d+))?", uri)
    if not found:
        raise Failure(f"not a SIP URI: {uri!r}")
    return found.group(1), int(found.group(2) or 5060)


def sdp(address: str, port: int, payloads: str = "8 0", more: str = "") -> str:
    return (f"v=0\r\no=- {port} 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
            f"m=audio {port} RTP/AVP {payloads}\r\n" + more)


class Agent:
    transport = "UDP"

    def __init__(self, namespace: Namespace, address: str, port: int = 5060):
        self.address = address
        self.port = port
        self.socket: socket.socket = namespace.udp(address, port)
        self.seen: set[str] = set()
        self.repeats = 0

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Agent":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def contact(self) -> str:
        return f"<sip:tester@{self.address}:{self.port}>"

    def send(self, text: str | bytes, to: tuple[str, int]) -> None:
        self.socket.sendto(text if isinstance(text, bytes) else text.encode(), to)

    def receive(self, timeout: float = 15.0) -> Message | None:
        """The next message, also a repeated one; None when none comes in time."""
        self.socket.settimeout(max(timeout, 0.001))
        try:
            data, source = self.socket.recvfrom(65536)
        except TimeoutError:
            return None
        return Message(data.decode("utf-8", "replace"), source)

    def expect(self, wanted: str | int, timeout: float = 20.0) -> Message:
        """The next new message, which must be the method or status `wanted`. Passes over repeated
        messages and, unless it is wanted, 100 Trying."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(deadline - time.monotonic())
            if message is None:
                raise Failure(f"{self.address} got no {wanted} within {timeout:g} s")
            if message.text in self.seen:
                self.repeats += 1
                continue
            self.seen.add(message.text)
            if wanted in (message.status, message.method):
                return message
            if message.status != 100:
                raise Failure(f"{self.address} got {message.start_line!r} instead of {wanted}")

    def expect_response(self, status: int, cseq: tuple[int, str], timeout: float = 20.0) -> Message:
        """The response `status` to this request, whatever else comes before it."""
        deadline = time.monotonic() + timeout
        while message := self.receive(deadline - time.monotonic()):
            if message.status >= 200 and message.cseq == cseq:
                check(message.status == status, f"{message.start_line!r} to {cseq}, not {status}")
                return message
        raise Failure(f"{self.address} got no {status} to {cseq} within {timeout:g} s")

    def expect_repeat(self, of: Message, timeout: float = 15.0) -> None:
        """The same message once more, byte by byte."""
        deadline = time.monotonic() + timeout
        while True:
            message = self.receive(deadline - time.monotonic())
            if message is None:
                raise Failure(f"{self.address}: no repeated {of.start_line!r} in {timeout:g} s")
            if message.text == of.text:
                return
            if message.status != 100:
                raise Failure(f"{self.address}: {message.start_line!r} instead of a repeated "
                              f"{of.start_line!r}")

    def expect_silence(self, seconds: float, but: tuple[Message, ...] = ()) -> None:
        """Nothing more arrives in this time, except repeats of `but`."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            message = self.receive(left)
            if message and message.text not in [known.text for known in but]:
                raise Failure(f"{self.address} got an unexpected {message.start_line!r}")

    def invite(self, peer: tuple[str, int], number: str, body: str, more: str = "",
               to: str = "", says: str = "") -> "Leg":
        """Sends an INVITE to the switch and gives the leg that may grow from it. `says`: its From
        without a tag."""
        leg = Leg(self, peer=peer, call_id=f"{token()}@{self.address}",
                  local=(says or f'"Tester" <sip:4989555@{self.address}>') + f";tag={token()}",
                  remote=to or f"<sip:{number}@{peer[0]}>",
                  target=f"sip:{number}@{peer[0]}:{peer[1]}")
        leg.invite_text = leg.request("INVITE", body, more=more)
        leg.invite_branch = leg.branch
        self.send(leg.invite_text, peer)
        return leg

    def answer_leg(self, invite: Message) -> "Leg":
        """The callee's end of the dialog that `invite` asks for."""
        leg = Leg(self, peer=invite.source, call_id=invite.call_id,
                  local=invite.get("To") + f";tag={token()}", remote=invite.get("From"),
                  target=address_of(invite.get("Contact")))
        leg.received_invite = invite
        return leg


class Leg:
    """One end of a dialog."""

    def __init__(self, agent: Agent, peer: tuple[str, int], call_id: str, local: str, remote: str,
                 target: str):
        self.agent = agent
        self.peer = peer  # where requests are sent
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.target = target
        self.cseq = 0
        self.branch = ""
        self.invite_text = ""
        self.invite_branch = ""
        self.invite_cseq = 1
        self.received_invite: Message | None = None

    def request(self, method: str, body: str = "", *, branch: str = "", cseq: int = 0,
                more: str = "") -> str:
        """`more`: further lines, each with its end."""
        if not cseq:
            self.cseq += 1
            cseq = self.cseq
        self.branch = branch or "z9hG4bK" + token(16)
        content = "Content-Type: application/sdp\r\n" if body else ""
        return (f"{method} {self.target} SIP/2.0\r\n"
                f"Via: SIP/2.0/{self.agent.transport} {self.agent.address}:{self.agent.port};"
                f"branch={self.branch}\r\n"
                f"Max-Forwards: 70\r\nFrom: {self.local}\r\nTo: {self.remote}\r\n"
                f"Call-ID: {self.call_id}\r\nCSeq: {cseq} {method}\r\n"
                f"Contact: {self.agent.contact}\r\n{more}{content}"
                f"Content-Length: {len(body)}\r\n\r\n{body}")

    def send(self, method: str, body: str = "", *, more: str = "") -> int:
        """A request in the dialog; its CSeq."""
        self.agent.send(self.request(method, body, more=more), self.peer)
        return self.cseq

    # --- as a caller ---

    def accept(self, answer: Message) -> None:
        """Takes the dialog's far tag and target from a response."""
        self.remote = answer.get("To")
        if answer.all("Contact"):
            self.target = address_of(answer.get("Contact"))
            self.peer = host_port(self.target)

    def ack(self, answer: Message, body: str = "") -> str:
        """ACK of a 2xx (a transaction of its own) or of a failure (within the INVITE's)."""
        if answer.status < 300:
            self.accept(answer)
            text = self.request("ACK", body, cseq=self.invite_cseq)
        else:
            self.remote = answer.get("To")
            text = self.request("ACK", branch=self.invite_branch, cseq=self.invite_cseq)
        self.agent.send(text, self.peer)
        return text

    def cancel(self) -> None:
        self.agent.send(self.request("CANCEL", branch=self.invite_branch, cseq=self.invite_cseq),
                        self.peer)

    # --- as a callee ---

    def reply(self, status: int, body: str = "", request: Message | None = None,
              more: str = "") -> Message:
        """`more`: further lines, each with its end; a Contact among them stands for our own."""
        request = request or self.received_invite
        assert request
        if not more.startswith("Contact:"):
            more = f"Contact: {self.agent.contact}\r\n{more}"
        vias = "".join(f"Via: {via}\r\n" for via in request.all("Via"))
        to = request.get("To")
        if status > 100 and "tag=" not in to:
            to = self.local
        content = "Content-Type: application/sdp\r\n" if body else ""
        routes = "".join(f"Record-Route: {route}\r\n" for route in request.all("Record-Route"))
        text = (f"SIP/2.0 {status} {REASONS.get(status, 'Whatever')}\r\n{vias}{routes}"
                f"From: {request.get('From')}\r\nTo: {to}\r\nCall-ID: {request.call_id}\r\n"
                f"CSeq: {request.get('CSeq')}\r\n{more}{content}"
                f"Content-Length: {len(body)}\r\n\r\n{body}")
        self.agent.send(text, request.source)
        return Message(text)

    # --- as either ---

    def reinvite(self, other: "Leg", mine: str, theirs: str) -> tuple[Message, Message]:
        """A re-INVITE in the call: the far end answers it, both are acknowledged. Gives what the
        far end was offered and what came back."""
        self.agent.send(self.request("INVITE", mine), self.peer)
        cseq = self.cseq
        offer = other.agent.expect("INVITE")
        check(offer.call_id == other.call_id, f"re-INVITE with Call-ID {offer.call_id}")
        other.reply(200, theirs, request=offer)
        answer = self.agent.expect(200)
        self.agent.send(self.request("ACK", cseq=cseq), self.peer)
        ack = other.agent.expect("ACK")
        check(ack.cseq[0] == offer.cseq[0], f"ACK for CSeq {ack.cseq}, not {offer.cseq}")
        return offer, answer

    def settle(self) -> None:
        """What the switch did with all that this leg has sent so far is done, and what it sent
        meanwhile is passed over: an OPTIONS in the dialog is answered after it."""
        self.agent.send(self.request("OPTIONS"), self.peer)
        self.agent.expect_response(200, (self.cseq, "OPTIONS"))

    def bye_with(self, other: "Leg") -> None:
        """Hangs up; the far end gets its BYE, and both get their 200."""
        self.agent.send(self.request("BYE"), self.peer)
        other.take_bye()
        answer = self.agent.expect(200)
        check(answer.cseq[1] == "BYE", f"200 for {answer.cseq} instead of BYE")

    def take_bye(self, timeout: float = 20.0) -> Message:
        """Demands a BYE of this dialog and answers it."""
        bye = self.agent.expect("BYE", timeout)
        check(bye.call_id == self.call_id, f"BYE for Call-ID {bye.call_id}, not {self.call_id}")
        self.reply(200, request=bye)
        return bye
