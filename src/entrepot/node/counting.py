"""What the commands ask of a node's counters: facts for a shipment, and the state of every window.

Facts are filled only where a person declared that the counters hold everything since the window's
first day (`counters/declared.yaml`): a node that cleared nothing yet knows nothing of what left
before it came, and unknown must not read as none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import msgspec
import polars as pl

from entrepot.kernel.store import KERNEL_TABLES, Store
from entrepot.law.counters import Bounds, Piece, before, bounds, thresholds
from entrepot.law.library import Library
from entrepot.port.clear.counters import COUNTERS, Counter, window_start
from entrepot.port.clear.counting import tokens_of
from entrepot.port.clear.declared import read_declared
from entrepot.port.clear.pieces import PieceFolder, WindowKey
from entrepot.port.clear.record import Parties
from entrepot.port.clear.state import TABLES
from entrepot.port.clear.views import CounterBooks
from entrepot.port.plan.states import Earlier, Shipment

BY = "the counters of this node"
Batches = Callable[[], Iterable[pl.DataFrame]]


class Books(msgspec.Struct, frozen=True):
    """The counters of one home, open for reading on a day; of a new home they are empty."""

    view: CounterBooks
    folder: PieceFolder
    today: date


@contextmanager
def open_books(home: Path, today: date) -> Iterator[Books]:
    """Open the counters of a home, whether or not anything was cleared in it yet.

    Raises `StorageError` when another process writes there, `InvalidInput` for a malformed
    `declared.yaml`.
    """
    folder = PieceFolder(home)
    declared = read_declared(folder.root, today)
    path = home / "store.sqlite"
    store = Store.open(path) if path.is_file() else Store.scratch()
    try:
        store.create_tables(TABLES)
        store.create_tables(KERNEL_TABLES)
        with store.reading() as read:
            yield Books(CounterBooks(read, folder, declared), folder, today)
    finally:
        store.close()


class Filled(msgspec.Struct, frozen=True):
    """A shipment with what the counters know of its companions, and what the reader must hear."""

    goods: Shipment
    notes: tuple[str, ...] = ()


def filled(
    goods: Shipment, books: Books, parties: Parties | None, batches: Batches, register: str
) -> Filled:
    """Fill the counter facts of a shipment that nobody declared.

    Persons who are in the table too are not counted as earlier ones; where a way sends fewer of
    them, everybody sent before counts as another (`Shipment.earlier`).
    """
    known = [c for c in COUNTERS if c.origin == goods.flow.origin]
    notes: list[str] = []
    linked = None
    if parties is not None and any(c.per_recipient for c in known):
        found = books.view.linked(parties)
        linked = found.hashes
        notes += [near_note(parties.recipient, name) for name in found.near]
    asked = [c for c in known if _is_open(goods, c) and not (c.per_recipient and linked is None)]
    earlier = {c.prior: books.view.counted(c, books.today, linked) for c in asked}
    present = _present(goods, books, [c for c in asked if earlier[c.prior]], batches, register)
    declared, instead = dict(goods.declared), dict(goods.earlier)
    for counter in asked:
        pieces = earlier[counter.prior]
        others = before(pieces, present.get(counter.adds))
        start = window_start(counter, books.today)
        if not books.view.declared.covers(start):
            if others.most:
                notes.append(_not_complete(counter, others, start))
            continue
        more = _elsewhere(books, counter)
        declared[counter.prior] = {"value": others.most + more, "by": BY}
        whole = {"value": bounds(pieces).most + more, "by": BY}
        instead[counter.prior] = Earlier(counter.adds, whole)
    return Filled(msgspec.structs.replace(goods, declared=declared, earlier=instead), tuple(notes))


def _elsewhere(books: Books, counter: Counter) -> int:
    """Return how many persons are declared to have left otherwise in a counter's window.

    Who left in a shorter window of the same count left in the longer one too.
    """
    start = window_start(counter, books.today)
    said = books.view.declared.elsewhere
    within = [
        said.get(other.prior, 0)
        for other in COUNTERS
        if other.adds == counter.adds and window_start(other, books.today) >= start
    ]
    return max(within)


def near_note(name: str, other: str) -> str:
    """Return the warning about a name that looks like another."""
    return (
        f"the recipient {name} looks like {other}, to whom this node cleared before: both count as "
        "one; declare them distinct in counters/declared.yaml if they are not"
    )


def _not_complete(counter: Counter, others: Bounds, start: date) -> str:
    return (
        f"this node itself cleared {others.most:,} other persons since {start} for "
        f"{counter.prior}; declare the fact, or say in counters/declared.yaml since when nothing "
        "left otherwise"
    )


def _is_open(goods: Shipment, counter: Counter) -> bool:
    return counter.prior not in goods.declared and counter.total not in goods.declared


def _present(
    goods: Shipment, books: Books, asked: list[Counter], batches: Batches, register: str
) -> dict[str, Piece]:
    """Return, per counting fact, the piece that the table as it stands would add."""
    key: WindowKey | None = books.folder.key_if_any(books.today.year) if asked else None
    if key is None:
        return {}
    facts = {counter.adds for counter in asked}
    tokens = tokens_of(goods, facts, [key], batches(), register=register)
    bound = goods.library.bind(goods.flow)
    values = bound.prepare(goods.library.facts({**goods.inspected, **goods.declared}))
    found = {}
    for fact in facts:
        persons = values.get(fact)
        if isinstance(persons, int):
            piece = tokens[fact, key.year]
            found[fact] = msgspec.structs.replace(piece, persons=persons)
    return found


class WindowView(msgspec.Struct, frozen=True):
    """One counter's window as `entrepot counters` shows it."""

    fact: str
    since: date
    recipient: str
    """Name of the recipient, for counters per pair; "" for all."""
    shipments: int
    persons_least: int
    persons_most: int
    exact: bool
    exempt_persons: int
    """Persons in the column of exempt shipments, counted apart."""
    stored_bytes: int
    next_threshold: int | None
    """The first number above the count that some rule compares it with."""
    near: bool
    """Whether less than a tenth is left to it, or the bounds do not say on which side of a
    threshold the count lies."""
    complete: bool
    """Whether a person declared that nothing left otherwise."""


def windows(books: Books, library: Library) -> list[WindowView]:
    """Return every counter with a clearance in its window of today, in the order of the law."""
    found = []
    for counter in COUNTERS:
        groups: list[tuple[str, frozenset[str] | None]] = [("", None)]
        if counter.per_recipient:
            groups = _recipient_groups(books)
        for name, hashes in groups:
            pieces = books.view.pieces(counter, books.today, hashes)
            exempt = books.view.pieces(counter, books.today, hashes, exempt=True)
            if pieces or exempt:
                found.append(_window(books, library, counter, name, pieces, exempt))
    return found


def _window(
    books: Books,
    library: Library,
    counter: Counter,
    name: str,
    pieces: list[Piece],
    exempt: list[Piece],
) -> WindowView:
    counted = [*pieces, *exempt] if counter.exempt_too else pieces
    number = bounds(counted)
    marks = thresholds(library, counter.total)
    above = next((mark for mark in marks if mark > number.most), None)
    straddled = any(number.least < mark <= number.most for mark in marks)
    start = window_start(counter, books.today)
    return WindowView(
        fact=counter.total,
        since=start,
        recipient=name,
        shipments=sum(1 for piece in counted if piece.persons),
        persons_least=number.least,
        persons_most=number.most,
        exact=number.exact,
        exempt_persons=bounds(exempt).most,
        stored_bytes=sum(piece.stored_bytes for piece in (*pieces, *exempt)),
        next_threshold=above,
        near=straddled or (above is not None and number.most * 10 >= above * 9),
        complete=books.view.declared.covers(start),
    )


def _recipient_groups(books: Books) -> list[tuple[str, frozenset[str] | None]]:
    """Return the recipients that count as one, each under the name of its latest clearance."""
    left = {known.hash: known for known in books.view.recipients()}
    groups: list[tuple[str, frozenset[str] | None]] = []
    while left:
        _hash, known = left.popitem()
        parties = Parties("", known.name, "")
        together = books.view.linked(parties).hashes if known.name else frozenset({known.hash})
        groups.append((known.name or f"erased name {known.hash[:12]}", together | {known.hash}))
        for other in together:
            left.pop(other, None)
    return sorted(groups, key=lambda group: group[0])
