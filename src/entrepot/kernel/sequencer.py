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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.acts import ActId, VerifiedAct
from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.decisions import Decision, effects_of
from entrepot.kernel.errors import (
    Conflict,
    Error,
    InvalidInput,
    NotFound,
    StorageError,
)
from entrepot.kernel.institution import ActKind, Facts, Record, Request
from entrepot.kernel.keyring import Finder, KeyRing
from entrepot.kernel.keys import Kid
from entrepot.kernel.log import Log, Staged
from entrepot.kernel.receiving import Received, Receiver, require_accepted
from entrepot.kernel.record import (
    ERASURE,
    SALT_BYTES,
    OwnEntry,
    Sealed,
    decode_entry,
    decode_ruling,
    encode_entry,
    encode_evidence,
    encode_own_entry,
    encode_ruling,
)
from entrepot.kernel.store import RECORDS, read_only
from entrepot.kernel.tiles import ENTRY_MAX_BYTES

BEHIND_MAX_S: Final = 300
"""How far our clock may fall behind the last entry of the log (a correction) before we stop."""
FIND_MAX: Final = 400
"""Acts looked up by one query; databases limit the parameters of a statement."""


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


@dataclass(frozen=True, slots=True)
class _Settled:
    """An act with its place in the log; `fresh` carries what is not yet in the store."""

    index: int
    digest: bytes
    fresh: tuple[Decision, bytes] | None


@dataclass(slots=True)
class _Batch:
    """The acts of one transaction on their way: entries and rows to be written at its end."""

    first: int
    now: int
    accepted: Finder
    entries: list[bytes] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    known: dict[tuple[Kid, ActId], _Settled] = field(default_factory=dict)

    @property
    def next_index(self) -> int:
        return self.first + len(self.entries)


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
        self._receiver = Receiver(log.store, kinds, keys, site=site, crash=log.crash)
        self._latest = _latest_time(log)

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
    ) -> tuple[list[_Settled | Error], Staged | None]:
        """Steps 3 to 6 for every act, then the log's entries, all inside the transaction."""
        batch = _Batch(self._log.sequenced_size, self._now(), self._keys.remembering(write))
        batch.known = _find_all(
            write, [item.act for item in received if isinstance(item, Received)]
        )
        settled: list[_Settled | Error] = []
        for item in received:
            settled.append(item if isinstance(item, Error) else self._settle(write, batch, item))
        if not batch.entries:
            return settled, None
        for row in batch.rows:
            row["tree_size"] = batch.next_index
        write.execute(RECORDS.insert(), batch.rows)
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

    def _settle(self, write: sa.Connection, batch: _Batch, item: Received) -> _Settled | Error:
        """Steps 3 to 6 for one act. After the entry is appended, nothing may fail any more."""
        act, kind = item.act, item.kind
        known = batch.known.get((act.issuer, act.act_id))
        if known is not None:
            if known.digest == act.digest:
                return _Settled(known.index, known.digest, None)
            return Conflict(
                "this act id was used for another act",
                value=act.act_id.hex(),
                remedy="make a fresh act id for every new act",
            )
        try:
            require_accepted(item, batch.accepted, now=batch.now)
            request = Request(
                act.kind,
                act.act_id,
                act.issuer,
                act.issued_at,
                item.body,
                batch.now,
                item.approved_by,
            )
            with read_only(write):
                facts = kind.facts(write, request)
            self._crash("facts-loaded")
            decision = kind.decide(request, facts)
            self._crash("decided")
            row, entry = self._seal(item, facts, decision, batch.now)
        except StorageError:
            raise
        except Error as error:
            return error
        index = batch.next_index
        batch.entries.append(entry)
        batch.rows.append({"index": index, **row})
        settled = _Settled(index, act.digest, (decision, entry))
        batch.known[act.issuer, act.act_id] = settled
        self._crash("appended")
        effects = effects_of(decision)
        record = Record(
            index, act.kind, act.act_id, act.issuer, batch.now, decision.outcome, effects
        )
        kind.apply(write, record)
        if act.kind in self._keys.rekeys:
            batch.accepted = self._keys.remembering(write)
        self._crash("applied")
        return settled

    def _seal(
        self, item: Received, facts: Facts, decision: Decision, at: int
    ) -> tuple[dict[str, object], bytes]:
        """Return the row of a record and its log entry; InvalidInput when it is too large."""
        act, public = item.act, item.kind.public
        parts = []
        for content in (
            encode_evidence(act.raw, facts),
            encode_ruling(act.issuer, facts.law, decision),
        ):
            parts.append(Sealed(content, b"" if public else self._entropy(SALT_BYTES)))
        evidence, ruling = parts
        entry = encode_entry(
            act.kind,
            act.act_id,
            at,
            decision.outcome,
            evidence=evidence,
            ruling=ruling,
        )
        if len(entry) > ENTRY_MAX_BYTES:
            raise InvalidInput(
                "a public act and its facts must fit one log entry of 65,535 bytes",
                value=f"{len(entry):,} bytes",
                remedy="name large content by its hash",
            )
        row: dict[str, object] = {
            "issuer": act.issuer,
            "act_id": act.act_id,
            "digest": act.digest,
            "evidence_salt": evidence.salt,
            "evidence": evidence.content,
            "ruling_salt": ruling.salt,
            "ruling": ruling.content,
        }
        return row, entry

    def _answer_all(self, settled: Sequence[_Settled | Error], first: int) -> list[Answer | Error]:
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
        evidence = None if row.evidence is None else Sealed(row.evidence, row.evidence_salt)
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
            gone = {"evidence": None, "evidence_salt": None}
            try:
                with self._store.writing() as write:
                    write.execute(RECORDS.update().where(RECORDS.c.index == index).values(gone))
                    staged = self._log.sequence(write, [entry])
            except StorageError:
                self._log.recover()
                raise
            self._log.adopt(staged)
            self._log.publish()
            self._store.forget_deleted()
            return staged.first


def _latest_time(log: Log) -> int:
    """Return the time of the newest entry, POSIX seconds; 0 when it is none of ours."""
    try:
        entry = decode_entry(log.tree().entry(log.size - 1))
    except InvalidInput:
        return 0
    return entry.at if isinstance(entry, OwnEntry) else entry.decided_at


def _find_all(
    write: sa.Connection, acts: Sequence[VerifiedAct]
) -> dict[tuple[Kid, ActId], _Settled]:
    """Return those of the acts that are already recorded, in a few queries."""
    found: dict[tuple[Kid, ActId], _Settled] = {}
    for first in range(0, len(acts), FIND_MAX):
        asked = [(act.issuer, act.act_id) for act in acts[first : first + FIND_MAX]]
        query = _RECORDED.where(sa.tuple_(RECORDS.c.issuer, RECORDS.c.act_id).in_(asked))
        for index, digest, issuer, act_id in write.execute(query):
            key = (Kid(bytes(issuer)), ActId(bytes(act_id)))
            found[key] = _Settled(index, bytes(digest), None)
    return found


_RECORDED: Final = sa.select(RECORDS.c.index, RECORDS.c.digest, RECORDS.c.issuer, RECORDS.c.act_id)
