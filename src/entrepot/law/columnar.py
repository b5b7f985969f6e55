"""The columnar back end: millions of sets of facts under one bound law, with Polars.

It reads the same bound conditions as the scalar back end. Polars' own logic over nulls is Kleene's,
so unknown is null. A frame has one column per fact, named as in the vocabulary (sets as lists of
text); an absent column is unknown throughout. Where a column has no null the unknown half is left
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.law import ir
from entrepot.law.columnexprs import Reader, column_type, plain
from entrepot.law.columntracks import Builder
from entrepot.law.factset import FactSet
from entrepot.law.model import Scalar
from entrepot.law.vocabulary import FactSpec

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw

STREAMED_ROWS_MIN = 100_000
"""From this size on Polars works through the frame in pieces, on all cores."""


def frame_of(rows: Iterable[Mapping[str, Scalar]], specs: Mapping[str, FactSpec]) -> pl.DataFrame:
    """Return a frame with one row per set of facts and one column per fact that any row has."""
    listed = list(rows)
    # A frame without columns has no rows, so the day stands in when nothing is known.
    names = sorted({name for row in listed for name in row}) or ["flow.as_of"]
    return pl.DataFrame(
        {
            name: pl.Series(
                [plain(row.get(name)) for row in listed], dtype=column_type(specs[name])
            )
            for name in names
        }
    )


def rows_of(factsets: Sequence[FactSet], bound: BoundLaw) -> pl.DataFrame:
    """Return a frame of several sets of facts, as they hold on the bound day."""
    rows = [facts.under(bound.flow) for facts in factsets]
    return frame_of(rows, bound.library.vocabulary.facts)


def assess_columns(bound: BoundLaw, frame: pl.DataFrame, *, status: bool = False) -> pl.DataFrame:
    """Return, row by row, the columns `outcome`, `strictest` and `rule`; with `status` that too.

    `outcome` and `strictest` are enums of `OUTCOMES`, `rule` is the id of the deciding rule (null
    when
    a default decides; the first when several decide together). Raises `InvalidInput` for a column
    that is no fact or has another type than its fact.
    """
    frame = _checked(bound, frame)
    known = {"flow.as_of", *(name for name in frame.columns if frame[name].null_count() == 0)}
    plan = frame.lazy()
    for name, expression in _derivations(bound, set(frame.columns), known):
        plan = plan.with_columns(expression.alias(name))
    builder = Builder(bound, set(frame.columns), known, status=status)
    sides = [builder.regime(regime) for regime in bound.content.regimes]
    outputs = builder.join(sides)
    plan = builder.steps.onto(plan).select(**outputs)
    if frame.height >= STREAMED_ROWS_MIN:
        return plan.collect(engine="streaming")
    # A small frame costs less to work out than a plan of hundreds of columns does to optimise.
    return plan.collect(engine="in-memory", optimizations=pl.QueryOptFlags.none())


def _checked(bound: BoundLaw, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the columns that the law reads, each in the type of its fact."""
    read = bound.content.facts_read
    columns: list[pl.Series] = []
    for name, kind in frame.schema.items():
        expected = column_type(bound.library.vocabulary[name])
        column = frame[name]
        numeric = expected.is_numeric() and kind.is_numeric()
        words = isinstance(expected, (pl.Enum, pl.String)) and isinstance(
            kind, (pl.Enum, pl.Categorical, pl.String)
        )
        if kind != expected and not numeric and not words:
            raise InvalidInput(
                f"column {name} has type {kind}", remedy=f"expected {expected} for this fact"
            )
        if name not in read:
            continue
        if words and kind != expected:
            try:
                column = column.cast(pl.String).cast(expected)
            except pl.exceptions.InvalidOperationError:
                raise InvalidInput(
                    f"column {name} has a value that its fact does not know",
                    remedy=f"expected {bound.library.vocabulary[name].expected}",
                ) from None
        columns.append(column)
    # A frame without columns has no rows, so the day stands in when nothing is read.
    day = pl.repeat(bound.flow.as_of, frame.height, eager=True).alias("flow.as_of")
    return pl.DataFrame(columns) if columns else day.to_frame()


def _derivations(bound: BoundLaw, columns: set[str], known: set[str]) -> list[tuple[str, pl.Expr]]:
    """Return (fact, expression) in the order in which they must be added."""
    derived = [item for item in bound.content.derivations if item.name not in known]
    order = {item.name: number for number, item in enumerate(derived)}
    back = sum(
        order.get(fact, -1) >= order[item.name]
        for item in derived
        for rule in item.rules
        for fact in (*ir.facts_of(rule[2]), *ir.facts_of(rule[3]))
    )
    found: list[tuple[str, pl.Expr]] = []
    present = set(columns)
    for _ in range(1 + back):
        for item in derived:
            reader = Reader(bound, present)
            spec = bound.library.vocabulary[item.name]
            kind = column_type(spec)
            current = pl.col(item.name) if item.name in present else pl.lit(None, dtype=kind)
            values = [
                pl.when(reader.truth(node))
                .then(reader.value(value).cast(kind))
                .otherwise(pl.lit(None, dtype=kind))
                for _, _, node, value in item.rules
            ]
            found.append((item.name, pl.coalesce([current, *values])))
            present.add(item.name)
    return found
