"""What one clearance adds to the counters: the tokens of the persons who really leave.

Tokens are gathered while the data is written and become pieces before the act is signed; the
certificate names them by hash. See `entrepot.port.clear.pieces` for why a crash counts nobody twice
and forgets nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import polars as pl

from entrepot.law.counters import Piece, limit
from entrepot.law.library import Library
from entrepot.law.model import Flow
from entrepot.law.sketches import Sketch, count
from entrepot.port.clear.certificate import Counts, SignedPiece
from entrepot.port.clear.counters import COUNTERS, key_years
from entrepot.port.clear.pieces import PieceFolder, WindowKey
from entrepot.port.clear.subjecttokens import (
    Mark,
    TokenGatherer,
    counted_columns,
    namespace_tag,
    scheme_of,
)
from entrepot.port.facts import inspected_facts
from entrepot.port.plan.states import DataState, Shipment, projected


class Counting:
    """The counters' side of one clearance."""

    def __init__(
        self,
        goods: Shipment,
        state: DataState,
        counts: Counts,
        folder: PieceFolder,
        *,
        today: date,
        register: str = "",
    ) -> None:
        """Prepare the marks of every counting fact that the shipment adds to; makes missing keys.

        `register` names whose numbers tell the table's persons apart (see `scheme_of`).
        """
        self._folder = folder
        self._seen = projected(goods.inspection, state)
        self._numbers = {f: n for f, n in {**counts.counted, **counts.exempt}.items() if n}
        self._inspected = inspected_facts(self._seen, goods.library, goods.flow)
        self.scheme = scheme_of(goods.inspection, register)
        facts = sorted(self._numbers)
        wanted = {(fact, year) for fact in facts for year in key_years(fact, today)}
        self._keys = {year: folder.key(year, made_on=today) for _, year in wanted}
        columns = counted_columns(self._seen, facts_of_classes(goods.library, goods.flow))
        marks = [
            Mark(
                fact, year, self._keys[year].secret, _limit(goods.library, fact), columns.get(fact)
            )
            for fact, year in sorted(wanted)
        ]
        self.gatherer = TokenGatherer(self.scheme, goods.inspection.file.sha256, marks)

    def pieces(self) -> list[SignedPiece]:
        """Write what was gathered and return how the certificate names it. Raises StorageError."""
        return [
            self._signed(mark.fact, self._keys[mark.year], sketch)
            for mark, sketch in self.gatherer.gathered()
        ]

    def _signed(self, fact: str, key: WindowKey, sketch: Sketch) -> SignedPiece:
        extra, cap = self._apart(fact, count(sketch).least)
        return SignedPiece(
            fact,
            key.year,
            key.id,
            self._folder.write(key.year, sketch),
            namespace_tag(self.scheme.namespace),
            extra,
            cap,
        )

    def _apart(self, fact: str, tokens: int) -> tuple[int, int | None]:
        """Return who is counted without a token, and the number where fewer than tokens count.

        The number may lie above the tokens without anybody missing: an inspection adds up classes
        that overlap. It may only lie below them when somebody declared it so.
        """
        number = self._numbers[fact]
        seen = self._inspected.get(fact, self._seen.table.persons)
        seen = seen if isinstance(seen, int) else 0
        if number > tokens and (number > seen or self.gatherer.met_unmarked):
            return number - tokens, None
        return 0, number if number < min(tokens, seen) else None


def _limit(library: Library, fact: str) -> int:
    return limit(library, [counter.total for counter in COUNTERS if counter.adds == fact])


def facts_of_classes(library: Library, flow: Flow) -> dict[str, dict[str, str]]:
    """Return regime → its class → the fact that counts the persons in it, as of a flow's day."""
    found = {}
    for regime in library.content.regimes:
        facts = library.counts_as(regime, flow.as_of, flow.known_at)
        classes = library.sensitivity(regime, flow.as_of, flow.known_at)
        found[regime] = {classes[category]: fact for category, fact in facts.items()}
    return found


def tokens_of(
    goods: Shipment,
    facts: Iterable[str],
    keys: Iterable[WindowKey],
    batches: Iterable[pl.DataFrame],
    *,
    register: str = "",
) -> dict[tuple[str, int], Piece]:
    """Return, per counting fact and year, the piece that a table would add as it stands.

    For asking before anything is cleared: nothing is written, no key is made.
    """
    scheme = scheme_of(goods.inspection, register)
    source = goods.inspection.file.sha256
    columns = counted_columns(goods.inspection, facts_of_classes(goods.library, goods.flow))
    named = {key.year: key for key in keys}
    marks = [
        Mark(fact, year, key.secret, _limit(goods.library, fact), columns.get(fact))
        for fact in sorted(facts)
        for year, key in sorted(named.items())
    ]
    gatherer = TokenGatherer(scheme, source, marks)
    for frame in gatherer.marked(batches):
        gatherer.taken(frame)
    return {
        (mark.fact, mark.year): Piece(
            count(sketch).least,
            source,
            sketch,
            named[mark.year].id,
            namespace_tag(scheme.namespace),
        )
        for mark, sketch in gatherer.gathered()
    }
