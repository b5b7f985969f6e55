"""One look at a log: numbered checks, from the checkpoint's signatures to the last entry.

    1  the checkpoint is signed by the log, and cosigned as the policy asks
    2  it continues what this monitor saw before (no rollback, no fork)
    3  its root is computed from the entries themselves, downloaded and hashed
    4  what mirrors serve is of the same tree
    5  what the witnesses have cosigned is of the same tree

A failed check is a finding: a proof where the log's own signatures prove it, testimony otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from entrepot.kernel.cosignature import (
    VerifiedSignature,
    log_time,
    open_checkpoint,
    verified_signatures,
)
from entrepot.kernel.errors import Error, VerificationError
from entrepot.kernel.note import VerifierKey
from entrepot.kernel.policy import Policy, verify_under_policy
from entrepot.kernel.tiles import WIDTH, Edge, Read, Tile, decode_bundle, tile_at
from entrepot.kernel.witness import origin_hash
from entrepot.node.monitoring.mentions import Mention, Tally, read_entries
from entrepot.node.monitoring.misbehaviour import (
    Misbehaviour,
    Seen,
    Unexplained,
    compare,
    rollback,
    testimony,
)
from entrepot.node.monitoring.sources import Source
from entrepot.node.monitoring.state import MENTIONS_MAX, State
from entrepot.node.witnessing.asking import ANSWER_MAX_BYTES, Unreachable, said, witnesses_of

AT_ONCE_MAX_BYTES: Final = 32 << 20
"""Entries downloaded before they are hashed and remembered; bounds memory."""
FUTURE_S: Final = 600
"""A cosignature this far ahead of our clock is refused."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is followed: the log's keys, the policy, parties, and where else to look."""

    origin: str
    keys: tuple[VerifierKey, ...]
    policy: Policy | None = None
    parties: tuple[str, ...] = ()
    mirrors: tuple[Source, ...] = ()
    read_entries: bool = True
    keep: Callable[[State], None] = lambda _state: None
    """Called on the way through a long log, so that an interrupted look goes on where it was."""


@dataclass(slots=True)
class Look:
    """What one look found."""

    size: int = 0
    grown: int = 0
    """Entries since the last look."""
    signed_at: int | None = None
    """When the log signed, by its own word; None where its key type does not say."""
    cosignatures: tuple[VerifiedSignature, ...] = ()
    mentions: list[Mention] = field(default_factory=list)
    misbehaviour: list[Misbehaviour] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    """What could not be checked this time: an unreachable mirror or witness, a missing bundle."""
    witness_sizes: dict[str, int | None] = field(default_factory=dict)

    def age_s(self, now: int) -> int | None:
        """Return how old the newest word on the checkpoint is, seconds; None when nobody says."""
        times = [one.at for one in self.cosignatures if one.at is not None]
        newest = max([*times, *([self.signed_at] if self.signed_at is not None else [])], default=0)
        return max(0, now - newest) if newest else None


def look(source: Source, watched: Watched, state: State, now: int) -> Look:
    """Look at a log once and bring `state` forward; `now` is POSIX seconds.

    Findings are in the look; after one, the state stays where it was. Raises Unreachable and
    StorageError when the log itself cannot be read.
    """
    found = Look()
    raw = source.read("checkpoint")
    if raw is None:
        raise Unreachable("log serves no checkpoint", value=source.where)
    before = _before(state, watched)
    fresh = _verified(raw, source.where, watched, found, state, now)
    if fresh is None:
        return found
    found.size = fresh.seen.checkpoint.size
    found.signed_at = log_time(fresh.seen, watched.keys)
    newest = _continues(before, fresh, source, watched, state, found, now)
    if newest is not None and not found.misbehaviour:
        found.grown = newest.seen.checkpoint.size - (before.seen.checkpoint.size if before else 0)
        if watched.read_entries:
            _read_on(newest, source, watched, state, found, now)
        if not found.misbehaviour:
            state.note, state.where = newest.seen.raw.decode(), newest.where
    _compare_elsewhere(newest or fresh, source, watched, found, now)
    is_behind = any((size or 0) > found.size for size in found.witness_sizes.values())
    state.behind_since = (state.behind_since or now) if is_behind else 0
    state.looked_at = now
    return found


def _before(state: State, watched: Watched) -> Seen | None:
    """Return the checkpoint this monitor remembers, verified again under the keys of today."""
    if not state.note:
        return None
    seen = open_checkpoint(state.note.encode(), watched.keys, origin=watched.origin)
    return Seen(seen, state.where)


def _verified(
    raw: bytes, where: str, watched: Watched, found: Look, state: State, now: int
) -> Seen | None:
    """Step 1. Return the checkpoint if the log signed it, else None; note what does not hold.

    One that only lacks its quorum is compared all the same: that may prove why it does.
    """
    seen = None
    try:
        seen = open_checkpoint(raw, watched.keys, origin=watched.origin, latest=now + FUTURE_S)
        if watched.policy is not None:
            verdict = verify_under_policy(
                raw, watched.policy, log=watched.keys, latest=now + FUTURE_S
            )
            found.cosignatures = verdict.cosignatures
    except VerificationError as error:
        last = state.note.encode()
        what = f"the checkpoint served does not hold: {said(error)}"
        found.misbehaviour.append(
            testimony(watched.origin, watched.keys, last, raw, where=where, what=what, now=now)
        )
    return None if seen is None else Seen(seen, where)


def _with_own_edge(state: State, read: Read) -> Read:
    """Return a reader that knows the right edge of the tree we read, whatever is served today."""
    edge = state.edge()
    own = {
        Tile(level, edge.size >> 8 * (level + 1), len(hashes)).path: b"".join(hashes)
        for level, hashes in enumerate(edge.levels)
        if hashes
    }
    return lambda name: own.get(name) or read(name)


def _continues(  # noqa: PLR0913 - the parts of one look
    before: Seen | None,
    fresh: Seen,
    source: Source,
    watched: Watched,
    state: State,
    found: Look,
    now: int,
) -> Seen | None:
    """Step 2. Return the checkpoint to go on with, or None after a fork or rollback."""
    if before is None:
        return None if found.misbehaviour else fresh
    is_smaller = fresh.seen.checkpoint.size < before.seen.checkpoint.size
    read = _with_own_edge(state, source.read) if is_smaller else source.read
    if _compared(before, fresh, read, watched, found, now) is not None:
        return None
    if is_smaller:
        found.misbehaviour.append(rollback(before, fresh, watched.keys, now))
        return None
    return None if found.misbehaviour else fresh


def _compared(
    one: Seen, other: Seen, read: Read, watched: Watched, found: Look, now: int
) -> Misbehaviour | None:
    """Compare two checkpoints with the tiles of the larger; add proof or testimony to the look."""
    try:
        proof = compare(one, other, read, watched.keys, now)
    except Unexplained as error:
        found.misbehaviour.append(
            testimony(
                watched.origin,
                watched.keys,
                one.seen.raw,
                other.seen.raw,
                where=other.where,
                what=said(error),
                now=now,
            )
        )
        return None
    if proof is not None:
        found.misbehaviour.append(proof)
    return proof


def _read_on(
    fresh: Seen, source: Source, watched: Watched, state: State, found: Look, now: int
) -> None:
    """Step 3. Download what is new, hash it into the edge, and compare the root."""
    target = fresh.seen.checkpoint
    edge, tally, mentions = state.edge(), state.tally, list(state.mentions)
    while edge.size < target.size:
        entries: list[bytes] = []
        first = edge.size
        size_bytes = 0
        while first + len(entries) < target.size and size_bytes < AT_ONCE_MAX_BYTES:
            at = first + len(entries)
            bundle = _bundle(source, at // WIDTH, target.size)
            if bundle is None:
                found.troubles.append(f"entries from {at:,} on are not served")
                return
            entries += bundle[at % WIDTH :]
            size_bytes += sum(map(len, bundle))
        for start in range(0, len(entries), 4_096):
            edge = edge.append(entries[start : start + 4_096])[0]
        said_of = read_entries(entries, first, parties=watched.parties, known=mentions, tally=tally)
        mentions += [mention.index for mention in said_of]
        found.mentions += said_of
        if edge.size < target.size:
            _remember(state, edge, mentions)
            watched.keep(state)
    if edge.root != target.root:
        _remember(state, Edge(), [])  # whatever was wrong, the next look reads from the start
        state.tally = Tally()
        found.misbehaviour.append(
            testimony(
                watched.origin,
                watched.keys,
                state.note.encode(),
                fresh.seen.raw,
                where=source.where,
                now=now,
                what=f"the {target.size:,} entries served do not give the root that was signed",
            )
        )
        return
    _remember(state, edge, mentions)


def _remember(state: State, edge: Edge, mentions: list[int]) -> None:
    state.take_edge(edge)
    state.mentions = mentions[-MENTIONS_MAX:]


def _bundle(source: Source, number: int, size: int) -> list[bytes] | None:
    """Return the entries of one bundle, or None when it is not served or not what it says."""
    tile = tile_at(-1, number, size)
    content = source.read(tile.path)
    width = tile.width
    if content is None and width < WIDTH:
        content, width = source.read(Tile(-1, number, WIDTH).path), WIDTH
    if content is None:
        return None
    try:
        return decode_bundle(content, width)[: tile.width]
    except VerificationError:
        return None


def _compare_elsewhere(
    fresh: Seen, source: Source, watched: Watched, found: Look, now: int
) -> None:
    """Steps 4 and 5. Compare with mirrors and witnesses; who does not answer is a trouble."""
    for mirror in watched.mirrors:
        try:
            raw = mirror.read("checkpoint")
            if raw is None:
                raise Unreachable("mirror serves no checkpoint", value=mirror.where)
            _compare_with(raw, mirror.where, fresh, (source, mirror), watched, found, now)
        except Error as error:
            found.troubles.append(said(error))
    for asked in witnesses_of(watched.policy) if watched.policy is not None else ():
        url = f"{asked.url}/{origin_hash(watched.origin)}/checkpoint"
        try:
            raw = source.read_url(url, ANSWER_MAX_BYTES)
            if raw is None:
                found.witness_sizes[asked.url] = None
                continue
            seen = open_checkpoint(raw, watched.keys, origin=watched.origin)
            if not verified_signatures(seen, asked.keys):
                raise VerificationError("witness serves what it did not cosign", value=url)
            found.witness_sizes[asked.url] = seen.checkpoint.size
            _compare_with(raw, url, fresh, (source, *watched.mirrors), watched, found, now)
        except Error as error:
            found.troubles.append(said(error))


def _compare_with(  # noqa: PLR0913 - the parts of one look
    raw: bytes,
    where: str,
    fresh: Seen,
    sources: Sequence[Source],
    watched: Watched,
    found: Look,
    now: int,
) -> None:
    """Compare a checkpoint seen elsewhere with ours, by the tiles of whoever has the larger tree.

    Where nobody shows the tiles of the larger tree there is no proof yet: a trouble, and the next
    look tries again. Raises VerificationError when the log did not sign it.
    """
    other = Seen(open_checkpoint(raw, watched.keys, origin=watched.origin), where)
    trouble = ""
    for source in sources:
        try:
            proof = compare(fresh, other, source.read, watched.keys, now)
        except Unexplained as error:
            trouble = said(error)
            continue
        if proof is not None:
            found.misbehaviour.append(proof)
        return
    found.troubles.append(f"{where}: cannot be compared: {trouble}")
