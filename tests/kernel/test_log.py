"""The log on a disk: recovery, refusal to fork, proofs at every size, pruning of partial tiles."""

import shutil
from pathlib import Path

import pytest
from kernel_toy import NOW, count_act, open_toy

from entrepot.kernel.checkpoint import verify_checkpoint, verify_tlog_proof
from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.kernel.log import BATCH_MAX
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.record import OwnEntry, decode_entry


def test_a_new_log_begins_with_its_genesis(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        assert node.log.size == node.log.sequenced_size == 1
        first = decode_entry(node.log.tree().entry(0))
        assert first == OwnEntry("genesis", NOW, node.signer.keys.text().splitlines())
        with pytest.raises(InvalidInput, match="one entry"):
            node.log.receipt(0)
        checkpoint = verify_checkpoint(node.log.checkpoint(), node.signer.keys)
        assert (checkpoint.size, checkpoint.root) == (1, node.log.root)


def test_entries_are_appended_proven_and_found_again(tmp_path: Path) -> None:
    entries = [b"entry %d" % i for i in range(700)]
    heads = []
    with open_toy(tmp_path / "h") as node:
        for at in range(0, 700, 100):
            assert node.log.append(entries[at : at + 100]) == 1 + at
            heads.append((node.log.size, node.log.root))
    with open_toy(tmp_path / "h") as node:
        log = node.log
        assert log.size == 701
        for index in (1, 100, 255, 256, 511, 512, 700):
            entry = log.tree().entry(index)
            assert entry == entries[index - 1]
            found = verify_receipt(log.receipt(index), entry, node.signer.ed25519.public)
            assert (found.index, found.size, found.root) == (index, 701, log.root)
            earlier = log.receipt(index, 701)
            assert earlier == log.receipt(index)
            assert verify_tlog_proof(log.text_proof(index), entry, node.signer.keys)[0] == index
        for size, root in heads:
            path = log.consistency_proof(size)
            verify_consistency(size, root, log.size, log.root, path)
            old = verify_receipt(
                log.receipt(size - 1, size), entries[size - 2], node.signer.ed25519.public
            )
            assert (old.size, old.root) == (size, root)
        for size in (-1, 702):
            with pytest.raises(InvalidInput):
                log.tree(size)
        with pytest.raises(InvalidInput):
            log.receipt(701)


def test_limits_of_one_append(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        for bad in ([], [b"x"] * (BATCH_MAX + 1), [b"x" * 65_536]):
            with pytest.raises(InvalidInput):
                node.log.append(bad)
        assert node.log.append([b"x" * 65_535, b""]) == 1
        assert node.log.tree().entry(2) == b""


def test_partial_tiles_go_when_the_full_tile_is_published(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        for _ in range(6):
            node.log.append([b"x"] * 50)
        tiles = tmp_path / "h" / "log" / "tile"
        assert (tiles / "0" / "000").is_file()
        assert not (tiles / "0" / "000.p").exists()
        assert not (tiles / "entries" / "000.p").exists()
        assert sorted(path.name for path in (tiles / "0" / "001.p").iterdir()) == ["45"]
        entry = node.log.tree(51).entry(50)
        verify_receipt(node.log.receipt(50, 51), entry, node.signer.ed25519.public)


@pytest.mark.parametrize("step", ["committed", "tile-written", "integrated", "checkpoint-signed"])
def test_what_is_sequenced_is_published_at_the_next_start(tmp_path: Path, step: str) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == step:
            raise Stop

    armed = False
    with open_toy(tmp_path / "h", crash=stop) as node:
        node.log.append([b"before"])
        armed = True
        with pytest.raises(Stop):
            node.log.append([b"sequenced %d" % i for i in range(300)])
        assert verify_checkpoint(node.log.checkpoint(), node.signer.keys).size == 2
    with open_toy(tmp_path / "h") as node:
        assert node.log.size == 302
        assert node.log.tree().entry(301) == b"sequenced 299"


def test_a_torn_tile_of_an_unpublished_tree_is_written_again(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == "integrated":
            raise Stop

    armed = False
    with open_toy(tmp_path / "h", crash=stop) as node:
        armed = True
        with pytest.raises(Stop):
            node.log.append([b"x"] * 300)
    tile = tmp_path / "h" / "log" / "tile" / "0" / "000"
    tile.write_bytes(tile.read_bytes()[:100])
    with open_toy(tmp_path / "h") as node:
        assert node.log.size == 301 and len(tile.read_bytes()) == 8192


def test_a_restored_old_store_refuses_to_sign(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.sequencer.submit(count_act(node))
    shutil.copytree(home, tmp_path / "backup")
    with open_toy(home) as node:
        node.sequencer.submit(count_act(node))
        published = node.log.checkpoint()
    shutil.copy(tmp_path / "backup" / "store.sqlite", home / "store.sqlite")
    for _ in range(2):
        with pytest.raises(StorageError, match="old backup") as caught:
            open_toy(home)
        assert "restore" in str(caught.value)
    assert (home / "log" / "checkpoint").read_bytes() == published


def test_a_restored_old_log_refuses_to_sign(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.sequencer.submit(count_act(node))
    shutil.copytree(home / "log", tmp_path / "log")
    with open_toy(home) as node:
        for _ in range(3):
            node.sequencer.submit(count_act(node))
    shutil.rmtree(home / "log")
    shutil.copytree(tmp_path / "log", home / "log")
    with pytest.raises(StorageError, match="continue each other"):
        open_toy(home)


def test_a_store_that_went_another_way_refuses_to_sign(tmp_path: Path) -> None:
    home, other = tmp_path / "h", tmp_path / "other"
    with open_toy(home) as node:
        node.sequencer.submit(count_act(node))
    shutil.copytree(home, other)
    for where in (home, other):
        with open_toy(where) as node:
            node.sequencer.submit(count_act(node))
    shutil.copy(other / "store.sqlite", home / "store.sqlite")
    with pytest.raises(StorageError):
        open_toy(home)


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/3", "tile/entries/000.p/3"])
@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_log_is_not_continued(tmp_path: Path, name: str, damage: str) -> None:
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.log.append([b"one", b"two"])
    path = home / "log" / name
    content = path.read_bytes()
    if damage == "remove":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(content[:-1])
    else:
        path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
    if name.startswith("tile/entries") and damage == "flip":
        with open_toy(home) as node, pytest.raises(VerificationError):
            for index in range(3):
                node.log.tree().entry(index)
        return
    with pytest.raises(StorageError):
        open_toy(home)


def test_a_lost_checkpoint_with_a_cleared_journal_is_not_guessed(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.log.append([b"one"])
        node.log.append([b"two"])
    (home / "log" / "checkpoint").unlink()
    with pytest.raises(StorageError, match="checkpoint of the log is missing"):
        open_toy(home)


def test_another_key_cannot_continue_a_log(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_toy(home):
        pass
    for path in (home / "keys").glob("operator*"):
        path.unlink()
    with pytest.raises(StorageError, match="key of this log is missing"):
        open_toy(home)
    with open_toy(tmp_path / "other"):
        pass
    for path in (tmp_path / "other" / "keys").glob("operator*"):
        shutil.copy(path, home / "keys" / path.name)
    with pytest.raises(StorageError, match="another log"):
        open_toy(home)
