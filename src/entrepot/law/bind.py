"""From the library to the law of one flow and day: which regimes may speak, in which role, with
what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from entrepot.law import ir
from entrepot.law.binding import Day, bind_condition, bind_value
from entrepot.law.compiled import DerivedFact, Duty, Regime, Rule
from entrepot.law.judge import BoundDuty, BoundRule, Track, bind_rule
from entrepot.law.kleene import Facts, Read, Test, compile_read, compile_test
from entrepot.law.model import Flow, Scalar

if TYPE_CHECKING:
    from entrepot.law.library import Library


class Option:
    """One role in which a regime may be engaged; `test` is None when it certainly is.

    Its rules are bound when first asked for: most flows never engage the laws that follow a party.
    """

    __slots__ = ("_bind", "_bound", "node", "role", "test")

    def __init__(
        self, role: str, node: ir.Node, bind: Callable[[], tuple[Track | None, str]]
    ) -> None:
        """Hold the bound condition of engagement and a function that binds the rules."""
        self.role = role
        self.node = node
        self.test: Test | None = None if node == ir.TRUE else compile_test(node)
        self._bind = bind
        self._bound: tuple[Track | None, str] | None = None

    @property
    def track(self) -> Track | None:
        """The rules of the role, or None when none is in force on the day."""
        if self._bound is None:
            self._bound = self._bind()
        return self._bound[0]

    @property
    def reason(self) -> str:
        """Why there is no track."""
        if self._bound is None:
            self._bound = self._bind()
        return self._bound[1]

    def engages(self, facts: Facts) -> bool:
        """Say whether the regime speaks in this role; export and import look at the flow, so an
        unknown there engages; origin and party engage only when definitely true."""
        if self.test is None:
            return True
        result = self.test(facts)
        return result is not False if self.role in ("export", "import") else result is True


@dataclass(frozen=True, slots=True, eq=False)
class BoundRegime:
    """A regime and the roles it may take, in its own order."""

    regime: Regime
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, eq=False)
class BoundDerivation:
    """A fact and how to derive it while unknown."""

    name: str
    rules: tuple[tuple[Test, Read, ir.Node, ir.Value], ...]


@dataclass(frozen=True, slots=True, eq=False)
class BoundContent:
    """All law bound to one pair of jurisdictions and one stretch of days without change."""

    regimes: tuple[BoundRegime, ...]
    derivations: tuple[BoundDerivation, ...]
    reads_day: bool
    """Whether some condition reads `flow.as_of`."""
    facts_read: frozenset[str] = frozenset()
    """Every fact that some condition or derivation reads."""
    domains: dict[str, Sequence[Scalar]] = field(default_factory=dict)
    """Values of a fact that conditions tell apart, kept by `entrepot.law.explain.domain`."""

    def nodes(self, facts: Facts | None = None) -> list[ir.Node]:
        """Return the conditions of everything that `facts` engage, of all roles without `facts`."""
        found: list[ir.Node] = [rule[2] for d in self.derivations for rule in d.rules]
        for regime in self.regimes:
            found += [option.node for option in regime.options]
            live = regime.options
            if facts is not None:
                live = tuple(option for option in live if option.engages(facts))[:1]
            for option in live:
                if option.track is None:
                    continue
                found += [rule.node for rule in option.track.rules]
                found += [rule.closed_node for rule in option.track.rules]
                found += [node for d in option.track.all_duties for node in d.nodes]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class RegimeOfDay:
    """One regime on one day for every flow: `flow.from` and `flow.to` are still open."""

    bound: BoundRegime
    derivations: tuple[BoundDerivation, ...]
    """Everything that the regime's conditions can derive, in the library's order."""
    engaging: tuple[BoundDerivation, ...]
    """The part of it that says whether the regime is engaged."""
    facts_engaging: frozenset[str]
    facts_read: frozenset[str]

    def prepare(self, facts: Facts) -> Facts:
        """Return the facts of a flow with what they derive."""
        return derive(self.derivations, facts)


def derive(derivations: Sequence[BoundDerivation], facts: Facts) -> Facts:
    """Return `facts` with every fact that can be derived and was not given."""
    values = dict(facts)
    changed = True
    while changed:
        # Each round adds at least one fact, so this ends; one round suffices unless circular.
        changed = False
        for derived in derivations:
            if derived.name in values:
                continue
            for test, read, _, _ in derived.rules:
                if test(values) and (value := read(values)) is not None:
                    values[derived.name] = value
                    changed = True
                    break
    return values


def bind_regime(
    library: Library, regime: Regime, as_of: date, known_at: date
) -> RegimeOfDay | None:
    """Bind one regime for a day and every pair of jurisdictions; None when it never engages."""
    binder = Binder(library, as_of, known_at, {})
    bound = binder.regime(regime)
    if bound is None:
        return None
    derivations = binder.derivations(library.facts_read(regime.id))
    asked = {fact for option in bound.options for fact in ir.facts_of(option.node)}
    engaging = binder.derivations(asked)
    return RegimeOfDay(
        bound,
        derivations,
        engaging,
        frozenset(asked.union(*(_reads(item) for item in engaging))),
        library.facts_read(regime.id).union(*(_reads(item) for item in derivations)),
    )


def _reads(derivation: BoundDerivation) -> frozenset[str]:
    """Return a derived fact and the facts that it is derived from."""
    return frozenset({derivation.name}).union(
        *((*ir.facts_of(node), *ir.facts_of(value)) for _, _, node, value in derivation.rules)
    )


def bind_content(library: Library, flow: Flow) -> BoundContent:
    """Bind everything in `library` that can speak to `flow` (canonical codes)."""
    places = {"flow.from": flow.origin, "flow.to": flow.destination}
    binder = Binder(library, flow.as_of, flow.known_at, places)
    regimes = tuple(
        bound
        for regime in library.content.regimes.values()
        if (bound := binder.regime(regime)) is not None
    )
    read = {fact for bound in regimes for fact in library.facts_read(bound.regime.id)}
    derivations = binder.derivations(read)
    for item in derivations:
        for _, _, condition, value in item.rules:
            read.update(ir.facts_of(condition), ir.facts_of(value))
    return BoundContent(regimes, derivations, "flow.as_of" in read, frozenset(read))


_ALWAYS: WeakKeyDictionary[Library, dict[str, BoundDerivation]] = WeakKeyDictionary()


def _is_timeless(derived: DerivedFact) -> bool:
    """Say whether a derivation reads neither the places of a flow nor anything dated."""
    for part in (part for rule in derived.rules for node in rule for part in ir.walk(node)):
        match part:
            case ir.Fact(name) if name in ("flow.from", "flow.to"):
                return False
            case ir.ValueRef() | ir.Listed():
                return False
            case ir.In(_, _, groups) | ir.Has(_, _, groups) if groups:
                return False
    return True


class Binder:
    """Binds law to a day, and to two places or to any."""

    def __init__(
        self, library: Library, as_of: date, known_at: date, places: Mapping[str, Scalar]
    ) -> None:
        """Bind `library` as it stands; `places` are `flow.from` and `flow.to`, or nothing."""
        self.library = library
        self.as_of = as_of
        self.known_at = known_at
        self.day = Day(
            places,
            self.value,
            self.entries,
            lambda group: library.jurisdictions.members(group, as_of),
        )

    def node(self, node: ir.Node) -> ir.Node:
        """Return a condition as it stands on the day."""
        return bind_condition(node, self.day)

    def value(self, name: str) -> int | float | None:
        """Return the number of the law on the day, None when it has none then."""
        for row in reversed(self.library.content.values[name].block.values):
            known = row.known_from is None or row.known_from <= self.known_at
            if known and row.start <= self.as_of:
                return row.value if row.until is None or self.as_of < row.until else None
        return None

    def entries(self, name: str) -> tuple[tuple[str, ir.Node], ...]:
        """Return the entries of a list that are in force on the day."""
        return tuple(
            (entry.text.id, entry.condition)
            for entry in self.library.content.lists[name].entries
            if entry.text.interval.holds(self.as_of, self.known_at)
        )

    def regime(self, regime: Regime) -> BoundRegime | None:
        """Return a regime with the roles it may take; None when it can take none."""
        options: list[Option] = []
        for role, node in regime.engages:
            bound = self.node(node)
            if bound == ir.FALSE:
                continue
            options.append(Option(role, bound, partial(self.track, regime, role)))
            if bound == ir.TRUE:
                break
        return BoundRegime(regime, tuple(options)) if options else None

    def track(self, regime: Regime, role: str) -> tuple[Track | None, str]:
        """Return the rules of a role, or None and why there are none."""
        of_role = [rule for rule in regime.rules if role in rule.roles]
        if not of_role and not regime.text.interval.holds(self.as_of, self.known_at):
            return None, f"{regime.id} is loaded from {regime.text.interval.start}"
        in_force = [r for r in of_role if r.text.interval.holds(self.as_of, self.known_at)]
        if of_role and not in_force:
            return None, self.outside(regime, role, of_role)
        rules: dict[str, BoundRule] = {}
        route: dict[str, tuple[BoundDuty, ...]] = {}
        for rule in in_force:
            node = self.node(rule.condition)
            if node != ir.FALSE:
                route[rule.id] = tuple(self.duty(duty) for duty in rule.duties)
                rules[rule.id] = bind_rule(rule, node, route[rule.id])
        for rule_ in rules.values():
            for name in rule_.rule.text.block.defeats:
                if name in rules:
                    rules[name].defeaters.append(rule_)
        duties = tuple(
            bound
            for duty in regime.duties
            if role in duty.roles and duty.interval.holds(self.as_of, self.known_at)
            if (bound := self.duty(duty)).when_node != ir.FALSE
        )
        default = regime.text.block.default.outcome
        false = tuple(rule.id for rule in in_force if rule.id not in rules)
        return Track(list(rules.values()), default, duties, route, false), ""

    def outside(self, regime: Regime, role: str, rules: list[Rule]) -> str:
        """Say why no rule is in force on the day."""
        starts = [rule.text.interval.start for rule in rules if rule.text.interval.start]
        first: date | None = min(starts, default=None)
        if first is not None and self.as_of < first:
            return (
                f"no rule of {regime.id} ({role}) is loaded before {first}, its first day covered"
            )
        if not any(rule.text.interval.known_from <= self.known_at for rule in rules):
            return f"no rule of {regime.id} ({role}) was known on {self.known_at}"
        return f"no rule of {regime.id} ({role}) is in force on {self.as_of}"

    def duty(self, duty: Duty) -> BoundDuty:
        """Return a duty with its conditions as they stand on the day."""
        when, done, fails = self.node(duty.when), self.node(duty.done), self.node(duty.fails)
        return BoundDuty(
            duty,
            compile_test(when),
            compile_test(done),
            compile_test(fails),
            when,
            done,
            fails,
        )

    def derivations(self, wanted: Iterable[str]) -> tuple[BoundDerivation, ...]:
        """Bind the derivations that facts in `wanted` depend on, in the library's order."""
        known = {derived.name: derived for derived in self.library.derivations}
        bound: dict[str, BoundDerivation] = {}
        left = [name for name in wanted if name in known]
        while left:
            name = left.pop()
            if name in bound:
                continue
            item = bound[name] = self.derivation(known[name])
            left.extend(fact for fact in _reads(item) if fact in known and fact not in bound)
        return tuple(bound[name] for name in known if name in bound and bound[name].rules)

    def derivation(self, derived: DerivedFact) -> BoundDerivation:
        """Bind one derived fact; one that looks at no place and no day is bound once for all."""
        kept = _ALWAYS.setdefault(self.library, {})
        if derived.name not in kept:
            bound = self.bound_derivation(derived)
            if not _is_timeless(derived):
                return bound
            kept[derived.name] = bound
        return kept[derived.name]

    def bound_derivation(self, derived: DerivedFact) -> BoundDerivation:
        """Bind one derived fact for this day and flow."""
        return BoundDerivation(
            derived.name,
            tuple(
                (compile_test(node), compile_read(value), node, value)
                for condition, formula in derived.rules
                if (node := self.node(condition)) != ir.FALSE
                for value in (bind_value(formula, self.day),)
            ),
        )
