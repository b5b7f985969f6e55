"""What is allowed for parties: founding the registry, applying, deciding on it, changing a party.

An application is judged by the machine first (forms, check digits, natural persons, duplicates) and
refused with reasons, or referred to a registrar. A registrar's decision is public; the application
is not: what a refused applicant wrote stays evidence and can be erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Referred, Refused
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.institution import Facts, Request
from entrepot.kernel.keys import Algorithm
from entrepot.kernel.record import decode_evidence
from entrepot.kernel.store import RECORDS
from entrepot.registry import state
from entrepot.registry.acts import (
    Apply,
    Decide,
    FoundRegistry,
    IdentifierGiven,
    ReasonGiven,
    UpdateParty,
    ed25519_key,
    possession_message,
    shape_as,
)
from entrepot.registry.codes import Code
from entrepot.registry.deadlines import last_day
from entrepot.registry.identifiers import (
    SCHEMES,
    Fault,
    Identifier,
    RefusedIdentifier,
    parse_identifier,
)
from entrepot.registry.officers import (
    OfficerFacts,
    as_facts,
    carried,
    officer_facts,
    officer_reasons,
)
from entrepot.registry.principals import Principal, principal_of
from entrepot.registry.tables import (
    APPLICATIONS,
    FOUNDING,
    IDENTIFIERS,
    KEYS,
    MEMBERS,
    PARTIES,
    RECOVERIES,
)
from entrepot.registry.words import reason

REGISTRAR = "registrar"
_FAULT_CODES = {
    Fault.UNKNOWN_SCHEME: Code.IDENTIFIER_SCHEME,
    Fault.MALFORMED: Code.IDENTIFIER_FORM,
    Fault.CHECK_DIGIT: Code.IDENTIFIER_CHECK,
    Fault.NATURAL_PERSON: Code.NATURAL_PERSON,
}


# -- founding --------------------------------------------------------------------------------------


def facts_of_founding(read: sa.Connection, _request: Request[FoundRegistry]) -> Facts:
    """Read whether there is a registry already (step 3)."""
    return Facts({"founded": read.execute(sa.select(FOUNDING.c.index)).scalar_one_or_none()})


def decide_founding(request: Request[FoundRegistry], relied: Facts) -> Decision:
    """Grant the founding once, to the node's own key, under a well-formed identifier (step 4)."""
    body = request.body
    if relied.values["founded"] is not None:
        return Refused((reason(Code.ALREADY_FOUNDED, index=relied.values["founded"]),))
    found, reasons = judge_identifiers([body.identifier], body.country)
    if ed25519_key(body.key).kid != request.issuer:
        reasons.append(reason(Code.KEY_ISSUER))
    if reasons:
        return Refused(tuple(reasons))
    party = found[0].text
    terms: dict[str, object] = {
        "operator": party,
        "notice_days": body.notice.days,
        "notice_calendar": body.notice.calendar,
        "decision_days": body.decision.days,
        "decision_calendar": body.decision.calendar,
        "recovery_days": body.recovery_days,
        "languages": list(body.languages),
        "four_eyes": sorted(set(body.four_eyes)),
    }
    return Granted(
        (
            Effect(state.FOUNDED, terms),
            _admitted(party, found, name=body.name, names=body.names, country=body.country,
                      roles=["operator"]),
            key_added(party, body.key, "acts"),
        )
    )  # fmt: skip


# -- application -----------------------------------------------------------------------------------


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


def decide_application_itself(request: Request[Apply], relied: Facts) -> Decision:
    """Refuse what cannot be, refer the rest to a registrar (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, ApplicationFacts)
    if not facts.founded:
        return Refused((reason(Code.NOT_FOUNDED),))
    found, reasons = judge_identifiers(body.identifiers, body.country)
    reasons += _occupied(facts.taken, facts.known)
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
    """What was applied for; read for an admission only, None when erased."""
    kid: bytes | None
    """Key that signed the application."""
    taken: tuple[str, ...] = ()
    known: tuple[bytes, ...] = ()


def facts_of_decision(read: sa.Connection, request: Request[Decide]) -> Facts:
    """Read the application from its evidence when it is to be admitted (step 3).

    The decision is public with its facts, so contact, statement and evidence are left out.
    """
    body = request.body
    row = read.execute(
        sa.select(APPLICATIONS).where(APPLICATIONS.c.index == body.application)
    ).one_or_none()
    applied = None
    if row is not None and body.outcome == "admit":
        applied = read_application(read, body.application)
    taken: tuple[str, ...] = ()
    known: tuple[bytes, ...] = ()
    if applied is not None:
        applied = msgspec.structs.replace(applied, contact="", statement="", evidence=[], proof=b"")
        found, _ = judge_identifiers(applied.identifiers, applied.country)
        taken = taken_identifiers(read, [item.text for item in found])
        known = used_kids(read, _kids(applied))
    relied = DecisionFacts(
        officer_facts(read, request),
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
    body = {key: value for key, value in act.unverified_body.items() if key != "approval"}
    try:
        return shape_as(Apply)(body)
    except InvalidInput:
        return None


def decide_on_application(request: Request[Decide], relied: Facts) -> Decision:
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
    elif body.outcome == "admit":
        reasons += _admission_reasons(body, facts)
    if reasons:
        return Refused(tuple(reasons))
    return carried(facts.officer, _outcome_effects(body, facts))


def _admission_reasons(body: Decide, facts: DecisionFacts) -> list[Reason]:
    if facts.applied is None:
        return [reason(Code.APPLICATION_ERASED, index=body.application)]
    _, reasons = judge_identifiers(facts.applied.identifiers, facts.applied.country)
    reasons += _occupied(facts.taken, facts.known)
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
        _admitted(party, found, name=applied.name, names=applied.names, country=applied.country,
                  roles=body.roles),
    ]  # fmt: skip
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


# -- changing a party ------------------------------------------------------------------------------


class PartyFacts(msgspec.Struct, frozen=True):
    """Who asks, and what the party is now."""

    principal: Principal | None
    name: str | None
    """None: there is no such party."""
    names: dict[str, str]
    roles: tuple[str, ...]


def facts_of_update(read: sa.Connection, request: Request[UpdateParty]) -> Facts:
    """Read the party as it is (step 3)."""
    row = read.execute(
        sa.select(PARTIES).where(PARTIES.c.party == request.body.party)
    ).one_or_none()
    principal = principal_of(read, request)
    if row is None:
        return Facts(as_facts(PartyFacts(principal, None, {}, ())))
    names = msgspec.json.decode(row.names, type=dict[str, str])
    return Facts(as_facts(PartyFacts(principal, row.name, names, tuple(row.roles.split()))))


def decide_update(request: Request[UpdateParty], relied: Facts) -> Decision:
    """Let a party change its names and lay down roles, and a registrar give roles (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, PartyFacts)
    if facts.name is None:
        return Refused((reason(Code.NO_PARTY, party=body.party),))
    reasons = _update_reasons(body, facts)
    name = body.name or facts.name
    names = facts.names if body.names is None else body.names
    roles = facts.roles if body.roles is None else tuple(body.roles)
    if not reasons and (name, names, set(roles)) == (facts.name, facts.names, set(facts.roles)):
        reasons.append(reason(Code.NOTHING_CHANGES))
    if reasons:
        return Refused(tuple(reasons))
    changed: dict[str, object] = {
        "party": body.party, "name": name, "names": dict(names), "roles": list(roles),
        "reasons": plain_reasons(body.reasons),
    }  # fmt: skip
    return Granted((Effect(state.PARTY_UPDATED, changed),))


def _update_reasons(body: UpdateParty, facts: PartyFacts) -> list[Reason]:
    principal = facts.principal
    if principal is None:
        return [reason(Code.UNKNOWN_ISSUER)]
    added = [role for role in body.roles or () if role not in facts.roles]
    kept_operator = body.roles is None or ("operator" in facts.roles) == ("operator" in body.roles)
    reasons = [] if kept_operator else [reason(Code.ROLES, role="operator")]
    if principal.party == body.party:
        if principal.is_person and "admin" not in principal.duties:
            reasons.append(reason(Code.NOT_OF_PARTY, party=body.party))
        if added:
            # New roles are a registrar's to give, and nobody's in the own cause.
            reasons.append(reason(Code.OWN_CAUSE, party=body.party))
        return reasons
    if not principal.is_officer(REGISTRAR):
        return [*reasons, reason(Code.NOT_OF_PARTY, party=body.party)]
    return reasons


# -- shared ----------------------------------------------------------------------------------------


def judge_identifiers(
    given: Sequence[IdentifierGiven], country: str
) -> tuple[list[Identifier], list[Reason]]:
    """Return the well-formed identifiers in their order, and a reason for every other one."""
    found: list[Identifier] = []
    reasons: list[Reason] = []
    for item in given:
        shown = f"{item.scheme}:{item.value}"[:100]
        try:
            identifier = parse_identifier(item.scheme, item.value)
        except RefusedIdentifier as error:
            reasons.append(reason(_FAULT_CODES[error.fault], identifier=shown, why=error.what))
            continue
        issued = SCHEMES[identifier.scheme].country
        if identifier in found:
            reasons.append(reason(Code.IDENTIFIER_TWICE, identifier=identifier.text))
        elif issued and issued != country:
            reasons.append(
                reason(
                    Code.COUNTRY_DIFFERS,
                    identifier=identifier.text,
                    issued=issued,
                    country=country,
                )
            )
        else:
            found.append(identifier)
    return found, reasons


def judge_possession(raw: bytes, proof: bytes, party: str, purpose: str) -> list[Reason]:
    """Return a reason unless `proof` shows that `party` holds the private half of a key."""
    key = ed25519_key(raw)
    try:
        key.verify(proof, possession_message(party, purpose))
    except VerificationError:
        return [reason(Code.KEY_POSSESSION, kid=key.kid.hex()[:16])]
    return []


def taken_identifiers(read: sa.Connection, texts: Sequence[str]) -> tuple[str, ...]:
    """Return which identifiers a party has."""
    query = sa.select(IDENTIFIERS.c.identifier).where(IDENTIFIERS.c.identifier.in_(texts))
    return tuple(sorted(read.execute(query).scalars()))


def used_kids(read: sa.Connection, kids: Sequence[bytes]) -> tuple[bytes, ...]:
    """Return which keys are or were in use, by program or person, or wait in a recovery."""
    used: set[bytes] = set()
    waiting = sa.select(RECOVERIES.c.kid).where(
        RECOVERIES.c.kid.in_(kids), RECOVERIES.c.state == "waiting"
    )
    for query in (
        sa.select(KEYS.c.kid).where(KEYS.c.kid.in_(kids)),
        sa.select(MEMBERS.c.kid).where(MEMBERS.c.kid.in_(kids)),
        waiting,
    ):
        used.update(read.execute(query).scalars())
    return tuple(sorted(used))


def key_added(party: str, raw: bytes, purpose: str) -> Effect:
    """Return the effect that gives a party an Ed25519 key."""
    values: dict[str, object] = {
        "party": party, "raw": raw, "alg": int(Algorithm.ED25519), "purpose": purpose,
    }  # fmt: skip
    return Effect(state.KEY_ADDED, values)


def plain_reasons(given: Sequence[ReasonGiven]) -> list[object]:
    """Return reasons that a person gave as plain values."""
    return [[item.code, item.citation, item.sentence] for item in given]


def _occupied(taken: Sequence[str], known: Sequence[bytes]) -> list[Reason]:
    return [reason(Code.IDENTIFIER_TAKEN, identifier=text) for text in taken] + [
        reason(Code.KEY_KNOWN, kid=kid.hex()[:16]) for kid in known
    ]


def _admitted(party: str, found: Sequence[Identifier], **values: Any) -> Effect:
    admitted: dict[str, object] = {
        "party": party,
        "identifiers": [item.text for item in found],
        "name": values["name"],
        "names": dict(values["names"]),
        "country": values["country"],
        "roles": list(values["roles"]),
    }
    return Effect(state.PARTY_ADMITTED, admitted)
