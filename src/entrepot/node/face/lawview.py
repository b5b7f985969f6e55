"""Rulebooks laid out for pages: found by words, place, day and evidence; rules with their dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from entrepot.law.blocks import FrontMatter
from entrepot.law.cases import Case, read_cases
from entrepot.law.library import Library, laws_folder
from entrepot.law.rulebook import Dated, Interval, Rulebook

STATES: Final = ("in-force", "not-yet", "ended", "never")
MARKS: Final = ("R", "r", "m", "?")
CASES_SHOWN_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Sought:
    """Which rulebooks a list shows; empty means any."""

    words: str = ""
    jurisdiction: str = ""
    evidence: str = ""
    day: date | None = None

    def fits(self, book: Rulebook) -> bool:
        """Say whether a rulebook is sought; all words must stand somewhere in its head or ids."""
        front = book.front
        if self.jurisdiction not in ("", front.jurisdiction):
            return False
        if self.evidence not in ("", front.evidence):
            return False
        if self.day is not None and state_of(interval_of(front), self.day) != "in-force":
            return False
        if not self.words:
            return True
        text = " ".join(
            (
                front.id,
                front.regime,
                front.title,
                front.title_original,
                front.issuer,
                front.source,
                *(rule.id for rule in book.rules),
                *(rule.block.says for rule in book.rules),
            )
        ).casefold()
        return all(word in text for word in self.words.casefold().split())


def interval_of(front: FrontMatter) -> Interval:
    """Return when an instrument is law."""
    known = front.known_from or front.start or front.verified_on
    return Interval(front.start, front.until, known, front.until_known)


def state_of(interval: Interval, day: date) -> str:
    """Return one of `STATES` for a day, with what is known today."""
    if interval.start is None:
        return "never"
    if day < interval.start:
        return "not-yet"
    return "in-force" if interval.until is None or day < interval.until else "ended"


def found_books(library: Library, sought: Sought) -> list[Rulebook]:
    """Return the rulebooks sought, by jurisdiction, then by the day they began."""
    found = [book for book in library.rulebooks if sought.fits(book)]
    return sorted(
        found, key=lambda b: (b.front.jurisdiction, b.front.start or date.max, b.front.id)
    )


def counted(books: Iterable[Rulebook]) -> Counter[str]:
    """Return how many rulebooks each jurisdiction has."""
    return Counter(book.front.jurisdiction for book in books)


def by_heading(parts: Iterable[Dated]) -> list[tuple[str, list[Dated]]]:
    """Return parts under the heading they stand below, in the order of the rulebook."""
    found: dict[str, list[Dated]] = {}
    for part in parts:
        found.setdefault(part.heading, []).append(part)
    return list(found.items())


def cases_of(book: Rulebook) -> list[Case]:
    """Return the cases that try a rulebook, none where it has no file of cases."""
    path = laws_folder() / book.file.replace(".md", ".cases.yaml")
    return read_cases(path, file=path.name) if path.is_file() else []
