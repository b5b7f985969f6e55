"""One request and its answer, held to a deadline and a size: whoever answers may be hostile.

Timeouts of sockets bound single steps, so a node that sends a byte every few seconds, or interim
answers without end, would hold a caller for ever. Here every step of an exchange gets only what is
left of the whole. No cookie is kept, no compressed answer is taken (a kilobyte of one can unfold
to a gigabyte), and nothing but errors of `entrepot.kernel.errors` and `NoExchange` leaves.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, TypeVar

import httpx
import msgspec

from entrepot.client.answers import NodeError
from entrepot.kernel.errors import InvalidInput

STEP_S, CONNECT_S = 30.0, 5.0
_PIECE_BYTES: Final = 16_384
Wanted = TypeVar("Wanted")


class NoExchange(Exception):
    """No answer came, or not in time; `str` names the kind of failure. It may be tried again."""


@dataclass(frozen=True, slots=True)
class Received:
    """An answer: HTTP status, header fields, and a body not larger than it may be."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Say whether the status is 2xx."""
        return 200 <= self.status < 300

    def decoded(self, wanted: type[Wanted]) -> Wanted:
        """Return the body, JSON, as a value of the type wanted, else raise NodeError."""
        try:
            return msgspec.json.decode(self.content, type=wanted)
        except (ValueError, RecursionError) as error:  # DecodeError, UnicodeDecodeError
            raise NodeError(
                "the node's answer cannot be read",
                status=self.status,
                value=str(error),
                remedy="check that the URL is that of a node",
            ) from None

    def text(self) -> str:
        """Return the body as UTF-8, else raise NodeError."""
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            raise NodeError("the node's answer is no text", status=self.status) from None


class Exchanges:
    """The connections of a client. Safe to share by threads."""

    def __init__(self, transport: httpx.BaseTransport | None = None) -> None:
        """Open nothing yet; a `transport` of the caller's keeps its own time."""
        refuse_all = DefaultCookiePolicy(allowed_domains=())
        self._http = httpx.Client(
            timeout=httpx.Timeout(STEP_S, connect=CONNECT_S),
            transport=transport,
            follow_redirects=False,
            cookies=CookieJar(refuse_all),
            headers={"Accept-Encoding": "identity", "User-Agent": "entrepot"},
        )
        self._deadline = _Deadline()
        if transport is None:
            self._keep_time()

    def _keep_time(self) -> None:
        """Put the deadline between the connections, proxied ones too, and their sockets.

        httpx has no setting for a time limit on a whole exchange, and none to pass the network
        layer in (httpcore's `network_backend`) without giving up proxies of the environment; that
        this still takes hold is tested against nodes that send header lines byte by byte.
        """
        for carrier in (self._http._transport, *self._http._mounts.values()):
            pool: Any = getattr(carrier, "_pool", None)
            if pool is not None:
                pool._network_backend = _TimedNetwork(pool._network_backend, self._deadline)

    def send(
        self,
        method: str,
        url: str,
        *,
        deadline: float,
        body: bytes | None,
        headers: Mapping[str, str],
        answer_max_bytes: int,
    ) -> Received:
        """Send a request and return the answer to it, by `deadline` (of `time.monotonic`).

        Raises NoExchange, NodeError (too large, compressed), InvalidInput for what is no address.
        """
        self._deadline.at = deadline
        try:
            with self._http.stream(method, url, content=body, headers=dict(headers)) as response:
                content = self._read(response, deadline, answer_max_bytes)
                return Received(response.status_code, response.headers, content)
        except httpx.HTTPError as error:
            raise NoExchange(type(error).__name__) from None
        except (httpx.InvalidURL, UnicodeError, OverflowError):
            raise InvalidInput("this is no address of a node", value=url) from None

    def _read(self, response: httpx.Response, deadline: float, most_bytes: int) -> bytes:
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding != "identity":
            raise NodeError(
                "the node compressed its answer unasked",
                status=response.status_code,
                value=encoding,
            )
        content = bytearray()
        for piece in response.iter_bytes(65_536):
            content += piece
            if len(content) > most_bytes:
                raise NodeError(
                    "the node's answer is too large",
                    status=response.status_code,
                    value=f"over {most_bytes:,} bytes",
                )
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer takes too long")
        return bytes(content)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class _Deadline(threading.local):
    """When the exchange of this thread ends."""

    at = float("inf")

    def left_s(self, step_s: float | None) -> float:
        """Return the time a step has: its own, or what is left of the whole.

        Raises httpx.ReadTimeout when nothing is left: a socket that always has more to give would
        never run into a timeout of its own.
        """
        left = self.at - time.monotonic()
        if left <= 0:
            raise httpx.ReadTimeout("the exchange takes too long")
        return left if step_s is None else min(step_s, left)


class _TimedNetwork:
    """A network backend of httpcore whose every step ends by the deadline."""

    def __init__(self, inner: Any, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, **options: Any
    ) -> _TimedStream:
        left = self._deadline.left_s(timeout)
        stream = self._inner.connect_tcp(host, port, timeout=left, **options)
        return _TimedStream(stream, self._deadline)

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


class _TimedStream:
    """A connection whose every read and write ends by the deadline of the thread that does it."""

    def __init__(self, inner: Any, deadline: _Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        content: bytes = self._inner.read(max_bytes, timeout=self._deadline.left_s(timeout))
        return content

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for begin in range(0, len(buffer), _PIECE_BYTES):
            piece = buffer[begin : begin + _PIECE_BYTES]
            self._inner.write(piece, timeout=self._deadline.left_s(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> _TimedStream:
        left = self._deadline.left_s(timeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout=left)
        return _TimedStream(inner, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
