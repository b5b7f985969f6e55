"""Store and home: what a damaged, foreign or newer database says; where a home is."""

import shutil
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from kernel_toy import count_act, open_toy, totals

from entrepot.kernel.errors import Error, InvalidInput, NotFound, StorageError
from entrepot.kernel.home import default_home, open_node
from entrepot.kernel.store import META, NotLeader, Store, StoreBusy, read_meta


def test_the_database_is_durable_and_has_one_schema(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s.sqlite", create=True)
    with store.reading() as read:
        assert read_meta(read, "schema_version") == "2" and read_meta(read, "x") is None
        for pragma, value in [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)]:
            assert read.exec_driver_sql(f"PRAGMA {pragma}").scalar_one() == value
        with pytest.raises(StorageError, match="readonly"), store.reading() as read_again:
            read_again.execute(META.insert().values(key="a", value="b"))
    assert store.integrity_faults() == []
    store.close()
    store.close()
    with pytest.raises(NotFound):
        Store.open(tmp_path / "absent.sqlite")


def test_a_store_is_named_by_path_or_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for where in (
        "s.sqlite",
        "sqlite:///s.sqlite",
        f"sqlite:///{tmp_path}/s.sqlite",
        Path("s.sqlite"),
    ):
        store = Store.open(where, create=True)
        assert store.path is not None and store.path.resolve() == tmp_path / "s.sqlite"
        assert not store.is_postgres and store.durability_faults() == []
        store.close()
    for bad in ("mysql://user:sEcret@host/x", "file:x", "sqlite:", "", "postgresql+asyncpg://x/y"):
        with pytest.raises((InvalidInput, NotFound)) as caught:
            Store.open(bad)
        assert "sEcret" not in str(caught.value)


def test_a_follower_reads_beside_the_writer_and_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite"
    with pytest.raises(NotFound):
        Store.open(path, writer=False)
    assert not list(tmp_path.iterdir()), "a reader makes nothing"
    writer = Store.open(path, create=True, advertised_url="http://here.example")
    follower = Store.open(path, writer=False)
    with writer.writing() as write:
        write.execute(META.insert().values(key="a", value="b"))
    with follower.reading() as read:
        assert read_meta(read, "a") == "b"
        with writer.writing() as write:  # a reader sees one state throughout
            write.execute(META.update().where(META.c.key == "a").values(value="c"))
        assert read_meta(read, "a") == "b"
    for transaction in (follower.writing, follower.writing_local):
        with pytest.raises(NotLeader) as caught, transaction():
            pass
        assert caught.value.leader_url == "http://here.example"
    assert not follower.promote() and not follower.held() and writer.held()
    with pytest.raises(StoreBusy):
        Store.open(path)
    closing = threading.Timer(0.3, writer.close)
    closing.start()
    assert follower.promote(wait_s=10) and follower.held() and follower.leader_url() == ""
    closing.join()
    follower.step_down()
    assert not follower.leads
    Store.open(path).close()
    follower.close()


def test_opening_sqlite_loads_nothing_of_postgresql(tmp_path: Path) -> None:
    program = (
        "import sys; from entrepot.kernel.store import Store\n"
        "Store.open(sys.argv[1], create=True).close()\n"
        "print(sorted({'psycopg', 'alembic'} & set(sys.modules)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "s.sqlite")],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert run.stdout == "[]\n"


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "s.sqlite", create=True)
    with pytest.raises(ZeroDivisionError), store.writing() as write:
        write.execute(META.insert().values(key="a", value="b"))
        raise ZeroDivisionError
    with store.reading() as read:
        assert read_meta(read, "a") is None
    with pytest.raises(StorageError, match="UNIQUE"), store.writing() as write:
        for _ in range(2):
            write.execute(META.insert().values(key="a", value="b"))
    store.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_toy(tmp_path / "h") as node:
        node.sequencer.submit_batch([count_act(node) for _ in range(50)])
    return tmp_path / "h"


def test_a_damaged_database_is_named_as_such(home: Path) -> None:
    path = home / "store.sqlite"
    content = path.read_bytes()
    assert not (home / "store.sqlite-wal").exists(), "the last close folds the WAL in"
    for damaged in (b"not a database at all" * 300, content[:5000], b"\0" * len(content)):
        path.write_bytes(damaged)
        with pytest.raises(Error) as caught:
            open_toy(home)
        assert isinstance(caught.value, StorageError), caught.value
    path.write_bytes(content)
    open_toy(home).close()


def test_a_foreign_or_newer_database_is_refused(home: Path, tmp_path: Path) -> None:
    connection = sqlite3.connect(home / "store.sqlite")
    connection.execute("UPDATE kernel_meta SET value = '99'")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="schema version 99"):
        open_toy(home)
    other = tmp_path / "other.sqlite"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()
    with pytest.raises(StorageError, match="not a store"):
        Store.open(other)


def test_an_emptied_store_beside_a_log_refuses(home: Path) -> None:
    for path in home.glob("store.sqlite*"):
        path.unlink()
    with pytest.raises(StorageError, match="old backup"):
        open_toy(home)


def test_where_a_home_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ENTREPOT_HOME", str(tmp_path / "mine"))
    assert default_home() == tmp_path / "mine"
    with open_node() as node:
        assert node.home == tmp_path / "mine"
    assert (tmp_path / "mine" / "keys").stat().st_mode & 0o777 == 0o700
    monkeypatch.delenv("ENTREPOT_HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert default_home() == tmp_path / "share" / "entrepot"
    monkeypatch.delenv("XDG_DATA_HOME")
    assert default_home() == Path.home() / ".local" / "share" / "entrepot"


def test_a_home_with_a_passphrase(tmp_path: Path) -> None:
    open_node(tmp_path / "h", passphrase=b"secret").close()
    for wrong in (None, b"other"):
        with pytest.raises(InvalidInput, match="passphrase"):
            open_node(tmp_path / "h", passphrase=wrong)
    open_node(tmp_path / "h", passphrase=b"secret").close()


def test_a_home_whose_key_others_may_read_does_not_open(home: Path) -> None:
    (home / "keys" / "operator.pem").chmod(0o644)
    with pytest.raises(InvalidInput, match="others"):
        open_toy(home)
    (home / "keys" / "operator.pem").chmod(0o600)
    open_toy(home).close()


def test_a_home_can_be_moved_and_its_party_renewed(home: Path, tmp_path: Path) -> None:
    shutil.move(home, tmp_path / "moved")
    (tmp_path / "moved" / "keys" / "party.pem").unlink()
    (tmp_path / "moved" / "keys" / "party.pub").rename(tmp_path / "moved" / "keys" / "old.pub")
    with open_toy(tmp_path / "moved") as node:
        assert len(node.keys) == 3  # operator, old party, new party
        node.sequencer.submit(count_act(node))
        assert totals(node)["a"][0] in (1, 50)


def test_a_party_whose_private_key_is_lost_is_told_so(home: Path) -> None:
    (home / "keys" / "party.pem").unlink()
    with pytest.raises(StorageError, match="private key of this party is missing"):
        open_toy(home)
    assert not (home / "keys" / "party.pem").exists()


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError):
        open_node(tmp_path / "file")
    with pytest.raises(StorageError):
        open_node(tmp_path / "file" / "below")
