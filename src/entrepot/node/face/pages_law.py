"""The law as this node knows it: the rulebooks, one rulebook, and what changed between two days."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import NotFound
from entrepot.law.difference import LawAt, deltas
from entrepot.law.library import Library
from entrepot.law.rulebook import Rulebook
from entrepot.node.face.lawview import (
    CASES_SHOWN_MAX,
    MARKS,
    Sought,
    by_heading,
    cases_of,
    counted,
    found_books,
    interval_of,
    state_of,
)
from entrepot.node.face.pages_port_assess import place_names
from entrepot.node.face.porters import desk_behind
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest

DELTAS_MAX: Final = 400
_WORDS_MAX: Final = 200

Shown = Response[Any]


def library_of(request: AnyRequest) -> Library:
    """Return the library of the node behind a request."""
    library: Library = desk_behind(request).running.library()
    return library


def day_of(request: AnyRequest, name: str, errors: dict[str, str]) -> date | None:
    """Return a day from the address; a text that is none is noted in `errors`."""
    text = request.query_params.get(name, "").strip()[:40]
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        errors[name] = text
        return None


@get("/law", sync_to_thread=True)
def show_books(request: AnyRequest) -> Shown:
    """List the rulebooks, with search and filters."""
    library, query = library_of(request), request.query_params
    errors: dict[str, str] = {}
    sought = Sought(
        words=query.get("search", "").strip()[:_WORDS_MAX],
        jurisdiction=query.get("jurisdiction", "")[:20],
        evidence=query.get("evidence", "") if query.get("evidence", "") in MARKS else "",
        day=day_of(request, "day", errors),
    )
    found = found_books(library, sought)
    name = place_names(request)
    places = counted(found_books(library, Sought(sought.words, "", sought.evidence, sought.day)))
    return page(
        request,
        "law/books.html",
        books=found,
        count=len(library.rulebooks),
        rules=sum(len(book.rules) for book in found),
        sought=sought,
        places=sorted(((code, name(code), n) for code, n in places.items()), key=lambda p: p[1]),
        marks=MARKS,
        place_name=name,
        state_of=state_of,
        interval_of=interval_of,
        today=sought.day or desk_behind(request).today(),
        errors=errors,
    )


@get("/law/{book_id:str}", sync_to_thread=True)
def show_book(request: AnyRequest, book_id: FromPath[str]) -> Shown:
    """Show one rulebook: every rule, duty, number and list, each with article, dates, evidence."""
    library = library_of(request)
    book = _book(library, book_id)
    errors: dict[str, str] = {}
    day = day_of(request, "day", errors) or desk_behind(request).today()
    wants_cases = request.query_params.get("cases") == "1"
    cases = cases_of(book)[:CASES_SHOWN_MAX] if wants_cases else []
    return page(
        request,
        "law/book.html",
        book=book,
        front=book.front,
        interval=interval_of(book.front),
        state_of=state_of,
        place_name=place_names(request),
        day=day,
        errors=errors,
        rules=by_heading(book.rules),
        wants_cases=wants_cases,
        cases=cases,
    )


def _book(library: Library, book_id: str) -> Rulebook:
    book = next((book for book in library.rulebooks if book.id == book_id), None)
    if book is None:
        raise NotFound("there is no such rulebook", value=book_id, remedy="see the list at /law")
    return book


@get("/law/changes", sync_to_thread=True)
def show_changes(request: AnyRequest) -> Shown:
    """Show what changed in the law between two days."""
    library = library_of(request)
    today = desk_behind(request).today()
    errors: dict[str, str] = {}
    until = day_of(request, "until", errors) or today
    since = day_of(request, "since", errors) or date(until.year, 1, 1)
    jurisdiction = request.query_params.get("jurisdiction", "")[:20]
    if since > until:
        since, until = until, since
    name = place_names(request)
    # What was announced for a later day counts too: the reader asks about those days, as known now.
    known = max(today, until)
    found = deltas(LawAt(library, since, known), LawAt(library, until, known))
    shown = [one for one in found if jurisdiction in ("", one.jurisdiction)]
    places = sorted({one.jurisdiction for one in found})
    return page(
        request,
        "law/changes.html",
        since=since,
        until=until,
        found=shown[:DELTAS_MAX],
        count=len(shown),
        errors=errors,
        jurisdiction=jurisdiction,
        places=[(code, name(code)) for code in places],
        place_name=name,
        in_force=sum(
            state_of(interval_of(book.front), until) == "in-force" for book in library.rulebooks
        ),
    )


ROUTES: Final[list[ControllerRouterHandler]] = [show_books, show_changes, show_book]
