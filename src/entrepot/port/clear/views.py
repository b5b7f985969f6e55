"""What may be known of cleared shipments: persons per counter and window, and recipients.

State holds hashes and counts; the tokens lie in the counters' folder, names of recipients in the
evidence of the records while it is not erased. All exporting keys of a node count together: a new
key is no new exporter, and the companies of a group that share a node file together.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import ACT_MAX_BYTES
from entrepot.kernel.cose import parse_sign1
from entrepot.kernel.encoding import decode_map
from entrepot.kernel.record import decode_evidence
from entrepot.kernel.store import RECORDS
from entrepot.law.counters import Bounds, Piece, before
from entrepot.port.clear.certificate import Counts
from entrepot.port.clear.counters import COUNTERS, Counter, window_start
from entrepot.port.clear.declared import Declared
from entrepot.port.clear.pieces import PieceFolder
from entrepot.port.clear.recipients import Known, Linked, linked
from entrepot.port.clear.record import Parties
from entrepot.port.clear.state import (
    CLEARANCES,
    COUNTS,
    EXEMPT,
    PIECES,
    RECIPIENT_IDS,
    SOURCES,
)


class Shipped(msgspec.Struct, frozen=True):
    """A shipment whose earlier companions are asked for."""

    origin: str
    on: date
    source: str
    """SHA-256 of its table."""
    parties: Parties
    counts: Counts


class CounterBooks:
    """The counters of a node: its state, the folder of pieces if there is one, what is declared."""

    def __init__(
        self, read: sa.Connection, folder: PieceFolder | None, declared: Declared | None = None
    ) -> None:
        """Look at one state; without a folder every piece counts by its number alone."""
        self._read = read
        self._folder = folder
        self.declared = declared or Declared()

    def pieces(
        self,
        counter: Counter,
        on: date,
        recipients: Iterable[str] | None = None,
        *,
        exempt: bool = False,
    ) -> list[Piece]:
        """Return the pieces in a counter's window on a day, towards some recipients or all.

        `exempt` gives the column of those that an exemption takes out of the count. Raises
        `VerificationError` when a piece is not what was logged, `StorageError`.
        """
        table = EXEMPT if exempt else COUNTS
        wanted = [
            CLEARANCES.c.origin == counter.origin,
            CLEARANCES.c.cleared_on >= window_start(counter, on).isoformat(),
            CLEARANCES.c.cleared_on <= on.isoformat(),
            table.c.fact == counter.adds,
        ]
        if counter.per_recipient and recipients is not None:
            wanted.append(CLEARANCES.c.recipient.in_(sorted(recipients)))
        joined = (
            CLEARANCES.join(table, CLEARANCES.c.index == table.c.index)
            .join(SOURCES, CLEARANCES.c.index == SOURCES.c.index)
            .outerjoin(
                PIECES,
                sa.and_(
                    PIECES.c.index == table.c.index,
                    PIECES.c.fact == table.c.fact,
                    PIECES.c.year == on.year,
                ),
            )
        )
        chosen = sa.select(SOURCES.c.source, table.c.persons, PIECES)
        rows = self._read.execute(chosen.select_from(joined).where(*wanted))
        return [self._piece(row) for row in rows]

    def _piece(self, row: sa.Row[tuple[object, ...]]) -> Piece:
        known = row._mapping
        plain = Piece(int(known["persons"]), str(known["source"]))
        if known["sha256"] is None or self._folder is None:
            return plain
        sketch = self._folder.read(int(known["year"]), str(known["sha256"]))
        if sketch is None:
            return plain
        return msgspec.structs.replace(
            plain,
            sketch=sketch,
            key=str(known["key"]),
            namespace=str(known["namespace"]),
            extra=int(known["extra"]),
            cap=known["cap"],
            stored_bytes=self._folder.size_bytes(int(known["year"]), str(known["sha256"])),
        )

    def counted(
        self, counter: Counter, on: date, recipients: Iterable[str] | None = None
    ) -> list[Piece]:
        """Return the pieces that the law of a counter counts, exempt ones where it knows none."""
        found = self.pieces(counter, on, recipients)
        if counter.exempt_too:
            found += self.pieces(counter, on, recipients, exempt=True)
        return found

    def recipients(self) -> list[Known]:
        """Return every recipient of a clearance, with its name where the evidence is still here."""
        joined = CLEARANCES.outerjoin(RECIPIENT_IDS, CLEARANCES.c.index == RECIPIENT_IDS.c.index)
        last = (
            sa.select(
                CLEARANCES.c.recipient,
                RECIPIENT_IDS.c.identifier,
                sa.func.max(CLEARANCES.c.index).label("index"),
            )
            .select_from(joined)
            .group_by(CLEARANCES.c.recipient, RECIPIENT_IDS.c.identifier)
            .subquery()
        )
        rows = self._read.execute(
            sa.select(last, RECORDS.c.evidence)
            .join(RECORDS, RECORDS.c.index == last.c.index)
            .order_by(last.c.index)
        )
        return [
            Known(recipient, identifier or "", "" if evidence is None else _named(evidence))
            for recipient, identifier, _index, evidence in rows
        ]

    def linked(self, parties: Parties) -> Linked:
        """Return the recipients that count together with one."""
        return linked(
            parties.recipient,
            parties.recipient_id,
            self.recipients(),
            groups=self.declared.group_hashes(),
            distinct=self.declared.distinct_hashes(),
        )

    def before(self, shipped: Shipped) -> dict[str, Bounds]:
        """Return, per counter's `prior` fact, how many other persons were cleared before.

        Counters of other origins, and those without any clearance in their window, are left out.
        """
        found = {}
        together: frozenset[str] | None = None
        for counter in COUNTERS:
            if counter.origin != shipped.origin:
                continue
            if counter.per_recipient and together is None:
                together = self.linked(shipped.parties).hashes
            earlier = self.counted(counter, shipped.on, together)
            if earlier:
                found[counter.prior] = before(earlier, self.present(counter, shipped))
        return found

    def present(self, counter: Counter, shipped: Shipped) -> Piece | None:
        """Return the piece of the shipment itself, or None when it is not counted."""
        counts = shipped.counts
        persons = counts.counted.get(counter.adds)
        if persons is None and counter.exempt_too:
            persons = counts.exempt.get(counter.adds)
        if persons is None:
            return None
        for piece in counts.pieces:
            if (piece.fact, piece.year) == (counter.adds, shipped.on.year) and self._folder:
                return Piece(
                    persons,
                    shipped.source,
                    self._folder.read(piece.year, piece.sha256),
                    piece.key,
                    piece.namespace,
                    piece.extra,
                    piece.cap,
                )
        return Piece(persons, shipped.source)


def named_pieces(read: sa.Connection) -> set[str]:
    """Return the hashes of all pieces that the state names."""
    return {str(sha256) for (sha256,) in read.execute(sa.select(PIECES.c.sha256))}


def _named(evidence: bytes) -> str:
    payload = parse_sign1(decode_evidence(evidence).act, size_max=ACT_MAX_BYTES).payload
    parties = decode_map(payload or b"", size_max=ACT_MAX_BYTES).get("parties")
    return str(parties.get("recipient", "")) if isinstance(parties, dict) else ""
