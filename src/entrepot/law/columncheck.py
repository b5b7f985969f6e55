"""Both back ends on the same cases: every disagreement is a failure of the engine."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from entrepot.law.cases import CaseResult
from entrepot.law.columnar import assess_flows, frame_of
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Flow, Scalar
from entrepot.law.outcomes import strictest


def compare_back_ends(library: Library, results: Iterable[CaseResult]) -> None:
    """Run all assessed cases through the columnar back end; note differences as problems.

    All cases run together in one frame, whatever their places and days; those of which the law was
    known on another day than their own run in one frame per such day.
    """
    groups: dict[date | None, list[tuple[CaseResult, Flow, Assessment]]] = {}
    for result in results:
        flow, found = result.flow, result.assessment
        if found is not None and flow is not None and result.facts is not None:
            known_at = None if flow.known_at == flow.as_of else flow.known_at
            groups.setdefault(known_at, []).append((result, flow, found))
    for known_at, group in groups.items():
        rows = [_row(result, flow) for result, flow, _ in group]
        frame = frame_of(rows, library.vocabulary.facts)
        table = assess_flows(library, frame, known_at=known_at, status=True)
        for (result, _, found), row in zip(group, table.iter_rows(named=True), strict=True):
            for what, scalar in summary(found).items():
                if row[what] != scalar:
                    result.problems.append(
                        f"back ends disagree on {what}: scalar {scalar}, columnar {row[what]}"
                    )


def _row(result: CaseResult, flow: Flow) -> dict[str, Scalar]:
    facts = {} if result.facts is None else result.facts.under(flow)
    return {
        **facts,
        "flow.from": flow.origin,
        "flow.to": flow.destination,
        "flow.as_of": flow.as_of,
    }


def summary(assessment: Assessment) -> dict[str, str | None]:
    """Return what the columnar back end also says: outcome, strictest, rule, status."""
    sides = assessment.sides
    peak = strictest((assessment.outcome, *(side.strictest for side in sides)))
    rules = (hit.id for side in sides if side.outcome == assessment.outcome for hit in side.rules)
    return {
        "outcome": assessment.outcome,
        "strictest": peak,
        "status": assessment.status,
        "rule": next(rules, None),
    }
