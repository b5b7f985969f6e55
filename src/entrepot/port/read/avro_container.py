"""The Avro object container file: header and blocks, taken apart with bounds.

Layout after the Apache Avro 1.12 specification, "Object Container Files": magic, a map of
metadata, a 16-byte marker; then blocks of (record count, byte count, records, marker). Blocks are
decompressed here and not by the Avro library, because its decompression knows no upper bound.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator

import cramjam
import msgspec
import zstandard

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.limits import MIB, Limits
from entrepot.port.read.source import ByteStream, read_exactly

MAGIC = b"Obj\x01"
_MARKER_BYTES = 16
_HEADER_BYTES_MAX = 16 * MIB
_EMPTY_RECORDS_MAX = 1_000_000
"""Records that take no byte at all (only null fields) have no other bound than this."""
CODECS = ("null", "deflate", "snappy", "zstandard", "bzip2", "xz")


class Header(msgspec.Struct, frozen=True):
    """The head of a container: its metadata as stored, and the marker that ends every block."""

    metadata: dict[str, bytes]
    marker: bytes

    @property
    def codec(self) -> str:
        """The compression of the blocks."""
        return self.metadata.get("avro.codec", b"null").decode("ascii", "replace")


class AvroBlock(msgspec.Struct, frozen=True):
    """One block: how many records, and their bytes decompressed."""

    count: int
    content: bytes


class Container:
    """A pass over one container file."""

    def __init__(self, stream: ByteStream, limits: Limits) -> None:
        """Read the header. Raises `UnreadableData` if there is none or the codec is unknown."""
        self._stream = stream
        self._limits = limits
        self._block = 0
        if self._take(len(MAGIC)) != MAGIC:
            raise damaged("the header")
        self.header = Header(self._metadata(), self._take(_MARKER_BYTES))
        if self.header.codec not in CODECS:
            raise UnreadableData(
                "the Avro file is compressed by a codec that is not read here",
                value=self.header.codec,
                remedy=f"write it with one of {', '.join(CODECS)}",
            )

    def blocks(self) -> Iterator[AvroBlock]:
        """Yield the blocks in order. Raises `UnreadableData` where the file is cut or damaged."""
        while (first := self._stream.read(1)) != b"":
            self._block += 1
            count, size = self._long(first), self._long()
            if count < 0 or size < 0 or (count > size and count > _EMPTY_RECORDS_MAX):
                raise self._damaged()
            if size > self._limits.block_bytes:
                raise self._too_large(size)
            packed = self._take(size)
            if self._take(_MARKER_BYTES) != self.header.marker:
                raise self._damaged()
            yield AvroBlock(count, self._unpack(packed))

    def alone(self, block: AvroBlock) -> bytes:
        """Return `block` as a container file of its own, uncompressed."""
        schema = self.header.metadata["avro.schema"]
        head = MAGIC + _long_bytes(2) + _text_bytes(b"avro.schema", schema)
        head += _text_bytes(b"avro.codec", b"null") + b"\x00" + self.header.marker
        sizes = _long_bytes(block.count) + _long_bytes(len(block.content))
        return head + sizes + block.content + self.header.marker

    def _metadata(self) -> dict[str, bytes]:
        """Read the metadata map: blocks of (key, value), a negative count followed by a size."""
        metadata: dict[str, bytes] = {}
        while (count := self._long()) != 0:
            if count < 0:
                count = -count
                self._long()
            if count > _HEADER_BYTES_MAX:
                raise damaged("the header")
            for _ in range(count):
                key = self._bytes().decode("utf-8", "replace")
                metadata[key] = self._bytes()
        if "avro.schema" not in metadata:
            raise damaged("the header, which holds no schema")
        return metadata

    def _bytes(self) -> bytes:
        size = self._long()
        if not 0 <= size <= _HEADER_BYTES_MAX:
            raise damaged("the header")
        return self._take(size)

    def _long(self, first: bytes = b"") -> int:
        """Read a variable-length zig-zag integer of at most ten bytes."""
        value, shift = 0, 0
        byte = first or self._take(1)
        while True:
            value |= (byte[0] & 0x7F) << shift
            if byte[0] < 0x80:
                return (value >> 1) ^ -(value & 1)
            shift += 7
            if shift > 63:
                raise self._damaged()
            byte = self._take(1)

    def _take(self, size: int) -> bytes:
        taken = read_exactly(self._stream, size)
        if len(taken) < size:
            where = f"block {self._block}" if self._block else "the header"
            raise UnreadableData(
                f"the Avro file is truncated in {where}", remedy="fetch or write the file again"
            )
        return taken

    def _unpack(self, packed: bytes) -> bytes:
        """Decompress one block, never beyond the limit."""
        limit = self._limits.block_bytes
        try:
            content = _decompress(self.header.codec, packed, limit + 1)
        except (
            zlib.error,
            zstandard.ZstdError,
            lzma.LZMAError,
            cramjam.DecompressionError,
            OSError,
            EOFError,
            ValueError,
        ):
            raise self._damaged() from None
        if len(content) > limit:
            raise self._too_large(limit)
        return content

    def _damaged(self) -> UnreadableData:
        return damaged(f"block {self._block}")

    def _too_large(self, size: int) -> UnreadableData:
        return UnreadableData(
            f"block {self._block} of the Avro file is larger than {self._limits.block_bytes} bytes",
            value=size,
            remedy="write the file with smaller blocks; if it is small itself, it is damaged",
        )


def damaged(where: str) -> UnreadableData:
    """Return the error for an Avro file that contradicts itself."""
    return UnreadableData(
        f"the Avro file is damaged in {where}", remedy="fetch or write the file again"
    )


def _decompress(codec: str, packed: bytes, limit: int) -> bytes:
    if codec == "null":
        return packed
    if codec == "deflate":
        inflater = zlib.decompressobj(-15)
        content = inflater.decompress(packed, limit)
        if len(content) < limit and not inflater.eof:
            raise EOFError
        return content
    if codec == "zstandard":
        return _unpack_zstandard(packed, limit)
    if codec == "snappy":
        return _unpack_snappy(packed, limit)
    stream = bz2.BZ2Decompressor() if codec == "bzip2" else lzma.LZMADecompressor()
    content = stream.decompress(packed, limit)
    if len(content) < limit and not stream.eof:
        raise EOFError
    return content


def _unpack_zstandard(packed: bytes, limit: int) -> bytes:
    """Decompress all frames of `packed`; an unfinished frame is an error."""
    content = b""
    with zstandard.ZstdDecompressor().stream_reader(packed, read_across_frames=True) as reader:
        content = reader.read(limit)
    if len(content) < limit:
        stated = zstandard.frame_content_size(packed)
        if stated not in (-1, len(content)) and stated > len(content):
            raise EOFError
    return content


def _unpack_snappy(packed: bytes, limit: int) -> bytes:
    """Decompress raw snappy followed by the big-endian CRC-32 of the content, and check it."""
    body, checksum = packed[:-4], packed[-4:]
    size = cramjam.snappy.decompress_raw_len(body)
    if size >= limit:
        return bytes(limit)
    content = bytes(cramjam.snappy.decompress_raw(body))
    if zlib.crc32(content).to_bytes(4, "big") != checksum:
        raise ValueError("checksum")
    return content


def _long_bytes(value: int) -> bytes:
    coded = value << 1
    out = bytearray()
    while coded > 0x7F:
        out.append(coded & 0x7F | 0x80)
        coded >>= 7
    out.append(coded)
    return bytes(out)


def _text_bytes(key: bytes, value: bytes) -> bytes:
    return _long_bytes(len(key)) + key + _long_bytes(len(value)) + value
