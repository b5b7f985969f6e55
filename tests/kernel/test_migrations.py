"""Stores of earlier versions are brought up, whole or not at all, to what a new store has."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from kernel_toy import audit_toy, count_act, open_toy, store_of, totals

from entrepot.kernel import migrations
from entrepot.kernel.errors import StorageError
from entrepot.kernel.home import store_at
from entrepot.kernel.sequencer import Answer
from entrepot.kernel.store import KERNEL_TABLES, LEADER, RECORDS, Store, read_meta

pytestmark = pytest.mark.usefixtures("store_url")


def make_version_1(home: Path) -> list[Answer]:
    """Make a home with three acts, then take from its store what version 1 did not have."""
    with open_toy(home) as node:
        acts = [count_act(node, amount) for amount in (1, 2000, 13)]
        answers = [item for item in node.sequencer.submit_batch(acts) if isinstance(item, Answer)]
        with node.store.writing() as write:
            write.execute(sa.DDL("DROP TABLE kernel_leader"))
            write.execute(sa.DDL("ALTER TABLE kernel_records DROP COLUMN evidence_at"))
            write.execute(sa.text("DELETE FROM kernel_meta"))
            write.execute(sa.text("INSERT INTO kernel_meta VALUES ('schema_version', '1')"))
    return answers


def test_a_store_of_version_1_goes_on(tmp_path: Path) -> None:
    answers = make_version_1(tmp_path / "h")
    with open_toy(tmp_path / "h") as node:
        with node.store.reading() as read:
            assert read_meta(read, "schema_version") == "2"
            context = MigrationContext.configure(read, opts={"compare_type": True})
            differences = [
                item for item in compare_metadata(context, KERNEL_TABLES) if "toy" not in str(item)
            ]
            assert differences == []
            assert read.execute(sa.select(LEADER.c.id)).all() == [(1,)]
            assert read.execute(sa.select(RECORDS.c.evidence_at)).all() == [(None,)] * 3
        for answer in answers:
            again = node.sequencer.submit(node.act_at(answer.index))
            assert (again.repeated, again.receipt) == (True, answer.receipt)
        assert node.sequencer.submit(count_act(node, 5)).index == 4
        assert totals(node) == {"a": (6, 2)}


def test_a_migration_that_fails_leaves_the_old_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version_1(tmp_path / "h")

    def breaks(operations: object) -> None:
        step(operations)
        raise KeyboardInterrupt

    step = migrations.STEPS[2]
    with monkeypatch.context() as patch:
        patch.setitem(migrations.STEPS, 2, breaks)
        with pytest.raises(KeyboardInterrupt):
            open_toy(tmp_path / "h")
    where = store_at(tmp_path / "h", store_of(tmp_path / "h"))
    with pytest.raises(StorageError, match="schema version 1") as caught:
        Store.open(where, writer=False)
    assert "migrates" in caught.value.remedy
    open_toy(tmp_path / "h").close()
    follower = Store.open(where, writer=False)
    assert not follower.is_empty()
    follower.close()


@pytest.mark.parametrize("found", ["3", "99", "0", "-1", "two", ""])
def test_a_version_not_known_here_is_refused(tmp_path: Path, found: str) -> None:
    open_toy(tmp_path / "h").close()
    where = store_at(tmp_path / "h", store_of(tmp_path / "h"))
    store = Store.open(where)
    with store.writing() as write:
        text = sa.text("UPDATE kernel_meta SET value = :value WHERE key = 'schema_version'")
        write.execute(text, {"value": found})
    store.close()
    for writer in (True, False):
        with pytest.raises(StorageError, match=f"schema version {found}, this program") as caught:
            Store.open(where, writer=writer)
        assert "version of Entrepot that wrote it" in caught.value.remedy


def test_every_version_has_its_step() -> None:
    assert sorted(migrations.STEPS) == list(range(2, migrations.SCHEMA_VERSION + 1))


def test_an_old_home_passes_the_audit_after_its_migration(tmp_path: Path) -> None:
    make_version_1(tmp_path / "h")
    open_toy(tmp_path / "h").close()
    assert all(check.passed for check in audit_toy(tmp_path / "h"))
