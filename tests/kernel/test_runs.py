"""Acts of a kind that shares its questions: the same answers, log and state as one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Refused
from entrepot.kernel.errors import Conflict, Error, VerificationError
from entrepot.kernel.home import open_node
from entrepot.kernel.institution import ActKind, Facts, Institution, Record, Request
from entrepot.kernel.keys import key_from_seed
from entrepot.kernel.record import decode_entry
from entrepot.kernel.sequencer import Answer

NOW = 1_790_000_000
TABLES = sa.MetaData()
SHELVES = sa.Table("run_shelves", TABLES, sa.Column("name", sa.String, primary_key=True))
BOOKS = sa.Table(
    "run_books",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("shelf", sa.String, nullable=False),
)


class _Named(msgspec.Struct, frozen=True):
    shelf: str


def _shape(body: dict[object, object]) -> _Named:
    return msgspec.convert(body, _Named)


def _facts(read: sa.Connection, request: Request[_Named]) -> Facts:
    return _facts_of_run(read, [request])[0]


def _facts_of_run(read: sa.Connection, requests: Sequence[Request[_Named]]) -> list[Facts]:
    names = {request.body.shelf for request in requests}
    query = sa.select(SHELVES.c.name).where(SHELVES.c.name.in_(names))
    found = set(read.execute(query).scalars())
    return [Facts({"known": request.body.shelf in found}) for request in requests]


def _decide(request: Request[_Named], facts: Facts) -> Decision:
    if request.kind == "place-book" and not facts.values["known"]:
        return Refused((Reason("no-shelf", "House rule 1", "There is no such shelf."),))
    return Granted((Effect(request.kind, {"shelf": request.body.shelf}),))


def _apply(write: sa.Connection, record: Record) -> None:
    for effect in record.effects:
        name = str(effect.values["shelf"])
        write.execute(SHELVES.delete().where(SHELVES.c.name == name))
        write.execute(SHELVES.insert().values(name=name))


def _apply_run(write: sa.Connection, records: Sequence[Record]) -> None:
    rows = [
        {"index": record.index, "shelf": effect.values["shelf"]}
        for record in records
        for effect in record.effects
    ]
    if rows:
        write.execute(BOOKS.insert(), rows)


def _place_one(write: sa.Connection, record: Record) -> None:
    _apply_run(write, [record])


_SHELF = ActKind("make-shelf", _shape, _facts, _decide, _apply, public=True)
_BOOK = ActKind("place-book", _shape, _facts, _decide, _place_one, public=True)
ONE_BY_ONE = Institution("library", (_SHELF, _BOOK), TABLES)
IN_RUNS = Institution(
    "library", (_SHELF, replace(_BOOK, facts_of_run=_facts_of_run, apply_run=_apply_run)), TABLES
)

ASKED = st.lists(
    st.tuples(
        st.sampled_from(["make-shelf", "place-book", "place-book", "place-book", "bad"]),
        st.sampled_from("abc"),
        st.integers(0, 12),
    ),
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(ASKED)
def test_runs_give_what_acts_one_by_one_give(
    tmp_path_factory: object, asked: list[tuple[str, str, int]]
) -> None:
    found = [_carry_out(_fresh(tmp_path_factory), one, asked) for one in (ONE_BY_ONE, IN_RUNS)]
    assert found[0] == found[1]


def _fresh(factory: object) -> Path:
    made = factory.mktemp("home")  # type: ignore[attr-defined]
    assert isinstance(made, Path)
    return made


def _carry_out(home: Path, library: Institution, asked: list[tuple[str, str, int]]) -> object:
    with open_node(home, institutions=(library,), clock=lambda: NOW) as node:
        key = key_from_seed(b"k" * 32)
        node.keys[key.kid] = key.public
        acts = []
        for kind, shelf, number in asked:
            body = {"shelf": shelf} if kind != "bad" else {"shelf": 7}
            name = "place-book" if kind == "bad" else kind
            act_id = ActId(bytes([number]) * 16)
            acts.append(sign_act(key, name, body, issued_at=NOW, act_id=act_id))
        answers = [_seen(item) for item in node.sequencer.submit_batch(acts)]
        size = node.log.size
        entries = [decode_entry(node.log.tree().entry(index)) for index in range(1, size)]
        with node.store.reading() as read:
            books = read.execute(sa.select(BOOKS).order_by(BOOKS.c.index)).all()
            shelves = read.execute(sa.select(SHELVES).order_by(SHELVES.c.name)).all()
    return answers, entries, [tuple(row) for row in books], [tuple(row) for row in shelves]


def _seen(item: Answer | Error) -> object:
    if isinstance(item, Answer):
        return item.index, item.decision, item.repeated
    return type(item), item.what


def test_an_act_id_twice_in_a_run_is_one_act_or_a_conflict(tmp_path: Path) -> None:
    with open_node(tmp_path, institutions=(IN_RUNS,), clock=lambda: NOW) as node:
        node.sequencer.submit(
            sign_act(node.party, "make-shelf", {"shelf": "a"}, issued_at=NOW, act_id=_id(0))
        )
        same = sign_act(node.party, "place-book", {"shelf": "a"}, issued_at=NOW, act_id=_id(1))
        other = sign_act(node.party, "place-book", {"shelf": "b"}, issued_at=NOW, act_id=_id(1))
        stranger = sign_act(
            key_from_seed(b"s" * 32), "place-book", {"shelf": "a"}, issued_at=NOW, act_id=_id(2)
        )
        first, again, conflict, unknown = node.sequencer.submit_batch([same, same, other, stranger])
        assert isinstance(first, Answer) and isinstance(again, Answer)
        assert (first.index, again.index) == (2, 2)
        assert isinstance(conflict, Conflict)
        assert isinstance(unknown, VerificationError)
        assert node.log.size == 3


def _id(number: int) -> ActId:
    return ActId(bytes([number]) * 16)
