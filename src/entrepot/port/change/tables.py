"""What is so: the law on record, and what people decided of clearances after a change of law.

Tables of the port (`entrepot.port.clear.state.TABLES`); this module is their only writer.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from entrepot.kernel.decisions import Effect, Outcome
from entrepot.kernel.institution import Record
from entrepot.port.clear.state import TABLES

LAW: Final = sa.Table(
    "port_law",
    TABLES,
    sa.Column("rulebook", sa.String(80), primary_key=True),
    sa.Column("sha256", sa.LargeBinary(32), nullable=False),
    sa.Column("since", sa.BigInteger, nullable=False, comment="index of the act that recorded it"),
)
"""The law in force in this log: one row per rulebook, as last recorded."""

STANDING: Final = sa.Table(
    "port_standing",
    TABLES,
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("standing", sa.String(16), nullable=False),
    sa.Column("decided_on", sa.String(10), nullable=False),
    sa.Column("act", sa.BigInteger, nullable=False, comment="index of the deciding act"),
)
"""What a named person decided last of the clearance at `index`."""

LAW_UPDATED: Final = "law-updated"
STANDING_DECIDED: Final = "standing-decided"


def law_updated(changes: dict[str, bytes]) -> Effect:
    """Return the effect of recording rulebooks; an empty hash means that one is gone."""
    return Effect(LAW_UPDATED, {"changes": dict(sorted(changes.items()))})


def standing_decided(index: int, standing: str, day: str) -> Effect:
    """Return the effect of a person's decision; who decided and why stays in the evidence."""
    return Effect(STANDING_DECIDED, {"index": index, "standing": standing, "on": day})


def apply_law(write: sa.Connection, record: Record) -> None:
    """Fold an `update-law` record into the law in force."""
    for effect in _granted(record, LAW_UPDATED):
        changes = effect.values["changes"]
        for name, digest in changes.items() if isinstance(changes, dict) else ():
            write.execute(LAW.delete().where(LAW.c.rulebook == name))
            if digest:
                row = {"rulebook": name, "sha256": digest, "since": record.index}
                write.execute(LAW.insert().values(row))


def apply_standing(write: sa.Connection, record: Record) -> None:
    """Fold a `decide-clearance` record into the standing of clearances."""
    for effect in _granted(record, STANDING_DECIDED):
        values = effect.values
        write.execute(STANDING.delete().where(STANDING.c.index == values["index"]))
        write.execute(
            STANDING.insert().values(
                index=values["index"],
                standing=values["standing"],
                decided_on=values["on"],
                act=record.index,
            )
        )


def _granted(record: Record, name: str) -> list[Effect]:
    if record.outcome is not Outcome.GRANTED:
        return []
    return [effect for effect in record.effects if effect.name == name]


def law_on_record(read: sa.Connection) -> dict[str, bytes]:
    """Return rulebook id → SHA-256 of the law in force in this log."""
    return {str(name): bytes(digest) for name, digest in read.execute(_LAW_ROWS)}


_LAW_ROWS: Final = sa.select(LAW.c.rulebook, LAW.c.sha256)


def standings(read: sa.Connection) -> dict[int, str]:
    """Return index of a clearance → what a person decided of it."""
    rows = read.execute(sa.select(STANDING.c.index, STANDING.c.standing))
    return {int(index): str(standing) for index, standing in rows}
