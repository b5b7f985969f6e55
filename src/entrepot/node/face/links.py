"""Private links to an application: who holds the link follows its course without an account."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

import sqlalchemy as sa

from entrepot.node.face.localtables import LOCAL, ensure_tables
from entrepot.node.face.surroundings import Surroundings

LINK_SECONDS: Final = 2 * 366 * 86_400
"""Two years: a refused applicant may need the page in a dispute."""

LINKS: Final = sa.Table(
    "local_application_links",
    LOCAL,
    sa.Column("token_hash", sa.LargeBinary, primary_key=True),
    sa.Column("application", sa.BigInteger, nullable=False),
    sa.Column("made_at", sa.BigInteger, nullable=False),
)


def make_link(around: Surroundings, application: int) -> str:
    """Return a fresh token that opens one application; the node keeps its hash only."""
    ensure_tables(around.store)
    token = secrets.token_urlsafe(32)
    now = around.now()
    with around.store.writing() as write:
        write.execute(sa.delete(LINKS).where(LINKS.c.made_at <= now - LINK_SECONDS))
        row = {"token_hash": _hash(token), "application": application, "made_at": now}
        write.execute(LINKS.insert().values(row))
    return token


def application_behind(around: Surroundings, token: str) -> int | None:
    """Return the index of the application that a token opens, or None."""
    ensure_tables(around.store)
    question = sa.select(LINKS.c.application).where(
        LINKS.c.token_hash == _hash(token), LINKS.c.made_at > around.now() - LINK_SECONDS
    )
    with around.store.reading() as read:
        found = read.execute(question).scalar_one_or_none()
    return None if found is None else int(found)


def _hash(token: str) -> bytes:
    return hashlib.sha256(b"application link\0" + token.encode()).digest()
