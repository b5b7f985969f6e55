"""An authenticator in software, for tests: makes the assertions that a passkey would make."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from entrepot.kernel.approval import Approval, approval_challenge, with_approval
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.keys import Algorithm, Kid, PublicKey

SITE_ID, ORIGIN = "localhost", "http://localhost:8600"


@dataclass
class Passkey:
    """One credential of one person at one site."""

    secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    site: str = SITE_ID
    origin: str = ORIGIN
    flags: int = 0x05

    @property
    def public(self) -> PublicKey:
        point = self.secret.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return PublicKey(Algorithm.ES256, point)

    @property
    def kid(self) -> Kid:
        return self.public.kid

    def assertion(self, challenge: bytes, *, type_: str = "webauthn.get") -> Approval:
        said = {"type": type_, "challenge": to_base64url(challenge), "origin": self.origin}
        client_data = json.dumps({**said, "crossOrigin": False}).encode()
        header = hashlib.sha256(self.site.encode()).digest() + bytes([self.flags]) + bytes(4)
        signed = header + hashlib.sha256(client_data).digest()
        signature = self.secret.sign(signed, ec.ECDSA(SHA256()))
        return Approval(self.kid, header, client_data, signature)

    def approve(
        self, kind: str, body: dict[str, object], *, act_id: bytes, issued_at: int, issuer: Kid
    ) -> dict[str, object]:
        challenge = approval_challenge(kind, act_id, issued_at, body, issuer=issuer)
        return with_approval(body, self.assertion(challenge))
