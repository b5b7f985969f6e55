"""Small changes of a regime that a slip of the pen could make, one at a time.

Of every rule: a part of its condition dropped, a number or day moved by one, a member of a list of
words left out, the rule removed, its first or last day moved by one; likewise for the entries of
lists that it reads, the dated numbers it compares with, and its duties.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import TypeVar

import msgspec

from entrepot.law import ir
from entrepot.law.compiled import Entry, Regime, Rule, ScopeList
from entrepot.law.library import Library
from entrepot.law.model import Scalar
from entrepot.law.rulebook import Dated, Interval, ValuesText

MEMBERS_MAX = 12
_DAY = timedelta(days=1)

Aim = tuple[str, Scalar]
"""A fact and a value of it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutant:
    """One change: to what (a rule, duty, entry or value), what it is, and the law so changed.

    `regime` holds the changed rules and duties; `values` and `lists` replace those of the library.
    """

    of: str
    where: str
    what: str
    regime: Regime
    values: dict[str, ValuesText] = dataclasses.field(default_factory=dict)
    lists: dict[str, ScopeList] = dataclasses.field(default_factory=dict)
    window: tuple[date, date] | None = None
    """The days, the last excluded, on which it can matter; None: any."""
    aim: Aim | None = None
    """A fact and its value for which it can matter, where it matters for one alone."""


def mutants_of(library: Library, regime: Regime) -> Iterator[Mutant]:
    """Yield every mutant of a regime, rule by rule."""
    for place, rule in enumerate(regime.rules):
        if rule.text.interval.start is not None:
            yield from _of_rule(regime, place, rule)
    for place, duty in enumerate(regime.duties):
        left = _without(regime.duties, place)
        yield Mutant(
            duty.id,
            duty.citation.rulebook,
            "duty removed",
            dataclasses.replace(regime, duties=left),
        )
    for name in sorted(_values_read(library, regime)):
        yield from _of_values(library, regime, name)
    for name in sorted(_lists_read(library, regime)):
        yield from _of_list(library, regime, name)


def _of_rule(regime: Regime, place: int, rule: Rule) -> Iterator[Mutant]:
    where = rule.text.where

    def changed(
        rule: Rule | None,
        what: str,
        window: tuple[date, date] | None = None,
        aim: Aim | None = None,
    ) -> Mutant:
        rules = list(regime.rules)
        rules[place : place + 1] = [] if rule is None else [rule]
        return Mutant(
            regime.rules[place].id,
            where,
            what,
            dataclasses.replace(regime, rules=rules),
            window=window,
            aim=aim,
        )

    yield changed(None, "rule removed")
    for node, what, aim in changes(rule.condition):
        yield changed(dataclasses.replace(rule, condition=node), what, aim=aim)
    for interval, what, window in _moved(rule.text.interval):
        text = _dated(rule.text, interval)
        yield changed(dataclasses.replace(rule, text=text), what, window)
    for number, duty in enumerate(rule.duties):
        left = tuple(_without(rule.duties, number))
        yield changed(dataclasses.replace(rule, duties=left), f"duty {duty.code} removed")


def _of_values(library: Library, regime: Regime, name: str) -> Iterator[Mutant]:
    text = library.content.values[name]
    for place, row in enumerate(text.block.values):
        for step in (-1, 1):
            rows = list(text.block.values)
            rows[place] = msgspec.structs.replace(row, value=row.value + step)
            block = msgspec.structs.replace(text.block, values=rows)
            new = dataclasses.replace(text, block=block)
            what = f"{row.value} from {row.start} made {row.value + step}"
            window = (row.start, row.until or date.max)
            yield Mutant(name, text.where, what, regime, values={name: new}, window=window)


def _of_list(library: Library, regime: Regime, name: str) -> Iterator[Mutant]:
    listed = library.content.lists[name]

    def changed(
        place: int,
        entry: Entry | None,
        what: str,
        window: tuple[date, date] | None = None,
        aim: Aim | None = None,
    ) -> Mutant:
        entries = list(listed.entries)
        entries[place : place + 1] = [] if entry is None else [entry]
        new = ScopeList(listed.text, tuple(entries))
        old = listed.entries[place].text
        return Mutant(old.id, old.where, what, regime, lists={name: new}, window=window, aim=aim)

    for place, entry in enumerate(listed.entries):
        yield changed(place, None, "entry removed")
        for node, what, aim in changes(entry.condition):
            yield changed(place, dataclasses.replace(entry, condition=node), what, aim=aim)
        for interval, what, window in _moved(entry.text.interval):
            text = _dated(entry.text, interval)
            yield changed(place, dataclasses.replace(entry, text=text), what, window)


# -- conditions ------------------------------------------------------------------------------------


def changes(node: ir.Node) -> Iterator[tuple[ir.Node, str, Aim | None]]:
    """Yield a condition changed in one place, what was changed, and the fact that it aims at."""
    match node:
        case ir.And(parts) | ir.Or(parts):
            join = ir.conjunction if isinstance(node, ir.And) else ir.disjunction
            word = "and" if isinstance(node, ir.And) else "or"
            for place, part in enumerate(parts):
                yield join(*_without(parts, place)), f"dropped: {word} {shown(part)}", None
            for place, part in enumerate(parts):
                for new, what, aim in changes(part):
                    yield join(*parts[:place], new, *parts[place + 1 :]), what, aim
        case ir.Not(part):
            for new, what, aim in changes(part):
                yield ir.negation(new), what, aim
        case ir.Compare(op, left, right):
            for moved, what in _numbers(right):
                yield ir.Compare(op, left, moved), f"in {shown(node)}: {what}", None
        case ir.In(left, members, groups) if len(members) + len(groups) > 1:
            for member in sorted(members, key=str)[:MEMBERS_MAX]:
                aim = (left.name, member) if isinstance(left, ir.Fact) else None
                fewer = ir.In(left, members - {member}, groups)
                yield fewer, f"{member} left out of {shown(node)}", aim
        case ir.Has(left, members, groups, every) if len(members) + len(groups) > 1:
            for word in sorted(members)[:MEMBERS_MAX]:
                aim = (left.name, frozenset((word,))) if isinstance(left, ir.Fact) else None
                less = ir.Has(left, members - {word}, groups, every)
                yield less, f"{word} left out of {shown(node)}", aim
        case _:
            return


def _numbers(node: ir.Value) -> Iterator[tuple[ir.Value, str]]:
    """Yield a number or day moved by one, either way."""
    if not isinstance(node, ir.Const) or isinstance(node.value, (bool, str, frozenset)):
        return
    value = node.value
    for step in (-1, 1):
        moved: Scalar | None = None
        if isinstance(value, date):
            moved = value + step * _DAY
        elif isinstance(value, (int, float)):
            moved = value + step
        if moved is not None:
            yield ir.Const(moved), f"{value} made {moved}"


def shown(node: ir.Node | ir.Value) -> str:
    """Return a condition in short, near the way that rulebooks write it."""
    match node:
        case ir.Const(value):
            return str(value)
        case ir.Fact(name):
            return name
        case ir.ValueRef(name) | ir.Listed(name):
            return name
        case ir.Truth(fact):
            return shown(fact)
        case ir.Not(part):
            return f"not {shown(part)}"
        case ir.Compare(op, left, right):
            return f"{shown(left)} {op} {shown(right)}"
        case ir.In(left, members, groups):
            return f"{shown(left)} in ({', '.join([*sorted(map(str, members)), *groups])})"
        case ir.Has(left, members, groups, _):
            return f"{shown(left)} has ({', '.join([*sorted(members), *groups])})"
        case ir.And(parts):
            return f"({' and '.join(map(shown, parts))})"
        case ir.Or(parts):
            return f"({' or '.join(map(shown, parts))})"
        case _:
            return " ".join(ir.facts_of(node))


# -- dates -----------------------------------------------------------------------------------------


def _moved(interval: Interval) -> Iterator[tuple[Interval, str, tuple[date, date]]]:
    """Yield an interval with its first or last day moved by one, and the days that changes."""
    for step in (-1, 1):
        if interval.start is not None and interval.start.year > 1:
            start = interval.start + step * _DAY
            known = interval.known_from
            if step < 0 and known == interval.start:
                known = start
            window = (min(start, interval.start), max(start, interval.start))
            new = dataclasses.replace(interval, start=start, known_from=known)
            yield new, f"from {interval.start} made {start}", window
        if interval.until is not None:
            until = interval.until + step * _DAY
            window = (min(until, interval.until), max(until, interval.until))
            new = dataclasses.replace(interval, until=until)
            yield new, f"until {interval.until} made {until}", window


_Text = TypeVar("_Text", bound=Dated)
_Item = TypeVar("_Item")


def _dated(text: _Text, interval: Interval) -> _Text:
    return dataclasses.replace(text, interval=interval)


def _without(items: Sequence[_Item], place: int) -> list[_Item]:
    return [*items[:place], *items[place + 1 :]]


def _values_read(library: Library, regime: Regime) -> set[str]:
    return {part.id for part in _parts(library, regime) if isinstance(part, ir.ValueRef)}


def _lists_read(library: Library, regime: Regime) -> set[str]:
    return {part.id for part in _parts(library, regime) if isinstance(part, ir.Listed)}


def _parts(library: Library, regime: Regime) -> Iterator[ir.Node | ir.Value]:
    nodes: list[ir.Node] = [rule.condition for rule in regime.rules]
    duties = [*regime.duties, *(duty for rule in regime.rules for duty in rule.duties)]
    nodes += [node for duty in duties for node in (duty.when, duty.done, duty.fails)]
    lists = [part.id for node in nodes for part in ir.walk(node) if isinstance(part, ir.Listed)]
    nodes += [
        e.condition for name in dict.fromkeys(lists) for e in library.content.lists[name].entries
    ]
    for node in nodes:
        yield from ir.walk(node)
