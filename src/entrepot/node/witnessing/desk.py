"""The witness of this node at work: reads a request, judges it, remembers, answers.

One desk per process and home. Several processes over one PostgreSQL share the memory, not the desk.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from entrepot.kernel.cosignature import Cosigner
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.store import Store
from entrepot.kernel.witness import (
    WitnessAnswer,
    authenticate,
    malformed,
    origin_hash,
    parse_add_checkpoint,
)
from entrepot.node.witnessing import identity, memory
from entrepot.node.witnessing.paces import Paces
from entrepot.node.witnessing.watched import WATCHED_FILE, WatchedLogs


@dataclass(frozen=True, slots=True)
class Desk:
    """A witness bound to its keys, its memory and the list of logs it watches."""

    store: Store
    cosigner: Cosigner
    watched: WatchedLogs
    clock: Callable[[], int]
    paces: Paces = field(default_factory=Paces)

    def add_checkpoint(self, body: bytes) -> tuple[WitnessAnswer, int]:
        """Answer one add-checkpoint request; also the seconds to wait when it came too soon.

        Raises StorageError when the memory cannot be read or written: then nothing was cosigned.
        """
        try:
            request = parse_add_checkpoint(body)
        except InvalidInput as error:
            return malformed(error), 0
        origin = request.seen.checkpoint.origin
        signatures = authenticate(request, self.watched.find(origin))
        if isinstance(signatures, WitnessAnswer):
            return signatures, 0
        wait_s = self.paces.wait_s(origin, time.monotonic())
        if wait_s > 0:
            answer = WitnessAnswer(429, b"this log asks too often\n")
            return answer, max(1, int(wait_s + 0.999))
        now = self.clock()
        return memory.cosign_next(self.store, request, signatures, self.cosigner, now=now), 0

    def latest(self, origin_digest: str) -> bytes:
        """Return the note last cosigned for the log with this origin hash. Raises NotFound."""
        with self.store.reading() as read:
            origins = read.execute(sa.select(memory.WITNESS.c.origin)).scalars().all()
        for origin in origins:
            if origin_hash(origin) == origin_digest:
                found = memory.remembered(self.store, origin)
                if found is not None:
                    return found[1]
        raise NotFound("this witness never cosigned a checkpoint of such a log")

    def vkeys(self) -> str:
        """Return the two vkey lines of this witness, for the policies of others."""
        return "".join(key.vkey() + "\n" for key in self.cosigner.verifiers())


def open_desk(
    store: Store,
    home: Path,
    *,
    clock: Callable[[], int],
    watched_file: str = "",
    passphrase: bytes | None = None,
) -> Desk:
    """Return the desk of a home. Raises NotFound when it has no witness keys.

    Raises StorageError when the store is not the memory of these keys (see `memory`).
    """
    if not identity.has_cosigner(home):
        raise NotFound("this node is no witness", remedy="entrepot witness init makes its keys")
    cosigner = identity.load_cosigner(home, passphrase)
    memory.vouch(store, cosigner, now=clock(), is_new=identity.is_fresh(home))
    identity.forget_fresh(home)
    path = Path(watched_file) if watched_file else home / WATCHED_FILE
    return Desk(store, cosigner, WatchedLogs(path), clock)
