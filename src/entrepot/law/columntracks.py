"""Verdicts of every regime as Polars expressions; the columnar twin of `entrepot.law.judge`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import polars as pl

from entrepot.law import ir
from entrepot.law.bind import BoundRegime, Option
from entrepot.law.columnexprs import NO, YES, Reader, Steps, any_of
from entrepot.law.judge import BoundDuty, BoundRule, Track
from entrepot.law.outcomes import BLOCKING, OUTCOME_RANK, OUTCOMES, PRECONDITIONED, UNDECIDED

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw

STATUSES: tuple[str, ...] = ("open", "conditional", "undecided", "barred")

_NEEDS_FACT = OUTCOME_RANK["NEEDS_FACT"]
_NEEDS_HUMAN = OUTCOME_RANK["NEEDS_HUMAN"]
_PROHIBITED = OUTCOME_RANK["PROHIBITED"]


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


@dataclass(slots=True)
class _Course:
    """How far the rules of one role decide, before unknown rules are weighed."""

    ordered: list[_State]
    default: int
    settled: pl.Expr
    decided: pl.Expr
    code: pl.Expr
    any_hit: pl.Expr
    doubts: list[tuple[pl.Expr, int]]
    """Open and contested rules that are reached, with their ranks, strictest first."""
    closures: list[tuple[pl.Expr, _State]]
    """Rules that are reached and closed, strictest first."""
    floor: pl.Expr
    shut: pl.Expr
    stays: pl.Expr = NO


class Builder:
    """Builds the expressions of every regime and joins them."""

    def __init__(
        self, bound: BoundLaw, columns: set[str], known: set[str], *, status: bool
    ) -> None:
        self.steps = Steps()
        self.status = status
        derived = {item.name for item in bound.content.derivations}
        self.reader = Reader(bound, columns | derived)
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
            beaten = add(any_of([other.sure for other in others]))
            doubts = [d for o in others for d in (o.open, o.contested) if d is not None]
            if unknown is not None:
                unknown = add(unknown & ~beaten)
            true = add(true & ~beaten)
            if doubts:
                doubt = add(any_of(doubts))
                contested, true = add(true & doubt), add(true & ~doubt)
        code = self.codes.setdefault(rule.rule.id, len(self.codes))
        memo[rule] = _State(rule, code, true, unknown, contested, closed)
        return memo[rule]

    # -- one regime ------------------------------------------------------------------------------

    def regime(self, regime: BoundRegime) -> _Side:
        """Return the expressions of a regime over the roles it may take."""
        side = _Side(_rank(-1), _rank(-1), _code(None), NO, NO, NO)
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
            return _Side(_rank(-1), _rank(-1), _code(None), NO, NO, NO)
        exports = YES if option.role == "export" else NO
        return self.track(option.track, exports)

    def track(self, track: Track, exports: pl.Expr) -> _Side:
        """Return the expressions of the rules of one role; see `Track` for what they mean."""
        course = self.course(track)
        if course.closures:
            self.close(course)
        rank = peak = course.decided
        if course.doubts:
            rank, peak = self.doubt(course)
        unmet, failed = self.duties(track, course, rank) if self.status else (NO, NO)
        return _Side(rank, peak, course.code, unmet, failed, exports)

    def course(self, track: Track) -> _Course:
        """Return what the rules that are sure to apply decide, class by class."""
        add = self.steps.add
        memo: dict[BoundRule, _State] = {}
        groups = [[self.state(rule, memo) for rule in group] for group in track.classes]
        reached: list[pl.Expr] = []
        settled = NO
        for group in groups:
            reached.append(add(~settled))
            settled = add(settled | any_of([state.sure for state in group]))
        ordered = [s for group in groups for s in sorted(group, key=lambda s: -s.rule.rank)]
        by_rank = sorted(
            ((s, r) for group, r in zip(groups, reached, strict=True) for s in group),
            key=lambda pair: -pair[0].rule.rank,
        )
        default = OUTCOME_RANK[track.default]
        closures = [(add(s.closed & r), s) for s, r in by_rank if s.closed is not None]
        return _Course(
            ordered=ordered,
            default=default,
            settled=settled,
            decided=add(_first([(s.hit, s.rule.rank) for s in ordered], default)),
            code=add(_first_code([(s.hit, s.code) for s in ordered])),
            any_hit=add(any_of([s.hit for s in ordered])),
            doubts=[
                (add(doubt & r), s.rule.rank)
                for s, r in by_rank
                for doubt in (s.open, s.contested)
                if doubt is not None
            ],
            closures=closures,
            floor=add(_first([(shut, s.rule.rank) for shut, s in closures], -1)),
            shut=add(any_of([shut for shut, _ in closures])),
        )

    def close(self, course: _Course) -> None:
        """Let closed routes stand where nothing stricter follows."""
        add = self.steps.add
        gap = ~course.any_hit if course.default != _PROHIBITED else NO
        stays = add(course.shut & (gap | (course.decided < course.floor)))
        shown = _first_code([(shut, s.code) for shut, s in course.closures])
        course.code = add(pl.when(stays).then(shown).otherwise(course.code))
        course.decided = add(pl.when(stays).then(course.floor).otherwise(course.decided))
        course.any_hit = add(course.any_hit | stays)
        course.stays = stays

    def doubt(self, course: _Course) -> tuple[pl.Expr, pl.Expr]:
        """Return rank and strictest rank: open rules, what stands behind them, the default."""
        add = self.steps.add
        behind = []
        if any(state.contested is not None for state in course.ordered):
            behind = [_first([(s.sure, s.rule.rank) for s in course.ordered], -1)]
        gap = ~course.settled
        if course.default != _PROHIBITED:
            gap = gap & ~course.shut
        last = pl.when(gap).then(_rank(course.default)).otherwise(_rank(-1))
        wild = _first(course.doubts, -1)
        peak = add(pl.max_horizontal(course.decided, course.floor, wild, *behind, last))
        ask = peak > course.decided
        if OUTCOMES[course.default] in BLOCKING:
            ask = ask | (~course.any_hit & any_of([doubt for doubt, _ in course.doubts]))
        return add(pl.when(ask).then(_rank(_NEEDS_FACT)).otherwise(course.decided)), peak

    # -- status ----------------------------------------------------------------------------------

    def duties(self, track: Track, course: _Course, rank: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
        """Return (some duty before the transfer is unmet, some duty has failed)."""
        states, code = course.ordered, course.code
        closures = {state.rule: shut for shut, state in course.closures}
        unmet: list[pl.Expr] = []
        failed: list[pl.Expr] = []
        before = NO
        for duty in track.duties:
            arises = self.steps.add(self.reader.truth(duty.when_node).fill_null(True))
            if duty.duty.not_for:
                arises = arises & ~any_of(
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
            hit = (
                state.hit
                & ~course.stays
                & any_of([code.eq_missing(_code(other)) for other in alike])
            )
            if state.rule in closures:
                hit = hit | (
                    closures[state.rule] & course.stays & (course.decided == state.rule.rank)
                )
            hit = self.steps.add(hit)
            for duty in route:
                arises = hit & self.reader.truth(duty.when_node).fill_null(True)
                before = self.duty(duty, self.steps.add(arises), unmet, failed, before)
        demanding = any_of([rank == OUTCOME_RANK[name] for name in sorted(PRECONDITIONED)])
        add = self.steps.add
        return add(any_of([*unmet, demanding & ~before])), add(any_of(failed))

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
            pl.when(any_of([s.exports for s in sides]))
            .then(_rank(-1))
            .otherwise(_rank(_NEEDS_HUMAN))
        )
        rank = self.steps.add(pl.max_horizontal([uncovered, *(side.rank for side in sides)]))
        peak = pl.max_horizontal([uncovered, *(side.peak for side in sides)])
        code = _first_of(sides, rank)
        outputs = {
            "outcome": _named(rank, OUTCOMES),
            "strictest": _named(pl.max_horizontal(peak, rank), OUTCOMES),
            "rule": _named(code, list(self.codes)) if self.codes else pl.lit(None, dtype=pl.String),
        }
        if self.status:
            undecided = any_of([rank == OUTCOME_RANK[name] for name in sorted(UNDECIDED)])
            barred = (rank == _PROHIBITED) | any_of([side.failed for side in sides])
            number = (
                pl.when(barred)
                .then(_rank(3))
                .when(undecided)
                .then(_rank(2))
                .when(any_of([side.unmet for side in sides]))
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
def _code(value: int | None) -> pl.Expr:
    """Return the code of a rule; null when no rule decides."""
    return pl.lit(value, dtype=pl.UInt16)


def _first(choices: Sequence[tuple[pl.Expr, int]], otherwise: int) -> pl.Expr:
    """Return the rank of the first choice whose condition holds."""
    result = _rank(otherwise)
    for condition, rank in reversed(choices):
        result = pl.when(condition).then(_rank(rank)).otherwise(result)
    return result


def _first_code(choices: Sequence[tuple[pl.Expr, int]]) -> pl.Expr:
    result = _code(None)
    for condition, code in reversed(choices):
        result = pl.when(condition).then(_code(code)).otherwise(result)
    return result


def _first_of(sides: list[_Side], rank: pl.Expr) -> pl.Expr:
    """Return the code of the deciding rule of the first side as strict as the whole that has
    one."""
    result = _code(None)
    for side in reversed(sides):
        decides = (side.rank == rank) & side.code.is_not_null()
        result = pl.when(decides).then(side.code).otherwise(result)
    return result


def _named(code: pl.Expr, names: Sequence[str]) -> pl.Expr:
    """Turn positions in `names` into an enum."""
    return code.cast(pl.UInt8 if len(names) < 256 else pl.UInt16).cat.to(pl.Enum(names))
