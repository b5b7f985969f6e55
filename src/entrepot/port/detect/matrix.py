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
_ALNUM = np.full(256, -1, np.int8)
_ALNUM[48:58] = np.arange(10)
_ALNUM[65:91] = np.arange(10, 36)
_IS_SEPARATOR = np.zeros(256, np.bool_)
_IS_SEPARATOR[np.frombuffer(b" \t-./()", np.uint8)] = True
_SEPARATORS = r"[ \t\-./()·–]"


def as_series(values: pl.Series | NDArray[np.generic] | list[str]) -> pl.Series:
    """Return `values` as a String series with nulls as the empty string."""
    series = values if isinstance(values, pl.Series) else pl.Series("v", list(values))
    if series.dtype != pl.String:
        series = series.cast(pl.String)
    return series.fill_null("")


def compact(values: pl.Series) -> pl.Series:
    """Return upper-case text without blanks, hyphens, dots, slashes and brackets."""
    uniform = _without_fixed_separators(values)
    if uniform is not None:
        values = uniform
    elif values.str.contains(_SEPARATORS).any():
        values = values.str.replace_all(_SEPARATORS, "")
    if values.str.contains("[a-z]").any():
        values = values.str.to_uppercase()
    return values


def _without_fixed_separators(values: pl.Series) -> pl.Series | None:
    """Drop separators that stand at the same place in every value, by bytes; None if they do not.

    `123-45-6789` in a whole column is the usual case, and ten times cheaper than a pattern.
    """
    lengths = values.str.len_bytes()
    width = lengths.max()
    if not isinstance(width, int) or not 4 <= width <= _FIXED_MAX or lengths.min() != width:
        return None
    raw, _ = matrix(values, width)
    fixed = [j for j in range(width) if _IS_SEPARATOR[raw[0, j]] and (raw[:, j] == raw[0, j]).all()]
    kept = np.delete(raw, fixed, axis=1) if fixed else raw
    if not kept.shape[1] or kept.min() < ord("0") or kept.max() > 127:
        return None  # every separator sorts before the digits; anything else takes the slow way
    return _from_bytes(kept) if fixed else values


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
    fits = values.str.len_bytes() == width
    filler = "0" * width
    if not fits.all():
        values = values.to_frame("v").select(
            pl.when(pl.Series(fits)).then(pl.col("v")).otherwise(pl.lit(filler))
        )["v"]
    count = len(values)
    if count == 0:
        return np.zeros((0, width), np.uint8), np.zeros(0, np.bool_)
    _, ends, text = values.rechunk().to_arrow().buffers()
    assert ends is not None and text is not None, "a text column has offsets and bytes"  # noqa: S101
    offsets = np.frombuffer(memoryview(ends), np.int64, count + 1)
    raw = np.frombuffer(memoryview(text), np.uint8, int(offsets[-1] - offsets[0]), int(offsets[0]))
    return raw.reshape(count, width), fits.to_numpy().copy()


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
    fits = values.str.len_bytes().is_between(1, width) & values.str.contains(r"^[0-9]+$")
    filler = "0" * width
    padded = values.to_frame("v").select(
        pl.when(pl.Series(fits)).then(pl.col("v").str.zfill(width)).otherwise(pl.lit(filler))
    )["v"]
    digits, good = digit_matrix(padded, width)
    return digits, good & fits.to_numpy()


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
