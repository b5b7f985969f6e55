"""Verdicts of one role of a regime for many rows; the columnar twin of `entrepot.law.judge`.

Outcomes are held as thermometers: for every rank that can occur, the plane of rows whose outcome is
at least that strict. So the stricter of two is an "or", and nothing is unpacked before the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from entrepot.law.columnlogic import Reader
from entrepot.law.judge import BoundDuty, BoundRule, Track
from entrepot.law.outcomes import BLOCKING, OUTCOME_RANK, OUTCOMES, PRECONDITIONED
from entrepot.law.planes import (
    Plane,
    any_of,
    both,
    choose,
    either,
    mask,
    opposite,
    without,
)

_NEEDS_FACT = OUTCOME_RANK["NEEDS_FACT"]
_PROHIBITED = OUTCOME_RANK["PROHIBITED"]

NO_RULE = np.iinfo(np.uint16).max
"""Position that stands for "no rule decides"."""


class Scale:
    """The ranks that can occur in a track, mildest first."""

    def __init__(self, ranks: Iterable[int]) -> None:
        self.ranks = sorted(set(ranks))
        self.place = {rank: place for place, rank in enumerate(self.ranks)}

    def none(self) -> Level:
        """Return the level below every rank."""
        return Level(self, [False] * len(self.ranks))

    def level(self, chosen: Iterable[tuple[Plane, int]]) -> Level:
        """Return, per row, the strictest rank among `chosen` that holds there."""
        planes: list[Plane] = [False] * len(self.ranks)
        for rows, rank in chosen:
            place = self.place[rank]
            planes[place] = either(planes[place], rows)
        for place in range(len(planes) - 2, -1, -1):
            planes[place] = either(planes[place], planes[place + 1])
        return Level(self, planes)


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """One rank per row as a thermometer: `planes[i]` holds the rows of at least `ranks[i]`."""

    scale: Scale
    planes: list[Plane]

    def at_least_as_strict(self, other: Level) -> Level:
        """Return the stricter of two levels, row by row."""
        return Level(
            self.scale, [either(a, b) for a, b in zip(self.planes, other.planes, strict=True)]
        )

    def over(self, other: Level) -> Plane:
        """Return the rows in which this is stricter than `other`."""
        return any_of(without(a, b) for a, b in zip(self.planes, other.planes, strict=True))

    def equal(self, rank: int) -> Plane:
        """Return the rows of exactly `rank`."""
        place = self.scale.place.get(rank)
        if place is None:
            return False
        above = self.planes[place + 1] if place + 1 < len(self.planes) else False
        return without(self.planes[place], above)

    def where(self, rows: Plane, other: Level) -> Level:
        """Return this level in `rows` and `other` elsewhere."""
        planes = [choose(rows, a, b) for a, b in zip(self.planes, other.planes, strict=True)]
        return Level(self.scale, planes)

    def unpack(self, rows: int) -> NDArray[np.int8]:
        """Return the rank of every row, shape (rows,); -1 for none."""
        table = np.array([-1, *self.scale.ranks], np.int8)
        heights = np.zeros(rows, np.uint8)
        fixed = 0
        for plane in self.planes:
            if isinstance(plane, bool):
                fixed += plane
            else:
                heights += mask(plane, rows)
        found: NDArray[np.int8] = table[heights + np.uint8(fixed)]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _State:
    """Where one rule applies, may apply, applies unless defeated, or has a closed route."""

    rule: BoundRule
    sure: Plane
    open: Plane
    contested: Plane
    closed: Plane

    @property
    def hit(self) -> Plane:
        """True, defeated by nothing that is sure to apply, and not closed."""
        return either(self.sure, self.contested)

    @property
    def doubt(self) -> Plane:
        """Unknown, or true unless an unknown rule defeats it."""
        return either(self.open, self.contested)


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What a track says of every row."""

    rank: Level
    peak: Level
    codes: list[tuple[Plane, int]]
    """Disjoint rows, and the position in `Track.rules` of the rule that decides them."""
    unmet: Plane
    failed: Plane

    def rules(self, rows: int) -> NDArray[np.uint16]:
        """Return the position of the deciding rule per row, shape (rows,); `NO_RULE` for none."""
        return unpack_codes(self.codes, rows)


def unpack_codes(codes: Sequence[tuple[Plane, int]], rows: int) -> NDArray[np.uint16]:
    """Return the number of every row from disjoint planes, shape (rows,); `NO_RULE` elsewhere."""
    bits: list[Plane] = [False] * max((code + 1).bit_length() for _, code in [*codes, (False, 0)])
    for where, code in codes:
        for place in range(len(bits)):
            if (code + 1) >> place & 1:
                bits[place] = either(bits[place], where)
    result = np.zeros(rows, np.uint16)
    for place, plane in enumerate(bits):
        if plane is True:
            result += np.uint16(1 << place)
        elif plane is not False:
            result += mask(plane, rows).astype(np.uint16) << np.uint16(place)
    # Nothing decides where no bit is set; one below zero is `NO_RULE`.
    return result - np.uint16(1)


@dataclass(slots=True, eq=False)
class _Course:
    """How far the rules of one role decide, before unknown rules are weighed."""

    ordered: list[_State]
    settled: Plane = False
    any_hit: Plane = False
    decided: Level = field(init=False)
    floor: Level = field(init=False)
    firsts: dict[int, Plane] = field(default_factory=dict)
    """Rule number → rows that it decides."""
    doubts: list[tuple[Plane, int]] = field(default_factory=list)
    closures: list[tuple[Plane, _State]] = field(default_factory=list)
    shut: Plane = False
    stays: Plane = False
    codes: list[tuple[Plane, int]] = field(default_factory=list)


class Judge:
    """Judges every row of a reader's table by the rules of one role."""

    def __init__(self, track: Track, reader: Reader) -> None:
        self.track = track
        self.reader = reader
        self.default = OUTCOME_RANK[track.default]
        self.scale = Scale((self.default, _NEEDS_FACT, *(rule.rank for rule in track.rules)))

    def outcome(self, *, status: bool) -> Outcome:
        """Return the verdicts; see `Track` for what they mean."""
        course = self.course()
        if course.closures:
            self.close(course)
        rank = peak = course.decided
        if course.doubts:
            rank, peak = self.doubt(course)
        unmet, failed = self.duties(course, rank) if status else (False, False)
        return Outcome(rank, peak, course.codes, unmet, failed)

    # -- rules -----------------------------------------------------------------------------------

    def state(self, rule: BoundRule, memo: dict[BoundRule, _State]) -> _State:
        """Return the state of `rule`, those of the rules that defeat it first."""
        if rule in memo:
            return memo[rule]
        test = self.reader.truth(rule.node)
        sure, unknown = test.yes, test.unknown
        closed: Plane = False
        if rule.closed is not None and sure is not False:
            shut = self.reader.truth(rule.closed_node).yes
            closed, sure = both(sure, shut), without(sure, shut)
        contested: Plane = False
        if rule.defeaters:
            others = [self.state(other, memo) for other in rule.defeaters]
            beaten = any_of(other.sure for other in others)
            unknown, sure = without(unknown, beaten), without(sure, beaten)
            doubt = any_of(other.doubt for other in others)
            contested, sure = both(sure, doubt), without(sure, doubt)
        memo[rule] = _State(rule, sure, unknown, contested, closed)
        return memo[rule]

    def course(self) -> _Course:
        """Return what the rules that are sure to apply decide, class by class."""
        memo: dict[BoundRule, _State] = {}
        groups = [[self.state(rule, memo) for rule in group] for group in self.track.classes]
        course = _Course([s for group in groups for s in sorted(group, key=_strictest_first)])
        reached: list[tuple[_State, Plane]] = []
        for group in groups:
            before = opposite(course.settled)
            reached += [(state, before) for state in group]
            course.settled = either(course.settled, any_of(state.sure for state in group))
        reached.sort(key=lambda pair: -pair[0].rule.rank)
        course.doubts = [
            (doubt, state.rule.rank)
            for state, before in reached
            if (doubt := both(state.doubt, before)) is not False
        ]
        course.closures = [
            (shut, state)
            for state, before in reached
            if (shut := both(state.closed, before)) is not False
        ]
        self.first_hits(course)
        course.floor = self.scale.level((shut, s.rule.rank) for shut, s in course.closures)
        course.shut = any_of(shut for shut, _ in course.closures)
        return course

    def first_hits(self, course: _Course) -> None:
        """Fill who decides each row: the first hit in order."""
        left: Plane = True
        chosen: list[tuple[Plane, int]] = []
        for state in course.ordered:
            here = both(left, state.hit)
            if here is not False:
                course.firsts[state.rule.number] = here
                chosen.append((here, state.rule.rank))
                left = without(left, here)
        course.any_hit = opposite(left)
        course.decided = self.scale.level([*chosen, (left, self.default)])
        course.codes = [(here, number - 1) for number, here in course.firsts.items()]

    def close(self, course: _Course) -> None:
        """Let closed routes stand where nothing stricter follows."""
        gap = opposite(course.any_hit) if self.default != _PROHIBITED else False
        stays = both(course.shut, either(gap, course.floor.over(course.decided)))
        course.codes = [(without(here, stays), code) for here, code in course.codes]
        left = stays
        for shut, state in course.closures:
            here = both(left, shut)
            course.codes.append((here, state.rule.number - 1))
            left = without(left, here)
        course.decided = course.floor.where(stays, course.decided)
        course.any_hit = either(course.any_hit, stays)
        course.stays = stays

    def doubt(self, course: _Course) -> tuple[Level, Level]:
        """Return rank and strictest rank: open rules, what stands behind them, the default."""
        gap = opposite(course.settled)
        if self.default != _PROHIBITED:
            gap = without(gap, course.shut)
        wild = self.scale.level([*course.doubts, (gap, self.default)])
        peak = course.decided.at_least_as_strict(course.floor).at_least_as_strict(wild)
        if any(state.contested is not False for state in course.ordered):
            peak = peak.at_least_as_strict(self.behind(course))
        ask = peak.over(course.decided)
        if OUTCOMES[self.default] in BLOCKING:
            doubted = any_of(rows for rows, _ in course.doubts)
            ask = either(ask, without(doubted, course.any_hit))
        return self.scale.level([(ask, _NEEDS_FACT)]).where(ask, course.decided), peak

    def behind(self, course: _Course) -> Level:
        """Return what the rules that nothing contests decide."""
        left: Plane = True
        chosen: list[tuple[Plane, int]] = []
        for state in course.ordered:
            here = both(left, state.sure)
            if here is not False:
                chosen.append((here, state.rule.rank))
                left = without(left, here)
        return self.scale.level(chosen)

    # -- status ----------------------------------------------------------------------------------

    def duties(self, course: _Course, rank: Level) -> tuple[Plane, Plane]:
        """Return (some duty before the transfer is unmet, some duty has failed)."""
        tally = _Tally(self.reader)
        for duty in self.track.duties:
            spared = any_of(rank.equal(OUTCOME_RANK[name]) for name in duty.duty.not_for)
            tally.add(duty, opposite(spared))
        closures = {state.rule: shut for shut, state in course.closures}
        for state in course.ordered:
            route = self.track.route_duties.get(state.rule.rule.id, ())
            if route:
                hit = self.deciding(state, course, closures)
                for duty in route:
                    tally.add(duty, hit)
        demanding = any_of(rank.equal(OUTCOME_RANK[name]) for name in PRECONDITIONED)
        return either(tally.unmet, without(demanding, tally.before)), tally.failed

    def deciding(self, state: _State, course: _Course, closures: dict[BoundRule, Plane]) -> Plane:
        """Return the rows in which a rule decides, alone or with others as strict."""
        rule = state.rule
        alike = any_of(
            course.firsts.get(other.rule.number, False)
            for other in course.ordered
            if (other.rule.rank, other.rule.klass) == (rule.rank, rule.klass)
        )
        hit = without(both(state.hit, alike), course.stays)
        if rule in closures:
            stays = both(closures[rule], course.stays)
            hit = either(hit, both(stays, course.decided.equal(rule.rank)))
        return hit


class _Tally:
    """Adds up duties."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.unmet: Plane = False
        self.failed: Plane = False
        self.before: Plane = False

    def add(self, duty: BoundDuty, rows: Plane) -> None:
        """Add what one duty says in `rows`."""
        arises = without(rows, self.reader.truth(duty.when_node).no)
        if arises is False:
            return
        self.failed = either(self.failed, both(arises, self.reader.truth(duty.fails_node).yes))
        if duty.duty.due.before_transfer:
            done = self.reader.truth(duty.done_node).yes
            self.unmet = either(self.unmet, without(arises, done))
            self.before = either(self.before, arises)


def _strictest_first(state: _State) -> int:
    return -state.rule.rank
