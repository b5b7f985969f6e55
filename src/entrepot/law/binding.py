"""Binding: from a condition of the rulebook to the condition of one day and one flow.

Dated values become constants, lists the entries in force, groups their members on the day, and what
depends only on `flow.from` and `flow.to` is settled, so that a bound condition asks only what the
facts can still answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from entrepot.law import ir
from entrepot.law.kleene import compile_test
from entrepot.law.model import Scalar


@dataclass(frozen=True, slots=True)
class Day:
    """What binding needs to know of one day and flow."""

    flow: Mapping[str, Scalar]
    """`flow.from` and `flow.to`; `flow.as_of` stays a fact, so that one binding serves many
    days."""
    value: Callable[[str], int | float | None]
    entries: Callable[[str], tuple[tuple[str, ir.Node], ...]]
    members: Callable[[str], frozenset[str]]


def bind_condition(node: ir.Node, day: Day) -> ir.Node:
    """Return `node` as it stands on `day`."""
    match node:
        case ir.And(parts):
            return ir.conjunction(*(bind_condition(part, day) for part in parts))
        case ir.Or(parts):
            return ir.disjunction(*(bind_condition(part, day) for part in parts))
        case ir.Not(part):
            return ir.negation(bind_condition(part, day))
        case ir.Listed(name):
            return _entries(name, day)
        case ir.Compare(op, left, right):
            return _settle(ir.Compare(op, bind_value(left, day), bind_value(right, day)))
        case ir.In(left, members, groups):
            return _settle(ir.In(bind_value(left, day), _members(members, groups, day)))
        case ir.Has(left, members, groups, every):
            words = frozenset(
                word for word in _members(frozenset(members), groups, day) if isinstance(word, str)
            )
            return _settle(ir.Has(bind_value(left, day), words, (), every))
        case ir.Empty(left):
            return _settle(ir.Empty(bind_value(left, day)))
        case ir.Truth(fact):
            return _settle(ir.Truth(bind_value(fact, day)))
        case _:
            return node


def bind_value(node: ir.Value, day: Day) -> ir.Value:
    """Return a value node as it stands on `day`."""
    match node:
        case ir.Fact(name) if name in day.flow:
            return ir.Const(day.flow[name])
        case ir.ValueRef(name):
            return ir.Const(day.value(name))
        case ir.Sum(left, right, minus):
            return ir.Sum(bind_value(left, day), bind_value(right, day), minus)
        case _:
            return node


def _members(members: frozenset[Scalar], groups: tuple[str, ...], day: Day) -> frozenset[Scalar]:
    return members.union(*(day.members(group) for group in groups))


def _settle(node: ir.Compare | ir.In | ir.Has | ir.Empty | ir.Truth) -> ir.Node:
    match node:
        case ir.Compare(_, left, right):
            settled = _constant(left) and _constant(right)
        case ir.Truth(fact):
            settled = _constant(fact)
        case _:
            settled = _constant(node.left)
    return ir.Const(compile_test(node)({})) if settled else node


def _constant(node: ir.Value) -> bool:
    if isinstance(node, ir.Sum):
        return _constant(node.left) and _constant(node.right)
    return isinstance(node, ir.Const)


def _entries(name: str, day: Day) -> ir.Node:
    left: list[tuple[str, ir.Node]] = []
    for entry, condition in day.entries(name):
        bound = bind_condition(condition, day)
        if bound != ir.FALSE:
            left.append((entry, bound))
    return ir.Entries(name, tuple(left)) if left else ir.FALSE
