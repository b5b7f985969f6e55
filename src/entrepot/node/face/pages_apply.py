"""Applying for membership: a public form, a passkey for the first administrator, a private link.

Nothing is logged before the applicant has read their answers and registered a passkey: mistyped
identifiers and individual businesses are told at the form. The application is lodged by the node's
own key and carries the passkey's public key; once a registrar admits the party, that passkey is its
first administrator and can sign in. What was written stays evidence that can be erased.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.acts import new_act_id
from entrepot.kernel.decisions import Refused
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.node.face.applying import Answers, problems_in, read_answers
from entrepot.node.face.approving import check_act, submit_own
from entrepot.node.face.ceremonies import check_challenge, make_challenge
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import text_of, whole_of
from entrepot.node.face.language import t
from entrepot.node.face.links import application_behind, make_link
from entrepot.node.face.parties import founding_of, node_name
from entrepot.node.face.passkeys import (
    NAME_CHARS_MAX,
    creation_options,
    keep_passkey,
    read_registration,
)
from entrepot.node.face.people import sweep_passkeys
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import front_address, front_origin, surroundings_of
from entrepot.node.face.tries import count_try
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import views
from entrepot.registry.acts import APPLY, ROLES
from entrepot.registry.deadlines import last_day
from entrepot.registry.identifiers import SCHEMES

PURPOSE: Final = "apply"

Shown = Response[str] | Redirect


@get("/apply", sync_to_thread=True)
def show_form(request: AnyRequest) -> Shown:
    """Show the form, empty, where a passkey can be registered at its end."""
    front = front_address(request)
    if front:
        return Redirect(front, status_code=303)
    return _form_page(request, Answers(), {})


@post("/apply", sync_to_thread=True, status_code=200)
def check_answers(request: AnyRequest) -> Response[str]:
    """Show the answers for a last look, or the form again with what is wrong."""
    language = visitor_of(request).language
    answers = read_answers(form_of(request))
    problems = problems_in(answers, language)
    if not problems:
        try:
            check_act(surroundings_of(request), APPLY, answers.body())
        except InvalidInput as error:
            problems = {"name": f"{error.what}. {error.remedy}".strip()}
    if problems or text_of(form_of(request), "change"):
        return _form_page(request, answers, problems)
    return _check_page(request, answers)


@post("/apply/lodge", status_code=200)
async def lodge(request: AnyRequest) -> Shown:
    """Register the passkey, lodge the application and show the private link."""
    form = form_of(request)
    around, visitor = surroundings_of(request), visitor_of(request)
    answers = read_answers(form)
    if problems_in(answers, visitor.language):
        return _form_page(request, answers, problems_in(answers, visitor.language))
    person = text_of(form, "person")[:NAME_CHARS_MAX]
    if not person:
        return _check_page(request, answers, problem=t(visitor.language, "sign-in.name-needed"))
    count_try(request, PURPOSE)
    at = whole_of(form, "at") or 0
    challenge = check_challenge(around.store, visitor, PURPOSE, at=at, now=around.now())
    new = read_registration(text_of(form, "response", chars_max=20_000), challenge, around.site)
    body: dict[str, Any] = answers.body()
    body["admin"] = {"key": new.key.raw, "alg": int(new.key.algorithm)}
    check_act(around, APPLY, body)
    answer = await submit_own(around, APPLY, body, issued_at=around.now(), act_id=new_act_id())
    token = make_link(around, answer.index)
    if isinstance(answer.decision, Refused):
        return Redirect(f"/decisions/{answer.index}?link={token}", status_code=303)
    sweep_passkeys(around)
    keep_passkey(around.store, new, person, now=around.now())
    return Redirect(f"/applications/{token}", status_code=303)


@get("/applications/{token:str}", sync_to_thread=True)
def show_course(request: AnyRequest, token: FromPath[str]) -> Response[str]:
    """Show the course of an application to whoever holds its link."""
    around = surroundings_of(request)
    index = application_behind(around, token)
    if index is None:
        raise NotFound("no application has this link", remedy="open the link whole, as it was kept")
    with around.store.reading() as read:
        found = views.application(read, index)
    if found is None:
        return page(request, "application_refused.html", index=index, token=token)
    return page(
        request,
        "application.html",
        found=found,
        token=token,
        link=f"{front_origin(around.running.settings)}/applications/{token}",
        is_late=found.state == "open" and found.decide_by < _today(around.now()),
    )


def _form_page(request: AnyRequest, answers: Answers, problems: dict[str, str]) -> Response[str]:
    around = surroundings_of(request)
    terms = founding_of(around)
    return page(
        request,
        "apply.html",
        status=422 if problems else 200,
        answers=answers,
        problems=problems,
        is_founded=terms is not None,
        decide_by=""
        if terms is None
        else last_day(around.now(), terms.decision_days, terms.decision_calendar).isoformat(),
        schemes=[(scheme.name, f"{scheme.title} ({scheme.name})") for scheme in SCHEMES.values()],
        roles=[role for role in ROLES if role != "operator"],
    )


def _check_page(request: AnyRequest, answers: Answers, *, problem: str = "") -> Response[str]:
    around, visitor = surroundings_of(request), visitor_of(request)
    challenge, at = make_challenge(around.store, visitor, PURPOSE, now=around.now())
    return page(
        request,
        "apply_check.html",
        status=422 if problem else 200,
        answers=answers,
        hidden=msgspec.to_builtins(answers),
        at=at,
        problem=problem,
        options=creation_options(
            around.site,
            challenge,
            user_handle=secrets.token_bytes(32),
            name=answers.name[:NAME_CHARS_MAX],
            site_name=node_name(around, visitor.language),
        ),
    )


def _today(now: int) -> str:
    return last_day(now, 0, "").isoformat()


ROUTES: Final[list[ControllerRouterHandler]] = [show_form, check_answers, lodge, show_course]
