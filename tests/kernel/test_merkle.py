"""RFC 9162 section 2.1: exhaustive small trees, accepted and mutated."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.merkle import (
    EMPTY_ROOT,
    NodeAt,
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    root_from_inclusion,
    root_of,
    verify_consistency,
    verify_inclusion,
)

NOTHING = sha256(b"nothing").digest()


def tree(entries: list[bytes]) -> NodeAt:
    """Nodes of a list in memory, straight from the definition."""

    def node_at(height: int, index: int) -> bytes:
        if height == 0:
            return leaf_hash(entries[index])
        return node_hash(node_at(height - 1, 2 * index), node_at(height - 1, 2 * index + 1))

    return node_at


def mth(entries: list[bytes]) -> bytes:
    """RFC 9162 section 2.1.1, word for word."""
    if len(entries) < 2:
        return leaf_hash(entries[0]) if entries else EMPTY_ROOT
    k = 1
    while 2 * k < len(entries):
        k *= 2
    return node_hash(mth(entries[:k]), mth(entries[k:]))


def rejected(check: Callable[..., object], *arguments: object) -> None:
    with pytest.raises(VerificationError):
        check(*arguments)


SIZE = 40
ENTRIES = [b"entry %d" % i for i in range(SIZE)]
ROOTS = [mth(ENTRIES[:n]) for n in range(SIZE + 1)]
NODES = tree(ENTRIES)


def test_roots_equal_the_definition() -> None:
    assert [root_of(n, NODES) for n in range(SIZE + 1)] == ROOTS


@pytest.mark.parametrize("size", range(1, SIZE + 1))
def test_every_inclusion_proof_holds_and_no_mutation_does(size: int) -> None:
    for index in range(size):
        path = inclusion_path(index, size, NODES)
        verify_inclusion(ENTRIES[index], index, size, path, ROOTS[size])
        rejected(verify_inclusion, b"forged", index, size, path, ROOTS[size])
        rejected(verify_inclusion, ENTRIES[index], size, size, path, ROOTS[size])
        rejected(verify_inclusion, ENTRIES[index], -1, size, path, ROOTS[size])
        rejected(verify_inclusion, ENTRIES[index], index, size, path, NOTHING)
        rejected(verify_inclusion, ENTRIES[index], index, size, [*path, NOTHING], ROOTS[size])
        for other in range(size):
            if other != index:
                rejected(verify_inclusion, ENTRIES[index], other, size, path, ROOTS[size])
        for at in range(len(path)):
            shorter, changed = path[:at] + path[at + 1 :], [*path]
            changed[at] = NOTHING
            rejected(verify_inclusion, ENTRIES[index], index, size, shorter, ROOTS[size])
            rejected(verify_inclusion, ENTRIES[index], index, size, changed, ROOTS[size])


@pytest.mark.parametrize("new", range(SIZE + 1))
def test_every_consistency_proof_holds_and_no_mutation_does(new: int) -> None:
    for old in range(new + 1):
        path = consistency_path(old, new, NODES)
        verify_consistency(old, ROOTS[old], new, ROOTS[new], path)
        rejected(verify_consistency, old, NOTHING, new, ROOTS[new], path)
        rejected(verify_consistency, old, ROOTS[old], new, ROOTS[new], [*path, NOTHING])
        if old:
            rejected(verify_consistency, old, ROOTS[old], new, NOTHING, path)
        for at in range(len(path)):
            changed = [*path]
            changed[at] = NOTHING
            rejected(verify_consistency, old, ROOTS[old], new, ROOTS[new], changed)
            shorter = path[:at] + path[at + 1 :]
            rejected(verify_consistency, old, ROOTS[old], new, ROOTS[new], shorter)


def test_a_fork_is_not_consistent() -> None:
    forked = [*ENTRIES[:10], b"other", *ENTRIES[11:]]
    for old in range(11, SIZE):
        path = consistency_path(old, SIZE, tree(forked))
        rejected(verify_consistency, old, ROOTS[old], SIZE, mth(forked), path)


def test_the_empty_tree_needs_the_empty_root() -> None:
    verify_consistency(0, EMPTY_ROOT, 0, EMPTY_ROOT, [])
    verify_consistency(0, EMPTY_ROOT, 5, ROOTS[5], [])
    rejected(verify_consistency, 0, ROOTS[1], 5, ROOTS[5], [])
    rejected(verify_consistency, 0, NOTHING, 0, NOTHING, [])
    rejected(verify_consistency, 5, ROOTS[5], 4, ROOTS[4], [])


def test_wrong_questions_are_refused() -> None:
    for index, size in [(0, 0), (5, 5), (-1, 5), (0, 1 << 63)]:
        with pytest.raises(InvalidInput):
            inclusion_path(index, size, NODES)
    with pytest.raises(InvalidInput):
        consistency_path(6, 5, NODES)
    rejected(root_from_inclusion, NOTHING, 0, 2, [b"short"])
    rejected(root_from_inclusion, NOTHING, 0, 2, [NOTHING] * 129)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, SIZE), st.data())
def test_random_paths_are_rejected(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    path = data.draw(st.lists(st.binary(min_size=32, max_size=32), max_size=8))
    if path != inclusion_path(index, size, NODES):
        rejected(verify_inclusion, ENTRIES[index], index, size, path, ROOTS[size])
