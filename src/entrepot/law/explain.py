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
    from entrepot.law.assess import BoundLaw, Decision

ANSWERS_MAX = 40
DAYS_TRIED_MAX = 12
"""How many turning days before and after are tried for another answer."""


def possible_answers(spec: FactSpec) -> list[str]:
    """Return the answers to offer for a fact: yes and no, or its members; none when open-ended."""
    if spec.type == "bool":
        return ["true", "false"]
    return list(spec.values)


class Points:
    """Fact → the values that some conditions compare it with; found when first asked for."""

    __slots__ = ("_found", "_nodes")

    def __init__(self, nodes: Iterable[ir.Node]) -> None:
        """Hold conditions."""
        self._nodes = nodes
        self._found: dict[str, set[Scalar]] | None = None

    def of(self, name: str) -> frozenset[Scalar]:
        """Return the values that fact `name` is compared with."""
        if self._found is None:
            self._found = _points(self._nodes)
        return frozenset(self._found.get(name, ()))


def domain(
    bound: BoundLaw, name: str, nodes: Iterable[ir.Node] | Points | None = None
) -> Sequence[Scalar]:
    """Return values of fact `name` that the bound conditions can tell apart, at most `ANSWERS_MAX`.

    `nodes` narrows it to those conditions; as `Points` they are searched once for many facts.
    """
    if nodes is None:
        kept = bound.content.domains
        if name not in kept:
            kept[name] = domain(bound, name, bound.content.nodes())
        return kept[name]
    compared = nodes if isinstance(nodes, Points) else Points(nodes)
    spec = bound.library.vocabulary[name]
    if spec.type == "bool":
        return [True, False]
    if spec.type == "enum":
        return list(spec.values)[:ANSWERS_MAX]
    if spec.type == "set":
        return [frozenset(), *(frozenset({member}) for member in spec.values)][:ANSWERS_MAX]
    points = set(compared.of(name))
    for item in bound.content.derivations:
        # A sum is compared with the same thresholds as what it adds up.
        if any(name in ir.facts_of(rule[3]) for rule in item.rules):
            points |= compared.of(item.name)
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


def _points(nodes: Iterable[ir.Node]) -> dict[str, set[Scalar]]:
    """Return fact → the values that it is compared with."""
    points: dict[str, set[Scalar]] = {}
    for node in nodes:
        for part in ir.walk(node):
            match part:
                case ir.Compare(_, left, right):
                    values = {
                        p.value
                        for side in (left, right)
                        for p in ir.walk(side)
                        if isinstance(p, ir.Const) and p.value is not None
                    }
                    for name in (*ir.facts_of(left), *ir.facts_of(right)):
                        points.setdefault(name, set()).update(values)
                case ir.In(ir.Fact(name), members, _) | ir.Has(ir.Fact(name), members, _, _):
                    points.setdefault(name, set()).update(members)
    return points


def leaf_to_ask(bound: BoundLaw, name: str, values: Facts) -> str:
    """Return the fact to ask for when `name` is missing: of a sum whose other parts are known, the
    one part that is not.

    Who has a table at hand knows what went before more easily than what both come to.
    """
    seen = {name}
    while True:
        parts = _unknown_parts(bound, name, values)
        if len(parts) != 1 or parts[0] in seen:
            return name
        name = parts[0]
        seen.add(name)


def _unknown_parts(bound: BoundLaw, name: str, values: Facts) -> list[str]:
    """Return the unknown facts of the first sum that could still derive `name`."""
    for item in bound.content.derivations:
        if item.name != name:
            continue
        for test, _, _, formula in item.rules:
            parts = ir.facts_of(formula)
            if isinstance(formula, ir.Sum) and len(parts) > 1 and test(values) is not False:
                return [part for part in parts if values.get(part) is None]
    return []


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
    points = Points(bound.content.nodes(values) if names else [])
    for name in names:
        answers = domain(bound, name, points)
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

    Tries every fact that was read over its domain, nearest values first (for a derived fact those
    it
    was derived from), and the nearest days before and after on which the law answers otherwise. One
    change for each fact and outcome.
    """
    now = bound.decide(facts)
    given = facts.under(bound.flow)
    prepared = bound.prepare(facts)
    points = Points(bound.content.nodes(prepared))
    found: dict[tuple[str, str], Change] = {}
    for name in _levers(bound, now, given):
        spec = bound.library.vocabulary[name]
        current = prepared.get(name)
        for value in _nearest_first(domain(bound, name, points), current):
            then = bound.decide({**given, name: value})
            if then.outcome in (now.outcome, "NEEDS_FACT"):
                continue
            change = Change(
                what=_sentence(spec, value, current),
                fact=name,
                value=spell(value),
                outcome=then.outcome,
                milder=OUTCOME_RANK[then.outcome] < OUTCOME_RANK[now.outcome],
                rules=list(then.rules),
            )
            found.setdefault((name, then.outcome), change)
    changes = [*found.values(), *_other_days(bound, facts, now)]
    return sorted(changes, key=lambda c: (not c.milder, OUTCOME_RANK[c.outcome], c.fact))


def _levers(bound: BoundLaw, now: Decision, given: Facts) -> list[str]:
    """Return the facts read, with those that derived ones come from in their place."""
    sources = {
        item.name: [f for rule in item.rules for part in rule[2:] for f in ir.facts_of(part)]
        for item in bound.content.derivations
    }
    found: dict[str, None] = {}
    seen: set[str] = set()
    left = list(reversed(now.facts))
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in sources and name not in given:
            left.extend(reversed(sources[name]))
        if bound.library.vocabulary[name].source != "flow":
            found[name] = None
    return list(found)


def _nearest_first(values: Sequence[Scalar], now: Scalar | None) -> list[Scalar]:
    """Return `values` without `now`: of numbers and days the nearest first, of sets those that
    differ in one member first."""
    others = [value for value in values if value != now]
    if isinstance(now, frozenset):
        members = sorted({m for value in values if isinstance(value, frozenset) for m in value})
        near: list[Scalar] = [now ^ {member} for member in members]
        return [*near, *(value for value in others if value not in near)]
    if isinstance(now, bool) or not isinstance(now, (int, float, date)):
        return others
    return sorted(others, key=lambda value: abs(_position(value) - _position(now)))


def _position(value: Scalar) -> float:
    """Return where a number or day lies on its line."""
    if isinstance(value, date):
        return value.toordinal()
    return value if isinstance(value, (int, float)) else 0.0


def _sentence(spec: FactSpec, value: Scalar, now: Scalar | None) -> str:
    """Say a change in words: what the fact is about and what it would be."""
    about = spec.about.rstrip(".")
    if spec.type == "bool":
        return f"{'Yes' if value else 'No'}: {about}"
    if spec.type == "enum" and isinstance(value, str):
        return f"{about}: {spec.values[value]}"
    bound = ""
    if isinstance(value, (int, float)) and isinstance(now, (int, float)):
        bound = "at most " if value < now else "at least "
        unit = f" {spec.unit}" if spec.unit else ""
        return f"{about}: {bound}{value:,}{unit}"
    return f"{about}: {spell(value)}"


def _other_days(bound: BoundLaw, facts: FactSet, now: Decision) -> list[Change]:
    """Return the nearest earlier and later day on which the law answers otherwise."""
    library, flow = bound.library, bound.flow
    prepared = bound.prepare(facts)
    days = library.turning_days(
        bound_regime.regime.id
        for bound_regime in bound.content.regimes
        if any(option.engages(prepared) for option in bound_regime.options)
    )
    later = [day for day in days if day > flow.as_of][:DAYS_TRIED_MAX]
    earlier = [day - timedelta(days=1) for day in days if day <= flow.as_of][-DAYS_TRIED_MAX:]
    changes = []
    for side in (earlier[::-1], later):
        for day in side:
            known_at = max(flow.known_at, day)
            then = library.bind(library.flow(flow.origin, flow.destination, day, known_at)).decide(
                facts
            )
            if then.outcome == now.outcome:
                continue
            changes.append(
                Change(
                    what=f"The law as it stood on {day}"
                    if day < flow.as_of
                    else f"The law as it will stand on {day}",
                    fact="flow.as_of",
                    value=str(day),
                    outcome=then.outcome,
                    milder=OUTCOME_RANK[then.outcome] < OUTCOME_RANK[now.outcome],
                    rules=list(then.rules),
                )
            )
            break
    return changes
