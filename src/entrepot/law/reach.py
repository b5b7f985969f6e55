"""Rules that no facts can reach: the condition contradicts itself, or other rules always decide.

A rule decides only when it is true and neither a rule of an earlier class in its role is, nor a
stricter one of its own class (docs/laws/rulebooks.md, "Classes"). For every stretch of days
without change of law a bounded search looks for facts that bring it there; what it cannot settle
counts as reachable, so there is no false alarm. Not part of loading: `entrepot law check` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise

from entrepot.kernel.errors import InvalidLaw
from entrepot.law import ir
from entrepot.law.compiled import Regime, Rule
from entrepot.law.kleene import Test, compile_test
from entrepot.law.library import Library
from entrepot.law.outcomes import CLASS_RANK, OUTCOME_RANK
from entrepot.law.satisfy import Stretch, Truths
from entrepot.law.vocabulary import LAST_DAY

STEPS_PER_REGIME_MAX = 60_000
"""Trials after which the rules of a regime that are left count as reachable: a rulebook made to
keep the search busy gains nothing but that. The packaged regimes take at most some thousands."""
_ENDS = frozenset({"flow.from", "flow.to", "flow.as_of"})


def unreachable_rules(library: Library) -> list[InvalidLaw]:
    """Return a fault with file and line for every rule that can never decide."""
    stretches = list(_stretches(library))
    faults = []
    for regime in library.content.regimes.values():
        checker = _Checker(library, regime)
        for stretch in stretches:
            checker.look(stretch)
        faults += checker.faults()
    return faults


def _stretches(library: Library) -> Iterator[Stretch]:
    days = library.turning_days(library.content.regimes)
    for first, after in pairwise([*days, LAST_DAY + timedelta(days=1)]):
        yield Stretch(
            first,
            max(first, after - timedelta(days=1)),
            value=lambda name, day=first: _number(library, name, day),  # type: ignore[misc]
            members=lambda group, day=first: library.jurisdictions.members(group, day),  # type: ignore[misc]
        )


def _number(library: Library, name: str, day: date) -> int | float | None:
    """Return a dated number, None when it also depends on what was known."""
    rows = library.content.values[name].block.values
    if any(row.known_from is not None for row in rows):
        return None
    held = [r for r in rows if r.start <= day and (r.until is None or day < r.until)]
    return held[-1].value if held else None


class _Checker:
    """The rules of one regime that no facts have reached yet, with why."""

    def __init__(self, library: Library, regime: Regime) -> None:
        self.library = library
        self.regime = regime
        self.engages = {
            role: node
            for role, node in regime.engages
            # Export and import engage also while a fact is unknown, so only what the flow itself
            # settles narrows their rules; origin and party engage only when definitely true.
            if role in ("origin", "party") or _ENDS.issuperset(ir.facts_of(node))
        }
        self.pending = {
            (rule.id, role): rule
            for rule in regime.rules
            for role in rule.roles
            if rule.text.interval.start is not None
        }
        self.why: dict[str, str] = {}
        self.steps = 0
        beaten = {name for rule in regime.rules for name in rule.text.block.defeats}
        self.firm = [
            rule
            for rule in regime.rules
            if rule.id not in beaten and all(duty.fails == ir.FALSE for duty in rule.duties)
        ]
        """Rules that, when true, always decide their class: nothing defeats or closes them."""

    def look(self, stretch: Stretch) -> None:
        """Take out of `pending` what facts can reach on the days of `stretch`."""
        waiting = {
            key: rule for key, rule in self.pending.items() if _may_hold(rule, stretch.first)
        }
        if not waiting or self.steps > STEPS_PER_REGIME_MAX:
            return
        truths = Truths(self.library.vocabulary, stretch)
        formulas = {rule.id: truths.formula(rule.condition) for rule in self.regime.rules}
        engaged = {role: truths.formula(node) for role, node in self.engages.items()}
        tests = {rule.id: compile_test(formulas[rule.id]) for rule in self.firm}
        for (name, role), rule in waiting.items():
            if self.steps + truths.steps > STEPS_PER_REGIME_MAX:
                break
            own = formulas[name]
            condition = ir.conjunction(engaged.get(role, ir.TRUE), own)
            earlier = {
                other.id: (formulas[other.id], tests[other.id])
                for other in self.firm
                if _comes_before(other, rule, role, stretch.first)
            }
            if truths.can_hold(condition, earlier.values()):
                del self.pending[name, role]
            else:
                self.why[name] = self.reason(truths, own, condition, earlier)
        self.steps += truths.steps
        if self.steps > STEPS_PER_REGIME_MAX:
            self.pending.clear()

    def reason(
        self,
        truths: Truths,
        own: ir.Node,
        condition: ir.Node,
        earlier: dict[str, tuple[ir.Node, Test]],
    ) -> str:
        """Say in words why no facts reach a rule."""
        if not truths.can_hold(own):
            return "its condition contradicts itself"
        if not truths.can_hold(condition):
            return f"no flow that engages {self.regime.id} meets its condition"
        for name, formula in earlier.items():
            if not truths.can_hold(condition, [formula]):
                return f"whenever it applies, {name} decides, stricter or of an earlier class"
        return "whenever it applies, rules that are stricter or of earlier classes decide"

    def faults(self) -> list[InvalidLaw]:
        """Return one fault for every rule that was reached in none of its roles."""
        reached = {
            rule.id
            for rule in self.regime.rules
            if any((rule.id, role) not in self.pending for role in rule.roles)
        }
        return [
            InvalidLaw(
                f"unreachable rule {rule.id}: {self.why[rule.id]}",
                where=rule.text.at("when"),
                value=rule.text.block.when,
                remedy="correct its condition, class or dates, or take it out",
            )
            for rule in self.regime.rules
            if rule.id not in reached and rule.id in self.why
        ]


def _may_hold(rule: Rule, day: date) -> bool:
    """Say whether somebody, at some time, could take the rule for law on `day`."""
    interval = rule.text.interval
    ended = interval.until is not None and interval.until <= day and interval.until_known is None
    return interval.start is not None and interval.start <= day and not ended


def _comes_before(other: Rule, rule: Rule, role: str, day: date) -> bool:
    """Say whether `other`, when true, keeps `rule` from deciding on `day` for all who know of it.

    It stands in an earlier class, or in the same with a stricter outcome, and `rule` is no
    exception to anything: an exception has its effect without deciding.
    """
    interval = other.text.interval
    block, mine = other.text.block, rule.text.block
    stricter = OUTCOME_RANK[block.outcome] > OUTCOME_RANK[mine.outcome]
    return (
        role in other.roles
        and not mine.defeats
        and (
            CLASS_RANK[block.klass] < CLASS_RANK[mine.klass]
            or (block.klass == mine.klass and stricter)
        )
        and interval.holds(day, date.max)
        and interval.known_from <= rule.text.interval.known_from
    )
