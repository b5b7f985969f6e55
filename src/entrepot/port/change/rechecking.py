"""What a change of law does to a clearance: its certified facts, asked again under other law.

The facts are held as certified, findings included, so that whatever differs is the law's doing;
that a certificate or a finding has run out is said beside it. A clearance whose last day came
before the first day on which the law answers otherwise was not touched: it had lapsed. One that
ended on the eve of that day was ended by the change, and is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law.factset import FactSet
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Flow, Scalar
from entrepot.law.outcomes import strictness
from entrepot.port.change.stored import Stored
from entrepot.port.clear.certificate import Certificate
from entrepot.port.clear.rules import engine_facts

ADVERSE: Final = ("barred", "undecided", "conditional", "stricter", "new duty")
"""Effects after which a person must look at the clearance, the gravest first."""
EFFECTS: Final = (*ADVERSE, "milder", "duty gone", "other rules", "none")
TRANSFER_DATE: Final = "transfer.date"
DECIDED: Final = ("suspended", "superseded", "upheld")
"""What a named person may decide of a clearance."""


class RuleNow(msgspec.Struct, frozen=True):
    """A rule that decides now and did not when the clearance was given."""

    id: str
    regime: str
    outcome: str
    article: str
    source: str
    evidence: str
    says: str


class DutyNow(msgspec.Struct, frozen=True):
    """A duty that was not among those of the certificate, or is among them no longer."""

    id: str
    code: str
    says: str
    article: str
    due: str
    due_on: date | None
    state: str


class Deadline(msgspec.Struct, frozen=True):
    """A day that counts for a clearance, and why."""

    on: date
    because: str


class Rechecked(msgspec.Struct, frozen=True, rename={"origin": "from", "destination": "to"}):
    """One stored clearance under the law of the day asked for."""

    id: str
    index: int
    exporter: str
    recipient: str
    purpose: str
    origin: str
    destination: str
    cleared_on: date
    valid_until: date
    effect: str
    """The gravest of `effects`."""
    effects: list[str]
    """What the law does to it, of `EFFECTS`, the gravest first."""
    affected: bool
    """The law answers otherwise, and did so while the clearance could still be relied on."""
    adverse: bool
    """A person must look at it: affected for the worse, and not decided yet."""
    lapsed: bool
    """Its last day has passed on the day asked for."""
    standing: str
    """What a named person decided of it, if anything."""
    outcome_before: str
    outcome: str
    status: str
    since: date | None
    """First day on which the law answers otherwise; None where a rulebook was rewritten."""
    rules_before: dict[str, str]
    rules: list[RuleNow]
    new_duties: list[DutyNow]
    duties_gone: list[DutyNow]
    deadline: Deadline | None
    """By when something must be done; None where nothing must."""
    deadlines: list[Deadline]
    """All days that count: transition duties, the end of the certificate, expiring findings."""
    triggers: list[str]
    """Which of the certificate's triggers were pulled: law-change, finding-expiry."""
    rewritten: list[str]
    """Rulebooks relied on that are loaded here in another version."""
    law: dict[str, str]
    """Rulebook id → SHA-256 of what the answer now relies on."""


@dataclass(slots=True)
class Rechecker:
    """Asks the law of one day about many clearances."""

    library: Library
    as_of: date
    known_at: date
    _hashes: dict[str, str] = field(init=False)
    _turning: dict[frozenset[str], list[date]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Read the hashes of the loaded law once."""
        self._hashes = self.library.hashes()

    def recheck(self, stored: Stored) -> Rechecked:
        """Return what the law of the day says of a clearance that is not erased.

        Facts that the loaded vocabulary no longer takes make it `undecided`: a person must declare
        them anew. Raises `InvalidInput` for an erased one.
        """
        signed = stored.certificate
        if signed is None:
            raise InvalidInput("evidence of this clearance was erased", value=stored.index)
        try:
            facts = engine_facts(self.library, signed.engine_facts)
        except InvalidInput as error:
            return self._unreadable(stored, signed, error)
        held = FactSet(facts.vocabulary, dict(facts.values))
        now = self.library.bind(self._flow(signed, self.as_of, self.known_at)).assess(held)
        new, gone = _duties(signed, now)
        new = self._dated(signed, held, new)
        effects = _effects(signed, now, new, gone)
        since = None if effects == ["none"] else self._since(signed, now, held.values)
        expired = sorted(
            name
            for name, finding in facts.findings.items()
            if finding.expires is not None and finding.expires < self.as_of
        )
        return self._result(stored, signed, now, effects, since, (new, gone), expired)

    def _dated(self, signed: Certificate, held: FactSet, new: list[DutyNow]) -> list[DutyNow]:
        """Return new duties with the days that count from the transfer.

        Data leaves on the day of its clearance (`port.stale`), so that day is the day of transfer
        where nothing else is declared. It is used for due days only, never to decide.
        """
        if TRANSFER_DATE in held or TRANSFER_DATE not in self.library.vocabulary:
            return new
        if not any(duty.due.endswith(TRANSFER_DATE) for duty in new):
            return new
        left = held.with_values({TRANSFER_DATE: date.fromisoformat(signed.flow.as_of)})
        flow = self._flow(signed, self.as_of, self.known_at)
        days = {duty.id: duty.due_on for duty in self.library.bind(flow).assess(left).duties}
        return [
            msgspec.structs.replace(duty, due_on=duty.due_on or days.get(duty.id)) for duty in new
        ]

    def _result(  # noqa: PLR0913 - the parts of one answer, put together in one place
        self,
        stored: Stored,
        signed: Certificate,
        now: Assessment,
        effects: list[str],
        since: date | None,
        duties: tuple[list[DutyNow], list[DutyNow]],
        expired: list[str],
    ) -> Rechecked:
        rewritten = self._rewritten(signed)
        until = signed.validity.valid_until
        lapsed = until < self.as_of
        touched = not lapsed if since is None else since <= until + timedelta(days=1)
        affected = touched and effects != ["none"]
        deadlines = _deadlines(signed, duties[0], since)
        changed = since is not None or bool(rewritten)
        triggers = ["law-change"] * changed + ["finding-expiry"] * bool(expired)
        return Rechecked(
            id=signed.id,
            index=stored.index,
            exporter=signed.parties.exporter,
            recipient=signed.parties.recipient,
            purpose=signed.parties.purpose,
            origin=signed.flow.origin,
            destination=signed.flow.destination,
            cleared_on=date.fromisoformat(signed.flow.as_of),
            valid_until=until,
            effect=effects[0],
            effects=effects,
            affected=affected,
            adverse=affected and effects[0] in ADVERSE and not stored.standing,
            lapsed=lapsed,
            standing=stored.standing,
            outcome_before=signed.outcome,
            outcome=now.outcome,
            status=now.status,
            since=since,
            rules_before={
                rule: article for route in signed.routes for rule, article in route.rules.items()
            },
            rules=_rules_now(signed, now),
            new_duties=duties[0],
            duties_gone=duties[1],
            deadline=self._deadline(effects[0], since, deadlines, rewritten) if affected else None,
            deadlines=deadlines,
            triggers=triggers,
            rewritten=rewritten,
            law={book.id: book.sha256 for book in now.law},
        )

    def _unreadable(self, stored: Stored, signed: Certificate, error: InvalidInput) -> Rechecked:
        """Return the answer for facts that the vocabulary of the day does not take."""
        flow = self._flow(signed, self.as_of, self.known_at)
        nothing = self.library.bind(flow).assess({})
        said = msgspec.structs.replace(nothing, outcome="NEEDS_HUMAN", status="undecided")
        rewritten = f"the certified facts no longer fit the vocabulary: {error.what}"
        found = self._result(stored, signed, said, ["undecided"], None, ([], []), [])
        return msgspec.structs.replace(
            found, rules=[], rewritten=[*found.rewritten, rewritten], triggers=["law-change"]
        )

    def _flow(self, signed: Certificate, as_of: date, known_at: date) -> Flow:
        return self.library.flow(signed.flow.origin, signed.flow.destination, as_of, known_at)

    def _rewritten(self, signed: Certificate) -> list[str]:
        return sorted(
            name for name, digest in signed.law.items() if self._hashes.get(name) != digest
        )

    # -- since when --------------------------------------------------------------------------------

    def _since(
        self, signed: Certificate, now: Assessment, values: Mapping[str, Scalar]
    ) -> date | None:
        """Return the first day after the clearance on which the law answers otherwise."""
        start = date.fromisoformat(signed.flow.as_of)
        known = date.fromisoformat(signed.flow.known_at)
        first = self._mark(self._flow(signed, start, known), values)
        regimes = frozenset(side.regime for side in now.sides)
        regimes |= {route.regime for route in signed.routes}
        for day in self._turning_days(regimes):
            if not start < day <= self.as_of:
                continue
            if self._mark(self._flow(signed, day, max(self.known_at, known)), values) != first:
                return day
        return None

    def _turning_days(self, regimes: frozenset[str]) -> list[date]:
        if regimes not in self._turning:
            self._turning[regimes] = self.library.turning_days(regimes)
        return self._turning[regimes]

    def _mark(self, flow: Flow, values: Mapping[str, Scalar]) -> tuple[object, ...]:
        """Return what tells two answers apart: outcome, deciding rules, duties that arise."""
        bound = self.library.bind(flow)
        prepared = bound.prepare(values)
        decision = bound.decide(prepared)
        duties = {
            (duty.duty.code, duty.duty.due.text)
            for _, _, verdict in decision.verdicts
            for duty in verdict.duties
            if duty.when(prepared) is not False
        }
        return decision.outcome, frozenset(decision.rules), frozenset(duties)

    # -- until when --------------------------------------------------------------------------------

    def _deadline(
        self, effect: str, since: date | None, deadlines: list[Deadline], rewritten: list[str]
    ) -> Deadline | None:
        """Return by when something must be done.

        A day that a new duty names comes first: the law grants that time. Without one, reliance on
        a clearance that is no longer open ended on the day the law changed, and what is open still
        runs until the certificate ends.
        """
        if effect not in ADVERSE:
            return None
        granted = [item for item in deadlines if item.because.startswith(_DUTY)]
        if granted:
            return granted[0]
        if effect in ("stricter", "new duty"):
            return deadlines[-1]
        if since is not None:
            return Deadline(since, "the law changed; no rule loaded here grants more time")
        why = "a rulebook relied on was rewritten" if rewritten else "a day in the facts has come"
        return Deadline(self.as_of, why)


_DUTY: Final = "duty "


def _deadlines(signed: Certificate, new: list[DutyNow], since: date | None) -> list[Deadline]:
    """Return all days that count, in order: duties with a day, findings, the certificate's end."""
    found = [
        Deadline(duty.due_on, f"{_DUTY}{duty.code} ({duty.article}): {duty.due}")
        for duty in new
        if duty.due_on is not None and duty.state != "met"
    ]
    found += [
        Deadline(finding.expires_on, f"finding {finding.fact} expires")
        for finding in signed.findings
        if finding.expires_on is not None
    ]
    if since is not None:
        found.append(Deadline(since, "the law changed"))
    found.sort(key=lambda item: item.on)
    return [
        *found,
        Deadline(signed.validity.valid_until, f"the certificate ends: {signed.validity.because}"),
    ]


def _effects(
    signed: Certificate, now: Assessment, new: list[DutyNow], gone: list[DutyNow]
) -> list[str]:
    """Return all that the law does to a clearance, the gravest first; `none` when nothing."""
    difference = strictness(now.outcome) - strictness(signed.outcome)
    found = {
        now.status: now.status != "open",
        "stricter": difference > 0,
        "new duty": any(duty.state != "met" for duty in new),
        "milder": difference < 0,
        "duty gone": bool(gone),
    }
    named = [effect for effect in EFFECTS if found.get(effect)]
    if not named and (new or _rules_now(signed, now)):
        return ["other rules"]
    return named or ["none"]


def _duties(signed: Certificate, now: Assessment) -> tuple[list[DutyNow], list[DutyNow]]:
    """Return new and vanished duties; one with the same code and time is the same duty, wherever
    it stands now."""
    had = {(duty.code, duty.due) for duty in signed.duties}
    has = {(duty.code, duty.due) for duty in now.duties}
    new = [
        DutyNow(d.id, d.code, d.says, d.citation.article, d.due, d.due_on, d.state)
        for d in now.duties
        if (d.code, d.due) not in had
    ]
    gone = [
        DutyNow(
            d.id,
            d.code,
            d.says,
            d.article,
            d.due,
            date.fromisoformat(d.due_on) if d.due_on else None,
            d.state,
        )
        for d in signed.duties
        if (d.code, d.due) not in has
    ]
    return new, gone


def _rules_now(signed: Certificate, now: Assessment) -> list[RuleNow]:
    """Return the rules that decide, or hold the answer open, and did not when it was cleared."""
    before = {rule for route in signed.routes for rule in route.rules}
    return [
        RuleNow(
            hit.id,
            side.regime,
            hit.outcome,
            hit.citation.article,
            hit.citation.source,
            hit.citation.evidence,
            hit.says,
        )
        for side in now.sides
        for hit in (side.rules or side.undecided)
        if hit.id not in before
    ]
