"""COSE_Sign1 (RFC 9052 section 4.2), strictly: tag 18, one encoding, nothing unsigned by surprise.

The signature covers the exact protected bytes sent; nobody encodes a second time to verify.
What the headers mean is for the callers: acts and receipts.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from entrepot.kernel.encoding import SIZE_MAX_BYTES, decode, decode_map, encode, item_bytes
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import PrivateKey, PublicKey

ALG, CONTENT_TYPE, KID, CWT_CLAIMS = 1, 3, 4, 15
"""Header labels (RFC 9052 section 3.1; RFC 9597 for CWT claims)."""
ISS, SUB, AUD, IAT, CTI = 1, 2, 3, 6, 7
"""CWT claim keys (RFC 8392 section 4)."""

_TAG_18 = b"\xd2"
_SIG_STRUCTURE = encode(["Signature1", b"", b"", b""])[:-3]
"""The beginning of every Sig_structure: an array of four whose first is the context."""


@dataclass(frozen=True, slots=True)
class Sign1:
    """A parsed COSE_Sign1 message. Parsed means well-formed; nothing has been verified."""

    protected_bytes: bytes
    protected: dict[object, object]
    unprotected: dict[object, object]
    payload: bytes | None
    signature: bytes

    def verify(self, key: PublicKey, *, detached_payload: bytes | None = None) -> None:
        """Return if the signature holds (RFC 9052 section 4.4), else raise VerificationError."""
        if self.protected.get(ALG) != int(key.algorithm):
            raise VerificationError(
                "the message names another algorithm than the key has",
                value=self.protected.get(ALG),
            )
        payload = self.payload if detached_payload is None else detached_payload
        if payload is None or (self.payload is not None and detached_payload is not None):
            raise VerificationError("the message must have exactly one payload")
        key.verify(self.signature, signed_bytes(self.protected_bytes, payload))


def signed_bytes(protected_bytes: bytes, payload: bytes) -> bytes:
    """Return the Sig_structure that a COSE_Sign1 signature covers (RFC 9052 section 4.4)."""
    return b"".join((_SIG_STRUCTURE, item_bytes(protected_bytes), b"\x40", item_bytes(payload)))


def sign1(
    key: PrivateKey,
    protected: dict[int, object],
    payload: bytes,
    *,
    unprotected: dict[int, object] | None = None,
    detached: bool = False,
) -> bytes:
    """Sign `payload` and return the tagged COSE_Sign1; the algorithm header is set from the key."""
    protected_bytes = encode({**protected, ALG: int(key.public.algorithm)})
    signature = key.sign(signed_bytes(protected_bytes, payload))
    return assemble(protected_bytes, unprotected or {}, None if detached else payload, signature)


def assemble(
    protected_bytes: bytes,
    unprotected: dict[int, object],
    payload: bytes | None,
    signature: bytes,
) -> bytes:
    """Return the tagged COSE_Sign1 made of these four parts (RFC 9052 section 4.2)."""
    return _TAG_18 + encode([protected_bytes, unprotected, payload, signature])


def parse_sign1(
    message: bytes, *, unprotected_allowed: Collection[int] = (), size_max: int = SIZE_MAX_BYTES
) -> Sign1:
    """Parse a tagged COSE_Sign1; unprotected labels outside `unprotected_allowed` are refused.

    Raises InvalidInput: not tag 18, not four parts of the right types, not deterministic.
    """
    if message[:1] != _TAG_18:
        raise InvalidInput("not a COSE_Sign1 message (tag 18)", value=message[:8].hex())
    parts = decode(message[1:], size_max=size_max)
    if not isinstance(parts, list) or len(parts) != 4:
        raise InvalidInput("a COSE_Sign1 message has four parts", remedy="see RFC 9052 section 4.2")
    protected_bytes, unprotected, payload, signature = parts
    if (
        not isinstance(protected_bytes, bytes)
        or not isinstance(unprotected, dict)
        or not (payload is None or isinstance(payload, bytes))
        or not isinstance(signature, bytes)
    ):
        raise InvalidInput("a part of the COSE_Sign1 message has the wrong type")
    unknown = [label for label in unprotected if label not in unprotected_allowed]
    if unknown:
        raise InvalidInput("unsigned header is not allowed here", value=unknown[0])
    protected = decode_map(protected_bytes, size_max=size_max)
    return Sign1(protected_bytes, protected, unprotected, payload, signature)
