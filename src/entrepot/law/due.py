"""When a duty is due: the phrases a rulebook may use, and the day that follows from a fact.

`before transfer`; `continuing`; `N days|working days|months|years after FACT`;
`N days|working days|months|years before FACT`; `yearly`; `on event: TEXT`.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.businessdays import add_working_days
from entrepot.law.vocabulary import Vocabulary

AMOUNT_MAX = 10_000

_COUNTED = re.compile(
    r"(?P<amount>[0-9]{1,5}) (?P<unit>working days?|business days?|days?|weeks?|months?|years?) "
    r"(?P<side>after|before) (?P<fact>[A-Za-z_][A-Za-z0-9_.]*)\Z"
)


@dataclass(frozen=True, slots=True)
class Due:
    """A parsed `due` phrase; `unit` is empty for phrases without a count."""

    text: str
    amount: int = 0
    unit: str = ""
    after: bool = True
    fact: str = ""

    @property
    def before_transfer(self) -> bool:
        """Whether it must be done before data moves."""
        return self.text == "before transfer" or (not self.after and self.fact == "transfer.date")

    def on(self, day: date, jurisdiction: str) -> date:
        """Return the due day counted from `day` on the business calendar of `jurisdiction`."""
        amount = self.amount if self.after else -self.amount
        match self.unit:
            case "working day":
                return add_working_days(day, amount, jurisdiction)
            case "week":
                return day + timedelta(weeks=amount)
            case "month":
                return add_months(day, amount)
            case "year":
                return add_months(day, 12 * amount)
            case _:
                return day + timedelta(days=amount)


def parse_due(text: str, vocabulary: Vocabulary, where: str) -> Due:
    """Parse a `due` phrase. Raises `InvalidLaw` when it is none, or its fact is not a day."""
    if text in ("before transfer", "continuing", "yearly"):
        return Due(text)
    if text.startswith("on event: ") and len(text) > len("on event: "):
        return Due(text)
    found = _COUNTED.match(text)
    if not found:
        raise InvalidLaw(
            "not a due phrase",
            where=where,
            value=text,
            remedy="before transfer | continuing | yearly | on event: TEXT | "
            "N days|working days|weeks|months|years after|before FACT",
        )
    fact = vocabulary.facts.get(found["fact"])
    if fact is None:
        raise InvalidLaw(
            "unknown fact in a due phrase",
            where=where,
            value=found["fact"],
            remedy=vocabulary.nearest(found["fact"]),
        )
    if fact.type != "date":
        raise InvalidLaw("a due day counts from a date fact", where=where, value=fact.name)
    amount = int(found["amount"])
    if amount > AMOUNT_MAX:
        raise InvalidLaw(f"more than {AMOUNT_MAX}", where=where, value=text)
    unit = found["unit"].removesuffix("s").replace("business", "working")
    return Due(text, amount, unit, found["side"] == "after", fact.name)


def add_months(day: date, months: int) -> date:
    """Return the same day of the month `months` later, or that month's last day (31 Jan → 28 Feb).

    This is the rule of Regulation (EEC, Euratom) 1182/71 art 3(2)(c) and of PRC Civil Code art 202.
    """
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return date(year, month + 1, min(day.day, last))
