"""Callbacks: public entries of the log posted to subscribers, each at least once.

A subscriber has a cursor over the log's own indices (`local_callbacks`), so nothing is queued and
nothing is lost by a crash: the event of an entry is sent again until it is answered with 2xx, then
the cursor moves. Events carry the index as `Idempotency-Key` and are signed by the node's own key
(RFC 9421, profile of `entrepot.client.signatures`). A receiver that fails is left alone for twice
as long each time. Where events go is the operator's setting, and still only the open Internet is
called: see `entrepot.node.outbound`.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.client.signatures import sign_request
from entrepot.kernel.decisions import Granted, Reason
from entrepot.kernel.errors import Error, StorageError
from entrepot.kernel.record import Entry, OwnEntry, decode_entry, decode_ruling
from entrepot.node.outbound import Outbound
from entrepot.node.running import Running
from entrepot.node.settings import Receiver

LOCAL: Final = sa.MetaData()
CURSORS: Final = sa.Table(
    "local_callbacks",
    LOCAL,
    sa.Column("receiver", sa.String, primary_key=True),
    sa.Column("next_index", sa.BigInteger, nullable=False),
    sa.Column("attempts", sa.BigInteger, nullable=False),
    sa.Column("next_try_at", sa.BigInteger, nullable=False, comment="POSIX seconds"),
)
ENTRIES_AT_ONCE: Final = 256
"""Entries looked at for one receiver before the others have their turn."""
OUTCOMES: Final = ("granted", "refused", "referred")
LOG: Final = logging.getLogger("entrepot.callbacks")


class Event(msgspec.Struct, frozen=True):
    """What a subscriber is told of one public entry; `entry` is its bytes (base64)."""

    index: int
    log: str
    kind: str
    act_id: str
    at: int
    outcome: str
    reasons: tuple[Reason, ...]
    entry: bytes


class Cursor(msgspec.Struct, frozen=True):
    """Where a receiver stands."""

    next_index: int
    attempts: int = 0
    next_try_at: int = 0


class Callbacks:
    """Delivers events of one running node. Not to be shared by threads."""

    def __init__(self, running: Running, outbound: Outbound) -> None:
        """Bind the node and the way out."""
        self._running = running
        self._outbound = outbound

    def prepare(self) -> None:
        """Make the table, and a cursor for every receiver that is new."""
        store = self._running.node.store
        store.create_tables(LOCAL)
        with store.writing_local() as write:
            known = set(write.execute(sa.select(CURSORS.c.receiver)).scalars())
            for receiver in self._running.settings.callbacks.receivers:
                if receiver.name not in known:
                    first = receiver.since if receiver.since >= 0 else self._running.node.log.size
                    _insert(write, receiver.name, first)

    def deliver(self, now: int) -> int:
        """Give every receiver whose turn it is what is new to it; return how many events went."""
        sent = 0
        for receiver in self._running.settings.callbacks.receivers:
            cursor = self.cursor(receiver.name)
            if cursor.next_try_at <= now:
                sent += self._deliver_to(receiver, cursor, now)
        return sent

    def cursor(self, name: str) -> Cursor:
        """Return where a receiver stands."""
        with self._running.node.store.reading() as read:
            row = read.execute(sa.select(CURSORS).where(CURSORS.c.receiver == name)).one()
        return Cursor(row.next_index, row.attempts, row.next_try_at)

    def _deliver_to(self, receiver: Receiver, cursor: Cursor, now: int) -> int:
        """Send events in the order of the log until one fails; move the cursor once."""
        log = self._running.node.log
        last = min(log.size, cursor.next_index + ENTRIES_AT_ONCE)
        tree, sent, index = log.tree(), 0, cursor.next_index
        failure = None
        while index < last and failure is None:
            event = event_of(index, log.signer.origin, tree.entry(index), receiver.kinds)
            if event is not None:
                failure = self._post(receiver, event)
                sent += failure is None
            index += failure is None
        if failure is not None:
            cursor = self._later(receiver, Cursor(index, cursor.attempts + 1, now), failure)
        elif index != cursor.next_index or cursor.attempts:
            cursor = Cursor(index)
        else:
            return 0
        self._move(receiver.name, cursor)
        return sent

    def _later(self, receiver: Receiver, cursor: Cursor, failure: str) -> Cursor:
        most_s = self._running.settings.callbacks.backoff_max_s
        wait_s = min(most_s, 2 ** min(cursor.attempts, 30))
        LOG.warning(
            "receiver failed",
            extra={
                "receiver": receiver.name,
                "code": failure,
                "attempts": cursor.attempts,
                "next_try_s": wait_s,
            },
        )
        return Cursor(cursor.next_index, cursor.attempts, cursor.next_try_at + wait_s)

    def _post(self, receiver: Receiver, event: Event) -> str | None:
        """Send one event; None when the receiver took it, else a code that says why not."""
        body = msgspec.json.encode(event)
        running = self._running
        signed = sign_request(
            running.node.party, "POST", receiver.url, created=running.clock(), body=body
        )
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{event.index}"',
            **signed,
        }
        try:
            status = self._outbound.post(receiver.url, body, headers)
        except Error as error:
            return error.code
        return None if 200 <= status < 300 else f"status-{status}"

    def _move(self, name: str, cursor: Cursor) -> None:
        values = msgspec.structs.asdict(cursor)
        with self._running.node.store.writing_local() as write:
            write.execute(CURSORS.update().where(CURSORS.c.receiver == name).values(values))


def _insert(write: sa.Connection, name: str, first: int) -> None:
    row = {"receiver": name, "next_index": first, "attempts": 0, "next_try_at": 0}
    write.execute(CURSORS.insert(), row)


def event_of(index: int, origin: str, content: bytes, kinds: tuple[str, ...]) -> Event | None:
    """Return the event of an entry, or None when nobody is told of it.

    Told are public entries; with `kinds` those of these kinds. Never private ones or the log's own.
    """
    entry = decode_entry(content)
    if isinstance(entry, OwnEntry) or (kinds and entry.kind not in kinds):
        return None
    is_public, ruling = entry.ruling
    if not is_public:
        return None
    return Event(
        index,
        origin,
        entry.kind,
        entry.act_id.hex(),
        entry.decided_at,
        OUTCOMES[entry.outcome],
        _reasons(entry, ruling),
        content,
    )


def _reasons(_entry: Entry, ruling: bytes) -> tuple[Reason, ...]:
    decision = decode_ruling(ruling).decision
    return () if isinstance(decision, Granted) else decision.reasons


async def call_back(running: Running) -> None:
    """Deliver events until cancelled; nothing at all without receivers, nothing as a follower."""
    settings = running.settings.callbacks
    if not settings.receivers:
        return
    outbound = Outbound(settings.timeout_s, allow_private=settings.allow_private_addresses)
    callbacks = Callbacks(running, outbound)
    prepared = False
    try:
        while True:
            if running.leads:
                if not prepared:
                    await asyncio.to_thread(callbacks.prepare)
                    prepared = True
                await asyncio.to_thread(_quietly, callbacks, running.clock())
            await asyncio.sleep(settings.every_s)
    finally:
        outbound.close()


def _quietly(callbacks: Callbacks, now: int) -> None:
    """Deliver; what storage refuses is told and tried again."""
    try:
        while callbacks.deliver(now) >= ENTRIES_AT_ONCE:
            continue
    except StorageError as error:
        LOG.warning("callbacks wait", extra={"code": error.code})


BACKGROUND: Final[tuple[Any, ...]] = (call_back,)
"""What runs beside the server."""
