"""What a database says when it cannot, as StorageErrors that say what to do.

No message carries more than the database's own first line: details and parameters of a statement
hold evidence, connection strings hold passwords.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.errors import StorageError
from entrepot.kernel.files import storage_error


class StoreBusy(StorageError):
    """Another process holds the writer's lock; nothing is wrong with the store."""


class NotLeader(StorageError):
    """This process only follows: another one writes, at `leader_url` where that is known."""

    code = "not-leader"

    def __init__(self, what: str, *, value: object = None, leader_url: str = "") -> None:
        """Keep the leader's address apart so that a face can send the client there."""
        remedy = f"submit to {leader_url}" if leader_url else "try again in a few seconds"
        super().__init__(what, value=value, remedy=remedy)
        self.leader_url = leader_url


@contextmanager
def database_faults(where: Path | str) -> Iterator[None]:
    """Turn every database fault inside the block into a StorageError that says what to do."""
    try:
        yield
    except sa.exc.TimeoutError as error:
        raise StorageError(
            "database: all connections of this process are in use",
            value=where,
            remedy="try again; a slow reader may hold them",
        ) from error
    except _driver_errors() as error:
        raise _translated(error, where) from error
    except OSError as error:
        raise storage_error(error, where) from error


def _driver_errors() -> tuple[type[Exception], ...]:
    """Return what drivers raise; psycopg only where it was loaded, for it loads slowly."""
    psycopg = sys.modules.get("psycopg")
    more = () if psycopg is None else (psycopg.Error,)
    return (sa.exc.DBAPIError, sqlite3.Error, *more)


def _translated(error: Exception, where: Path | str) -> StorageError:
    original = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig else error
    lines = str(original).strip().splitlines() or [type(original).__name__]
    if isinstance(original, sqlite3.Error):
        return StorageError(f"database: {lines[0]}", value=where, remedy=_sqlite_remedy(lines[0]))
    state = getattr(original, "sqlstate", None)
    said = getattr(getattr(original, "diag", None), "message_primary", None) or lines[0]
    return StorageError(f"database: {said}", value=where, remedy=_postgres_remedy(state, error))


def _sqlite_remedy(text: str) -> str:
    """Return what to do about an SQLite message (the texts of sqlite3_errstr)."""
    if "full" in text or "disk I/O" in text:
        return "free some space on the disk and try again; nothing acknowledged is lost"
    if "malformed" in text or "not a database" in text:
        return "restore the home from a backup, then run entrepot fsck"
    if "readonly" in text or "unable to open" in text:
        return "give this user the right to write there, or choose another home"
    if "locked" in text:
        return "another program has the database open; close it and try again"
    return "run entrepot fsck"


_RETRY: Final = "submit the same acts again; the answer is the same"
_LOST: Final = f"check that the server runs and is reachable; then {_RETRY}"

_BY_STATE: Final = {
    "53100": "free some space on the server's disk and try again; nothing acknowledged is lost",
    "53200": "give the server more memory, or submit smaller batches",
    "53300": "raise max_connections on the server, or lower the pool of each node",
    "25006": "this server is a read-only standby; name the primary in the setting of the store",
    "3D000": "create the database first (createdb), with encoding UTF8",
    "42501": "give this database user the right to create and change tables in its schema",
    "55P03": "another session holds a lock on the store's tables; end it and try again",
    "57014": "the statement took too long or was cancelled; try again, or ask for less",
    "23505": "run entrepot fsck",
}
_BY_CLASS: Final = {
    "08": _LOST,
    "28": "check user, password and pg_hba.conf of the server",
    "40": f"two sessions wrote at once; {_RETRY}",
    "57": _LOST,
    "58": "the server's disk reports a fault; look into its log, restore it from a backup",
    "XX": "the server reports damage; restore it from a backup, then run entrepot fsck",
}
"""Remedies by SQLSTATE, then by its class (PostgreSQL manual, appendix A)."""


def _postgres_remedy(state: str | None, error: Exception) -> str:
    if state is not None:
        return _BY_STATE.get(state) or _BY_CLASS.get(state[:2], "run entrepot fsck")
    text = str(error)
    if "too many clients" in text or "remaining connection slots" in text:
        return _BY_STATE["53300"]
    if "authentication" in text or "no password" in text or "pg_hba" in text:
        return _BY_CLASS["28"]
    if "does not exist" in text:
        return _BY_STATE["3D000"]
    return _LOST
