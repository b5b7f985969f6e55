"""What a change of law does: probes asked under the law before and after, outcomes compared.

Strictness is the order of `entrepot.law.outcomes`. Where facts are missing an answer is a range,
and one law is called stricter only when its whole range lies above the other's. A probe is laid
to a change when the changed part decides it, or is read by what decides it, before or after.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from entrepot.law import ir
from entrepot.law.assess import BoundLaw, Decision
from entrepot.law.difference import Delta, LawAt
from entrepot.law.judge import BoundRule, Verdict
from entrepot.law.kleene import Test, compile_test
from entrepot.law.library import Library
from entrepot.law.model import Scalar
from entrepot.law.outcomes import OUTCOME_RANK, OUTCOMES
from entrepot.law.probes import Probe, at_thresholds, probes, relocated
from entrepot.law.readers import Readers
from entrepot.law.rulebook import SensitivityText
from entrepot.law.vocabulary import spell

VARIED_MAX = 60
"""Probes, of different deciding rules as far as there are, that are moved across thresholds."""
VARIED_EACH_MAX = 120
RELOCATED_MAX = 20
"""Probes sent to, and taken from, a place that joined or left a group."""
FACTS_SHOWN_MAX = 8
_MOVES = ("loosened", "tightened", "new_duty", "duty_gone", "same", "unclear")


class Counts(msgspec.Struct, frozen=True):
    """How many probes a change touches, and what becomes of them; each counts once."""

    probes: int = 0
    loosened: int = 0
    tightened: int = 0
    new_duty: int = 0
    """Same outcome, with a duty that was not there before."""
    duty_gone: int = 0
    """Same outcome, with fewer duties."""
    same: int = 0
    unclear: int = 0
    """Facts are missing under one of the laws, or no law was loaded before."""


class Answer(msgspec.Struct, frozen=True):
    """The answer of one law: outcome, deciding rules with article, duties by code."""

    outcome: str
    rules: dict[str, str]
    duties: list[str]


class Example(msgspec.Struct, frozen=True, rename={"origin": "from", "destination": "to"}):
    """One probe whose answer changed, with the facts that the deciding rules read."""

    probe: str
    where: str
    origin: str
    destination: str
    facts: dict[str, str]
    before: Answer
    after: Answer
    new_duties: dict[str, str]
    """Code of a duty → its article."""
    duties_gone: dict[str, str]


class Effect(msgspec.Struct, frozen=True):
    """What a change does, with one example of each kind."""

    judgement: str
    """loosened, tightened, mixed (both), new duty, duty gone, same, or unclear."""
    because: str
    counts: Counts
    examples: dict[str, Example]


class Judged(msgspec.Struct, frozen=True):
    """A change and its effect."""

    delta: Delta
    effect: Effect


class JurisdictionChange(msgspec.Struct, frozen=True):
    """All changes of one jurisdiction, the sum first."""

    jurisdiction: str
    name: str
    effect: Effect
    changes: list[Judged]


def judge_changes(
    before: LawAt, after: LawAt, found: Iterable[Delta], *, flows_max: int
) -> list[JurisdictionChange]:
    """Return the changes by jurisdiction, each judged by asking both laws.

    `flows_max` bounds the flows asked about per jurisdiction; binding law to a flow is what costs.
    """
    by_place: dict[str, list[Delta]] = {}
    for delta in found:
        by_place.setdefault(delta.jurisdiction, []).append(delta)
    names = after.library.jurisdictions
    first = Readers(before.library)
    readers = (first, first if after.library is before.library else Readers(after.library))
    judged = []
    for place, own in sorted(by_place.items()):
        effect, changes = _Trial(before, after, place, readers).run(own, flows_max)
        judged.append(JurisdictionChange(place, names.name(place), effect, changes))
    return judged


# -- one law, one probe --------------------------------------------------------------------------


@dataclass(slots=True)
class _Side:
    """What one regime, or all of a jurisdiction, says to a probe."""

    low: int
    high: int
    rules: dict[str, BoundRule] = field(default_factory=dict)
    duties: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """(code, due) → id and article."""
    defaults: set[str] = field(default_factory=set)
    facts: Mapping[str, Scalar | None] = field(default_factory=dict)
    """Only of the whole jurisdiction: the facts read."""

    @property
    def known(self) -> bool:
        return self.low == self.high

    @property
    def outcome(self) -> str:
        return OUTCOMES[self.low] if self.known else "NEEDS_FACT"

    def answer(self) -> Answer:
        return Answer(
            self.outcome,
            {name: rule.rule.text.citation.article for name, rule in self.rules.items()},
            sorted(code for code, _ in self.duties),
        )


class _Law:
    """The law of one jurisdiction on one day, asked about many probes."""

    def __init__(self, law: LawAt, jurisdiction: str, readers: Readers) -> None:
        self.law = law
        self.readers = readers
        self.library = _narrowed(law.library, jurisdiction)

    def bound(self, probe: Probe) -> BoundLaw:
        flow = self.library.flow(probe.origin, probe.destination, self.law.as_of, self.law.known_at)
        return self.library.bind(flow)

    def ask(self, probe: Probe) -> dict[str, _Side]:
        """Return regime → side; the whole jurisdiction under the empty name."""
        bound = self.bound(probe)
        values = bound.prepare(probe.values)
        decision: Decision = bound.decide(values)
        sides = {regime: _side(regime, verdict, values) for regime, _, verdict in decision.verdicts}
        if sides:
            sides[""] = _joined(list(sides.values()), decision.facts)
        return sides


def _side(regime: str, verdict: Verdict, values: Mapping[str, Scalar]) -> _Side:
    high = OUTCOME_RANK[verdict.strictest]
    low = high
    if verdict.outcome == "NEEDS_FACT":
        low = min((OUTCOME_RANK[name] for name in verdict.could_be), default=high)
    else:
        low = high = verdict.rank
    side = _Side(low, high)
    side.rules = {rule.rule.id: rule for rule in (*verdict.hits, *verdict.closed)}
    if verdict.default:
        side.defaults.add(regime)
    for bound in verdict.duties:
        if bound.when(values) is not False:
            duty = bound.duty
            side.duties[duty.code, duty.due.text] = (duty.id, duty.citation.article)
    return side


def _joined(sides: list[_Side], facts: Mapping[str, Scalar | None]) -> _Side:
    whole = _Side(max(s.low for s in sides), max(s.high for s in sides), facts=facts)
    for side in sides:
        whole.rules |= side.rules
        whole.duties |= side.duties
        whole.defaults |= side.defaults
    return whole


def _narrowed(library: Library, jurisdiction: str) -> Library:
    """Return the library with the regimes of one jurisdiction only: the others do not change."""
    regimes = {
        name: regime
        for name, regime in library.content.regimes.items()
        if regime.text.block.jurisdiction == jurisdiction
    }
    content = replace(library.content, regimes=regimes)
    return Library(library.vocabulary, content, library.derivations, (), library.root)


# -- before and after ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Compared:
    """A probe under both laws: what became of it, and what it gained or lost."""

    probe: Probe
    before: dict[str, _Side]
    after: dict[str, _Side]

    def move(self, regime: str = "") -> str:
        """Return what became of the probe under one regime, or in all."""
        old, new = self.pair(regime)
        if old is None or new is None:
            return "unclear"
        if new.low > old.high:
            return "tightened"
        if new.high < old.low:
            return "loosened"
        if not (old.known and new.known):
            same = (old.low, old.high, *old.rules) == (new.low, new.high, *new.rules)
            return "same" if same and old.duties.keys() == new.duties.keys() else "unclear"
        if new.duties.keys() - old.duties.keys():
            return "new_duty"
        return "duty_gone" if old.duties.keys() - new.duties.keys() else "same"

    def pair(self, regime: str) -> tuple[_Side | None, _Side | None]:
        """Return both sides of a regime; of all regimes where one of them does not speak."""
        if regime in self.before and regime in self.after:
            return self.before[regime], self.after[regime]
        return self.before.get(""), self.after.get("")

    def sides(self, number: int) -> dict[str, _Side]:
        """Return the sides before (0) or after (1)."""
        return self.after if number else self.before

    def example(self, regime: str = "") -> Example:
        old, new = self.pair(regime)
        if old is None or new is None:
            raise ValueError("an example has an answer under both laws")
        read = {**self.before[""].facts, **self.after[""].facts}
        wanted = {
            name for side in (old, new) for rule in side.rules.values() for name in rule.reads
        }
        facts = {
            name: spell(value)
            for name, value in sorted(read.items(), key=lambda item: item[1] is None)
            if name in wanted
        }
        return Example(
            self.probe.name,
            self.probe.where,
            self.probe.origin,
            self.probe.destination,
            dict(list(facts.items())[:FACTS_SHOWN_MAX]),
            old.answer(),
            new.answer(),
            {key[0]: at[1] for key, at in new.duties.items() if key not in old.duties},
            {key[0]: at[1] for key, at in old.duties.items() if key not in new.duties},
        )


class _Trial:
    """All probes of one jurisdiction, asked under both laws."""

    def __init__(
        self, before: LawAt, after: LawAt, jurisdiction: str, readers: tuple[Readers, Readers]
    ) -> None:
        self.place = jurisdiction
        self.old = _Law(before, jurisdiction, readers[0])
        self.new = _Law(after, jurisdiction, readers[1])
        self.entries: dict[int, list[tuple[str, Test]]] = {}
        self.bound_rules: list[BoundRule] = []
        """Kept alive, because `entries` knows them by identity."""

    def run(self, own: list[Delta], flows_max: int) -> tuple[Effect, list[Judged]]:
        first = probes(self.new.library, self.place, flows_max=flows_max)
        if self.old.law.library.root != self.new.law.library.root:
            first += probes(self.old.library, self.place, flows_max=flows_max)
        members = {delta.id.rpartition("/")[2] for delta in own if delta.kind == "member"}
        for code in sorted(members):
            first += list(relocated(first, code, most=RELOCATED_MAX))
        seen = [self.compared(probe) for probe in first]
        seen += [self.compared(probe) for probe in self.moved(seen, own)]
        every = [item for item in seen if item.before or item.after]
        return _effect(every, ""), [Judged(delta, self.judged(delta, every)) for delta in own]

    def compared(self, probe: Probe) -> _Compared:
        return _Compared(probe, self.old.ask(probe), self.new.ask(probe))

    def moved(self, seen: list[_Compared], own: list[Delta]) -> list[Probe]:
        """Return probes with the numbers that changed parts read moved across thresholds."""
        wanted = {name for delta in own for name in self.numbers(delta)}
        chosen: dict[tuple[str, ...], list[_Compared]] = {}
        for item in seen:
            sides = [side[""] for side in (item.before, item.after) if side]
            read = {name for side in sides for name in side.facts}
            if wanted & read:
                key = tuple(rule for side in sides for rule in side.rules)
                chosen.setdefault(key, []).append(item)
        rounds = sorted(
            (number, key) for key, items in chosen.items() for number in range(len(items))
        )
        found: list[Probe] = []
        for number, key in rounds[:VARIED_MAX]:
            probe = chosen[key][number].probe
            laws = (self.old.bound(probe), self.new.bound(probe))
            read = {
                name
                for side in (chosen[key][number].before, chosen[key][number].after)
                if side
                for name in side[""].facts
            }
            varied = list(at_thresholds(probe, sorted(wanted & read), laws))[:VARIED_EACH_MAX]
            found += [item for item in varied if self.is_possible(laws[1].prepare(item.values))]
        return found

    def is_possible(self, values: Mapping[str, Scalar]) -> bool:
        """Whether no stated contradiction is true: a moved number may not fit the others."""
        return not any(test(values) for test, _ in self.new.law.library.contradictions)

    def numbers(self, delta: Delta) -> set[str]:
        """Return the facts that a changed rule, or a rule that reads a changed number, reads."""
        found: set[str] = set()
        for law, rules in ((self.old, self.readers(delta, 0)), (self.new, self.readers(delta, 1))):
            content = law.library.content
            for name in rules:
                if name in content.rules:
                    found |= set(ir.facts_of(content.rules[name].condition))
        return found

    def readers(self, delta: Delta, number: int) -> set[str]:
        """Return the rules and duties that are the changed part or read it, under one law."""
        version = (delta.before, delta.after)[number]
        if version is None:
            return set()
        readers = (self.old, self.new)[number].readers
        match delta.kind:
            case "rule" | "duty":
                return {version.id}
            case "value":
                return readers.of("value", version.id)
            case "entry":
                return readers.of("list", delta.group)
            case "member":
                return readers.of("group", delta.group)
            case _:
                return set()

    # -- one change --------------------------------------------------------------------------------

    def judged(self, delta: Delta, seen: list[_Compared]) -> Effect:
        if delta.kind in ("commitment", "interpretation"):
            return Effect("same", f"a {delta.kind} decides nothing", Counts(), {})
        if delta.change == "passed":
            return Effect("unclear", "neither of the two days shows it", Counts(), {})
        if delta.kind == "entry" and delta.id.startswith(f"{delta.group}/"):
            return self.counting(delta, seen)
        readers = (self.readers(delta, 0), self.readers(delta, 1))
        if delta.kind == "member" and not any(readers):
            return Effect("same", f"no rule reads the group {delta.group}", Counts(), {})
        touched = [item for item in seen if self.is_touched(item, delta, readers)]
        if delta.kind == "duty":
            return _duty_effect(touched, delta)
        return _effect(touched, delta.regime)

    def counting(self, delta: Delta, seen: list[_Compared]) -> Effect:
        """Judge an entry of a sensitivity list by the number that an inspection counts it into.

        Probes that give the number are asked twice under one law: with it, and with nothing
        counted.
        """
        number = int(delta.after is not None)
        law, version = (self.old, self.new)[number], (delta.before, delta.after)[number]
        _, entry = law.law.library.part(version.id if version is not None else delta.id)
        fact = entry.block.counts_as if isinstance(entry, SensitivityText) else ""
        if not fact:
            return Effect("unclear", "it names a class of data; no number counts it", Counts(), {})
        told = [item for item in seen if item.probe.values.get(fact) and item.sides(number)]
        pairs = [
            _Compared(item.probe.varied(fact, 0), law.ask(item.probe.varied(fact, 0)), counted)
            for item in told
            for counted in (item.sides(number),)
        ]
        if not number:
            pairs = [_Compared(pair.probe, pair.after, pair.before) for pair in pairs]
        return _effect(pairs, delta.regime)

    def is_touched(self, item: _Compared, delta: Delta, readers: tuple[set[str], set[str]]) -> bool:
        for number in (0, 1):
            sides = item.sides(number)
            side = sides.get(delta.regime) or sides.get("")
            if side is None:
                continue
            if delta.kind == "regime":
                if side.defaults & {delta.regime}:
                    return True
                continue
            if delta.kind == "member" and delta.id.rpartition("/")[2] not in (
                item.probe.origin,
                item.probe.destination,
            ):
                continue
            deciding = {name for name in side.rules if name in readers[number]}
            if delta.kind == "entry":
                version = (delta.before, delta.after)[number]
                listed = (
                    self.true_entry(side.rules[name], version.id, item, number)
                    for name in deciding
                    if version is not None
                )
                if any(listed):
                    return True
                continue
            if deciding or readers[number] & {at[0] for at in side.duties.values()}:
                return True
        return False

    def true_entry(self, rule: BoundRule, entry: str, item: _Compared, number: int) -> bool:
        """Whether an entry of a list is among the reasons why a rule applies."""
        if id(rule) not in self.entries:
            self.bound_rules.append(rule)
            self.entries[id(rule)] = [
                (name, compile_test(condition))
                for part in ir.walk(rule.node)
                if isinstance(part, ir.Entries)
                for name, condition in part.entries
            ]
        tests = [test for name, test in self.entries[id(rule)] if name == entry]
        if not tests:
            return False
        values = (self.old, self.new)[number].bound(item.probe).prepare(item.probe.values)
        return any(test(values) is True for test in tests)


def _duty_effect(touched: list[_Compared], delta: Delta) -> Effect:
    """Judge a duty by itself: does it arise where it did not, or no longer where it did."""
    moves = []
    for item in touched:
        old, new = item.pair(delta.regime)
        if old is None or new is None:
            moves.append(("unclear", item))
            continue
        key = [key for key, at in (*old.duties.items(), *new.duties.items()) if at[0] == delta.id]
        gained = any(each in new.duties and each not in old.duties for each in key)
        lost = any(each in old.duties and each not in new.duties for each in key)
        moves.append(("new_duty" if gained else "duty_gone" if lost else "same", item))
    return _summed(moves, delta.regime)


def _effect(touched: list[_Compared], regime: str) -> Effect:
    return _summed([(item.move(regime), item) for item in touched], regime)


def _summed(moves: list[tuple[str, _Compared]], regime: str) -> Effect:
    tally = Counter(move for move, _ in moves)
    counts = Counts(len(moves), **{name: tally[name] for name in _MOVES})
    examples: dict[str, Example] = {}
    for move, item in moves:
        if move in _MOVES[:4] and move not in examples:
            examples[move] = item.example(regime)
    judgement, because = _judgement(counts)
    return Effect(judgement, because, counts, examples)


def _judgement(counts: Counts) -> tuple[str, str]:
    """Return the one word for a change, and the sentence that says what it rests on."""
    asked = f"of {counts.probes:,} probes that it touches"
    if not counts.probes:
        return "unclear", "no probe touches it"
    if counts.loosened and counts.tightened:
        both = f"{counts.loosened:,} get a milder and {counts.tightened:,} a stricter outcome"
        return "mixed", f"{asked} {both}"
    for word, number, says in (
        ("loosened", counts.loosened, "get a milder outcome"),
        ("tightened", counts.tightened, "get a stricter outcome"),
        ("new duty", counts.new_duty, "get a new duty"),
        ("duty gone", counts.duty_gone, "lose a duty"),
        ("same", counts.same, "see no difference"),
    ):
        if number:
            return word, f"{asked} {number:,} {says}"
    return "unclear", f"{asked} none is answered under both: facts are missing, or no law is loaded"
