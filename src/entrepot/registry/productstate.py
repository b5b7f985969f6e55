"""What is so about products: descriptions, revisions, releases. The only writer of its tables.

State is the fold of effects of granted acts. A description stands in the effect whole, because the
acts are public and the directory is rebuilt from the log; it is kept as deterministic CBOR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Effect, Outcome
from entrepot.kernel.encoding import encode
from entrepot.kernel.institution import Record
from entrepot.registry.productacts import Metadata, ReleaseProduct
from entrepot.registry.tables import TABLES

FILED, REVISED = "product-filed", "product-revised"
RELEASED, WITHDRAWN = "product-released", "product-withdrawn"
ACTIVE, GONE = "active", "withdrawn"
"""The two states of a product."""

PRODUCTS: Final = sa.Table(
    "registry_products",
    TABLES,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_at", sa.BigInteger, nullable=False),
    sa.Column("changed_by", sa.BigInteger, nullable=False, index=True, comment="index of the act"),
    sa.Column("revision", sa.Integer, nullable=False, comment="1 for the first description"),
    sa.Column("inspection", sa.String(64), nullable=False, index=True, comment='"" for none'),
    sa.Column("sample", sa.String(64), nullable=False, index=True, comment='"" for none'),
    sa.Column("source", sa.String(64), nullable=False, index=True, comment='"" for none'),
    sa.Column("metadata", sa.LargeBinary, nullable=False),
)
"""One row per product: its newest description. `id` is the index of the act that filed it."""

REVISIONS: Final = sa.Table(
    "registry_product_revisions",
    TABLES,
    sa.Column("product", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("metadata", sa.LargeBinary, nullable=False),
)
"""Every description a product ever had."""

RELEASES: Final = sa.Table(
    "registry_releases",
    TABLES,
    sa.Column("product", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("version", sa.String(32), primary_key=True),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("from_day", sa.String(10), nullable=False, comment='"" for none'),
    sa.Column("until_day", sa.String(10), nullable=False, comment='"" for none'),
)
"""Versions of a product's data. Bytes of the data themselves never come here."""

WITHDRAWALS: Final = sa.Table(
    "registry_withdrawals",
    TABLES,
    sa.Column("product", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.String(500), nullable=False),
)
"""When and why a product was withdrawn."""

_INSERT_RELEASE: Final = RELEASES.insert()


def plain(metadata: Metadata) -> dict[str, Any]:
    """Return a description as plain values, as effects and CBOR hold it."""
    found: dict[str, Any] = msgspec.to_builtins(metadata)
    return found


def filed_effect(party: str, metadata: Metadata) -> Effect:
    """Return the effect of filing: who provides, and the whole description."""
    return Effect(FILED, {"party": party, "metadata": plain(metadata)})


def revised_effect(product: int, revision: int, metadata: Metadata) -> Effect:
    """Return the effect of a revision: the number it gets, and the whole description."""
    values = {"product": product, "revision": revision, "metadata": plain(metadata)}
    return Effect(REVISED, values)


def released_effect(body: ReleaseProduct) -> Effect:
    """Return the effect of a release; small, because releases are many."""
    period = body.period
    return Effect(
        RELEASED,
        {
            "product": body.product,
            "version": body.version,
            "sha256": bytes.fromhex(body.sha256),
            "bytes": body.bytes,
            "rows": body.rows,
            "from": period.start if period else "",
            "until": period.until if period else "",
        },
    )


def withdrawn_effect(product: int, why: str) -> Effect:
    """Return the effect of a withdrawal."""
    return Effect(WITHDRAWN, {"product": product, "reason": why})


def apply_product(write: sa.Connection, record: Record) -> None:
    """Fold a filing, revision or withdrawal into the tables."""
    if record.outcome is not Outcome.GRANTED:
        return
    for effect in record.effects:
        if effect.name == FILED:
            _apply_filed(write, record, effect.values)
        elif effect.name == REVISED:
            _apply_revised(write, record, effect.values)
        elif effect.name == WITHDRAWN:
            _apply_withdrawn(write, record, effect.values)


def apply_release(write: sa.Connection, record: Record) -> None:
    """Fold a release: one INSERT and nothing else."""
    apply_releases(write, [record])


def apply_releases(write: sa.Connection, records: Sequence[Record]) -> None:
    """Fold a run of releases: one INSERT of many rows."""
    rows = [
        {
            "product": effect.values["product"],
            "version": effect.values["version"],
            "index": record.index,
            "at": record.decided_at,
            "sha256": effect.values["sha256"],
            "bytes": effect.values["bytes"],
            "rows": effect.values["rows"],
            "from_day": effect.values["from"],
            "until_day": effect.values["until"],
        }
        for record in records
        for effect in record.effects
    ]
    if rows:
        write.execute(_INSERT_RELEASE, rows)


def _hashes(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes by which two products are known to hold the same data."""
    return {
        "inspection": (metadata.get("inspection") or {}).get("sha256", ""),
        "sample": (metadata.get("sample") or {}).get("sha256", ""),
        "source": metadata["source"].get("sha256", ""),
    }


def _metadata(values: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    metadata = values["metadata"]
    return encode(metadata), _hashes(metadata)


def _apply_filed(write: sa.Connection, record: Record, values: Mapping[str, object]) -> None:
    encoded, hashes = _metadata(values)
    row = {
        "id": record.index,
        "party": values["party"],
        "status": ACTIVE,
        "filed_at": record.decided_at,
        "changed_at": record.decided_at,
        "changed_by": record.index,
        "revision": 1,
        "metadata": encoded,
        **hashes,
    }
    write.execute(PRODUCTS.insert(), row)
    _keep_revision(write, record, record.index, 1, encoded)


def _apply_revised(write: sa.Connection, record: Record, values: Mapping[str, object]) -> None:
    encoded, hashes = _metadata(values)
    product, revision = values["product"], values["revision"]
    change = {
        "changed_at": record.decided_at,
        "changed_by": record.index,
        "revision": revision,
        "metadata": encoded,
        **hashes,
    }
    write.execute(PRODUCTS.update().where(PRODUCTS.c.id == product).values(change))
    _keep_revision(write, record, product, revision, encoded)


def _keep_revision(
    write: sa.Connection, record: Record, product: object, revision: object, encoded: bytes
) -> None:
    row = {
        "product": product,
        "revision": revision,
        "index": record.index,
        "at": record.decided_at,
        "metadata": encoded,
    }
    write.execute(REVISIONS.insert(), row)


def _apply_withdrawn(write: sa.Connection, record: Record, values: Mapping[str, object]) -> None:
    product = values["product"]
    change = {"status": GONE, "changed_at": record.decided_at, "changed_by": record.index}
    write.execute(PRODUCTS.update().where(PRODUCTS.c.id == product).values(change))
    row = {
        "product": product,
        "index": record.index,
        "at": record.decided_at,
        "reason": values["reason"],
    }
    write.execute(WITHDRAWALS.insert(), row)
