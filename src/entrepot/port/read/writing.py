"""Write a dataset in the format it came in: streamed, atomic, never over something that exists.

    with write_dataset(Path("out/customers.csv.gz"), Form("csv", compression="gzip")) as writer:
        for frame in frames:
            writer.write(frame)
    writer.written.sha256

The rows go to a temporary name in the same folder. When all are written the file is synchronised
to the disk and linked to its name, which fails if the name is taken; on any error nothing is left.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec
import polars as pl

from entrepot.kernel.errors import Conflict, InvalidInput, StorageError
from entrepot.port.model import FileReport
from entrepot.port.read.encoders import open_encoder
from entrepot.port.read.form import Form


class Written(msgspec.Struct, frozen=True):
    """A finished file: where, how large, its SHA-256 as lower-case hexadecimal, and its rows."""

    path: Path
    size_bytes: int
    sha256: str
    rows: int


def form_of(report: FileReport) -> Form:
    """Return the form in which a copy of the reported file is written: the same one."""
    encoding = report.encoding.removesuffix(" with mark").removesuffix(" without mark")
    return Form(
        format=report.format,
        compression=report.compression,
        encoding="utf-8" if encoding == "binary" else encoding,
        mark=report.encoding.endswith(" with mark"),
        dialect=report.dialect,
    )


def write_dataset(path: Path, form: Form) -> Writer:
    """Start a file at `path` in `form`.

    Raises `Conflict` if something has that name, `StorageError` if the folder cannot be written
    and `InvalidInput` for a form that cannot be written.
    """
    return Writer(Path(path), form)


class Writer:
    """A file being written. Leaving the `with` block finishes it; an exception discards it."""

    def __init__(self, path: Path, form: Form) -> None:
        """Create the temporary file. See `write_dataset`."""
        self.path = path
        self._written: Written | None = None
        self._rows = 0
        if os.path.lexists(path):
            raise _taken(path)
        self._part = path.with_name(f".entrepot-{secrets.token_hex(8)}.part")
        self._file = _created(self._part, path)
        try:
            self._encoder = open_encoder(self._file, form)
        except BaseException:
            self._file.discarding = True
            self._file.close()
            self._part.unlink(missing_ok=True)
            raise

    @property
    def written(self) -> Written:
        """The finished file. Raises `InvalidInput` before `commit`."""
        if self._written is None:
            raise InvalidInput("the file is not finished", value=self.path.name)
        return self._written

    def write(self, frame: pl.DataFrame) -> None:
        """Append `frame`. The first frame, which may be empty, settles names and types.

        Raises `InvalidInput` for other columns than before or characters the encoding lacks,
        `StorageError` when the disk refuses; nothing is left behind then.
        """
        try:
            self._encoder.write(frame)
        except OSError as error:
            self.abort()
            raise _failed(self.path, error) from error
        except BaseException:
            self.abort()
            raise
        self._rows += frame.height

    def commit(self) -> Written:
        """Finish, synchronise and name the file. At least one frame must have been written."""
        try:
            self._encoder.finish()
            size, digest = self._file.finish()
            _publish(self._part, self.path)
        except OSError as error:
            self.abort()
            raise _failed(self.path, error) from error
        except BaseException:
            self.abort()
            raise
        self._written = Written(self.path, size, digest, self._rows)
        return self._written

    def abort(self) -> None:
        """Remove what was written so far. Does nothing after `commit`."""
        if self._written is None and not self._file.discarding:
            self._file.discarding = True
            self._encoder.discard()
            self._file.close()
            self._part.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Commit, or abort if the block failed."""
        if kind is not None:
            self.abort()
        elif self._written is None:
            self.commit()


class _HashedFile:
    """A new file that only this process can read, hashed while it is written."""

    def __init__(self, path: Path) -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file: IO[bytes] = os.fdopen(descriptor, "wb")
        self._hash = hashlib.sha256()
        self._size = 0
        self.closed = False
        self.discarding = False

    def write(self, content: bytes) -> int:
        if self.discarding:
            return len(content)
        self._file.write(content)
        self._hash.update(content)
        self._size += len(content)
        return len(content)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        if not self.discarding:
            self._file.flush()

    def finish(self) -> tuple[int, str]:
        self._file.flush()
        os.fsync(self._file.fileno())
        self.close()
        return self._size, self._hash.hexdigest()

    def close(self) -> None:
        self.closed = True
        try:
            self._file.close()
        except OSError:
            # A full disk: what is still buffered cannot be written, and is not wanted any more.
            if not self.discarding:
                raise


def _created(part: Path, path: Path) -> _HashedFile:
    try:
        return _HashedFile(part)
    except OSError as error:
        raise _failed(path, error) from error


def _publish(part: Path, path: Path) -> None:
    """Give the finished file its name, atomically and only if the name is free."""
    try:
        os.link(part, path)
    except FileExistsError:
        raise _taken(path) from None
    except OSError:
        # Some file systems know no hard links; there the check and the rename are two steps.
        if os.path.lexists(path):
            raise _taken(path) from None
        part.rename(path)
    else:
        part.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _taken(path: Path) -> Conflict:
    return Conflict(
        "the file exists already", value=path, remedy="name another one, or move it away first"
    )


def _failed(path: Path, error: OSError) -> StorageError:
    return StorageError(
        f"the file cannot be written ({error.strerror or error})",
        value=path,
        remedy="check that the folder exists, may be written and has space; nothing was left",
    )
