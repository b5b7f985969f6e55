"""The checks of `audit` over records: each entry has one, opens, is signed, and occurs once.

Portions of 256 entries are checked by threads side by side: signatures are verified outside the
interpreter's lock (libsodium), which is more than half of the work. At most a few portions are in
memory at a time.
"""

from __future__ import annotations

import os
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final, TypeVar

from entrepot.kernel.acts import SignedAct, require_meant_for, verify_act
from entrepot.kernel.approval import approval_challenge, take_approval, verify_approval
from entrepot.kernel.bodies import Bodies
from entrepot.kernel.errors import NotFound, StorageError, VerificationError
from entrepot.kernel.institution import ActKind
from entrepot.kernel.keyring import KeyRing
from entrepot.kernel.keys import Kid, PublicKey
from entrepot.kernel.record import (
    ERASURE,
    Entry,
    OwnEntry,
    Ruling,
    Sealed,
    decode_entry,
    decode_evidence,
    decode_ruling,
    encode_own_entry,
    open_sealed,
)
from entrepot.kernel.snapshot import Portion
from entrepot.kernel.store import Store

CHECKERS: Final = max(2, os.cpu_count() or 1)
IN_FLIGHT: Final = 2 * CHECKERS
"""Portions being checked or waiting for it."""

_ERASURE_HEAD: Final = encode_own_entry(ERASURE, 0, 0).partition(ERASURE.encode())[0]
Result = TypeVar("Result")


def erased_index(entry: bytes) -> int | None:
    """Return the index whose evidence an entry of the log destroyed; None for other entries.

    The encoding is deterministic, so the kind stands at one place; other entries cost nothing.
    """
    if not entry.startswith(_ERASURE_HEAD + ERASURE.encode()):
        return None
    decoded = decode_entry(entry)
    subject = decoded.subject if isinstance(decoded, OwnEntry) else None
    return subject if isinstance(subject, int) else None


class KeyFinder:
    """Finds keys by thumbprint for checking again: any ever known, revoked or not. Thread-safe.

    A key proves itself by its thumbprint, so it does not matter where it was found; an act whose
    kind enrols carries its own.
    """

    def __init__(self, store: Store, ring: KeyRing, kinds: dict[str, ActKind[Any]]) -> None:
        """Bind the store whose tables know keys; each key is asked for once."""
        self._store = store
        self._ring = ring
        self._kinds = kinds
        self._seen: dict[Kid, PublicKey] = dict(ring.own)

    def find(self, kid: Kid, act: SignedAct | None = None) -> PublicKey:
        """Return the key; `act` may carry it. Raises VerificationError when it is nowhere."""
        key = self._seen.get(kid) or self._stored(kid) or (act and self._carried(act))
        if not key:
            raise VerificationError("public key of an issuer is missing", value=kid.hex())
        self._seen[kid] = key
        return key

    def _stored(self, kid: Kid) -> PublicKey | None:
        if not self._ring.lookups:
            return None
        with self._store.reading() as read:
            return self._ring.find(read, kid)

    def _carried(self, act: SignedAct) -> PublicKey | None:
        kind = self._kinds.get(act.unverified_kind)
        if kind is None or kind.enrols is None:
            return None
        key = kind.enrols(act.unverified_body)
        return key if key is not None and key.kid == act.unverified_kid else None


@dataclass(slots=True)
class ActIds:
    """Remembers act ids in 8 bytes each, to find those that occur twice."""

    _marks: array[int] = field(default_factory=lambda: array("Q"))

    def add(self, mark: int) -> None:
        """Remember one mark."""
        self._marks.append(mark)

    def repeated(self) -> set[int]:
        """Return the marks that occur more than once; a rare accident is among them, too."""
        return {left for left, right in pairwise(sorted(self._marks)) if left == right}

    def __len__(self) -> int:
        return len(self._marks)


def mark_of(issuer: bytes, act_id: bytes) -> int:
    """Return the first 8 bytes of SHA-256 over issuer and act id, as a number."""
    return int.from_bytes(sha256(issuer + act_id).digest()[:8], "big")


@dataclass(frozen=True, slots=True)
class PortionCheck:
    """What checks one portion; a call returns the marks of its acts or raises the first fault."""

    bodies: Bodies
    keys: KeyFinder
    erased: frozenset[int]
    size: int
    origin: str

    def __call__(self, portion: Portion) -> list[int]:
        """Check every entry of the portion. Raises VerificationError, StorageError."""
        rows = dict(portion.rows)
        marks = []
        for index, content in enumerate(portion.entries, portion.first):
            entry = decode_entry(content)
            if isinstance(entry, OwnEntry):
                continue
            row = rows.pop(index, None)
            if row is None:
                raise VerificationError("entry has no record in the store", value=index)
            self._check(index, entry, row)
            marks.append(mark_of(row.issuer, row.act_id))
        if rows:
            raise VerificationError("record has no entry in the log", value=min(rows))
        return marks

    def _check(self, index: int, entry: Entry, row: Any) -> None:
        ruling = decode_ruling(
            open_sealed(entry.ruling, Sealed(row.ruling, row.ruling_salt), name=f"ruling {index}")
        )
        if (row.issuer, row.act_id) != (ruling.issuer, entry.act_id) or not (
            index < row.tree_size <= self.size
        ):
            raise VerificationError("record and entry disagree", value=index)
        if ruling.decision.outcome is not entry.outcome:
            raise VerificationError("ruling and entry disagree on the outcome", value=index)
        is_gone = row.evidence is None and row.evidence_at is None
        if is_gone != (index in self.erased):
            raise VerificationError(
                "evidence is missing without an erasure in the log", value=index
            )
        if not is_gone:
            self._check_evidence(index, entry, ruling, row)

    def _check_evidence(self, index: int, entry: Entry, ruling: Ruling, row: Any) -> None:
        """The evidence opens its commitment; act and approval are signed, and this entry's."""
        try:
            sealed = self.bodies.evidence(row)
        except StorageError as error:
            raise VerificationError(
                f"body of entry {index}: {error.what}", value=error.value
            ) from error
        if sealed is None or sealed.salt is None:
            raise VerificationError("salt of the evidence is missing", value=index)
        content = open_sealed(entry.evidence, sealed, name=f"evidence {index}")
        signed = SignedAct(decode_evidence(content).act)
        act = verify_act(signed, self.keys.find(ruling.issuer, signed))
        require_meant_for(act, self.origin)
        if (act.kind, act.act_id, act.digest) != (entry.kind, entry.act_id, row.digest):
            raise VerificationError("evidence is of another act", value=index)
        body, approval = take_approval(act.body)
        if approval is not None:
            challenge = approval_challenge(
                act.kind, act.act_id, act.issued_at, body, issuer=act.issuer
            )
            verify_approval(approval, challenge, self.keys.find(approval.kid), None)


def in_order(work: Callable[[Portion], Result], portions: Iterable[Portion]) -> Iterator[Result]:
    """Yield the results of `work` in the order of the portions; a few run side by side.

    Raises what the first failing portion raised.
    """
    running: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(CHECKERS, thread_name_prefix="entrepot-fsck") as threads:
        try:
            for portion in portions:
                running.append(threads.submit(work, portion))
                if len(running) >= IN_FLIGHT:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for waiting in running:
                waiting.cancel()


def positions_of(marks: set[int], portions: Iterable[Portion]) -> dict[tuple[bytes, bytes], int]:
    """Return issuer and act id of the records with these marks, with their first index.

    Raises VerificationError when one of them really occurs twice.
    """
    seen: dict[tuple[bytes, bytes], int] = {}
    for portion in portions:
        for index, row in sorted(portion.rows.items()):
            if mark_of(row.issuer, row.act_id) in marks:
                other = seen.setdefault((bytes(row.issuer), bytes(row.act_id)), index)
                if other != index:
                    raise VerificationError(
                        "an act was applied twice", value=f"{other} and {index}"
                    )
    return seen


def orphans(bodies: Bodies, named: set[bytes]) -> int:
    """Return how many objects no record names: left by a crash before a commit, or on their way."""
    count = 0
    for name in bodies.names():
        try:
            count += bytes.fromhex(name) not in named
        except ValueError:
            raise NotFound("object that is no body lies among them", value=name) from None
    return count
