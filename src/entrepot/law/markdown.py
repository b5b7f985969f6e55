"""The outer shape of a rulebook: front matter, headings and fenced blocks with their lines.

Only as much Markdown as that takes; the text between the blocks is for people and is kept as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches

from entrepot.kernel.errors import InvalidLaw

BLOCK_KINDS: tuple[str, ...] = (
    "regime",
    "rule",
    "duty",
    "values",
    "list",
    "interpretation",
    "commitment",
)
PLAIN_KINDS: frozenset[str] = frozenset({"", "text", "yaml", "json", "console", "csv"})
"""Fences that are illustrations for the reader; anything else is a misspelt block."""
BLOCKS_MAX = 2_000

_FENCE = re.compile(r"^(`{3,}|~{3,})[ \t]*([^\s`]*)[ \t]*$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its kind, text, the heading above it and its first content line."""

    kind: str
    text: str
    heading: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """A rulebook taken apart: front matter text (from line 2) and blocks in order."""

    front: str
    blocks: tuple[Block, ...]


def take_apart(text: str, file: str) -> Document:
    """Split a rulebook. Raises `InvalidLaw` for missing front matter or an unclosed or unknown
    fence."""
    lines = text.split("\n")
    if not lines or lines[0].rstrip() != "---":
        raise InvalidLaw(
            "no front matter", where=f"{file}:1", remedy="start the file with a line `---`"
        )
    end = next((n for n in range(1, len(lines)) if lines[n].rstrip() == "---"), None)
    if end is None:
        raise InvalidLaw("front matter is not closed by `---`", where=f"{file}:1")
    return Document("\n".join(lines[1:end]), tuple(_blocks(lines, end + 1, file)))


def _blocks(lines: list[str], start: int, file: str) -> list[Block]:
    blocks: list[Block] = []
    heading = ""
    number = start
    while number < len(lines):
        line = lines[number]
        if line.startswith("#"):
            heading = line.lstrip("#").strip()
        fence = _FENCE.match(line) if line.startswith(("`", "~")) else None
        if fence is None:
            if line.lstrip().startswith(("```", "~~~")):
                raise InvalidLaw(
                    "a fence that is indented or has more than a kind",
                    where=f"{file}:{number + 1}",
                    value=line.strip(),
                    remedy="write ```rule at the start of the line",
                )
            number += 1
            continue
        close = _closing(lines, number, fence[1])
        if close is None:
            raise InvalidLaw("a fenced block is not closed", where=f"{file}:{number + 1}")
        if _is_block(fence[2], f"{file}:{number + 1}"):
            body = "\n".join(lines[number + 1 : close])
            blocks.append(Block(fence[2], body, heading, number + 2))
            if len(blocks) > BLOCKS_MAX:
                raise InvalidLaw(f"more than {BLOCKS_MAX} blocks", where=f"{file}:{number + 1}")
        number = close + 1
    return blocks


def _closing(lines: list[str], opened: int, mark: str) -> int | None:
    for number in range(opened + 1, len(lines)):
        # A closing fence is at least as long as the opening one, of the same character alone.
        if lines[number].startswith(mark) and not lines[number].rstrip().strip(mark[0]):
            return number
    return None


def _is_block(kind: str, where: str) -> bool:
    if kind in BLOCK_KINDS:
        return True
    if kind in PLAIN_KINDS:
        return False
    close = get_close_matches(kind, BLOCK_KINDS, n=1)
    raise InvalidLaw(
        "unknown kind of block",
        where=where,
        value=kind,
        remedy=f"did you mean {close[0]}?" if close else f"one of {', '.join(BLOCK_KINDS)}",
    )
