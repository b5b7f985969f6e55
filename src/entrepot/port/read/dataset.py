"""What a reader gives: a dataset of one or more tables, read in batches as often as wanted.

`Dataset.tables` holds one `Table` for every format except workbooks, which have one per sheet that
holds cells (hidden sheets included). A table is a list of columns and an iterator of Polars frames.
Readers of the separate formats build these two classes; nobody subclasses them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Self

import msgspec
import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.port.model import FileReport

BATCH_ROWS = 131_072
"""Rows per batch when the caller does not say: 19 text columns of this height take about 60 MB."""

LIST_SEPARATOR = "\x1f"
"""Between the elements of a list that is shown as one cell (ASCII "unit separator": it does not
occur in text, so `entrepot.port.read.as_values` can take the list apart again)."""

Progress = Callable[[int, int], None]
"""Called with (bytes of the file read so far, bytes of the file)."""


class Column(msgspec.Struct, frozen=True):
    """One column of a dataset."""

    name: str
    """Unique in the dataset: the header as read, `a.b[].c` for nested data, `Sheet!header` when a
    workbook has several sheets. It is the column's name in every batch."""
    header: str
    """The header alone, as read (without the sheet, before being made unique); "" if none."""
    index: int
    """Position in the dataset, over all tables, from 0."""
    dtype: str
    """`text`, `integer`, `float`, `decimal(p,s)`, `boolean`, `date`, `time`, `datetime`,
    `duration`, `binary`, `null`, or `list<...>` of one of these."""
    table: str = ""
    """The sheet; "" for formats with a single table."""
    hidden: bool = False
    """The column, or the sheet it stands in, is hidden from the user of a spreadsheet."""


class Table:
    """One rectangular table: columns and an iterator of batches."""

    __slots__ = ("_frames", "columns", "hidden", "name", "rows_estimate")

    def __init__(
        self,
        name: str,
        columns: list[Column],
        frames: Callable[[int], Iterator[pl.DataFrame]],
        *,
        rows_estimate: int | None = None,
        hidden: bool = False,
    ) -> None:
        """`frames(rows)` starts a fresh pass that yields frames of about `rows` rows."""
        self.name = name
        self.columns = columns
        self.rows_estimate = rows_estimate
        self.hidden = hidden
        self._frames = frames

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
        """Yield the table from its first row, in frames of at most `rows` rows, never empty.

        Every frame has every column, in file order. CSV columns are text: an empty field is null,
        a quoted empty field the empty string. Other formats keep their own types. Lists become
        text, their elements joined by `LIST_SEPARATOR`. May be called again; each call is a new
        pass over the file. Raises `UnreadableData` where the file stops making sense.
        """
        if rows < 1:
            raise InvalidInput("a batch needs at least one row", value=rows)
        for frame in self._frames(rows):
            for part in frame.iter_slices(rows):
                if part.height:
                    yield part


class Dataset:
    """An opened file: what it is, its tables, and how far it has been read. A context manager."""

    __slots__ = ("_close", "_report", "_tables")

    def __init__(
        self,
        tables: list[Table],
        report: Callable[[], FileReport],
        close: Callable[[], None],
    ) -> None:
        """`report` builds the file report when asked (it may have to hash the file)."""
        self._tables = tables
        self._report = report
        self._close = close

    @property
    def file(self) -> FileReport:
        """What the file is. Ask after reading: the hash is then known from the pass already made;
        before, the file is read once more for it."""
        return self._report()

    @property
    def tables(self) -> list[Table]:
        """Every table: one, or the sheets of a workbook that hold cells."""
        return self._tables

    @property
    def columns(self) -> list[Column]:
        """The columns of all tables, in order."""
        return [column for table in self._tables for column in table.columns]

    @property
    def rows_estimate(self) -> int | None:
        """Rows over all tables as the file itself states them; None if it does not."""
        estimates = [table.rows_estimate for table in self._tables]
        known = [rows for rows in estimates if rows is not None]
        return sum(known) if len(known) == len(estimates) else None

    def batches(self, rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
        """Yield the batches of the only table (see `Table.batches`).

        Raises `InvalidInput` for a workbook of several sheets: their rows are not one table, and
        reading only the first would leave cells out unseen.
        """
        if len(self._tables) > 1:
            raise InvalidInput(
                "the workbook has several sheets, which cannot be read as one table",
                value=", ".join(table.name for table in self._tables),
                remedy="read each of Dataset.tables, or save the wanted sheet as its own file",
            )
        for table in self._tables:
            yield from table.batches(rows)

    def close(self) -> None:
        """Release the file. Batches cannot be read afterwards."""
        self._close()

    def __enter__(self) -> Self:
        """Return the dataset itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the dataset."""
        self.close()
