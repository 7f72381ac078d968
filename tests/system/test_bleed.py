"""Attacks on the media of a call that is up: nobody hears an octet of it, and nothing moves."""

import socket
import struct

from harness.bench import CALLER_RTP, Bench, case
from harness.call import CALLER_STREAM, Call, Peers, establish, speak_both_ways
from harness.failure import check_equal
from harness.lab import CALLER, STRANGER_AT_CALLER
from harness.rtp import RtpPeer, Stream, sender_report

ATTACK = Stream(ssrc=0xBAD, first_sequence=100)


def forged(source: tuple[str, int], to: tuple[str, int], payload: bytes) -> bytes:
    """An IPv4 packet of whoever it says; the kernel fills in the header's checksum."""
    udp = struct.pack("!HHHH", source[1], to[1], 8 + len(payload), 0) + payload
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0,
                       socket.inet_aton(source[0]), socket.inet_aton(to[0])) + udp


class Attackers:
    """Another host, and other ports of the caller's own (somebody behind the same NAT)."""

    def __init__(self, bench: Bench, call: Call):
        self.call = call
        self.door = call.switch_for_caller
        self.stranger = bench.rtp_caller(port=21000, address=STRANGER_AT_CALLER)
        self.neighbours = [bench.rtp_caller(port=22000 + 10 * i) for i in range(4)]
        self.raw = bench.lab.caller.raw()

    def spray(self, start: int) -> None:
        """A packet from each port of each attacker, media and RTCP; to RTP's port and RTCP's."""
        doors = (self.door, (self.door[0], self.door[1] + 1))
        for number, peer in enumerate([self.stranger, *self.neighbours]):
            for payload in (ATTACK.packet(start + 10 * number).encode(), sender_report(0xBAD, 1)):
                for door in doors:
                    peer.rtp.sendto(payload, door)
                    peer.rtcp.sendto(payload, door)

    def forge(self, number: int) -> None:
        """Under the caller's own address, with a stream of another SSRC that leaps about."""
        packet = ATTACK.packet(1000 * number).encode()
        self.raw.sendto(forged((CALLER, CALLER_RTP), self.door, packet), (self.door[0], 0))

    def check_gained_nothing(self) -> None:
        for peer in [self.stranger, *self.neighbours]:
            check_equal(peer.received + peer.received_rtcp, [], f"a gain at {peer.port}")
        self.raw.close()


def speak_from(call: Call, peer: RtpPeer, start: int, count: int) -> None:
    """The caller's stream by this peer, the callee's to it."""
    peers = call.peers
    peers.callee_rtp.received.clear()
    sent = peer.send(CALLER_STREAM, call.switch_for_caller, count, start, interval=0.005)
    peers.callee_rtp.check_received(sent, call.switch_for_callee)
    peer.received.clear()
    answer = peers.callee_rtp.send(Stream(ssrc=0xCA11EE), call.switch_for_callee, 5, start,
                                   interval=0.005)
    peer.check_received(answer, call.switch_for_caller)


@case
def bled_by_nobody(bench: Bench) -> None:
    """Before a source is learned, while it is, afterwards, after silence, after a renewal."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    attackers = Attackers(bench, call)
    attackers.spray(0)
    speak_both_ways(call, 5)
    for number in range(10):
        attackers.spray(number)
    speak_both_ways(call, 60)  # settled now
    attackers.spray(50)
    speak_both_ways(call, 5)
    held, receives = (call.peers.caller_sdp() + "a=sendonly\r\n",
                      call.peers.callee_sdp() + "a=recvonly\r\n")
    call.caller_leg.reinvite(call.callee_leg, held, receives)
    attackers.spray(60)
    speak_both_ways(call, 5)
    attackers.check_gained_nothing()
    for name in ("drop_media_stranger", "drop_media_unproven", "drop_rtcp_stranger",
                 "drop_rtcp_unproven"):
        switch.wait_counter(name, 1)


@case
def a_forged_packet_moves_nothing(bench: Bench) -> None:
    """The caller's media come from another port than it said; one packet from the said one, which
    anybody can write, doesn't keep it out or call its media away."""
    bench.switch()
    call = establish(Peers.at(bench))
    attackers = Attackers(bench, call)
    natted = bench.rtp_caller(port=23000)
    attackers.forge(1)
    call.peers.callee_rtp.wait_received(1)  # nothing tells it from the caller's
    natted.rtp.sendto(CALLER_STREAM.packet(0).encode(), call.switch_for_caller)
    speak_from(call, natted, 1, 5)
    for number in range(2, 6):
        attackers.forge(number)
    speak_from(call, natted, 6, 60)
    for number in range(6, 9):
        attackers.forge(number)
    speak_from(call, natted, 66, 5)
    attackers.check_gained_nothing()
