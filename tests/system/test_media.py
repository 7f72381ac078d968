"""Voice: every packet of it, in both directions."""

import dataclasses
import re
import struct

from harness.bench import NUMBER, Bench, case
from harness.call import (CALLEE_STREAM, CALLER_STREAM, SIP_AT_CALLER, Call, Peers,
                          check_media_address, establish, report_both_ways, speak_both_ways)
from harness.echo import Pinger
from harness.failure import check, check_equal
from harness.lab import (STRANGER_AT_CALLEE, STRANGER_AT_CALLER, SWITCH_TO_CALLEE,
                         SWITCH_TO_CALLER)
from harness.rtp import Address, RtpPeer, Stream
from harness.sip import Message

PACKETS = 250
RTP_OCTETS = 172  # 12 of header, 160 of G.711


def media_both_ways_with(bench: Bench, **options: object) -> None:
    switch = bench.switch(**options)
    call = establish(Peers.at(bench))
    shown = switch.calls()
    check_equal(len(shown), 1, "calls shown")
    speak_both_ways(call, PACKETS)
    report_both_ways(call, 3)
    call.caller_leg.bye_with(call.callee_leg)
    record = switch.wait_cdrs(1)[0]

    wanted = {"call": shown[0]["id"], "caller": "4989555", "callee": NUMBER,
              "mapping_gateway": "acme", "routing_gateway": "bcorp",
              "caller_call_id": call.caller_leg.call_id, "callee_call_id": call.invite.call_id,
              "end_direction": "caller", "sip_code": 200}
    for key, value in wanted.items():
        check_equal(record[key], value, key)
    check(record["start_ms"] <= record["ring_ms"] <= record["answer_ms"] <= record["end_ms"],
          f"times out of order: {record}")
    # Two clocks, wall time for the stamps and a steady one for the duration, read at two
    # moments: how far apart is the machine's affair, the unit tests hold the exact figures.
    check(abs(record["hold_ms"] - (record["end_ms"] - record["answer_ms"])) <= 500,
          f"hold_ms does not fit the times: {record}")
    check(record["hold_ms"] >= PACKETS * 10, f"hold_ms {record['hold_ms']} is too short")
    check("PCMA" in str(record["codec"]), f"codec {record['codec']!r} is not PCMA")
    for direction, stream in (("from_caller", CALLER_STREAM), ("from_callee", CALLEE_STREAM)):
        figures = record["media"][direction]
        wanted_figures = {
            "packets": PACKETS, "octets": PACKETS * RTP_OCTETS, "lost": 0, "reordered": 0,
            "duplicated": 0, "refused": 0, "relayed": PACKETS, "ssrc": stream.ssrc,
            "payload_type": stream.payload_type}
        for key, value in wanted_figures.items():
            check_equal(figures[key], value, f"media {direction} {key}")
        check(figures["largest_gap_us"] > 0, f"media {direction} largest_gap_us")


@case
def media_both_ways(bench: Bench) -> None:
    media_both_ways_with(bench)


@case
def media_both_ways_two_shards(bench: Bench) -> None:
    media_both_ways_with(bench, shards=2)


@case
def media_both_ways_two_workers(bench: Bench) -> None:
    media_both_ways_with(bench, workers=2)


@case
def media_both_ways_no_huge_pages(bench: Bench) -> None:
    media_both_ways_with(bench, no_huge=True)


@case
def media_figures_of_a_bad_line(bench: Bench) -> None:
    """Loss, reordering and duplicates pass as they are, and are counted."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    peers = call.peers
    order = [0, 1, 2, 3, 5, 4, 6, 7, 7, 8, 9, 13, 14, 15, 16, 17, 18, 19]  # 10, 11, 12 are lost
    sent = []
    for number in order:
        sent += peers.caller_rtp.send(CALLER_STREAM, call.switch_for_caller, 1, number)
    peers.callee_rtp.wait_received(len(sent))
    check_equal([data for data, _ in peers.callee_rtp.received],
                [packet.encode() for packet in sent], "packets relayed")
    call.caller_leg.bye_with(call.callee_leg)
    figures = switch.wait_cdrs(1)[0]["media"]["from_caller"]
    for key, value in {"packets": 18, "relayed": 18, "reordered": 1, "duplicated": 1}.items():
        check_equal(figures[key], value, key)
    # RFC 3550 §A.3: expected minus received, where a duplicate counts as received.
    check(figures["lost"] in (2, 3), f"lost: {figures['lost']} instead of 2 or 3")


@case
def stranger_not_relayed(bench: Bench) -> None:
    """Nobody else's RTP gets through: not another host's, nor another port's once it is locked."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    peers = call.peers
    strangers = [(bench.rtp_caller(port=21000, address=STRANGER_AT_CALLER), call.switch_for_caller),
                 (bench.rtp_callee(port=31000, address=STRANGER_AT_CALLEE), call.switch_for_callee)]
    for stranger, door in strangers:  # before anyone spoke
        stranger.send(Stream(ssrc=0xBAD), door, 10, interval=0.005)
    speak_both_ways(call, 20)
    strangers += [(bench.rtp_caller(port=22000), call.switch_for_caller),
                  (bench.rtp_callee(port=32000), call.switch_for_callee)]
    for stranger, door in strangers:  # now that both are known
        stranger.send(Stream(ssrc=0xBAD), door, 10, interval=0.005)
        stranger.rtp.sendto(b"no RTP at all", door)
    speak_both_ways(call, 20)  # and demands that nothing else arrives
    for stranger, _ in strangers:
        check_equal(stranger.received, [], "a stranger's gain")
    check(switch.wait_counter("drop_media_stranger", 60) >= 60, "strangers not counted")
    call.caller_leg.bye_with(call.callee_leg)
    record = switch.wait_cdrs(1)[0]
    for direction in ("from_caller", "from_callee"):
        check_equal(record["media"][direction]["packets"], 40, f"{direction} packets")
        check(record["media"][direction]["refused"] >= 30, f"{direction} refused too few")


@case
def not_rtp_is_dropped(bench: Bench) -> None:
    switch = bench.switch()
    call = establish(Peers.at(bench))
    speak_both_ways(call, 5)
    for junk in (b"", b"x", b"\x80", b"\x80\x08\x00\x01", b"\x00" * 172, b"\xff" * 172):
        call.peers.caller_rtp.rtp.sendto(junk, call.switch_for_caller)
    switch.wait_counter("drop_media_not_rtp", 5)
    speak_both_ways(call, 5)
    call.caller_leg.bye_with(call.callee_leg)


@case
def closed_ports_are_silent(bench: Bench) -> None:
    """After the end of a call its ports relay nothing."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    speak_both_ways(call, 5)
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_no_calls()
    call.peers.callee_rtp.received.clear()
    call.peers.caller_rtp.send(CALLER_STREAM, call.switch_for_caller, 10)
    switch.wait_counter("drop_udp_port", 10)
    check_equal(call.peers.callee_rtp.received, [], "relayed after the end")


@case
def early_media(bench: Bench) -> None:
    """183 with SDP: the caller hears the callee before the answer."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(183, peers.callee_sdp())
    progress = peers.caller.expect(183)
    call = Call(peers, leg, callee_leg, invite, check_media_address(progress, SWITCH_TO_CALLER),
                check_media_address(invite, SWITCH_TO_CALLEE))
    speak_both_ways(call, 50)
    callee_leg.reply(200, peers.callee_sdp())
    answer = peers.caller.expect(200)
    check_equal(answer.media(), call.switch_for_caller, "media address in the 200")
    leg.ack(answer)
    peers.callee.expect("ACK")
    speak_both_ways(call, 50)
    leg.bye_with(callee_leg)
    record = switch.wait_cdrs(1)[0]
    check_equal(record["media"]["from_callee"]["packets"], 100, "from_callee packets")


@case
def hold_and_resume(bench: Bench) -> None:
    """Hold and resume by re-INVITE, from either side, and voice afterwards."""
    switch = bench.switch()
    peers = Peers.at(bench)
    call = establish(peers)
    speak_both_ways(call, 25)
    hold = peers.caller_sdp() + "a=sendonly\r\n"
    offer, answer = call.caller_leg.reinvite(call.callee_leg, hold,
                                             peers.callee_sdp() + "a=recvonly\r\n")
    check("a=sendonly" in offer.body, "the callee was not told of the hold")
    check("a=recvonly" in answer.body, "the caller was not told of the answer")
    check_media_address(offer, SWITCH_TO_CALLEE)
    offer, answer = call.callee_leg.reinvite(call.caller_leg, peers.callee_sdp(),
                                             peers.caller_sdp())
    check_media_address(offer, SWITCH_TO_CALLER)
    check_media_address(answer, SWITCH_TO_CALLEE)
    speak_both_ways(call, 25)
    call.caller_leg.bye_with(call.callee_leg)
    record = switch.wait_cdrs(1)[0]
    check_equal(record["media"]["from_caller"]["packets"], 50, "from_caller packets")


@case
def media_moves_in_call(bench: Bench) -> None:
    """The callee takes its media to another port; its old one is a stranger's from then on."""
    switch = bench.switch()
    peers = Peers.at(bench)
    call = establish(peers)
    speak_both_ways(call, 25)
    moved = peers.more(bench, 100)
    call.callee_leg.reinvite(call.caller_leg, moved.callee_sdp(), peers.caller_sdp())
    now = dataclasses.replace(call, peers=Peers(peers.caller, peers.callee, peers.caller_rtp,
                                                moved.callee_rtp))
    speak_both_ways(now, 25)
    peers.callee_rtp.send(CALLEE_STREAM, call.switch_for_callee, 5)
    switch.wait_counter("drop_media_stranger", 5)
    check_equal(len(peers.caller_rtp.received), 25, "packets that the caller got")
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_cdrs(1)


@case
def late_offer(bench: Bench) -> None:
    """INVITE without SDP: the callee offers in its 200, the caller answers in its ACK."""
    switch = bench.switch()
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, "")
    invite = peers.callee.expect("INVITE")
    check_equal(invite.body, "", "body of an INVITE without offer")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(200, peers.callee_sdp())
    answer = peers.caller.expect(200)
    switch_for_caller = check_media_address(answer, SWITCH_TO_CALLER)
    leg.ack(answer, peers.caller_sdp())
    ack = peers.callee.expect("ACK")
    call = Call(peers, leg, callee_leg, invite, switch_for_caller,
                check_media_address(ack, SWITCH_TO_CALLEE))
    speak_both_ways(call, 50)
    leg.bye_with(callee_leg)
    record = switch.wait_cdrs(1)[0]
    check_equal(record["media"]["from_caller"]["packets"], 50, "from_caller packets")


def fax_sdp(peer: RtpPeer, beside: bool) -> str:
    """An offer or answer of T.38 alone, or beside the audio that it silences."""
    audio = "m=audio 0 RTP/AVP 8\r\n" if beside else ""
    return (f"v=0\r\no=- {peer.port} 2 IN IP4 {peer.address}\r\ns=-\r\n"
            f"c=IN IP4 {peer.address}\r\nt=0 0\r\n{audio}"
            f"m=image {peer.port} udptl t38\r\na=T38FaxVersion:0\r\n"
            "a=T38FaxUdpEC:t38UDPRedundancy\r\n")


def check_fax_address(message: Message, switch: Address) -> None:
    found = re.search(r"^m=image (\d+) udptl t38\r$", message.body, re.MULTILINE)
    check(found, f"no m=image in the SDP of {message.start_line}: {message.body!r}")
    assert found
    check_equal((switch[0], int(found.group(1))), switch, "where the fax goes")


def fax_both_ways(call: Call, count: int) -> None:
    """UDPTL, all of it unaltered and nothing else."""
    peers = call.peers
    for speaker, listener, entry, exit_ in (
            (peers.caller_rtp, peers.callee_rtp, call.switch_for_caller, call.switch_for_callee),
            (peers.callee_rtp, peers.caller_rtp, call.switch_for_callee, call.switch_for_caller)):
        listener.received.clear()
        packets = [struct.pack("!H", number) + bytes([number & 0xFF]) * (number % 300)
                   for number in range(count)]
        for packet in packets:
            speaker.rtp.sendto(packet, entry)
        listener.wait_received(count)
        check_equal(listener.received, [(packet, exit_) for packet in packets], "UDPTL")


def fax_in_a_call(bench: Bench, beside: bool) -> None:
    switch = bench.switch()
    peers = Peers.at(bench)
    call = establish(peers)
    speak_both_ways(call, 25)
    offer, answer = call.callee_leg.reinvite(call.caller_leg, fax_sdp(peers.callee_rtp, beside),
                                             fax_sdp(peers.caller_rtp, beside))
    check_fax_address(offer, call.switch_for_caller)
    check_fax_address(answer, call.switch_for_callee)
    stranger = bench.rtp_caller(port=21000, address=STRANGER_AT_CALLER)
    stranger.rtp.sendto(b"before anyone else", call.switch_for_caller)
    fax_both_ways(call, 200)
    stranger.rtp.sendto(b"and afterwards", call.switch_for_caller)
    switch.wait_counter("drop_media_stranger", 2)
    check_equal(len(peers.callee_rtp.received), 200, "packets that the callee got")
    check_equal(sorted(flow["kind"] for flow in switch.flows()),
                ["opaque", "opaque", "rtcp", "rtcp"], "kinds of the flows")
    # And back to voice, where a fax has no place any more.
    call.callee_leg.reinvite(call.caller_leg, peers.callee_sdp(), peers.caller_sdp())
    speak_both_ways(call, 25)
    peers.caller_rtp.rtp.sendto(b"\0\1 late UDPTL", call.switch_for_caller)
    switch.wait_counter("drop_media_not_rtp", 1)
    check_equal(switch.counter("media_opaque_relayed"), 400, "media_opaque_relayed")
    call.caller_leg.bye_with(call.callee_leg)
    record = switch.wait_cdrs(1)[0]
    check("PCMA" in record["codec"], f"codec {record['codec']!r}")
    for direction in ("from_caller", "from_callee"):
        figures = record["media"][direction]
        check_equal((figures["opaque"], figures["packets"]), (200, 250), f"packets {direction}")


@case
def fax_in_the_voices_place(bench: Bench) -> None:
    """Audio → T.38 → audio by re-INVITE, m=image instead of m=audio."""
    fax_in_a_call(bench, beside=False)


@case
def fax_beside_silenced_voice(bench: Bench) -> None:
    """The same as m=audio with port 0 and m=image behind it."""
    fax_in_a_call(bench, beside=True)


@case
def fax_refused(bench: Bench) -> None:
    """The caller takes no T.38: the callee hears so, and the voice goes on."""
    switch = bench.switch()
    peers = Peers.at(bench)
    call = establish(peers)
    speak_both_ways(call, 25)  # the caller's ACK has come by then
    leg, other = call.callee_leg, call.caller_leg
    leg.agent.send(leg.request("INVITE", fax_sdp(peers.callee_rtp, False)), leg.peer)
    offer = peers.caller.expect("INVITE")
    other.reply(488, request=offer)
    peers.caller.expect("ACK")
    peers.callee.expect(488)
    leg.agent.send(leg.request("ACK", branch=leg.branch, cseq=leg.cseq), leg.peer)
    speak_both_ways(call, 25)
    check_equal(switch.counter("media_opaque_relayed"), 0, "media_opaque_relayed")
    leg.bye_with(other)
    switch.wait_cdrs(1)


@case
def ping_is_answered(bench: Bench) -> None:
    switch = bench.switch()
    for namespace, address in ((bench.lab.caller, SWITCH_TO_CALLER),
                               (bench.lab.callee, SWITCH_TO_CALLEE)):
        with Pinger(namespace, address) as pinger:
            for size in (0, 2, 56, 1400):
                pinger.ping(size)
    switch.wait_counter("icmp_echo_answered", 8)
