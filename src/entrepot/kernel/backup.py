"""Online backup of a home: one snapshot, written as files that any database can be made from.

It runs beside the node that writes. Log, records, settings and node-local tables are copied; state
is not, because it is the fold of the records: the manifest has its digests, and `restore` rebuilds
it and compares. Bodies in an object store are copied into the records. The manifest is signed by
the log's key, so that a backup cannot be changed where it is kept.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel import files
from entrepot.kernel.backupfiles import (
    BESIDE,
    CHECKPOINT_FILE,
    ENTRIES,
    FORMAT,
    MANIFEST,
    RECORDS_FILE,
    FileSum,
    FrameWriter,
    Manifest,
    seal_manifest,
    sum_of,
)
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, verify_checkpoint
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import Conflict, InvalidInput, StorageError, VerificationError
from entrepot.kernel.institution import Institution
from entrepot.kernel.keys import PrivateKey
from entrepot.kernel.localtables import LocalTable, describe_local
from entrepot.kernel.places import BODIES, LOG_FILES, RESTORING
from entrepot.kernel.replay import OnProgress, digest_of, no_progress, ordered_rows, state_tables
from entrepot.kernel.snapshot import Snapshot
from entrepot.kernel.store import META, RECORDS

SCHEMA_KEY: Final = "schema_version"
_NOT_COPIED: Final = (SCHEMA_KEY, LOG_FILES, BODIES, RESTORING)
"""Settings of the store that belong to the place, not to the log."""
SHAPE: Final = "shape:"
"""Beginning of the settings in which `rebuilding` keeps the shape of an institution's tables."""
_SHAPES: Final = (SHAPE, "local_shape:")
RECORD_COLUMNS: Final = tuple(
    column.name for column in RECORDS.columns if column.name != "evidence_at"
)


def write_backup(  # noqa: PLR0913 - what to copy and who signs, all by keyword
    snapshot: Snapshot,
    folder: Path,
    *,
    signer: tuple[LogKeys, PrivateKey],
    institutions: tuple[Institution, ...],
    made_at: int,
    with_keys: bool = False,
    beside: Collection[str] = (),
    on_progress: OnProgress = no_progress,
) -> Manifest:
    """Write a backup of a snapshot into the new `folder` and return its manifest.

    `signer` is the log's public identity and its Ed25519 key; `made_at` POSIX seconds. The folder
    appears whole or not at all. Private keys go in `with_keys` only, mode 0600. `beside` names
    files of the home that go in where they exist (a policy, say). Raises Conflict when the folder
    exists, VerificationError when what is read does not hold, StorageError.
    """
    keys, key = signer
    if folder.exists():
        raise Conflict("there is something at the place of the backup", value=folder)
    if snapshot.note is None or snapshot.sequenced is None:
        raise VerificationError("the log has no checkpoint", value=snapshot.files.where)
    checkpoint = verify_checkpoint(snapshot.note, keys)
    snapshot.pending = snapshot.pending_after(checkpoint.size)
    with _draft_of(folder) as draft:
        sums = _copy_keys(snapshot.home, draft, with_keys=with_keys)
        sums |= _copy_beside(snapshot.home, draft, beside)
        sums[CHECKPOINT_FILE] = _copy(snapshot.note, draft / CHECKPOINT_FILE)
        sums |= _write_log(snapshot, checkpoint, draft, on_progress)
        local, left_out = _write_local(snapshot.read, draft)
        manifest = Manifest(
            FORMAT,
            keys.origin,
            made_at,
            checkpoint.size,
            snapshot.sequenced.size,
            snapshot.sequenced.root.hex(),
            _settings(snapshot.read)[SCHEMA_KEY],
            _copied_settings(snapshot.read),
            _shapes(snapshot.read, institutions),
            _state_digests(snapshot.read, institutions, on_progress),
            {name: summed.frames - 1 for name, summed in local.items()},
            tuple(left_out),
            sums | {f"{name}.zst": summed for name, summed in local.items()},
        )
        _copy(seal_manifest(manifest, key), draft / MANIFEST)
    return manifest


@contextmanager
def _draft_of(folder: Path) -> Iterator[Path]:
    """Give a new folder beside; renamed into place when all of it was written, removed if not."""
    draft = folder.with_name(f".{folder.name}.partial")
    try:
        files.make_directories(folder.absolute().parent)
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        try:
            yield draft
            os.rename(draft, folder)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        files.sync_folder(folder.absolute().parent)
    except OSError as error:
        raise files.storage_error(error, error.filename or folder) from error


def _copy(content: bytes, path: Path) -> FileSum:
    files.make_directories(path.parent)
    files.create_durable(path, content, mode=0o600)
    return sum_of(path)


def _copy_keys(home: Path, draft: Path, *, with_keys: bool) -> dict[str, FileSum]:
    """Copy public keys, and private ones if asked: each is readable by its owner alone."""
    kinds = ("*.pub", "*.pem") if with_keys else ("*.pub",)
    paths = sorted(path for kind in kinds for path in (home / "keys").glob(kind))
    return {
        f"keys/{path.name}": _copy(path.read_bytes(), draft / "keys" / path.name) for path in paths
    }


def _copy_beside(home: Path, draft: Path, names: Collection[str]) -> dict[str, FileSum]:
    """Copy named files of the home, those that are there."""
    return {
        f"{BESIDE}/{name}": _copy((home / name).read_bytes(), draft / BESIDE / name)
        for name in sorted(names)
        if (home / name).is_file()
    }


def _write_log(
    snapshot: Snapshot, checkpoint: Checkpoint, draft: Path, on_progress: OnProgress
) -> dict[str, FileSum]:
    """Write entries and records in one pass over the log."""
    total = checkpoint.size + len(snapshot.pending)
    with FrameWriter(draft / ENTRIES) as entries, FrameWriter(draft / RECORDS_FILE) as records:
        for portion in snapshot.portions(checkpoint.size):
            entries.add(encode([portion.first, portion.entries]))
            for _, row in sorted(portion.rows.items()):
                records.add(encode(_whole_row(snapshot, row)))
            on_progress("entries and records", portion.first + len(portion.entries), total)
        return {ENTRIES: entries.finish(), RECORDS_FILE: records.finish()}


def _whole_row(snapshot: Snapshot, row: Any) -> list[object]:
    """Return the columns of a record, its body inside wherever it lies."""
    named = row._mapping
    values = [named[name] for name in RECORD_COLUMNS]
    if named["evidence_at"] is not None:
        sealed = snapshot.bodies.evidence(row)
        if sealed is None:
            raise StorageError("body of an act is gone", value=named["evidence_at"])
        values[RECORD_COLUMNS.index("evidence")] = sealed.content
    return values


def _write_local(read: sa.Connection, draft: Path) -> tuple[dict[str, FileSum], list[str]]:
    """Write the node-local tables; return their sums, and the names of those left out."""
    described, left_out = describe_local(read)
    sums: dict[str, FileSum] = {}
    for described_table, table in described:
        path = draft / f"{table.name}.zst"
        try:
            sums[str(table.name)] = _write_table(read, described_table, table, path)
        except InvalidInput:
            path.unlink()
            left_out.append(str(table.name))
    return sums, left_out


def _write_table(
    read: sa.Connection, described: LocalTable, table: sa.Table, path: Path
) -> FileSum:
    with FrameWriter(path) as writer:
        writer.add(encode(msgspec.to_builtins(described)))
        for row in ordered_rows(read, table):
            writer.add(encode(list(row)))
        return writer.finish()


def _settings(read: sa.Connection) -> dict[str, str]:
    return {row.key: row.value for row in read.execute(sa.select(META))}


def _shapes(read: sa.Connection, institutions: tuple[Institution, ...]) -> dict[str, str]:
    """Return the shapes of the institutions' tables, by which digests can be compared."""
    settings = _settings(read)
    keys = {item.name: SHAPE + item.name for item in institutions}
    return {name: settings[key] for name, key in keys.items() if key in settings}


def _copied_settings(read: sa.Connection) -> dict[str, str]:
    return {
        key: value
        for key, value in _settings(read).items()
        if key not in _NOT_COPIED and not key.startswith(_SHAPES)
    }


def _state_digests(
    read: sa.Connection, institutions: tuple[Institution, ...], on_progress: OnProgress
) -> dict[str, tuple[int, str]]:
    """Return rows and digest of every state table that is in the store."""
    existing = set(sa.inspect(read).get_table_names())
    tables = [table for table in state_tables(institutions) if table.name in existing]
    digests = {}
    for done, table in enumerate(tables, start=1):
        digests[str(table.name)] = digest_of(read, table)
        on_progress("digests of tables", done, len(tables))
    return digests
