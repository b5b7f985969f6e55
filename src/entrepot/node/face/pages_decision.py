"""A decision as a page: outcome, reasons with law, who decided, the proof, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from entrepot.kernel.decisions import Outcome, Reason
from entrepot.node.face.addresses import safe_path
from entrepot.node.face.language import has_words, t
from entrepot.node.face.links import application_behind
from entrepot.node.face.parties import name_of_party
from entrepot.node.face.people import person_of
from entrepot.node.face.plainly import in_plain_text
from entrepot.node.face.remedies import Remedy, remedies_of
from entrepot.node.face.rendering import page
from entrepot.node.face.rulings import Shown, find_ruling, parse_index, reasons_given
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry.productwords import translated as in_general
from entrepot.registry.state import DECISION_PROPOSED
from entrepot.registry.words import translated

TONES: Final = {Outcome.GRANTED: "good", Outcome.REFUSED: "bad", Outcome.REFERRED: "warn"}


@get("/decisions/{number:str}", sync_to_thread=True)
def show_decision(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show the decision at an entry of the log, as far as this reader may see it."""
    around, visitor = surroundings_of(request), visitor_of(request)
    index = parse_index(number)
    link = request.query_params.get("link", "")
    has_link = bool(link) and application_behind(around, link) == index
    shown = find_ruling(around, index, person_of(request), has_link=has_link)
    content = shown.content
    language = visitor.language
    party = "" if content is None else content.party
    return page(
        request,
        "decision.html",
        shown=shown,
        content=content,
        outcome=_outcome_word(shown),
        tone="warn" if _is_proposal(shown) else TONES[shown.outcome],
        kind=name_of_kind(language, shown.kind),
        party=party,
        party_name=name_of_party(around, party, language) if party else "",
        reasons=[] if content is None else say_reasons(reasons_given(content), language),
        asked="" if content is None else in_plain_text(content.body),
        facts="" if content is None else in_plain_text(content.facts),
        effects=[]
        if content is None
        else [(effect.name, in_plain_text(effect.values)) for effect in content.effects],
        by_program=content is not None and content.approved_by is None,
        remedies=_remedies(request, shown),
        goes_on=safe_path(request.query_params.get("next"), otherwise=""),
    )


def _is_proposal(shown: Shown) -> bool:
    """Say whether an officer's act only proposed, and waits for a second officer."""
    effects = () if shown.content is None else shown.content.effects
    return any(effect.name == DECISION_PROPOSED for effect in effects)


def _outcome_word(shown: Shown) -> str:
    return "proposed" if _is_proposal(shown) else shown.outcome.name.lower()


def name_of_kind(language: str, kind: str) -> str:
    """Return what a kind of act is called, or its own name where we have no words for it."""
    key = f"kinds.{kind}"
    return t(language, key) if has_words(key) else kind


@dataclass(frozen=True, slots=True)
class SaidReason:
    """A reason as a reader sees it. `original` is the recorded English sentence, where the shown
    one says only what its code means in general; `is_english` marks one that is not translated."""

    code: str
    citation: str
    sentence: str
    original: str
    is_english: bool


def say_reasons(reasons: tuple[Reason, ...], language: str) -> list[SaidReason]:
    """Return the reasons in a language, as far as there are words for their codes."""
    found = []
    for one in reasons:
        exact = translated(one, language)
        general = in_general(one, language)
        sentence = exact if exact != one.sentence else general
        original = one.sentence if sentence == general != one.sentence else ""
        own_words = one.code.startswith(("registrar.", "decider."))
        is_english = language != "en" and sentence == one.sentence and not own_words
        found.append(SaidReason(one.code, one.citation, sentence, original, is_english))
    return found


def _remedies(request: AnyRequest, shown: Shown) -> list[Remedy]:
    return remedies_of(surroundings_of(request), shown)


ROUTES: Final[list[ControllerRouterHandler]] = [show_decision]
