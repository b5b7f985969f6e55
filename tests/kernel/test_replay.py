"""Replay: state is the fold of the log, on every database; a changed row shows in its digest."""

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa
from kernel_toy import COUNTERS, TOY, count_act, open_toy

from entrepot.kernel.errors import Conflict, VerificationError
from entrepot.kernel.home import read_log_keys
from entrepot.kernel.replay import ReplayReport, digest_of, replay
from entrepot.kernel.snapshot import open_snapshot
from entrepot.kernel.store import Store


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home of 700 acts over 30 counters, with refusals, a referral and an erasure."""
    with open_toy(tmp_path / "h") as node:
        node.sequencer.submit_batch([count_act(node, 2, f"Zähler {i % 30}") for i in range(690)])
        for amount in (2000, 13, 5):
            node.sequencer.submit(count_act(node, amount))
        node.sequencer.erase(7)
    return tmp_path / "h"


def run(home: Path, *, into: str = "") -> ReplayReport:
    with open_snapshot(home) as snapshot:
        return replay(snapshot, read_log_keys(home), (TOY,), into=into)


def sql(home: Path, statement: str) -> None:
    connection = sqlite3.connect(home / "store.sqlite")
    assert connection.execute(statement).rowcount
    connection.commit()
    connection.close()


def test_state_equals_its_replay(home: Path) -> None:
    report = run(home)
    assert report.equal
    assert (report.entries, report.acts) == (695, 693)
    (state,) = report.tables
    assert (state.table, state.rows, state.rebuilt_rows) == ("toy_counters", 31, 31)
    assert state.sha256 == state.rebuilt_sha256


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE toy_counters SET total = total + 1 WHERE name = 'Zähler 3'",
        "DELETE FROM toy_counters WHERE name = 'Zähler 3'",
        "UPDATE toy_counters SET name = 'other' WHERE name = 'Zähler 3'",
    ],
)
def test_a_changed_table_is_not_equal(home: Path, statement: str) -> None:
    before = run(home).tables[0]
    sql(home, statement)
    report = run(home)
    assert not report.equal
    assert report.tables[0].sha256 != report.tables[0].rebuilt_sha256 == before.sha256


def test_a_changed_ruling_or_bundle_cannot_be_replayed(home: Path) -> None:
    sql(home, "UPDATE kernel_records SET ruling = x'a0' WHERE \"index\" = 9")
    with pytest.raises(VerificationError, match="ruling 9"):
        run(home)
    bundle = home / "log" / "tile" / "entries" / "000"
    content = bytearray(bundle.read_bytes())
    content[60] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(VerificationError, match="root of the checkpoint"):
        run(home)


def test_the_rebuilt_state_can_be_kept_once(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "rebuilt.sqlite"
    first = run(home, into=str(target))
    store = Store.open(target, writer=False)
    with store.reading() as read:
        assert digest_of(read, COUNTERS) == (31, first.tables[0].sha256)
    store.close()
    with pytest.raises(Conflict, match="not empty"):
        run(home, into=str(target))


def test_every_database_gives_the_same_digest(home: Path, postgres_url: str) -> None:
    expected = run(home)
    found = run(home, into=postgres_url)
    assert found.equal and found.tables == expected.tables


def test_replay_runs_beside_the_writer_and_with_entries_waiting(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == "committed":
            raise Stop

    armed = False
    with open_toy(tmp_path / "h", crash=stop) as node:
        node.sequencer.submit_batch([count_act(node) for _ in range(20)])
        armed = True
        with pytest.raises(Stop):
            node.sequencer.submit_batch([count_act(node) for _ in range(5)])
        report = run(tmp_path / "h")
    assert report.equal
    assert (report.size, report.entries, report.acts) == (21, 26, 25)


def test_local_tables_are_nobodys_record(home: Path) -> None:
    with open_toy(home) as node, node.store.writing() as write:
        local = sa.Table("local_seen", sa.MetaData(), sa.Column("id", sa.Integer, primary_key=True))
        local.create(write)
        write.execute(local.insert().values(id=1))
    report = run(home)
    assert report.equal and [state.table for state in report.tables] == ["toy_counters"]
    sql(home, "CREATE TABLE strange (x)")
    with pytest.raises(VerificationError, match="no installed institution"):
        run(home)
