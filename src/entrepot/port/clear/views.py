"""What may be known of cleared shipments, per exporter, window and recipient."""

from __future__ import annotations

import hashlib
import unicodedata
from datetime import date

import sqlalchemy as sa

from entrepot.kernel.keys import Kid
from entrepot.port.clear.counters import COUNTERS, Counter, window_start
from entrepot.port.clear.state import CLEARANCES, COUNTS, SOURCES


def recipient_hash(name: str) -> str:
    """Return the hash under which a recipient is kept: of its name, folded and spaced alike."""
    visible = "".join(c for c in name if unicodedata.category(c) != "Cf")
    plain = " ".join(unicodedata.normalize("NFKC", visible).casefold().split())
    return hashlib.sha256(b"entrepot recipient v1\x00" + plain.encode()).hexdigest()


def cleared_persons(
    read: sa.Connection, exporter: Kid | None, counter: Counter, on: date, recipient: str
) -> dict[str, int]:
    """Return, per source table, the most persons cleared from it in a counter's window.

    Of one exporter's key, or of all keys of this node when `exporter` is None.

    Two clearances of one table are about the same persons and count once; whether two tables share
    persons is not known here.
    """
    wanted = [
        CLEARANCES.c.origin == counter.origin,
        CLEARANCES.c.cleared_on >= window_start(counter, on).isoformat(),
        CLEARANCES.c.cleared_on <= on.isoformat(),
        COUNTS.c.fact == counter.adds,
    ]
    if exporter is not None:
        wanted.append(CLEARANCES.c.exporter == exporter)
    if counter.per_recipient:
        wanted.append(CLEARANCES.c.recipient == recipient)
    joined = CLEARANCES.join(COUNTS, CLEARANCES.c.index == COUNTS.c.index).join(
        SOURCES, CLEARANCES.c.index == SOURCES.c.index
    )
    rows = read.execute(
        sa.select(SOURCES.c.source, sa.func.max(COUNTS.c.persons))
        .select_from(joined)
        .where(*wanted)
        .group_by(SOURCES.c.source)
    )
    return {str(source): int(persons) for source, persons in rows}


def known_counts(
    read: sa.Connection, exporter: Kid, origin: str, on: date, recipient: str, source: str
) -> dict[str, list[int]]:
    """Return, per counter's `prior` fact, the largest shipment cleared here and the sum of all.

    At least the largest left, however much shipments overlap; the sum left unless somebody says
    who is in several. The table being cleared now is in the first figure and not in the second:
    its persons are the shipment's own. The largest is that of the exporter's key; the sum is of all
    keys of this node, because a new key is no new exporter. Counters without any clearance are left
    out.
    """
    found = {}
    for counter in COUNTERS:
        if counter.origin == origin:
            own = cleared_persons(read, exporter, counter, on, recipient)
            every = cleared_persons(read, None, counter, on, recipient)
            if any(every.values()):
                others = [persons for table, persons in every.items() if table != source]
                found[counter.prior] = [max(own.values(), default=0), sum(others)]
    return found
