"""What is remembered of a column while its cells stream by: a fair sample and a distinct count.

The sample holds the distinct values with the smallest 64-bit hashes (bottom-k, Cohen and Kaplan
2007): a uniform sample of the *distinct* values of the whole file, the same for every batch size,
with the exact multiplicity of each. While a column has at most `SAMPLE_SIZE` distinct values the
sample is the whole column and every figure drawn from it is exact.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

SAMPLE_SIZE = 4096
"""Distinct values kept per column."""
CELL_CHARS_MAX = 2000
"""Characters kept of one sampled cell; longer prose is searched in full by the sweep."""
_MERGE_AT = 1 << 18


class DistinctCounter:
    """Count distinct 64-bit hashes: exact up to `limit`, then by k minimum values (about 1 %)."""

    __slots__ = ("_exact", "_held", "_k", "_limit", "_pending")

    def __init__(self, limit: int) -> None:
        """Keep at most `limit` hashes (8 bytes each) before turning to an estimate."""
        self._limit = max(limit, 1 << 14)
        self._k = 1 << 14
        self._exact = True
        self._held: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._pending: list[NDArray[np.uint64]] = []

    def add(self, hashes: NDArray[np.uint64]) -> None:
        """Add the distinct hashes of one batch (in any order)."""
        if not self._exact and len(self._held):
            hashes = hashes[hashes < self._held[-1]]
        self._pending.append(hashes)
        if sum(map(len, self._pending)) >= _MERGE_AT:
            self._merge()

    def _merge(self) -> None:
        if self._pending:
            if len(self._held) or len(self._pending) > 1:
                joined = pl.Series(np.concatenate([self._held, *self._pending]))
                self._held = joined.unique().to_numpy()
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
        self._hashes: NDArray[np.uint64] = np.empty(0, np.uint64)
        self._counts: NDArray[np.int64] = np.empty(0, np.int64)
        self._values = pl.Series("v", [], dtype=pl.String)
        self.complete = True
        """True while every distinct value seen is in the sample."""

    def add(self, values: pl.Series, hashes: pl.Series, distinct: NDArray[np.uint64]) -> None:
        """Take in one batch: non-null `values`, their `hashes`, and the `distinct` hashes."""
        ceiling = self._ceiling(distinct)
        if ceiling is not None:
            keep = hashes < ceiling
            values, hashes = values.filter(keep), hashes.filter(keep)
        if not len(values):
            return
        batch = (
            pl.DataFrame({"h": hashes, "v": values})
            .group_by("h")
            .agg(pl.first("v"), pl.len().cast(pl.Int64).alias("n"))
        )
        batch = batch.with_columns(as_text(batch["v"]).str.slice(0, CELL_CHARS_MAX).alias("v"))
        held = pl.DataFrame({"h": self._hashes, "v": self._values, "n": self._counts})
        merged = pl.concat([held, batch]).group_by("h").agg(pl.first("v"), pl.sum("n")).sort("h")
        if len(merged) > SAMPLE_SIZE:
            self.complete = False
            merged = merged.head(SAMPLE_SIZE)
        self._hashes = merged["h"].to_numpy().copy()
        self._counts = merged["n"].to_numpy().copy()
        self._values = merged["v"]

    def _ceiling(self, distinct: NDArray[np.uint64]) -> int | None:
        """Return the hash at and above which no value of this batch can enter the sample."""
        ceiling: int | None = None
        if not self.complete and len(self._hashes):
            ceiling = int(self._hashes[-1]) + 1
        if len(distinct) > SAMPLE_SIZE:
            kth = int(np.partition(distinct, SAMPLE_SIZE)[SAMPLE_SIZE])
            self.complete = False
            ceiling = kth if ceiling is None else min(ceiling, kth)
        return ceiling

    @property
    def values(self) -> pl.Series:
        """The sampled distinct values as text, in hash order (that is, shuffled)."""
        return self._values

    @property
    def counts(self) -> NDArray[np.int64]:
        """How many cells held each sampled value."""
        return self._counts


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
