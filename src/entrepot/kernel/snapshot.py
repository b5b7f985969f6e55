"""A snapshot of a home: store, log files and bodies as of one moment, to read, beside a writer.

What re-checks (`audit`), rebuilds (`replay`) or copies (`backup`) a home reads through one of
these. The store is one transaction that sees one state throughout; the checkpoint is one that this
state continues; the tiles under it never change. Memory is bounded: entries come bundle by bundle
with their records, 256 at a time.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from entrepot.kernel.bodies import Bodies
from entrepot.kernel.checkpoint import Checkpoint, parse_checkpoint
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.log import Head
from entrepot.kernel.logfiles import CHECKPOINT, LogFiles
from entrepot.kernel.places import follow_places
from entrepot.kernel.store import JOURNAL, RECORDS, TREE, Store
from entrepot.kernel.tiles import WIDTH, TileTree, decode_bundle

SETTLE_TRIES: Final = 50
SETTLE_WAIT_S: Final = 0.02
"""How long a moment is sought in which checkpoint and store belong together, under load."""

ALL_COLUMNS: Final = tuple(RECORDS.c)


class Portion(NamedTuple):
    """Some neighbouring entries of the log, from index `first` on, and their rows of RECORDS.

    `rows` maps index -> row; entries of the log about itself have none.
    """

    first: int
    entries: list[bytes]
    rows: dict[int, Any]


@dataclass(slots=True)
class Snapshot:
    """The parts of a home as of one moment. `note` is the checkpoint's bytes, not verified."""

    home: Path
    store: Store
    read: sa.Connection
    files: LogFiles
    bodies: Bodies
    note: bytes | None
    sequenced: Head | None
    pending: list[bytes] = field(default_factory=list)
    """Entries after the checkpoint, from the journal; `audit` fills it after checking."""

    def bundles(self, size: int) -> Iterator[list[bytes]]:
        """Yield the entries of the published tree of `size`, bundle by bundle.

        Raises VerificationError for a bundle that is missing or malformed. Hashes are not checked.
        """
        tree = TileTree(size, self.files.read)
        for number in range(-(-size // WIDTH)):
            yield tree.bundle_entries(number)

    def entries_between(self, size: int, first: int, until: int) -> list[bytes]:
        """Return the entries from `first` to before `until` of the published tree of `size`."""
        tree = TileTree(size, self.files.read)
        found: list[bytes] = []
        for number in range(first // WIDTH, -(-until // WIDTH)):
            found += tree.bundle_entries(number)
        skipped = first // WIDTH * WIDTH
        return found[first - skipped : until - skipped]

    def journal(self) -> Iterator[tuple[int, list[bytes]]]:
        """Yield (first index, entries) of the journal's rows, in order. VerificationError."""
        for first, count, bundle in self.read.execute(sa.select(JOURNAL).order_by(JOURNAL.c.first)):
            yield first, decode_bundle(bundle, count)

    def pending_after(self, size: int) -> list[bytes]:
        """Return the sequenced entries that a tree of `size` does not have yet."""
        found: list[bytes] = []
        for first, entries in self.journal():
            if first + len(entries) > size:
                found += entries[max(0, size - first) :]
        return found

    def portions(
        self, size: int, columns: Sequence[sa.Column[Any]] = ALL_COLUMNS
    ) -> Iterator[Portion]:
        """Yield all entries, published up to `size` and pending, with their records.

        `columns` are those of RECORDS that are wanted, the index first.
        """
        first = 0
        for entries in self.bundles(size):
            yield self._portion(first, entries, columns)
            first += len(entries)
        for at in range(0, len(self.pending), WIDTH):
            entries = self.pending[at : at + WIDTH]
            yield self._portion(first, entries, columns)
            first += len(entries)

    def _portion(
        self, first: int, entries: list[bytes], columns: Sequence[sa.Column[Any]]
    ) -> Portion:
        within = RECORDS.c.index.between(first, first + len(entries) - 1)
        rows = self.read.execute(sa.select(*columns).where(within)).all()
        return Portion(first, entries, {row[0]: row for row in rows})

    def checkpoint(self) -> Checkpoint | None:
        """Return what the checkpoint says, unverified; None when it is absent or unreadable."""
        return _unverified(self.note)


@contextmanager
def open_snapshot(home: Path, store: str = "") -> Iterator[Snapshot]:
    """Open a home to read, whether or not a node is writing it. `store` is its URL, if elsewhere.

    Raises NotFound when there is no home, StorageError when the store cannot be opened.
    """
    where: Path | str = store or home / "store.sqlite"
    if isinstance(where, Path) and not where.is_file():
        has_keys = (home / "keys").is_dir()
        remedy = "name its database by --store or ENTREPOT_STORE_URL" if has_keys else ""
        raise NotFound(
            "there is no store in this home" if has_keys else "there is no home of Entrepot here",
            value=home,
            remedy=remedy or "name it by --home",
        )
    with ExitStack() as open_parts:
        opened = Store.open(where, writer=False)
        open_parts.callback(opened.close)
        with opened.reading() as read:
            log_files, bodies = follow_places(read, home)
        open_parts.callback(log_files.close)
        open_parts.callback(bodies.close)
        with _settled(opened, log_files) as (read, note, sequenced):
            yield Snapshot(home, opened, read, log_files, bodies, note, sequenced)


@contextmanager
def _settled(
    store: Store, log_files: LogFiles
) -> Iterator[tuple[sa.Connection, bytes | None, Head | None]]:
    """Give a snapshot of the store and a checkpoint that it continues.

    The checkpoint before the snapshot may be older than the journal's beginning, the one after it
    newer than the store: either will do, or a new snapshot is taken. Where nothing moves, what is
    there is given, and whoever checks will say that it does not fit.
    """
    before: object = None
    for attempt in range(SETTLE_TRIES):
        earlier = log_files.read(CHECKPOINT)
        with store.reading() as read:
            _take_time(read)
            sequenced, first = _tree_of(read)
            later = log_files.read(CHECKPOINT)
            fitting = [note for note in (later, earlier) if _fits(note, sequenced, first)]
            now = (sequenced, first, earlier, later)
            if fitting or now == before or attempt == SETTLE_TRIES - 1:
                yield read, fitting[0] if fitting else later, sequenced
                return
            before = now
        time.sleep(SETTLE_WAIT_S)


def _take_time(read: sa.Connection) -> None:
    """Let this transaction's statements run as long as a large table needs."""
    if read.dialect.name == "postgresql":
        read.exec_driver_sql("SET LOCAL statement_timeout = 0")


def _tree_of(read: sa.Connection) -> tuple[Head | None, int]:
    """Return the sequenced tree and the first index that the journal still has."""
    row = read.execute(sa.select(TREE.c.size, TREE.c.root)).one_or_none()
    first = read.execute(sa.select(sa.func.min(JOURNAL.c.first))).scalar()
    size = 0 if row is None else row.size
    return None if row is None else Head(row.size, row.root), size if first is None else first


def _fits(note: bytes | None, sequenced: Head | None, first: int) -> bool:
    checkpoint = _unverified(note)
    size = 0 if sequenced is None else sequenced.size
    return checkpoint is not None and first <= checkpoint.size <= size


def _unverified(note: bytes | None) -> Checkpoint | None:
    try:
        text = (note or b"").partition(b"\n\n")[0] + b"\n"
        return parse_checkpoint(text.decode())
    except (InvalidInput, UnicodeDecodeError):
        return None
