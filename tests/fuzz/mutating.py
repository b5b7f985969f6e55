"""Mutations of valid input: what a careless or hostile sender makes of it. Seeded, bounded."""

from __future__ import annotations

import random
from collections.abc import Sequence

LENGTH_MAX = 40_000
TOKENS = (
    b"\0",
    b"\xff",
    b"\n",
    b"\n\n",
    b"\r\n",
    b" ",
    "— ".encode(),
    b"\xd2\x84",
    b"\x9f",
    b"\xbf\xff",
    b"\xfb\x7f\xf0\0\0\0\0\0\0",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x81" * 64,
    b"[" * 64,
    b'{"a":' * 32,
    b"-1",
    b"18446744073709551616",
    b"1e309",
    b"NaN",
    "\u202e".encode(),
    b"\xed\xa0\x80",
    b"%00",
    b"../../",
    b"~~",
    b"..",
    b"==",
)


def mutate(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds after one to six changes."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.randint(1, 6)):
        _CHANGES[rng.randrange(len(_CHANGES))](rng, content, seeds)
    return bytes(content[:LENGTH_MAX])


def _flip(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    if content:
        content[rng.randrange(len(content))] = rng.randrange(256)


def _insert(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(content))
    content[at:at] = rng.choice(TOKENS)


def _cut(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    del content[rng.randint(0, len(content)) :]


def _remove(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(content))
    del content[at : at + rng.randint(1, 40)]


def _repeat(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randint(0, len(content))
    content[at:at] = content[at : at + rng.randint(1, 60)] * rng.randint(1, 4)


def _splice(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    at, begin = rng.randint(0, len(content)), rng.randint(0, len(other))
    content[at : at + rng.randint(0, 60)] = other[begin : begin + rng.randint(1, 200)]


_CHANGES = (_flip, _flip, _set, _insert, _cut, _remove, _repeat, _splice)
