"""TCP and TLS connections of peers: which one a response takes, and every limit on them."""

import contextlib
import socket
import ssl
from typing import Iterator

from harness.bench import Bench, case, patient_case
from harness.call import SIP_AT_CALLER, Peers
from harness.certificates import Authority
from harness.failure import check, check_equal
from harness.lab import CALLEE_AT_KERNEL, CALLER_AT_KERNEL, KERNEL_TO_CALLEE, KERNEL_TO_CALLER
from harness.listener import CALLEE_PORT, SIP_PORT, doors, listener
from harness.sip import Agent, sdp, token
from harness.stream import StreamAgent


@contextlib.contextmanager
def connected(bench: Bench, protocol: str = "tcp") -> Iterator[socket.socket]:
    """A connection of the customer's to the switch."""
    with bench.lab.caller.open_socket(socket.AF_INET, socket.SOCK_STREAM) as made:
        made.bind((CALLER_AT_KERNEL, 0))
        made.settimeout(20)
        made.connect((KERNEL_TO_CALLER, SIP_PORT[protocol]))
        yield made


def options(call_id: str = "", more: str = "", length: int = 0,
            transport: str = "TCP") -> bytes:
    return (f"OPTIONS sip:{KERNEL_TO_CALLER} SIP/2.0\r\n"
            f"Via: SIP/2.0/{transport} {CALLER_AT_KERNEL}:5060;branch=z9hG4bK{token(16)}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:x@{CALLER_AT_KERNEL}>;tag={token()}\r\n"
            f"To: <sip:{KERNEL_TO_CALLER}>\r\nCall-ID: {call_id or token()}\r\n"
            f"CSeq: 1 OPTIONS\r\n{more}Content-Length: {length}\r\n\r\n").encode()


def next_response(peer: socket.socket) -> bytes:
    """One whole response without a body."""
    got = b""
    while not got.endswith(b"\r\n\r\n"):
        more = peer.recv(1)
        check(more, f"the connection ended after {got!r}")
        got += more
    return got


def check_closed(peer: socket.socket, what: str) -> None:
    try:
        check_equal(peer.recv(65536), b"", what)
    except ConnectionResetError:
        pass  # it did not take all that was sent


@case
def each_connection_has_its_own_responses(bench: Bench) -> None:
    """A response takes the connection that its request came on (RFC 3261 §18.2.2), also when the
    same peer has several, and the request came in pieces or behind another one."""
    bench.lay_kernel_cables()
    bench.switch(site=doors("tcp"))
    with connected(bench) as first, connected(bench) as second:
        for peer, call_id in ((second, "second-1"), (first, "first-1"), (second, "second-2")):
            peer.sendall(options(call_id))
            answer = next_response(peer)
            check(answer.startswith(b"SIP/2.0 200 "), f"{answer!r}")
            check(f"\r\nCall-ID: {call_id}\r\n".encode() in answer, f"{answer!r} to {call_id}")
        text = options("pieces")
        for octet in text[:-1]:
            first.sendall(bytes([octet]))
        first.sendall(text[-1:] + options("behind"))
        for call_id in (b"pieces", b"behind"):
            check(b"Call-ID: " + call_id in next_response(first), f"no answer to {call_id!r}")


@case
def keepalives_are_answered(bench: Bench) -> None:
    """RFC 5626 §4.4.1: a double CRLF, whole or in pieces, is answered by a single one; a single one
    is nothing; over UDP both are nothing. Messages around them are understood."""
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors("tcp"))
    with connected(bench) as peer:
        peer.sendall(b"\r\n\r\n")
        check_equal(peer.recv(100), b"\r\n", "answer to a ping")
        for octet in (b"\r", b"\n", b"\r"):
            peer.sendall(octet)
        peer.sendall(b"\n" + options("after"))
        check_equal(peer.recv(2, socket.MSG_WAITALL), b"\r\n", "answer to a ping in pieces")
        check(b"Call-ID: after" in next_response(peer), "no answer to the message behind it")
        peer.sendall(b"\r\n" + options("single"))
        check(next_response(peer).startswith(b"SIP/2.0 200 "), "an answer to a single CRLF")
    pings = switch.counter("sip_keepalive")
    with bench.caller(port=5070) as agent:
        for octets in (b"\r\n\r\n", b"\r\n", b"\0"):
            agent.send(octets, SIP_AT_CALLER)
        switch.wait_counter("sip_keepalive", pings + 2)
        agent.expect_silence(0.1)


@case
def connections_have_limits(bench: Bench) -> None:
    """As many as a gateway may have; a message that stays half written, one that is too large, and
    headers without end each cost the connection, and nobody else's."""
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors("tcp"),
                          parameters={"TD_SIP_CONNECTIONS_PER_SOURCE": "2",
                                      "TD_SIP_STREAM_MESSAGE_TIMEOUT": "1"})
    with connected(bench) as bystander:
        with connected(bench) as slow:
            with connected(bench) as third:
                check_closed(third, "a connection too many")
                switch.wait_counter("drop_stream_per_source", 1)
            slow.sendall(options("whole"))
            check(b"Call-ID: whole" in next_response(slow), "no answer to a whole message")
            slow.sendall(options("half")[:-10])
            check_closed(slow, "the end of a connection with half a message")
        switch.wait_counter("drop_stream_slow", 1)
        with connected(bench) as large:
            large.sendall(options("large", length=70000))
            check(next_response(large).startswith(b"SIP/2.0 413 "), "no 413 to a large message")
            check_closed(large, "the end of a connection with a large message")
        with connected(bench) as endless:
            try:
                endless.sendall(options(more="X-More: and more\r\n" * 2000)[:20000])
            except (ConnectionResetError, BrokenPipeError):
                pass  # closed before it had taken all
            check_closed(endless, "the end of a connection with endless headers")
        switch.wait_counter("drop_stream_too_large", 2)
        bystander.sendall(options("still"))
        check(b"Call-ID: still" in next_response(bystander), "the bystander was forgotten")


@patient_case
def idle_connections_are_closed(bench: Bench) -> None:
    """After TD_SIP_CONNECTION_IDLE (10 s are the least) without a byte; a ping is one."""
    bench.lay_kernel_cables()
    switch = bench.switch(site=doors("tcp"), parameters={"TD_SIP_CONNECTION_IDLE": "10"})
    with connected(bench) as idle, connected(bench) as lively:
        lively.settimeout(4)
        closed = False
        while not closed:
            lively.sendall(b"\r\n\r\n")
            check_equal(lively.recv(100), b"\r\n", "answer to a ping")
            idle.settimeout(2)
            with contextlib.suppress(TimeoutError):
                closed = idle.recv(1) == b""
        check_equal(switch.wait_counter("stream_idle", 1), 1, "stream_idle")
        lively.sendall(options("lively"))
        check(b"Call-ID: lively" in next_response(lively), "no answer to the lively one")


@case
def certificates_are_demanded(bench: Bench) -> None:
    """With verify = "required": a peer without a certificate, or with one of another authority,
    gets no further than the handshake; nobody waits for one who never begins it."""
    bench.lay_kernel_cables()
    authority, other = Authority(bench.folder), Authority(bench.folder, "other")
    switch = bench.switch(site=listener("in-tls", "tls", KERNEL_TO_CALLER, "caller", authority),
                          caller=CALLER_AT_KERNEL, parameters={"TD_SIP_CONNECT_TIMEOUT": "1"})
    for number, identity in enumerate((None, other.identity(CALLER_AT_KERNEL),
                                       authority.identity(CALLER_AT_KERNEL))):
        context = ssl.create_default_context(cafile=str(authority.certificate))
        if identity:
            context.load_cert_chain(identity.certificate, identity.key)
        with connected(bench, "tls") as plain, \
                context.wrap_socket(plain, server_hostname=KERNEL_TO_CALLER) as peer:
            if identity and number == 2:
                peer.sendall(options("known", transport="TLS"))
                check(b"Call-ID: known" in next_response(peer), "no answer to a known peer")
                continue
            # TLS 1.3: our side is done before the switch has seen what we lack.
            with contextlib.suppress(OSError):
                peer.sendall(options("unknown", transport="TLS"))
                check_equal(peer.recv(100), b"", "answer to a peer without a good certificate")
        switch.wait_counter("drop_stream_handshake", number + 1)
    with connected(bench, "tls") as silent:
        check_closed(silent, "the end of a connection without a handshake")
    switch.wait_counter("drop_stream_handshake", 3)


# --- requests that are too large for a datagram ---

MUCH = "".join(f"a=x-remark-{number}:{'0123456789' * 9}\r\n" for number in range(20))


def large_request(bench: Bench, by_tcp: bool) -> None:
    """A vendor who is asked by UDP, and by TCP where the request is large, if it takes that."""
    bench.lay_kernel_cables()
    gateway = ("[[gateway]]", 'name = "klarge"', 'kind = "routing"',
               f'address = "{CALLEE_AT_KERNEL}:{CALLEE_PORT["udp"]}"', 'listener = "out-udp"',
               'large_requests = "tcp"', "[[route]]", 'prefix = "47"', 'gateway = "klarge"')
    switch = bench.switch(site=(*listener("out-udp", "udp", KERNEL_TO_CALLEE, "callee"),
                                *listener("out-tcp", "tcp", KERNEL_TO_CALLEE, "callee"), *gateway))
    peers = Peers.at(bench)
    port = CALLEE_PORT["udp"]
    with contextlib.ExitStack() as stack:
        small_end = stack.enter_context(Agent(bench.lab.callee, CALLEE_AT_KERNEL, port))
        large_end = small_end
        if by_tcp:
            large_end = stack.enter_context(
                StreamAgent(bench.lab.callee, CALLEE_AT_KERNEL, port))
        for body, end in ((peers.caller_sdp(), small_end),
                          (sdp(peers.caller.address, peers.caller_rtp.port, more=MUCH),
                           large_end)):
            leg = peers.caller.invite(SIP_AT_CALLER, "4730", body)
            invite = end.expect("INVITE")
            check(f"SIP/2.0/{end.transport} {KERNEL_TO_CALLEE}:" in invite.get("Via"),
                  f"Via {invite.get('Via')} by {end.transport}")
            check((len(invite.text) > 1300) == (MUCH in invite.body), "the INVITE is not whole")
            callee_leg = end.answer_leg(invite)
            callee_leg.reply(200, peers.callee_sdp())
            leg.ack(peers.caller.expect(200))
            end.expect("ACK")  # as its Contact says
            leg.bye_with(callee_leg)
    switch.wait_cdrs(2)
    switch.wait_nothing_left()


@case
def large_request_by_tcp(bench: Bench) -> None:
    large_request(bench, by_tcp=True)


@case
def large_request_falls_back_to_udp(bench: Bench) -> None:
    """Nobody listens on TCP: it goes by UDP after all, in fragments."""
    large_request(bench, by_tcp=False)
