"""Proof folders: verified offline from their files, and no byte of them may change."""

import random
import shutil
from pathlib import Path

import pytest
from kernel_toy import count_act, open_toy

from entrepot.kernel.errors import Conflict, Error, InvalidInput, NotFound, VerificationError
from entrepot.kernel.export import verify_export


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The proof folder of entry 301 in a log of 1,302 entries: four tiles and a full bundle."""
    base = tmp_path_factory.mktemp("export")
    with open_toy(base / "h") as node:
        node.log.append([b"filler %d" % i for i in range(300)])
        answer = node.sequencer.submit(count_act(node, 4))
        node.log.append([b"filler %d" % i for i in range(1000)])
        node.export(answer.index, base / "proof")
    return base / "proof"


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_a_folder_proves_its_act(folder: Path) -> None:
    names = [path.relative_to(folder).as_posix() for path in files_of(folder)]
    assert names == [
        "checkpoint",
        "log.keys",
        "opening.cbor",
        "receipt.cbor",
        "tile/0/001",
        "tile/0/005.p/22",
        "tile/1/000.p/5",
        "tile/entries/001",
    ]
    proven = verify_export(folder)
    assert (proven.index, proven.checkpoint.size, proven.entry.kind) == (301, 1302, "count")
    assert proven.opened is not None
    assert proven.opened.act.body == {"name": "a", "amount": 4}
    assert proven.opened.facts == {"total": 0, "name": "a"}


def test_the_expected_keys_are_compared(folder: Path, tmp_path: Path) -> None:
    with open_toy(tmp_path / "other") as node, pytest.raises(VerificationError, match=r"log\.keys"):
        verify_export(folder, node.signer.keys)
    assert verify_export(folder, verify_export(folder).keys).index == 301


def attack(folder: Path, rng: random.Random) -> str:
    """Change one random file at random; return what was done."""
    path = rng.choice(files_of(folder))
    content = bytearray(path.read_bytes())
    how = rng.choice(["flip", "flip", "flip", "set", "insert", "delete", "swap"])
    at = rng.randrange(len(content))
    if how == "flip":
        content[at] ^= 1 << rng.randrange(8)
    elif how == "set":
        content[at] = rng.choice([byte for byte in range(256) if byte != content[at]])
    elif how == "insert":
        content.insert(at, rng.randrange(256))
    elif how == "delete":
        del content[at]
    else:
        other = rng.randrange(len(content))
        content[at], content[other] = content[other], content[at]
    path.write_bytes(content)
    return f"{how} at {at} of {path.name}"


def attacked(folder: Path, work: Path, count: int, seed: int) -> int:
    rng = random.Random(seed)
    shutil.copytree(folder, work)
    originals = {path: path.read_bytes() for path in files_of(work)}
    rejected = 0
    while rejected < count:
        done = attack(work, rng)
        changed = [path for path, content in originals.items() if path.read_bytes() != content]
        if changed:
            with pytest.raises(VerificationError):
                verify_export(work)
                raise AssertionError(f"accepted: {done}")
            rejected += 1
            changed[0].write_bytes(originals[changed[0]])
    verify_export(work)
    return rejected


def test_three_hundred_random_mutations_are_rejected(folder: Path, tmp_path: Path) -> None:
    assert attacked(folder, tmp_path / "work", 300, seed=3) == 300


@pytest.mark.slow
def test_ten_thousand_random_mutations_are_rejected(folder: Path, tmp_path: Path) -> None:
    assert attacked(folder, tmp_path / "work", 10_000, seed=20261121) == 10_000


def test_every_byte_of_the_small_files_counts(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    for name in ("receipt.cbor", "opening.cbor", "log.keys"):
        path = work / name
        content = path.read_bytes()
        for at in range(0, len(content), 1 if len(content) < 500 else 23):
            path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
            with pytest.raises(VerificationError):
                verify_export(work)
        path.write_bytes(content)
    verify_export(work)


def test_missing_further_and_linked_files_are_rejected(folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    shutil.copytree(folder, work)
    for path in files_of(work):
        content = path.read_bytes()
        path.unlink()
        if path.name == "opening.cbor":
            assert verify_export(work).opened is None
        else:
            with pytest.raises(VerificationError):
                verify_export(work)
        path.write_bytes(b"")
        with pytest.raises(VerificationError):
            verify_export(work)
        path.write_bytes(content)
    (work / "tile" / "note.txt").write_text("extra")
    with pytest.raises(VerificationError, match="exactly"):
        verify_export(work)
    (work / "tile" / "note.txt").unlink()
    (work / "link").symlink_to(work / "checkpoint")
    with pytest.raises(VerificationError, match="link"):
        verify_export(work)


def test_parts_of_two_folders_do_not_mix(folder: Path, tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        first, second = (node.sequencer.submit(count_act(node)) for _ in range(2))
        node.export(first.index, tmp_path / "one")
        node.export(second.index, tmp_path / "two")
    for name in ("receipt.cbor", "opening.cbor"):
        shutil.copytree(tmp_path / "one", tmp_path / name)
        shutil.copy(tmp_path / "two" / name, tmp_path / name / name)
        with pytest.raises(VerificationError):
            verify_export(tmp_path / name)
    for name in ("checkpoint", "log.keys"):
        shutil.copytree(tmp_path / "one", tmp_path / name)
        shutil.copy(folder / name, tmp_path / name / name)
        with pytest.raises(VerificationError):
            verify_export(tmp_path / name)


def test_what_cannot_be_exported_or_verified(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        verify_export(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(VerificationError, match="missing"):
        verify_export(tmp_path / "empty")
    with open_toy(tmp_path / "h") as node:
        answer = node.sequencer.submit(count_act(node))
        for index in (0, 5, -1):
            with pytest.raises(Error):
                node.export(index, tmp_path / "x")
        node.export(answer.index, tmp_path / "x")
        with pytest.raises(Conflict):
            node.export(answer.index, tmp_path / "x")
        node.keys.clear()
        with pytest.raises(NotFound, match="public key"):
            node.export(answer.index, tmp_path / "y")
        with pytest.raises(InvalidInput):
            node.log.receipt(99)
