"""What may be known about products: read-only questions, the only door for the rest of the node.

Everything here is public, as the acts are. Whoever wants proof follows `index` into the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.encoding import decode_map
from entrepot.kernel.errors import NotFound
from entrepot.registry.productacts import METADATA_MAX_BYTES, Metadata
from entrepot.registry.productstate import PRODUCTS, RELEASES, REVISIONS, WITHDRAWALS

PAGE_MAX: Final = 500
"""Most rows of one page of any list."""


class Product(msgspec.Struct, frozen=True):
    """A product as it stands. `id` is the index of its filing, times are POSIX seconds."""

    id: int
    party: str
    status: str
    filed_at: int
    changed_at: int
    changed_by: int
    revision: int
    metadata: Metadata


class Revision(msgspec.Struct, frozen=True):
    """One of the descriptions that a product had; `index` is that of the act."""

    revision: int
    index: int
    at: int
    metadata: Metadata


class Release(msgspec.Struct, frozen=True):
    """One version of a product's data; days may be "" where none was stated."""

    version: str
    index: int
    at: int
    sha256: str
    bytes: int
    rows: int
    from_day: str
    until_day: str


class Withdrawal(msgspec.Struct, frozen=True):
    """When and why a product was withdrawn."""

    index: int
    at: int
    reason: str


def metadata_of(encoded: bytes) -> Metadata:
    """Return a description from the CBOR that state keeps."""
    return msgspec.convert(decode_map(encoded, size_max=2 * METADATA_MAX_BYTES), Metadata)


def _product(row: sa.Row[tuple[object, ...]]) -> Product:
    return Product(
        row.id,
        row.party,
        row.status,
        row.filed_at,
        row.changed_at,
        row.changed_by,
        row.revision,
        metadata_of(row.metadata),
    )


def find_product(read: sa.Connection, product: int) -> Product | None:
    """Return a product by its id, withdrawn or not, or None."""
    row = read.execute(sa.select(PRODUCTS).where(PRODUCTS.c.id == product)).one_or_none()
    return None if row is None else _product(row)


def get_product(read: sa.Connection, product: int) -> Product:
    """Return a product by its id; NotFound when there is none."""
    found = find_product(read, product)
    if found is None:
        raise NotFound("there is no product of this number", value=product)
    return found


def products_by_id(read: sa.Connection, ids: Sequence[int]) -> list[Product]:
    """Return products in the order of their ids as given; those that do not exist are left out."""
    rows = read.execute(sa.select(PRODUCTS).where(PRODUCTS.c.id.in_(list(ids)))).all()
    found = {row.id: _product(row) for row in rows}
    return [found[one] for one in ids if one in found]


def products_of(
    read: sa.Connection, party: str, *, after: int = 0, limit: int = 100
) -> list[Product]:
    """Return a party's products by id, at most `limit`, beginning after the id `after`."""
    rows = read.execute(
        sa.select(PRODUCTS)
        .where(PRODUCTS.c.party == party, PRODUCTS.c.id > after)
        .order_by(PRODUCTS.c.id)
        .limit(min(limit, PAGE_MAX))
    ).all()
    return [_product(row) for row in rows]


def product_page(
    read: sa.Connection, *, after: int = 0, limit: int = 100, only_active: bool = True
) -> list[Product]:
    """Return products by id, at most `limit`, beginning after the id `after`."""
    question = sa.select(PRODUCTS).where(PRODUCTS.c.id > after)
    if only_active:
        question = question.where(PRODUCTS.c.status == "active")
    rows = read.execute(question.order_by(PRODUCTS.c.id).limit(min(limit, PAGE_MAX))).all()
    return [_product(row) for row in rows]


def changed_products(read: sa.Connection, *, after: int, upto: int) -> Iterator[Product]:
    """Yield products whose newest act has an index over `after` and at most `upto`, in order."""
    while True:
        rows = read.execute(
            sa.select(PRODUCTS)
            .where(PRODUCTS.c.changed_by > after, PRODUCTS.c.changed_by <= upto)
            .order_by(PRODUCTS.c.changed_by)
            .limit(PAGE_MAX)
        ).all()
        yield from (_product(row) for row in rows)
        if len(rows) < PAGE_MAX:
            return
        after = rows[-1].changed_by


def revisions_of(read: sa.Connection, product: int, *, limit: int = 50) -> list[Revision]:
    """Return the descriptions a product had, newest first; older ones stand in the log.

    A description has up to 20 KB, and whoever files them chooses how many: a page has 1 MB at most.
    """
    rows = read.execute(
        sa.select(REVISIONS)
        .where(REVISIONS.c.product == product)
        .order_by(REVISIONS.c.revision.desc())
        .limit(min(limit, PAGE_MAX))
    ).all()
    return [
        Revision(row.revision, row._mapping["index"], row.at, metadata_of(row.metadata))
        for row in rows
    ]


def releases_of(read: sa.Connection, product: int, *, limit: int = 50) -> list[Release]:
    """Return a product's releases, newest first."""
    rows = read.execute(
        sa.select(RELEASES)
        .where(RELEASES.c.product == product)
        .order_by(RELEASES.c.index.desc())
        .limit(min(limit, PAGE_MAX))
    ).all()
    return [
        Release(
            row.version,
            row._mapping["index"],
            row.at,
            row.sha256.hex(),
            row.bytes,
            row.rows,
            row.from_day,
            row.until_day,
        )
        for row in rows
    ]


def withdrawal_of(read: sa.Connection, product: int) -> Withdrawal | None:
    """Return when and why a product was withdrawn, or None."""
    row = read.execute(sa.select(WITHDRAWALS).where(WITHDRAWALS.c.product == product)).one_or_none()
    return None if row is None else Withdrawal(row._mapping["index"], row.at, row.reason)
