"""Delimited text (CSV and its relatives) as batches of text columns.

Arrow's streaming CSV reader does the work: it takes any byte stream, holds a few blocks, refuses
ragged rows and knows a quoted empty field from an empty one. Layouts it cannot express (blanks
before a quote, a delimiter beyond ASCII) go through the standard library's reader, about ten times
slower. Measured against Polars' own readers in `docs/design/004-readers.md`.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.csv

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.bridges import arrow_file, frame_from
from entrepot.port.read.csv_fault import check_cells, find_fault, ragged, text_lines
from entrepot.port.read.dataset import Column, Table
from entrepot.port.read.dialect import Dialect, detect_dialect
from entrepot.port.read.found import Found, counted
from entrepot.port.read.limits import KIB, MIB, Limits
from entrepot.port.read.names import check_columns, unique_names
from entrepot.port.read.prefetch import prefetched
from entrepot.port.read.source import Source, read_exactly
from entrepot.port.read.transcode import Utf8Stream

BATCH_BYTES = 16 * MIB
"""Text per batch: small enough that reading and examining overlap and wide tables stay lean."""
_BLOCK_BYTES = 1 * MIB
_BLOCK_BYTES_PER_COLUMN = 4 * KIB
"""Wide tables get larger blocks, since every block costs some work per column."""
_SAMPLE_BYTES = 64 * KIB
_SAMPLE_BYTES_MAX = 4 * MIB

csv.field_size_limit(Limits().cell_bytes)


class Layout:
    """A delimited file as found: its dialect, names and what to warn of."""

    __slots__ = ("dialect", "encoding", "names", "warnings")

    def __init__(self, source: Source) -> None:
        """Judge the start of `source`. Raises `UnreadableData` if it cannot be a table."""
        stream = Utf8Stream(source)
        try:
            self.encoding = stream.encoding
            self.dialect = _sniff(stream, source.limits)
        finally:
            stream.close()
        dialect = self.dialect
        headers = dialect.header
        if headers is None:
            check_columns(dialect.fields, source.limits)
            headers = [""] * dialect.fields
        self.names, self.warnings = unique_names(headers, source.limits)
        if dialect.header is None:
            self.warnings = ["no header row; columns called col_N by position"]
        if dialect.preamble_records:
            self.warnings.append(
                f"{counted(dialect.preamble_records, 'record')} before the table left out"
                " (comment or title)"
            )


def open_delimited(source: Source) -> tuple[Found, list[Table]]:
    """Return what a delimited text file is, and its one table."""
    layout = Layout(source)
    headers = layout.dialect.header or [""] * len(layout.names)
    columns = [
        Column(name=name, header=header, index=index, dtype="text")
        for index, (name, header) in enumerate(zip(layout.names, headers, strict=True))
    ]

    def frames(rows: int) -> Iterator[pl.DataFrame]:
        if _needs_slow_reader(layout.dialect):
            return prefetched(_slow_frames(source, layout, rows))
        return prefetched(_fast_frames(source, layout, rows))

    found = Found(
        encoding=layout.encoding.name, dialect=layout.dialect.shown(), warnings=layout.warnings
    )
    return found, [Table("", columns, frames)]


def _sniff(stream: Utf8Stream, limits: Limits) -> Dialect:
    """Detect the dialect on a sample, grown until it holds a whole record."""
    sample, wanted = b"", _SAMPLE_BYTES
    while True:
        sample += read_exactly(stream, wanted - len(sample))
        complete = len(sample) < wanted
        text = _decoded(sample, stream, complete=complete)
        dialect = detect_dialect(text, complete=complete)
        if complete or dialect.lines_before_data or _lines(text) > 1:
            return dialect
        if wanted >= _SAMPLE_BYTES_MAX:
            check_columns(dialect.fields, limits)
            raise UnreadableData(
                f"no line ends within the first {_SAMPLE_BYTES_MAX} bytes",
                remedy="check that the file is a table of rows, one per line",
            )
        wanted *= 4


def _decoded(sample: bytes, stream: Utf8Stream, *, complete: bool) -> str:
    try:
        return codecs.getincrementaldecoder("utf-8")("strict").decode(sample, final=complete)
    except UnicodeDecodeError:
        raise stream.undecodable_here() from None


def _lines(text: str) -> int:
    return max(text.count("\n"), text.count("\r"))


def _needs_slow_reader(dialect: Dialect) -> bool:
    return dialect.skip_spaces or len(dialect.delimiter.encode()) > 1


def _fast_frames(source: Source, layout: Layout, rows: int) -> Iterator[pl.DataFrame]:
    """Yield frames through Arrow; a record longer than a block restarts the pass with a larger."""
    delivered = 0
    cell_bytes = source.limits.cell_bytes
    block_bytes = min(max(_BLOCK_BYTES, len(layout.names) * _BLOCK_BYTES_PER_COLUMN), cell_bytes)
    while True:
        try:
            for batch in _arrow_batches(source, layout, block_bytes, rows, skip=delivered):
                frame = frame_from(batch)
                if block_bytes > cell_bytes:
                    check_cells(frame, delivered, cell_bytes)
                delivered += batch.num_rows
                yield frame
        except pa.ArrowException as error:
            larger = 2 * cell_bytes
            if "straddling" not in str(error) or block_bytes >= larger:
                raise find_fault(source, layout.dialect, delivered, str(error)) from None
            block_bytes = larger
        else:
            return


def _arrow_batches(
    source: Source, layout: Layout, block_bytes: int, rows: int, *, skip: int
) -> Iterator[pa.Table]:
    """Yield tables of up to `rows` rows, about `BATCH_BYTES`; `skip` rows are left out first."""
    stream = _after_header(source, layout.dialect)
    held: list[pa.RecordBatch] = []
    held_rows = held_bytes = 0
    try:
        if (reader := _arrow_reader(stream, layout, block_bytes)) is None:
            return
        with reader:
            for batch in reader:
                if skip:
                    dropped = min(skip, batch.num_rows)
                    skip, batch = skip - dropped, batch.slice(dropped)
                if held and (held_rows + batch.num_rows > rows or held_bytes > BATCH_BYTES):
                    yield pa.Table.from_batches(held)
                    held, held_rows, held_bytes = [], 0, 0
                held.append(batch)
                held_rows += batch.num_rows
                held_bytes += batch.nbytes
            if held_rows:
                yield pa.Table.from_batches(held)
    finally:
        stream.close()


def _arrow_reader(
    stream: Utf8Stream, layout: Layout, block_bytes: int
) -> pa.csv.CSVStreamingReader | None:
    """Start Arrow's reader; None if no data follows the header, which Arrow takes for an error."""
    dialect, names = layout.dialect, layout.names
    parse = pa.csv.ParseOptions(
        delimiter=dialect.delimiter,
        quote_char=dialect.quote or False,
        double_quote=bool(dialect.quote),
        escape_char=dialect.escape or False,
        newlines_in_values=bool(dialect.quote),
        ignore_empty_lines=len(names) > 1,
    )
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    options = pa.csv.ReadOptions(block_size=block_bytes, column_names=names)
    try:
        return pa.csv.open_csv(
            cast(Any, arrow_file(stream, "r")),
            read_options=options,
            parse_options=parse,
            convert_options=convert,
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV file" in str(error):
            return None
        raise


def _after_header(source: Source, dialect: Dialect) -> Utf8Stream:
    stream = Utf8Stream(source)
    try:
        stream.skip(dialect.data_offset_bytes)
    except BaseException:
        stream.close()
        raise
    return stream


def _slow_frames(source: Source, layout: Layout, rows: int) -> Iterator[pl.DataFrame]:
    """Yield frames through the standard library's reader."""
    dialect, width = layout.dialect, len(layout.names)
    stream = _after_header(source, dialect)
    held: list[list[str]] = []
    held_chars, number = 0, 0
    try:
        reader = csv.reader(
            text_lines(stream, source.limits.cell_bytes), **dialect.reader_options()
        )
        for fields in reader:
            if not fields:
                continue
            number += 1
            if len(fields) != width:
                raise ragged(dialect, number, reader.line_num, width, len(fields))
            held.append(fields)
            held_chars += sum(map(len, fields))
            if len(held) >= rows or held_chars > BATCH_BYTES:
                yield _text_frame(held, layout.names)
                held, held_chars = [], 0
        if held:
            yield _text_frame(held, layout.names)
    except csv.Error as error:
        raise find_fault(source, dialect, number, str(error)) from None
    finally:
        stream.close()


def _text_frame(rows: list[list[str]], names: list[str]) -> pl.DataFrame:
    columns = zip(*rows, strict=True)
    return pl.DataFrame(
        {
            name: pl.Series(name, [cell or None for cell in cells], dtype=pl.String)
            for name, cells in zip(names, columns, strict=True)
        }
    )
