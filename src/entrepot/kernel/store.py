"""The store: one SQLite database, WAL mode, synchronous=FULL. Only this file opens databases.

One process writes: a lock file held with flock(2) keeps a second one out with a clear error. Writes
happen in one transaction at a time, begun IMMEDIATE; when it returns it is on the disk. Every
database fault leaves as a StorageError.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from entrepot.kernel.errors import NotFound, StorageError
from entrepot.kernel.files import storage_error

SCHEMA_VERSION: Final = 1
BUSY_TIMEOUT_MS: Final = 2_000
"""How long a statement waits for another connection's lock before it gives up."""
WAL_PAGES: Final = 4_000
"""Pages (4 KiB) after which SQLite folds its write-ahead log into the database."""

KERNEL_TABLES: Final = sa.MetaData()

META: Final = sa.Table(
    "kernel_meta",
    KERNEL_TABLES,
    sa.Column("key", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)
TREE: Final = sa.Table(
    "kernel_tree",
    KERNEL_TABLES,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("root", sa.LargeBinary, nullable=False),
    comment="one row: size and root of the sequenced tree, written with the entries",
)
JOURNAL: Final = sa.Table(
    "kernel_journal",
    KERNEL_TABLES,
    sa.Column("first", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("entries", sa.LargeBinary, nullable=False),
    comment="sequenced entries as a bundle, kept until they are published and on the disk",
)
RECORDS: Final = sa.Table(
    "kernel_records",
    KERNEL_TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("issuer", sa.LargeBinary, nullable=False),
    sa.Column("act_id", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="SHA-256 of the signed act"),
    sa.Column("tree_size", sa.BigInteger, nullable=False, comment="size its receipt is for"),
    sa.Column("evidence_salt", sa.LargeBinary, comment="NULL once erased"),
    sa.Column("evidence", sa.LargeBinary, comment="NULL once erased"),
    sa.Column("ruling_salt", sa.LargeBinary, nullable=False),
    sa.Column("ruling", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("issuer", "act_id"),
)


class StoreBusy(StorageError):
    """Another process holds the writer's lock; nothing is wrong with the store."""


@contextmanager
def database_faults(where: Path | str) -> Iterator[None]:
    """Turn every database fault inside the block into a StorageError that says what to do."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        text = str(error.orig)
        raise StorageError(f"database: {text}", value=where, remedy=_remedy(text)) from error
    except OSError as error:
        raise storage_error(error, where) from error


def _remedy(text: str) -> str:
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


class Store:
    """An open database. Make one with `Store.open`, or `Store.scratch` for a rebuild in memory."""

    def __init__(self, engine: sa.Engine, path: Path | None, lock: int | None) -> None:
        """Take ownership of the engine and of the lock's descriptor."""
        self._engine = engine
        self._lock = lock
        self.path = path
        self.where = "memory" if path is None else str(path)

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Store:
        """Open the database at `path` as its only writer, making it when `create`.

        Raises NotFound when it is absent, StorageError when another process writes, when the
        file is damaged, not writable, or of another schema version.
        """
        if not create and not path.is_file():
            raise NotFound("there is no store here", value=path, remedy="check --home")
        lock = _take_lock(path.with_suffix(".lock"))
        engine = sa.create_engine(f"sqlite:///{path}")
        _configure(engine)
        store = cls(engine, path, lock)
        try:
            store._prepare(create=create)
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def scratch(cls) -> Store:
        """Return an empty database in memory, for rebuilding state."""
        engine = sa.create_engine("sqlite://", poolclass=StaticPool)
        _configure(engine)
        return cls(engine, None, None)

    def _prepare(self, *, create: bool) -> None:
        with self.writing() as write:
            names = sa.inspect(write).get_table_names()
            if create and META.name not in names:
                KERNEL_TABLES.create_all(write)
                values = {"key": "schema_version", "value": str(SCHEMA_VERSION)}
                write.execute(META.insert().values(values))
            elif META.name not in names:
                raise StorageError("database is not a store of Entrepot", value=self.where)
            found = read_meta(write, "schema_version")
        if found != str(SCHEMA_VERSION):
            raise StorageError(
                f"store has schema version {found}, this program knows {SCHEMA_VERSION}",
                value=self.where,
                remedy="use the version of Entrepot that wrote it",
            )

    def close(self) -> None:
        """Close the connections and give the writer's lock back. Safe to call twice."""
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Run one transaction; committed and flushed to the disk when the block ends."""
        with database_faults(self.where), self._engine.connect() as connection:
            connection = connection.execution_options(entrepot_writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection on which any write is refused by the database."""
        with (
            database_faults(self.where),
            self._engine.connect() as connection,
            read_only(connection),
        ):
            yield connection

    def is_empty(self) -> bool:
        """Say whether nothing was ever sequenced here, not even the genesis."""
        with self.reading() as read:
            return read.execute(sa.select(TREE.c.size)).one_or_none() is None

    def create_tables(self, tables: sa.MetaData) -> None:
        """Create an institution's tables where they are missing."""
        with self.writing() as write:
            tables.create_all(write)

    def forget_deleted(self) -> None:
        """Move the write-ahead log into the database and truncate it, so that erased bytes go.

        `secure_delete` has overwritten them in the database itself (SQLite PRAGMA secure_delete).
        """
        with database_faults(self.where), self._engine.connect() as connection:
            raw: Any = connection.connection.dbapi_connection
            raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def integrity_faults(self) -> list[str]:
        """Return what SQLite's own integrity check complains of; empty when all is well."""
        with self.reading() as read:
            rows = read.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [str(row) for row in rows if row != "ok"]


@contextmanager
def read_only(connection: sa.Connection) -> Iterator[None]:
    """Make the database refuse writes on this connection for a while (PRAGMA query_only)."""
    connection.exec_driver_sql("PRAGMA query_only=1")
    try:
        yield
    finally:
        connection.exec_driver_sql("PRAGMA query_only=0")


def clear_journal(write: sa.Connection, below: int) -> None:
    """Delete journal rows that begin below an index. Their entries are public: no overwriting."""
    write.exec_driver_sql("PRAGMA secure_delete=OFF")
    try:
        write.execute(JOURNAL.delete().where(JOURNAL.c.first < below))
    finally:
        write.exec_driver_sql("PRAGMA secure_delete=ON")


def read_meta(read: sa.Connection, key: str) -> str | None:
    """Return one setting of the store, or None."""
    value: str | None = read.execute(
        sa.select(META.c.value).where(META.c.key == key)
    ).scalar_one_or_none()
    return value


def _take_lock(path: Path) -> int:
    """Return the descriptor of the exclusively locked lock file; never waits."""
    with database_faults(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreBusy(
            "another process is writing to this home",
            value=path.parent,
            remedy="wait until it ends, or choose another home with --home",
        ) from None
    except OSError as error:
        os.close(descriptor)
        raise storage_error(error, path) from error
    return descriptor


def _configure(engine: sa.Engine) -> None:
    """Set the pragmas of every connection, and begin transactions ourselves."""

    @sa.event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # no implicit BEGIN by the sqlite3 module
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"wal_autocheckpoint={WAL_PAGES}",
            f"busy_timeout={BUSY_TIMEOUT_MS}",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()

    @sa.event.listens_for(engine, "begin")
    def on_begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("entrepot_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
