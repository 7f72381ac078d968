"""SIP datagrams that are larger than the MTU: they come and leave as IPv4 fragments."""

import socket
import struct

from harness.bench import Bench, case
from harness.call import Peers, establish, speak_both_ways
from harness.failure import check, check_equal, wait_until
from harness.lab import CALLEE, CALLER, STRANGER_AT_CALLER, SWITCH_TO_CALLEE, SWITCH_TO_CALLER
from harness.recorder import Fragment, Recorder
from harness.sip import sdp

MTU = 1500
# What an SDP has to say when it has much to say: about 6 KB.
MUCH = "".join(f"a=x-remark-{number}:{'0123456789' * 9}\r\n" for number in range(55))


class Talkative(Peers):
    def caller_sdp(self) -> str:
        return sdp(CALLER, self.caller_rtp.port, more=MUCH)

    def callee_sdp(self) -> str:
        return sdp(CALLEE, self.callee_rtp.port, payloads="8", more=MUCH)


def check_fragments(recorder: Recorder, sent: bool, source: str, target: str) -> None:
    """One datagram passed, in five fragments or more that fit together and into the MTU."""
    def passed() -> list[Fragment]:
        return [one for one in recorder.fragments
                if (one.sent, one.source, one.target) == (sent, source, target)]
    wait_until(lambda: not all(one.more for one in passed()), f"fragments from {source}")
    pieces = passed()
    check(len(pieces) >= 5, f"{len(pieces)} fragments from {source} to {target}")
    check_equal(len({one.number for one in pieces}), 1, f"identifications from {source}")
    end = 0
    for piece in sorted(pieces, key=lambda one: one.offset):
        check_equal(piece.offset, end, f"offset of a fragment from {source}")
        end += piece.octets
        check(piece.octets + 20 <= MTU, f"a fragment of {piece.octets} octets")
    check_equal([one.more for one in pieces].count(False), 1, "last fragments")


@case
def large_messages_both_ways(bench: Bench) -> None:
    """A 6 KB INVITE reaches the callee, and its 6 KB answer the caller, all in fragments."""
    switch = bench.switch()
    peers = Talkative(**vars(Peers.at(bench)))
    call = establish(peers)
    check(len(call.invite.text) > 6000, f"the INVITE has {len(call.invite.text)} octets")
    check(MUCH in call.invite.body, "the SDP came altered")
    check_fragments(bench.recorders["caller"], True, CALLER, SWITCH_TO_CALLER)
    check_fragments(bench.recorders["callee"], False, SWITCH_TO_CALLEE, CALLEE)
    check_fragments(bench.recorders["callee"], True, CALLEE, SWITCH_TO_CALLEE)
    check_fragments(bench.recorders["caller"], False, SWITCH_TO_CALLER, CALLER)
    speak_both_ways(call, 25)
    call.caller_leg.bye_with(call.callee_leg)
    record = switch.wait_cdrs(1)[0]
    check_equal(record["sip_code"], 200, "sip_code")
    check_equal(record["media"]["from_caller"]["packets"], 25, "from_caller packets")
    check_equal(switch.counter("datagrams_reassembled"), 2, "datagrams_reassembled")
    check(switch.counter("fragments_received") >= 10, "fragments_received")
    check(switch.counter("fragments_sent") >= 10, "fragments_sent")


def first_fragment(source: str, number: int) -> bytes:
    """The beginning of a datagram of which the rest never comes."""
    octets = struct.pack("!HHHH", 5060, 5060, 4000, 0) + b"INVITE sip:x SIP/2.0\r\n" * 60
    octets = octets[:1320]
    return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(octets), number, 0x2000, 64,
                       socket.IPPROTO_UDP, 0, socket.inet_aton(source),
                       socket.inet_aton(SWITCH_TO_CALLER)) + octets


@case
def large_messages_two_workers(bench: Bench) -> None:
    """The pieces meet at one worker, and what comes of them reaches its shard."""
    switch = bench.switch(workers=2, shards=2)
    peers = Talkative(**vars(Peers.at(bench)))
    for number in range(1, 5):  # the identification decides which worker: both get their turn
        call = establish(peers)
        speak_both_ways(call, 5)
        call.caller_leg.bye_with(call.callee_leg)
        switch.wait_cdrs(number)
    check_equal(switch.counter("datagrams_reassembled"), 8, "datagrams_reassembled")


@case
def unfinished_fragments_hold_nobody_up(bench: Bench) -> None:
    """A flood of first fragments, of one host and of many: bounded, counted, and calls go on."""
    switch = bench.switch()
    with bench.lab.caller.open_socket(socket.AF_INET, socket.SOCK_RAW,
                                      socket.IPPROTO_RAW) as raw:
        for number in range(1, 301):
            raw.sendto(first_fragment(STRANGER_AT_CALLER, number), (SWITCH_TO_CALLER, 0))
            raw.sendto(first_fragment(f"10.77.1.{number % 200 + 20}", number),
                       (SWITCH_TO_CALLER, 0))
            if number % 50 == 0:  # no more than the device's queue holds
                switch.wait_counter("fragments_received", 2 * number)
    call = establish(Talkative(**vars(Peers.at(bench))))
    speak_both_ways(call, 10)
    call.caller_leg.bye_with(call.callee_leg)
    switch.wait_cdrs(1)
    check(switch.counter("drop_fragment_source_full") > 0, "drop_fragment_source_full")
    check(switch.counter("drop_fragment_table_full") > 0, "drop_fragment_table_full")
    check_equal(switch.counter("datagrams_reassembled"), 2, "datagrams_reassembled")
    # Nothing stays: each of the 600 was pushed out or given up.
    switch.wait_counter("drop_fragment_timeout", 600 - switch.counter("drop_fragment_source_full")
                        - switch.counter("drop_fragment_table_full"))
