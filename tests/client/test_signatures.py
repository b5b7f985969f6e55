"""HTTP Message Signatures: the base that RFC 9421 prescribes, and nothing but our profile."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from entrepot.client.signatures import content_digest, parse_signature, sign_request
from entrepot.kernel.errors import Error, InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, key_from_seed

KEY = key_from_seed(b"\x01" * 32)
URL = "https://node.example/acts/7/opening?x=1"
AT = 1_790_000_000


def test_the_signature_base_is_that_of_the_rfc() -> None:
    """RFC 9421 section 2.5: lines of covered components, then the parameters; no line end."""
    body = b'{"hello": "world"}'
    fields = sign_request(KEY, "POST", URL, created=AT, body=body, nonce=b"\x02" * 16)
    params = fields["Signature-Input"].removeprefix("sig1=")
    base = (
        f'"@method": POST\n"@target-uri": {URL}\n'
        f'"content-digest": {fields["Content-Digest"]}\n"@signature-params": {params}'
    )
    raw = base64.b64decode(fields["Signature"].removeprefix("sig1=:").removesuffix(":"))
    Ed25519PublicKey.from_public_bytes(KEY.public.raw).verify(raw, base.encode())


def test_the_digest_is_that_of_the_rfc() -> None:
    """RFC 9530 appendix D, `{"hello": "world"}` with a line feed (also RFC 9421, B.2)."""
    expected = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
    assert content_digest(b'{"hello": "world"}') == expected


def test_what_was_signed_verifies_and_nothing_else() -> None:
    fields = sign_request(KEY, "GET", URL, created=AT)
    found = parse_signature(fields["Signature-Input"], fields["Signature"])
    assert (found.kid, found.created, found.covers_body) == (KEY.kid, AT, False)
    found.verify(KEY.public, "GET", URL, None)
    for method, url, body in (("HEAD", URL, None), ("GET", URL + "0", None), ("GET", URL, b"")):
        with pytest.raises(VerificationError):
            found.verify(KEY.public, method, url, body)
    with pytest.raises(VerificationError):
        found.verify(key_from_seed(b"\x03" * 32).public, "GET", URL, None)


def test_a_body_is_covered_whole() -> None:
    fields = sign_request(KEY, "POST", URL, created=AT, body=b"abc")
    found = parse_signature(fields["Signature-Input"], fields["Signature"])
    found.verify(KEY.public, "POST", URL, b"abc")
    for body in (b"abd", b"", None):
        with pytest.raises(VerificationError):
            found.verify(KEY.public, "POST", URL, body)


def test_every_request_has_a_nonce_of_its_own() -> None:
    made = {sign_request(KEY, "GET", URL, created=AT)["Signature-Input"] for _ in range(50)}
    assert len(made) == 50


def test_only_ed25519_signs_requests_and_a_nonce_has_its_length() -> None:
    with pytest.raises(InvalidInput):
        sign_request(key_from_seed(b"\x01" * 32, Algorithm.ML_DSA_44), "GET", URL, created=AT)
    with pytest.raises(InvalidInput):
        sign_request(KEY, "GET", URL, created=AT, nonce=b"short")


SIGNED = sign_request(KEY, "GET", URL, created=AT, nonce=b"\x02" * 16)


@given(st.integers(0, 500), st.characters(max_codepoint=300), st.booleans())
def test_any_changed_character_is_noticed(at: int, character: str, in_input: bool) -> None:
    texts = [SIGNED["Signature-Input"], SIGNED["Signature"]]
    which = 0 if in_input else 1
    place = at % len(texts[which])
    changed = texts[which][:place] + character + texts[which][place + 1 :]
    if changed.strip() == texts[which]:
        return
    texts[which] = changed
    with pytest.raises(Error):
        parse_signature(*texts).verify(KEY.public, "GET", URL, None)


@given(st.text(max_size=400), st.text(max_size=200))
def test_any_text_is_refused_or_well_formed(signature_input: str, signature: str) -> None:
    with pytest.raises(InvalidInput):
        parse_signature(signature_input, signature)
