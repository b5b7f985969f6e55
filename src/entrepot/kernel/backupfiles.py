"""The files of a backup: frames of deterministic CBOR in a zstd stream, and a signed manifest.

    manifest.cose           COSE_Sign1 by the operator's key over what follows: names, sizes, hashes
    checkpoint              the signed note of the published tree
    entries.zst             the log, one bundle of up to 256 entries a frame; then those pending
    records.zst             rows of RECORDS, one a frame, bodies inside
    local_NAME.zst          a node-local table: first a frame with its columns, then its rows
    keys/*.pub, keys/*.pem  public keys; private ones only when asked for
    home/*                  other files of the home that the caller named

A frame is its length in 4 bytes, big-endian, and so many bytes. The same on every database.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

import msgspec
import zstandard

from entrepot.kernel import files
from entrepot.kernel.checkpoint import LogKeys
from entrepot.kernel.cose import CONTENT_TYPE, KID, parse_sign1, sign1
from entrepot.kernel.encoding import decode_map, encode
from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError
from entrepot.kernel.keys import PrivateKey

FORMAT: Final = 1
MANIFEST, CHECKPOINT_FILE, ENTRIES, RECORDS_FILE = (
    "manifest.cose",
    "checkpoint",
    "entries.zst",
    "records.zst",
)
BESIDE: Final = "home"
"""Folder of the backup with files of the home that are neither keys nor log."""
MANIFEST_CONTENT_TYPE: Final = "application/vnd.entrepot.backup+cbor"
FRAME_MAX_BYTES: Final = 24 << 20
"""A bundle of 256 entries of 64 KiB has 16 MiB; nothing else comes near."""
MANIFEST_MAX_BYTES: Final = 16 << 20
_COMPRESSION_LEVEL: Final = 3


class FileSum(msgspec.Struct, frozen=True):
    """One file of a backup: size, SHA-256 (hex), and how many frames it holds (0: no frames)."""

    size_bytes: int
    sha256: str
    frames: int = 0


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup says of itself. Times are POSIX seconds; roots and digests hex."""

    format: int
    origin: str
    made_at: int
    published: int
    sequenced: int
    root: str
    schema: str
    settings: dict[str, str]
    shapes: dict[str, str]
    state: dict[str, tuple[int, str]]
    local: dict[str, int]
    left_out: tuple[str, ...]
    files: dict[str, FileSum]


def seal_manifest(manifest: Manifest, key: PrivateKey) -> bytes:
    """Return the manifest signed by the log's Ed25519 key."""
    payload = encode(msgspec.to_builtins(manifest))
    return sign1(key, {CONTENT_TYPE: MANIFEST_CONTENT_TYPE, KID: key.kid}, payload)


def open_manifest(raw: bytes, keys: LogKeys) -> Manifest:
    """Return the manifest if the log's own key signed it. Raises VerificationError."""
    try:
        message = parse_sign1(raw, size_max=MANIFEST_MAX_BYTES)
        if message.protected.get(CONTENT_TYPE) != MANIFEST_CONTENT_TYPE:
            raise InvalidInput("content type is not that of a manifest")
        message.verify(keys.ed25519)
        payload = decode_map(message.payload or b"", size_max=MANIFEST_MAX_BYTES)
        manifest = msgspec.convert(payload, Manifest)
    except (InvalidInput, msgspec.ValidationError) as error:
        raise VerificationError("manifest of the backup is malformed", value=error) from error
    if manifest.format != FORMAT or manifest.origin != keys.origin:
        raise VerificationError(
            "manifest is of another format or another log", value=manifest.origin
        )
    return manifest


class FrameWriter:
    """Writes a new file of frames; durable when the context ends. OSError leaves it to the caller.

    The file can be read by its owner alone: bodies of acts are in it.
    """

    def __init__(self, path: Path) -> None:
        """Create the file; FileExistsError when it is there."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self._compressor = zstandard.ZstdCompressor(level=_COMPRESSION_LEVEL).compressobj()
        self._hash = hashlib.sha256()
        self._size_bytes = self._frames = 0

    def add(self, content: bytes) -> None:
        """Append one frame."""
        if len(content) > FRAME_MAX_BYTES:
            raise InvalidInput("frame of a backup is too large", value=len(content))
        self._frames += 1
        head = len(content).to_bytes(4, "big")
        self._write(self._compressor.compress(head) + self._compressor.compress(content))

    def _write(self, compressed: bytes) -> None:
        if compressed:
            self._hash.update(compressed)
            self._size_bytes += len(compressed)
            files.write_all(self._descriptor, compressed)

    def finish(self) -> FileSum:
        """End the stream, flush it to the disk, and return what the manifest says of it."""
        self._write(self._compressor.flush())
        os.fsync(self._descriptor)
        return FileSum(self._size_bytes, self._hash.hexdigest(), self._frames)

    def __enter__(self) -> FrameWriter:
        """Return the writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        os.close(self._descriptor)


def read_frames(path: Path, count: int) -> Iterator[bytes]:
    """Yield exactly `count` frames of a file whose hash was checked. Raises VerificationError."""
    found = 0
    try:
        with (
            path.open("rb") as raw,
            zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=False) as stream,
        ):
            while head := _exactly(stream, 4, path, may_end=True):
                size = int.from_bytes(head, "big")
                if size > FRAME_MAX_BYTES:
                    raise VerificationError("frame of a backup is too large", value=path.name)
                found += 1
                yield _exactly(stream, size, path)
    except zstandard.ZstdError as error:
        raise VerificationError("file of the backup is damaged", value=path.name) from error
    except OSError as error:
        raise files.storage_error(error, path) from error
    if found != count:
        raise VerificationError("file of the backup ends in the middle", value=path.name)


def _exactly(
    stream: zstandard.ZstdDecompressionReader, size: int, path: Path, *, may_end: bool = False
) -> bytes:
    parts, missing = [], size
    while missing:
        part = stream.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    if missing and not (may_end and missing == size):
        raise VerificationError("file of the backup ends in the middle", value=path.name)
    return b"".join(parts)


def sum_of(path: Path) -> FileSum:
    """Return size and hash of a file, without frames. Raises NotFound, StorageError."""
    digest, size_bytes = hashlib.sha256(), 0
    try:
        with path.open("rb") as stream:
            while part := stream.read(1 << 20):
                digest.update(part)
                size_bytes += len(part)
    except FileNotFoundError:
        raise NotFound("file of the backup is missing", value=path) from None
    except OSError as error:
        raise files.storage_error(error, path) from error
    return FileSum(size_bytes, digest.hexdigest())


def require_files(folder: Path, manifest: Manifest) -> None:
    """Return if the folder holds exactly the files of the manifest, byte for byte.

    Raises VerificationError naming the first that is missing, changed, or not in the manifest.
    """
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    odd = sorted(found ^ {MANIFEST, *manifest.files})
    if odd:
        raise VerificationError("backup has not exactly its files", value=odd[0])
    for name, expected in manifest.files.items():
        actual = sum_of(folder / name)
        if (actual.size_bytes, actual.sha256) != (expected.size_bytes, expected.sha256):
            raise VerificationError("file of the backup was changed", value=name)
