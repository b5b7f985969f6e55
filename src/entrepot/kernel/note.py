"""Signed notes (C2SP signed-note v1.0.0): a text, an empty line, and signature lines.

Parsing, key ids and verifier keys, for the three signature types in use: 0x01 Ed25519, and the
timestamped cosignatures 0x04 Ed25519 and 0x06 ML-DSA-44 (C2SP tlog-cosignature, see `cosignature`).
What the text says is not known here (see `checkpoint`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from entrepot.kernel.encoding import from_base64, to_base64
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey

NOTE_MAX_BYTES: Final = 1_000_000
SIGNATURES_MAX: Final = 64
"""C2SP: a verifier accepts at least 16 and should cap the number."""

ED25519_TYPE, ED25519_COSIGNATURE_TYPE, ML_DSA_44_TYPE = 0x01, 0x04, 0x06
_TYPES = {
    ED25519_TYPE: Algorithm.ED25519,
    ED25519_COSIGNATURE_TYPE: Algorithm.ED25519,
    ML_DSA_44_TYPE: Algorithm.ML_DSA_44,
}
VKEY_MAX_CHARACTERS: Final = 4_096
"""A vkey of ML-DSA-44 has 1,752 characters of base64, an id of 8 and a name."""
_LINE = re.compile("— ([^ +]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f]")
_NOT_IN_NAMES = re.compile("[\x00-\x20+\ud800-\udfff]|\\s")


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, 4-byte key id, signature bytes."""

    name: str
    key_id: bytes
    signature: bytes

    def line(self) -> str:
        """Return the line, with its newline."""
        return f"— {self.name} {to_base64(self.key_id + self.signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note: `text` ends in a newline. Parsed means well-formed, not verified."""

    text: str
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key with its signature type, as in a vkey line."""

    name: str
    type: int
    public: PublicKey

    def __post_init__(self) -> None:
        """Hold the name to C2SP (no blank, no plus) and the type to the algorithm."""
        if not self.name or _NOT_IN_NAMES.search(self.name):
            raise InvalidInput("key name is empty or has a blank or plus", value=ascii(self.name))
        if _TYPES.get(self.type) is not self.public.algorithm:
            raise InvalidInput("signature type does not fit the key", value=self.type)

    @property
    def key_id(self) -> bytes:
        """Return the first 4 bytes of SHA-256(name || LF || type || key) (C2SP signed-note)."""
        typed = bytes([self.type]) + self.public.raw
        return sha256(self.name.encode() + b"\n" + typed).digest()[:4]

    def vkey(self) -> str:
        """Return `name+keyid+base64(type || key)`."""
        typed = bytes([self.type]) + self.public.raw
        return f"{self.name}+{self.key_id.hex()}+{to_base64(typed)}"


def parse_vkey(text: str) -> VerifierKey:
    """Parse a vkey strictly; base64 may hold `+`, so only the first two split. InvalidInput."""
    if len(text) > VKEY_MAX_CHARACTERS:
        raise InvalidInput("vkey is too long", value=f"{len(text):,} characters")
    parts = text.split("+", 2)
    if len(parts) != 3:
        raise InvalidInput("a vkey is name+keyid+key", value=text[:80])
    typed = from_base64(parts[2])
    algorithm = _TYPES.get(typed[0]) if typed else None
    if algorithm is None:
        raise InvalidInput(
            "vkey has a signature type not known here", value=typed[:1].hex(), remedy="01, 04 or 06"
        )
    key = VerifierKey(parts[0], typed[0], PublicKey(algorithm, typed[1:]))
    if key.key_id.hex() != parts[1]:
        raise InvalidInput("key id of the vkey does not match its key", value=parts[1])
    return key


def parse_note(raw: bytes) -> Note:
    """Parse a signed note strictly (C2SP signed-note, "Format"), or raise InvalidInput."""
    if len(raw) > NOTE_MAX_BYTES:
        raise InvalidInput("note is too large", value=f"{len(raw):,} bytes")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise InvalidInput("note is not UTF-8") from None
    text, separator, tail = whole.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or _CONTROL.search(whole):
        raise InvalidInput("note is not a text, an empty line and signature lines")
    lines = tail[:-1].split("\n")
    if len(lines) > SIGNATURES_MAX:
        raise InvalidInput("note has too many signatures", value=len(lines))
    return Note(text + "\n", tuple(_parse_line(line) for line in lines))


def _parse_line(line: str) -> NoteSignature:
    match = _LINE.fullmatch(line)
    if match is None or re.search(r"\s", match[1]):
        raise InvalidInput("not a signature line", value=line)
    signature = from_base64(match[2])
    if len(signature) < 5:
        raise InvalidInput("signature line is too short", value=line)
    return NoteSignature(match[1], signature[:4], signature[4:])


def parse_signature_lines(raw: bytes) -> tuple[NoteSignature, ...]:
    """Parse signature lines that stand alone, as a witness answers them. Raises InvalidInput."""
    return parse_note(b"x\n\n" + raw).signatures


def sign_note(text: str, name: str, key: PrivateKey) -> NoteSignature:
    """Return the plain Ed25519 signature (type 0x01) of a note text under a key name."""
    verifier = VerifierKey(name, ED25519_TYPE, key.public)
    return NoteSignature(name, verifier.key_id, key.sign(text.encode()))


def format_note(text: str, signatures: Sequence[NoteSignature]) -> bytes:
    """Return the bytes of a note."""
    return (text + "\n" + "".join(item.line() for item in signatures)).encode()


def verify_note(raw: bytes, keys: Sequence[VerifierKey]) -> Note:
    """Verify the plain Ed25519 signatures of a note as C2SP says.

    Unknown keys are ignored; a known key (name and id) that fails rejects the whole note; no
    verified key rejects it too. Raises VerificationError. Stricter rules: `checkpoint`.
    """
    note = parse_note(raw)
    known = {(key.name, key.key_id): key for key in keys if key.type == ED25519_TYPE}
    verified = 0
    for item in note.signatures:
        key = known.get((item.name, item.key_id))
        if key is not None:
            key.public.verify(item.signature, note.text.encode())
            verified += 1
    if not verified:
        raise VerificationError("note has no signature of a known key")
    return note
