"""The full scan: count chosen shapes in every cell, and notice strong ones nobody expected.

Which detectors are counted in full is chosen from the sample when a column first has more distinct
values than the sample holds; until then the sample is the whole column and nothing need be swept.
Every later cell passes one cheap pattern (`catalog.STRAY`), so an identifier that first appears in
the last row of a column judged empty of them is still seen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect import prose
from entrepot.port.detect.catalog import BY_NAME, CATALOG, STRAY, STRONG
from entrepot.port.detect.matrix import Mask, raw_text
from entrepot.port.detect.shapes import (
    Detector,
    Match,
    Matches,
    ascii_classes,
    checksum_weight,
    measure,
)
from entrepot.port.model import Category

PLAN_SAMPLE = 112
"""Sampled values on which every detector is tried."""
_PLAN_MAX = 8
_GROUP = 8
"""Detectors whose patterns are tried as one; more make the pattern slower than it saves."""
_SLICE_ROWS = 20_000
_STRAY = ascii_classes(STRAY).replace(r"\b", r"(?-u:\b)")
"""Word boundaries are ASCII: the engine leaves its fast path at Unicode ones (20 times slower)."""


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re.Pattern[str]:
    for script, span in (("Han", "\u3400-\u9fff"), ("Hangul", "\uac00-\ud7a3"), ("L", r"\w")):
        pattern = pattern.replace(rf"\p{{{script}}}", span)
    return re.compile(pattern)


@lru_cache(maxsize=64)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """Return one pattern for all of `patterns`."""
    sources = [_compiled(pattern).pattern for pattern in patterns]
    return re.compile("|".join(f"(?i:{s[4:]})" if s.startswith("(?i)") else s for s in sources))


def plausible(values: list[str]) -> list[Detector]:
    """Return the detectors whose shape at least one of `values` has (an over-estimate).

    Several are asked at once first: most values have the shape of none of them.
    """
    found: list[Detector] = []
    for start in range(0, len(CATALOG), _GROUP):
        group = CATALOG[start : start + _GROUP]
        if any(map(_any_of(tuple(d.anchored for d in group)).match, values)):
            found += [d for d in group if any(map(_compiled(d.anchored).match, values))]
    return found


def choose(values: pl.Series, candidates: list[Detector]) -> list[Detector]:
    """Return which `candidates` are worth counting in every cell, from a sample of values."""
    head = values.head(PLAN_SAMPLE * 4)
    found = measure(head, candidates)
    scored: list[tuple[float, Detector]] = []
    for name, match in found.items():
        detector = BY_NAME[name]
        share = match.distinct / len(head)
        ratio = checksum_weight(match, detector.chance)
        gain = detector.weight + (ratio if ratio > 0 or detector.weight < 4 else 0.0)
        if detector.check is not None and match.distinct_passed < 0.02 * len(head):
            continue
        if detector.category is not Category.NONE and share >= 0.02 and gain > 1.0:
            scored.append((gain * share, detector))
    scored.sort(key=lambda pair: -pair[0])
    return [detector for _, detector in scored[:_PLAN_MAX]]


def trimmed(values: pl.Series) -> pl.Series:
    """Return values without blanks at their ends (and without the cost, when there are none)."""
    _, text = raw_text(values)
    if text.size and text.min() <= ord(" ") and values.str.contains(r"^[ \t]|[ \t]$").any():
        return values.str.strip_chars()
    return values


def checked(check: Callable[[pl.Series], Mask], values: pl.Series) -> Mask:
    """Return `check(values)`, slice by slice, so that its matrices stay in the cache."""
    if len(values) <= _SLICE_ROWS:
        return check(values)
    starts = range(0, len(values), _SLICE_ROWS)
    return np.concatenate([check(values.slice(start, _SLICE_ROWS)) for start in starts])


class Sweep:
    """Running counts of shapes over all cells of one column."""

    __slots__ = ("_decimal", "_planned", "cells", "contains", "counted", "found", "plausible")

    def __init__(self, sample: pl.Series) -> None:
        """Choose what to count from the `sample` of distinct values."""
        self.plausible = plausible(sample.head(PLAN_SAMPLE).to_list())
        self._planned = choose(sample, self.plausible)
        self.counted = frozenset(d.name for d in self._planned)
        self.found: Matches = {}
        self.contains: dict[Category, int] = {}
        self.cells = 0
        decimals = sample.head(PLAN_SAMPLE).str.contains(
            r"^[ ]*[-+]?[0-9]*[.,][0-9]+([eE][-+]?[0-9]+)?[ ]*$"
        )
        self._decimal = bool(len(decimals)) and float(decimals.mean() or 0.0) > 0.8  # type: ignore[arg-type]

    def run(self, values: pl.Series, counts: NDArray[np.int64] | None = None) -> None:
        """Add one batch of non-empty text cells, or of distinct values with their `counts`."""
        self.cells += len(values) if counts is None else int(counts.sum())
        rest = np.ones(len(values), np.bool_)
        for detector in self._planned:
            shape = values.str.contains(detector.anchored)
            mask = shape.to_numpy()
            if not mask.any():
                continue
            passed = mask
            if detector.check is not None:
                chosen = values if mask.all() else values.filter(shape)
                passed = mask.copy()
                passed[mask] = checked(detector.check, trimmed(chosen))
            rest &= ~mask
            self._count(detector.name, mask, passed, counts)
        self._strays(values, rest, counts)

    def _count(
        self, name: str, mask: NDArray[np.bool_], passed: NDArray[np.bool_],
        counts: NDArray[np.int64] | None,
    ) -> None:  # fmt: skip
        shaped, good = int(mask.sum()), int(passed.sum())
        cells = shaped if counts is None else int(counts[mask].sum())
        sound = good if counts is None else int(counts[passed].sum())
        self.found[name] = self.found.get(name, Match()) + Match(cells, sound, shaped, good)

    def _strays(
        self, values: pl.Series, rest: NDArray[np.bool_], counts: NDArray[np.int64] | None
    ) -> None:
        if not rest.any():
            return
        left = values if rest.all() else values.filter(pl.Series(rest))
        hits = left.str.contains(_STRAY)
        if not hits.any():
            return
        left_counts = None if counts is None else counts[rest][hits.to_numpy()]
        suspects = left.filter(hits)
        for name, match in measure(suspects, STRONG, left_counts).items():
            if match.passed and name not in self.counted:
                self.found[name] = self.found.get(name, Match()) + match
        if self._decimal:
            return
        for category, cells in prose.search(suspects, left_counts).items():
            self.contains[category] = self.contains.get(category, 0) + cells
