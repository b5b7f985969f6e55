"""Scan a table's columns batch by batch and report what each holds."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from entrepot.port.detect import defects, prose
from entrepot.port.detect.catalog import CATALOG, STRONG
from entrepot.port.detect.context import apply_context, codes_without_header
from entrepot.port.detect.headers import read_header
from entrepot.port.detect.judge_header import header_lanes
from entrepot.port.detect.judge_shapes import shape_lanes
from entrepot.port.detect.judge_words import word_lanes
from entrepot.port.detect.matrix import odd_ends
from entrepot.port.detect.profile import Profile
from entrepot.port.detect.shapes import Detector, measure
from entrepot.port.detect.sketch import DistinctCounter, Hashes, Sample, Tally, as_text
from entrepot.port.detect.sweep import PLAN_SAMPLE, Sweep, plausible
from entrepot.port.detect.verdict import Case, report
from entrepot.port.model import Category, ColumnReport

_EXACT_TOTAL = 8_000_000
"""Hashes kept over all columns of a table before distinct counts become estimates (64 MB)."""
_EXACT_COLUMN = 1_000_000
_WATCHED_ROWS = 5000
"""Cells of each batch in which defects of storage are looked for."""
_HASH_OF_NULL = np.uint64(0x9E3779B97F4A7C15)
_HASH_OF_EMPTY = np.uint64(0xC2B2AE3D27D4EB4F)
_SHORT_NUMBER = 10**6
"""Whole numbers below this hold no identifier worth a full scan."""


class _ColumnState:
    """What is remembered of one column while its batches stream by."""

    __slots__ = ("cells", "defects", "distinct", "nulls", "numeric", "sample", "sweep")

    def __init__(self, exact_limit: int) -> None:
        self.cells = 0
        self.nulls = 0
        self.distinct = DistinctCounter(exact_limit)
        self.sample = Sample()
        self.sweep: Sweep | None = None
        self.numeric = False
        self.defects = defects.Watch()

    def feed(self, series: pl.Series) -> Hashes:
        """Take in one batch of the column; return a hash per row, null and "" having one each."""
        filled = _filled(series)
        present = series if filled is None else series.filter(filled)
        if not _hashable(present.dtype):
            present = as_text(present)
        self.cells += len(series)
        self.nulls += len(series) - len(present)
        tally = Tally.of(present)
        if len(present):
            self._examine(present, tally)
        if filled is None:
            return tally.hashes
        rows = np.full(len(series), _HASH_OF_NULL)
        rows[filled.to_numpy()] = tally.hashes
        if series.null_count() < len(series) - len(present):
            rows[(series == "").fill_null(value=False).to_numpy()] = _HASH_OF_EMPTY
        return rows

    def _examine(self, present: pl.Series, tally: Tally) -> None:
        """Count, sample and sweep the filled cells of one batch."""
        self._see_defects(present.head(_WATCHED_ROWS))
        was_complete = self.sample.complete
        before, counts = self.sample.values, self.sample.counts.copy()
        self.distinct.add(tally.distinct)
        self.sample.add(present, tally)
        if not self.sample.complete and _worth_sweeping(present):
            if self.sweep is None:
                self.sweep = Sweep(self.sample.values)
                if was_complete and len(before):
                    self.sweep.run(before, counts)
            if len(tally.distinct) * 3 < len(present):  # often repeated: read each value once
                rows = tally.rows_of(tally.distinct)
                self.sweep.run(as_text(present.gather(rows)), tally.counts)
            else:
                self.sweep.run(as_text(present))

    def _see_defects(self, head: pl.Series) -> None:
        """Show the start of a batch to the watch: of text only the cells it could remark upon."""
        if head.dtype == pl.String:
            suspects = head.filter(pl.Series(odd_ends(head)))
            self.defects.seen += len(head) - len(suspects)
            head = suspects
        if len(head):
            self.defects.see(head)

    def profile(self, name: str, index: int, dtype: str) -> Profile:
        """Sum the column up for the judges."""
        values, counts = self.sample.values, self.sample.counts
        cells = int(counts.sum())
        detectors = self._detectors(values)
        probe = len(values) if self.sample.complete else min(len(values), 1024)
        found = measure(values.head(probe), detectors, counts[:probe])
        cells = int(counts[:probe].sum())
        exhaustive = self.sample.complete
        contains: dict[Category, int] = {}
        if self.sweep is not None:
            scale = self.sweep.cells / max(cells, 1)
            found = {n: m.scaled(scale) for n, m in found.items() if n not in self.sweep.counted}
            found |= self.sweep.found
            cells, exhaustive = self.sweep.cells, True
            contains = dict(self.sweep.contains)
        profile = Profile(
            name=name, index=index, dtype=dtype, reading=read_header(name), cells=self.cells,
            nulls=self.nulls, distinct=self.distinct.count(), sample=values, counts=counts,
            matches=found, matched_cells=cells, exhaustive=exhaustive, contains=contains,
        )  # fmt: skip
        if self.sample.complete and (profile.mean_words >= 2.5 or profile.mean_length > 20):
            profile.contains = prose.search(values, counts, names=profile.mean_words >= 5)
        elif profile.mean_words >= 5:
            titled = values.str.contains(prose.TITLED_NAME).to_numpy()
            share = counts[titled].sum() / max(counts.sum(), 1)
            if share > 0:
                profile.contains[Category.PERSON_NAME] = int(share * cells)
        profile.defects = self.defects.describe(profile)
        return profile

    def _detectors(self, values: pl.Series) -> list[Detector]:
        """Return the detectors to try on the sample: all whose shape any of its values can have."""
        if self.sweep is not None:  # what was counted in every cell needs no sample
            return [d for d in self.sweep.plausible if d.name not in self.sweep.counted]
        found = plausible(values.head(PLAN_SAMPLE).to_list())
        if self.sample.complete and len(values) > PLAN_SAMPLE:
            found += [d for d in STRONG if d not in found]
        return found


def _filled(series: pl.Series) -> pl.Series | None:
    """Return where a cell holds something; None where all do."""
    if series.dtype == pl.String:
        mask = series != ""
        mask = mask.fill_null(value=False) if mask.null_count() else mask
    elif series.null_count():
        mask = series.is_not_null()
    else:
        return None
    return None if mask.all() else mask


def _hashable(dtype: pl.DataType) -> bool:
    return (
        dtype == pl.String
        or dtype.is_integer()
        or dtype.is_float()
        or dtype.is_temporal()
        or dtype in (pl.Boolean, pl.Binary)
    )


def _worth_sweeping(present: pl.Series) -> bool:
    """Whether every cell must be read: text, or whole numbers long enough to identify."""
    if present.dtype == pl.String:
        return True
    if present.dtype.is_integer():
        low, high = present.min(), present.max()
        return isinstance(low, int) and isinstance(high, int) and max(-low, high) >= _SHORT_NUMBER
    return False


class ColumnScanner:
    """Decides for every column of one table what it holds.

    Feed every batch of the file, then finish once. Cells are not kept beyond a bounded sample, and
    reports carry masked shapes only.
    """

    def __init__(self, names: list[str], dtypes: list[str]) -> None:
        """Prepare for columns `names` whose types, as read, are `dtypes` (for the report only)."""
        self._names = list(names)
        self._dtypes = list(dtypes)
        limit = min(_EXACT_COLUMN, _EXACT_TOTAL // max(len(names), 1))
        self._states = [_ColumnState(limit) for _ in names]
        # Odd factors tell the columns apart; fixed, so that a row hashes alike in every batch.
        numbers = pl.Series(range(len(names)), dtype=pl.UInt64)
        self._factors = numbers.hash(seed=6).to_numpy() | np.uint64(1)

    def feed(self, frame: pl.DataFrame) -> Hashes:
        """Scan one batch, columns by position; return a 64-bit hash per row, equal for equal rows.

        The hashes of a row's cells are added up, each times the odd factor of its column.
        """
        jobs = list(zip(self._states, frame.get_columns(), self._factors, strict=True))
        jobs.sort(key=lambda job: -job[1].estimated_size())  # the longest last would run alone
        rows = np.zeros(frame.height, np.uint64)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for hashes in pool.map(lambda job: job[0].feed(job[1]) * job[2], jobs):
                rows += hashes
        return rows

    def cases(self) -> list[Case]:
        """Return every column with its evidence, context included."""
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            cases = list(pool.map(self._case, range(len(self._states))))
        kind = apply_context(cases)
        codes_without_header(cases, kind)
        return cases

    def _case(self, index: int) -> Case:
        profile = self._states[index].profile(self._names[index], index, self._dtypes[index])
        return Case(profile, [*header_lanes(profile), *shape_lanes(profile), *word_lanes(profile)])

    def finish(self) -> list[ColumnReport]:
        """Return one report per column, in table order; `sensitivity` is left empty."""
        return [report(case) for case in self.cases()]


def detectors() -> list[str]:
    """Return the names of the detectors that run, shapes first, then the other lanes."""
    lanes = (
        "header-dictionary",
        "names",
        "organisations",
        "places",
        "attributes",
        "prose",
        "context",
    )
    return [*(d.name for d in CATALOG), *lanes]


def skipped() -> dict[str, str]:
    """Return the detectors that cannot run here, each with the reason."""
    return {
        "free-text person names": "names in prose are found only beside a form of address; "
        "no trained recogniser is shipped",
        "cn-bank-card issuer": "issuer ranges are checked to two digits; no bank directory is shipped",  # noqa: E501
        "important-data (China)": "cannot be told from values; declare it as a fact",
    }
