"""Whose a clearance is: which key signed it, and who may refer it or decide of it.

In a home of one exporter one key signs everything. On a node of many parties a clearance is its
party's: a program of that party, or a steward of it, speaks of it, and the operator of the node,
who answers for what it cleared. Nobody else, since what is decided of a clearance is its standing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.approval import take_approval
from entrepot.kernel.institution import Request
from entrepot.kernel.keys import Kid, PublicKey
from entrepot.kernel.record import decode_evidence
from entrepot.kernel.store import RECORDS
from entrepot.registry.principals import known_key, principal_of
from entrepot.registry.tables import IDENTIFIERS, KEYS, MEMBERS

STEWARDS: Final = frozenset({"steward", "admin"})
"""Duties of the persons who speak of their party's clearances."""


def may_speak(read: sa.Connection, request: Request[Any], index: int) -> bool:
    """Say whether who asks may speak of the clearance at `index`: its exporter, or the operator.

    True where there is no act at all, which another rule tells.
    """
    row = read.execute(
        sa.select(RECORDS.c.issuer, RECORDS.c.evidence).where(RECORDS.c.index == index)
    ).one_or_none()
    if row is None:
        return True
    approver = _approver(row.evidence)
    if approver is None and request.approved_by is None and row.issuer == request.issuer:
        return True
    if not has_registry(read):
        return False
    principal = principal_of(read, request)
    if principal is None or (principal.is_person and not STEWARDS & set(principal.duties)):
        return False
    return "operator" in principal.roles or principal.party == _party(read, row.issuer, approver)


def signing_key(read: sa.Connection, own: Mapping[Kid, PublicKey], kid: Kid) -> PublicKey | None:
    """Return the key that signed a clearance: one of the home, or one that a party ever had."""
    return own.get(kid) or (known_key(read, kid) if has_registry(read) else None)


def named_by_stranger(read: sa.Connection, request: Request[Any], exporter: str) -> bool:
    """Say whether a program names as exporter, in brackets at the end, a party that is not its own.

    What stands there and is no party of this node proves nothing and harms nobody.
    """
    _, opened, rest = exporter.rpartition("(")
    if not opened or not rest.endswith(")") or not has_registry(read):
        return False
    query = sa.select(IDENTIFIERS.c.party).where(IDENTIFIERS.c.identifier == rest[:-1])
    named = read.execute(query).scalar_one_or_none()
    return named is not None and named != _party(read, request.issuer, None)


def has_registry(read: sa.Connection) -> bool:
    """Say whether the store knows parties: the home of one exporter may do without."""
    return bool(sa.inspect(read).has_table(KEYS.name))


def _approver(evidence: bytes | None) -> bytes | None:
    """Return the credential that approved an act; None for a program's, or once it was erased."""
    if evidence is None:
        return None
    _, approval = take_approval(SignedAct(decode_evidence(evidence).act).unverified_body)
    return None if approval is None else approval.kid


def _party(read: sa.Connection, issuer: bytes, approver: bytes | None) -> str | None:
    """Return the party of a person, removed or not, or of a key, revoked or not."""
    query = (
        sa.select(KEYS.c.party).where(KEYS.c.kid == issuer)
        if approver is None
        else sa.select(MEMBERS.c.party).where(MEMBERS.c.kid == approver)
    )
    party: str | None = read.execute(query).scalar_one_or_none()
    return party
