"""Make rows that stand for groups: drop what names persons, coarsen what describes them.

Steps: (1) leave out direct identifiers, prose, and nearly unique values of unknown meaning, which
could link rows to other tables; (2) find the generalisation under which at least k persons share
every combination of quasi-identifiers; (3) suppress the rows of smaller classes; (4) leave out
sensitive columns that one value per class would give away. That the result is anonymous is never
concluded here: risk is measured, and a named person finds it (GDPR recital 26, PIPL art 73).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec
import polars as pl

from entrepot.port.model import Category, ColumnReport, Inspection, RiskReport
from entrepot.port.plan.states import DataState
from entrepot.port.read.text import as_text
from entrepot.port.risk import RiskMeter
from entrepot.port.subjects import DIRECT, person_key, quasi_identifiers
from entrepot.port.transform import reading
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

    Reads the table three times (search, class counts, measure).
    """
    left_out = _left_out(inspection)
    quasi = [name for name in quasi_identifiers(inspection.columns) if name not in left_out]
    if not quasi:
        return None
    events = [
        column.name
        for column in inspection.columns
        if column.category == Category.DATE and column.name not in {*quasi, *left_out}
    ]
    sample = _sample(inspection, batches, [*quasi, *events], key)
    levels = _levels(inspection, sample, quasi, k)
    persons = sample.get(PERSON)
    columns = {name: sample[name] for name in quasi}
    node = Lattice(columns, levels, persons).search(k, suppressed_max=suppressed_max)
    state = _state(inspection, node, _event_dates(sample, events), quasi, left_out, k=k)
    kept = _kept(state, quasi)
    risk, unique_share = _measured(inspection, state, kept, batches, key)
    exposed = [name for name, fewest in (risk.l_diversity if risk else {}).items() if fewest < 2]
    if exposed:
        state = _without(state, exposed)
        risk, unique_share = _measured(inspection, state, kept, batches, key)
    return Anonymised(state, kept, levels, risk, unique_share, node.suppressed_share)


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
    events: list[Transform],
    quasi: list[str],
    left_out: list[str],
    *,
    k: int,
) -> DataState:
    flat = [step.column for step in node.steps if step.method == Method.ALL]
    coarse: list[Transform] = [step for step in node.steps if step.method != Method.ALL]
    kept = [name for name in quasi if name not in flat]
    persons = person_key(inspection.columns).columns
    by_person = persons if inspection.table.persons < inspection.rows else []
    transforms: list[Transform] = [*coarse, *events]
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


def _event_dates(sample: dict[str, pl.Series], names: list[str]) -> list[Transform]:
    """Cut the dates of events, which other tables know too, to the month or the year."""
    coarse: list[Transform] = []
    for name in names:
        spelling = reading.date_format_of(sample[name])
        if not spelling:
            coarse.append(DropColumns([name]))
        elif reading.is_ambiguous(sample[name], spelling):
            coarse.append(Generalise(name, Method.YEAR, date_format=spelling))
        else:
            coarse.append(Generalise(name, Method.MONTH, date_format=spelling))
    return coarse


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


def _measured(
    inspection: Inspection,
    state: DataState,
    quasi: list[str],
    batches: Batches,
    key: TokenKey,
) -> tuple[RiskReport | None, float]:
    """Measure the released rows: classes over `quasi`, and rows unique over all columns."""
    prepared = prepare(TransformPlan(state.transforms), batches, key)
    meters: tuple[RiskMeter, RiskMeter] | None = None
    for frame in stream(prepared, batches):
        if meters is None:
            sensitive = [
                c.name for c in inspection.columns if c.sensitivity and c.name in frame.columns
            ]
            meters = (RiskMeter(quasi, sensitive), RiskMeter(frame.columns, []))
        for meter in meters:
            meter.feed(frame)
    if meters is None:
        return None, 0.0
    risk, whole = (meter.report() for meter in meters)
    return risk, whole.uniques / whole.rows if whole and whole.rows else 0.0
