"""SIP by the kernel's listeners, over UDP, TCP and TLS, to and from the corridor."""

import socket
import subprocess

from harness.bench import Bench, case, patient_case
from harness.call import Call, Peers, check_media_address, speak_both_ways
from harness.certificates import Authority
from harness.failure import check, check_equal
from harness.lab import (CALLEE_AT_KERNEL, CALLER_AT_KERNEL, KERNEL_TO_CALLEE, KERNEL_TO_CALLER,
                         SWITCH_TO_CALLEE, SWITCH_TO_CALLER)
from harness.listener import CALLEE_PORT, PREFIX, SIP_PORT, doors
from harness.sip import Agent
from harness.stream import StreamAgent, check_reused
from harness.switch import Switch

STRANGER_AT_KERNEL = "10.77.3.3"


def carry(near: Agent, far: Agent, peers: Peers, door: tuple[str, int], number: str) -> Call:
    """A call from `near` to `far`, as far as its ACK."""
    caller_leg = near.invite(door, number, peers.caller_sdp())
    invite = far.expect("INVITE")
    callee_leg = far.answer_leg(invite)
    callee_leg.reply(180)
    near.expect(180)
    callee_leg.reply(200, peers.callee_sdp())
    answer = near.expect(200)
    caller_leg.ack(answer)
    far.expect("ACK")
    callee_leg.peer = invite.source
    return Call(peers, caller_leg, callee_leg, invite,
                check_media_address(answer, SWITCH_TO_CALLER),
                check_media_address(invite, SWITCH_TO_CALLEE))


def in_and_out(bench: Bench, protocol: str, shards: int = 1) -> None:
    """A call in by the listener, and one out by it; each has media, each side hangs up once."""
    authority = Authority(bench.folder) if protocol == "tls" else None
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors(protocol, authority), shards=shards)

    def agent(namespace, address: str, port: int) -> Agent:
        if protocol == "udp":
            return Agent(namespace, address, port)
        return StreamAgent(namespace, address, port,
                           authority and authority.identity(address))

    peers = Peers.at(bench)
    with agent(bench.lab.caller, CALLER_AT_KERNEL, 5060) as near, \
            agent(bench.lab.callee, CALLEE_AT_KERNEL, CALLEE_PORT[protocol]) as far:
        for caller_ends in (True, False):
            call = carry(near, peers.callee, peers, (KERNEL_TO_CALLER, SIP_PORT[protocol]), "4930")
            speak_both_ways(call, 10)
            ends = (call.caller_leg, call.callee_leg)
            ends[0 if caller_ends else 1].bye_with(ends[1 if caller_ends else 0])
        for caller_ends in (True, False):
            call = carry(peers.caller, far, peers, (SWITCH_TO_CALLER, 5060),
                         PREFIX[protocol] + "30")
            check(f"SIP/2.0/{protocol.upper()} {KERNEL_TO_CALLEE}:{SIP_PORT[protocol]};" in
                  call.invite.get("Via"), f"Via {call.invite.get('Via')}")
            speak_both_ways(call, 10)
            ends = (call.caller_leg, call.callee_leg)
            ends[0 if caller_ends else 1].bye_with(ends[1 if caller_ends else 0])
        if protocol != "udp":
            check_one_connection_each(switch, near, far, protocol)
    switch.wait_no_calls()
    reasons = [record["end_reason"] for record in switch.wait_cdrs(4)]
    check_equal(reasons, ["NormalClearing"] * 4, "end reasons")


def check_one_connection_each(switch: Switch, near: Agent, far: Agent, protocol: str) -> None:
    # The caller opened one and its dialogs stayed on it; the switch opened one to the callee, and
    # the callee's BYE came back on it.
    check_reused(near, 1, 0)  # type: ignore
    check_reused(far, 0, 1)  # type: ignore
    shown = switch.ask("show", "connections")["connections"]
    check_equal(sorted((one["opened_by"], one["state"]) for one in shown),
                [("peer", "open"), ("us", "open")], "show connections")
    for one in shown:
        check_equal(one["protocol"], protocol.upper(), "protocol")
        check(one["known"] and one["octets_in"] > 0 and one["octets_out"] > 0, f"figures: {one}")


@case
def calls_by_kernel_udp(bench: Bench) -> None:
    in_and_out(bench, "udp")


@case
def calls_by_tcp(bench: Bench) -> None:
    in_and_out(bench, "tcp")


@case
def calls_by_tls(bench: Bench) -> None:
    in_and_out(bench, "tls")


@case
def calls_by_tcp_with_two_shards(bench: Bench) -> None:
    in_and_out(bench, "tcp", shards=2)


@case
def calls_by_kernel_udp_with_two_shards(bench: Bench) -> None:
    in_and_out(bench, "udp", shards=2)


@case
def a_gateway_that_refuses_connections_costs_no_time(bench: Bench) -> None:
    # Long after this the INVITE's own time-out would answer 408.
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors("tcp"), parameters={"SS_SIP_TIMEOUT_INVITE": "60"})
    peers = Peers.at(bench)
    leg = peers.caller.invite((SWITCH_TO_CALLER, 5060), "4530", peers.caller_sdp())
    leg.ack(peers.caller.expect(503))
    check_equal(switch.wait_cdrs(1)[0]["end_reason"], "GatewayUnreachable", "end_reason")
    switch.wait_no_calls()


@case
def a_gateway_that_dies_while_it_rings_is_noticed(bench: Bench) -> None:
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors("tcp"))
    peers = Peers.at(bench)
    with StreamAgent(bench.lab.callee, CALLEE_AT_KERNEL, CALLEE_PORT["tcp"]) as far:
        leg = peers.caller.invite((SWITCH_TO_CALLER, 5060), "4530", peers.caller_sdp())
        far.answer_leg(far.expect("INVITE")).reply(180)
        peers.caller.expect(180)
    leg.ack(peers.caller.expect(503))
    check_equal(switch.wait_cdrs(1)[0]["end_reason"], "GatewayUnreachable", "end_reason")
    switch.wait_no_calls()


@case
def a_gateway_that_reconnects_keeps_its_call(bench: Bench) -> None:
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors("tcp"))
    peers = Peers.at(bench)
    with StreamAgent(bench.lab.callee, CALLEE_AT_KERNEL, CALLEE_PORT["tcp"]) as far:
        caller_leg = peers.caller.invite((SWITCH_TO_CALLER, 5060), "4530", peers.caller_sdp())
        invite = far.expect("INVITE")
        far.answer_leg(invite).reply(180)
        peers.caller.expect(180)
        far.close_connections()
        # The INVITE comes once more, by a new connection: the answer can go back.
        far.seen.discard(invite.text)
        again = far.expect("INVITE")
        check_equal(again.text, invite.text, "the INVITE, repeated")
        callee_leg = far.answer_leg(again)
        callee_leg.reply(200, peers.callee_sdp())
        answer = peers.caller.expect(200)
        caller_leg.ack(answer)
        far.expect("ACK")
        caller_leg.bye_with(callee_leg)
    switch.wait_no_calls()


@patient_case
def streams_that_misbehave_are_closed(bench: Bench) -> None:
    bench.lay_kernel_cables()
    subprocess.run(["ip", "-n", bench.lab.caller.name, "addr", "add", f"{STRANGER_AT_KERNEL}/24",
                    "dev", "far1"], check=True)
    switch = bench.switch(site=doors("tcp"))
    door = (KERNEL_TO_CALLER, SIP_PORT["tcp"])

    def connect(address: str) -> socket.socket:
        made = bench.lab.caller.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        made.bind((address, 0))
        made.settimeout(15)
        made.connect(door)
        return made

    with connect(CALLER_AT_KERNEL) as peer:
        peer.sendall(b"\r\n\r\n")
        check_equal(peer.recv(100), b"\r\n", "answer to a ping")
        peer.sendall(b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 10.77.3.2;branch=z9hG4bK1\r\n"
                     b"From: <sip:a@b>;tag=1\r\nTo: <sip:x>\r\nCall-ID: 1\r\n"
                     b"CSeq: 1 OPTIONS\r\n\r\n")
        answer = peer.recv(65536)
        check(answer.startswith(b"SIP/2.0 400 Missing Content-Length\r\n"), f"answer {answer!r}")
        check_equal(peer.recv(100), b"", "the end of the connection")
    with connect(CALLER_AT_KERNEL) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        check_equal(peer.recv(100), b"", "the end of the connection")
    for counter in ("drop_stream_no_length", "drop_stream_garbage"):
        switch.wait_counter(counter, 1)
    strangers = [connect(STRANGER_AT_KERNEL) for _ in range(5)]
    check_equal(strangers[-1].recv(100), b"", "the end of a connection too many")
    # The others go after their ten seconds, whatever they do.
    check_equal(strangers[0].recv(100), b"", "the end of a stranger's connection")
    switch.wait_counter("drop_stream_per_source", 1)
    switch.wait_counter("stream_idle", 1)
    for stranger in strangers:
        stranger.close()
