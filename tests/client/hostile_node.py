"""A node that answers what a test tells it to, byte by byte if need be, on loopback."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class HostileNode:
    """Reads one request per connection, whole, and hands the connection to `answer`."""

    def __init__(self, answer: Callable[[socket.socket, bytes], None]) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads: list[threading.Thread] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def serve(self, connection: socket.socket) -> None:
        # The client hangs up on whoever goes on for too long: that is what is tested.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(10)
            received = b""
            while b"\r\n\r\n" not in received:
                received += connection.recv(65_536)
            head, _, body = received.partition(b"\r\n\r\n")
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            while len(body) < int(fields.get(b"content-length", b"0")):
                body += connection.recv(65_536)
            self.requests.append(head + b"\r\n\r\n" + body)
            self.answer(connection, self.requests[-1])


@contextmanager
def hostile(answer: Callable[[socket.socket, bytes], None]) -> Iterator[HostileNode]:
    node = HostileNode(answer)
    thread = threading.Thread(target=node.run, daemon=True)
    thread.start()
    try:
        yield node
    finally:
        node.listener.shutdown(socket.SHUT_RDWR)
        node.listener.close()
        thread.join(10)
        for one in node.threads:
            one.join(15)
        assert not thread.is_alive()


def saying(
    body: bytes, *, status: str = "200 OK", fields: tuple[str, ...] = ()
) -> Callable[[socket.socket, bytes], None]:
    """Answer every request with this."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *fields))
    length = f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    def answer(connection: socket.socket, _request: bytes) -> None:
        connection.sendall(head.encode("latin-1") + length.encode() + body)

    return answer
