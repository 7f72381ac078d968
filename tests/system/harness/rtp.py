"""RTP and RTCP endpoints that send what is known and keep what arrives."""

import dataclasses
import random
import select
import socket
import struct
import threading
import time

from .failure import Failure, check, check_equal, wait_until
from .lab import Namespace

Address = tuple[str, int]


@dataclasses.dataclass(frozen=True)
class Packet:
    sequence: int
    timestamp: int
    ssrc: int
    payload_type: int
    marker: bool
    payload: bytes

    def encode(self) -> bytes:
        return struct.pack("!BBHII", 0x80, self.marker << 7 | self.payload_type, self.sequence,
                           self.timestamp, self.ssrc) + self.payload

    @staticmethod
    def decode(data: bytes) -> "Packet":
        if len(data) < 12 or data[0] >> 6 != 2:
            raise Failure(f"not RTP: {data[:16].hex()}")
        first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
        start = 12 + 4 * (first & 15)
        return Packet(sequence, timestamp, ssrc, second & 127, bool(second >> 7), data[start:])


class Stream:
    """An endless talk: packet n is always the same. Starts near the wrap of the sequence."""

    def __init__(self, ssrc: int, payload_type: int = 8, first_sequence: int = 65500,
                 first_timestamp: int = 0xFFFFF000, octets: int = 160):
        self.ssrc = ssrc
        self.payload_type = payload_type
        self.first_sequence = first_sequence
        self.first_timestamp = first_timestamp
        self.octets = octets

    def packet(self, number: int) -> Packet:
        return Packet((self.first_sequence + number) & 0xFFFF,
                      (self.first_timestamp + number * self.octets) & 0xFFFFFFFF, self.ssrc,
                      self.payload_type, number == 0,
                      random.Random(self.ssrc << 32 | number).randbytes(self.octets))


class RtpPeer:
    """Two sockets (RTP on `port`, RTCP on the next) and a thread that keeps what they receive."""

    def __init__(self, namespace: Namespace, address: str, port: int):
        self.address = address
        self.port = port
        self.rtp: socket.socket = namespace.udp(address, port)
        self.rtcp: socket.socket = namespace.udp(address, port + 1)
        self.received: list[tuple[bytes, Address]] = []
        self.received_rtcp: list[tuple[bytes, Address]] = []
        self._stop = threading.Event()
        self._talking: threading.Thread | None = None
        self._hush = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def __enter__(self) -> "RtpPeer":
        return self

    def __exit__(self, *_: object) -> None:
        self.hush()
        self._stop.set()
        self._listener.join(5)
        self.rtp.close()
        self.rtcp.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            for ready in select.select([self.rtp, self.rtcp], [], [], 0.1)[0]:
                data, source = ready.recvfrom(65536)
                (self.received if ready is self.rtp else self.received_rtcp).append((data, source))

    def send(self, stream: Stream, to: Address, count: int, start: int = 0,
             interval: float = 0.02) -> list[Packet]:
        """Sends packets start … start + count - 1, one each `interval`, and returns them."""
        sent = []
        due = time.monotonic()
        for number in range(start, start + count):
            packet = stream.packet(number)
            self.rtp.sendto(packet.encode(), to)
            sent.append(packet)
            due += interval
            time.sleep(max(0.0, due - time.monotonic()))
        return sent

    def talk(self, stream: Stream, to: Address, interval: float = 0.02) -> None:
        """Sends in the background until hush()."""
        def run() -> None:
            number = 0
            while not self._hush.is_set():
                self.send(stream, to, 1, number, interval)
                number += 1
        self.hush()
        self._hush.clear()
        self._talking = threading.Thread(target=run, daemon=True)
        self._talking.start()

    def hush(self) -> None:
        self._hush.set()
        if self._talking:
            self._talking.join(5)
            self._talking = None

    def wait_received(self, count: int, timeout: float = 15.0) -> None:
        wait_until(lambda: len(self.received) >= count,
                   f"{self.address} receives {count} RTP packets", timeout)

    def wait_rtcp(self, count: int, timeout: float = 15.0) -> None:
        wait_until(lambda: len(self.received_rtcp) >= count,
                   f"{self.address} receives {count} RTCP packets", timeout)

    def check_received(self, sent: list[Packet], source: Address) -> None:
        """Exactly `sent` arrived: nothing lost, added, reordered or altered; all from `source`."""
        try:
            self.wait_received(len(sent))
        except Failure:
            pass  # said better below
        found = [Packet.decode(data) for data, _ in self.received]
        lost = [packet.sequence for packet in sent if packet not in found]
        check(not lost, f"{self.address}: {len(lost)} of {len(sent)} packets lost or altered, "
                        f"sequences {lost[:5]} …")
        check_equal(len(found), len(sent), f"packets received at {self.address}")
        check(found == sent, f"{self.address}: packets arrived in another order")
        check_equal({source_ for _, source_ in self.received}, {source},
                    f"sources of the media at {self.address}")


def sender_report(ssrc: int, number: int) -> bytes:
    """RTCP: a sender report without blocks, and a CNAME (RFC 3550 §6.1 wants both)."""
    report = struct.pack("!BBHIIIIII", 0x80, 200, 6, ssrc, number, 0, 0, number, number * 160)
    cname = b"test@tandem"
    item = struct.pack("!IBB", ssrc, 1, len(cname)) + cname + b"\0"
    item += b"\0" * (-len(item) % 4)
    return report + struct.pack("!BBH", 0x81, 202, len(item) // 4) + item
