"""The columnar back end: millions of sets of facts under one bound law, with Polars.

It reads the same bound conditions as the scalar back end. Polars' own logic over nulls is
Kleene's, so
unknown is null. A frame has one column per fact, named as in the vocabulary (sets as lists of
text);
an absent column is unknown throughout. Where a column has no null the unknown half is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.law import ir
from entrepot.law.bind import BoundRegime, Option
from entrepot.law.factset import FactSet
from entrepot.law.judge import BoundDuty, BoundRule, Track
from entrepot.law.model import Scalar
from entrepot.law.outcomes import BLOCKING, OUTCOME_RANK, OUTCOMES, PRECONDITIONED, UNDECIDED
from entrepot.law.vocabulary import FactSpec

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw

STATUSES: tuple[str, ...] = ("open", "conditional", "undecided", "barred")

STREAMED_ROWS_MIN = 100_000
"""From this size on Polars works through the frame in pieces, on all cores."""

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
_NO = pl.lit(False)
_YES = pl.lit(True)
_NEEDS_FACT = OUTCOME_RANK["NEEDS_FACT"]
_NEEDS_HUMAN = OUTCOME_RANK["NEEDS_HUMAN"]
_PROHIBITED = OUTCOME_RANK["PROHIBITED"]


def column_type(spec: FactSpec) -> pl.DataType:
    """Return the Polars type of a fact's column; an enum compares as fast as a number."""
    return pl.Enum(list(spec.values)) if spec.type == "enum" else _TYPES[spec.type]


def frame_of(rows: Iterable[Mapping[str, Scalar]], specs: Mapping[str, FactSpec]) -> pl.DataFrame:
    """Return a frame with one row per set of facts and one column per fact that any row has."""
    listed = list(rows)
    # A frame without columns has no rows, so the day stands in when nothing is known.
    names = sorted({name for row in listed for name in row}) or ["flow.as_of"]
    return pl.DataFrame(
        {
            name: pl.Series(
                [_plain(row.get(name)) for row in listed], dtype=column_type(specs[name])
            )
            for name in names
        }
    )


def _plain(value: Scalar | None) -> object:
    return sorted(value) if isinstance(value, frozenset) else value


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
    builder = _Builder(bound, set(frame.columns), known, status=status)
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
            reader = _Reader(bound, present)
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


class _Reader:
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
            return pl.lit(_plain(default), dtype=kind)
        column = pl.col(name)
        return column if default is None else column.fill_null(pl.lit(_plain(default), dtype=kind))

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
                return _any([one.eq(member) for member in _sorted(members)])
            case ir.Has(left, members, (), every):
                column = self.value(left)
                tests = [column.list.contains(member) for member in sorted(members)]
                return _all(tests, column) if every else _any(tests, column)
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


def _any(tests: Sequence[pl.Expr], value: pl.Expr | None = None) -> pl.Expr:
    if tests:
        return reduce(lambda a, b: a | b, tests)
    return _NO if value is None else _unless_null(value, False)


def _all(tests: Sequence[pl.Expr], value: pl.Expr) -> pl.Expr:
    if tests:
        return reduce(lambda a, b: a & b, tests)
    return _unless_null(value, True)


def _unless_null(value: pl.Expr, truth: bool) -> pl.Expr:
    return pl.when(value.is_null()).then(pl.lit(None, dtype=pl.Boolean)).otherwise(pl.lit(truth))


@dataclass(frozen=True, slots=True)
class _State:
    """Boolean expressions without nulls for one rule."""

    rule: BoundRule
    code: int
    sure: pl.Expr
    open: pl.Expr | None
    contested: pl.Expr | None
    closed: pl.Expr | None

    @property
    def hit(self) -> pl.Expr:
        """True, defeated by nothing that is sure to apply, and not closed."""
        return self.sure if self.contested is None else self.sure | self.contested


@dataclass(frozen=True, slots=True)
class _Side:
    """Expressions for one regime: rank, strictest rank, code of the deciding rule, status parts."""

    rank: pl.Expr
    peak: pl.Expr
    code: pl.Expr
    unmet: pl.Expr
    failed: pl.Expr
    exports: pl.Expr


class _Steps:
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


class _Builder:
    """Builds the expressions of every regime and joins them."""

    def __init__(
        self, bound: BoundLaw, columns: set[str], known: set[str], *, status: bool
    ) -> None:
        self.steps = _Steps()
        self.status = status
        derived = {item.name for item in bound.content.derivations}
        self.reader = _Reader(bound, columns | derived)
        self.known = known
        self.codes: dict[str, int] = {}

    def two_valued(self, node: ir.Node) -> bool:
        """Say whether `node` cannot be unknown in this frame."""
        return all(
            part.name in self.known or part.default is not None
            for part in ir.walk(node)
            if isinstance(part, ir.Fact)
        ) and not any(isinstance(p, ir.Const) and p.value is None for p in ir.walk(node))

    # -- one rule --------------------------------------------------------------------------------

    def state(self, rule: BoundRule, memo: dict[BoundRule, _State]) -> _State:
        """Return the state of `rule`, those of the rules that defeat it first."""
        if rule in memo:
            return memo[rule]
        add = self.steps.add
        test = add(self.reader.truth(rule.node))
        certain = self.two_valued(rule.node)
        true = test if certain else add(test.fill_null(False))
        unknown = None if certain else add(test.is_null())
        closed = None
        if rule.closed is not None:
            shut = add(self.reader.truth(rule.closed_node).fill_null(False))
            closed, true = add(true & shut), add(true & ~shut)
        contested = None
        if rule.defeaters:
            others = [self.state(other, memo) for other in rule.defeaters]
            beaten = add(_any([other.sure for other in others]))
            doubts = [d for o in others for d in (o.open, o.contested) if d is not None]
            if unknown is not None:
                unknown = add(unknown & ~beaten)
            true = add(true & ~beaten)
            if doubts:
                doubt = add(_any(doubts))
                contested, true = add(true & doubt), add(true & ~doubt)
        code = self.codes.setdefault(rule.rule.id, len(self.codes) + 1)
        memo[rule] = _State(rule, code, true, unknown, contested, closed)
        return memo[rule]

    # -- one regime ------------------------------------------------------------------------------

    def regime(self, regime: BoundRegime) -> _Side:
        """Return the expressions of a regime over the roles it may take."""
        side = _Side(_rank(-1), _rank(-1), _code(0), _NO, _NO, _NO)
        for option in reversed(regime.options):
            if option.test is not None and self.reader.columns.isdisjoint(ir.facts_of(option.node)):
                # Nothing that could engage it is known in any row.
                if not option.engages({"flow.as_of": self.reader.as_of}):
                    continue
            found = self.option(option)
            if option.test is None:
                side = found
                continue
            test = self.reader.truth(option.node)
            engaged = self.steps.add(test.fill_null(option.role in ("export", "import")))
            side = _Side(
                *(
                    self.steps.add(pl.when(engaged).then(new).otherwise(old))
                    for new, old in zip(_parts(found), _parts(side), strict=True)
                )
            )
        return side

    def option(self, option: Option) -> _Side:
        """Return the expressions of one role."""
        if option.track is None:
            return _Side(_rank(-1), _rank(-1), _code(0), _NO, _NO, _NO)
        exports = _YES if option.role == "export" else _NO
        return self.track(option.track, exports)

    def track(self, track: Track, exports: pl.Expr) -> _Side:
        """Return the expressions of the rules of one role; see `Track` for what they mean."""
        add = self.steps.add
        memo: dict[BoundRule, _State] = {}
        groups = [[self.state(rule, memo) for rule in group] for group in track.classes]
        reached: list[pl.Expr] = []
        before = _NO
        for group in groups:
            reached.append(add(~before))
            before = add(before | _any([state.sure for state in group]))
        settled = before
        default = OUTCOME_RANK[track.default]
        ordered = [s for group in groups for s in sorted(group, key=lambda s: -s.rule.rank)]
        by_rank = sorted(
            ((s, r) for group, r in zip(groups, reached, strict=True) for s in group),
            key=lambda pair: -pair[0].rule.rank,
        )
        decided = add(_first([(s.hit, s.rule.rank) for s in ordered], default))
        code = add(_first_code([(s.hit, s.code) for s in ordered], 0))
        any_hit = add(_any([s.hit for s in ordered]))
        doubts = [
            (add(e & r), s.rule.rank)
            for s, r in by_rank
            for e in (s.open, s.contested)
            if e is not None
        ]
        stays = _NO
        closures = [(add(s.closed & r), s) for s, r in by_rank if s.closed is not None]
        floor = add(_first([(e, s.rule.rank) for e, s in closures], -1))
        shut = add(_any([e for e, _ in closures]))
        if closures:
            gap = ~any_hit if default != _PROHIBITED else _NO
            stays = add(shut & (gap | (decided < floor)))
            shown = _first_code([(e, s.code) for e, s in closures], 0)
            code = add(pl.when(stays).then(shown).otherwise(code))
            decided = add(pl.when(stays).then(floor).otherwise(decided))
            any_hit = add(any_hit | stays)
        rank = peak = decided
        if doubts:
            # The strictest that is still possible: open rules, what stands behind them, the
            # default.
            behind = (
                [_first([(s.sure, s.rule.rank) for s in ordered], -1)]
                if any(s.contested is not None for s in ordered)
                else []
            )
            gap_ = ~settled if default == _PROHIBITED else ~settled & ~shut
            last = pl.when(gap_).then(_rank(default)).otherwise(_rank(-1))
            peak = add(pl.max_horizontal(decided, floor, _first(doubts, -1), *behind, last))
            ask = peak > decided
            if track.default in BLOCKING:
                ask = ask | (~any_hit & _any([e for e, _ in doubts]))
            rank = add(pl.when(ask).then(_rank(_NEEDS_FACT)).otherwise(decided))
        unmet, failed = (
            self.duties(
                track, ordered, rank, (decided, code, stays, {s.rule: e for e, s in closures})
            )
            if self.status
            else (_NO, _NO)
        )
        return _Side(rank, peak, code, unmet, failed, exports)

    # -- status ----------------------------------------------------------------------------------

    def duties(
        self,
        track: Track,
        states: list[_State],
        rank: pl.Expr,
        deciding: tuple[pl.Expr, pl.Expr, pl.Expr, dict[BoundRule, pl.Expr]],
    ) -> tuple[pl.Expr, pl.Expr]:
        """Return (some duty before the transfer is unmet, some duty has failed)."""
        decided, code, stays, closures = deciding
        unmet: list[pl.Expr] = []
        failed: list[pl.Expr] = []
        before = _NO
        for duty in track.duties:
            arises = self.steps.add(self.reader.truth(duty.when_node).fill_null(True))
            if duty.duty.not_for:
                arises = arises & ~_any(
                    [rank == OUTCOME_RANK[o] for o in sorted(duty.duty.not_for)]
                )
            before = self.duty(duty, self.steps.add(arises), unmet, failed, before)
        for state in states:
            route = track.route_duties.get(state.rule.rule.id, ())
            if not route:
                continue
            alike = [
                other.code
                for other in states
                if (other.rule.rank, other.rule.klass) == (state.rule.rank, state.rule.klass)
            ]
            hit = state.hit & ~stays & _any([code == other for other in alike])
            if state.rule in closures:
                hit = hit | (closures[state.rule] & stays & (decided == state.rule.rank))
            hit = self.steps.add(hit)
            for duty in route:
                arises = hit & self.reader.truth(duty.when_node).fill_null(True)
                before = self.duty(duty, self.steps.add(arises), unmet, failed, before)
        demanding = _any([rank == OUTCOME_RANK[name] for name in sorted(PRECONDITIONED)])
        add = self.steps.add
        return add(_any([*unmet, demanding & ~before])), add(_any(failed))

    def duty(
        self,
        duty: BoundDuty,
        arises: pl.Expr,
        unmet: list[pl.Expr],
        failed: list[pl.Expr],
        before: pl.Expr,
    ) -> pl.Expr:
        """Add what one duty says; return whether some duty was due before the transfer so far."""
        fails = self.reader.truth(duty.fails_node).fill_null(False)
        failed.append(arises & fails)
        if not duty.duty.due.before_transfer:
            return before
        done = self.reader.truth(duty.done_node).fill_null(False)
        unmet.append(arises & ~done)
        return self.steps.add(before | arises)

    # -- the whole -------------------------------------------------------------------------------

    def join(self, sides: list[_Side]) -> dict[str, pl.Expr]:
        """Return the output columns."""
        uncovered = (
            pl.when(_any([s.exports for s in sides])).then(_rank(-1)).otherwise(_rank(_NEEDS_HUMAN))
        )
        rank = self.steps.add(pl.max_horizontal([uncovered, *(side.rank for side in sides)]))
        peak = pl.max_horizontal([uncovered, *(side.peak for side in sides)])
        code = _first_of(sides, rank)
        outputs = {
            "outcome": _named(rank, OUTCOMES),
            "strictest": _named(pl.max_horizontal(peak, rank), OUTCOMES),
            "rule": _named(code - 1, list(self.codes), negative=True)
            if self.codes
            else pl.lit(None, dtype=pl.String),
        }
        if self.status:
            undecided = _any([rank == OUTCOME_RANK[name] for name in sorted(UNDECIDED)])
            barred = (rank == _PROHIBITED) | _any([side.failed for side in sides])
            number = (
                pl.when(barred)
                .then(_rank(3))
                .when(undecided)
                .then(_rank(2))
                .when(_any([side.unmet for side in sides]))
                .then(_rank(1))
                .otherwise(_rank(0))
            )
            outputs["status"] = _named(number, STATUSES)
        return outputs


def _parts(side: _Side) -> tuple[pl.Expr, ...]:
    return side.rank, side.peak, side.code, side.unmet, side.failed, side.exports


@lru_cache(maxsize=256)
def _rank(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int8)


@lru_cache(maxsize=4096)
def _code(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.Int32)


def _first(choices: Sequence[tuple[pl.Expr, int]], otherwise: int) -> pl.Expr:
    """Return the rank of the first choice whose condition holds."""
    result = _rank(otherwise)
    for condition, rank in reversed(choices):
        result = pl.when(condition).then(_rank(rank)).otherwise(result)
    return result


def _first_code(choices: Sequence[tuple[pl.Expr, int]], otherwise: int) -> pl.Expr:
    result = _code(otherwise)
    for condition, code in reversed(choices):
        result = pl.when(condition).then(_code(code)).otherwise(result)
    return result


def _first_of(sides: list[_Side], rank: pl.Expr) -> pl.Expr:
    """Return the code of the deciding rule of the first side as strict as the whole that has
    one."""
    result = _code(0)
    for side in reversed(sides):
        result = pl.when((side.rank == rank) & (side.code > 0)).then(side.code).otherwise(result)
    return result


def _named(code: pl.Expr, names: Sequence[str], *, negative: bool = False) -> pl.Expr:
    """Turn positions in `names` into an enum; with `negative` a position below zero is null."""
    physical = pl.UInt8 if len(names) < 256 else pl.UInt16
    valid = pl.when(code >= 0).then(code).otherwise(None) if negative else code
    return valid.cast(physical).cat.to(pl.Enum(names))


def rows_of(factsets: Sequence[FactSet], bound: BoundLaw) -> pl.DataFrame:
    """Return a frame of several sets of facts, as they hold on the bound day."""
    rows = [facts.on(bound.flow.as_of) for facts in factsets]
    return frame_of(rows, bound.library.vocabulary.facts)
