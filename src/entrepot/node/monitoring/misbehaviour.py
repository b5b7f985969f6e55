"""Proof that a log misbehaved: a file that convinces anyone who has the log's keys, offline.

    fork        two checkpoints signed by the log, of which neither continues the other
    rollback    two checkpoints by the log, the later one smaller (its ML-DSA-44 cosignature is a
                statement that it is the largest tree at its time; C2SP tlog-cosignature)
    testimony   what a place served that no log signed, or that does not fit together; it says
                what the monitor saw and proves nothing about the log's keys

For trees of different sizes a fork is shown with a consistency path of the newer tree: it leads
to the newer root, and its first entries to another root than the older checkpoint signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from entrepot.kernel.checkpoint import SignedCheckpoint
from entrepot.kernel.cosignature import log_time, open_checkpoint
from entrepot.kernel.encoding import from_base64, to_base64
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.merkle import consistency_path, root_of, verify_consistency
from entrepot.kernel.note import VerifierKey
from entrepot.kernel.tiles import Read, TileTree

FORMAT: Final = "entrepot-log-misbehaviour-1"
FILE_MAX_BYTES: Final = 4 << 20

Kind = Literal["fork", "rollback", "testimony"]


class Misbehaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file. `first` is the checkpoint with fewer entries, or seen first."""

    kind: Kind
    origin: str
    log: tuple[str, ...]
    """vkeys under which the checkpoints were verified."""
    first: str
    second: str
    first_from: str
    second_from: str
    what: str
    found_at: int
    """POSIX seconds, by the clock of the one who found it."""
    path: tuple[str, ...] = ()
    root: str = ""
    """Root of the second tree's first entries, as many as the first tree has; of a fork."""
    format: str = FORMAT


class Seen(msgspec.Struct, frozen=True):
    """A verified checkpoint and where it was seen."""

    seen: SignedCheckpoint
    where: str


class Unexplained(VerificationError):
    """What a place serves does not fit together, and no signature proves who is at fault."""

    code = "unexplained"


def compare(
    one: Seen, other: Seen, read: Read, keys: Sequence[VerifierKey], now: int
) -> Misbehaviour | None:
    """Return the proof of a fork between two verified checkpoints of one log, or None.

    `read` reads the tiles of the larger tree. Raises Unexplained when they are not its tiles.
    """
    first, second = sorted((one, other), key=lambda item: item.seen.checkpoint.size)
    old, new = first.seen.checkpoint, second.seen.checkpoint
    if old.size == new.size:
        if old.root == new.root:
            return None
        return _fork(first, second, keys, now, path=(), root=new.root)
    try:
        tree = TileTree(new.size, read)
        root = root_of(old.size, tree.node_at)
        path = consistency_path(old.size, new.size, tree.node_at)
        verify_consistency(old.size, root, new.size, new.root, path)
    except VerificationError as error:
        raise Unexplained(
            f"tiles do not lead to the checkpoint that is served with them: {error.what}",
            value=f"{second.where}, {new.size:,} entries",
        ) from error
    if root == old.root:
        return None
    return _fork(first, second, keys, now, path=path, root=root)


def _fork(
    first: Seen,
    second: Seen,
    keys: Sequence[VerifierKey],
    now: int,
    *,
    path: Sequence[bytes],
    root: bytes,
) -> Misbehaviour:
    sizes = f"{first.seen.checkpoint.size:,} and {second.seen.checkpoint.size:,} entries"
    return Misbehaviour(
        "fork",
        first.seen.checkpoint.origin,
        tuple(key.vkey() for key in keys),
        first.seen.raw.decode(),
        second.seen.raw.decode(),
        first.where,
        second.where,
        f"the log signed two histories: {sizes}",
        now,
        tuple(to_base64(item) for item in path),
        to_base64(root),
    )


def rollback(before: Seen, after: Seen, keys: Sequence[VerifierKey], now: int) -> Misbehaviour:
    """Return what there is to say of a smaller checkpoint after a larger one.

    A proof when the smaller one was signed later; testimony of an old view otherwise (a cache, a
    mirror that stands still, or a log that hides).
    """
    times = [log_time(item.seen, keys) for item in (before, after)]
    proven = times[0] is not None and times[1] is not None and times[1] > times[0]
    sizes = f"{after.seen.checkpoint.size:,} after {before.seen.checkpoint.size:,} entries"
    said = "signed later" if proven else "an old view"
    return Misbehaviour(
        "rollback" if proven else "testimony",
        before.seen.checkpoint.origin,
        tuple(key.vkey() for key in keys),
        before.seen.raw.decode(),
        after.seen.raw.decode(),
        before.where,
        after.where,
        f"the log went back: {sizes}, {said}",
        now,
    )


def testimony(  # noqa: PLR0913 - the parts of one file
    origin: str, keys: Sequence[VerifierKey], first: bytes, second: bytes, *, where: str,
    what: str, now: int
) -> Misbehaviour:  # fmt: skip
    """Return a record of something served that proves nothing by itself."""
    vkeys = tuple(key.vkey() for key in keys)
    one, other = (content[:200_000].decode("utf-8", "replace") for content in (first, second))
    return Misbehaviour("testimony", origin, vkeys, one, other, "", where, what, now)


def encode_misbehaviour(found: Misbehaviour) -> bytes:
    """Return the bytes of the file: JSON that people can read."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def decode_misbehaviour(content: bytes) -> Misbehaviour:
    """Read the file strictly, or raise InvalidInput."""
    if len(content) > FILE_MAX_BYTES:
        raise InvalidInput("file is too large to be a proof of misbehaviour", value=len(content))
    try:
        found = msgspec.json.decode(content, type=Misbehaviour)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidInput("not a proof of misbehaviour", value=error) from error
    if found.format != FORMAT:
        raise InvalidInput("format is not known here", value=found.format)
    return found


def verify_misbehaviour(found: Misbehaviour, keys: Sequence[VerifierKey]) -> str:
    """Return in one sentence what the file proves of the log with these keys.

    The keys are the verifier's own, never those in the file. Raises VerificationError when it
    proves nothing.
    """
    if found.kind == "testimony":
        raise VerificationError("the file is testimony: it proves nothing of the log's keys")
    first, second = (
        open_checkpoint(note.encode("utf-8", "surrogatepass"), keys, origin=found.origin)
        for note in (found.first, found.second)
    )
    if found.kind == "rollback":
        return _verify_rollback(first, second, keys)
    old, new = first.checkpoint, second.checkpoint
    try:
        root = from_base64(found.root)
        path = [from_base64(item) for item in found.path]
    except InvalidInput as error:
        raise VerificationError(error.what, value=error.value) from error
    verify_consistency(old.size, root, new.size, new.root, path)
    if root == old.root:
        raise VerificationError("the two checkpoints are consistent: no fork is proven")
    return (
        f"{found.origin} signed two histories: at {old.size:,} entries one has the root "
        f"{to_base64(old.root)}, the other {found.root}"
    )


def _verify_rollback(
    before: SignedCheckpoint, after: SignedCheckpoint, keys: Sequence[VerifierKey]
) -> str:
    times = [log_time(item, keys) for item in (before, after)]
    sizes = before.checkpoint.size, after.checkpoint.size
    if times[0] is None or times[1] is None or times[1] <= times[0] or sizes[1] >= sizes[0]:
        raise VerificationError("no later and smaller checkpoint: no rollback is proven")
    return (
        f"{before.checkpoint.origin} said at {times[1]:,} that its largest tree has "
        f"{sizes[1]:,} entries, after it had signed {sizes[0]:,} at {times[0]:,}"
    )
