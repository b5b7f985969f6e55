"""Intervals that must not overlap, and those that must be covered: ids, dated values, rules.

docs/laws/rulebooks.md, "`values`": a value covers the whole interval of each rule that reads it.
"""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.rulebook import Interval, ListText, SensitivityText, ValuesText


def common_day(one: Interval, other: Interval) -> date | None:
    """Return the first day on which both are law, or None."""
    if one.start is None or other.start is None:
        return None
    first = max(one.start, other.start)
    ends = [end for end in (one.until, other.until) if end is not None]
    return first if all(first < end for end in ends) else None


def check_rows(text: ValuesText) -> None:
    """Check that dated values follow each other. Raises `InvalidLaw` at the later row."""
    for number, (before, after) in enumerate(pairwise(text.block.values), start=1):
        where = text.at(f"values.{number}", "values")
        if after.start == before.start:
            raise InvalidLaw(
                "values overlap: two begin on one day",
                where=where,
                value=f"{text.id} {after.start}",
            )
        if after.start < before.start:
            raise InvalidLaw("values are not in order of `from`", where=where, value=text.id)
        if before.until is not None and before.until > after.start:
            raise InvalidLaw(
                f"values overlap: the one before runs until {before.until}",
                where=where,
                value=f"{text.id} {after.start}",
            )
    for number, row in enumerate(text.block.values):
        if row.until is not None and row.until <= row.start:
            raise InvalidLaw(
                "never in force: `until` is not after `from`",
                where=text.at(f"values.{number}", "values"),
                value=f"{text.id} {row.start} to {row.until}",
            )


def check_entries(listed: ListText) -> None:
    """Check that a sensitivity list classes a category once on each day.

    Raises `InvalidLaw` at the later entry.
    """
    seen: dict[str, list[SensitivityText]] = {}
    for row in listed.sensitivity:
        for other in seen.setdefault(row.id, []):
            both = common_day(other.interval, row.interval)
            if both is not None:
                raise InvalidLaw(
                    f"entries overlap: this category stands at {other.where} too on {both}",
                    where=row.where,
                    value=row.id,
                )
        seen[row.id].append(row)


def first_gap(text: ValuesText, interval: Interval) -> date | None:
    """Return the first day of `interval` on which the number has no value, or None."""
    here: date | None = interval.start
    rows = text.block.values
    for number, row in enumerate(rows):
        end = row.until or (rows[number + 1].start if number + 1 < len(rows) else None)
        if here is None or (end is not None and end <= here):
            continue
        if row.start > here:
            return here
        here = end
        if here is None or (interval.until is not None and here >= interval.until):
            return None
    return here
