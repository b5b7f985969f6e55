"""The one way onto a terminal: what strangers wrote cannot steer it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from entrepot.kernel.errors import visible


class Screen(Console):
    """A console that shows escape sequences and bidirectional controls in text as U+FFFD.

    Rich passes the escape character on. Its own colours and cursor moves are not text here, so they
    are not touched (ECMA-48; Unicode Technical Report 36, section 3).
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the segments of a renderable with their text made visible."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(visible(segment.text), segment.style)
