"""Polars expressions for bound conditions: values, truths, and intermediate columns."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import polars as pl

from entrepot.law import ir
from entrepot.law.model import Scalar
from entrepot.law.vocabulary import FactSpec

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw

_TYPES: dict[str, pl.DataType] = {
    "bool": pl.Boolean(),
    "int": pl.Int64(),
    "number": pl.Float64(),
    "date": pl.Date(),
    "text": pl.String(),
    "jurisdiction": pl.String(),
    "set": pl.List(pl.String()),
    "jurisdictions": pl.List(pl.String()),
}
NO = pl.lit(False)
YES = pl.lit(True)


def column_type(spec: FactSpec) -> pl.DataType:
    """Return the Polars type of a fact's column; an enum compares as fast as a number."""
    return pl.Enum(list(spec.values)) if spec.type == "enum" else _TYPES[spec.type]


def plain(value: Scalar | None) -> object:
    """Return a value as Polars takes it: a set as a sorted list."""
    return sorted(value) if isinstance(value, frozenset) else value


class Reader:
    """Turns bound conditions into Polars expressions."""

    def __init__(self, bound: BoundLaw, columns: set[str]) -> None:
        self.vocabulary = bound.library.vocabulary
        self.as_of = bound.flow.as_of
        self.columns = columns
        self.facts: dict[str, pl.Expr] = {}

    def fact(self, name: str, default: Scalar | None) -> pl.Expr:
        """Return the column of a fact, with what unknown means for a choice."""
        kind = column_type(self.vocabulary[name])
        if name not in self.columns:
            return pl.lit(plain(default), dtype=kind)
        column = pl.col(name)
        return column if default is None else column.fill_null(pl.lit(plain(default), dtype=kind))

    def truth(self, node: ir.Node) -> pl.Expr:
        """Return a boolean expression; null is unknown."""
        match node:
            case ir.Const(value):
                return pl.lit(None if value is None else bool(value), dtype=pl.Boolean)
            case ir.Truth(fact):
                return self.value(fact)
            case ir.Compare(op, left, right):
                return _compare(op, self.value(left), self.value(right))
            case ir.In(left, members, ()):
                one = self.value(left)
                return any_of([one.eq(member) for member in _sorted(members)])
            case ir.Has(left, members, (), every):
                column = self.value(left)
                tests = [column.list.contains(member) for member in sorted(members)]
                return all_of(tests, column) if every else any_of(tests, column)
            case ir.Empty(left):
                return self.value(left).list.len() == 0
            case ir.Not(part):
                return ~self.truth(part)
            case ir.And(parts):
                return reduce(lambda a, b: a & b, [self.truth(part) for part in parts])
            case ir.Or(parts):
                return reduce(lambda a, b: a | b, [self.truth(part) for part in parts])
            case ir.Entries(_, entries):
                return reduce(lambda a, b: a | b, [self.truth(part) for _, part in entries])
            case _:
                raise AssertionError(f"not bound: {node}")

    def value(self, node: ir.Value) -> pl.Expr:
        """Return a value expression; null is unknown."""
        match node:
            case ir.Const(value):
                return _literal(type(value).__name__, value)
            case ir.Fact("flow.as_of"):
                return pl.lit(self.as_of)
            case ir.Fact(name, default):
                found = self.facts.get(name)
                if found is None:
                    found = self.facts[name] = self.fact(name, default)
                return found
            case ir.Sum(left, right, minus):
                a, b = self.value(left), self.value(right)
                return a - b if minus else a + b
            case _:
                raise AssertionError(f"not bound: {node}")


@lru_cache(maxsize=4096)
def _literal(kind: str, value: Scalar | None) -> pl.Expr:
    """Return a literal; `kind` keeps true apart from 1 in the cache."""
    return pl.lit(value)


def _compare(op: str, left: pl.Expr, right: pl.Expr) -> pl.Expr:
    match op:
        case "==":
            return left == right
        case "<":
            return left < right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case _:
            return left >= right


def _sorted(members: frozenset[Scalar]) -> list[Scalar]:
    return sorted(members, key=str)


def any_of(tests: Sequence[pl.Expr], value: pl.Expr | None = None) -> pl.Expr:
    """Return whether any of `tests` holds; with none, false where `value` is known."""
    if tests:
        return reduce(lambda a, b: a | b, tests)
    return NO if value is None else _unless_null(value, False)


def all_of(tests: Sequence[pl.Expr], value: pl.Expr) -> pl.Expr:
    """Return whether all of `tests` hold; with none, true where `value` is known."""
    if tests:
        return reduce(lambda a, b: a & b, tests)
    return _unless_null(value, True)


def _unless_null(value: pl.Expr, truth: bool) -> pl.Expr:
    return pl.when(value.is_null()).then(pl.lit(None, dtype=pl.Boolean)).otherwise(pl.lit(truth))


class Steps:
    """Intermediate columns in layers, each reading only earlier ones.

    An expression used twice would be copied into each use, and copies of copies grow without bound;
    a column is worked out once.
    """

    def __init__(self) -> None:
        self.depths: dict[str, int] = {}
        self.layers: list[list[pl.Expr]] = []

    def add(self, expression: pl.Expr) -> pl.Expr:
        """Give `expression` a column of its own and return that column."""
        depth = max((self.depths.get(name, 0) for name in expression.meta.root_names()), default=0)
        name = f"__{len(self.depths)}"
        self.depths[name] = depth + 1
        if depth == len(self.layers):
            self.layers.append([])
        self.layers[depth].append(expression.alias(name))
        return pl.col(name)

    def onto(self, plan: pl.LazyFrame) -> pl.LazyFrame:
        """Return `plan` with all intermediate columns."""
        for layer in self.layers:
            plan = plan.with_columns(layer)
        return plan
