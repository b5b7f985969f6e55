"""Text on a terminal of any width: a line that wraps stays right of where it began."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

_NARROWEST = 20
"""Columns that text keeps on the narrowest terminal, whatever its indentation."""


class Indented:
    """A text whose lines, where they wrap, go on `hang` columns right of their own indentation."""

    def __init__(self, text: Text, hang: int = 2) -> None:
        """Take a text with line breaks; leading spaces of a line are its indentation."""
        self.text = text
        self.hang = hang

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one text per line of the screen."""
        text = self.text.copy()
        text.rstrip()
        for line in text.split("\n", allow_blank=True):
            first = len(line.plain) - len(line.plain.lstrip(" "))
            rest = first + self.hang
            head, tail = _split(line[first:], console, max(options.max_width - first, _NARROWEST))
            yield Text(" " * first) + head
            width = max(options.max_width - rest, _NARROWEST)
            for part in tail.wrap(console, width) if tail else ():
                part.rstrip()
                yield Text(" " * rest) + part


def _split(line: Text, console: Console, width: int) -> tuple[Text, Text]:
    """Return what fits on the first line of `width` columns, and the rest without its blanks."""
    fitting = line.wrap(console, width)
    if len(fitting) < 2:
        return line, Text()
    end = len(fitting[0].plain)
    rest = line.plain[end:]
    head = line[:end]
    head.rstrip()
    return head, line[end + len(rest) - len(rest.lstrip(" ")) :]


def readable_size(size_bytes: int) -> str:
    """Return a size in the unit that shows it best (SI): `637 bytes`, `26.4 kB`, `2.1 MB`."""
    if size_bytes < 1_000:
        return f"{size_bytes} bytes"
    size = size_bytes / 1_000
    for unit in ("kB", "MB", "GB"):
        if size < 999.95:
            return f"{size:,.1f} {unit}"
        size /= 1_000
    return f"{size:,.1f} TB"
