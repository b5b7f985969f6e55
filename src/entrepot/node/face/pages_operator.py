"""The operator's desk: applications and objections, decided by persons with reasons, late first."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import given_values, text_of, texts_of
from entrepot.node.face.language import t
from entrepot.node.face.pages_approve import ask_approval
from entrepot.node.face.pages_decision import name_of_kind
from entrepot.node.face.pages_desk import desk_page
from entrepot.node.face.parties import name_of_party
from entrepot.node.face.people import Person, require_decider, require_officer
from entrepot.node.face.plainly import in_plain_text
from entrepot.node.face.reasoning import (
    APPLICATION_CODES,
    OBJECTION_CODES,
    options_of,
    read_reason,
)
from entrepot.node.face.rulings import parse_index
from entrepot.node.face.surroundings import Surroundings, surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import productviews, rightviews, views
from entrepot.registry.acts import DECIDE, ROLES
from entrepot.registry.deadlines import day_of
from entrepot.registry.identifiers import SCHEMES, RefusedIdentifier, parse_text
from entrepot.registry.rightacts import DECIDE as DECIDE_OBJECTION
from entrepot.registry.rightacts import RIGHTS

Shown = Response[str] | Redirect
Problems = dict[str, str]


@get("/desk/applications", sync_to_thread=True)
def show_applications(request: AnyRequest) -> Response[str]:
    """List applications: the open ones by deadline, then the decided ones."""
    person = require_officer(request, "registrar")
    around = surroundings_of(request)
    with around.store.reading() as read:
        waiting = sorted(views.applications(read, limit=200), key=lambda one: one.decide_by)
        decided = [one for one in views.applications(read, state="") if one.state != "open"]
    return desk_page(request, person, "applications.html", waiting=waiting, decided=decided[::-1])


@get("/desk/applications/{number:str}", sync_to_thread=True)
def show_application(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show what an applicant wrote, what the machine found, and the form of the decision."""
    person = require_officer(request, "registrar")
    return _application_page(request, person, parse_index(number), {}, {})


@post("/desk/applications/{number:str}", sync_to_thread=True, status_code=200)
def decide_application(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare the registrar's decision and have it signed."""
    person = require_officer(request, "registrar")
    around, language = surroundings_of(request), visitor_of(request).language
    index, form = parse_index(number), form_of(request)
    with around.store.reading() as read:
        content = views.application_content(read, index, person.principal)
    outcome = text_of(form, "outcome")
    roles = [role for role in texts_of(form, "roles") if role in ROLES]
    reason, problems = read_reason(form, language, APPLICATION_CODES, prefix="registrar")
    if outcome not in ("admit", "refuse"):
        problems["outcome"] = t(language, "operator.need-outcome")
    if outcome == "admit" and not roles:
        problems["roles"] = t(language, "operator.need-roles")
    if problems or reason is None:
        return _application_page(request, person, index, given_values(form), problems)
    body: dict[str, Any] = {
        "application": index,
        "outcome": outcome,
        "roles": roles if outcome == "admit" else [],
        "reasons": [reason],
    }
    name = content.name if content is not None else str(index)
    says = [
        (t(language, "operator.application"), str(index)),
        (t(language, "operator.applicant"), name),
        (t(language, "operator.outcome"), t(language, f"operator.outcome.{outcome}")),
    ]
    if outcome == "admit":
        says.append((t(language, "operator.roles"), _role_words(roles, language)))
    says += _reason_words(reason, language)
    title = t(language, f"operator.title.{outcome}", name=name)
    return ask_approval(request, DECIDE, body, title=title, says=says, back="/desk/applications")


@get("/desk/objections", sync_to_thread=True)
def show_objections(request: AnyRequest) -> Response[str]:
    """List the objections that wait for a decision, by deadline."""
    person = require_decider(request)
    around = surroundings_of(request)
    with around.store.reading() as read:
        found = rightviews.open_objections(read)
        notices = rightviews.in_notice(read)
    days = {one.id: day_of(max(0, one.decide_by - 1)).isoformat() for one in found}
    return desk_page(request, person, "objections.html", found=found, days=days, notices=notices)


@get("/desk/objections/{number:str}", sync_to_thread=True)
def show_objection(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show both sides of an objection and the form of the decision."""
    person = require_decider(request)
    return _objection_page(request, person, parse_index(number), {}, {})


@post("/desk/objections/{number:str}", sync_to_thread=True, status_code=200)
def decide_objection(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare the decider's decision and have it signed."""
    person = require_decider(request)
    language = visitor_of(request).language
    index, form = parse_index(number), form_of(request)
    outcome = text_of(form, "outcome")
    reason, problems = read_reason(form, language, OBJECTION_CODES, prefix="decider")
    if outcome not in ("uphold", "dismiss"):
        problems["outcome"] = t(language, "operator.need-outcome")
    if problems or reason is None:
        return _objection_page(request, person, index, given_values(form), problems)
    body = {"objection": index, "outcome": outcome, "reasons": [reason]}
    says = [
        (t(language, "operator.objection"), str(index)),
        (t(language, "operator.outcome"), t(language, f"operator.outcome.{outcome}")),
        *_reason_words(reason, language),
    ]
    title = t(language, f"operator.title.{outcome}", name=str(index))
    return ask_approval(
        request, DECIDE_OBJECTION, body, title=title, says=says, back="/desk/objections"
    )


@get("/desk/proposals/{number:str}", sync_to_thread=True)
def show_proposal(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show what another officer proposed and this one may confirm."""
    person = require_officer(request, "registrar", "decider")
    proposal, body = _proposal(request, parse_index(number))
    return desk_page(
        request,
        person,
        "proposal.html",
        proposal=proposal,
        kind=name_of_kind(visitor_of(request).language, proposal.kind),
        body=in_plain_text(body),
        is_own=proposal.proposed_by == person.kid.hex(),
    )


@post("/desk/proposals/{number:str}", sync_to_thread=True, status_code=200)
def confirm_proposal(request: AnyRequest, number: FromPath[str]) -> Redirect:
    """Prepare the very same act, to be signed by a second officer."""
    require_officer(request, "registrar", "decider")
    language = visitor_of(request).language
    proposal, body = _proposal(request, parse_index(number))
    kind = name_of_kind(language, proposal.kind)
    says = [
        (t(language, "operator.proposed-by"), proposal.proposed_by[:16]),
        (t(language, "decisions.asked"), in_plain_text(body)),
    ]
    title = t(language, "operator.title.confirm", kind=kind, index=proposal.index)
    return ask_approval(request, proposal.kind, body, title=title, says=says, back="/desk")


def _proposal(request: AnyRequest, index: int) -> tuple[views.ProposalView, dict[str, object]]:
    """Return an open proposal and its body. Raises NotFound."""
    with surroundings_of(request).store.reading() as read:
        found = [one for one in views.proposals(read) if one.index == index]
        body = views.proposed_body(read, index)
    if not found or body is None:
        raise NotFound("no proposal of this number waits for a second officer", value=index)
    return found[0], body


def _application_page(
    request: AnyRequest, person: Person, index: int, given: Any, problems: Problems
) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    with around.store.reading() as read:
        found = views.application(read, index)
        content = views.application_content(read, index, person.principal)
    if found is None:
        raise NotFound("there is no application of this number", value=index)
    return desk_page(
        request,
        person,
        "application_desk.html",
        status=422 if problems else 200,
        found=found,
        content=content,
        checks=[] if content is None else _identifier_checks(around, content.identifiers),
        codes=options_of(APPLICATION_CODES, language),
        roles=[(role, t(language, f"people.role.{role}")) for role in ROLES if role != "operator"],
        given=given,
        chosen_roles=_chosen_roles(request, content),
        problems=problems,
    )


def _objection_page(
    request: AnyRequest, person: Person, index: int, given: Any, problems: Problems
) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    with around.store.reading() as read:
        found = rightviews.find_objection(read, index)
        if found is None:
            raise NotFound("there is no objection of this number", value=index)
        right = rightviews.get_right(read, found.right)
        product = productviews.find_product(read, right.product)
        evidence = rightviews.evidence_of(read, right.id)
    titles = {} if product is None else product.metadata.title
    return desk_page(
        request,
        person,
        "objection_desk.html",
        status=422 if problems else 200,
        found=found,
        right=right,
        right_words=RIGHTS[right.right][0 if language == "en" else 1],
        product_title=titles.get(language) or next(iter(titles.values()), ""),
        evidence=evidence,
        objector=name_of_party(around, found.party, language),
        holder=name_of_party(around, right.holder, language),
        decide_by=day_of(max(0, found.decide_by - 1)).isoformat(),
        codes=options_of(OBJECTION_CODES, language),
        given=given,
        problems=problems,
    )


def _chosen_roles(request: AnyRequest, content: views.ApplicationContent | None) -> list[str]:
    if request.method == "POST":
        return texts_of(form_of(request), "roles")
    return [] if content is None else list(content.roles)


def _identifier_checks(around: Surroundings, identifiers: tuple[str, ...]) -> list[dict[str, str]]:
    """Return what the machine finds on each identifier: its rule, whether it holds, who has it."""
    found = []
    for text in identifiers:
        try:
            parsed = parse_text(text)
        except (RefusedIdentifier, InvalidInput) as error:
            found.append({"text": text, "citation": "", "fault": str(error), "owner": ""})
            continue
        with around.store.reading() as read:
            owner = views.find_party(read, parsed.text)
        scheme = SCHEMES[parsed.scheme]
        found.append(
            {
                "text": parsed.text,
                "citation": f"{scheme.title}, {scheme.issuer}. {scheme.citation}",
                "fault": "",
                "owner": "" if owner is None else owner.party,
            }
        )
    return found


def _role_words(roles: list[str], language: str) -> str:
    return ", ".join(t(language, f"people.role.{role}") for role in roles)


def _reason_words(reason: dict[str, str], language: str) -> list[tuple[str, str]]:
    return [
        (t(language, "reasons.code"), reason["code"]),
        (t(language, "reasons.citation"), reason["citation"]),
        (t(language, "reasons.sentence"), reason["sentence"]),
    ]


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_applications,
    show_application,
    decide_application,
    show_objections,
    show_objection,
    decide_objection,
    show_proposal,
    confirm_proposal,
]
