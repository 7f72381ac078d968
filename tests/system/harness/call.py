"""An answered call between two test peers, with media endpoints on both sides."""

import dataclasses
import threading

from .bench import CALLEE_RTP, CALLER_RTP, NUMBER, Bench
from .failure import check, check_equal
from .lab import CALLEE, CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER
from .rtp import Address, Packet, RtpPeer, Stream, sender_report
from .sip import Agent, Leg, Message, sdp

SIP_AT_CALLER: Address = (SWITCH_TO_CALLER, 5060)


@dataclasses.dataclass
class Peers:
    """Both far ends: SIP and media."""
    caller: Agent
    callee: Agent
    caller_rtp: RtpPeer
    callee_rtp: RtpPeer

    @staticmethod
    def at(bench: Bench) -> "Peers":
        return Peers(bench.caller(), bench.callee(), bench.rtp_caller(), bench.rtp_callee())

    def more(self, bench: Bench, shift: int) -> "Peers":
        """The same SIP ends with other media ports, for a call beside the first."""
        return Peers(self.caller, self.callee, bench.rtp_caller(CALLER_RTP + shift),
                     bench.rtp_callee(CALLEE_RTP + shift))

    def caller_sdp(self) -> str:
        return sdp(CALLER, self.caller_rtp.port)

    def callee_sdp(self) -> str:
        return sdp(CALLEE, self.callee_rtp.port, payloads="8")


@dataclasses.dataclass
class Call:
    peers: Peers
    caller_leg: Leg
    callee_leg: Leg
    invite: Message  # as the callee got it
    switch_for_caller: Address  # where the caller sends its media, and gets it from
    switch_for_callee: Address


def check_media_address(message: Message, switch: str) -> Address:
    address, port = message.media()
    check_equal(address, switch, f"media address in the SDP of {message.start_line}")
    check(port % 2 == 0 and 10000 <= port <= 39999, f"media port {port} in the SDP")
    return address, port


def establish(peers: Peers, number: str = NUMBER) -> Call:
    """INVITE, 180, 200, ACK, each seen by both ends."""
    caller_leg = peers.caller.invite(SIP_AT_CALLER, number, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    check(f"sip:{number}@" in invite.uri, f"Request-URI {invite.uri} does not name {number}")
    check(invite.call_id != caller_leg.call_id, "both legs have one Call-ID: not a B2BUA")
    switch_for_callee = check_media_address(invite, SWITCH_TO_CALLEE)
    callee_leg.reply(180)
    peers.caller.expect(180)
    callee_leg.reply(200, peers.callee_sdp())
    answer = peers.caller.expect(200)
    switch_for_caller = check_media_address(answer, SWITCH_TO_CALLER)
    caller_leg.ack(answer)
    peers.callee.expect("ACK")
    callee_leg.peer = invite.source
    return Call(peers, caller_leg, callee_leg, invite, switch_for_caller, switch_for_callee)


CALLER_STREAM = Stream(ssrc=0x0CA11E50)
CALLEE_STREAM = Stream(ssrc=0xCA11EE00, first_sequence=7, first_timestamp=77)


def speak_both_ways(call: Call, count: int) -> None:
    """`count` packets each way at the same time; every one is demanded, in order and unaltered."""
    peers = call.peers
    peers.caller_rtp.received.clear()
    peers.callee_rtp.received.clear()
    sent: list[list[Packet]] = [[], []]

    def callee_speaks() -> None:
        sent[1] = peers.callee_rtp.send(CALLEE_STREAM, call.switch_for_callee, count,
                                        interval=0.01)

    thread = threading.Thread(target=callee_speaks)
    thread.start()
    sent[0] = peers.caller_rtp.send(CALLER_STREAM, call.switch_for_caller, count, interval=0.01)
    thread.join()
    peers.callee_rtp.check_received(sent[0], call.switch_for_callee)
    peers.caller_rtp.check_received(sent[1], call.switch_for_caller)


def report_both_ways(call: Call, count: int) -> None:
    """RTCP, on the ports beside."""
    peers = call.peers
    for name, speaker, listener, entry, exit_ in (
            ("caller", peers.caller_rtp, peers.callee_rtp, call.switch_for_caller,
             call.switch_for_callee),
            ("callee", peers.callee_rtp, peers.caller_rtp, call.switch_for_callee,
             call.switch_for_caller)):
        reports = [sender_report(0x5E4D, number) for number in range(count)]
        for report in reports:
            speaker.rtcp.sendto(report, (entry[0], entry[1] + 1))
        wanted = [(report, (exit_[0], exit_[1] + 1)) for report in reports]
        listener.wait_rtcp(count)
        check_equal(listener.received_rtcp, wanted, f"RTCP of the {name}")
