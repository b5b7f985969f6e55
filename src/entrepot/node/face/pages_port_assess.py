"""May it leave? The route, the answer with its law, and the questions that would settle it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import Error, InvalidInput
from entrepot.law.library import Library
from entrepot.law.vocabulary import FactSpec
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import text_of
from entrepot.node.face.porters import desk_behind, job_context, own_job
from entrepot.node.face.porting import read_answer
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.node.jobs import Job, Route

QUESTIONS_MAX: Final = 24
_ORIGIN, _DESTINATION = "CN", "DE"
_PROFILE: Final = "ordinary-company"

Shown = Response[Any]


def place_names(request: AnyRequest) -> Callable[[str], str]:
    """Return a function from a code to the name of a jurisdiction in the reader's language."""
    chinese = visitor_of(request).language == "zh"
    jurisdictions = desk_behind(request).running.library().jurisdictions
    return lambda code: jurisdictions.name(code, chinese=chinese)


def places(request: AnyRequest) -> list[tuple[str, str]]:
    """Return code and name of every jurisdiction, by name."""
    name = place_names(request)
    known = desk_behind(request).running.library().jurisdictions.names
    return sorted(((code, f"{name(code)} ({code})") for code in known), key=lambda pair: pair[1])


@get("/port/{id_:str}/route", sync_to_thread=True)
def show_route(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Ask where the table goes."""
    return _route_page(request, own_job(request, id_), {})


def _route_page(
    request: AnyRequest, job: Job, errors: Mapping[str, str], given: Mapping[str, Any] | None = None
) -> Shown:
    desk = desk_behind(request)
    route = job.route or Route(_ORIGIN, _DESTINATION, "", _PROFILE)
    kept = {"origin": route.origin, "destination": route.destination, "profile": route.profile}
    return page(
        request,
        "port/route.html",
        status=422 if errors else 200,
        **job_context(
            request,
            job,
            places=places(request),
            profiles=sorted(desk.running.library().profiles.items()),
            given={**kept, **(given or {})},
            errors=dict(errors),
            today=desk.today(),
        ),
    )


@post("/port/{id_:str}/route", status_code=200, sync_to_thread=True)
def take_route(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Keep the route; earlier answers stay."""
    job, desk, form = own_job(request, id_), desk_behind(request), form_of(request)
    library = desk.running.library()
    given = {name: text_of(form, name) for name in ("origin", "destination", "profile")}
    try:
        ends = [library.jurisdictions.canonical(given[n]) for n in ("origin", "destination")]
        if ends[0] == ends[1]:
            raise InvalidInput("origin and destination are the same", value=ends[0])
        if given["profile"]:
            library.profile(given["profile"])
    except Error as error:
        return _route_page(request, job, {"origin": f"{error.what}: {error.value}"}, given)
    route = Route(ends[0], ends[1], desk.today().isoformat(), given["profile"])
    desk.jobs.change(job.id, route=route, stage=_back(job), failure=None)
    return Redirect(f"/port/{job.id}/answer", status_code=303)


@get("/port/{id_:str}/answer", sync_to_thread=True)
def show_answer(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Show the answer for the table as it is, and what to ask next."""
    job = own_job(request, id_)
    if job.stage in ("received", "inspecting"):
        return Redirect(f"/port/{job.id}", status_code=303)
    if job.route is None:
        return Redirect(f"/port/{job.id}/route", status_code=303)
    return answer_page(request, job, "", "")


def answer_page(request: AnyRequest, job: Job, wrong: str, wrong_fact: str) -> Shown:
    """Return the page of the answer; `wrong` says why the answer to `wrong_fact` does not fit."""
    desk = desk_behind(request)
    library = desk.running.library()
    assessment, asked = desk.assess(job)
    name = place_names(request)
    return page(
        request,
        "port/answer.html",
        status=422 if wrong else 200,
        **job_context(
            request,
            job,
            assessment=assessment,
            ends=(name(assessment.flow.origin), name(assessment.flow.destination)),
            place_name=name,
            questions=[(item, library.vocabulary[item.fact]) for item in asked[:QUESTIONS_MAX]],
            findings=[
                (item, library.vocabulary[item.fact])
                for item in assessment.human
                if item.fact not in {one.fact for one in asked}
            ],
            answered=given_rows(library, job),
            wrong=wrong,
            wrong_fact=wrong_fact,
            today=desk.today(),
        ),
    )


def given_rows(library: Library, job: Job) -> list[tuple[FactSpec, str]]:
    """Return what was answered: the fact, and its value in words."""
    found = []
    for name, value in job.declared.items():
        inner = value.get("value") if isinstance(value, dict) else value
        words = ", ".join(map(str, inner)) if isinstance(inner, list) else str(inner)
        found.append((library.vocabulary[name], words))
    return found


@post("/port/{id_:str}/answer", status_code=200, sync_to_thread=True)
def take_answers(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Keep the answers of the form; withdraw one, or leave one open, where its button says so."""
    job, desk, form = own_job(request, id_), desk_behind(request), form_of(request)
    withdrawn, left_open = text_of(form, "withdraw"), text_of(form, "skip")
    declared, skipped = dict(job.declared), list(job.skipped)
    if withdrawn:
        declared.pop(withdrawn, None)
    elif left_open:
        skipped.append(left_open)
    elif text_of(form, "reopen"):
        skipped = []
    else:
        library = desk.running.library()
        for name in facts_in(form):
            if name not in library.vocabulary:
                continue
            try:
                value = read_answer(library, name, fields_of(form, name), desk.today().isoformat())
                if value is not None:
                    library.facts({**declared, name: value})
                    declared[name] = value
            except InvalidInput as error:
                return answer_page(request, job, f"{error.what}: {error.value}", name)
    desk.jobs.change(
        job.id, declared=declared, skipped=skipped[:200], stage=_back(job), failure=None
    )
    return Redirect(f"/port/{job.id}/answer", status_code=303)


def facts_in(form: FormMultiDict) -> list[str]:
    """Return the facts that a form has fields for (`fact:<name>:value`)."""
    names = [key.split(":")[1] for key in form if key.startswith("fact:") and key.count(":") == 2]
    return list(dict.fromkeys(names))[:200]


def fields_of(form: FormMultiDict, name: str) -> dict[str, list[str]]:
    """Return a fact's fields: value, and for findings by, reasons, expires."""
    return {
        field: [one for one in form.getall(f"fact:{name}:{field}", []) if isinstance(one, str)]
        for field in ("value", "by", "reasons", "expires")
    }


def _back(job: Job) -> str:
    """Return the stage after facts changed: a plan made on other facts is none."""
    return "inspected" if job.stage in ("planned", "prepared", "refused") else job.stage


ROUTES: Final[list[ControllerRouterHandler]] = [show_route, take_route, show_answer, take_answers]
