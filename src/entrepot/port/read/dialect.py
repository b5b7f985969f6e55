"""How a delimited text file is laid out: delimiter, quoting, preamble, header.

Every pairing of a delimiter and a quoting style that the sample could mean is tried on it, and the
one that cuts it into the most regular and cleanest table wins: consistency of field counts times
cleanness of cells, after van den Burg, Nazabal and Sutton, "Wrangling messy CSV files by detecting
row and type patterns" (2019), much simplified. Before any score comes grammar: a reading in which
every quote stands where RFC 4180 allows one, and which gives a steady width, leaves no room for a
reading that takes the quotes for text (`entrepot.port.read.quoting`).
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import msgspec

from entrepot.port.read.header import has_header
from entrepot.port.read.preamble import title_records
from entrepot.port.read.quoting import Quotes, count_quotes

DELIMITERS = {
    ",": 1.0,
    ";": 1.0,
    "\t": 1.05,
    "|": 1.0,
    "\x1f": 1.0,
    "\x01": 1.0,
    "^": 0.8,
    "~": 0.8,
    "¦": 0.8,
    "§": 0.8,
    "，": 0.6,
    "；": 0.6,
    ":": 0.5,
    "#": 0.4,
    " ": 0.25,
}
"""Delimiters considered, and how usual each is."""

_WORD_BREAKS = frozenset(" :#")
_FEW_RECORDS = 5
_RECORDS = 200
_PREAMBLE_RECORDS = 50
_CONSISTENT = 0.5
_STEADY = 0.8
_HEADLESS = 0.1
"""Weight of a reading whose first record is narrower than its table: perhaps a title stands above,
more often the header holds no such delimiter because it is none."""
_BROKEN = 0.05
"""Weight of a reading that cuts quoted text in every record."""
_SEPARATOR_HINT = re.compile(r"^sep=(.)\r?\n?$")
_UNCLEAN = re.compile(r'[,;|\t\x1f\x01~^]|"|(?<!\d):|:(?!\d)')


class Dialect(msgspec.Struct, frozen=True):
    """The layout of one delimited file. `quote` and `escape` are "" if not used."""

    delimiter: str
    quote: str
    escape: str
    skip_spaces: bool
    """Blanks after a delimiter do not count, so that `a, "b, c"` has two fields."""
    header: list[str] | None
    """The fields of the header; None if the table has none."""
    fields: int
    data_offset_bytes: int
    """Where the first data record starts, in UTF-8 bytes after any byte order mark."""
    lines_before_data: int
    preamble_records: int
    line_ending: str

    def reader_options(self) -> dict[str, Any]:
        """Return the dialect as keyword arguments of `csv.reader`."""
        return {
            "delimiter": self.delimiter,
            "quotechar": self.quote or None,
            "escapechar": self.escape or None,
            "quoting": csv.QUOTE_MINIMAL if self.quote else csv.QUOTE_NONE,
            "skipinitialspace": self.skip_spaces,
        }

    def shown(self) -> dict[str, str]:
        """Return the dialect as `FileReport.dialect` carries it."""
        return {
            "delimiter": {"\t": "tab", " ": "space"}.get(self.delimiter, self.delimiter),
            "quote": self.quote or "none",
            "escape": "backslash" if self.escape else "doubled quote",
            "header": "no" if self.header is None else "yes",
            "preamble_records": str(self.preamble_records),
            "line_ending": self.line_ending,
        }


class _Record(msgspec.Struct, frozen=True):
    fields: list[str]
    start_byte: int
    end_byte: int
    end_line: int


class _Reading(msgspec.Struct, frozen=True):
    """The sample as one candidate layout cuts it."""

    delimiter: str
    quote: str
    escape: str
    skip_spaces: bool
    records: list[_Record]
    score: float
    fields: int


def detect_dialect(sample: str, *, complete: bool) -> Dialect:
    """Return the layout of the text that `sample` begins (or is, if `complete`).

    The sample must hold at least one record. Never fails: text that is no table is one column.
    """
    hint = _SEPARATOR_HINT.match(sample.split("\n", 1)[0] + "\n")
    delimiters = [hint.group(1)] if hint else [char for char in DELIMITERS if char in sample]
    readings = [
        _read(sample, delimiter, quoting, complete=complete)
        for delimiter in delimiters or [","]
        for quoting in _quotings(sample, delimiter)
    ]
    readings, single = _grammatical(readings, sample, complete=complete)
    best = max(readings, key=lambda reading: reading.score)
    if (best.score <= 0 or single or _is_chance(best)) and not hint:
        best = _read_single(sample, complete=complete)
    return _layout(best, sample, hinted=hint is not None)


def _is_chance(reading: _Reading) -> bool:
    """Tell whether a word break passes for a delimiter: a short file whose header has none."""
    few = len(reading.records) <= _FEW_RECORDS
    return (
        few
        and reading.delimiter in _WORD_BREAKS
        and len(reading.records[0].fields) != reading.fields
    )


def _grammatical(
    readings: list[_Reading], sample: str, *, complete: bool
) -> tuple[list[_Reading], bool]:
    """Return the readings whose quotes obey the grammar, or all if none does; and whether the
    quotes show a table of one column, since every delimiter stands inside them."""
    single = False
    for quote in ('"', "'"):
        sound: list[_Reading] = []
        for reading in readings:
            if reading.quote != quote or quote not in sample:
                continue
            quotes = count_quotes(
                sample,
                reading.delimiter,
                quote,
                reading.escape,
                skip_spaces=reading.skip_spaces,
                complete=complete,
            )
            if quotes is None or not quotes.fields:
                continue
            if _is_steady(reading) and (quote == '"' or _is_needed(reading, quotes)):
                sound.append(reading)
            single = single or (quote == '"' and _is_one_column(reading))
        if sound:
            return sound, False
        if single:
            return readings, True
    return readings, False


def _is_steady(reading: _Reading) -> bool:
    """Say whether a reading has several columns and nearly all records that many, header included
    (which may lack the name of the first column)."""
    widths = [len(record.fields) for record in _body(reading.records)]
    if reading.fields < 2 or not widths:
        return False
    start = next((at for at, width in enumerate(widths) if width >= reading.fields - 1), 0)
    if start and DELIMITERS.get(reading.delimiter, 1.0) < _CONSISTENT:
        return False
    table = widths[start:]
    return table.count(reading.fields) >= _STEADY * (len(table) - 1) and len(table) >= 1


def _is_one_column(reading: _Reading) -> bool:
    return len(reading.records) > 1 and all(len(record.fields) == 1 for record in reading.records)


def _is_needed(reading: _Reading, quotes: Quotes) -> bool:
    """Say whether single quotes do the work of quotes, rather than stand in the text."""
    return quotes.needed > 0 or 2 * quotes.fields >= len(reading.records)


def _quotings(sample: str, delimiter: str) -> list[tuple[str, str, bool]]:
    """Return the (quote, escape, skip blanks) worth trying; on equal scores the first is taken."""
    styles = [('"', "", False)]
    edge = re.escape(delimiter)
    if '\\"' in sample:
        styles.append(('"', "\\", False))
    if re.search(rf"(?:^|{edge}|\n)'[^'\n]*'(?:{edge}|\r|\n|$)", sample):
        styles.append(("'", "", False))
        if "\\'" in sample:
            styles.append(("'", "\\", False))
    if delimiter != " " and re.search(rf'{edge} +"', sample):
        styles.append(('"', "", True))
    if '"' in sample:
        styles.append(("", "", False))
    return styles


def _read_single(sample: str, *, complete: bool) -> _Reading:
    """Read the sample as one column, by a delimiter that does not occur in it."""
    absent = [char for char in "\x1f\x01\x02\x03\x04\x05" if char not in sample]
    return _read(sample, (absent or [","])[0], ('"', "", False), complete=complete)


def _read(
    sample: str, delimiter: str, quoting: tuple[str, str, bool], *, complete: bool
) -> _Reading:
    quote, escape, skip = quoting
    records = list(_records(sample, delimiter, quote, escape, skip, complete=complete))
    score, fields = _score(records, delimiter)
    return _Reading(delimiter, quote, escape, skip, records, score, fields)


def _records(
    sample: str, delimiter: str, quote: str, escape: str, skip: bool, *, complete: bool
) -> Iterator[_Record]:
    """Cut the sample; the last record is left out if the sample may have cut it short."""
    position, line_number = 0, 0

    def lines() -> Iterator[str]:
        nonlocal position, line_number
        for line in io.StringIO(sample, newline=""):
            position += len(line.encode("utf-8", "surrogatepass"))
            line_number += 1
            yield line

    reader = csv.reader(
        lines(),
        delimiter=delimiter,
        quotechar=quote or None,
        escapechar=escape or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
        skipinitialspace=skip,
    )
    start, count = 0, 0
    pending: _Record | None = None
    try:
        for fields in reader:
            if pending is not None:
                yield pending
                count += 1
            pending = _Record(fields, start, position, line_number) if fields else None
            start = position
            if count >= _RECORDS:
                return
    except csv.Error:
        return
    if pending is not None and complete:
        yield pending


def _score(records: list[_Record], delimiter: str) -> tuple[float, int]:
    """Return how good a table the records are (0 = not one of several columns) and its width."""
    body = _body(records)
    if not body:
        return 0.0, 1
    widths = Counter(len(record.fields) for record in body)
    fields, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    if fields == 1 and len(widths) > 1 and len(body) <= 3:
        fields, count = max(item for item in widths.items() if item[0] > 1)
    share = count / len(body)
    if fields == 1 or share < _CONSISTENT:
        return 0.0, 1
    headless = len(body[0].fields) < max(fields - 1, 2)
    if headless and len(body) > 2 and _is_prose(body, fields):
        return 0.0, 1
    cells = [cell for record in body[:100] for cell in record.fields]
    clean = sum(1 for cell in cells if not _UNCLEAN.search(cell)) / len(cells)
    usual = DELIMITERS.get(delimiter, 1.0)
    score = math.log2(fields) * share**3 * (0.2 + 0.8 * clean) * usual
    return score * (_HEADLESS if headless else 1.0) * _unbroken(body), fields


def _body(records: list[_Record]) -> list[_Record]:
    return [record for record in records if not record.fields[0].startswith("#")] or records


def _is_prose(body: list[_Record], fields: int) -> bool:
    """Say whether a first record of one field is rather the header of one column of text, whose
    delimiters belong to the text: no empty line parts it from the rest, or a blank follows each."""
    if len(body[0].fields) > 1:
        return False
    rows = [record.fields for record in body if len(record.fields) == fields]
    spaced = all(cell.startswith(" ") for row in rows for cell in row[1:])
    parted = _is_parted(body[0], body[1])
    return (spaced and (not parted or fields == 2)) or (fields == 2 and not parted)


def _is_parted(above: _Record, below: _Record) -> bool:
    """Say whether an empty line stands between two records."""
    return below.start_byte != above.end_byte


def _unbroken(body: list[_Record]) -> float:
    """Return the share of records in which no quoted text was cut at a delimiter."""
    broken = 0
    for record in body:
        cells = [cell.strip() for cell in record.fields]
        opens = any(cell.startswith('"') and not cell.endswith('"') for cell in cells)
        closes = any(cell.endswith('"') and not cell.startswith('"') for cell in cells)
        broken += opens and closes
    return max(1.0 - broken / len(body), _BROKEN)


def _layout(reading: _Reading, sample: str, *, hinted: bool) -> Dialect:
    """Find where the table starts in a reading and whether it has a header."""
    records = reading.records
    first = _first_of_table(records, reading.fields, hinted=hinted)
    rows = [record.fields for record in records[first:]]
    header: list[str] | None = None
    if rows and has_header(rows):
        header = rows[0]
        if len(header) == reading.fields - 1 and reading.fields >= 3:
            header = ["", *header]
    at = records[first] if first < len(records) else None
    offset = 0 if at is None else (at.start_byte if header is None else at.end_byte)
    previous = records[first - 1].end_line if first else 0
    lines = previous if header is None or at is None else at.end_line
    fields = len(header) if header is not None else reading.fields
    return Dialect(
        delimiter=reading.delimiter,
        quote=reading.quote,
        escape=reading.escape,
        skip_spaces=reading.skip_spaces,
        header=header,
        fields=max(fields, 1),
        data_offset_bytes=offset,
        lines_before_data=lines,
        preamble_records=first,
        line_ending=_line_ending(sample),
    )


def _first_of_table(records: list[_Record], fields: int, *, hinted: bool) -> int:
    """Return the index of the first record of the table, after comments and a preamble."""
    first = 1 if hinted else 0
    while first < len(records) and _is_comment(records, first, fields):
        first += 1
    head = records[first : first + _PREAMBLE_RECORDS + _RECORDS]
    gaps = [_is_parted(above, below) for above, below in pairwise(head)]
    if titles := title_records([record.fields for record in head], gaps, fields):
        return first + titles
    if fields < 2 or (fields == 2 and not (gaps[:1] == [True] and len(head[0].fields) == 1)):
        return first
    for index in range(first, min(len(records), first + _PREAMBLE_RECORDS)):
        width = len(records[index].fields)
        if width >= fields or (width == fields - 1 > 1 and index == first):
            return index
    return first


def _is_comment(records: list[_Record], index: int, fields: int) -> bool:
    """Say whether a record starts with `#` and is not simply a header such as `#id,name`."""
    record = records[index]
    if not record.fields[0].startswith("#"):
        return False
    followers = records[index + 1 : index + 2]
    if len(record.fields) == fields > 1:
        return bool(followers) and followers[0].fields[0].startswith("#")
    return True


def _line_ending(sample: str) -> str:
    if "\r\n" in sample:
        return "crlf"
    if "\n" in sample:
        return "lf"
    return "cr" if "\r" in sample else "none"
