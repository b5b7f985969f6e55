"""Invitations: a link, used once, with which a person registers a passkey for a party.

The token stands behind the `#` of the link, which browsers never send, so that it is in nobody's
access log; the node keeps its hash. What is registered through it is nobody's until an act admits
the credential: the node's own key for the very first member, else an admin of the party.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.keys import Algorithm, Kid, PublicKey
from entrepot.kernel.store import Store
from entrepot.node.face.localtables import LOCAL, ensure_tables
from entrepot.node.face.passkeys import NewPasskey, keep_passkey

INVITATION_SECONDS: Final = 7 * 86_400
"""A week: long enough for a colleague on leave, short for a forgotten mail."""
ENROLMENT_SECONDS: Final = 30 * 86_400
_DUTIES: Final = ("admin", "steward", "registrar", "decider")

INVITATIONS: Final = sa.Table(
    "local_invitations",
    LOCAL,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("duties", sa.String(80), nullable=False),
    sa.Column("first", sa.Boolean, nullable=False, comment="the node itself admits this one"),
    sa.Column("made_at", sa.BigInteger, nullable=False),
    sa.Column("expires_at", sa.BigInteger, nullable=False),
)
ENROLMENTS: Final = sa.Table(
    "local_enrolments",
    LOCAL,
    sa.Column("kid", sa.LargeBinary, primary_key=True),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("duties", sa.String(80), nullable=False),
    sa.Column("algorithm", sa.Integer, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("registered_at", sa.BigInteger, nullable=False),
    comment="passkeys registered by invitation that an admin has not admitted yet",
)


@dataclass(frozen=True, slots=True)
class Invitation:
    """What an unused invitation says. `first` is made at the node's own desk, by its operator."""

    party: str
    duties: tuple[str, ...]
    first: bool
    expires_at: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A passkey that waits for an admin of the party to admit it."""

    key: PublicKey
    party: str
    duties: tuple[str, ...]
    registered_at: int


def make_invitation(
    store: Store, party: str, duties: Sequence[str], *, now: int, first: bool = False
) -> str:
    """Make an invitation for one colleague and return its token (43 characters).

    `first=True` is for the operator's first member, whom the node's own key admits; everyone else
    is admitted by an act of an admin. Raises InvalidInput for an unknown duty, or none.
    """
    if not duties or any(duty not in _DUTIES for duty in duties):
        raise InvalidInput("duties are admin, steward, registrar, decider", value=" ".join(duties))
    ensure_tables(store)
    token = secrets.token_urlsafe(32)
    with store.writing() as write:
        write.execute(sa.delete(INVITATIONS).where(INVITATIONS.c.expires_at <= now))
        write.execute(
            INVITATIONS.insert().values(
                token_hash=_hash(token),
                party=party,
                duties=" ".join(duties),
                first=first,
                made_at=now,
                expires_at=now + INVITATION_SECONDS,
            )
        )
    return token


def invitation_link(url: str, token: str) -> str:
    """Return the link to send; the token follows the `#`."""
    return f"{url.rstrip('/')}/join#{token}"


def find_invitation(store: Store, token: str, *, now: int) -> Invitation:
    """Return the unused, unexpired invitation of a token. Raises NotFound."""
    ensure_tables(store)
    question = sa.select(INVITATIONS).where(
        INVITATIONS.c.token_hash == _hash(token), INVITATIONS.c.expires_at > now
    )
    with store.reading() as read:
        row = read.execute(question).one_or_none()
    if row is None:
        raise NotFound(
            "this invitation was used, has expired or never was",
            remedy="ask the person who sent it for a new one",
        )
    return Invitation(row.party, tuple(row.duties.split()), bool(row.first), row.expires_at)


def use_invitation(store: Store, token: str, new: NewPasskey, name: str, *, now: int) -> Invitation:
    """Use an invitation up: keep the passkey as an enrolment and return what was invited to.

    Raises NotFound when another was faster.
    """
    found = find_invitation(store, token, now=now)
    with store.writing() as write:
        gone = write.execute(sa.delete(INVITATIONS).where(INVITATIONS.c.token_hash == _hash(token)))
        if gone.rowcount != 1:
            raise NotFound("this invitation was used a moment ago")
        _keep_enrolment(write, new.key, found.party, found.duties, now)
    keep_passkey(store, new, name, now=now)
    return found


def _keep_enrolment(
    write: sa.Connection, key: PublicKey, party: str, duties: Sequence[str], now: int
) -> None:
    write.execute(
        sa.delete(ENROLMENTS).where(ENROLMENTS.c.registered_at <= now - ENROLMENT_SECONDS)
    )
    write.execute(sa.delete(ENROLMENTS).where(ENROLMENTS.c.kid == bytes(key.kid)))
    write.execute(
        ENROLMENTS.insert().values(
            kid=bytes(key.kid),
            party=party,
            duties=" ".join(duties),
            algorithm=int(key.algorithm),
            raw=key.raw,
            registered_at=now,
        )
    )


def admission_of(enrolment: Enrolment) -> dict[str, object]:
    """Return the body of the `admit-member` act that admits an enrolled passkey."""
    return {
        "party": enrolment.party,
        "credential": enrolment.key.raw,
        "alg": int(enrolment.key.algorithm),
        "duties": list(enrolment.duties),
    }


def enrolments_of(store: Store, party: str) -> list[Enrolment]:
    """Return the passkeys that wait to be admitted for a party, oldest first."""
    ensure_tables(store)
    question = sa.select(ENROLMENTS).where(ENROLMENTS.c.party == party)
    with store.reading() as read:
        rows = read.execute(question.order_by(ENROLMENTS.c.registered_at)).all()
    return [
        Enrolment(
            PublicKey(Algorithm(row.algorithm), bytes(row.raw)),
            row.party,
            tuple(row.duties.split()),
            row.registered_at,
        )
        for row in rows
    ]


def forget_enrolment(store: Store, kid: Kid) -> None:
    """Drop an enrolment: it was admitted or turned away."""
    ensure_tables(store)
    with store.writing() as write:
        write.execute(sa.delete(ENROLMENTS).where(ENROLMENTS.c.kid == bytes(kid)))


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"invitation\0" + token.encode()).digest()
