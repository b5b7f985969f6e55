"""What may be known about rights: who holds what, out of what, for how long, and what is disputed.

Also the two questions that decisions rest on: which rights meet an extent in the same data, and
which notices are over. All of it is public.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.errors import NotFound
from entrepot.kernel.institution import DueAct
from entrepot.registry.productacts import Period
from entrepot.registry.productstate import PRODUCTS
from entrepot.registry.rightacts import CLOSE, HOLD, Extent
from entrepot.registry.rightextent import extents_meet
from entrepot.registry.rightstate import (
    COURSE,
    EVIDENCE,
    GRANTS,
    LIVE,
    NOTICE,
    OBJECTIONS,
    OPEN,
    REGISTERED,
)

CHAIN_MAX: Final = 32
"""Longest chain of sources; a right out of more hands is refused."""
DERIVED_MAX: Final = 200
"""Most live rights that one holder files out of one first right: they must fall in one act."""
_AT_ONCE: Final = 1_000
"""Numbers in one question to the database."""
LISTED_MAX: Final = 500


class Grant(msgspec.Struct, frozen=True):
    """A right as it stands. Times are POSIX seconds; `closes_at` 0 for a licence (no notice)."""

    id: int
    product: int
    right: str
    holder: str
    type: str
    status: str
    extent: Extent
    exclusive: bool
    transferable: bool
    sublicence: bool
    source: int | None
    filed_at: int
    noticed_at: int
    closes_at: int
    registered_index: int | None
    registered_at: int | None
    ended_index: int | None
    ended_at: int | None

    @property
    def is_live(self) -> bool:
        """Whether it stands in the way of others: in notice, contested or registered."""
        return self.status in LIVE

    def is_over(self, now: int) -> bool:
        """Say whether its term ended before the day of `now` (UTC)."""
        day = datetime.fromtimestamp(now, tz=UTC).date().isoformat()
        return bool(self.extent.term.until) and self.extent.term.until < day


class Objection(msgspec.Struct, frozen=True):
    """An objection, with what was decided about it and why."""

    id: int
    right: int
    party: str
    code: str
    sentence: str
    evidence: tuple[str, ...]
    filed_at: int
    decide_by: int
    status: str
    decided_index: int | None
    decided_at: int | None
    reasons: tuple[tuple[str, str, str], ...]


class Step(msgspec.Struct, frozen=True):
    """One thing that happened to a right; `index` is that of the act in the log."""

    index: int
    what: str
    at: int
    said: str


def _grant(row: sa.Row[tuple[object, ...]]) -> Grant:
    extent = Extent(
        tuple(row.scope.split()),
        tuple(row.territory.split()),
        Period(row.from_day, row.until_day),
    )
    return Grant(
        row.id,
        row.product,
        row.right,
        row.holder,
        row.type,
        row.status,
        extent,
        row.exclusive,
        row.transferable,
        row.sublicence,
        row.source,
        row.filed_at,
        row.noticed_at,
        row.closes_at,
        row.registered_index,
        row.registered_at,
        row.ended_index,
        row.ended_at,
    )


def find_right(read: sa.Connection, right: int) -> Grant | None:
    """Return a right by its id, ended or not, or None."""
    row = read.execute(sa.select(GRANTS).where(GRANTS.c.id == right)).one_or_none()
    return None if row is None else _grant(row)


def get_right(read: sa.Connection, right: int) -> Grant:
    """Return a right by its id; NotFound when there is none."""
    found = find_right(read, right)
    if found is None:
        raise NotFound("there is no right of this number", value=right)
    return found


def rights_in(read: sa.Connection, product: int) -> list[Grant]:
    """Return all rights ever made in a product, by id."""
    rows = read.execute(
        sa.select(GRANTS).where(GRANTS.c.product == product).order_by(GRANTS.c.id).limit(LISTED_MAX)
    ).all()
    return [_grant(row) for row in rows]


def rights_of(read: sa.Connection, holder: str) -> list[Grant]:
    """Return the rights that a party holds or held, newest first, at most 500."""
    rows = read.execute(
        sa.select(GRANTS)
        .where(GRANTS.c.holder == holder)
        .order_by(GRANTS.c.id.desc())
        .limit(LISTED_MAX)
    ).all()
    return [_grant(row) for row in rows]


def rights_page(
    read: sa.Connection, *, status: str = "", after: int = 0, limit: int = 100
) -> list[Grant]:
    """Return rights by id, in one state or in any, beginning after the id `after`.

    With the state `notice` or `contested` this is the public notice. At most 500 at a time.
    """
    question = sa.select(GRANTS).where(GRANTS.c.id > after)
    if status:
        question = question.where(GRANTS.c.status == status)
    rows = read.execute(question.order_by(GRANTS.c.id).limit(min(limit, LISTED_MAX))).all()
    return [_grant(row) for row in rows]


def evidence_of(read: sa.Connection, right: int) -> list[str]:
    """Return the hashes of the documents that a right rests on."""
    rows = read.execute(
        sa.select(EVIDENCE.c.sha256).where(EVIDENCE.c.right == right).order_by(EVIDENCE.c.sha256)
    ).scalars()
    return list(rows)


def course_of(read: sa.Connection, right: int) -> list[Step]:
    """Return everything that happened to a right, in the order of the log."""
    rows = read.execute(
        sa.select(COURSE).where(COURSE.c.right == right).order_by(COURSE.c.index)
    ).all()
    return [Step(row._mapping["index"], row.what, row.at, row.said) for row in rows]


def chain_of(read: sa.Connection, right: Grant) -> list[Grant]:
    """Return the rights that one rests on, nearest first; the last one is a first right.

    No granted right has more than 32.
    """
    found: list[Grant] = []
    source = right.source
    while source is not None:
        nearest = get_right(read, source)
        found.append(nearest)
        source = nearest.source
    return found


def live_derived(read: sa.Connection, right: int) -> list[Grant]:
    """Return the live rights that rest on one, directly and through others, by id."""
    found: dict[int, Grant] = {}
    front = [right]
    while front:
        asked, front = front[:_AT_ONCE], front[_AT_ONCE:]
        rows = read.execute(
            sa.select(GRANTS).where(GRANTS.c.source.in_(asked), GRANTS.c.status.in_(LIVE))
        ).all()
        new = [_grant(row) for row in rows if row.id not in found]
        found.update({grant.id: grant for grant in new})
        front += [grant.id for grant in new]
    return [found[one] for one in sorted(found)]


def same_data(read: sa.Connection, product: int) -> list[int]:
    """Return the product and every other one whose description names the same hashes, by id."""
    return sorted(read.execute(_same_data(read, product)).scalars())


def _same_data(read: sa.Connection, product: int) -> sa.CompoundSelect[Any]:
    """Return the question for products of the same data; they may be many, so it stays one."""
    row = read.execute(
        sa.select(PRODUCTS.c.inspection, PRODUCTS.c.sample, PRODUCTS.c.source).where(
            PRODUCTS.c.id == product
        )
    ).one_or_none()
    hashes = () if row is None else tuple(one for one in row if one)
    itself = sa.select(PRODUCTS.c.id).where(PRODUCTS.c.id == product)
    return sa.union(itself, *_naming(hashes))


def _naming(hashes: Sequence[str]) -> list[sa.Select[tuple[int]]]:
    """Return the questions for products whose inspection, sample or source is one of `hashes`."""
    if not hashes:
        return []
    columns = (PRODUCTS.c.inspection, PRODUCTS.c.sample, PRODUCTS.c.source)
    return [sa.select(PRODUCTS.c.id).where(column.in_(hashes)) for column in columns]


def meeting_rights(
    read: sa.Connection, product: int, right: str, extent: Extent, *, now: int
) -> list[Grant]:
    """Return the live rights of one sort in the same data that meet an extent, by id.

    The same data is the product itself, or another whose inspection, sample or source has the same
    hash. A right whose term is over stands in nobody's way.
    """
    rows = read.execute(
        sa.select(GRANTS)
        .where(
            GRANTS.c.product.in_(_same_data(read, product)),
            GRANTS.c.right == right,
            GRANTS.c.status.in_(LIVE),
        )
        .order_by(GRANTS.c.id)
    ).all()
    grants = [_grant(row) for row in rows]
    return [one for one in grants if not one.is_over(now) and extents_meet(one.extent, extent)]


def colliding_holdings(read: sa.Connection, product: int, hashes: Sequence[str]) -> list[int]:
    """Return live rights by others that a product's rights would meet if it named `hashes`.

    Either of two that meet being exclusive is enough; two of one holder never collide.
    """
    is_live = GRANTS.c.status.in_(LIVE)
    held = read.execute(sa.select(GRANTS).where(GRANTS.c.product == product, is_live)).all()
    mine = [_grant(row) for row in held]
    if not mine or not hashes:
        return []
    others = sa.and_(GRANTS.c.product.in_(sa.union(*_naming(hashes))), GRANTS.c.product != product)
    rows = read.execute(sa.select(GRANTS).where(others, is_live)).all()
    found = {
        theirs.id
        for theirs in map(_grant, rows)
        for own in mine
        if own.right == theirs.right
        and own.holder != theirs.holder
        and (own.exclusive or theirs.exclusive)
        and extents_meet(own.extent, theirs.extent)
    }
    return sorted(found)


def holdings_in(read: sa.Connection, product: int, *, now: int) -> list[Grant]:
    """Return the live holdings of the same data."""
    rows = read.execute(
        sa.select(GRANTS)
        .where(
            GRANTS.c.product.in_(_same_data(read, product)),
            GRANTS.c.right == HOLD,
            GRANTS.c.status.in_(LIVE),
        )
        .order_by(GRANTS.c.id)
    ).all()
    return [one for one in map(_grant, rows) if not one.is_over(now)]


def _objection(row: sa.Row[tuple[object, ...]]) -> Objection:
    return Objection(
        row.id,
        row.right,
        row.party,
        row.code,
        row.sentence,
        tuple(row.evidence.split()),
        row.filed_at,
        row.decide_by,
        row.status,
        row.decided_index,
        row.decided_at,
        tuple((code, citation, text) for code, citation, text in json.loads(row.reasons)),
    )


def find_objection(read: sa.Connection, objection: int) -> Objection | None:
    """Return an objection by its id, or None."""
    row = read.execute(sa.select(OBJECTIONS).where(OBJECTIONS.c.id == objection)).one_or_none()
    return None if row is None else _objection(row)


def objections_to(read: sa.Connection, right: int) -> list[Objection]:
    """Return all objections to a right, by id."""
    rows = read.execute(
        sa.select(OBJECTIONS).where(OBJECTIONS.c.right == right).order_by(OBJECTIONS.c.id)
    ).all()
    return [_objection(row) for row in rows]


def open_objections(read: sa.Connection) -> list[Objection]:
    """Return the objections that wait for a decision, by deadline: the operator's desk."""
    rows = read.execute(
        sa.select(OBJECTIONS)
        .where(OBJECTIONS.c.status == OPEN)
        .order_by(OBJECTIONS.c.decide_by, OBJECTIONS.c.id)
        .limit(LISTED_MAX)
    ).all()
    return [_objection(row) for row in rows]


def in_notice(read: sa.Connection) -> list[Grant]:
    """Return the rights whose notice runs or is over and not closed, by its end."""
    rows = read.execute(
        sa.select(GRANTS)
        .where(GRANTS.c.status == NOTICE)
        .order_by(GRANTS.c.closes_at, GRANTS.c.id)
        .limit(LISTED_MAX)
    ).all()
    return [_grant(row) for row in rows]


def due_rights(read: sa.Connection, now: int) -> list[DueAct]:
    """Return the notices that may be closed at `now` (POSIX s): over, undisputed, source sound.

    A right that rests on another waits until that one is registered. The key names the newest act
    about the right: an objection that comes between the list and the closing has it refused, and
    the next closing, after the ruling, must be another act.
    """
    source = GRANTS.alias("source")
    newest = (
        sa.select(sa.func.max(COURSE.c.index)).where(COURSE.c.right == GRANTS.c.id)
    ).scalar_subquery()
    rows = read.execute(
        sa.select(GRANTS.c.id, GRANTS.c.closes_at, newest.label("newest"))
        .select_from(GRANTS.outerjoin(source, GRANTS.c.source == source.c.id))
        .where(
            GRANTS.c.status == NOTICE,
            GRANTS.c.closes_at <= now,
            sa.or_(GRANTS.c.source.is_(None), source.c.status == REGISTERED),
        )
        .order_by(GRANTS.c.closes_at, GRANTS.c.id)
        .limit(LISTED_MAX)
    ).all()
    return [
        DueAct(CLOSE, {"right": row.id}, f"{row.id}.{row.newest}", row.closes_at) for row in rows
    ]
