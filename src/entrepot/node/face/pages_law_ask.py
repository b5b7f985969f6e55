"""Ask the law: from nothing to an answer by few questions, each with what hangs on it.

The whole conversation stands in the address, so that it can be reloaded, kept and sent; nothing of
it is stored here.
"""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import Error, InvalidInput
from entrepot.law.library import Library
from entrepot.law.vocabulary import FactSpec
from entrepot.node.face.pages_law import library_of
from entrepot.node.face.pages_port_assess import place_names, places
from entrepot.node.face.porters import desk_behind
from entrepot.node.face.porting import read_answer
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest

USUAL: Final = "ordinary-company"
ANSWERS_MAX: Final = 150
_SURE: Final = 0.995

Shown = Response[Any]


@get("/law/ask", sync_to_thread=True)
def show_ask(request: AnyRequest) -> Shown:
    """Show the next question and the answer so far; first, where the data goes."""
    query = request.query_params
    origin, destination = query.get("from", "")[:80], query.get("to", "")[:80]
    if not origin or not destination:
        return _start(request, "")
    library = library_of(request)
    today = desk_behind(request).today()
    try:
        flow = library.flow(origin, destination, today)
    except Error as error:
        return _start(request, f"{error.what}: {error.value}")
    # NumPy and Polars are loaded by the first question, not by a node at rest.
    from entrepot.law.inquiry import Inquiry

    pairs = [(name, str(value)) for name, value in query.multi_items()]
    facts, wrong = _answers(library, pairs, today.isoformat())
    skipped = frozenset(value for name, value in pairs if name == "skip")
    bound = library.bind(flow)
    inquiry = Inquiry(bound, usual=library.facts(library.profile(USUAL)).values)
    known = library.facts(facts)
    question = inquiry.next(known, skipped=skipped)
    assessment = bound.explain(known)
    name = place_names(request)
    return page(
        request,
        "law/ask.html",
        status=422 if wrong else 200,
        flow=flow,
        ends=(name(flow.origin), name(flow.destination)),
        place_name=name,
        question=question,
        spec=library.vocabulary[question.fact] if question is not None else None,
        branches=_likely(question.branches) if question is not None else {},
        assessment=assessment,
        answered=_rows(library, pairs),
        kept=[(k, v) for k, v in pairs if k in ("from", "to", "skip") or k.startswith("a.")],
        wrong=wrong,
        reads=len(bound.content.facts_read),
    )


def _start(request: AnyRequest, problem: str) -> Shown:
    return page(
        request,
        "law/ask_start.html",
        status=422 if problem else 200,
        places=places(request),
        problem=problem,
    )


def _answers(
    library: Library, pairs: list[tuple[str, str]], today: str
) -> tuple[dict[str, object], str]:
    """Return the facts that an address gives (`a.<fact>=value`), and what is wrong with one."""
    given: dict[str, list[str]] = {}
    for name, value in pairs[: ANSWERS_MAX * 4]:
        if name.startswith("a.") and name[2:] in library.vocabulary:
            given.setdefault(name[2:], []).append(value)
    facts: dict[str, object] = {}
    wrong = ""
    for fact, values in list(given.items())[:ANSWERS_MAX]:
        try:
            fields = {"value": values, "by": ["the reader"], "reasons": ["assumed, to ask the law"]}
            answer = read_answer(library, fact, fields, today)
            if answer is not None:
                library.facts({**facts, fact: answer})
                facts[fact] = answer
        except InvalidInput as error:
            wrong = f"{error.what}: {error.value}"
    return facts, wrong


def _rows(library: Library, pairs: list[tuple[str, str]]) -> list[tuple[FactSpec, str, str]]:
    """Return every answered fact, its answer in words, and the name of its field."""
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if name.startswith("a.") and name[2:] in library.vocabulary and value.strip():
            found.setdefault(name[2:], []).append(value)
    return [(library.vocabulary[n], ", ".join(v), f"a.{n}") for n, v in found.items()]


def _likely(branches: list[Any]) -> dict[str, list[str]]:
    """Return answer → the outcomes that would follow, the likeliest first, at most three."""
    found: dict[str, list[str]] = {}
    for branch in branches:
        names = list(branch.outcomes)
        first = names[:1] if branch.outcomes[names[0]] >= _SURE else names[:3]
        found[branch.answer] = first
    return found


ROUTES: Final[list[ControllerRouterHandler]] = [show_ask]
