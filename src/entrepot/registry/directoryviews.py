"""The directory with its rows: what a search found, read from state; pages of the catalogue.

The index only finds numbers. What is shown comes from state, so a hit that state no longer has is
left out, and nothing stale is ever displayed but its place in the list.
"""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.errors import NotFound
from entrepot.registry import views
from entrepot.registry.dcat import Catalogue, Publisher
from entrepot.registry.directoryindex import PARTY, DirectoryIndex
from entrepot.registry.directoryquery import Directory, Facets, Question
from entrepot.registry.productviews import (
    Product,
    Release,
    product_page,
    products_by_id,
    releases_of,
)
from entrepot.registry.tables import PARTIES

FOLDER: Final = Path("index") / "directory"
"""Where the index lies below a home."""

_OPEN: dict[Path, Directory] = {}
_OPENING: Final = Lock()


class Listed(msgspec.Struct, frozen=True):
    """A product in a list, with the names of its provider by language."""

    product: Product
    provider: dict[str, str]


class ProductPage(msgspec.Struct, frozen=True):
    """A page of products: the total, the facets of all that was found, and the rows.

    `upto` is the index in the log up to which the search knows changes.
    """

    total: int
    offset: int
    upto: int
    facets: Facets
    products: list[Listed]


class PartyFound(msgspec.Struct, frozen=True):
    """A page of parties found by words and filters."""

    total: int
    offset: int
    upto: int
    facets: Facets
    parties: list[views.PartyView]


def directory_of(home: Path) -> Directory:
    """Return the directory of a home, one per process. Raises StorageError."""
    with _OPENING:
        found = _OPEN.get(home)
        if found is None:
            found = _OPEN[home] = Directory(DirectoryIndex(home / FOLDER))
        return found


def find_products(read: sa.Connection, directory: Directory, question: Question) -> ProductPage:
    """Search products. Raises InvalidInput when the question is out of bounds."""
    found = directory.search(question)
    products = products_by_id(read, found.ids)
    names = names_of(read, {product.party for product in products})
    return ProductPage(
        found.total,
        question.offset,
        found.upto,
        found.facets,
        [Listed(product, names.get(product.party, {})) for product in products],
    )


def find_parties(read: sa.Connection, directory: Directory, question: Question) -> PartyFound:
    """Search parties. Raises InvalidInput when the question is out of bounds."""
    question = msgspec.structs.replace(question, kind=PARTY)
    found = directory.search(question)
    rows = read.execute(
        sa.select(PARTIES.c.admitted_index, PARTIES.c.party).where(
            PARTIES.c.admitted_index.in_(found.ids)
        )
    )
    ids = {row.admitted_index: row.party for row in rows}
    listed = [views.find_party(read, ids[one]) for one in found.ids if one in ids]
    return PartyFound(
        found.total,
        question.offset,
        found.upto,
        found.facets,
        [party for party in listed if party is not None],
    )


def names_of(read: sa.Connection, parties: set[str]) -> dict[str, dict[str, str]]:
    """Return the names of parties by language; the registered one, of none, is under `und`.

    (BCP 47: undetermined.) It is left out where it is the name in some language too.
    """
    rows = read.execute(
        sa.select(PARTIES.c.party, PARTIES.c.name, PARTIES.c.names).where(
            PARTIES.c.party.in_(parties)
        )
    )
    found = {}
    for row in rows:
        named = msgspec.json.decode(row.names, type=dict[str, str])
        found[row.party] = named if row.name in named.values() else {"und": row.name, **named}
    return found


def publisher_of(read: sa.Connection, party: str) -> Publisher:
    """Return a party as publisher; the id stands for a name where there is none."""
    return Publisher(party, names_of(read, {party}).get(party) or {"und": party})


def catalogue_page(
    read: sa.Connection, *, base: str, tree_size: int, after: int = 0, limit: int = 100
) -> Catalogue:
    """Return a page of the catalogue: active products by number, beginning after `after`.

    Raises NotFound before the registry is founded: a catalogue has a publisher.
    """
    terms = views.founding(read)
    if terms is None:
        raise NotFound("the registry is not founded yet, so there is no catalogue")
    operator = publisher_of(read, terms.operator)
    products = product_page(read, after=after, limit=limit)
    names = names_of(read, {product.party for product in products})
    rows: list[tuple[Product, Publisher, list[Release]]] = [
        (
            product,
            Publisher(product.party, names.get(product.party) or {"und": product.party}),
            releases_of(read, product.id, limit=1),
        )
        for product in products
    ]
    here = f"{base}/registry/catalog"
    following = f"{here}?after={products[-1].id}&limit={limit}" if len(products) == limit else ""
    modified = max((product.changed_at for product in products), default=0)
    return Catalogue(
        base, operator, modified, tree_size, rows, f"{here}?after={after}&limit={limit}", following
    )
