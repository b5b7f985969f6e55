"""Restore: make a home from a backup, on either database, and verify all of it before it is usable.

    (1) the manifest is signed by the log's key, every file is there, unchanged
    (2) the entries hash to the checkpoint's root, with those pending to the sequenced root
    (3) tiles, records, settings and local tables are written; the store says `restoring`
    (4) state is rebuilt from the records; its digests are those of the backup
    (5) everything is checked as `fsck` does: bodies, signatures under the keys that state knows,
        each act once
    (6) no witness has seen more of this log than the backup has
    (7) the store stops saying `restoring`: the home may be opened

A backup of SQLite restores to PostgreSQL and back. What fails leaves a home that cannot be opened.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel import files
from entrepot.kernel.audit import audit_records
from entrepot.kernel.backup import RECORD_COLUMNS, SCHEMA_KEY, SHAPE
from entrepot.kernel.backupfiles import (
    BESIDE,
    CHECKPOINT_FILE,
    ENTRIES,
    FRAME_MAX_BYTES,
    MANIFEST,
    MANIFEST_MAX_BYTES,
    RECORDS_FILE,
    Manifest,
    open_manifest,
    read_frames,
    require_files,
)
from entrepot.kernel.bodies import Bodies
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, verify_checkpoint
from entrepot.kernel.encoding import decode
from entrepot.kernel.errors import (
    Conflict,
    NotFound,
    StorageError,
    VerificationError,
)
from entrepot.kernel.home import make_home, read_log_keys, store_at
from entrepot.kernel.institution import Institution
from entrepot.kernel.localtables import LocalTable
from entrepot.kernel.logfiles import LogFiles
from entrepot.kernel.places import NOT_SET, RESTORING, Places, open_settled, settle_places
from entrepot.kernel.rebuilding import shape_of
from entrepot.kernel.replay import OnProgress, digest_of, no_progress, rebuild, state_tables
from entrepot.kernel.snapshot import open_snapshot
from entrepot.kernel.store import (
    JOURNAL,
    KERNEL_TABLES,
    SCHEMA_VERSION,
    Store,
    advance_tree,
    insert_records,
    write_meta,
)
from entrepot.kernel.tiles import Edge, encode_bundle

ROWS_AT_ONCE, PART_BYTES = 1_000, 8 << 20
"""Rows, or bytes of their bodies, that go into one transaction."""
BUNDLES_AT_ONCE: Final = 32
JOURNAL_ENTRIES: Final = 4_096


@dataclass(frozen=True, slots=True)
class Target:
    """Where a home is made: its folder, its store's URL ("" for a file in it), its places."""

    home: Path
    store: str = ""
    places: Places = NOT_SET


class RestoreReport(msgspec.Struct, frozen=True):
    """What was restored and verified."""

    origin: str
    published: int
    sequenced: int
    acts: int
    tables: int
    local_rows: int
    left_out: tuple[str, ...]
    reshaped: tuple[str, ...]
    """Institutions whose tables this program makes in another shape than the backup had."""
    has_keys: bool


def restore(  # noqa: PLR0913 - what to verify against, all by keyword
    folder: Path,
    target: Target,
    *,
    institutions: tuple[Institution, ...],
    expected: LogKeys | None = None,
    newest_known: Callable[[], int] | None = None,
    leave_out: Collection[str] = (),
    on_progress: OnProgress = no_progress,
) -> RestoreReport:
    """Make a home from a backup; it can be opened when this returns.

    `expected` pins the log's keys (the backup carries its own). `newest_known` returns the largest
    size of this log that its witnesses have seen. `leave_out` names local tables not to restore.
    Raises NotFound, Conflict (something is there already), VerificationError (the backup or what
    was made of it does not hold), StorageError (witnesses have seen more: signing on would fork).
    """
    manifest, checkpoint = _opened(folder, expected)
    with ExitStack() as opened:
        store = opened.enter_context(_new_home(folder, target))
        with store.writing() as write:
            write_meta(write, RESTORING, manifest.root)
        log_files, bodies = open_settled(settle_places(store, target.places), target.home)
        opened.callback(log_files.close)
        opened.callback(bodies.close)
        log_files.prepare()
        _require_empty(log_files)
        written = _load_entries(folder, manifest, checkpoint, store, log_files, on_progress)
        _load_records(folder, manifest, store, bodies, on_progress)
        local_rows = _load_local(folder, manifest, store, leave_out)
        note = _read(folder / CHECKPOINT_FILE)
        log_files.replace_checkpoint(note, on_step=lambda _step: None)
        log_files.make_durable(written)
        acts, reshaped = _make_state(target, manifest, store, institutions, on_progress)
        _check_records(target, institutions, on_progress)
        _require_newest(manifest, newest_known)
        with store.writing() as write:
            write_meta(write, RESTORING, "")
    return RestoreReport(
        manifest.origin,
        manifest.published,
        manifest.sequenced,
        acts,
        len(manifest.state),
        local_rows,
        (*manifest.left_out, *sorted(set(leave_out) & set(manifest.local))),
        reshaped,
        any(name.endswith(".pem") for name in manifest.files),
    )


def _opened(folder: Path, expected: LogKeys | None) -> tuple[Manifest, Checkpoint]:
    """Step 1: manifest, every file, the checkpoint's signatures."""
    if not (folder / MANIFEST).is_file():
        raise NotFound("there is no backup here", value=folder, remedy="name the folder of one")
    keys = read_log_keys(folder)
    if expected is not None and keys != expected:
        raise VerificationError("the backup is of another log", value=keys.origin)
    manifest = open_manifest(_read(folder / MANIFEST, size_max=MANIFEST_MAX_BYTES), keys)
    require_files(folder, manifest)
    if manifest.schema != str(SCHEMA_VERSION):
        raise StorageError(
            f"backup has schema version {manifest.schema}, this program knows {SCHEMA_VERSION}",
            value=folder,
            remedy="restore it with the version of Entrepot that wrote it, then upgrade the home",
        )
    checkpoint = verify_checkpoint(_read(folder / CHECKPOINT_FILE), keys)
    if checkpoint.size != manifest.published or manifest.sequenced < manifest.published:
        raise VerificationError("manifest and checkpoint disagree", value=manifest.published)
    return manifest, checkpoint


def _read(path: Path, *, size_max: int = 1 << 20) -> bytes:
    try:
        if path.stat().st_size > size_max:
            raise VerificationError("file of the backup is too large", value=path.name)
        return path.read_bytes()
    except OSError as error:
        raise files.storage_error(error, path) from error


@contextmanager
def _new_home(folder: Path, target: Target) -> Iterator[Store]:
    """Make the home with the backup's keys and an empty store; only where nothing is yet."""
    home = target.home
    if home.exists() and any(home.iterdir()):
        raise Conflict("folder is not empty", value=home, remedy="name a new folder")
    make_home(home)
    for path in sorted((folder / "keys").iterdir()):
        mode = 0o600 if path.suffix == ".pem" else 0o644
        files.create_durable(home / "keys" / path.name, _read(path), mode=mode)
    for path in sorted((folder / BESIDE).glob("*")):
        files.create_durable(home / path.name, _read(path))
    store = Store.open(store_at(home, target.store), create=True)
    try:
        with store.reading() as read:
            others = set(sa.inspect(read).get_table_names()) - set(KERNEL_TABLES.tables)
        if others or not store.is_empty():
            raise Conflict(
                "the database to restore into is not empty",
                value=store.where,
                remedy="create a new database and name it by --store",
            )
        yield store
    finally:
        store.close()


def _require_empty(log_files: LogFiles) -> None:
    if log_files.read(CHECKPOINT_FILE) is not None or next(log_files.names(), None) is not None:
        raise Conflict("there is a log at the place of its files", value=log_files.where)


def _load_entries(
    folder: Path,
    manifest: Manifest,
    checkpoint: Checkpoint,
    store: Store,
    log_files: LogFiles,
    on_progress: OnProgress,
) -> list[str]:
    """Step 2 and the log of step 3: tiles from the entries, journal from those pending.

    Returns the names of the files written, which are not flushed yet.
    """
    edge, pending = Edge(), list[bytes]()
    fresh: dict[str, bytes] = {}
    written: list[str] = []
    for number, (first, entries) in enumerate(_bundles(folder, manifest)):
        if first != edge.size + len(pending):
            raise VerificationError("entries of the backup are not in order", value=first)
        published = max(0, checkpoint.size - first)
        pending += entries[published:]
        if entries[:published]:
            growth = edge.grow(entries[:published])
            edge, fresh = growth.edge, fresh | growth.files
        if number % BUNDLES_AT_ONCE == 0:
            written += _write_tiles(log_files, fresh)
            fresh = {}
            on_progress("log", first + len(entries), manifest.sequenced)
    written += _write_tiles(log_files, fresh)
    _require_root(edge, checkpoint.size, checkpoint.root.hex())
    after = edge.grow(pending).edge if pending else edge
    _require_root(after, manifest.sequenced, manifest.root)
    with store.writing() as write:
        advance_tree(write, 0, after.size, after.root)
        for at in range(0, len(pending), JOURNAL_ENTRIES):
            part = pending[at : at + JOURNAL_ENTRIES]
            row = {"first": edge.size + at, "count": len(part), "entries": encode_bundle(part)}
            write.execute(JOURNAL.insert(), row)
    return written


def _frames(folder: Path, manifest: Manifest, name: str) -> Iterator[bytes]:
    if name not in manifest.files:
        raise VerificationError("manifest names no file of this part", value=name)
    return read_frames(folder / name, manifest.files[name].frames)


def _bundles(folder: Path, manifest: Manifest) -> Iterator[tuple[int, list[bytes]]]:
    for frame in _frames(folder, manifest, ENTRIES):
        parts = decode(frame, size_max=FRAME_MAX_BYTES)
        if (
            not isinstance(parts, list)
            or len(parts) != 2
            or not isinstance(parts[0], int)
            or not isinstance(parts[1], list)
            or not all(isinstance(entry, bytes) for entry in parts[1])
        ):
            raise VerificationError("frame of entries is malformed", value=ENTRIES)
        yield parts[0], parts[1]


def _write_tiles(log_files: LogFiles, fresh: dict[str, bytes]) -> list[str]:
    if fresh:
        log_files.write(fresh, on_step=lambda _step: None)
    return list(fresh)


def _require_root(edge: Edge, size: int, root: str) -> None:
    if (edge.size, edge.root.hex()) != (size, root):
        raise VerificationError("entries of the backup do not give its root", value=edge.size)


def _rows(frames: Iterator[bytes], name: str, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    for frame in frames:
        values = decode(frame, size_max=FRAME_MAX_BYTES)
        if not isinstance(values, list) or len(values) != len(columns):
            raise VerificationError("row of the backup is malformed", value=name)
        yield dict(zip(columns, values, strict=True))


def _parts(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows in parts of bounded number and size: a body may have half a mebibyte."""
    part: list[dict[str, Any]] = []
    size_bytes = 0
    for row in rows:
        part.append(row)
        size_bytes += sum(len(value) for value in row.values() if isinstance(value, bytes))
        if len(part) >= ROWS_AT_ONCE or size_bytes >= PART_BYTES:
            yield part
            part, size_bytes = [], 0
    if part:
        yield part


def _load_records(
    folder: Path, manifest: Manifest, store: Store, bodies: Bodies, on_progress: OnProgress
) -> None:
    """Step 3: the records, large bodies to their place; then the settings."""
    total, done = manifest.files[RECORDS_FILE].frames, 0
    rows = _rows(_frames(folder, manifest, RECORDS_FILE), RECORDS_FILE, RECORD_COLUMNS)
    for part in _parts(rows):
        bodies.place(part)
        with store.writing() as write:
            insert_records(write, part)
        done += len(part)
        on_progress("records", done, total)
    with store.writing() as write:
        for key, value in manifest.settings.items():
            if key != SCHEMA_KEY:
                write_meta(write, key, value)


def _load_local(folder: Path, manifest: Manifest, store: Store, leave_out: Collection[str]) -> int:
    """Make and fill the local tables; return how many rows they have."""
    count = 0
    for name in sorted(set(manifest.local) - set(leave_out)):
        frames = _frames(folder, manifest, f"{name}.zst")
        try:
            described = msgspec.convert(decode(next(frames)), LocalTable)
        except (msgspec.ValidationError, StopIteration) as error:
            raise VerificationError("local table of the backup is malformed", value=name) from error
        table = described.make(sa.MetaData())
        columns = [column.name for column in described.columns]
        with store.writing() as write:
            table.create(write)
            rows = _rows(frames, name, columns)
            for part in _parts(rows):
                write.execute(table.insert(), part)
                count += len(part)
    return count


def _check_records(
    target: Target, institutions: tuple[Institution, ...], on_progress: OnProgress
) -> None:
    """Step 5."""
    for check in audit_records(
        target.home, institutions, store=target.store, on_progress=on_progress
    ):
        if not check.passed:
            raise VerificationError(
                f"restored home fails the check {check.name}", value=check.detail
            )


def _make_state(
    target: Target,
    manifest: Manifest,
    store: Store,
    institutions: tuple[Institution, ...],
    on_progress: OnProgress,
) -> tuple[int, tuple[str, ...]]:
    """Step 4: rebuild, compare with the digests; return acts, and institutions of another shape."""
    with open_snapshot(target.home, target.store) as snapshot:
        snapshot.pending = snapshot.pending_after(manifest.published)
        acts = rebuild(snapshot, manifest.published, institutions, store, on_progress)
    reshaped = []
    for institution in institutions:
        shape = shape_of(institution.tables)
        with store.writing() as write:
            write_meta(write, SHAPE + institution.name, shape)
        if manifest.shapes.get(institution.name, shape) != shape:
            reshaped.append(institution.name)
            continue
        with store.reading() as read:
            for table in state_tables((institution,)):
                found, known = digest_of(read, table), manifest.state.get(table.name)
                if known is not None and found != known:
                    raise VerificationError(
                        "state made from the records is not the state of the backup",
                        value=table.name,
                    )
    return acts, tuple(reshaped)


def _require_newest(manifest: Manifest, newest_known: Callable[[], int] | None) -> None:
    """Step 6."""
    newest = 0 if newest_known is None else newest_known()
    if newest > manifest.sequenced:
        raise StorageError(
            "witnesses have seen more of this log than the backup has; signing on would fork it",
            value=f"{newest:,} entries, the backup {manifest.sequenced:,}",
            remedy="restore a newer backup, or begin a new log with new keys",
        )
