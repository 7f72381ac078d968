"""What the switch says itself: ringback, announcements and digits, packet by packet."""

import itertools
import pathlib
import re
import time

from harness.baresip import Baresip
from harness.bench import NUMBER, Bench, case
from harness.call import CALLEE_STREAM, SIP_AT_CALLER, Peers, check_media_address
from harness.failure import check, check_equal, wait_until
from harness.lab import SWITCH_TO_CALLER
from harness.linphone import Linphone
from harness.phones import (Phone, check_record, far_phone, near_phone, packets_of, pick_up,
                            voice_to, wait_talk)
from harness.rtp import Packet, RtpPeer
from harness.switch import Switch
from harness.tone import from_a_law, seconds_of, write_tone

SILENCE = bytes([0xD5]) * 160  # A-law


def packets(peer: RtpPeer) -> list[Packet]:
    return [Packet.decode(data) for data, _ in list(peer.received)]


def check_one_stream(heard: list[Packet]) -> None:
    """One SSRC, no number missing or twice, and timestamps that only grow."""
    check_equal(len({packet.ssrc for packet in heard}), 1, "SSRCs that are heard")
    for before, after in itertools.pairwise(heard):
        check_equal((after.sequence - before.sequence) & 0xFFFF, 1, "step of the sequence numbers")
        step = (after.timestamp - before.timestamp) & 0xFFFFFFFF
        check(0 < step < 1 << 31, f"step of the timestamps {step}")


def check_paced(heard: list[Packet], seconds: float) -> None:
    for before, after in itertools.pairwise(heard):
        check_equal((after.timestamp - before.timestamp) & 0xFFFFFFFF, 160, "step of timestamps")
    check(abs(len(heard) * 0.02 - seconds) < 0.5, f"{len(heard)} packets in {seconds:.2f} s")


def runs(heard: list[Packet]) -> list[tuple[bool, int]]:
    """(sounding, packets), one after the other."""
    return [(sounds, len(list(group)))
            for sounds, group in itertools.groupby(heard, lambda p: p.payload != SILENCE)]


@case
def ringback_gives_way_to_voice(bench: Bench) -> None:
    """180 without a description: the caller hears the country's tone from us, then, in the same
    stream, the callee."""
    switch = bench.switch(parameters={"TD_LOCAL_RING": "on", "TD_RING_COUNTRY": "gb"})
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(180)
    told = peers.caller.expect(183)
    check("PCMA/8000" in told.body, f"answered with {told.body!r}")
    door = check_media_address(told, SWITCH_TO_CALLER)
    begun = time.monotonic()
    peers.caller_rtp.wait_received(320)
    check_paced(packets(peers.caller_rtp)[:320], time.monotonic() - begun)
    callee_leg.reply(180)  # it rings and rings
    callee_leg.reply(200, peers.callee_sdp())
    answer = peers.caller.expect(200)
    check(answer.get("To") != told.get("To"), "two answers to one offer in one dialog")
    check_equal(check_media_address(answer, SWITCH_TO_CALLER), door, "media port")
    leg.ack(answer)
    peers.callee.expect("ACK")
    rung = len(peers.caller_rtp.received)
    sent = peers.callee_rtp.send(CALLEE_STREAM, invite.media(), 50)
    wait_until(lambda: packets(peers.caller_rtp)[-1].payload == sent[-1].payload, "voice is heard")
    heard = packets(peers.caller_rtp)
    check_one_stream(heard)
    check_equal([packet.payload for packet in heard[-50:]], [packet.payload for packet in sent],
                "voice")
    check(len(heard) - 50 - rung <= 3, "the tone went on after the answer")
    ring, voice = heard[:-50], heard[-50:]
    check_equal([packet.marker for packet in ring], [True] + [False] * (len(ring) - 1), "markers")
    check(voice[0].marker, "no marker where the voice begins")
    check_equal(runs(ring)[:8], [(True, 20), (False, 10), (True, 20), (False, 100)] * 2, "cadence")
    check_equal(len({packet.payload for packet in ring if packet.payload != SILENCE}), 1,
                "shapes of 400 and 450 Hz, which repeat each 20 ms")
    check_equal(switch.counter("drop_media_overtaken"), 0, "drop_media_overtaken")
    leg.bye_with(callee_leg)
    switch.wait_one_record()


@case
def ringback_gives_way_to_early_media(bench: Bench) -> None:
    """The callee rings, then plays something itself; a caller that wants reliable responses."""
    switch = bench.switch(parameters={"TD_LOCAL_RING": "on"})
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    callee_leg.reply(180)
    first = peers.caller.expect(183)
    peers.caller_rtp.wait_received(10)
    callee_leg.reply(183, peers.callee_sdp())
    second = peers.caller.expect(183)
    check(first.get("To") != second.get("To"), "two answers to one offer in one dialog")
    sent = peers.callee_rtp.send(CALLEE_STREAM, invite.media(), 30)
    wait_until(lambda: packets(peers.caller_rtp)[-1].payload == sent[-1].payload, "media is heard")
    heard = packets(peers.caller_rtp)
    check_one_stream(heard)
    check_equal([packet.payload for packet in heard[-30:]], [packet.payload for packet in sent],
                "early media, undisturbed")
    leg.cancel()
    peers.callee.expect("CANCEL")
    peers.caller.expect(200)
    leg.ack(peers.caller.expect(487))
    switch.wait_one_record()


def check_ringback_for(bench: Bench, kind: type[Phone]) -> None:
    """A phone that nobody here wrote hears the tone, and then the other one: nothing is missing to
    it when media come from a dialog that isn't the one it is answered in."""
    switch = bench.switch(parameters={"TD_LOCAL_RING": "on", "TD_RING_COUNTRY": "fr"})
    caller, callee = near_phone(bench, kind), far_phone(bench, kind)
    caller.dial(f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    callee.wait_incoming()
    wait_until(lambda: packets_of(bench, "caller") >= 60, "60 packets of the tone")
    rung = seconds_of(voice_to(bench, "caller", 0), 440)
    check(rung > 0.9, f"440 Hz for {rung:.2f} s")
    pick_up(caller, callee)
    wait_talk(bench)
    caller.hang_up()
    callee.wait_closed()
    check_record(switch, "caller")
    heard = seconds_of(voice_to(bench, "caller", 0), 880)
    check(heard > 0.8, f"the caller gets {heard:.2f} s of the callee's tone")
    for phone, hertz in ((caller, 880), (callee, 440)):
        heard = phone.seconds_heard(hertz)
        check(heard > 0.8, f"{phone.name} heard {hertz} Hz for {heard:.2f} s only")


@case
def ringback_for_baresip(bench: Bench) -> None:
    check_ringback_for(bench, Baresip)


@case
def ringback_for_linphone(bench: Bench) -> None:
    check_ringback_for(bench, Linphone)


def with_sounds(bench: Bench, **more: object) -> Switch:
    """Whose acme has its callers told why a call failed."""
    folder = pathlib.Path(bench.folder) / "sounds"
    folder.mkdir()
    write_tone(folder / "no-route.wav", 440, 1)
    write_tone(folder / "sorry.wav", 1000, 1)
    switch = bench.switch(first=("[sounds]", f'folder = "{folder}"'), **more)
    switch.ask("gateway", "set", "acme", "announcements=NoRoute:no-route,*:sorry")
    return switch


def check_announced(peers: Peers, hertz: int) -> None:
    heard = packets(peers.caller_rtp)
    check_equal(len(heard), 50, "packets of an announcement of one second")
    check_paced(heard, 1.0)
    check_one_stream(heard)
    seconds = seconds_of(from_a_law(b"".join(packet.payload for packet in heard)), hertz)
    check(seconds > 0.95, f"{hertz} Hz are heard for {seconds} s")


@case
def a_sound_that_cannot_be_used_is_told(bench: Bench) -> None:
    """The control plane doesn't start with it, and says which file it is, and what is wrong."""
    folder = pathlib.Path(bench.folder) / "sounds"
    folder.mkdir()
    write_tone(folder / "good.wav", 440, 1)
    (folder / "bad.wav").write_text("hello")
    switch = bench.new_switch(first=("[sounds]", f'folder = "{folder}"'))
    process = switch.launch_controlplane()
    process.wait_line(re.escape(f"{folder}/bad.wav: "))
    check_equal(process.wait(10), 2, "exit code")
    (folder / "bad.wav").unlink()
    switch.start()


@case
def announcement_says_why(bench: Bench) -> None:
    """No route: 183, the whole announcement, then 404, and a record of the failure."""
    switch = with_sounds(bench)
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, "3312345", peers.caller_sdp())
    told = peers.caller.expect(183)
    check_media_address(told, SWITCH_TO_CALLER)
    refusal = peers.caller.expect(404)
    leg.ack(refusal)
    check_announced(peers, 440)
    record = switch.wait_one_record()
    check_equal(record["end_reason"], "NoRoute", "end_reason")
    check_equal(record["sip_code"], 404, "sip_code")
    check(not record["answer_ms"], "an announcement is no answer")
    switch.wait_nothing_left()


@case
def announcement_after_a_refusal(bench: Bench) -> None:
    """The callee is busy: told after the tone that rang, in one stream with it; then its 486."""
    switch = with_sounds(bench, parameters={"TD_LOCAL_RING": "on"})
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
    callee_leg = peers.callee.answer_leg(peers.callee.expect("INVITE"))
    callee_leg.reply(180)
    peers.caller.expect(183)
    peers.caller_rtp.wait_received(10)
    callee_leg.reply(486, more="Warning: 399 bob \"on the phone\"\r\n")
    peers.callee.expect("ACK")
    refusal = peers.caller.expect(486)
    check("on the phone" in refusal.text, "what the callee said of it is lost")
    leg.ack(refusal)
    heard = packets(peers.caller_rtp)
    check_one_stream(heard)
    seconds = seconds_of(from_a_law(b"".join(p.payload for p in heard[-50:])), 1000)
    check(seconds > 0.9, f"1000 Hz are heard for {seconds} s")
    record = switch.wait_one_record()
    check_equal(record["end_reason"], "UserBusy", "end_reason")
    check_equal(record["end_direction"], "callee", "end_direction")


@case
def caller_hangs_up_in_the_announcement(bench: Bench) -> None:
    switch = with_sounds(bench)
    peers = Peers.at(bench)
    leg = peers.caller.invite(SIP_AT_CALLER, "3312345", peers.caller_sdp())
    peers.caller.expect(183)
    peers.caller_rtp.wait_received(5)
    leg.cancel()
    peers.caller.expect(200)
    leg.ack(peers.caller.expect(487))
    record = switch.wait_one_record()
    check_equal(record["end_reason"], "NoRoute", "end_reason")
    switch.wait_nothing_left()


SIX = "Signal=6\r\nDuration=120\r\n"


def info(leg, body: str) -> None:
    """An INFO with a digit in the call."""
    text = leg.request("INFO", body).replace("application/sdp", "application/dtmf-relay")
    leg.agent.send(text, leg.peer)


def events(peer: RtpPeer, payload_type: int) -> list[Packet]:
    return [packet for packet in packets(peer) if packet.payload_type == payload_type]


def establish_with_events(bench: Bench, answered: int):
    """A call whose caller says 101 for telephone-event, and whose callee `answered`; 0: none."""
    peers = Peers.at(bench)
    offer = peers.caller_sdp().replace("AVP 8 0", "AVP 8 0 101") + \
        "a=rtpmap:101 telephone-event/8000\r\n"
    leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, offer)
    invite = peers.callee.expect("INVITE")
    callee_leg = peers.callee.answer_leg(invite)
    answer = peers.callee_sdp()
    if answered:
        answer = answer.replace("AVP 8", f"AVP 8 {answered}") + \
            f"a=rtpmap:{answered} telephone-event/8000\r\n"
    callee_leg.reply(200, answer)
    told = peers.caller.expect(200)
    leg.ack(told)
    peers.callee.expect("ACK")
    callee_leg.peer = invite.source
    return peers, leg, callee_leg, invite, told


@case
def info_becomes_a_telephone_event(bench: Bench) -> None:
    """For a vendor that wants RFC 4733: under its own payload type, in one stream with voice."""
    switch = bench.switch()
    switch.ask("gateway", "set", "bcorp", "TD_DTMF=rfc4733")
    peers, leg, callee_leg, invite, told = establish_with_events(bench, 96)
    voice = peers.caller_rtp.send(CALLEE_STREAM, told.media(), 10)
    peers.callee_rtp.wait_received(10)
    info(leg, SIX)
    check_equal(peers.caller.expect(200).cseq[1], "INFO", "method of the 200")
    wait_until(lambda: len(events(peers.callee_rtp, 96)) == 8, "six frames and two more ends")
    more = peers.caller_rtp.send(CALLEE_STREAM, told.media(), 20, start=30)
    wait_until(lambda: packets(peers.callee_rtp)[-1].payload == more[-1].payload, "voice goes on")
    check(len(peers.callee_rtp.received) >= 10 + 8 + 15, "voice is left out for long")
    heard = packets(peers.callee_rtp)
    check_equal({packet.ssrc for packet in heard}, {voice[0].ssrc}, "SSRCs")
    for before, after in itertools.pairwise(heard):
        check_equal((after.sequence - before.sequence) & 0xFFFF, 1, "step of the sequence numbers")
    digit = events(peers.callee_rtp, 96)
    check_equal({packet.timestamp for packet in digit}, {digit[0].timestamp}, "timestamps of it")
    check_equal([packet.marker for packet in digit], [True] + [False] * 7, "markers")
    check_equal([packet.payload[0] for packet in digit], [6] * 8, "events")
    check_equal([packet.payload[1] >> 7 for packet in digit], [0] * 5 + [1] * 3, "end bits")
    check_equal([int.from_bytes(packet.payload[2:4]) for packet in digit],
                [160, 320, 480, 640, 800, 960, 960, 960], "durations")
    leg.bye_with(callee_leg)
    switch.wait_one_record()


@case
def telephone_event_becomes_info(bench: Bench) -> None:
    """For a vendor that wants INFO: once, though the event comes in many packets."""
    switch = bench.switch()
    switch.ask("gateway", "set", "bcorp", "TD_DTMF=info")
    peers, leg, callee_leg, invite, told = establish_with_events(bench, 0)
    check("telephone-event" not in invite.body, "events are offered to who is told by INFO")
    check("101 telephone-event" in told.body, "the caller isn't told that it may send events")
    for number in range(8):
        duration = min(number + 1, 6) * 160
        payload = bytes([9, 10 | (0x80 if number >= 5 else 0)]) + duration.to_bytes(2)
        packet = Packet(number, 5000, 77, 101, number == 0, payload)
        peers.caller_rtp.rtp.sendto(packet.encode(), told.media())
    asked = peers.callee.expect("INFO")
    check_equal(asked.get("Content-Type"), "application/dtmf-relay", "Content-Type")
    check_equal(asked.body, "Signal=9\r\nDuration=120\r\n", "body")
    callee_leg.reply(200, request=asked)
    peers.caller_rtp.send(CALLEE_STREAM, told.media(), 5)
    peers.callee_rtp.wait_received(5)
    check_equal({packet.payload_type for packet in packets(peers.callee_rtp)}, {8}, "what passes")
    check_equal(switch.counter("digits_taken"), 1, "digits_taken")
    leg.bye_with(callee_leg)
    switch.wait_one_record()


@case
def telephone_events_keep_each_legs_number(bench: Bench) -> None:
    """The callee answers with another payload type: each sends and hears its own."""
    switch = bench.switch()
    peers, leg, callee_leg, invite, told = establish_with_events(bench, 97)
    check("101 telephone-event" in told.body, "the caller is told of another number")
    check("97" not in told.body, "the caller is told of the callee's number")
    event = Packet(1, 5000, 77, 101, True, bytes([3, 10, 0, 160]))
    peers.caller_rtp.rtp.sendto(event.encode(), told.media())
    peers.callee_rtp.wait_received(1)
    heard = packets(peers.callee_rtp)[0]
    check_equal((heard.payload_type, heard.marker, heard.payload, heard.sequence, heard.timestamp),
                (97, True, event.payload, 1, 5000), "the event as the callee gets it")
    back = Packet(9, 7000, 78, 101, True, bytes([4, 10, 0, 160]))
    peers.callee_rtp.rtp.sendto(back.encode(), invite.media())
    peers.caller_rtp.wait_received(1)
    check_equal(packets(peers.caller_rtp)[0], back, "the event as the caller gets it")
    leg.bye_with(callee_leg)
    switch.wait_one_record()
