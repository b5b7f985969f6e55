"""Generalisation hierarchies: for a quasi-identifier, ever coarser ways to write it.

Level 0 is the value as it is, the last level one class for all. The kind of hierarchy follows from
what the cells are (dates, numbers, coordinates, countries, codes, words), not from the header.
"""

from __future__ import annotations

import math

import polars as pl

from entrepot.port.model import Category, ColumnReport
from entrepot.port.transform import reading
from entrepot.port.transform.model import Generalise, Method
from entrepot.port.transform.regions import known_share

_READABLE_MIN = 0.9
"""A hierarchy of numbers or dates needs this share of cells to be readable as such."""
KEEP_MAX = 1_000
"""Most values named in a plan; more would be a dictionary, not a plan."""
_DATES = {Category.DATE_OF_BIRTH, Category.DATE_OF_DEATH, Category.DATE}
_NUMBERS_KEEP_DISTINCT = 12
"""A number column with fewer values than this is a code (0/1, 1-5), not a measure."""


def hierarchy(column: ColumnReport, text: pl.Series, *, common_min: int) -> list[Generalise]:
    """Return the levels above 0 for a column, from fine to one class for all.

    `text` is the column or a sample of it; `common_min` is the number of rows a word must have to
    be kept by name in a grouping.
    """
    cells = text.drop_nulls()
    top = Generalise(column.name, Method.ALL)
    if cells.is_empty():
        return [top]
    if column.category in _DATES or (column.category == Category.NONE and column.dtype == "date"):
        levels = _date_levels(column.name, cells)
        if levels:
            return [*levels, top]
    if known_share(cells) >= _READABLE_MIN:
        return [Generalise(column.name, Method.REGION), top]
    if column.category == Category.LOCATION:
        levels = _grid_levels(column.name, cells)
        if levels:
            return [*levels, top]
    if column.category in (Category.ADDRESS, Category.LOCATION):
        # Digits of an address are a code: 10115 is near 10117, and nowhere near 10250.
        levels = _prefix_levels(column.name, cells)
    else:
        levels = _number_levels(column, cells) or _prefix_levels(column.name, cells)
    return [*(levels or _group_levels(column.name, cells, common_min)), top]


def _date_levels(name: str, cells: pl.Series) -> list[Generalise]:
    spelling = reading.date_format_of(cells)
    if not spelling:
        return []
    levels = [
        Generalise(name, Method.YEAR, date_format=spelling),
        Generalise(name, Method.YEARS, width=5, date_format=spelling),
        Generalise(name, Method.YEARS, width=10, date_format=spelling),
        Generalise(name, Method.YEARS, width=20, date_format=spelling),
    ]
    if not reading.is_ambiguous(cells, spelling):
        levels.insert(0, Generalise(name, Method.MONTH, date_format=spelling))
    return levels


def _grid_levels(name: str, cells: pl.Series) -> list[Generalise]:
    # Two numbers in one cell, or a column of degrees with decimals.
    pattern = r"^\s*\(?[-+]?\d{1,3}\.\d+(\s*[,; ]\s*[-+]?\d{1,3}\.\d+)?\)?\s*$"
    if int(cells.str.contains(pattern).sum()) / len(cells) < _READABLE_MIN:
        return []
    return [Generalise(name, Method.GRID, length=places) for places in (2, 1, 0)]


def _number_levels(column: ColumnReport, cells: pl.Series) -> list[Generalise]:
    read = reading.numbers(cells).drop_nulls()
    if len(read) / len(cells) < _READABLE_MIN or read.n_unique() < _NUMBERS_KEEP_DISTINCT:
        return []
    if column.category == Category.AGE:
        return [
            Generalise(column.name, Method.BAND, width=width, highest=85) for width in (5, 10, 20)
        ]
    low, high = read.quantile(0.01), read.quantile(0.99)
    if low is None or high is None or not high > low:
        return []
    width = _round_width((high - low) / 20)
    lowest = math.floor(low / width) * width
    highest = math.ceil(high / width) * width
    return [
        Generalise(
            column.name, Method.BAND, width=width * factor, lowest=int(lowest), highest=int(highest)
        )
        for factor in (1, 2, 5)
    ]


def _round_width(span: float) -> int:
    """Return the next of 1, 2, 5, 10, 20, 50 … at or above `span`."""
    power = 10 ** math.floor(math.log10(max(span, 1)))
    for step in (1, 2, 5, 10):
        if step * power >= span:
            return max(1, int(step * power))
    return int(10 * power)


def _prefix_levels(name: str, cells: pl.Series) -> list[Generalise]:
    """Codes of one length with digits in them (postcodes, areas) are cut from the right."""
    lengths = cells.str.strip_chars().str.len_chars()
    longest = lengths.max()
    if not isinstance(longest, int) or not 3 <= longest <= 12 or cells.n_unique() < 50:
        return []
    coded = cells.str.contains(r"^[A-Za-z]{0,2}\d[A-Za-z0-9 -]*$")
    if int(((lengths >= longest - 2) & coded).sum()) / len(cells) < _READABLE_MIN:
        return []
    kept = sorted({max(1, longest - 2), max(1, longest // 2), 1}, reverse=True)
    return [Generalise(name, Method.PREFIX, length=length) for length in kept]


def _group_levels(name: str, cells: pl.Series, common_min: int) -> list[Generalise]:
    counts = cells.value_counts(sort=True)
    levels: list[Generalise] = []
    for least in (common_min, common_min * 20, common_min * 400):
        common = counts.filter(pl.col("count") >= least)
        kept = common[counts.columns[0]].head(KEEP_MAX).to_list()
        if kept and len(kept) < counts.height and (not levels or kept != levels[-1].keep):
            levels.append(Generalise(name, Method.GROUP, keep=kept))
    return levels
