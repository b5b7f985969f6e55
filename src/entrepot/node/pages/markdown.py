"""Markdown that pages of law are made of: cells, code, intervals, marks, and prose one level down.

CommonMark with the tables of GitHub Flavored Markdown. Text of rulebooks between blocks is Markdown
already and is kept; what stands in blocks is plain text and is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from entrepot.law.rulebook import Interval

MARKS: dict[str, str] = {
    "R": "official text read",
    "r": "secondary source read",
    "m": "from memory, not re-read",
    "?": "doubtful, check before use",
}
_SPECIAL = re.compile(r"([\\`*<\[\]])")
_FENCE = re.compile(r"^(```|~~~)")


def plain(text: str) -> str:
    """Return one line of text as Markdown that shows it unchanged."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return one line of text as a code span."""
    line = " ".join(text.split())
    return f"`` {line} ``" if "`" in line else f"`{line}`"


def condition(text: str | bool) -> str:
    """Return a condition in the rulebook's own words, on one line."""
    return code(str(text).lower() if isinstance(text, bool) else text)


def interval(days: Interval) -> str:
    """Return when something is law, and since when that is known where the two differ."""
    if days.start is None:
        return "never commenced"
    text = f"{days.start} until {days.until}" if days.until else f"since {days.start}"
    return text if days.known_from == days.start else f"{text}, known from {days.known_from}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; cells are Markdown, and a bar in one is escaped."""
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in rows:
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")
    return lines


def demoted(lines: Iterable[str]) -> list[str]:
    """Return prose with every heading one level further down, so that a page has one title."""
    shown: list[str] = []
    fenced = False
    for line in lines:
        fenced ^= bool(_FENCE.match(line))
        shown.append(f"#{line}" if line.startswith("#") and not fenced else line.rstrip())
    return shown


def page(lines: Iterable[str]) -> str:
    """Return lines as the text of a page: no blank line twice, one line end at the end."""
    text = "\n".join(lines).strip("\n")
    return re.sub(r"\n{3,}", "\n\n", text) + "\n"
