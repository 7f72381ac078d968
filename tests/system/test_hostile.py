"""Input that nobody should send: refused or counted, and everything lives on."""

import random
import re

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish, speak_both_ways
from harness.failure import Failure, check, check_equal
from harness.lab import CALLER
from harness.sip import Agent, sdp, token
from harness.switch import Switch


def check_call_works(bench: Bench, switch: Switch) -> None:
    switch.check_alive()
    call = establish(Peers.at(bench))
    speak_both_ways(call, 20)
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_no_calls()


def invite_text(agent: Agent, body: str = "") -> str:
    """A good INVITE that nobody answers for: its number has no route."""
    return (f"INVITE sip:15550100@10.77.1.1 SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {agent.address}:{agent.port};branch=z9hG4bK{token()}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:1@{agent.address}>;tag={token()}\r\n"
            f"To: <sip:15550100@10.77.1.1>\r\nCall-ID: {token()}\r\nCSeq: 1 INVITE\r\n"
            f"Contact: {agent.contact}\r\nContent-Length: {len(body)}\r\n\r\n{body}")


@case
def garbage(bench: Bench) -> None:
    switch = bench.switch()
    dice = random.Random(20261121)
    with bench.caller() as agent:
        for _ in range(300):
            agent.send(dice.randbytes(dice.randrange(1, 1400)), SIP_AT_CALLER)
        for junk in (b"\r\n\r\n", b"\0", b"\0" * 1400, b"SIP/2.0", b"SIP/2.0 200 OK\r\n\r\n",
                     b"INVITE", b"INVITE \r\n\r\n", b":" * 1000, b"\r\n" * 700, b" " * 1400,
                     b"INVITE sip:1@h SIP/2.0\r\n" + b"Via: " * 250 + b"\r\n\r\n",
                     b"INVITE sip:1@h SIP/2.0\r\n" + b"A:b\r\n" * 270 + b"\r\n",
                     b"OPTIONS sip:h SIP/9.9\r\nCall-ID: x\r\n\r\n"):
            agent.send(junk, SIP_AT_CALLER)
        switch.wait_counter("drop_sip_malformed", 250)
    check_call_works(bench, switch)


@case
def broken_invites(bench: Bench) -> None:
    """A good INVITE cut short anywhere, or with octets changed at random."""
    switch = bench.switch()
    dice = random.Random(7)
    # A port of its own: refusals are repeated for a while, as nobody sends an ACK.
    with bench.caller(port=5070) as agent:
        good = invite_text(agent, sdp(CALLER, 20000)).encode()
        for end in range(0, len(good), 3):
            agent.send(good[:end], SIP_AT_CALLER)
        for _ in range(300):
            changed = bytearray(good)
            for _ in range(dice.randrange(1, 6)):
                changed[dice.randrange(len(changed))] = dice.randrange(256)
            agent.send(bytes(changed), SIP_AT_CALLER)
        while agent.receive(0.5):
            pass
    check_call_works(bench, switch)


@case
def broken_sdp(bench: Bench) -> None:
    """INVITEs with SDP that can't be used are refused by us, without a word to the callee; a kind
    of media that we don't know is the callee's to judge (a silent one)."""
    switch = bench.switch(parameters={"SS_SIP_TIMEOUT_INVITE": "1"})
    peers = Peers.at(bench)
    good = peers.caller_sdp()
    for body, wanted in (
            ("v=0\r\n", 488), ("hello", 488), (good.replace("m=audio", "m=odio"), 408),
            (good.replace("IN IP4 10.77.1.2", "IN IP4 256.1.1.1"), 488),
            (good.replace("m=audio 20000", "m=audio 99999"), 488),
            (good.replace("RTP/AVP 8 0", "RTP/AVP"), 488),
            (good + "a=" + "x" * 600 + "\r\n\0\r\n", 488)):
        leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, body)
        while (answer := peers.caller.receive(20)) and answer.status < 200:
            pass
        if answer is None:
            raise Failure(f"no final answer to the SDP {body[:60]!r}")
        check_equal(answer.status, wanted, f"answer to the SDP {body[:60]!r}")
        if wanted == 408:
            peers.callee.expect("INVITE")
        leg.ack(answer)
    # Repeats of that one INVITE may still lie there.
    while left := peers.callee.receive(0.05):
        check("m=odio" in left.text, f"the callee got {left.text!r}")
    switch.check_alive()


@case
def malformed_gets_400(bench: Bench) -> None:
    """Broken requests that can be answered are answered."""
    switch = bench.switch()
    with bench.caller(port=5070) as agent:
        for what, instead in (("CSeq: 1 INVITE", "CSeq: 1 BYE"), ("CSeq: 1", "CSeq: x"),
                              ("Content-Length: 0", "Content-Length: 500"),
                              ("sip:15550100@10.77.1.1 SIP", "nonsense SIP")):
            text = invite_text(agent)
            check(what in text, f"{what} is not in the INVITE")
            agent.send(text.replace(what, instead, 1), SIP_AT_CALLER)
            branch = re.search("branch=[^\r]+", text).group(0)  # type: ignore
            while (answer := agent.receive(20)) and branch not in answer.text:
                pass  # a repeated refusal of the one before
            if answer is None:
                raise Failure(f"no answer to {instead!r}")
            wanted = (416, 400) if "nonsense" in instead else (400,)
            check(answer.status in wanted, f"{answer.status} to {instead!r}")
    check_call_works(bench, switch)


@case
def unknown_method_refused(bench: Bench) -> None:
    switch = bench.switch()
    with bench.caller() as agent:
        text = invite_text(agent).replace("INVITE", "FROBNICATE")
        agent.send(text, SIP_AT_CALLER)
        answer = agent.receive(20)
        check(answer and answer.status in (405, 501), "no 405 or 501 to an unknown method")
    switch.check_alive()


@case
def responses_out_of_nowhere(bench: Bench) -> None:
    switch = bench.switch()
    with bench.callee() as agent:
        for status in (100, 180, 200, 404, 699):
            agent.send(f"SIP/2.0 {status} Whatever\r\n"
                       f"Via: SIP/2.0/UDP 10.77.2.1:5060;branch=z9hG4bK{token()}\r\n"
                       f"From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: {token()}\r\n"
                       "CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n", ("10.77.2.1", 5060))
        switch.wait_counter("drop_sip_response_stray", 5)
    check_call_works(bench, switch)
