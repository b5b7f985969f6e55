"""The certificate of registration that comes with a registered right, as effects of the same act.

Certificates themselves, their status lists and credentials are the registry's (`state`,
`credentials`); here is only when one is issued for a right, for how long, and when it is revoked.
"""

from __future__ import annotations

import calendar
from datetime import date
from typing import Any, Final

from entrepot.kernel.decisions import Effect
from entrepot.kernel.institution import Record, Request
from entrepot.registry.certificates import REGISTRATION, certificate_effect, revocation_effect
from entrepot.registry.deadlines import day_of
from entrepot.registry.productacts import Period
from entrepot.registry.state import CERTIFICATE_ISSUED

VALID_YEARS_MAX: Final = 3
"""Longest validity of one certificate (NDRC and NDA measures 2025: three years, remembered)."""


def registration_issued(
    holder: str, product: int, right: int | None, term: Period, request: Request[Any]
) -> Effect:
    """Return the effect that issues a certificate of registration from the day of the decision.

    `right` None stands for the right that this very act makes. Valid to the end of the term, at
    most three years; the right itself goes on, and its state in the log is what counts.
    """
    day = day_of(request.decided_at)
    latest = _years_after(day, VALID_YEARS_MAX).isoformat()
    days = (max(day.isoformat(), term.start), min(term.until or latest, latest))
    return certificate_effect(REGISTRATION, holder, about=(product, right), term=days, by=None)


def registration_revoked(certificate: int, why: str, *, subject: str) -> Effect:
    """Return the effect that revokes a certificate of registration; `why` is a stable code."""
    return revocation_effect(certificate, f"right-{why}", subject=subject)


def with_own_right(record: Record) -> Record:
    """Return a record whose certificate names the right that the record itself made."""
    effects = tuple(
        Effect(effect.name, {**effect.values, "right": record.index})
        if effect.name == CERTIFICATE_ISSUED and effect.values["right"] is None
        else effect
        for effect in record.effects
    )
    return Record(
        record.index,
        record.kind,
        record.act_id,
        record.issuer,
        record.decided_at,
        record.outcome,
        effects,
    )


def _years_after(day: date, years: int) -> date:
    year = day.year + years
    return day.replace(year=year, day=min(day.day, calendar.monthrange(year, day.month)[1]))
