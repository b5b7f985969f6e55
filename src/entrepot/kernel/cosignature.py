"""Cosignatures (C2SP tlog-cosignature): a cosigner says that it saw a log grow consistently.

Both types, both ways: Ed25519 (0x04, over two lines and the whole text of the checkpoint) and
ML-DSA-44 (0x06, over a binary structure that names the cosigner). A cosignature means: as of this
time, this is the largest consistent tree I have seen of this log. Also the one lenient way to
verify a note of a checkpoint, as C2SP signed-note says. Which cosigners are enough: `policy`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.kernel.checkpoint import (
    LogKeys,
    SignedCheckpoint,
    cosigned_bytes,
    read_checkpoint,
)
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import PrivateKey
from entrepot.kernel.note import (
    ED25519_COSIGNATURE_TYPE,
    ED25519_TYPE,
    ML_DSA_44_TYPE,
    NoteSignature,
    VerifierKey,
    format_note,
)

TIME_MAX: Final = (1 << 63) - 1
"""Latest time of a cosignature, POSIX seconds (C2SP tlog-cosignature, "Format")."""
_TIME_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature line that holds, by a known key; `at` is its POSIX time, None for type 0x01."""

    key: VerifierKey
    at: int | None
    line: NoteSignature


@dataclass(frozen=True, slots=True)
class Cosigner:
    """Who cosigns: a name and one key of each algorithm, kept for this use alone.

    The Ed25519 message does not name the cosigner, so the key must sign nothing else (C2SP
    tlog-cosignature, "Ed25519 signed message").
    """

    name: str
    ed25519: PrivateKey
    ml_dsa: PrivateKey

    def __post_init__(self) -> None:
        """Hold name and keys to what a vkey may hold. Raises InvalidInput."""
        if len(self.name.encode("utf-8", "replace")) > 255:
            raise InvalidInput("name of a cosigner is longer than 255 bytes", value=self.name)
        self.verifiers()

    def verifiers(self) -> tuple[VerifierKey, VerifierKey]:
        """Return the public half: the Ed25519 key, then the ML-DSA-44 key."""
        return (
            VerifierKey(self.name, ED25519_COSIGNATURE_TYPE, self.ed25519.public),
            VerifierKey(self.name, ML_DSA_44_TYPE, self.ml_dsa.public),
        )

    def cosign(self, seen: SignedCheckpoint, at: int) -> tuple[NoteSignature, NoteSignature]:
        """Return both cosignature lines of a checkpoint at POSIX second `at`."""
        first, second = self.verifiers()
        return (
            _timestamped(first, at, self.ed25519.sign(cosignature_message(seen.note.text, at))),
            _timestamped(
                second, at, self.ml_dsa.sign(cosigned_bytes(seen.checkpoint, second.name, at))
            ),
        )


def _timestamped(key: VerifierKey, at: int, signature: bytes) -> NoteSignature:
    return NoteSignature(key.name, key.key_id, at.to_bytes(_TIME_BYTES, "big") + signature)


def cosignature_message(text: str, at: int) -> bytes:
    """Return the message of an Ed25519 cosignature (type 0x04) over a note text.

    Two lines, then the whole text with its extension lines and last newline. Raises InvalidInput
    for a time that is not in 1 .. 2**63 - 1.
    """
    if not 0 < at <= TIME_MAX:
        raise InvalidInput("a cosignature needs a time", value=at)
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def verify_line(seen: SignedCheckpoint, line: NoteSignature, key: VerifierKey) -> VerifiedSignature:
    """Return a signature line verified under `key`, or raise VerificationError.

    A time of zero is refused: a checkpoint's cosignature must say when (C2SP tlog-witness).
    """
    if key.type == ED25519_TYPE:
        key.public.verify(line.signature, seen.note.text.encode())
        return VerifiedSignature(key, None, line)
    at = int.from_bytes(line.signature[:_TIME_BYTES], "big")
    if not 0 < at <= TIME_MAX:
        raise VerificationError("cosignature has no time", value=f"{line.name}: {at}")
    if key.type == ED25519_COSIGNATURE_TYPE:
        message = cosignature_message(seen.note.text, at)
    else:
        try:
            message = cosigned_bytes(seen.checkpoint, key.name, at)
        except InvalidInput as error:
            raise VerificationError(error.what, value=error.value) from error
    key.public.verify(line.signature[_TIME_BYTES:], message)
    return VerifiedSignature(key, at, line)


def verified_signatures(
    seen: SignedCheckpoint, keys: Iterable[VerifierKey], *, latest: int = TIME_MAX
) -> tuple[VerifiedSignature, ...]:
    """Return the signatures of a checkpoint by known keys, each key once.

    Unknown lines are ignored; a line whose name and key id are known but that does not hold, or
    whose time is after `latest` (POSIX seconds), makes the whole note worthless (C2SP signed-note,
    "Signatures"): VerificationError.
    """
    known = {(key.name, key.key_id): key for key in keys}
    found: dict[tuple[str, bytes], VerifiedSignature] = {}
    for line in seen.note.signatures:
        name = (line.name, line.key_id)
        key = known.get(name)
        if key is None:
            continue
        verified = verify_line(seen, line, key)
        if verified.at is not None and verified.at > latest:
            raise VerificationError(
                "cosignature is from the future",
                value=f"{line.name}: {verified.at:,} after {latest:,}",
                remedy="compare the clocks of both machines",
            )
        found.setdefault(name, verified)
    return tuple(found.values())


def open_checkpoint(
    raw: bytes, log: Sequence[VerifierKey], *, origin: str | None = None, latest: int = TIME_MAX
) -> SignedCheckpoint:
    """Return a checkpoint signed by at least one of the log's keys.

    The name of that key must be the origin, so that no log speaks for another; or, when `origin`
    is given, the keys are that log's and the checkpoint must be of it. Further lines are left
    alone. Raises VerificationError, also for a note that cannot be read.
    """
    seen = _read_or_refuse(raw)
    if origin not in (None, seen.checkpoint.origin):
        raise VerificationError(
            "checkpoint is of another log", value=f"{seen.checkpoint.origin}, not {origin}"
        )
    names = {found.key.name for found in verified_signatures(seen, log, latest=latest)}
    if not names or (origin is None and seen.checkpoint.origin not in names):
        raise VerificationError(
            "checkpoint is not signed by a known key of this log", value=seen.checkpoint.origin
        )
    return seen


def open_own_checkpoint(raw: bytes, keys: LogKeys) -> SignedCheckpoint:
    """Return a checkpoint that carries both signatures of a log of ours, further lines or not.

    The lenient sister of `checkpoint.verify_checkpoint`, for notes with cosignatures. Raises
    VerificationError.
    """
    seen = open_checkpoint(raw, keys.verifiers())
    if len(verified_signatures(seen, keys.verifiers())) != 2:
        raise VerificationError(
            "checkpoint does not carry both signatures of its log", value=seen.checkpoint.origin
        )
    return seen


def log_time(seen: SignedCheckpoint, log: Sequence[VerifierKey]) -> int | None:
    """Return when the log signed: the time in its own ML-DSA-44 cosignature, or None without one.

    Verifies what it reads. Raises VerificationError.
    """
    times = [found.at for found in verified_signatures(seen, log) if found.at is not None]
    return max(times, default=None)


def with_cosignatures(seen: SignedCheckpoint, lines: Iterable[NoteSignature]) -> SignedCheckpoint:
    """Return the checkpoint with further signature lines, each key once, in the given order.

    Raises InvalidInput when the note would have more signatures than one may have.
    """
    held = {(line.name, line.key_id) for line in seen.note.signatures}
    further: list[NoteSignature] = []
    for line in lines:
        if (line.name, line.key_id) not in held:
            held.add((line.name, line.key_id))
            further.append(line)
    return read_checkpoint(format_note(seen.note.text, [*seen.note.signatures, *further]))


def cosigner_keys(keys: Iterable[VerifierKey]) -> tuple[VerifierKey, ...]:
    """Return `keys` if each may cosign (type 0x04 or 0x06), else raise InvalidInput."""
    found = tuple(keys)
    for key in found:
        if key.type not in (ED25519_COSIGNATURE_TYPE, ML_DSA_44_TYPE):
            raise InvalidInput(
                "a witness key has type 04 or 06 (C2SP tlog-cosignature)", value=key.name
            )
    return found


def _read_or_refuse(raw: bytes) -> SignedCheckpoint:
    try:
        return read_checkpoint(raw)
    except InvalidInput as error:
        raise VerificationError(f"checkpoint: {error.what}", value=error.value) from error
