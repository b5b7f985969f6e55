"""What is remembered of a column while its cells stream by: a fair sample and a distinct count.

The sample holds the distinct values with the smallest 64-bit hashes (bottom-k, Cohen and Kaplan
2007): a uniform sample of the *distinct* values of the whole file, the same for every batch size,
with the exact multiplicity of each. While a column has at most `SAMPLE_SIZE` distinct values the
sample is the whole column and every figure drawn from it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

SAMPLE_SIZE = 4096
"""Distinct values kept per column."""
CELL_CHARS_MAX = 2000
"""Characters kept of one sampled cell; longer prose is searched in full by the sweep."""
_MERGE_AT = 1 << 18
_FEW = 32
"""Hashes that are found faster one by one than by sorting the batch."""

Hashes = NDArray[np.uint64]


def distinct_of(hashes: Hashes) -> Hashes:
    """Return the distinct `hashes` in ascending order.

    By sorting, which NumPy does with vector instructions: a third of the time of a hash table.
    """
    ordered = np.sort(hashes)
    return ordered[_starts(ordered)]


def _starts(ordered: Hashes) -> NDArray[np.bool_]:
    """Return where a run of equal values begins in an ascending array."""
    starts = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    return starts


@dataclass(frozen=True, slots=True)
class Tally:
    """The hashes of one batch of a column: by row, and the distinct ones with their counts."""

    hashes: Hashes
    distinct: Hashes
    """In ascending order."""
    counts: NDArray[np.int64]
    """Cells that hold each of `distinct`."""

    @classmethod
    def of(cls, values: pl.Series) -> Tally:
        """Hash the non-null `values` of one batch."""
        hashes = values.hash().to_numpy()
        ordered = np.sort(hashes)
        starts = _starts(ordered)
        if starts.all():
            return cls(hashes, ordered, np.ones(len(ordered), np.int64))
        first = np.flatnonzero(starts)
        return cls(hashes, ordered[first], np.diff(first, append=len(ordered)))

    def rows_of(self, chosen: Hashes) -> NDArray[np.intp]:
        """Return one row for each of `chosen`, which are ascending and among `distinct`."""
        if len(chosen) <= _FEW:
            return np.array([np.argmax(self.hashes == one) for one in chosen], np.intp)
        rows = np.arange(len(self.hashes))
        if len(chosen) * 2 < len(self.distinct):
            rows = np.flatnonzero((self.hashes >= chosen[0]) & (self.hashes <= chosen[-1]))
        hashes = self.hashes[rows]
        order = np.argsort(hashes)
        return rows[order[np.searchsorted(hashes, chosen, sorter=order)]]


class DistinctCounter:
    """Count distinct 64-bit hashes: exact up to `limit`, then by k minimum values (about 1 %)."""

    __slots__ = ("_exact", "_held", "_k", "_limit", "_pending")

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` hashes (8 bytes each) before turning to an estimate."""
        self._limit = max(limit, 1 << 14)
        self._k = 1 << 14
        self._exact = True
        self._held: Hashes = np.empty(0, np.uint64)
        self._pending: list[Hashes] = []

    def add(self, hashes: Hashes) -> None:
        """Add the distinct hashes of one batch (in any order)."""
        if not self._exact and len(self._held):
            hashes = hashes[hashes < self._held[-1]]
        self._pending.append(hashes)
        if sum(map(len, self._pending)) >= _MERGE_AT:
            self._merge()

    def _merge(self) -> None:
        if self._pending:
            if len(self._held) or len(self._pending) > 1:
                self._held = distinct_of(np.concatenate([self._held, *self._pending]))
            else:
                self._held = self._pending[0]
            self._pending = []
        if self._exact and len(self._held) > self._limit:
            self._exact = False
        if not self._exact and len(self._held) > self._k:
            self._held = np.sort(np.partition(self._held, self._k)[: self._k])

    @property
    def exact(self) -> bool:
        """Whether `count` is exact so far."""
        self._merge()
        return self._exact

    def count(self) -> int:
        """Return the number of distinct hashes, estimated once the limit was passed."""
        self._merge()
        if self._exact:
            return len(self._held)
        return int((self._k - 1) / (float(self._held[-1]) / 2.0**64))


class Sample:
    """Bottom-k sample of one column's distinct values, as text, with their exact counts."""

    __slots__ = ("_counts", "_hashes", "_values", "complete")

    def __init__(self) -> None:
        """Start empty."""
        self._hashes: Hashes = np.empty(0, np.uint64)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._values = pl.Series("v", [], dtype=pl.String)
        self.complete = True
        """True while every distinct value seen is in the sample."""

    def add(self, values: pl.Series, tally: Tally) -> None:
        """Take in one batch: its non-null `values` and their `tally`."""
        hashes, counts = tally.distinct[:SAMPLE_SIZE], tally.counts[:SAMPLE_SIZE]
        if len(tally.distinct) > SAMPLE_SIZE:
            self.complete = False
        if not self.complete and len(self._hashes) == SAMPLE_SIZE:
            end = int(np.searchsorted(hashes, self._hashes[-1], side="right"))
            hashes, counts = hashes[:end], counts[:end]
        places = np.searchsorted(self._hashes, hashes)
        known = places < len(self._hashes)
        known[known] = self._hashes[places[known]] == hashes[known]
        self._counts[places[known]] += counts[known]
        if not known.all():
            fresh = hashes[~known]
            texts = shortened(as_text(values.gather(tally.rows_of(fresh))))
            self._insert(fresh, counts[~known], texts)

    def _insert(self, hashes: Hashes, counts: NDArray[np.int64], texts: pl.Series) -> None:
        """Put in distinct values that are not held yet; keep those of the smallest hashes."""
        joined = np.concatenate([self._hashes, hashes])
        order = np.argsort(joined)
        if len(order) > SAMPLE_SIZE:
            self.complete = False
            order = order[:SAMPLE_SIZE]
        self._hashes = joined[order]
        self._counts = np.concatenate([self._counts, counts])[order]
        self._values = pl.concat([self._values, texts.alias("v")]).gather(order)

    @property
    def values(self) -> pl.Series:
        """The sampled distinct values as text, in hash order (that is, shuffled)."""
        return self._values

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many cells held each sampled value."""
        return self._counts


def shortened(texts: pl.Series) -> pl.Series:
    """Return `texts` cut to `CELL_CHARS_MAX` characters (untouched when none is that long)."""
    longest = texts.str.len_bytes().max()
    if isinstance(longest, int) and longest > CELL_CHARS_MAX:
        return texts.str.slice(0, CELL_CHARS_MAX)
    return texts


def as_text(values: pl.Series) -> pl.Series:
    """Return `values` as strings, whatever their type; nested values as JSON-like text."""
    if values.dtype == pl.String:
        return values
    if values.dtype == pl.Binary:
        return values.bin.encode("hex")
    if values.dtype == pl.Boolean:
        return values.cast(pl.String)
    if values.dtype.is_float():
        return float_text(values)
    if isinstance(values.dtype, pl.List | pl.Array | pl.Struct | pl.Object):
        return pl.Series(values.name, [str(v) for v in values.to_list()], dtype=pl.String)
    return values.cast(pl.String)


def float_text(values: pl.Series) -> pl.Series:
    """Return floats as text; whole numbers below 2**53 without the trailing `.0`."""
    whole = values.is_finite() & (values == values.round(0)) & (values.abs() < 2.0**53)
    as_int = values.set(~whole, None).cast(pl.Int64).cast(pl.String)
    frame = pl.DataFrame({"i": as_int, "f": values.cast(pl.String)})
    return frame.select(pl.coalesce("i", "f").alias("v"))["v"]
