"""Law as bytes and back: every value as it was, nothing but values of our own classes."""

from __future__ import annotations

import dataclasses
import math
from datetime import date
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from entrepot.kernel.errors import InvalidInput
from entrepot.law import Library, ir
from entrepot.law.blocks import DatedValue, ValuesBlock
from entrepot.law.cells import pack, unpack
from entrepot.law.hashes import law_files
from entrepot.law.keeping import packed_library, unpacked_library
from entrepot.law.vocabulary import Derivation

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=6),
    st.dates(),
    st.frozensets(st.text(max_size=3), max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.text(max_size=3), inner, max_size=4),
    ),
    max_leaves=20,
)
NODES = st.recursive(
    st.builds(ir.Const, SCALARS) | st.builds(ir.Fact, st.text(max_size=4), SCALARS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: ir.And(tuple(parts))),
        st.lists(inner, max_size=3).map(lambda parts: ir.Or(tuple(parts))),
        st.builds(ir.Not, inner),
        st.builds(ir.Compare, st.sampled_from(["==", "<"]), inner, inner),
    ),
    max_leaves=20,
)


def exact(value: object) -> object:
    """A form in which True, 1 and 1.0 differ, and so do 0.0 and -0.0."""
    if isinstance(value, dict):
        return ("dict", [(exact(key), exact(part)) for key, part in value.items()])
    if isinstance(value, (list, tuple)):
        return (type(value), [exact(part) for part in value])
    if isinstance(value, frozenset):
        return (frozenset, sorted(map(repr, value)))
    if dataclasses.is_dataclass(value):
        parts = [getattr(value, field.name) for field in dataclasses.fields(value)]
        return (type(value), [exact(part) for part in parts])
    return (type(value), repr(value))


@given(VALUES)
@example({"": 0, "0": ""})
@example({"one": 1, "yes": True})
def test_plain_values_come_back_exactly(value: object) -> None:
    assert exact(unpack(pack((value, [value])))) == exact((value, [value]))


@given(NODES)
@example(ir.Const(frozenset(["7Ð", "01"])))
def test_conditions_come_back(node: ir.Node) -> None:
    found = unpack(pack((node, node)))
    assert found == (node, node) and exact(found[0]) == exact(node)
    assert found[0] is found[1]


def test_numbers_of_the_law_keep_their_kind() -> None:
    rows = [DatedValue(date(2024, 1, 1), 5), DatedValue(date(2025, 1, 1), 5.0, known_from=None)]
    block = ValuesBlock(id="a.b", article="art 1", says="so many", values=rows)
    (found,) = unpack(pack((block,)))
    assert found == block and found.start is msgspec.UNSET
    assert [type(row.value) for row in found.values] == [int, float]
    derived = unpack(pack((Derivation([True, 1, 1.0, date(2024, 2, 29)]),)))[0].value
    assert [type(value) for value in derived] == [bool, int, float, date]
    assert math.copysign(1, unpack(pack((0.0, -0.0)))[1]) == -1


def test_what_may_change_is_never_shared() -> None:
    first, second = unpack(pack(([1], [1])))
    assert first == second and first is not second


@pytest.mark.parametrize("value", [object(), b"bytes", {1, 2}, print, Path("x"), 2**64 + 1j])
def test_other_classes_are_not_packed(value: object) -> None:
    with pytest.raises(InvalidInput, match="cannot be packed"):
        pack((value,))


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_by_one_error(content: bytes) -> None:
    with pytest.raises(InvalidInput):
        unpacked_library(content, Path("nowhere"), {})


def test_every_bit_of_a_packed_library_may_flip(toy: Library) -> None:
    packed = packed_library(toy)
    files = law_files(toy.root)
    for position in range(0, len(packed), 97):
        hurt = bytearray(packed)
        hurt[position] ^= 1 << position % 8
        try:
            found = unpacked_library(bytes(hurt), toy.root, files)
        except InvalidInput:
            continue
        # A flipped letter is another library, which the keyed hash of the cache tells apart.
        assert isinstance(found, Library)


def test_a_library_needs_the_text_of_its_rulebooks(toy: Library) -> None:
    packed = packed_library(toy)
    files = law_files(toy.root)
    found = unpacked_library(packed, toy.root, files)
    assert found.content.books == toy.content.books
    del files["zz/toy-act.md"]
    with pytest.raises(InvalidInput, match="not a packed library"):
        unpacked_library(packed, toy.root, files)
