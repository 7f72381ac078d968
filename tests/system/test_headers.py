"""What the parties say to one another in headers that are not ours to read: every octet of it."""

from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers
from harness.failure import check, check_equal
from harness.lab import CALLER, SWITCH_TO_CALLER
from harness.sip import Leg, Message, token

# As sent, and as it must arrive: only folds, which are blanks by another name, and the blanks
# around a value are not octets of it (RFC 3261 §7.3.1).
LINES = [
    ("X-Plain: 1", "X-Plain: 1"),
    ("x-PLAIN:2", "x-PLAIN: 2"),
    ("X-Blanks:  \t inside  stay \t ", "X-Blanks: inside  stay"),
    ('X-Quoted: "a, \\"b\\"; c";p=%41,<sip:x@y>', 'X-Quoted: "a, \\"b\\"; c";p=%41,<sip:x@y>'),
    ("Subject: Grüße 電話", "Subject: Grüße 電話"),
    ("a: *;+g.feature=\"<x>\";explicit", "a: *;+g.feature=\"<x>\";explicit"),
    ("X-Signs: !#$&'()*+-./:;<=>?@[]^_`{|}~", "X-Signs: !#$&'()*+-./:;<=>?@[]^_`{|}~"),
    ("X-Long: " + "0123456789" * 60, "X-Long: " + "0123456789" * 60),
]
SENT = "".join(sent + "\r\n" for sent, _ in LINES)
ARRIVES = "".join(arrives + "\r\n" for _, arrives in LINES)


def check_passed(message: Message) -> None:
    check(ARRIVES in message.text, f"altered in {message.start_line}: {message.text}")


@case
def unknown_headers_pass(bench: Bench) -> None:
    """In the INVITE, its answers and the BYE, from either end: in order and unaltered."""
    switch = bench.switch()
    peers = Peers.at(bench)
    for caller_ends in (True, False):
        leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp(), more=SENT)
        invite = peers.callee.expect("INVITE")
        check_passed(invite)
        callee_leg = peers.callee.answer_leg(invite)
        callee_leg.reply(180, more=SENT)
        check_passed(peers.caller.expect(180))
        callee_leg.reply(200, peers.callee_sdp(), more=SENT)
        answer = peers.caller.expect(200)
        check_passed(answer)
        leg.ack(answer)
        peers.callee.expect("ACK")
        ends, other = (leg, callee_leg) if caller_ends else (callee_leg, leg)
        bye = ends.send("BYE", more=SENT)
        check_passed(other.take_bye())
        ends.agent.expect_response(200, (bye, "BYE"))
    switch.wait_cdrs(2)
    switch.wait_nothing_left()


@case
def folded_headers_pass(bench: Bench) -> None:
    """Lines that are folded wherever they may be: ours are understood, theirs pass (§7.3.1)."""
    switch = bench.switch()
    peers = Peers.at(bench)
    body, branch, tag = peers.caller_sdp(), token(16), token()
    text = (f"INVITE sip:{NUMBER}@{SWITCH_TO_CALLER} SIP/2.0\r\n"
            f"Via:\r\n SIP/2.0/UDP\r\n\t{CALLER}:5060\r\n ;branch\r\n = z9hG4bK{branch}\r\n"
            f"Max-Forwards:\r\n\t 70\r\n"
            f"From:\r\n \"Folded\r\n name\"\r\n <sip:4989555@{CALLER}>;\r\n tag={tag}\r\n"
            f"To:\r\n <sip:{NUMBER}@{SWITCH_TO_CALLER}>\r\nCall-ID:\r\n {token()}\r\n"
            f"CSeq:\r\n 1\r\n INVITE\r\nContact:\r\n <sip:x@{CALLER}:5060>\r\n"
            f"X-Fold: one\r\n two,\r\n\t three\r\nX-Next: 1\r\n"
            f"Content-Type:\r\n application/sdp\r\nContent-Length:\r\n {len(body)}\r\n\r\n{body}")
    peers.caller.send(text, SIP_AT_CALLER)
    invite = peers.callee.expect("INVITE")
    check_equal(" ".join(invite.get("X-Fold").split()), "one two, three", "X-Fold")
    check("\r\nX-Next: 1\r\n" in invite.text, "the header behind it")
    check('"Folded' in invite.get("From"), f"From {invite.get('From')}")
    check_equal(invite.get("Max-Forwards"), "69", "Max-Forwards")
    peers.callee.answer_leg(invite).reply(486)
    peers.callee.expect("ACK")
    refusal = peers.caller.expect(486)
    for part in (f"z9hG4bK{branch}", tag):
        check(part in refusal.text, f"no {part} in {refusal.text}")
    leg = Leg(peers.caller, SIP_AT_CALLER, refusal.call_id, refusal.get("From"),
              refusal.get("To"), f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    leg.invite_branch = f"z9hG4bK{branch}"
    leg.ack(refusal)
    check_equal(switch.wait_one_record()["caller"], "4989555", "caller")
