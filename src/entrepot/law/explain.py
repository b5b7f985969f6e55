"""Which question to ask first, and what would change the answer.

Both look one fact ahead: each fact is tried over its domain (for numbers and days, over the values
between the thresholds that conditions compare it with) and the verdicts are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

from entrepot.law import ir
from entrepot.law.factset import FactSet
from entrepot.law.judge import Track, Verdict
from entrepot.law.kleene import Facts
from entrepot.law.model import Change, Scalar
from entrepot.law.outcomes import OUTCOME_RANK
from entrepot.law.vocabulary import FactSpec, spell

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw

ANSWERS_MAX = 40


def possible_answers(spec: FactSpec) -> list[str]:
    """Return the answers to offer for a fact: yes and no, or its members; none when open-ended."""
    if spec.type == "bool":
        return ["true", "false"]
    return list(spec.values)


def domain(bound: BoundLaw, name: str, nodes: Iterable[ir.Node] | None = None) -> Sequence[Scalar]:
    """Return values of fact `name` that the bound conditions can tell apart, at most `ANSWERS_MAX`.

    `nodes` narrows it to those conditions.
    """
    spec = bound.library.vocabulary[name]
    nodes = bound.content.nodes() if nodes is None else nodes
    if spec.type == "bool":
        return [True, False]
    if spec.type == "enum":
        return list(spec.values)[:ANSWERS_MAX]
    if spec.type == "set":
        return [frozenset(), *(frozenset({member}) for member in spec.values)][:ANSWERS_MAX]
    points = _points(spec.name, nodes)
    if spec.type in ("int", "number"):
        numbers = sorted({p for p in points if isinstance(p, (int, float))})
        found: set[float] = {0}
        for number in numbers:
            found |= {max(0, number - 1), number, number + 1}
        whole = spec.type == "int"
        return [int(n) if whole else n for n in sorted(found)][:ANSWERS_MAX]
    if spec.type == "date":
        days = sorted({p for p in points if isinstance(p, date)})
        around = {day + timedelta(days=step) for day in days for step in (-1, 0, 1)}
        return sorted(around)[:ANSWERS_MAX]
    words = sorted({p for p in points if isinstance(p, str)})
    if spec.type == "jurisdictions":
        return [frozenset(), *(frozenset({word}) for word in words)][:ANSWERS_MAX]
    return list(words)[:ANSWERS_MAX]


def _points(name: str, nodes: Iterable[ir.Node]) -> set[Scalar]:
    points: set[Scalar] = set()
    for node in nodes:
        for part in ir.walk(node):
            match part:
                case ir.Compare(_, left, right) if name in (
                    *ir.facts_of(left),
                    *ir.facts_of(right),
                ):
                    points |= {
                        p.value
                        for side in (left, right)
                        for p in ir.walk(side)
                        if isinstance(p, ir.Const) and p.value is not None
                    }
                case ir.In(ir.Fact(fact), members, _) if fact == name:
                    points |= members
                case ir.Has(ir.Fact(fact), members, _, _) if fact == name:
                    points |= set(members)
    return points


def rank_missing(
    bound: BoundLaw,
    values: Facts,
    names: list[str],
    tracks: list[tuple[Track, Verdict]],
) -> list[tuple[str, float]]:
    """Return `names` with their usefulness, most useful first.

    Usefulness is the share of still-possible outcomes that an answer removes, averaged over the
    fact's domain and summed over the sides that are waiting; 0 when one answer alone settles
    nothing.
    """
    waiting = [(track, _open(v)) for track, v in tracks if v.outcome == "NEEDS_FACT"]
    total = sum(count for _, count in waiting)
    ranked = []
    nodes = bound.content.nodes(values) if names else []
    for name in names:
        answers = domain(bound, name, nodes)
        removed = 0.0
        for answer in answers:
            tried = bound.prepare({**values, name: answer})
            for track, count in waiting:
                removed += max(0, count - _open(track.judge(tried)))
        share = removed / (len(answers) * total) if answers and total else 0.0
        ranked.append((name, round(share, 4)))
    return sorted(ranked, key=lambda pair: -pair[1])


def _open(verdict: Verdict) -> int:
    """Return how many outcomes are still possible."""
    return len(verdict.could_be) + 1


def what_would_change(bound: BoundLaw, facts: FactSet) -> list[Change]:
    """Return single changes that would change the joined outcome, milder ones first.

    Tries every fact that was read over its domain. One change per fact and outcome: the first value
    of the domain that leads there.
    """
    now = bound.decide(facts)
    given = facts.on(bound.flow.as_of)
    nodes = bound.content.nodes(bound.prepare(facts))
    found: dict[tuple[str, str], Change] = {}
    for name in now.facts:
        spec = bound.library.vocabulary[name]
        if spec.source == "flow":
            continue
        for value in domain(bound, name, nodes):
            if now.facts[name] == value:
                continue
            then = bound.decide({**given, name: value})
            if then.outcome == now.outcome or then.outcome == "NEEDS_FACT":
                continue
            found.setdefault(
                (name, then.outcome),
                Change(
                    what=f"{spec.about.rstrip('.')}: {spell(value)}",
                    fact=name,
                    value=spell(value),
                    outcome=then.outcome,
                    milder=OUTCOME_RANK[then.outcome] < OUTCOME_RANK[now.outcome],
                    rules=list(then.rules),
                ),
            )
    return sorted(found.values(), key=lambda c: (not c.milder, OUTCOME_RANK[c.outcome], c.fact))
