"""Outside vectors: RFC 6962 trees, the C2SP signed-note example, and pymerkle's opinion."""

import pytest
from pymerkle import InmemoryTree

from entrepot.kernel.checkpoint import Checkpoint, cosigned_bytes
from entrepot.kernel.errors import VerificationError
from entrepot.kernel.merkle import (
    consistency_path,
    inclusion_path,
    leaf_hash,
    node_hash,
    perfect_root,
    root_of,
)
from entrepot.kernel.note import parse_vkey, verify_note
from entrepot.kernel.tiles import Edge, TileTree

# Leaves and roots of the well-known RFC 6962 test tree.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
VKEY = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
SIGNATURE = (
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)
NOTE = f"This is an example message.\n\n— example.com/foo {SIGNATURE}\n".encode()


def node_at(height: int, index: int) -> bytes:
    width = 1 << height
    return perfect_root([leaf_hash(x) for x in LEAVES[index * width : (index + 1) * width]])


def starts(path: list[bytes]) -> str:
    return " ".join(item[:8].hex() for item in path)


@pytest.mark.parametrize("size", range(9))
def test_rfc_6962_roots(size: int) -> None:
    assert root_of(size, node_at).hex() == ROOTS[size]
    edge, _ = Edge().append(LEAVES[:size]) if size else (Edge(), {})
    assert edge.root.hex() == ROOTS[size]


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 8, "96a296d224f285c6 5f083f0a1a33ca07 6b47aaf29ee3c2af"),
        (5, 8, "bc1a0643b12e4d2d ca854ea128ed050b d37ee418976dd957"),
        (2, 3, "fac54203e7cc696c"),
        (1, 5, "6e340b9cffb37a98 5f083f0a1a33ca07 bc1a0643b12e4d2d"),
    ],
)
def test_rfc_6962_inclusion_paths(index: int, size: int, path: str) -> None:
    assert starts(inclusion_path(index, size, node_at)) == path


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (1, 8, "96a296d224f285c6 5f083f0a1a33ca07 6b47aaf29ee3c2af"),
        (6, 8, "0ebc5d3437fbe2db ca854ea128ed050b d37ee418976dd957"),
        (2, 5, "5f083f0a1a33ca07 bc1a0643b12e4d2d"),
    ],
)
def test_rfc_6962_consistency_paths(old: int, new: int, path: str) -> None:
    assert starts(consistency_path(old, new, node_at)) == path


def test_the_signed_note_of_the_specification_verifies() -> None:
    key = parse_vkey(VKEY)
    assert key.vkey() == VKEY
    assert verify_note(NOTE, [key]).text == "This is an example message.\n"
    with pytest.raises(VerificationError):
        verify_note(NOTE.replace(b"example message", b"altered message"), [key])


def test_the_cosigned_message_has_the_layout_of_the_specification() -> None:
    message = cosigned_bytes(Checkpoint("log.example", 7, b"\xab" * 32), "witness.example", 1234)
    assert message == (
        b"subtree/v1\n\0"
        + b"\x0fwitness.example"
        + (1234).to_bytes(8, "big")
        + b"\x0blog.example"
        + bytes(8)
        + (7).to_bytes(8, "big")
        + b"\xab" * 32
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 1000])
def test_pymerkle_has_the_same_roots_and_paths(size: int) -> None:
    entries = [b"entry-%d" % i for i in range(size)]
    other = InmemoryTree(algorithm="sha256")
    for entry in entries:
        other.append_entry(entry)
    edge, files = Edge().append(entries)
    assert other.get_root() == edge.root
    tree = TileTree(size, files.get)
    index = size // 2
    proof = other.prove_inclusion(index + 1, size)
    ours = inclusion_path(index, size, tree.node_at)
    theirs = [bytes.fromhex(x) if isinstance(x, str) else x for x in proof.path]
    assert theirs == [leaf_hash(entries[index]), *ours]
    assert node_hash(b"", b"") != leaf_hash(b"")
