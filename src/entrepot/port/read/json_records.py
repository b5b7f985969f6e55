"""The objects of a JSON file, whatever holds them, as blocks of one object per line.

JSON Lines pass through as they are. An array of objects, objects written one after the other, and
objects spread over several lines are cut apart and put on a line each (RFC 8259 text, RFC 7464 and
concatenated JSON). Every block comes with the number of its first line in the file.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

import msgspec

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.limits import KIB, MIB
from entrepot.port.read.source import READ_BYTES, Source
from entrepot.port.read.transcode import Utf8Stream

BLOCK_BYTES = 8 * MIB
_FIRST_LINE_BYTES = 256 * KIB
_BLANKS = " \t\r\n\x1e"


class Block(msgspec.Struct, frozen=True):
    """Whole objects, one per line, and the file's line on which the first of them starts."""

    lines: bytes
    first_line: int


def json_blocks(source: Source) -> Iterator[Block]:
    """Yield the objects of a JSON file in blocks of about 8 MiB.

    Raises `UnreadableData` for a record over the cell limit or text that cannot be cut into values;
    in the line form the syntax inside a line is left to the caller.
    """
    stream = Utf8Stream(source)
    try:
        if _is_one_per_line(source):
            yield from _line_blocks(stream, source.limits.cell_bytes)
        else:
            yield from _value_blocks(stream, source.limits.cell_bytes)
    finally:
        stream.close()


def _is_one_per_line(source: Source) -> bool:
    """Say whether the first line that is not blank is a whole object."""
    stream = Utf8Stream(source)
    try:
        start = stream.read(_FIRST_LINE_BYTES).lstrip()
    finally:
        stream.close()
    if start[:1] != b"{":
        return False
    line = start.partition(b"\n")[0].rstrip()
    try:
        msgspec.json.decode(line)
    except RecursionError:
        return True
    except (msgspec.DecodeError, UnicodeDecodeError):
        return not line.endswith((b"{", b"[", b",")) and not _holds_value(start)
    return True


def _holds_value(start: bytes) -> bool:
    """Say whether the text starts with a whole object, which then does not end with its line."""
    try:
        json.JSONDecoder().raw_decode(start.decode("utf-8", "ignore"))
    except (ValueError, RecursionError):
        return False
    return True


def _line_blocks(stream: Utf8Stream, cell_bytes: int) -> Iterator[Block]:
    held, line = b"", 1
    while True:
        chunk = stream.read(READ_BYTES)
        held += chunk
        if chunk and len(held) < BLOCK_BYTES:
            continue
        cut = held.rfind(b"\n") + 1 if chunk else len(held)
        if cut:
            yield Block(held[:cut], line)
            line += held.count(b"\n", 0, cut)
            held = held[cut:]
        if len(held) > cell_bytes:
            raise too_long(line, cell_bytes)
        if not chunk:
            return


def too_long(line: int, cell_bytes: int) -> UnreadableData:
    """Return the error for a record over the cell limit."""
    return UnreadableData(
        f"the record at line {line} is longer than the limit of {cell_bytes} bytes",
        remedy="move such contents out of the table",
    )


def _value_blocks(stream: Utf8Stream, cell_bytes: int) -> Iterator[Block]:
    """Cut array elements or concatenated values apart with the standard library's scanner."""
    cutter = _Cutter(stream, cell_bytes)
    lines: list[bytes] = []
    size, first_line = 0, 1
    for text, line in cutter.values():
        if not lines:
            first_line = line
        encoded = text.replace("\r", " ").replace("\n", " ").encode()
        lines.append(encoded)
        size += len(encoded)
        if size >= BLOCK_BYTES:
            yield Block(b"\n".join(lines), first_line)
            lines, size = [], 0
    if lines:
        yield Block(b"\n".join(lines), first_line)


class _Cutter:
    """A window of text over a stream, from which whole JSON values are taken one by one."""

    def __init__(self, stream: Utf8Stream, cell_bytes: int) -> None:
        self._stream = stream
        self._cell_bytes = cell_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False

    def values(self) -> Iterator[tuple[str, int]]:
        """Yield (text of the value, line it starts on) for every element or top-level value."""
        in_array = self._peek() == "["
        if in_array:
            self._at += 1
        while True:
            mark = self._peek()
            if in_array and mark == "]":
                self._at += 1
                if self._peek():
                    raise self._syntax("more text after the end of the array")
                return
            if not mark:
                if in_array:
                    raise self._syntax("the array is not closed: the file is truncated")
                return
            yield self._value()
            if in_array and self._peek() == ",":
                self._at += 1
            elif in_array and self._peek() not in ("]", ""):
                raise self._syntax("a comma is missing between two elements")

    def _peek(self) -> str:
        """Return the next character that is not blank; "" at the end."""
        while True:
            while self._at < len(self._text) and self._text[self._at] in _BLANKS:
                self._line += self._text[self._at] == "\n"
                self._at += 1
            if self._at < len(self._text):
                return self._text[self._at]
            if self._ended:
                return ""
            self._fill(READ_BYTES)

    def _value(self) -> tuple[str, int]:
        while True:
            try:
                _, end = self._scan(self._text, self._at)
            except RecursionError:
                raise self._syntax("the value is nested too deeply") from None
            except ValueError as error:
                if self._ended:
                    reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    raise self._syntax(reason.lower()) from None
                if len(self._text) - self._at > self._cell_bytes:
                    raise too_long(self._line, self._cell_bytes) from None
                self._fill(max(READ_BYTES, len(self._text) - self._at))
                continue
            text, line = self._text[self._at : end], self._line
            self._line += text.count("\n")
            self._at = end
            return text, line

    def _fill(self, size: int) -> None:
        parts = [self._text[self._at :]]
        while size > 0 and not self._ended:
            chunk = self._stream.read(READ_BYTES)
            self._ended = not chunk
            try:
                parts.append(self._decoder.decode(chunk, final=not chunk))
            except UnicodeDecodeError:
                raise self._stream.undecodable_here() from None
            size -= len(chunk)
        self._text, self._at = "".join(parts), 0

    def _syntax(self, reason: str) -> UnreadableData:
        return syntax_error(self._line, reason)


def syntax_error(line: int, reason: str) -> UnreadableData:
    """Return the error for text at `line` that is not JSON."""
    return UnreadableData(
        f"not valid JSON at or after line {line}: {reason}",
        remedy="mend that line, or fetch the file again if its end is missing",
    )
