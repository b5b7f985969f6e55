"""Working days by jurisdiction: public holidays and weekends, from the `holidays` package.

Where a country moves working days to weekends (China) the package knows the moved days for
published
years; for later years its general rules apply. The EU itself has no public holidays: Saturdays and
Sundays only (Regulation 1182/71 art 2(2) adds those that the institutions publish).
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import holidays

YEARS_MAX = 60
_SATURDAY = 5


@lru_cache(maxsize=64)
def _calendar(jurisdiction: str) -> holidays.HolidayBase | None:
    # Imported when used: most answers count no working days.
    import holidays

    country, _, part = jurisdiction.partition("-")
    try:
        known = holidays.country_holidays(country)
        return (
            holidays.country_holidays(country, subdiv=part) if part in known.subdivisions else known
        )
    except NotImplementedError:
        return None


def is_working_day(day: date, jurisdiction: str) -> bool:
    """Say whether `day` is a working day in `jurisdiction` (Monday to Friday where unknown)."""
    known = _calendar(jurisdiction)
    if known is None:
        return day.weekday() < _SATURDAY
    return bool(known.is_working_day(day))


def add_working_days(day: date, amount: int, jurisdiction: str) -> date:
    """Return the `amount`-th working day after `day` (before it when negative).

    The day itself is not counted. Bounded to sixty years, after which the plain sum is returned.
    """
    step = timedelta(days=1 if amount >= 0 else -1)
    left = abs(amount)
    here = day
    for _ in range(366 * YEARS_MAX):
        if left == 0:
            return here
        here += step
        if is_working_day(here, jurisdiction):
            left -= 1
    return here
