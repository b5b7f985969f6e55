"""Text columns as byte matrices, so that a checksum is arithmetic over whole columns."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Digits = NDArray[np.integer[Any]]
Mask = NDArray[np.bool_]

_FIXED_MAX = 48
_DIGIT_ZERO = ord("0")
_BEYOND_ASCII = 128
_ALNUM = np.full(256, -1, np.int8)
_ALNUM[48:58] = np.arange(10)
_ALNUM[65:91] = np.arange(10, 36)
_IS_SEPARATOR = np.zeros(256, np.bool_)
_IS_SEPARATOR[np.frombuffer(b" \t-./()", np.uint8)] = True
_IS_BLANK = np.zeros(256, np.bool_)
_IS_BLANK[[0x09, 0x20, 0xA0, 0xC2]] = True  # the last two: a no-break space in UTF-8
_IS_E = np.zeros(256, np.bool_)
_IS_E[np.frombuffer(b"eE", np.uint8)] = True
_SEPARATORS = r"[ \t\-./()·–]"


def as_series(values: pl.Series | NDArray[np.generic] | list[str]) -> pl.Series:
    """Return `values` as a String series with nulls as the empty string."""
    series = values if isinstance(values, pl.Series) else pl.Series("v", list(values))
    if series.dtype != pl.String:
        series = series.cast(pl.String)
    return series.fill_null("") if series.null_count() else series


def raw_text(values: pl.Series) -> tuple[NDArray[np.int64], Bytes]:
    """Return where each of n texts (no nulls) starts and, at n, the last ends; and their bytes."""
    _, ends, text = values.rechunk().to_arrow().buffers()
    count = len(values)
    if ends is None or text is None or not count:
        return np.zeros(count + 1, np.int64), np.zeros(0, np.uint8)
    offsets = np.frombuffer(memoryview(ends), np.int64, count + 1)
    first, last = int(offsets[0]), int(offsets[-1])
    raw = np.frombuffer(memoryview(text), np.uint8, last - first, first)
    return offsets - first if first else offsets, raw


def odd_ends(values: pl.Series) -> Mask:
    """Return which non-empty texts may have a blank at an end, an exponent or a tail of `.0`.

    It looks at the outer bytes alone and says yes too often rather than too rarely.
    """
    offsets, raw = raw_text(values)
    starts, ends = offsets[:-1], offsets[1:]
    last = raw[ends - 1]
    odd: Mask = _IS_BLANK[raw[starts]] | _IS_BLANK[last]
    numbers = np.flatnonzero((last >= _DIGIT_ZERO) & (last <= ord("9")))
    tail = [raw[np.maximum(ends[numbers] - back, 0)] for back in (2, 3, 4)]
    exponent = _IS_E[tail[0]] | _IS_E[tail[1]] | _IS_E[tail[2]]
    odd[numbers] |= exponent | ((last[numbers] == _DIGIT_ZERO) & (tail[0] <= ord(".")))
    return odd


def compact(values: pl.Series) -> pl.Series:
    """Return upper-case text without blanks, hyphens, dots, slashes and brackets."""
    offsets, raw = raw_text(values)
    low, high = (int(raw.min()), int(raw.max())) if raw.size else (_DIGIT_ZERO, _DIGIT_ZERO)
    if low < _DIGIT_ZERO or high >= _BEYOND_ASCII:
        uniform = _without_fixed_separators(offsets, raw)
        if uniform is not None:
            values = uniform
        elif values.str.contains(_SEPARATORS).any():
            values = values.str.replace_all(_SEPARATORS, "")
    if high >= ord("a") and values.str.contains("[a-z]").any():
        values = values.str.to_uppercase()
    return values


def _without_fixed_separators(offsets: NDArray[np.int64], raw: Bytes) -> pl.Series | None:
    """Drop separators that stand at the same place in every value, by bytes; None if they do not.

    `123-45-6789` in a whole column is the usual case, and ten times cheaper than a pattern.
    """
    lengths = np.diff(offsets)
    width = int(lengths[0])
    if not 4 <= width <= _FIXED_MAX or (lengths != width).any():
        return None
    square = raw.reshape(-1, width)
    fixed = [
        j for j in np.flatnonzero(_IS_SEPARATOR[square[0]]) if (square[:, j] == square[0, j]).all()
    ]
    kept = np.delete(square, fixed, axis=1)
    if not kept.shape[1] or kept.min() < _DIGIT_ZERO or kept.max() >= _BEYOND_ASCII:
        return None  # every separator sorts before the digits; anything else takes the slow way
    return _from_bytes(kept)


def _from_bytes(raw: Bytes) -> pl.Series:
    """Return the rows of an ASCII byte matrix as text."""
    rows, width = raw.shape
    offsets = pa.py_buffer(np.arange(0, (rows + 1) * width, width, dtype=np.int64).data)
    text = pa.py_buffer(np.ascontiguousarray(raw).reshape(-1).data)
    array = pa.LargeStringArray.from_buffers(rows, offsets, text)
    return pl.Series("v", array)


def matrix(values: pl.Series, width: int) -> tuple[Bytes, Mask]:
    """Return the UTF-8 bytes of each value as an (n, width) matrix, and which rows are real.

    Rows whose value has another byte length than `width` are filled with `0` characters and False.
    """
    offsets, raw = raw_text(values)
    fits: Mask = np.diff(offsets) == width
    if fits.all():
        return raw.reshape(len(fits), width), fits
    square = np.full((len(fits), width), _DIGIT_ZERO, np.uint8)
    if fits.any():
        square[fits] = raw_text(values.filter(pl.Series(fits)))[1].reshape(-1, width)
    return square, fits


def digit_matrix(values: pl.Series, width: int) -> tuple[Digits, Mask]:
    """Return the decimal digits of each value as an (n, width) matrix, and which rows are digits.

    Rows of another length or with another character come back as zeros and False.
    """
    raw, fits = matrix(values, width)
    small = raw - np.uint8(48)
    good = fits
    if small.size and small.max() > 9:
        good = fits & (small.max(axis=1, initial=0) <= 9)
    digits = small.astype(np.int16)
    if not good.all():
        digits[~good] = 0
    return digits, good


def right_aligned(values: pl.Series, width: int) -> tuple[Digits, Mask]:
    """Return digits right-aligned in `width` columns, zeros on the left (Luhn does not mind)."""
    lengths = np.diff(raw_text(values)[0])
    digits = np.zeros((len(values), width), np.int16)
    good = np.zeros(len(values), np.bool_)
    for length in np.flatnonzero(np.bincount(np.clip(lengths, 0, width + 1))[: width + 1]):
        if length:
            rows = lengths == length
            part, good[rows] = digit_matrix(values.filter(pl.Series(rows)), int(length))
            digits[rows, width - length :] = part
    return digits, good


def alnum_values(raw: Bytes) -> Digits:
    """Return 0-9 as 0-9, A-Z as 10-35, and any other byte as -1 (the ISO 7064 reading)."""
    return np.take(_ALNUM, raw)


def dates_plausible(year: Digits, month: Digits, day: Digits) -> Mask:
    """Return where year 1870-2035, month and day form a date of the calendar."""
    long_months = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    inside = (month >= 1) & (month <= 12) & (day >= 1) & (year >= 1870) & (year <= 2035)
    last = long_months[np.where(inside, month, 0)]
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    last = np.where((month == 2) & ~leap, 28, last)
    return inside & (day <= last)
