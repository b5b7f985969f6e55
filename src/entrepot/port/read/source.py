"""The bytes of a dataset: the file itself, and the stream of it after decompression.

A `Source` is opened once; `Source.stream()` starts a fresh sequential pass, decompressed on the
way, hashed on the way (SHA-256 of the file as it lies on disk), bounded by `Limits` and refused
when the file changes under the reader. `Source.seekable()` gives a file object for the formats
that must jump (Parquet, workbooks): the file itself, or its decompressed copy in a temporary file.

Compression is recognised by magic number: gzip (RFC 1952, any number of members) and Zstandard
(RFC 8878, any number of frames, skippable frames allowed).
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Literal, Protocol, cast

import pyarrow as pa

from entrepot.kernel.errors import NotFound, StorageError, UnreadableData
from entrepot.port.read.bridges import arrow_file
from entrepot.port.read.limits import MIB, Limits

READ_BYTES = 1 * MIB
"""One read of the file: large enough to hash and decompress at full speed, small against memory."""

HEAD_BYTES = 1 * MIB
"""How much of the decompressed stream format, encoding and dialect are judged by."""

_MAGIC_GZIP = b"\x1f\x8b\x08"
_MAGIC_ZSTD = b"\x28\xb5\x2f\xfd"
_MAGIC_ZSTD_SKIPPABLE = b"\x2a\x4d\x18"


class ByteStream(Protocol):
    """A sequential pass over bytes: `read(n)` gives up to `n` bytes, and b"" only at the end."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes; b"" at the end."""

    def close(self) -> None:
        """Release what the pass holds."""


class Source:
    """A dataset's file: where it is, how it is compressed, what its hash is."""

    def __init__(
        self, path: Path, limits: Limits, on_progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Open `path`. Raises `NotFound` or `UnreadableData` if it is not a readable file."""
        self.path = path
        self.limits = limits
        self.on_progress = on_progress
        self._stat = _stat_file(path)
        self.size_bytes = self._stat.st_size
        self.digest: str | None = None
        with self._open() as file:
            self.compression = sniff_compression(file.read(8))
        self._unpacked: IO[bytes] | None = None
        self.closers: list[Callable[[], None]] = []
        """What a reader wants called when the dataset is closed."""
        self.text_encoding = ""
        """The encoding that the last pass over the text decided on; "" until one did."""
        self.text_warning = ""
        """What that pass has to say about it."""

    def stream(self) -> ByteStream:
        """Start a pass over the decompressed bytes from the first one."""
        raw = _RawStream(self, self._open())
        if self.compression == "none":
            return raw
        return _ExpandedStream(self, raw)

    def seekable(self) -> IO[bytes]:
        """Return a new seekable file of the decompressed bytes; the caller closes it.

        A compressed file is unpacked once into a temporary file, deleted with the source.
        """
        if self.compression == "none":
            return self._open()
        if self._unpacked is None:
            self._unpacked = self._unpack()
        return Path(self._unpacked.name).open("rb")

    def _unpack(self) -> IO[bytes]:
        stream = self.stream()
        try:
            unpacked: IO[bytes] = tempfile.NamedTemporaryFile(prefix="entrepot-")
            while chunk := stream.read(READ_BYTES):
                unpacked.write(chunk)
            unpacked.flush()
        except OSError as error:
            raise StorageError(
                "the file cannot be unpacked into the temporary folder",
                value=error.strerror,
                remedy="free some space there, or set TMPDIR to a folder that has it",
            ) from error
        finally:
            stream.close()
        return unpacked

    def head(self, size: int = HEAD_BYTES) -> bytes:
        """Return the first `size` decompressed bytes, or all if there are fewer."""
        stream = self.stream()
        try:
            return read_exactly(stream, size)
        finally:
            stream.close()

    def sha256(self) -> str:
        """Return the SHA-256 of the file on disk: of a finished pass, else by reading it now."""
        if self.digest is None:
            with self._open() as file:
                self.digest = hashlib.file_digest(
                    cast(io.BufferedReader, file), "sha256"
                ).hexdigest()
            self.check_unchanged()
        return self.digest

    def check_unchanged(self) -> None:
        """Raise `UnreadableData` if the file is no longer the one that was opened."""
        now = _stat_file(self.path)
        then = self._stat
        if (now.st_size, now.st_mtime_ns, now.st_ino) != (
            then.st_size,
            then.st_mtime_ns,
            then.st_ino,
        ):
            raise UnreadableData(
                "the file changed while it was being read",
                value=self.path.name,
                remedy="let its writer finish, or read a copy of it",
            )

    def close(self) -> None:
        """Delete the temporary files, if there are any."""
        while self.closers:
            self.closers.pop()()
        if self._unpacked is not None:
            self._unpacked.close()
            self._unpacked = None

    def _open(self) -> IO[bytes]:
        try:
            return self.path.open("rb")
        except OSError as error:
            raise _unopened(self.path, error) from error


def read_exactly(stream: ByteStream, size: int) -> bytes:
    """Read `size` bytes from `stream`, fewer only if it ends before."""
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(size)):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def sniff_compression(head: bytes) -> str:
    """Return `gzip`, `zstd` or `none` by the magic number at the start of a file."""
    if head.startswith(_MAGIC_GZIP):
        return "gzip"
    if head.startswith(_MAGIC_ZSTD):
        return "zstd"
    if head[1:4] == _MAGIC_ZSTD_SKIPPABLE and 0x50 <= head[0] <= 0x5F:
        return "zstd"
    return "none"


class _RawStream:
    """The file as it lies on disk, hashed and counted; a complete pass leaves the digest behind."""

    def __init__(self, source: Source, file: IO[bytes]) -> None:
        self._source = source
        self._file = file
        self._hash = hashlib.sha256() if source.digest is None else None
        self.position = 0
        self.closed = False

    def read(self, size: int = READ_BYTES, /) -> bytes:
        try:
            chunk = self._file.read(size if size > 0 else READ_BYTES)
        except OSError as error:
            raise UnreadableData(
                "the disk failed while the file was read",
                value=error.strerror,
                remedy="copy the file to a sound disk",
            ) from error
        if chunk:
            self._advance(chunk)
        else:
            self._finish()
        return chunk

    def _advance(self, chunk: bytes) -> None:
        if self._hash is not None:
            self._hash.update(chunk)
        self.position += len(chunk)
        if self._source.on_progress is not None:
            self._source.on_progress(self.position, self._source.size_bytes)

    def _finish(self) -> None:
        self._source.check_unchanged()
        if self._hash is not None and self.position == self._source.size_bytes:
            self._source.digest = self._hash.hexdigest()
            self._hash = None

    def close(self) -> None:
        self.closed = True
        self._file.close()


class _ExpandedStream:
    """The decompressed bytes. Arrow decompresses, since it reports a truncated end and resumes at
    every member or frame, which the usual one-shot calls of the Python bindings do not."""

    def __init__(self, source: Source, raw: _RawStream) -> None:
        self._source = source
        self._raw = raw
        self._arrow = pa.CompressedInputStream(
            arrow_file(raw, "r"), cast(Literal["gzip", "zstd"], source.compression)
        )
        self._produced_bytes = 0
        self.closed = False

    def read(self, size: int = READ_BYTES, /) -> bytes:
        kind = self._source.compression
        try:
            chunk: bytes = self._arrow.read(min(size, READ_BYTES) if size > 0 else READ_BYTES)
        except OSError as error:
            raise _unpacked(kind, str(error), self._produced_bytes) from error
        self._produced_bytes += len(chunk)
        self._check_bomb()
        return chunk

    def _check_bomb(self) -> None:
        limits = self._source.limits
        produced, consumed = self._produced_bytes, max(self._raw.position, 1)
        if produced > limits.decompressed_bytes:
            raise UnreadableData(
                "the decompressed file is larger than the limit",
                value=f"over {limits.decompressed_bytes} bytes",
                remedy="split the file",
            )
        if produced > limits.expansion_free_bytes and produced / consumed > limits.expansion_ratio:
            raise UnreadableData(
                f"the {self._source.compression} file expands like a decompression bomb",
                value=f"{produced} bytes out of {consumed}, limit {limits.expansion_ratio} to 1",
                remedy="decompress it yourself if you trust it, and give the plain file",
            )

    def close(self) -> None:
        self.closed = True
        self._raw.close()


def _unpacked(kind: str, reason: str, produced_bytes: int) -> UnreadableData:
    if "runcated" in reason:
        what = f"the {kind} file is truncated"
    elif "header" in reason or "descriptor" in reason or "unknown compression" in reason:
        what = f"the {kind} file is followed by, or starts with, bytes that are not {kind}"
    else:
        what = f"the {kind} file is damaged"
    return UnreadableData(
        what,
        value=f"after {produced_bytes} decompressed bytes",
        remedy="fetch or compress the file again",
    )


def _stat_file(path: Path) -> os.stat_result:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise _unopened(path, error) from error
    if path.is_dir():
        raise UnreadableData(
            "a directory is not a dataset", value=path.name, remedy="name one file inside it"
        )
    if not path.is_file():
        raise UnreadableData(
            "not a regular file", value=path.name, remedy="save the data to a file first"
        )
    return status


def _unopened(path: Path, error: Exception) -> NotFound | UnreadableData:
    if isinstance(error, FileNotFoundError):
        return NotFound("no such file", value=path, remedy="check the path")
    if isinstance(error, PermissionError):
        return UnreadableData(
            "no permission to read the file", value=path, remedy="ask its owner, or copy it"
        )
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return UnreadableData("the file cannot be opened", value=f"{path.name}: {reason}")
