"""A small real institution for kernel tests: parties keep named counters in a table.

`count` adds an amount to a counter; a total over 1,000 is refused, an amount of 13 is referred.
`announce` is a public kind. Nothing here is mocked: real tables, real acts, real decisions.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import ActId, new_act_id, sign_act
from entrepot.kernel.audit import Check, audit
from entrepot.kernel.decisions import Decision, Effect, Granted, Reason, Referred, Refused
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import ActKind, Facts, Institution, Record, Request
from entrepot.kernel.log import CrashPoint, no_crash

NOW = 1_790_000_000
TABLES = sa.MetaData()
COUNTERS = sa.Table(
    "toy_counters",
    TABLES,
    sa.Column("issuer", sa.LargeBinary, primary_key=True),
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Column("acts", sa.BigInteger, nullable=False),
)


class Count(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    amount: int


def shape(body: dict[object, object]) -> Count:
    try:
        return msgspec.convert(body, Count)
    except msgspec.ValidationError as error:
        raise InvalidInput("body of a count act", value=error) from error


def facts(read: sa.Connection, request: Request[Count]) -> Facts:
    row = read.execute(
        sa.select(COUNTERS.c.total).where(
            COUNTERS.c.issuer == request.issuer, COUNTERS.c.name == request.body.name
        )
    ).one_or_none()
    return Facts({"total": row.total if row else 0, "name": request.body.name}, ("toy-law-1",))


def decide(request: Request[Count], found: Facts) -> Decision:
    total = found.values["total"]
    assert isinstance(total, int)
    if request.body.amount == 13:
        return Referred((Reason("toy.unlucky", "Toy Act art 2", "13 needs a human."),), "registrar")
    if total + request.body.amount > 1000:
        return Refused((Reason("toy.full", "Toy Act art 1", "A counter holds 1,000 at most."),))
    return Granted((Effect("add", {"name": request.body.name, "amount": request.body.amount}),))


def apply(write: sa.Connection, record: Record) -> None:
    for effect in record.effects:
        name, amount = effect.values["name"], effect.values["amount"]
        where = sa.and_(COUNTERS.c.issuer == record.issuer, COUNTERS.c.name == name)
        row = write.execute(sa.select(COUNTERS).where(where)).one_or_none()
        if row is None:
            values = {"issuer": record.issuer, "name": name, "total": amount, "acts": 1}
            write.execute(COUNTERS.insert().values(values))
        else:
            values = {"total": row.total + amount, "acts": row.acts + 1}
            write.execute(COUNTERS.update().where(where).values(values))


COUNT = ActKind("count", shape, facts, decide, apply)
ANNOUNCE = ActKind("announce", shape, facts, decide, public=True)
TOY = Institution("toy", (COUNT, ANNOUNCE), TABLES)


STORES: list[Callable[[Path], str]] = []
"""Where homes keep their stores; the fixture `store_url` puts PostgreSQL here for a test."""


def store_of(home: Path) -> str:
    """Return the URL of a home's store; empty for the file in the home."""
    return STORES[-1](home) if STORES else ""


def open_toy(home: Path, *, crash: CrashPoint = no_crash, now: int = NOW) -> Node:
    return open_node(
        home, institutions=(TOY,), store=store_of(home), clock=lambda: now, crash=crash
    )


def audit_toy(home: Path) -> list[Check]:
    return audit(home, (TOY,), store=store_of(home))


def count_act(
    node: Node,
    amount: int = 1,
    name: str = "a",
    *,
    kind: str = "count",
    act_id: ActId | None = None,
) -> bytes:
    body = {"name": name, "amount": amount}
    return sign_act(node.party, kind, body, issued_at=NOW, act_id=act_id or new_act_id())


def totals(node: Node) -> dict[str, tuple[int, int]]:
    with node.store.reading() as read:
        rows = read.execute(sa.select(COUNTERS)).all()
    return {row.name: (row.total, row.acts) for row in rows}
