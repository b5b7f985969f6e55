"""Where a home keeps the log's files and its large bodies: settings that stay with the store.

The store remembers both, so that a command without them (`fsck`, `backup`) finds what the node
wrote, and a node started with others is told so instead of beginning a second log elsewhere.
Relative paths lie below the home.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.bodies import Bodies, open_bodies
from entrepot.kernel.errors import Conflict, InvalidInput, StorageError
from entrepot.kernel.logfiles import LogFiles, open_log_files
from entrepot.kernel.store import Store, read_meta, write_meta

LOG_FILES, BODIES, RESTORING = "log_files", "bodies", "restoring"
"""Keys of the store's settings; RESTORING stands there while a restore is not verified yet."""


@dataclass(frozen=True, slots=True)
class Places:
    """`log`: "" for HOME/log; `bodies`: "" for in the store; None for what the store says.

    A place is a folder (relative: below the home) or `s3://bucket/prefix`.
    """

    log: str | None = None
    bodies: str | None = None


NOT_SET: Final = Places()


def known_places(read: sa.Connection) -> tuple[str, str]:
    """Return the places of log files and bodies that the store remembers."""
    return read_meta(read, LOG_FILES) or "", read_meta(read, BODIES) or ""


def open_places(store: Store, home: Path, wanted: Places) -> tuple[LogFiles, Bodies]:
    """Open the log's files and the bodies of a home for the process that writes it.

    Raises Conflict (they lie elsewhere), StorageError (a restore was not finished).
    """
    with store.reading() as read:
        require_restored(read)
    return open_settled(settle_places(store, wanted), home)


def follow_places(read: sa.Connection, home: Path) -> tuple[LogFiles, Bodies]:
    """Open the log's files and the bodies of a home where its store says they are, to read."""
    return open_settled(known_places(read), home)


def open_settled(places: tuple[str, str], home: Path) -> tuple[LogFiles, Bodies]:
    """Open the places of log files and bodies."""
    log, bodies = places
    return open_log_files(log, home), open_bodies(bodies, home)


def settle_places(store: Store, wanted: Places) -> tuple[str, str]:
    """Return the places to use, remembering them in a new store.

    Raises Conflict when a log lies elsewhere already. Bodies may be given a place later: those in
    rows stay there.
    """
    with store.reading() as read:
        log, bodies = known_places(read)
    places = (
        _settled(log, wanted.log, "the log's files", may_change=store.is_empty()),
        _settled(bodies, wanted.bodies, "bodies", may_change=not bodies or store.is_empty()),
    )
    _require_apart(*places)
    if places != (log, bodies):
        with store.writing() as write:
            write_meta(write, LOG_FILES, places[0])
            write_meta(write, BODIES, places[1])
    return places


def _require_apart(log: str, bodies: str) -> None:
    """Refuse a place below the other: each must list its own files."""
    first, second = f"{(log or 'log').rstrip('/')}/", f"{bodies.rstrip('/')}/"
    if bodies and (first.startswith(second) or second.startswith(first)):
        raise InvalidInput(
            "log files and bodies need two places, neither inside the other",
            value=f"{log or 'log'}, {bodies}",
            remedy="name another folder or prefix",
        )


def _settled(known: str, wanted: str | None, what: str, *, may_change: bool) -> str:
    if wanted is None or wanted == known:
        return known
    if not may_change:
        raise Conflict(
            f"{what} of this home lie elsewhere",
            value=f"{known or 'in the home'}, not {wanted or 'in the home'}",
            remedy="leave the setting out; to move them: entrepot backup, then entrepot restore",
        )
    return wanted


def require_restored(read: sa.Connection) -> None:
    """Raise StorageError while a restore into this store has not verified everything."""
    if read_meta(read, RESTORING):
        raise StorageError(
            "the restore into this home was not finished",
            value="not verified",
            remedy="run entrepot restore again into a new, empty place",
        )
