"""What would help: changes of facts, one or two together, that lead to a milder answer.

One step ahead finds what works alone; two together, where nothing can be walked yet, find what only
works jointly, such as a licence that must be relied on and in force.
"""

from __future__ import annotations

import itertools
from typing import Final

from entrepot.law.assess import Decision
from entrepot.law.explain import domain
from entrepot.law.factset import FactSet
from entrepot.law.model import Assessment, Scalar
from entrepot.law.outcomes import strictness
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
    found = _singles(searcher, facts, plain)
    if not settled(plain):
        found += _pairs(searcher, facts, plain, {help_.fact for help_ in found})
    vocabulary = searcher.bound.library.vocabulary
    return sorted(
        found, key=lambda item: _SOURCES.index(vocabulary[item.fact.split(" ")[0]].source)
    )[:HELPS_MAX]


def _singles(searcher: Searcher, facts: FactSet, plain: Decision) -> list[Help]:
    """Return, per fact, the single change with the mildest answer on some side."""
    found = []
    for name in searcher.read:
        if not _movable(searcher, name):
            continue
        best: tuple[int, Help] | None = None
        for value in domain(searcher.bound, name):
            if facts[name] == value:
                continue
            then = searcher.decide(facts, {name: value})
            if then.outcome == "NEEDS_FACT" or not milder(then, plain):
                continue
            rank = sum(strictness(verdict.outcome) for _, _, verdict in then.verdicts)
            if best is None or rank < best[0]:
                said = _said(searcher, name, value)
                help_ = Help(said, name, spell(value), _changed(plain, then), list(then.rules))
                best = (rank, help_)
        if best is not None:
            found.append(best[1])
    return found


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
    for a, b in itertools.product(domain(searcher.bound, first), domain(searcher.bound, second)):
        if facts[first] == a or facts[second] == b:
            continue
        then = searcher.decide(facts, {first: a, second: b})
        if not settled(then) or not milder(then, plain):
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
