"""The log on a disk: recovery, refusal to fork, proofs at every size, pruning of partial tiles."""

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from kernel_toy import NOW, TOY, count_act, open_toy

from entrepot.kernel.audit import audit
from entrepot.kernel.checkpoint import verify_checkpoint, verify_tlog_proof
from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.kernel.log import BATCH_MAX, FLUSH_APPENDS
from entrepot.kernel.merkle import verify_consistency
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.record import OwnEntry, decode_entry
from entrepot.kernel.store import JOURNAL


@pytest.mark.usefixtures("store_url")
def test_a_new_log_begins_with_its_genesis(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        assert node.log.size == node.log.sequenced_size == 1
        first = decode_entry(node.log.tree().entry(0))
        assert first == OwnEntry("genesis", NOW, node.signer.keys.text().splitlines())
        with pytest.raises(InvalidInput, match="one entry"):
            node.log.receipt(0)
        checkpoint = verify_checkpoint(node.log.checkpoint(), node.signer.keys)
        assert (checkpoint.size, checkpoint.root) == (1, node.log.root)


@pytest.mark.usefixtures("store_url")
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


@pytest.mark.usefixtures("store_url")
def test_limits_of_one_append(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        for bad in ([], [b"x"] * (BATCH_MAX + 1), [b"x" * 65_536]):
            with pytest.raises(InvalidInput):
                node.log.append(bad)
        assert node.log.append([b"x" * 65_535, b""]) == 1
        assert node.log.tree().entry(2) == b""


@pytest.mark.usefixtures("store_url")
def test_partial_tiles_go_when_the_full_tile_is_flushed(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        for _ in range(6):
            node.log.append([b"x"] * 50)
    with open_toy(tmp_path / "h") as node:
        tiles = tmp_path / "h" / "log" / "tile"
        assert (tiles / "0" / "000").is_file()
        assert not (tiles / "0" / "000.p").exists()
        assert not (tiles / "entries" / "000.p").exists()
        assert sorted(path.name for path in (tiles / "0" / "001.p").iterdir()) == ["45"]
        entry = node.log.tree(51).entry(50)
        verify_receipt(node.log.receipt(50, 51), entry, node.signer.ed25519.public)


@pytest.mark.usefixtures("store_url")
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


@pytest.mark.usefixtures("store_url")
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
    for _ in range(3):
        with open_toy(home) as node:
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


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "remove":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[:-1])
    elif how == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])


@pytest.fixture
def two_sessions(tmp_path: Path) -> Path:
    """A log whose journal begins at 103: what is before is flushed and journalled no more."""
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.log.append([b"one entry of some length"] * 102)
    with open_toy(home) as node:
        node.log.append([b"another entry, longer"])
    return home


@pytest.mark.parametrize("name", ["checkpoint", "tile/0/000.p/103", "tile/entries/000.p/103"])
@pytest.mark.parametrize("how", ["flip", "cut", "empty", "remove"])
def test_damage_that_the_journal_does_not_cover_is_said_so(
    two_sessions: Path, name: str, how: str
) -> None:
    damage(two_sessions / "log" / name, how)
    with pytest.raises(StorageError):
        open_toy(two_sessions)


@pytest.mark.parametrize("name", ["tile/0/000.p/104", "tile/entries/000.p/104"])
@pytest.mark.parametrize("how", ["flip", "cut", "empty", "remove"])
def test_damage_that_the_journal_covers_is_repaired(
    two_sessions: Path, name: str, how: str
) -> None:
    path = two_sessions / "log" / name
    before = path.read_bytes()
    damage(path, how)
    with open_toy(two_sessions) as node:
        assert path.read_bytes() == before
        assert node.log.tree().entry(103) == b"another entry, longer"


@pytest.mark.parametrize("checkpoint", ["old", "new"])
def test_a_power_cut_loses_only_what_the_journal_has(tmp_path: Path, checkpoint: str) -> None:
    """Unflushed tiles come back empty, and the rename of the checkpoint may be undone."""
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.log.append([b"flushed"] * 300)
    with open_toy(home) as node:
        shutil.copytree(home / "log", tmp_path / "flushed")
        for at in range(20):
            node.log.append([b"not flushed %d" % at] * 37)
        root, note = node.log.root, node.log.checkpoint()
        shutil.copytree(home, tmp_path / "cut", ignore=shutil.ignore_patterns("log"))
    cut = tmp_path / "cut"
    shutil.copytree(tmp_path / "flushed", cut / "log")
    if checkpoint == "new":
        (cut / "log" / "checkpoint").write_bytes(note)
        (cut / "log" / "tile" / "0" / "002").write_bytes(b"")
        (cut / "log" / "tile" / "entries" / "003").write_bytes(b"torn")
    with open_toy(cut) as node:
        assert (node.log.size, node.log.root) == (1041, root)
        assert node.log.tree().entry(1040) == b"not flushed 19"
    assert all(check.passed for check in audit(cut, (TOY,))[:5])


@pytest.mark.usefixtures("store_url")
def test_the_journal_is_cut_when_tiles_are_flushed(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        for _ in range(FLUSH_APPENDS + 3):
            node.log.append([b"x"])
        with node.store.reading() as read:
            firsts = read.execute(sa.select(JOURNAL.c.first)).scalars().all()
        assert 0 < len(firsts) <= 5 and min(firsts) >= FLUSH_APPENDS - 1


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
