"""Backup beside a writer, restore on either database; nothing changed is restored."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from kernel_toy import NOW, TOY, count_act, open_toy, totals
from object_server import ObjectServer, object_server

from entrepot.kernel.audit import audit
from entrepot.kernel.backup import write_backup
from entrepot.kernel.backupfiles import MANIFEST, Manifest, read_frames
from entrepot.kernel.errors import Conflict, NotFound, StorageError, VerificationError
from entrepot.kernel.home import OPERATOR, Node, open_node, read_log_keys
from entrepot.kernel.keys import load_key
from entrepot.kernel.places import Places
from entrepot.kernel.restore import RestoreReport, Target, restore
from entrepot.kernel.sequencer import Answer
from entrepot.kernel.snapshot import open_snapshot

__all__ = ["object_server"]


def back_up(home: Path, folder: Path, *, store: str = "", with_keys: bool = True) -> Manifest:
    key = load_key(home / "keys" / f"{OPERATOR}.pem")
    with open_snapshot(home, store) as snapshot:
        return write_backup(
            snapshot,
            folder,
            signer=(read_log_keys(home), key),
            institutions=(TOY,),
            made_at=NOW,
            with_keys=with_keys,
        )


def give_back(folder: Path, home: Path, *, store: str = "", **wishes: object) -> RestoreReport:
    return restore(folder, Target(home, store), institutions=(TOY,), **wishes)  # type: ignore[arg-type]


def failed(home: Path, store: str = "") -> list[str]:
    checks = audit(home, (TOY,), store=store)
    return [f"{check.name}: {check.detail}" for check in checks if not check.passed]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of 620 acts, one erased, one public, with a local table; and its backup beside."""
    folder = tmp_path_factory.mktemp("backup")
    with open_toy(folder / "h") as node:
        node.sequencer.submit_batch([count_act(node, 1, f"c{i % 9}") for i in range(610)])
        for amount in (2000, 13, 5):
            node.sequencer.submit(count_act(node, amount))
        node.sequencer.submit(count_act(node, 1, kind="announce"))
        node.sequencer.erase(5)
        with node.store.writing() as write:
            local = sa.Table(
                "local_seen",
                sa.MetaData(),
                sa.Column("who", sa.String, primary_key=True),
                sa.Column("at", sa.BigInteger, index=True),
                sa.Column("token", sa.LargeBinary, unique=True),
                sa.Column("known", sa.Boolean, nullable=False),
            )
            odd = sa.Table("local_odd", sa.MetaData(), sa.Column("x", sa.Float, primary_key=True))
            local.create(write)
            odd.create(write)
            write.execute(local.insert().values(who="Zoë", at=NOW, token=b"\0\1", known=True))
            write.execute(odd.insert().values(x=0.5))
        back_up(folder / "h", folder / "backup")
    return folder


@pytest.fixture
def backup(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made / "backup", tmp_path / "backup")
    return tmp_path / "backup"


def test_a_restored_home_is_the_home_and_goes_on(made: Path, tmp_path: Path) -> None:
    report = give_back(made / "backup", tmp_path / "new")
    assert (report.published, report.sequenced, report.acts) == (616, 616, 614)
    assert report.left_out == ("local_odd",) and report.local_rows == 1 and report.has_keys
    assert not failed(tmp_path / "new")
    with open_toy(made / "h") as old, open_toy(tmp_path / "new") as new:
        assert (new.log.size, new.log.root) == (old.log.size, old.log.root)
        assert new.log.checkpoint() == old.log.checkpoint()
        assert new.log.receipt(77) == old.log.receipt(77)
        assert totals(new) == totals(old)
        assert new.act_at(9) == old.act_at(9)
        with pytest.raises(NotFound, match="erased"):
            new.act_at(5)
        answer = new.sequencer.submit(count_act(new))
        assert answer.index == 616
    assert not failed(tmp_path / "new")


def test_private_keys_are_in_a_backup_only_when_asked_for(made: Path, tmp_path: Path) -> None:
    back_up(made / "h", tmp_path / "backup", with_keys=False)
    assert not list((tmp_path / "backup").rglob("*.pem"))
    report = give_back(tmp_path / "backup", tmp_path / "new")
    assert not report.has_keys
    with pytest.raises(StorageError, match="key of this log is missing"):
        open_toy(tmp_path / "new")
    for path in (made / "h" / "keys").glob("*.pem"):
        shutil.copy2(path, tmp_path / "new" / "keys")
    open_toy(tmp_path / "new").close()


def test_nobody_else_can_read_a_backup(made: Path) -> None:
    folder = made / "backup"
    assert folder.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.rglob("*") if path.is_file())


def test_sqlite_moves_to_postgresql_and_back(made: Path, tmp_path: Path, postgres_url: str) -> None:
    there = tmp_path / "there"
    report = give_back(made / "backup", there, store=postgres_url)
    assert report.acts == 614 and not (there / "store.sqlite").exists()
    assert not failed(there, postgres_url)
    with open_node(there, institutions=(TOY,), clock=lambda: NOW, store=postgres_url) as node:
        node.sequencer.submit(count_act(node))
        expected = totals(node)
        with node.store.reading() as read:
            row = read.execute(sa.text("SELECT who, at, token, known FROM local_seen")).one()
            assert (row.who, row.at, bytes(row.token), row.known) == ("Zoë", NOW, b"\0\1", True)
            assert {tuple(item["column_names"]) for item in sa.inspect(read).get_indexes(
                "local_seen") if not item.get("duplicates_constraint")} == {("at",)}  # fmt: skip
        back_up(there, tmp_path / "second", store=postgres_url)
    give_back(tmp_path / "second", tmp_path / "back")
    assert not failed(tmp_path / "back")
    with open_toy(tmp_path / "back") as node:
        assert totals(node) == expected and node.log.size == 617


@pytest.mark.parametrize("source", ["sqlite", "postgresql"])
def test_a_backup_under_load_is_whole(
    tmp_path: Path, source: str, request: pytest.FixtureRequest
) -> None:
    """Acts are acknowledged all the while; those before the backup began are all in it.

    What SQLite had is restored to PostgreSQL, and the other way round.
    """
    url = request.getfixturevalue("postgres_url")
    source_url, store = (url, "") if source == "postgresql" else ("", url)
    home, ended = tmp_path / "h", threading.Event()

    def write(node: Node) -> None:
        while not ended.is_set():
            node.sequencer.submit_batch([count_act(node, 0, f"c{i}") for i in range(60)])

    def back_up_now(number: int) -> Manifest:
        while node.log.size <= 501 + number * 60:
            time.sleep(0.01)
        return back_up(home, tmp_path / f"backup{number}", store=source_url)

    with open_node(home, institutions=(TOY,), clock=lambda: NOW, store=source_url) as node:
        before = node.sequencer.submit_batch([count_act(node) for _ in range(500)])
        writer = threading.Thread(target=write, args=(node,))
        writer.start()
        try:
            manifests = [back_up_now(number) for number in range(3)]
        finally:
            ended.set()
            writer.join()
        last = node.log.size
        new = tmp_path / "new"
        report = give_back(tmp_path / "backup2", new, store=store)
        assert 501 < manifests[0].sequenced < manifests[2].sequenced <= last
        assert report.sequenced == manifests[2].sequenced
        assert not failed(new, store)
        for answer in before:
            assert isinstance(answer, Answer)
        with open_node(new, institutions=(TOY,), store=store, clock=lambda: NOW) as restored:
            # An older tree of the same log: the newer one extends it.
            size = restored.log.size
            assert restored.log.root == node.log.tree(size).edge().root
            assert restored.log.receipt(500, 501) == node.log.receipt(500, 501)


def test_entries_waiting_for_publication_are_in_the_backup(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == "committed":
            raise Stop

    armed = False
    with open_toy(tmp_path / "h", crash=stop) as node:
        node.sequencer.submit_batch([count_act(node) for _ in range(300)])
        armed = True
        with pytest.raises(Stop):
            node.sequencer.submit_batch([count_act(node) for _ in range(5)])
        manifest = back_up(tmp_path / "h", tmp_path / "backup")
    assert (manifest.published, manifest.sequenced) == (301, 306)
    give_back(tmp_path / "backup", tmp_path / "new")
    with open_toy(tmp_path / "new") as node:
        assert node.log.size == 306 and totals(node) == {"a": (305, 305)}
    assert not failed(tmp_path / "new")


def flip(name: str, at: int = 60) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)

    return run


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    "damage",
    [
        *(flip(name) for name in ("entries.zst", "records.zst", "local_seen.zst", "checkpoint")),
        *(flip(MANIFEST, at) for at in (1, 60, 300, -1)),
        flip("keys/party.pub"),
        *(remove(name) for name in ("entries.zst", "checkpoint", "keys/party.pem")),
        lambda folder: (folder / "more").write_bytes(b"x"),
        lambda folder: (folder / "records.zst").write_bytes(b""),
    ],
)
def test_a_changed_backup_is_not_restored(
    backup: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(backup)
    with pytest.raises(VerificationError):
        give_back(backup, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_backup_signed_by_other_keys_is_another_log(
    made: Path, backup: Path, tmp_path: Path
) -> None:
    with open_toy(tmp_path / "other") as node:
        node.sequencer.submit(count_act(node))
    back_up(tmp_path / "other", tmp_path / "theirs")
    with pytest.raises(VerificationError, match="another log"):
        restore(
            tmp_path / "theirs",
            Target(tmp_path / "new"),
            institutions=(TOY,),
            expected=read_log_keys(made / "h"),
        )
    shutil.copy(tmp_path / "theirs" / MANIFEST, backup / MANIFEST)
    with pytest.raises(VerificationError):
        give_back(backup, tmp_path / "new")


def test_what_does_not_hold_inside_a_signed_backup_cannot_be_opened(
    made: Path, tmp_path: Path
) -> None:
    """The operator's own store was damaged before the backup: the checks find it at restore."""
    shutil.copytree(made / "h", tmp_path / "h")
    for number, statement in enumerate(
        (
            "UPDATE kernel_records SET evidence = x'a0' WHERE \"index\" = 9",
            "UPDATE toy_counters SET total = total + 1 WHERE name = 'c3'",
        )
    ):
        home = tmp_path / f"damaged{number}"
        shutil.copytree(tmp_path / "h", home)
        connection = sqlite3.connect(home / "store.sqlite")
        assert connection.execute(statement).rowcount == 1
        connection.commit()
        connection.close()
        back_up(home, tmp_path / f"backup{number}")
        new = tmp_path / f"new{number}"
        with pytest.raises(VerificationError, match=r"records|state made from"):
            give_back(tmp_path / f"backup{number}", new)
        with pytest.raises(StorageError, match="not finished"):
            open_toy(new)


def test_witnesses_that_saw_more_forbid_signing_on(made: Path, tmp_path: Path) -> None:
    give_back(made / "backup", tmp_path / "same", newest_known=lambda: 616)
    open_toy(tmp_path / "same").close()
    with pytest.raises(StorageError, match="fork"):
        give_back(made / "backup", tmp_path / "old", newest_known=lambda: 617)
    with pytest.raises(StorageError, match="not finished"):
        open_toy(tmp_path / "old")


def test_nothing_is_overwritten(made: Path, tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(Conflict, match="place of the backup"):
        back_up(made / "h", made / "backup")
    with pytest.raises(Conflict, match="not empty"):
        give_back(made / "backup", made / "h")
    give_back(made / "backup", tmp_path / "one", store=postgres_url)
    with pytest.raises(Conflict, match="not empty"):
        give_back(made / "backup", tmp_path / "two", store=postgres_url)
    with pytest.raises(NotFound):
        give_back(tmp_path, tmp_path / "three")


def test_a_backup_that_fails_leaves_nothing(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "h", tmp_path / "h")
    (tmp_path / "h" / "log" / "tile" / "entries" / "000").unlink()
    with pytest.raises(VerificationError):
        back_up(tmp_path / "h", tmp_path / "out" / "backup")
    assert not list((tmp_path / "out").iterdir())


def test_large_bodies_travel_inside_and_may_go_elsewhere(
    tmp_path: Path, object_server: ObjectServer
) -> None:
    home = tmp_path / "h"
    places = Places(log=object_server.place("log"), bodies=object_server.place("bodies"))
    with open_node(home, institutions=(TOY,), clock=lambda: NOW, places=places) as node:
        node.sequencer.submit_batch([count_act(node, 0, "x" * 20_000), count_act(node, 0, "y")])
        expected = node.act_at(1)
        back_up(home, tmp_path / "backup")
    give_back(tmp_path / "backup", tmp_path / "inside")
    with open_toy(tmp_path / "inside") as node:
        assert node.act_at(1) == expected
    restore(
        tmp_path / "backup",
        Target(tmp_path / "outside", places=Places(bodies="bodies")),
        institutions=(TOY,),
    )
    assert len(list((tmp_path / "outside" / "bodies").glob("*/*"))) == 1
    with open_toy(tmp_path / "outside") as node:
        assert node.act_at(1) == expected
    assert not failed(tmp_path / "outside") and not failed(tmp_path / "inside")


def test_frames_that_end_in_the_middle_are_said_so(made: Path, tmp_path: Path) -> None:
    content = (made / "backup" / "records.zst").read_bytes()
    for cut in (1, 10, len(content) // 2, len(content) - 3):
        path = tmp_path / "cut.zst"
        path.write_bytes(content[:cut])
        with pytest.raises(VerificationError, match=r"cut\.zst"):
            list(read_frames(path, 614))
