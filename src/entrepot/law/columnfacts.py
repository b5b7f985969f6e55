"""Facts as columns of numbers: from a Polars frame, or one value for all rows.

Every fact becomes one array of small numbers: positions in a list of words (enums, jurisdictions,
texts, lists of jurisdictions), bits (sets), counts or days, with a mark for unknown. `Table.take`
cuts rows out, so that a regime looks only at the flows it speaks to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.kernel.errors import InvalidInput
from entrepot.law.model import Scalar
from entrepot.law.planes import Bits, Mask, mask
from entrepot.law.vocabulary import FactSpec, Vocabulary

_TYPES: dict[str, pl.DataType] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "number": pl.Float64(),
    "date": pl.Date(),
    "text": pl.String(),
    "jurisdiction": pl.String(),
    "set": pl.List(pl.String()),
    "jurisdictions": pl.List(pl.String()),
}
_EPOCH = date(1970, 1, 1).toordinal()
WORD_BITS = 64
_WORD = (1 << WORD_BITS) - 1


Rows: TypeAlias = NDArray[np.intp]
Chosen: TypeAlias = Rows | slice


@dataclass(frozen=True, slots=True, eq=False)
class Codes:
    """Positions in `words`, shape (rows,); `len(words)` is unknown. A number stands for all
    rows."""

    codes: NDArray[Any] | int
    words: tuple[Scalar, ...]

    def take(self, rows: Chosen) -> Codes:
        """Return the column at `rows`."""
        return self if isinstance(self.codes, int) else Codes(self.codes[rows], self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Flags:
    """Yes or no as bit planes, as Arrow keeps them: where it is true, and where it is known.

    `known` None means everywhere; bits of `yes` are set only where it is known.
    """

    yes: Bits
    known: Bits | None
    rows: int

    def take(self, rows: Chosen) -> Flags | Codes:
        """Return the column at `rows`."""
        if isinstance(rows, slice) and rows.start % 8 == 0:
            here = slice(rows.start // 8, -(-rows.stop // 8))
            known = None if self.known is None else self.known[here]
            return Flags(self.yes[here], known, rows.stop - rows.start)
        codes = mask(self.yes, self.rows)[rows].view(np.uint8)
        if self.known is not None:
            codes = np.where(mask(self.known, self.rows)[rows], codes, np.uint8(2))
        return Codes(codes, (False, True))


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """Sets as bits, shape (words of 64 bits, rows): bit i is for `words[i]`.

    `missing` marks unknown rows. A tuple of numbers stands for all rows.
    """

    bits: NDArray[np.uint64] | tuple[int, ...]
    missing: Mask | None
    words: tuple[str, ...]

    def take(self, rows: Chosen) -> Members:
        """Return the column at `rows`."""
        if isinstance(self.bits, tuple):
            return self
        missing = None if self.missing is None else self.missing[rows]
        return Members(self.bits[:, rows], missing, self.words)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Counts, amounts, or days (proleptic ordinals), shape (rows,); `missing` marks unknown
    rows."""

    values: NDArray[Any] | int | float
    missing: Mask | None

    def take(self, rows: Chosen) -> Numbers:
        """Return the column at `rows`."""
        if not isinstance(self.values, np.ndarray):
            return self
        return Numbers(self.values[rows], None if self.missing is None else self.missing[rows])


Column: TypeAlias = Codes | Flags | Members | Numbers


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Columns by fact, all of `rows` rows; a fact without a column is unknown throughout."""

    rows: int
    columns: Mapping[str, Column]

    def take(self, rows: Chosen) -> Table:
        """Return the table at `rows`, ascending; all rows cost nothing.

        A column is cut when it is first read: most conditions of most days read few.
        """
        count = len(range(self.rows)[rows]) if isinstance(rows, slice) else len(rows)
        return self if count == self.rows else Table(count, _Cut(self.columns, rows))


class _Cut(Mapping[str, Column]):
    """Columns of a table at some rows, each cut when it is first read."""

    def __init__(self, whole: Mapping[str, Column], rows: Chosen) -> None:
        self._whole = whole
        self._rows = rows
        self._cut: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        found = self._cut.get(name)
        if found is None:
            found = self._cut[name] = self._whole[name].take(self._rows)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._whole)

    def __len__(self) -> int:
        return len(self._whole)


def column_type(spec: FactSpec) -> pl.DataType:
    """Return the Polars type of a fact's column; an enum compares as fast as a number."""
    return pl.Enum(list(spec.values)) if spec.type == "enum" else _TYPES[spec.type]


def plain(value: Scalar | None) -> object:
    """Return a value as Polars takes it: a set as a sorted list."""
    return sorted(value) if isinstance(value, frozenset) else value


def day_number(day: date) -> int:
    """Return a day as the columns hold it."""
    return day.toordinal()


def words_of(spec: FactSpec, vocabulary: Vocabulary) -> tuple[Scalar, ...]:
    """Return the values that a fact's codes stand for, as far as the vocabulary fixes them."""
    match spec.type:
        case "bool":
            return (False, True)
        case "enum" | "set":
            return tuple(spec.values)
        case "jurisdiction":
            return tuple(vocabulary.jurisdictions.names)
        case _:
            return ()


def constant(spec: FactSpec, value: Scalar, vocabulary: Vocabulary) -> Column:
    """Return a column that says `value` of every row."""
    if isinstance(value, bool) or spec.type in ("enum", "jurisdiction"):
        words = words_of(spec, vocabulary)
        return Codes(words.index(value), words)
    if isinstance(value, date):
        return Numbers(day_number(value), None)
    if isinstance(value, (int, float)):
        return Numbers(value, None)
    if isinstance(value, frozenset):
        members = tuple(sorted(value))
        return Members(bits_of(value, members), None, members)
    return Codes(0, (value,))


def bits_of(members: frozenset[str], words: tuple[str, ...]) -> tuple[int, ...]:
    """Return a set as words of 64 bits; members that are not among `words` are left out."""
    whole = sum(1 << place for place, word in enumerate(words) if word in members)
    return tuple(whole >> start & _WORD for start in range(0, max(len(words), 1), WORD_BITS))


def column(spec: FactSpec, series: pl.Series, vocabulary: Vocabulary) -> Column:
    """Return a Polars column as numbers.

    Raises `InvalidInput` for another type than the fact's, and for a value that it does not know.
    """
    series = _typed(spec, series, coded_type(spec, vocabulary))
    match spec.type:
        case "bool":
            return _flags(series)
        case "enum":
            return _enum_codes(series, tuple(spec.values))
        case "jurisdiction":
            return _enum_codes(series, words_of(spec, vocabulary))
        case "text":
            return _text_codes(series)
        case "set" | "jurisdictions":
            return _set_bits(spec, series)
        case "date":
            days = series.cast(pl.Int32).cast(pl.Int64) + _EPOCH
            return Numbers(days.fill_null(0).to_numpy(), _missing(series))
        case _:
            return Numbers(series.fill_null(0).to_numpy(), _missing(series))


def coded_type(spec: FactSpec, vocabulary: Vocabulary) -> pl.DataType:
    """Return the type in which a fact's words are numbers; of other facts their own type."""
    if spec.type == "jurisdiction":
        return _enum(tuple(vocabulary.jurisdictions.names))
    return column_type(spec)


def coded(frame: pl.DataFrame, vocabulary: Vocabulary) -> pl.DataFrame:
    """Return a frame with texts of known words as numbers, all columns at once where that can be.

    What does not fit is left as it is, for `column` to say which column holds it.
    """
    kinds = {
        name: kind
        for name, held in frame.schema.items()
        if held == pl.String
        and isinstance(kind := coded_type(vocabulary[name], vocabulary), pl.Enum)
    }
    try:
        return frame.with_columns(pl.col(name).cast(kind) for name, kind in kinds.items())
    except pl.exceptions.InvalidOperationError:
        return frame


def _typed(spec: FactSpec, series: pl.Series, expected: pl.DataType) -> pl.Series:
    kind = series.dtype
    worded = isinstance(expected, (pl.Enum, pl.String))
    words = worded and isinstance(kind, (pl.Enum, pl.Categorical, pl.String))
    numeric = expected.is_numeric() and kind.is_numeric()
    if kind == pl.Null:
        return series.cast(expected)
    if kind != expected and not numeric and not words:
        raise InvalidInput(
            f"column {spec.name} has type {kind}",
            remedy=f"expected {column_type(spec)} for this fact",
        )
    if words and kind != expected:
        return _cast(spec, series.cast(pl.String), expected)
    return series


def _cast(spec: FactSpec, series: pl.Series, kind: pl.DataType) -> pl.Series:
    try:
        return series.cast(kind)
    except pl.exceptions.InvalidOperationError:
        raise InvalidInput(
            f"column {spec.name} has a value that its fact does not know",
            remedy=f"expected {spec.expected}",
        ) from None


@lru_cache(maxsize=64)
def _enum(words: tuple[str, ...]) -> pl.Enum:
    return pl.Enum(words)


def _enum_codes(series: pl.Series, words: tuple[Any, ...]) -> Codes:
    kind = pl.UInt8 if len(words) < 255 else pl.UInt16 if len(words) < 65_535 else pl.UInt32
    return Codes(series.to_physical().cast(kind).fill_null(len(words)).to_numpy(), words)


def _missing(series: pl.Series) -> Mask | None:
    return series.is_null().to_numpy() if series.null_count() else None


def _flags(series: pl.Series) -> Column:
    """Return booleans as the bits that Arrow holds them in, without a copy where that can be."""
    array: Any = series.rechunk().to_arrow()
    if array.offset % 8:
        return Codes(series.cast(pl.UInt8).fill_null(2).to_numpy(), (False, True))
    validity, values = array.buffers()
    here = slice(array.offset // 8, -(-(array.offset + len(series)) // 8))
    yes = np.frombuffer(values, np.uint8)[here]
    if not series.null_count():
        return Flags(yes, None, len(series))
    known = np.frombuffer(validity, np.uint8)[here]
    return Flags(yes & known, known, len(series))


def _text_codes(series: pl.Series) -> Codes:
    """Return texts as positions among the distinct ones."""
    words = tuple(series.drop_nulls().unique().sort().to_list())
    return _enum_codes(series.cast(_enum(words)), words)


def _set_bits(spec: FactSpec, series: pl.Series) -> Members:
    """Return lists of words as sets of bits, in the order of the fact's members if it has any."""
    lists: Any = series.to_arrow()
    offsets = lists.offsets.to_numpy()
    items = pl.Series(lists.values[offsets[0] : offsets[-1]], dtype=pl.String)
    words = tuple(spec.values) or tuple(items.unique().sort().to_list())
    codes = _cast(spec, items, _enum(words)).to_physical().cast(pl.UInt64).to_numpy()
    counts = np.diff(offsets)
    bits = np.zeros((max(1, -(-len(words) // WORD_BITS)), len(series)), np.uint64)
    filled = np.flatnonzero(counts)
    if len(filled):
        starts = (np.cumsum(counts) - counts)[filled]
        for word in range(len(bits)):
            here = codes - np.uint64(word * WORD_BITS)
            # Members of another word shift out: a number below zero wraps to a large one.
            set_ = np.where(here < WORD_BITS, np.left_shift(np.uint64(1), here & np.uint64(63)), 0)
            bits[word, filled] = np.bitwise_or.reduceat(set_.astype(np.uint64), starts)
    return Members(bits, _missing(series), words)


def where_codes(found: Codes, test: Callable[[Any], bool]) -> Mask | bool:
    """Return the rows whose word passes `test`; unknown rows do not."""
    if isinstance(found.codes, int):
        return found.codes < len(found.words) and test(found.words[found.codes])
    wanted = [code for code, word in enumerate(found.words) if test(word)]
    if not wanted:
        return False
    if len(wanted) == 1:
        one: Mask = np.equal(found.codes, wanted[0])
        return one
    chosen = np.zeros(len(found.words) + 1, np.bool_)
    chosen[wanted] = True
    some: Mask = chosen[found.codes]
    return some
