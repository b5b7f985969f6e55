"""From nothing to an answer by few questions: what to ask next, why, and what hangs on it.

What is open is measured, not guessed: the unknown facts are drawn at random a few thousand times,
every draw is judged by the columnar back end, and the entropy of the outcomes is what remains open.
The next question is the fact that tells most about the outcome (mutual information; Lindley 1956,
and Quinlan's information gain of 1986). A single look ahead along the rules would miss facts that
matter only together. What the draws cannot show is never taken for settled: the engine itself says
when an answer holds whatever the unknown facts are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.law import ir
from entrepot.law.assess import BoundLaw, Decision
from entrepot.law.columnar import judge_table
from entrepot.law.columnfacts import Codes, Column, Members, Numbers, Table, bits_of, constant
from entrepot.law.explain import possible_answers
from entrepot.law.factset import FactSet
from entrepot.law.judge import BoundRule
from entrepot.law.kleene import Facts, unknown_facts
from entrepot.law.model import Scalar
from entrepot.law.outcomes import OUTCOMES
from entrepot.law.vocabulary import FactSpec, spell

DRAWS = 4_096
USUAL_SHARE = 0.8
"""Chance of the usual value of a fact, where a profile names one."""
DEVIATIONS_MIN = 4
"""How far above chance a fact must tell to count, in standard deviations."""
VALUES_MAX = 40
SEED = 1


class Branch(msgspec.Struct, frozen=True):
    """What may come of one answer: outcomes with their share of the draws, likeliest first."""

    answer: str
    meaning: str
    outcomes: dict[str, float]


class Question(msgspec.Struct, frozen=True):
    """A fact to ask for."""

    fact: str
    question: str
    about: str
    source: str
    type: str
    unit: str
    cite: str
    answers: list[str]
    """What may be answered, for yes-or-no questions and lists of words."""
    bits: float
    """How much of what is open the answer settles on average."""
    open_bits: float
    """How much is open before it is answered."""
    because: str
    """The rule that waits for it, and what that rule says."""
    branches: list[Branch]


@dataclass(frozen=True, slots=True)
class _Draw:
    """One unknown fact: the values it may take and the value drawn in every row, shape (rows,)."""

    spec: FactSpec
    values: Sequence[Scalar]
    chosen: NDArray[np.intp]


class Inquiry:
    """Asks about one flow; the same facts give the same question."""

    def __init__(
        self,
        bound: BoundLaw,
        *,
        usual: Mapping[str, Scalar] | None = None,
        draws: int = DRAWS,
        seed: int = SEED,
    ) -> None:
        """Ask under `bound`; `usual` are values that most cases share, as a profile has them."""
        self.bound = bound
        self.usual = dict(usual or {})
        self.draws = draws
        self.seed = seed
        self._points = _compared_with(bound)
        self._derivations = {item.name: item.rules for item in bound.content.derivations}

    def next(self, facts: FactSet, *, skipped: frozenset[str] = frozenset()) -> Question | None:
        """Return what to ask next, or None when no answer can change the outcome any more.

        Facts in `skipped` are not asked for.
        """
        values = self.bound.prepare(facts)
        decision = self.bound.decide(values)
        draws = self._draw(facts, values, skipped)
        ranks = self._judged(facts, values, draws)
        open_bits = _entropy(np.bincount(ranks, minlength=len(OUTCOMES)))
        told = {
            name: _told(draw, ranks, open_bits)
            for name, draw in draws.items()
            if name not in skipped
        }
        best = max(told, key=lambda name: told[name], default=None)
        if best is not None and told[best] > 0:
            return self._question(draws[best], ranks, (told[best], open_bits), decision, values)
        # Nothing shows in the draws; ask what the rules still wait for.
        waiting = next((n for n in self._waiting(decision, values, facts) if n in told), None)
        if waiting is None:
            return None
        return self._question(draws[waiting], ranks, (0.0, open_bits), decision, values)

    # -- draws -----------------------------------------------------------------------------------

    def _draw(self, facts: FactSet, values: Facts, skipped: frozenset[str]) -> dict[str, _Draw]:
        """Draw every unknown fact, no choice, on which something that is open depends."""
        rng = np.random.default_rng(self.seed)
        found: dict[str, _Draw] = {}
        for name in sorted(self._relevant(facts, values, skipped)):
            spec = self.bound.library.vocabulary[name]
            if spec.source in ("flow", "choice"):
                continue
            domain = self._domain(spec)
            if len(domain) > 1:
                weights = self._weights(name, domain)
                chosen = rng.choice(len(domain), self.draws, p=weights)
                found[name] = _Draw(spec, domain, chosen)
        return found

    def _relevant(self, facts: FactSet, values: Facts, skipped: frozenset[str]) -> set[str]:
        """Return the unknown facts that open conditions read, or read what is derived from them.

        A regime that follows a party or an origin counts only when it is known to be engaged, as
        in an assessment. A number that is the sum of others is asked for by its parts.
        """
        asked: dict[str, None] = {}
        for bound in self.bound.content.regimes:
            option = next((o for o in bound.options if o.engages(values)), None)
            if option is None or option.track is None:
                continue
            for rule in option.track.rules:
                asked.update(dict.fromkeys(rule.reads))
        rules = self._derivations
        found: set[str] = set()
        seen: set[str] = set()
        left = [name for name in asked if name not in facts]
        while left:
            name = left.pop()
            if name in seen:
                continue
            seen.add(name)
            parts = {
                fact
                for rule in rules.get(name, ())
                for fact in (*ir.facts_of(rule[2]), *ir.facts_of(rule[3]))
                if fact not in facts
            }
            summed = any(isinstance(rule[3], ir.Sum) for rule in rules.get(name, ()))
            if name in values or summed or (parts and name in skipped):
                left += parts
            else:
                found.add(name)
        return found

    def _weights(self, name: str, domain: Sequence[Scalar]) -> NDArray[np.float64]:
        counted = self.bound.library.vocabulary[name].type in ("int", "number")
        # Of most kinds of data there is none.
        usual = self.usual.get(name, 0 if counted else None)
        if usual not in domain:
            return np.full(len(domain), 1 / len(domain))
        rest = (1 - USUAL_SHARE) / (len(domain) - 1)
        return np.array([USUAL_SHARE if value == usual else rest for value in domain])

    def _domain(self, spec: FactSpec) -> Sequence[Scalar]:
        """Return values of a fact that conditions can tell apart."""
        points = self._points.get(spec.name, set())
        match spec.type:
            case "bool":
                return [True, False]
            case "enum":
                return list(spec.values)[:VALUES_MAX]
            case "set":
                return [frozenset(), *(frozenset({member}) for member in spec.values)][:VALUES_MAX]
            case "jurisdictions":
                words = sorted(point for point in points if isinstance(point, str))
                return [frozenset(), *(frozenset({word}) for word in words)][:VALUES_MAX]
            case "int" | "number":
                numbers = [point for point in points if isinstance(point, (int, float))]
                around = {max(0, n + step) for n in numbers for step in (-1, 0, 1)} | {0}
                whole = spec.type == "int"
                return [int(n) if whole else float(n) for n in sorted(around)][:VALUES_MAX]
            case "date":
                days = {point for point in points if isinstance(point, date)}
                days.add(self.bound.flow.as_of)
                steps = (timedelta(days=step) for step in (-1, 0, 1))
                return sorted({day + step for step in steps for day in days})[:VALUES_MAX]
            case _:
                return sorted((p for p in points if isinstance(p, str)), key=str)[:VALUES_MAX]

    def _judged(self, facts: FactSet, values: Facts, draws: dict[str, _Draw]) -> NDArray[np.int8]:
        """Return the outcome of every draw, as positions in `OUTCOMES`, shape (rows,)."""
        vocabulary = self.bound.library.vocabulary
        known = {**values, "flow.as_of": self.bound.flow.as_of}
        derived = {item.name for item in self.bound.content.derivations}
        columns: dict[str, Column] = {
            name: constant(vocabulary[name], value, vocabulary)
            for name, value in known.items()
            # What follows from other facts must follow from what is drawn of them.
            if name in facts or name not in derived
        }
        columns |= {name: _column(draw) for name, draw in draws.items()}
        return judge_table(self.bound, Table(self.draws, columns)).ranks()

    # -- wording ---------------------------------------------------------------------------------

    def _waiting(self, decision: Decision, values: Facts, facts: FactSet) -> Iterator[str]:
        """Yield the facts for which the sides that lack one wait, each before what it derives
        from."""
        for _, _, verdict in decision.verdicts:
            if verdict.outcome != "NEEDS_FACT":
                continue
            for rule in verdict.matters:
                for name in unknown_facts(rule.node, values):
                    yield name
                    yield from self._parts(name, facts)

    def _parts(self, name: str, facts: FactSet) -> Iterator[str]:
        """Yield the facts, none of them given, that a fact may be derived from."""
        seen = {name}
        left = [name]
        while left:
            for _, _, condition, value in self._derivations.get(left.pop(), ()):
                for fact in (*ir.facts_of(condition), *ir.facts_of(value)):
                    if fact not in seen and fact not in facts:
                        seen.add(fact)
                        left.append(fact)
                        yield fact

    def _question(
        self,
        draw: _Draw,
        ranks: NDArray[np.int8],
        bits: tuple[float, float],
        decision: Decision,
        values: Facts,
    ) -> Question:
        spec = draw.spec
        return Question(
            fact=spec.name,
            question=spec.question or spec.about,
            about=spec.about,
            source=spec.source,
            type=spec.type,
            unit=spec.unit,
            cite=spec.cite,
            answers=possible_answers(spec),
            bits=round(bits[0], 4),
            open_bits=round(bits[1], 4),
            because=self._because(spec.name, decision, values),
            branches=_branches(draw, ranks),
        )

    def _because(self, name: str, decision: Decision, values: Facts) -> str:
        """Name the rule that waits for a fact: first one that would decide, else one that reads
        it."""
        candidates = [rule for _, _, verdict in decision.verdicts for rule in verdict.matters]
        for rule in candidates:
            if name in unknown_facts(rule.node, values):
                return _reason(rule)
        for regime in self.bound.content.regimes:
            for option in regime.options:
                if name in ir.facts_of(option.node):
                    return f"whether {regime.regime.text.block.title} applies"
                for rule in option.track.rules if option.track is not None else ():
                    if name in rule.reads:
                        return _reason(rule)
        return ""


def _reason(rule: BoundRule) -> str:
    text = rule.rule.text
    return f"{rule.rule.id} ({text.citation.article}): {text.block.says}"


def _compared_with(bound: BoundLaw) -> dict[str, set[Scalar]]:
    """Return fact → the values that bound conditions compare it with, sums included."""
    found: dict[str, set[Scalar]] = {}
    for node in bound.content.nodes():
        for part in ir.walk(node):
            match part:
                case ir.Compare(_, left, right):
                    points = {
                        p.value
                        for side in (left, right)
                        for p in ir.walk(side)
                        if isinstance(p, ir.Const) and p.value is not None
                    }
                    for name in (*ir.facts_of(left), *ir.facts_of(right)):
                        found.setdefault(name, set()).update(points)
                case ir.In(ir.Fact(name), members, _) | ir.Has(ir.Fact(name), members, _, _):
                    found.setdefault(name, set()).update(members)
    for item in bound.content.derivations:
        # What adds up to a number is compared with the same thresholds.
        for _, _, _, value in item.rules:
            for name in ir.facts_of(value):
                found.setdefault(name, set()).update(found.get(item.name, set()))
    return found


def _column(draw: _Draw) -> Column:
    spec, values = draw.spec, list(draw.values)
    match spec.type:
        case "set" | "jurisdictions":
            sets = [value for value in values if isinstance(value, frozenset)]
            words = tuple(sorted({word for value in sets for word in value}))
            bits = np.array([bits_of(value, words) for value in sets], np.uint64).T
            return Members(bits[:, draw.chosen], None, words)
        case "int" | "number" | "date":
            numbers = np.array([v.toordinal() if isinstance(v, date) else v for v in values])
            return Numbers(numbers[draw.chosen], None)
        case _:
            return Codes(draw.chosen.astype(np.uint16), tuple(values))


def _entropy(counts: NDArray[np.integer]) -> float:
    """Return the entropy of counts in bits."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def _told(draw: _Draw, ranks: NDArray[np.int8], open_bits: float) -> float:
    """Return how many bits a fact tells about the outcome, freed of what chance would tell."""
    width = len(OUTCOMES)
    table = np.bincount(draw.chosen * width + ranks, minlength=len(draw.values) * width)
    table = table.reshape(len(draw.values), width)
    weights = table.sum(axis=1)
    left = sum(_entropy(row) * int(row.sum()) for row in table if row.any())
    seen = int((table.sum(axis=0) > 0).sum())
    # Of a fact that tells nothing, 2n times what it seems to tell (in nats) is chi-squared.
    freedom = (int((weights > 0).sum()) - 1) * (seen - 1)
    chance = freedom + DEVIATIONS_MIN * math.sqrt(2 * freedom)
    told = open_bits - left / len(ranks)
    return told if told * 2 * len(ranks) * math.log(2) > chance else 0.0


def _branches(draw: _Draw, ranks: NDArray[np.int8]) -> list[Branch]:
    branches = []
    for number, value in enumerate(draw.values):
        rows = ranks[draw.chosen == number]
        if not len(rows):
            continue
        counts = np.bincount(rows, minlength=len(OUTCOMES))
        order = [rank for rank in np.argsort(-counts, kind="stable") if counts[rank]]
        shares = {OUTCOMES[rank]: round(float(counts[rank] / len(rows)), 3) for rank in order}
        meaning = draw.spec.values.get(value, "") if isinstance(value, str) else ""
        branches.append(Branch(spell(value), meaning, shares))
    return branches
