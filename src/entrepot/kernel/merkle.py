"""Merkle trees of RFC 9162 section 2.1 (= RFC 6962): hashes, proofs, and their verification.

Pure functions over bytes. Proofs are computed through a `NodeAt`, which names perfect subtrees:
`node_at(height, index)` is the hash of the 2**height leaves from `index * 2**height` on. The
same code serves a list in memory and tiles on a disk. Verification never trusts a length it was
given: wrong sizes, surplus and missing hashes all raise VerificationError.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Final

from entrepot.kernel.errors import InvalidInput, VerificationError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = sha256(b"").digest()
"""Root of the tree without leaves (RFC 9162 section 2.1.1)."""
SIZE_MAX: Final = (1 << 63) - 1

NodeAt = Callable[[int, int], bytes]
"""(height, index) -> hash of that perfect subtree."""


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 || entry) (RFC 9162 section 2.1.1)."""
    return sha256(b"\x00" + entry).digest()


def leaf_hashes(entries: Sequence[bytes]) -> list[bytes]:
    """Return the leaf hashes of many entries; written flat, it is the hot loop of the log."""
    return [sha256(b"\x00" + entry).digest() for entry in entries]


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 || left || right) (RFC 9162 section 2.1.1)."""
    return sha256(b"\x01" + left + right).digest()


def pair_up(hashes: Sequence[bytes]) -> list[bytes]:
    """Return the parents of an even number of neighbours."""
    return [
        sha256(b"\x01" + hashes[i] + hashes[i + 1]).digest() for i in range(0, len(hashes) - 1, 2)
    ]


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """Return the root over a power of two of equal subtrees."""
    level = hashes
    while len(level) > 1:
        level = pair_up(level)
    return level[0]


def right_fold(hashes: Sequence[bytes], tail: bytes | None) -> bytes | None:
    """Return the root over equal perfect subtrees followed by a smaller tree `tail`.

    Splits at the largest power of two (RFC 9162 section 2.1.1): the peaks of the binary form of
    len(hashes), folded from the right. None when there is nothing at all.
    """
    end = len(hashes)
    while end:
        width = end & -end
        peak = perfect_root(hashes[end - width : end])
        tail = peak if tail is None else node_hash(peak, tail)
        end -= width
    return tail


def inclusion_path(index: int, size: int, node_at: NodeAt) -> list[bytes]:
    """Return PATH(index, D[size]), leaf side first (RFC 9162 section 2.1.3.1)."""
    _require_sizes(0 <= index < size <= SIZE_MAX, index, size)
    path: list[bytes] = []
    begin, end = 0, size
    while end - begin > 1:
        split = begin + _largest_power_below(end - begin)
        if index < split:
            path.append(_range_root(split, end, node_at))
            end = split
        else:
            path.append(_range_root(begin, split, node_at))
            begin = split
    path.reverse()
    return path


def inclusion_paths(first: int, size: int, node_at: NodeAt) -> Iterator[list[bytes]]:
    """Yield PATH(index, D[size]) for index = first, first + 1, … size - 1; nodes are read once.

    The tree by levels: at each, the sibling is a perfect subtree, or the ragged one at the right
    edge, or does not exist because the node is passed up alone (RFC 9162 section 2.1.3.1).
    """
    _require_sizes(0 <= first <= size <= SIZE_MAX, first, size)
    ragged = _ragged_nodes(size, node_at)
    seen: dict[tuple[int, int], bytes] = {}
    for index in range(first, size):
        path = []
        for level in range(max(size - 1, 0).bit_length()):
            sibling, perfect = (index >> level) ^ 1, size >> level
            if sibling < perfect:
                found = seen.get((level, sibling))
                if found is None:
                    found = seen[level, sibling] = node_at(level, sibling)
                path.append(found)
            elif sibling == perfect and ragged[level]:
                path.append(ragged[level])
        yield path


def _ragged_nodes(size: int, node_at: NodeAt) -> list[bytes]:
    """Return per level the root of the leaves right of its last perfect subtree; b"" for none."""
    ragged = [b""]
    for level in range(size.bit_length()):
        below = ragged[level]
        if size >> level & 1:
            left = node_at(level, (size >> level) - 1)
            below = node_hash(left, below) if below else left
        ragged.append(below)
    return ragged


def consistency_path(old: int, new: int, node_at: NodeAt) -> list[bytes]:
    """Return PROOF(old, D[new]) (RFC 9162 section 2.1.4.1); empty for old = 0 or old = new."""
    _require_sizes(0 <= old <= new <= SIZE_MAX, old, new)
    path: list[bytes] = []
    begin, end, whole = 0, new, True
    if old in (0, new):
        return path
    while old != end:
        split = begin + _largest_power_below(end - begin)
        if old <= split:
            path.append(_range_root(split, end, node_at))
            end = split
        else:
            path.append(_range_root(begin, split, node_at))
            begin, whole = split, False
    if not whole:
        path.append(_range_root(begin, end, node_at))
    path.reverse()
    return path


def root_of(size: int, node_at: NodeAt) -> bytes:
    """Return MTH(D[size]) (RFC 9162 section 2.1.1)."""
    return _range_root(0, size, node_at) if size else EMPTY_ROOT


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that `path` leads to from leaf hash `leaf` (RFC 9162 section 2.1.3.2).

    Raises VerificationError when index, size and length of the path cannot belong together.
    """
    _require_hashes(path)
    if not 0 <= index < size <= SIZE_MAX:
        raise VerificationError("leaf index is not inside the tree", value=f"{index} of {size}")
    fn, sn, root = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            raise VerificationError("inclusion path is too long", value=len(path))
        if fn & 1 or fn == sn:
            root = node_hash(sibling, root)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            root = node_hash(root, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:
        raise VerificationError("inclusion path is too short", value=len(path))
    return root


def verify_inclusion(
    entry: bytes, index: int, size: int, path: Sequence[bytes], root: bytes
) -> None:
    """Return if `entry` is at `index` of the tree (size, root), else VerificationError."""
    if root_from_inclusion(leaf_hash(entry), index, size, path) != root:
        raise VerificationError(
            "inclusion proof does not lead to the root", value=f"entry {index} of {size}"
        )


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]
) -> None:
    """Return if the new tree extends the old one (RFC 9162 section 2.1.4.2), else raise.

    Raises VerificationError. The empty tree is a prefix of every tree; its root must be the
    hash of nothing.
    """
    _require_hashes([old_root, new_root, *path])
    if not 0 <= old <= new <= SIZE_MAX:
        raise VerificationError("sizes of a consistency proof", value=f"{old} to {new}")
    if old in (0, new):
        same = EMPTY_ROOT if old == 0 else new_root
        if path or old_root != same or (new == 0 and new_root != EMPTY_ROOT):
            raise VerificationError("trees are not consistent", value=f"{old} to {new}")
        return
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    _fold_consistency(old, old_root, new, new_root, steps)


def _fold_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, steps: Sequence[bytes]
) -> None:
    """Steps 3 to 7 of RFC 9162 section 2.1.4.2 over a path with its first hash put in."""
    if not steps:
        raise VerificationError("consistency path is too short", value=0)
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = steps[0]
    for sibling in steps[1:]:
        if sn == 0:
            raise VerificationError("consistency path is too long", value=len(steps))
        if fn & 1 or fn == sn:
            fr, sr = node_hash(sibling, fr), node_hash(sibling, sr)
            while fn and not fn & 1:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0 or fr != old_root or sr != new_root:
        raise VerificationError(
            "the newer tree does not extend the older one",
            value=f"{old} to {new}",
            remedy="keep both checkpoints: together they prove that the log forked",
        )


def _range_root(begin: int, end: int, node_at: NodeAt) -> bytes:
    """Return MTH of leaves begin..end, where begin is a multiple of a power of two >= the range."""
    width = end - begin
    if width & (width - 1) == 0:
        height = width.bit_length() - 1
        return node_at(height, begin >> height)
    split = begin + _largest_power_below(width)
    return node_hash(_range_root(begin, split, node_at), _range_root(split, end, node_at))


def _largest_power_below(width: int) -> int:
    """Return the largest power of two smaller than `width` (>= 2)."""
    return 1 << ((width - 1).bit_length() - 1)


def _require_sizes(holds: bool, first: int, second: int) -> None:
    if not holds:
        raise InvalidInput("index and size do not fit each other", value=f"{first} of {second}")


def _require_hashes(hashes: Sequence[bytes]) -> None:
    if len(hashes) > 128 or any(len(item) != HASH_BYTES for item in hashes):
        raise VerificationError("a proof is a short list of 32-byte hashes", value=len(hashes))
