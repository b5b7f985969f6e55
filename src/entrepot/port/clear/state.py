"""What is so: cleared shipments and the persons each one counts. The only writer of its tables.

State is the fold of the effects of granted `clear-shipment` acts, so it holds counts,
jurisdictions, days and hashes, and no person, file name or purpose.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.decisions import Effect, Outcome
from entrepot.kernel.institution import Record
from entrepot.port.clear.certificate import Counts

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

PIECES: Final = sa.Table(
    "port_pieces",
    TABLES,
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fact", sa.String(80), primary_key=True),
    sa.Column("year", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(16), nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("namespace", sa.String(16), nullable=False),
    sa.Column("extra", sa.BigInteger, nullable=False),
    sa.Column("cap", sa.BigInteger),
)
"""Which pieces a clearance added to the counters: their hashes, under which year's key."""

EXEMPT: Final = sa.Table(
    "port_exempt",
    TABLES,
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("fact", sa.String(80), primary_key=True),
    sa.Column("persons", sa.BigInteger, nullable=False),
)
"""Persons of one clearance per counting fact from whose count an exemption takes them."""

RECIPIENT_IDS: Final = sa.Table(
    "port_recipient_ids",
    TABLES,
    sa.Column("index", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("identifier", sa.String(64), nullable=False),
)
"""Hash of the identifier that a clearance declared for its recipient."""

CLEARED: Final = "shipment-cleared"


def cleared_effect(
    *,
    recipient: tuple[str, str],
    flow: tuple[str, str],
    days: tuple[str, str],
    certificate: bytes,
    source: str,
    counts: Counts,
) -> Effect:
    """Return the effect of a granted clearance.

    `recipient` are the hashes of its name and of its identifier ("" for none); `days` those of
    clearing and of expiry.
    """
    return Effect(
        CLEARED,
        {
            "recipient": recipient[0],
            "recipient_id": recipient[1],
            "from": flow[0],
            "to": flow[1],
            "on": days[0],
            "until": days[1],
            "certificate": certificate,
            "source": source,
            "counts": dict(sorted(counts.counted.items())),
            "exempt": dict(sorted(counts.exempt.items())),
            "pieces": [
                [p.fact, p.year, p.key, p.sha256, p.namespace, p.extra, p.cap]
                for p in counts.pieces
            ],
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
        _apply_counts(write, record.index, values)


def _apply_counts(write: sa.Connection, index: int, values: Mapping[str, object]) -> None:
    for name, table in (("counts", COUNTS), ("exempt", EXEMPT)):
        counts = values.get(name)
        rows = [
            {"index": index, "fact": fact, "persons": persons}
            for fact, persons in (counts.items() if isinstance(counts, dict) else ())
        ]
        if rows:
            write.execute(table.insert(), rows)
    columns = [column.name for column in PIECES.columns]
    listed = values.get("pieces")
    pieces = [
        dict(zip(columns, [index, *piece], strict=True))
        for piece in (listed if isinstance(listed, list | tuple) else ())
    ]
    if pieces:
        write.execute(PIECES.insert(), pieces)
    if values.get("recipient_id"):
        row = {"index": index, "identifier": values["recipient_id"]}
        write.execute(RECIPIENT_IDS.insert().values(row))
