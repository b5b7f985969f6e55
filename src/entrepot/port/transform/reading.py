"""Read cells as dates and numbers, so that they can be made coarser.

Every function takes and gives whole Polars series; what cannot be read becomes null. The spelling
of dates is decided once for a column (`date_format_of`) and then held to: 03/04/2024 must not mean
one day in one batch and another in the next.
"""

from __future__ import annotations

import polars as pl

ISO = "%Y-%m-%d"
EXCEL_SERIAL = "excel-serial"

_FORMATS = (
    ISO,
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%Y年%m月%d日",
    "%d %b %Y",
    "%d %B %Y",
    "%b %d, %Y",
    "%B %d, %Y",
)
_SHARE_MIN = 0.5
"""Below this share of readable cells a column is not called a date column."""
_YEAR_MIN, _YEAR_MAX = 1850, 2150
_EXCEL_EPOCH_DAYS = -25_569
"""Days from 1970-01-01 to 1899-12-30, day 0 of spreadsheet serials (ECMA-376 part 1, 18.17.4.1)."""

_EXCEL_MIN, _EXCEL_MAX = 366, 91_000
"""The last day of 1900 and a day in 2149; a small whole number is no date."""


def dates(text: pl.Series, date_format: str) -> pl.Series:
    """Return `text` read as dates in one spelling (times after an ISO date are ignored)."""
    if date_format == EXCEL_SERIAL:
        days = text.str.strip_chars().cast(pl.Float64, strict=False).floor()
        within = days.is_between(_EXCEL_MIN, _EXCEL_MAX)
        shifted = pl.select(pl.when(within).then(days + _EXCEL_EPOCH_DAYS)).to_series()
        return shifted.cast(pl.Int32).cast(pl.Date).rename(text.name)
    cells = text.str.strip_chars()
    if date_format in _FORMATS[:3]:
        # An ISO date may carry a time; the day is its first word.
        cells = cells.str.extract(r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2})(?:[T ].*)?$", 1)
    read = cells.str.to_date(date_format, strict=False)
    sane = read.dt.year().is_between(_YEAR_MIN, _YEAR_MAX)
    return pl.select(pl.when(sane).then(read)).to_series().rename(text.name)


def date_format_of(text: pl.Series) -> str:
    """Return the spelling that reads most cells of a sample, or "" when none reads half of them.

    Where day-first and month-first read equally many, day-first is returned: for bands of years
    both give the same, and the caller must not offer months (`is_ambiguous`).
    """
    shares = _shares(text)
    best = max(shares, key=lambda spelling: shares[spelling], default="")
    return best if best and shares[best] >= _SHARE_MIN else ""


def is_ambiguous(text: pl.Series, date_format: str) -> bool:
    """Tell whether another order of day and month reads the sample as well as `date_format`."""
    twins = {"%d/%m/%Y": "%m/%d/%Y", "%m/%d/%Y": "%d/%m/%Y"}
    if date_format not in twins:
        return False
    shares = _shares(text)
    return shares[twins[date_format]] >= shares[date_format] > 0


def numbers(text: pl.Series) -> pl.Series:
    """Return `text` read as numbers: blanks, currency signs and grouping removed.

    A single comma followed by other than three digits is a decimal comma (1234,5); "1,234" is one
    thousand two hundred and thirty-four, as it is most often written.
    """
    cells = text.str.replace_all(r"[\s\u00a0\u202f$€£¥￥']", "")
    plain = cells.cast(pl.Float64, strict=False)
    if plain.null_count() == cells.null_count():
        return plain
    grouped = cells.str.contains(r"^[-+]?\d{1,3}(,\d{3})+(\.\d+)?$")
    decimal_comma = cells.str.contains(r"^[-+]?(\d{1,3}(\.\d{3})+|\d+),\d+$") & ~grouped
    repaired = pl.select(
        pl.when(grouped)
        .then(cells.str.replace_all(",", "", literal=True))
        .when(decimal_comma)
        .then(cells.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True))
        .otherwise(cells)
    ).to_series()
    return repaired.cast(pl.Float64, strict=False).rename(text.name)


def _shares(text: pl.Series) -> dict[str, float]:
    cells = text.drop_nulls()
    cells = cells.filter(cells.str.strip_chars() != "")
    if cells.is_empty():
        return {}
    spellings = (*_FORMATS, EXCEL_SERIAL)
    shares = {spelling: _share_read(cells, spelling) for spelling in spellings}
    # Eight digits are a date before they are a serial number.
    if shares["%Y%m%d"] >= _SHARE_MIN:
        shares[EXCEL_SERIAL] = 0.0
    return shares


def _share_read(cells: pl.Series, spelling: str) -> float:
    return int(dates(cells, spelling).is_not_null().sum()) / len(cells)
