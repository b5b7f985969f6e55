"""The directory: search over data products and parties, filters with counts, pages of results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput
from entrepot.node.api.registry import fresh_directory
from entrepot.node.face.directoryview import (
    SHOWN_FACETS,
    choices,
    price_of,
    text_in,
    word_of,
)
from entrepot.node.face.language import has_words, t
from entrepot.node.face.pages_port_assess import place_names
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry.directoryquery import OFFSET_MAX, Question
from entrepot.registry.directoryviews import PartyFound, find_parties, find_products

PER_PAGE: Final = 20
SORTS: Final = ("relevance", "newest", "volume")
_WORDS_MAX: Final = 200
_VALUES_MAX: Final = 20

Shown = Response[Any]


@get("/directory", sync_to_thread=True)
def show_directory(request: AnyRequest) -> Shown:
    """Show what was found for words and filters: products, or parties with `kind=party`."""
    question = _question(request)
    kind, problem = question.kind, ""
    around = surroundings_of(request)
    directory = fresh_directory(around.running)
    find = find_parties if kind == "party" else find_products
    with around.store.reading() as read:
        try:
            found = find(read, directory, question)
        except InvalidInput as error:
            problem = f"{error.what}: {error.value}"
            found = find(read, directory, Question(kind=kind, limit=PER_PAGE))
    language, words = visitor_of(request).language, _words(request)
    after = question.offset + PER_PAGE
    return page(
        request,
        "directory/search.html",
        status=422 if problem else 200,
        kind=kind,
        text=question.text,
        sort=question.sort,
        sorts=SORTS,
        found=found,
        rows=found.parties if isinstance(found, PartyFound) else found.products,
        facets=choices(found.facets, question.filters, kind, words),
        chosen=any(name != "status" for name in question.filters),
        problem=problem,
        words=words,
        text_in=lambda texts: text_in(texts, language),
        price_of=price_of,
        place_name=lambda code: words("place", code),
        following=after if after < min(found.total, OFFSET_MAX) else None,
        previous=max(0, question.offset - PER_PAGE) if question.offset else None,
        size=around.running.node.log.size,
    )


def _question(request: AnyRequest) -> Question:
    """Return what the address asks; what it cannot mean is left out."""
    query = request.query_params
    kind = "party" if query.get("kind") == "party" else "product"
    filters = {
        name: tuple(value[:80] for value in query.getall(name, [])[:_VALUES_MAX] if value)
        for name in SHOWN_FACETS[kind]
    }
    if kind == "product" and "status" not in query:
        filters["status"] = ("active",)
    sort = query.get("sort", SORTS[0])
    return Question(
        kind=kind,
        text=query.get("q", "").strip()[:_WORDS_MAX],
        filters={name: values for name, values in filters.items() if values},
        sort=sort if kind == "product" and sort in SORTS else SORTS[0],
        offset=_offset(query.get("offset", "")),
        limit=PER_PAGE,
    )


def _words(request: AnyRequest) -> Callable[[str, str], str]:
    """Return a function from filter and code to words in the reader's language."""
    language = visitor_of(request).language
    name_of_place = place_names(request)

    def words(name: str, code: str) -> str:
        if name == "place":
            return place_words(code, name_of_place)
        for key in (f"directory.{name}.{code}", f"people.{name}.{code}"):
            if has_words(key):
                return t(language, key)
        return word_of(name, code, language)

    return words


def place_words(code: str, name: Any) -> str:
    """Return a place in words: a country by name, a part of one with its code."""
    if code in ("WORLD", "EU"):
        return str(code)
    country, _, part = code.partition("-")
    try:
        words = str(name(country))
    except (KeyError, InvalidInput):
        return code
    return f"{words} ({code})" if part else words


def _offset(text: str) -> int:
    return min(int(text), OFFSET_MAX) if text.isdecimal() and len(text) < 7 else 0


ROUTES: Final[list[ControllerRouterHandler]] = [show_directory]
