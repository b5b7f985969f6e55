"""Bound conditions over a table of facts, as bit planes; the columnar twin of
`entrepot.law.kleene`."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.law import ir
from entrepot.law.bind import BoundDerivation
from entrepot.law.columnfacts import (
    Codes,
    Column,
    Flags,
    Members,
    Numbers,
    Table,
    bits_of,
    day_number,
    where_codes,
)
from entrepot.law.model import Scalar
from entrepot.law.planes import (
    FALSE,
    TRUE,
    UNKNOWN,
    Mask,
    Plane,
    Truth,
    any_of,
    both,
    either,
    mask,
    opposite,
    plane,
    without,
)
from entrepot.law.vocabulary import Vocabulary

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Amount(NamedTuple):
    """Numbers or days per row, shape (rows,) or one for all, and the rows that are known."""

    values: NDArray[Any] | int | float
    known: Plane


@dataclass(slots=True, eq=False)
class _Seen:
    """One fact in the rows at hand: its column, and what derivations added row by row."""

    column: Column | None
    known: Plane
    derived: dict[Scalar, Plane] = field(default_factory=dict)


class Reader:
    """Reads conditions over one table; every answer about a fact is worked out once."""

    def __init__(self, table: Table, vocabulary: Vocabulary) -> None:
        """Read `table`; its columns are those of `vocabulary`."""
        self.rows = table.rows
        self.table = table
        self.vocabulary = vocabulary
        self._facts: dict[str, _Seen] = {}
        self._atoms: dict[object, Truth] = {}
        self._derived: set[str] = set()

    # -- facts -----------------------------------------------------------------------------------

    def fact(self, name: str) -> _Seen:
        """Return what is known of a fact."""
        seen = self._facts.get(name)
        if seen is None:
            found = self.table.columns.get(name)
            seen = self._facts[name] = _Seen(found, _known(found))
        return seen

    def derive(self, derivations: Sequence[BoundDerivation]) -> None:
        """Add derived facts where they are unknown, until another round adds nothing.

        What was derived before from the same table is not derived again.
        """
        if self._derived.issuperset(item.name for item in derivations):
            return
        self._derived.update(item.name for item in derivations)
        order = {item.name: number for number, item in enumerate(derivations)}
        back = sum(
            order.get(fact, -1) >= order[item.name]
            for item in derivations
            for rule in item.rules
            for fact in (*ir.facts_of(rule[2]), *ir.facts_of(rule[3]))
        )
        for _ in range(1 + back):
            grown = [item.name for item in derivations if self._derive(item)]
            if not grown:
                break

    def _derive(self, item: BoundDerivation) -> bool:
        """Add what one derivation gives; say whether it gave anything."""
        left = opposite(self.fact(item.name).known)
        grew = False
        for _, _, condition, value in item.rules:
            if left is False:
                break
            rows = both(left, self.truth(condition).yes)
            if rows is False:
                continue
            if isinstance(value, ir.Const):
                if value.value is None:
                    continue
                self._fill(item.name, value.value, rows)
            else:
                rows = self._compute(item.name, value, rows)
            grew |= rows is not False
            left = without(left, rows)
        return grew

    def _fill(self, name: str, value: Scalar, rows: Plane) -> None:
        seen = self.fact(name)
        if isinstance(value, (int, float, date)) and not isinstance(value, bool):
            self._set_numbers(name, _number(value), rows)
            return
        seen.derived[value] = either(seen.derived.get(value, False), rows)
        seen.known = either(seen.known, rows)
        self._forget(name)

    def _compute(self, name: str, value: ir.Value, rows: Plane) -> Plane:
        """Fill a fact from another value; return the rows where that is known."""
        if self.vocabulary[name].type in ("int", "number", "date"):
            amount = self.amount(value)
            rows = both(rows, amount.known)
            if rows is not False:
                self._set_numbers(name, amount.values, rows)
            return rows
        if not isinstance(value, ir.Fact):
            raise AssertionError(f"not a value that can be derived: {value}")
        filled: Plane = False
        for word in self._words(value.name):
            here = both(rows, self._equal(value, word).yes)
            if here is not False:
                self._fill(name, word, here)
                filled = either(filled, here)
        return filled

    def _words(self, name: str) -> list[Scalar]:
        seen = self.fact(name)
        words = list(seen.column.words) if isinstance(seen.column, Codes) else []
        if isinstance(seen.column, Flags):
            words = [False, True]
        return [*words, *(word for word in seen.derived if word not in words)]

    def _set_numbers(self, name: str, values: NDArray[Any] | int | float, rows: Plane) -> None:
        seen = self.fact(name)
        if rows is True or seen.known is False:
            seen.column = Numbers(values, None)
        else:
            old = seen.column.values if isinstance(seen.column, Numbers) else 0
            seen.column = Numbers(np.where(mask(rows, self.rows), values, old), None)
        seen.known = either(seen.known, rows)
        self._forget(name)

    def _forget(self, name: str) -> None:
        """Drop what was worked out from an older state of facts (only circular derivations ask)."""
        for key in [key for key in self._atoms if isinstance(key, tuple) and name in key[0]]:
            del self._atoms[key]

    # -- truths ----------------------------------------------------------------------------------

    def truth(self, node: ir.Node) -> Truth:
        """Return where `node` is true and where it is false."""
        match node:
            case ir.Const(value):
                return UNKNOWN if value is None else TRUE if value else FALSE
            case ir.Not(part):
                found = self.truth(part)
                return Truth(found.no, found.yes)
            case ir.And(parts):
                return self._conjunction(parts)
            case ir.Or(parts):
                return self._disjunction(parts)
            case ir.Entries(_, entries):
                return self._disjunction([condition for _, condition in entries])
            case _:
                key = (ir.facts_of(node), node)
                found_ = self._atoms.get(key)
                if found_ is None:
                    found_ = self._atoms[key] = self._atom(node)
                return found_

    def _conjunction(self, parts: Sequence[ir.Node]) -> Truth:
        yes: Plane = True
        no: Plane = False
        for part in parts:
            found = self.truth(part)
            yes, no = both(yes, found.yes), either(no, found.no)
            if no is True:
                return FALSE
        return Truth(yes, no)

    def _disjunction(self, parts: Sequence[ir.Node]) -> Truth:
        yes: Plane = False
        no: Plane = True
        for part in parts:
            found = self.truth(part)
            yes, no = either(yes, found.yes), both(no, found.no)
            if yes is True:
                return TRUE
        return Truth(yes, no)

    def _atom(self, node: ir.Node) -> Truth:
        match node:
            case ir.Truth(fact):
                return self._equal(fact, True)
            case ir.Compare("==", left, ir.Const(value)) if self._worded(left):
                return UNKNOWN if value is None else self._equal(left, value)
            case ir.Compare("==", ir.Const(value), right) if self._worded(right):
                return UNKNOWN if value is None else self._equal(right, value)
            case ir.Compare("==", ir.Fact() as left, ir.Fact() as right) if self._worded(left):
                return self._same(left, right)
            case ir.Compare(op, left, right):
                return self._ordered(op, self.amount(left), self.amount(right))
            case ir.In(left, members, ()) if self._worded(left):
                return self._where(left, members.__contains__)
            case ir.In(left, members, ()):
                amount = self.amount(left)
                equal = [
                    self._ordered("==", amount, Amount(_number(member), True)).yes
                    for member in members
                ]
                yes = any_of(equal)
                return Truth(yes, without(amount.known, yes))
            case ir.Has(left, members, (), every):
                test = members.issubset if every else lambda value: not members.isdisjoint(value)
                return self._where(left, test, node)
            case ir.Empty(left):
                return self._where(left, lambda value: not value, node)
            case _:
                raise AssertionError(f"not bound: {node}")

    def _worded(self, node: ir.Value) -> bool:
        if isinstance(node, ir.Const):
            return not isinstance(node.value, (int, float, date)) or isinstance(node.value, bool)
        return isinstance(node, ir.Fact) and self.vocabulary[node.name].type not in (
            "int",
            "number",
            "date",
        )

    def _equal(self, left: ir.Value, value: Scalar) -> Truth:
        return self._where(left, lambda word: word == value)

    def _where(
        self, left: ir.Value, test: Callable[[Any], bool], node: ir.Node | None = None
    ) -> Truth:
        """Return where the word or set of `left` passes `test`."""
        if isinstance(left, ir.Const):
            return UNKNOWN if left.value is None else TRUE if test(left.value) else FALSE
        if not isinstance(left, ir.Fact):
            raise AssertionError(f"not a fact: {left}")
        seen = self.fact(left.name)
        yes: Plane = False
        if isinstance(seen.column, Members):
            yes = _members(seen.column, node)
        elif isinstance(seen.column, Codes):
            yes = plane(where_codes(seen.column, test))
        elif isinstance(seen.column, Flags):
            yes = _flagged(seen.column, test)
        for word, rows in seen.derived.items():
            if test(word):
                yes = either(yes, rows)
        no = without(seen.known, yes)
        if left.default is not None and seen.known is not True:
            chosen = opposite(seen.known)
            yes, no = (either(yes, chosen), no) if test(left.default) else (yes, either(no, chosen))
        return Truth(yes, no)

    def _same(self, left: ir.Fact, right: ir.Fact) -> Truth:
        """Return where two facts of words say the same."""
        yes: Plane = False
        for word in dict.fromkeys(
            [*self._words(left.name), *self._words(right.name), left.default, right.default]
        ):
            if word is not None:
                yes = either(yes, both(self._equal(left, word).yes, self._equal(right, word).yes))
        known = both(self._settled(left), self._settled(right))
        return Truth(yes, without(known, yes))

    def _settled(self, fact: ir.Fact) -> Plane:
        return True if fact.default is not None else self.fact(fact.name).known

    # -- numbers ---------------------------------------------------------------------------------

    def amount(self, node: ir.Value) -> Amount:
        """Return the numbers or days of a value node."""
        match node:
            case ir.Const(value):
                return Amount(0, False) if value is None else Amount(_number(value), True)
            case ir.Fact(name):
                seen = self.fact(name)
                if not isinstance(seen.column, Numbers):
                    return Amount(0, False)
                return Amount(seen.column.values, seen.known)
            case ir.Sum(left, right, minus):
                a, b = self.amount(left), self.amount(right)
                values = a.values - b.values if minus else a.values + b.values
                return Amount(values, both(a.known, b.known))
            case _:
                raise AssertionError(f"not bound: {node}")

    def _ordered(self, op: str, left: Amount, right: Amount) -> Truth:
        known = both(left.known, right.known)
        if known is False:
            return UNKNOWN
        found: Mask | bool = _OPERATORS[op](left.values, right.values)
        yes = both(known, plane(found))
        return Truth(yes, without(known, yes))


def _number(value: Scalar) -> int | float:
    if isinstance(value, date):
        return day_number(value)
    if isinstance(value, (int, float)):
        return value
    raise AssertionError(f"not a number or day: {value!r}")


def _known(column: Column | None) -> Plane:
    match column:
        case None:
            return False
        case Flags(_, known, _):
            return True if known is None else known
        case Codes(codes, words):
            return plane(codes < len(words) if isinstance(codes, int) else codes != len(words))
        case Members(_, missing) | Numbers(_, missing):
            return True if missing is None else plane(~missing)


def _flagged(column: Flags, test: Callable[[Any], bool]) -> Plane:
    """Return the rows whose answer passes `test`."""
    yes: Plane = column.yes if test(True) else False
    if test(False):
        yes = either(yes, without(True if column.known is None else column.known, column.yes))
    return yes


def _members(column: Members, node: ir.Node | None) -> Plane:
    """Return the rows whose set passes `Has` or `Empty`; unknown rows do not."""
    if isinstance(node, ir.Has):
        if node.every and not node.members <= frozenset(column.words):
            return False
        wanted = bits_of(node.members, column.words)
    elif isinstance(node, ir.Empty):
        wanted = (0,) * len(column.bits)
    else:
        raise AssertionError(f"not a question about a set: {node}")
    found: Any = isinstance(node, ir.Empty) or node.every
    for bits, wide in zip(column.bits, wanted, strict=True):
        mark = wide if isinstance(bits, int) else np.uint64(wide)
        if isinstance(node, ir.Empty):
            found = found & (bits == 0)
        elif not wide:
            continue
        elif node.every:
            found = found & ((bits & mark) == mark)
        else:
            found = found | ((bits & mark) != 0)
    if column.missing is not None:
        found = found & ~column.missing
    return plane(found)
