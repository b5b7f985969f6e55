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
