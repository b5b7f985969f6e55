"""Sessions of people: a row per sign-in, found by the hash of the secret in the browser's cookie.

The table is local: not state, not replayed, lost without losing a right. Who the person is and what
they may do is read from state at every act; a session only says which credential signed in.
"""

from __future__ import annotations

import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.errors import StorageError
from entrepot.kernel.keys import Kid
from entrepot.kernel.store import Store
from entrepot.node.face.localtables import LOCAL, ensure_tables

IDLE_SECONDS: Final = 3_600
"""A session unused for an hour has ended."""
LIFETIME_SECONDS: Final = 12 * 3_600
"""A working day; then the person signs in again, however busy they were (NIST SP 800-63B 2.2.3)."""
_SEEN_EVERY_SECONDS: Final = 60
"""A page view within a minute of the last one writes nothing."""

SESSIONS: Final = sa.Table(
    "local_sessions",
    LOCAL,
    sa.Column("id_hash", sa.LargeBinary, primary_key=True, comment="SHA-256 of the secret"),
    sa.Column("credential", sa.LargeBinary, nullable=False),
    sa.Column("party", sa.String, nullable=False),
    sa.Column("started_at", sa.BigInteger, nullable=False),
    sa.Column("seen_at", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Session:
    """A person signed in: their credential's thumbprint and their party. Times in POSIX seconds."""

    credential: Kid
    party: str
    started_at: int
    seen_at: int


def start_session(store: Store, credential: Kid, party: str, *, now: int) -> str:
    """Begin a session and return its secret (43 characters); ended ones are swept out."""
    ensure_tables(store)
    secret = secrets.token_urlsafe(32)
    with store.writing() as write:
        write.execute(sa.delete(SESSIONS).where(_ended(now)))
        write.execute(
            SESSIONS.insert().values(
                id_hash=_hash(secret),
                credential=bytes(credential),
                party=party,
                started_at=now,
                seen_at=now,
            )
        )
    return secret


def find_session(store: Store, secret: str, *, now: int) -> Session | None:
    """Return the live session of `secret`, or None; notes that it was seen, at most each minute."""
    ensure_tables(store)
    mine = SESSIONS.c.id_hash == _hash(secret)
    with store.reading() as read:
        row = read.execute(sa.select(SESSIONS).where(mine, ~_ended(now))).one_or_none()
    if row is None:
        return None
    if now - row.seen_at >= _SEEN_EVERY_SECONDS:
        # A follower cannot write; then the session ends an hour after the leader last saw it.
        with suppress(StorageError), store.writing() as write:
            write.execute(SESSIONS.update().where(mine).values(seen_at=now))
    return Session(Kid(row.credential), row.party, row.started_at, row.seen_at)


def end_session(store: Store, secret: str) -> None:
    """End the session of `secret`; nothing happens when there is none."""
    with store.writing() as write:
        write.execute(sa.delete(SESSIONS).where(SESSIONS.c.id_hash == _hash(secret)))


def end_all_sessions(store: Store, credential: Kid) -> None:
    """End every session of a credential: signing out everywhere, or a member removed."""
    ensure_tables(store)
    with store.writing() as write:
        write.execute(sa.delete(SESSIONS).where(SESSIONS.c.credential == bytes(credential)))


def _ended(now: int) -> sa.ColumnElement[bool]:
    """Say in SQL that a session is over; a clock set back does not revive it for longer."""
    return sa.or_(
        SESSIONS.c.seen_at <= now - IDLE_SECONDS, SESSIONS.c.started_at <= now - LIFETIME_SECONDS
    )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(b"session\0" + secret.encode()).digest()
