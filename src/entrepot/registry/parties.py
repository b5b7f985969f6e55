"""What is allowed for parties: founding the registry, and changing a party that is there.

How a party comes to be is a matter of `applications`.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.institution import Facts, Request
from entrepot.registry import state
from entrepot.registry.acts import FoundRegistry, UpdateParty, ed25519_key
from entrepot.registry.codes import Code
from entrepot.registry.judging import (
    REGISTRAR,
    judge_identifiers,
    key_added,
    party_admitted,
    plain_reasons,
)
from entrepot.registry.officers import OfficerFacts, as_facts, carried, officer_facts
from entrepot.registry.tables import FOUNDING, PARTIES
from entrepot.registry.words import reason

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
            party_admitted(party, found, name=body.name, names=body.names, country=body.country,
                      roles=["operator"]),
            key_added(party, body.key, "acts"),
        )
    )  # fmt: skip


# -- changing a party ------------------------------------------------------------------------------


class PartyFacts(msgspec.Struct, frozen=True):
    """Who asks, and what the party is now."""

    officer: OfficerFacts
    name: str | None
    """None: there is no such party."""
    names: dict[str, str]
    roles: tuple[str, ...]


def facts_of_update(read: sa.Connection, request: Request[UpdateParty]) -> Facts:
    """Read the party as it is (step 3)."""
    row = read.execute(
        sa.select(PARTIES).where(PARTIES.c.party == request.body.party)
    ).one_or_none()
    officer = officer_facts(read, request)
    if row is None:
        return Facts(as_facts(PartyFacts(officer, None, {}, ())))
    names = msgspec.json.decode(row.names, type=dict[str, str])
    return Facts(as_facts(PartyFacts(officer, row.name, names, tuple(row.roles.split()))))


def decide_update(request: Request[UpdateParty], relied: Facts) -> Decision:
    """Let a party change its names and lay down roles, and a registrar give roles (step 4).

    What a registrar does to a party is under four eyes where admissions are: else two would admit
    it as a buyer, and one alone would make it a regulator.
    """
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
    effects = [Effect(state.PARTY_UPDATED, changed)]
    principal = facts.officer.principal
    is_own = principal is not None and principal.party == body.party
    return Granted(tuple(effects)) if is_own else carried(facts.officer, effects)


def _update_reasons(body: UpdateParty, facts: PartyFacts) -> list[Reason]:
    principal = facts.officer.principal
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
