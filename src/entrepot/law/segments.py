"""Stretches of days on which the law of one regime does not change."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from entrepot.law import ir
from entrepot.law.compiled import Regime
from entrepot.law.rulebook import Interval

if TYPE_CHECKING:
    from entrepot.law.library import Library


@dataclass(frozen=True, slots=True)
class Segments:
    """The days on which something begins or ends that a regime reads, in order."""

    law: tuple[date, ...]
    """As the law has it."""
    known: tuple[date, ...]
    """As somebody knows it who asks on the day itself: days of law and of publication."""

    def number(self, as_of: date, known_at: date | None) -> int:
        """Return which stretch `as_of` lies in; `known_at` None means: known on the day
        itself."""
        return bisect_right(self.known if known_at is None else self.law, as_of)


def segments_of(library: Library, regime: Regime) -> Segments:
    """Return the stretches of `regime`: its rules and duties, and the values, lists, groups and
    derivations they read."""
    law: set[date] = set()
    published: set[date] = set()
    for interval in _intervals(library, regime):
        law |= {day for day in (interval.start, interval.until) if day}
        published |= {day for day in (interval.known_from, interval.until_known) if day}
    nodes = list(_nodes(library, regime))
    for part in [part for node in nodes for part in ir.walk(node)]:
        if isinstance(part, ir.ValueRef):
            for row in library.content.values[part.id].block.values:
                law |= {day for day in (row.start, row.until) if day}
                published |= {row.known_from} if row.known_from else set()
        elif isinstance(part, (ir.In, ir.Has)):
            for group in part.groups:
                for member in library.jurisdictions.groups[group].dated:
                    law |= {day for day in (member.start, member.until) if day}
    return Segments(tuple(sorted(law)), tuple(sorted(law | published)))


def _intervals(library: Library, regime: Regime) -> Iterator[Interval]:
    yield regime.text.interval
    for rule in regime.rules:
        yield rule.text.interval
    for duty in regime.duties:
        yield duty.interval
    for name in _lists(library, regime):
        for entry in library.content.lists[name].entries:
            yield entry.text.interval


def _lists(library: Library, regime: Regime) -> set[str]:
    found: set[str] = set()
    left = {name for node in _own(library, regime) for name in _listed(node)}
    while left:
        name = left.pop()
        found.add(name)
        for entry in library.content.lists[name].entries:
            left |= _listed(entry.condition) - found
    return found


def _listed(node: ir.Node | ir.Value) -> set[str]:
    return {part.id for part in ir.walk(node) if isinstance(part, ir.Listed)}


def _nodes(library: Library, regime: Regime) -> Iterator[ir.Node | ir.Value]:
    yield from _own(library, regime)
    for name in _lists(library, regime):
        for entry in library.content.lists[name].entries:
            yield entry.condition


def _own(library: Library, regime: Regime) -> Iterator[ir.Node | ir.Value]:
    """Yield the conditions of a regime and of every fact that they may derive."""
    for _, node in regime.engages:
        yield node
    for rule in regime.rules:
        yield rule.condition
    for duty in [*regime.duties, *(duty for rule in regime.rules for duty in rule.duties)]:
        yield from (duty.when, duty.done, duty.fails)
    known = {derived.name: derived for derived in library.derivations}
    left = [name for name in library.facts_read(regime.id) if name in known]
    seen: set[str] = set()
    while left:
        name = left.pop()
        if name in seen:
            continue
        seen.add(name)
        for condition, value in known[name].rules:
            yield condition
            yield value
            left += [f for f in (*ir.facts_of(condition), *ir.facts_of(value)) if f in known]
