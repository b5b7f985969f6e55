"""Credentials: rendered from the log, verified offline by us and by foreign libraries."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws as foreign_jws
from joserfc import jwt as foreign_jwt
from joserfc.errors import SecurityWarning
from joserfc.jwk import OKPKey
from jwcrypto.jwk import JWK
from registry_toy import NORTH, Toy, found_and_admit, granted, party_key
from sd_jwt.verifier import SDJWTVerifier

from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.errors import NotFound, VerificationError
from entrepot.kernel.keys import PrivateKey, key_from_seed
from entrepot.registry import acts, sdjwt, views
from entrepot.registry.acts import ReasonGiven, Term
from entrepot.registry.credentialcheck import Asked, VerifiedCredential, verify_credential
from entrepot.registry.credentials import (
    context_document,
    credential_source,
    sd_jwt_vc,
    type_metadata,
    vc_jwt,
)
from entrepot.registry.issuing import enrol_issuing_key, load_issuing_key
from entrepot.registry.jws import from_base64url, jwk, key_name, parse_token, sign_token
from entrepot.registry.statuslists import (
    BITS,
    TTL_S,
    bitstring_list,
    snapshot_at,
    status_snapshot,
    token_list,
    verify_status_list,
)

URL = "https://node.example"


@dataclass
class Issued:
    """A registry with one certificate of North and the key that issues."""

    toy: Toy
    key: PrivateKey
    index: int

    @property
    def log_keys(self) -> LogKeys:
        return self.toy.node.signer.keys

    @property
    def asked(self) -> Asked:
        return Asked(now=self.toy.clock(), log_keys=self.log_keys)

    def vc(self, *, with_proof: bool = True) -> str:
        source = credential_source(
            self.toy.node, self.index, self.key.public, with_proof=with_proof
        )
        return vc_jwt(source, self.key, URL, now=self.toy.clock())

    def sd(self, *, with_proof: bool = True) -> str:
        source = credential_source(
            self.toy.node, self.index, self.key.public, with_proof=with_proof
        )
        return sd_jwt_vc(source, self.key, URL, now=self.toy.clock(), entropy=os.urandom)

    def lists(self, *, with_proof: bool = True) -> tuple[str, str]:
        snapshot = self.toy.read(status_snapshot, self.toy.node.log)
        proof = None
        if with_proof:
            source = credential_source(self.toy.node, self.index, self.key.public)
            proof = source.issuing_key
        return (
            bitstring_list(self.key, URL, snapshot, now=self.toy.clock(), key_proof=proof),
            token_list(self.key, URL, snapshot, now=self.toy.clock(), key_proof=proof),
        )

    def revoke(self) -> int:
        reason = ReasonGiven("duties-not-kept", "Rules of the registry, 12", "Duties not kept.")
        body = acts.Revoke(self.index, reason)
        return granted(self.toy.approve(self.toy.registrar, acts.REVOKE, body)).index


def issue(toy: Toy, **given: Any) -> int:
    fields: dict[str, Any] = {"kind": "provider", "subject": NORTH}
    body = acts.Issue(**{**fields, "term": Term("2026-09-21", "2027-09-20"), **given})
    return granted(toy.approve(toy.registrar, acts.ISSUE, body)).index


@pytest.fixture
def issued(tmp_path: Path) -> Iterator[Issued]:
    toy = found_and_admit(tmp_path)
    key = load_issuing_key(tmp_path)
    enrol_issuing_key(toy.node, key, issued_at=toy.clock())
    yield Issued(toy, key, issue(toy))
    toy.node.close()


def test_a_stranger_verifies_both_forms_with_the_log_keys_alone(issued: Issued) -> None:
    for text in (issued.vc(), issued.sd()):
        found = verify_credential(text, issued.asked)
        assert (found.kind, found.party, found.certificate) == ("provider", NORTH, issued.index)
        assert (found.valid_from, found.valid_until) == ("2026-09-21", "2027-09-20")
        assert (found.status, found.status_as_of) == ("valid", None)
        assert found.proven_at == issued.toy.node.log.size
        assert found.holder == party_key("North").public


def test_without_the_proof_the_issuer_key_is_needed(issued: Issued) -> None:
    text = issued.vc(with_proof=False)
    with pytest.raises(VerificationError, match="whose key"):
        verify_credential(text, issued.asked)
    found = verify_credential(text, replace(issued.asked, issuer_key=issued.key.public))
    assert found.proven_at is None
    with pytest.raises(VerificationError):
        stranger = key_from_seed(b"s" * 32)
        verify_credential(text, replace(issued.asked, issuer_key=stranger.public))


def test_revocation_is_visible_with_the_checkpoint_that_publishes_it(issued: Issued) -> None:
    credentials = {"vc": issued.vc(), "sd": issued.sd()}

    def status(form: str, lists: tuple[str, str]) -> VerifiedCredential:
        chosen = lists[0] if form == "vc" else lists[1]
        return verify_credential(credentials[form], replace(issued.asked, status_list=chosen))

    before = issued.lists()
    size_before = issued.toy.node.log.size
    at = issued.revoke()
    after = issued.lists()
    for form in credentials:
        found = status(form, before)
        assert (found.status, found.status_as_of) == ("valid", size_before)
        found = status(form, after)
        assert (found.status, found.status_as_of) == ("revoked", at + 1)
    # The bits are a function of the size: those of the earlier tree can be had again.
    old = issued.toy.read(snapshot_at, 0, origin="x", tree_size=size_before, root=b"\x00" * 32)
    assert old.revoked == ()
    shown = issued.toy.read(views.certificate, issued.index)
    assert shown.status_on("2026-10-01") == "revoked" and shown.revoked_for == "duties-not-kept"


def test_terms_are_told(issued: Issued) -> None:
    text = issued.vc()
    assert verify_credential(text, replace(issued.asked, now=1_760_000_000)).status == "not-yet"
    assert verify_credential(text, replace(issued.asked, now=1_900_000_000)).status == "expired"
    shown = issued.toy.read(views.certificate, issued.index)
    assert [shown.status_on(day) for day in ("2026-09-20", "2026-09-21", "2027-09-20")] == [
        "not-yet", "valid", "valid",
    ]  # fmt: skip
    assert shown.status_on("2027-09-21") == "expired"


def test_a_token_that_says_otherwise_than_the_log_does_not_verify(issued: Issued) -> None:
    """Even with the stolen issuing key nobody makes a certificate that the log does not have."""
    token = parse_token(issued.vc())
    subject = token.payload["credentialSubject"]
    for change in ({"kind": "trading"}, {"until": "2029-01-01"}, {"number": 2}):
        forged = json.loads(json.dumps(token.payload))
        forged["credentialSubject"]["certificate"] = {**subject["certificate"], **change}
        if "until" in change:
            forged["validUntil"] = "2029-01-01T23:59:59Z"
        header = {name: token.header[name] for name in ("typ", "cty", "kid")}
        text = sign_token(issued.key, header, forged)
        with pytest.raises(VerificationError, match="otherwise than the log"):
            verify_credential(text, issued.asked)
    forged = json.loads(json.dumps(token.payload))
    forged["credentialSubject"]["party"] = "lei:another"
    with pytest.raises(VerificationError, match="otherwise than the log"):
        verify_credential(sign_token(issued.key, header, forged), issued.asked)


def test_every_flipped_character_is_noticed(issued: Issued) -> None:
    text = issued.vc()
    step = max(1, len(text) // 60)
    for place in range(0, len(text), step):
        swapped = "A" if text[place] != "A" else "B"
        if text[place] == ".":
            swapped = "A"
        with pytest.raises(VerificationError):
            verify_credential(text[:place] + swapped + text[place + 1 :], issued.asked)


def test_other_logs_and_other_algorithms_are_refused(issued: Issued, tmp_path: Path) -> None:
    text = issued.vc()
    other = replace(issued.log_keys, origin="another.example/log")
    with pytest.raises(VerificationError):
        verify_credential(text, replace(issued.asked, log_keys=other))
    head, body, signature = text.split(".")
    for header in ('{"alg":"none","typ":"vc+jwt"}', '{"alg":"EdDSA","crit":["b64"],"b64":false}'):
        from entrepot.kernel.encoding import to_base64url

        with pytest.raises(VerificationError):
            verify_credential(f"{to_base64url(header.encode())}.{body}.{signature}", issued.asked)
    for text in ("", "a.b", "a.b.c", "....", "~", "x" * 600_000, f"{head}..{signature}"):
        with pytest.raises(VerificationError):
            verify_credential(text, issued.asked)


def test_a_holder_discloses_by_choice_and_proves_the_key(issued: Issued) -> None:
    asked = replace(
        issued.asked, issuer_key=issued.key.public, audience="https://buyer.example", nonce="n-1"
    )
    holder = party_key("North")
    shown = sdjwt.present(
        issued.sd(),
        ["country"],
        holder=holder,
        audience="https://buyer.example",
        nonce="n-1",
        at=issued.toy.clock(),
    )
    found = verify_credential(shown, asked)
    assert found.claims["country"] == "DE"
    assert "name" not in found.claims and "sub" not in found.claims
    assert (found.party, found.kind) == ("", "provider")
    assert NORTH not in json.dumps(found.claims)
    for wrong in (
        replace(asked, nonce="n-2"),
        replace(asked, audience="https://other.example"),
        replace(asked, now=asked.now + 3_600),
    ):
        with pytest.raises(VerificationError):
            verify_credential(shown, wrong)
    unbound = sdjwt.present(issued.sd(), ["country"])
    with pytest.raises(VerificationError, match="not bound"):
        verify_credential(unbound, asked)
    thief = sdjwt.present(
        issued.sd(),
        ["country"],
        holder=party_key("South"),
        audience="https://buyer.example",
        nonce="n-1",
        at=issued.toy.clock(),
    )
    with pytest.raises(VerificationError):
        verify_credential(thief, asked)
    # A key binding cannot be moved to a presentation that says more.
    whole = issued.sd().split("~")
    moved = "~".join([*whole[:-1], shown.split("~")[-1]])
    with pytest.raises(VerificationError):
        verify_credential(moved, asked)


def test_a_form_without_a_holder_is_no_answer_to_who_holds_it(issued: Issued) -> None:
    # Anybody can fetch the W3C form; sent in the place of a bound presentation it proves nobody.
    asked = replace(issued.asked, audience="https://buyer.example", nonce="n-1")
    assert verify_credential(issued.vc(), issued.asked).status == "valid"
    with pytest.raises(VerificationError, match="not bound"):
        verify_credential(issued.vc(), asked)


def test_disclosures_are_held_to_their_hashes(issued: Issued) -> None:
    text = issued.sd()
    token, *disclosures, last = text.split("~")
    asked = replace(issued.asked, issuer_key=issued.key.public)
    doubled = "~".join([token, disclosures[0], *disclosures, last])
    from entrepot.kernel.encoding import to_base64url

    invented = to_base64url(b'["salt","country","US"]')
    for forged in (doubled, "~".join([token, invented, last])):
        with pytest.raises(VerificationError, match="disclosure"):
            verify_credential(forged, asked)


def test_status_lists_expire_and_are_bound_to_their_address(issued: Issued) -> None:
    bitstring, tokens = issued.lists()
    with pytest.raises(VerificationError, match="another than"):
        verify_credential(issued.vc(), replace(issued.asked, status_list=tokens))
    late = issued.asked.now + TTL_S + 600
    with pytest.raises(VerificationError, match="not fresh"):
        verify_status_list(bitstring, now=late, log_keys=issued.log_keys)
    found = verify_status_list(tokens, now=issued.asked.now, log_keys=issued.log_keys)
    assert len(found.bits) * 8 == BITS
    with pytest.raises(VerificationError):
        found.is_revoked(BITS)
    with pytest.raises(VerificationError, match="whose key"):
        verify_status_list(issued.lists(with_proof=False)[0], now=issued.asked.now)


def test_a_bomb_in_a_status_list_is_not_unpacked(issued: Issued) -> None:
    import zlib

    from entrepot.kernel.encoding import to_base64url

    packed = to_base64url(zlib.compress(b"\x00" * 50_000_000, 9))
    payload = {
        "iat": issued.asked.now, "exp": issued.asked.now + 60, "sub": "x",
        "status_list": {"bits": 1, "lst": packed},
    }  # fmt: skip
    text = sign_token(issued.key, {"typ": "statuslist+jwt"}, payload)
    with pytest.raises(VerificationError, match="longer"):
        verify_status_list(text, now=issued.asked.now, issuer_key=issued.key.public)


# -- foreign libraries -----------------------------------------------------------------------------


def test_joserfc_verifies_the_w3c_credential_and_both_lists(issued: Issued) -> None:
    key = OKPKey.import_key({**jwk(issued.key.public), "use": "sig", "alg": "EdDSA"})
    registry = foreign_jws.JWSRegistry(algorithms=["EdDSA"])
    # joserfc warns of the name EdDSA, which RFC 9864 replaces; other verifiers know no other yet.
    with pytest.warns(SecurityWarning, match="RFC 9864"):
        token = foreign_jwt.decode(issued.vc(), key, algorithms=["EdDSA"], registry=registry)
    assert token.header["typ"] == "vc+jwt"
    assert token.claims["type"] == ["VerifiableCredential", "ProviderCertificate"]
    assert token.claims["issuer"]["id"] == "did:web:node.example"
    bitstring, tokens = issued.lists()
    for text, typ in ((bitstring, "vc+jwt"), (tokens, "statuslist+jwt")):
        with pytest.warns(SecurityWarning, match="RFC 9864"):
            listed = foreign_jwt.decode(text, key, algorithms=["EdDSA"], registry=registry)
        assert listed.header["typ"] == typ


class EdDsaVerifier(SDJWTVerifier):  # type: ignore[misc]
    """The library takes ES256 for key bindings unless told."""

    def _verify_key_binding_jwt(self, audience: str, nonce: str) -> None:
        super()._verify_key_binding_jwt(audience, nonce, sign_alg="EdDSA")


def test_the_sd_jwt_library_verifies_ours_with_key_binding(issued: Issued) -> None:
    issuer_key = JWK(**jwk(issued.key.public))
    shown = sdjwt.present(
        issued.sd(),
        ["name", "identifiers"],
        holder=party_key("North"),
        audience="https://buyer.example",
        nonce="n-9",
        at=issued.toy.clock(),
    )
    verifier = EdDsaVerifier(
        shown,
        lambda issuer, header: issuer_key,
        expected_aud="https://buyer.example",
        expected_nonce="n-9",
    )
    claims = verifier.get_verified_payload()
    assert claims["name"] == "North" and claims["identifiers"] == [NORTH]
    assert claims["vct"] == f"{URL}/credentials/types/provider"
    assert "country" not in claims


def test_lists_are_read_by_the_rules_of_their_standards(issued: Issued) -> None:
    """Read as the two standards say, with nothing of ours but base64."""
    import gzip
    import zlib

    second = issue(issued.toy)
    issued.revoke()
    place = issued.toy.read(views.certificate, issued.index).status_index
    other = issued.toy.read(views.certificate, second).status_index
    bitstring, tokens = (parse_token(text).payload for text in issued.lists())
    encoded = bitstring["credentialSubject"]["encodedList"]
    assert encoded[0] == "u"
    bits = gzip.decompress(from_base64url(encoded[1:]))
    assert len(bits) == 16_384  # Bitstring Status List 1.0, section 6.1: 131,072 bits at least
    as_text = "".join(f"{byte:08b}" for byte in bits)  # the first bit is the leftmost
    assert (as_text[place], as_text[other]) == ("1", "0")
    packed = zlib.decompress(from_base64url(tokens["status_list"]["lst"]))
    assert (packed[place // 8] >> place % 8 & 1, packed[other // 8] >> other % 8 & 1) == (1, 0)


# -- rules of certificates -------------------------------------------------------------------------


def test_the_issuing_key_is_of_its_own_and_never_submits_acts(issued: Issued) -> None:
    toy = issued.toy
    assert issued.key.kid not in (toy.node.party.kid, toy.node.signer.keys.ed25519.kid)
    assert not (toy.node.home / "keys" / "registry.pub").exists()
    assert (toy.node.home / "keys" / "registry.pem").stat().st_mode & 0o077 == 0
    with pytest.raises(VerificationError):
        toy.sign(issued.key, acts.UPDATE_PARTY, acts.UpdateParty(toy.operator, name="X"))
    first = enrol_issuing_key(toy.node, issued.key, issued_at=toy.clock())
    assert enrol_issuing_key(toy.node, issued.key, issued_at=toy.clock()) == first


def test_what_is_not_issued_cannot_be_rendered(issued: Issued) -> None:
    with pytest.raises(NotFound):
        credential_source(issued.toy.node, 1, issued.key.public)
    with pytest.raises(NotFound):
        credential_source(issued.toy.node, issued.index, key_from_seed(b"z" * 32).public)


def test_types_and_context_are_described(issued: Issued) -> None:
    described = type_metadata(URL, "cross-border")
    assert described["display"][1] == {"locale": "zh", "name": "数据跨境证书"}
    with pytest.raises(NotFound):
        type_metadata(URL, "royal")
    terms = context_document()["@context"]
    payload = parse_token(issued.vc()).payload
    standard = {
        "iat", "exp", "cnf", "@context", "id", "type", "issuer", "validFrom", "validUntil",
        "credentialSubject", "credentialStatus", "evidence",
    }  # fmt: skip
    assert payload.keys() - standard <= terms.keys()
    assert payload["credentialSubject"].keys() - {"id", "name"} <= terms.keys()
    assert payload["evidence"][0].keys() - {"type"} <= terms.keys()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_an_issuer_signs_is_a_credential_or_refused(data: st.DataObject) -> None:
    """A dishonest issuer's token gives an answer or a VerificationError, nothing else."""
    key = key_from_seed(b"i" * 32)
    claims: dict[str, Any] = {
        "iss": URL, "vct": f"{URL}/credentials/types/provider", "iat": 1_790_000_000,
        "nbf": 1_789_000_000, "exp": 1_890_000_000, "cnf": {"jwk": jwk(key.public)},
        "status": {"status_list": {"idx": 0, "uri": "x"}}, "party": NORTH,
        "certificate": {"number": 1, "kind": "provider", "begin": "2026-09-21", "until": "x"},
        "log_proof": {"issued": {"logIndex": 1, "entry": "", "receipt": ""}, "issuingKey": {}},
        "issuer": {"id": "did:web:node.example"}, "validFrom": "2026-09-21", "evidence": [{}],
        "credentialSubject": {"party": NORTH}, "credentialStatus": {},
        "status_list": {"bits": 1, "lst": ""}, "ttl": 1, "sub": "x", "log": {},
    }  # fmt: skip
    for name in data.draw(st.sets(st.sampled_from(sorted(claims)), max_size=3)):
        claims[name] = data.draw(JSON_VALUES)
    for name in data.draw(st.sets(st.sampled_from(sorted(claims)), max_size=6)):
        del claims[name]
    asked = Asked(now=1_790_000_000, issuer_key=key.public, status_list="a.b.c")
    name = parse_token(sign_token(key, {"kid": key_name(key.public)}, {})).header["kid"]
    for typ, kid, tail in (
        ("dc+sd-jwt", name, "~"),
        ("vc+jwt", f"did:web:node.example#{name}", ""),
    ):
        text = sign_token(key, {"typ": typ, "kid": kid}, claims) + tail
        for question in (asked, replace(asked, status_list="")):
            with suppress(VerificationError):
                assert verify_credential(text, question).form == typ
    for typ in ("statuslist+jwt", "vc+jwt"):
        with suppress(VerificationError):
            verify_status_list(
                sign_token(key, {"typ": typ}, claims), now=1_790_000_000, issuer_key=key.public
            )
