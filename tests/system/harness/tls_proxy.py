"""TLS for a peer that speaks TCP only, as many SIPp do: what one side says, the other one hears."""

import pathlib
import select
import socket
import ssl
import threading

from .certificates import Identity
from .lab import Namespace


class TlsProxy:
    """`with TlsProxy(…):` – whoever connects to `door` is connected to `target`; TLS is on the
    door's side (`tls_at_door`) or on the target's, and the far end must show a certificate."""

    def __init__(self, namespace: Namespace, door: tuple[str, int], target: tuple[str, int],
                 identity: Identity, ca: pathlib.Path, tls_at_door: bool):
        self.namespace = namespace
        self.target = target
        self.tls_at_door = tls_at_door
        purpose = ssl.Purpose.CLIENT_AUTH if tls_at_door else ssl.Purpose.SERVER_AUTH
        self._context = ssl.create_default_context(purpose, cafile=ca)
        self._context.load_cert_chain(identity.certificate, identity.key)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._open: list[socket.socket] = []
        self._door = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind(door)
        self._door.listen(4)
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> "TlsProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in (self._door, *self._open):
            try:
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for it
            except OSError:
                pass
        self._thread.join(5)
        self._door.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._door.accept()
            except OSError:
                return  # the end of the test
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        far = self.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if self.tls_at_door:
                near = self._context.wrap_socket(near, server_side=True)
            far.connect(self.target)
            if not self.tls_at_door:
                far = self._context.wrap_socket(far, server_hostname=self.target[0])
            self._open += [near, far]
            _carry(near, far)
        except OSError:
            pass  # SIPp tells what it misses
        near.close()
        far.close()


def _carry(near: socket.socket, far: socket.socket) -> None:
    """One thread for both ways: a TLS connection isn't one for two."""
    near.setblocking(False)
    far.setblocking(False)
    while True:
        for source in select.select([near, far], [], [])[0]:
            try:
                data = source.recv(65536)
            except ssl.SSLWantReadError:
                continue  # TLS's own words, such as a ticket
            if not data:
                return
            (far if source is near else near).sendall(data)
