"""Approvals: how a person signs an act with a passkey (W3C Web Authentication Level 3).

A person has no key of ours. The node's own key issues the act, and the act's body carries, under
the key `approval`, an assertion of the person's authenticator whose challenge is the hash of what
is asked: issuer, kind, act id, time of issue and body. So the node cannot say that a person decided
what the person did not see: the assertion is part of the evidence, and anybody who holds it checks
it again.

The kernel verifies an approval and says which credential gave it; who that is, institutions know.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from entrepot.kernel.encoding import encode, to_base64url
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, Kid, PublicKey

APPROVAL: Final = "approval"
"""The key of an act's body under which an approval stands; institutions never see it."""

CLIENT_DATA_MAX_BYTES: Final = 4_096
AUTHENTICATOR_DATA_MAX_BYTES: Final = 1_024
_HEADER_BYTES: Final = 37
"""Hash of the relying party's id, flags, counter (WebAuthn 6.1)."""
_PRESENT, _VERIFIED = 0x01, 0x04


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """The site that passkeys are bound to: its id (a domain) and the origins it is served from."""

    id: str
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Approval:
    """An assertion as the authenticator gave it; `kid` names the credential's key. Unverified."""

    kid: Kid
    authenticator_data: bytes
    client_data: bytes
    signature: bytes

    def plain(self) -> dict[str, object]:
        """Return it as it stands in the body of an act."""
        return {
            "kid": self.kid,
            "authenticator_data": self.authenticator_data,
            "client_data": self.client_data,
            "signature": self.signature,
        }


class _Parts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kid: bytes
    authenticator_data: bytes
    client_data: bytes
    signature: bytes


class _ClientData(msgspec.Struct, frozen=True):
    """What of CollectedClientData is checked (WebAuthn 5.8.1); browsers may add members."""

    type: str
    challenge: str
    origin: str
    crossOrigin: bool = False


def approval_challenge(
    kind: str, act_id: bytes, issued_at: int, body: Mapping[Any, object], *, issuer: Kid
) -> bytes:
    """Return the 32 bytes that a person's authenticator signs to approve an act.

    SHA-256 of the deterministic encoding of issuer, kind, act id, time of issue (POSIX s) and the
    body without its approval; the issuer, so that nobody else can send what was approved once more
    under his own name. Raises InvalidInput when the body is not plain.
    """
    asked = {key: value for key, value in body.items() if key != APPROVAL}
    return hashlib.sha256(encode([issuer, kind, act_id, issued_at, asked])).digest()


def with_approval(body: Mapping[str, object], approval: Approval) -> dict[str, object]:
    """Return the body with the approval in its place, ready to be signed by the node."""
    return {**body, APPROVAL: approval.plain()}


def take_approval(body: dict[object, object]) -> tuple[dict[object, object], Approval | None]:
    """Return the body without its approval, and the approval if there is one.

    Raises InvalidInput when what stands there is not of the form of an approval.
    """
    if APPROVAL not in body:
        return body, None
    rest = {key: value for key, value in body.items() if key != APPROVAL}
    try:
        parts = msgspec.convert(body[APPROVAL], _Parts)
    except msgspec.ValidationError as error:
        raise InvalidInput("malformed approval", value=error) from error
    if (
        len(parts.kid) != 32
        or not _HEADER_BYTES <= len(parts.authenticator_data) <= AUTHENTICATOR_DATA_MAX_BYTES
        or len(parts.client_data) > CLIENT_DATA_MAX_BYTES
    ):
        raise InvalidInput("a part of the approval has the wrong size")
    approval = Approval(
        Kid(parts.kid), parts.authenticator_data, parts.client_data, parts.signature
    )
    return rest, approval


def verify_approval(
    approval: Approval, challenge: bytes, key: PublicKey, site: RelyingParty | None
) -> None:
    """Return if the assertion approves `challenge` under `key` at this site (WebAuthn 7.2).

    Checked: type, challenge, origin, same-origin, relying party, user present, user verified,
    signature over authenticator data and hash of client data. The counter is not used: passkeys
    that live on several devices report zero. `site` None takes any site (an auditor's re-check
    years later, when the node may have moved). Raises VerificationError.
    """
    if key.kid != approval.kid:
        raise VerificationError("the approval names another credential", value=approval.kid.hex())
    try:
        said = msgspec.json.decode(approval.client_data, type=_ClientData)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VerificationError("client data of the approval is malformed", value=error) from error
    if said.type != "webauthn.get" or said.crossOrigin:
        raise VerificationError("not an assertion made on this site", value=said.type)
    if said.challenge != to_base64url(challenge):
        raise VerificationError(
            "the approval is for another act", remedy="approve exactly what is submitted"
        )
    authenticator_data = approval.authenticator_data
    if site is not None:
        if said.origin not in site.origins:
            raise VerificationError("the approval was given on another site", value=said.origin)
        if authenticator_data[:32] != hashlib.sha256(site.id.encode()).digest():
            raise VerificationError("the credential belongs to another relying party")
    flags = authenticator_data[32]
    if flags & (_PRESENT | _VERIFIED) != _PRESENT | _VERIFIED:
        raise VerificationError(
            "the person was not verified by the authenticator",
            remedy="unlock the passkey with its PIN or biometry",
        )
    signed = authenticator_data + hashlib.sha256(approval.client_data).digest()
    key.verify(_raw_signature(key, approval.signature), signed)


def _raw_signature(key: PublicKey, signature: bytes) -> bytes:
    """Return an ES256 signature as r and s; WebAuthn carries it in DER (WebAuthn 6.5.5)."""
    if key.algorithm is not Algorithm.ES256:
        return signature
    try:
        r, s = decode_dss_signature(signature)
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")
    except (ValueError, OverflowError) as error:
        raise VerificationError("signature of the approval is malformed") from error
