"""The page on evidence counts the marks of the European and American rulebooks as they are."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from entrepot.law import Library
from entrepot.law.rulebook import Rulebook

PAGE = Path(__file__).resolve().parents[2] / "docs" / "laws" / "evidence.md"
ROW = re.compile(r"^\| `((?:eu|us)/[\w.-]+)` \|((?: \d+ \|){5})$", re.MULTILINE)


def _marks(book: Rulebook) -> Counter[str]:
    blocks = [*book.regimes, *book.rules, *book.duties, *book.values, *book.interpretations]
    entries = [item for one in book.lists for item in (*one.entries, *one.sensitivity)]
    return Counter(block.citation.evidence for block in (*blocks, *entries))


def test_the_page_counts_the_marks_as_they_are() -> None:
    written = {
        file: [int(figure) for figure in re.findall(r"\d+", figures)]
        for file, figures in ROW.findall(PAGE.read_text(encoding="utf-8"))
    }
    counted = {}
    for book in Library.load().rulebooks:
        if book.file.startswith(("eu/", "us/")):
            marks = _marks(book)
            counted[book.file] = [marks[mark] for mark in ("R", "r", "m", "?")]
            counted[book.file].append(marks.total())
    assert counted and written == counted, "run the program on the page and paste its output"
