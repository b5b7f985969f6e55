"""One detector, and how often a column's cells match it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect.matrix import Mask
from entrepot.port.model import Category

_TRUE_PASS = 0.97
"""Share of genuine identifiers expected to pass their checksum (typing errors fail)."""
_CHECKSUM_CAP = 10.0


@dataclass(frozen=True, slots=True)
class Detector:
    """One form a cell can have; see `catalog` for the meaning of the fields."""

    name: str
    category: Category
    pattern: str
    check: Callable[[pl.Series], Mask] | None = None
    chance: float = 1.0
    weight: float = 0.0
    strong: bool = False

    @property
    def anchored(self) -> str:
        """The pattern for a whole cell, blanks around it allowed."""
        return _anchor(self.pattern)


@dataclass(frozen=True, slots=True)
class Match:
    """How many cells (and how many distinct values) have a shape, and pass its check."""

    cells: int = 0
    passed: int = 0
    distinct: int = 0
    distinct_passed: int = 0

    def __add__(self, other: Match) -> Match:
        """Add up two batches; distinct values are those of the sample and keep the larger."""
        return Match(
            self.cells + other.cells,
            self.passed + other.passed,
            max(self.distinct, other.distinct),
            max(self.distinct_passed, other.distinct_passed),
        )

    def scaled(self, factor: float) -> Match:
        """Return the counts of a sample, scaled up to `factor` times as many cells."""
        return Match(
            round(self.cells * factor),
            round(self.passed * factor),
            self.distinct,
            self.distinct_passed,
        )


Matches = dict[str, Match]


@lru_cache(maxsize=1024)
def _anchor(pattern: str) -> str:
    flags = ""
    if pattern.startswith("(?i)"):
        flags, pattern = "(?i)", pattern[4:]
    return rf"{flags}^[ \t]*(?:{ascii_classes(pattern)})[ \t]*$"


def ascii_classes(pattern: str) -> str:
    """Return the pattern with the digit, word and blank classes narrowed to ASCII.

    The engine compiles a pattern per call, and its Unicode classes cost a millisecond each.
    """
    classes = {"d": "0-9", "w": "0-9A-Za-z_", "s": r" \t\r\n"}
    out: list[str] = []
    inside = False
    index = 0
    while index < len(pattern):
        char = pattern[index]
        if char == "\\" and index + 1 < len(pattern):
            letter = pattern[index + 1]
            if letter in classes:
                out.append(classes[letter] if inside else f"[{classes[letter]}]")
            elif letter == "S" and not inside:
                out.append(r"[^ \t\r\n]")
            else:
                out.append(char + letter)
            index += 2
            continue
        if char == "[" and not inside:
            inside = True
        elif char == "]" and inside:
            inside = False
        out.append(char)
        index += 1
    return "".join(out)


def measure(
    values: pl.Series, detectors: Iterable[Detector], counts: NDArray[np.int64] | None = None
) -> Matches:
    """Return, for each detector that matches at all, how often it does.

    `counts` are the multiplicities of `values` when these are distinct values, else each is one.
    """
    found: Matches = {}
    chosen = {detector.name: detector for detector in detectors}
    if not len(values) or not chosen:
        return found
    frame = values.to_frame("v")
    shapes = frame.select(  # one query: a call per pattern costs more than the matching
        pl.col("v").str.contains(detector.anchored).alias(name) for name, detector in chosen.items()
    )
    for name, detector in chosen.items():
        shape = shapes[name]
        distinct = int(shape.sum())
        if not distinct:
            continue
        mask = shape.to_numpy()
        cells = distinct if counts is None else int(counts[mask].sum())
        passed, distinct_passed = cells, distinct
        if detector.check is not None:
            ok = detector.check(values.filter(shape).str.strip_chars())
            distinct_passed = int(ok.sum())
            passed = distinct_passed if counts is None else int(counts[mask][ok].sum())
        found[name] = Match(cells, passed, distinct, distinct_passed)
    return found


def checksum_weight(match: Match, chance: float) -> float:
    """Return the log-likelihood ratio that the passes are not by chance, within +-10.

    With `chance` p0 that a random value passes and p1 = 0.97 that a genuine one does, the ratio
    over n distinct values of which k pass is k ln(p1/p0) + (n-k) ln((1-p1)/(1-p0)).
    """
    if chance >= 1.0 or not match.distinct:
        return 0.0
    failed = match.distinct - match.distinct_passed
    ratio = match.distinct_passed * math.log(_TRUE_PASS / chance)
    ratio += failed * math.log((1 - _TRUE_PASS) / (1 - chance))
    return max(-_CHECKSUM_CAP, min(_CHECKSUM_CAP, ratio))
