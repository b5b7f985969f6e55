"""C2SP tlog-tiles: path arithmetic, the layout of 70,000 entries, and proofs from tiles."""

from pathlib import PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.audit_log import root_by_stack
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.merkle import inclusion_path, verify_inclusion
from entrepot.kernel.tiles import (
    Edge,
    Tile,
    TileTree,
    covering_tiles,
    decode_bundle,
    edge_tiles,
    encode_bundle,
    index_path,
    prove_from_tiles,
    tile_at,
)


def entries(count: int) -> list[bytes]:
    return [b"%d" % i for i in range(count)]


def built(count: int, batch: int = 1000) -> tuple[Edge, dict[str, bytes]]:
    edge, files = Edge(), {}
    every = entries(count)
    for at in range(0, count, batch):
        edge, changed = edge.append(every[at : at + batch])
        files.update(changed)
    return edge, files


@pytest.mark.parametrize(
    ("number", "path"),
    [
        (0, "000"),
        (7, "007"),
        (999, "999"),
        (1000, "x001/000"),
        (1234067, "x001/x234/067"),
        (1_000_000_000, "x001/x000/x000/000"),
    ],
)
def test_tile_numbers_are_written_in_groups_of_three(number: int, path: str) -> None:
    assert index_path(number) == path


def test_paths_name_level_number_and_width() -> None:
    assert Tile(0, 273, 112).path == "tile/0/273.p/112"
    assert Tile(2, 0, 256).path == "tile/2/000"
    assert Tile(-1, 1234067, 5).path == "tile/entries/x001/x234/067.p/5"
    with pytest.raises(InvalidInput):
        index_path(-1)
    with pytest.raises(InvalidInput):
        tile_at(0, 3, 700)


def test_the_layout_of_seventy_thousand_entries_is_that_of_the_specification() -> None:
    edge, files = built(70_000)
    assert edge.size == 70_000
    for level, full, partial in [("0", 273, 112), ("1", 1, 17), ("2", 0, 1), ("entries", 273, 112)]:
        names = [name for name in files if name.startswith(f"tile/{level}/")]
        assert len([name for name in names if ".p/" not in name]) == full
        last = max(PurePosixPath(name).name for name in names if f"/{full:03}.p/" in name)
        assert f"tile/{level}/{full:03}.p/{partial}" in names, last
    assert edge_tiles(70_000) == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert edge.root == root_by_stack(entries(70_000))
    tree = TileTree(70_000, files.get)
    assert tree.edge() == edge
    for index in (0, 255, 256, 65_535, 65_536, 69_887, 69_888, 69_999):
        path = inclusion_path(index, 70_000, tree.node_at)
        verify_inclusion(tree.entry(index), index, 70_000, path, edge.root)
        assert prove_from_tiles(index, 70_000, edge.root, files.get) == b"%d" % index


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=8))
def test_batches_do_not_change_the_tree(batches: list[int]) -> None:
    every = entries(sum(batches))
    edge, files, at = Edge(), {}, 0
    for batch in batches:
        edge, changed = edge.append(every[at : at + batch])
        overwritten = {name for name in changed if files.get(name, changed[name]) != changed[name]}
        assert not overwritten, "a tile never changes"
        files.update(changed)
        at += batch
        assert TileTree(edge.size, files.get).edge() == edge
    assert edge.root == root_by_stack(every)


def test_a_missing_partial_tile_is_taken_from_the_full_one() -> None:
    edge, files = built(600, batch=600)
    earlier, _ = built(300)
    only_full = {name: body for name, body in files.items() if ".p/" not in name}
    tree = TileTree(300, only_full.get)
    with pytest.raises(VerificationError):
        tree.node_at(8, 0)  # the level-1 tile of 600 entries is partial and not in this set
    assert tree.node_at(0, 299) == TileTree(600, files.get).node_at(0, 299)
    assert tree.bundle_entries(1) == entries(300)[256:]
    assert earlier.size == 300 and edge.size == 600


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 511, 512, 1000, 65_536, 65_537])
def test_every_byte_of_the_covering_files_counts(size: int) -> None:
    edge, files = built(size)
    index = (size - 1) // 3
    names = [tile.path for tile in covering_tiles(index, size)]
    names.append(tile_at(-1, index // 256, size).path)
    held = {name: files[name] for name in names}
    assert prove_from_tiles(index, size, edge.root, held.get) == b"%d" % index
    for name in names:
        body = held[name]
        for at in {0, 1, len(body) // 2, len(body) - 1}:
            changed = bytes([*body[:at], body[at] ^ 1, *body[at + 1 :]])
            with pytest.raises(VerificationError):
                prove_from_tiles(index, size, edge.root, {**held, name: changed}.get)
        for body in (held[name][:-1], held[name] + b"\0", b""):
            with pytest.raises(VerificationError):
                prove_from_tiles(index, size, edge.root, {**held, name: body}.get)
        with pytest.raises(VerificationError):
            prove_from_tiles(
                index, size, edge.root, {k: v for k, v in held.items() if k != name}.get
            )


def test_bundles_hold_exactly_what_their_name_says() -> None:
    bundle = encode_bundle([b"", b"a", b"x" * 65_535])
    assert decode_bundle(bundle, 3) == [b"", b"a", b"x" * 65_535]
    for count in (0, 2, 4):
        with pytest.raises(VerificationError):
            decode_bundle(bundle, count)
    with pytest.raises(VerificationError):
        decode_bundle(bundle + b"\0", 3)
    with pytest.raises(InvalidInput, match="65,535"):
        encode_bundle([b"x" * 65_536])
