"""AES-CMAC over a whole column at once: the keyed function that turns identifiers into tokens.

CMAC (NIST SP 800-38B, RFC 4493) under AES-256 is a pseudo-random function of messages of any
length; a token is its first 64 bits. CMAC chains blocks, but the chains of different rows are
independent, so block number j of all rows is one call of the cipher: ECB over an array that holds
one block per row. That is how a million rows cost what a hundred thousand calls of a hash would.
No cipher is written here; `cryptography` (OpenSSL) does every block.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from numpy.typing import NDArray

Tokens = NDArray[np.uint64]
Words = NDArray[np.uint64]

_BLOCK: Final = 16
_ROWS_MAX: Final = 1 << 16
"""Rows per call of the cipher: states and blocks then stay in the processor's cache."""
_POLYNOMIAL: Final = 0x87
"""Of GF(2^128), for the subkeys (SP 800-38B section 5.3)."""
_KEPT: Final = np.array([(1 << (8 * used)) - 1 for used in range(8)] + [2**64 - 1], np.uint64)
_PADDED: Final = np.array([0x80 << (8 * used) for used in range(8)] + [0], np.uint64)
"""For a word with so many bytes used: the mask of them, and the padding bit after them."""


class ColumnMac:
    """CMAC under one key of 16, 24 or 32 bytes. Its repr shows nothing of the key."""

    def __init__(self, key: bytes) -> None:
        """Set up the cipher and the two subkeys."""
        # One block at a time is what a block cipher is; CMAC does the chaining.
        self._cipher = Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305
        self._room = bytearray((_ROWS_MAX + 1) * _BLOCK)
        zero = self._encrypted(np.zeros((1, 2), np.uint64))
        first = _doubled(zero.tobytes())
        self._whole = np.frombuffer(first, "<u8")
        self._partial = np.frombuffer(_doubled(first), "<u8")

    def __repr__(self) -> str:
        """Never show the key."""
        return "ColumnMac()"

    def tokens(self, texts: pl.Series) -> Tokens:
        """Return the first 64 bits of the CMAC of each text (UTF-8), big-endian; no nulls."""
        ends, words, start = _buffers(texts)
        found = np.empty(len(texts), np.uint64)
        for low in range(0, len(texts), _ROWS_MAX):
            high = min(low + _ROWS_MAX, len(texts))
            found[low:high] = self._of_rows(ends[low : high + 1] + start, words)
        return found

    def _of_rows(self, ends: NDArray[np.int64], words: Words) -> Tokens:
        begins, sizes = ends[:-1], np.diff(ends)
        blocks = np.maximum(1, -(-sizes // _BLOCK))
        kinds = np.unique(blocks)
        if len(kinds) == 1:
            return self._of_length(begins, sizes, int(kinds[0]), words)
        found = np.empty(len(begins), np.uint64)
        for kind in kinds:
            rows = np.flatnonzero(blocks == kind)
            found[rows] = self._of_length(begins[rows], sizes[rows], int(kind), words)
        return found

    def _of_length(
        self, begins: NDArray[np.int64], sizes: NDArray[np.int64], blocks: int, words: Words
    ) -> Tokens:
        """Return the tokens of rows that all have this many blocks."""
        state = np.zeros((len(begins), 2), np.uint64)
        for number in range(blocks):
            for half in (0, 1):
                at = number * _BLOCK + half * 8
                used = np.clip(sizes - at, 0, 8)
                word = words[np.minimum(begins + at, len(words) - 1)] & _KEPT[used]
                state[:, half] ^= word
                if number == blocks - 1:
                    # Padding: one bit right after the last byte, when the block is not full.
                    state[:, half] ^= np.where(sizes >= at, _PADDED[used], 0)
            if number == blocks - 1:
                full = (sizes == blocks * _BLOCK)[:, None]
                state ^= np.where(full, self._whole, self._partial)
            state = self._encrypted(state)
        return state[:, 0].byteswap()

    def _encrypted(self, state: Words) -> Words:
        held = np.ascontiguousarray(state).view(np.uint8).reshape(-1).data
        self._cipher.encryptor().update_into(held, self._room)
        return np.frombuffer(bytes(self._room[: len(held)]), np.uint64).reshape(-1, 2).copy()


def _doubled(block: bytes) -> bytes:
    """Return a block times x in GF(2^128)."""
    number = int.from_bytes(block, "big") << 1
    if number >> 128:
        number = (number & ((1 << 128) - 1)) ^ _POLYNOMIAL
    return number.to_bytes(16, "big")


def _buffers(texts: pl.Series) -> tuple[NDArray[np.int64], Words, int]:
    """Return where each text ends, the 8-byte word at every byte, and the first byte's place."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    _valid, offsets, content = array.buffers()
    if offsets is None:
        return np.zeros(1, np.int64), np.zeros(1, np.uint64), 0
    ends = np.frombuffer(memoryview(offsets), np.int64)[
        array.offset : array.offset + len(array) + 1
    ]
    first, last = int(ends[0]), int(ends[-1])
    held = np.zeros(last - first + 2 * _BLOCK, np.uint8)
    if last > first and content is not None:
        held[: last - first] = np.frombuffer(memoryview(content), np.uint8)[first:last]
    words: Words = np.ndarray((len(held) - 7,), "<u8", held.data, strides=(1,))
    return ends, words, -first
