"""What is allowed for members: which persons' passkeys act for a party, and with which duties.

A member is the thumbprint of a credential; names are nobody's record. The first admin of a party
comes with its application, or by the party's own key, or by the node's key (a form in its face, for
an invitation); from then on an admin of the party decides, or a registrar for a party without one.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.institution import Facts, Request
from entrepot.registry import state
from entrepot.registry.acts import AdmitMember, RemoveMember
from entrepot.registry.codes import Code
from entrepot.registry.judging import REGISTRAR, used_kids
from entrepot.registry.officers import as_facts
from entrepot.registry.principals import Principal, principal_of
from entrepot.registry.tables import MEMBERS, PARTIES
from entrepot.registry.words import reason

_OFFICES = ("registrar", "decider")


class MemberFacts(msgspec.Struct, frozen=True):
    """Who asks, what the party is, and what the credential is to it."""

    principal: Principal | None
    party_roles: tuple[str, ...] | None
    """None: there is no such party."""
    members: int
    """Active members of the party."""
    admins: tuple[bytes, ...]
    """Credentials of its active admins."""
    owner: str | None
    """Party whose member the credential is or was."""
    duties: tuple[str, ...]
    is_removed: bool
    is_key: bool
    """The key is a program's, or waits for a decision."""


def _member_facts(
    read: sa.Connection, request: Request[AdmitMember] | Request[RemoveMember], kid: bytes
) -> Facts:
    party = request.body.party
    roles = read.execute(
        sa.select(PARTIES.c.roles).where(PARTIES.c.party == party)
    ).scalar_one_or_none()
    active = read.execute(
        sa.select(MEMBERS.c.kid, MEMBERS.c.duties)
        .where(MEMBERS.c.party == party, MEMBERS.c.removed_index.is_(None))
        .order_by(MEMBERS.c.kid)
    ).all()
    row = read.execute(sa.select(MEMBERS).where(MEMBERS.c.kid == kid)).one_or_none()
    found = MemberFacts(
        principal_of(read, request),
        None if roles is None else tuple(roles.split()),
        len(active),
        tuple(item.kid for item in active if "admin" in item.duties.split()),
        None if row is None else row.party,
        () if row is None else tuple(row.duties.split()),
        row is not None and row.removed_index is not None,
        row is None and bool(used_kids(read, [kid])),
    )
    return Facts(as_facts(found))


def facts_of_admission(read: sa.Connection, request: Request[AdmitMember]) -> Facts:
    """Read the party, its members and the credential (step 3)."""
    return _member_facts(read, request, request.body.public_key().kid)


def decide_admission(request: Request[AdmitMember], relied: Facts) -> Decision:
    """Admit a credential, or change the duties of a member (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, MemberFacts)
    kid = body.public_key().kid
    reasons = _may_admit(body, facts, kid)
    shown = kid.hex()[:16]
    if facts.is_removed:
        reasons.append(reason(Code.CREDENTIAL_REMOVED, kid=shown))
    elif facts.is_key:
        reasons.append(reason(Code.KEY_KNOWN, kid=shown))
    elif facts.owner is not None and facts.owner != body.party:
        reasons.append(reason(Code.CREDENTIAL_KNOWN, kid=shown))
    elif facts.owner is not None:
        reasons += _may_change(body, facts, kid)
    if reasons:
        return Refused(tuple(reasons))
    if facts.owner is not None:
        changed: dict[str, object] = {"party": body.party, "kid": kid, "duties": list(body.duties)}
        return Granted((Effect(state.MEMBER_CHANGED, changed),))
    admitted: dict[str, object] = {
        "party": body.party, "raw": body.credential, "alg": body.alg, "duties": list(body.duties),
    }  # fmt: skip
    return Granted((Effect(state.MEMBER_ADMITTED, admitted),))


def _may_admit(body: AdmitMember, facts: MemberFacts, kid: bytes) -> list[Reason]:
    if facts.party_roles is None:
        return [reason(Code.NO_PARTY, party=body.party)]
    principal = facts.principal
    if principal is None:
        return [reason(Code.UNKNOWN_ISSUER)]
    reasons = []
    if "operator" not in facts.party_roles:
        offices = [duty for duty in body.duties if duty in _OFFICES]
        reasons += [reason(Code.DUTY_OF_OPERATOR, duty=duty) for duty in offices]
    if facts.members == 0 and "admin" not in body.duties:
        reasons.append(reason(Code.FIRST_MEMBER, party=body.party))
    if principal.kid == kid:
        return [*reasons, reason(Code.OWN_CAUSE, party=kid.hex()[:16])]
    if not principal.is_person:
        # A program admits the first member only: a stolen server key must not make persons.
        is_first = facts.members == 0 and (
            principal.party == body.party or "operator" in principal.roles
        )
        return reasons if is_first else [*reasons, reason(Code.NEEDS_PERSON)]
    if principal.is_admin_of(body.party):
        return reasons
    if principal.is_officer(REGISTRAR) and principal.party != body.party and not facts.admins:
        return reasons
    return [*reasons, reason(Code.NOT_OF_PARTY, party=body.party)]


def _may_change(body: AdmitMember, facts: MemberFacts, kid: bytes) -> list[Reason]:
    if set(body.duties) == set(facts.duties):
        return [reason(Code.NOTHING_CHANGES)]
    if facts.admins == (kid,) and "admin" not in body.duties:
        return [reason(Code.LAST_ADMIN, kid=kid.hex()[:16], party=body.party)]
    return []


def facts_of_removal(read: sa.Connection, request: Request[RemoveMember]) -> Facts:
    """Read the party, its members and the credential (step 3)."""
    return _member_facts(read, request, request.body.kid)


def decide_removal(request: Request[RemoveMember], relied: Facts) -> Decision:
    """Remove a member, never the last admin (step 4). A removed credential cannot come back."""
    body = request.body
    facts = msgspec.convert(relied.values, MemberFacts)
    reasons: list[Reason] = []
    principal = facts.principal
    if principal is None:
        reasons.append(reason(Code.UNKNOWN_ISSUER))
    elif not principal.is_person:
        reasons.append(reason(Code.NEEDS_PERSON))
    elif not (
        principal.is_admin_of(body.party)
        or (principal.party == body.party and principal.kid == body.kid)
        or (principal.is_officer(REGISTRAR) and principal.party != body.party)
    ):
        reasons.append(reason(Code.NOT_OF_PARTY, party=body.party))
    shown = body.kid.hex()[:16]
    if facts.owner != body.party or facts.is_removed:
        reasons.append(reason(Code.MEMBER_UNKNOWN, party=body.party, kid=shown))
    elif facts.admins == (body.kid,):
        reasons.append(reason(Code.LAST_ADMIN, party=body.party, kid=shown))
    if reasons:
        return Refused(tuple(reasons))
    removed: dict[str, object] = {"party": body.party, "kid": body.kid}
    return Granted((Effect(state.MEMBER_REMOVED, removed),))
