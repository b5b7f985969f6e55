"""What is allowed for the keys of parties: rotation, revocation, and recovery when they are lost.

A new key is added by an old one or by an admin, with proof that the party holds it. Revocation
works from its decision on; what was decided before stays valid. Recovery is a registrar's decision
that waits: until the period is over any remaining key or member of the party can cancel it. Then
the new key counts and every older key for acts is revoked. So that no thief can cancel for ever, a
registrar may revoke the stolen key first, saying why.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.institution import DueAct, Facts, Request
from entrepot.registry import state
from entrepot.registry.acts import (
    CLOSE_RECOVERY,
    AddKey,
    CancelRecovery,
    CloseRecovery,
    Recover,
    RevokeKey,
    ed25519_key,
)
from entrepot.registry.codes import Code
from entrepot.registry.deadlines import in_words
from entrepot.registry.judging import (
    REGISTRAR,
    judge_possession,
    key_added,
    plain_reasons,
    used_kids,
)
from entrepot.registry.officers import (
    OfficerFacts,
    as_facts,
    carried,
    officer_facts,
    officer_reasons,
)
from entrepot.registry.principals import Principal, principal_of
from entrepot.registry.tables import APPLICATIONS, FOUNDING, KEYS, PARTIES, RECOVERIES
from entrepot.registry.words import reason

DAY_S = 86_400


class KeyFacts(msgspec.Struct, frozen=True):
    """Who asks, what the party is, and which keys it has now."""

    principal: Principal | None
    party_roles: tuple[str, ...] | None
    """None: there is no such party."""
    active: tuple[bytes, ...]
    """Its active keys for acts."""
    issuing: tuple[bytes, ...]
    """Its active keys for credentials."""
    is_used: bool = False
    """The new key is or was in use, or is that of an open application."""


def _key_facts(
    read: sa.Connection, request: Request[AddKey] | Request[RevokeKey], new: bytes | None
) -> Facts:
    party = request.body.party
    found = KeyFacts(
        principal_of(read, request),
        _roles(read, party),
        _active_kids(read, party, "acts"),
        _active_kids(read, party, "issuing"),
        new is not None and _is_used(read, new),
    )
    return Facts(as_facts(found))


def _roles(read: sa.Connection, party: str) -> tuple[str, ...] | None:
    query = sa.select(PARTIES.c.roles).where(PARTIES.c.party == party)
    roles = read.execute(query).scalar_one_or_none()
    return None if roles is None else tuple(roles.split())


def _active_kids(read: sa.Connection, party: str, purpose: str) -> tuple[bytes, ...]:
    query = sa.select(KEYS.c.kid).where(
        KEYS.c.party == party, KEYS.c.purpose == purpose, KEYS.c.revoked_index.is_(None)
    )
    return tuple(read.execute(query.order_by(KEYS.c.kid)).scalars())


def _is_used(read: sa.Connection, kid: bytes) -> bool:
    applied = sa.select(APPLICATIONS.c.index).where(
        APPLICATIONS.c.kid == kid, APPLICATIONS.c.state == "open"
    )
    return bool(used_kids(read, [kid])) or read.execute(applied.limit(1)).first() is not None


# -- adding and revoking ---------------------------------------------------------------------------


def facts_of_new_key(read: sa.Connection, request: Request[AddKey]) -> Facts:
    """Read the party's keys, and whether the new one is in use (step 3)."""
    return _key_facts(read, request, ed25519_key(request.body.key).kid)


def decide_new_key(request: Request[AddKey], relied: Facts) -> Decision:
    """Add a key for a party that shows to hold it (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, KeyFacts)
    reasons = _acts_for(facts, body.party)
    if body.purpose == "issuing" and "operator" not in (facts.party_roles or ()):
        reasons.append(reason(Code.ROLES, role="issuer of credentials"))
    if facts.is_used:
        reasons.append(reason(Code.KEY_KNOWN, kid=ed25519_key(body.key).kid.hex()[:16]))
    reasons += judge_possession(body.key, body.proof, body.party, body.purpose)
    if reasons:
        return Refused(tuple(reasons))
    return Granted((key_added(body.party, body.key, body.purpose),))


def _acts_for(facts: KeyFacts, party: str) -> list[Reason]:
    """A program of the party, or an admin of it."""
    principal = facts.principal
    if facts.party_roles is None:
        return [reason(Code.NO_PARTY, party=party)]
    if principal is None:
        return [reason(Code.UNKNOWN_ISSUER)]
    if principal.party != party or (principal.is_person and "admin" not in principal.duties):
        return [reason(Code.NOT_OF_PARTY, party=party)]
    return []


def facts_of_revocation(read: sa.Connection, request: Request[RevokeKey]) -> Facts:
    """Read the party's keys (step 3)."""
    return _key_facts(read, request, None)


def decide_revocation(request: Request[RevokeKey], relied: Facts) -> Decision:
    """Revoke a key: the party itself, or a registrar who says why (step 4).

    The effect says `last` when the party is left without a key for acts, for every screen to warn.
    """
    body = request.body
    facts = msgspec.convert(relied.values, KeyFacts)
    reasons = _acts_for(facts, body.party)
    if reasons and facts.principal is not None and facts.principal.is_officer(REGISTRAR):
        # The operator's registrar may stop a stolen key of another party, saying why.
        reasons = [] if body.note.strip() else reasons
    shown = body.kid.hex()[:16]
    left = [kid for kid in facts.active if kid != body.kid]
    if body.kid not in (*facts.active, *facts.issuing):
        reasons.append(reason(Code.KEY_UNKNOWN, party=body.party, kid=shown))
    elif not left and "operator" in (facts.party_roles or ()):
        reasons.append(reason(Code.LAST_OPERATOR_KEY, kid=shown))
    if reasons:
        return Refused(tuple(reasons))
    return Granted((key_revoked(body.party, body.kid, body.reason, is_last=not left),))


def key_revoked(party: str, kid: bytes, why: str, *, is_last: bool) -> Effect:
    """Return the effect that ends a key."""
    values: dict[str, object] = {"party": party, "kid": kid, "reason": why, "last": is_last}
    return Effect(state.KEY_REVOKED, values)


# -- recovery --------------------------------------------------------------------------------------


class RecoveryFacts(msgspec.Struct, frozen=True):
    """Who decides, how long it waits, and whether another recovery waits."""

    officer: OfficerFacts
    party_roles: tuple[str, ...] | None
    waiting: int | None
    recovery_days: int
    is_used: bool


def facts_of_recovery(read: sa.Connection, request: Request[Recover]) -> Facts:
    """Read the party, the terms and any recovery on its way (step 3)."""
    body = request.body
    days = read.execute(sa.select(FOUNDING.c.recovery_days)).scalar_one_or_none()
    query = sa.select(sa.func.min(RECOVERIES.c.index)).where(
        RECOVERIES.c.party == body.party, RECOVERIES.c.state == "waiting"
    )
    found = RecoveryFacts(
        officer_facts(read, request),
        _roles(read, body.party),
        read.execute(query).scalar(),
        0 if days is None else days,
        _is_used(read, ed25519_key(body.key).kid),
    )
    return Facts(as_facts(found))


def decide_recovery(request: Request[Recover], relied: Facts) -> Decision:
    """Open a recovery that waits; a registrar decides, never for the own party (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, RecoveryFacts)
    reasons = officer_reasons(facts.officer, REGISTRAR, [body.party])
    if facts.party_roles is None:
        reasons.append(reason(Code.NO_PARTY, party=body.party))
    if facts.waiting is not None:
        reasons.append(reason(Code.RECOVERY_OPEN, party=body.party, index=facts.waiting))
    if facts.is_used:
        reasons.append(reason(Code.KEY_KNOWN, kid=ed25519_key(body.key).kid.hex()[:16]))
    reasons += judge_possession(body.key, body.proof, body.party, "acts")
    principal = facts.officer.principal
    if reasons or principal is None:
        return Refused(tuple(reasons))
    opened: dict[str, object] = {
        "party": body.party,
        "raw": body.key,
        "alg": int(ed25519_key(body.key).algorithm),
        "ripe_at": request.decided_at + facts.recovery_days * DAY_S,
        "by": principal.kid,
        "reasons": plain_reasons(body.reasons),
    }
    return carried(facts.officer, [Effect(state.RECOVERY_OPENED, opened)])


class WaitingFacts(msgspec.Struct, frozen=True):
    """A recovery as it stands, and who asks about it."""

    principal: Principal | None
    party: str | None
    """None: no recovery there."""
    state: str
    ripe_at: int
    raw: bytes
    active: tuple[bytes, ...]


def _waiting_facts(
    read: sa.Connection, request: Request[CancelRecovery] | Request[CloseRecovery]
) -> Facts:
    row = read.execute(
        sa.select(RECOVERIES).where(RECOVERIES.c.index == request.body.recovery)
    ).one_or_none()
    principal = principal_of(read, request)
    if row is None:
        return Facts(as_facts(WaitingFacts(principal, None, "", 0, b"", ())))
    active = _active_kids(read, row.party, "acts")
    return Facts(
        as_facts(WaitingFacts(principal, row.party, row.state, row.ripe_at, row.raw, active))
    )


def facts_of_cancelling(read: sa.Connection, request: Request[CancelRecovery]) -> Facts:
    """Read the recovery and who wants to stop it (step 3)."""
    return _waiting_facts(read, request)


def decide_cancelling(request: Request[CancelRecovery], relied: Facts) -> Decision:
    """Let any remaining key or member of the party stop its recovery (step 4)."""
    recovery = request.body.recovery
    facts = msgspec.convert(relied.values, WaitingFacts)
    if facts.party is None or facts.state != "waiting":
        return Refused((reason(Code.NO_RECOVERY, index=recovery),))
    if facts.principal is None or facts.principal.party != facts.party:
        return Refused((reason(Code.NOT_OF_PARTY, party=facts.party),))
    return Granted((_closed(facts.party, recovery, "cancelled"),))


def facts_of_closing(read: sa.Connection, request: Request[CloseRecovery]) -> Facts:
    """Read the recovery and the keys that it ends (step 3)."""
    return _waiting_facts(read, request)


def decide_closing(request: Request[CloseRecovery], relied: Facts) -> Decision:
    """Carry out a recovery whose waiting period is over, whoever says so (step 4)."""
    recovery = request.body.recovery
    facts = msgspec.convert(relied.values, WaitingFacts)
    if facts.party is None or facts.state != "waiting":
        return Refused((reason(Code.NO_RECOVERY, index=recovery),))
    if request.decided_at < facts.ripe_at:
        return Refused((reason(Code.RECOVERY_WAITS, time=in_words(facts.ripe_at)),))
    revoked = [key_revoked(facts.party, kid, "recovered", is_last=False) for kid in facts.active]
    done = [_closed(facts.party, recovery, "done"), key_added(facts.party, facts.raw, "acts")]
    return Granted((*done, *revoked))


def _closed(party: str, recovery: int, how: str) -> Effect:
    return Effect(state.RECOVERY_CLOSED, {"party": party, "recovery": recovery, "state": how})


def due_recoveries(read: sa.Connection, now: int) -> Sequence[DueAct]:
    """Return the closing acts of the recoveries whose waiting period is over."""
    query = (
        sa.select(RECOVERIES.c.index.label("at"), RECOVERIES.c.ripe_at)
        .where(RECOVERIES.c.state == "waiting", RECOVERIES.c.ripe_at <= now)
        .order_by(RECOVERIES.c.ripe_at, RECOVERIES.c.index)
    )
    return [
        DueAct(CLOSE_RECOVERY, {"recovery": row.at}, str(row.at), row.ripe_at)
        for row in read.execute(query)
    ]
