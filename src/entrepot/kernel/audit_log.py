"""The checks of `audit` over the log alone: entries, root and tiles, bundle by bundle.

The root is computed by another algorithm than the one the log appends with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from entrepot.kernel.errors import VerificationError
from entrepot.kernel.logfiles import LogFiles
from entrepot.kernel.merkle import EMPTY_ROOT, leaf_hash, leaf_hashes, node_hash, perfect_root
from entrepot.kernel.tiles import WIDTH, Tile, encode_bundle, tile_at


@dataclass(slots=True)
class RootStack:
    """The root by merging equal subtrees on a stack (RFC 9162 section 2.1.2): O(log n) memory."""

    size: int = 0
    _stack: list[bytes] = field(default_factory=list)

    def add(self, entries: Iterable[bytes]) -> None:
        """Append entries."""
        stack = self._stack
        for entry in entries:
            self.size += 1
            stack.append(leaf_hash(entry))
            count = self.size
            while not count & 1:
                right = stack.pop()
                stack.append(node_hash(stack.pop(), right))
                count >>= 1

    @property
    def root(self) -> bytes:
        """Return the root over all entries so far."""
        if not self._stack:
            return EMPTY_ROOT
        root = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            root = node_hash(left, root)
        return root


def root_by_stack(entries: Sequence[bytes]) -> bytes:
    """Return the root over `entries`."""
    stack = RootStack()
    stack.add(entries)
    return stack.root


@dataclass(slots=True)
class _Row:
    """The hashes of the tile of one level that is being filled."""

    number: int = 0
    hashes: list[bytes] = field(default_factory=list)


class TileCheck:
    """Compares every file of the log with what the entries of a tree of `size` say it must be.

    `names` are the files found; `reach` is how far the log has been sequenced by now: files beyond
    `size` may be there up to it, written by the next publication.
    """

    def __init__(self, files: LogFiles, size: int, names: Iterable[str], *, reach: int) -> None:
        """Sort the files by tile. Raises VerificationError for one that is none, or too far."""
        self._files = files
        self._size = size
        self._rows = [_Row()]
        self._found: dict[tuple[int, int], list[Tile]] = {}
        self.compared = 0
        for name in names:
            tile = tile_of(name)
            if _end(tile) > reach:
                raise VerificationError("file lies beyond the published tree", value=name)
            if _end(tile) <= size:
                self._found.setdefault(tile[:2], []).append(tile)

    def add(self, entries: Sequence[bytes]) -> None:
        """Take the next bundle, full but for the last one."""
        number = self._rows[0].number
        self._compare(-1, number, len(entries), lambda width: encode_bundle(entries[:width]))
        self._rows[0].hashes = leaf_hashes(entries)
        level = 0
        while len(self._rows[level].hashes) == WIDTH:
            row = self._rows[level]
            self._compare_hashes(level, row)
            if level + 1 == len(self._rows):
                self._rows.append(_Row())
            self._rows[level + 1].hashes.append(perfect_root(row.hashes))
            row.number, row.hashes = row.number + 1, []
            level += 1

    def finish(self) -> None:
        """Compare the right edge; afterwards no file may be left."""
        for level, row in enumerate(self._rows):
            if row.hashes:
                self._compare_hashes(level, row)
        if self._found:
            left = min(tile.path for tiles in self._found.values() for tile in tiles)
            raise VerificationError("file lies beyond the published tree", value=left)

    def _compare_hashes(self, level: int, row: _Row) -> None:
        self._compare(level, row.number, len(row.hashes), lambda w: b"".join(row.hashes[:w]))

    def _compare(
        self, level: int, number: int, width: int, expected: Callable[[int], bytes]
    ) -> None:
        """Compare the tile of this place, as wide as the tree has it, and every narrower one."""
        required = tile_at(level, number, self._size)
        found = self._found.pop((level, number), [])
        for tile in found:
            content = self._files.read(tile.path)
            if content is None and tile.width < WIDTH:
                continue  # dropped since it was listed; the full tile is read instead
            if content != expected(tile.width):
                raise VerificationError("tile does not match the entries", value=tile.path)
            self.compared += 1
        if required not in found and not self._has_wider(required, width, expected):
            raise VerificationError("tile is missing", value=required.path)

    def _has_wider(self, tile: Tile, width: int, expected: Callable[[int], bytes]) -> bool:
        """Say whether the full tile has taken the place of a partial one, with the same content."""
        content = self._files.read(Tile(tile.level, tile.number, WIDTH).path)
        return content is not None and tile.width < WIDTH and content.startswith(expected(width))


def _end(tile: Tile) -> int:
    """Return the number of entries a tree must have for this tile to exist."""
    return (tile.number * WIDTH + tile.width) << (8 * max(tile.level, 0))


def tile_of(name: str) -> Tile:
    """Return the tile a path names, or raise VerificationError: paths have one spelling."""
    stem, _, width = name.partition(".p/")
    parts = stem.split("/")
    try:
        level = -1 if parts[1] == "entries" else int(parts[1])
        number = int("".join(part.removeprefix("x") for part in parts[2:]))
        tile = Tile(level, number, int(width) if width else WIDTH)
        if level < 64 // 8 and tile.path == name and 0 < tile.width <= WIDTH:
            return tile
    except (IndexError, ValueError):
        pass  # said below, together with paths of a wrong spelling
    raise VerificationError("stray file in the log", value=name)
