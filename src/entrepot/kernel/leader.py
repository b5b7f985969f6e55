"""Who writes on PostgreSQL: a session advisory lock, held by the very session that writes.

PostgreSQL gives the lock back when the session ends, however it ends (manual, 13.3.5). Because the
lock and the transactions share one session, a process that lost the lock cannot commit: there is no
moment in which it believes to hold what another one has. `advance_tree` of the store compares
besides.

A dead process: its sockets close, the server ends the session at once. A dead machine or cut cable:
the server's keepalives end it after about `DEAD_PEER_S`. A process that is alive but stopped (a
paused virtual machine): its beats stop, and the server ends the idle session after `IDLE_S`, or a
transaction left open after `STALLED_S`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.errors import StorageError
from entrepot.kernel.store_faults import NotLeader, database_faults

LOCK_CLASS: Final = 0x656E7472
"""First half of the advisory lock's key (the bytes "entr"); the second names the schema."""
BEAT_S: Final = 2.0
"""How often an idle leader speaks, so that the server knows a stopped one from a quiet one."""
IDLE_S, STALLED_S, DEAD_PEER_S = 10, 20, 5
QUEUE_S: Final = 30.0
"""How long one thread waits for another one's transaction on the session."""
RETRY_S: Final = 0.1
"""How often a process that waits for leadership asks for it."""

SESSION_SETTINGS: Final = {
    "idle_session_timeout": f"{IDLE_S}s",
    "idle_in_transaction_session_timeout": f"{STALLED_S}s",
    "tcp_keepalives_idle": "2",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}

_TRY: Final = sa.text(
    "SELECT pg_try_advisory_lock(:class, hashtext(coalesce(current_schema(), '')))"
)


class Leadership:
    """The right to write, and the session that has it. One per store; safe to share by threads."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        """Bind the engine whose connections are sessions of their own (no pool)."""
        self._engine = engine
        self._where = where
        self._session: sa.Connection | None = None
        self._is_leader = False
        self._turn = threading.Lock()
        self._stop = threading.Event()

    def acquire(self, wait_s: float = 0.0) -> bool:
        """Become the leader, waiting at most `wait_s` seconds; False when another one is.

        Raises StorageError when the server cannot be asked.
        """
        deadline = time.monotonic() + wait_s
        while not self._try_once():
            if time.monotonic() >= deadline:
                return False
            time.sleep(RETRY_S)
        return True

    def _try_once(self) -> bool:
        with self._turn, database_faults(self._where):
            if self._is_alive() and self._is_leader:
                return True
            session = self._session
            # Who asks seldom has a session that the server has ended meanwhile as idle.
            if session is None or not self._is_alive() or not answers(session.connection):
                self._drop()
                session = self._session = self._engine.connect()
            with session.begin():
                row = session.execute(_TRY, {"class": LOCK_CLASS})
                self._is_leader = bool(row.scalar_one())
            if self._is_leader:
                self._stop = threading.Event()
                threading.Thread(
                    target=self._beat, args=(self._stop,), name="entrepot-leader", daemon=True
                ).start()
            return self._is_leader

    def _is_alive(self) -> bool:
        session = self._session
        return session is not None and not session.closed and not session.invalidated

    @property
    def leads(self) -> bool:
        """Whether this process led when it last spoke to the server; `held` speaks to it."""
        return self._is_leader

    def held(self) -> bool:
        """Say whether this process leads, by asking the server unless a transaction is under way.

        Never waits for a transaction. Once False it stays so until `acquire` succeeds again.
        """
        if self._is_leader and self._turn.acquire(blocking=False):
            try:
                self._ping()
            finally:
                self._turn.release()
        return self._is_leader

    def confirmed(self) -> bool:
        """Say the same after asking the server in any case, once a transaction under way ended."""
        if self._is_leader and self._turn.acquire(timeout=QUEUE_S):
            try:
                self._ping()
            finally:
                self._turn.release()
            return self._is_leader
        return False

    def _ping(self) -> None:
        """Speak to the server once; what goes wrong with that costs the leadership."""
        session = self._session
        if session is None or not self._is_alive() or not answers(session.connection):
            self._drop()

    def _beat(self, stop: threading.Event) -> None:
        while not stop.wait(BEAT_S):
            if not self.held():
                return

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Run one transaction on the session that holds the lock. Raises NotLeader, StorageError.

        When the session ends in between, the transaction is gone and so is the leadership.
        """
        if not self._turn.acquire(timeout=QUEUE_S):
            raise StorageError(
                "another thread of this process is writing for too long",
                value=self._where,
                remedy="try again; submit smaller batches",
            )
        try:
            with self._transaction() as session:
                yield session
        finally:
            if self._is_leader and not self._is_alive():
                self._drop()
            self._turn.release()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        # A session that was lost must never be opened again silently: the lock went with it.
        if not self._is_leader or self._session is None or not self._is_alive():
            raise NotLeader("this process does not write to the store", value=self._where)
        with self._session.begin():
            yield self._session

    def release(self) -> None:
        """Give the lock back and end the session. Safe to call twice.

        The lock first: a session ends only after its client has closed it, and a follower that asks
        at once shall get it.
        """
        with self._turn:
            if self._is_leader and self._session is not None and self._is_alive():
                answers(self._session.connection, "SELECT 1 FROM pg_advisory_unlock_all()")
            self._drop()

    def _drop(self) -> None:
        """Forget session and leadership; end the session if it still lives."""
        self._is_leader = False
        self._stop.set()
        session, self._session = self._session, None
        if session is not None and not session.closed:
            with _ignoring_a_dead_session():
                session.invalidate()
                session.close()


def answers(connection: Any, question: str = "SELECT 1") -> bool:
    """Say whether a connection of psycopg, or one that SQLAlchemy wrapped, lives.

    Through libpq and outside a transaction: one round trip where a transaction takes three, and
    every publication of a checkpoint asks.
    """
    connection = getattr(connection, "dbapi_connection", connection)
    try:
        with database_faults(""):
            return bool(connection.pgconn.exec_(question.encode()).get_value(0, 0) == b"1")
    except StorageError:
        return False


@contextmanager
def _ignoring_a_dead_session() -> Iterator[None]:
    """Let an ending session fail: it is being thrown away, and the server forgets it anyway."""
    try:
        with database_faults(""):
            yield
    except StorageError:
        return
