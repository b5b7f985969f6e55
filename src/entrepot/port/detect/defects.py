"""Data-quality defects that destroy or disguise identifiers."""

from __future__ import annotations

import polars as pl

from entrepot.port.detect.judge_shapes import date_share, epoch, excel_serial
from entrepot.port.detect.profile import Profile
from entrepot.port.model import Category

_EXPONENT = r"^[-+]?\d(?:[.,]\d+)?[eE]\+?(?:1\d|[89]|2\d)$"
_TRAILING_ZERO = r"^\d{5,18}[.,]0$"
_LONG_FLOAT = 2.0**53


class Watch:
    """What is noticed of a column's storage while it streams by."""

    __slots__ = ("destroyed", "float_ids", "padded", "seen")

    def __init__(self) -> None:
        """Start with nothing noticed."""
        self.destroyed = 0
        self.float_ids = 0
        self.padded = 0
        self.seen = 0

    def see(self, present: pl.Series) -> None:
        """Look at the first 5,000 cells of one batch."""
        head = present.head(5000)
        self.seen += len(head)
        if head.dtype == pl.String:
            self.destroyed += int(head.str.contains(_EXPONENT).sum())
            self.float_ids += int(head.str.contains(_TRAILING_ZERO).sum())
            self.padded += int(head.str.contains(r"^[ \t\x{a0}]|[ \t\x{a0}]$").sum())
        elif head.dtype.is_float():
            size = head.abs()
            self.destroyed += int((size >= _LONG_FLOAT).sum())
            whole = (head == head.round(0)) & (size >= 1e7) & (size < _LONG_FLOAT)
            self.float_ids += int(whole.sum())

    def describe(self, profile: Profile) -> list[str]:
        """Return the defects as sentences."""
        found: list[str] = []
        if self.destroyed:
            found.append("stored as float: last digits destroyed (numbers in scientific notation)")
        if self.float_ids > 0.8 * self.seen:
            found.append("whole numbers stored as float: leading zeros and long digits may be lost")
        if self.padded > 0.01 * self.seen:
            found.append("blanks around values")
        reading = profile.reading
        born = reading.weight(Category.DATE_OF_BIRTH) or reading.weight(Category.DATE)
        if born and date_share(profile) < 0.2:
            if epoch(profile):
                found.append("dates stored as seconds or milliseconds since 1970")
            elif excel_serial(profile):
                found.append("dates stored as spreadsheet serial numbers")
        lost = {"zip", "zipcode", "plz", "postcode", "postal", "cp", "cap"} & set(reading.words)
        if lost and profile.integral:
            lengths = {len(v) for v in profile.values}
            if len(lengths) > 1 and max(lengths) == 5 and min(lengths) == 4:
                found.append("leading zeros lost (postcodes stored as numbers)")
        return found
