"""What a reader found out about a file besides its tables."""

from __future__ import annotations

import msgspec


class Found(msgspec.Struct, frozen=True):
    """The format's own part of `entrepot.port.model.FileReport`; see there for the meanings."""

    encoding: str = "binary"
    dialect: dict[str, str] = {}
    parts: list[str] = []
    metadata: dict[str, str] = {}
    warnings: list[str] = []


def counted(count: int, noun: str) -> str:
    """Return the count with its noun, which takes an s unless there is exactly one."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
