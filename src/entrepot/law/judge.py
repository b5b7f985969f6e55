"""The decision of one regime in one role: classes in order, strictest within a class, defeats.

The pattern of rules that are true or unknown determines everything that follows, so the verdict of
each pattern is worked out once and kept; a decision is then the evaluation of conditions and one
look-up. Semantics: docs/laws/rulebooks.md, "Classes" and "Unknown facts".
"""

from __future__ import annotations

from dataclasses import dataclass, field

from entrepot.law import ir
from entrepot.law.compiled import Duty, Rule
from entrepot.law.kleene import Facts, Test, compile_test
from entrepot.law.outcomes import BLOCKING, CLASS_RANK, OUTCOME_RANK, OUTCOMES

VERDICTS_KEPT_MAX = 20_000


@dataclass(slots=True, eq=False)
class BoundRule:
    """A rule of the day whose condition can still be true for the flow."""

    rule: Rule
    number: int
    node: ir.Node
    test: Test
    rank: int
    klass: int
    reads: tuple[str, ...]
    closed_node: ir.Node = ir.FALSE
    """True when a duty of this route has failed beyond repair: the route is closed."""
    closed: Test | None = None
    defeaters: list[BoundRule] = field(default_factory=list)

    def contest(self, facts: Facts) -> bool | None:
        """Say whether a rule that defeats this one applies (unknown: None)."""
        result: bool | None = False
        for other in self.defeaters:
            applies = other.test(facts)
            if applies and other.closed is not None and other.closed(facts):
                applies = False
            if applies is not False and other.defeaters:
                contest = other.contest(facts)
                if contest:
                    applies = False
                elif contest is None and applies:
                    applies = None
            if applies:
                return True
            if applies is None:
                result = None
        return result


@dataclass(frozen=True, slots=True, eq=False)
class BoundDuty:
    """A duty of the day with compiled conditions."""

    duty: Duty
    when: Test
    done: Test
    fails: Test
    when_node: ir.Node
    done_node: ir.Node
    fails_node: ir.Node

    @property
    def nodes(self) -> tuple[ir.Node, ir.Node, ir.Node]:
        """All its conditions."""
        return (self.when_node, self.done_node, self.fails_node)


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """What one pattern of true and unknown rules means for a regime."""

    outcome: str
    rank: int
    decided: int
    """Rank of the outcome as far as known: that of the hits, or of the default."""
    hits: tuple[BoundRule, ...]
    """The rules that decide, or would decide if unknown ones turn out false."""
    closed: tuple[BoundRule, ...]
    """Rules that apply but whose route is closed; the outcome is never milder than theirs."""
    matters: tuple[BoundRule, ...]
    """Unknown rules that could change the outcome."""
    could_be: tuple[str, ...]
    strictest: str
    default: bool
    duties: tuple[BoundDuty, ...]
    reads: tuple[str, ...]
    examined: tuple[tuple[str, str], ...]
    """Every rule looked at, in order, and its result: true, false, unknown, defeated."""


class Track:
    """The rules of a regime in one role, bound to a day and a flow."""

    def __init__(
        self,
        rules: list[BoundRule],
        default: str,
        duties: tuple[BoundDuty, ...],
        route_duties: dict[str, tuple[BoundDuty, ...]],
        settled_false: tuple[str, ...] = (),
    ) -> None:
        """Order `rules` by class; `default` is the regime's outcome when all are false.

        `settled_false` are rules in force that the flow itself already makes false.
        """
        self.settled_false = settled_false
        ordered = sorted(rules, key=lambda rule: rule.klass)
        for number, rule in enumerate(ordered, start=1):
            rule.number = number
        self.rules = ordered
        self.default = default
        self.duties = duties
        self.route_duties = route_duties
        classes: dict[int, list[BoundRule]] = {}
        for rule in ordered:
            classes.setdefault(rule.klass, []).append(rule)
        self.classes = tuple(tuple(group) for group in classes.values())
        self._plain = tuple(
            tuple(
                (rule.test, rule.number, rule if rule.defeaters or rule.closed else None)
                for rule in group
            )
            for group in self.classes
        )
        self._verdicts: dict[tuple[int, ...], Verdict] = {}

    @property
    def all_duties(self) -> list[BoundDuty]:
        """The duties of the regime and of every route."""
        return [*self.duties, *(d for duties in self.route_duties.values() for d in duties)]

    def judge(self, facts: Facts) -> Verdict:
        """Return the verdict on `facts` (derived, unknown ones absent)."""
        pattern: list[int] = []
        for group in self._plain:
            decided = False
            for test, number, special in group:
                result = test(facts)
                if result is False:
                    continue
                if special is not None:
                    if result and special.closed is not None and special.closed(facts):
                        pattern.append(number + _CLOSED)
                        continue
                    contest = special.contest(facts)
                    if contest:
                        pattern.append(number + _DEFEATED)
                        continue
                    if contest is None and result:
                        # Not settled: what stands behind it may yet decide, so look on.
                        pattern.append(number + _CONTESTED)
                        continue
                if result:
                    pattern.append(number)
                    decided = True
                else:
                    pattern.append(-number)
            if decided:
                break
        key = tuple(pattern)
        verdict = self._verdicts.get(key)
        if verdict is None:
            if len(self._verdicts) >= VERDICTS_KEPT_MAX:
                self._verdicts.clear()
            verdict = self._verdicts[key] = self._work_out(key)
        return verdict

    def _work_out(self, key: tuple[int, ...]) -> Verdict:
        state = {_number(code): code for code in key}
        possible: set[int] = set()
        hits: tuple[BoundRule, ...] = ()
        matters: dict[BoundRule, None] = {}
        seen: list[BoundRule] = []
        settled = False
        for group in self.classes:
            sure = [rule for rule in group if state.get(rule.number) == rule.number]
            contested = [r for r in group if state.get(r.number) == r.number + _CONTESTED]
            top = max((rule.rank for rule in sure), default=-1)
            wide = [r for r in group if state.get(r.number) == -r.number and r.rank > top]
            possible.update(rule.rank for rule in (*wide, *contested) if rule.rank > top)
            matters.update(dict.fromkeys(wide))
            for rule in contested:
                matters.update(dict.fromkeys(rule.defeaters))
            seen.extend(group)
            if not hits and (sure or contested):
                peak = max(rule.rank for rule in (*sure, *contested))
                hits = tuple(rule for rule in (*sure, *contested) if rule.rank == peak)
            if sure:
                possible.add(top)
                settled = True
                break
        closed = [rule for rule in seen if state.get(rule.number) == rule.number + _CLOSED]
        if not settled and (not closed or self.default == "PROHIBITED"):
            possible.add(OUTCOME_RANK[self.default])
        return self._verdict(state, possible, hits, list(matters), seen, closed)

    def _verdict(
        self,
        state: dict[int, int],
        possible: set[int],
        hits: tuple[BoundRule, ...],
        matters: list[BoundRule],
        seen: list[BoundRule],
        closed: list[BoundRule],
    ) -> Verdict:
        decided = hits[0].rank if hits else OUTCOME_RANK[self.default]
        floor = max((rule.rank for rule in closed), default=-1)
        gap = not hits and self.default != "PROHIBITED"
        if closed and (gap or decided < floor):
            # A closed route opens no milder one; where nothing else applies it stays, barred.
            decided, hits = floor, tuple(rule for rule in closed if rule.rank == floor)
        possible = {max(rank, floor) for rank in (*possible, decided)}
        peak = max(possible)
        ask = peak > decided or (not hits and bool(matters) and self.default in BLOCKING)
        rank = OUTCOME_RANK["NEEDS_FACT"] if ask else decided
        outcome = OUTCOMES[rank]
        if hits:
            matters = [rule for rule in matters if rule.rank != decided or rule in _defeaters(hits)]
        own = tuple(duty for rule in hits for duty in self.route_duties.get(rule.rule.id, ()))
        return Verdict(
            outcome=outcome,
            rank=rank,
            decided=decided,
            hits=hits,
            closed=tuple(closed),
            matters=tuple(matters),
            could_be=tuple(
                OUTCOMES[r] for r in sorted(possible) if (r != peak if ask else r < decided)
            ),
            strictest=OUTCOMES[peak],
            default=not hits and not matters,
            duties=own + tuple(d for d in self.duties if outcome not in d.duty.not_for),
            reads=tuple(dict.fromkeys(fact for rule in seen for fact in rule.reads)),
            examined=tuple((rule.rule.id, _result(state.get(rule.number))) for rule in seen),
        )


def _defeaters(rules: tuple[BoundRule, ...]) -> list[BoundRule]:
    return [other for rule in rules for other in rule.defeaters]


_DEFEATED = 1_000_000
_CONTESTED = 2_000_000
_CLOSED = 3_000_000


def _number(code: int) -> int:
    return -code if code < 0 else code % _DEFEATED


def _result(code: int | None) -> str:
    if code is None:
        return "false"
    if code < 0:
        return "unknown"
    if code > _CLOSED:
        return "closed"
    if code > _CONTESTED:
        return "true unless defeated"
    return "defeated" if code > _DEFEATED else "true"


def bind_rule(rule: Rule, node: ir.Node, duties: tuple[BoundDuty, ...]) -> BoundRule:
    """Return `rule` with its bound condition compiled, and what closes its route."""
    block = rule.text.block
    closed = ir.disjunction(*(ir.conjunction(duty.when_node, duty.fails_node) for duty in duties))
    return BoundRule(
        rule,
        0,
        node,
        compile_test(node),
        OUTCOME_RANK[block.outcome],
        CLASS_RANK[block.klass],
        tuple(dict.fromkeys((*ir.facts_of(node), *ir.facts_of(closed)))),
        closed,
        None if closed == ir.FALSE else compile_test(closed),
    )
