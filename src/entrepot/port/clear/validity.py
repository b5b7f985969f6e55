"""How long a clearance may be relied on, and what ends reliance before that day."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from entrepot.law.assess import BoundLaw
from entrepot.law.explain import domain
from entrepot.law.factset import FactSet
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Flow
from entrepot.law.outcomes import strictness
from entrepot.port.clear.record import Finding, Trigger, Validity

DEFAULT_DAYS: Final = 365
"""Without an earlier end from law, findings or certificates a clearance is looked at every year."""


def validity(library: Library, flow: Flow, assessment: Assessment, factset: FactSet) -> Validity:
    """Return the earliest end: a year, an expiring fact or finding, or a known change of law."""
    start = flow.as_of
    ends = [(start + timedelta(days=DEFAULT_DAYS), "looked at again after a year at the latest")]
    for name in assessment.facts:
        value = factset[name]
        if name.endswith("expires_on") and isinstance(value, date) and value > start:
            ends.append((value, f"{name} ({library.vocabulary[name].cite or 'declared'})"))
    for name, finding in factset.findings.items():
        if finding.expires is not None and finding.expires > start:
            ends.append((finding.expires, f"the finding {name} expires"))
    change = next_change(library, flow, assessment)
    if change is not None:
        # The last day is one that counts, and on the day of the change other law is in force.
        ends.append((change[0] - timedelta(days=1), f"{change[1]} on {change[0]}"))
    until, because = min(ends)
    return Validity(start, until, because)


def next_change(library: Library, flow: Flow, assessment: Assessment) -> tuple[date, str] | None:
    """Return the first known day after `as_of` on which a rule of an engaged regime changes."""
    regimes = {side.regime for side in assessment.sides}
    days = [
        (day, f"{name} of {book} changes")
        for book, name, day in _known_days(library, regimes, flow.known_at)
        if day > flow.as_of
    ]
    return min(days) if days else None


def _known_days(
    library: Library, regimes: set[str], known_at: date
) -> Iterator[tuple[str, str, date]]:
    for book in library.rulebooks:
        if book.front.regime not in regimes:
            continue
        for part in book.parts():
            interval = part.interval
            if interval.start is not None and interval.known_from <= known_at:
                yield book.id, part.id, interval.start
            end = interval.known_end(known_at)
            if end is not None:
                yield book.id, part.id, end


def triggers(
    bound: BoundLaw, assessment: Assessment, factset: FactSet, findings: list[Finding]
) -> list[Trigger]:
    """Return the events after which the clearance must be asked for again."""
    found = [
        *_volume(bound, factset),
        Trigger(
            "law-change",
            "A rulebook relied on changes: "
            + ", ".join(book.id for book in assessment.law)
            + ". Compare the hashes in this certificate with those of the day.",
        ),
        Trigger(
            "purpose-change",
            "Purpose, scope, kinds of data, recipient or the recipient's law change.",
        ),
    ]
    if factset["transfer.onward"] is not True:
        found.append(
            Trigger(
                "onward-transfer",
                "The recipient passes the data on, to anybody or to another country.",
                "transfer.onward",
                "false",
            )
        )
    found.append(
        Trigger(
            "important-data",
            "An authority notifies or publishes this data as important or core data.",
            "data.class",
            str(factset["data.class"] or "unknown"),
        )
    )
    for finding in findings:
        if finding.expires_on is not None:
            found.append(
                Trigger(
                    "finding-expiry",
                    f"The finding of {finding.author} expires.",
                    finding.fact,
                    finding.expires_on.isoformat(),
                )
            )
    return found


def _volume(bound: BoundLaw, factset: FactSet) -> Iterator[Trigger]:
    """Yield, per count that the decision reads, the first higher number with a stricter answer."""
    now = bound.decide(factset)
    values = factset.under(bound.flow)
    nodes = bound.content.nodes(bound.prepare(factset))
    for name, value in now.facts.items():
        spec = bound.library.vocabulary[name]
        if spec.type != "int" or not spec.unit or not isinstance(value, int):
            continue
        for number in domain(bound, name, nodes):
            if not isinstance(number, int) or number <= value:
                continue
            then = bound.decide({**values, name: number})
            if strictness(then.outcome) > strictness(now.outcome):
                yield Trigger(
                    "volume",
                    f"{spec.about.rstrip('.')}: reaches {number:,} {spec.unit}; the answer is then "
                    f"{then.outcome}.",
                    name,
                    str(number),
                )
                break
