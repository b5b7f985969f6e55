"""Where exactly a delimited file stops making sense, for the message.

The fast reader says only that something is wrong. The file is then read once more, slowly and
strictly, up to the fault. Cells are never quoted in the message: they may be somebody's data.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator

import polars as pl

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.dialect import Dialect
from entrepot.port.read.source import READ_BYTES, Source
from entrepot.port.read.transcode import Utf8Stream, find_undecodable

_RECORD_LINES = 3


def find_fault(source: Source, dialect: Dialect, sound_rows: int, reason: str) -> UnreadableData:
    """Return the error for the first fault after `sound_rows` good rows.

    `reason` is the fast reader's own complaint; only its kind is used, never its text.
    """
    if "UTF8" in reason and (error := find_undecodable(source)) is not None:
        return error
    stream = Utf8Stream(source)
    stream.skip(dialect.data_offset_bytes)
    try:
        fault = _scan(stream, source, dialect)
    except UnreadableData as error:
        return error
    finally:
        stream.close()
    return fault or UnreadableData(
        f"the delimited text breaks after row {sound_rows}",
        value=f"delimiter {dialect.shown()['delimiter']}, quote {dialect.shown()['quote']}",
        remedy="check quoting and line ends near that row, and save the file again",
    )


def ragged(dialect: Dialect, row: int, line: int, expected: int, found: int) -> UnreadableData:
    """Return the error for a row with another number of fields than the header."""
    return UnreadableData(
        f"row {row} (line {line + dialect.lines_before_data}) has {found} fields"
        f" where {expected} are expected",
        value=f"delimiter {dialect.shown()['delimiter']}, quote {dialect.shown()['quote']}",
        remedy="quote fields that hold the delimiter, or mend that row",
    )


def text_lines(stream: Utf8Stream, cell_bytes: int) -> Iterator[str]:
    """Yield the lines of a stream with their ends, cut at LF, CRLF and CR only.

    Raises `UnreadableData` for a line longer than `cell_bytes`, before more of it is read.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    held, number = "", 0
    while True:
        chunk = stream.read(READ_BYTES)
        try:
            text = held + decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError:
            raise stream.undecodable_here() from None
        lines = io.StringIO(text, newline="").readlines()
        held = lines.pop() if chunk and lines and not _is_ended(lines[-1]) else ""
        if len(held) > cell_bytes:
            raise UnreadableData(
                f"line {number + len(lines) + 1} after the header is longer than the limit"
                f" of {cell_bytes} bytes for a cell",
                remedy="check for an unclosed quote or a wrong delimiter there",
            )
        number += len(lines)
        yield from lines
        if not chunk:
            return


def _is_ended(line: str) -> bool:
    """Say whether a line is complete: a CR at the end of a chunk may be half of a CRLF."""
    return line.endswith("\n")


def _scan(stream: Utf8Stream, source: Source, dialect: Dialect) -> UnreadableData | None:
    """Read record by record; return the first fault, None if this reader finds none."""
    limit = source.limits.cell_bytes
    record_lines: list[str] = []
    held_chars = 0

    def lines() -> Iterator[str]:
        nonlocal held_chars
        for line in text_lines(stream, limit):
            held_chars += len(line)
            if len(record_lines) < _RECORD_LINES:
                record_lines.append(line)
            yield line

    reader = csv.reader(lines(), **dialect.reader_options())
    row, start_line = 0, 0
    try:
        for fields in reader:
            if fields or dialect.fields == 1:
                row += 1
                if len(fields or [""]) != dialect.fields:
                    spans = reader.line_num - start_line
                    if spans > 1 and _opens_quote(dialect, record_lines[0]):
                        return _unclosed(dialect, row, start_line + 1)
                    return ragged(dialect, row, start_line + 1, dialect.fields, len(fields))
                if held_chars > limit and (error := _oversized(dialect, fields, row, limit)):
                    return error
            record_lines.clear()
            held_chars, start_line = 0, reader.line_num
    except csv.Error:
        if _opens_quote(dialect, record_lines[0] if record_lines else ""):
            return _unclosed(dialect, row + 1, start_line + 1)
        return _too_large(f"a cell of row {row + 1}", limit)
    return None


def _opens_quote(dialect: Dialect, line: str) -> bool:
    return bool(dialect.quote) and line.count(dialect.quote) % 2 == 1


def _unclosed(dialect: Dialect, row: int, line: int) -> UnreadableData:
    return UnreadableData(
        f"a quote opened in row {row} (line {line + dialect.lines_before_data}) is never closed",
        value=f"quote {dialect.quote}",
        remedy="close it, or double the quotes that are part of the text",
    )


def _oversized(dialect: Dialect, fields: list[str], row: int, limit: int) -> UnreadableData | None:
    """Return the error for a record over the limit, naming its largest cell."""
    sizes = [len(cell.encode()) for cell in fields]
    if sum(sizes) <= limit:
        return None
    position = sizes.index(max(sizes))
    header = dialect.header[position] if dialect.header else f"col_{position + 1}"
    return _too_large(f"row {row}, column {header}", limit)


def check_cells(frame: pl.DataFrame, rows_before: int, limit: int) -> None:
    """Raise `UnreadableData` for the first cell of text over `limit` bytes."""
    for series in frame:
        sizes = series.str.len_bytes()
        if ((largest := sizes.max()) or 0) > limit:  # type: ignore[operator]
            row = rows_before + (sizes == largest).arg_max() + 1  # type: ignore[operator]
            raise _too_large(f"row {row}, column {series.name}", limit)


def _too_large(where: str, limit: int) -> UnreadableData:
    return UnreadableData(
        f"a cell is larger than the limit of {limit} bytes",
        value=where,
        remedy="check for an unclosed quote; else move such contents out of the table",
    )
