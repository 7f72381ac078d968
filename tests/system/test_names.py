"""A vendor known by name: found by DNS, found again when it moves."""

from harness.bench import NUMBER, Bench, patient_case
from harness.call import SIP_AT_CALLER, Peers, establish
from harness.dns import A, SRV, NameServer, address, srv
from harness.failure import check_equal
from harness.lab import CALLEE, STRANGER_AT_CALLEE


@patient_case
def vendor_by_name_moves(bench: Bench) -> None:
    with NameServer(bench.lab.switch) as names:
        names.records[("a.vendor.test", A)] = [address(CALLEE)]
        names.records[("_sip._udp.vendor.test", SRV)] = [srv(10, 0, 5060, "a.vendor.test")]
        switch = bench.switch(callee="vendor.test", name_servers=[names.address])
        switch.controlplane.wait_line(rf"vendor\.test is {CALLEE}:5060", 20)
        peers = Peers.at(bench)
        call = establish(peers)
        call.caller_leg.bye_with(call.callee_leg)
        check_equal(switch.wait_cdrs(1)[0]["sip_code"], 200, "sip_code")

        # Asked again 10 s after the last answer, however short its life: the least that is allowed.
        names.records[("b.vendor.test", A)] = [address(STRANGER_AT_CALLEE)]
        names.records[("_sip._udp.vendor.test", SRV)] = [srv(10, 0, 5080, "b.vendor.test")]
        switch.controlplane.wait_line(rf"vendor\.test is {STRANGER_AT_CALLEE}:5080", 30)
        moved = bench.callee(STRANGER_AT_CALLEE, 5080)
        leg = peers.caller.invite(SIP_AT_CALLER, NUMBER, peers.caller_sdp())
        moved.answer_leg(moved.expect("INVITE")).reply(486)
        leg.ack(peers.caller.expect(486))
        check_equal(switch.wait_cdrs(2)[1]["sip_code"], 486, "sip_code at the new place")
