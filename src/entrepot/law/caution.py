"""What an answer must say against itself: law known only from memory or in doubt, or too old.

Marks of evidence: docs/laws/rulebooks.md, "Front matter". Nothing here changes an outcome.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING

from entrepot.law.model import Flow, Side

if TYPE_CHECKING:
    from entrepot.law.library import Library

_UNREAD = {"m": "written from memory", "?": "doubtful"}


def cautions(
    library: Library, flow: Flow, sides: Iterable[Side], books: Iterable[str]
) -> list[str]:
    """Return sentences on how far the rules that decide `sides` and the rulebooks `books`, relied
    on, can be trusted for `flow`."""
    return [*_unread(library, sides), *_beyond(library, flow, books)]


def _unread(library: Library, sides: Iterable[Side]) -> list[str]:
    """Name what decides without having been read: rules, list entries and defaults."""
    named: dict[str, dict[str, None]] = {mark: {} for mark in _UNREAD}
    for side in sides:
        marked = [(hit.id, hit.citation.evidence) for hit in side.rules]
        for hit in side.rules:
            for entry in hit.list_entries:
                part = library.part(entry)[1]
                marked += [(entry, part.citation.evidence)] if part is not None else []
        regime = library.content.regimes.get(side.regime)
        if side.default and regime is not None:
            marked.append((f"the default of {side.regime}", regime.text.citation.evidence))
        for name, mark in marked:
            if mark in named:
                named[mark][name] = None
    return [
        f"{', '.join(names)}: {_UNREAD[mark]}, not compared with the official text; have it checked"
        for mark, names in named.items()
        if names
    ]


def _beyond(library: Library, flow: Flow, books: Iterable[str]) -> list[str]:
    """Say what came too late to be known here."""
    fronts = [library.content.books[name].front for name in books]
    stale: dict[date, list[str]] = {}
    for front in fronts:
        if flow.as_of > front.verified_on:
            stale.setdefault(front.verified_on, []).append(front.id)
    found = [
        f"the law after {day} is not known here for {', '.join(sorted(names))}, last compared "
        "with the source on that day"
        for day, names in sorted(stale.items())
    ]
    newest = max(
        (max(front.verified_on, front.known_from or front.verified_on) for front in fronts),
        default=None,
    )
    if newest is not None and flow.known_at > max(newest, flow.as_of):
        found.append(
            f"nothing that became known after {newest} is loaded: as known on {flow.known_at} is "
            f"no more than as known on {newest}"
        )
    return found
