"""Builds one full `Assessment` out of the verdicts of all sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from entrepot.law import ir
from entrepot.law.bind import Option
from entrepot.law.caution import cautions
from entrepot.law.commitments import commitments_between
from entrepot.law.compiled import Regime
from entrepot.law.explain import leaf_to_ask, possible_answers, rank_missing
from entrepot.law.factset import FactSet
from entrepot.law.judge import BoundDuty, BoundRule, Track, Verdict
from entrepot.law.kleene import Facts, compile_test, unknown_facts
from entrepot.law.model import (
    Assessment,
    Change,
    CommitmentInForce,
    DutyDue,
    HumanFinding,
    Missing,
    RuleHit,
    Scalar,
    Side,
)
from entrepot.law.outcomes import PRECONDITIONED, UNDECIDED, strictest
from entrepot.law.vocabulary import spell

if TYPE_CHECKING:
    from entrepot.law.assess import BoundLaw

UNWRITTEN = "unwritten"
"""Prefix of the regime id that stands for an exporting jurisdiction without loaded rules."""


class Assessor:
    """Collects sides, duties, questions and references for one set of facts."""

    def __init__(self, bound: BoundLaw, facts: FactSet) -> None:
        """Prepare the facts. Raises `InvalidInput` when they contradict each other."""
        self.bound = bound
        self.library = bound.library
        self.flow = bound.flow
        self.given = facts
        flow_facts: dict[str, Scalar] = {
            "flow.from": self.flow.origin,
            "flow.to": self.flow.destination,
            "flow.as_of": self.flow.as_of,
        }
        self.values: Facts = {**bound.prepare(facts), **flow_facts}
        self.library.check_contradictions(self.values)
        self.sides: list[Side] = []
        self.verdicts: list[tuple[Regime, Option, Track, Verdict]] = []
        self.not_engaged: dict[str, str] = {}
        self.not_examined: list[str] = []
        self.human: dict[str, HumanFinding] = {}
        self.books: dict[str, None] = {}
        self.read: dict[str, None] = {}
        self.stands_for: dict[str, str] = {}
        """Fact asked for → the fact that rules read and that follows from it."""

    def assessment(self, changes: list[Change]) -> Assessment:
        """Return everything that can be said."""
        self.look_at_regimes()
        outcome = strictest(side.outcome for side in self.sides)
        duties = [duty for side in self.sides for duty in side.duties]
        commitments = self.commitments()
        return Assessment(
            flow=self.flow,
            outcome=outcome,
            status=_status(outcome, [(side.outcome, side.duties) for side in self.sides]),
            sides=self.sides,
            duties=duties,
            missing=self.missing(),
            human=list(self.human.values()),
            changes=changes,
            not_engaged=self.not_engaged,
            not_examined=self.not_examined,
            layers=self.layers(),
            facts={name: spell(self.values[name]) for name in self.read if name in self.values},
            derived=self.derived(),
            law=[
                *(self.library.reference(book) for book in sorted(self.books)),
                self.library.words,
            ],
            commitments=commitments,
            notes=cautions(self.library, self.flow, self.sides, self.books),
        )

    # -- sides -----------------------------------------------------------------------------------

    def look_at_regimes(self) -> None:
        """Fill sides, not_engaged and not_examined."""
        exported = imported = False
        early: list[Side] = []
        for bound in self.bound.content.regimes:
            option = next((o for o in bound.options if o.engages(self.values)), None)
            self.read.update(
                dict.fromkeys(fact for o in bound.options for fact in ir.facts_of(o.node))
            )
            if option is None:
                self.not_engaged[bound.regime.id] = self.idle(bound.options)
                continue
            if option.track is None:
                self.not_engaged[bound.regime.id] = option.reason
                if option.role == "export":
                    early.append(
                        _empty_side(
                            bound.regime.id, bound.regime.text.block.jurisdiction, option.reason
                        )
                    )
                continue
            exported |= option.role == "export"
            imported |= option.role == "import"
            self.sides.append(self.side(bound.regime, option, option.track))
        origin, destination = self.flow.origin, self.flow.destination
        names = self.library.jurisdictions
        if not exported:
            # Rules that begin later are nothing to decide by; another regime of the place may be.
            for side in early:
                self.not_engaged.pop(side.regime, None)
            self.sides = (early or [_unwritten(origin, names.name(origin))]) + self.sides
        if not imported and destination != origin:
            self.not_examined.append(
                f"the law of {names.name(destination)} ({destination}) on receiving the data: "
                "no rulebook is loaded for that side"
            )

    def idle(self, options: tuple[Option, ...]) -> str:
        """Say what would engage a regime that is not."""
        parts = []
        for option in options:
            facts = unknown_facts(option.node, self.values) or ir.facts_of(option.node)
            shown = ", ".join(f"{name} is {spell(self.values.get(name))}" for name in facts)
            parts.append(f"{option.role}: {shown}")
        return "; ".join(parts)

    def side(self, regime: Regime, option: Option, track: Track) -> Side:
        """Return what one engaged regime demands."""
        verdict = track.judge(self.values)
        self.verdicts.append((regime, option, track, verdict))
        self.books[regime.text.citation.rulebook] = None
        asks = verdict.outcome == "NEEDS_FACT"
        missing: dict[str, None] = {}
        for rule in verdict.matters:
            unknown = unknown_facts(rule.node, self.values)
            self.note_findings(rule, unknown)
            if asks and (rule.rank > verdict.decided or not verdict.hits):
                missing.update(dict.fromkeys(unknown))
        if asks and not missing:
            missing = dict.fromkeys(
                fact for r in verdict.matters for fact in unknown_facts(r.node, self.values)
            )
        self.read.update(dict.fromkeys(verdict.reads))
        asked = {name: leaf_to_ask(self.bound, name, self.values) for name in missing}
        self.stands_for.update({leaf: name for name, leaf in asked.items()})
        default = regime.text.block.default
        duties = self.duties(regime, verdict)
        return Side(
            regime=regime.id,
            jurisdiction=regime.text.block.jurisdiction,
            role=option.role,
            outcome=verdict.outcome,
            could_be=list(verdict.could_be),
            strictest=verdict.strictest,
            rules=[self.hit(regime, rule) for rule in verdict.hits],
            undecided=[self.hit(regime, rule) for rule in verdict.matters],
            duties=duties,
            missing=list(dict.fromkeys(asked.values())),
            default=verdict.default,
            closed=[self.hit(regime, rule) for rule in verdict.closed],
            reason=" ".join(
                [
                    *([f"{default.says} ({default.article})"] if verdict.default else []),
                    *self.closures(track, verdict),
                ]
            ),
            title=regime.text.block.title,
            status=_status(verdict.outcome, [(verdict.outcome, duties)]),
        )

    def closures(self, track: Track, verdict: Verdict) -> list[str]:
        """Say of each closed route which duty has failed, with the article of that duty."""
        return [
            f"The route of {rule.rule.id} is closed, since this duty has failed: "
            f"{bound.duty.says} ({bound.duty.citation.article})"
            for rule in verdict.closed
            for bound in track.route_duties.get(rule.rule.id, ())
            if bound.fails(self.values) and bound.when(self.values)
        ]

    def hit(self, regime: Regime, rule: BoundRule) -> RuleHit:
        """Return a rule with what it read."""
        block = rule.rule.text.block
        entries = [
            entry
            for part in ir.walk(rule.node)
            if isinstance(part, ir.Entries)
            for entry, condition in part.entries
            if compile_test(condition)(self.values)
        ]
        self.books[rule.rule.text.citation.rulebook] = None
        for entry in entries:
            self.books[self.library.part(entry)[0].id] = None
        return RuleHit(
            id=rule.rule.id,
            klass=block.klass,
            outcome=block.outcome,
            layer=block.layer,
            says=block.says,
            citation=rule.rule.text.citation,
            list_entries=entries,
            interpretations=self.interpretations({rule.rule.id, *entries}),
            facts={name: spell(self.values.get(name)) for name in rule.reads},
            regime=regime.id,
            demand=block.demand or "",
        )

    def interpretations(self, names: set[str]) -> list[str]:
        """Return the readings in force of any of `names`, as "id: text"."""
        found = []
        for note in self.library.content.interpretations.values():
            holds = note.interval.holds(self.flow.as_of, self.flow.known_at)
            if holds and not names.isdisjoint(note.block.reads):
                self.books[note.citation.rulebook] = None
                found.append(f"{note.id}: {note.block.says}")
        return found

    def commitments(self) -> list[CommitmentInForce]:
        """Return what the two states promised each other, with the treaties as law shown."""
        found = []
        for promise in commitments_between(self.library, self.flow):
            text = promise.text
            self.books[text.citation.rulebook] = None
            found.append(
                CommitmentInForce(
                    text.id,
                    self.library.reference(text.citation.rulebook).title,
                    text.block.says,
                    text.block.exception,
                    text.citation,
                    self.interpretations({text.id}),
                )
            )
        return found

    def note_findings(self, rule: BoundRule, unknown: tuple[str, ...]) -> None:
        """List unknown human findings that a rule waits for."""
        for name in unknown:
            spec = self.library.vocabulary[name]
            if spec.source == "finding" and name not in self.human:
                self.human[name] = HumanFinding(
                    name,
                    spec.question,
                    f"{rule.rule.id}: {rule.rule.text.block.says}",
                    rule.rule.text.citation,
                )

    # -- duties ----------------------------------------------------------------------------------

    def duties(self, regime: Regime, verdict: Verdict) -> list[DutyDue]:
        """Return the duties that arise, each with its state and day."""
        found = []
        routes = {id(d) for rule in verdict.hits for d in rule.rule.duties}
        for bound in verdict.duties:
            applies = bound.when(self.values)
            if applies is False:
                continue
            tentative = verdict.outcome == "NEEDS_FACT" and id(bound.duty) in routes
            found.append(self.duty(regime, bound, sure=applies is True and not tentative))
        return found

    def duty(self, regime: Regime, bound: BoundDuty, *, sure: bool) -> DutyDue:
        """Return one duty as it stands."""
        duty = bound.duty
        state = "open" if sure else "possible"
        if bound.fails(self.values):
            state = "failed"
        elif bound.done(self.values):
            state = "met"
        self.books[duty.citation.rulebook] = None
        for node in bound.nodes:
            self.read.update(dict.fromkeys(ir.facts_of(node)))
        if duty.human and state in ("open", "possible"):
            self.note_duty(bound)
        day = self.values.get(duty.due.fact) if duty.due.fact else None
        calendar = regime.text.block.calendar or regime.text.block.jurisdiction
        return DutyDue(
            id=duty.id,
            code=duty.code,
            regime=regime.id,
            says=duty.says,
            citation=duty.citation,
            due=duty.due.text,
            due_on=None if day is None else duty.due.on(day, calendar),  # type: ignore[arg-type]
            state=state,
            before_transfer=duty.due.before_transfer,
            human=duty.human,
            layer=duty.layer,
            done_when=duty.done_text,
        )

    def note_duty(self, bound: BoundDuty) -> None:
        """List the finding that a duty asks of a person."""
        for name in unknown_facts(bound.done_node, self.values):
            spec = self.library.vocabulary[name]
            if name not in self.human:
                self.human[name] = HumanFinding(
                    name, spec.question, f"{bound.duty.id}: {bound.duty.says}", bound.duty.citation
                )

    # -- the whole -------------------------------------------------------------------------------

    def layers(self) -> dict[str, str]:
        """Return layer → strictest outcome demanded in its name."""
        found: dict[str, list[str]] = {}
        for regime, _, _, verdict in self.verdicts:
            for rule in verdict.hits:
                found.setdefault(rule.rule.text.block.layer, []).append(
                    rule.rule.text.block.outcome
                )
            if verdict.default:
                default = regime.text.block.default
                found.setdefault(default.layer, []).append(default.outcome)
        return {layer: strictest(outcomes) for layer, outcomes in sorted(found.items())}

    def derived(self) -> dict[str, str]:
        """Return facts that were not given, and what they follow from."""
        found: dict[str, str] = {}
        for derivation in self.bound.content.derivations:
            name = derivation.name
            if name in self.given or name not in self.values:
                continue
            for test, read, node, formula in derivation.rules:
                value = read(self.values)
                if test(self.values) and value == self.values[name]:
                    source = ", ".join(
                        f"{fact} = {spell(self.values.get(fact))}"
                        for fact in dict.fromkeys((*ir.facts_of(node), *ir.facts_of(formula)))
                    )
                    found[name] = f"{spell(value)}, from {source}"
                    break
        return found

    def missing(self) -> list[Missing]:
        """Return the facts to ask for, most useful first."""
        wanted: dict[str, str] = {}
        for side in self.sides:
            for name in side.missing:
                read = self.stands_for[name]
                because = next(
                    (f"{hit.id}: {hit.says}" for hit in side.undecided if read in hit.facts), ""
                )
                wanted.setdefault(name, because)
        tracks = [(track, verdict) for _, _, track, verdict in self.verdicts]
        found = []
        for name, share in rank_missing(self.bound, self.values, list(wanted), tracks):
            spec = self.library.vocabulary[name]
            found.append(
                Missing(
                    name,
                    spec.question,
                    spec.source,
                    share,
                    wanted[name],
                    possible_answers(spec),
                    [side.regime for side in self.sides if name in side.missing],
                )
            )
        return found


def _status(outcome: str, sides: list[tuple[str, list[DutyDue]]]) -> str:
    """Return open, conditional, undecided or barred: of `outcome`, joined from the (outcome,
    duties) of each side."""
    duties = [duty for _, own in sides for duty in own]
    if outcome == "PROHIBITED" or any(duty.state == "failed" for duty in duties):
        return "barred"
    if outcome in UNDECIDED:
        return "undecided"
    if any(duty.state != "met" for duty in duties if duty.before_transfer):
        return "conditional"
    for demanded, own in sides:
        if demanded in PRECONDITIONED and not any(duty.before_transfer for duty in own):
            return "conditional"
    return "open"


def _empty_side(regime: str, jurisdiction: str, reason: str) -> Side:
    return Side(
        regime=regime,
        jurisdiction=jurisdiction,
        role="export",
        outcome="NEEDS_HUMAN",
        could_be=[],
        strictest="NEEDS_HUMAN",
        rules=[],
        undecided=[],
        duties=[],
        missing=[],
        default=True,
        reason=reason,
        status="undecided",
    )


def _unwritten(code: str, name: str) -> Side:
    reason = f"No rulebook of {name} ({code}) is loaded; a person must decide under its law."
    return _empty_side(f"{UNWRITTEN}-{code.lower()}", code, reason)
