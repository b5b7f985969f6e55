"""What every request passes first: an id, limits on rate, size and time, one log line, one count.

Pure ASGI around the application, so that it holds for paths nobody routes too. Log lines name the
route, never the query, the body or who asked; an address is kept only as long as its bucket.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final

import msgspec
from litestar.enums import HttpMethod, ScopeType
from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

from entrepot.node.api.buckets import Buckets
from entrepot.node.api.problems import PROBLEM_TYPE, TooMany, TooSlow, headers_of, problem_of
from entrepot.node.api.tiles import TILES
from entrepot.node.settings import Http, Limits

BODY_MIN_BYTES_PER_S: Final = 16_384
"""A body may take longer than `body_timeout_s` only while it arrives at least this fast."""
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it is counted and logged; nothing of it says who asked or for what."""

    request_id: str
    method: str
    route: str
    status: int
    seconds: float
    traceparent: str = ""


@dataclass(slots=True)
class Front:
    """The outermost ASGI application; `inner` is the router with its exception handlers."""

    inner: ASGIApp
    http: Http
    limits: Limits
    addresses: Buckets
    tiles: Callable[[HTTPScope, Send], Awaitable[bool]]
    """Answers a tile without the router, or says that it has none."""
    on_seen: Callable[[Seen], None]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            await self.inner(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _request_id(scope)
        statuses: list[int] = []

        method = _method(scope)
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope["method"] = HttpMethod.GET  # the same answer without its body (RFC 9110 9.3.2)
            scope["entrepot_method"] = "HEAD"  # type: ignore[typeddict-unknown-key] # as signed

        async def answer(message: Message) -> None:
            if is_head and message["type"] != "http.response.start":
                await _end_of_head(message, send)
                return
            if message["type"] == "http.response.start":
                statuses.append(message["status"])
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        try:
            await self._answer(scope, _in_time(receive, self.http.body_timeout_s), answer)
        finally:
            status = statuses[0] if statuses else 499
            route = str(scope.get("path_template") or "")
            seconds = time.perf_counter() - began
            parent = _field(scope, b"traceparent")
            self.on_seen(Seen(request_id, method, route, status, seconds, parent))

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        address = self._address(scope)
        if address is not None:
            now = time.monotonic()
            wait_s = self.addresses.wait_s(address, now)
            if wait_s:
                await _refuse(send, TooMany("too many requests", retry_after_s=wait_s))
                return
            self.addresses.take(address, 1, now)
            scope["entrepot_address"] = address  # type: ignore[typeddict-unknown-key]
        if scope["path"].startswith(TILES) and await self.tiles(scope, send):
            scope["path_template"] = TILES
            return
        await self.inner(scope, receive, send)

    def _address(self, scope: Scope) -> str | None:
        """Return the address to count against; None for our own machine when it is free."""
        client = scope.get("client")
        if client is None:
            return None
        host = client[0]
        if host in self.http.trusted_proxies:
            host = _forwarded(scope) or host
        try:
            address = ip_address(host)
        except ValueError:
            return host
        if address.is_loopback and self.limits.loopback_free:
            return None
        if address.version == 6:  # one customer has a whole /64
            return address.exploded[:19]
        return str(address)


def _field(scope: Scope, wanted: bytes) -> str:
    """Return a header field, or an empty text."""
    for name, value in scope["headers"]:
        if name == wanted:
            return value.decode("latin-1")
    return ""


def _forwarded(scope: Scope) -> str:
    """Return the address that our own proxy says it forwards for: the last one in the list.

    Some proxies write a line of their own below what the client sent, so the last line counts: the
    lines are one list (RFC 9110 section 5.3), and all but its end is the client's word.
    """
    lines = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return lines[-1].decode("latin-1").split(",")[-1].strip() if lines else ""


def _request_id(scope: Scope) -> str:
    given = _field(scope, b"x-request-id")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


def _method(scope: Scope) -> str:
    """Return the method, or OTHER for one that nobody defined: labels of a metric are few."""
    method = str(scope.get("method", ""))
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in known else "OTHER"


def _in_time(receive: Receive, first_s: float) -> Receive:
    """Return `receive` that raises TooSlow when a body does not arrive in the time it has."""
    began = time.monotonic()
    received = 0
    done = False

    async def wait() -> Any:
        nonlocal received, done
        if done:  # the body is here; what may still come is that the client goes away
            return await receive()
        left_s = began + first_s + received / BODY_MIN_BYTES_PER_S - time.monotonic()
        try:
            message = await asyncio.wait_for(receive(), max(0.0, left_s))
        except TimeoutError:
            done = True
            raise TooSlow(
                "the body did not arrive in time", value=f"{received:,} bytes so far"
            ) from None
        if message["type"] == "http.request":
            received += len(message.get("body", b""))
            done = not message.get("more_body", False)
        return message

    return wait


async def _end_of_head(message: Any, send: Send) -> None:
    """End the answer to a HEAD request where its body would end."""
    if message["type"] == "http.response.pathsend" or not message.get("more_body", False):
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _refuse(send: Send, error: TooMany) -> None:
    """Answer an error before any route is asked."""
    problem: Any = problem_of(error)
    headers = {"content-type": PROBLEM_TYPE, "cache-control": "no-store", **headers_of(error)}
    raw = [(name.lower().encode(), text.encode()) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": problem["status"], "headers": raw})
    await send(
        {"type": "http.response.body", "body": msgspec.json.encode(problem), "more_body": False}
    )
