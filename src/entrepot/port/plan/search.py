"""Search with the engine as the judge: elections, findings, and how many persons may go.

Nothing is assumed about what a fact means. A lever is a fact that rules of the bound law read and
that people can settle: a choice of the parties, or a finding a named person can make. The numbers
of the law are found by asking the engine, at ever closer numbers of persons, where its answer
changes.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from entrepot.law import ir
from entrepot.law.assess import BoundLaw, Decision
from entrepot.law.explain import domain
from entrepot.law.factset import FactSet
from entrepot.law.model import Scalar
from entrepot.law.outcomes import UNDECIDED, strictness

DEPTH_MAX = 3
"""Elections that are combined at most: an instrument, its set, its module."""
FRONTIER_MAX = 60
THRESHOLDS_MAX = 12

Signature = tuple[tuple[str, str, str, tuple[str, ...]], ...]
"""Per side: regime, role, outcome, deciding rules."""


class Route(msgspec.Struct, frozen=True):
    """What the parties elect and what people would have to find, and the answer then."""

    suppositions: dict[str, Scalar]
    decision: Decision

    @property
    def signature(self) -> Signature:
        """What makes two routes the same in law."""
        return signature(self.decision)


def signature(decision: Decision) -> Signature:
    """Return regime, role, outcome and deciding rules of every side."""
    return tuple(
        (regime, role, verdict.outcome, tuple(rule.rule.id for rule in verdict.hits))
        for regime, role, verdict in decision.verdicts
    )


def settled(decision: Decision) -> bool:
    """Tell whether a decision names a route that can be walked."""
    return decision.outcome not in UNDECIDED and decision.outcome != "PROHIBITED"


def milder(after: Decision, before: Decision) -> bool:
    """Tell whether no side is stricter and at least one is milder."""
    now = {(regime, role): v.outcome for regime, role, v in before.verdicts}
    then = {(regime, role): v.outcome for regime, role, v in after.verdicts}
    if strictness(after.outcome) > strictness(before.outcome):
        return False
    shared = now.keys() & then.keys()
    if any(strictness(then[side]) > strictness(now[side]) for side in shared):
        return False
    gone = any(strictness(now[side]) > 0 for side in now.keys() - then.keys())
    return gone or any(strictness(then[side]) < strictness(now[side]) for side in shared)


class Searcher:
    """Asks one bound law about one shipment in many variations."""

    def __init__(self, bound: BoundLaw, facts: FactSet) -> None:
        """Collect the levers that the law reads which the shipment as it is engages."""
        self.bound = bound
        self.nodes = bound.content.nodes(bound.prepare(facts))
        self._domains: dict[str, Sequence[Scalar]] = {}
        vocabulary = bound.library.vocabulary
        names = {
            name
            for node in self.nodes
            for part in ir.walk(node)
            if isinstance(part, ir.Fact)
            for name in (part.name,)
        }
        self.read = sorted(names)
        self.choices = [name for name in self.read if vocabulary[name].source == "choice"]
        self.findings = [name for name in self.read if vocabulary[name].source == "finding"]

    def domain(self, name: str) -> Sequence[Scalar]:
        """Return the values of a fact that conditions can tell apart."""
        if name not in self._domains:
            self._domains[name] = domain(self.bound, name, self.nodes)
        return self._domains[name]

    def decide(self, facts: FactSet, changes: Mapping[str, Scalar] | None = None) -> Decision:
        """Decide `facts` with `changes` made."""
        values = facts.under(self.bound.flow)
        return self.bound.decide({**values, **(changes or {})})

    def routes(self, facts: FactSet, *, findings: bool = True) -> list[Route]:
        """Return the routes that elections (and findings) open, the plain one first.

        A supposition is kept only when the answer gets milder by it; combinations are tried only
        from answers that cannot be walked yet. Of equal routes the one that supposes least stays.
        """
        plain = Route({}, self.decide(facts))
        found: dict[Signature, Route] = {plain.signature: plain}
        frontier = [plain]
        for _ in range(DEPTH_MAX):
            opened: list[Route] = []
            for route in frontier:
                if route.suppositions and settled(route.decision):
                    continue
                for name, value in self._levers(facts, route, findings=findings):
                    further = Route(
                        {**route.suppositions, name: value},
                        self.decide(facts, {**route.suppositions, name: value}),
                    )
                    if further.signature not in found and milder(further.decision, route.decision):
                        found[further.signature] = further
                        opened.append(further)
            frontier = opened[:FRONTIER_MAX]
        return list(found.values())

    def _levers(
        self, facts: FactSet, route: Route, *, findings: bool
    ) -> Iterator[tuple[str, Scalar]]:
        vocabulary = self.bound.library.vocabulary
        asked = [*self.choices, *(self.findings if findings else [])]
        for name in asked:
            if name in route.suppositions or name in facts:
                continue
            if name == "anonymity.confirmed":
                continue  # only a state that measured its risk may suppose it
            unchosen = vocabulary[name].unchosen
            for value in self.domain(name):
                if value != unchosen:
                    yield name, value

    def thresholds(self, decide: Callable[[int], Decision], persons: int) -> list[int]:
        """Return the largest numbers of persons, under `persons`, at which the answer changes.

        Halves the interval wherever the answers at its ends differ, down to neighbours; numbers of
        the law that the interval hides between equal answers are tried first.
        """
        known: dict[int, Signature] = {}

        def at(count: int) -> Signature:
            if count not in known:
                known[count] = signature(decide(count))
            return known[count]

        marks = sorted({1, persons, *self._numbers(persons)})
        found: list[int] = []
        for low, high in itertools.pairwise(marks):
            found += list(_changes(at, low, high))
        return sorted(set(found), reverse=True)[:THRESHOLDS_MAX]

    def _numbers(self, persons: int) -> set[int]:
        """Return whole numbers that conditions compare facts with, and their neighbours."""
        points: set[int] = set()
        for node in self.nodes:
            for part in ir.walk(node):
                if isinstance(part, ir.Const) and isinstance(part.value, int):
                    points |= {part.value - 1, part.value, part.value + 1}
        return {point for point in points if 1 <= point <= persons}


def _changes(at: Callable[[int], Signature], low: int, high: int) -> Iterator[int]:
    """Yield every number whose answer differs from that of the next, between two bounds."""
    if at(low) == at(high):
        return
    if high - low == 1:
        yield low
        return
    middle = (low + high) // 2
    yield from _changes(at, low, middle)
    yield from _changes(at, middle, high)
