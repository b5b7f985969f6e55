"""Column names: unique, never empty, never longer than the limit."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.found import counted
from entrepot.port.read.limits import Limits


def unique_names(headers: Sequence[str], limits: Limits) -> tuple[list[str], list[str]]:
    """Return one unique name per header and the warnings about what had to be changed.

    An empty header becomes `col_N` (N from 1), a repeated one gets `_2`, `_3`. Raises
    `UnreadableData` over the limits on columns and header length.
    """
    check_columns(len(headers), limits)
    taken = set(headers)
    used: set[str] = set()
    names: list[str] = []
    empty, repeated = 0, 0
    for position, header in enumerate(headers, start=1):
        if len(header) * 4 > limits.header_bytes and len(header.encode()) > limits.header_bytes:
            raise UnreadableData(
                f"the name of column {position} is longer than {limits.header_bytes} bytes",
                value=f"{len(header)} characters",
                remedy="check the delimiter and that the first line is a header",
            )
        name = header
        if not header.strip():
            name, empty = _free(f"col_{position}", taken | used), empty + 1
        elif header in used:
            name, repeated = _free(header, taken | used), repeated + 1
        used.add(name)
        names.append(name)
    return names, _warnings(empty, repeated)


def check_columns(count: int, limits: Limits) -> None:
    """Raise `UnreadableData` if a table has more columns than the limit."""
    if count > limits.columns:
        raise UnreadableData(
            f"the table has more than {limits.columns} columns",
            value=count,
            remedy="check the delimiter; if the table is that wide, split it or turn it round",
        )


def _free(wanted: str, taken: set[str]) -> str:
    if wanted not in taken:
        return wanted
    number = 2
    while f"{wanted}_{number}" in taken:
        number += 1
    return f"{wanted}_{number}"


def _warnings(empty: int, repeated: int) -> list[str]:
    warnings = []
    if empty:
        warnings.append(f"{counted(empty, 'column')} without a name, called col_N by position")
    if repeated:
        warnings.append(f"{counted(repeated, 'repeated column name')}, numbered _2, _3 and so on")
    return warnings
