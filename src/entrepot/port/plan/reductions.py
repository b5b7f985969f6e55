"""The reductions a plan tries: from what the inspection found to states of the data.

Which columns are sensitive is read from the regimes' own lists, which persons count from the
inspection; nothing here knows a jurisdiction or a number of any law.
"""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.port.model import DIRECT, Category, ColumnReport, Inspection, Verdict
from entrepot.port.plan.states import DataState, Shipment
from entrepot.port.subjects import person_key, quasi_identifiers
from entrepot.port.transform.model import (
    Aggregate,
    DropColumns,
    Generalise,
    MaskCells,
    Method,
    SelectPersons,
    Tokenise,
    Transform,
)

AGGREGATE_COLUMNS_MAX = 3
"""More grouping columns make cells small and the table sparse."""
_NOT_TOKENISED = frozenset({Category.BIOMETRIC, Category.GENETIC, Category.CREDENTIAL})
"""Direct identifiers that are content: a token of a fingerprint is of no use to anybody."""

AS_IS = DataState("as-is", "As it is")


def sensitive_columns(shipment: Shipment, regimes: Sequence[str]) -> list[str]:
    """Return the columns that stand on the counting lists of `regimes`, in table order."""
    wanted: list[str] = []
    for column in shipment.inspection.columns:
        for regime in regimes:
            klass = column.sensitivity.get(regime)
            if klass and klass in _counting_classes(shipment, regime):
                wanted.append(column.name)
                break
    return wanted


def without_sensitive(shipment: Shipment, regimes: Sequence[str]) -> DataState | None:
    """Leave out every column that a list of `regimes` counts; None when there is none."""
    columns = sensitive_columns(shipment, regimes)
    if not columns or len(columns) == len(shipment.inspection.columns):
        return None
    return DataState(
        "without-sensitive",
        f"Without the sensitive column{'s' if len(columns) > 1 else ''} {_listed(columns)}",
        [DropColumns(columns)],
    )


def below(shipment: Shipment, persons: int, base: DataState = AS_IS) -> DataState:
    """Send at most `persons` persons, on top of `base`."""
    key = person_key(shipment.inspection.columns).columns
    title = f"{persons:,} persons instead of {shipment.inspection.table.persons:,}"
    named = base.kind != "as-is"
    return DataState(
        f"{base.kind}+below-threshold" if named else "below-threshold",
        f"{base.title}, {title}" if named else f"Only {title}",
        [SelectPersons(key, persons), *base.transforms],
        base.form,
        [
            *base.warnings,
            "Persons are selected, not split: sending the others later, in another year's tally or "
            "through another company to stay below the number is evasion, and counts together.",
        ],
    )


def pseudonymised(inspection: Inspection) -> DataState | None:
    """Replace what names persons by keyed tokens; None when nothing does."""
    named = [c for c in _direct(inspection) if c.category not in _NOT_TOKENISED]
    content = [c.name for c in _direct(inspection) if c.category in _NOT_TOKENISED]
    prose = [c.name for c in inspection.columns if c.contains and c.category not in DIRECT]
    if not named:
        return None
    transforms: list[Transform] = [Tokenise(c.name, token_domain(c)) for c in named]
    dropped = list(dict.fromkeys(content + prose))
    if dropped:
        transforms.append(DropColumns(dropped))
    return DataState(
        "pseudonymised",
        "Pseudonymised with tokens for this recipient",
        transforms,
        "pseudonymised",
        ["Whoever holds the key, or the source, can link tokens back: this is not anonymous."],
    )


def masked(shipment: Shipment, regimes: Sequence[str]) -> DataState | None:
    """Hide the characters of everything that names persons or is sensitive."""
    names = {c.name for c in _direct(shipment.inspection)}
    names |= set(sensitive_columns(shipment, regimes))
    columns = [c.name for c in shipment.inspection.columns if c.name in names]
    if not columns:
        return None
    return DataState(
        "masked",
        f"With {_listed(columns)} masked",
        [MaskCells(name, fixed=8) for name in columns],
        "pseudonymised",
        ["Masked rows still stand for single persons, and the other columns still describe them."],
    )


def aggregated(
    inspection: Inspection, levels: dict[str, list[Generalise]], minimum: int
) -> DataState | None:
    """Counts over coarse quasi-identifiers; None without any."""
    names = [name for name in quasi_identifiers(inspection.columns) if name in levels]
    chosen = sorted(names, key=lambda name: _distinct(inspection, name))[:AGGREGATE_COLUMNS_MAX]
    if not chosen:
        return None
    by = [name for name in inspection_order(inspection) if name in chosen]
    coarse: list[Transform] = []
    for name in by:
        steps = [step for step in levels[name] if step.method != Method.ALL]
        if steps and _distinct(inspection, name) > minimum:
            coarse.append(steps[-1])
    persons = person_key(inspection.columns).columns
    return DataState(
        "aggregated",
        f"Only counts by {_listed(by)}",
        [*coarse, Aggregate(by, minimum, persons)],
        "aggregate",
    )


def token_domain(column: ColumnReport) -> str:
    """Return the domain of a column's tokens: columns of one class join, others do not."""
    return f"{column.category}/{column.subtype}" if column.subtype else str(column.category)


def inspection_order(inspection: Inspection) -> list[str]:
    """Return the column names in table order."""
    return [column.name for column in inspection.columns]


def _direct(inspection: Inspection) -> list[ColumnReport]:
    return [
        column
        for column in inspection.columns
        if column.category in DIRECT and column.verdict != Verdict.NOT_FOUND
    ]


def _counting_classes(shipment: Shipment, regime: str) -> set[str]:
    flow, library = shipment.flow, shipment.library
    classes = library.sensitivity(regime, flow.as_of, flow.known_at)
    return {classes[category] for category in library.counts_as(regime, flow.as_of, flow.known_at)}


def _distinct(inspection: Inspection, name: str) -> int:
    return next(column.distinct for column in inspection.columns if column.name == name)


def _listed(columns: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(columns[:most])
    return shown + (f" and {len(columns) - most} more" if len(columns) > most else "")
