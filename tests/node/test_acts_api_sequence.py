"""Cutting CBOR sequences: any bytes end in items that are theirs, or in one of our errors."""

from __future__ import annotations

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput
from entrepot.node.api.buckets import Buckets
from entrepot.node.api.negotiation import preferred
from entrepot.node.api.problems import TooLarge
from entrepot.node.api.sequence import split_sequence

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(st.lists(PLAIN, min_size=1, max_size=8), st.booleans())
def test_items_come_back_as_they_stand(values: list[object], tagged: bool) -> None:
    items = [(b"\xd2" if tagged else b"") + encode(value) for value in values]
    found = split_sequence(b"".join(items), items_max=8, item_max_bytes=1 << 20)
    assert found == items


@given(st.binary(max_size=400))
def test_any_bytes_are_cut_whole_or_refused(body: bytes) -> None:
    try:
        items = split_sequence(body, items_max=50, item_max_bytes=200)
    except InvalidInput:
        return
    assert b"".join(items) == body
    assert all(items)


@given(PLAIN, st.integers(1, 50))
def test_what_ends_inside_an_item_is_refused(value: object, cut: int) -> None:
    whole = encode(value)
    if cut < len(whole):
        with pytest.raises(InvalidInput, match="ends inside"):
            split_sequence(whole[:-cut], items_max=1, item_max_bytes=1 << 20)


def test_depth_size_and_number_are_bounded() -> None:
    with pytest.raises(InvalidInput, match="nested deeper"):
        split_sequence(b"\x81" * 60 + b"\x00", items_max=1, item_max_bytes=1 << 20)
    with pytest.raises(TooLarge, match="too many acts"):
        split_sequence(b"\x00" * 3, items_max=2, item_max_bytes=9)
    with pytest.raises(TooLarge, match="an act is too large"):
        split_sequence(cbor2.dumps(b"x" * 20), items_max=2, item_max_bytes=9)
    with pytest.raises(InvalidInput, match="ends inside"):
        split_sequence(b"\x9b" + b"\xff" * 8 + b"\x00" * 9, items_max=2, item_max_bytes=99)


@given(st.text(max_size=200))
def test_any_accept_header_chooses_one_of_ours(accept: str) -> None:
    assert preferred(accept, ("application/json", "application/cbor")) in (
        "application/json",
        "application/cbor",
    )


def test_quality_and_closeness_decide() -> None:
    offered = ("application/json", "application/cbor")
    assert preferred("application/cbor", offered) == "application/cbor"
    assert preferred("application/*;q=0.2, application/cbor;q=0.1", offered) == "application/json"
    assert preferred("*/*, application/cbor", offered) == "application/cbor"
    assert preferred("application/cbor;q=0, */*", offered) == "application/json"


def test_a_bucket_fills_with_time_and_forgets_who_is_unused() -> None:
    buckets = Buckets(rate=2.0, burst=4)
    assert buckets.wait_s("a", 0.0) == 0
    buckets.take("a", 10, 0.0)
    assert buckets.wait_s("a", 0.0) == 4  # seven tokens to come, two per second
    assert buckets.wait_s("a", 3.5) == 0
    assert buckets.wait_s("b", 0.0) == 0
    buckets.take("a", 1, -5.0)  # a clock that goes back adds nothing
    assert buckets.wait_s("a", -5.0) > 0
    assert Buckets(rate=0, burst=1).wait_s("a", 0.0) == 0
