"""The exact content of an act or its facts as text that a person can read.

It is CBOR diagnostic notation, RFC 8949 section 8: maps, lists, text, whole numbers, `h'…'` for
bytes. Nothing is shortened, since it shows what is signed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from entrepot.kernel.errors import visible

_INDENT = "  "


def in_plain_text(value: object, depth: int = 0) -> str:
    """Return a plain value as indented diagnostic notation (RFC 8949 section 8)."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if isinstance(value, str):
        return visible(json.dumps(value, ensure_ascii=False))
    if isinstance(value, Mapping):
        pairs = [f"{in_plain_text(k)}: {in_plain_text(v, depth + 1)}" for k, v in value.items()]
        return _between("{", pairs, "}", depth)
    if isinstance(value, Sequence):
        return _between("[", [in_plain_text(one, depth + 1) for one in value], "]", depth)
    return str(value)


def _between(start: str, parts: list[str], end: str, depth: int) -> str:
    if not parts:
        return start + end
    inner = _INDENT * (depth + 1)
    return f"{start}\n{inner}" + f",\n{inner}".join(parts) + f"\n{_INDENT * depth}{end}"
