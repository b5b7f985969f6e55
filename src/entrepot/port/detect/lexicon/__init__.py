"""Word lists shipped as plain text: header concepts, names of persons, words found in cells."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from importlib import resources

_LATIN_EXTRA = str.maketrans(
    {"ß": "ss", "ı": "i", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"}
)


def fold(text: str) -> str:
    """Return text in NFKC lower case, Latin letters without accents, other scripts untouched."""
    text = unicodedata.normalize("NFKC", text).lower()
    if text.isascii():
        return text
    out: list[str] = []
    for char in text.translate(_LATIN_EXTRA):
        split = unicodedata.normalize("NFD", char)
        out.append(split[0] if split[0].isascii() else char)
    return "".join(out)


def german(text: str) -> str:
    """Return `text` with umlauts spelled out (`größe` → `groesse`), lower case."""
    text = unicodedata.normalize("NFKC", text).lower()
    return fold(text.replace("ä", "ae").replace("ö", "oe").replace("ü", "ue"))


@lru_cache(maxsize=8)
def lines(name: str) -> tuple[tuple[str, str], ...]:
    """Return the `key: rest` lines of the list `name`, comments and blank lines left out."""
    text = resources.files(__name__).joinpath(name).read_text(encoding="utf-8")
    pairs = (line.split(":", 1) for line in text.splitlines() if ":" in line and line[0] != "#")
    return tuple((key.strip(), rest.strip()) for key, rest in pairs)


@lru_cache(maxsize=64)
def words(group: str) -> frozenset[str]:
    """Return the folded words of one group of `words.txt`."""
    found: set[str] = set()
    for key, rest in lines("words.txt"):
        if key == group:
            found.update(fold(word.strip()) for word in rest.split(";") if word.strip())
    return frozenset(found)


@lru_cache(maxsize=16)
def names(group: str) -> frozenset[str]:
    """Return the folded names of one group of `names.txt` (blank-separated there)."""
    found: set[str] = set()
    for key, rest in lines("names.txt"):
        if key == group:
            found.update(fold(word) for word in rest.split())
    return frozenset(found)


@lru_cache(maxsize=8)
def characters(group: str) -> frozenset[str]:
    """Return the single characters of one group of `names.txt` (written without blanks)."""
    return frozenset(char for key, rest in lines("names.txt") if key == group for char in rest)
