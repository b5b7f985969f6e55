"""Deterministic CBOR: one meaning, one byte string; everything else is refused."""

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.encoding import (
    ARRAY,
    BYTES,
    DEPTH_MAX,
    ITEMS_MAX,
    MAP,
    TEXT,
    UNSIGNED,
    _ordered,
    decode,
    decode_map,
    encode,
    from_base64,
    head,
    item_bytes,
    to_base64,
    to_base64url,
    to_json,
)
from entrepot.kernel.errors import InvalidInput

WORDS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | WORDS | st.binary(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(WORDS | st.integers(-300, 300), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(PLAIN)
def test_what_is_encoded_comes_back(value: object) -> None:
    assert decode(encode(value)) == value


@settings(max_examples=150, deadline=None)
@given(PLAIN, st.data())
def test_a_changed_byte_never_keeps_the_meaning(value: object, data: st.DataObject) -> None:
    encoded = encode(value)
    at = data.draw(st.integers(0, len(encoded) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != encoded[at]))
    changed = encoded[:at] + bytes([other]) + encoded[at + 1 :]
    try:
        found = decode(changed)
    except InvalidInput:
        return
    assert encode(found) == changed
    assert repr(found) != repr(value)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=64))
def test_random_bytes_are_refused_or_decode_to_themselves(encoded: bytes) -> None:
    try:
        value = decode(encoded)
    except InvalidInput:
        return
    assert encode(value) == encoded


@pytest.mark.parametrize(
    ("value", "encoded"),
    [
        ({100: 1, -1: 2, 10: 3}, "a30a03186401" + "2002"),  # bytewise order, not length first
        ({"b": 1, "aa": 2}, "a2616201626161" + "02"),
        (23, "17"),
        (24, "1818"),
        (-1, "20"),
        ([1, [2, 3]], "8201820203"),  # RFC 8949 appendix A
        ({"a": 1, "b": [2, 3]}, "a26161016162820203"),
        ("ü", "62c3bc"),
        (b"\x01\x02\x03\x04", "4401020304"),
    ],
)
def test_vectors_of_rfc_8949(value: object, encoded: str) -> None:
    assert encode(value).hex() == encoded
    assert decode(bytes.fromhex(encoded)) == value


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "1800",  # 0 in a longer head
        "190017",
        "5f4101ff",  # indefinite byte string
        "9f01ff",
        "bf6161" + "01ff",
        "a2616201616102",  # unsorted keys
        "a2616101616102",  # duplicate key
        "0000",  # trailing byte
        "f97e00",  # floats
        "fb3ff199999999999a",
        "f7",  # undefined
        "c074323031332d30332d32315432303a30343a30305a",  # tag 0
        "c249010000000000000000",  # bignum
        "d9d9f700",  # self-described CBOR
        "d81c00",  # shared value
        "d81d00",
        "d90100" + "80",
        "d8258150",
        "1bffffffffffffffff",  # over 63 bits
        "62ff00",  # not UTF-8
        "a1f600",  # key is null
        "a1f500",  # key is true
        "a1410000",  # key is bytes
        "8201",  # truncated
        "9b7fffffffffffffff",  # a list of 2**63 items
        "5b7fffffffffffffff",
    ],
)
def test_every_other_form_is_refused(encoded: str) -> None:
    with pytest.raises(InvalidInput):
        decode(bytes.fromhex(encoded))


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        1 << 63,
        -(1 << 63) - 1,
        {1.0: 1},
        {None: 1},
        {True: 1},
        {b"k": 1},
        {1, 2},
        chr(0xD800),
        object(),
        {"a": float("nan")},
        [{"x": {1.5}}],
        {chr(0xD800): 1},
    ],
)
def test_what_is_not_plain_cannot_be_signed(value: object) -> None:
    with pytest.raises(InvalidInput):
        encode(value)


def test_limits_on_size_depth_and_count() -> None:
    with pytest.raises(InvalidInput, match="larger"):
        decode(encode(b"x" * 100), size_max=50)
    with pytest.raises(InvalidInput):
        decode(b"\x81" * 200_000 + b"\x00")
    deep: object = 0
    for _ in range(32):
        deep = [deep]
    assert decode(encode(deep)) == deep
    with pytest.raises(InvalidInput, match="deeper"):
        encode([deep])
    with pytest.raises(InvalidInput):
        decode(b"\x81" * 33 + b"\x00")
    with pytest.raises(InvalidInput, match="100,000"):
        encode([0] * 100_001)
    with pytest.raises(InvalidInput, match="100,000"):
        decode(cbor2.dumps([0] * 100_001))


def test_a_map_is_asked_for_by_name() -> None:
    assert decode_map(encode({"a": 1})) == {"a": 1}
    with pytest.raises(InvalidInput, match="map"):
        decode_map(encode([1]))


@given(st.binary(max_size=50))
def test_base64_comes_back(raw: bytes) -> None:
    assert from_base64(to_base64(raw)) == raw


@pytest.mark.parametrize("text", ["QQ", "QR==", "QQ==\n", "Q Q=", "QUI", "Q_==", "QQ==QQ==", "é"])
def test_base64_has_one_spelling(text: str) -> None:
    with pytest.raises(InvalidInput):
        from_base64(text)


def test_views_are_json() -> None:
    assert to_base64url(b"\xff\xfe") == "__4"
    assert to_json({"b": [1]}, indent=0) == '{"b":[1]}'
    assert to_json([1]) == "[\n  1\n]"


@pytest.mark.parametrize("value", ["a\0", {"k\0": 1}, {"k": ["\0"]}, {"\0k": 1, "a": 2}])
def test_text_never_holds_a_nul(value: object) -> None:
    with pytest.raises(InvalidInput, match="U\\+0000"):
        encode(value)
    with pytest.raises(InvalidInput, match="U\\+0000"):
        decode(cbor2.dumps(value, canonical=True))
    assert decode(encode({"k": b"\0"})) == {"k": b"\0"}


@given(st.sampled_from([0, 23, 24, 255, 256, 65_535, 65_536, 2**32 - 1, 2**32]), st.binary())
def test_heads_and_items_are_those_of_the_encoder(number: int, raw: bytes) -> None:
    assert head(UNSIGNED, number) == encode(number)
    assert item_bytes(raw) == encode(raw)
    assert head(ARRAY, 1) + head(MAP, 0) == encode([{}])
    text = "x" * min(number, 70_000)
    assert head(TEXT, len(text)) + text.encode() == encode(text)
    with pytest.raises(InvalidInput):
        head(BYTES, 2**64)


@settings(max_examples=300, deadline=None)
@given(PLAIN)
def test_the_quick_ways_give_what_the_careful_way_gives(value: object) -> None:
    careful = cbor2.dumps(_ordered(value, DEPTH_MAX, [ITEMS_MAX]))
    assert encode(value) == careful


@given(st.permutations(["", "a", "b", "aa", "ab", "x" * 23, "x" * 24, "y" * 24, "z" * 300]))
def test_keys_are_sorted_by_their_encoded_bytes(keys: list[str]) -> None:
    encoded = encode(dict.fromkeys(keys, 0))
    assert list(cbor2.loads(encoded)) == sorted(keys, key=lambda key: cbor2.dumps(key))


def test_what_is_remembered_of_keys_does_not_mix_them_up() -> None:
    assert encode({"a": 1, "b": 2}) == encode({"b": 2, "a": 1}) == encode({"b": 2, "a": 1})
    assert encode({1: 0}) != encode({"1": 0})
    for _ in range(2):
        encode({1: 0, 2: 0})
        with pytest.raises(InvalidInput, match="map keys"):
            encode({True: 0, 2: 0})
    for number in range(5_000):
        assert decode(encode({f"key-{number}": number})) == {f"key-{number}": number}
