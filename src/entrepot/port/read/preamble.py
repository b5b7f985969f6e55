"""Title lines above a table that were padded with delimiters to the width of the table.

Spreadsheets export them so: `Customer list,,` then `,,` then the header. They have the table's
number of fields, and only their emptiness tells them from rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.port.read.header import is_value, speaks_for_header

_TITLE_RECORDS_MAX = 20


def title_records(rows: Sequence[list[str]], gaps: Sequence[bool], fields: int) -> int:
    """Return how many of the first `rows` are a padded title block; 0 if there is none.

    `gaps[i]` says that an empty line stands between row i and the next. The first record of a
    block has at most one filled cell; none is more than half filled. What follows must be able to
    be a header: mostly filled, repeating nothing, no values. Unless an empty record or line parts
    the two, the rows below must speak for it too, lest the first row of a sparse table is lost.
    """
    if fields < 2 or not rows or len(rows[0]) < fields or not _is_title(rows[0]):
        return 0
    end = 0
    parted = False
    while end < min(len(rows), _TITLE_RECORDS_MAX) and 2 * _filled(rows[end]) <= fields:
        parted = parted or _filled(rows[end]) == 0 or gaps[end : end + 1] == [True]
        end += 1
    below = rows[end:]
    if len(below) < 2 or end == _TITLE_RECORDS_MAX or not _can_be_header(below[0]):
        return 0
    return end if parted or (_is_full(below[0]) and speaks_for_header(below)) else 0


def _filled(row: list[str]) -> int:
    return sum(1 for cell in row if cell.strip())


def _is_full(row: list[str]) -> bool:
    return _filled(row) == len(row)


def _is_title(row: list[str]) -> bool:
    cells = [cell for cell in row if cell.strip()]
    return len(cells) <= 1 and not any(is_value(cell) for cell in cells)


def _can_be_header(row: list[str]) -> bool:
    names = [cell.strip() for cell in row if cell.strip()]
    return len(set(names)) == len(names) > 1 and not any(is_value(name) for name in names)
