"""Challenges of passkey ceremonies, without a row for each visit.

A challenge is an HMAC under a secret of this node over its purpose, the visitor's own secret and
the minute it was made in. Nobody can make one ahead of time, it serves one browser for five
minutes, and a successful sign-in replaces the visitor's secret, so that none serves twice.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.errors import VerificationError
from entrepot.kernel.store import Store
from entrepot.node.face.localtables import LOCAL, ensure_tables
from entrepot.node.face.visitors import Visitor

CEREMONY_SECONDS: Final = 300
"""Time to find the passkey and unlock it (WebAuthn Level 3, 15.1 recommends 5 to 10 minutes)."""

SECRETS: Final = sa.Table(
    "local_secrets",
    LOCAL,
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.LargeBinary, nullable=False),
)
_NAME: Final = "ceremonies"


def make_challenge(store: Store, visitor: Visitor, purpose: str, *, now: int) -> tuple[bytes, int]:
    """Return a challenge of 32 bytes and the POSIX second it was made at."""
    return _challenge(store, visitor, purpose, now), now


def check_challenge(store: Store, visitor: Visitor, purpose: str, *, at: int, now: int) -> bytes:
    """Return the challenge that this visitor was given at `at`; VerificationError when too old."""
    if not now - CEREMONY_SECONDS <= at <= now:
        raise VerificationError(
            "this page was open too long", remedy="go back, load it again and try once more"
        )
    return _challenge(store, visitor, purpose, at)


def _challenge(store: Store, visitor: Visitor, purpose: str, at: int) -> bytes:
    message = f"{purpose}\0{visitor.owner()}\0{at}".encode()
    return hmac.new(_node_secret(store), message, hashlib.sha256).digest()


def _node_secret(store: Store) -> bytes:
    """Return this node's secret for challenges, making it at first; all its processes share it."""
    ensure_tables(store)
    question = sa.select(SECRETS.c.value).where(SECRETS.c.name == _NAME)
    with store.reading() as read:
        found = read.execute(question).scalar_one_or_none()
    if found is not None:
        return bytes(found)
    with store.writing() as write:
        found = write.execute(question).scalar_one_or_none()
        if found is None:
            found = secrets.token_bytes(32)
            write.execute(SECRETS.insert().values(name=_NAME, value=found))
    return bytes(found)
