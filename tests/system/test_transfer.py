"""Transfers that the switch carries out (TD_SIP_REFER = follow), asked for by real phones."""

from harness.baresip import Baresip
from harness.bench import NUMBER, Bench, case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.failure import check, check_equal
from harness.lab import CALLEE, CALLER, STRANGER_AT_CALLEE, SWITCH_TO_CALLEE, SWITCH_TO_CALLER
from harness.linphone import Linphone
from harness.phones import TALK_PACKETS, far_phone, near_phone, pick_up, ring, wait_talk
from harness.sip import Agent, Leg, sdp
from harness.switch import Switch

THIRD = "391"
THIRD_PORT = 5090  # linphone takes 5060 of every address there
THIRD_RTP = 31000


def transferring_switch(bench: Bench) -> Switch:
    return bench.switch(parameters={"TD_SIP_REFER": "follow", "SS_SIP_TIMEOUT_INVITE": "20"}, site=(
        "[[gateway]]", 'name = "ccorp"', 'kind = "routing"',
        f'address = "{STRANGER_AT_CALLEE}:{THIRD_PORT}"', 'port = "callee"', "capacity = 100",
        # The callee's own customers: it may ask back.
        "[[gateway]]", 'name = "bmap"', 'kind = "mapping"', f'address = ["{CALLEE}"]',
        "capacity = 100",
        "[[route]]", f'prefix = "{THIRD}"', 'gateway = "ccorp"'))


def pick_up_third(third: Agent) -> Leg:
    invite = third.expect("INVITE")
    check(f"sip:{THIRD}@" in invite.uri, f"{invite.uri} isn't the third party's")
    leg = third.answer_leg(invite)
    leg.reply(180)
    leg.reply(200, sdp(STRANGER_AT_CALLEE, THIRD_RTP, "8"))
    third.expect("ACK")
    leg.peer = invite.source
    return leg


def check_joined(switch: Switch, host_gateway: str) -> None:
    records = switch.wait_cdrs(2)
    guest = next(one for one in records if one["mapping_gateway"] == "acme"
                 and one["routing_gateway"] == "bcorp")
    host = next(one for one in records if one["routing_gateway"] == "ccorp")
    check_equal(host["mapping_gateway"], host_gateway, "who pays for the third party's leg")
    check_equal(guest["transferred_to"], host["call"], "transferred_to")
    check_equal(host["transferred_from"], guest["call"], "transferred_from")
    for one in records:
        check_equal(one["end_reason"], "NormalClearing", "end_reason")
        check(one["answer_ms"] > 0, "no answer time")
    switch.wait_no_calls()


@case
def baresip_transfers_blind(bench: Bench) -> None:
    switch = transferring_switch(bench)
    third = bench.callee(STRANGER_AT_CALLEE, THIRD_PORT)
    third_rtp = bench.rtp_callee(THIRD_RTP, STRANGER_AT_CALLEE)
    caller, callee = near_phone(bench), far_phone(bench)
    ring(caller, callee, SWITCH_TO_CALLER)
    pick_up(caller, callee)
    wait_talk(bench)
    assert isinstance(callee, Baresip)
    callee.command("transfer", f"sip:{THIRD}@{SWITCH_TO_CALLEE}")
    leg = pick_up_third(third)
    callee.wait_closed()
    third_rtp.wait_received(TALK_PACKETS)
    third.send(leg.request("BYE"), leg.peer)
    third.expect(200)
    caller.wait_closed()
    check_joined(switch, "acme")


@case
def linphone_transfers_attended(bench: Bench) -> None:
    switch = transferring_switch(bench)
    third = bench.callee(STRANGER_AT_CALLEE, THIRD_PORT)
    third_rtp = bench.rtp_callee(THIRD_RTP, STRANGER_AT_CALLEE)
    caller, callee = near_phone(bench), far_phone(bench, Linphone)
    assert isinstance(callee, Linphone)
    ring(caller, callee, SWITCH_TO_CALLER)
    pick_up(caller, callee)
    callee.hold()
    callee.dial(f"sip:{THIRD}@{SWITCH_TO_CALLEE}")
    leg = pick_up_third(third)
    callee.wait_line(rf"Call 2 with .*{THIRD}.* connected")
    callee.type("transfer 1 --to-call 2")
    offer = third.expect("INVITE")
    check_equal(offer.call_id, leg.call_id, "Call-ID of the re-INVITE")
    third_rtp.received.clear()
    leg.reply(200, sdp(STRANGER_AT_CALLEE, THIRD_RTP, "8"), request=offer)
    third.expect("ACK")
    third_rtp.wait_received(TALK_PACKETS)
    caller.hang_up()
    leg.take_bye()
    callee.wait_line(r"Call 1 with .* ended")
    callee.wait_line(r"Call 2 with .* ended")
    check_joined(switch, "bmap")


@case
def somebody_takes_a_place(bench: Bench) -> None:
    switch = transferring_switch(bench)
    peers = Peers.at(bench)
    call = establish(peers)
    other = bench.caller(CALLER, 5070)
    leg = Leg(other, SIP_AT_CALLER, "replacing@other", f"<sip:4989666@{CALLER}>;tag=other",
              f"<sip:{NUMBER}@{SWITCH_TO_CALLER}>", f"sip:{NUMBER}@{SWITCH_TO_CALLER}")
    there = call.caller_leg
    to_tag = there.remote.split(";tag=")[1]
    from_tag = there.local.split(";tag=")[1]
    text = leg.request("INVITE", sdp(CALLER, 20100, "8"))
    text = text.replace("Contact:", "Require: replaces\r\nReplaces: "
                        f"{there.call_id};to-tag={to_tag};from-tag={from_tag}\r\nContact:", 1)
    other.send(text, SIP_AT_CALLER)
    offer = peers.callee.expect("INVITE")
    check_equal(offer.call_id, call.callee_leg.call_id, "Call-ID of the re-INVITE")
    call.callee_leg.reply(200, peers.callee_sdp(), request=offer)
    answer = other.expect(200)
    check_equal(answer.media()[0], SWITCH_TO_CALLER, "media address for the one who came")
    leg.ack(answer)
    peers.callee.expect("ACK")
    there.take_bye()
    leg.bye_with(call.callee_leg)
    records = switch.wait_cdrs(2)
    check_equal({one["end_reason"] for one in records}, {"NormalClearing"}, "end reasons")
    check_equal(sorted(bool(one["transferred_to"]) for one in records), [False, True],
                "records that went over into the other")
    switch.wait_no_calls()
