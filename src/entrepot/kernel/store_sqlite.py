"""SQLite as the store: one file, WAL mode, synchronous=FULL, one writer by flock(2).

The lock belongs to the open file, so the system gives it back when a process dies, however it dies.
Readers need no lock: a process that follows reads beside the writer (SQLite documentation, "WAL").
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from entrepot.kernel.files import storage_error
from entrepot.kernel.store_faults import database_faults

BUSY_TIMEOUT_MS: Final = 2_000
"""How long a statement waits for another connection's lock before it gives up."""
WAL_PAGES: Final = 4_000
"""Pages (4 KiB) after which SQLite folds its write-ahead log into the database."""
LOCK_RETRY_S: Final = 0.05
"""How often a process that waits for the writer's lock asks for it."""


class SqliteDatabase:
    """An SQLite file, or a database in memory when `path` is None."""

    is_postgres = False

    def __init__(self, path: Path | None) -> None:
        """Make the engine; nothing is opened before the first connection."""
        self.path = path
        self.where = "memory" if path is None else str(path)
        self._lock: int | None = None
        if path is None:
            self.engine = sa.create_engine("sqlite://", poolclass=StaticPool, hide_parameters=True)
        else:
            self.engine = sa.create_engine(
                sa.URL.create("sqlite", database=str(path)), hide_parameters=True
            )
        _configure(self.engine)

    def exists(self) -> bool:
        """Say whether there is anything to open; a reader must not create the file."""
        return self.path is None or self.path.is_file()

    def acquire(self, wait_s: float) -> bool:
        """Become the only writer, waiting at most `wait_s`; False when another process is."""
        if self.path is None or self._lock is not None:
            return True
        deadline = time.monotonic() + wait_s
        while True:
            self._lock = _take_lock(self.path.with_suffix(".lock"))
            if self._lock is not None or time.monotonic() >= deadline:
                return self._lock is not None
            time.sleep(LOCK_RETRY_S)

    def leads(self) -> bool:
        """Say whether this process is the writer."""
        return self.path is None or self._lock is not None

    held = confirmed = leads  # the lock of an open file cannot be lost

    def close(self) -> None:
        """Close the connections and give the writer's lock back. Safe to call twice."""
        self.engine.dispose()
        self.step_down()

    def step_down(self) -> None:
        """Give the writer's lock back. Safe to call twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Run one transaction, begun IMMEDIATE: committed and flushed when the block ends."""
        with self.engine.connect() as connection:
            connection = connection.execution_options(entrepot_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def writing_local(self, *, guarded: bool = True) -> Iterator[sa.Connection]:
        """Run one transaction like `writing`: one file has one writer, whatever it writes."""
        del guarded
        with self.writing() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection on which any write is refused by the database."""
        with self.engine.connect() as connection, read_only(connection):
            yield connection

    def forget_deleted(self, _tables: tuple[str, ...]) -> None:
        """Move the write-ahead log into the database and truncate it, so that erased bytes go.

        `secure_delete` has overwritten them in the database itself (SQLite PRAGMA secure_delete).
        """
        with self.engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def integrity_faults(self) -> list[str]:
        """Return what SQLite's own integrity check complains of; empty when all is well."""
        with self.reading() as read:
            rows = read.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [str(row) for row in rows if row != "ok"]

    def durability_faults(self) -> list[str]:
        """Return why a commit here might not survive a power cut; SQLite is set up by us."""
        if self.path is None:
            return ["the store is in memory"]
        with self.reading() as read:
            mode = read.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        return [] if mode == "wal" else [f"journal_mode is {mode}, not wal"]


@contextmanager
def read_only(connection: sa.Connection) -> Iterator[None]:
    """Make SQLite refuse writes on this connection for a while (PRAGMA query_only)."""
    raw: Any = connection.connection.dbapi_connection
    raw.execute("PRAGMA query_only=1")  # not through SQLAlchemy: this runs for every act
    try:
        yield
    finally:
        raw.execute("PRAGMA query_only=0")


def _take_lock(path: Path) -> int | None:
    """Return the descriptor of the exclusively locked lock file, or None when it is taken."""
    with database_faults(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise storage_error(error, path) from error
    return descriptor


def insert_rows(
    write: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]
) -> None:
    """Insert rows, all with the same keys, whose values SQLite takes as they are.

    SQLAlchemy would wrap every blob first, which costs more than the insertion.
    """
    names = list(rows[0])
    quote = write.dialect.identifier_preparer.quote
    columns, marks = ", ".join(map(quote, names)), ", ".join("?" * len(names))
    statement = f"INSERT INTO {quote(table.name)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of ours
    write.exec_driver_sql(statement, list(map(itemgetter(*names), rows)))


def _configure(engine: sa.Engine) -> None:
    """Set the pragmas of every connection, and begin transactions ourselves."""

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # no implicit BEGIN by the sqlite3 module
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"wal_autocheckpoint={WAL_PAGES}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("entrepot_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
