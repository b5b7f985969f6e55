"""JSON Web Signatures as compact text (RFC 7515) with Ed25519 (RFC 8037), strictly read.

Signing goes through `kernel.keys.PrivateKey`, which never shows its secret; that is why no library
of JOSE stands between. One algorithm, named `EdDSA` (foreign verifiers know it; RFC 9864 calls the
same `Ed25519`, which is accepted on reading). The header decides nothing but which of the keys the
verifier already trusts is meant.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import msgspec

from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey

TOKEN_MAX_BYTES: Final = 512 * 1024
"""Largest token read: a credential with its proofs has about 20 KiB, a status list below 50."""
MOMENT_MAX_S: Final = 253_370_764_800
"""9999-01-01, UTC."""

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ALGORITHMS: Final = ("EdDSA", "Ed25519")


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token as somebody sent it; nothing of it is verified."""

    header: dict[str, Any]
    payload: dict[str, Any]
    signed: bytes
    signature: bytes

    def verify(self, key: PublicKey) -> None:
        """Return if the signature holds under `key`. Raises VerificationError."""
        key.verify(self.signature, self.signed)


def sign_token(key: PrivateKey, header: Mapping[str, Any], payload: Mapping[str, Any]) -> str:
    """Return the compact JWS of a JSON payload under an Ed25519 key."""
    if key.public.algorithm is not Algorithm.ED25519:
        raise InvalidInput("tokens are signed with Ed25519", value=key.public.algorithm.name)
    head = _part({"alg": "EdDSA", **header})
    signed = f"{head}.{_part(payload)}"
    return f"{signed}.{to_base64url(key.sign(signed.encode('ascii')))}"


def parse_token(text: str) -> UnverifiedToken:
    """Return header, payload and signature of a compact JWS, unverified.

    Raises VerificationError when it is no such text, names another algorithm, or carries `crit`,
    which asks a reader to understand what this one does not.
    """
    if len(text) > TOKEN_MAX_BYTES or not _COMPACT.fullmatch(text):
        raise VerificationError("not a compact JSON Web Signature", value=text[:40])
    head, body, signature = text.split(".")
    header, payload = json_part(head), json_part(body)
    if header.get("alg") not in _ALGORITHMS:
        raise VerificationError(
            "signed with another algorithm than Ed25519", value=header.get("alg")
        )
    if "crit" in header or "b64" in header:
        raise VerificationError("the token asks for an extension that is not known here")
    return UnverifiedToken(header, payload, f"{head}.{body}".encode(), from_base64url(signature))


def json_part(text: str) -> dict[str, Any]:
    """Return a base64url part that is a JSON object. Raises VerificationError."""
    try:
        found = msgspec.json.decode(from_base64url(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VerificationError("a part of the token is no JSON", value=error) from error
    if not isinstance(found, dict):
        raise VerificationError("a part of the token is no JSON object")
    return found


def from_base64url(text: str) -> bytes:
    """Return the bytes of unpadded base64url, one spelling only. Raises VerificationError."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("a part of the token is no base64url") from error
    if to_base64url(raw) != text:
        raise VerificationError("a part of the token is spelt in another way than it must be")
    return raw


def is_moment(value: object) -> TypeGuard[int]:
    """Say whether a claim is a time that a calendar has: POSIX seconds up to the year 9999."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= MOMENT_MAX_S


def jwk(key: PublicKey) -> dict[str, str]:
    """Return a public key as JSON Web Key: OKP for Ed25519 (RFC 8037), EC for P-256 (RFC 7518)."""
    if key.algorithm is Algorithm.ED25519:
        return {"kty": "OKP", "crv": "Ed25519", "x": to_base64url(key.raw)}
    if key.algorithm is Algorithm.ES256:
        x, y = to_base64url(key.raw[1:33]), to_base64url(key.raw[33:])
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    raise InvalidInput("no JSON Web Key for this algorithm here", value=key.algorithm.name)


def key_of_jwk(value: object) -> PublicKey:
    """Return an Ed25519 key from its JSON Web Key. Raises VerificationError."""
    if not isinstance(value, dict) or (value.get("kty"), value.get("crv")) != ("OKP", "Ed25519"):
        raise VerificationError("not an Ed25519 key in JSON")
    try:
        return PublicKey(Algorithm.ED25519, from_base64url(str(value.get("x"))))
    except InvalidInput as error:
        raise VerificationError(error.what, value=error.value) from error


def key_name(key: PublicKey) -> str:
    """Return the name of a key in tokens and DID documents: its thumbprint in base64url."""
    return to_base64url(key.kid)


def _part(value: Mapping[str, Any]) -> str:
    return to_base64url(msgspec.json.encode(value))
