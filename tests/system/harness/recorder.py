"""Records the UDP datagrams that pass a far end's interface, sent and received, as they were on the
cable: beside the peer, not inside it."""

import dataclasses
import select
import socket
import struct
import threading
import time

from .lab import Namespace

ETH_P_ALL = 3
PACKET_OUTGOING = 4


@dataclasses.dataclass(frozen=True)
class Datagram:
    at: float  # time.monotonic()
    sent: bool  # by this far end; else received
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes


@dataclasses.dataclass(frozen=True)
class Fragment:
    """A piece of an IPv4 datagram."""
    sent: bool
    source: str
    target: str
    number: int  # the identification
    offset: int
    octets: int
    more: bool


class Recorder:
    """`with Recorder(namespace) as recorder:` … then recorder.datagrams."""

    def __init__(self, namespace: Namespace, interface: str = "far0"):
        self.datagrams: list[Datagram] = []  # whole ones
        self.fragments: list[Fragment] = []
        self._socket = namespace.open_socket(socket.AF_PACKET, socket.SOCK_RAW,
                                             socket.htons(ETH_P_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 << 20)
        self._socket.bind((interface, ETH_P_ALL))
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Recorder":
        self._thread.start()
        return self

    def stop(self) -> None:
        """Nothing more is recorded."""
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self) -> None:
        while not self._stop.is_set():
            if select.select([self._socket], [], [], 0.1)[0]:
                frame, where = self._socket.recvfrom(65536)
                self._take(frame, where[2] == PACKET_OUTGOING)

    def _take(self, frame: bytes, sent: bool) -> None:
        if len(frame) < 42 or frame[12:14] != b"\x08\x00" or frame[23] != socket.IPPROTO_UDP:
            return
        start = 14 + 4 * (frame[14] & 15)
        total, number, place = struct.unpack("!HHH", frame[16:22])
        if place & 0x3FFF:
            self.fragments.append(Fragment(
                sent, socket.inet_ntoa(frame[26:30]), socket.inet_ntoa(frame[30:34]), number,
                (place & 0x1FFF) * 8, total - (start - 14), bool(place & 0x2000)))
            return
        source_port, target_port, length = struct.unpack("!HHH", frame[start:start + 6])
        self.datagrams.append(Datagram(
            time.monotonic(), sent, (socket.inet_ntoa(frame[26:30]), source_port),
            (socket.inet_ntoa(frame[30:34]), target_port), frame[start + 8:start + length]))

    def rtp(self, sent: bool, port: int) -> list[Datagram]:
        """The RTP that the far end's `port` sent or received, in order (RTCP isn't RTP)."""
        return [one for one in self.datagrams if one.sent == sent and
                (one.source if sent else one.target)[1] == port and
                len(one.data) >= 12 and one.data[0] >> 6 == 2]
