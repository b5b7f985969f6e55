"""The store: SQLite or PostgreSQL behind one door. Only `store*.py` and `postgres.py` open them.

One process writes, the others follow: on SQLite by a lock file, on PostgreSQL by an advisory lock.
Writes happen in one transaction at a time; when it returns it is on the disk. The schema is the
same on both. Every database fault leaves as a StorageError.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.errors import InvalidInput, NotFound, StorageError
from entrepot.kernel.postgres import PostgresDatabase, copy_rows, is_postgres_url
from entrepot.kernel.postgres import read_only as guarded_postgres
from entrepot.kernel.store_faults import NotLeader, StoreBusy, database_faults
from entrepot.kernel.store_local import bring_up
from entrepot.kernel.store_sqlite import SqliteDatabase, insert_rows
from entrepot.kernel.store_sqlite import read_only as guarded_sqlite
from entrepot.kernel.store_tables import (
    JOURNAL,
    KERNEL_TABLES,
    LEADER,
    LOCAL_PREFIX,
    META,
    RECORDS,
    SCHEMA_VERSION,
    TREE,
)

__all__ = [
    "JOURNAL",
    "KERNEL_TABLES",
    "LEADER",
    "LOCAL_PREFIX",
    "META",
    "RECORDS",
    "SCHEMA_VERSION",
    "TREE",
    "NotLeader",
    "Store",
    "StoreBusy",
    "advance_tree",
    "clear_journal",
    "database_faults",
    "find_acts",
    "insert_records",
    "read_meta",
    "read_only",
    "write_meta",
]

FIND_AT_ONCE: Final = 500
"""Act ids looked up by one statement."""


class Store:
    """An open database. Make one with `Store.open`, or `Store.scratch` for a rebuild in memory."""

    def __init__(self, database: SqliteDatabase | PostgresDatabase) -> None:
        """Take ownership of the database, which nobody has locked yet."""
        self._database = database
        self._advertised_url = ""
        self.path = database.path
        self.where = database.where

    @classmethod
    def open(
        cls,
        where: Path | str,
        *,
        create: bool = False,
        writer: bool = True,
        wait_s: float = 0.0,
        advertised_url: str = "",
    ) -> Store:
        """Open the database at `where`, a path or a URL (sqlite:///…, postgresql://…).

        As its only writer, making tables when `create`, waiting `wait_s` seconds for another
        writer to end; or as a follower, which reads beside the writer. `advertised_url` is told
        to followers. Raises NotFound when there is none, StoreBusy when another process writes,
        StorageError when it is damaged, not reachable, or of another schema version.
        """
        database = _database_at(where)
        if not (create and writer) and not database.exists():
            raise NotFound("there is no store here", value=database.where, remedy="check --home")
        store = cls(database)
        store._advertised_url = advertised_url
        try:
            if not writer:
                store._require_current()
            elif not store.promote(create=create, wait_s=wait_s):
                raise StoreBusy(
                    "another process is writing to this home",
                    value=store.where if store.path is None else store.path.parent,
                    remedy="wait until it ends, or choose another home with --home",
                )
        except BaseException:
            store.close()
            raise
        return store

    @classmethod
    def scratch(cls) -> Store:
        """Return an empty database in memory, for rebuilding state."""
        return cls(SqliteDatabase(None))

    @property
    def is_postgres(self) -> bool:
        """Whether several machines may share this store."""
        return self._database.is_postgres

    def promote(self, *, create: bool = False, wait_s: float = 0.0) -> bool:
        """Become the writer if nobody else is, and bring the schema up; False when one is.

        Who was a follower must then run the log's recovery before the first act.
        """
        with database_faults(self.where):
            if not self._database.acquire(wait_s):
                return False
            try:
                with self._database.writing() as write:
                    _prepare(write, self.where, create=create)
                    self._advertise(write)
            except BaseException:
                self._database.step_down()  # a writer of tables not understood must not lead
                raise
        return True

    def _advertise(self, write: sa.Connection) -> None:
        """Tell followers who writes; nothing is written when they know."""
        known = write.execute(sa.select(LEADER.c.url)).scalar_one_or_none()
        if known is None or known != self._advertised_url or self._advertised_url:
            row = {"id": 1, "url": self._advertised_url, "since": int(time.time())}
            write.execute(LEADER.delete())
            write.execute(LEADER.insert(), row)

    @property
    def leads(self) -> bool:
        """Whether this process was the writer when the database last said so; asks nobody."""
        return self._database.leads()

    def step_down(self) -> None:
        """Give the writer's lock back and follow. Safe to call twice."""
        self._database.step_down()

    def held(self) -> bool:
        """Say whether this process is the writer; on PostgreSQL the server is asked."""
        return self._database.held()

    def confirm_writer(self) -> None:
        """Raise NotLeader unless this process is the writer now. Not inside a transaction."""
        if not self._database.confirmed():
            raise self._not_leader()

    def leader_url(self) -> str:
        """Return where the writer answers, as far as it said so; empty otherwise."""
        try:
            with self.reading() as read:
                url = read.execute(sa.select(LEADER.c.url)).scalar_one_or_none()
        except StorageError:
            return ""  # a hint for an error message; the database's own trouble is told elsewhere
        return str(url or "")

    def _not_leader(self) -> NotLeader:
        return NotLeader(
            "this process follows; another one writes to the store",
            value=self.where,
            leader_url=self.leader_url(),
        )

    def _require_current(self) -> None:
        with self.reading() as read:
            names = sa.inspect(read).get_table_names()
            found = read_meta(read, "schema_version") if META.name in names else None
        if found is None:
            raise NotFound(
                "there is no store here yet", value=self.where, remedy="start the writer first"
            )
        _require_known(found, self.where)
        if found != str(SCHEMA_VERSION):
            raise StorageError(
                f"store has schema version {found}, this program reads {SCHEMA_VERSION}",
                value=self.where,
                remedy="let the writer of this version start first: it migrates the store",
            )

    def close(self) -> None:
        """Close the connections and give the writer's lock back. Safe to call twice."""
        self._database.close()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Run one transaction; committed and flushed to the disk when the block ends.

        Raises NotLeader where this process only follows.
        """
        with database_faults(self.where):
            if not self._database.leads():
                raise self._not_leader()
            with self._database.writing() as connection:
                yield connection

    @contextmanager
    def writing_local(self) -> Iterator[sa.Connection]:
        """Run one transaction on `local_*` tables; on PostgreSQL followers may do so too."""
        with database_faults(self.where):
            if not (self.is_postgres or self._database.leads()):
                raise self._not_leader()
            with self._database.writing_local() as connection:
                yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection on which any write is refused by the database."""
        with database_faults(self.where), self._database.reading() as connection:
            yield connection

    def is_empty(self) -> bool:
        """Say whether nothing was ever sequenced here, not even the genesis."""
        with self.reading() as read:
            return read.execute(sa.select(TREE.c.size)).one_or_none() is None

    def create_tables(self, tables: sa.MetaData) -> None:
        """Create tables where they are missing; give `local_*` tables the columns they lack.

        Local tables may be created by followers on PostgreSQL too. Raises StorageError when a
        column is lacking that may not be empty: local tables are never emptied here.
        """
        with database_faults(self.where):
            if self._database.leads() or not self.is_postgres or not _all_local(tables):
                with self.writing() as write:
                    bring_up(write, tables)
            else:
                with self._database.writing_local(guarded=False) as write:
                    bring_up(write, tables)

    def forget_deleted(self) -> None:
        """Make the database drop erased bytes as far as it can (docs/operating/storage.md)."""
        with database_faults(self.where):
            self._database.forget_deleted((RECORDS.name,))

    def integrity_faults(self) -> list[str]:
        """Return what the database's own integrity check complains of; empty when all is well."""
        with database_faults(self.where):
            return self._database.integrity_faults()

    def durability_faults(self) -> list[str]:
        """Return why a commit might not survive a power cut; empty when it will."""
        with database_faults(self.where):
            return self._database.durability_faults()


def _all_local(tables: sa.MetaData) -> bool:
    return all(name.startswith(LOCAL_PREFIX) for name in tables.tables)


def _database_at(where: Path | str) -> SqliteDatabase | PostgresDatabase:
    """Return the database a path or URL names, not opened. Raises InvalidInput."""
    if isinstance(where, str) and is_postgres_url(where):
        return PostgresDatabase(where)
    if isinstance(where, str) and where.startswith("sqlite://"):
        where = where.removeprefix("sqlite://").removeprefix("/")
    if not str(where) or "://" in str(where):
        raise InvalidInput(
            "setting of the store names no database that is known here",
            value=str(where).partition("://")[0],
            remedy="give a path, sqlite:///PATH or postgresql://USER@HOST/DATABASE",
        )
    return SqliteDatabase(Path(where))


def _prepare(write: sa.Connection, where: str, *, create: bool) -> None:
    """Make the kernel's tables, or bring those of an earlier version up, or refuse."""
    names = sa.inspect(write).get_table_names()
    if META.name not in names:
        if not create:
            raise StorageError("database is not a store of Entrepot", value=where)
        KERNEL_TABLES.create_all(write)
        write_meta(write, "schema_version", str(SCHEMA_VERSION))
    found = read_meta(write, "schema_version")
    version = _require_known(found, where)
    if version < SCHEMA_VERSION:
        # Here and not at the top: alembic loads slowly, and almost no start needs it.
        from entrepot.kernel.migrations import migrate

        migrate(write, version)


def _require_known(found: str | None, where: str) -> int:
    """Return the schema version as a number, or raise StorageError for one not known here."""
    if found is None or not found.isdecimal() or not 0 < int(found) <= SCHEMA_VERSION:
        raise StorageError(
            f"store has schema version {found}, this program knows {SCHEMA_VERSION}",
            value=where,
            remedy="use the version of Entrepot that wrote it",
        )
    return int(found)


@contextmanager
def read_only(connection: sa.Connection) -> Iterator[None]:
    """Refuse writes on this connection for a while; sends nothing to a server."""
    guard = guarded_sqlite if connection.dialect.name == "sqlite" else guarded_postgres
    with guard(connection):
        yield


def advance_tree(write: sa.Connection, old_size: int, new_size: int, root: bytes) -> None:
    """Set size and root of the sequenced tree, if it still has the size the writer believes.

    Raises StorageError when it has not: another process appended, and going on would fork the log.
    """
    row = {"id": 1, "size": new_size, "root": root}
    if old_size == 0:
        write.execute(TREE.insert(), row)
        return
    changed = write.execute(TREE.update().where(TREE.c.size == old_size).values(row)).rowcount
    if changed != 1:
        raise StorageError(
            "another process appended to this log",
            value=f"expected a tree of {old_size:,} entries",
            remedy="submit the same acts again; the answer is the same",
        )


def clear_journal(write: sa.Connection, below: int) -> None:
    """Delete journal rows that begin below an index. Their entries are public: no overwriting."""
    statement = JOURNAL.delete().where(JOURNAL.c.first < below)
    if write.dialect.name != "sqlite":
        write.execute(statement)
        return
    write.exec_driver_sql("PRAGMA secure_delete=OFF")
    try:
        write.execute(statement)
    finally:
        write.exec_driver_sql("PRAGMA secure_delete=ON")


def insert_records(write: sa.Connection, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows of RECORDS, all with the same keys; on PostgreSQL as one COPY stream."""
    if not rows:
        return
    if write.dialect.name == "sqlite":
        insert_rows(write, RECORDS, rows)
    else:
        copy_rows(write, RECORDS, rows)


_FIND: Final = sa.select(
    RECORDS.c.index, RECORDS.c.issuer, RECORDS.c.act_id, RECORDS.c.digest
).where(RECORDS.c.act_id.in_(sa.bindparam("act_ids", expanding=True)))


def find_acts(
    read: sa.Connection, acts: Collection[tuple[bytes, bytes]]
) -> dict[tuple[bytes, bytes], tuple[int, bytes]]:
    """Return (issuer, act id) -> (index, digest) of those acts that are recorded already.

    One statement for every 500, so that a batch of a thousand costs two round trips.
    """
    found: dict[tuple[bytes, bytes], tuple[int, bytes]] = {}
    wanted = set(acts)
    act_ids = sorted({act_id for _, act_id in wanted})
    for at in range(0, len(act_ids), FIND_AT_ONCE):
        rows = read.execute(_FIND, {"act_ids": act_ids[at : at + FIND_AT_ONCE]})
        for index, issuer, act_id, digest in rows:
            if (issuer, act_id) in wanted:
                found[issuer, act_id] = (index, digest)
    return found


def read_meta(read: sa.Connection, key: str) -> str | None:
    """Return one setting of the store, or None."""
    value: str | None = read.execute(
        sa.select(META.c.value).where(META.c.key == key)
    ).scalar_one_or_none()
    return value


def write_meta(write: sa.Connection, key: str, value: str) -> None:
    """Set one setting of the store."""
    if not write.execute(META.update().where(META.c.key == key).values(value=value)).rowcount:
        write.execute(META.insert().values(key=key, value=value))
