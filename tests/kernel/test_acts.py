"""Acts: verified by one door only, strict in every header."""

import random

import pytest

from entrepot.kernel.acts import (
    ACT_CONTENT_TYPE,
    ActId,
    SignedAct,
    VerifiedAct,
    new_act_id,
    require_meant_for,
    sign_act,
    verify_act,
)
from entrepot.kernel.cose import assemble, parse_sign1, sign1
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import Error, InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, key_from_seed, kid_urn, new_key

KEY = key_from_seed(b"\x01" * 32)
ID = ActId(bytes(range(16)))
RAW = sign_act(KEY, "register-product", {"name": "x", "n": 3}, issued_at=1_790_000_000, act_id=ID)


def claims(**changes: object) -> dict[object, object]:
    found: dict[object, object] = {1: kid_urn(KEY.kid), 2: "a-kind", 6: 5, 7: ID}
    for key, value in changes.items():
        found[int(key[1:])] = value
    return found


def signed(protected: dict[int, object], payload: bytes = b"\xa0") -> bytes:
    return sign1(KEY, protected, payload)


def test_a_verified_act_says_what_was_signed() -> None:
    act = verify_act(RAW, KEY.public)
    assert (act.kind, act.act_id, act.issuer) == ("register-product", ID, KEY.kid)
    assert (act.issued_at, act.body) == (1_790_000_000, {"name": "x", "n": 3})
    assert act.raw == RAW
    assert verify_act(SignedAct(RAW), KEY.public).digest == act.digest


def test_only_verification_makes_a_verified_act() -> None:
    with pytest.raises(TypeError):
        VerifiedAct(RAW, SignedAct(RAW)._claims, {}, seal=object())
    act = verify_act(RAW, KEY.public)
    with pytest.raises(AttributeError):
        act.kind = "other"  # type: ignore[misc]
    assert not hasattr(SignedAct(RAW), "body")


def test_every_changed_byte_is_rejected() -> None:
    rng = random.Random(7)
    for at in range(len(RAW)):
        for other in {RAW[at] ^ 1, RAW[at] ^ 0x80, rng.randrange(256)} - {RAW[at]}:
            changed = RAW[:at] + bytes([other]) + RAW[at + 1 :]
            with pytest.raises(Error):
                verify_act(changed, KEY.public)
    for cut in range(len(RAW)):
        with pytest.raises(InvalidInput):
            SignedAct(RAW[:cut])
    with pytest.raises(InvalidInput):
        SignedAct(RAW + b"\0")


def test_another_key_does_not_verify() -> None:
    with pytest.raises(VerificationError, match="another key"):
        verify_act(RAW, new_key().public)
    assert SignedAct(RAW).unverified_kid == KEY.kid


def test_an_unsigned_header_is_refused() -> None:
    message = parse_sign1(RAW)
    assert message.payload is not None
    smuggled = assemble(message.protected_bytes, {4: b"x"}, message.payload, message.signature)
    with pytest.raises(InvalidInput, match="unsigned"):
        SignedAct(smuggled)


GOOD = {3: ACT_CONTENT_TYPE, 4: KEY.kid, 15: claims()}


@pytest.mark.parametrize(
    "protected",
    [
        {},
        {3: ACT_CONTENT_TYPE, 4: KEY.kid},
        {**GOOD, 16: "x"},
        {**GOOD, 3: "text/plain"},
        {**GOOD, 4: b"short"},
        {**GOOD, 4: new_key().kid},
        {**GOOD, 15: 3},
        {**GOOD, 15: claims(_1="urn:other")},
        {**GOOD, 15: claims(_2="Not A Kind")},
        {**GOOD, 15: claims(_2="x" * 65)},
        {**GOOD, 15: claims(_2=b"kind")},
        {**GOOD, 15: claims(_6=-1)},
        {**GOOD, 15: claims(_6="5")},
        {**GOOD, 15: claims(_6=True)},
        {**GOOD, 15: claims(_7=b"short")},
        {**GOOD, 15: claims(_9=1)},
        {**GOOD, 15: claims(_3="")},
        {**GOOD, 15: claims(_3=b"node.example")},
    ],
)
def test_headers_are_exactly_those_of_an_act(protected: dict[int, object]) -> None:
    with pytest.raises(InvalidInput):
        SignedAct(signed(protected))
    assert SignedAct(signed(GOOD)).raw


def test_an_act_may_name_the_one_log_it_is_meant_for() -> None:
    raw = sign_act(KEY, "a-kind", {}, issued_at=5, act_id=ID, audience="node.example/log")
    act = verify_act(raw, KEY.public)
    assert act.audience == "node.example/log"
    require_meant_for(act, "node.example/log")
    with pytest.raises(VerificationError, match="another log"):
        require_meant_for(act, "other.example/log")
    anywhere = verify_act(RAW, KEY.public)
    assert anywhere.audience == ""
    require_meant_for(anywhere, "other.example/log")


def test_the_body_is_a_map_and_the_signature_ed25519() -> None:
    with pytest.raises(InvalidInput, match="map"):
        verify_act(signed(GOOD, encode([1])), KEY.public)
    with pytest.raises(InvalidInput):
        verify_act(signed(GOOD, b"\xff"), KEY.public)
    other = new_key(Algorithm.ML_DSA_44)
    with pytest.raises(InvalidInput):
        sign_act(other, "kind", {}, issued_at=1, act_id=ID)
    message = parse_sign1(RAW)
    with pytest.raises(InvalidInput):
        SignedAct(assemble(message.protected_bytes, {}, None, message.signature))
    with pytest.raises(InvalidInput):
        sign_act(KEY, "kind", {"price": 1.5}, issued_at=1, act_id=ID)
    with pytest.raises(InvalidInput):
        sign_act(KEY, "kind", {"x": b"x" * 300_000}, issued_at=1, act_id=ID)


def test_act_ids_are_fresh() -> None:
    assert len({new_act_id() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\xd2",
        b"\xd1\x84",
        b"\xd2\x83@\xa0@",
        b"\xd2\x84@\xa0\xf6\xf6",
        b"\xd2\x84\xa0\xa0\xf6@",
        b"\xd2\x84@\xa0\xf5@",
        b"\xd2\x84@\x80\xf6@",
    ],
)
def test_what_is_no_cose_sign1_is_refused(message: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_sign1(message)


def test_a_message_has_exactly_one_payload() -> None:
    message = parse_sign1(RAW)
    with pytest.raises(VerificationError, match="one payload"):
        message.verify(KEY.public, detached_payload=b"x")
    with pytest.raises(VerificationError, match="algorithm"):
        message.verify(new_key(Algorithm.ML_DSA_44).public)
