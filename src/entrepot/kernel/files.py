"""Durable files: written whole, flushed to the disk, and their names flushed too (POSIX fsync).

The three ways a file comes to be here: created once and never changed, replaced as a whole by
rename, or written in place where nobody reads yet. Every OSError leaves as a StorageError that
says what to do, except FileExistsError from `create_durable`, which callers give a meaning.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping
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
        sync_directory(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        raise storage_error(error, path) from error


def replace_durable(path: Path, content: bytes, *, on_step: Callable[[str], None]) -> None:
    """Replace the whole of `path` with `content`, or leave it as it was (POSIX rename).

    Order: temporary file, its fsync, rename, fsync of the directory. Raises StorageError.
    """
    temporary = path.with_name(path.name + ".new")
    try:
        write_in_place(temporary, content)
        on_step("checkpoint-written")
        os.rename(temporary, path)
        on_step("checkpoint-renamed")
        sync_directory(path.parent)
    except OSError as error:
        raise storage_error(error, path) from error


def write_in_place(path: Path, content: bytes) -> None:
    """Write `content` as the whole of `path` and fsync it. Only for files no reader relies on yet.

    Raises OSError (the caller knows the sentence to say).
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        write_and_sync(descriptor, content)
    finally:
        os.close(descriptor)


def write_all_in_place(
    contents: Mapping[Path, bytes],
    syncer: ThreadPoolExecutor,
    *,
    on_step: Callable[[str], None],
) -> None:
    """Write many files as `write_in_place` does, then flush them and their directories.

    The flushes run side by side: a file system commits them together, which costs about the time
    of one. Raises OSError; then nothing may be assumed of any of the files.
    """
    directories = {path.parent for path in contents}
    for directory in sorted(directories):
        make_directories(directory)
    descriptors = []
    try:
        for path, content in contents.items():
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
            descriptors.append(os.open(path, flags, 0o644))
            write_all(descriptors[-1], content)
            on_step("tile-written")
        for directory in sorted(directories):
            descriptors.append(os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        list(syncer.map(os.fsync, descriptors))
    finally:
        for descriptor in descriptors:
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


def sync_directory(directory: Path) -> None:
    """Flush a directory, so that names created or renamed in it survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directories(directory: Path) -> None:
    """Create `directory` and its missing parents durably. Raises OSError."""
    missing = []
    current = directory
    while not current.is_dir():
        missing.append(current)
        current = current.parent
    for created in reversed(missing):
        created.mkdir(exist_ok=True)
    sync_directories({created.parent for created in missing})


def sync_directories(directories: Iterable[Path]) -> None:
    """Flush several directories, in a fixed order."""
    for directory in sorted(directories):
        sync_directory(directory)
