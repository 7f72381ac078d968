"""Transactions (RFC 3261 §17): what is repeated, what is taken once, where responses go."""

import re

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import check, check_equal, wait_until
from harness.lab import CALLEE, CALLER, SWITCH_TO_CALLEE
from harness.sip import Agent, Message, token


def other_branch(text: str) -> str:
    return re.sub(r"branch=z9hG4bK\w+", f"branch=z9hG4bK{token(16)}", text, count=1)


@case
def invite_gaps(bench: Bench) -> None:
    """An INVITE goes out again after each gap of SS_SIP_RESEND_INTERVAL, then no more."""
    gaps = [0.2, 0.4, 0.8]
    switch = bench.switch(parameters={"SS_SIP_TIMEOUT_INVITE": "2",
                                      "SS_SIP_RESEND_INTERVAL": ",".join(map(str, gaps))})
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    leg.ack(peers.caller.expect(408, timeout=15))
    switch.wait_one_record()
    # The recorder is another listener than the callee, and may be late.
    times = wait_until(lambda: len(times := [one.at for one in bench.recorders["callee"].datagrams
                                             if not one.sent and one.data.startswith(b"INVITE ")])
                       > len(gaps) and times, "the INVITEs on the callee's cable")
    check_equal(len(times), 1 + len(gaps), "INVITEs")
    # Later than that is the machine's doing, earlier is ours; all were in time before the 408.
    for number, gap in enumerate(gaps):
        found = times[number + 1] - times[0]
        wanted = sum(gaps[:number + 1])
        check(found > wanted * 0.9, f"INVITE {number + 1} after {found:.3f} s, not {wanted} s")


@case
def merged_invite_refused(bench: Bench) -> None:
    """A copy of an INVITE that took another way gets 482 (§8.2.2.2); the first one is a call."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    callee_leg = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    copy = other_branch(leg.invite_text)
    peers.caller.send(copy, SIP_AT_CALLER)
    refusal = peers.caller.expect(482)
    check(Message(copy).get("Via") in refusal.get("Via"), f"482 to {refusal.get('Via')}")
    callee_leg.reply(200, peers.callee_sdp())
    leg.ack(peers.caller.expect(200))
    peers.callee.expect("ACK")
    leg.bye_with(callee_leg)
    switch.wait_one_record()


def come_back(agent: Agent, invite: Message, number: str) -> None:
    """Sends an INVITE of the switch's back to it, as a proxy would: a Via more, a hop less."""
    hops = int(invite.get("Max-Forwards"))
    text = invite.text.replace(f"INVITE {invite.uri} ",
                               f"INVITE sip:{number}@{SWITCH_TO_CALLEE}:5060 ", 1)
    text = text.replace(f"Max-Forwards: {hops}\r\n", f"Max-Forwards: {hops - 1}\r\n", 1)
    text = text.replace("\r\nVia: ", f"\r\nVia: SIP/2.0/UDP {agent.address}:{agent.port};"
                        f"branch=z9hG4bK{token(16)}\r\nVia: ", 1)
    agent.send(text, invite.source)


# The vendor's address is a customer's too.
BOTH = ("[[gateway]]", 'name = "bback"', 'kind = "mapping"', f'address = "{CALLEE}"')


@case
def own_invite_comes_back(bench: Bench) -> None:
    """With the number that it left with: a loop, 482. With another one: a spiral, a call more,
    which Max-Forwards ends."""
    switch = bench.switch(site=BOTH)
    peers = Peers.at(bench)
    caller, callee = peers.caller, peers.callee
    leg = caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = callee.expect("INVITE")
    come_back(callee, invite, NUMBER)
    check_equal(callee.expect(482).call_id, invite.call_id, "Call-ID of the 482")
    # The INVITE that goes round now has another Call-ID each time, and a hop less.
    come_back(callee, invite, "4999")
    second = callee.expect("INVITE")
    check(second.call_id != invite.call_id, "the same Call-ID came back")
    check_equal(int(second.get("Max-Forwards")), int(invite.get("Max-Forwards")) - 2, "hops left")
    spent = Message(second.text.replace(f"Max-Forwards: {second.get('Max-Forwards')}\r\n",
                                        "Max-Forwards: 1\r\n", 1), second.source)
    come_back(callee, spent, "4998")
    check_equal(callee.expect(483).call_id, second.call_id, "Call-ID of the 483")
    for refused in (second, invite):
        callee.answer_leg(refused).reply(486)
        ack = callee.expect("ACK")
        check_equal(ack.call_id, refused.call_id, "Call-ID of the ACK")
        if refused is second:
            refusal = callee.expect(486)
            check_equal(refusal.call_id, invite.call_id, "Call-ID of the spiral's 486")
    leg.ack(caller.expect(486))
    switch.wait_cdrs(2)
    switch.wait_nothing_left()


def options(via: str) -> str:
    return (f"OPTIONS sip:{CALLER} SIP/2.0\r\nVia: SIP/2.0/UDP {via};branch=z9hG4bK{token(16)}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:x@{CALLER}>;tag={token()}\r\nTo: <sip:{CALLER}>\r\n"
            f"Call-ID: {token()}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")


@case
def responses_find_their_way(bench: Bench) -> None:
    """To the port of the Via; to the one a request came from where rport asks for it (RFC 3581);
    never to another address than it came from (§18.2.2)."""
    bench.switch()
    near, other = bench.caller(port=5070), bench.caller(port=5072)
    for via, ear, wanted in (
            (f"{CALLER}:5070", near, f"{CALLER}:5070;"),
            (f"{CALLER}:5072", other, f"{CALLER}:5072;"),
            ("192.0.2.1:5072", other, f"received={CALLER}"),
            (f"{CALLER}:5072;rport", near, f"rport=5070;received={CALLER}"),
            ("phone.example.com;rport", near, f"rport=5070;received={CALLER}")):
        near.send(options(via), SIP_AT_CALLER)
        found = ear.expect(200).get("Via")
        parts = sorted(part for part in found.split(";") if not part.startswith("branch="))
        check(all(part in found for part in wanted.split(";")), f"{found!r} to {via!r}")
        check(("received=" in found) == ("received=" in wanted), f"{found!r} to {via!r}: {parts}")
    for ear in (near, other):
        ear.expect_silence(0.05)


@case
def cancel_of_nothing(bench: Bench) -> None:
    """A CANCEL whose branch and CSeq no INVITE had gets 481, in a dialog too; the call stays up."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    caller, leg = call.peers.caller, call.caller_leg
    caller.send(leg.request("CANCEL", branch="z9hG4bKnobody", cseq=7), leg.peer)
    caller.expect_response(481, (7, "CANCEL"))
    leg.bye_with(call.callee_leg)
    record = switch.wait_one_record()
    check_equal(record["end_reason"], "NormalClearing", "end_reason")
