"""What this node shows of its log to the world, and how its log is read for that.

public_checkpoint   the newest checkpoint the policy is satisfied with, or the newest at all
newest_known        what the witnesses of a policy have seen of a log
require_newest      refuse to go on with a log that witnesses have seen more of
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx

from entrepot.kernel import files
from entrepot.kernel.checkpoint import (
    LogKeys,
    SignedCheckpoint,
    read_checkpoint,
    verify_checkpoint,
)
from entrepot.kernel.cosignature import verified_signatures
from entrepot.kernel.errors import Error, NotFound, StorageError, VerificationError
from entrepot.kernel.home import OPERATOR, OPERATOR_ML_DSA, log_keys
from entrepot.kernel.keys import load_public_key
from entrepot.kernel.logfiles import open_log_files
from entrepot.kernel.merkle import consistency_path, root_of
from entrepot.kernel.policy import Policy, parse_policy
from entrepot.kernel.store import Store
from entrepot.kernel.tiles import Read, TileTree
from entrepot.node.witnessing import memory
from entrepot.node.witnessing.asking import (
    Asked,
    Unreachable,
    ask_for_latest,
    said,
    witness_client,
    witnesses_of,
)
from entrepot.node.witnessing.feeding import require_ours

__all__ = [
    "POLICY_FILE",
    "LogReader",
    "WitnessView",
    "newest_known",
    "public_checkpoint",
    "read_policy",
    "require_newest",
    "require_newest_before_opening",
    "require_ours",
]

POLICY_FILE: Final = "witness.policy"
"""Name of the policy file in a home, unless the settings name another."""


@dataclass(frozen=True, slots=True)
class LogReader:
    """Our own log through its files alone (the `OwnLog` of `feeding`)."""

    read: Read

    def newest(self) -> bytes:
        """Return the newest published checkpoint. Raises NotFound when there is none."""
        note = self.read("checkpoint")
        if note is None:
            raise NotFound("this log has no checkpoint yet")
        return note

    def proof(self, old: int, new: int) -> Sequence[bytes]:
        """Return the consistency proof between two published sizes."""
        return consistency_path(old, new, TileTree(new, self.read).node_at)

    def root(self, size: int) -> bytes:
        """Return the root our tree had at a size up to the newest."""
        newest = read_checkpoint(self.newest()).checkpoint.size
        return root_of(size, TileTree(newest, self.read).node_at)


@dataclass(frozen=True, slots=True)
class WitnessView:
    """What one witness says of a log: its newest checkpoint, None when none, or the error."""

    name: str
    url: str
    seen: SignedCheckpoint | None
    error: str = ""


def read_policy(home: Path, policy_file: str = "") -> Policy | None:
    """Return the policy of a node, or None when it has none. InvalidInput names the line."""
    path = Path(policy_file) if policy_file else home / POLICY_FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        if policy_file:
            raise NotFound("there is no policy file here", value=path) from None
        return None
    except OSError as error:
        raise files.storage_error(error, path) from error
    return parse_policy(content)


def public_checkpoint(read: Read, store: Store, origin: str, policy: Policy | None) -> bytes:
    """Return the checkpoint a node shows: the newest that satisfies its policy.

    The newest at all where no quorum is asked for. `read` reads the log's files.
    Raises NotFound while no checkpoint satisfies the policy yet.
    """
    newest = LogReader(read).newest()
    if policy is None:
        return newest
    cosigned = memory.cosigned(store, origin)
    if policy.accepts(()):
        return cosigned if cosigned is not None and cosigned.startswith(newest) else newest
    if cosigned is None or not _satisfies(cosigned, policy, origin):
        raise NotFound(
            "no checkpoint is cosigned by the quorum of this node's policy yet",
            remedy="ask again in a while: witnesses follow the log",
        )
    return cosigned


@lru_cache(maxsize=8)
def _satisfies(note: bytes, policy: Policy, origin: str) -> bool:
    """Say whether a note we keep satisfies the policy of today, which may have changed since."""
    seen = read_checkpoint(note)
    found = verified_signatures(seen, policy.witness_keys())
    return seen.checkpoint.origin == origin and policy.accepts(one.key for one in found)


def newest_known(
    policy: Policy, keys: LogKeys, *, timeout_s: float = 10.0
) -> tuple[WitnessView, ...]:
    """Ask every witness of a policy for the newest checkpoint it saw of a log, side by side.

    For a restore: a view larger than the log says that the backup is old. Errors are in the views.
    """
    return asyncio.run(_views(witnesses_of(policy), keys, timeout_s))


async def _views(
    asked: Sequence[Asked], keys: LogKeys, timeout_s: float
) -> tuple[WitnessView, ...]:
    async with witness_client() as client:
        views = [_view(client, one, keys, timeout_s) for one in asked]
        return tuple(await asyncio.gather(*views))


async def _view(
    client: httpx.AsyncClient, asked: Asked, keys: LogKeys, timeout_s: float
) -> WitnessView:
    try:
        async with asyncio.timeout(timeout_s):
            seen = await ask_for_latest(client, asked, keys.origin, keys.verifiers())
    except TimeoutError:
        late = Unreachable("witness does not answer in time", value=asked.url)
        return WitnessView(asked.name, asked.url, None, said(late))
    except Error as error:
        return WitnessView(asked.name, asked.url, None, said(error))
    return WitnessView(asked.name, asked.url, seen)


def require_newest_before_opening(
    home: Path, *, log_place: str = "", policy_file: str = ""
) -> None:
    """Refuse to open a home whose log witnesses have seen more of (a restored old backup).

    To be called before `open_node`, which may sign. Does nothing for a new home or without a
    policy. Raises StorageError when a witness proves it; see `require_newest`.
    """
    policy = read_policy(home, policy_file)
    public = [home / "keys" / f"{name}.pub" for name in (OPERATOR, OPERATOR_ML_DSA)]
    if policy is None or not all(path.exists() for path in public):
        return
    keys = log_keys(*(load_public_key(path) for path in public))
    log_files = open_log_files(log_place, home)
    try:
        require_newest(log_files.read, keys, policy)
    except VerificationError as error:
        raise StorageError(error.what, value=error.value, remedy=error.remedy) from error
    finally:
        log_files.close()


def require_newest(
    read: Read, keys: LogKeys, policy: Policy, *, timeout_s: float = 5.0
) -> tuple[WitnessView, ...]:
    """Ask the witnesses what they saw of our log, and return that if it is of our tree.

    Before the first signature after a start: a restored old backup must not sign again. Witnesses
    that do not answer are not waited for; their views say so. Raises VerificationError when one
    holds a larger checkpoint of ours or one of another history; then nothing may be signed.
    """
    log = LogReader(read)
    if read("checkpoint") is None:
        return ()
    verify_checkpoint(log.newest(), keys)
    views = newest_known(policy, keys, timeout_s=timeout_s)
    for view in views:
        if view.seen is not None:
            require_ours(view.seen, log, keys, view.url)
    return views
