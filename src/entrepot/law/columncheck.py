"""Both back ends on the same cases: every disagreement is a failure of the engine."""

from __future__ import annotations

from collections.abc import Iterable

from entrepot.law.cases import CaseResult
from entrepot.law.columnar import assess_columns, rows_of
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Flow
from entrepot.law.outcomes import strictest


def compare_back_ends(library: Library, results: Iterable[CaseResult]) -> None:
    """Run all assessed cases through the columnar back end; note differences as problems.

    Cases of one flow and day run together in one frame, as they would in bulk.
    """
    groups: dict[Flow, list[CaseResult]] = {}
    for result in results:
        if result.assessment is not None and result.flow is not None:
            groups.setdefault(result.flow, []).append(result)
    for flow, group in groups.items():
        bound = library.bind(flow)
        factsets = [result.facts for result in group if result.facts is not None]
        table = assess_columns(bound, rows_of(factsets, bound), status=True)
        for result, row in zip(group, table.iter_rows(named=True), strict=True):
            found = summary(result.assessment) if result.assessment is not None else {}
            for what, scalar in found.items():
                if row[what] != scalar:
                    result.problems.append(
                        f"back ends disagree on {what}: scalar {scalar}, columnar {row[what]}"
                    )


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
