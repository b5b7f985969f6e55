"""The keys under which this log's receipts hold, as a COSE Key Set (RFC 9052 section 7)."""

from __future__ import annotations

from typing import Final

from entrepot.kernel.encoding import encode, to_base64url
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.keys import Algorithm, PublicKey

KTY, KID, ALG = 1, 2, 3
"""Labels common to all COSE keys."""
OKP_CURVE, OKP_X = -1, -2
OKP, ED25519_CURVE = 1, 6
"""RFC 9053 sections 7.1 and 7.2."""
CBOR_TYPE: Final = "application/cbor"


def cose_key(key: PublicKey) -> dict[int, object]:
    """Return a public key of this log as a COSE key; its kid is the thumbprint (RFC 9679)."""
    if key.algorithm is not Algorithm.ED25519:
        raise InvalidInput("receipts are signed with Ed25519", value=key.algorithm.name)
    return {
        KTY: OKP,
        KID: key.kid,
        ALG: int(key.algorithm),
        OKP_CURVE: ED25519_CURVE,
        OKP_X: key.raw,
    }


def key_set(keys: tuple[PublicKey, ...]) -> bytes:
    """Return the COSE Key Set of these keys."""
    return encode([cose_key(key) for key in keys])


def find_key(keys: tuple[PublicKey, ...], kid_value: str) -> PublicKey | None:
    """Return the key whose kid is this base64url text (SCRAPI, no padding), or None."""
    return next((key for key in keys if to_base64url(key.kid) == kid_value), None)
