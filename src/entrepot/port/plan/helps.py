"""What would help: changes of facts, one or two together, that lead to a milder answer.

One step ahead is the engine's own "what would change the answer"; two together find what only works
jointly, such as a licence that must be held and in force.
"""

from __future__ import annotations

import itertools
from typing import Final

from entrepot.law.assess import Decision
from entrepot.law.explain import domain
from entrepot.law.factset import FactSet
from entrepot.law.model import Assessment, Scalar
from entrepot.law.vocabulary import spell
from entrepot.port.plan.model import Help
from entrepot.port.plan.search import Searcher, milder, settled

HELPS_MAX = 12
PAIR_FACTS_MAX = 40
_SOURCES: Final = ("choice", "counter", "finding", "inspection", "declared")
"""In the order of how far they are in the hands of the parties."""


def helps(searcher: Searcher, facts: FactSet, plain: Decision, as_is: Assessment) -> list[Help]:
    """Return the changes that would lead to a milder answer, those in the parties' hands first."""
    if settled(plain) and as_is.status == "open":
        return []
    singles = [change for change in as_is.changes if change.milder]
    found = [
        Help(change.what, change.fact, change.value, change.outcome, change.rules)
        for change in singles
        if _movable(searcher, change.fact)
    ]
    alone = {help_.fact for help_ in found}
    found = _one_per_fact(found)
    found += _pairs(searcher, facts, plain, alone)
    vocabulary = searcher.bound.library.vocabulary
    return sorted(
        found, key=lambda item: _SOURCES.index(vocabulary[item.fact.split(" ")[0]].source)
    )[:HELPS_MAX]


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
    found: dict[tuple[str, str], Help] = {}
    for first, second in itertools.permutations(names, 2):
        if vocabulary[first].source != "choice" and first > second:
            continue
        pair = (min(first, second), max(first, second))
        if pair in found:
            continue
        best = _best_pair(searcher, facts, plain, first, second)
        if best is not None:
            found[pair] = best
    return list(found.values())


def _best_pair(
    searcher: Searcher, facts: FactSet, plain: Decision, first: str, second: str
) -> Help | None:
    for a, b in itertools.product(domain(searcher.bound, first), domain(searcher.bound, second)):
        if facts[first] == a or facts[second] == b:
            continue
        then = searcher.decide(facts, {first: a, second: b})
        if not settled(then) or not milder(then, plain):
            continue
        if milder(searcher.decide(facts, {first: a}), plain):
            continue
        if milder(searcher.decide(facts, {second: b}), plain):
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
    fixed = ("exporter.", "data.class", "data.origin", "data.personal", "flow.", "basis.")
    return spec.source != "flow" and not name.startswith(fixed)


def _one_per_fact(items: list[Help]) -> list[Help]:
    """Keep, per fact, the value with the mildest answer; items come mildest first."""
    kept: dict[str, Help] = {}
    for item in items:
        kept.setdefault(item.fact, item)
    return list(kept.values())
