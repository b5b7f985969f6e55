"""What the atlas page reads: places, days, verdicts, and per side the verdict of every pair.

A side is a stack of matrices that change rarely and repeat their rows, so a matrix is a list of row
numbers in runs (row, count, row, count …) and a row a list of verdicts in runs (verdict, count …);
verdict -1 means that the regime is not engaged. The page joins sides as the engine does: the
strictest counts, and where no side exports, a person decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import date

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.law.atlas import (
    Atlas,
    AtlasBook,
    AtlasRegime,
    AtlasSide,
    AtlasStretch,
    AtlasVerdict,
)
from entrepot.law.library import Library
from entrepot.law.outcomes import OUTCOMES


class Place(msgspec.Struct, frozen=True):
    """A jurisdiction: code, names, and whether a rulebook of its own speaks in the atlas."""

    code: str
    en: str
    zh: str
    written: bool


class Stretch(msgspec.Struct, frozen=True):
    """From a day on (position in `days`), the rows of every place in runs."""

    day: int
    rows: list[int]


class Side(msgspec.Struct, frozen=True):
    """One regime in one role."""

    regime: str
    role: str
    stretches: list[Stretch]


class Payload(msgspec.Struct, frozen=True):
    """Everything on the page."""

    profile: str
    about: str
    facts: dict[str, str]
    today: date
    places: list[Place]
    groups: dict[str, list[str]]
    outcomes: list[str]
    days: list[date]
    changed: dict[str, list[str]]
    """Day → regimes that change some cell on it."""
    regimes: dict[str, AtlasRegime]
    books: dict[str, AtlasBook]
    verdicts: list[AtlasVerdict]
    rows: list[list[int]]
    sides: list[Side]


def payload(library: Library, atlas: Atlas, *, profile: str, about: str) -> Payload:
    """Return what the page of `atlas` reads."""
    days = atlas.days
    rows = _Rows()
    written = {atlas.regimes[side.regime].jurisdiction for side in atlas.sides}
    exporting = {
        atlas.places[place]
        for side in atlas.sides
        if side.role == "export"
        for stretch in side.stretches
        for place in np.flatnonzero((stretch.cells >= 0).any(axis=1))
    }
    names = library.jurisdictions.names
    return Payload(
        profile=profile,
        about=about,
        facts=atlas.facts,
        today=atlas.today,
        places=[
            Place(code, *names[code], written=code in exporting or code in written)
            for code in atlas.places
        ],
        groups=_groups(library, atlas),
        outcomes=list(OUTCOMES),
        days=days,
        changed={day.isoformat(): regimes for day, regimes in atlas.changes().items()},
        regimes=atlas.regimes,
        books=atlas.books,
        verdicts=atlas.verdicts,
        sides=[_side(side, days, rows) for side in atlas.sides],
        rows=rows.all,
    )


class _Rows:
    """Rows of verdicts, each kept once."""

    def __init__(self) -> None:
        self.all: list[list[int]] = []
        self.numbers: dict[bytes, int] = {}

    def number(self, row: NDArray[np.int32]) -> int:
        key = row.tobytes()
        if key not in self.numbers:
            self.numbers[key] = len(self.all)
            self.all.append(runs(row.tolist()))
        return self.numbers[key]


def runs(values: Iterable[int]) -> list[int]:
    """Return values in runs: value, count, value, count …"""
    return [
        part for value, same in itertools.groupby(values) for part in (value, sum(1 for _ in same))
    ]


def _side(side: AtlasSide, days: list[date], rows: _Rows) -> Side:
    return Side(
        side.regime,
        side.role,
        [Stretch(days.index(s.start), _matrix(s, rows)) for s in side.stretches],
    )


def _matrix(stretch: AtlasStretch, rows: _Rows) -> list[int]:
    return runs(rows.number(row) for row in stretch.cells)


def _groups(library: Library, atlas: Atlas) -> dict[str, list[str]]:
    """Return the groups of jurisdictions as they stand on the day of the atlas."""
    return {
        group.title: sorted(group.on(atlas.today) & set(atlas.places))
        for _, group in sorted(library.jurisdictions.groups.items())
    }
