"""What is allowed for applications: judged by the machine, decided by a registrar.

An application is judged by the machine first (forms, check digits, natural persons, duplicates) and
refused with reasons, or referred to a registrar. A registrar's decision is public; the application
is not: what a refused applicant wrote stays evidence and can be erased.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.approval import take_approval
from entrepot.kernel.decisions import Decision, Effect, Reason, Referred, Refused
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.institution import Facts, Request
from entrepot.kernel.record import decode_evidence
from entrepot.kernel.store import RECORDS
from entrepot.registry import state
from entrepot.registry.acts import Apply, Decide, ed25519_key, shape_as
from entrepot.registry.codes import Code
from entrepot.registry.deadlines import last_day
from entrepot.registry.judging import (
    REGISTRAR,
    judge_identifiers,
    judge_possession,
    key_added,
    occupied,
    party_admitted,
    plain_reasons,
    taken_identifiers,
    used_kids,
)
from entrepot.registry.officers import (
    OfficerFacts,
    as_facts,
    carried,
    officer_facts,
    officer_reasons,
)
from entrepot.registry.principals import principal_of
from entrepot.registry.tables import APPLICATIONS, FOUNDING
from entrepot.registry.words import reason


class ApplicationFacts(msgspec.Struct, frozen=True):
    """What the judgement of an application relies on."""

    founded: bool
    decision_days: int
    decision_calendar: str
    lodged_by_operator: bool
    taken: tuple[str, ...]
    """Identifiers of the application that a party has."""
    known: tuple[bytes, ...]
    """Keys of the application that are or were in use."""
    open_at: int | None
    """An open application by the same key."""


def facts_of_application(read: sa.Connection, request: Request[Apply]) -> Facts:
    """Read what is taken already, and who lodges (step 3)."""
    body = request.body
    terms = read.execute(sa.select(FOUNDING)).one_or_none()
    principal = principal_of(read, request)
    lodged = principal is not None and not principal.is_person and "operator" in principal.roles
    found, _ = judge_identifiers(body.identifiers, body.country)
    pending = None
    if not lodged:
        query = sa.select(sa.func.min(APPLICATIONS.c.index)).where(
            APPLICATIONS.c.kid == request.issuer, APPLICATIONS.c.state == "open"
        )
        pending = read.execute(query).scalar()
    relied = ApplicationFacts(
        terms is not None,
        0 if terms is None else terms.decision_days,
        "" if terms is None else terms.decision_calendar,
        lodged,
        taken_identifiers(read, [item.text for item in found]),
        used_kids(read, _kids(body)),
        pending,
    )
    return Facts(as_facts(relied))


def decide_application(request: Request[Apply], relied: Facts) -> Decision:
    """Refuse what cannot be, refer the rest to a registrar (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, ApplicationFacts)
    if not facts.founded:
        return Refused((reason(Code.NOT_FOUNDED),))
    found, reasons = judge_identifiers(body.identifiers, body.country)
    reasons += occupied(facts.taken, facts.known)
    if "operator" in body.roles:
        reasons.append(reason(Code.ROLES, role="operator"))
    if found:
        reasons += _judge_key(request, facts.lodged_by_operator, found[0].text)
    if facts.open_at is not None:
        reasons.append(reason(Code.APPLICATION_OPEN, index=facts.open_at))
    if reasons:
        return Refused(tuple(reasons))
    by = last_day(request.decided_at, facts.decision_days, facts.decision_calendar)
    return Referred((reason(Code.AWAITS_REGISTRAR, day=by.isoformat()),), REGISTRAR)


def _judge_key(request: Request[Apply], lodged: bool, party: str) -> list[Reason]:
    """The key must be the signing one; lodged by the node, it comes with proof or not at all."""
    body = request.body
    if not lodged:
        signed_by_it = bool(body.key) and ed25519_key(body.key).kid == request.issuer
        return [] if signed_by_it else [reason(Code.KEY_ISSUER)]
    return judge_possession(body.key, body.proof, party, "acts") if body.key else []


def _kids(body: Apply) -> list[bytes]:
    kids: list[bytes] = [ed25519_key(body.key).kid] if body.key else []
    return [*kids, body.admin.public_key().kid] if body.admin is not None else kids


# -- decision on an application --------------------------------------------------------------------


class DecisionFacts(msgspec.Struct, frozen=True):
    """What a registrar's decision relies on; of a refused applicant nothing but the index."""

    officer: OfficerFacts
    state: str | None
    """None: no application there."""
    decided_index: int | None
    applied: Apply | None
    """What was applied for; read for an admission by a registrar only, None when erased."""
    kid: bytes | None
    """Key that signed the application."""
    taken: tuple[str, ...] = ()
    known: tuple[bytes, ...] = ()


def facts_of_decision(read: sa.Connection, request: Request[Decide]) -> Facts:
    """Read the application from its evidence when a registrar is to admit it (step 3).

    The decision is public with its facts, so contact, statement and evidence are left out, and
    nothing is read for one who may not decide.
    """
    body = request.body
    row = read.execute(
        sa.select(APPLICATIONS).where(APPLICATIONS.c.index == body.application)
    ).one_or_none()
    officer = officer_facts(read, request)
    applied = None
    if row is not None and row.state == "open" and body.outcome == "admit":
        # Whatever is read here is published with the answer, so nobody else's asking reads it.
        if not officer_reasons(officer, REGISTRAR, [row.kid]):
            applied = read_application(read, body.application)
    taken: tuple[str, ...] = ()
    known: tuple[bytes, ...] = ()
    if applied is not None:
        applied = msgspec.structs.replace(applied, contact="", statement="", evidence=[], proof=b"")
        found, _ = judge_identifiers(applied.identifiers, applied.country)
        taken = taken_identifiers(read, [item.text for item in found])
        known = used_kids(read, _kids(applied))
    relied = DecisionFacts(
        officer,
        None if row is None else row.state,
        None if row is None else row.decided_index,
        applied,
        None if row is None else row.kid,
        taken,
        known,
    )
    return Facts(as_facts(relied))


def read_application(read: sa.Connection, index: int) -> Apply | None:
    """Return what was applied for at `index`, from its evidence; None when erased or none."""
    evidence = read.execute(
        sa.select(RECORDS.c.evidence).where(RECORDS.c.index == index)
    ).scalar_one_or_none()
    if evidence is None:
        return None
    act = SignedAct(decode_evidence(evidence).act)
    try:
        body, _ = take_approval(act.unverified_body)
        return shape_as(Apply)(body)
    except InvalidInput:
        return None


def decide_decision(request: Request[Decide], relied: Facts) -> Decision:
    """Carry out what the registrar decides, if it is the registrar's to decide (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, DecisionFacts)
    causes: list[str | bytes] = [] if facts.kid is None else [facts.kid]
    if facts.applied is not None and facts.applied.admin is not None:
        causes.append(facts.applied.admin.public_key().kid)
    reasons = officer_reasons(facts.officer, REGISTRAR, causes)
    if facts.state is None:
        reasons.append(reason(Code.NO_APPLICATION, index=body.application))
    elif facts.state != "open":
        reasons.append(reason(Code.APPLICATION_CLOSED, index=facts.decided_index))
    elif body.outcome == "admit" and not reasons:
        reasons += _admission_reasons(body, facts)
    if reasons:
        return Refused(tuple(reasons))
    return carried(facts.officer, _outcome_effects(body, facts))


def _admission_reasons(body: Decide, facts: DecisionFacts) -> list[Reason]:
    if facts.applied is None:
        return [reason(Code.APPLICATION_ERASED, index=body.application)]
    _, reasons = judge_identifiers(facts.applied.identifiers, facts.applied.country)
    reasons += occupied(facts.taken, facts.known)
    strange = [role for role in body.roles if role not in facts.applied.roles]
    # A registrar may give fewer roles than were asked for, never others.
    return reasons + [reason(Code.ROLES, role=role) for role in strange]


def _outcome_effects(body: Decide, facts: DecisionFacts) -> list[Effect]:
    principal = facts.officer.principal
    decided: dict[str, object] = {
        "application": body.application,
        "outcome": "admitted" if body.outcome == "admit" else "refused",
        "by": principal.kid if principal is not None else b"",
        "reasons": plain_reasons(body.reasons),
        "party": "",
    }
    applied = facts.applied
    if applied is None:
        return [Effect(state.APPLICATION_DECIDED, decided)]
    found, _ = judge_identifiers(applied.identifiers, applied.country)
    party = found[0].text
    effects = [
        Effect(state.APPLICATION_DECIDED, {**decided, "party": party}),
        party_admitted(
            party,
            found,
            name=applied.name,
            names=applied.names,
            country=applied.country,
            roles=body.roles,
        ),
    ]
    if applied.key:
        effects.append(key_added(party, applied.key, "acts"))
    if applied.admin is not None:
        effects.append(
            Effect(
                state.MEMBER_ADMITTED,
                {"party": party, "raw": applied.admin.key, "alg": applied.admin.alg,
                 "duties": ["admin"]},
            )
        )  # fmt: skip
    return effects
