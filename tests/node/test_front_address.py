"""Whose address a request is counted against: the proxy's word, never the client's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from entrepot.node.api.buckets import Buckets
from entrepot.node.api.front import Front, Seen
from entrepot.node.settings import Http, Limits

PROXY, STRANGER = "10.0.0.1", "203.0.113.9"


def counted(client: str, *forwarded: str) -> str | None:
    """Return the address under which a request passes the front."""
    passed: list[str | None] = []

    async def inner(scope: Any, _receive: Any, _send: Any) -> None:
        passed.append(scope.get("entrepot_address"))

    async def no_tile(_scope: Any, _send: Any) -> bool:
        return False

    async def nothing(*_: Any) -> Any:
        raise AssertionError("the front neither reads nor answers here")

    def unseen(_seen: Seen) -> None:
        return None

    front = Front(inner, Http(trusted_proxies=(PROXY,)), Limits(), Buckets(1, 1), no_tile, unseen)
    scope: Any = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "client": (client, 1),
        "headers": [(b"x-forwarded-for", line.encode()) for line in forwarded],
    }
    asyncio.run(front(scope, nothing, nothing))
    return passed[0]


@pytest.mark.parametrize(
    "lines",
    [
        (STRANGER,),
        (f"1.2.3.4, {STRANGER}",),
        ("1.2.3.4", STRANGER),  # a proxy that adds a line of its own
        ("1.2.3.4, 5.6.7.8", STRANGER),
    ],
)
def test_the_end_of_the_list_is_the_proxys_word(lines: tuple[str, ...]) -> None:
    assert counted(PROXY, *lines) == STRANGER


def test_nobody_else_is_believed() -> None:
    assert counted(STRANGER, "1.2.3.4") == STRANGER
