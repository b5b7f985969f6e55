"""Workbooks (Office Open XML, ECMA-376): every sheet that holds cells as a table, hidden or not.

A sheet says how wide it is, and of what type its columns are, only at its end. So each sheet is
parsed once, at opening, into a temporary Arrow file of text, and the batches are read from there
with the types found. Damage anywhere is therefore reported at opening.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

import msgspec
import polars as pl
import pyarrow as pa

from entrepot.kernel.errors import StorageError, UnreadableData
from entrepot.port.read.bridges import arrow_file, frame_from
from entrepot.port.read.dataset import Column, Table
from entrepot.port.read.found import Found, counted
from entrepot.port.read.header import has_header
from entrepot.port.read.limits import MIB, Limits
from entrepot.port.read.names import unique_names
from entrepot.port.read.source import Source
from entrepot.port.read.text import dtype_label
from entrepot.port.read.xlsx_package import Package
from entrepot.port.read.xlsx_parts import (
    Book,
    Sheet,
    read_book,
    read_date_styles,
    read_passengers,
    read_shared_strings,
)
from entrepot.port.read.xlsx_sheet import Cells, SheetContext, SheetNotes, read_sheet

_SAMPLE_ROWS = 200
_SAMPLE_CELLS = 100_000
_SPILL_ROWS = 16_384
_SPILL_BYTES = 64 * MIB
_CELL_BYTES = 100
"""About what a cell costs in memory besides its text, while its row is held."""
_IN_MEMORY_BYTES = 4 * MIB
_STATES = {"hidden": " (hidden)", "veryHidden": " (very hidden)"}


class _Spill:
    """The rows of one sheet: the first ones kept to find the header, the rest written out."""

    def __init__(self) -> None:
        self.first: list[Cells] = []
        self.kinds: list[set[str]] = []
        self.rows = 0
        self._held: list[Cells] = []
        self._held_size = 0
        self._sampled_cells = 0
        self._frames: list[tuple[int, int]] = []
        self._file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)

    def take(self, row: Cells) -> None:
        """Accept the next row."""
        if len(self.first) < _SAMPLE_ROWS and self._sampled_cells < _SAMPLE_CELLS:
            self._sampled_cells += len(row)
            self.first.append(row)
            return
        self._keep(row)

    def settle(self, data_from: int) -> None:
        """Treat the sampled rows from `data_from` on as data, and end the writing."""
        sampled = self.first[data_from:]
        later, self._held, self._held_size = self._held, [], 0
        frames, self._frames = self._frames, []
        for row in sampled:
            self._keep(row)
        self._write()
        self._frames += frames
        self._held = later
        self._write()

    def _keep(self, row: Cells) -> None:
        kinds = self.kinds
        for position, (text, kind) in row.items():
            while position >= len(kinds):
                kinds.append(set())
            kinds[position].add(kind)
            self._held_size += len(text) + _CELL_BYTES
        self._held.append(row)
        self.rows += 1
        if len(self._held) >= _SPILL_ROWS or self._held_size > _SPILL_BYTES:
            self._write()

    def _write(self) -> None:
        if not self._held:
            return
        width = max(max(row) for row in self._held) + 1
        columns = [
            pa.array(
                [cell[0] if (cell := row.get(at)) else None for row in self._held], pa.string()
            )
            for at in range(width)
        ]
        batch = pa.record_batch(columns, names=[str(at) for at in range(width)])
        try:
            start = self._file.seek(0, 2)
            with pa.ipc.new_stream(arrow_file(_KeptOpen(self._file), "w"), batch.schema) as out:
                out.write_batch(batch)
            self._frames.append((start, self._file.tell() - start))
        except OSError as error:
            raise StorageError(
                "a sheet cannot be unpacked into the temporary folder",
                value=error.strerror,
                remedy="free some space there, or set TMPDIR to a folder that has it",
            ) from error
        self._held, self._held_size = [], 0

    def frames(self, names: list[str], kinds: list[pl.DataType]) -> Iterator[pl.DataFrame]:
        """Yield the rows as frames of `names`, every column cast to its type."""
        for start, size in self._frames:
            self._file.seek(start)
            content = self._file.read(size)
            frame = frame_from(pa.ipc.open_stream(content).read_all())
            columns = [
                typed(frame[str(at)], kind).rename(name)
                if str(at) in frame.columns
                else pl.Series(name, [None] * frame.height, dtype=kind)
                for at, (name, kind) in enumerate(zip(names, kinds, strict=True))
            ]
            yield pl.DataFrame(columns)

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()


class _KeptOpen:
    """A file that Arrow may close without closing it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.closed = False

    def write(self, content: bytes) -> int:
        return self._file.write(content)

    def flush(self) -> None:
        self._file.flush()

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self.closed = True


class _Filled(msgspec.Struct, frozen=True):
    """A sheet that holds cells, parsed."""

    sheet: Sheet
    spill: _Spill
    notes: SheetNotes


def open_workbook(source: Source) -> tuple[Found, list[Table]]:
    """Return what a workbook is, and a table for every sheet with cells. Parses all of it."""
    limits = source.limits
    with Package(source.seekable(), limits) as package:
        book = read_book(package, limits.sheets)
        strings, phonetic = read_shared_strings(package, limits.shared_strings_bytes)
        metadata, warnings = read_passengers(package, book)
        filled = _fill(package, book, strings, source)
    phonetic += sum(one.notes.phonetic_guides for one in filled)
    if phonetic:
        warnings.append(f"not examined: {counted(phonetic, 'phonetic guide')} of names or words")
    tables: list[Table] = []
    for one in filled:
        prefix = f"{one.sheet.name}!" if len(filled) > 1 else ""
        first = sum(len(table.columns) for table in tables)
        tables.append(_table(one, prefix, first, limits, warnings))
    held = {one.sheet.name for one in filled}
    parts = [
        sheet.name + _STATES.get(sheet.state, "") + ("" if sheet.name in held else " (no cells)")
        for sheet in book.sheets
    ]
    if not tables:
        raise UnreadableData(
            "no sheet of the workbook holds a cell",
            value=", ".join(parts)[:100],
            remedy="check that it was saved with its data",
        )
    hidden = sum(1 for sheet in book.sheets if sheet.state != "visible")
    if hidden:
        warnings.insert(0, f"{counted(hidden, 'hidden sheet')}, read like the others")
    if source.on_progress is not None:
        source.on_progress(source.size_bytes, source.size_bytes)
    return Found(parts=parts, metadata=metadata, warnings=warnings), tables


def _fill(package: Package, book: Book, strings: list[str], source: Source) -> list[_Filled]:
    """Parse every worksheet; those without cells are left out."""
    context = SheetContext(strings, read_date_styles(package), book.epoch_1904)
    filled = []
    for sheet in book.sheets:
        if not sheet.is_table:
            continue
        spill = _Spill()
        source.closers.append(spill.close)
        notes = read_sheet(
            package,
            sheet.part,
            context=context,
            limits=source.limits,
            emit=spill.take,
        )
        if spill.first:
            filled.append(_Filled(sheet, spill, notes))
    return filled


def _table(
    one: _Filled, prefix: str, first_index: int, limits: Limits, warnings: list[str]
) -> Table:
    """Find the header of a sheet, settle its rows and describe its columns."""
    spill, name = one.spill, one.sheet.name
    start, headers = _header(spill.first)
    if start:
        warnings.append(f"{counted(start, 'row')} above the table in sheet {name} left out (title)")
    spill.settle(start + (headers is not None))
    if headers is None:
        warnings.append(f"no header row in sheet {name}; columns called col_N by position")
        headers = []
    width = max(len(headers), len(spill.kinds))
    headers = headers + [""] * (width - len(headers))
    spill.kinds += [set() for _ in range(width - len(spill.kinds))]
    names, renamed = unique_names(headers, limits)
    warnings += [f"sheet {name}: {text}" for text in renamed if start or headers != [""] * width]
    if one.notes.hidden_rows:
        warnings.append(f"{counted(one.notes.hidden_rows, 'hidden row')} in sheet {name}, read")
    hidden = one.sheet.state != "visible"
    concealed = sorted(at for at in one.notes.hidden_columns if at < width)
    if concealed:
        warnings.append(f"{counted(len(concealed), 'hidden column')} in sheet {name}, read")
    kinds = [column_type(found) for found in spill.kinds]
    names = [prefix + column for column in names]
    columns = [
        Column(
            name=names[at],
            header=headers[at],
            index=first_index + at,
            dtype=dtype_label(kinds[at]),
            table=name,
            hidden=hidden or at in one.notes.hidden_columns,
        )
        for at in range(width)
    ]

    def frames(rows: int) -> Iterator[pl.DataFrame]:
        return spill.frames(names, kinds)

    return Table(name, columns, frames, rows_estimate=spill.rows, hidden=hidden)


def _header(rows: list[Cells]) -> tuple[int, list[str] | None]:
    """Return how many title rows stand above the table, and the header's texts if it has one."""
    widths = sorted(len(row) for row in rows)
    usual = widths[len(widths) // 2]
    start = 0
    if usual >= 3:
        start = next((at for at, row in enumerate(rows) if len(row) * 2 > usual), 0)
    width = max(max(row) for row in rows) + 1
    dense = [[row[at][0] if at in row else "" for at in range(width)] for row in rows[start:]]
    if any(kind != "s" for _, kind in rows[start].values()):
        texts = sum(1 for _, kind in rows[start].values() if kind == "s")
        if texts * 2 <= len(rows[start]):
            return start, None
    return start, dense[0] if has_header(dense) else None


def column_type(kinds: set[str]) -> pl.DataType:
    """Return the one type that holds all cells of a column without loss; text if they differ."""
    if not kinds:
        return pl.String()
    for held, kind in _COLUMN_TYPES:
        if kinds <= held:
            return kind
    return pl.String()


_COLUMN_TYPES: tuple[tuple[frozenset[str], pl.DataType], ...] = (
    (frozenset("i"), pl.Int64()),
    (frozenset("if"), pl.Float64()),
    (frozenset("b"), pl.Boolean()),
    (frozenset("d"), pl.Date()),
    (frozenset("dt"), pl.Datetime("ms")),
    (frozenset("h"), pl.Time()),
)


def typed(text: pl.Series, kind: pl.DataType) -> pl.Series:
    """Return cells of text as `kind`; they were written in the form that it reads."""
    if kind == pl.String:
        return text
    if kind == pl.Boolean:
        return text == "true"
    if kind == pl.Date:
        return text.str.to_date("%Y-%m-%d")
    if isinstance(kind, pl.Datetime):
        midnight = text.str.len_chars() == 10
        whole = pl.select(pl.when(midnight).then(text + "T00:00:00").otherwise(text)).to_series()
        return whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="ms")
    if kind == pl.Time:
        return text.str.to_time("%H:%M:%S%.f")
    return text.cast(kind)
