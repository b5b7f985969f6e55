"""CBOR sequences (RFC 8742): where each item ends, without decoding what is in it.

The acts of one request are cut apart here and stay the bytes that were signed; the kernel's own
decoder reads each of them strictly. Depth and number are bounded before anything is looked at.
"""

from __future__ import annotations

from typing import Final

from entrepot.kernel.encoding import DEPTH_MAX
from entrepot.kernel.errors import InvalidInput
from entrepot.node.api.problems import TooLarge

_HEADS_MAX: Final = 100_000
"""Heads of one item looked at; the kernel's decoder reads no more values either."""


def split_sequence(body: bytes, *, items_max: int, item_max_bytes: int) -> list[bytes]:
    """Return the items of a CBOR sequence as they stand in it.

    Raises TooLarge for more than `items_max` items or an item over `item_max_bytes`, InvalidInput
    when the body is empty, ends inside an item, or holds an item that is no deterministic CBOR.
    """
    items: list[bytes] = []
    at = 0
    while at < len(body):
        if len(items) == items_max:
            raise TooLarge(
                "too many acts in one request",
                value=f"more than {items_max:,}",
                remedy=f"send at most {items_max:,} at a time",
            )
        end = _end_of_item(body, at)
        if end - at > item_max_bytes:
            raise TooLarge("an act is too large", value=f"item {len(items)}: {end - at:,} bytes")
        items.append(body[at:end])
        at = end
    if not items:
        raise InvalidInput("there is no act in this request", remedy="send a COSE_Sign1")
    return items


def _end_of_item(body: bytes, at: int) -> int:
    """Return where the item that begins at `at` ends (RFC 8949 section 3)."""
    open_items = [1]  # how many items are still wanted, per level of nesting
    for _ in range(_HEADS_MAX):
        major, argument, at = _head(body, at)
        open_items[-1] -= 1
        if major in (2, 3):
            at += argument
        elif major == 6:
            open_items[-1] += 1
        elif major in (4, 5):
            open_items.append(argument * (major - 3))
            if len(open_items) > DEPTH_MAX + 2:
                raise InvalidInput(f"an act is nested deeper than {DEPTH_MAX} levels", value=at)
        if at > len(body):
            raise InvalidInput("the request ends inside an act", value=f"byte {len(body):,}")
        while open_items and open_items[-1] == 0:
            open_items.pop()
        if not open_items:
            return at
    raise InvalidInput("an act has too many values", value=f"more than {_HEADS_MAX:,}")


def _head(body: bytes, at: int) -> tuple[int, int, int]:
    """Return major type and argument of the head at `at`, and where the head ends."""
    if at >= len(body):
        raise InvalidInput("the request ends inside an act", value=f"byte {len(body):,}")
    major, low = body[at] >> 5, body[at] & 31
    if low < 24:
        return major, low, at + 1
    if low > 27:
        raise InvalidInput("an act is not deterministic CBOR", value=f"byte {at:,}")
    width = 1 << (low - 24)
    end = at + 1 + width
    if end > len(body):
        raise InvalidInput("the request ends inside an act", value=f"byte {len(body):,}")
    return major, int.from_bytes(body[at + 1 : end], "big"), end
