"""What would help: changes of facts, one or two together, that lead to a milder answer.

One step ahead finds what works alone; two together, where nothing can be walked yet, find what only
works jointly, such as a licence that must be relied on and in force.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from entrepot.law.assess import Decision
from entrepot.law.factset import FactSet
from entrepot.law.model import Assessment, Scalar
from entrepot.law.outcomes import strictness
from entrepot.law.vocabulary import spell
from entrepot.port.plan.model import Help
from entrepot.port.plan.search import Searcher, milder, settled

HELPS_MAX = 12
PAIR_FACTS_MAX = 40
PER_FACT_MAX = 2
_SOURCES: Final = ("choice", "counter", "finding", "inspection", "declared")
"""In the order of how far they are in the hands of the parties."""


def helps(searcher: Searcher, facts: FactSet, plain: Decision, as_is: Assessment) -> list[Help]:
    """Return the changes that would lead to a milder answer, those in the parties' hands first."""
    if settled(plain) and as_is.status == "open":
        return []
    found = _singles(searcher, facts, plain)
    if not settled(plain):
        found += _pairs(searcher, facts, plain, {help_.fact for help_ in found})
    vocabulary = searcher.bound.library.vocabulary
    return sorted(
        found, key=lambda item: _SOURCES.index(vocabulary[item.fact.split(" ")[0]].source)
    )[:HELPS_MAX]


def _singles(searcher: Searcher, facts: FactSet, plain: Decision) -> list[Help]:
    """Return, per fact and outcome, the single change that relieves the strictest side.

    Of several numbers with one outcome the one nearest to what is now: the law's own threshold.
    """
    found = []
    known = searcher.bound.prepare(facts)
    for name in searcher.read:
        if not _movable(searcher, name):
            continue
        best: dict[str, Help] = {}
        for value in _nearest_first(searcher.domain(name), known.get(name)):
            if _raises_a_count(value, known.get(name)):
                continue
            then = searcher.decide(facts, {name: value})
            if then.outcome == "NEEDS_FACT" or not _relieves(then, plain):
                continue
            said = _said(searcher, name, value)
            outcome = _changed(plain, then)
            best.setdefault(outcome, Help(said, name, spell(value), outcome, list(then.rules)))
        found += sorted(best.values(), key=lambda item: strictness(item.outcome))[:PER_FACT_MAX]
    return found


def _nearest_first(values: Sequence[Scalar], now: Scalar | None) -> list[Scalar]:
    """Order numbers by their distance from now (unknown counts as 0); leave out what is so now."""
    others = [value for value in values if value != now]
    if all(isinstance(v, int) and not isinstance(v, bool) for v in others):
        start = now if isinstance(now, int) else 0
        return sorted(others, key=lambda v: abs(v - start) if isinstance(v, int) else 0)
    return others


def _raises_a_count(value: Scalar, now: Scalar | None) -> bool:
    """Tell whether a number would have to grow, or only be stated: that helps nobody."""
    if isinstance(value, bool) or not isinstance(value, int):
        return False
    return value > (now if isinstance(now, int) else 0)


def _relieves(then: Decision, plain: Decision) -> bool:
    """Tell whether a side that demanded the strictest outcome demands less, and none more."""
    if not milder(then, plain):
        return False
    now = {(regime, role): v.outcome for regime, role, v in then.verdicts}
    return any(
        now.get((regime, role), "NOT_A_TRANSFER") != plain.outcome
        for regime, role, verdict in plain.verdicts
        if verdict.outcome == plain.outcome
    )


def _changed(before: Decision, after: Decision) -> str:
    """Return the outcome of the side that got milder (the joined one when several did)."""
    was = {(regime, role): v.outcome for regime, role, v in before.verdicts}
    now = {(regime, role): v.outcome for regime, role, v in after.verdicts}
    moved = [outcome for side, outcome in now.items() if was.get(side, outcome) != outcome]
    return moved[0] if len(moved) == 1 else after.outcome


def _pairs(searcher: Searcher, facts: FactSet, plain: Decision, alone: set[str]) -> list[Help]:
    vocabulary = searcher.bound.library.vocabulary
    names = [
        name
        for name in searcher.read
        if name not in alone
        and _movable(searcher, name)
        and vocabulary[name].type in ("bool", "enum")
        and vocabulary[name].source in ("choice", "declared")
    ][:PAIR_FACTS_MAX]
    found: list[Help] = []
    for first, second in itertools.combinations(names, 2):
        if "choice" not in (vocabulary[first].source, vocabulary[second].source):
            continue
        best = _best_pair(searcher, facts, plain, first, second)
        if best is not None:
            found.append(best)
    return found


def _best_pair(
    searcher: Searcher, facts: FactSet, plain: Decision, first: str, second: str
) -> Help | None:
    for a, b in itertools.product(searcher.domain(first), searcher.domain(second)):
        if facts[first] == a or facts[second] == b:
            continue
        then = searcher.decide(facts, {first: a, second: b})
        if not settled(then) or not _relieves(then, plain):
            continue
        what = f"{_said(searcher, first, a)}; {_said(searcher, second, b)}"
        return Help(
            what, f"{first} + {second}", f"{spell(a)} + {spell(b)}", then.outcome, list(then.rules)
        )
    return None


def _said(searcher: Searcher, name: str, value: Scalar) -> str:
    spec = searcher.bound.library.vocabulary[name]
    meaning = spec.values.get(value) if isinstance(value, str) else None
    return f"{spec.about.rstrip('.')}: {meaning or spell(value)}"


def _movable(searcher: Searcher, name: str) -> bool:
    """Leave out what nobody can change: who the exporter is, what the data is, and the flow."""
    spec = searcher.bound.library.vocabulary[name]
    fixed = (
        "exporter.",
        "data.class",
        "data.origin",
        "data.personal",
        "flow.",
        "basis.",
        "transfer.kind",
    )
    return spec.source != "flow" and not name.startswith(fixed)
