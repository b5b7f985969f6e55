"""HTTP Message Signatures (RFC 9421), in the one profile that node and client speak.

Label `sig1`; covered are `@method`, `@target-uri` and, when there is a body, `content-digest`
(RFC 9530, SHA-256); parameters are `created` (POSIX s), `keyid` (the key's RFC 9679 thumbprint in
hex), `alg` = `ed25519` and a `nonce` of 16 random bytes. Whatever else a signature might be, this
profile is not it and is refused: there is one way to write each request.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
from dataclasses import dataclass
from typing import Final

from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, Kid, PrivateKey, PublicKey

WINDOW_S: Final = 60
"""A signature is good this long before and after `created`: clocks differ, requests travel."""
NONCE_BYTES: Final = 16
_INPUT: Final = re.compile(
    r'sig1=(?P<params>\("@method" "@target-uri"(?P<body> "content-digest")?\)'
    r';created=(?P<created>[0-9]{1,12});keyid="(?P<keyid>[0-9a-f]{64})"'
    r';alg="ed25519";nonce="(?P<nonce>[A-Za-z0-9_-]{22})")'
)
_SIGNATURE: Final = re.compile(r"sig1=:(?P<value>[A-Za-z0-9+/]{86}==):")


@dataclass(frozen=True, slots=True)
class UnverifiedSignature:
    """What the two header fields of a request say; well-formed, not verified."""

    kid: Kid
    created: int
    nonce: str
    covers_body: bool
    params: str
    signature: bytes

    def verify(self, key: PublicKey, method: str, target_uri: str, body: bytes | None) -> None:
        """Return if the signature of this request holds under `key`, else VerificationError.

        `body` is None for a request without one. The time and the nonce are the caller's to judge.
        """
        if key.kid != self.kid or key.algorithm is not Algorithm.ED25519:
            raise VerificationError("the request is signed by another key", value=self.kid.hex())
        if (body is not None) != self.covers_body:
            raise VerificationError("the signature does not cover the body")
        digest = None if body is None else content_digest(body)
        key.verify(self.signature, _signature_base(method, target_uri, digest, self.params))


def sign_request(
    key: PrivateKey,
    method: str,
    target_uri: str,
    *,
    created: int,
    body: bytes | None = None,
    nonce: bytes | None = None,
) -> dict[str, str]:
    """Return the header fields that sign a request; `created` in POSIX seconds.

    `target_uri` is the whole URL without fragment, as it will be sent. Raises InvalidInput for a
    key that is not Ed25519 or a nonce of another length than 16 bytes.
    """
    if key.public.algorithm is not Algorithm.ED25519:
        raise InvalidInput("requests are signed with Ed25519", value=key.public.algorithm.name)
    fresh = os.urandom(NONCE_BYTES) if nonce is None else nonce
    if len(fresh) != NONCE_BYTES:
        raise InvalidInput("a nonce has 16 bytes", value=len(fresh))
    digest = None if body is None else content_digest(body)
    covered = '"@method" "@target-uri"' + ("" if digest is None else ' "content-digest"')
    written = base64.urlsafe_b64encode(fresh).decode().rstrip("=")
    params = (
        f'({covered});created={created};keyid="{key.kid.hex()}";alg="ed25519";nonce="{written}"'
    )
    signature = key.sign(_signature_base(method, target_uri, digest, params))
    fields = {
        "Signature-Input": f"sig1={params}",
        "Signature": f"sig1=:{base64.b64encode(signature).decode()}:",
    }
    return fields if digest is None else {"Content-Digest": digest, **fields}


def parse_signature(signature_input: str, signature: str) -> UnverifiedSignature:
    """Read the fields `Signature-Input` and `Signature`; InvalidInput unless in our profile."""
    found = _INPUT.fullmatch(signature_input.strip())
    value = _SIGNATURE.fullmatch(signature.strip())
    if found is None or value is None:
        raise InvalidInput(
            "the signature of the request is not in the profile of this node",
            remedy='sig1=("@method" "@target-uri");created;keyid;alg="ed25519";nonce',
        )
    try:
        raw = base64.b64decode(value["value"], validate=True)
    except binascii.Error:
        raise InvalidInput("the signature of the request is not base64") from None
    return UnverifiedSignature(
        Kid(bytes.fromhex(found["keyid"])),
        int(found["created"]),
        found["nonce"],
        found["body"] is not None,
        found["params"],
        raw,
    )


def content_digest(body: bytes) -> str:
    """Return the `Content-Digest` of a body (RFC 9530 section 2)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def _signature_base(method: str, target_uri: str, digest: str | None, params: str) -> bytes:
    """Return what is signed (RFC 9421 section 2.5)."""
    lines = [f'"@method": {method}', f'"@target-uri": {target_uri}']
    if digest is not None:
        lines.append(f'"content-digest": {digest}')
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines).encode()
