"""Text in any supported encoding, as a stream of UTF-8 without byte order mark.

Every byte is decoded strictly. One byte that does not belong to the encoding stops the read with
its offset: a replacement character would change a copy that is about to be certified, and a name
with a hole in it is neither found by a detector nor masked by a rule. There is no tolerance to set.
"""

from __future__ import annotations

import codecs

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.encoding import UNDEFINED_WARNING, Encoding, detect_encoding
from entrepot.port.read.source import HEAD_BYTES, READ_BYTES, ByteStream, Source, read_exactly
from entrepot.port.read.western import UNDEFINED, WesternDecoder

_DECODE_BYTES = 256 * 1024


class Utf8Stream:
    """A pass over the text of a source as UTF-8 bytes.

    The encoding is decided by the first stretch of the file that is not plain ASCII, however far
    in it stands: a table of a million ASCII rows may hold its first umlaut at the end. Everything
    before that point reads the same in every encoding considered.
    """

    def __init__(self, source: Source) -> None:
        """Start a pass and decide the encoding by the head of the file if that is possible."""
        self._source = source
        self._unread = b""
        self._inner: ByteStream = source.stream()
        try:
            self._pending = read_exactly(self._inner, HEAD_BYTES)
        except BaseException:
            self._inner.close()
            raise
        self._offset = 0
        self._decoder: codecs.IncrementalDecoder | None = None
        self.closed = False
        self.encoding = detect_encoding(self._pending, complete=len(self._pending) < HEAD_BYTES)
        self._decided = not self._pending.isascii() or self.encoding.codec != "utf-8"
        self._pending = self._pending[self.encoding.mark_bytes :]
        self._offset = self.encoding.mark_bytes
        self._start_decoder()

    def read(self, size: int = READ_BYTES, /) -> bytes:
        """Return up to `size` bytes of UTF-8; b"" only at the end."""
        size = size if size > 0 else READ_BYTES
        chunk = self._unread or self._advance(size)
        self._unread = chunk[size:]
        return chunk[:size] if self._unread else chunk

    def _advance(self, size: int) -> bytes:
        while True:
            chunk = self._next_chunk(size)
            if self._decoder is None:
                return chunk
            text = self._decode(self._decoder, chunk)
            if text or not chunk:
                return text

    def skip(self, size_bytes: int) -> None:
        """Drop the next `size_bytes` bytes of UTF-8 (of whole characters, as a reader counted)."""
        while size_bytes > 0 and (chunk := self.read(min(size_bytes, READ_BYTES))):
            size_bytes -= len(chunk)

    def undecodable_here(self) -> UnreadableData:
        """Return the error for bytes passed on as UTF-8 that turned out not to be UTF-8."""
        return find_undecodable(self._source) or UnreadableData(
            f"not valid {self.encoding.name}", remedy="save the file again as UTF-8"
        )

    def close(self) -> None:
        """Release the source."""
        self.closed = True
        self._inner.close()

    def _next_chunk(self, size: int) -> bytes:
        if self._pending:
            taken = min(size, _DECODE_BYTES if self._decoder else size)
            chunk, self._pending = self._pending[:taken], self._pending[taken:]
            return chunk
        chunk = self._inner.read(size if self._decoder is None else min(size, _DECODE_BYTES))
        if not self._decided and not chunk.isascii():
            self._decide(chunk)
            return self._next_chunk(size)
        return chunk

    def _decide(self, chunk: bytes) -> None:
        """Judge the encoding by the first chunk that is not ASCII and what follows it."""
        chunk += read_exactly(self._inner, HEAD_BYTES)
        self.encoding = detect_encoding(chunk, complete=len(chunk) < HEAD_BYTES, at_start=False)
        self._decided = True
        self._pending = chunk
        self._start_decoder()

    def _start_decoder(self) -> None:
        if self._decided:
            self._source.text_encoding = self.encoding.name
            self._source.text_warning = self._source.text_warning or self.encoding.warning
        if self.encoding.codec == "cp1252":
            self._decoder = WesternDecoder("strict")
        elif self.encoding.codec != "utf-8":
            self._decoder = codecs.getincrementaldecoder(self.encoding.codec)("strict")

    def _decode(self, decoder: codecs.IncrementalDecoder, chunk: bytes) -> bytes:
        held = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            offset = self._offset - held + error.start
            raise undecodable(
                self.encoding, offset, error.object[error.start : error.end]
            ) from None
        self._offset += len(chunk)
        if self.encoding.codec == "cp1252" and not self._source.text_warning:
            if len(chunk.translate(None, UNDEFINED)) < len(chunk):
                self._source.text_warning = UNDEFINED_WARNING
        return text.encode()


def undecodable(encoding: Encoding, offset: int, found: bytes) -> UnreadableData:
    """Return the error for bytes that do not belong to the encoding of the file."""
    return UnreadableData(
        f"not valid {encoding.name} at byte {offset}",
        value=found[:4].hex(" "),
        remedy="save the file again in one encoding (UTF-8 is best), or cut out the damaged bytes",
    )


def find_undecodable(source: Source) -> UnreadableData | None:
    """Return the error for the first byte of a UTF-8 source that is not UTF-8; None if all are."""
    stream = Utf8Stream(source)
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    offset = stream.encoding.mark_bytes
    try:
        while True:
            chunk = stream.read(READ_BYTES)
            held = len(decoder.getstate()[0])
            try:
                decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                found = error.object[error.start : error.end]
                return undecodable(stream.encoding, offset - held + error.start, found)
            if not chunk:
                return None
            offset += len(chunk)
    finally:
        stream.close()
