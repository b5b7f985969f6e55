"""State of another shape is dropped and folded again from the records; local tables are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from kernel_toy import ANNOUNCE, COUNT, COUNTERS, NOW, TOY, count_act, open_toy, store_of, totals

from entrepot.kernel.errors import VerificationError
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import Institution, Record
from entrepot.kernel.rebuilding import is_current, records_of, shape_of
from entrepot.kernel.store import RECORDS

pytestmark = pytest.mark.usefixtures("store_url")

WIDER = sa.MetaData()
TALLY = sa.Table(
    "toy_counters",
    WIDER,
    sa.Column("issuer", sa.LargeBinary, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False, index=True),
)
PARTS = sa.Table(
    "toy_parts",
    WIDER,
    sa.Column("issuer", sa.LargeBinary, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.ForeignKeyConstraint(["issuer", "name"], ["toy_counters.issuer", "toy_counters.name"]),
)


def apply_wider(write: sa.Connection, record: Record) -> None:
    for effect in record.effects:
        key = {"issuer": record.issuer, "name": effect.values["name"]}
        where = sa.and_(TALLY.c.issuer == key["issuer"], TALLY.c.name == key["name"])
        total = write.execute(sa.select(TALLY.c.total).where(where)).scalar_one_or_none()
        added = effect.values["amount"]
        assert isinstance(added, int)
        values = {"total": (total or 0) + added, "last": record.index}
        write.execute(
            TALLY.insert().values(key | values)
            if total is None
            else TALLY.update().where(where).values(values)
        )
        write.execute(PARTS.insert().values(key | {"index": record.index}))


WIDER_TOY = Institution("toy", (replace(COUNT, apply=apply_wider), ANNOUNCE), WIDER)


def open_as(home: Path, *institutions: Institution) -> Node:
    return open_node(home, institutions=institutions, store=store_of(home), clock=lambda: NOW)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with open_toy(tmp_path / "h") as node:
        node.sequencer.submit_batch([count_act(node, 1, f"c{i % 9}") for i in range(300)])
        node.sequencer.submit_batch([count_act(node, 2000), count_act(node, 13)])
        node.sequencer.submit(count_act(node, 1, "told", kind="announce"))
        node.sequencer.erase(5)
    return tmp_path / "h"


def test_another_shape_is_filled_from_the_records_and_back(home: Path) -> None:
    with open_toy(home) as node:
        before = totals(node)
        assert sum(total for total, _ in before.values()) == 300
    with open_as(home, WIDER_TOY) as node:
        with node.store.reading() as read:
            assert is_current(read, WIDER_TOY) and not is_current(read, TOY)
            rows = read.execute(sa.select(TALLY)).all()
            assert {row.name: row.total for row in rows} == {
                name: total for name, (total, _) in before.items()
            }
            assert max(row.last for row in rows) == 300
            count = sa.select(sa.func.count()).select_from(PARTS)
            assert read.execute(count).scalar_one() == 300
        node.sequencer.submit(count_act(node, 5, "c1"))
    with open_toy(home) as node:
        assert totals(node)["c1"] == (before["c1"][0] + 5, before["c1"][1] + 1)
        with node.store.reading() as read:
            assert "toy_parts" not in sa.inspect(read).get_table_names()


def test_nothing_is_rebuilt_while_the_shape_stays(home: Path) -> None:
    with open_toy(home) as node, node.store.writing() as write:
        write.execute(COUNTERS.update().values(total=7))
    with open_toy(home) as node:
        assert {total for total, _ in totals(node).values()} == {7}


def test_records_come_in_order_with_what_the_log_says(home: Path) -> None:
    with open_toy(home) as node, node.store.reading() as read:
        records = list(records_of(read, node.log.tree()))
        assert [record.index for record in records] == list(range(1, 304))
        assert {record.kind for record in records} == {"count", "announce"}
        assert {record.decided_at for record in records} == {NOW}
        assert list(records_of(read, node.log.tree(), 290)) == records[289:]


def test_a_ruling_that_is_not_that_of_the_log_stops_the_rebuild(home: Path) -> None:
    with open_toy(home) as node, node.store.writing() as write:
        write.execute(RECORDS.update().where(RECORDS.c.index == 9).values(ruling=b"\xa0"))
    with pytest.raises(VerificationError):
        open_as(home, WIDER_TOY)
    with open_toy(home) as node:
        assert sum(total for total, _ in totals(node).values()) == 300
        with node.store.writing() as write:
            write.execute(RECORDS.delete().where(RECORDS.c.index == 9))
    with pytest.raises(VerificationError, match="no record"):
        open_as(home, WIDER_TOY)


def test_a_shape_is_of_columns_keys_and_indexes() -> None:
    def shape(*parts: object) -> str:
        table = sa.Table("t", sa.MetaData(), sa.Column("a", sa.Integer, primary_key=True), *parts)
        return shape_of(table.metadata)

    shapes = {
        shape(),
        shape(sa.Column("b", sa.Integer)),
        shape(sa.Column("b", sa.BigInteger)),
        shape(sa.Column("b", sa.Integer, nullable=False)),
        shape(sa.Column("b", sa.Integer, index=True)),
        shape(sa.Column("b", sa.Integer), sa.UniqueConstraint("b")),
        shape(sa.Column("c", sa.Integer)),
    }
    assert len(shapes) == 7 and shape() in shapes
