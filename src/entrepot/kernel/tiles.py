"""Tiles: the file layout of C2SP tlog-tiles v0.1.0, its path arithmetic, and reading trees from it.

A tile of level L holds up to 256 hashes; hash i of tile n is the root of 256**L consecutive leaves.
Full tiles never change; a partial tile has its width in its name and never changes either. Entry
bundles hold the entries themselves. Nothing here touches a disk: files are computed, or read
through a function the caller gives.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.merkle import (
    EMPTY_ROOT,
    HASH_BYTES,
    leaf_hash,
    leaf_hashes,
    pair_up,
    perfect_root,
    right_fold,
)

WIDTH: Final = 256
"""Hashes in a full tile (C2SP tlog-tiles, "Merkle Tree")."""
ENTRY_MAX_BYTES: Final = 65_535
"""Longest entry: bundles give its length in 16 bits (C2SP tlog-tiles, "Log Entries")."""

_LENGTH = struct.Struct(">H")

Read = Callable[[str], bytes | None]
"""Path below the log's root -> content, or None when there is no such file."""


class Tile(NamedTuple):
    """Coordinates of a tile; `level` -1 is the entry bundle. `width` 256 means full."""

    level: int
    number: int
    width: int

    @property
    def path(self) -> str:
        """Where it lies: `tile/<L>/<N>[.p/<W>]`, `tile/entries/<N>[.p/<W>]`."""
        where = "entries" if self.level < 0 else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{where}/{index_path(self.number)}{partial}"


def index_path(number: int) -> str:
    """Return a tile number in groups of three digits: 1234067 -> `x001/x234/067`."""
    if number < 0:
        raise InvalidInput("tile number is negative", value=number)
    digits = str(number)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[i : i + 3] for i in range(0, len(digits), 3)]
    return "/".join([f"x{group}" for group in groups[:-1]] + groups[-1:])


def tile_at(level: int, number: int, size: int) -> Tile:
    """Return the tile as a tree of `size` leaves has it (partial width as the spec computes it).

    Raises InvalidInput when that tree has no such tile.
    """
    width = min(WIDTH, (size >> (8 * max(level, 0))) - number * WIDTH)
    if width < 1:
        raise InvalidInput("a tree of this size has no such tile", value=(level, number, size))
    return Tile(level, number, width)


def edge_tiles(size: int) -> list[Tile]:
    """Return the partial tiles at the right edge, level 0 first; together they give the root."""
    tiles = []
    for level in range(64 // 8):
        hashes = size >> (8 * level)
        if hashes % WIDTH:
            tiles.append(Tile(level, hashes // WIDTH, hashes % WIDTH))
    return tiles


def covering_tiles(index: int, size: int) -> list[Tile]:
    """Return the tiles that prove entry `index` in a tree of `size`, every byte of them hashed.

    They are the tiles above the leaf up to the first one on the right edge, then the right edge.
    """
    tiles = []
    for level in range(64 // 8):
        tile = tile_at(level, index >> (8 * (level + 1)), size)
        tiles.append(tile)
        if tile.width < WIDTH:
            break
    return tiles + [tile for tile in edge_tiles(size) if tile not in tiles]


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries with their 16-bit big-endian lengths (C2SP tlog-tiles, "Log Entries")."""
    return b"".join(_with_lengths(entries))


def _with_lengths(entries: Sequence[bytes]) -> list[bytes]:
    longest = max(map(len, entries), default=0)
    if longest > ENTRY_MAX_BYTES:
        raise InvalidInput(
            "log entry is longer than 65,535 bytes",
            value=longest,
            remedy="log a hash or a commitment and keep the body in the store",
        )
    return [_LENGTH.pack(len(entry)) + entry for entry in entries]


def decode_bundle(bundle: bytes, count: int) -> list[bytes]:
    """Return exactly `count` entries that fill the bundle, or raise VerificationError."""
    entries: list[bytes] = []
    at = 0
    while at + 2 <= len(bundle) and len(entries) < count:
        end = at + 2 + int.from_bytes(bundle[at : at + 2], "big")
        if end > len(bundle):
            break
        entries.append(bundle[at + 2 : end])
        at = end
    if at != len(bundle) or len(entries) != count:
        raise VerificationError(
            "entry bundle does not hold what its name says",
            value=f"{len(entries)} of {count} entries in {len(bundle)} bytes",
        )
    return entries


class Growth(NamedTuple):
    """What appending gives: the new edge, the files that change, the entries as one bundle."""

    edge: Edge
    files: dict[str, bytes]
    bundle: bytes


@dataclass(frozen=True, slots=True)
class Edge:
    """The right edge of a tree: all that is needed to append and to know the root.

    `levels[L]` are the hashes of the partial tile of level L; `bundle` the encoded entries of the
    partial bundle. Immutable: appending makes another edge, so an abandoned append leaves no trace.
    """

    size: int = 0
    levels: tuple[tuple[bytes, ...], ...] = ()
    bundle: bytes = b""

    @property
    def root(self) -> bytes:
        """Return the root of the tree (RFC 9162 section 2.1.1)."""
        root: bytes | None = None
        for hashes in self.levels:
            root = right_fold(hashes, root)
        return EMPTY_ROOT if root is None else root

    def append(self, entries: Sequence[bytes]) -> tuple[Edge, dict[str, bytes]]:
        """Return the edge after `entries`, and the files (path -> content) that change.

        Files of the new tree only: full tiles, and the partial tiles of the new right edge.
        """
        return self.grow(entries)[:2]

    def grow(self, entries: Sequence[bytes]) -> Growth:
        """Append as `append` does, and return also the entries encoded as one bundle."""
        files: dict[str, bytes] = {}
        encoded = _with_lengths(entries)
        bundle = self._append_bundles(encoded, files)
        levels = list(self.levels)
        fresh = leaf_hashes(entries)
        level = 0
        while fresh:
            if level == len(levels):
                levels.append(())
            number = (self.size >> (8 * level)) // WIDTH
            hashes = [*levels[level], *fresh]
            fresh = []
            while len(hashes) >= WIDTH:
                files[Tile(level, number, WIDTH).path] = b"".join(hashes[:WIDTH])
                fresh.append(perfect_root(hashes[:WIDTH]))
                hashes, number = hashes[WIDTH:], number + 1
            if hashes:
                files[Tile(level, number, len(hashes)).path] = b"".join(hashes)
            levels[level] = tuple(hashes)
            level += 1
        edge = Edge(self.size + len(entries), tuple(levels), bundle)
        return Growth(edge, files, b"".join(encoded))

    def _append_bundles(self, encoded: Sequence[bytes], files: dict[str, bytes]) -> bytes:
        """Add the entry bundles to `files`; return the bytes of the last, partial one."""
        bundle, filled, number = self.bundle, self.size % WIDTH, self.size // WIDTH
        at = 0
        while at < len(encoded):
            taken = encoded[at : at + WIDTH - filled]
            bundle += b"".join(taken)
            at, filled = at + len(taken), filled + len(taken)
            files[Tile(-1, number, filled).path] = bundle
            if filled == WIDTH:
                bundle, filled, number = b"", 0, number + 1
        return bundle


class TileTree:
    """A tree of fixed size read from tiles: nodes, entries and the edge. Content is not trusted.

    A missing partial tile is taken from the full one (C2SP tlog-tiles, "Partial Tiles"). Wrong
    lengths and missing files raise VerificationError naming the path.
    """

    def __init__(self, size: int, read: Read) -> None:
        """Read lazily through `read`; folded tiles are kept, about 16 KiB each, at most 512."""
        self.size = size
        self._read = read
        self._folded: dict[tuple[int, int], list[list[bytes]]] = {}

    def node_at(self, height: int, index: int) -> bytes:
        """Return the hash of a perfect subtree (the `NodeAt` of `merkle`)."""
        level, rise = divmod(height, 8)
        first = index << rise
        return self._fold(level, first // WIDTH)[rise][(first % WIDTH) >> rise]

    def tile_hashes(self, tile: Tile) -> list[bytes]:
        """Return the hashes of a hash tile, exactly as many as its width."""
        content = self._content(tile)
        if content is None or len(content) != tile.width * HASH_BYTES:
            raise _damaged(tile, content)
        return [content[i : i + HASH_BYTES] for i in range(0, len(content), HASH_BYTES)]

    def bundle_bytes(self, number: int) -> bytes:
        """Return bundle `number` as this tree has it, exactly as wide as its path says."""
        return encode_bundle(self.bundle_entries(number))

    def bundle_entries(self, number: int) -> list[bytes]:
        """Return the entries of bundle `number` that belong to this tree."""
        tile = tile_at(-1, number, self.size)
        content = self._read(tile.path)
        if content is not None:
            return decode_bundle(content, tile.width)
        content = self._read(Tile(-1, number, WIDTH).path)
        if content is None:
            raise _damaged(tile, content)
        return decode_bundle(content, WIDTH)[: tile.width]

    def entry(self, index: int) -> bytes:
        """Return entry `index`, checked against its leaf hash."""
        if not 0 <= index < self.size:
            raise InvalidInput("the tree has no such entry", value=f"{index} of {self.size}")
        entry = self.bundle_entries(index // WIDTH)[index % WIDTH]
        if leaf_hash(entry) != self.node_at(0, index):
            raise VerificationError("entry does not match its leaf hash", value=index)
        return entry

    def edge(self) -> Edge:
        """Return the right edge, its bundle checked against its hashes; its root is not checked."""
        levels: list[tuple[bytes, ...]] = []
        for tile in edge_tiles(self.size):
            levels += [()] * (tile.level - len(levels))
            levels.append(tuple(self.tile_hashes(tile)))
        filled = self.size % WIDTH
        last = b""
        if filled:
            entries = self.bundle_entries(self.size // WIDTH)
            if tuple(leaf_hashes(entries)) != levels[0]:
                raise VerificationError("last entry bundle does not match its leaf hashes")
            last = encode_bundle(entries)
        return Edge(self.size, tuple(levels), last)

    def _fold(self, level: int, number: int) -> list[list[bytes]]:
        if (level, number) not in self._folded:
            if len(self._folded) >= 512:
                self._folded.clear()
            rows = [self.tile_hashes(tile_at(level, number, self.size))]
            while len(rows[-1]) > 1:
                rows.append(pair_up(rows[-1]))
            self._folded[level, number] = rows
        return self._folded[level, number]

    def _content(self, tile: Tile) -> bytes | None:
        content = self._read(tile.path)
        if content is None and tile.width < WIDTH:
            content = self._read(Tile(tile.level, tile.number, WIDTH).path)
            content = content and content[: tile.width * HASH_BYTES]
        return content


def prove_from_tiles(index: int, size: int, root: bytes, read: Read) -> bytes:
    """Return entry `index` after checking every byte of its covering tiles up to `root`.

    Unlike an inclusion path this proves whole files: each hash of each tile of `covering_tiles`
    and each byte of the entry bundle is hashed into the root, so no byte can change unnoticed.
    Raises VerificationError naming the file that does not hold.
    """
    if not 0 <= index < size:
        raise VerificationError("entry is not inside the tree", value=f"{index} of {size}")
    tiles = covering_tiles(index, size)
    tree = TileTree(size, read)
    hashes = {tile[:2]: tree.tile_hashes(tile) for tile in tiles}
    folded: bytes | None = None
    for tile in edge_tiles(size):
        folded = right_fold(hashes[tile[:2]], folded)
    if folded != root:
        raise VerificationError(
            "the tiles at the right edge do not give the root of the checkpoint"
        )
    for tile in tiles:
        if tile.width == WIDTH:
            above = hashes[tile.level + 1, tile.number // WIDTH][tile.number % WIDTH]
            if perfect_root(hashes[tile[:2]]) != above:
                raise VerificationError("tile does not match the tile above it", value=tile.path)
    entries = tree.bundle_entries(index // WIDTH)
    if leaf_hashes(entries) != hashes[0, index // WIDTH]:
        raise VerificationError(
            "entries do not match their leaf hashes", value=tile_at(-1, index // WIDTH, size).path
        )
    return entries[index % WIDTH]


def _damaged(tile: Tile, content: bytes | None) -> VerificationError:
    found = "file is missing" if content is None else f"{len(content)} bytes"
    return VerificationError(
        "tile is missing or has the wrong length", value=f"{tile.path}: {found}"
    )
