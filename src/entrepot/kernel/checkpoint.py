"""Checkpoints (C2SP tlog-checkpoint v1.0.0): the signed head of the log, and who may sign it.

A checkpoint says origin, size and root. Ours carries exactly two signatures by the log: Ed25519
(0x01, over the text) and a timestamped ML-DSA-44 cosignature (0x06, C2SP tlog-cosignature) so that
what is logged today is still proven when elliptic curves are not. Also the self-contained text
proof of C2SP tlog-proof. Checkpoints of others, and ours with the cosignatures of witnesses, are
read with `read_checkpoint` and verified in `cosignature`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.kernel.encoding import from_base64, to_base64
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey
from entrepot.kernel.merkle import HASH_BYTES, SIZE_MAX, verify_inclusion
from entrepot.kernel.note import (
    ED25519_TYPE,
    ML_DSA_44_TYPE,
    Note,
    NoteSignature,
    VerifierKey,
    format_note,
    parse_note,
    parse_vkey,
    sign_note,
)

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Origin, number of entries and 32-byte root of a log."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """Return the note text: three lines, no extension lines."""
        return f"{self.origin}\n{self.size}\n{to_base64(self.root)}\n"


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with its note as it came. Read means well-formed, not verified."""

    checkpoint: Checkpoint
    note: Note
    raw: bytes


@dataclass(frozen=True, slots=True)
class LogKeys:
    """The public identity of a log: its origin and two keys, both named by the origin."""

    origin: str
    ed25519: PublicKey
    ml_dsa: PublicKey

    def verifiers(self) -> tuple[VerifierKey, VerifierKey]:
        """Return the two keys in the order of the signature lines."""
        return (
            VerifierKey(self.origin, ED25519_TYPE, self.ed25519),
            VerifierKey(self.origin, ML_DSA_44_TYPE, self.ml_dsa),
        )

    def text(self) -> str:
        """Return the two vkey lines, as they are published and exported."""
        return "".join(key.vkey() + "\n" for key in self.verifiers())


@dataclass(frozen=True, slots=True)
class LogSigner:
    """The secret identity of a log: who may sign its checkpoints and receipts."""

    origin: str
    ed25519: PrivateKey
    ml_dsa: PrivateKey

    def __post_init__(self) -> None:
        """Hold each key to its algorithm, and the origin to a key name."""
        if self.ml_dsa.public.algorithm is not Algorithm.ML_DSA_44:
            raise InvalidInput("second key of a log is ML-DSA-44", value=self.ml_dsa)
        self.keys.verifiers()

    @property
    def keys(self) -> LogKeys:
        """Return the public half."""
        return LogKeys(self.origin, self.ed25519.public, self.ml_dsa.public)

    def sign(self, checkpoint: Checkpoint, at: int) -> bytes:
        """Return the signed note of a checkpoint; `at` is POSIX seconds, in the cosignature."""
        if checkpoint.origin != self.origin:
            raise InvalidInput("checkpoint is of another log", value=checkpoint.origin)
        first, second = self.keys.verifiers()
        text = checkpoint.text()
        message = cosigned_bytes(checkpoint, second.name, at)
        cosignature = at.to_bytes(8, "big") + self.ml_dsa.sign(message)
        return format_note(
            text,
            [
                sign_note(text, first.name, self.ed25519),
                NoteSignature(second.name, second.key_id, cosignature),
            ],
        )


def parse_log_keys(text: str) -> LogKeys:
    """Parse the two vkey lines of `LogKeys.text`, strictly. Raises InvalidInput."""
    lines = text.split("\n")
    if len(lines) != 3 or lines[2]:
        raise InvalidInput("the keys of a log are two vkey lines", value=text[:80])
    first, second = (parse_vkey(line) for line in lines[:2])
    if (first.type, second.type) != (ED25519_TYPE, ML_DSA_44_TYPE) or first.name != second.name:
        raise InvalidInput("the keys of a log are Ed25519, then ML-DSA-44, under one name")
    return LogKeys(first.name, first.public, second.public)


def cosigned_bytes(checkpoint: Checkpoint, cosigner: str, at: int) -> bytes:
    """Return the message of an ML-DSA-44 cosignature (C2SP tlog-cosignature, type 0x06).

    Label, cosigner name and origin with 8-bit lengths, time, start 0, end = size, root.
    """
    name, origin = cosigner.encode(), checkpoint.origin.encode()
    if len(name) > 255 or len(origin) > 255 or not 0 < at < 1 << 63:
        raise InvalidInput("name over 255 bytes, or no time", value=(cosigner, at))
    return b"".join(
        [
            b"subtree/v1\n\0",
            bytes([len(name)]) + name,
            at.to_bytes(8, "big"),
            bytes([len(origin)]) + origin,
            (0).to_bytes(8, "big"),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        ]
    )


def parse_checkpoint(text: str) -> Checkpoint:
    """Parse a checkpoint text strictly: three lines, no extensions. Raises InvalidInput."""
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0] or lines[3]:
        raise InvalidInput("a checkpoint has three lines", value=text[:80])
    if not _SIZE.fullmatch(lines[1]) or int(lines[1]) > SIZE_MAX:
        raise InvalidInput("size of the checkpoint is not a plain decimal", value=lines[1])
    root = from_base64(lines[2])
    if len(root) != HASH_BYTES:
        raise InvalidInput("root of the checkpoint is not 32 bytes", value=lines[2])
    return Checkpoint(lines[0], int(lines[1]), root)


def read_checkpoint(raw: bytes) -> SignedCheckpoint:
    """Read any log's checkpoint note (C2SP tlog-checkpoint, "Note text"). Raises InvalidInput.

    Extension lines are let through, as the specification says, but never empty ones; Ed25519
    signatures cover them, ML-DSA-44 cosignatures do not.
    """
    note = parse_note(raw)
    head, extensions = _after_lines(note.text, 3)
    if extensions and "" in extensions[:-1].split("\n"):
        raise InvalidInput("an extension line of the checkpoint is empty")
    return SignedCheckpoint(parse_checkpoint(head), note, raw)


def _after_lines(text: str, count: int) -> tuple[str, str]:
    """Return the first `count` lines with their newlines, and what comes after them."""
    lines = text.split("\n", count)
    return "".join(line + "\n" for line in lines[:count]), lines[count] if lines[count:] else ""


def verify_checkpoint(raw: bytes, keys: LogKeys) -> Checkpoint:
    """Return the checkpoint if it carries exactly the two signatures of its log, both holding.

    Stricter than C2SP asks: unknown or further lines are refused, so no byte goes unchecked.
    Raises VerificationError (also for a note that cannot be parsed).
    """
    try:
        note = parse_note(raw)
        checkpoint = parse_checkpoint(note.text)
    except InvalidInput as error:
        raise VerificationError(f"checkpoint: {error.what}", value=error.value) from error
    if checkpoint.origin != keys.origin:
        raise VerificationError(
            "checkpoint is of another log", value=f"{checkpoint.origin}, not {keys.origin}"
        )
    _verify_signatures(note, checkpoint, keys)
    return checkpoint


def _verify_signatures(note: Note, checkpoint: Checkpoint, keys: LogKeys) -> None:
    verifiers = keys.verifiers()
    named = [(item.name, item.key_id) for item in note.signatures]
    if named != [(key.name, key.key_id) for key in verifiers]:
        raise VerificationError(
            "checkpoint does not carry exactly the two signatures of its log",
            value=", ".join(f"{name} {key_id.hex()}" for name, key_id in named),
        )
    plain, timed = note.signatures
    keys.ed25519.verify(plain.signature, note.text.encode())
    at = int.from_bytes(timed.signature[:8], "big")
    if not 0 < at < 1 << 63:
        raise VerificationError("cosignature has no time", value=at)
    keys.ml_dsa.verify(timed.signature[8:], cosigned_bytes(checkpoint, timed.name, at))


def checkpoint_time(raw: bytes) -> int:
    """Return the time in the ML-DSA-44 cosignature, POSIX seconds, of a checkpoint of ours."""
    return int.from_bytes(parse_note(raw).signatures[1].signature[:8], "big")


def format_tlog_proof(index: int, path: Sequence[bytes], checkpoint: bytes) -> bytes:
    """Return a C2SP tlog-proof text: index, path leaf side first, the checkpoint verbatim."""
    lines = [_PROOF_HEADER, f"index {index}", *(to_base64(item) for item in path), ""]
    return "".join(line + "\n" for line in lines).encode() + checkpoint


def verify_tlog_proof(proof: bytes, entry: bytes, keys: LogKeys) -> tuple[int, Checkpoint]:
    """Verify a C2SP tlog-proof of `entry` under the log's keys; return index and checkpoint.

    The checkpoint carries exactly the log's two signatures; one with cosignatures is verified by
    `policy.verify_proof_under_policy`. Raises VerificationError.
    """
    index, path, note = parse_tlog_proof(proof)
    checkpoint = verify_checkpoint(note, keys)
    verify_inclusion(entry, index, checkpoint.size, path, checkpoint.root)
    return index, checkpoint


def parse_tlog_proof(proof: bytes) -> tuple[int, list[bytes], bytes]:
    """Return index, path and checkpoint note of a C2SP tlog-proof; nothing is verified.

    The optional `extra` line is refused: it is not authenticated. Raises VerificationError.
    """
    head, separator, note = proof.partition(b"\n\n")
    try:
        lines = (head + b"\n").decode("ascii").split("\n")[:-1]
        if not separator or lines[0] != _PROOF_HEADER or not lines[1].startswith("index "):
            raise InvalidInput("not a c2sp.org/tlog-proof@v1")
        number = lines[1].removeprefix("index ")
        if not _SIZE.fullmatch(number):
            raise InvalidInput("index is not a plain decimal", value=number)
        path = [from_base64(line) for line in lines[2:]]
    except (UnicodeDecodeError, IndexError, InvalidInput) as error:
        raise VerificationError("text proof cannot be read", value=error) from error
    return int(number), path, note
