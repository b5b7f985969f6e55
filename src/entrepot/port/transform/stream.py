"""Carry out a plan over a stream of batches, in bounded memory.

Transforms that need the whole table first (which persons to keep, which classes are too small) get
one pass each, with the transforms before them applied (`prepare`); then one pass writes (`stream`).
Counts per class are held in memory, 8 to 100 bytes per class; rows never are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.port.read.text import as_text
from entrepot.port.transform.cells import generalised, masked, noisy, on_values
from entrepot.port.transform.counting import (
    ROW,
    CellCounter,
    ClassCounter,
    ValueCounter,
    person_hashes,
    smallest,
)
from entrepot.port.transform.model import (
    AddNoise,
    Aggregate,
    BlankRareValues,
    DropColumns,
    Generalise,
    MaskCells,
    SelectPersons,
    SuppressSmallClasses,
    Tokenise,
    Transform,
    TransformPlan,
)
from entrepot.port.transform.tokens import TokenKey

Batches = Callable[[], Iterable[pl.DataFrame]]
"""Starts a fresh pass over the table."""


@dataclass(slots=True)
class Prepared:
    """A plan with what its whole-table transforms had to learn first."""

    plan: TransformPlan
    key: TokenKey
    learnt: dict[int, object] = field(default_factory=dict)
    """Index of the transform → what it learnt (thresholds, class counts, cells)."""
    rng: np.random.Generator = field(default_factory=np.random.default_rng)


def prepare(plan: TransformPlan, batches: Batches, key: TokenKey) -> Prepared:
    """Make the passes that whole-table transforms need.

    Raises InvalidInput when a transform names a column that is not there (any more), or when an
    aggregation is not the last transform.
    """
    prepared = Prepared(plan, key)
    for index, transform in enumerate(plan.transforms):
        if isinstance(transform, Aggregate) and index != len(plan.transforms) - 1:
            raise InvalidInput("aggregation must be the last transform", value=index)
        learner = _learner(transform, key)
        if learner is None:
            continue
        for frame in _through(prepared, batches(), index):
            learner.add(frame)
        prepared.learnt[index] = learner.learnt()
    return prepared


def stream(prepared: Prepared, batches: Batches) -> Iterator[pl.DataFrame]:
    """Yield the transformed batches; empty ones are left out unless all are empty."""
    transforms = prepared.plan.transforms
    if transforms and isinstance(transforms[-1], Aggregate):
        cells = prepared.learnt[len(transforms) - 1]
        if not isinstance(cells, pl.DataFrame):
            raise TypeError("an aggregation learns a frame")
        yield cells
        return
    empty: pl.DataFrame | None = None
    yielded = False
    for frame in _through(prepared, batches(), len(transforms)):
        if frame.height:
            yielded = True
            yield frame
        elif empty is None:
            empty = frame
    if not yielded and empty is not None:
        yield empty


def _through(
    prepared: Prepared, frames: Iterable[pl.DataFrame], count: int
) -> Iterator[pl.DataFrame]:
    """Apply the first `count` transforms to each frame."""
    by_rows = any(isinstance(t, SelectPersons) and not t.columns for t in prepared.plan.transforms)
    start = 0
    for frame in frames:
        changed = frame.with_row_index(ROW, offset=start) if by_rows else frame
        start += frame.height
        for index, transform in enumerate(prepared.plan.transforms[:count]):
            changed = _apply(changed, transform, prepared, index)
        yield changed.drop(ROW) if by_rows and count == len(prepared.plan.transforms) else changed


def _apply(
    frame: pl.DataFrame, transform: Transform, prepared: Prepared, index: int
) -> pl.DataFrame:
    match transform:
        case DropColumns(columns):
            _require(frame, columns)
            return frame.drop(columns)
        case MaskCells(column):
            return _replaced(frame, column, lambda cells: masked(cells, transform))
        case Generalise(column):
            return _replaced(frame, column, lambda cells: generalised(cells, transform))
        case Tokenise(column, domain):
            return _replaced(frame, column, lambda cells: prepared.key.tokens(cells, domain))
        case AddNoise(column):
            return _replaced(frame, column, lambda cells: noisy(cells, transform, prepared.rng))
        case SelectPersons(columns):
            hashes, known = person_hashes(frame, columns, prepared.key)
            threshold = prepared.learnt[index]
            if not isinstance(threshold, int):
                raise TypeError("a selection learns a threshold")
            return frame.filter((hashes <= threshold) & known)
        case SuppressSmallClasses(columns):
            return _in_large_classes(frame, columns, _counts(prepared, index))
        case BlankRareValues(column):
            common = _counts(prepared, index)["value"].to_list()
            return _replaced(frame, column, lambda cells: _only(cells, common), whole=True)
        case Aggregate():
            return frame


def _replaced(
    frame: pl.DataFrame,
    column: str,
    change: Callable[[pl.Series], pl.Series],
    *,
    whole: bool = False,
) -> pl.DataFrame:
    _require(frame, [column])
    text = as_text(frame[column])
    changed = change(text) if whole else on_values(text, change)
    return frame.with_columns(changed.rename(column))


def _only(cells: pl.Series, kept: list[str]) -> pl.Series:
    return pl.select(pl.when(cells.is_in(kept)).then(cells)).to_series()


def _in_large_classes(frame: pl.DataFrame, columns: list[str], large: pl.DataFrame) -> pl.DataFrame:
    _require(frame, columns)
    keys = frame.select(as_text(frame[name]).alias(name) for name in columns)
    numbered = keys.with_row_index("entrepot row")
    kept = numbered.join(large, on=columns, how="semi", nulls_equal=True)["entrepot row"].sort()
    return frame[kept]


def _counts(prepared: Prepared, index: int) -> pl.DataFrame:
    counts = prepared.learnt[index]
    if not isinstance(counts, pl.DataFrame):
        raise TypeError("a suppression learns a frame")
    return counts


class _SelectionLearner:
    """Finds the hash below which the wanted number of persons lies."""

    def __init__(self, selection: SelectPersons, key: TokenKey) -> None:
        if selection.persons < 1:
            raise InvalidInput("at least one person must stay", value=selection.persons)
        self._selection, self._key = selection, key
        self._lowest = np.empty(0, dtype=np.uint64)

    def add(self, frame: pl.DataFrame) -> None:
        hashes, known = person_hashes(frame, self._selection.columns, self._key)
        fresh = hashes.filter(known).unique().to_numpy()
        self._lowest = smallest(np.concatenate([self._lowest, fresh]), self._selection.persons)

    def learnt(self) -> int:
        # With fewer persons than allowed everybody stays: the threshold is the highest hash.
        if len(self._lowest) < self._selection.persons:
            return (1 << 64) - 1
        return int(self._lowest[-1])


Learner = _SelectionLearner | ClassCounter | ValueCounter | CellCounter


def _learner(transform: Transform, key: TokenKey) -> Learner | None:
    match transform:
        case SelectPersons():
            return _SelectionLearner(transform, key)
        case SuppressSmallClasses():
            return ClassCounter(transform, key)
        case BlankRareValues():
            return ValueCounter(transform)
        case Aggregate():
            return CellCounter(transform, key)
        case _:
            return None


def _require(frame: pl.DataFrame, columns: list[str]) -> None:
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise InvalidInput(
            "a transform names a column that is not in the table",
            value=absent[0],
            remedy="columns are: " + ", ".join(frame.columns[:20]),
        )
