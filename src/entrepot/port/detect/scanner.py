"""Scan a table's columns batch by batch and report what each holds."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import polars as pl

from entrepot.port.detect.sketch import DistinctCounter, Sample
from entrepot.port.model import Category, ColumnReport, Verdict

_EXACT_TOTAL = 8_000_000
"""Hashes kept over all columns of a table before distinct counts become estimates (64 MB)."""
_EXACT_COLUMN = 1_000_000


class _ColumnState:
    """What is remembered of one column."""

    __slots__ = ("cells", "distinct", "nulls", "sample")

    def __init__(self, exact_limit: int) -> None:
        self.cells = 0
        self.nulls = 0
        self.distinct = DistinctCounter(exact_limit)
        self.sample = Sample()

    def feed(self, series: pl.Series) -> None:
        self.cells += len(series)
        present = series.drop_nulls()
        if present.dtype == pl.String:
            present = present.filter(present.str.len_bytes() > 0)
        self.nulls += len(series) - len(present)
        if not len(present):
            return
        hashes = present.hash()
        unique = hashes.unique().to_numpy()
        self.distinct.add(unique)
        self.sample.add(present, hashes, unique)


class ColumnScanner:
    """Decides for every column of one table what it holds.

    Feed every batch of the file, then finish once. Cells are not kept beyond a bounded sample.
    """

    def __init__(self, names: list[str], dtypes: list[str]) -> None:
        """Prepare for columns `names` whose types, as read, are `dtypes` (for the report only)."""
        self._names = list(names)
        self._dtypes = list(dtypes)
        limit = min(_EXACT_COLUMN, _EXACT_TOTAL // max(len(names), 1))
        self._states = [_ColumnState(limit) for _ in names]

    def feed(self, frame: pl.DataFrame) -> None:
        """Scan one batch; columns are taken by position."""
        jobs = list(zip(self._states, frame.get_columns(), strict=True))
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for _ in pool.map(lambda job: job[0].feed(job[1]), jobs):
                pass

    def finish(self) -> list[ColumnReport]:
        """Return one report per column, in table order; `sensitivity` is left empty."""
        return [
            ColumnReport(
                name=name,
                index=index,
                dtype=dtype,
                category=Category.NONE,
                subtype="",
                verdict=Verdict.NOT_FOUND,
                confidence=0.0,
                bound="",
                lanes=[],
                runner_up=None,
                sensitivity={},
                cells=state.cells,
                nulls=state.nulls,
                distinct=state.distinct.count(),
                examples=[],
            )
            for index, (name, dtype, state) in enumerate(
                zip(self._names, self._dtypes, self._states, strict=True)
            )
        ]


def detectors() -> list[str]:
    """Return the names of the detectors that run."""
    return []


def skipped() -> dict[str, str]:
    """Return the detectors that cannot run here, each with the reason."""
    return {}
