"""A SIP endpoint on TCP or TLS connections, driven as the one on UDP is."""

import queue
import re
import select
import socket
import ssl
import threading

from .certificates import Identity
from .failure import Failure, wait_until
from .lab import Namespace
from .sip import Agent, Message


class Connection:
    """A connected socket that one thread reads while others write. A TLS object must never be used
    by two of them at once (what one writes may get lost): each takes its turn."""

    def __init__(self, connected: socket.socket):
        self.socket = connected
        self._turn = threading.Lock()
        connected.setblocking(False)

    def read(self) -> bytes:
        """Waits for some; b"" at the end."""
        while True:
            with self._turn:
                try:
                    return self.socket.recv(65536)
                except (ssl.SSLWantReadError, BlockingIOError):
                    pass
            select.select([self.socket], [], [])

    def write(self, data: bytes) -> None:
        while data:
            with self._turn:
                try:
                    data = data[self.socket.send(data):]
                    continue
                except (ssl.SSLWantWriteError, BlockingIOError):
                    pass
            select.select([], [self.socket], [], 10)

    def cut(self) -> None:
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes whoever reads
        except OSError:
            pass


class StreamAgent(Agent):
    """Listens, and opens connections to where it sends; counts both."""

    def __init__(self, namespace: Namespace, address: str, port: int,
                 tls: Identity | None = None):
        # pylint: disable=super-init-not-called
        self.namespace = namespace
        self.address = address
        self.port = port
        self.transport = "TLS" if tls else "TCP"
        self.seen = set()
        self.repeats = 0
        self.accepted = 0
        self.opened = 0
        self.tls = tls
        self.connections: dict[tuple[str, int], Connection] = {}
        self.messages: queue.Queue[Message] = queue.Queue()
        self._closed = False
        self.socket = namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        # The door first: a peer that comes back at once must find nobody, ever.
        self._closed = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        except OSError:
            pass
        self.socket.close()
        self.close_connections()

    def close_connections(self) -> None:
        # Taken out first: the peer may be back on a new one before the last is closed.
        gone, self.connections = self.connections, {}
        for connection in gone.values():
            connection.cut()

    @property
    def contact(self) -> str:
        return f"<sip:tester@{self.address}:{self.port};transport={self.transport.lower()}>"

    def _context(self, server: bool) -> ssl.SSLContext:
        assert self.tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.load_cert_chain(self.tls.certificate, self.tls.key)
        if not server:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _accept(self) -> None:
        while True:
            try:
                connection, peer = self.socket.accept()
                if self.tls:
                    connection = self._context(True).wrap_socket(connection, server_side=True)
            except ssl.SSLError:
                continue
            except OSError:
                return
            self.accepted += 1
            self._take(connection, peer)

    def _take(self, connected: socket.socket, peer: tuple[str, int]) -> None:
        self.connections[peer] = connection = Connection(connected)
        if self._closed:  # let in while the door was being shut
            self.close_connections()
        threading.Thread(target=self._read, args=(connection, peer), daemon=True).start()

    def _read(self, connection: Connection, peer: tuple[str, int]) -> None:
        data = b""
        try:
            while more := connection.read():
                data = self._cut((data + more), peer)
        except OSError:
            pass
        if self.connections.get(peer) is connection:
            del self.connections[peer]

    def _cut(self, data: bytes, peer: tuple[str, int]) -> bytes:
        while (end := data.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"^Content-Length: (\d+)", data[:end], re.MULTILINE)
            total = end + 4 + int(length.group(1) if length else 0)
            if len(data) < total:
                break
            self.messages.put(Message(data[:total].decode("utf-8", "replace"), peer))
            data = data[total:]
        return data

    def send(self, text: str | bytes, to: tuple[str, int]) -> None:
        if to not in self.connections:
            connection = self.namespace.open_socket(socket.AF_INET, socket.SOCK_STREAM)
            connection.bind((self.address, 0))
            connection.settimeout(5)
            connection.connect(to)
            if self.tls:
                connection = self._context(False).wrap_socket(connection)
            self.opened += 1
            self._take(connection, to)
        self.connections[to].write(text if isinstance(text, bytes) else text.encode())

    def receive(self, timeout: float = 5.0) -> Message | None:
        try:
            return self.messages.get(timeout=max(timeout, 0.001))
        except queue.Empty:
            return None

    def wait_closed(self, peer: tuple[str, int], timeout: float = 20.0) -> None:
        """The far end has closed our connection to it."""
        wait_until(lambda: peer not in self.connections, f"{peer} closed the connection", timeout)


def check_reused(agent: StreamAgent, opened: int, accepted: int) -> None:
    if (agent.opened, agent.accepted) != (opened, accepted):
        raise Failure(f"{agent.address} opened {agent.opened} and accepted {agent.accepted} "
                      f"connections, not {opened} and {accepted}")
