"""Files replaced whole and for good: a draft, flushed, renamed, and the name flushed (POSIX)."""

from __future__ import annotations

import os
from pathlib import Path

from entrepot.kernel import files


def replace_file(path: Path, content: bytes) -> None:
    """Replace `path` with `content`, or leave it as it was. Raises StorageError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        files.write_durable(draft, content)
        os.replace(draft, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise files.storage_error(error, path) from error
