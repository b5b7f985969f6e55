"""Whether the first row of a table names the columns or is already a row."""

from __future__ import annotations

import re
from collections.abc import Sequence

_VALUE = re.compile(
    r"""^\s*(?:
      [-+(]?[$€£¥]?\s?\d[\d\s.,'’_-]*(?:[eE][-+]?\d+)?\s?[%)€]?     # a number or a code of digits
    | \d{1,4}[-/.年]\d{1,2}[-/.月]\d{1,4}.*                          # a date
    | \d{1,2}:\d{2}.*                                              # a time
    | [^\s@]+@[^\s@]+\.\w+                                         # an e-mail address
    | https?://\S+
    | [+][\d\s()-]{6,}
    | \d{6,}[0-9A-Za-z]*
    | (?:true|false|null|nan|none|n/a|na)
    )\s*$""",
    re.VERBOSE | re.IGNORECASE,
)
_NAME_CHARS_MAX = 80
_BODY_ROWS = 60


def has_header(rows: list[list[str]]) -> bool:
    """Return whether `rows[0]` is a header, judged against the rows below it.

    A header has no cell that looks like a value above a column of such values, and hardly repeats
    itself. When nothing speaks either way the first row is taken for a header, as the convention
    has it (RFC 4180 leaves it open).
    """
    first = rows[0]
    body = [row for row in rows[1 : _BODY_ROWS + 1] if len(row) == len(first)]
    if not any(cell.strip() for cell in first):
        return False
    if any(len(cell) > _NAME_CHARS_MAX for cell in first) and not body:
        return False
    values = sum(1 for cell in first if _VALUE.match(cell))
    if not body:
        return values * 2 < len(first) or not values
    for_header, against = _votes(first, body)
    if against == for_header == 0:
        return not values
    return for_header >= against


def speaks_for_header(rows: Sequence[list[str]]) -> bool:
    """Return whether the rows below `rows[0]` show it to be a header, convention left aside."""
    body = [row for row in rows[1 : _BODY_ROWS + 1] if len(row) == len(rows[0])]
    for_header, against = _votes(rows[0], body)
    return for_header > against


def is_value(cell: str) -> bool:
    """Return whether a cell looks like a number, date, address of a mailbox or other value."""
    return _VALUE.match(cell) is not None


def _votes(first: list[str], body: list[list[str]]) -> tuple[float, float]:
    """Return the columns that speak for and against a header."""
    for_header, against = 0.0, 0.0
    for position, cell in enumerate(first):
        below = [row[position] for row in body if row[position].strip()]
        if not below or not cell.strip():
            continue
        share = sum(1 for value in below if _VALUE.match(value)) / len(below)
        if _VALUE.match(cell):
            against += 2.0 if share > 0.5 else 0.5
        elif share > 0.8:
            for_header += 2.0
        elif cell in below:
            against += 1.0
        elif _is_constant_shape(below) and _shape(cell) != _shape(below[0]):
            for_header += 1.0
    return for_header, against


class _Shapes(dict[int, str]):
    """A translation table: letters to `a` or `A`, digits to `9`, other letters to one sign."""

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char.isdigit():
            shape = "9"
        elif char.isascii():
            shape = char if not char.isalpha() else ("a" if char.islower() else "A")
        else:
            shape = "字" if char.isalpha() else char
        self[code] = shape
        return shape


_SHAPES = _Shapes()


def _shape(text: str) -> str:
    """Return the text with every letter as `a` or `A`, every digit as `9`, ideographs as one."""
    return text.translate(_SHAPES)


def _is_constant_shape(values: list[str]) -> bool:
    first = _shape(values[0])
    return len(values) > 1 and all(_shape(value) == first for value in values[1:])
