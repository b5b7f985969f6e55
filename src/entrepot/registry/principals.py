"""Who acts: from the key that signed and the passkey that approved to a party and its duties.

Authority follows state at the time of decision, never what a request says. Without an approval an
act is its key's party's. With one it is the approving person's, for the person's party; it must
then have been issued by the operator's own key (a form in the node's face) or by a key of the
person's party. Every rule of the registry starts here.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.institution import Request
from entrepot.kernel.keys import Algorithm, Kid, PublicKey
from entrepot.registry.tables import KEYS, MEMBERS, PARTIES


class Principal(msgspec.Struct, frozen=True):
    """A party that acts, through a program's key or through a person."""

    party: str
    kid: bytes
    """Thumbprint of the program's key, or of the person's credential."""
    duties: tuple[str, ...]
    """Duties of the person; empty for a program."""
    roles: tuple[str, ...]
    """Roles of the party."""
    is_person: bool

    def is_officer(self, duty: str) -> bool:
        """Say whether this is a person of the operator with that duty."""
        return self.is_person and "operator" in self.roles and duty in self.duties

    def is_admin_of(self, party: str) -> bool:
        """Say whether this is a person who is an admin of `party`."""
        return self.is_person and self.party == party and "admin" in self.duties


_KEY_OWNER: Final = (
    sa.select(KEYS.c.party, PARTIES.c.roles)
    .join(PARTIES, PARTIES.c.party == KEYS.c.party)
    .where(
        KEYS.c.kid == sa.bindparam("kid"),
        KEYS.c.revoked_index.is_(None),
        KEYS.c.purpose == "acts",
    )
)
_MEMBER: Final = (
    sa.select(MEMBERS.c.party, MEMBERS.c.duties, PARTIES.c.roles)
    .join(PARTIES, PARTIES.c.party == MEMBERS.c.party)
    .where(MEMBERS.c.kid == sa.bindparam("kid"), MEMBERS.c.removed_index.is_(None))
)


def principal_of(read: sa.Connection, request: Request[Any]) -> Principal | None:
    """Return who a verified act is by, or None when no party has the key or credential now."""
    owner = read.execute(_KEY_OWNER, {"kid": request.issuer}).one_or_none()
    if request.approved_by is None:
        if owner is None:
            return None
        return Principal(owner.party, request.issuer, (), tuple(owner.roles.split()), False)
    person = member_principal(read, request.approved_by)
    if person is None or owner is None:
        return None
    if "operator" not in owner.roles.split() and owner.party != person.party:
        return None
    return person


def member_principal(read: sa.Connection, kid: bytes) -> Principal | None:
    """Return the person with this credential, as the face needs it after a sign-in."""
    row = read.execute(_MEMBER, {"kid": kid}).one_or_none()
    if row is None:
        return None
    return Principal(row.party, kid, tuple(row.duties.split()), tuple(row.roles.split()), True)


_ACTIVE_KEY: Final = sa.select(KEYS.c.algorithm, KEYS.c.raw).where(
    KEYS.c.kid == sa.bindparam("kid"),
    KEYS.c.revoked_index.is_(None),
    KEYS.c.purpose == "acts",
)
_ACTIVE_MEMBER: Final = sa.select(MEMBERS.c.algorithm, MEMBERS.c.raw).where(
    MEMBERS.c.kid == sa.bindparam("kid"), MEMBERS.c.removed_index.is_(None)
)
_ANY_KEY: Final = sa.select(KEYS.c.algorithm, KEYS.c.raw).where(KEYS.c.kid == sa.bindparam("kid"))
_ANY_MEMBER: Final = sa.select(MEMBERS.c.algorithm, MEMBERS.c.raw).where(
    MEMBERS.c.kid == sa.bindparam("kid")
)


def active_key(read: sa.Connection, kid: Kid) -> PublicKey | None:
    """Return the key of a program or person whose acts and approvals are accepted now."""
    return _first(read, kid, _ACTIVE_KEY, _ACTIVE_MEMBER)


def known_key(read: sa.Connection, kid: Kid) -> PublicKey | None:
    """Return a key that was ever accepted, revoked or not, for those who check again."""
    return _first(read, kid, _ANY_KEY, _ANY_MEMBER)


def _first(
    read: sa.Connection, kid: Kid, *queries: sa.Select[tuple[int, bytes]]
) -> PublicKey | None:
    for query in queries:
        row = read.execute(query, {"kid": kid}).one_or_none()
        if row is not None:
            return PublicKey(Algorithm(row.algorithm), row.raw)
    return None
