"""Windows over which law counts persons, and what the pieces counted in one come to.

Every shipment leaves one piece per counting fact: the set of its persons' tokens (`Sketch`), the
number that law counted, and what the two do not share. A window's count is that of the union of
its pieces, bounded on both sides; law reads the upper bound. Pure: pieces and days are given.

Tokens compare only under one key. The key belongs to the year in which a window *ends*: a window
that ends in a year and reaches back into the one before holds pieces of both under that one key, so
a shipment of such a counter is kept twice, under the key of its own year and under the next. When
the year has passed and its key is destroyed, no window that could need it is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from entrepot.law import ir
from entrepot.law.library import Library
from entrepot.law.sketches import Count, Exact, Sketch, count, union

MARGIN: Final = 1.25
"""Tokens are kept exactly up to the largest threshold of any law times this."""
LIMIT_MIN: Final = 200_000
"""Tokens kept exactly where no law states a threshold, or a small one."""


class Window(msgspec.Struct, frozen=True):
    """The days that count together for a shipment."""

    years: int
    """Calendar years, the current one included; 0 = the preceding twelve months."""

    def start(self, on: date) -> date:
        """Return the first day that counts for a shipment on `on`, itself included.

        Twelve months reach back to the same day of the year before; from 29 February to the 28th.
        """
        if self.years:
            return date(on.year - self.years + 1, 1, 1)
        try:
            return on.replace(year=on.year - 1)
        except ValueError:  # 29 February
            return date(on.year - 1, 2, 28)

    def key_years(self, cleared_on: date) -> tuple[int, ...]:
        """Return the years in which a window may end that counts a shipment of this day."""
        span = max(self.years, 2 if self.years == 0 else 1)
        return tuple(range(cleared_on.year, cleared_on.year + span))


class Piece(msgspec.Struct, frozen=True):
    """What one shipment added to one counting fact."""

    persons: int
    """The number that law counted."""
    source: str
    """Hash of the table it came from: the same table holds the same persons."""
    sketch: Sketch | None = None
    """Tokens of its persons; None where there are none (any more)."""
    key: str = ""
    """Which key made the tokens; only tokens of one key compare."""
    namespace: str = ""
    """What the tokens tell persons apart by; two namespaces may hold the same persons."""
    extra: int = 0
    """Persons counted who have no token."""
    cap: int | None = None
    """Persons at most, where fewer were counted than have tokens and nobody knows which."""
    stored_bytes: int = 0
    """Size of its file, for those who ask what a counter costs."""


class Bounds(msgspec.Struct, frozen=True):
    """How many distinct persons a set of pieces comes to."""

    least: int
    """Certainly: however persons hide behind different identifiers."""
    most: int
    """Surely not more; the number that law reads."""
    exact: bool
    """Whether `most` is the number of distinct identifiers itself: no sketch, cap or lost piece."""


def bounds(pieces: Sequence[Piece]) -> Bounds:
    """Return the bounds of the distinct persons in `pieces` together.

    Upper: per key the union of tokens; pieces that were capped count the smaller of their tokens
    and their caps; persons without tokens are new persons, once per table. Lower: the largest of
    any one namespace, because two namespaces may name the same persons.
    """
    pieces = [piece for piece in pieces if piece.persons or piece.sketch is not None]
    most = least = 0
    is_exact = True
    for key in sorted({piece.key for piece in pieces if piece.sketch is not None}):
        found = _tokens([piece for piece in pieces if piece.key == key and piece.sketch])
        most += found.most
        least = max(least, found.least)
        is_exact = is_exact and found.exact
    without = _per_source((p.source, p.persons if p.sketch is None else p.extra) for p in pieces)
    alone = [piece.persons for piece in pieces if piece.sketch is None or piece.cap is not None]
    capped = any(piece.cap is not None or piece.sketch is None for piece in pieces)
    return Bounds(max(least, *alone, 0), most + without, is_exact and not capped)


def _tokens(pieces: Sequence[Piece]) -> Bounds:
    """Return the bounds of pieces of one key, all with tokens."""
    everybody = _union(pieces)
    namespaces = {piece.namespace for piece in pieces}
    if len(namespaces) == 1 and all(piece.cap is None for piece in pieces):
        return Bounds(everybody.least, everybody.most, everybody.is_exact)
    least = 0
    for namespace in namespaces:
        named = [p for p in pieces if p.namespace == namespace and p.cap is None]
        least = max(least, _union(named).least)
    most = everybody.most
    capped = _per_source((p.source, p.cap) for p in pieces if p.cap is not None)
    if capped:
        most = min(most, _union([p for p in pieces if p.cap is None]).most + capped)
    return Bounds(least, most, everybody.is_exact)


def _union(pieces: Iterable[Piece]) -> Count:
    return count(union(piece.sketch for piece in pieces if piece.sketch is not None))


def _per_source(numbers: Iterable[tuple[str, int]]) -> int:
    """Return the sum over tables of the largest number that any shipment of each one had."""
    largest: dict[str, int] = {}
    for source, number in numbers:
        largest[source] = max(number, largest.get(source, 0))
    return sum(largest.values())


def before(pieces: Sequence[Piece], present: Piece | None) -> Bounds:
    """Return how many persons of `pieces` are not in the present shipment as well.

    Without its tokens, only pieces of the very same table are known to hold its persons.
    """
    if present is None:
        return bounds(pieces)
    if present.sketch is None:
        others = [piece for piece in pieces if piece.source != present.source]
        least = bounds(pieces).least - present.persons
        found = bounds(others)
        return Bounds(max(0, least), found.most, found.exact)
    together = bounds([*pieces, present])
    alone = bounds(pieces)
    return Bounds(
        max(0, alone.least - present.persons),
        # Who is only known by a number may be anybody: never more than all of them.
        min(alone.most, max(0, together.most - present.persons)),
        together.exact and alone.exact,
    )


def is_exact_set(piece: Piece) -> bool:
    """Say whether a piece still holds its tokens one by one."""
    return isinstance(piece.sketch, Exact)


def thresholds(library: Library, fact: str) -> tuple[int, ...]:
    """Return the numbers, ascending, that any rule of any day compares `fact` with.

    Dated values count with all their versions; where a fact is derived as a sum with `fact` in it,
    the numbers that the sum is compared with count too.
    """
    names = _with_sums(library, fact)
    found: set[int] = set()
    for node in _conditions(library):
        for part in ir.walk(node):
            if isinstance(part, ir.Compare):
                read = {*ir.facts_of(part.left), *ir.facts_of(part.right)}
                found |= _numbers(library, part) if names & read else set()
    return tuple(sorted(number for number in found if number > 0))


def limit(library: Library, facts: Iterable[str]) -> int:
    """Return how many tokens are kept exactly for a counter whose total is one of `facts`."""
    largest = max((n for fact in facts for n in thresholds(library, fact)), default=0)
    return max(LIMIT_MIN, int(largest * MARGIN))


def _with_sums(library: Library, fact: str) -> set[str]:
    names, grown = {fact}, True
    while grown:
        found = {
            item.name
            for item in library.derivations
            for _when, value in item.rules
            if names & set(ir.facts_of(value))
        }
        grown = not found <= names
        names |= found
    return names


def _conditions(library: Library) -> Iterable[ir.Node]:
    content = library.content
    for rule in content.rules.values():
        yield rule.condition
    duties = [duty for rule in content.rules.values() for duty in rule.duties]
    for duty in (*content.duties.values(), *duties):
        yield from (duty.when, duty.done, duty.fails)
    for scope in content.lists.values():
        yield from (entry.condition for entry in scope.entries)
    for regime in content.regimes.values():
        yield from (node for _role, node in regime.engages)
    for item in library.derivations:
        yield from (when for when, _value in item.rules)


def _numbers(library: Library, comparison: ir.Compare) -> set[int]:
    found: set[int] = set()
    for side in (comparison.left, comparison.right):
        for part in ir.walk(side):
            if isinstance(part, ir.Const) and isinstance(part.value, int):
                found.add(int(part.value))
            elif isinstance(part, ir.ValueRef):
                rows = library.content.values[part.id].block.values
                found |= {int(row.value) for row in rows}
    return found
