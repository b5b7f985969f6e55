"""Durable files: written whole, flushed to the disk, and their names flushed too (POSIX fsync).

The three ways a file comes to be here: created once and never changed, replaced as a whole by
rename, or written in place where nobody reads yet. Every OSError leaves as a StorageError that
says what to do, except FileExistsError from `create_durable`, which callers give a meaning.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from entrepot.kernel.errors import StorageError

_REMEDIES = {
    errno.ENOSPC: "free some space on the disk and try again; nothing acknowledged is lost",
    errno.EDQUOT: "free some space in the quota and try again; nothing acknowledged is lost",
    errno.EFBIG: "the file size limit of this process is reached (ulimit -f)",
    errno.EROFS: "the file system is read-only; mount it writable or choose another home",
    errno.EACCES: "give this user the right to write there, or choose another home",
    errno.EPERM: "give this user the right to write there, or choose another home",
    errno.EIO: "the disk reports a fault; copy the home to another disk and run entrepot fsck",
}


_WRITE_WHOLE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


def storage_error(error: OSError, path: Path | str) -> StorageError:
    """Return the StorageError for an OSError: what the system said, on which path, what to do."""
    remedy = _REMEDIES.get(error.errno or 0, "check the path and the disk")
    return StorageError(error.strerror or "input/output error", value=path, remedy=remedy)


def create_durable(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    """Create a new file with `content`, whole or not at all; durable when this returns.

    Written beside under another name, flushed, then linked into place, which fails when the name
    is taken: FileExistsError. Any other failure is a StorageError and leaves no file.
    """
    temporary = path.with_name(f".{path.name}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(temporary, flags, mode)
        try:
            os.fchmod(descriptor, mode)
            write_and_sync(descriptor, content)
            os.link(temporary, path)
        finally:
            os.close(descriptor)
            os.unlink(temporary)
        _sync(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error


def write_durable(path: Path, content: bytes) -> None:
    """Write `content` as the whole of `path` and flush it, not its name. Raises OSError.

    For drafts that a rename puts into place: after a power cut either the old file is there or the
    new one, and it is whole.
    """
    descriptor = os.open(path, _WRITE_WHOLE, 0o644)
    try:
        write_and_sync(descriptor, content)
    finally:
        os.close(descriptor)


def write_in_place(path: Path, content: bytes) -> None:
    """Write `content` as the whole of `path`, not yet flushed. Raises OSError.

    Only for files no reader relies on yet, and that can be written again after a crash.
    """
    descriptor = os.open(path, _WRITE_WHOLE, 0o644)
    try:
        write_all(descriptor, content)
    finally:
        os.close(descriptor)


def remove_durable(path: Path) -> None:
    """Remove a file, and flush that it is gone; nothing when it is gone already. Raises OSError."""
    try:
        path.unlink()
    except FileNotFoundError:
        return
    _sync(path.parent)


def sync_all(root: Path, names: Iterable[str], syncer: ThreadPoolExecutor) -> None:
    """Flush files below `root` and every directory from them up to it. Raises OSError.

    The flushes run side by side: a file system commits those that wait together in one go, so
    many cost about as one.
    """
    paths = {root}
    for name in names:
        path = root / name
        while path != root:
            paths.add(path)
            path = path.parent
    list(syncer.map(_sync, sorted(paths)))


def sync_folder(path: Path) -> None:
    """Flush the names in a folder. Raises OSError."""
    _sync(path)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write all of `content`; one write may be short. Raises OSError."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def write_and_sync(descriptor: int, content: bytes) -> None:
    """Write all of `content` (a write may be short) and fsync. Raises OSError."""
    write_all(descriptor, content)
    os.fsync(descriptor)


def make_directories(directory: Path) -> None:
    """Create `directory` and its missing parents durably. Raises OSError."""
    missing = []
    current = directory
    while not current.is_dir():
        missing.append(current)
        current = current.parent
    for created in reversed(missing):
        created.mkdir(exist_ok=True)
    for parent in sorted({created.parent for created in missing}):
        _sync(parent)
