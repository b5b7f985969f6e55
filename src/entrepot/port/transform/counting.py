"""Count classes, values, cells and persons over a stream, for the transforms that must know first.

Persons are told apart by a 64-bit hash of their key columns, seeded from the recipient's secret;
among 10 million persons the chance of any collision is about 3 in a million. Where a class is
counted in persons, several rows of one person count once: a patient with eleven visits is not a
crowd of eleven.
"""

from __future__ import annotations

import hmac

import numpy as np
import numpy.typing as npt
import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.port.read.text import as_text
from entrepot.port.transform.model import Aggregate, BlankRareValues, SuppressSmallClasses
from entrepot.port.transform.tokens import TokenKey

_MERGE_ROWS = 2_000_000
PERSON = "entrepot person"
COUNT = "entrepot count"
ROW = "entrepot row number"
"""Names that no header carries by accident; the columns never leave this package."""


def person_hashes(
    frame: pl.DataFrame, columns: list[str], key: TokenKey
) -> tuple[pl.Series, pl.Series]:
    """Return a hash per row, equal for rows of one person, and whether the row names its person.

    Without columns every row is one person, told apart by its number (`ROW`), which the caller
    has added to the frame.
    """
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise InvalidInput(
            "a column that tells persons apart is not in the table",
            value=absent[0],
            remedy="select persons before the column is left out",
        )
    named = columns or [ROW]
    texts = [as_text(frame[name]) for name in named]
    hashes = pl.DataFrame(texts).hash_rows(seed(key))
    if not columns:
        return hashes, pl.Series(np.ones(frame.height, dtype=bool))
    filled = [text.is_not_null() & (text.str.len_bytes() > 0) for text in texts]
    known = filled[0]
    for more in filled[1:]:
        known = known & more
    return hashes, known


def seed(key: TokenKey) -> int:
    """Return the hash seed that belongs to a recipient's secret."""
    digest = hmac.digest(key.secret, b"entrepot person hash v1", "sha256")
    return int.from_bytes(digest[:8], "big")


def smallest(values: npt.NDArray[np.uint64], count: int) -> npt.NDArray[np.uint64]:
    """Return the `count` smallest distinct values, sorted."""
    return np.unique(values)[:count]


class ClassCounter:
    """Counts rows, or distinct persons, per combination of columns."""

    def __init__(self, suppress: SuppressSmallClasses, key: TokenKey) -> None:
        """Count over `suppress.columns`."""
        if suppress.k < 2 or not suppress.columns:
            raise InvalidInput("classes need columns, and a k of at least 2", value=suppress.k)
        self._suppress, self._key = suppress, key
        self._parts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Count one batch."""
        self._parts.append(_tally(frame, self._suppress.columns, self._suppress.persons, self._key))
        if sum(part.height for part in self._parts) > _MERGE_ROWS:
            self._parts = [_merged(self._parts)]

    def learnt(self) -> pl.DataFrame:
        """Return the combinations that are shared by at least k."""
        if not self._parts:
            return pl.DataFrame(schema=dict.fromkeys(self._suppress.columns, pl.String))
        counts = _per_class(_merged(self._parts), self._suppress.columns)
        return counts.filter(pl.col(COUNT) >= self._suppress.k).drop(COUNT)


class ValueCounter:
    """Counts rows per value of one column."""

    def __init__(self, blank: BlankRareValues) -> None:
        """Count the values of `blank.column`."""
        self._blank = blank
        self._parts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Count one batch."""
        if self._blank.column not in frame.columns:
            raise InvalidInput("a transform names an unknown column", value=self._blank.column)
        values = pl.DataFrame({"value": as_text(frame[self._blank.column])})
        self._parts.append(values.group_by("value").agg(pl.len().alias(COUNT)))

    def learnt(self) -> pl.DataFrame:
        """Return the values that at least k rows share."""
        if not self._parts:
            return pl.DataFrame(schema={"value": pl.String})
        counts = _merged(self._parts)
        return counts.filter(pl.col(COUNT) >= self._blank.k).select("value").drop_nulls()


class CellCounter:
    """Counts rows or persons per cell of an aggregation, and suppresses small cells."""

    def __init__(self, aggregate: Aggregate, key: TokenKey) -> None:
        """Count over `aggregate.by`."""
        if aggregate.minimum < 2 or not aggregate.by:
            raise InvalidInput("cells need columns and a minimum over 1", value=aggregate.minimum)
        self._aggregate, self._key = aggregate, key
        self._parts: list[pl.DataFrame] = []

    def add(self, frame: pl.DataFrame) -> None:
        """Count one batch."""
        wanted = self._aggregate
        self._parts.append(_tally(frame, wanted.by, wanted.person_columns, self._key))
        if sum(part.height for part in self._parts) > _MERGE_ROWS:
            self._parts = [_merged(self._parts)]

    def learnt(self) -> pl.DataFrame:
        """Return the cells with their counts, small ones and their complements left out.

        Only cells are published, no margins. The total is known to the recipient (it stands in the
        certificate), so the suppressed cells together must hold at least the minimum, and be at
        least two; otherwise the smallest published cells follow them (complementary suppression).
        """
        wanted = self._aggregate
        if not self._parts:
            return pl.DataFrame(schema={**dict.fromkeys(wanted.by, pl.String), "count": pl.UInt32})
        counts = _per_class(_merged(self._parts), wanted.by).sort(COUNT, *wanted.by)
        small = int((counts[COUNT] < wanted.minimum).sum())
        hidden = int(counts[COUNT].head(small).sum())
        while small and (small == 1 or hidden < wanted.minimum) and small < counts.height:
            hidden += int(counts[COUNT][small])
            small += 1
        return counts[small:].sort(*wanted.by, nulls_last=True).rename({COUNT: "count"})


def _tally(
    frame: pl.DataFrame, columns: list[str], persons: list[str], key: TokenKey
) -> pl.DataFrame:
    """Return the combinations of `columns` with row counts, or one line per person and class."""
    absent = [name for name in columns if name not in frame.columns]
    if absent:
        raise InvalidInput("a transform names an unknown column", value=absent[0])
    texts = frame.select(as_text(frame[name]).alias(name) for name in columns)
    if not persons:
        return texts.group_by(columns).agg(pl.len().alias(COUNT))
    hashes, known = person_hashes(frame, persons, key)
    return texts.with_columns(hashes.alias(PERSON)).filter(known).unique()


def _merged(parts: list[pl.DataFrame]) -> pl.DataFrame:
    together = pl.concat(parts)
    if PERSON in together.columns:
        return together.unique()
    keys = [name for name in together.columns if name != COUNT]
    return together.group_by(keys).agg(pl.col(COUNT).sum())


def _per_class(merged: pl.DataFrame, columns: list[str]) -> pl.DataFrame:
    if PERSON in merged.columns:
        return merged.group_by(columns).agg(pl.col(PERSON).n_unique().alias(COUNT))
    return merged
