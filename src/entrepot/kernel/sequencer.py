"""The sequencer: the one way an act becomes part of log and state.

    submit(act)   (1) verify signature   (2) check shape   (3) load facts
                  (4) decide             (5) append to log (6) apply to state   -> Answer

Steps 3 to 6 are one transaction behind one writer; refusals are logged too. The answer is given
only when the entry is sequenced, integrated and published. The act id makes it idempotent: the same
bytes give the same answer, other bytes under the same id are a Conflict.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.decisions import Decision
from entrepot.kernel.errors import (
    Conflict,
    Error,
    InvalidInput,
    NotFound,
    StorageError,
)
from entrepot.kernel.institution import ActKind
from entrepot.kernel.keyring import KeyRing
from entrepot.kernel.log import Log, Staged
from entrepot.kernel.receiving import Received, Receiver
from entrepot.kernel.record import (
    ERASURE,
    STATEMENT,
    OwnEntry,
    Sealed,
    decode_entry,
    decode_ruling,
    encode_own_entry,
)
from entrepot.kernel.settling import Batch, Settled
from entrepot.kernel.store import RECORDS, insert_records

BEHIND_MAX_S: Final = 300
"""How far our clock may fall behind the last entry of the log (a correction) before we stop."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the sequencer gives back, once the entry is published.

    `receipt` is the COSE receipt (RFC 9942) of `entry` at `index` in the tree of `tree_size`.
    `repeated` says that the act had been answered before; everything else is then the same.
    """

    index: int
    tree_size: int
    decision: Decision
    entry: bytes
    receipt: bytes
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    """What opens the commitments of one entry: its two parts with their salts.

    `evidence` is None once erased. `tree_size` is that of the receipt first given.
    """

    evidence: Sealed | None
    ruling: Sealed
    tree_size: int


class Sequencer:
    """One writer over one store and one log. Safe to call from several threads."""

    def __init__(
        self,
        log: Log,
        *,
        kinds: Mapping[str, ActKind[Any]],
        keys: KeyRing,
        site: RelyingParty | None = None,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        """Bind the parts. `keys` says whose acts are accepted; the clock is the log's.

        `site` is where persons approve acts with their passkeys; without it no approval holds.
        """
        self._store = log.store
        self._log = log
        self._kinds = kinds
        self._keys = keys
        self._clock = log.clock
        self._entropy = entropy
        self._crash = log.crash
        self._writer = threading.Lock()
        self._receiver = Receiver(
            log.store, kinds, keys, origin=log.signer.origin, site=site, crash=log.crash
        )
        self._latest = _latest_time(log)

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Let no act be decided during the block: acts that come wait for its end."""
        with self._writer:
            yield

    def submit(self, act: bytes) -> Answer:
        """Carry one act through the six steps; durable, logged and applied when this returns.

        Raises InvalidInput (malformed, unknown kind), VerificationError (unknown key, bad
        signature), Conflict (act id used for other bytes), StorageError (then the act may be
        sequenced or not: submit the same bytes again and the answer is the same).
        """
        result = self.submit_batch([act])[0]
        if isinstance(result, Error):
            raise result
        return result

    def submit_batch(self, acts: Sequence[bytes]) -> list[Answer | Error]:
        """Carry many acts through the six steps in one transaction and one checkpoint.

        Each is decided seeing the effects of those before it. An act that is rejected has its
        error in its place; StorageError is raised and concerns all. Steps 1 and 2 need no writer,
        so that two callers overlap: one verifies while the other decides.
        """
        received = self._receiver.receive(acts)
        with self._writer:
            self._log.publish()
            try:
                with self._store.writing() as write:
                    self._crash("begun")
                    settled, staged = self._settle_all(write, received)
                    self._crash("staged")
            except StorageError:
                self._log.recover()
                raise
            if staged is not None:
                self._log.adopt(staged)
                self._log.publish()
            answers = self._answer_all(settled, 0 if staged is None else staged.first)
            self._crash("answered")
            return answers

    def _settle_all(
        self, write: sa.Connection, received: Sequence[Received | Error]
    ) -> tuple[list[Settled | Error], Staged | None]:
        """Steps 3 to 6 for every act, then the log's entries, all inside the transaction."""
        batch = Batch(
            write, self._keys, self._log.sequenced_size, self._now(), self._entropy, self._crash
        )
        settled = batch.settle(received)
        if not batch.entries:
            return settled, None
        for row in batch.rows:
            row["tree_size"] = batch.first + len(batch.entries)
        self._log.bodies.place(batch.rows)
        insert_records(write, batch.rows)
        return settled, self._log.sequence(write, batch.entries)

    def _now(self) -> int:
        """Return the time of this batch, POSIX seconds; never earlier than that of the last one.

        Raises StorageError when the clock is far behind the log: then it jumped, now or before.
        """
        now = self._clock()
        if self._latest - now > BEHIND_MAX_S:
            raise StorageError(
                "the clock of this machine is behind the last entry of the log",
                value=f"{self._latest - now:,} seconds",
                remedy="set the clock right; nothing was decided meanwhile",
            )
        self._latest = max(self._latest, now)
        return self._latest

    def _answer_all(self, settled: Sequence[Settled | Error], first: int) -> list[Answer | Error]:
        """Build the answers of published acts; those decided just now begin at index `first`."""
        size = self._log.size
        receipts = self._log.receipts(first) if first else []
        answers: list[Answer | Error] = []
        for item in settled:
            if isinstance(item, Error):
                answers.append(item)
            elif item.fresh is None:
                answers.append(self._answer_again(item.index))
            else:
                decision, entry = item.fresh
                receipt = receipts[item.index - first]
                answers.append(Answer(item.index, size, decision, entry, receipt))
        return answers

    def _answer_again(self, index: int) -> Answer:
        """Build the answer of an act decided earlier, from store and log alone: the same bytes."""
        opening = self.opening(index)
        return Answer(
            index,
            opening.tree_size,
            decode_ruling(opening.ruling.content).decision,
            self._log.tree().entry(index),
            self._log.receipt(index, opening.tree_size),
            repeated=True,
        )

    def opening(self, index: int) -> Opening:
        """Return what opens the entry at `index`. NotFound when it is no act."""
        with self._store.reading() as read:
            row = read.execute(sa.select(RECORDS).where(RECORDS.c.index == index)).one_or_none()
        if row is None:
            raise NotFound("there is no act at this index of the log", value=index)
        evidence = self._log.bodies.evidence(row)
        return Opening(evidence, Sealed(row.ruling, row.ruling_salt), row.tree_size)

    def erase(self, index: int) -> int:
        """Destroy the evidence of an act and its salt; return the index of the erasure's entry.

        The commitment stays in the log and every proof still verifies; the content cannot be
        found again from it. Raises NotFound, or Conflict for a public act or a second erasure.
        """
        with self._writer:
            self._log.publish()
            opening = self.opening(index)
            if opening.evidence is None:
                raise Conflict("evidence of this act is erased already", value=index)
            if not opening.evidence.salt:
                raise Conflict("a public act is published whole and cannot be erased", value=index)
            entry = encode_own_entry(ERASURE, self._clock(), index)
            gone = {"evidence": None, "evidence_salt": None, "evidence_at": None}
            outside = sa.select(RECORDS.c.evidence_at).where(RECORDS.c.index == index)
            try:
                with self._store.writing() as write:
                    name = write.execute(outside).scalar_one()
                    write.execute(RECORDS.update().where(RECORDS.c.index == index).values(gone))
                    staged = self._log.sequence(write, [entry])
            except StorageError:
                self._log.recover()
                raise
            self._log.adopt(staged)
            self._log.publish()
            self._log.bodies.destroy(name)
            self._store.forget_deleted()
            return staged.first


def _latest_time(log: Log) -> int:
    """Return the time of the newest entry of ours, POSIX seconds; 0 when there is none.

    A foreign statement carries its issuer's time, which says nothing about our clock.
    """
    tree = log.tree()
    for index in range(log.size - 1, -1, -1):
        try:
            entry = decode_entry(tree.entry(index))
        except InvalidInput:
            return 0
        if not isinstance(entry, OwnEntry):
            return entry.decided_at
        if entry.kind != STATEMENT:
            return entry.at
    return 0
