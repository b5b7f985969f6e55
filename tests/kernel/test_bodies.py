"""Large evidence outside the store: found, exported, erased, checked; orphans are only noted."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from kernel_toy import NOW, TOY, count_act
from object_server import ObjectServer, object_server

from entrepot.kernel.audit import Check, audit
from entrepot.kernel.bodies import OUTSIDE_FROM_BYTES, open_bodies
from entrepot.kernel.errors import Conflict, NotFound, StorageError
from entrepot.kernel.export import verify_export
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.places import Places
from entrepot.kernel.store import RECORDS

__all__ = ["object_server"]


@pytest.fixture(params=["folder", "object-store"])
def place(request: pytest.FixtureRequest) -> str:
    if request.param == "folder":
        return "bodies"
    server: ObjectServer = request.getfixturevalue("object_server")
    return server.place("bodies")


def open_there(home: Path, place: str | None, **settings: object) -> Node:
    return open_node(
        home,
        institutions=(TOY,),
        clock=lambda: NOW,
        places=Places(bodies=place),
        **settings,  # type: ignore[arg-type]
    )


def large(node: Node, kind: str = "count") -> bytes:
    return count_act(node, 1, "x" * OUTSIDE_FROM_BYTES, kind=kind)


def names(home: Path, place: str) -> set[str]:
    bodies = open_bodies(place, home)
    found = set(bodies.names())
    bodies.close()
    return found


def checks_of(home: Path) -> dict[str, Check]:
    return {check.name: check for check in audit(home, (TOY,))}


def whereabouts(node: Node) -> list[tuple[int, bool, bool]]:
    query = sa.select(RECORDS.c.index, RECORDS.c.evidence, RECORDS.c.evidence_at)
    with node.store.reading() as read:
        rows = read.execute(query.order_by(RECORDS.c.index)).all()
    return [(row[0], row[1] is not None, row[2] is not None) for row in rows]


def test_only_large_bodies_go_outside(tmp_path: Path, place: str) -> None:
    home = tmp_path / "h"
    with open_there(home, place) as node:
        acts = [count_act(node), large(node), large(node, "announce"), count_act(node)]
        node.sequencer.submit_batch(acts)
        assert whereabouts(node) == [
            (1, True, False), (2, False, True), (3, False, True), (4, True, False),
        ]  # fmt: skip
        assert [node.act_at(index) for index in range(1, 5)] == acts
        assert node.sequencer.submit(acts[1]).repeated
        node.export(2, tmp_path / "proof")
    opened = verify_export(tmp_path / "proof").opened
    assert opened is not None and opened.act.raw == acts[1]
    assert len(names(home, place)) == 2
    checks = checks_of(home)
    assert all(check.passed for check in checks.values()), checks
    assert "note" not in checks["records"].detail


def test_erasing_deletes_the_object(tmp_path: Path, place: str) -> None:
    home = tmp_path / "h"
    with open_there(home, place) as node:
        node.sequencer.submit_batch([large(node), large(node)])
        node.sequencer.erase(1)
        assert len(names(home, place)) == 1
        assert whereabouts(node)[0] == (1, False, False)
        with pytest.raises(NotFound, match="erased"):
            node.act_at(1)
        with pytest.raises(Conflict):
            node.sequencer.erase(1)
        node.act_at(2)
    assert all(check.passed for check in checks_of(home).values())


def test_a_missing_or_changed_object_fails_the_records(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_there(home, "bodies") as node:
        node.sequencer.submit_batch([large(node), large(node)])
        index = 1
        (name,) = [row.evidence_at for row in _rows(node) if row[0] == index]
    path = home / "bodies" / name[:2] / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert "does not open the commitment" in checks_of(home)["records"].detail
    path.unlink()
    failed = checks_of(home)["records"]
    assert failed.passed is False and "not where its record says" in failed.detail
    with open_there(home, None) as node, pytest.raises(StorageError, match="not where"):
        node.act_at(1)


def _rows(node: Node) -> list[sa.Row[tuple[object, ...]]]:
    with node.store.reading() as read:
        return list(read.execute(sa.select(RECORDS)).all())


def test_what_a_crash_left_is_noted_and_no_fault(tmp_path: Path, place: str) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == "staged":
            raise Stop

    armed = False
    home = tmp_path / "h"
    with open_there(home, place, crash=stop) as node:
        node.sequencer.submit(large(node))
        armed = True
        with pytest.raises(Stop):
            node.sequencer.submit(large(node))
    checks = checks_of(home)
    assert all(check.passed for check in checks.values())
    assert "note: 1 stored bodies that no record names" in checks["records"].detail


def test_nothing_is_committed_when_the_place_refuses(
    tmp_path: Path, object_server: ObjectServer
) -> None:
    home = tmp_path / "h"
    with open_there(home, object_server.place("bodies")) as node:
        object_server.stop()
        act = large(node)
        with pytest.raises(StorageError, match="object store"):
            node.sequencer.submit(act)
        node.sequencer.submit(count_act(node))  # small ones need no object
        object_server.start_again()
        answer = node.sequencer.submit(act)
        assert not answer.repeated and answer.index == 2
    assert all(check.passed for check in checks_of(home).values())


def test_a_place_may_be_given_later_and_not_be_changed(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_there(home, None) as node:
        inside = large(node)
        node.sequencer.submit(inside)
    with open_there(home, "bodies") as node:
        node.sequencer.submit(large(node))
        assert whereabouts(node) == [(1, True, False), (2, False, True)]
        assert node.act_at(1) == inside
    with pytest.raises(Conflict, match="elsewhere"):
        open_there(home, "others")
    assert all(check.passed for check in checks_of(home).values())
