"""Rights: the public page of one, and the party's desk to file, license, transfer and give up."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput
from entrepot.node.face.approving import check_act
from entrepot.node.face.csrf import form_of
from entrepot.node.face.failures import NotYours
from entrepot.node.face.forms import given_values, text_of, whole_of, whole_text
from entrepot.node.face.language import t
from entrepot.node.face.pages_approve import ask_approval
from entrepot.node.face.pages_desk import desk_page
from entrepot.node.face.pages_products import title_of
from entrepot.node.face.parties import names_of_parties
from entrepot.node.face.people import Person, person_of, require_duty, require_person
from entrepot.node.face.reasoning import GROUNDS, options_of
from entrepot.node.face.rendering import page
from entrepot.node.face.rightform import (
    TOP,
    evidence_of_form,
    read_right,
    read_source,
    say_right,
)
from entrepot.node.face.rulings import parse_index
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import productviews, rightviews, views
from entrepot.registry.deadlines import day_of
from entrepot.registry.productvocabulary import WORLD
from entrepot.registry.rightacts import (
    ANY,
    CANCEL,
    FILE_RIGHT,
    HOLD,
    LICENSE,
    OBJECT,
    RIGHTS,
    TRANSFER,
)

Shown = Response[str] | Redirect
Problems = dict[str, str]
DUTIES: Final = ("steward", "admin")


@get("/desk/rights", sync_to_thread=True)
def show_rights(request: AnyRequest) -> Response[str]:
    """List the rights that the party holds or held."""
    person = require_person(request)
    with surroundings_of(request).store.reading() as read:
        found = rightviews.rights_of(read, person.party)
    return desk_page(request, person, "rights.html", found=found)


@get("/desk/rights/new", sync_to_thread=True)
def show_new(request: AnyRequest) -> Response[str]:
    """Show the form of a new right; `product` in the address fills its product in."""
    person = require_duty(request, *DUTIES)
    around = surroundings_of(request)
    given = {
        "product": request.query_params.get("product", ""),
        "right": HOLD,
        "scope": ANY,
        "territory": WORLD,
        "from": day_of(around.now()).isoformat(),
    }
    return _right_page(request, person, given, {})


@post("/desk/rights/new", sync_to_thread=True, status_code=200)
def file_right(request: AnyRequest) -> Shown:
    """Prepare the filing of a right and have it signed."""
    person = require_duty(request, *DUTIES)
    language, form = visitor_of(request).language, form_of(request)
    fields, problems = read_right(form, language)
    product = whole_of(form, "product")
    if product is None:
        problems["product"] = t(language, "rights.need.product")
    body: dict[str, Any] = {**fields, "product": product, "holder": person.party}
    body |= read_source(form)
    if not body["evidence"] and "source" not in body:
        problems.setdefault("evidence", t(language, "rights.need.evidence"))
    problems = problems or _refused(request, FILE_RIGHT, body)
    if problems:
        return _right_page(request, person, dict(given_values(form)), problems)
    return ask_approval(
        request,
        FILE_RIGHT,
        body,
        title=t(language, "rights.title.file", product=product),
        says=[*say_right(fields, language), _notice_words(request, language)],
        back="/desk/rights",
    )


@get("/rights/{number:str}", sync_to_thread=True)
def show_right(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show a right to everybody: who holds it, how far it goes, what is disputed, its course."""
    return _public_page(request, parse_index(number), {}, {})


@get("/rights/{number:str}/object", sync_to_thread=True)
def show_objection_form(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show the form of an objection."""
    person = require_duty(request, *DUTIES)
    return _objection_page(request, person, parse_index(number), {}, {})


@post("/rights/{number:str}/object", sync_to_thread=True, status_code=200)
def object_to_right(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare an objection and have it signed."""
    person = require_duty(request, *DUTIES)
    language, form = visitor_of(request).language, form_of(request)
    right, code = parse_index(number), text_of(form, "code")
    sentence, evidence = text_of(form, "sentence"), evidence_of_form(form)
    problems: Problems = {}
    if code not in GROUNDS:
        problems["code"] = t(language, "reasons.need-code")
    if not 10 <= len(sentence) <= 1_000:
        problems["sentence"] = t(language, "reasons.need-sentence")
    if evidence is None:
        problems["evidence"] = t(language, "apply.need.evidence")
    body = {
        "right": right,
        "grounds": {"code": code, "sentence": sentence},
        "evidence": evidence or [],
    }
    problems = problems or _refused(request, OBJECT, body)
    if problems:
        return _objection_page(request, person, right, dict(given_values(form)), problems)
    says = [
        (t(language, "rights.grounds"), t(language, f"reasons.{code}")),
        (t(language, "reasons.sentence"), sentence),
        (t(language, "apply.evidence"), ", ".join(evidence or []) or t(language, "frame.none")),
    ]
    title = t(language, "rights.title.object", right=right)
    return ask_approval(request, OBJECT, body, title=title, says=says, back=f"/rights/{right}")


@post("/rights/{number:str}/transfer", sync_to_thread=True, status_code=200)
def transfer_right(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare the transfer of an own right and have it signed."""
    language, form = visitor_of(request).language, form_of(request)
    grant = _own(request, parse_index(number))
    receiver = _party_named(request, text_of(form, "to"))
    body = {"right": grant.id, "to": receiver, "evidence": evidence_of_form(form) or []}
    problems = _refused(request, TRANSFER, body) if receiver else {"to": _need_party(language)}
    if problems:
        return _public_page(request, grant.id, dict(given_values(form)), {"to": _first(problems)})
    names = names_of_parties(surroundings_of(request), {receiver}, language)
    says = [(t(language, "rights.to"), f"{names[receiver]} ({receiver})")]
    title = t(language, "rights.title.transfer", right=grant.id)
    return ask_approval(request, TRANSFER, body, title=title, says=says, back="/desk/rights")


@post("/rights/{number:str}/cancel", sync_to_thread=True, status_code=200)
def cancel_right(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare giving up an own right and have it signed."""
    language, form = visitor_of(request).language, form_of(request)
    grant = _own(request, parse_index(number))
    reason = text_of(form, "reason", chars_max=500)
    body = {"right": grant.id, "reason": reason}
    problems = _refused(request, CANCEL, body)
    if problems:
        shown = {"reason": _first(problems)}
        return _public_page(request, grant.id, dict(given_values(form)), shown)
    says = [(t(language, "products.reason"), reason)]
    title = t(language, "rights.title.cancel", right=grant.id)
    return ask_approval(request, CANCEL, body, title=title, says=says, back="/desk/rights")


@get("/rights/{number:str}/license", sync_to_thread=True)
def show_licence_form(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show the form of a licence, filled in with the extent of the right it comes out of."""
    grant = _own(request, parse_index(number))
    given = {
        "right": grant.right,
        "scope": "\n".join(grant.extent.scope),
        "territory": "\n".join(grant.extent.territory),
        "from": day_of(surroundings_of(request).now()).isoformat(),
        "until": grant.extent.term.until,
    }
    return _licence_page(request, grant, given, {})


@post("/rights/{number:str}/license", sync_to_thread=True, status_code=200)
def license_right(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare a licence out of an own right and have it signed."""
    language, form = visitor_of(request).language, form_of(request)
    grant = _own(request, parse_index(number))
    fields, problems = read_right(form, language)
    receiver = _party_named(request, text_of(form, "to"))
    if not receiver:
        problems["to"] = _need_party(language)
    body: dict[str, Any] = {**fields, "source": grant.id, "to": receiver}
    problems = problems or _refused(request, LICENSE, body)
    if problems:
        return _licence_page(request, grant, dict(given_values(form)), problems)
    says = [(t(language, "rights.to"), receiver), *say_right(fields, language)]
    title = t(language, "rights.title.license", right=grant.id)
    return ask_approval(request, LICENSE, body, title=title, says=says, back="/desk/rights")


def _refused(request: AnyRequest, kind: str, body: dict[str, Any]) -> Problems:
    """Return what is wrong with the body as a whole, tied to the form."""
    try:
        check_act(surroundings_of(request), kind, body)
    except InvalidInput as error:
        return {TOP: str(error).replace("\n", " ")}
    return {}


def _public_page(
    request: AnyRequest, index: int, given: dict[str, Any], problems: Problems
) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    person = person_of(request)
    with around.store.reading() as read:
        grant = rightviews.get_right(read, index)
        product = productviews.get_product(read, grant.product)
        objections = rightviews.objections_to(read, index)
        course = rightviews.course_of(read, index)
        chain = rightviews.chain_of(read, grant)
        certificates = views.certificates_of(read, right=index)
        evidence = rightviews.evidence_of(read, index)
    return page(
        request,
        "right.html",
        status=422 if problems else 200,
        grant=grant,
        product_title=title_of(product.metadata.title, language),
        right_words=RIGHTS[grant.right][0 if language == "en" else 1],
        objections=objections,
        course=course,
        chain=chain,
        certificates=certificates,
        evidence=evidence,
        names=names_of_parties(
            around, {grant.holder, *(one.party for one in objections)}, language
        ),
        last_day=day_of(max(0, grant.closes_at - 1)).isoformat() if grant.closes_at else "",
        is_open=grant.status in ("notice", "contested") and grant.closes_at > around.now(),
        is_own=person is not None and person.party == grant.holder and person.has(*DUTIES),
        given=given,
        problems=problems,
    )


def _objection_page(
    request: AnyRequest, person: Person, right: int, given: dict[str, Any], problems: Problems
) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    with around.store.reading() as read:
        grant = rightviews.get_right(read, right)
        product = productviews.get_product(read, grant.product)
    return desk_page(
        request,
        person,
        "objection_form.html",
        status=422 if problems else 200,
        grant=grant,
        product_title=title_of(product.metadata.title, language),
        right_words=RIGHTS[grant.right][0 if language == "en" else 1],
        names=names_of_parties(around, {grant.holder}, language),
        last_day=day_of(max(0, grant.closes_at - 1)).isoformat() if grant.closes_at else "",
        grounds=options_of(GROUNDS, language),
        given=given,
        problems=problems,
    )


def _right_page(
    request: AnyRequest, person: Person, given: dict[str, Any], problems: Problems
) -> Response[str]:
    language = visitor_of(request).language
    number = whole_text(str(given.get("product", "")))
    with surroundings_of(request).store.reading() as read:
        own = productviews.products_of(read, person.party, limit=500)
        named = None if number is None else productviews.find_product(read, number)
    products = {one.id: title_of(one.metadata.title, language) for one in own}
    if named is not None:
        products[named.id] = title_of(named.metadata.title, language)
    return desk_page(
        request,
        person,
        "right_form.html",
        status=422 if problems else 200,
        products=[(str(one), f"{one} · {title}") for one, title in products.items()],
        rights=_right_options(language),
        notice=_notice_words(request, language)[1],
        given=given,
        problems=problems,
    )


def _licence_page(
    request: AnyRequest, grant: rightviews.Grant, given: dict[str, Any], problems: Problems
) -> Response[str]:
    person = require_duty(request, *DUTIES)
    return desk_page(
        request,
        person,
        "licence_form.html",
        status=422 if problems else 200,
        grant=grant,
        rights=_right_options(visitor_of(request).language),
        given=given,
        problems=problems,
    )


def _right_options(language: str) -> list[tuple[str, str]]:
    place = 0 if language == "en" else 1
    return [(code, f"{words[place]} — {t(language, f'rights.means.{code}')}")
            for code, words in RIGHTS.items()]  # fmt: skip


def _notice_words(request: AnyRequest, language: str) -> tuple[str, str]:
    with surroundings_of(request).store.reading() as read:
        terms = views.founding(read)
    days = 0 if terms is None else terms.notice_days
    return t(language, "rights.notice"), t(language, "rights.notice-says", days=days)


def _own(request: AnyRequest, index: int) -> rightviews.Grant:
    """Return a right that the person's party holds. Raises SignInNeeded, NotFound, NotYours."""
    person = require_duty(request, *DUTIES)
    with surroundings_of(request).store.reading() as read:
        grant = rightviews.get_right(read, index)
    if grant.holder != person.party:
        raise NotYours("this right belongs to another party", value=index)
    return grant


def _party_named(request: AnyRequest, text: str) -> str:
    """Return the id of a party named by one of its identifiers, or "" when there is none."""
    if not text:
        return ""
    with surroundings_of(request).store.reading() as read:
        found = views.find_party(read, text)
    return "" if found is None else found.party


def _need_party(language: str) -> str:
    return t(language, "rights.need.party")


def _first(problems: Problems) -> str:
    return next(iter(problems.values()))


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_rights,
    show_new,
    file_right,
    show_right,
    show_objection_form,
    object_to_right,
    transfer_right,
    cancel_right,
    show_licence_form,
    license_right,
]
