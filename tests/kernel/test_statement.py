"""Statements of others: what a registration needs, foreign encoders, and any bytes at all."""

import hashlib

import cbor2
import pytest
import scitt_cose
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, PublicKey, key_from_seed
from entrepot.kernel.statement import (
    Malformed,
    PayloadMissing,
    UnsupportedAlgorithm,
    parse_statement,
    sign_statement,
    split_transparent,
    transparent_statement,
)

KEY = key_from_seed(b"\x01" * 32)
CONTENT = b"a bill of materials"
P256 = ec.derive_private_key(0x1234567, ec.SECP256R1())
P256_PEM = P256.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
P256_KEY = PublicKey(
    Algorithm.ES256,
    P256.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
)
OURS = sign_statement(
    KEY, CONTENT, issuer="https://vendor.example", subject="product",
    content_type="application/spdx+json", issued_at=1_790_000_000,
    location="https://vendor.example/bom.json",
)  # fmt: skip


def header(**changes: object) -> dict[object, object]:
    """The protected header of the SCRAPI draft's example; `L258=None` leaves label 258 out."""
    labels: dict[object, object] = {
        4: P256_KEY.kid,
        16: "application/example+cose",
        258: -16,
        259: "application/spdx+json",
        260: "https://vendor.example/manifest.json",
        15: {1: "vendor.example", 2: "vendor.product.example"},
    }
    for name, value in changes.items():
        labels[int(name[1:])] = value
    return {label: value for label, value in labels.items() if value is not None}


def foreign(
    payload: bytes | None = None, unprotected: dict[object, object] | None = None, **changes: object
) -> bytes:
    """A statement by scitt-cose, whose encoder keeps headers in the order they were given."""
    if payload is None:
        payload = hashlib.sha256(CONTENT).digest()
    return scitt_cose.sign_sign1(
        payload, alg="ES256", private_key_pem=P256_PEM,
        protected=header(**changes), unprotected=unprotected or {},
    )  # fmt: skip


def test_ours_is_read_and_covers_its_content() -> None:
    statement = parse_statement(OURS)
    statement.verify(KEY.public)
    assert statement.raw == OURS
    assert (statement.issuer, statement.subject) == ("https://vendor.example", "product")
    assert (statement.kid, statement.issued_at) == (KEY.kid, 1_790_000_000)
    assert statement.location == "https://vendor.example/bom.json"
    assert statement.covers(CONTENT)
    assert not statement.covers(CONTENT + b"x")
    found = scitt_cose.verify_sign1(OURS, public_key_pem=KEY.public.pem())
    assert found.payload == hashlib.sha256(CONTENT).digest()


def test_a_foreign_encoder_may_order_the_header_as_it_likes() -> None:
    raw = foreign()
    statement = parse_statement(raw)
    statement.verify(P256_KEY)
    assert statement.covers(CONTENT)
    assert cbor2.loads(statement.raw).value[0] == cbor2.loads(raw).value[0]
    with pytest.raises(VerificationError):
        statement.verify(KEY.public)
    changed = raw[:-1] + bytes([raw[-1] ^ 1])
    with pytest.raises(VerificationError):
        parse_statement(changed).verify(P256_KEY)


def test_the_unprotected_header_does_not_enter_the_log() -> None:
    raw = foreign(unprotected={394: [b"receipt"]})
    with pytest.raises(InvalidInput, match="unsigned header"):
        parse_statement(raw)
    assert parse_statement(raw, unprotected_allowed=(394,)).digest != hashlib.sha256(raw).digest()
    leaf = parse_statement(raw, unprotected_allowed=(394,)).raw
    assert cbor2.loads(leaf).value[1] == {}
    parse_statement(leaf).verify(P256_KEY)


def test_transparent_statements_are_put_together_and_taken_apart() -> None:
    leaf = parse_statement(foreign()).raw
    whole = transparent_statement(leaf, [b"one", b"two"])
    assert scitt_cose.extract_receipts(whole) == [b"one", b"two"]
    assert split_transparent(whole) == (leaf, [b"one", b"two"])
    for bad in (leaf, transparent_statement(leaf, [])[:-1], b"", OURS):
        with pytest.raises(InvalidInput):
            split_transparent(bad)


@pytest.mark.parametrize(
    ("kind", "what", "changes"),
    [
        (InvalidInput, "no hash envelope", {"L258": None}),
        (UnsupportedAlgorithm, "hash algorithm", {"L258": -15}),
        (UnsupportedAlgorithm, "hash algorithm", {"L258": "sha-256"}),
        (InvalidInput, "place of label 3", {"L3": "text/plain"}),
        (InvalidInput, "not a hash", {"L258": -44}),
        (InvalidInput, "no key", {"L4": None}),
        (InvalidInput, "no key", {"L4": "text"}),
        (InvalidInput, "no CWT claims", {"L15": None}),
        (InvalidInput, "no CWT claims", {"L15": [1]}),
        (InvalidInput, "iss", {"L15": {2: "s"}}),
        (InvalidInput, "sub", {"L15": {1: "i"}}),
        (InvalidInput, "iss", {"L15": {1: "", 2: "s"}}),
        (InvalidInput, "iss", {"L15": {1: "i" * 8193, 2: "s"}}),
        (InvalidInput, "content type", {"L259": [1]}),
        (InvalidInput, "location", {"L260": 7}),
        (Malformed, "critical", {"L2": [300], "L300": 1}),
        (Malformed, "critical", {"L2": []}),
        (Malformed, "CBOR", {"L300": cbor2.CBORTag(35, "(")}),
    ],
)
def test_what_a_statement_must_have(
    kind: type[InvalidInput], what: str, changes: dict[str, object]
) -> None:
    with pytest.raises(kind, match=what):
        parse_statement(foreign(**changes))  # type: ignore[arg-type]


def test_algorithms_and_payloads_that_are_refused() -> None:
    parts = cbor2.loads(foreign()).value
    for algorithm in (-35, -257, "ES256", None, True):
        protected = cbor2.dumps({**header(), 1: algorithm})
        raw = cbor2.dumps(cbor2.CBORTag(18, [protected, *parts[1:]]))
        with pytest.raises(UnsupportedAlgorithm):
            parse_statement(raw)
    detached = cbor2.dumps(cbor2.CBORTag(18, [parts[0], {}, None, parts[3]]))
    with pytest.raises(PayloadMissing):
        parse_statement(detached)
    act = sign_act(KEY, "count", {"n": 1}, issued_at=5, act_id=ActId(b"\x05" * 16))
    with pytest.raises(InvalidInput, match="no hash envelope"):
        parse_statement(act)
    for bad in (
        b"",
        b"\xd2",
        OURS + b"\0",
        OURS[1:],
        cbor2.dumps(cbor2.CBORTag(18, [parts[0], {}])),
        cbor2.dumps(cbor2.CBORTag(18, ["x", {}, b"", b""])),
        cbor2.dumps(cbor2.CBORTag(18, [b"\x01", {}, b"", b""])),
        cbor2.dumps(cbor2.CBORTag(98, parts)),
        OURS + b"x" * 65_536,
    ):
        with pytest.raises(Malformed):
            parse_statement(bad)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.data())
def test_mutations_are_refused_or_do_not_verify(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([OURS, FOREIGN]))
    raw = bytearray(base)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    try:
        statement = parse_statement(bytes(raw), unprotected_allowed=(394, 33))
        statement.verify(KEY.public if base is OURS else P256_KEY)
    except (InvalidInput, VerificationError):
        return
    assert statement.raw == parse_statement(base).raw


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(raw: bytes) -> None:
    for whole in (raw, b"\xd2" + raw, b"\xd2\x84" + raw):
        with pytest.raises(InvalidInput):
            parse_statement(whole)


FOREIGN = foreign()
