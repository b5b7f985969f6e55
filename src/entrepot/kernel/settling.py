"""Steps 3 to 6 of the acts of one batch, inside one transaction: facts, decision, entry, state.

Acts are settled one after another, each seeing the effects of those before it. Where a kind allows
it, a run of acts of that kind shares one question for facts and one write of state; the outcome is
the same, because the facts of such a kind do not depend on acts of the kind itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import Decision, effects_of
from entrepot.kernel.errors import Conflict, Error, InvalidInput, StorageError
from entrepot.kernel.institution import ActKind, Facts, Record, Request
from entrepot.kernel.keyring import Finder, KeyRing
from entrepot.kernel.keys import Kid
from entrepot.kernel.receiving import Received, require_accepted
from entrepot.kernel.record import (
    SALT_BYTES,
    Sealed,
    encode_entry,
    encode_evidence,
    encode_ruling,
)
from entrepot.kernel.store import find_acts, read_only
from entrepot.kernel.tiles import ENTRY_MAX_BYTES


@dataclass(frozen=True, slots=True)
class Settled:
    """An act with its place in the log; `fresh` carries what is not yet in the store."""

    index: int
    digest: bytes
    fresh: tuple[Decision, bytes] | None


@dataclass(slots=True)
class Batch:
    """The acts of one transaction on their way: entries and rows to be written at its end."""

    write: sa.Connection
    keys: KeyRing
    first: int
    now: int
    entropy: Callable[[int], bytes]
    crash: Callable[[str], None]
    entries: list[bytes] = field(default_factory=list)
    rows: list[dict[str, object]] = field(default_factory=list)
    known: dict[tuple[Kid, ActId], Settled] = field(default_factory=dict)
    accepted: Finder = lambda _kid: None

    def settle(self, received: Sequence[Received | Error]) -> list[Settled | Error]:
        """Settle the acts in order; an act that is rejected has its error in its place."""
        self.accepted = self.keys.remembering(self.write)
        acts = {
            (item.act.issuer, item.act.act_id) for item in received if isinstance(item, Received)
        }
        self.known = {
            (Kid(issuer), ActId(act_id)): Settled(index, digest, None)
            for (issuer, act_id), (index, digest) in find_acts(self.write, acts).items()
        }
        settled: list[Settled | Error] = []
        for run in _runs(received):
            settled += self._settle_run(run)
        return settled

    def _settle_run(self, run: Sequence[Received | Error]) -> list[Settled | Error]:
        """Settle acts of one kind (or one act, or one error) together."""
        settled: list[Settled | Error | None] = []
        asked: list[tuple[int, Received, Request[Any]]] = []
        for place, item in enumerate(run):
            answer = item if isinstance(item, Error) else self._before(item)
            settled.append(answer if isinstance(answer, Error | Settled) else None)
            if isinstance(item, Received) and isinstance(answer, Request):
                asked.append((place, item, answer))
        if asked:
            self._decide_run(asked, settled)
        return [item for item in settled if item is not None]

    def _before(self, item: Received) -> Settled | Error | Request[Any]:
        """Return the request to decide, or why there is nothing to decide."""
        act = item.act
        known = self.known.get((act.issuer, act.act_id))
        if known is not None:
            if known.digest == act.digest:
                return Settled(known.index, known.digest, None)
            return Conflict(
                "this act id was used for another act",
                value=act.act_id.hex(),
                remedy="make a fresh act id for every new act",
            )
        try:
            require_accepted(item, self.accepted, now=self.now)
        except StorageError:
            raise
        except Error as error:
            return error
        return Request(
            act.kind,
            act.act_id,
            act.issuer,
            act.issued_at,
            item.body,
            self.now,
            item.approved_by,
        )

    def _decide_run(
        self,
        asked: Sequence[tuple[int, Received, Request[Any]]],
        settled: list[Settled | Error | None],
    ) -> None:
        """Load facts, decide, seal and apply; fill in the places of `settled`."""
        kind = asked[0][1].kind
        try:
            found = self._facts(kind, [request for _, _, request in asked])
        except StorageError:
            raise
        except Error as error:
            for place, _, _ in asked:
                settled[place] = error
            return
        self.crash("facts-loaded")
        records = []
        for (place, item, request), facts in zip(asked, found, strict=True):
            try:
                decision = kind.decide(request, facts)
                self.crash("decided")
                row, entry = self._seal(item, facts, decision)
            except StorageError:
                raise
            except Error as error:
                settled[place] = error
                continue
            records.append(self._append(item, decision, row, entry))
            settled[place] = self.known[item.act.issuer, item.act.act_id]
        self._apply(kind, records)

    def _facts(self, kind: ActKind[Any], requests: Sequence[Request[Any]]) -> Sequence[Facts]:
        with read_only(self.write):
            if kind.facts_of_run is not None:
                return kind.facts_of_run(self.write, requests)
            return [kind.facts(self.write, request) for request in requests]

    def _append(
        self, item: Received, decision: Decision, row: dict[str, object], entry: bytes
    ) -> Record:
        """Give the act its index. After this nothing may fail any more."""
        act, index = item.act, self.first + len(self.entries)
        self.entries.append(entry)
        self.rows.append({"index": index, **row})
        self.known[act.issuer, act.act_id] = Settled(index, act.digest, (decision, entry))
        self.crash("appended")
        effects = effects_of(decision)
        return Record(index, act.kind, act.act_id, act.issuer, self.now, decision.outcome, effects)

    def _apply(self, kind: ActKind[Any], records: Sequence[Record]) -> None:
        if kind.apply_run is not None:
            kind.apply_run(self.write, records)
        else:
            for record in records:
                kind.apply(self.write, record)
        if kind.name in self.keys.rekeys:
            self.accepted = self.keys.remembering(self.write)
        self.crash("applied")

    def _seal(
        self, item: Received, facts: Facts, decision: Decision
    ) -> tuple[dict[str, object], bytes]:
        """Return the row of a record and its log entry; InvalidInput when it is too large."""
        act, public = item.act, item.kind.public
        parts = []
        for content in (
            encode_evidence(act.raw, facts),
            encode_ruling(act.issuer, facts.law, decision),
        ):
            parts.append(Sealed(content, b"" if public else self.entropy(SALT_BYTES)))
        evidence, ruling = parts
        entry = encode_entry(
            act.kind,
            act.act_id,
            self.now,
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


def _runs(received: Sequence[Received | Error]) -> Iterator[list[Received | Error]]:
    """Yield stretches that may be settled together: one act, or many of a kind that allows it.

    An act id that comes twice ends a stretch, so that the second sees the first as known.
    """
    run: list[Received | Error] = []
    ids: set[tuple[Kid, ActId]] = set()
    for item in received:
        if isinstance(item, Received):
            key = (item.act.issuer, item.act.act_id)
            fits = item.kind.facts_of_run is not None and _kind_of(run) is item.kind
            if run and (not fits or key in ids):
                yield run
                run, ids = [], set()
            ids.add(key)
        elif run:
            yield run
            run, ids = [], set()
        run.append(item)
    if run:
        yield run


def _kind_of(run: Sequence[Received | Error]) -> ActKind[Any] | None:
    return run[-1].kind if run and isinstance(run[-1], Received) else None
