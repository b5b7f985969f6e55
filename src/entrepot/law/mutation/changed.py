"""The law with one mutant in it, regime by day; what the mutant leaves alone is not bound again."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterable, Mapping
from datetime import date

from entrepot.law import ir
from entrepot.law.bind import Binder, BoundRegime, Option, RegimeOfDay, bind_regime
from entrepot.law.compiled import Rule
from entrepot.law.judge import BoundDuty, BoundRule, Track, bind_rule
from entrepot.law.library import Library
from entrepot.law.model import Flow
from entrepot.law.mutation.mutants import Mutant


class Changed:
    """A regime with one mutant in it."""

    def __init__(self, library: Library, mutant: Mutant, reads: Mapping[str, set[str]]) -> None:
        """Hold `library` as the mutant changes it; `reads` as `what_rules_read` gives it."""
        self.reads = reads
        self.old = library
        self.regime = mutant.regime
        self.dated = mutant.window is not None
        self.library = library
        if mutant.values or mutant.lists:
            self.library = copy.copy(library)
            self.library.content = dataclasses.replace(
                library.content,
                values={**library.content.values, **mutant.values},
                lists={**library.content.lists, **mutant.lists},
            )
        self.touched = frozenset((*mutant.values, *mutant.lists))
        self.segments = library.segments(mutant.regime.id)
        self._kept: dict[object, RegimeOfDay | None] = {}

    def on(self, flow: Flow) -> RegimeOfDay | None:
        """Return the changed regime on the day of a flow; None when it never engages."""
        key: object = (flow.as_of, flow.known_at)
        if not self.dated and flow.as_of == flow.known_at:
            key = self.segments.number(flow.as_of, None)
        if key not in self._kept:
            self._kept[key] = self._bound(flow.as_of, flow.known_at)
        return self._kept[key]

    def _bound(self, as_of: date, known_at: date) -> RegimeOfDay | None:
        base = self.old.regime_on(self.regime.id, as_of, known_at)
        if base is None or any(option.track is None for option in base.bound.options):
            return bind_regime(self.library, self.regime, as_of, known_at)
        binder = Binder(self.library, as_of, known_at, {})
        options = []
        for option in base.bound.options:
            track = self._track(binder, option, as_of, known_at)
            if track is None:
                return bind_regime(self.library, self.regime, as_of, known_at)
            options.append(_with_track(option, track))
        return dataclasses.replace(base, bound=BoundRegime(self.regime, tuple(options)))

    def _track(self, binder: Binder, option: Option, as_of: date, known_at: date) -> Track | None:
        """Return the rules of a role, the untouched ones as they were; None when none is left."""
        old = option.track
        if old is None:
            return None
        known = {bound.rule.id: bound for bound in old.rules}
        rules: dict[str, BoundRule] = {}
        route: dict[str, tuple[BoundDuty, ...]] = {}
        some = False
        for rule in self.regime.rules:
            if option.role not in rule.roles or not rule.text.interval.holds(as_of, known_at):
                continue
            some = True
            if self._is_untouched(rule):
                if rule.id in known:
                    rules[rule.id] = dataclasses.replace(known[rule.id], defeaters=[])
                    route[rule.id] = old.route_duties[rule.id]
                continue
            node = binder.node(rule.condition)
            if node != ir.FALSE:
                route[rule.id] = tuple(binder.duty(duty) for duty in rule.duties)
                rules[rule.id] = bind_rule(rule, node, route[rule.id])
        if not some:
            return None
        for bound in rules.values():
            for name in bound.rule.text.block.defeats:
                if name in rules:
                    rules[name].defeaters.append(bound)
        live = {duty.id for duty in self.regime.duties}
        duties = tuple(duty for duty in old.duties if duty.duty.id in live)
        return Track(list(rules.values()), old.default, duties, route)

    def _is_untouched(self, rule: Rule) -> bool:
        """Say whether a rule is the library's own and reads nothing that the mutant changed."""
        if self.old.content.rules.get(rule.id) is not rule:
            return False
        return not self.touched or self.touched.isdisjoint(self.reads[rule.id])


def _with_track(option: Option, track: Track) -> Option:
    return Option(option.role, option.node, lambda: (track, ""))


def what_rules_read(library: Library, rules: Iterable[Rule]) -> dict[str, set[str]]:
    """Return rule id → the ids of values and lists that it reads, through lists too."""
    return {rule.id: _reads(library, rule) for rule in rules}


def _reads(library: Library, rule: Rule) -> set[str]:
    nodes: list[ir.Node] = [rule.condition]
    nodes += [n for duty in rule.duties for n in (duty.when, duty.done, duty.fails)]
    found: set[str] = set()
    while nodes:
        for part in ir.walk(nodes.pop()):
            if isinstance(part, (ir.ValueRef, ir.Listed)) and part.id not in found:
                found.add(part.id)
                if isinstance(part, ir.Listed):
                    entries = library.content.lists[part.id].entries
                    nodes += [entry.condition for entry in entries]
    return found
