"""From a state of the data and a route to a `Way`: assessed, measured, with its reasons."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import polars as pl

from entrepot.law.assess import BoundLaw
from entrepot.law.factset import FactSet
from entrepot.law.library import Library
from entrepot.law.model import Assessment, RuleHit, Scalar
from entrepot.port.facts import plain_value
from entrepot.port.model import Inspection, RiskReport
from entrepot.port.plan.burden import burden, is_open, needed_findings
from entrepot.port.plan.model import FactValue, Reason, Remaining, Way
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import DataState, Shipment, projected
from entrepot.port.plan.words import title_of
from entrepot.port.risk import RiskMeter
from entrepot.port.subjects import quasi_identifiers
from entrepot.port.transform import loss
from entrepot.port.transform.model import (
    Aggregate,
    DropColumns,
    LossReport,
    SelectPersons,
    SuppressSmallClasses,
    describe,
)
from entrepot.port.transform.stream import prepare, stream
from entrepot.port.transform.tokens import TokenKey

_AUTHORITY_CODES = frozenset(
    {"security_assessment", "authority_approval", "authorisation", "bcr_approval", "certification"}
)


class Measured(msgspec.Struct, frozen=True):
    """What a state's transforms do to the real table."""

    loss: LossReport
    risk: RiskReport | None
    rows: int


def measured(
    shipment: Shipment, state: DataState, source: TableSource | None, key: TokenKey
) -> Measured:
    """Carry out a state's transforms on the table in memory and measure loss and risk.

    Without a source only what follows from the inspection is said: columns left out count whole,
    persons left out by their share, and risk stays that of the inspection.
    """
    inspection = shipment.inspection
    if not state.transforms:
        return Measured(_no_loss(inspection), inspection.table.risk, inspection.rows)
    if source is None:
        return Measured(_projected_loss(inspection, state), None, inspection.rows)
    prepared = prepare(state.plan, source.batches, key)
    rows = 0
    meter: RiskMeter | None = None
    for frame in stream(prepared, source.batches):
        rows += frame.height
        if meter is None:
            quasi = [n for n in released_quasi_identifiers(inspection, state) if n in frame.columns]
            sensitive = [
                c.name for c in inspection.columns if c.sensitivity and c.name in frame.columns
            ]
            meter = RiskMeter(quasi, sensitive)
        meter.feed(frame)
    before = loss.sample(source.batches())
    after = pl.concat(stream(prepared, lambda: [before]))
    aggregated = isinstance(state.transforms[-1], Aggregate)
    kept = 1.0 if aggregated else rows / max(1, inspection.rows)
    report = loss.measure(state.plan, before, after, rows_kept=kept)
    return Measured(report, None if aggregated or meter is None else meter.report(), rows)


def way(
    shipment: Shipment,
    state: DataState,
    suppositions: Mapping[str, Scalar],
    bound: BoundLaw,
    found: Measured,
    *,
    facts: FactSet,
) -> Way:
    """Return the way of one route: the engine's assessment on the facts after, and what remains."""
    library = bound.library
    after = facts.with_values(dict(suppositions))
    assessment = bound.assess(after)
    findings = {n: v for n, v in suppositions.items() if _source(library, n) == "finding"}
    choices = {n: plain_value(v) for n, v in suppositions.items() if n not in findings}
    changed: dict[str, FactValue] = {
        **shipment.changed_in(state),
        **{name: plain_value(value) for name, value in suppositions.items()},
    }
    persons = projected(shipment.inspection, state).table.persons
    return Way(
        number=0,
        kind=state.kind,
        title=_title(state, assessment, suppositions),
        transforms=state.plan,
        steps=[describe(transform) for transform in state.transforms],
        choices=choices,
        facts=changed,
        persons=persons,
        assessment=assessment,
        outcome=assessment.outcome,
        status="conditional" if findings and assessment.status == "open" else assessment.status,
        burden=burden(assessment, len(findings)),
        loss=found.loss,
        risk=found.risk,
        risk_measured=found.risk is not None,
        why=reasons(assessment),
        remaining=_remaining(assessment, choices, findings, library),
        warnings=[*state.warnings, *_warnings(state, found)],
    )


def reasons(assessment: Assessment) -> list[Reason]:
    """Return the deciding rules of every side, in words."""
    return [reason(hit) for side in assessment.sides for hit in side.rules]


def reason(hit: RuleHit) -> Reason:
    """Return one rule as a reason."""
    return Reason(hit.id, hit.outcome, hit.says, hit.citation)


def _title(state: DataState, assessment: Assessment, suppositions: Mapping[str, Scalar]) -> str:
    elected = ", ".join(
        name if value is True else f"{name} = {plain_value(value)}"
        for name, value in suppositions.items()
        if name != "anonymity.confirmed"
    )
    title = f"{state.title}: {title_of(assessment.outcome)}"
    return f"{title} ({elected})" if elected else title


def _remaining(
    assessment: Assessment,
    choices: Mapping[str, FactValue],
    findings: Mapping[str, Scalar],
    library: Library,
) -> list[Remaining]:
    left = [
        Remaining(
            "exporter", f"Elect {name} = {value}.", name, "before transfer", _cite(library, name)
        )
        for name, value in choices.items()
    ]
    for name in findings:
        question = library.vocabulary[name].question
        left.append(
            Remaining(
                "a named person",
                f"Find, with reasons: {question}",
                name,
                "before transfer",
                _cite(library, name),
            )
        )
    for asked in needed_findings(assessment):
        cite = asked.citation.article if asked.citation else ""
        left.append(
            Remaining("a named person", asked.question, asked.fact, "before transfer", cite)
        )
    for duty in assessment.duties:
        if is_open(duty):
            who = "authority" if duty.code in _AUTHORITY_CODES else "exporter"
            fact = duty.done_when.split(" ", 1)[0] if duty.done_when else ""
            left.append(Remaining(who, duty.says, fact, duty.due, duty.citation.article))
    return sorted(left, key=lambda item: item.when != "before transfer")


def _warnings(state: DataState, found: Measured) -> list[str]:
    notes = []
    suppressed = [t for t in state.transforms if isinstance(t, SuppressSmallClasses)]
    if suppressed and found.loss.rows_kept < 1:
        notes.append(f"{1 - found.loss.rows_kept:.1%} of the rows are left out (small groups).")
    if found.risk is not None and found.risk.k == 1 and state.kind != "as-is":
        notes.append(
            f"{found.risk.uniques:,} of {found.risk.rows:,} rows stay unique over "
            f"{', '.join(found.risk.quasi_identifiers)}."
        )
    return notes


def released_quasi_identifiers(inspection: Inspection, state: DataState) -> list[str]:
    """Return the columns over which the risk of a state is measured."""
    for transform in state.transforms:
        if isinstance(transform, SuppressSmallClasses):
            return transform.columns
    return (
        inspection.table.risk.quasi_identifiers
        if inspection.table.risk
        else quasi_identifiers(inspection.columns)
    )


def _no_loss(inspection: Inspection) -> LossReport:
    return LossReport(0.0, 1.0, [], inspection.rows, loss.METHOD)


def _projected_loss(inspection: Inspection, state: DataState) -> LossReport:
    dropped = {
        name for step in state.transforms if isinstance(step, DropColumns) for name in step.columns
    }
    columns = len(inspection.columns) or 1
    persons = max(1, inspection.table.persons)
    kept = 1.0
    for step in state.transforms:
        if isinstance(step, SelectPersons):
            kept = min(kept, step.persons / persons)
    share = 1 - kept * (1 - len(dropped) / columns)
    return LossReport(
        round(share, 4), round(kept, 6), [], 0, "estimated from columns and persons left out"
    )


def _source(library: Library, name: str) -> str:
    return library.vocabulary[name].source


def _cite(library: Library, name: str) -> str:
    return library.vocabulary[name].cite
