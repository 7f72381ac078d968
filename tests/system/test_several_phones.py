"""Calls to an account with several phones: they ring at once, or by q; one gets the call."""

from harness.bench import Bench, case
from harness.call import SIP_AT_CALLER, Call, Peers, check_media_address, speak_both_ways
from harness.failure import check, check_equal
from harness.lab import (CALLEE, CALLEE_AT_KERNEL, KERNEL_TO_CALLEE, STRANGER_AT_CALLEE,
                         SWITCH_TO_CALLEE, SWITCH_TO_CALLER)
from harness.phones import check_heard, wait_talk
from harness.registration import authorization, register
from harness.sip import Agent, Leg, Message
from harness.stream import StreamAgent
from harness.switch import Switch
from test_endpoints import BOBS_NUMBER, REALM, alice_of, bob_of, switch_with_accounts

ELSEWHERE = 'SIP;cause=200;text="Call completed elsewhere"'


class BobsPhones:
    """A gateway calls bob, whose phones are driven message by message."""

    def __init__(self, bench: Bench, *site: str):
        self.bench = bench
        self.switch: Switch = switch_with_accounts(bench, *site, gateways=("caller",))
        self.switch.ask("account", "set", "bob", "--devices", "4")
        self.phones: list[Agent] = []
        self.caller = bench.caller()

    def add(self, phone: Agent, switch: str = SWITCH_TO_CALLEE, q: str = "") -> Agent:
        who = ((switch, 5060), "bob", switch, (phone.address, phone.port))
        challenge = register(phone, *who, 1, q=q).all("WWW-Authenticate")[0]
        answer = register(phone, *who, 2, authorization(challenge, "REGISTER", "bob",
                                                        "bob-s3cret"), q=q)
        check_equal(answer.status, 200, "REGISTER")
        self.phones.append(phone)
        return phone

    def add_here(self, port: int, q: str = "") -> Agent:
        return self.add(self.bench.callee(port=port), q=q)

    def dial(self, body: str = "") -> Leg:
        return self.caller.invite(SIP_AT_CALLER, BOBS_NUMBER, body or self.peers().caller_sdp())

    def peers(self) -> Peers:
        return Peers(self.caller, self.phones[0], self.bench.rtp_caller(), self.bench.rtp_callee())

    def ring(self, *phones: Agent) -> list[Leg]:
        """Each gets its INVITE and rings, which the caller hears."""
        legs = []
        for phone in phones or self.phones:
            leg = phone.answer_leg(phone.expect("INVITE"))
            leg.reply(180, more=f"X-Phone: {phone.port}\r\n")
            check_equal(self.caller.expect(180).get("X-Phone"), str(phone.port), "who rings")
            legs.append(leg)
        return legs


def invite_of(leg: Leg) -> Message:
    assert leg.received_invite
    return leg.received_invite


def take_cancel(leg: Leg, reason: str) -> None:
    cancel = leg.agent.expect("CANCEL")
    check_equal(cancel.all("Reason"), [reason] if reason else [], "Reason of the CANCEL")
    check_equal(cancel.get("Via"), invite_of(leg).get("Via"), "Via of the CANCEL")
    leg.reply(200, request=cancel)
    leg.reply(487)
    leg.agent.expect("ACK")


def pick_up(near: Leg, far: Leg, peers: Peers) -> Call:
    far.reply(200, peers.callee_sdp())
    answer = near.agent.expect(200)
    near.ack(answer)
    far.agent.expect("ACK")
    far.peer = invite_of(far).source
    return Call(peers, near, far, invite_of(far), check_media_address(answer, SWITCH_TO_CALLER),
                check_media_address(invite_of(far), SWITCH_TO_CALLEE))


def with_tcp(bench: Bench) -> BobsPhones:
    """One of his phones may come by TCP."""
    bench.lay_kernel_cables()
    return BobsPhones(bench, "[[listener]]", 'name = "far"', 'protocol = "tcp"',
                      f'address = "{KERNEL_TO_CALLEE}:5060"', 'port = "callee"')


@case
def all_phones_ring(bench: Bench) -> None:
    """Three by UDP and one by TCP; one answers, and the others are told that the call was taken."""
    bob = with_tcp(bench)
    for port in (5071, 5072, 5073):
        bob.add_here(port)
    tcp = StreamAgent(bench.lab.callee, CALLEE_AT_KERNEL, 5074)
    with tcp:
        bob.add(tcp, KERNEL_TO_CALLEE)
        peers = bob.peers()
        near = bob.dial(peers.caller_sdp())
        legs = bob.ring()
        check_equal(len({leg.call_id for leg in legs}), 1, "Call-IDs of bob's INVITEs")
        check_equal(len({invite_of(leg).get("Via") for leg in legs}), 4, "their branches")
        check(invite_of(legs[3]).get("Via").startswith("SIP/2.0/TCP "), "no TCP in the Via")
        call = pick_up(near, legs[1], peers)
        for loser in (legs[0], legs[2], legs[3]):
            take_cancel(loser, ELSEWHERE)
        check_equal(tcp.opened + tcp.accepted, 1, "TCP connections of the phone")
        speak_both_ways(call, 20)
        legs[1].bye_with(near)
    record = bob.switch.wait_one_record()
    check_equal((record["callee_account"], record["callee_sent"], record["given_up"]),
                (f"bob@{REALM}", f"sip:bob@{CALLEE}:5072", []), "who answered")
    for phone in bob.phones[:3]:
        phone.expect_silence(0.05)


@case
def phone_by_tcp_answers_first(bench: Bench) -> None:
    """In its dialog all goes by its own connection."""
    bob = with_tcp(bench)
    bob.add_here(5071)
    with StreamAgent(bench.lab.callee, CALLEE_AT_KERNEL, 5074) as tcp:
        bob.add(tcp, KERNEL_TO_CALLEE)
        peers = bob.peers()
        near = bob.dial(peers.caller_sdp())
        udp_leg, tcp_leg = bob.ring()
        call = pick_up(near, tcp_leg, peers)
        take_cancel(udp_leg, ELSEWHERE)
        speak_both_ways(call, 20)
        near.bye_with(tcp_leg)
        check_equal(tcp.opened + tcp.accepted, 1, "TCP connections of the phone")
    bob.switch.wait_one_record()


@case
def phone_vanishes_while_it_rings(bench: Bench) -> None:
    """Its connection is gone and it takes no other: that is its refusal, not the call's end."""
    bob = with_tcp(bench)
    bob.add_here(5071)
    with StreamAgent(bench.lab.callee, CALLEE_AT_KERNEL, 5074) as tcp:
        bob.add(tcp, KERNEL_TO_CALLEE)
        near = bob.dial()
        udp_leg, _ = bob.ring()
    udp_leg.reply(486)
    near.ack(bob.caller.expect(486))
    record = bob.switch.wait_one_record()
    check_equal((record["end_reason"], record["callee_sent"]),
                ("UserBusy", f"sip:bob@{CALLEE}:5071"), "why the call ended")
    check_equal([one["sip_code"] for one in record["given_up"]], [408], "of the one that vanished")


@case
def caller_gives_up_on_all(bench: Bench) -> None:
    bob = BobsPhones(bench)
    for port in (5071, 5072):
        bob.add_here(port)
    near = bob.dial()
    legs = bob.ring()
    near.cancel()
    bob.caller.expect(200)
    near.ack(bob.caller.expect(487))
    for leg in legs:
        cancel = leg.agent.expect("CANCEL")
        leg.reply(200, request=cancel)
        leg.reply(487)
        leg.agent.expect("ACK")
    check_equal(bob.switch.wait_one_record()["end_reason"], "CallerCancelled", "end_reason")


@case
def second_phone_answers_too_late(bench: Bench) -> None:
    """Its 200 crosses the CANCEL: acknowledged and hung up, and nobody else notices."""
    bob = BobsPhones(bench)
    for port in (5071, 5072):
        bob.add_here(port)
    peers = bob.peers()
    near = bob.dial(peers.caller_sdp())
    first, second = bob.ring()
    call = pick_up(near, first, peers)
    cancel = second.agent.expect("CANCEL")
    second.reply(200, peers.callee_sdp())
    second.reply(200, request=cancel)
    check_equal(second.agent.expect("ACK").get("To"), second.local, "To of the ACK")
    check_equal(second.take_bye().get("To"), second.local, "To of the BYE")
    speak_both_ways(call, 20)
    near.bye_with(first)
    record = bob.switch.wait_one_record()
    check_equal((record["sip_code"], record["callee_sent"]), (200, f"sip:bob@{CALLEE}:5071"),
                "the call's record")


@case
def phones_of_lower_q_follow(bench: Bench) -> None:
    """One is busy while the other rings on; when that one refuses too, the next q has its turn."""
    bob = BobsPhones(bench)
    first, second = bob.add_here(5071, "0.9"), bob.add_here(5072, "0.9")
    last = bob.add_here(5073, "0.4")
    peers = bob.peers()
    near = bob.dial(peers.caller_sdp())
    busy, ringing = bob.ring(first, second)
    busy.reply(486)
    first.expect("ACK")
    last.expect_silence(0.3)
    ringing.reply(480)
    second.expect("ACK")
    call = pick_up(near, bob.ring(last)[0], peers)
    speak_both_ways(call, 20)
    near.bye_with(call.callee_leg)
    record = bob.switch.wait_one_record()
    check_equal(record["callee_sent"], f"sip:bob@{CALLEE}:5073", "who answered")
    check_equal(sorted((one["callee_sent"], one["sip_code"]) for one in record["given_up"]),
                [(f"sip:bob@{CALLEE}:5071", 486), (f"sip:bob@{CALLEE}:5072", 480)], "given_up")


@case
def nobody_of_several_answers(bench: Bench) -> None:
    """One declines: the other stops ringing, and the caller is told so."""
    bob = BobsPhones(bench)
    for port in (5071, 5072):
        bob.add_here(port)
    near = bob.dial()
    declines, rings = bob.ring()
    declines.reply(603)
    declines.agent.expect("ACK")
    take_cancel(rings, "")
    near.ack(bob.caller.expect(603))
    record = bob.switch.wait_one_record()
    check_equal((record["end_reason"], record["callee_sent"]),
                ("EndpointRefused", f"sip:bob@{CALLEE}:5071"), "why the call ended")


@case
def two_real_phones_ring(bench: Bench) -> None:
    """Both of bob's ring when alice calls; one picks up, and the other falls silent."""
    switch = switch_with_accounts(bench)
    switch.ask("account", "set", "bob", "--devices", "2")
    alice, desk = alice_of(bench), bob_of(bench)
    mobile = bob_of(bench, STRANGER_AT_CALLEE, "mobile", control=4445)
    alice.dial(f"sip:bob@{SWITCH_TO_CALLER}")
    desk.wait_incoming()
    mobile.wait_incoming()
    alice.wait_ringing()
    desk.accept()
    alice.wait_established()
    desk.wait_established()
    mobile.wait_closed()
    wait_talk(bench)
    alice.hang_up()
    desk.wait_closed()
    record = switch.wait_cdrs(1)[0]
    check_equal((record["sip_code"], record["callee_account"]), (200, f"bob@{REALM}"), "record")
    check(f"@{CALLEE}" in record["callee_sent"], f"callee_sent {record['callee_sent']}")
    check_heard(alice, desk)
    switch.wait_no_calls()
