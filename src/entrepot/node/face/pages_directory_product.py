"""One data product, one party: all that the registry says of them, and where the log proves it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import NotFound
from entrepot.node.api.registry import fresh_directory, whole
from entrepot.node.face.directoryview import chains, price_of, text_in, word_of
from entrepot.node.face.pages_directory import place_words
from entrepot.node.face.pages_port_assess import place_names
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import dcat, views
from entrepot.registry.dcatturtle import turtle
from entrepot.registry.directoryquery import Question
from entrepot.registry.directoryviews import find_products, names_of, publisher_of
from entrepot.registry.productviews import (
    get_product,
    releases_of,
    revisions_of,
    withdrawal_of,
)
from entrepot.registry.rightviews import objections_to, rights_in, rights_of

RELEASES_SHOWN: Final = 20
HISTORY_SHOWN: Final = 25

Shown = Response[Any]


@get("/directory/products/{number:str}", sync_to_thread=True)
def show_product(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Show a product: description, rights with their chains, releases, certificates, proofs."""
    around = surroundings_of(request)
    language = visitor_of(request).language
    with around.store.reading() as read:
        product = get_product(read, whole(number))
        rights = rights_in(read, product.id)
        parties = names_of(read, {product.party, *(right.holder for right in rights)})
        objections = [one for right in rights for one in objections_to(read, right.id)]
        parties |= names_of(read, {one.party for one in objections})
        context: dict[str, Any] = {
            "releases": releases_of(read, product.id, limit=RELEASES_SHOWN),
            "revisions": revisions_of(read, product.id),
            "withdrawal": withdrawal_of(read, product.id),
            "certificates": views.certificates_of(read, product=product.id),
        }
    names = {party: text_in(texts, language)[0] for party, texts in parties.items()}
    name_of_place = place_names(request)
    return page(
        request,
        "directory/product.html",
        product=product,
        metadata=product.metadata,
        provider=names.get(product.party, product.party),
        names=names,
        rights=rights,
        picture=chains(rights, names),
        objections=objections,
        text_in=lambda texts: text_in(texts, language),
        word=lambda name, code: word_of(name, code, language),
        price=price_of(product.metadata),
        place_name=lambda code: place_words(code, name_of_place),
        today=_today(around.now()),
        **context,
    )


@get("/directory/products/{number:str}/{name:str}", sync_to_thread=True)
def download_product(request: AnyRequest, number: FromPath[str], name: FromPath[str]) -> Shown:
    """Return the product as DCAT-AP 3: `product.jsonld` or `product.ttl`."""
    if name not in ("product.jsonld", "product.ttl"):
        raise NotFound("there is no such file of a product", value=name)
    around = surroundings_of(request)
    with around.store.reading() as read:
        product = get_product(read, whole(number))
        publisher = publisher_of(read, product.party)
        releases = releases_of(read, product.id, limit=1)
    node = dcat.dataset(product, publisher, releases, base=around.running.url)
    file = name.replace("product", f"product-{product.id}")
    headers = {"content-disposition": f'attachment; filename="{file}"'}
    if name.endswith(".ttl"):
        return Response(turtle(node), media_type="text/turtle; charset=utf-8", headers=headers)
    return Response(dcat.document(node), media_type="application/ld+json", headers=headers)


@get("/directory/parties/{party:str}", sync_to_thread=True)
def show_party(request: AnyRequest, party: FromPath[str]) -> Shown:
    """Show a party: identifiers, roles, keys with history, certificates, products, rights, acts."""
    around = surroundings_of(request)
    language = visitor_of(request).language
    directory = fresh_directory(around.running)
    with around.store.reading() as read:
        found = views.find_party(read, party[:200])
        if found is None:
            raise NotFound(
                "there is no party of this identifier", value=party, remedy="search the directory"
            )
        question = Question(filters={"provider": (found.party,)}, sort="newest", limit=20)
        context: dict[str, Any] = {
            "keys": views.keys_of(read, found.party),
            "members": len(views.members_of(read, found.party)),
            "certificates": views.certificates_of(read, party=found.party),
            "rights": rights_of(read, found.party)[:50],
            "history": views.history_of(read, found.party, limit=HISTORY_SHOWN),
            "products": find_products(read, directory, question),
        }
    name_of_place = place_names(request)
    return page(
        request,
        "directory/party.html",
        party=found,
        name=found.names.get(language, found.name),
        text_in=lambda texts: text_in(texts, language),
        place_name=lambda code: place_words(code, name_of_place),
        today=_today(around.now()),
        **context,
    )


def _today(now: int) -> str:
    return datetime.fromtimestamp(now, tz=UTC).date().isoformat()


ROUTES: Final[list[ControllerRouterHandler]] = [show_product, download_product, show_party]
