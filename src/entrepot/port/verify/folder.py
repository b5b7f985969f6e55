"""Look at a folder that a stranger made: regular files only, few, none too large to be read.

Nothing is opened before it is known to be a regular file of a bearable size, so a pipe, a device, a
sparse file of terabytes or a tree without end costs no time and no memory.
"""

from __future__ import annotations

import os
import stat
from itertools import islice
from pathlib import Path
from typing import Final

from entrepot.kernel.errors import StorageError, VerificationError

ENTRIES_MAX: Final = 10_000
"""Files and folders together."""
DEPTH_MAX: Final = 16
"""Levels of folders; a proof has five."""


def sizes(folder: Path) -> dict[str, int]:
    """Return every file below `folder`: name with forward slashes → size in bytes.

    Raises `VerificationError` for a link, a special file, an empty folder, too many entries or
    levels, and `StorageError` when the disk does not let us look.
    """
    found: dict[str, int] = {}
    seen = 0
    open_: list[tuple[Path, int]] = [(folder, 0)]
    while open_:
        place, depth = open_.pop()
        entries = _entries(place)
        for entry in entries:
            seen += 1
            name = Path(entry.path).relative_to(folder).as_posix()
            if seen > ENTRIES_MAX:
                raise VerificationError("the folder holds too many files", value=seen)
            if entry.is_dir(follow_symlinks=False):
                if depth + 1 >= DEPTH_MAX:
                    raise VerificationError("the folder is nested too deeply", value=depth + 1)
                open_.append((Path(entry.path), depth + 1))
            elif entry.is_file(follow_symlinks=False):
                found[name] = entry.stat(follow_symlinks=False).st_size
            else:
                raise VerificationError("the folder holds a link or a special file", value=name)
        if not entries and place != folder:
            name = place.relative_to(folder).as_posix()
            raise VerificationError("the folder holds an empty folder", value=name)
    return found


def content_of(path: Path, size_max: int) -> bytes | None:
    """Return a small file's content, None when it is absent.

    Raises `VerificationError` when it is no regular file or larger than `size_max` bytes, and
    `StorageError` when it cannot be read.
    """
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            raise VerificationError("not a regular file", value=path.name)
        if status.st_size > size_max:
            raise VerificationError("a file is too large to be what it should be", value=path.name)
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageError(error.strerror or "unreadable", value=path) from error


def _entries(place: Path) -> list[os.DirEntry[str]]:
    """Return the entries of a folder, one more than allowed at most."""
    try:
        with os.scandir(place) as entries:
            return list(islice(entries, ENTRIES_MAX + 1))
    except OSError as error:
        raise StorageError(error.strerror or "unreadable", value=place) from error
