"""What is allowed: a shipment is cleared when the law says `open`, asked again by the node itself.

The certificate brings its facts; the node brings the law and its own counters. `decide` does not
believe the outcome or the counts that the certificate states, it asks the engine (GDPR art 5(2) and
PIPL art 55 put the burden of showing lawfulness on the exporter; the node is the second pair of
eyes). Pure: the library is passed in, time is that of the request.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Granted, Reason, Refused
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.institution import Facts, Request
from entrepot.law.assess import BoundLaw
from entrepot.law.factset import FactSet, Finding
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Side
from entrepot.port.change.authority import named_by_stranger
from entrepot.port.change.tables import law_on_record
from entrepot.port.clear.certificate import (
    Certificate,
    Counts,
    as_body,
    clearance_id,
    signed_routes,
)
from entrepot.port.clear.codes import Code
from entrepot.port.clear.counters import COUNTERS, Counter, key_years
from entrepot.port.clear.declared import read_declared
from entrepot.port.clear.pieces import PieceFolder
from entrepot.port.clear.recipients import id_hash, recipient_hash
from entrepot.port.clear.state import cleared_effect
from entrepot.port.clear.views import CounterBooks, Shipped
from entrepot.registry.principals import member_principal

DAYS_APART_MAX = 1
"""How far the day of the law may be from the node's own day: time zones differ by at most one."""
REASONS_MAX = 24
STEWARDS = frozenset({"steward", "admin"})
"""Duties of the persons who may clear for their party."""

_GDPR_ACCOUNTABILITY = "GDPR art 5(2); PIPL art 55"
_OWN_RULE = "Clearance rules of the port (docs/reference/certificate.md)"


def facts(
    read: sa.Connection,
    request: Request[Certificate],
    library: Library,
    folder: PieceFolder | None = None,
) -> Facts:
    """Read what the decision relies on: what this node has cleared already (step 3).

    Without the counters' folder persons of several tables add up. The law on record is that of the
    node: of the rulebooks a request names, the versions it has.
    """
    body = request.body
    today = decided_on(request)
    declared = None if folder is None else read_declared(folder.root, today)
    shipped = Shipped(
        body.flow.origin,
        today,
        body.source.sha256,
        body.parties,
        Counts(body.counts, body.exempt, body.pieces),
    )
    known = CounterBooks(read, folder, declared).before(shipped)
    counts = {name: [found.least, found.most] for name, found in known.items()}
    said = "" if declared is None else declared.digest
    hashes = library.hashes()
    law = sorted(hashes[name] for name in body.law if name in hashes)
    recorded = law_on_record(read)
    on_record = {name: recorded.get(name, b"").hex() for name in body.law}
    values: dict[str, object] = {
        "known_counts": counts,
        "counters_declared": said,
        "law_on_record": on_record,
    }
    if request.approved_by is not None:
        person = member_principal(read, request.approved_by)
        values["approver"] = [] if person is None else [person.party, *person.duties]
    elif named_by_stranger(read, request, body.parties.exporter):
        values["stranger"] = True
    return Facts(values, tuple(law))


def decide(request: Request[Certificate], relied: Facts, library: Library) -> Decision:
    """Grant when the engine itself says that nothing is left to do (step 4)."""
    body = request.body
    day = decided_on(request)
    reasons = [*_other_id(request), *_not_a_steward(request, relied), *_stale(body, day)]
    factset = engine_facts(library, body.engine_facts)
    flow = library.flow(
        body.flow.origin,
        body.flow.destination,
        date.fromisoformat(body.flow.as_of),
        date.fromisoformat(body.flow.known_at),
    )
    bound = library.bind(flow)
    assessment = bound.assess(factset)
    counts = shipment_counts(bound, factset, assessment)
    reasons += not_open(assessment)
    reasons += unsigned_findings(assessment, factset, library)
    reasons += _differences(body, assessment, counts)
    reasons += _unrecorded(body, relied)
    reasons += unexplained(body.against, factset, day)
    reasons += _strange_pieces(body, counts, day)
    reasons += _below_record(factset, relied, counts, day)
    if not body.files:
        reasons.append(
            Reason(Code.NO_FILES, _OWN_RULE, "No data was made ready for this clearance.")
        )
    if reasons:
        return Refused(tuple(reasons[:REASONS_MAX]))
    return Granted(
        (
            cleared_effect(
                recipient=(
                    recipient_hash(body.parties.recipient),
                    id_hash(body.parties.recipient_id),
                ),
                flow=(body.flow.origin, body.flow.destination),
                days=(day.isoformat(), body.validity.valid_until.isoformat()),
                certificate=_digest(body),
                source=body.source.sha256,
                counts=Counts(counts.counted, counts.exempt, body.pieces),
            ),
        )
    )


def _other_id(request: Request[Certificate]) -> list[Reason]:
    """Hold the certificate's id to its act's, so that no two clearances of a log have one name."""
    wanted = clearance_id(request.act_id)
    if request.body.id == wanted:
        return []
    says = f"The certificate calls itself {request.body.id}; its act makes it {wanted}."
    return [Reason(Code.OTHER_ID, _OWN_RULE, says)]


def _not_a_steward(request: Request[Certificate], relied: Facts) -> list[Reason]:
    """Hold an approved clearance to a steward, or admin, of the party that is named as exporter.

    The exporter of a clearance made in a browser is named with its identifier in brackets. An act
    without approval is the exporter's own, under its own key; it names no other party.
    """
    if request.approved_by is None:
        if not relied.values.get("stranger"):
            return []
        says = f"The key that signed it is none of the exporter, {request.body.parties.exporter}."
        return [Reason(Code.NOT_A_STEWARD, _OWN_RULE, says)]
    approver = relied.values["approver"]
    party, *duties = approver if isinstance(approver, list) and approver else [""]
    named = request.body.parties.exporter
    if set(duties) & STEWARDS and named.endswith(f"({party})"):
        return []
    says = f"The person who approved it is no steward of the exporter, {named}."
    return [Reason(Code.NOT_A_STEWARD, _OWN_RULE, says)]


def decided_on(request: Request[Certificate]) -> date:
    """Return the day of the decision, UTC."""
    return datetime.fromtimestamp(request.decided_at, tz=UTC).date()


def engine_facts(library: Library, plain: Mapping[str, object]) -> FactSet:
    """Return signed facts as the engine reads them (numbers were signed as text)."""
    mapping: dict[str, object] = {}
    for name, value in plain.items():
        number = name in library.vocabulary and library.vocabulary[name].type == "number"
        mapping[name] = float(value) if number and isinstance(value, str) else value
    return library.facts(mapping)


def shipment_counts(bound: BoundLaw, factset: FactSet, assessment: Assessment) -> Counts:
    """Return what a shipment adds to the exporter's counters, without pieces.

    Nothing for a law under which it is no transfer or free, unless it is free for its number; what
    is exempt counts only when the exemption itself looks at the count (2024 Provisions art 5(1)(4),
    not 5(1)(1) to (3)); else it stands in its own column.
    """
    values = bound.prepare(factset)
    regimes = bound.library.content.regimes
    found: dict[str, int] = {}
    exempt: dict[str, int] = {}
    for counter in COUNTERS:
        persons = values.get(counter.adds)
        if not isinstance(persons, int) or isinstance(persons, bool):
            continue
        for side in assessment.sides:
            regime = regimes.get(side.regime)
            if regime is None or side.role != "export" or bound.flow.origin != counter.origin:
                continue
            if regime.text.block.jurisdiction != counter.origin:
                continue
            if _is_counted(side, counter):
                found[counter.adds] = persons
            elif side.outcome == "EXEMPT" and persons:
                exempt[counter.adds] = persons
    return Counts(found, {name: n for name, n in exempt.items() if name not in found})


def _is_counted(side: Side, counter: Counter) -> bool:
    """Say whether a side's law counts the shipment.

    What is free or exempt because the count is low must be counted, or the count would never rise
    (28 CFR 202.205; 2024 Provisions art 5(1)(4)). What is so by a rule that does not look at the
    count is not in it, whatever else would free it.
    """
    if side.outcome not in ("NOT_A_TRANSFER", "FREE", "EXEMPT"):
        return True
    looks = [counter.total in hit.facts for hit in side.rules]
    return all(looks) if looks else side.outcome == "EXEMPT"


def not_open(assessment: Assessment) -> list[Reason]:
    """Return why an assessment is not open: rules, missing facts, findings, duties, each cited."""
    if assessment.status == "open":
        return []
    reasons: list[Reason] = []
    if assessment.status in ("barred", "undecided"):
        for side in assessment.sides:
            if side.outcome != assessment.outcome:
                continue
            for hit in side.rules or side.undecided:
                cite = f"{hit.citation.source}, {hit.citation.article}"
                reasons.append(Reason(f"law.{hit.id}", cite, hit.says))
            if side.default and side.reason:
                reasons.append(Reason(f"law.{side.regime}", side.regime, side.reason))
    for asked in assessment.missing:
        reasons.append(
            Reason(f"fact.{asked.fact}", asked.because or asked.fact, f"Unknown: {asked.question}")
        )
    if assessment.outcome == "NEEDS_HUMAN":
        for wanted in assessment.human:
            cite = wanted.citation.article if wanted.citation else wanted.because
            reasons.append(
                Reason(
                    f"finding.{wanted.fact}", cite or wanted.fact, f"Not found: {wanted.question}"
                )
            )
    for duty in assessment.duties:
        if duty.before_transfer and duty.state != "met":
            reasons.append(_duty_reason(duty.id, duty.state, duty.says, _cite(duty.citation)))
    return reasons or [
        Reason(
            Code.OUTCOME_DIFFERS,
            _GDPR_ACCOUNTABILITY,
            f"The answer of the law is {assessment.outcome}, {assessment.status}.",
        )
    ]


def _duty_reason(duty: str, state: str, says: str, cite: str) -> Reason:
    words = {
        "open": "Not met",
        "possible": "Not known to be met, and it may arise",
        "failed": "Failed",
    }
    return Reason(f"duty.{duty}", cite, f"{words[state]}: {says}")


def _cite(citation: object) -> str:
    return f"{getattr(citation, 'source', '')}, {getattr(citation, 'article', '')}"


def _stale(body: Certificate, day: date) -> list[Reason]:
    found = []
    apart = timedelta(days=DAYS_APART_MAX)
    if abs(date.fromisoformat(body.flow.as_of) - day) > apart:
        found.append(
            Reason(
                Code.STALE,
                _OWN_RULE,
                f"The law of {body.flow.as_of} was applied; a shipment leaves under the law of the "
                f"day on which it leaves ({day.isoformat()}).",
            )
        )
    if abs(date.fromisoformat(body.flow.known_at) - day) > apart:
        found.append(
            Reason(
                Code.STALE,
                _OWN_RULE,
                f"The law as it was known on {body.flow.known_at} was applied; a shipment leaves "
                f"under what is known on the day on which it leaves ({day.isoformat()}).",
            )
        )
    return found


def asked_again(body: Certificate, library: Library) -> list[str]:
    """Ask the law once more on a certificate's own facts; return what differs, in sentences.

    For a reader who has the same rulebooks and does not want to believe the log of a stranger.
    """
    try:
        factset = engine_facts(library, body.engine_facts)
        flow = library.flow(
            body.flow.origin,
            body.flow.destination,
            date.fromisoformat(body.flow.as_of),
            date.fromisoformat(body.flow.known_at),
        )
    except ValueError as error:
        return [f"A day of the certificate is none: {error}."]
    except InvalidInput as error:
        return [f"The certified facts are refused: {error.what}."]
    bound = library.bind(flow)
    assessment = bound.assess(factset)
    found = [*not_open(assessment), *unsigned_findings(assessment, factset, library)]
    found += unexplained(body.against, factset, flow.as_of)
    found += _differences(body, assessment, shipment_counts(bound, factset, assessment))
    return [reason.sentence for reason in found]


def _differences(body: Certificate, assessment: Assessment, counts: Counts) -> list[Reason]:
    found = []
    for said, given in ((body.counts, counts.counted), (body.exempt, counts.exempt)):
        if said != given:
            found.append(
                Reason(
                    Code.OUTCOME_DIFFERS,
                    _GDPR_ACCOUNTABILITY,
                    f"The certificate counts {said}; its facts give {given}.",
                )
            )
    law = {book.id: book.sha256 for book in assessment.law}
    if law != body.law:
        odd = sorted(
            name for name in law.keys() | body.law.keys() if law.get(name) != body.law.get(name)
        )
        found.append(
            Reason(
                Code.LAW_DIFFERS,
                _OWN_RULE,
                f"Other rulebooks than this node has were relied on: {', '.join(odd[:5])}.",
            )
        )
    same = (assessment.outcome, assessment.status) == (body.outcome, body.status)
    if not same or signed_routes(assessment) != body.routes:
        found.append(
            Reason(
                Code.OUTCOME_DIFFERS,
                _GDPR_ACCOUNTABILITY,
                f"The certificate says {body.outcome}, {body.status}; the law says "
                f"{assessment.outcome}, {assessment.status}.",
            )
        )
    return found


def _unrecorded(body: Certificate, relied: Facts) -> list[Reason]:
    """Return a reason where the log does not say that this node runs under the law relied on."""
    recorded = relied.values["law_on_record"]
    if not isinstance(recorded, dict):
        raise TypeError("law_on_record is a map")
    odd = sorted(name for name, digest in body.law.items() if recorded.get(name) != digest)
    if not odd:
        return []
    says = f"The log has no record of this version of: {', '.join(odd[:5])}."
    return [Reason(Code.LAW_DIFFERS, _OWN_RULE, says)]


def is_signed(finding: Finding | None, day: date) -> bool:
    """Tell whether somebody answers for a value: author, reasons, and a day that has come.

    One day of difference is allowed for time zones.
    """
    return (
        finding is not None
        and bool(finding.by.strip() and finding.reasons.strip())
        and finding.on is not None
        and finding.on <= day + timedelta(days=DAYS_APART_MAX)
        and (finding.expires is None or finding.expires >= day - timedelta(days=DAYS_APART_MAX))
    )


def unsigned_findings(assessment: Assessment, factset: FactSet, library: Library) -> list[Reason]:
    """Return a reason for every finding relied on that lacks its author, reasons or date."""
    day = assessment.flow.as_of
    found = []
    for name in assessment.facts:
        if name not in factset or library.vocabulary[name].source != "finding":
            continue
        if not is_signed(factset.findings.get(name), day):
            found.append(
                Reason(
                    Code.FINDING_UNSIGNED,
                    library.vocabulary[name].cite or _GDPR_ACCOUNTABILITY,
                    f"The finding {name} needs its author (by), reasons and date (on), a day that "
                    "has come.",
                )
            )
    return found


def unexplained(against: Mapping[str, str], factset: FactSet, day: date) -> list[Reason]:
    """Return a reason for every declaration milder than the inspection that nobody signs for."""
    return [
        Reason(
            Code.AGAINST_INSPECTION,
            _GDPR_ACCOUNTABILITY,
            f"{name} is declared as {factset.as_text().get(name, 'unknown')}, but the inspection "
            f"found {seen}. Declare it with by, reasons and on, so that a person answers for it.",
        )
        for name, seen in against.items()
        if not is_signed(factset.findings.get(name), day)
    ]


def _strange_pieces(body: Certificate, counts: Counts, day: date) -> list[Reason]:
    """Return a reason for every piece of a counter that this shipment has no part in."""
    numbers = {**counts.counted, **counts.exempt}
    # Midnight of New Year may lie between the writing of the pieces and the decision.
    days = (day, day - timedelta(days=DAYS_APART_MAX))
    return [
        Reason(
            Code.OUTCOME_DIFFERS,
            _OWN_RULE,
            f"The certificate has a piece of {piece.fact} for {piece.year}, which is not counted.",
        )
        for piece in body.pieces
        if not numbers.get(piece.fact)
        or not any(piece.year in key_years(piece.fact, one) for one in days)
    ]


def _below_record(factset: FactSet, relied: Facts, counts: Counts, day: date) -> list[Reason]:
    known = relied.values["known_counts"]
    if not isinstance(known, dict):
        raise TypeError("known_counts is a map")
    found = []
    for counter in COUNTERS:
        if counter.adds not in counts.counted:
            continue
        least, most = known.get(counter.prior, [0, 0])
        name, declared = _declared_prior(factset, counter, counts.counted[counter.adds])
        if declared is None:
            continue
        if declared < least:
            says = (
                f"{name} leaves {declared:,} earlier persons, but this node itself cleared at "
                f"least {least:,} other persons in that window."
            )
            found.append(Reason(Code.BELOW_RECORD, counter.cite, says))
        elif declared < most and not is_signed(factset.findings.get(name), day):
            says = (
                f"{name} leaves {declared:,} earlier persons, but by their identifiers this node "
                f"counts {most:,} others in that window. If one person has several identifiers "
                "among them, declare the number with by, reasons and on."
            )
            found.append(Reason(Code.BELOW_RECORD, counter.cite, says))
    return found


def _declared_prior(factset: FactSet, counter: Counter, present: int) -> tuple[str, int | None]:
    """Return the fact that says how many were exported before, and how many it leaves.

    The total counts more than its parts where both are declared: it is what rules read.
    """
    total, prior = factset[counter.total], factset[counter.prior]
    if isinstance(total, int) and not isinstance(total, bool):
        return counter.total, total - present
    return counter.prior, prior if isinstance(prior, int) else None


def _digest(body: Certificate) -> bytes:
    return hashlib.sha256(encode(as_body(body))).digest()
