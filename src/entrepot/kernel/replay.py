"""Replay: rebuild every institution's state from the log and its rulings, and compare.

State is the fold of the records: whoever has the log's entries and the rulings that open them can
make every table again. Rows are compared in the order of their primary keys, and each table has a
digest, SHA-256 over the deterministic encoding of its rows, that is the same on every database.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.audit_log import RootStack
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, verify_checkpoint
from entrepot.kernel.decisions import effects_of
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import Conflict, InvalidInput, VerificationError
from entrepot.kernel.institution import ActKind, Institution, Record, kinds_by_name
from entrepot.kernel.record import Entry, Ruling, Sealed, decode_entry, decode_ruling, open_sealed
from entrepot.kernel.snapshot import Portion, Snapshot
from entrepot.kernel.store import KERNEL_TABLES, LOCAL_PREFIX, RECORDS, TREE, Store

ROWS_AT_ONCE: Final = 2_000
"""Rows of a table fetched together."""
ENTRIES_AT_ONCE: Final = 4_096
"""Entries whose records are applied in one transaction of the rebuilt store."""

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, how many there are."""

_OPENING: Final = (RECORDS.c.index, RECORDS.c.ruling, RECORDS.c.ruling_salt)


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""


class TableState(msgspec.Struct, frozen=True):
    """One table as stored and as rebuilt: rows and digest (SHA-256, hex) of each."""

    table: str
    rows: int
    sha256: str
    rebuilt_rows: int
    rebuilt_sha256: str

    @property
    def is_equal(self) -> bool:
        """Say whether the stored table is what the records give."""
        return (self.rows, self.sha256) == (self.rebuilt_rows, self.rebuilt_sha256)


def records_of(portions: Iterable[Portion]) -> Iterator[tuple[int, list[Record]]]:
    """Yield (entries read so far, records among them) from the log's entries and their rulings.

    Each ruling must open the commitment of its entry. Raises VerificationError.
    """
    for portion in portions:
        found = []
        for index, content in enumerate(portion.entries, portion.first):
            entry = decode_entry(content)
            if isinstance(entry, Entry):
                row = portion.rows.get(index)
                if row is None:
                    raise VerificationError("entry has no record in the store", value=index)
                sealed = Sealed(row.ruling, row.ruling_salt)
                opened = open_sealed(entry.ruling, sealed, name=f"ruling {index}")
                found.append(record_of(index, entry, decode_ruling(opened)))
        yield portion.first + len(portion.entries), found


def record_of(index: int, entry: Entry, ruling: Ruling) -> Record:
    """Return what `apply` sees of an entry."""
    return Record(
        index,
        entry.kind,
        entry.act_id,
        ruling.issuer,
        entry.decided_at,
        entry.outcome,
        effects_of(ruling.decision),
    )


def rebuild(
    snapshot: Snapshot,
    size: int,
    institutions: tuple[Institution, ...],
    target: Store,
    on_progress: OnProgress = no_progress,
) -> int:
    """Apply all records of a snapshot to the empty tables of `target`; return how many.

    `size` is that of the published tree; pending entries follow. Raises VerificationError for a
    ruling that does not open its entry or a kind that no institution has.
    """
    kinds = kinds_by_name(institutions)
    for institution in institutions:
        target.create_tables(institution.tables)
    total = size + len(snapshot.pending)
    records = records_of(snapshot.portions(size, _OPENING))
    applied = done = 0
    while done < total:
        until = min(done + ENTRIES_AT_ONCE, total)
        found: list[Record] = []
        while done < until:
            done, more = next(records)
            found += more
        with target.writing() as write:
            _fold(write, kinds, found)
        applied += len(found)
        on_progress("state", done, total)
    return applied


def _fold(
    write: sa.Connection, kinds: Mapping[str, ActKind[Any]], records: Sequence[Record]
) -> None:
    """Apply records in order, neighbours of one kind together where the kind allows it."""
    for name, run in groupby(records, key=lambda record: record.kind):
        kind = kinds.get(name)
        if kind is None:
            raise VerificationError("kind of act is not installed", value=name)
        if kind.apply_run is not None:
            kind.apply_run(write, list(run))
        else:
            for record in run:
                kind.apply(write, record)


def compare(
    institutions: tuple[Institution, ...], stored: sa.Connection, rebuilt: sa.Connection
) -> list[TableState]:
    """Return every state table as stored and as rebuilt.

    Raises VerificationError for a table in the store that belongs to no institution; `local_*`
    tables are nobody's record. A table that was never made has no rows.
    """
    tables = state_tables(institutions)
    existing = set(sa.inspect(stored).get_table_names())
    known = {table.name for table in tables} | set(KERNEL_TABLES.tables)
    strange = {name for name in existing - known if not name.startswith(LOCAL_PREFIX)}
    if strange:
        raise VerificationError("table of no installed institution", value=min(strange))
    states = []
    for table in tables:
        left = digest_of(stored, table) if table.name in existing else digest_of(None, table)
        states.append(TableState(str(table.name), *left, *digest_of(rebuilt, table)))
    return states


def state_tables(institutions: tuple[Institution, ...]) -> list[sa.Table]:
    """Return the tables of all institutions, those that others refer to first.

    `local_*` tables are nobody's record and not among them.
    """
    tables = [table for item in institutions for table in item.tables.sorted_tables]
    return [table for table in tables if not table.name.startswith(LOCAL_PREFIX)]


def digest_of(read: sa.Connection | None, table: sa.Table) -> tuple[int, str]:
    """Return the number of rows and the digest over them, hex; of no rows without a connection."""
    digest, count = sha256(), 0
    if read is not None:
        for row in ordered_rows(read, table):
            digest.update(encoded_row(table, row))
            count += 1
    return count, digest.hexdigest()


def encoded_row(table: sa.Table, row: Iterable[object]) -> bytes:
    """Return the deterministic encoding of a row; InvalidInput for a value that is not plain."""
    try:
        return encode(list(row))
    except InvalidInput as error:
        raise InvalidInput(
            f"a row of {table.name} is not of plain values: {error.what}",
            value=error.value,
            remedy="columns hold text, whole numbers, bytes, booleans and null",
        ) from error


def ordered_rows(read: sa.Connection, table: sa.Table) -> Iterator[tuple[object, ...]]:
    """Yield the rows of a table by its primary key, text by its bytes, on every database."""
    keys: list[sa.ColumnElement[Any]] = []
    for column in table.primary_key.columns:
        is_text = isinstance(column.type, sa.String)
        by_bytes = is_text and read.dialect.name == "postgresql"
        keys.append(sa.collate(column, "C") if by_bytes else column)
    query = sa.select(table).order_by(*keys)
    for row in read.execute(query, execution_options={"yield_per": ROWS_AT_ONCE}):
        yield tuple(row)


class ReplayReport(msgspec.Struct, frozen=True):
    """What a replay found: the tree it read, acts applied, and every table on both sides."""

    origin: str
    size: int
    root: str
    entries: int
    acts: int
    tables: tuple[TableState, ...]
    equal: bool


def replay(
    snapshot: Snapshot,
    keys: LogKeys,
    institutions: tuple[Institution, ...],
    *,
    into: str = "",
    on_progress: OnProgress = no_progress,
) -> ReplayReport:
    """Rebuild all state from the log and its rulings in a fresh store, and compare every table.

    The entries must hash to the root of a checkpoint signed by `keys`, with those pending to the
    root in the store. `into` names a new file or an empty database to keep; a temporary file
    otherwise. Raises VerificationError, Conflict (`into` is not empty), StorageError.
    """
    checkpoint = verify_checkpoint(_note(snapshot), keys)
    snapshot.pending = snapshot.pending_after(checkpoint.size)
    _require_roots(snapshot, checkpoint, on_progress)
    with scratch_store(into) as target:
        acts = rebuild(snapshot, checkpoint.size, institutions, target, on_progress)
        with target.reading() as rebuilt:
            states = compare(institutions, snapshot.read, rebuilt)
    return ReplayReport(
        checkpoint.origin,
        checkpoint.size,
        checkpoint.root.hex(),
        checkpoint.size + len(snapshot.pending),
        acts,
        tuple(states),
        all(state.is_equal for state in states),
    )


def _note(snapshot: Snapshot) -> bytes:
    if snapshot.note is None:
        raise VerificationError("the log has no checkpoint", value=snapshot.files.where)
    return snapshot.note


def _require_roots(snapshot: Snapshot, checkpoint: Checkpoint, on_progress: OnProgress) -> None:
    """The published entries give the checkpoint's root; with those pending, the store's."""
    stack = RootStack()
    for entries in snapshot.bundles(checkpoint.size):
        stack.add(entries)
        on_progress("entries", stack.size, checkpoint.size)
    if stack.root != checkpoint.root:
        raise VerificationError("entries do not hash to the root of the checkpoint")
    stack.add(snapshot.pending)
    if snapshot.sequenced != (stack.size, stack.root):
        raise VerificationError("store and log do not hold the same tree", value=stack.size)


@contextmanager
def scratch_store(into: str = "") -> Iterator[Store]:
    """Give an empty store to rebuild into: `into` (a new file, a URL), or a temporary file.

    Raises Conflict when something was ever written there.
    """
    if into:
        target = Store.open(into if "://" in into else Path(into), create=True)
        try:
            with target.reading() as read:
                names = set(sa.inspect(read).get_table_names()) - set(KERNEL_TABLES.tables)
                used = read.execute(sa.select(TREE.c.size)).one_or_none() is not None
            if names or used:
                raise Conflict("the store to rebuild into is not empty", value=target.where)
            yield target
        finally:
            target.close()
        return
    with TemporaryDirectory(prefix="entrepot-replay-") as folder:
        target = Store.open(Path(folder) / "state.sqlite", create=True)
        try:
            yield target
        finally:
            target.close()
