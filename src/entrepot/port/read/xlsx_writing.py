"""A workbook of one sheet, written row by row (ECMA-376, the parts every program requires).

Strings stand in the cells themselves, so nothing has to be remembered. Integers beyond 2^53 are
written as text, since a sheet stores doubles and would destroy their last digits. Dates before
1 March 1900 become text too: the date system of workbooks is wrong there.
"""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from typing import IO, Any
from xml.sax.saxutils import escape

import polars as pl

from entrepot.kernel.errors import InvalidInput
from entrepot.port.read.text import as_text

ROWS_MAX = 1_048_576
COLUMNS_MAX = 16_384
CELL_CHARS_MAX = 32_767
"""The three limits of the format, as its programs enforce them."""

_EXACT_BOUND = 2**53
_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - sheets know no zones
_FIRST_DATE = dt.datetime(1900, 3, 1)  # noqa: DTZ001 - sheets know no zones
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" '
    'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Default Extension="xml" ContentType="application/xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/>'
    f'<Override PartName="/xl/styles.xml" ContentType="{_TYPE}.styles+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>'
    '<sheet name="Table" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships">'
    f'<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    "xl/styles.xml": f'<styleSheet xmlns="{_MAIN}"><numFmts count="1">'
    '<numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd\\ hh:mm:ss.000"/></numFmts>'
    '<fonts count="1"><font/></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="164" applyNumberFormat="1"/></cellXfs><cellStyles count="1">'
    '<cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>',
}
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


class SheetWriter:
    """Writes frames as rows of one sheet into a sink that need not be seekable."""

    def __init__(self, sink: Any) -> None:
        """Write the fixed parts and open the sheet."""
        self._zip = zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED)
        for name, content in _PARTS.items():
            self._zip.writestr(zipfile.ZipInfo(name, _TIMESTAMP), _XML + content)
        sheet = zipfile.ZipInfo("xl/worksheets/sheet1.xml", _TIMESTAMP)
        sheet.compress_type = zipfile.ZIP_DEFLATED
        self._sheet: IO[bytes] = self._zip.open(sheet, "w", force_zip64=True)
        self._sheet.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
        self._rows = 0

    def write(self, frame: pl.DataFrame) -> None:
        """Append the rows of `frame`, before the first ones the header."""
        if frame.width > COLUMNS_MAX:
            raise _too_large(f"{frame.width} columns, limit {COLUMNS_MAX}")
        if self._rows == 0:
            self._write_row([_string(name) for name in frame.columns])
        if self._rows + frame.height > ROWS_MAX:
            raise _too_large(f"over {ROWS_MAX} rows")
        for cells in zip(*[_cells(series) for series in frame], strict=True):
            self._write_row(list(cells))

    def finish(self) -> None:
        """Close the sheet and the package."""
        self._sheet.write(b"</sheetData></worksheet>")
        self._sheet.close()
        self._zip.close()

    def discard(self) -> None:
        """Release the package; its sink no longer keeps what it is given."""
        self.finish()

    def _write_row(self, cells: list[str]) -> None:
        self._rows += 1
        self._sheet.write(f"<row>{''.join(cells)}</row>".encode())


def _cells(series: pl.Series) -> list[str]:
    """Return the cells of one column as XML."""
    kind = series.dtype
    if kind.is_integer():
        return [_empty(value) or _integer(value) for value in series]
    if kind.is_float():
        return [_empty(value) or _float(value) for value in series]
    if isinstance(kind, pl.Boolean):
        return [_empty(value) or f'<c t="b"><v>{value:d}</v></c>' for value in series]
    if isinstance(kind, pl.Date):
        return [
            _empty(value) or _moment(dt.datetime.combine(value, dt.time()), 1) for value in series
        ]
    if isinstance(kind, pl.Datetime) and kind.time_zone is None:
        return [_empty(value) or _moment(value, 2) for value in series]
    return [_empty(value) or _string(value) for value in as_text(series)]


def _empty(value: object) -> str:
    return "<c/>" if value is None else ""


def _integer(value: int) -> str:
    return f"<c><v>{value}</v></c>" if abs(value) <= _EXACT_BOUND else _string(str(value))


def _float(value: float) -> str:
    finite = value - value == 0
    return f"<c><v>{value!r}</v></c>" if finite else _string(str(value))


def _moment(value: dt.datetime, style: int) -> str:
    if value < _FIRST_DATE or value.microsecond % 1000:
        return _string(value.isoformat() if style == 2 else value.date().isoformat())
    serial = (value - _EPOCH) / dt.timedelta(days=1)
    return f'<c s="{style}"><v>{serial!r}</v></c>'


def _string(text: str) -> str:
    if len(text) > CELL_CHARS_MAX:
        raise _too_large(f"a cell of {len(text)} characters, limit {CELL_CHARS_MAX}")
    plain = escape(_NOT_XML.sub("\ufffd", text)).replace("\r", "&#13;")
    return f'<c t="inlineStr"><is><t xml:space="preserve">{plain}</t></is></c>'


def _too_large(value: str) -> InvalidInput:
    return InvalidInput(
        "the table is larger than a workbook may be", value=value, remedy="write it as CSV"
    )
