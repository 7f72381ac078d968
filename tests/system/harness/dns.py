"""A name server that knows what a test tells it, on a UDP socket of the switch's namespace."""

import ipaddress
import struct
import threading

from .lab import Namespace

A, SRV = 1, 33


def wire_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def address(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


def srv(priority: int, weight: int, port: int, host: str) -> bytes:
    return struct.pack("!HHH", priority, weight, port) + wire_name(host)


class NameServer:
    """`records` may change while it runs; its lifetime is that of the `with` block."""

    def __init__(self, namespace: Namespace):
        self.records: dict[tuple[str, int], list[bytes]] = {}
        self.asked: list[tuple[str, int]] = []
        self._socket = namespace.udp("127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "NameServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # An empty datagram to itself is the end.
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, peer = self._socket.recvfrom(512)
            if not query:
                return
            labels, at = [], 12
            while query[at]:
                labels.append(query[at + 1:at + 1 + query[at]].decode())
                at += query[at] + 1
            kind = struct.unpack_from("!H", query, at + 1)[0]
            key = (".".join(labels), kind)
            self.asked.append(key)
            found = self.records.get(key, [])
            flags = 0x8580 | (0 if found else 3)
            answer = query[:2] + struct.pack("!HHHHH", flags, 1, len(found), 0, 0)
            answer += query[12:at + 5]
            for data in found:
                answer += struct.pack("!HHHIH", 0xC00C, kind, 1, 1, len(data)) + data
            self._socket.sendto(answer, peer)
