"""An inspection laid out for a page: what is shown of each column, and the numbers of the plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from entrepot.node.layout import readable_size
from entrepot.port.model import ColumnReport, Inspection, Verdict

RESIDENCES_MAX: Final = 12
COLUMNS_MAX: Final = 2_000
"""Columns shown on a page; the JSON has all."""
_PLOT_WIDTH: Final = 640
_ORDER: Final = {Verdict.FOUND: 0, Verdict.POSSIBLE: 1, Verdict.NOT_FOUND: 2}


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a plot: its label, the number behind it, and its length from 0 to 1."""

    label: str
    count: int
    share: float
    note: str = ""


@dataclass(frozen=True, slots=True)
class ColumnRow:
    """One column as a page shows it."""

    column: ColumnReport
    empty_percent: int
    sure_percent: int


def inspection_view(inspection: Inspection) -> dict[str, Any]:
    """Return what the page of an inspection shows; columns that hold something come first."""
    shown = sorted(inspection.columns, key=lambda c: (_ORDER[c.verdict], c.index))
    table = inspection.table
    answer, _, because = table.anonymous.partition(": ")
    return {
        "inspection": inspection,
        "file": inspection.file,
        "size": readable_size(inspection.file.size_bytes),
        "columns": [_row(column) for column in shown[:COLUMNS_MAX]],
        "more_columns": max(0, len(shown) - COLUMNS_MAX),
        "anonymous": answer,
        "anonymous_because": because,
        "residence": residence_bars(inspection),
        "classes": class_bars(inspection),
        "metadata": dict(inspection.file.metadata),
    }


def _row(column: ColumnReport) -> ColumnRow:
    empty = round(100 * column.nulls / column.cells) if column.cells else 0
    return ColumnRow(column, empty, round(100 * column.confidence))


def residence_bars(inspection: Inspection) -> list[Bar]:
    """Return persons per jurisdiction, the most first."""
    found = inspection.table.residence[:RESIDENCES_MAX]
    most = max((residence.persons for residence in found), default=0)
    return [
        Bar(
            residence.jurisdiction,
            residence.persons,
            residence.persons / most if most else 0.0,
            ", ".join(residence.evidence),
        )
        for residence in found
    ]


def class_bars(inspection: Inspection) -> list[Bar]:
    """Return rows by the size of the group they hide in, the most dangerous first."""
    risk = inspection.table.risk
    if risk is None:
        return []
    sizes: Mapping[str, int] = risk.class_sizes
    return [Bar(band, rows, rows / risk.rows if risk.rows else 0.0) for band, rows in sizes.items()]
