"""The one encoder of bytes that are signed or hashed: deterministic CBOR (RFC 8949 section 4.2.1).

Only plain values exist here: null, booleans, 64-bit integers, text (without U+0000), bytes, lists
and maps with text or integer keys. Floats, tags, bignums and indefinite lengths are refused, so
that one meaning has exactly one byte string. Decoding encodes again and compares: a byte that could
be changed without changing the meaning does not exist. JSON is for people and views, never for
signatures.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn

import cbor2
import msgspec

from entrepot.kernel.errors import InvalidInput

SIZE_MAX_BYTES = 1 << 20
"""Largest CBOR item read unless the caller names another limit; an act is far smaller."""
DEPTH_MAX = 32
"""Deepest nesting; protects the stack of every reader, not only of ours."""
ITEMS_MAX = 100_000
"""Most values in one item; a message of one-byte items must not cost unbounded memory."""

_INTEGER_MIN, _INTEGER_MAX = -(1 << 63), (1 << 63) - 1
# Tags that cbor2 would turn into Python objects on its own; every other tag meets the tag hook.
_KNOWN_TAGS = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100),
    *(256, 258, 260, 261, 1004, 43000, 55799),
)


def encode(value: object) -> bytes:
    """Return the deterministic CBOR of a plain value (RFC 8949 section 4.2.1).

    Map keys are sorted by their encoded bytes (not the older length-first order). Raises
    InvalidInput for a value outside the plain ones, for depth over 32 or over 100,000 values.
    """
    ease = _ease(value, DEPTH_MAX)
    plain = value if ease else _ordered(value, DEPTH_MAX, [ITEMS_MAX])
    try:
        encoded: bytes = cbor2.dumps(plain, canonical=ease == _SORTABLE)
    except (cbor2.CBOREncodeError, UnicodeEncodeError) as error:
        raise InvalidInput("value cannot be encoded", value=error) from error
    if len(encoded) > ITEMS_MAX and ease:
        _ordered(value, DEPTH_MAX, [ITEMS_MAX])  # only now can there be too many values: count
    return encoded


def decode(encoded: bytes, *, size_max: int = SIZE_MAX_BYTES) -> object:
    """Return the plain value of deterministic CBOR, or raise InvalidInput.

    Refuses anything whose re-encoding is not the very same bytes: longer heads, unsorted or
    duplicate keys, indefinite lengths, tags, floats, trailing bytes. `size_max` is in bytes.
    """
    if len(encoded) > size_max:
        raise InvalidInput(
            f"CBOR item is larger than {size_max:,} bytes",
            value=f"{len(encoded):,} bytes",
            remedy="send a smaller item; large content belongs in files named by their hash",
        )
    try:
        value: object = cbor2.loads(
            encoded,
            max_depth=DEPTH_MAX + 1,
            allow_indefinite=False,
            allow_duplicate_keys=False,
            tag_hook=_refuse_tag,
            semantic_decoders=_REFUSED_TAGS,
        )
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise InvalidInput(
            "not well-formed CBOR", value=error, remedy="send deterministic CBOR (RFC 8949 4.2.1)"
        ) from error
    if encode(value) != encoded:
        raise InvalidInput(
            "CBOR is not in deterministic form",
            value=encoded[:24].hex(),
            remedy="shortest heads, sorted keys, nothing after the item (RFC 8949 4.2.1)",
        )
    return value


def decode_map(encoded: bytes, *, size_max: int = SIZE_MAX_BYTES) -> dict[object, object]:
    """Return the map encoded by deterministic CBOR, or raise InvalidInput when it is no map."""
    value = decode(encoded, size_max=size_max)
    if not isinstance(value, dict):
        raise InvalidInput("expected a CBOR map", value=type(value).__name__)
    return value


@lru_cache(maxsize=8_192)
def head(major: int, argument: int) -> bytes:
    """Return the head of an item: major type 0..5 and its argument (RFC 8949 section 3).

    For the few forms that are written a million times: the pieces joined are what `encode` gives.
    """
    if argument < 24:
        return bytes((major << 5 | argument,))
    for extra, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes((major << 5 | extra,)) + argument.to_bytes(size, "big")
    raise InvalidInput("integer outside 64 bits", value=argument)


UNSIGNED, BYTES, TEXT, ARRAY, MAP = 0, 2, 3, 4, 5
"""Major types, for `head`."""


def item_bytes(raw: bytes) -> bytes:
    """Return the item of a byte string, as `encode` gives it."""
    return head(BYTES, len(raw)) + raw


def _refuse_tag(*_arguments: object) -> NoReturn:
    raise ValueError("tags are not used here")


_REFUSED_TAGS = dict.fromkeys(_KNOWN_TAGS, _refuse_tag)
_LEAVES = frozenset({type(None), bool, str, bytes})
KEYS_SEEN_MAX, KEYS_MAX, KEY_LENGTH_MAX = 2_048, 32, 64
"""How many sets of keys are remembered, and how large one may be: strangers choose them too."""
_KEYS_SEEN: dict[tuple[str, ...], int] = {}
_UNSURE, _SORTABLE, _IN_ORDER = 0, 1, 2
"""How a value may be written: after a careful look, sorted by cbor2, or as it stands."""


def _ease(value: Any, depth_left: int) -> int:
    """Say quickly how a plain value may be written; `_UNSURE` also for what is not plain.

    What was decoded is in order, or it would have been refused; what programs make usually has maps
    with plain text keys, which the older order of CBOR sorts in the same way (RFC 8949 4.2.3).
    """
    kind = type(value)
    if kind is str:
        return _UNSURE if "\0" in value else _IN_ORDER
    if kind in _LEAVES:
        return _IN_ORDER
    if kind is int:
        return _IN_ORDER if _INTEGER_MIN <= value <= _INTEGER_MAX else _UNSURE
    if depth_left == 0:
        return _UNSURE
    if kind is list or kind is tuple:
        return _least(value, _IN_ORDER, depth_left - 1)
    if kind is not dict:
        return _UNSURE
    return _least(value.values(), _ease_of_keys(value), depth_left - 1)


def _least(items: Any, least: int, depth_left: int) -> int:
    for item in items:
        kind = type(item)
        if kind is str and "\0" not in item:
            continue  # most values are text and bytes: not worth a call
        if kind in _LEAVES and kind is not str:
            continue
        ease = _ease(item, depth_left)
        if ease < least:
            least = ease
    return least


def _ease_of_keys(value: dict[Any, Any]) -> int:
    """Say how the keys of a map may be written; programs use the same few sets of keys."""
    keys = tuple(value)
    ease = _KEYS_SEEN.get(keys)
    if ease is None:
        ease = _looked_at(value)
        if len(_KEYS_SEEN) < KEYS_SEEN_MAX and len(keys) <= KEYS_MAX and _are_text(keys):
            _KEYS_SEEN[keys] = ease
    return ease


def _are_text(keys: tuple[Any, ...]) -> bool:
    """Only text is remembered: True equals 1 in Python, and is another key in CBOR."""
    return all(type(key) is str and len(key) <= KEY_LENGTH_MAX for key in keys)


def _looked_at(value: dict[Any, Any]) -> int:
    length, last, ease = -1, "", _IN_ORDER
    for key in value:
        if type(key) is not str or not key.isascii() or "\0" in key:
            return _IN_ORDER if _has_rising_integers(value) else _UNSURE
        if len(key) <= length and (len(key) < length or key <= last):
            ease = _SORTABLE
        length, last = len(key), key
    return ease


def _has_rising_integers(value: dict[Any, Any]) -> bool:
    """Say whether the keys are integers in order; a single one may be negative."""
    last = -1 if len(value) > 1 else _INTEGER_MIN - 1
    for key in value:
        if type(key) is not int or not last < key <= _INTEGER_MAX:
            return False
        last = key
    return True


def _ordered(value: object, depth_left: int, items_left: list[int]) -> object:
    """Return `value` with maps in the order of encoded keys; refuse what is not plain."""
    items_left[0] -= 1
    if items_left[0] < 0:
        raise InvalidInput(f"more than {ITEMS_MAX:,} values in one item")
    if isinstance(value, str):
        return _without_nul(value)
    if type(value) in _LEAVES:
        return value
    if isinstance(value, int):
        if not _INTEGER_MIN <= value <= _INTEGER_MAX:
            raise InvalidInput("integer outside 64 bits", value=value, remedy="send it as text")
        return int(value)
    if depth_left == 0:
        raise InvalidInput(f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, list | tuple):
        return [_ordered(item, depth_left - 1, items_left) for item in value]
    if isinstance(value, Mapping):
        keys = sorted(value, key=_key_order)
        return {key: _ordered(value[key], depth_left - 1, items_left) for key in keys}
    raise InvalidInput(
        "a value of this type cannot be signed or hashed",
        value=type(value).__name__,
        remedy="use text, whole numbers, bytes, lists and maps; amounts in whole units",
    )


def _without_nul(text: str) -> str:
    """Return the text; PostgreSQL has no U+0000 in text, and programs in C end there."""
    if "\0" in text:
        raise InvalidInput("text holds U+0000", value=text, remedy="remove it, or send bytes")
    return str(text)


def _key_order(key: object) -> tuple[int, int, bytes]:
    """Return what sorts as the encoded key sorts: major type, head, content (RFC 8949 4.2.1)."""
    if isinstance(key, str):
        encoded = _utf8(_without_nul(key))
        return 3, len(encoded), encoded
    if isinstance(key, int) and not isinstance(key, bool) and _INTEGER_MIN <= key <= _INTEGER_MAX:
        return (0, key, b"") if key >= 0 else (1, -1 - key, b"")
    raise InvalidInput("map keys are text or 64-bit integers", value=key)


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidInput("text is not Unicode (a lone surrogate)", value=ascii(text)) from error


def to_base64(raw: bytes) -> str:
    """Return standard base64 with padding (RFC 4648 section 4)."""
    return base64.b64encode(raw).decode("ascii")


def from_base64(text: str) -> bytes:
    """Decode standard base64; refuse missing padding, blanks and non-zero trailing bits.

    RFC 4648 section 3.5 allows decoders to ignore trailing bits; here they would be a byte that
    can change without anybody noticing, so they raise InvalidInput.
    """
    try:
        raw = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError) as error:
        raise InvalidInput("not base64", value=text[:40]) from error
    if to_base64(raw) != text:
        raise InvalidInput("base64 is not in canonical form", value=text[:40])
    return raw


def to_base64url(raw: bytes) -> str:
    """Return URL-safe base64 without padding (RFC 4648 section 5), as key thumbprints use it."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def to_json(view: object, *, indent: int = 2) -> str:
    """Return the JSON of a view for people and programs; never signed, never hashed."""
    encoded = msgspec.json.encode(view)
    return msgspec.json.format(encoded, indent=indent).decode() if indent else encoded.decode()
