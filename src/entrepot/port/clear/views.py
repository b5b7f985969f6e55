"""What may be known of cleared shipments, per exporter, window and recipient."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import date

import sqlalchemy as sa

from entrepot.kernel.keys import Kid
from entrepot.port.clear.counters import COUNTERS, Counter, window_start
from entrepot.port.clear.state import CLEARANCES, COUNTS


def recipient_hash(name: str) -> str:
    """Return the hash under which a recipient is kept: of its name, folded and spaced alike."""
    plain = " ".join(unicodedata.normalize("NFKC", name).casefold().split())
    return hashlib.sha256(b"entrepot recipient v1\x00" + plain.encode()).hexdigest()


def largest_cleared(
    read: sa.Connection, exporter: Kid, counter: Counter, on: date, recipient: str
) -> int:
    """Return the most persons of one shipment cleared for an exporter in a counter's window.

    However much the shipments overlap, at least so many distinct persons left; their sum would
    count a person in two shipments twice, and the law counts persons once.
    """
    wanted = [
        CLEARANCES.c.exporter == exporter,
        CLEARANCES.c.origin == counter.origin,
        CLEARANCES.c.cleared_on >= window_start(counter, on).isoformat(),
        CLEARANCES.c.cleared_on <= on.isoformat(),
        COUNTS.c.fact == counter.adds,
    ]
    if counter.per_recipient:
        wanted.append(CLEARANCES.c.recipient == recipient)
    joined = CLEARANCES.join(COUNTS, CLEARANCES.c.index == COUNTS.c.index)
    most = read.execute(
        sa.select(sa.func.coalesce(sa.func.max(COUNTS.c.persons), 0))
        .select_from(joined)
        .where(*wanted)
    ).scalar_one()
    return int(most)


def known_counts(
    read: sa.Connection, exporter: Kid, origin: str, on: date, recipient: str
) -> dict[str, int]:
    """Return, per counter's `prior` fact, the largest shipment cleared here, zeros left out."""
    found = {}
    for counter in COUNTERS:
        if counter.origin == origin:
            persons = largest_cleared(read, exporter, counter, on, recipient)
            if persons:
                found[counter.prior] = persons
    return found
