"""The feeder of a running node: started with it, stopped with it, only where the log is written."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import msgspec

from entrepot.kernel.checkpoint import SignedCheckpoint, format_tlog_proof, read_checkpoint
from entrepot.kernel.errors import Error, NotFound, StorageError
from entrepot.kernel.logfiles import CHECKPOINT
from entrepot.kernel.merkle import inclusion_path
from entrepot.kernel.policy import KnownLog, Policy, format_policy
from entrepot.kernel.tiles import Read, TileTree
from entrepot.node.running import Running
from entrepot.node.witnessing import memory
from entrepot.node.witnessing.feeding import Feeder
from entrepot.node.witnessing.published import (
    POLICY_FILE,
    LogReader,
    public_checkpoint,
    read_policy,
)

FOLLOWER_LOOKS_S: Final = 5.0
"""How often a process that only follows looks whether it writes now."""
LOG: Final = logging.getLogger("entrepot.witnessing")
_FEEDERS: Final[dict[str, Feeder]] = {}
_POLICIES: Final[dict[str, tuple[tuple[int, ...], Policy | None]]] = {}


class WitnessStanding(msgspec.Struct, frozen=True):
    """How it stands with one witness of this node, for metrics and pages."""

    name: str
    url: str
    size: int | None
    at: int | None
    lag_s: float
    failures: int
    error: str


async def feed(running: Running) -> None:
    """Feed this node's log to the witnesses of its policy until cancelled.

    Does nothing without a policy. On the alarm (see `feeding`) the intake is closed: the node goes
    on answering reads, and signs nothing more.
    """
    if running.node.store.held():  # followers answer as witnesses too, and cannot make tables
        await asyncio.to_thread(memory.ensure_tables, running.node.store)
    policy = read_policy(running.home, running.settings.witnessing.policy_file)
    if policy is None or not any(witness.url for witness in policy.witnesses):
        return
    origin = running.node.signer.origin

    def keep(whole: SignedCheckpoint) -> None:
        memory.keep_cosigned(running.node.store, origin, whole.checkpoint.size, whole.raw)

    def stop_signing(alarm: StorageError) -> None:
        LOG.critical("signing stopped", extra={"said": str(alarm)})
        running.intake.close()

    while True:
        if running.node.store.held():
            feeder = Feeder(
                LogReader(_reader(running)),
                running.node.signer.keys,
                policy,
                keep,
                stop_signing,
                every_s=float(running.settings.witnessing.every_s),
            )
            _FEEDERS[str(running.home)] = feeder
            await _run_while_leading(running, feeder)
            if feeder.alarm is not None:
                return
        await asyncio.sleep(FOLLOWER_LOOKS_S)


async def _run_while_leading(running: Running, feeder: Feeder) -> None:
    """Run the feeder until this process no longer writes the log, or the alarm."""
    task = asyncio.create_task(feeder.run())
    try:
        while not task.done() and await asyncio.to_thread(_leads, running):
            await asyncio.wait({task}, timeout=FOLLOWER_LOOKS_S)
    finally:
        task.cancel()
        (ended,) = await asyncio.gather(task, return_exceptions=True)
        if isinstance(ended, Exception):  # our own mistake: told, and begun again after a pause
            LOG.error("defect", exc_info=ended)


def _leads(running: Running) -> bool:
    try:
        return running.node.store.held()
    except Error:
        return False


def standings(running: Running) -> list[WitnessStanding]:
    """Return how it stands with every witness of this node; empty where nothing is fed."""
    feeder = _FEEDERS.get(str(running.home))
    if feeder is None:
        return []
    lags = feeder.lags_s()
    return [
        WitnessStanding(
            one.name, one.url, one.size, one.at, lags.get(url, 0.0), one.failures, one.error
        )
        for url, one in feeder.standings.items()
    ]


def alarm_of(running: Running) -> StorageError | None:
    """Return the proof-backed reason for which this node signs nothing more, or None."""
    feeder = _FEEDERS.get(str(running.home))
    return None if feeder is None else feeder.alarm


def checkpoint_to_show(running: Running) -> bytes:
    """Return what `/log/checkpoint` answers (see `published.public_checkpoint`)."""
    node = running.node
    policy = _policy_of(running)
    return public_checkpoint(_reader(running), node.store, node.signer.origin, policy)


def witnessed_proof(running: Running, index: int) -> bytes:
    """Return the C2SP tlog-proof of an entry under the checkpoint this node shows.

    Raises NotFound when the entry is not, or not yet, under one.
    """
    note = checkpoint_to_show(running)
    size = read_checkpoint(note).checkpoint.size
    if not 0 <= index < size:
        raise NotFound(
            "entry is not under the checkpoint that is shown",
            value=f"{index:,} of {size:,}",
            remedy="ask again in a while: witnesses follow the log",
        )
    tree = TileTree(size, running.node.log.files.read)
    return format_tlog_proof(index, inclusion_path(index, size, tree.node_at), note)


def _reader(running: Running) -> Read:
    """Return what reads our log: the checkpoint from memory, since it is asked for all the time."""

    def read(name: str) -> bytes | None:
        log = running.node.log
        return log.checkpoint() if name == CHECKPOINT else log.files.read(name)

    return read


def policy_to_show(running: Running) -> bytes:
    """Return the policy of this node with its own log in it, for whoever verifies offline.

    Raises NotFound when the node has none. Whoever relies on it chooses the witnesses, not we.
    """
    policy = _policy_of(running)
    if policy is None:
        raise NotFound("this node has no policy of witnesses")
    keys = running.node.signer.keys.verifiers()
    ours = tuple(KnownLog(key, f"{running.url}/log") for key in keys)
    return format_policy(Policy(ours, policy.witnesses, policy.groups, policy.quorum))


def _policy_of(running: Running) -> Policy | None:
    """Return the policy of a node, read again when its file was replaced."""
    named = running.settings.witnessing.policy_file
    path = Path(named) if named else running.home / POLICY_FILE
    try:
        found = path.stat()
        stamp: tuple[int, ...] = (found.st_mtime_ns, found.st_size, found.st_ino)
    except OSError:
        stamp = ()
    held = _POLICIES.get(str(path))
    if held is None or held[0] != stamp:
        held = _POLICIES[str(path)] = (stamp, read_policy(running.home, named))
    return held[1]
