"""The legacy payload encryption, between two switches of ours with a cable between them."""

import math
import random

from harness.bench import Bench, case
from harness.call import Call, Peers, establish, report_both_ways
from harness.failure import check, check_equal, wait_until
from harness.recorder import Recorder
from harness.rtp import Address, Packet, RtpPeer, Stream
from harness.switch import Switch

# By mode; xor's goes to the worker in several pieces.
KEYS = {"xor": "".join(chr(ord("A") + number % 26) for number in range(200)),
        "rc4": "a key of 23 characters.", "aes128": "0123456789abcdef"}
PCMA = 8
ROUND = 40  # packets
RTP_HEADER = 12
SENDER_REPORT = b"\x80\xc8"


def a_law(sample: int) -> int:
    """ITU-T G.711, from 16 bits."""
    size = min(abs(sample), 32767)
    chord = max(0, size.bit_length() - 8)
    step = size >> 4 if chord == 0 else size >> (chord + 3)
    return ((0x80 if sample >= 0 else 0) | chord << 4 | step & 15) ^ 0x55


class Voice(Stream):
    """A tone that swells and fades: nobody takes it for noise."""

    def packet(self, number: int) -> Packet:
        plain = super().packet(number)
        start = number * self.octets
        octets = bytes(a_law(int(9000 * math.sin(at / 900) * math.sin(at * 0.4)))
                       for at in range(start, start + self.octets))
        return Packet(plain.sequence, plain.timestamp, plain.ssrc, PCMA, plain.marker, octets)


def bad_line(seed: int) -> list[int]:
    """Numbers of packets as a line delivers them: some lost, some late, some twice."""
    chance = random.Random(seed)
    numbers = [number for number in range(ROUND) if chance.random() > 0.1]
    for at in range(1, len(numbers) - 4, 5):
        numbers.insert(at + chance.randrange(1, 4), numbers.pop(at))
    return numbers + numbers[-2:]


def speak(peer: RtpPeer, other: RtpPeer, to: Address, stream: Stream, order: list[int]
          ) -> tuple[list[bytes], list[bytes]]:
    """What was sent, and what of it arrived."""
    other.received.clear()
    sent: list[bytes] = []
    for number in order:
        sent += [packet.encode() for packet in peer.send(stream, to, 1, number, interval=0.004)]
    other.wait_received(len(sent))
    return sent, [data for data, _ in other.received]


def both_ways(call: Call, seed: int) -> dict[bool, list[bytes]]:
    """What the caller (True) and the callee sent; all of it arrives as it was, in that order."""
    peers = call.peers
    out = {}
    for from_caller, peer, other, to in (
            (True, peers.caller_rtp, peers.callee_rtp, call.switch_for_caller),
            (False, peers.callee_rtp, peers.caller_rtp, call.switch_for_callee)):
        stream = Voice(ssrc=0xA0 + seed + from_caller)
        sent, arrived = speak(peer, other, to, stream, bad_line(seed + from_caller))
        check_equal(arrived, sent, f"what arrives at {other.address}")
        out[from_caller] = sent
    return out


def check_cable(cable: dict[bool, Recorder], sent: dict[bool, list[bytes]]) -> None:
    """The same packets between the switches, with other payloads."""
    for from_caller, packets in sent.items():
        ssrc = packets[0][8:12]
        seen = [one.data for one in cable[from_caller].datagrams
                if one.data[8:12] == ssrc and one.data[1] & 127 == PCMA]
        check_equal([data[:RTP_HEADER] for data in seen],
                    [data[:RTP_HEADER] for data in packets], "RTP headers on the cable")
        check_equal([len(data) for data in seen], [len(data) for data in packets], "lengths")
        same = sum(one == other for one, other in zip(seen, packets))
        check_equal(same, 0, "payloads on the cable that are as they were")


def set_secret(switch: Switch, gateway: str, mode: str, key: str) -> dict:
    return switch.ask("gateway", "set", gateway, f"SS_RTPENCRYPTIONMODE={mode}",
                      f"SS_RTPENCRYPTIONKEY={key}")


def check_hidden(switch: Switch, gateway: str) -> None:
    """Neither the operator's tool nor a log says the key."""
    shown = switch.ask("gateway", "show", gateway)
    check_equal(shown["settings"]["SS_RTPENCRYPTIONKEY"], "(hidden)", "the key that is shown")
    told = switch.ctl("gateway", "show", gateway).stdout
    told += switch.ctl("gateway", "settings").stdout
    told += "".join(log.read_text() for log in switch.folder.glob("tandem-*.log"))
    for key in KEYS.values():
        check(key not in told, "a key is told")


@case
def payloads_are_encrypted_between_two_switches(bench: Bench) -> None:
    """In each mode, over a bad line; then the keys differ; then a dataplane is killed."""
    near, far, cable = bench.switch_pair()
    peers = Peers.at(bench)
    for seed, (mode, key) in enumerate(KEYS.items()):
        set_secret(near, "bcorp", mode, key)
        set_secret(far, "acme", mode, key)
        call = establish(peers)
        check_cable(cable, both_ways(call, 10 * seed))
        peers.caller_rtp.received_rtcp.clear()
        peers.callee_rtp.received_rtcp.clear()
        report_both_ways(call, 1)
        for from_caller, listener in ((True, peers.callee_rtp), (False, peers.caller_rtp)):
            reports = [one.data for one in cable[from_caller].datagrams
                       if one.data[:2] == SENDER_REPORT]
            check_equal(reports[-1:], [listener.received_rtcp[0][0]], "RTCP on the cable")
        call.caller_leg.bye_with(call.callee_leg)
        near.wait_nothing_left()
    for switch, other, gateway in ((near, far, "bcorp"), (far, near, "acme")):
        check(switch.counter("media_enciphered") >= 3 * ROUND / 2, "nothing was enciphered")
        check_equal(switch.counter("media_enciphered"), other.counter("media_deciphered"),
                    "packets enciphered by the one, and deciphered by the other")
        check_equal(switch.counter("media_implausible"), 0, "voice that was taken for noise")
        check_equal(switch.counter("drop_command"), 0, "commands refused")
        check_hidden(switch, gateway)
    a_wrong_key_makes_noise(near, far, peers)
    call = establish(peers)
    near.dataplane.kill()
    near.start_dataplane()  # it is told of the key again, and of the call
    check_cable(cable, both_ways(call, 50))
    call.caller_leg.bye_with(call.callee_leg)


def a_wrong_key_makes_noise(near: Switch, far: Switch, peers: Peers) -> None:
    set_secret(far, "acme", "aes128", "0123456789abcdeF")
    call = establish(peers)
    sent, arrived = speak(peers.caller_rtp, peers.callee_rtp, call.switch_for_caller,
                          Voice(ssrc=0xBAD), list(range(ROUND)))
    check_equal([data[:RTP_HEADER] for data in arrived], [data[:RTP_HEADER] for data in sent],
                "RTP headers at the callee")
    check(all(one != other for one, other in zip(sent, arrived)), "voice under a wrong key")
    noticed = far.wait_counter("media_implausible", 14)  # of the first 16
    check_equal(near.counter("media_implausible"), 0, "noise where the key is right")
    wait_until(lambda: any(flow["implausible"] == noticed for flow in far.flows()),
               "the flow shows it too")
    # The right key is for the next call: this one keeps what it was born with.
    set_secret(far, "acme", "aes128", KEYS["aes128"])
    sent, arrived = speak(peers.caller_rtp, peers.callee_rtp, call.switch_for_caller,
                          Voice(ssrc=0xBAD), [ROUND])
    check(sent != arrived, "a call in the middle of which the key was changed")
    call.caller_leg.bye_with(call.callee_leg)
    near.wait_nothing_left()


@case
def keys_of_a_wrong_length_are_refused(bench: Bench) -> None:
    """By the operator's tool, without a word of the key; a short one of rc4 is warned of."""
    switch = bench.switch()
    secret = "sesame-open"
    refused = switch.ctl("gateway", "set", "bcorp", "SS_RTPENCRYPTIONMODE=aes128",
                         f"SS_RTPENCRYPTIONKEY={secret}")
    check(refused.returncode != 0, "a key of 11 octets was taken for aes128")
    check("exactly 16 octets" in refused.stderr, f"no reason: {refused.stderr}")
    check(secret not in refused.stderr + refused.stdout, "the refusal tells the key")
    warned = set_secret(switch, "bcorp", "rc4", secret)
    check_equal(warned["warnings"],
                ["SS_RTPENCRYPTIONKEY: an rc4 key below 16 octets is easily guessed"], "warnings")
    check(secret not in str(warned), "the answer tells the key")
