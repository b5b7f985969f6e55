"""Tries mutants on the cases of the law, and looks for facts that tell survivors from the law.

A mutant is killed when some case no longer finds what it expects. One that lives is put to facts
near those of the cases: if none of them tells it from the law, it is as good as the law (a
condition that an earlier rule has settled, say) and does not count; else it is a gap, shown with
facts that a case could be made of.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

from entrepot.law.bind import RegimeOfDay
from entrepot.law.cases import CaseResult
from entrepot.law.compiled import Regime
from entrepot.law.expectations import Expectation, RegimeExpectation
from entrepot.law.explain import domain
from entrepot.law.judge import Verdict
from entrepot.law.kleene import Facts, unknown_facts
from entrepot.law.library import Library
from entrepot.law.model import Flow, Scalar
from entrepot.law.mutation.changed import Changed, what_rules_read
from entrepot.law.mutation.mutants import Mutant, mutants_of
from entrepot.law.outcomes import OUTCOME_RANK, OUTCOMES, PRECONDITIONED, UNDECIDED
from entrepot.law.vocabulary import spell

NEIGHBOURS = 300
"""Sets of facts near the cases that are tried on each survivor."""
_NEEDS_HUMAN = OUTCOME_RANK["NEEDS_HUMAN"]


@dataclasses.dataclass(frozen=True, slots=True)
class View:
    """What a case can see of one side."""

    role: str
    rank: int
    rules: frozenset[str]
    duties: frozenset[str]
    """Codes and ids of the duties that arise or may arise."""
    could_be: frozenset[str]
    needs: frozenset[str]
    unmet: bool
    failed: bool
    early: bool = False
    """The regime of the exporter, on a day before its first rule: a person must decide."""


_NOTHING = frozenset[str]()
_EARLY = View(
    "export", _NEEDS_HUMAN, _NOTHING, _NOTHING, _NOTHING, _NOTHING, False, False, early=True
)


@dataclasses.dataclass(slots=True)
class Trial:
    """A case made ready: its facts, what it expects, and what every regime says."""

    name: str
    flow: Flow
    facts: dict[str, Scalar]
    expect: Expectation
    views: dict[str, View]
    prepared: dict[str, Facts] = dataclasses.field(default_factory=dict)
    """Regime → its facts with what they derive, kept once asked for."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gap:
    """A mutant that no case notices although it says something else of some facts."""

    mutant: Mutant
    flow: Flow
    facts: dict[str, str]
    said: str
    now: str


@dataclasses.dataclass(slots=True)
class Score:
    """What became of the mutants of one regime."""

    regime: str
    killed: int = 0
    alike: int = 0
    """Mutants that no facts tried tell from the law."""
    gaps: list[Gap] = dataclasses.field(default_factory=list)

    @property
    def share(self) -> float:
        """Share of the mutants that differ from the law and are killed."""
        counted = self.killed + len(self.gaps)
        return self.killed / counted if counted else 1.0


def score_regimes(
    library: Library,
    results: Iterable[CaseResult],
    regimes: Sequence[str],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Score]:
    """Return the score of every named regime over cases that passed."""
    trials = [trial for result in results if (trial := _trial(library, result)) is not None]
    scores = []
    for number, name in enumerate(regimes):
        progress(number, len(regimes))
        scores.append(score_regime(library, library.regime(name), trials))
    progress(len(regimes), len(regimes))
    return scores


def score_regime(library: Library, regime: Regime, trials: Sequence[Trial]) -> Score:
    """Try every mutant of a regime."""
    own = [trial for trial in trials if _hears(trial, regime.id)]
    score = Score(regime.id)
    reads = what_rules_read(library, regime.rules)
    chance = random.Random(regime.id)  # noqa: S311 - which facts to try, always the same ones
    for mutant in mutants_of(library, regime):
        changed = Changed(library, mutant, reads)
        live = [trial for trial in own if _in_window(mutant, trial.flow.as_of)]
        live.sort(key=lambda trial: mutant.of not in _rules(trial, regime.id))
        if any(_noticed(trial, regime.id, changed) for trial in live):
            score.killed += 1
            continue
        gap = _difference(library, mutant, changed, own, chance)
        if gap is None:
            score.alike += 1
        else:
            score.gaps.append(gap)
    return score


def _hears(trial: Trial, regime: str) -> bool:
    """Say whether a case speaks of a regime: it is engaged, or expected not to be."""
    return regime in trial.views or regime in trial.expect.not_engaged


def _rules(trial: Trial, regime: str) -> frozenset[str]:
    view = trial.views.get(regime)
    return frozenset() if view is None else view.rules


def _in_window(mutant: Mutant, day: date) -> bool:
    return mutant.window is None or mutant.window[0] <= day < mutant.window[1]


# -- cases -----------------------------------------------------------------------------------------


def _trial(library: Library, result: CaseResult) -> Trial | None:
    flow, expect = result.flow, result.case.text.expect
    if not result.passed or flow is None or result.facts is None or expect.error:
        return None
    facts = _placed(result.facts.under(flow), flow)
    views = {}
    for name in library.content.regimes:
        view = _view(library.regime_on(name, flow.as_of, flow.known_at), facts)
        if view is not None:
            views[name] = view
    trial = Trial(result.case.text.name, flow, facts, expect, views)
    # What a case expects beyond the sides (people to ask, treaties) is not tried here.
    return trial if _holds(trial.expect, trial.views) else None


def _placed(facts: Mapping[str, Scalar], flow: Flow) -> dict[str, Scalar]:
    return {
        **facts,
        "flow.from": flow.origin,
        "flow.to": flow.destination,
        "flow.as_of": flow.as_of,
    }


def _view(bound: RegimeOfDay | None, facts: Facts, values: Facts | None = None) -> View | None:
    """Return what a regime shows of some facts; None where it is not engaged.

    `values` are the facts with what they derive, where that is known already.
    """
    if bound is None:
        return None
    if values is None:
        values = bound.prepare(facts)
    option = next((o for o in bound.bound.options if o.engages(values)), None)
    if option is None:
        return None
    if option.track is None:
        return _EARLY if option.role == "export" else None
    verdict = option.track.judge(values)
    arising = [duty for duty in verdict.duties if duty.when(values) is not False]
    before = [duty for duty in arising if duty.duty.due.before_transfer]
    walked = bool(before) or verdict.outcome not in PRECONDITIONED
    return View(
        role=option.role,
        rank=verdict.rank,
        rules=frozenset(rule.rule.id for rule in verdict.hits),
        duties=frozenset(name for duty in arising for name in (duty.duty.id, duty.duty.code)),
        could_be=frozenset(verdict.could_be),
        needs=frozenset(_needs(verdict, values)),
        unmet=not walked or any(not duty.done(values) for duty in before),
        failed=any(duty.fails(values) is True for duty in arising),
    )


def _needs(verdict: Verdict, values: Facts) -> Iterator[str]:
    if verdict.outcome == "NEEDS_FACT":
        for rule in verdict.matters:
            yield from unknown_facts(rule.node, values)


def _noticed(trial: Trial, regime: str, changed: Changed) -> bool:
    """Say whether a case fails under a mutant."""
    bound = changed.on(trial.flow)
    values = None
    if bound is not None and not changed.touched:
        values = trial.prepared.get(regime)
        if values is None:
            values = trial.prepared[regime] = bound.prepare(trial.facts)
    view = _view(bound, trial.facts, values)
    if view == trial.views.get(regime):
        return False
    views = {name: old for name, old in trial.views.items() if name != regime}
    if view is not None:
        views[regime] = view
    return not _holds(trial.expect, views)


def _holds(expect: Expectation, views: Mapping[str, View]) -> bool:
    """Say whether the sides show what a case expects of them."""
    views = _sides(views)
    joined = _joined(views)
    rules = frozenset[str]().union(*(view.rules for view in views.values()))
    duties = frozenset[str]().union(*(view.duties for view in views.values()))
    could_be = frozenset[str]().union(*(view.could_be for view in views.values()))
    needs = frozenset[str]().union(*(view.needs for view in views.values()))
    return (
        expect.outcome in ("", joined)
        and (not expect.one_of or joined in expect.one_of)
        and expect.status in ("", _status(joined, views))
        and rules.issuperset(expect.rules)
        and rules.isdisjoint(expect.not_rules)
        and duties.issuperset(expect.duties)
        and duties.isdisjoint(expect.not_duties)
        and could_be.issuperset(expect.could_be)
        and needs.issuperset(expect.needs)
        and all(name in views for name in expect.regimes)
        and all(_holds_on(side, views[name]) for name, side in expect.regimes.items())
        and views.keys().isdisjoint(expect.not_engaged)
    )


def _sides(views: Mapping[str, View]) -> Mapping[str, View]:
    """Leave out regimes that begin later where another law of the exporter's place decides."""
    if not any(view.role == "export" and not view.early for view in views.values()):
        return views
    return {name: view for name, view in views.items() if not view.early}


def _holds_on(expect: RegimeExpectation, view: View) -> bool:
    """Say whether one side shows what a case expects of it alone."""
    outcome = OUTCOMES[view.rank]
    return (
        expect.outcome in ("", outcome)
        and (not expect.one_of or outcome in expect.one_of)
        and expect.role in ("", view.role)
        and expect.status in ("", _status(outcome, {"": view}))
        and view.rules.issuperset(expect.rules)
        and view.rules.isdisjoint(expect.not_rules)
        and view.duties.issuperset(expect.duties)
        and view.duties.isdisjoint(expect.not_duties)
        and view.needs.issuperset(expect.needs)
        and view.could_be.issuperset(expect.could_be)
    )


def _joined(views: Mapping[str, View]) -> str:
    rank = max((view.rank for view in views.values()), default=-1)
    if not any(view.role == "export" for view in views.values()):
        rank = max(rank, _NEEDS_HUMAN)
    return OUTCOMES[rank]


def _status(joined: str, views: Mapping[str, View]) -> str:
    if joined == "PROHIBITED" or any(view.failed for view in views.values()):
        return "barred"
    if joined in UNDECIDED:
        return "undecided"
    return "conditional" if any(view.unmet for view in views.values()) else "open"


# -- survivors -------------------------------------------------------------------------------------


def _difference(
    library: Library,
    mutant: Mutant,
    changed: Changed,
    trials: Sequence[Trial],
    chance: random.Random,
) -> Gap | None:
    """Return facts of which a survivor says something else than the law, if some are found."""
    name = mutant.regime.id
    near = [trial for trial in trials if mutant.of in _rules(trial, name)]
    near = near or [trial for trial in trials if name in trial.views]
    for trial in (chance.choice(near) for _ in range(NEIGHBOURS if near else 0)):
        flow = _flow_near(library, trial.flow, mutant, chance)
        facts = _neighbour(library, trial, flow, chance)
        if mutant.aim is not None and chance.random() < 0.7:
            fact, value = mutant.aim
            facts[fact] = value
            if fact == "flow.to":
                flow = dataclasses.replace(flow, destination=str(value))
        said = _view(library.regime_on(name, flow.as_of, flow.known_at), facts)
        now = _view(changed.on(flow), facts)
        if _can_be_told(said, now):
            told = {fact: spell(v) for fact, v in facts.items() if not fact.startswith("flow.")}
            return Gap(mutant, flow, told, _told(said), _told(now))
    return None


def _can_be_told(said: View | None, now: View | None) -> bool:
    """Say whether a case could expect something that holds of one side and not of the other.

    No case can expect that a milder outcome is not possible, or that a fact is not asked for; and
    a day before the law, left to a person, looks like a default that leaves it to one.
    """
    if said is None or now is None:
        return said is not now
    return not (
        said.could_be <= now.could_be
        and said.needs <= now.needs
        and said
        == dataclasses.replace(now, could_be=said.could_be, needs=said.needs, early=said.early)
    )


def _flow_near(library: Library, flow: Flow, mutant: Mutant, chance: random.Random) -> Flow:
    """Return the flow of a case, now and then to another place, on a day that matters."""
    day, known_at = flow.as_of, flow.known_at
    if mutant.window is not None and not _in_window(mutant, day):
        day = known_at = mutant.window[0]
    destination = flow.destination
    if chance.random() < 0.2:
        destination = chance.choice(list(library.jurisdictions.names))
    return Flow(flow.origin, destination, day, max(day, known_at))


def _neighbour(
    library: Library, trial: Trial, flow: Flow, chance: random.Random
) -> dict[str, Scalar]:
    """Return the facts of a case with up to three of them changed or forgotten."""
    bound = library.bind(trial.flow)
    names = sorted(library.facts_read(chance.choice(list(trial.views))) & bound.content.facts_read)
    facts = {k: v for k, v in trial.facts.items() if not k.startswith("flow.")}
    for _ in range(chance.randrange(4)):
        fact = chance.choice(names) if names else ""
        values = list(domain(bound, fact)) if fact and not fact.startswith("flow.") else []
        if not values or chance.random() < 0.15:
            facts.pop(fact, None)
        else:
            facts[fact] = chance.choice(values)
    return _placed(facts, flow)


def _told(view: View | None) -> str:
    if view is None or view.early:
        return "not engaged"
    return f"{OUTCOMES[view.rank]} by {', '.join(sorted(view.rules)) or 'default'}"
