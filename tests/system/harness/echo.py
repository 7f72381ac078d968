"""ICMP echo, which the dataplane answers itself: once it has, it has taken what was sent before."""

import socket
import struct

from .failure import Failure, check_equal
from .lab import Namespace

IDENTIFIER = 0x1234


def echo_request(number: int, payload: bytes) -> bytes:
    head = struct.pack("!BBHHH", 8, 0, 0, IDENTIFIER, number)
    total = sum(struct.unpack(f"!{len(head + payload) // 2}H", head + payload))
    total = (total & 0xFFFF) + (total >> 16)
    total = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
    return struct.pack("!BBHHH", 8, 0, total, IDENTIFIER, number) + payload


class Pinger:
    """From this namespace to the switch's address there."""

    def __init__(self, namespace: Namespace, address: str):
        self.address = address
        self._socket = namespace.open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._socket.settimeout(5)
        self._number = 0

    def ping(self, size: int = 0) -> None:
        payload = bytes(index & 0xFF for index in range(size))
        number, self._number = self._number, self._number + 1
        self._socket.sendto(echo_request(number, payload), (self.address, 0))
        try:
            reply, source = self._socket.recvfrom(2048)
        except TimeoutError:
            raise Failure(f"{self.address} gave no echo of {size} octets") from None
        check_equal(source[0], self.address, "source of the echo")
        check_equal(reply[20], 0, "ICMP type of the echo")
        check_equal(reply[24:], struct.pack("!HH", IDENTIFIER, number) + payload, "echo")

    def __enter__(self) -> "Pinger":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
