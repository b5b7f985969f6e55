"""Which facts count persons over many shipments, over which window, and what one shipment adds.

China counts distinct persons per exporter since 1 January (2024 Provisions arts 5, 7, 8) and, under
Orders 11 and 13, since 1 January of the previous year; the United States per pair of exporter and
recipient over the preceding twelve months (28 CFR 202.205). A node knows only what it cleared
itself: the lower bound of what may be declared, and the declaration itself only where a person says
that nothing left otherwise (`entrepot.port.clear.declared`).
"""

from __future__ import annotations

from datetime import date
from typing import Final

import msgspec

from entrepot.law.counters import Window


class Counter(msgspec.Struct, frozen=True):
    """A fact that holds what earlier shipments add up to."""

    prior: str
    """The fact that is declared or counted: without the present shipment."""
    adds: str
    """The fact of one shipment that is added up."""
    total: str
    """The fact of both together, which rules read."""
    origin: str
    """Jurisdiction that the shipments leave."""
    years: int
    """Calendar years the window spans, this one included; 0 = the preceding twelve months."""
    per_recipient: bool
    cite: str
    exempt_too: bool = False
    """Whether exempt shipments count as well: Orders 11 and 13 knew no exemption."""

    @property
    def window(self) -> Window:
        """The days that count together."""
        return Window(self.years)


_US_CLASSES = (
    "genomic",
    "omic",
    "biometric",
    "geolocation",
    "health",
    "financial",
    "identifiers",
)

COUNTERS: Final = (
    *(
        Counter(
            f"cn.{window}.prior_{kind}",
            f"cn.shipment.{kind}",
            f"cn.{window}.{kind}",
            "CN",
            years,
            per_recipient=False,
            cite=cite,
            exempt_too=years > 1,
        )
        for window, years, cite in (
            ("year", 1, "2024 Provisions arts 7 and 8"),
            ("two_years", 2, "Order 11 art 4; Order 13 art 4"),
        )
        for kind in ("persons", "sensitive")
    ),
    *(
        Counter(
            f"us.prior.{klass}",
            f"us.shipment.{klass}",
            f"us.bulk.{klass}",
            "US",
            0,
            per_recipient=True,
            cite="28 CFR 202.205",
        )
        for klass in _US_CLASSES
    ),
)
"""All counters, in the order of the vocabulary."""


def window_start(counter: Counter, on: date) -> date:
    """Return the first day that counts for a shipment on `on`."""
    return counter.window.start(on)


def key_years(fact: str, cleared_on: date) -> tuple[int, ...]:
    """Return the years under whose keys a shipment's persons are kept for a counting fact."""
    years = {y for c in COUNTERS if c.adds == fact for y in c.window.key_years(cleared_on)}
    return tuple(sorted(years))
