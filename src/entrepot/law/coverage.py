"""Which rules the cases exercise: each needs one case that it decides and one that it does not.

A rule is granted when it is among the deciding rules of a side whose outcome is its own; it is
refused
when, in force and its regime engaged, it is definitely false. A rule that never commenced, or that
has no condition, cannot be refused and is not counted as lacking a refusal.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from entrepot.law import ir
from entrepot.law.cases import CaseResult
from entrepot.law.library import Library


class Coverage(msgspec.Struct, frozen=True):
    """Ids of rules by what the cases lack."""

    rules: int
    never_commenced: list[str]
    without_granting: list[str]
    without_refusing: list[str]

    @property
    def lacking(self) -> list[str]:
        """Rules without a granting or without a refusing case."""
        return sorted({*self.without_granting, *self.without_refusing})


def measure_coverage(library: Library, results: Iterable[CaseResult]) -> Coverage:
    """Return which rules of `library` the assessed cases do not exercise both ways."""
    granted: set[str] = set()
    refused: set[str] = set()
    for result in results:
        if result.assessment is None or result.flow is None or result.facts is None:
            continue
        for side in result.assessment.sides:
            granted |= {hit.id for hit in side.rules if hit.outcome == side.outcome}
        refused |= _refused(library, result)
    rules = library.content.rules
    idle = sorted(name for name, rule in rules.items() if rule.text.interval.start is None)
    live = {name: rule for name, rule in rules.items() if name not in set(idle)}
    return Coverage(
        rules=len(rules),
        never_commenced=idle,
        without_granting=sorted(name for name in live if name not in granted),
        without_refusing=sorted(
            name for name, rule in live.items() if name not in refused and rule.condition != ir.TRUE
        ),
    )


def _refused(library: Library, result: CaseResult) -> set[str]:
    if result.flow is None or result.facts is None:
        return set()
    bound = library.bind(result.flow)
    values = bound.prepare(result.facts)
    refused: set[str] = set()
    for regime in bound.content.regimes:
        option = next((option for option in regime.options if option.engages(values)), None)
        if option is None or option.track is None:
            continue
        refused.update(option.track.settled_false)
        refused.update(r.rule.id for r in option.track.rules if r.test(values) is False)
    return refused
