"""How a call sounds: against a generator whose losses, orders and delays are known."""

import math
import struct
import time

from harness.bench import Bench, case
from harness.call import CALLEE_STREAM, CALLER_STREAM, Call, Peers, establish
from harness.failure import check, check_equal, wait_until
from harness.rtp import Address, RtpPeer, Stream
from harness.switch import Switch

PACKETS = 220
STEP = 0.005  # of G.711, 40 octets
MIDDLE = 0x1234ABCD  # of a sender report's NTP timestamp
TURN = 0.03  # how long a worker's turn, which has one time, may last on a machine that others use
FAR_AWAY = 0.05  # what the callee keeps to itself of the time that it held the report


def rating_without_loss(delay_ms: float) -> float:
    """ITU-T G.107 with its defaults, written a second time."""
    basic, simultaneous = 94.769, 1.414
    talker = 65 - 40 * math.log10((1 + delay_ms / 10) / (1 + delay_ms / 150))
    half = (basic - (80 + 2.5 * (talker - 14))) / 2
    echo = half + math.sqrt(half * half + 100) - 1
    half = (basic - 10.5 * 117 * (2 * delay_ms + 1) ** -0.25) / 2
    echo += half + math.sqrt(half * half + 169)
    if delay_ms > 100:
        x = math.log2(delay_ms / 100)
        echo += 25 * ((1 + x ** 6) ** (1 / 6) - 3 * (1 + (x / 3) ** 6) ** (1 / 6) + 2)
    return basic - simultaneous - echo


def opinion(rating: float) -> float:
    return 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6


def score(figures: dict) -> float:
    """What G.711 without bursts comes to, by the figures of a record."""
    gone = 100 * (figures["lost"] + figures["late"]) / (figures["packets"] + figures["lost"])
    return opinion(rating_without_loss(figures["delay_ms"]) - 95 * gone / (gone + 25.1))


class Line:
    """Sends a stream of which every 20th packet is lost, some change places, each second one is
    3 ms late, and one 100 ms; keeps what it did."""

    def __init__(self, stream: Stream):
        self.stream = stream
        self.numbers = [n for n in range(PACKETS) if n % 20 != 10]
        for at in (30, 90, 150):
            self.numbers[at], self.numbers[at + 1] = self.numbers[at + 1], self.numbers[at]
        self.lost = PACKETS - len(self.numbers)
        self.jitter = 0.0  # RFC 3550 A.8, in seconds, by the times of sending
        self.late = 0

    def send(self, peer: RtpPeer, to: Address) -> None:
        begin = time.monotonic()
        former = None
        for place, number in enumerate(self.numbers):
            due = place * STEP + (0.003 if place % 2 else 0) + (0.1 if place == 120 else 0)
            time.sleep(max(0.0, begin + due - time.monotonic()))
            now = time.monotonic()
            peer.rtp.sendto(self.stream.packet(number).encode(), to)
            transit = now - number * STEP
            if former is not None:
                self.jitter += (abs(transit - former) - self.jitter) / 16
                self.late += transit - former > 0.06
            former = transit


def scripted_reports(switch: Switch, call: Call) -> float:
    """The caller's sender report, and the callee's answer with what it claims. Returns the longest
    that the way to the callee and back may have taken, in seconds."""
    peers = call.peers
    to_switch = (call.switch_for_caller[0], call.switch_for_caller[1] + 1)
    sent = time.monotonic()
    peers.caller_rtp.rtcp.sendto(
        struct.pack("!BBHIIIIII", 0x80, 200, 6, CALLER_STREAM.ssrc, MIDDLE >> 16,
                    MIDDLE << 16 & 0xFFFFFFFF, 0, 0, 0), to_switch)
    peers.callee_rtp.wait_rtcp(1)
    received = time.monotonic()
    time.sleep(0.1)  # it may take its time, and says so
    held = time.monotonic() - received - FAR_AWAY
    answer = struct.pack("!BBHIIIIIII", 0x81, 201, 7, CALLEE_STREAM.ssrc, CALLER_STREAM.ssrc,
                         64 << 24 | 13, 0, 120, MIDDLE, int(held * 65536))
    to_switch = (call.switch_for_callee[0], call.switch_for_callee[1] + 1)
    peers.callee_rtp.rtcp.sendto(answer, to_switch)
    peers.caller_rtp.wait_rtcp(1)
    longest = time.monotonic() - sent - held
    broken = answer[:-4]
    peers.callee_rtp.rtcp.sendto(broken, to_switch)
    peers.caller_rtp.wait_rtcp(2)
    check_equal([data for data, _ in peers.caller_rtp.received_rtcp], [answer, broken],
                "RTCP relayed as it came, also what makes no sense")
    check_equal(switch.wait_counter("rtcp_malformed", 1), 1, "rtcp_malformed")
    return longest


def check_reported(figures: dict, longest: float) -> None:
    for key, value in {"reports": 1, "reported_lost": 13, "reported_loss_percent": 25.0,
                       "reported_jitter_us": 15000}.items():
        check_equal(figures[key], value, key)
    check(FAR_AWAY - TURN <= figures["round_trip_us"] / 1e6 <= longest + TURN,
          f"round trip {figures['round_trip_us']} µs, not {FAR_AWAY} to {longest} s")


def check_line(figures: dict, line: Line) -> None:
    for key, value in {"packets": len(line.numbers), "lost": line.lost, "loss_runs": line.lost,
                       "reordered": 3, "duplicated": 0, "reports": 0}.items():
        check_equal(figures[key], value, f"{key} of the bad line")
    # Of the times, the network's and the machine's share comes on top of what was sent.
    check(figures["late"] >= line.late >= 1, f"late: {figures['late']}, sent {line.late}")
    check(line.jitter / 2 <= figures["jitter_us"] / 1e6 <= line.jitter * 2 + 0.005,
          f"jitter {figures['jitter_us']} µs, sent {line.jitter} s")
    check(abs(figures["mos"] - score(figures)) < 0.02,
          f"mos {figures['mos']}, by the figures {score(figures)}")


@case
def quality_of_a_known_line(bench: Bench) -> None:
    """Losses exactly, jitter as it was sent, MOS as G.107 has it, RTCP as the party has said it;
    live and in the record."""
    switch = bench.switch()
    call = establish(Peers.at(bench))
    name = switch.calls()[0]["id"]
    check_equal(switch.calls()[0]["mos"]["from_callee"], None, "mos before anybody speaks")
    longest = scripted_reports(switch, call)
    call.peers.caller_rtp.send(Stream(CALLER_STREAM.ssrc, octets=40), call.switch_for_caller, 100,
                               interval=STEP)
    line = Line(Stream(CALLEE_STREAM.ssrc, octets=40))
    line.send(call.peers.callee_rtp, call.switch_for_callee)
    call.peers.caller_rtp.wait_received(len(line.numbers))

    def all_published() -> dict | None:
        shown = switch.ask("show", "call", name)["call"]
        media = shown["media"] and shown["media"]["from_callee"]
        return shown if media and media["packets"] == len(line.numbers) else None
    shown = wait_until(all_published, "show call has the last packet")
    check_line(shown["media"]["from_callee"], line)
    check_reported(shown["media"]["from_caller"], longest)
    for key, value in {"id": name, "state": "answered", "mapping_gateway": "acme",
                       "routing_gateway": "bcorp", "mos_codec": "PCMA"}.items():
        check_equal(shown[key], value, f"{key} in show call")
    check_equal(shown["callee_leg"]["call_id"], call.invite.call_id, "call_id of a leg")
    row = switch.calls()[0]
    check_equal(row["lost"]["from_callee"], line.lost, "lost in show calls")
    check_equal(row["mos"]["from_callee"], shown["media"]["from_callee"]["mos"],
                "mos in show calls")
    check_equal(switch.ctl("show", "call", name + "x").returncode, 1, "exit code for no call")

    call.caller_leg.bye_with(call.callee_leg)
    media = switch.wait_cdrs(1)[0]["media"]
    check_line(media["from_callee"], line)
    check_reported(media["from_caller"], longest)
    good = media["from_caller"]
    check_equal((good["packets"], good["lost"], good["loss_runs"]), (100, 0, 0), "the good line")
    check(good["mos"] > media["from_callee"]["mos"], "losses are heard")
    gap_us = media["from_callee"]["largest_gap_us"]
    check(gap_us >= (0.1 - TURN) * 1e6, f"largest gap {gap_us} µs")
