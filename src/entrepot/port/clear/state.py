"""What is so: cleared shipments and the persons each one counts. The only writer of its tables.

State is the fold of the effects of granted `clear-shipment` acts, so it holds counts,
jurisdictions, days and hashes, and no person, file name or purpose.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from entrepot.kernel.decisions import Effect, Outcome
from entrepot.kernel.institution import Record

TABLES: Final = sa.MetaData()

CLEARANCES: Final = sa.Table(
    "port_clearances",
    TABLES,
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("exporter", sa.LargeBinary(32), nullable=False),
    sa.Column("recipient", sa.String(64), nullable=False),
    sa.Column("origin", sa.String(8), nullable=False),
    sa.Column("destination", sa.String(8), nullable=False),
    sa.Column("cleared_on", sa.String(10), nullable=False),
    sa.Column("valid_until", sa.String(10), nullable=False),
    sa.Column("certificate", sa.LargeBinary(32), nullable=False),
)
"""One row per granted clearance; `recipient` is a hash, days are ISO 8601."""

COUNTS: Final = sa.Table(
    "port_counts",
    TABLES,
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fact", sa.String(80), primary_key=True),
    sa.Column("persons", sa.BigInteger, nullable=False),
)
"""Persons of one clearance per counting fact."""

SOURCES: Final = sa.Table(
    "port_sources",
    TABLES,
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.String(64), nullable=False),
)
"""SHA-256 of the table a clearance was made from: the same table holds the same persons."""

CLEARED: Final = "shipment-cleared"


def cleared_effect(
    *,
    recipient: str,
    flow: tuple[str, str],
    days: tuple[str, str],
    certificate: bytes,
    source: str,
    counts: dict[str, int],
) -> Effect:
    """Return the effect of a granted clearance; `days` are those of clearing and of expiry."""
    return Effect(
        CLEARED,
        {
            "recipient": recipient,
            "from": flow[0],
            "to": flow[1],
            "on": days[0],
            "until": days[1],
            "certificate": certificate,
            "source": source,
            "counts": dict(sorted(counts.items())),
        },
    )


def apply(write: sa.Connection, record: Record) -> None:
    """Fold one record into the tables; only granted clearances change anything."""
    if record.outcome is not Outcome.GRANTED:
        return
    for effect in record.effects:
        if effect.name != CLEARED:
            continue
        values = effect.values
        write.execute(
            CLEARANCES.insert().values(
                index=record.index,
                exporter=record.issuer,
                recipient=values["recipient"],
                origin=values["from"],
                destination=values["to"],
                cleared_on=values["on"],
                valid_until=values["until"],
                certificate=values["certificate"],
            )
        )
        write.execute(SOURCES.insert().values(index=record.index, source=values["source"]))
        counts = values["counts"]
        rows = [
            {"index": record.index, "fact": fact, "persons": persons}
            for fact, persons in (counts.items() if isinstance(counts, dict) else ())
        ]
        if rows:
            write.execute(COUNTS.insert(), rows)
