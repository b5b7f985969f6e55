"""The rows of one worksheet, as text with the kind of each cell.

Numbers in a sheet are doubles; the text given here is the shortest that reads back as the same
double, without `.0`. Numbers under a date format become ISO 8601 dates and times. Cells are placed
by their references, so gaps are nulls.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.limits import Limits
from entrepot.port.read.xlsx_package import Package, damaged

Cells = dict[int, tuple[str, str]]
"""Column position from 0 → (text, kind); kinds are the keys of `KIND_MEANINGS`."""

KIND_MEANINGS = {
    "s": "text",
    "i": "whole number",
    "f": "number",
    "b": "boolean",
    "d": "date",
    "t": "date and time",
    "h": "time of day",
}

_EPOCH_1900 = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - sheets know no zones
_EPOCH_1904 = dt.datetime(1904, 1, 1)  # noqa: DTZ001 - sheets know no zones
_SERIAL_MAX = 2_958_466
"""One more than 9999-12-31."""
_COLUMNS_MAX = 16_384
_FIRST_MARCH_1900 = 61
_INTEGER_BOUND = 2.0**63


class SheetNotes(msgspec.Struct):
    """What a sheet hides: columns (positions from 0), how many rows with cells, and how many
    phonetic guides (furigana) stand beside the text."""

    hidden_columns: set[int] = msgspec.field(default_factory=set)
    hidden_rows: int = 0
    phonetic_guides: int = 0


class SheetContext(msgspec.Struct, frozen=True):
    """What the cells of every sheet refer to: the string table, which styles are dates, and
    whether serial 0 is the first day of 1904 instead of the eve of 1900."""

    strings: list[str]
    date_styles: list[bool]
    epoch_1904: bool


class _Reader:
    """The state of the parse of one sheet; rows are handed to `emit` as they end."""

    def __init__(
        self,
        context: SheetContext,
        limits: Limits,
        emit: Callable[[Cells], None],
    ) -> None:
        self.notes = SheetNotes()
        self._strings = context.strings
        self._date_styles = context.date_styles
        self._epoch = _EPOCH_1904 if context.epoch_1904 else _EPOCH_1900
        self._limits = limits
        self._emit = emit
        self._row: Cells = {}
        self._row_hidden = False
        self._position = -1
        self._type = "n"
        self._style = 0
        self._pieces: list[str] = []
        self._taking = False
        self._in_phonetic = False
        self._cell_size = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "c":
            reference = attributes.get("r")
            self._position = column_of(reference) if reference else self._position + 1
            self._type = attributes.get("t", "n")
            style = attributes.get("s", "0")
            self._style = int(style) if style.isdigit() else 0
            self._cell_size = 0
        elif tag == "v" or tag == "t":
            self._taking = not self._in_phonetic
        elif tag == "rPh":
            self._in_phonetic = True
            self.notes.phonetic_guides += 1
        elif tag == "row":
            self._row = {}
            self._position = -1
            self._row_hidden = attributes.get("hidden") in ("1", "true")
        elif tag == "col" and attributes.get("hidden") in ("1", "true"):
            first, last = int(attributes.get("min", "1")), int(attributes.get("max", "1"))
            self.notes.hidden_columns.update(range(first - 1, min(last, _COLUMNS_MAX)))

    def text(self, piece: str) -> None:
        if self._taking:
            self._pieces.append(piece)
            self._cell_size += len(piece)
            if self._cell_size > self._limits.cell_bytes:
                raise UnreadableData(
                    f"a cell is larger than the limit of {self._limits.cell_bytes} bytes",
                    value=f"column {self._position + 1}",
                    remedy="move such contents out of the table",
                )

    def end(self, tag: str) -> None:
        if tag == "v" or tag == "t":
            self._taking = False
        elif tag == "c":
            if self._pieces:
                raw = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
                self._pieces.clear()
                self._row[self._position] = self._cell(raw)
            elif self._type == "inlineStr":
                self._row[self._position] = ("", "s")
        elif tag == "rPh":
            self._in_phonetic = False
        elif tag == "row" and self._row:
            self.notes.hidden_rows += self._row_hidden
            self._emit(self._row)

    def _cell(self, raw: str) -> tuple[str, str]:
        kind = self._type
        if kind == "s":
            return self._strings[int(raw)], "s"
        if kind == "n":
            is_date = self._style < len(self._date_styles) and self._date_styles[self._style]
            return serial_text(float(raw), self._epoch) if is_date else number_text(raw)
        if kind == "b":
            return ("true" if raw.strip() in ("1", "true") else "false"), "b"
        return raw, "s"


def read_sheet(
    package: Package,
    part: str,
    *,
    context: SheetContext,
    limits: Limits,
    emit: Callable[[Cells], None],
) -> SheetNotes:
    """Parse the sheet in `part`, calling `emit` with every row that has cells."""
    reader = _Reader(context, limits, emit)
    try:
        package.parse(part, reader.start, reader.end, reader.text)
    except (ValueError, IndexError, OverflowError) as error:
        raise damaged(part, f"a cell that contradicts itself ({type(error).__name__})") from None
    return reader.notes


def column_of(reference: str) -> int:
    """Return the position from 0 of a cell reference such as `AB12`."""
    column = 0
    for char in reference:
        if "A" <= char <= "Z":
            column = column * 26 + ord(char) - 64
        else:
            break
    if not 1 <= column <= _COLUMNS_MAX:
        raise ValueError(reference)
    return column - 1


def number_text(raw: str) -> tuple[str, str]:
    """Return the text of a stored number and whether it is whole."""
    value = float(raw)
    if value.is_integer() and abs(value) < _INTEGER_BOUND:
        return str(int(value)), "i"
    return repr(value), "f"


def serial_text(value: float, epoch: dt.datetime) -> tuple[str, str]:
    """Return a date serial in ISO 8601; outside the calendar the number itself.

    Serials below 61 of the 1900 system are one day off on purpose: it counts a 29 February 1900.
    """
    if not 0 <= value < _SERIAL_MAX:
        return number_text(repr(value))
    if value < 1:
        moment = epoch + dt.timedelta(milliseconds=round(value * 86_400_000))
        return moment.time().isoformat(), "h"
    if epoch == _EPOCH_1900 and value < _FIRST_MARCH_1900:
        epoch = epoch + dt.timedelta(days=1)
    moment = epoch + dt.timedelta(milliseconds=round(value * 86_400_000))
    if moment.time() == dt.time(0):
        return moment.date().isoformat(), "d"
    return moment.isoformat(), "t"
