"""What the judges know of one column: its header, its shapes, and figures drawn from its sample."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect.headers import HeaderReading
from entrepot.port.detect.lexicon import fold, words
from entrepot.port.detect.shapes import Match, Matches
from entrepot.port.model import Category

VALUES_MAX = 400
"""Sampled values the dictionaries look at; a fair share of the distinct values of the column."""


_CJK_CHARACTER = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_NAME_LENGTH = 6
"""Chinese, Japanese and Korean characters that a name may take: they count as one word."""


def _word_count(value: str) -> int:
    blanks = value.count(" ") + 1
    if value.isascii():
        return blanks
    characters = len(_CJK_CHARACTER.findall(value))
    return max(blanks, characters // 2) if characters > _NAME_LENGTH else blanks


@dataclass
class Profile:
    """One column at the end of the scan. Shares are of non-empty cells, 0 to 1."""

    name: str
    index: int
    dtype: str
    reading: HeaderReading
    cells: int
    nulls: int
    distinct: int
    sample: pl.Series
    counts: NDArray[np.int64]
    matches: Matches
    matched_cells: int
    """Cells over which `matches` was counted (all, or those of the sample)."""
    exhaustive: bool
    """Whether `matches` covers every cell."""
    contains: dict[Category, int] = field(default_factory=dict)
    defects: list[str] = field(default_factory=list)

    @property
    def present(self) -> int:
        """Non-empty cells."""
        return self.cells - self.nulls

    @cached_property
    def _chosen(self) -> tuple[list[str], NDArray[np.float64]]:
        texts = self.sample.head(VALUES_MAX * 2).str.strip_chars().to_list()
        blanks = words("placeholder")
        keep = [i for i, t in enumerate(texts) if t and fold(t) not in blanks][:VALUES_MAX]
        return [texts[i] for i in keep], self.counts[keep].astype(np.float64)

    @property
    def values(self) -> list[str]:
        """Distinct sampled values, stripped, without placeholders such as `N/A`."""
        return self._chosen[0]

    @property
    def weights(self) -> NDArray[np.float64]:
        """How many cells held each of `values`."""
        return self._chosen[1]

    @cached_property
    def folded(self) -> list[str]:
        """`values` in lower case without Latin accents."""
        return [fold(v) for v in self.values]

    @cached_property
    def mean_length(self) -> float:
        """Mean characters of a distinct value."""
        return float(np.mean([len(v) for v in self.values])) if self.values else 0.0

    @cached_property
    def mean_words(self) -> float:
        """Mean words of a distinct value: parted by blanks, or two characters in long CJK text."""
        return float(np.mean([_word_count(v) for v in self.values])) if self.values else 0.0

    @cached_property
    def numbers(self) -> NDArray[np.float64]:
        """The sampled values that are plain numbers, as floats (distinct, unordered)."""
        text = pl.Series("v", self.values, dtype=pl.String).str.strip_chars_end("%")
        text = text.str.replace(r"^([-+]?\d{1,3}(?:,\d{3})+)(\.\d+)?$", "${1}${2}")
        plain = text.str.replace_all(",", "").cast(pl.Float64, strict=False)
        return plain.drop_nulls().drop_nans().to_numpy()

    @cached_property
    def numeric_share(self) -> float:
        """Share of distinct values that are plain numbers."""
        return len(self.numbers) / len(self.values) if self.values else 0.0

    @cached_property
    def integral(self) -> bool:
        """Whether the column holds whole numbers (nearly) throughout."""
        if self.numeric_share < 0.95:
            return False
        return bool(np.mean(self.numbers == np.floor(self.numbers)) > 0.98)

    @cached_property
    def fractional(self) -> bool:
        """Whether more than a few of the numbers have decimals."""
        numbers = self.numbers
        return bool(len(numbers)) and float(np.mean(numbers != np.floor(numbers))) > 0.02

    @cached_property
    def boolean(self) -> bool:
        """Whether the column is a yes/no flag: at most three distinct values, all of them flags."""
        return 0 < len(self.values) <= 3 and all(v in words("boolean") for v in self.folded)

    @cached_property
    def letters_share(self) -> float:
        """Share of distinct values with letters and no digits."""
        return self._share_of(lambda v: any(map(str.isalpha, v)) and not any(map(str.isdigit, v)))

    @cached_property
    def digits_share(self) -> float:
        """Share of distinct values that hold a digit."""
        return self._share_of(lambda v: any(map(str.isdigit, v)))

    @cached_property
    def code_share(self) -> float:
        """Share of distinct values that are one unbroken code: digits inside, no blank."""
        return self._share_of(lambda v: " " not in v and any(map(str.isdigit, v)) and len(v) < 64)

    def _share_of(self, test: object) -> float:
        if not self.values or not callable(test):
            return 0.0
        return sum(1 for v in self.values if test(v)) / len(self.values)

    @property
    def distinct_ratio(self) -> float:
        """Distinct values per non-empty cell (1.0: a key)."""
        return self.distinct / self.present if self.present else 0.0

    def match(self, name: str) -> Match:
        """Return the counts of the detector `name`."""
        return self.matches.get(name, Match())

    def share(self, *names: str) -> float:
        """Return the share of non-empty cells that pass any one of the detectors (the largest)."""
        if not self.matched_cells:
            return 0.0
        return max((self.match(n).passed for n in names), default=0) / self.matched_cells

    def shape_share(self, *names: str) -> float:
        """Return the largest share of cells with the bare shape of one of the detectors."""
        if not self.matched_cells:
            return 0.0
        return max((self.match(n).cells for n in names), default=0) / self.matched_cells

    def word_share(self, group: str) -> tuple[float, int]:
        """Return the share of cells that are a word of `group`, and how many distinct words."""
        known = words(group)
        hit = np.array([v in known for v in self.folded], dtype=bool)
        if not hit.any():
            return 0.0, 0
        return float(self.weights[hit].sum() / self.weights.sum()), int(hit.sum())

    def token_share(self, group: str) -> tuple[float, int]:
        """Return the share of distinct values with a token of `group`, and the distinct tokens."""
        known = words(group)
        seen: set[str] = set()
        hits = 0
        for value in self.folded:
            found = known.intersection(self.split(value))
            hits += bool(found)
            seen |= found
        return hits / len(self.folded) if self.folded else 0.0, len(seen)

    @staticmethod
    def split(value: str) -> list[str]:
        """Split a folded value into tokens, keeping dots and hyphens inside a token."""
        return value.replace(",", " ").replace("/", " ").replace("(", " ").replace(")", " ").split()

    def part_share(self, group: str) -> tuple[float, int]:
        """Return the share of distinct values that contain a word of `group` (for CJK text)."""
        known = words(group)
        plain = any(word.isascii() for word in known)
        hits, seen = 0, set()
        for value in self.folded:
            if value.isascii() and not plain:
                continue
            found = [w for w in known if w in value]
            hits += bool(found)
            seen.update(found)
        return hits / len(self.folded) if self.folded else 0.0, len(seen)
