"""Words for the search index: the same cutting for what is indexed and for what is asked.

Alphabetic scripts: words in lower case without accents (NFKD, combining marks dropped). Chinese,
Japanese and Korean write without blanks, so runs of Han, Kana and Hangul become single characters
and pairs of neighbours: measured on Chinese law, pairs and singles found more than a dictionary
segmenter and needed none (docs/institutions/directory.md). What is asked is cut into pairs only (a
run of one character into that one), because a pair is rarer than its characters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

QUERY_TOKENS_MAX: Final = 32
"""Most words of one question that are looked up; the rest is not read."""
QUERY_CHARS_MAX: Final = 200
"""Most characters of a question that are read."""
WORD_CHARS_MAX: Final = 40
"""Longer words are cut: hashes and encoded strings are not searched for by their tails."""

_WIDE: Final = (
    "\u3005\u3006\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U000323af"
)
"""Han with extensions, Hiragana, Katakana, Hangul syllables (Unicode blocks), the mark 々."""
_RUNS: Final = re.compile(f"(?P<wide>[{_WIDE}]+)|(?P<word>[^\\W_{_WIDE}]+)")


def fold(text: str) -> str:
    """Return `text` in lower case, compatibility forms unified, accents dropped.

    Full-width letters become half-width (NFKC); Hangul and Kana are composed again, so that a
    voiced kana stays one character.
    """
    if text.isascii():
        return text.lower()
    composed = unicodedata.normalize("NFKC", text).casefold()
    pieces = []
    for character in composed:
        if character < "\u0250" or "\u0370" <= character < "\u0530" or "\u1e00" <= character < "ἀ":
            decomposed = unicodedata.normalize("NFKD", character)
            pieces.append("".join(c for c in decomposed if not unicodedata.combining(c)))
        else:
            pieces.append(character)
    return "".join(pieces)


def index_tokens(text: str) -> list[str]:
    """Return the tokens under which `text` is found: words; single characters and pairs.

    >>> index_tokens("Véhicules 新能源")
    ['vehicules', '新', '新能', '能', '能源', '源']
    """
    found: list[str] = []
    for match in _RUNS.finditer(fold(text)):
        word = match.group("word")
        if word is not None:
            found.append(word[:WORD_CHARS_MAX])
            continue
        run = match.group("wide")
        for place, character in enumerate(run):
            found.append(character)
            if place + 1 < len(run):
                found.append(run[place : place + 2])
    return found


def query_tokens(text: str) -> list[str]:
    """Return the distinct tokens that a text must have to answer the question `text`, bounded.

    Any text is a question: punctuation and operators of query languages are separators here.

    >>> query_tokens('新能源 AND title:"x" )')
    ['新能', '能源', 'and', 'title', 'x']
    """
    found: dict[str, None] = {}
    for match in _RUNS.finditer(fold(text[:QUERY_CHARS_MAX])):
        word = match.group("word")
        if word is not None:
            found[word[:WORD_CHARS_MAX]] = None
            continue
        run = match.group("wide")
        pairs = [run[place : place + 2] for place in range(len(run) - 1)]
        found.update(dict.fromkeys(pairs or [run]))
    return list(found)[:QUERY_TOKENS_MAX]
