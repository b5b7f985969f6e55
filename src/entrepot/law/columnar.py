"""The columnar back end: millions of sets of facts, under one bound law or of any two places on any
days.

It reads the same bound conditions as the scalar back end, as bit planes (`entrepot.law.planes`). A
frame has one column per fact, named as in the vocabulary (sets as lists of text); an absent column
is unknown throughout, a null in one row.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from entrepot.kernel.errors import InvalidInput
from entrepot.law.bind import BoundDerivation, BoundRegime, RegimeOfDay
from entrepot.law.columnfacts import (
    Chosen,
    Numbers,
    Rows,
    Table,
    coded,
    column,
    column_type,
    constant,
    plain,
)
from entrepot.law.columnlogic import Reader
from entrepot.law.columntracks import NO_RULE, Judge, Outcome
from entrepot.law.judge import Track
from entrepot.law.model import Scalar
from entrepot.law.outcomes import OUTCOME_RANK, OUTCOMES, UNDECIDED
from entrepot.law.planes import Mask, Plane, both, mask, opposite, without
from entrepot.law.vocabulary import FactSpec, Vocabulary

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw
    from entrepot.law.library import Library

STATUSES: tuple[str, ...] = ("open", "conditional", "undecided", "barred")
ROWS_AT_ONCE = 1 << 18
"""Planes of this many rows stay in a processor's cache."""

_FEW = 8
_Item = TypeVar("_Item", bound=np.generic)
_NEEDS_HUMAN = OUTCOME_RANK["NEEDS_HUMAN"]
_PROHIBITED = OUTCOME_RANK["PROHIBITED"]


@dataclass(frozen=True, slots=True, eq=False)
class ColumnSide:
    """What one regime in one role says of some rows of a table."""

    regime: str
    role: str
    rows: Rows | None
    """Positions in the table, shape (n,); None for all of them."""
    judged: int
    """How many rows were judged."""
    among: Rows | None
    """Positions of `rows` among those that were judged; None when just these were."""
    track: Track
    outcome: Outcome
    reader: Reader
    """What the conditions were read with; its rows are those that were judged."""

    def ranks(self) -> NDArray[np.int8]:
        """Return the position in `OUTCOMES` per row, shape (n,)."""
        return self._picked(self.outcome.rank.unpack(self.judged))

    def peaks(self) -> NDArray[np.int8]:
        """Return the strictest possible outcome likewise."""
        return self._picked(self.outcome.peak.unpack(self.judged))

    def places(self) -> NDArray[np.uint16]:
        """Return the position in `track.rules` of the deciding rule, shape (n,), or `NO_RULE`."""
        return self._picked(self.outcome.rules(self.judged))

    def mask(self, rows: Plane) -> Mask:
        """Return a plane over the judged rows as a mask of shape (n,)."""
        return self._picked(mask(rows, self.judged))

    def _picked(self, whole: NDArray[_Item]) -> NDArray[_Item]:
        return whole if self.among is None else whole[self.among]


def frame_of(rows: Iterable[Mapping[str, Scalar]], specs: Mapping[str, FactSpec]) -> pl.DataFrame:
    """Return a frame with one row per set of facts and one column per fact that any row has."""
    listed = list(rows)
    # A frame without columns has no rows, so the day stands in when nothing is known.
    names = sorted({name for row in listed for name in row}) or ["flow.as_of"]
    return pl.DataFrame(
        {
            name: pl.Series(
                [plain(row.get(name)) for row in listed], dtype=column_type(specs[name])
            )
            for name in names
        }
    )


def table_of(
    frame: pl.DataFrame, vocabulary: Vocabulary, facts: Mapping[str, Scalar] | None = None
) -> Table:
    """Return a frame as a table, with `facts` that hold in every row.

    Raises `InvalidInput` for a column that is no fact, has another type than its fact, or holds a
    value that its fact does not know.
    """
    frame = coded(frame, vocabulary)
    columns = {name: column(vocabulary[name], frame[name], vocabulary) for name in frame.columns}
    for name, value in (facts or {}).items():
        columns.setdefault(name, constant(vocabulary[name], value, vocabulary))
    return Table(frame.height, columns)


# -- one bound law ---------------------------------------------------------------------------------


def assess_columns(bound: BoundLaw, frame: pl.DataFrame, *, status: bool = False) -> pl.DataFrame:
    """Return, row by row, the columns `outcome`, `strictest` and `rule`; with `status` that too.

    `outcome` and `strictest` are enums of `OUTCOMES`, `rule` is the id of the deciding rule (null
    when a default decides; the first when several decide together). Raises `InvalidInput` for a
    column that is no fact or has another type than its fact.
    """
    vocabulary = bound.library.vocabulary
    read = bound.content.facts_read
    table = table_of(
        frame.select(name for name in frame.columns if vocabulary[name] and name in read),
        vocabulary,
        {"flow.as_of": bound.flow.as_of},
    )
    return judge_table(bound, table, status=status).frame()


def judge_table(bound: BoundLaw, table: Table, *, status: bool = False) -> Answers:
    """Return the answers for a table of facts under one bound law."""
    answers = Answers(table.rows, status=status)
    for start in range(0, table.rows, ROWS_AT_ONCE):
        piece = slice(start, min(table.rows, start + ROWS_AT_ONCE))
        part = table.take(piece)
        reader = Reader(part, bound.library.vocabulary)
        reader.derive(bound.content.derivations)
        asked = _Asked(part, reader)
        for regime in bound.content.regimes:
            for side in asked.sides(regime, bound.content.derivations, status=status):
                answers.add(side, piece if side.rows is None else side.rows + start)
    return answers


# -- flows of any two places -----------------------------------------------------------------------


def assess_flows(
    library: Library,
    frame: pl.DataFrame,
    *,
    as_of: date | None = None,
    known_at: date | None = None,
    facts: Mapping[str, Scalar] | None = None,
    status: bool = False,
) -> pl.DataFrame:
    """Return outcome, strictest and rule (and status) of flows between any jurisdictions.

    `frame` has the columns `flow.from` and `flow.to` (canonical codes), `flow.as_of` unless `as_of`
    is given, and a column per fact; `facts` hold in every row. `known_at` None means that each flow
    is judged as its own day knew the law. Raises `InvalidInput` as `assess_columns` does,
    and when a place or a day is missing.
    """
    table = flow_table(library, frame, as_of=as_of, facts=facts)
    answers = Answers(frame.height, status=status)
    for side in flow_sides(library, table, known_at=known_at, status=status):
        answers.add(side, side.rows)
    return answers.frame()


def flow_table(
    library: Library,
    frame: pl.DataFrame,
    *,
    as_of: date | None = None,
    facts: Mapping[str, Scalar] | None = None,
) -> Table:
    """Return a frame of flows as a table. Raises `InvalidInput` when a place or day is missing."""
    fixed = dict(facts or {})
    if as_of is not None:
        fixed["flow.as_of"] = as_of
    for name in ("flow.from", "flow.to", "flow.as_of"):
        if name not in fixed and (name not in frame.columns or frame[name].null_count()):
            raise InvalidInput(f"{name} is needed for every flow", remedy="fill the column")
    return table_of(frame, library.vocabulary, fixed)


def flow_sides(
    library: Library, table: Table, *, known_at: date | None = None, status: bool = False
) -> Iterator[ColumnSide]:
    """Yield what every engaged regime says, regime by regime; see `assess_flows`."""
    calendar = _Calendar(table)
    for name in library.content.regimes:
        segments = library.segments(name)
        turns = segments.known if known_at is None else segments.law
        for day, rows in calendar.stretches(turns):
            bound = library.regime_on(name, day, known_at or day)
            if bound is None:
                continue
            yield from regime_sides(library, bound, table, rows, status=status)


def regime_sides(
    library: Library,
    bound: RegimeOfDay,
    table: Table,
    rows: Rows | None = None,
    *,
    status: bool = False,
) -> Iterator[ColumnSide]:
    """Yield what one regime says on one day of `rows` of a table (None: of all of them)."""
    asked = table if rows is None else table.take(rows)
    reader = Reader(asked, library.vocabulary)
    reader.derive(bound.engaging)
    asking = _Asked(table, reader, rows)
    yield from asking.sides(bound.bound, bound.derivations, status=status)


class _Calendar:
    """The rows of a table by day, sorted once for all regimes."""

    def __init__(self, table: Table) -> None:
        days = table.columns["flow.as_of"]
        if not isinstance(days, Numbers):
            raise AssertionError("a day is a number")
        self.day: date | None = None
        self.order = np.zeros(0, np.intp)
        self.days = np.zeros(0, np.int64)
        if not isinstance(days.values, np.ndarray):
            self.day = date.fromordinal(int(days.values))
            return
        first = int(days.values.min(initial=0 if not len(days.values) else days.values[0]))
        short = (days.values - first).astype(np.uint32)
        if int(short.max(initial=0)) < np.iinfo(np.uint16).max:
            short = short.astype(np.uint16)  # sorted by radix, in linear time
        self.order = np.argsort(short, kind="stable")
        self.days = days.values[self.order]

    def stretches(self, turns: Sequence[date]) -> Iterator[tuple[date, Rows | None]]:
        """Yield (a day, the rows of its stretch) for every stretch in which some flow lies."""
        if self.day is not None:
            yield self.day, None
            return
        bounds = np.searchsorted(self.days, [day.toordinal() for day in turns])
        for start, end in itertools.pairwise([0, *bounds.tolist(), len(self.order)]):
            if start == end:
                continue
            whole = end - start == len(self.order)
            day = date.fromordinal(int(self.days[start]))
            yield day, None if whole else self.order[start:end]


# -- sides -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """Some rows of a table, and the reader that says which of them engage a regime."""

    table: Table
    reader: Reader
    rows: Rows | None = None

    def sides(
        self,
        regime: BoundRegime,
        derivations: Sequence[BoundDerivation],
        *,
        status: bool,
    ) -> Iterator[ColumnSide]:
        """Yield what a regime says in each role that it takes."""
        left: Plane = True
        for option in regime.options:
            test = self.reader.truth(option.node)
            engaged = opposite(test.no) if option.role in ("export", "import") else test.yes
            here = both(left, engaged)
            left = without(left, here)
            if here is False or option.track is None:
                continue
            chosen = self.chosen(here)
            if chosen is not None and not len(chosen):
                continue
            among = None
            if self.whole and chosen is not None and len(chosen) * _FEW > self.table.rows:
                # Judging all rows shares what other regimes read; cutting out many costs more.
                among, judged = chosen, self.reader
                judged.derive(derivations)
            else:
                judged = self.reader_of(chosen, derivations)
            outcome = Judge(option.track, judged).outcome(status=status)
            yield ColumnSide(
                regime.regime.id,
                option.role,
                chosen,
                judged.rows,
                among,
                option.track,
                outcome,
                judged,
            )

    @property
    def whole(self) -> bool:
        """Whether the reader looks at every row of the table."""
        return self.rows is None and self.reader.table is self.table

    def chosen(self, here: Plane) -> Rows | None:
        """Return the rows of the table that a plane over the asked rows holds."""
        if here is True:
            return self.rows
        place = np.flatnonzero(mask(here, self.reader.rows))
        return place if self.rows is None else self.rows[place]

    def reader_of(self, chosen: Rows | None, derivations: Sequence[BoundDerivation]) -> Reader:
        """Return a reader of the chosen rows with everything derived."""
        if chosen is None and self.whole:
            judged = self.reader
        else:
            part = self.table if chosen is None else self.table.take(chosen)
            judged = Reader(part, self.reader.vocabulary)
        judged.derive(derivations)
        return judged


class Answers:
    """Joins sides: the strictest outcome, and the first rule of a side as strict as that."""

    def __init__(self, rows: int, *, status: bool) -> None:
        self.rank = np.full(rows, -1, np.int8)
        self.peak = np.full(rows, -1, np.int8)
        self.code = np.zeros(rows, np.uint16)
        self.exported = np.zeros(rows, np.bool_)
        self.unmet = np.zeros(rows, np.bool_)
        self.failed = np.zeros(rows, np.bool_)
        self.status = status
        self.rules: dict[str, int] = {}
        """Rule id → code, from 1; 0 is no rule."""

    def add(self, side: ColumnSide, rows: Chosen | None) -> None:
        """Join one side into the answers of `rows` (all when None)."""
        at = slice(None) if rows is None else rows
        rank, old = side.ranks(), self.rank[at]
        codes = self.codes(side)
        named = (rank > old) | ((rank == old) & (self.code[at] == 0))
        self.code[at] = np.where(named, codes, self.code[at])
        self.rank[at] = np.maximum(rank, old)
        self.peak[at] = np.maximum(np.maximum(side.peaks(), rank), self.peak[at])
        if side.role == "export":
            self.exported[at] = True
        if self.status:
            self.unmet[at] |= side.mask(side.outcome.unmet)
            self.failed[at] |= side.mask(side.outcome.failed)

    def codes(self, side: ColumnSide) -> NDArray[np.uint16]:
        """Return the rule of every row of a side as a code."""
        table = np.zeros(len(side.track.rules) + 1, np.uint16)
        for place, rule in enumerate(side.track.rules):
            table[place] = self.rules.setdefault(rule.rule.id, len(self.rules) + 1)
        places = side.places()
        found: NDArray[np.uint16] = table[np.where(places == NO_RULE, len(table) - 1, places)]
        return found

    def ranks(self) -> NDArray[np.int8]:
        """Return the joined outcome per row as positions in `OUTCOMES`, shape (rows,)."""
        self._cover()
        return self.rank

    def _cover(self) -> None:
        """Leave to a person what no regime of the exporting place speaks to."""
        bare = np.flatnonzero(~self.exported)
        milder = bare[self.rank[bare] < _NEEDS_HUMAN]
        self.rank[milder] = _NEEDS_HUMAN
        self.code[milder] = 0
        self.exported[bare] = True

    def frame(self) -> pl.DataFrame:
        """Return the answers of all rows."""
        rank = self.ranks()
        found = {
            "outcome": _named(rank, OUTCOMES),
            "strictest": _named(np.maximum(self.peak, rank), OUTCOMES),
            "rule": self._rules(),
        }
        if self.status:
            undecided = np.isin(rank, [OUTCOME_RANK[name] for name in UNDECIDED])
            barred = (rank == _PROHIBITED) | self.failed
            number = np.select([barred, undecided, self.unmet], [3, 2, 1], 0)
            found["status"] = _named(number, STATUSES)
        return pl.DataFrame(found)

    def _rules(self) -> pl.Series:
        """Return the id of the deciding rule of every row, null for none."""
        if not self.rules:
            return pl.repeat(None, len(self.code), dtype=pl.String, eager=True)
        numbers: Any = pl.from_arrow(pa.array(self.code - np.uint16(1), mask=self.code == 0))
        kind = pl.UInt8 if len(self.rules) < 256 else pl.UInt16
        rules: pl.Series = numbers.cast(kind).cat.to(pl.Enum(list(self.rules)))
        return rules


def _named(numbers: NDArray[np.integer], names: Sequence[str]) -> pl.Series:
    """Turn positions in `names` into an enum."""
    return pl.Series(numbers.astype(np.uint8, copy=False)).cat.to(pl.Enum(list(names)))
