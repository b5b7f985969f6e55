"""The party's desk: file, revise and withdraw data products."""

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
from entrepot.node.face.forms import text_of
from entrepot.node.face.language import t
from entrepot.node.face.pages_approve import ask_approval
from entrepot.node.face.pages_desk import desk_page
from entrepot.node.face.people import Person, require_duty, require_person
from entrepot.node.face.productform import (
    DEFAULTS,
    TOP,
    Typed,
    choices,
    metadata_from,
    typed_from,
    typed_values,
)
from entrepot.node.face.rulings import parse_index
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import productviews, rightviews
from entrepot.registry.productacts import FILE, REVISE, WITHDRAW

Shown = Response[str] | Redirect
DUTIES: Final = ("steward", "admin")
BACK: Final = "/desk/products"


@get("/desk/products", sync_to_thread=True)
def show_products(request: AnyRequest) -> Response[str]:
    """List the party's products."""
    person = require_person(request)
    language = visitor_of(request).language
    with surroundings_of(request).store.reading() as read:
        found = productviews.products_of(read, person.party, limit=500)
    rows = [(one, title_of(one.metadata.title, language)) for one in reversed(found)]
    return desk_page(request, person, "products.html", rows=rows)


@get("/desk/products/new", sync_to_thread=True)
def show_new(request: AnyRequest) -> Response[str]:
    """Show the form of a new product, with what most products share filled in."""
    person = require_duty(request, *DUTIES)
    return _form_page(request, person, None, dict(DEFAULTS), {})


@post("/desk/products/new", sync_to_thread=True, status_code=200)
def file_product(request: AnyRequest) -> Shown:
    """Prepare the filing and have it signed."""
    return _file(request, None)


@get("/desk/products/{number:str}", sync_to_thread=True)
def show_own(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show one product with its rights and what can be done with it."""
    person = require_person(request)
    product = _own(request, person, parse_index(number))
    with surroundings_of(request).store.reading() as read:
        rights = rightviews.rights_in(read, product.id)
        releases = productviews.releases_of(read, product.id)
        revisions = productviews.revisions_of(read, product.id)
    return desk_page(
        request,
        person,
        "product_desk.html",
        product=product,
        title=title_of(product.metadata.title, visitor_of(request).language),
        rights=rights,
        releases=releases,
        revisions=revisions,
        problems={},
        given={},
    )


@get("/desk/products/{number:str}/revise", sync_to_thread=True)
def show_revision(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show the form filled in with the newest description."""
    person = require_duty(request, *DUTIES)
    product = _own(request, person, parse_index(number))
    return _form_page(request, person, product.id, typed_from(product.metadata), {})


@post("/desk/products/{number:str}/revise", sync_to_thread=True, status_code=200)
def revise_product(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare the revision and have it signed."""
    person = require_duty(request, *DUTIES)
    return _file(request, _own(request, person, parse_index(number)).id)


@post("/desk/products/{number:str}/withdraw", sync_to_thread=True, status_code=200)
def withdraw_product(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare the withdrawal and have it signed."""
    person = require_duty(request, *DUTIES)
    language = visitor_of(request).language
    product = _own(request, person, parse_index(number))
    reason = text_of(form_of(request), "reason", chars_max=500)
    if not reason:
        raise InvalidInput(t(language, "products.need.reason"))
    name = title_of(product.metadata.title, language)
    return ask_approval(
        request,
        WITHDRAW,
        {"product": product.id, "reason": reason},
        title=t(language, "products.title.withdraw", name=name),
        says=[(t(language, "products.reason"), reason)],
        back=f"{BACK}/{product.id}",
    )


def title_of(titles: dict[str, str], language: str) -> str:
    """Return a title in a language, else in the first one it has."""
    return titles.get(language) or next(iter(titles.values()), "")


def _file(request: AnyRequest, product: int | None) -> Shown:
    person = require_duty(request, *DUTIES)
    language, form = visitor_of(request).language, form_of(request)
    metadata, problems = metadata_from(form, language)
    kind = FILE if product is None else REVISE
    body: dict[str, Any] = {"metadata": metadata}
    if product is not None:
        body["product"] = product
    if not problems:
        try:
            check_act(surroundings_of(request), kind, body)
        except InvalidInput as error:
            problems = {TOP: str(error).replace("\n", " ")}
    if problems:
        return _form_page(request, person, product, typed_values(form), problems)
    words = "file" if product is None else "revise"
    name = title_of(metadata["title"], language)
    return ask_approval(
        request,
        kind,
        body,
        title=t(language, f"products.title.{words}", name=name),
        says=_says(metadata, language),
        back=BACK,
    )


def _says(metadata: dict[str, Any], language: str) -> list[tuple[str, str]]:
    """Return the description in plain words, for the page before signing."""
    words = {name: dict(pairs) for name, pairs in choices(language).items()}
    pricing = metadata["pricing"]
    price = words["models"].get(pricing["model"], pricing["model"])
    if "amount_minor" in pricing:
        price += (
            f" · {pricing['amount_minor']} {t(language, 'products.minor')} {pricing['currency']}"
        )
    personal = "products.personal.yes" if metadata["personal_data"] else "products.personal.no"
    return [
        *((f"{t(language, 'products.title')} ({code})", text)
          for code, text in metadata["title"].items()),
        (t(language, "products.themes"),
         ", ".join(words["themes"].get(one, one) for one in metadata["themes"])),
        (t(language, "products.update-cycle"),
         words["cycles"].get(metadata["update_cycle"], metadata["update_cycle"])),
        (t(language, "products.delivery"),
         ", ".join(words["deliveries"].get(one, one) for one in metadata["delivery"])),
        (t(language, "products.pricing"), price),
        (t(language, "products.licence"), metadata["licence"].get("id", "")),
        (t(language, "products.personal"), t(language, personal)),
        (t(language, "products.source-statement"), metadata["source"].get("statement", "")),
        (t(language, "products.public"), t(language, "products.public-says")),
    ]  # fmt: skip


def _form_page(
    request: AnyRequest,
    person: Person,
    product: int | None,
    typed: Typed,
    problems: dict[str, str],
) -> Response[str]:
    return desk_page(
        request,
        person,
        "product_form.html",
        status=422 if problems else 200,
        product=product,
        given=typed,
        problems=problems,
        choices=choices(visitor_of(request).language),
    )


def _own(request: AnyRequest, person: Person, index: int) -> productviews.Product:
    """Return a product of the person's party. Raises NotFound, NotYours."""
    with surroundings_of(request).store.reading() as read:
        product = productviews.get_product(read, index)
    if product.party != person.party:
        raise NotYours("this product belongs to another party", value=index)
    return product


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_products,
    show_new,
    file_product,
    show_own,
    show_revision,
    revise_product,
    withdraw_product,
]
