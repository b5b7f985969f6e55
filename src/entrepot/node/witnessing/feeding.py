"""The feeder: our newest checkpoint goes to every witness of the policy, their cosignatures come
back, and nothing waits for them.

One task per witness and one target for all: a checkpoint, sent until the quorum has cosigned it or
its time is over; then the newest one is the target. So a slow or dead witness delays nobody, and
the cosignatures that make a quorum are always on the same tree. Acts do not wait for any of this.

A witness that has seen more of our log than we have, signed by our own keys, proves that this node
was restored from an old backup or that its keys are used elsewhere: the alarm, after which nothing
more may be signed. What a witness merely says proves nothing.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import httpx

from entrepot.kernel.checkpoint import LogKeys, SignedCheckpoint
from entrepot.kernel.cosignature import VerifiedSignature, open_own_checkpoint, with_cosignatures
from entrepot.kernel.errors import Error, StorageError, VerificationError
from entrepot.kernel.note import NoteSignature, VerifierKey
from entrepot.kernel.policy import Policy
from entrepot.node.witnessing.asking import (
    Asked,
    Behind,
    Rejected,
    Unreachable,
    ask_for_latest,
    ask_to_cosign,
    said,
    witness_client,
    witnesses_of,
)

POLL_S: Final = 0.25
"""How often a witness's task looks for a new target; a look costs nothing."""
TARGET_S: Final = 15.0
"""A target that the quorum has not cosigned by then is given up for the newest checkpoint."""
REFRESH_S: Final = 600.0
"""A log that does not grow has its newest checkpoint cosigned again this often."""
BACKOFF_MAX_S: Final = 300.0
CONFLICTS_MAX: Final = 3
LOG: Final = logging.getLogger("entrepot.witnessing")


class OwnLog(Protocol):
    """What the feeder needs of our log; called from threads."""

    def newest(self) -> bytes:
        """Return the newest published checkpoint."""

    def proof(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency proof between two published sizes."""

    def root(self, size: int) -> bytes:
        """Return the root our tree had at a size up to the newest."""


@dataclass(slots=True)
class Standing:
    """How it stands with one witness; read by metrics and by `entrepot witness list`."""

    name: str
    url: str
    size: int | None = None
    """Largest size it is known to have cosigned."""
    at: int | None = None
    """Time of its newest cosignature, POSIX seconds, by its own clock."""
    cosigned_at: float | None = None
    """When we got it, by our own monotonic clock."""
    behind_since: float | None = None
    """Since when there is a checkpoint that it has not cosigned; None when there is none."""
    done: bytes = b""
    """The checkpoint it cosigned last, as we sent it."""
    failures: int = 0
    """Failures in a row; the pause before the next try doubles with each."""
    error: str = ""


@dataclass(slots=True)
class _Target:
    seen: SignedCheckpoint
    begun: float
    lines: dict[tuple[str, bytes], NoteSignature] = field(default_factory=dict)
    keys: set[VerifierKey] = field(default_factory=set)
    satisfied: bool = False


@dataclass(slots=True)
class Feeder:
    """Feeds one log to the witnesses of one policy. `run` until cancelled."""

    log: OwnLog
    keys: LogKeys
    policy: Policy
    keep: Callable[[SignedCheckpoint], None]
    """Called in a thread with a checkpoint and cosignatures that satisfy the policy."""
    on_alarm: Callable[[StorageError], None]
    """Called in a thread when a witness proves that our log went back or forked."""
    every_s: float = 5.0
    """Pause after the first failure of a witness."""
    refresh_s: float = REFRESH_S
    standings: dict[str, Standing] = field(default_factory=dict)
    alarm: StorageError | None = None
    _target: _Target | None = None
    _moving: asyncio.Lock = field(default_factory=asyncio.Lock)
    _keeping: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Feed every witness until cancelled, or until the alarm."""
        asked = witnesses_of(self.policy)
        for one in asked:
            self.standings[one.url] = Standing(one.name, one.url)
        async with witness_client() as client, asyncio.TaskGroup() as group:
            for one in asked:
                group.create_task(self._follow(client, one))

    def lags_s(self) -> dict[str, float]:
        """Return for each witness for how long it has been behind our log, in seconds."""
        now = time.monotonic()
        return {
            url: 0.0 if one.behind_since is None else now - one.behind_since
            for url, one in self.standings.items()
        }

    async def _follow(self, client: httpx.AsyncClient, asked: Asked) -> None:
        """Bring one witness up to every target, with pauses that double while it fails."""
        standing = self.standings[asked.url]
        while self.alarm is None:
            try:
                target = await self._next_target()
                if self._is_done(standing, target):
                    await asyncio.sleep(POLL_S)
                    continue
                await self._feed(client, asked, standing, target)
                standing.failures, standing.error = 0, ""
            except Error as error:
                standing.failures += 1
                standing.error = said(error)
                level = logging.WARNING if standing.failures == 1 else logging.DEBUG
                LOG.log(level, "witness", extra={"url": asked.url, "said": standing.error})
                await asyncio.sleep(self._pause_s(standing.failures))

    def _pause_s(self, failures: int) -> float:
        whole = min(BACKOFF_MAX_S, self.every_s * 2.0 ** min(failures - 1, 16))
        return whole * (0.5 + random.random() / 2)  # noqa: S311 - spreads retries, no secret

    def _is_done(self, standing: Standing, target: _Target) -> bool:
        if standing.cosigned_at is None or standing.done != target.seen.raw:
            return False
        return time.monotonic() - standing.cosigned_at < self.refresh_s

    async def _next_target(self) -> _Target:
        """Return the target, after moving it on when it has had its time."""
        async with self._moving:
            target = self._target
            if target is not None and not target.satisfied:
                if time.monotonic() - target.begun < TARGET_S:
                    return target
            raw = await asyncio.to_thread(self.log.newest)
            if target is None or raw != target.seen.raw:
                seen = open_own_checkpoint(raw, self.keys)
                target = self._target = _Target(seen, time.monotonic())
                target.satisfied = self.policy.accepts(())
                for standing in self.standings.values():
                    standing.behind_since = standing.behind_since or target.begun
            return target

    async def _feed(
        self, client: httpx.AsyncClient, asked: Asked, standing: Standing, target: _Target
    ) -> None:
        """Ask one witness to cosign the target, from the size it has, at most a few times."""
        size = target.seen.checkpoint.size
        old = min(standing.size, size) if standing.size is not None else 0
        for _attempt in range(CONFLICTS_MAX):
            proof = await asyncio.to_thread(self.log.proof, old, size)
            answer = await ask_to_cosign(client, asked, target.seen, old=old, proof=proof)
            if isinstance(answer, Behind):
                if answer.size > size:
                    await self._is_ahead(client, asked, standing, answer.size)
                    return
                old = standing.size = answer.size
                continue
            if isinstance(answer, Rejected):
                if answer.status == 422:
                    await self._compare(client, asked)
                raise Unreachable(f"witness refused: {answer.status} {answer.said}")
            await self._collect(target, answer)
            standing.at = max(found.at or 0 for found in answer)
            self._note_done(standing, target)
            return
        raise Unreachable("witness names another size each time", value=asked.url)

    def _note_done(self, standing: Standing, target: _Target) -> None:
        standing.size, standing.cosigned_at = target.seen.checkpoint.size, time.monotonic()
        standing.done = target.seen.raw
        newest = self._target or target
        standing.behind_since = None if newest is target else newest.begun

    async def _collect(self, target: _Target, found: Sequence[VerifiedSignature]) -> None:
        """Add cosignatures to their target, and keep it whenever it satisfies the policy."""
        for one in found:
            target.lines[one.line.name, one.line.key_id] = one.line
            target.keys.add(one.key)
        if self.policy.accepts(target.keys):
            async with self._keeping:  # the fuller of two notes must not be kept first
                whole = with_cosignatures(target.seen, target.lines.values())
                await asyncio.to_thread(self.keep, whole)
            target.satisfied = True

    async def _is_ahead(
        self, client: httpx.AsyncClient, asked: Asked, standing: Standing, size: int
    ) -> None:
        """Take note of a witness ahead of our target; the alarm when it is ahead of our log."""
        newest = open_own_checkpoint(await asyncio.to_thread(self.log.newest), self.keys)
        if size <= newest.checkpoint.size:  # another process of this node was faster
            standing.size = size
            if self._target is not None and self._target.seen.checkpoint.size < size:
                self._target.satisfied = True  # it cannot be cosigned any more: move on
            return
        await self._compare(client, asked)
        raise Unreachable(
            f"witness says that it saw {size:,} entries of our log, and does not prove it"
        )

    async def _compare(self, client: httpx.AsyncClient, asked: Asked) -> None:
        """Compare what a witness publishes of us with our tree; raise the alarm on proof."""
        seen = await ask_for_latest(client, asked, self.keys.origin, self.keys.verifiers())
        if seen is None:
            return
        try:
            await asyncio.to_thread(require_ours, seen, self.log, self.keys, asked.url)
        except VerificationError as error:
            self.alarm = StorageError(error.what, value=error.value, remedy=error.remedy)
            LOG.critical("alarm", extra={"url": asked.url, "said": said(error)})
            await asyncio.to_thread(self.on_alarm, self.alarm)
            raise


def require_ours(seen: SignedCheckpoint, log: OwnLog, keys: LogKeys, where: str) -> None:
    """Return if a checkpoint that our own keys signed is of our present tree.

    Raises VerificationError when it is larger than our tree, or of another history.
    """
    found, newest = seen.checkpoint, open_own_checkpoint(log.newest(), keys).checkpoint
    if found.size > newest.size:
        raise VerificationError(
            f"a witness holds our checkpoint for {found.size:,} entries, but this log has only "
            f"{newest.size:,}: it was restored from an old backup",
            value=where,
            remedy="restore the newest backup, or fetch what is missing from a mirror; a log that "
            "signed again from here would fork",
        )
    if log.root(found.size) != found.root:
        raise VerificationError(
            f"a witness holds our checkpoint for {found.size:,} entries of another history",
            value=where,
            remedy="stop every process that holds the keys of this log; keep the witness's "
            "checkpoint: it proves the fork",
        )
