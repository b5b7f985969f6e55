"""DID documents: addresses, key forms, history of keys, services."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from registry_toy import NORTH, Toy, found_and_admit, granted, party_key, possession
from software_passkey import SoftwarePasskey

from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.keys import Algorithm, PublicKey
from entrepot.registry import acts, did, views
from entrepot.registry.issuing import enrol_issuing_key, load_issuing_key
from entrepot.registry.jws import from_base64url, key_name

URL = "https://node.example"


@pytest.fixture
def toy(tmp_path: Path) -> Iterator[Toy]:
    made = found_and_admit(tmp_path)
    yield made
    made.node.close()


def test_addresses_become_dids() -> None:
    assert did.node_did("https://Node.example") == "did:web:node.example"
    assert did.node_did("http://localhost:8000/") == "did:web:localhost%3A8000"
    party = did.party_did(URL, "lei:9999")
    assert party == "did:web:node.example:did:lei%3A9999"
    # The did:web method: colons become slashes, the last part gets /did.json, %3A stays.
    path = "/" + "/".join(party.split(":")[3:]) + "/did.json"
    assert path == did.party_path("lei:9999") == "/did/lei%3A9999/did.json"


@pytest.mark.parametrize(
    "url", ["ftp://x", "https://", "https://x/path", "https://u@x", "https://x?q", "node"]
)
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(InvalidInput):
        did.node_did(url)


def test_multikeys_are_those_of_the_standards() -> None:
    # W3C Controlled Identifiers 1.0 and did:key: Ed25519 begins z6Mk, P-256 begins zDn.
    # The Ed25519 key is that of RFC 8032 7.1 test 1, its did:key is published in many places.
    raw = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    text = did.multikey(PublicKey(Algorithm.ED25519, raw))
    assert text == "z6MktwupdmLXVVqTzCw4i46r4uGyosGXRnR3XjN4Zq7oMMsw"
    assert did.multikey(SoftwarePasskey("p").public).startswith("zDn")
    assert did.base58(b"\x00\x00\x01") == "112"


def test_a_partys_document_has_its_keys_and_their_history(toy: Toy) -> None:
    fresh = party_key("North, later")
    body = acts.AddKey(NORTH, fresh.public.raw, possession(fresh, NORTH))
    granted(toy.sign(party_key("North"), acts.ADD_KEY, body))
    granted(
        toy.sign(fresh, acts.REVOKE_KEY, acts.RevokeKey(NORTH, party_key("North").kid, "rotated"))
    )
    document = did.party_document(
        URL, toy.read(views.find_party, NORTH), toy.read(views.keys_of, NORTH)
    )
    assert document["id"] == did.party_did(URL, NORTH)
    methods = document["verificationMethod"]
    assert [method["type"] for method in methods] == ["JsonWebKey", "Multikey"] * 2
    assert [("revoked" in method) for method in methods] == [True, True, False, False]
    old = f"{document['id']}#{key_name(party_key('North').public)}"
    new = f"{document['id']}#{key_name(fresh.public)}"
    assert methods[0]["id"] == old and methods[0]["revoked"].endswith("Z")
    assert from_base64url(methods[2]["publicKeyJwk"]["x"]) == fresh.public.raw
    assert new in document["authentication"] and old not in document["authentication"]
    assert "assertionMethod" not in document
    assert document["controller"] == [document["id"], "did:web:node.example"]


def test_the_nodes_document_keeps_purposes_apart_and_persons_out(toy: Toy) -> None:
    key = load_issuing_key(toy.node.home)
    enrol_issuing_key(toy.node, key, issued_at=toy.clock())
    operator = toy.read(views.find_party, toy.operator)
    keys = toy.read(views.keys_of, toy.operator)
    log_key = toy.node.signer.keys.ed25519
    document = did.node_document(URL, operator, keys, log_key)
    issuing = f"did:web:node.example#{key_name(key.public)}"
    acting = f"did:web:node.example#{key_name(toy.node.party.public)}"
    assert issuing in document["assertionMethod"] and acting not in document["assertionMethod"]
    assert acting in document["authentication"] and issuing not in document["authentication"]
    log = f"did:web:node.example#{key_name(log_key)}"
    assert log in [method["id"] for method in document["verificationMethod"]]
    used = document["authentication"] + document["assertionMethod"]
    assert log not in used
    assert key_name(toy.registrar.public) not in str(document)
    assert {service["type"] for service in document["service"]} >= {
        "TransparencyLog",
        "StatusLists",
    }
    metadata = did.issuer_metadata(URL, keys)
    assert [found["kid"] for found in metadata["jwks"]["keys"]] == [key_name(key.public)]
