"""Whether some facts can make a condition true: a bounded search over what its parts tell apart.

Each comparison becomes one truth, and for each fact the values between its thresholds say which of
those truths go together (`x < 3` and `x > 5` never do). Sums, comparisons between facts and lists
are left free. So the search may take an impossible condition for possible, never the reverse.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

from entrepot.law import ir
from entrepot.law.kleene import Facts, Test, compile_test
from entrepot.law.model import Scalar
from entrepot.law.vocabulary import FIRST_DAY, LAST_DAY, NUMBER_MAX, FactSpec, Vocabulary

STEPS_MAX = 4_000
"""Trials after which a condition is taken to be possible."""
_OTHER = "\0"
"""A text that no condition names."""
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_MIRROR: dict[str, str] = {"==": "==", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of days without change of law, and what stands on it."""

    first: date
    last: date
    value: Callable[[str], int | float | None]
    """A dated number, None where it depends on what was known."""
    members: Callable[[str], frozenset[str]]


@dataclass(slots=True)
class _Owner:
    """One fact: the truths that depend on it, each a test of its value."""

    spec: FactSpec | None
    tests: dict[str, Callable[[Any], bool]] = field(default_factory=dict)
    points: set[Scalar] = field(default_factory=set)

    @property
    def always_known(self) -> bool:
        """Whether it is never unknown: an end of the flow, or a choice."""
        return self.spec is not None and (
            self.spec.source == "flow" or self.spec.unchosen is not None
        )


class Truths:
    """Conditions as formulas over truths, for one stretch of days.

    Take every condition with `formula` before the first `can_hold`.
    """

    def __init__(self, vocabulary: Vocabulary, stretch: Stretch) -> None:
        """Start without any condition."""
        self.vocabulary = vocabulary
        self.stretch = stretch
        self.steps = 0
        """Trials of all searches so far."""
        self.owners: dict[str, _Owner] = {}
        self.owner_of: dict[str, str] = {}
        self._names: dict[tuple[str, object], str] = {}
        self._variants: dict[str, list[dict[str, Scalar]]] = {}

    def formula(self, node: ir.Node) -> ir.Node:
        """Return `node` with every comparison replaced by a truth of its own."""
        match node:
            case ir.And(parts):
                return ir.conjunction(*(self.formula(part) for part in parts))
            case ir.Or(parts):
                return ir.disjunction(*(self.formula(part) for part in parts))
            case ir.Not(part):
                return ir.negation(self.formula(part))
            case ir.Const():
                return node
            case ir.Has(ir.Fact(name), members, groups, every):
                words = members.union(*(self.stretch.members(group) for group in groups))
                held = [self.member(name, word) for word in sorted(words)]
                return ir.conjunction(*held) if every else ir.disjunction(*held)
            case ir.Truth(ir.Fact(name)):
                return self.truth(name, ("is", True), bool, ())
            case ir.In(ir.Fact(name), members, groups):
                values = members.union(*(self.stretch.members(group) for group in groups))
                return self.truth(name, ("in", values), values.__contains__, values)
            case ir.Compare(op, ir.Fact(name), right) if not ir.facts_of(right):
                constant = self.constant(right)
                if constant is not None:
                    return self.comparison(name, op, constant)
            case ir.Compare(op, left, ir.Fact(name)) if not ir.facts_of(left):
                constant = self.constant(left)
                if constant is not None:
                    return self.comparison(name, _MIRROR[op], constant)
            case ir.Empty(ir.Fact(name)) if self.vocabulary[name].type == "set":
                held = [self.member(name, word) for word in self.vocabulary[name].values]
                return ir.negation(ir.disjunction(*held))
        return self.free(node)

    def comparison(self, name: str, op: str, constant: Scalar) -> ir.Node:
        """Return the truth of a fact compared with a constant."""
        compare = _OPERATORS[op]
        return self.truth(name, (op, constant), lambda v: compare(v, constant), (constant,))

    def constant(self, node: ir.Value) -> Any:
        """Return what a value without facts is on these days, None where that is not settled."""
        match node:
            case ir.Const(value):
                return value
            case ir.ValueRef(name):
                return self.stretch.value(name)
            case ir.Sum(left, right, minus):
                a, b = self.constant(left), self.constant(right)
                return None if a is None or b is None else a - b if minus else a + b
            case _:
                return None

    def truth(
        self,
        fact: str,
        key: tuple[str, object],
        test: Callable[[Any], bool],
        points: Iterable[Scalar],
    ) -> ir.Node:
        """Return the truth that `test` holds of a fact; `points` are values that it tells apart."""
        owner = self.owners.setdefault(fact, _Owner(self.vocabulary[fact]))
        name = self._names.setdefault((fact, key), f"{fact} {len(self._names)}")
        owner.tests[name] = test
        owner.points.update(points)
        self.owner_of[name] = fact
        return ir.Truth(ir.Fact(name))

    def member(self, fact: str, word: str) -> ir.Node:
        """Return the truth that a set has a member; members come and go on their own."""
        return self.free(ir.Has(ir.Fact(fact), frozenset({word}), (), every=False))

    def free(self, node: ir.Node) -> ir.Node:
        """Return a truth that nothing else constrains; the same part is the same truth."""
        name = self._names.setdefault(("", node), f"free {len(self._names)}")
        self.owners.setdefault(name, _Owner(None)).tests[name] = bool
        self.owner_of[name] = name
        return ir.Truth(ir.Fact(name))

    def variants(self, name: str) -> list[dict[str, Scalar]]:
        """Return the ways in which the truths of one owner go together."""
        found = self._variants.get(name)
        if found is None:
            owner = self.owners[name]
            values: Iterable[Any] = (
                (True, False)
                if owner.spec is None
                else _candidates(owner.spec, owner.points, self.vocabulary, self.stretch)
            )
            rows = (tuple(test(value) for test in owner.tests.values()) for value in values)
            found = [dict(zip(owner.tests, row, strict=True)) for row in dict.fromkeys(rows)]
            if not owner.always_known:
                found.append({})
            self._variants[name] = found
        return found

    def can_hold(self, condition: ir.Node, before: Iterable[tuple[ir.Node, Test]] = ()) -> bool:
        """Say whether facts, some perhaps unknown, make `condition` true and none of `before`.

        All are formulas of this object. True also when the search grows too long to finish.
        """
        search = _Search(self, condition, tuple(before))
        found = search.run()
        self.steps += search.steps
        return found


class _TooLong(Exception):
    """The search has taken `STEPS_MAX` steps and gives up: the condition counts as possible."""


class _Search:
    """Assigns facts one after the other until the condition is true and nothing comes before."""

    def __init__(
        self, truths: Truths, condition: ir.Node, before: tuple[tuple[ir.Node, Test], ...]
    ) -> None:
        self.truths = truths
        self.condition = condition
        self.test = compile_test(condition)
        self.before = before
        self.steps = 0
        self.tests: dict[int, Test] = {}
        """Compiled parts, by identity; the formulas outlive the search."""
        self.forced: dict[str, dict[str, bool]] = {}
        """Owner → truths that must be so, because they stand alone among the parts of `and`."""

    def run(self) -> bool:
        if not self.force():
            return False
        try:
            return self.extend({}, frozenset())
        except _TooLong:
            return True

    def force(self) -> bool:
        """Collect what the condition demands outright; False when it demands both of a truth."""
        whole = self.condition
        for part in whole.parts if isinstance(whole, ir.And) else (whole,):
            inner = part.part if isinstance(part, ir.Not) else part
            if isinstance(inner, ir.Truth) and isinstance(inner.fact, ir.Fact):
                name, wanted = inner.fact.name, inner is part
                owned = self.forced.setdefault(self.truths.owner_of[name], {})
                if owned.setdefault(name, wanted) is not wanted:
                    return False
        return True

    def extend(self, state: Facts, settled: frozenset[str]) -> bool:
        self.steps += 1
        if self.steps > STEPS_MAX:
            raise _TooLong
        result = self.test(state)
        if result is False:
            return False
        if result is None:
            return self.split(state, settled, self.open(self.condition, state, settled))
        waiting = None
        for node, test in self.before:
            comes_first = test(state)
            if comes_first:
                return False  # and it stays so whatever else becomes known
            if comes_first is None and waiting is None:
                waiting = self.open(node, state, settled, always_known=True)
        return True if waiting is None else self.split(state, settled, waiting)

    def open(
        self, node: ir.Node, state: Facts, settled: frozenset[str], *, always_known: bool = False
    ) -> str | None:
        """Return an owner that keeps `node` unknown and has not been settled, forced ones first."""
        for owner in self.forced if node is self.condition else ():
            if owner not in settled:
                return owner
        for name in self.unknown(node, state):
            owner = self.truths.owner_of[name]
            if owner not in settled and (
                not always_known or self.truths.owners[owner].always_known
            ):
                return owner
        return None

    def unknown(self, node: ir.Node, state: Facts) -> Iterator[str]:
        """Yield the truths that keep a formula unknown, in reading order."""
        match node:
            case ir.Truth(ir.Fact(name)):
                if name not in state:
                    yield name
            case ir.Not(part):
                yield from self.unknown(part, state)
            case ir.And(parts) | ir.Or(parts):
                test = self.tests.get(id(node))
                if test is None:
                    test = self.tests[id(node)] = compile_test(node)
                if test(state) is None:
                    for part in parts:
                        yield from self.unknown(part, state)

    def split(self, state: Facts, settled: frozenset[str], owner: str | None) -> bool:
        if owner is None:
            return False
        after = settled | {owner}
        forced = self.forced.get(owner, {}).items()
        return any(
            self.extend({**state, **variant}, after)
            for variant in self.truths.variants(owner)
            if forced <= variant.items()
        )


def _candidates(
    spec: FactSpec, points: set[Scalar], vocabulary: Vocabulary, stretch: Stretch
) -> Iterable[Any]:
    """Return values of a fact, at least one for each way in which conditions tell them apart."""
    match spec.type:
        case "bool":
            return (True, False)
        case "enum":
            return list(spec.values)
        case "int" | "number":
            return _numbers(spec, points)
        case "date":
            first, last = FIRST_DAY, LAST_DAY
            if spec.source == "flow":
                first, last = stretch.first, stretch.last
            return _days({point for point in points if isinstance(point, date)}, first, last)
        case "jurisdiction":
            other = next(
                (code for code in vocabulary.jurisdictions.names if code not in points), ""
            )
            return [*sorted(map(str, points)), *([other] if other else [])]
        case _:
            return [*sorted(map(str, points)), _OTHER]


def _numbers(spec: FactSpec, points: set[Scalar]) -> list[Fraction]:
    zero = Fraction(0)
    named = sorted({zero, *(Fraction(p) for p in points if isinstance(p, (int, float)))})
    derived = any(isinstance(row.value, str) for row in spec.derive)
    found: set[Fraction] = set()
    if spec.type == "int":
        for point in named:
            whole = Fraction(point.__floor__())
            found |= {whole - 1, whole, whole + 1, whole + 2}
    else:
        found |= {named[0] - 1, named[-1] + 1, *named}
        found |= {(a + b) / 2 for a, b in pairwise(named)}
    # Given numbers are never negative; a derived difference may be.
    return sorted(n for n in found if (derived or n >= 0) and n <= NUMBER_MAX)


def _days(points: set[date], first: date, last: date) -> list[date]:
    step = timedelta(days=1)
    found = {first, last}
    for point in points:
        found.add(point)
        if point > first:
            found.add(point - step)
        if point < last:
            found.add(point + step)
    return sorted(day for day in found if first <= day <= last)
