"""State tables are not migrated, they are rebuilt: dropped, made new, filled from the records.

The store remembers the shape of each institution's tables. Where a program brings another shape,
its writer folds all records of that institution's kinds again, in one transaction: a crash leaves
the old state whole. Every ruling is checked against its entry in the log on the way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import groupby, islice
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.decisions import effects_of
from entrepot.kernel.errors import VerificationError
from entrepot.kernel.institution import Institution, Record, kinds_by_name
from entrepot.kernel.record import Entry, Sealed, decode_entry, decode_ruling, open_sealed
from entrepot.kernel.store import RECORDS, Store, read_meta, write_meta
from entrepot.kernel.tiles import WIDTH, TileTree

_SHAPE: Final = "shape:"
"""Key of the store's settings, before the name of an institution: hash, then names of tables."""

RUN_MAX: Final = 1_000
"""Records of one kind given to an institution at once."""

_RULINGS: Final = sa.select(RECORDS.c.index, RECORDS.c.ruling, RECORDS.c.ruling_salt).where(
    RECORDS.c.index >= sa.bindparam("first"), RECORDS.c.index < sa.bindparam("end")
)


def bring_state_up(
    store: Store, tree: TileTree, institutions: tuple[Institution, ...]
) -> tuple[str, ...]:
    """Make tables as the institutions have them; return the names of those that were rebuilt.

    `tree` must hold every sequenced entry. Raises StorageError, VerificationError (a record that
    does not open its entry: nothing is changed then).
    """
    with store.reading() as read:
        changed = tuple(item for item in institutions if not is_current(read, item))
    if not changed:
        return ()
    with store.writing() as write:
        rebuild_state(write, tree, changed)
    return tuple(item.name for item in changed)


def is_current(read: sa.Connection, institution: Institution) -> bool:
    """Say whether the store has the tables of an institution in the shape this program has."""
    return read_meta(read, _SHAPE + institution.name) == shape_of(institution.tables)


def rebuild_state(
    write: sa.Connection, tree: TileTree, institutions: tuple[Institution, ...]
) -> int:
    """Drop the tables of institutions, make them new and fold their records; return how many.

    Inside the caller's transaction. Raises VerificationError.
    """
    for institution in institutions:
        _drop(write, institution)
        institution.tables.create_all(write)
        write_meta(write, _SHAPE + institution.name, shape_of(institution.tables))
    folded = 0
    if write.execute(sa.select(RECORDS.c.index).limit(1)).first() is None:
        return folded
    kinds = kinds_by_name(institutions)
    mine = (record for record in records_of(write, tree) if record.kind in kinds)
    for name, run in groupby(mine, key=lambda record: record.kind):
        kind = kinds[name]
        while records := list(islice(run, RUN_MAX)):
            folded += len(records)
            if kind.apply_run is not None:
                kind.apply_run(write, records)
            else:
                for record in records:
                    kind.apply(write, record)
    return folded


def records_of(read: sa.Connection, tree: TileTree, first: int = 0) -> Iterator[Record]:
    """Yield the record of every act from index `first` on, its ruling checked against the log.

    Reads a bundle of 256 entries at a time. Raises VerificationError.
    """
    for number in range(first // WIDTH, -(-tree.size // WIDTH)):
        entries = enumerate(tree.bundle_entries(number), number * WIDTH)
        bounds = {"first": number * WIDTH, "end": number * WIDTH + WIDTH}
        rulings = {row[0]: Sealed(row[1], row[2]) for row in read.execute(_RULINGS, bounds)}
        for index, published in entries:
            entry = decode_entry(published)
            if index < first or not isinstance(entry, Entry):
                continue
            if index not in rulings:
                raise VerificationError("entry has no record in the store", value=index)
            content = open_sealed(entry.ruling, rulings[index], name=f"ruling {index}")
            yield _record(index, entry, content)


def _record(index: int, entry: Entry, content: bytes) -> Record:
    ruling = decode_ruling(content)
    return Record(
        index,
        entry.kind,
        entry.act_id,
        ruling.issuer,
        entry.decided_at,
        entry.outcome,
        effects_of(ruling.decision),
    )


def shape_of(state: sa.MetaData) -> str:
    """Return hash and names of tables as one text; equal texts mean equal columns and indexes."""
    tables = state.sorted_tables
    described = [
        [
            table.name,
            [[c.name, repr(c.type), c.nullable, c.primary_key] for c in table.columns],
            sorted(
                [type(item).__name__, *(c.name for c in item.columns)]
                for item in table.constraints
                if isinstance(item, sa.UniqueConstraint | sa.ForeignKeyConstraint)
            ),
            sorted([str(item.name), *(c.name for c in item.columns)] for item in table.indexes),
        ]
        for table in tables
    ]
    digest = hashlib.sha256(json.dumps(described).encode()).hexdigest()
    return " ".join([digest, *(table.name for table in tables)])


def _drop(write: sa.Connection, institution: Institution) -> None:
    """Drop the tables of an institution, those of an earlier shape too."""
    former = (read_meta(write, _SHAPE + institution.name) or "").split()[1:]
    names = {*former, *institution.tables.tables}
    existing = names & set(sa.inspect(write).get_table_names())
    if existing:
        found = sa.MetaData()
        found.reflect(write, only=sorted(existing))
        found.drop_all(write, tables=[found.tables[name] for name in sorted(existing)])
