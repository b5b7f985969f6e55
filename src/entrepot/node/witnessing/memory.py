"""What the witness remembers: the last cosigned checkpoint of each log, in the node's store.

Comparing with the memory and writing the new state is one statement of one transaction
(`UPDATE … WHERE size = … AND root = …`), so of two requests that were both checked against the same
state only one is written, on SQLite and with several processes on PostgreSQL alike; the other is
told the new size. The answer goes out after the commit.

A witness that forgot would cosign a second history, so its key is noted beside its memory: keys
without memory (a lost or restored database) are refused until new ones are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from weakref import WeakSet

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from entrepot.kernel.cosignature import Cosigner, VerifiedSignature
from entrepot.kernel.errors import StorageError
from entrepot.kernel.store import Store
from entrepot.kernel.witness import (
    NOTHING,
    AddCheckpoint,
    Remembered,
    WitnessAnswer,
    check_growth,
    cosign,
)

LOCAL: Final = sa.MetaData()
WITNESS: Final = sa.Table(
    "local_witness",
    LOCAL,
    sa.Column("origin", sa.String, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, comment="POSIX seconds"),
    sa.Column("note", sa.LargeBinary, nullable=False, comment="as the monitoring prefix serves it"),
)
WITNESS_KEY: Final = sa.Table(
    "local_witness_key",
    LOCAL,
    sa.Column("kid", sa.LargeBinary, primary_key=True),
    sa.Column("since", sa.BigInteger, nullable=False, comment="POSIX seconds"),
)
COSIGNED: Final = sa.Table(
    "local_cosigned",
    LOCAL,
    sa.Column("origin", sa.String, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("note", sa.LargeBinary, nullable=False, comment="our checkpoint with cosignatures"),
)
ATTEMPTS: Final = 8
"""How often a request is judged again when another one was written meanwhile."""

_ready: WeakSet[Store] = WeakSet()


def ensure_tables(store: Store) -> None:
    """Create the tables once per open store; a follower relies on its leader's."""
    if store not in _ready:
        if store.held():
            store.create_tables(LOCAL)
        _ready.add(store)


def vouch(store: Store, cosigner: Cosigner, *, now: int, is_new: bool) -> None:
    """Bind a cosigner to this store's memory, or raise StorageError when the memory is not its own.

    `is_new` says that its keys were made just now, so that there is nothing to remember.
    """
    ensure_tables(store)
    kid = cosigner.ed25519.kid
    with store.reading() as read:
        if read.execute(sa.select(WITNESS_KEY).where(WITNESS_KEY.c.kid == kid)).one_or_none():
            return
    if not is_new:
        raise StorageError(
            "the memory of this witness is not in this store; it could cosign a second history",
            value=cosigner.name,
            remedy="restore the store it used; or remove keys/witness*.pem, run entrepot witness "
            "init, and give the new keys to everyone who relies on the old ones",
        )
    with store.writing_local() as write:
        write.execute(WITNESS_KEY.insert().values(kid=kid, since=now))


def remembered(store: Store, origin: str) -> tuple[Remembered, bytes] | None:
    """Return the last cosigned state of a log and its note, or None when there is none."""
    with store.reading() as read:
        row = read.execute(sa.select(WITNESS).where(WITNESS.c.origin == origin)).one_or_none()
    return None if row is None else (Remembered(row.size, row.root, row.at), row.note)


def cosign_next(
    store: Store,
    request: AddCheckpoint,
    signatures: Sequence[VerifiedSignature],
    cosigner: Cosigner,
    *,
    now: int,
) -> WitnessAnswer:
    """Judge an authenticated request against the memory, write the new state, return the answer.

    Raises StorageError when the database refuses; then nothing was cosigned.
    """
    origin = request.seen.checkpoint.origin
    for _attempt in range(ATTEMPTS):
        found = remembered(store, origin)
        last = NOTHING if found is None else found[0]
        refusal = check_growth(request, last)
        if refusal is not None:
            return refusal
        done = cosign(request, signatures, cosigner, last=last, now=now)
        values = {
            "size": done.remembered.size,
            "root": done.remembered.root,
            "at": done.remembered.at,
            "note": done.note,
        }
        if _replace(store, origin, None if found is None else last, values):
            return done.answer
    raise StorageError("too many checkpoints of this log at once", value=origin)


def _replace(store: Store, origin: str, last: Remembered | None, values: dict[str, object]) -> bool:
    """Write the new state if the old one still stands; False when another was written meanwhile."""
    with store.writing_local() as write:
        if last is not None:
            still = sa.and_(
                WITNESS.c.origin == origin,
                WITNESS.c.size == last.size,
                WITNESS.c.root == last.root,
                WITNESS.c.at == last.at,
            )
            return write.execute(WITNESS.update().where(still).values(values)).rowcount == 1
        return _insert_if_absent(write, {"origin": origin, **values})


def _insert_if_absent(write: sa.Connection, row: dict[str, object]) -> bool:
    """Insert the first state of a log; False when there is one (ON CONFLICT DO NOTHING)."""
    make = postgresql.insert if write.dialect.name == "postgresql" else sqlite.insert
    insert = make(WITNESS).values(row).on_conflict_do_nothing().returning(WITNESS.c.origin)
    return write.execute(insert).one_or_none() is not None


def keep_cosigned(store: Store, origin: str, size: int, note: bytes) -> None:
    """Keep our newest checkpoint with its cosignatures; an older size never replaces a newer."""
    ensure_tables(store)
    with store.writing_local() as write:
        newer = sa.and_(COSIGNED.c.origin == origin, COSIGNED.c.size <= size)
        if write.execute(COSIGNED.update().where(newer).values(size=size, note=note)).rowcount:
            return
        held = sa.select(COSIGNED.c.size).where(COSIGNED.c.origin == origin)
        if write.execute(held).one_or_none() is None:
            write.execute(COSIGNED.insert().values(origin=origin, size=size, note=note))


def cosigned(store: Store, origin: str) -> bytes | None:
    """Return our newest checkpoint with the cosignatures that satisfied the policy, or None."""
    ensure_tables(store)
    with store.reading() as read:
        row = read.execute(sa.select(COSIGNED.c.note).where(COSIGNED.c.origin == origin))
        note: bytes | None = row.scalar_one_or_none()
    return note
