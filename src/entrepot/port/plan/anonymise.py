"""Make rows that stand for groups: drop what names persons, coarsen what describes them.

Steps: (1) leave out direct identifiers, prose, and nearly unique values of unknown meaning, which
could link rows to other tables; (2) find the generalisation under which at least k persons share
every combination of quasi-identifiers; (3) suppress the rows of smaller classes; (4) make the
other columns coarser where rows stay unique over all of them; (5) leave out sensitive columns that
one value per class would give away. That the result is anonymous is never
concluded here: risk is measured, and a named person finds it (GDPR recital 26, PIPL art 73).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import msgspec
import polars as pl

from entrepot.port.model import DIRECT, Category, ColumnReport, Inspection, RiskReport
from entrepot.port.plan.states import DataState
from entrepot.port.read.text import as_text
from entrepot.port.risk import RiskMeter
from entrepot.port.subjects import person_key, quasi_identifiers
from entrepot.port.transform.counting import PERSON, person_hashes
from entrepot.port.transform.hierarchy import hierarchy
from entrepot.port.transform.kanonymity import SUPPRESSED_MAX, Lattice, Node
from entrepot.port.transform.model import (
    DropColumns,
    Generalise,
    Method,
    SuppressSmallClasses,
    Transform,
    TransformPlan,
)
from entrepot.port.transform.stream import prepare, stream
from entrepot.port.transform.tokens import TokenKey

SEARCH_ROWS_MAX = 1_000_000
"""Rows on which the lattice is searched; suppression and measures always see every row."""
LINKING_SHARE = 0.3
"""A column of unknown meaning whose values are this distinct could link rows to other tables."""
LINKING_DISTINCT_MIN = 100
DETAILED_DISTINCT_MIN = 12
UNIQUE_OVER_ALL_MAX = 0.01
"""When more rows than this share are unique over all released columns, those beside the
quasi-identifiers that have a dozen values or more are made coarser too."""
COMMON_SHARE = 1 / 500
"""A word is kept by name in a grouping when at least this share of rows carries it."""

Batches = Callable[[], Iterable[pl.DataFrame]]

_NEVER_KEPT = DIRECT | {Category.FREE_TEXT, Category.URL}
_AREAS = frozenset({"city", "postcode", "country", "region"})
"""Parts of an address that name an area, not a door; they can be coarsened and kept."""


class Anonymised(msgspec.Struct, frozen=True):
    """A state meant to be anonymous, how it was found, and the risk that was measured."""

    state: DataState
    quasi_identifiers: list[str]
    levels: dict[str, list[Generalise]]
    risk: RiskReport | None
    unique_over_all: float
    """Share of released rows alone in the combination of *all* their columns."""
    suppressed_share: float


def anonymise(
    inspection: Inspection,
    batches: Batches,
    key: TokenKey,
    *,
    k: int,
    suppressed_max: float = SUPPRESSED_MAX,
) -> Anonymised | None:
    """Search and measure an anonymised state; None when no quasi-identifier is left to describe.

    Reads the table once to search and twice per state that is measured (at most three states).
    """
    left_out = _left_out(inspection)
    quasi = [name for name in quasi_identifiers(inspection.columns) if name not in left_out]
    if not quasi:
        return None
    rest = [
        column.name
        for column in inspection.columns
        if column.name not in {*quasi, *left_out} and column.distinct >= DETAILED_DISTINCT_MIN
    ]
    sample = _sample(inspection, batches, [*quasi, *rest], key)
    levels = _levels(inspection, sample, [*quasi, *rest], k)
    columns = {name: sample[name] for name in quasi}
    node = Lattice(columns, levels, sample.get(PERSON)).search(k, suppressed_max=suppressed_max)
    measured = _Measured(inspection, batches, key, quasi)
    found = measured.of(_state(inspection, node, [], quasi, left_out, k=k))
    if found.unique_over_all > UNIQUE_OVER_ALL_MAX:
        coarse = [step for name in rest for step in levels[name][1:2] or levels[name][:1]]
        found = measured.of(_state(inspection, node, coarse, quasi, left_out, k=k))
    exposed = [
        n for n, fewest in (found.risk.l_diversity if found.risk else {}).items() if fewest < 2
    ]
    if exposed:
        found = measured.of(_without(found.state, exposed))
    return msgspec.structs.replace(found, levels=levels, suppressed_share=node.suppressed_share)


def _left_out(inspection: Inspection) -> list[str]:
    rows = max(1, inspection.rows)
    return [
        column.name
        for column in inspection.columns
        if column.category in _NEVER_KEPT
        or column.contains
        or (column.category == Category.ADDRESS and column.subtype not in _AREAS)
        or _could_link(column, rows)
    ]


def _could_link(column: ColumnReport, rows: int) -> bool:
    return (
        column.category in (Category.NONE, Category.RECORD_ID_ORG)
        and column.distinct >= LINKING_DISTINCT_MIN
        and column.distinct / rows >= LINKING_SHARE
    )


def _sample(
    inspection: Inspection, batches: Batches, names: list[str], key: TokenKey
) -> dict[str, pl.Series]:
    """Return the columns `names` of up to a million rows as text, and who each row is about."""
    persons = person_key(inspection.columns).columns
    # One visit per person needs no counting of persons; it is slower and gives the same.
    by_person = bool(persons) and inspection.table.persons < inspection.rows
    step = max(1, -(-inspection.rows // SEARCH_ROWS_MAX))
    parts: dict[str, list[pl.Series]] = {name: [] for name in names}
    people: list[pl.Series] = []
    for frame in batches():
        taken = frame.gather_every(step)
        for name in names:
            parts[name].append(as_text(taken[name]))
        if by_person:
            people.append(person_hashes(taken, persons, key)[0])
    columns = {name: pl.concat(cells) for name, cells in parts.items() if cells}
    if by_person and people:
        columns[PERSON] = pl.concat(people)
    return columns


def _levels(
    inspection: Inspection, sample: dict[str, pl.Series], quasi: list[str], k: int
) -> dict[str, list[Generalise]]:
    reports = {column.name: column for column in inspection.columns}
    common = max(k, int(len(sample[quasi[0]]) * COMMON_SHARE))
    return {name: hierarchy(reports[name], sample[name], common_min=common) for name in quasi}


def _state(
    inspection: Inspection,
    node: Node,
    rest: Sequence[Generalise],
    quasi: list[str],
    left_out: list[str],
    *,
    k: int,
) -> DataState:
    steps = [*node.steps, *rest]
    flat = [step.column for step in steps if step.method == Method.ALL]
    kept = [name for name in quasi if name not in flat]
    persons = person_key(inspection.columns).columns
    by_person = persons if inspection.table.persons < inspection.rows else []
    transforms: list[Transform] = [step for step in steps if step.method != Method.ALL]
    if kept:
        transforms.append(SuppressSmallClasses(kept, k, by_person))
    order = [column.name for column in inspection.columns]
    dropped = sorted({*left_out, *flat}, key=order.index)
    if dropped:
        transforms.append(DropColumns(dropped))
    return DataState(
        "anonymised",
        f"Anonymised: groups of at least {k} over {', '.join(kept) or 'nothing'}",
        transforms,
        "anonymised",
        [
            "Anonymity is a finding of a named person on the measured risk; it has to be made "
            "again when other data becomes available to the recipient.",
        ],
    )


def _kept(state: DataState, quasi: list[str]) -> list[str]:
    dropped = {
        name for step in state.transforms if isinstance(step, DropColumns) for name in step.columns
    }
    return [name for name in quasi if name not in dropped]


def _without(state: DataState, columns: list[str]) -> DataState:
    more = [*state.transforms, DropColumns(columns)]
    note = (
        f"{', '.join(columns)} left out: in some group everybody has the same value, which would "
        "give it away (l-diversity 1)."
    )
    return msgspec.structs.replace(state, transforms=more, warnings=[*state.warnings, note])


class _Measured:
    """Measures states of one table: classes over the quasi-identifiers, and over all columns."""

    def __init__(
        self, inspection: Inspection, batches: Batches, key: TokenKey, quasi: list[str]
    ) -> None:
        self._inspection, self._batches, self._key = inspection, batches, key
        self._quasi = quasi

    def of(self, state: DataState) -> Anonymised:
        """Carry out a state on the whole table and measure it."""
        kept = _kept(state, self._quasi)
        prepared = prepare(TransformPlan(state.transforms), self._batches, self._key)
        meters: tuple[RiskMeter, RiskMeter] | None = None
        for frame in stream(prepared, self._batches):
            if meters is None:
                meters = (
                    RiskMeter(kept, self._sensitive(frame.columns)),
                    RiskMeter(frame.columns, []),
                )
            for meter in meters:
                meter.feed(frame)
        risk, whole = (meter.report() for meter in meters) if meters else (None, None)
        unique = whole.uniques / whole.rows if whole and whole.rows else 0.0
        return Anonymised(state, kept, {}, risk, unique, 0.0)

    def _sensitive(self, columns: list[str]) -> list[str]:
        return [c.name for c in self._inspection.columns if c.sensitivity and c.name in columns]
