"""The scalar assessment: one set of facts under the law bound to one flow.

`BoundLaw.decide` is the fast path (outcome, deciding rules, facts read); `BoundLaw.assess` says
everything: duties with due days, missing facts, findings that people must make, what else it could
be.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from entrepot.law.assessor import Assessor
from entrepot.law.bind import BoundContent, derive
from entrepot.law.explain import what_would_change
from entrepot.law.factset import FactSet
from entrepot.law.judge import Verdict
from entrepot.law.kleene import Facts
from entrepot.law.model import Assessment, Flow, Scalar
from entrepot.law.outcomes import OUTCOME_RANK, OUTCOMES
from entrepot.law.proof import Proof, prove
from entrepot.law.vocabulary import spell

if TYPE_CHECKING:
    import polars as pl

    from entrepot.law.library import Library

_NEEDS_HUMAN = OUTCOME_RANK["NEEDS_HUMAN"]


class Decision:
    """An outcome with its proof: which regime demands what, by which rules, on which facts."""

    __slots__ = ("facts", "outcome", "verdicts")

    def __init__(
        self,
        outcome: str,
        verdicts: tuple[tuple[str, str, Verdict], ...],
        facts: dict[str, Scalar | None],
    ) -> None:
        """Hold the joined outcome, (regime, role, verdict) per side and the facts read."""
        self.outcome = outcome
        self.verdicts = verdicts
        self.facts = facts

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the deciding rules of all sides."""
        return tuple(rule.rule.id for _, _, verdict in self.verdicts for rule in verdict.hits)

    @property
    def duties(self) -> tuple[str, ...]:
        """Codes of duties that come with the verdicts, whatever their own conditions say."""
        return tuple(duty.duty.code for _, _, v in self.verdicts for duty in v.duties)

    def proof(self) -> dict[str, object]:
        """Return the proof as plain values: per side every rule examined with its result and
        article."""
        return {
            "outcome": self.outcome,
            "facts": {name: spell(value) for name, value in self.facts.items()},
            "sides": [
                {
                    "regime": regime,
                    "role": role,
                    "outcome": verdict.outcome,
                    "rules": [
                        {"id": r.rule.id, "article": r.rule.text.citation.article}
                        for r in verdict.hits
                    ],
                    "examined": dict(verdict.examined),
                    "duties": [duty.duty.code for duty in verdict.duties],
                }
                for regime, role, verdict in self.verdicts
            ],
        }


class BoundLaw:
    """The law that speaks to one flow on one day."""

    __slots__ = ("_plain", "content", "flow", "library")

    def __init__(self, library: Library, flow: Flow, content: BoundContent) -> None:
        """Hold bound content; get one from `Library.bind`."""
        self.library = library
        self.flow = flow
        self.content = content
        self._plain = not content.derivations and not content.reads_day

    def prepare(self, facts: FactSet | Facts) -> Facts:
        """Return the facts of the day: expired findings gone, derived facts added."""
        if isinstance(facts, FactSet):
            given: Facts = facts.under(self.flow) if facts.findings else facts.values
        else:
            given = facts
        if self._plain:
            return given
        return derive(self.content.derivations, {**given, "flow.as_of": self.flow.as_of})

    def decide(self, facts: FactSet | Mapping[str, Scalar]) -> Decision:
        """Return the outcome with its proof, without duties' days, questions or explanations.

        A plain mapping must hold typed values by dotted name, unknown facts absent; it is not
        checked.
        """
        values = self.prepare(facts)
        rank = -1
        engaged = False
        sides: list[tuple[str, str, Verdict]] = []
        read: dict[str, Scalar | None] = {}
        for bound in self.content.regimes:
            for option in bound.options:
                if option.test is not None and not option.engages(values):
                    continue
                if option.track is None:
                    break
                if option.role == "export":
                    engaged = True
                verdict = option.track.judge(values)
                sides.append((bound.regime.id, option.role, verdict))
                for name in verdict.reads:
                    read[name] = values.get(name)
                if verdict.rank > rank:
                    rank = verdict.rank
                break
        if not engaged and rank < _NEEDS_HUMAN:
            rank = _NEEDS_HUMAN
        return Decision(OUTCOMES[rank], tuple(sides), read)

    def prove(self, facts: FactSet | Mapping[str, object]) -> dict[str, Proof]:
        """Return the proof tree of every rule that decides or could still change the outcome."""
        values = self.prepare(self._read(facts))
        return {
            rule.rule.id: prove(rule.node, values)
            for _, _, verdict in self.decide(values).verdicts
            for rule in (*verdict.hits, *verdict.closed, *verdict.matters)
        }

    def assess(self, facts: FactSet | Mapping[str, object]) -> Assessment:
        """Return the full assessment, with `changes` left empty (see `explain`).

        A plain mapping is read like `Library.facts` does. Raises `InvalidInput` for facts that do
        not fit or contradict each other.
        """
        return Assessor(self, self._read(facts)).assessment([])

    def explain(self, facts: FactSet | Mapping[str, object]) -> Assessment:
        """Return the full assessment together with what would change the answer."""
        read = self._read(facts)
        return Assessor(self, read).assessment(what_would_change(self, read))

    def columns(self, frame: pl.DataFrame, *, status: bool = False) -> pl.DataFrame:
        """Return `outcome`, `strictest` and `rule` for every row of `frame` (one column per fact).

        See `entrepot.law.columnar.assess_columns`.
        """
        # Imported when used: the scalar path does not pay for Polars.
        from entrepot.law.columnar import assess_columns

        return assess_columns(self, frame, status=status)

    def _read(self, facts: FactSet | Mapping[str, object]) -> FactSet:
        return facts if isinstance(facts, FactSet) else self.library.facts(facts)
