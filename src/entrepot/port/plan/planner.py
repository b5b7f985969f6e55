"""Make a plan: reduce, ask the engine, measure, rank, and say what does not help and why.

Steps: (1) the shipment as it is; (2) reductions of the data that its columns allow; (3) per
reduction the routes that elections and findings open; (4) the numbers of persons at which the
engine's answer changes; (5) what survives is measured on the real table; (6) dominated ways go, the
rest is ranked; (7) reductions that changed nothing are reported with the rule that makes them
useless, and what would help instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from entrepot.law.assess import BoundLaw, Decision
from entrepot.law.factset import FactSet
from entrepot.law.model import Assessment, Scalar
from entrepot.law.outcomes import LAYERS
from entrepot.port.plan import reductions
from entrepot.port.plan.anonymise import Anonymised, anonymise
from entrepot.port.plan.helps import helps
from entrepot.port.plan.model import FactValue, Plan, Useless, Way
from entrepot.port.plan.ranking import other_orders, ranked, undominated
from entrepot.port.plan.reductions import AS_IS
from entrepot.port.plan.search import Route, Searcher, milder, settled, signature
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import DataState, Shipment
from entrepot.port.plan.ways import measured, reason, way
from entrepot.port.plan.words import title_of
from entrepot.port.risk import K_WANTED
from entrepot.port.transform.tokens import TokenKey, ephemeral_key

WAYS_MAX = 12
WORTHLESS_LOSS = 0.99
"""From this information loss on a way delivers nothing that anybody could use."""
CONFIRMED = "anonymity.confirmed"
_OF_MASKING = ("mask", "anonymi", "pseudonymi", "de-identif", "encrypt")
"""Readings of a rule that speak of such measures are quoted where a measure does not help."""
_NEED_FINDING = frozenset({"anonymised", "aggregated"})

Step = Callable[[str], None]
"""Told the name of each step as it begins."""


class Options(msgspec.Struct, frozen=True):
    """What a plan may do, and how it ranks."""

    k: int = K_WANTED
    """Smallest group in an anonymised table."""
    minimum_cell: int = K_WANTED
    """Smallest cell of an aggregation."""
    order: tuple[str, ...] = LAYERS
    """The constitution's order of layers."""


def make_plan(
    goods: Shipment,
    *,
    source: TableSource | None = None,
    options: Options | None = None,
    on_step: Step | None = None,
) -> Plan:
    """Return the lawful ways of a shipment (`entrepot.port.plan.states.shipment`), ranked.

    Without a `source` nothing is measured and the anonymised way is not offered. Raises
    `InvalidInput` for facts that do not fit.
    """
    return _Planner(goods, source, options or Options(), on_step or (lambda _name: None)).plan()


def as_is_way(goods: Shipment) -> Way:
    """Return the way of changing and electing nothing, number 0, whatever the law says of it."""
    bound = goods.library.bind(goods.flow)
    facts = goods.library.facts(goods.facts_in(AS_IS))
    found = measured(goods, AS_IS, None, ephemeral_key())
    return way(goods, AS_IS, {}, bound, found, facts=facts)


class _Planner:
    """Holds what all steps share: the shipment, the bound law, the searcher."""

    def __init__(
        self, goods: Shipment, source: TableSource | None, options: Options, on_step: Step
    ) -> None:
        self.goods, self.source, self.options, self.on_step = goods, source, options, on_step
        if source is not None:
            source.expect(goods.inspection.file.sha256)
        self.bound: BoundLaw = goods.library.bind(goods.flow)
        self.key: TokenKey = ephemeral_key()
        self.facts = self.facts_in(AS_IS)
        self.searcher = Searcher(self.bound, self.facts)
        self.plain = self.searcher.decide(self.facts)

    def facts_in(self, state: DataState) -> FactSet:
        return self.goods.library.facts(self.goods.facts_in(state))

    def plan(self) -> Plan:
        self.on_step("assessing as it is")
        as_is = self.bound.explain(self.facts)
        self.on_step("searching reductions")
        states = self.states(as_is)
        self.on_step("searching routes")
        routes = self.routes(states)
        self.on_step("measuring")
        ways = [way for state, route in routes for way in [self.way(state, route)]]
        kept = ranked(
            undominated([w for w in ways if _is_worth_walking(w)]),
            self.options.order,
        )
        numbered = [
            msgspec.structs.replace(way, number=number)
            for number, way in enumerate(kept[:WAYS_MAX], start=1)
        ]
        return Plan(
            flow=self.goods.flow,
            facts=_plain(self.goods),
            as_is=as_is,
            ways=numbered,
            useless=self.useless(states),
            helps=helps(self.searcher, self.facts, self.plain, as_is),
            order=list(self.options.order),
            other_orders=other_orders(numbered, self.options.order),
            notes=self.notes(as_is, numbered, len(kept)),
        )

    # -- states ----------------------------------------------------------------------------------

    def states(self, as_is: Assessment) -> list[DataState]:
        """Return every reduction that the columns allow, the shipment as it is first."""
        if not self.goods.inspection.rows:
            return [AS_IS]  # there is nothing to reduce
        regimes = [
            side.regime for side in as_is.sides if side.regime in self.goods.library.content.regimes
        ]
        bases = [AS_IS]
        lists = [[regime] for regime in regimes] + ([regimes] if len(regimes) > 1 else [])
        for chosen in lists:
            lean = reductions.without_sensitive(self.goods, chosen)
            if lean is not None and all(lean.transforms != known.transforms for known in bases):
                bases.append(lean)
        states = list(bases)
        for base in bases:
            states += self.below(base)
        states += [
            state
            for state in (
                reductions.masked(self.goods, regimes),
                reductions.pseudonymised(self.goods.inspection),
            )
            if state is not None
        ]
        return [*states, *self.measured_states()]

    def below(self, base: DataState) -> list[DataState]:
        """Return the base cut to each number of persons at which the answer gets milder."""
        persons = self.goods.inspection.table.persons
        if persons < 2 or "persons.total" not in self.goods.inspected:
            return []

        def at(count: int) -> Decision:
            state = base if count >= persons else reductions.below(self.goods, count, base)
            return self.searcher.decide(self.facts_in(state))

        whole = at(persons)
        found = []
        for count in self.searcher.thresholds(at, persons):
            if count < persons and milder(at(count), whole):
                found.append(reductions.below(self.goods, count, base))
                whole = at(count)
        return found

    def measured_states(self) -> list[DataState]:
        """Return the states that need the table itself: anonymised and aggregated."""
        if self.source is None:
            return []
        self.on_step("searching an anonymous form")
        found: Anonymised | None = anonymise(
            self.goods.inspection, self.source.batches, self.key, k=self.options.k
        )
        if found is None:
            return []
        note = (
            f"{found.unique_over_all:.1%} of the released rows are unique over all their columns; "
            "whoever knows such a row from elsewhere can still find it."
        )
        anonymous = found.state
        if found.unique_over_all > 0:
            anonymous = msgspec.structs.replace(anonymous, warnings=[*anonymous.warnings, note])
        counts = reductions.aggregated(
            self.goods.inspection, found.levels, self.options.minimum_cell
        )
        return [anonymous] if counts is None else [anonymous, counts]

    # -- routes ----------------------------------------------------------------------------------

    def routes(self, states: Sequence[DataState]) -> list[tuple[DataState, Route]]:
        """Return (state, route) for every route that can be walked and is not there without it."""
        found: list[tuple[DataState, Route]] = []
        own: dict[tuple[tuple[str, str], ...], Decision] = {}
        for state in states:
            facts = self.facts_in(state)
            for base in self.starts(state):
                for route in self.searcher.routes(facts.with_values(base)):
                    suppositions = {**base, **route.suppositions}
                    key = tuple(sorted((n, str(v)) for n, v in route.suppositions.items()))
                    if state is AS_IS:
                        own[key] = route.decision
                    elif not self.gains(route.decision, own.get(key), suppositions):
                        continue
                    if settled(route.decision):
                        found.append((state, Route(suppositions, route.decision)))
        return found

    def starts(self, state: DataState) -> list[dict[str, Scalar]]:
        """Return what must be supposed from the start: that an anonymous form is found to be so."""
        if state.kind not in _NEED_FINDING or CONFIRMED in self.goods.declared:
            return [{}]
        bare = self.searcher.decide(self.facts_in(state))
        supposed = self.searcher.decide(self.facts_in(state), {CONFIRMED: True})
        same = signature(bare) == signature(supposed)
        return [{}] if same else [{CONFIRMED: True}]

    def gains(
        self, decision: Decision, plain: Decision | None, suppositions: Mapping[str, Scalar]
    ) -> bool:
        """Tell whether a reduction changes the answer for the better, elections being equal."""
        names = {n: v for n, v in suppositions.items() if n != CONFIRMED}
        before = plain or self.searcher.decide(self.facts, names)
        return milder(decision, before)

    def way(self, state: DataState, route: Route) -> Way:
        found = measured(self.goods, state, self.source, self.key)
        return way(
            self.goods,
            state,
            route.suppositions,
            self.bound,
            found,
            facts=self.facts_in(state),
        )

    # -- what does not help ----------------------------------------------------------------------

    def useless(self, states: Sequence[DataState]) -> list[Useless]:
        """Report the reductions that change nothing, with the rules that say so."""
        found = []
        for state in states:
            if state is AS_IS or "below-threshold" in state.kind:
                continue
            facts = self.facts_in(state)
            supposed: dict[str, Scalar] = {}
            if state.kind in _NEED_FINDING:
                supposed = {CONFIRMED: True}
            decision = self.searcher.decide(facts, supposed)
            if milder(decision, self.plain) or self.plain.outcome == "NOT_A_TRANSFER":
                continue
            found.append(self.report(state, facts.with_values(supposed)))
        return found

    def report(self, state: DataState, facts: FactSet) -> Useless:
        after = self.bound.assess(facts)
        strict = [side for side in after.sides if side.outcome == after.outcome]
        hits = [hit for side in strict for hit in (side.rules or side.undecided)]
        notes = list(dict.fromkeys(note for hit in hits for note in hit.interpretations))
        notes = [note for note in notes if any(word in note.lower() for word in _OF_MASKING)]
        says = f"{state.title}: the answer stays the same ({title_of(after.outcome)}). " + " ".join(
            f"{hit.says} ({hit.citation.article})" for hit in hits[:2]
        )
        if notes:
            says += " " + " ".join(note.partition(": ")[2] for note in notes)
        return Useless(
            state.kind,
            state.title,
            after.outcome,
            after.status,
            [reason(hit) for hit in hits],
            says.strip(),
        )

    def notes(self, as_is: Assessment, ways: Sequence[Way], count: int) -> list[str]:
        notes = []
        if not ways:
            notes.append(
                "No way was found: no reduction of the data and no election of the parties leads "
                "to a route that can be walked on the facts given."
            )
        if as_is.outcome == "NEEDS_FACT":
            facts = ", ".join(item.fact for item in as_is.missing[:5])
            notes.append(f"Facts are missing; their answers may open more ways: {facts}.")
        if count > len(ways):
            notes.append(f"{count - len(ways)} more ways rank below these and are not shown.")
        if self.source is None:
            notes.append("Nothing was measured: the plan was made without the table.")
        return notes


def _is_worth_walking(way: Way) -> bool:
    """Leave out ways that are barred, and those at whose end nothing is left of the table."""
    return way.status in ("open", "conditional") and way.loss.loss < WORTHLESS_LOSS


def _plain(goods: Shipment) -> dict[str, FactValue]:
    facts = goods.facts_in(AS_IS)
    values: dict[str, FactValue] = {}
    for name, value in facts.items():
        inner = value.get("value") if isinstance(value, Mapping) else value
        if isinstance(inner, bool | int | float | str | list):
            values[name] = inner
    return values
