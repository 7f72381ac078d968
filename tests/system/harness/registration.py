"""A REGISTER as a phone writes it, and its answer to a challenge (RFC 7616)."""

import hashlib
import re

from .failure import Failure
from .rtp import Address
from .sip import Agent, Message, token


def send_register(agent: Agent, switch: Address, user: str, domain: str, contact: Address,
                  number: int, *lines: str, q: str = "") -> None:
    """A REGISTER, the `number`th of this contact's, with these lines."""
    to, here = f"<sip:{user}@{domain}>", f"{contact[0]}:{contact[1]}"
    by = "" if agent.transport == "UDP" else f";transport={agent.transport.lower()}"
    agent.send("\r\n".join((
        f"REGISTER sip:{domain} SIP/2.0",
        f"Via: SIP/2.0/{agent.transport} {here};branch=z9hG4bK{token()}", "Max-Forwards: 70",
        f"From: {to};tag=1", f"To: {to}", f"Call-ID: own-{user}-{here}", f"CSeq: {number} REGISTER",
        f"Contact: <sip:{user}@{here}{by}>{q and ';q=' + q}", *lines, "Content-Length: 0", "", ""
    )), switch)


def register(agent: Agent, switch: Address, user: str, domain: str, contact: Address, number: int,
             *lines: str, q: str = "") -> Message:
    """The answer to a REGISTER."""
    send_register(agent, switch, user, domain, contact, number, *lines, q=q)
    while answer := agent.receive():
        if answer.status != 0:  # it may be asked something itself meanwhile
            return answer
    raise Failure("no answer to a REGISTER")


def authorization(challenge: str, method: str, user: str, password: str) -> str:
    """The Authorization line for this value of WWW-Authenticate."""
    algorithm = re.search(r"algorithm=([\w-]+)", challenge)[1]  # type: ignore
    make = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}[algorithm]
    nonce = re.search(r'nonce="([^"]+)"', challenge)[1]  # type: ignore
    realm = re.search(r'realm="([^"]+)"', challenge)[1]  # type: ignore

    def digest(text: str) -> str:
        return make(text.encode()).hexdigest()

    secret = digest(f"{user}:{realm}:{password}")
    response = digest(f"{secret}:{nonce}:00000001:abc:auth:" + digest(f"{method}:sip:{realm}"))
    return (f'Authorization: Digest username="{user}", realm="{realm}", nonce="{nonce}", '
            f'uri="sip:{realm}", response="{response}", algorithm={algorithm}, qop=auth, '
            f'nc=00000001, cnonce="abc"')
