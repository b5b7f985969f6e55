"""The demo's software authenticator: approves acts as a person's passkey would, without a person.

It makes real authenticator data and ES256 signatures (W3C WebAuthn Level 3, section 6.3.3), so the
kernel verifies them like any other. It verifies nobody and keeps its key in memory: it is for the
sample content of a demonstration and for nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.approval import Approval, RelyingParty, approval_challenge, with_approval
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.keys import Algorithm, PrivateKey, PublicKey

PRESENT_AND_VERIFIED: Final = 0x05
"""The flags UP and UV: what a platform authenticator says after a fingerprint (here nobody's)."""


@dataclass(frozen=True, slots=True)
class DemoAuthenticator:
    """One passkey of one invented person at one site; a fresh key each time it is made."""

    site: RelyingParty
    _secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False
    )

    @property
    def public(self) -> PublicKey:
        """The credential's public key, as `admit-member` takes it."""
        point = self._secret.public_key().public_bytes(
            Encoding.X962, PublicFormat.UncompressedPoint
        )
        return PublicKey(Algorithm.ES256, point)

    def approved_act(
        self, issuer: PrivateKey, kind: str, body: Mapping[str, object], *, issued_at: int
    ) -> bytes:
        """Return an act that `issuer`, the node, signs and this passkey approves."""
        act_id = new_act_id()
        asked = approval_challenge(kind, act_id, issued_at, body, issuer=issuer.kid)
        whole = with_approval(body, self._assertion(asked))
        return sign_act(issuer, kind, whole, issued_at=issued_at, act_id=act_id)

    def _assertion(self, challenge: bytes) -> Approval:
        said = {
            "type": "webauthn.get",
            "challenge": to_base64url(challenge),
            "origin": self.site.origins[0],
            "crossOrigin": False,
        }
        client_data = msgspec.json.encode(said)
        site_hash = hashlib.sha256(self.site.id.encode()).digest()
        data = site_hash + bytes([PRESENT_AND_VERIFIED]) + b"\x00" * 4
        signed = data + hashlib.sha256(client_data).digest()
        signature = self._secret.sign(signed, ec.ECDSA(SHA256()))
        return Approval(self.public.kid, data, client_data, signature)
