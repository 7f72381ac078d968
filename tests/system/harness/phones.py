"""Two phones that nobody here wrote, one at each end, and what they do to one another."""

import array
import time

from .baresip import Baresip
from .bench import NUMBER, Bench
from .failure import check, check_equal, wait_until
from .lab import CALLEE, CALLER, SWITCH_TO_CALLER
from .linphone import Linphone
from .rtp import Packet
from .switch import Switch
from .tone import from_a_law, write_tone

CALLER_HERTZ, CALLEE_HERTZ = 440, 880
TALK_PACKETS = 60  # 1.2 s
PHONE_RTP = range(20000, 20101, 2)  # where both kinds of phone take their media
Phone = Baresip | Linphone


def near_phone(bench: Bench, kind: type[Phone] = Baresip, address: str = CALLER,
               **more: object) -> Phone:
    speech = write_tone(bench.folder / "caller.wav", CALLER_HERTZ)
    return bench.peer(kind, bench.lab.caller, address, name="caller", user="4989555",
                      speech=speech, **more)


def far_phone(bench: Bench, kind: type[Phone] = Baresip, address: str = CALLEE,
              **more: object) -> Phone:
    speech = write_tone(bench.folder / "callee.wav", CALLEE_HERTZ)
    return bench.peer(kind, bench.lab.callee, address, name="callee", user=NUMBER,
                      speech=speech, **more)


def ring(caller: Phone, callee: Phone, switch: str = SWITCH_TO_CALLER) -> None:
    caller.dial(f"sip:{NUMBER}@{switch}")
    callee.wait_incoming()
    caller.wait_ringing()


def pick_up(caller: Phone, callee: Phone) -> None:
    callee.accept()
    caller.wait_established()
    callee.wait_established()


def packets_of(bench: Bench, side: str, sent: bool = False) -> int:
    """RTP packets that this side's phone got, or sent, so far."""
    recorder = bench.recorders[side]
    return sum(len(recorder.rtp(sent, port)) for port in PHONE_RTP)


def wait_talk(bench: Bench) -> None:
    """Until so many more packets have reached each phone that it must have heard the other."""
    marks = {side: packets_of(bench, side) for side in ("caller", "callee")}
    for side, mark in marks.items():
        wait_until(lambda: packets_of(bench, side) >= mark + TALK_PACKETS,
                   f"{TALK_PACKETS} packets more reach the {side}", 15)


def check_heard(caller: Phone, callee: Phone, least: float = 0.8) -> None:
    """Each phone has decoded the other's tone, and never its own."""
    for phone, there, other in ((caller, CALLEE_HERTZ, CALLER_HERTZ),
                                (callee, CALLER_HERTZ, CALLEE_HERTZ)):
        heard = phone.seconds_heard(there)
        check(heard >= least, f"{phone.name} heard {there} Hz for {heard:.2f} s only")
        check_equal(phone.seconds_heard(other), 0.0, f"seconds of {phone.name}'s own tone it heard")


def check_record(switch: Switch, direction: str, codec: str = "PCMA") -> dict:
    record = switch.wait_cdrs(1)[0]
    for key, value in {"sip_code": 200, "end_direction": direction, "caller": "4989555",
                       "callee": NUMBER}.items():
        check_equal(record[key], value, key)
    check(codec in str(record["codec"]), f"codec {record['codec']!r} is not {codec}")
    for side in ("from_caller", "from_callee"):
        figures = record["media"][side]
        check(figures["relayed"] >= TALK_PACKETS, f"{side}: {figures['relayed']} packets relayed")
        check_equal(figures["lost"], 0, f"packets lost {side}")
    switch.wait_no_calls()
    return record


def talk(bench: Bench, near: type[Phone], far: type[Phone], hangs_up: str,
         codec: str = "PCMA", **more: object) -> None:
    """One call with voice both ways, from dialling to the record."""
    caller, callee = near_phone(bench, near, **more), far_phone(bench, far, **more)
    switch = bench.switch()
    ring(caller, callee)
    pick_up(caller, callee)
    wait_talk(bench)
    (caller if hangs_up == "caller" else callee).hang_up()
    caller.wait_closed()
    callee.wait_closed()
    check_record(switch, hangs_up, codec)
    check_heard(caller, callee)


def wait_quiet(bench: Bench, side: str, sent: bool) -> None:
    """Until this side's phone has sent, or got, no RTP for half a second."""
    mark = (packets_of(bench, side, sent), time.monotonic())

    def quiet() -> bool:
        nonlocal mark
        if packets_of(bench, side, sent) != mark[0]:
            mark = (packets_of(bench, side, sent), time.monotonic())
        return time.monotonic() - mark[1] > 0.5

    wait_until(quiet, f"no more RTP {'from' if sent else 'to'} the {side}")


def talk_with_hold(bench: Bench, switch: Switch, caller: Phone, callee: Phone, holder: Phone,
                   ends: Phone, door: str = SWITCH_TO_CALLER) -> None:
    """One call by `door` with voice both ways, a hold, voice again, a BYE, and its record."""
    other, direction = (callee, "caller") if ends is caller else (caller, "callee")
    ring(caller, callee, door)
    pick_up(caller, callee)
    wait_talk(bench)
    holder.hold()
    wait_quiet(bench, "callee" if holder is caller else "caller", sent=True)
    holder.resume()
    wait_talk(bench)
    ends.hang_up()
    other.wait_closed()
    check_record(switch, direction)
    check_heard(caller, callee)


def voice_to(bench: Bench, side: str, start: int) -> array.array:
    """What reached this side's phone from datagram `start` on. (baresip 1.0 records nothing more
    once it was on hold, so that its own word isn't enough.)"""
    return from_a_law(b"".join(
        Packet.decode(one.data).payload for one in bench.recorders[side].datagrams[start:]
        if not one.sent and one.target[1] in PHONE_RTP))
