"""A witness (C2SP tlog-witness v1.0.0): the rules by which it cosigns the checkpoints of logs.

Pure: what the witness last cosigned is an argument, the answer is a value. Reading the request,
the checks in the order of the specification, and the status code of each. Keeping the memory,
atomically, is `entrepot.node.witnessing.memory`; HTTP is `entrepot.node.witnessing.routes`. The
optional sign-subtree call is not offered: nothing here cosigns subtrees.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from entrepot.kernel.checkpoint import Checkpoint, SignedCheckpoint, read_checkpoint
from entrepot.kernel.cosignature import Cosigner, VerifiedSignature, verified_signatures
from entrepot.kernel.encoding import from_base64, to_base64
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.merkle import EMPTY_ROOT, HASH_BYTES, SIZE_MAX, verify_consistency
from entrepot.kernel.note import VerifierKey, format_note

PROOF_LINES_MAX: Final = 63
"""Most lines of a consistency proof (C2SP tlog-witness, "add-checkpoint")."""
REQUEST_MAX_BYTES: Final = 1 << 18
"""Largest request: 63 proof lines and a note with 64 signatures of ML-DSA-44 fit."""
SIZE_TYPE: Final = "text/x.tlog.size"
NOTE_TYPE: Final = "text/plain; charset=utf-8"

_OLD = re.compile(rb"old (0|[1-9][0-9]{0,18})")


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A read request: size of the last cosigned checkpoint, proof from there, new checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    seen: SignedCheckpoint


@dataclass(frozen=True, slots=True)
class WatchedLog:
    """A log the witness cosigns for: its origin and the keys it trusts for it."""

    origin: str
    keys: tuple[VerifierKey, ...]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the witness last cosigned for an origin: size, root, time (POSIX seconds)."""

    size: int
    root: bytes
    at: int


NOTHING: Final = Remembered(0, EMPTY_ROOT, 0)
"""The memory of a log that was never cosigned."""


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """An HTTP answer: status, media type and body."""

    status: int
    body: bytes
    media_type: str = NOTE_TYPE


@dataclass(frozen=True, slots=True)
class Cosigning:
    """What is to be remembered before the answer goes out, and the note to publish."""

    remembered: Remembered
    note: bytes
    answer: WitnessAnswer


def origin_hash(origin: str) -> str:
    """Return the hex SHA-256 of an origin, the name of its place below the monitoring prefix."""
    return sha256(origin.encode()).hexdigest()


def format_add_checkpoint(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of an add-checkpoint request."""
    lines = [f"old {old}", *(to_base64(item) for item in proof), ""]
    return "".join(line + "\n" for line in lines).encode() + note


def parse_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of an add-checkpoint request strictly, or raise InvalidInput (status 400)."""
    if len(body) > REQUEST_MAX_BYTES:
        raise InvalidInput("request is too large", value=f"{len(body):,} bytes")
    head, separator, note = body.partition(b"\n\n")
    lines = head.split(b"\n")
    old = _OLD.fullmatch(lines[0])
    if not separator or old is None or int(old[1]) > SIZE_MAX:
        raise InvalidInput("a request is an old size, a proof, an empty line and a checkpoint")
    if len(lines) - 1 > PROOF_LINES_MAX:
        raise InvalidInput("proof has more than 63 lines", value=len(lines) - 1)
    proof = tuple(_proof_line(line) for line in lines[1:])
    return AddCheckpoint(int(old[1]), proof, read_checkpoint(note))


def _proof_line(line: bytes) -> bytes:
    try:
        item = from_base64(line.decode("ascii"))
    except UnicodeDecodeError:
        raise InvalidInput("proof line is not base64") from None
    if len(item) != HASH_BYTES:
        raise InvalidInput("proof line is not a 32-byte hash", value=len(item))
    return item


def authenticate(
    request: AddCheckpoint, log: WatchedLog | None
) -> tuple[VerifiedSignature, ...] | WitnessAnswer:
    """Return the log's signatures on the checkpoint, or the refusal: 404, 403, 400.

    The first half of the checks: those that need no memory, so that they run outside the
    transaction.
    """
    origin = request.seen.checkpoint.origin
    if log is None or log.origin != origin:
        return _refusal(404, "this witness does not know the log")
    try:
        signatures = verified_signatures(request.seen, log.keys)
    except VerificationError:
        return _refusal(403, "a signature by a trusted key of the log does not hold")
    if not signatures:
        return _refusal(403, "no signature by a trusted key of the log")
    if request.old > request.seen.checkpoint.size:
        return _refusal(400, "old size is larger than the checkpoint")
    return signatures


def check_growth(request: AddCheckpoint, last: Remembered) -> WitnessAnswer | None:
    """Return the refusal when the checkpoint does not follow what was last cosigned: 409, 422.

    None when it does. The second half of the checks; the caller holds the memory of this log
    still from before the call until the new state is written.
    """
    new = request.seen.checkpoint
    if request.old != last.size:
        return WitnessAnswer(409, f"{last.size}\n".encode(), SIZE_TYPE)
    try:
        verify_consistency(last.size, last.root, new.size, new.root, request.proof)
    except VerificationError as error:
        return _refusal(422, error.what)
    return None


def cosign(
    request: AddCheckpoint,
    signatures: Sequence[VerifiedSignature],
    cosigner: Cosigner,
    *,
    last: Remembered,
    now: int,
) -> Cosigning:
    """Return the cosignatures of a checkpoint that passed both halves of the checks.

    The time never runs backwards for one log, whatever the clock does. The note for the
    monitoring prefix carries the log's verified signatures and ours, nothing else.
    """
    seen = request.seen
    at = max(now, last.at)
    lines = cosigner.cosign(seen, at)
    note = format_note(seen.note.text, [*(found.line for found in signatures), *lines])
    body = "".join(line.line() for line in lines).encode()
    checkpoint: Checkpoint = seen.checkpoint
    remembered = Remembered(checkpoint.size, checkpoint.root, at)
    return Cosigning(remembered, note, WitnessAnswer(200, body))


def malformed(error: InvalidInput) -> WitnessAnswer:
    """Return the answer to a request that cannot be read: 400."""
    return _refusal(400, str(error.what))


def _refusal(status: int, what: str) -> WitnessAnswer:
    return WitnessAnswer(status, f"{what}\n".encode())
