"""Reading the registry: products, rights, parties, counts, the catalogue as DCAT-AP 3.

Everything here is public, as the acts are that made it. Handlers only translate: the questions are
those of the registry's views. Every row names the index of its newest act, under which `/acts`
serves the entry and its proof.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery

from entrepot.kernel.decisions import Outcome
from entrepot.kernel.errors import Error, InvalidInput, NotFound, StorageError
from entrepot.node.api.negotiation import preferred
from entrepot.node.running import Running
from entrepot.registry import dcat, views
from entrepot.registry.dcatturtle import turtle
from entrepot.registry.directorycounts import Counts, counts_of_state
from entrepot.registry.directoryquery import Directory, Question
from entrepot.registry.directoryviews import (
    PartyFound,
    ProductPage,
    catalogue_page,
    directory_of,
    find_parties,
    find_products,
    names_of,
    publisher_of,
)
from entrepot.registry.productviews import (
    Product,
    Release,
    Revision,
    Withdrawal,
    get_product,
    releases_of,
    revisions_of,
    withdrawal_of,
)
from entrepot.registry.productwords import remedy
from entrepot.registry.rightacts import CLOSE, FILE_RIGHT
from entrepot.registry.rightstate import (
    CANCELLED,
    CONTESTED,
    LAPSED,
    NOTICE,
    REFUSED,
    REGISTERED,
)
from entrepot.registry.rightviews import (
    Grant,
    Objection,
    Step,
    chain_of,
    course_of,
    evidence_of,
    get_right,
    objections_to,
    rights_in,
    rights_of,
    rights_page,
)

JSON, JSON_LD, TURTLE = "application/json", "application/ld+json", "text/turtle"
FORMS: Final = (JSON, JSON_LD, TURTLE)
FRESH: Final = {"Cache-Control": "public, max-age=2", "Vary": "Accept"}
CATALOGUE_MAX: Final = 200
RIGHTS_MAX: Final = 500
NUMBER_MAX: Final = (1 << 63) - 1
"""Largest number that both databases can compare with."""
STATES: Final = (NOTICE, CONTESTED, REGISTERED, REFUSED, CANCELLED, LAPSED)
INDEX_EVERY_S: Final = 5.0
LOG: Final = logging.getLogger("entrepot.directory")
COUNT_AGAIN: Final = 5
"""Times counts are tried while the index catches up with new acts."""


class ProductView(msgspec.Struct, frozen=True):
    """A product with all that is known about it."""

    product: Product
    provider: dict[str, str]
    releases: list[Release]
    revisions: list[Revision]
    withdrawal: Withdrawal | None
    rights: list[Grant]
    certificates: list[views.CertificateView]


class RightView(msgspec.Struct, frozen=True):
    """A right with its evidence, sources, objections, course, certificates, and the remedy."""

    right: Grant
    holder: dict[str, str]
    is_over: bool
    evidence: list[str]
    chain: list[Grant]
    objections: list[Objection]
    course: list[Step]
    certificates: list[views.CertificateView]
    remedy: dict[str, str]


class RightPage(msgspec.Struct, frozen=True):
    """A page of rights, the names of their holders, and where the following page begins."""

    rights: list[Grant]
    names: dict[str, dict[str, str]]
    following: int = msgspec.field(name="next")


class PartyDetails(msgspec.Struct, frozen=True):
    """A party with its keys, certificates, rights, and how many products it describes."""

    party: views.PartyView
    keys: list[views.KeyView]
    certificates: list[views.CertificateView]
    rights: list[Grant]
    products: int


class CountsView(msgspec.Struct, frozen=True):
    """Counts, with the published checkpoint under which anybody can count again.

    The entries below `counts.tree_size` of the log give these numbers, and no others.
    """

    counts: Counts
    checkpoint: str
    checkpoint_sha256: str


def _running(request: Request[Any, Any, Any]) -> Running:
    running: Running = request.app.state.running
    return running


def fresh_directory(running: Running) -> Directory:
    """Return the directory of a node after taking in what is new. Raises StorageError."""
    directory = directory_of(running.home)
    with running.node.store.reading() as read:
        directory.index.refresh(read)
    return directory


@get(
    "/registry/products",
    tags=["registry"],
    sync_to_thread=True,
    summary="Search data products",
)
def search_products(  # noqa: PLR0913 - each is a parameter of the address
    request: Request[Any, Any, Any],
    q: FromQuery[str] = "",
    theme: FromQuery[list[str] | None] = None,
    place: FromQuery[list[str] | None] = None,
    price: FromQuery[list[str] | None] = None,
    cycle: FromQuery[list[str] | None] = None,
    delivery: FromQuery[list[str] | None] = None,
    industry: FromQuery[list[str] | None] = None,
    provider: FromQuery[list[str] | None] = None,
    personal: FromQuery[str] = "",
    status: FromQuery[str] = "active",
    sort: FromQuery[str] = "relevance",
    offset: FromQuery[int] = 0,
    limit: FromQuery[int] = 20,
    facets: FromQuery[bool] = True,
) -> Response[ProductPage]:
    """Return a page of products that have every word of `q` and pass every filter.

    Values of one filter are alternatives. `status` is `active`, `withdrawn` or empty for both.
    """
    filters = {
        "theme": theme,
        "place": place,
        "price": price,
        "cycle": cycle,
        "delivery": delivery,
        "industry": industry,
        "provider": provider,
        "personal": [personal] if personal else None,
        "status": [status] if status else None,
    }
    question = Question(
        text=q,
        filters={name: tuple(values) for name, values in filters.items() if values},
        sort=sort,
        offset=offset,
        limit=limit,
        facets=facets,
    )
    running = _running(request)
    directory = fresh_directory(running)
    with running.node.store.reading() as read:
        return Response(find_products(read, directory, question), headers=FRESH)


@get(
    "/registry/products/{number:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="One data product",
)
def get_one_product(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[Any]:
    """Return a product as JSON with rights and releases, or as DCAT-AP 3 (JSON-LD, Turtle)."""
    running = _running(request)
    form = preferred(request.headers.get("accept"), FORMS)
    with running.node.store.reading() as read:
        product = get_product(read, whole(number))
        if form != JSON:
            publisher = publisher_of(read, product.party)
            releases = releases_of(read, product.id, limit=1)
            return _linked(dcat.dataset(product, publisher, releases, base=running.url), form)
        view = ProductView(
            product,
            names_of(read, {product.party}).get(product.party, {}),
            releases_of(read, product.id),
            revisions_of(read, product.id),
            withdrawal_of(read, product.id),
            rights_in(read, product.id),
            list(views.certificates_of(read, product=product.id)),
        )
    return Response(view, headers=FRESH)


@get(
    "/registry/catalog",
    tags=["registry"],
    sync_to_thread=True,
    summary="The catalogue as DCAT-AP 3",
)
def get_catalogue(
    request: Request[Any, Any, Any], after: FromQuery[int] = 0, limit: FromQuery[int] = 100
) -> Response[Any]:
    """Return a page of the catalogue as JSON-LD or Turtle; `hydra:next` names the following one."""
    if not 1 <= limit <= CATALOGUE_MAX or not 0 <= after <= NUMBER_MAX:
        raise InvalidInput(f"a page of the catalogue has 1 to {CATALOGUE_MAX} products")
    running = _running(request)
    with running.node.store.reading() as read:
        page = catalogue_page(
            read, base=running.url, tree_size=running.node.log.size, after=after, limit=limit
        )
    form = preferred(request.headers.get("accept"), (JSON_LD, TURTLE))
    return _linked(dcat.catalogue(page), form)


def _linked(node: dcat.Node, form: str) -> Response[Any]:
    if form == TURTLE:
        return Response(turtle(node), media_type=f"{TURTLE}; charset=utf-8", headers=FRESH)
    content = msgspec.json.encode(dcat.document(node))
    return Response(content, media_type=JSON_LD, headers=FRESH)


@get(
    "/registry/parties",
    tags=["registry"],
    sync_to_thread=True,
    summary="Search parties",
)
def search_parties(  # noqa: PLR0913 - each is a parameter of the address
    request: Request[Any, Any, Any],
    q: FromQuery[str] = "",
    role: FromQuery[list[str] | None] = None,
    place: FromQuery[list[str] | None] = None,
    sort: FromQuery[str] = "relevance",
    offset: FromQuery[int] = 0,
    limit: FromQuery[int] = 20,
) -> Response[PartyFound]:
    """Return a page of parties whose names or identifiers have every word of `q`."""
    filters = {name: tuple(values) for name, values in (("role", role), ("place", place)) if values}
    question = Question("party", q, filters, sort, offset, limit)
    running = _running(request)
    directory = fresh_directory(running)
    with running.node.store.reading() as read:
        return Response(find_parties(read, directory, question), headers=FRESH)


@get(
    "/registry/parties/{party:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="One party",
)
def get_party(request: Request[Any, Any, Any], party: FromPath[str]) -> Response[PartyDetails]:
    """Return a party by its id (`scheme:VALUE`) or another of its identifiers."""
    running = _running(request)
    directory = fresh_directory(running)
    with running.node.store.reading() as read:
        found = views.find_party(read, party)
        if found is None:
            raise NotFound("there is no party of this identifier", value=party)
        described = Question(filters={"provider": (found.party,)}, limit=1, facets=False)
        view = PartyDetails(
            found,
            list(views.keys_of(read, found.party)),
            list(views.certificates_of(read, party=found.party)),
            rights_of(read, found.party),
            directory.search(described).total,
        )
    return Response(view, headers=FRESH)


@get(
    "/registry/rights",
    tags=["registry"],
    sync_to_thread=True,
    summary="Rights by state: the public notice",
)
def get_rights(
    request: Request[Any, Any, Any],
    status: FromQuery[str] = "notice",
    after: FromQuery[int] = 0,
    limit: FromQuery[int] = 100,
) -> Response[RightPage]:
    """Return rights in a state, by number; `notice` and `contested` are what is open to all.

    `next` is the `after` of the following page, 0 on the last one.
    """
    bounded = 1 <= limit <= RIGHTS_MAX and 0 <= after <= NUMBER_MAX
    if status not in (*STATES, "") or not bounded:
        raise InvalidInput(
            "not a page of rights", value=status, remedy=f"{', '.join(STATES)}; limit to 500"
        )
    with _running(request).node.store.reading() as read:
        found = rights_page(read, status=status, after=after, limit=limit)
        names = names_of(read, {one.holder for one in found})
    following = found[-1].id if len(found) == limit else 0
    return Response(RightPage(found, names, following), headers=FRESH)


@get(
    "/registry/rights/{number:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="One right",
)
def get_one_right(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[RightView]:
    """Return a right: extent, state, sources, objections with their rulings, and the remedy."""
    running = _running(request)
    with running.node.store.reading() as read:
        right = get_right(read, whole(number))
        kind = CLOSE if right.status == REGISTERED else FILE_RIGHT
        view = RightView(
            right,
            names_of(read, {right.holder}).get(right.holder, {}),
            right.is_over(running.clock()),
            evidence_of(read, right.id),
            chain_of(read, right),
            objections_to(read, right.id),
            course_of(read, right.id),
            list(views.certificates_of(read, right=right.id)),
            {code: remedy(kind, Outcome.GRANTED, code) for code in ("en", "zh")},
        )
    return Response(view, headers=FRESH)


@get(
    "/registry/counts",
    tags=["registry"],
    sync_to_thread=True,
    summary="Counts that the log proves",
)
def get_counts(request: Request[Any, Any, Any]) -> Response[CountsView]:
    """Return the registry in numbers, for a tree of the log; `entrepot counts` computes them again.

    The checkpoint is the newest published one; its tree has at least as many entries.
    """
    running = _running(request)
    directory = directory_of(running.home)
    for _ in range(COUNT_AGAIN):
        with running.node.store.reading() as read:
            directory.index.refresh(read)
        with running.node.store.reading() as read:
            counts = counts_of_state(read, directory.index)
        if counts is not None:
            note = running.node.log.checkpoint()
            digest = hashlib.sha256(note).hexdigest()
            return Response(CountsView(counts, note.decode(), digest), headers=FRESH)
    raise StorageError(
        "the directory is being brought up to date", remedy="ask again in some seconds"
    )


async def keep_indexed(running: Running) -> None:
    """Keep the directory's index near the state in the background, in bounded steps.

    Searches do the same for what is new; this saves the first one after a start from the whole.
    """
    while True:
        try:
            done = await asyncio.to_thread(index_step, running)
        except Error as error:
            LOG.warning("directory not indexed", extra={"code": error.code})
            done = True
        await asyncio.sleep(INDEX_EVERY_S if done else 0)


def index_step(running: Running) -> bool:
    """Take a step of indexing; say whether there is nothing more to do now."""
    directory = directory_of(running.home)
    with running.node.store.reading() as read:
        return directory.index.refresh(read) or directory.index.is_busy


def whole(number: str) -> int:
    """Return the number of a product or right in an address; NotFound when it is none."""
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise NotFound("products and rights are named by a number", value=number)
    return int(number)


ROUTES_REGISTRY: Final[list[Any]] = [
    search_products,
    get_one_product,
    get_catalogue,
    search_parties,
    get_party,
    get_rights,
    get_one_right,
    get_counts,
]
