"""A software authenticator: registers and asserts as a passkey does (W3C WebAuthn Level 3).

It makes real attestation objects (format `none`), authenticator data and DER signatures with ES256,
bound to a relying party and an origin. For tests and demonstrations; it verifies no user.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.kernel.acts import ActId, new_act_id, sign_act
from entrepot.kernel.approval import Approval, RelyingParty, approval_challenge, with_approval
from entrepot.kernel.encoding import encode, to_base64url
from entrepot.kernel.keys import Algorithm, Kid, PrivateKey, PublicKey

RP_ID = "node.example"
ORIGIN = "https://node.example"
SITE = RelyingParty(RP_ID, (ORIGIN,))
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class SoftwarePasskey:
    """One credential at one site; the same seed gives the same key."""

    seed: str
    rp_id: str = RP_ID
    origin: str = ORIGIN
    _secret: ec.EllipticCurvePrivateKey = field(init=False, repr=False)

    def __post_init__(self) -> None:
        number = int.from_bytes(hashlib.sha256(self.seed.encode()).digest(), "big")
        secret = ec.derive_private_key(number % (_P256_ORDER - 1) + 1, ec.SECP256R1())
        object.__setattr__(self, "_secret", secret)

    @property
    def public(self) -> PublicKey:
        point = self._secret.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return PublicKey(Algorithm.ES256, point)

    @property
    def kid(self) -> Kid:
        return self.public.kid

    @property
    def credential_id(self) -> bytes:
        return hashlib.sha256(b"credential " + self.seed.encode()).digest()[:32]

    def cose_key(self) -> bytes:
        raw = self.public.raw
        return encode({1: 2, 3: -7, -1: 1, -2: raw[1:33], -3: raw[33:]})

    def register(self, challenge: bytes) -> dict[str, Any]:
        """Return a RegistrationResponseJSON with attestation format `none`."""
        client_data = self._client_data("webauthn.create", challenge)
        attested = b"\x00" * 16 + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._authenticator_data(PRESENT | VERIFIED | ATTESTED) + attested + self.cose_key()
        attestation = encode({"fmt": "none", "attStmt": {}, "authData": data})
        response = {
            "clientDataJSON": to_base64url(client_data),
            "attestationObject": to_base64url(attestation),
            "transports": ["internal"],
        }
        return self._response(response)

    def assert_(self, challenge: bytes, *, flags: int = PRESENT | VERIFIED) -> dict[str, Any]:
        """Return an AuthenticationResponseJSON over a challenge."""
        approval = self._assertion(challenge, flags)
        response = {
            "clientDataJSON": to_base64url(approval.client_data),
            "authenticatorData": to_base64url(approval.authenticator_data),
            "signature": to_base64url(approval.signature),
            "userHandle": None,
        }
        return self._response(response)

    def approve(
        self,
        kind: str,
        act_id: ActId,
        issued_at: int,
        body: Mapping[str, object],
        *,
        issuer: Kid,
        flags: int = PRESENT | VERIFIED,
    ) -> Approval:
        """Return the approval of an act, as the kernel verifies it."""
        challenge = approval_challenge(kind, act_id, issued_at, body, issuer=issuer)
        return self._assertion(challenge, flags)

    def approved_act(
        self,
        issuer: PrivateKey,
        kind: str,
        body: Mapping[str, object],
        *,
        issued_at: int,
        act_id: ActId | None = None,
    ) -> bytes:
        """Return an act that `issuer` (the node) signs and this person approves."""
        act_id = act_id or new_act_id()
        approval = self.approve(kind, act_id, issued_at, body, issuer=issuer.kid)
        whole = with_approval(body, approval)
        return sign_act(issuer, kind, whole, issued_at=issued_at, act_id=act_id)

    def _assertion(self, challenge: bytes, flags: int) -> Approval:
        client_data = self._client_data("webauthn.get", challenge)
        data = self._authenticator_data(flags)
        signed = data + hashlib.sha256(client_data).digest()
        return Approval(self.kid, data, client_data, self._secret.sign(signed, ec.ECDSA(SHA256())))

    def _client_data(self, kind: str, challenge: bytes) -> bytes:
        said = {
            "type": kind,
            "challenge": to_base64url(challenge),
            "origin": self.origin,
            "crossOrigin": False,
        }
        return json.dumps(said, separators=(",", ":")).encode()

    def _authenticator_data(self, flags: int) -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + b"\x00" * 4

    def _response(self, response: dict[str, Any]) -> dict[str, Any]:
        name = to_base64url(self.credential_id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
            "authenticatorAttachment": "platform",
        }
