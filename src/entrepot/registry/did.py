"""DID documents of the node and of its parties, by `did:web` (W3C DID Core; did:web method).

The node is `did:web:HOST`, a party `did:web:HOST:did:SCHEME%3AVALUE`, served at
`/did/SCHEME%3AVALUE/did.json`. Keys stand twice, as JsonWebKey and as Multikey (W3C Controlled
Identifiers 1.0), because verifiers know one or the other. Revoked keys stay listed with the day of
their revocation, outside every verification relationship. Persons' passkeys are in no document.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.keys import Algorithm, PublicKey
from entrepot.registry.jws import jwk, key_name
from entrepot.registry.views import KeyView, PartyView

CONTEXTS: Final = ["https://www.w3.org/ns/did/v1", "https://www.w3.org/ns/cid/v1"]
_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MULTICODEC: Final = {Algorithm.ED25519: b"\xed\x01", Algorithm.ES256: b"\x80\x24"}
"""ed25519-pub 0xed, p256-pub 0x1200, as unsigned varints."""


def node_did(url: str) -> str:
    """Return the DID of the node at `url` (`https://host`, a port becomes `%3A`).

    Raises InvalidInput when it is no http address without path.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        raise InvalidInput("address of a node is https://host", value=url)
    if parts.username is not None or parts.query or parts.fragment:
        raise InvalidInput("address of a node is https://host", value=url)
    return f"did:web:{quote(parts.netloc.lower(), safe='')}"


def party_did(url: str, party: str) -> str:
    """Return the DID of a party of the node at `url`."""
    return f"{node_did(url)}:did:{quote(party, safe='')}"


def party_path(party: str) -> str:
    """Return where the node serves the document of a party."""
    return f"/did/{quote(party, safe='')}/did.json"


def multikey(key: PublicKey) -> str:
    """Return a public key as multibase text (base58btc, `z`), the compressed point for P-256."""
    raw = key.raw
    if key.algorithm is Algorithm.ES256:
        raw = bytes([2 + key.raw[64] % 2]) + key.raw[1:33]
    if key.algorithm not in _MULTICODEC:
        raise InvalidInput("no Multikey for this algorithm here", value=key.algorithm.name)
    return "z" + base58(_MULTICODEC[key.algorithm] + raw)


def base58(raw: bytes) -> str:
    """Return bytes in the Bitcoin alphabet, leading zero bytes as `1`."""
    number, text = int.from_bytes(raw, "big"), ""
    while number:
        number, rest = divmod(number, 58)
        text = _BASE58[rest] + text
    return "1" * (len(raw) - len(raw.lstrip(b"\x00"))) + text


def party_document(url: str, party: PartyView, keys: Sequence[KeyView]) -> dict[str, Any]:
    """Return the DID document of a party: its keys for acts, and where the registry knows it."""
    did = party_did(url, party.party)
    document = _document(did, keys)
    document["alsoKnownAs"] = [f"urn:entrepot:{identifier}" for identifier in party.identifiers]
    document["controller"] = [did, node_did(url)]
    document["service"] = [
        _service(
            did,
            "registry",
            "RegistryEntry",
            f"{url}/registry/parties/{quote(party.party, safe='')}",
        )
    ]
    return document


def node_document(
    url: str, operator: PartyView, keys: Sequence[KeyView], log_key: PublicKey
) -> dict[str, Any]:
    """Return the DID document of the node: keys of the operator, of credentials, and of the log.

    Keys for credentials are for assertions alone, keys for acts for authentication and invocation;
    the log's key is listed and in no relationship, because it signs trees and nothing else.
    """
    did = node_did(url)
    document = _document(did, keys)
    document["verificationMethod"] += _methods(did, log_key, revoked_at=None)
    document["alsoKnownAs"] = [
        party_did(url, operator.party),
        *(f"urn:entrepot:{identifier}" for identifier in operator.identifiers),
    ]
    document["service"] = [
        _service(did, "node", "EntrepotNode", url),
        _service(did, "log", "TransparencyLog", f"{url}/log"),
        _service(did, "registry", "Registry", f"{url}/registry"),
        _service(did, "status", "StatusLists", f"{url}/status"),
    ]
    return document


def issuer_metadata(url: str, keys: Sequence[KeyView]) -> dict[str, Any]:
    """Return the JWT VC Issuer Metadata, served at `/.well-known/jwt-vc-issuer` (SD-JWT VC)."""
    listed = []
    for key in keys:
        if key.purpose == "issuing" and key.is_active:
            public = public_key(key)
            listed.append({**jwk(public), "kid": key_name(public), "alg": "EdDSA", "use": "sig"})
    return {"issuer": url, "jwks": {"keys": listed}}


def public_key(key: KeyView) -> PublicKey:
    """Return a key of a view as a key."""
    return PublicKey(Algorithm(key.algorithm), key.raw)


def _document(did: str, keys: Sequence[KeyView]) -> dict[str, Any]:
    methods: list[dict[str, Any]] = []
    acting, asserting = [], []
    for key in keys:
        made = _methods(did, public_key(key), revoked_at=key.revoked_at)
        methods += made
        if key.is_active:
            names = [method["id"] for method in made]
            acting += names if key.purpose == "acts" else []
            asserting += names if key.purpose == "issuing" else []
    document: dict[str, Any] = {"@context": CONTEXTS, "id": did, "verificationMethod": methods}
    if acting:
        document |= {"authentication": acting, "capabilityInvocation": acting}
    if asserting:
        document["assertionMethod"] = asserting
    return document


def _methods(did: str, key: PublicKey, *, revoked_at: int | None) -> list[dict[str, Any]]:
    name, multibase = key_name(key), multikey(key)
    shared: dict[str, Any] = {"controller": did}
    if revoked_at is not None:
        revoked = datetime.fromtimestamp(revoked_at, tz=UTC)
        shared["revoked"] = revoked.strftime("%Y-%m-%dT%H:%M:%SZ")
    as_jwk = {**jwk(key), "kid": name}
    return [
        {"id": f"{did}#{name}", "type": "JsonWebKey", **shared, "publicKeyJwk": as_jwk},
        {"id": f"{did}#{multibase}", "type": "Multikey", **shared, "publicKeyMultibase": multibase},
    ]


def _service(did: str, name: str, kind: str, endpoint: str) -> dict[str, str]:
    return {"id": f"{did}#{name}", "type": kind, "serviceEndpoint": endpoint}
