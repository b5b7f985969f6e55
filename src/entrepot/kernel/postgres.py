"""PostgreSQL as the store: many processes, one of which writes (`leader`).

Writes run on the leader's own session, READ COMMITTED: nobody else writes these tables, and the
tree's row is compared besides. Reads run REPEATABLE READ, READ ONLY from a pool: a view of several
queries sees one state. Commits wait for the disk (synchronous_commit=on, on every connection).

Refused here: another encoding than UTF-8, a server before 14, a server with fsync off.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import visitors
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.functions import FunctionElement

from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.kernel.leader import SESSION_SETTINGS, Leadership, answers
from entrepot.kernel.store_tables import LOCAL_PREFIX

SERVER_VERSION_MIN: Final = (14, 0)
"""idle_session_timeout, by which a stopped leader is noticed, came with PostgreSQL 14."""
POOL_SIZE, POOL_OVERFLOW, POOL_WAIT_S = 5, 7, 10
"""Connections for reads that stay, that come on demand, and how long one waits for them."""
LOCAL_SIZE, LOCAL_OVERFLOW = 1, 2
"""Connections for `local_*` tables. With the leader's session a process uses at most 16, so the
server's max_connections (100 as shipped) bounds the number of processes."""
PROBE_AFTER_S: Final = 1.0
"""A pooled connection that rested longer is asked whether it lives before it is used."""
CONNECT_TIMEOUT_S: Final = 5
READ_TIMEOUT_S: Final = 30
WRITE_TIMEOUT_S: Final = 60
LOCK_TIMEOUT_S: Final = 10
"""How long one statement may run, and how long it may wait for another session's lock."""

_FLAG: Final = "entrepot_guard"
_READ_ONLY, _LOCAL = "read-only", "local"


def is_postgres_url(url: str) -> bool:
    """Say whether a store's address names PostgreSQL."""
    return url.startswith(("postgresql://", "postgresql+psycopg://", "postgres://"))


class PostgresDatabase:
    """One database on a server, named by a URL. Nothing is opened before the first use."""

    is_postgres = True
    path = None

    def __init__(self, url: str) -> None:
        """Make the engines. Raises InvalidInput when the URL cannot be read (never showing it)."""
        parsed = _parsed(url)
        self.where = _shown(parsed)
        self.engine = _engine(
            parsed, "entrepot", READ_TIMEOUT_S, isolation_level="REPEATABLE READ",
            pool_size=POOL_SIZE, max_overflow=POOL_OVERFLOW,
        )  # fmt: skip
        sa.event.listen(self.engine, "connect", _only_read)
        self._locals = _engine(
            parsed, "entrepot-local", READ_TIMEOUT_S,
            pool_size=LOCAL_SIZE, max_overflow=LOCAL_OVERFLOW,
        )  # fmt: skip
        self._sessions = _engine(
            parsed,
            "entrepot-leader",
            WRITE_TIMEOUT_S,
            poolclass=NullPool,
            settings=SESSION_SETTINGS,
        )
        self._leadership = Leadership(self._sessions, self.where)

    def exists(self) -> bool:
        """Say whether there is anything to open: connecting tells."""
        return True

    def acquire(self, wait_s: float) -> bool:
        """Become the only writer, waiting at most `wait_s`; False when another process is."""
        if not self._leadership.acquire(wait_s):
            return False
        faults = self.durability_faults()
        if faults:
            self._leadership.release()
            raise StorageError(
                "this server may lose what it has committed: " + "; ".join(faults),
                value=self.where,
                remedy="set fsync and full_page_writes on; receipts promise durability",
            )
        return True

    def leads(self) -> bool:
        """Say whether this process believes to be the writer; asks nobody."""
        return self._leadership.leads

    def held(self) -> bool:
        """Say whether this process is the writer; asks the server unless it is just writing."""
        return self._leadership.held()

    def confirmed(self) -> bool:
        """Say whether this process is the writer; asks the server in any case."""
        return self._leadership.confirmed()

    def step_down(self) -> None:
        """End the leader's session, and with it its lock. Safe to call twice."""
        self._leadership.release()

    def close(self) -> None:
        """End all sessions. Safe to call twice."""
        self.step_down()
        for engine in (self.engine, self._locals, self._sessions):
            engine.dispose()

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Run one transaction on the leader's session. Raises NotLeader, StorageError."""
        with self._leadership.writing() as connection:
            yield connection

    @contextmanager
    def writing_local(self, *, guarded: bool = True) -> Iterator[sa.Connection]:
        """Run one transaction; only tables named `local_*` may be written where it is guarded."""
        mode = _LOCAL if guarded else None
        with self._locals.connect() as connection, _guarded(connection, mode), connection.begin():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Give a connection in a READ ONLY transaction that sees one state throughout."""
        with self.engine.connect() as connection:
            yield connection

    def forget_deleted(self, tables: tuple[str, ...]) -> None:
        """Let the server reclaim dead row versions (VACUUM). What that leaves: docs/operating."""
        with self._locals.connect() as connection:
            autocommit = connection.execution_options(isolation_level="AUTOCOMMIT")
            autocommit.exec_driver_sql("SET statement_timeout = 0")  # a large table takes its time
            try:
                for table in tables:
                    autocommit.exec_driver_sql(f'VACUUM "{table}"')
            finally:
                autocommit.exec_driver_sql("RESET statement_timeout")

    def integrity_faults(self) -> list[str]:
        """Return damage the server knows of: pages that failed their checksum, invalid indexes.

        That the rows are what the log says is checked by fsck; B-trees by the tool pg_amcheck.
        """
        with self.reading() as read:
            failures = read.exec_driver_sql(
                "SELECT coalesce(checksum_failures, 0) FROM pg_stat_database"
                " WHERE datname = current_database()"
            ).scalar_one()
            faults = [f"{failures} pages failed their checksum"] if failures else []
            invalid = read.exec_driver_sql(
                "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE NOT i.indisvalid AND n.nspname = current_schema()"
            )
            faults += [f"index {name} is invalid" for name in invalid.scalars()]
        return faults

    def durability_faults(self) -> list[str]:
        """Return the server's settings by which a commit might not survive a power cut."""
        names = ("fsync", "full_page_writes", "synchronous_commit")
        with self.engine.connect() as connection:
            query = "SELECT " + ", ".join(f"current_setting('{name}')" for name in names)
            found = connection.exec_driver_sql(query).one()
        return [
            f"{name} is {value}" for name, value in zip(names, found, strict=True) if value == "off"
        ]


def _engine(
    url: sa.URL,
    name: str,
    timeout_s: int,
    *,
    settings: Mapping[str, str] | None = None,
    **pool: Any,
) -> sa.Engine:
    """Return an engine that is guarded, and whose messages show no parameters."""
    settings = {
        "synchronous_commit": "on",
        "statement_timeout": f"{timeout_s}s",
        "lock_timeout": f"{LOCK_TIMEOUT_S}s",
        **(settings or {}),
    }
    if "poolclass" not in pool:
        pool["pool_timeout"] = POOL_WAIT_S
    theirs = url.query.get("options", "")
    arguments = _connect_arguments(name, settings, theirs if isinstance(theirs, str) else "")
    engine = sa.create_engine(url, hide_parameters=True, connect_args=arguments, **pool)
    sa.event.listen(engine, "before_cursor_execute", _guard)
    sa.event.listen(engine, "first_connect", _require_server, insert=True)
    sa.event.listen(engine, "checkin", _note_rest)
    sa.event.listen(engine, "checkout", _probe)
    return engine


def _only_read(connection: Any, _record: object) -> None:
    """Begin every transaction READ ONLY; psycopg says so in the BEGIN itself."""
    connection.read_only = True


def _note_rest(_connection: object, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _probe(connection: Any, record: Any, _proxy: object) -> None:
    """Have the pool take another connection where this one rested and does not answer any more."""
    rested_s = time.monotonic() - record.info.get("rests_since", time.monotonic())
    if rested_s > PROBE_AFTER_S and not answers(connection):
        raise sa.exc.DisconnectionError


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        parsed = None
    if parsed is None or not is_postgres_url(url):
        raise InvalidInput(
            "setting of the store is not a PostgreSQL URL",
            remedy="postgresql://USER@HOST:PORT/DATABASE; keep the password in ~/.pgpass",
        )
    return parsed.set(drivername="postgresql+psycopg")


def _shown(url: sa.URL) -> str:
    """Return the URL without password and options, fit for messages."""
    asked = url.query.get("host", "localhost")
    host = url.host or (asked if isinstance(asked, str) else ",".join(asked))
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{host}{port}/{url.database or ''}"


def _connect_arguments(name: str, settings: Mapping[str, str], theirs: str) -> dict[str, object]:
    """Return what libpq is told: settings go with the connection and cost no round trip.

    `theirs` are the options of the URL; ours come after them and win.
    """
    options = [theirs, *(f"-c {key}={value}" for key, value in settings.items())]
    return {
        "application_name": name,
        "connect_timeout": CONNECT_TIMEOUT_S,
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "options": " ".join(options).strip(),
    }


def _require_server(connection: Any, _record: object) -> None:
    """Refuse a server that cannot keep the store. Raises StorageError."""
    version = divmod(connection.info.server_version, 10_000)
    encoding = connection.info.parameter_status("server_encoding")
    if version < SERVER_VERSION_MIN or encoding != "UTF8":
        connection.close()
        raise StorageError(
            "this PostgreSQL cannot keep a store of Entrepot",
            value=f"version {version[0]}, encoding {encoding}",
            remedy="use PostgreSQL 14 or newer and a database with encoding UTF8",
        )


@contextmanager
def read_only(connection: sa.Connection) -> Iterator[None]:
    """Refuse every statement on this connection but plain SELECTs; no round trip."""
    with _guarded(connection, _READ_ONLY):
        yield


def copy_rows(write: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows, all with the same keys, as one binary COPY: three times as fast as INSERTs."""
    names = list(rows[0])
    preparer = write.dialect.identifier_preparer
    columns = ", ".join(preparer.quote(name) for name in names)
    cursor: Any = write.connection.cursor()
    with (
        cursor,
        cursor.copy(
            f"COPY {preparer.format_table(table)} ({columns}) FROM STDIN (FORMAT BINARY)"
        ) as copy,
    ):
        copy.set_types([_COPY_TYPES[type(table.c[name].type)] for name in names])
        for row in rows:
            copy.write_row([row[name] for name in names])


_COPY_TYPES: Final = {sa.BigInteger: "int8", sa.LargeBinary: "bytea", sa.String: "text"}


@contextmanager
def _guarded(connection: sa.Connection, mode: str | None) -> Iterator[None]:
    """Mark the connection so that `_guard` looks at every statement on it."""
    marks = connection.info
    before = marks.get(_FLAG)
    marks[_FLAG] = mode
    try:
        yield
    finally:
        marks[_FLAG] = before


def _guard(
    connection: sa.Connection,
    _cursor: object,
    statement: str,
    _parameters: object,
    context: Any,
    _many: object,
) -> None:
    """Refuse what a marked connection may not run; runs before every statement, sends nothing."""
    mode = connection.info.get(_FLAG)
    if mode is None:
        return
    compiled = getattr(context, "compiled", None)
    if compiled is None:
        written = frozenset() if _plain_select(statement) else frozenset(["?"])
    else:
        if compiled not in _WRITTEN:
            _WRITTEN[compiled] = _written_by(compiled.statement, statement)
        written = _WRITTEN[compiled]
    if mode == _LOCAL and all(name.startswith(LOCAL_PREFIX) for name in written):
        return
    if written:
        raise StorageError(
            "attempt to write a readonly database"
            if mode == _READ_ONLY
            else "only local tables may be written here",
            value=min(written),
            remedy="facts only read; state is written by apply" if mode == _READ_ONLY else "",
        )


_WRITTEN: Final[WeakKeyDictionary[Any, frozenset[str]]] = WeakKeyDictionary()
"""What compiled statements write; SQLAlchemy keeps those it runs often, so each is read once."""


def _written_by(element: Any, text: str) -> frozenset[str]:
    """Return the tables a statement writes, also by its parts (WITH x AS (INSERT …)); "?" else."""
    if not isinstance(element, sa.SelectBase | UpdateBase):
        return frozenset() if _plain_select(text) else frozenset(["?"])
    written = set()
    for part in visitors.iterate(element):
        if isinstance(part, UpdateBase):
            written.add(getattr(part.table, "name", "?"))
        elif isinstance(part, sa.TextClause | FunctionElement) or getattr(
            part, "is_literal", False
        ):
            written |= {"?"} if _WRITES.search(str(part)) else set()
    return frozenset(written)


_WRITES: Final = re.compile(
    r"\b(insert|update|delete|merge|into|truncate|copy|call|do|create|alter|drop|grant|lock|"
    r"nextval|setval|set_config|pg_\w+|lo_\w+|dblink\w*)\b|;\s*\S",
    re.IGNORECASE,
)


def _plain_select(statement: str) -> bool:
    """Say whether text is one SELECT that neither writes nor calls what has side effects.

    Strict rather than clever: a harmless text with a forbidden word in it is refused too.
    """
    first = statement.lstrip().split(None, 1)
    if not first or first[0].lower() not in ("select", "with", "values", "table"):
        return False
    return _WRITES.search(statement) is None
