"""The scalar back end: from a bound condition to a function of the facts, without eval or exec.

A test takes the facts by name (unknown ones absent) and returns True, False or None for unknown.
Closures are specialised by shape, because a decision is little else than calling them.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from entrepot.law import ir
from entrepot.law.model import Scalar

Facts: TypeAlias = Mapping[str, Scalar]
Test: TypeAlias = Callable[[Facts], bool | None]
Read: TypeAlias = Callable[[Facts], Any]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_test(node: ir.Node) -> Test:
    """Compile a bound condition (no `ValueRef`, `Listed` or group left in it)."""
    match node:
        case ir.Const(value):
            truth = None if value is None else bool(value)
            return lambda facts: truth
        case ir.Truth(fact):
            return compile_read(fact)
        case ir.Compare(op, left, right):
            return _comparison(op, left, right)
        case ir.In(left, members, ()):
            return _membership(left, members)
        case ir.Has(left, members, (), every):
            return _has(left, members, every=every)
        case ir.Empty(left):
            return _empty(left)
        case ir.Not(part):
            return _negation(compile_test(part))
        case ir.And(parts):
            return _conjunction([compile_test(part) for part in parts])
        case ir.Or(parts):
            return _disjunction([compile_test(part) for part in parts])
        case ir.Entries(_, entries):
            return _disjunction([compile_test(condition) for _, condition in entries])
        case _:
            raise AssertionError(f"not bound: {node}")


def compile_read(node: ir.Value) -> Read:
    """Compile a value node to a function that returns its value or None."""
    match node:
        case ir.Const(value):
            return lambda facts: value
        case ir.Fact(name, None):
            return lambda facts: facts.get(name)
        case ir.Fact(name, default):
            return lambda facts: facts.get(name, default)
        case ir.Sum(left, right, minus):
            return _sum(compile_read(left), compile_read(right), minus=minus)
        case _:
            raise AssertionError(f"not bound: {node}")


def _sum(left: Read, right: Read, *, minus: bool) -> Read:
    def read(facts: Facts) -> Any:
        a, b = left(facts), right(facts)
        if a is None or b is None:
            return None
        return a - b if minus else a + b

    return read


def _comparison(op: str, left: ir.Value, right: ir.Value) -> Test:
    if isinstance(left, ir.Fact) and isinstance(right, ir.Const) and right.value is not None:
        return _fact_against_constant(op, left.name, left.default, right.value)
    compare = _OPERATORS[op]
    read_left, read_right = compile_read(left), compile_read(right)

    def test(facts: Facts) -> bool | None:
        a, b = read_left(facts), read_right(facts)
        if a is None or b is None:
            return None
        return bool(compare(a, b))

    return test


def _fact_against_constant(op: str, name: str, default: Any, constant: Any) -> Test:
    if op == "==":

        def equal(facts: Facts) -> bool | None:
            value = facts.get(name, default)
            return None if value is None else value == constant

        return equal
    compare = _OPERATORS[op]

    def ordered(facts: Facts) -> bool | None:
        value = facts.get(name, default)
        return None if value is None else compare(value, constant)

    return ordered


def _membership(left: ir.Value, members: frozenset[Scalar]) -> Test:
    if isinstance(left, ir.Fact):
        name, default = left.name, left.default

        def test_fact(facts: Facts) -> bool | None:
            value = facts.get(name, default)
            return None if value is None else value in members

        return test_fact
    read = compile_read(left)

    def test(facts: Facts) -> bool | None:
        value = read(facts)
        return None if value is None else value in members

    return test


def _has(left: ir.Value, members: frozenset[str], *, every: bool) -> Test:
    read = compile_read(left)

    def has_all(facts: Facts) -> bool | None:
        value = read(facts)
        return None if value is None else members <= value

    def has_any(facts: Facts) -> bool | None:
        value = read(facts)
        return None if value is None else not members.isdisjoint(value)

    return has_all if every else has_any


def _empty(left: ir.Value) -> Test:
    read = compile_read(left)

    def test(facts: Facts) -> bool | None:
        value = read(facts)
        return None if value is None else not value

    return test


def _negation(part: Test) -> Test:
    def test(facts: Facts) -> bool | None:
        result = part(facts)
        return None if result is None else not result

    return test


def _conjunction(parts: list[Test]) -> Test:
    if len(parts) == 2:
        first, second = parts

        def both(facts: Facts) -> bool | None:
            a = first(facts)
            if a is False:
                return False
            b = second(facts)
            if b is False:
                return False
            return None if a is None or b is None else True

        return both

    def every(facts: Facts) -> bool | None:
        known: bool | None = True
        for part in parts:
            result = part(facts)
            if result is False:
                return False
            if result is None:
                known = None
        return known

    return every


def _disjunction(parts: list[Test]) -> Test:
    if len(parts) == 2:
        first, second = parts

        def either(facts: Facts) -> bool | None:
            a = first(facts)
            if a:
                return True
            b = second(facts)
            if b:
                return True
            return None if a is None or b is None else False

        return either

    def some(facts: Facts) -> bool | None:
        known: bool | None = False
        for part in parts:
            result = part(facts)
            if result:
                return True
            if result is None:
                known = None
        return known

    return some


def unknown_facts(node: ir.Node, facts: Facts) -> tuple[str, ...]:
    """Return the unknown facts that keep `node` from being true or false, in reading order.

    Parts that are already settled contribute nothing: of `a and b` with `a` true and `b` unknown
    only the facts of `b` are missing.
    """
    found: dict[str, None] = {}
    stack: list[ir.Node] = [node]
    while stack:
        here = stack.pop()
        if compile_test(here)(facts) is not None:
            continue
        if isinstance(here, (ir.And, ir.Or)):
            stack.extend(reversed(here.parts))
        elif isinstance(here, ir.Not):
            stack.append(here.part)
        elif isinstance(here, ir.Entries):
            stack.extend(condition for _, condition in reversed(here.entries))
        else:
            for part in ir.walk(here):
                if isinstance(part, ir.Fact) and facts.get(part.name, part.default) is None:
                    found[part.name] = None
    return tuple(found)
