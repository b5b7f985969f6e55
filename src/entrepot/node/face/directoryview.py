"""The directory laid out for pages: filters with words and counts, rights as chains drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from entrepot.registry import productvocabulary as vocabulary
from entrepot.registry.dcat import amount
from entrepot.registry.productacts import Metadata
from entrepot.registry.rightviews import Grant

SHOWN_FACETS: Final[dict[str, tuple[str, ...]]] = {
    "product": ("theme", "place", "price", "cycle", "delivery", "personal", "status"),
    "party": ("role", "place"),
}
"""Filters of the page in their order, by kind of what is sought."""
VALUES_SHOWN_MAX: Final = 12
_BOX_WIDTH, _BOX_HEIGHT = 208, 74
_GAP_X, _GAP_Y = 56, 18
_NAME_CHARS_MAX: Final = 26


@dataclass(frozen=True, slots=True)
class Choice:
    """A value of a filter: its code, its words, how many results have it, whether it is chosen."""

    code: str
    words: str
    count: int
    chosen: bool


def choices(
    facets: Mapping[str, Sequence[tuple[str, int]]],
    chosen: Mapping[str, Sequence[str]],
    kind: str,
    words: Callable[[str, str], str],
) -> dict[str, list[Choice]]:
    """Return filter → values to choose from, most frequent first; chosen ones are always there."""
    found: dict[str, list[Choice]] = {}
    for name in SHOWN_FACETS[kind]:
        mine = chosen.get(name, ())
        counted = dict(facets.get(name, ()))
        codes = [*list(counted)[:VALUES_SHOWN_MAX], *(c for c in mine if c not in counted)]
        shown = [
            Choice(code, words(name, code), counted.get(code, 0), code in mine) for code in codes
        ]
        if shown:
            found[name] = shown
    return found


def word_of(name: str, code: str, language: str) -> str:
    """Return a code of a closed list in words; the code itself where the list has none."""
    table = {
        "theme": vocabulary.THEMES,
        "cycle": vocabulary.CYCLES,
        "price": vocabulary.PRICE_MODELS,
        "delivery": vocabulary.DELIVERIES,
        "method": vocabulary.METHODS,
    }.get(name, {})
    pair = table.get(code)
    return code if pair is None else pair[1 if language == "zh" else 0]


def text_in(texts: Mapping[str, str], language: str) -> tuple[str, str]:
    """Return a text in the reader's language, else English, else any; and its language."""
    for code in (language, "en"):
        if texts.get(code):
            return texts[code], code
    return next(((text, code) for code, text in texts.items()), ("", "und"))


def price_of(metadata: Metadata) -> str:
    """Return the amount of a price with its currency; "" when it is free."""
    pricing = metadata.pricing
    if pricing.model == "free":
        return ""
    return f"{amount(pricing.amount_minor, pricing.currency)} {pricing.currency}"


# -- rights as a picture ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Box:
    """A right in the picture: where its box stands, and what is written in it."""

    grant: Grant
    holder: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Chains:
    """Rights in a product as boxes, each to the right of the one it rests on."""

    boxes: tuple[Box, ...]
    links: tuple[str, ...]
    """SVG paths from a right to those that rest on it."""
    width: int
    height: int
    box_width: int = _BOX_WIDTH
    box_height: int = _BOX_HEIGHT


def chains(grants: Sequence[Grant], names: Mapping[str, str]) -> Chains:
    """Return the picture of all rights in a product; a source elsewhere counts as none."""
    known = {grant.id: grant for grant in grants}
    children: dict[int | None, list[Grant]] = {}
    for grant in sorted(grants, key=lambda g: (g.right, g.id)):
        source = grant.source if grant.source in known else None
        children.setdefault(source, []).append(grant)
    boxes: list[Box] = []
    row = 0

    def place(grant: Grant, depth: int) -> None:
        nonlocal row
        holder = names.get(grant.holder, grant.holder)
        short = holder if len(holder) <= _NAME_CHARS_MAX else holder[: _NAME_CHARS_MAX - 1] + "…"
        boxes.append(
            Box(grant, short, depth * (_BOX_WIDTH + _GAP_X) + 2, row * (_BOX_HEIGHT + _GAP_Y) + 2)
        )
        below = children.get(grant.id, [])
        for number, child in enumerate(below):
            row += 1 if number else 0
            place(child, depth + 1)

    for grant in children.get(None, []):
        place(grant, 0)
        row += 1
    where = {box.grant.id: box for box in boxes}
    links = [
        _link(where[box.grant.source], box)
        for box in boxes
        if box.grant.source in where and box.grant.source is not None
    ]
    width = max((box.x for box in boxes), default=0) + _BOX_WIDTH + 4
    height = max((box.y for box in boxes), default=0) + _BOX_HEIGHT + 4
    return Chains(tuple(boxes), tuple(links), width, height)


def _link(source: Box, target: Box) -> str:
    x1, y1 = source.x + _BOX_WIDTH, source.y + _BOX_HEIGHT // 2
    x2, y2 = target.x, target.y + _BOX_HEIGHT // 2
    middle = (x1 + x2) // 2
    return f"M{x1} {y1}H{middle}V{y2}H{x2}"
