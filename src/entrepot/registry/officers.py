"""Decisions of officers: a person, with the duty, not in the own cause, and a second one if wanted.

Shared by every kind that a human decides (applications, recoveries, certificates, objections):
`officer_facts` is its part of step 3, `officer_reasons` its guards in step 4, `carried` its end.
Where the founding put a kind under four eyes, the first officer's act is recorded as a proposal and
changes nothing; the same body, approved by another officer, carries it out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.encoding import encode
from entrepot.kernel.institution import Request
from entrepot.registry.acts import DECIDE, UPDATE_PARTY
from entrepot.registry.codes import Code
from entrepot.registry.principals import Principal, principal_of
from entrepot.registry.state import DECISION_CONFIRMED, DECISION_PROPOSED
from entrepot.registry.tables import FOUNDING, MEMBERS, PROPOSALS
from entrepot.registry.words import reason

_DUTIES: Final[dict[str, tuple[str, ...]]] = {"decide-objection": ("decider", "admin")}
"""Kinds that others than registrars decide; an admin is one of a regulator that stands in."""


_AS_AN_ADMISSION: Final = frozenset({DECIDE, UPDATE_PARTY})
"""Kinds by which an officer gives roles: two pairs of eyes for one of them are two for both."""


class OfficerFacts(msgspec.Struct, frozen=True):
    """What a decision of an officer relies on besides its matter."""

    principal: Principal | None
    four_eyes: bool
    digest: bytes
    """SHA-256 of kind and body: a second officer confirms exactly this."""
    proposal: int | None
    proposed_by: bytes | None


def officer_facts(read: sa.Connection, request: Request[Any]) -> OfficerFacts:
    """Read who decides, and whether somebody proposed the same before."""
    digest = body_digest(request.kind, request.body)
    terms = read.execute(sa.select(FOUNDING.c.four_eyes)).scalar_one_or_none() or ""
    proposal = _open_proposal(read, request.kind, digest)
    return OfficerFacts(
        principal_of(read, request),
        _under_four_eyes(request.kind, terms.split()),
        digest,
        None if proposal is None else proposal[0],
        None if proposal is None else proposal[1],
    )


def _under_four_eyes(kind: str, named: Sequence[str]) -> bool:
    return kind in named or (kind in _AS_AN_ADMISSION and DECIDE in named)


def _open_proposal(read: sa.Connection, kind: str, digest: bytes) -> tuple[int, bytes] | None:
    """Return the oldest proposal of this very decision, whose maker could still make it.

    Whoever was removed since, or lost the duty, is no second pair of eyes.
    """
    rows = read.execute(
        sa.select(PROPOSALS.c.index, PROPOSALS.c.proposed_by, MEMBERS.c.duties)
        .join(MEMBERS, MEMBERS.c.kid == PROPOSALS.c.proposed_by)
        .where(
            PROPOSALS.c.kind == kind,
            PROPOSALS.c.digest == digest,
            PROPOSALS.c.confirmed_index.is_(None),
            MEMBERS.c.removed_index.is_(None),
        )
        .order_by(PROPOSALS.c.index)
    )
    needed = _DUTIES.get(kind, ("registrar",))
    for index, proposed_by, duties in rows:
        if set(needed) & set(duties.split()):
            return index, proposed_by
    return None


def body_digest(kind: str, body: msgspec.Struct) -> bytes:
    """Return SHA-256 of a kind and its body: what two officers must both have meant."""
    return hashlib.sha256(encode([kind, as_facts(body)])).digest()


def officer_reasons(facts: OfficerFacts, duty: str, causes: Sequence[str | bytes]) -> list[Reason]:
    """Return why this officer may not decide: no person, no duty, or the own cause.

    `causes` are the parties and credentials whose cause it is.
    """
    principal = facts.principal
    if principal is None:
        return [reason(Code.UNKNOWN_ISSUER)]
    if not principal.is_person:
        return [reason(Code.NEEDS_PERSON)]
    if not principal.is_officer(duty):
        return [reason(Code.NEEDS_DUTY, duty=duty)]
    if principal.party in causes:
        return [reason(Code.OWN_CAUSE, party=principal.party)]
    if principal.kid in causes:
        return [reason(Code.OWN_CAUSE, party=principal.kid.hex()[:16])]
    return []


def carried(facts: OfficerFacts, effects: Sequence[Effect]) -> Decision:
    """Return the decision of an officer whose guards are passed: done, or proposed to a second."""
    principal = facts.principal
    if principal is None:
        raise TypeError("an officer is known once the guards are passed")
    if not facts.four_eyes:
        return Granted(tuple(effects))
    if facts.proposal is None:
        values: dict[str, object] = {"digest": facts.digest, "by": principal.kid}
        return Granted((Effect(DECISION_PROPOSED, values),))
    if facts.proposed_by == principal.kid:
        return Refused((reason(Code.SECOND_PERSON, index=facts.proposal),))
    confirmed = Effect(DECISION_CONFIRMED, {"proposal": facts.proposal, "by": principal.kid})
    return Granted((confirmed, *effects))


def as_facts(struct: msgspec.Struct) -> dict[str, object]:
    """Return a struct of facts as the plain values that are recorded."""
    made: dict[str, object] = msgspec.to_builtins(struct, builtin_types=(bytes,))
    return made
