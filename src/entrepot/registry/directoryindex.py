"""The index of the directory: full text, filters and facets over products and parties.

It is derived: built from state when it is missing, damaged, of another format or ahead of the
store, and brought up to date from the newest acts. Losing it loses nothing. It lies in `index/` of
the home and is read through the page cache (tantivy maps its files); the writer lives only while
something is written, with one thread and the smallest heap tantivy takes, so that a node at rest
holds no memory for it. A second process in the same home (a follower) finds the writer's lock taken
and only reads. What users type never meets a query parser (`directoryquery` builds terms).
"""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa
import tantivy

from entrepot.kernel.errors import StorageError
from entrepot.kernel.files import storage_error
from entrepot.registry.productacts import Metadata
from entrepot.registry.productstate import PRODUCTS
from entrepot.registry.productviews import Product, changed_products
from entrepot.registry.productvocabulary import EU_MEMBERS
from entrepot.registry.tables import IDENTIFIERS, PARTIES
from entrepot.registry.tokens import index_tokens

FORMAT: Final = 2
"""Version of fields and tokens; another one in the home is rebuilt."""
AHEAD_PATIENCE_S: Final = 10.0
HEAP_BYTES: Final = 15_000_000
"""The smallest heap per thread that tantivy takes."""
REBUILD_HEAP_BYTES: Final = 60_000_000
"""Heap of a rebuild: fewer segments to merge."""
REFRESH_MAX: Final = 2_000
"""Most documents that one call of `refresh` writes unless told otherwise."""

PRODUCT, PARTY = "product", "party"
"""The two kinds of documents; also the names of the fields that hold their tokens."""
TITLE_WEIGHT: Final = 3
EU_WIDE: Final = "EU-WIDE"
"""Marks what covers the whole Union, and so every member state; not a place, never counted."""
FILTERS: Final = (
    "kind",
    "status",
    "theme",
    "place",
    "price",
    "cycle",
    "personal",
    "delivery",
    "industry",
    "provider",
    "role",
)
"""Fields that filter and (all but kind and provider) are counted; exact values."""
COLUMNS: Final[dict[str, tuple[str, ...]]] = {
    "marks": ("status", "price", "personal", "delivery"),
    "cycles": ("cycle",),
    "themes": ("theme",),
    "places": ("place",),
    "industries": ("industry",),
    "roles": ("role",),
}
"""What is counted together: a column holds all values of its filters as one text per document.

One value per document is counted ten times as fast as several (measured on a million products), and
combinations that occur are few; where they are too many, each filter is counted by itself.
"""
SEPARATOR: Final = "\x1f"
SORTS: Final = ("newest", "volume")
"""Numbers to sort by, largest first."""


class Document(msgspec.Struct, frozen=True):
    """What the index knows of one product or party."""

    key: str
    """`product:ID` or `party:ID`: what a newer document replaces."""
    id: int
    """The product's id, or the index of the party's admission."""
    title: str
    text: str
    filters: dict[str, tuple[str, ...]]
    newest: int
    volume: int = 0


def schema() -> tantivy.Schema:
    """Return the fields: tokens per kind, filters as fast terms, numbers to sort by."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic")
    for name in (PRODUCT, PARTY):
        builder.add_text_field(name, tokenizer_name="whitespace", index_option="freq")
    for name in FILTERS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    for name in COLUMNS:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_unsigned_field("id", fast=True)
    for name in SORTS:
        builder.add_unsigned_field(name, fast=True)
    return builder.build()


def product_document(product: Product) -> Document:
    """Return what is indexed of a product: its description, not the name of its provider."""
    metadata = product.metadata
    pieces = [
        *metadata.description.values(),
        *metadata.keywords,
        *(field.name for field in metadata.fields),
        *(field.meaning for field in metadata.fields),
        *metadata.industries,
    ]
    return Document(
        key=f"{PRODUCT}:{product.id}",
        id=product.id,
        title=" ".join(metadata.title.values()),
        text="\n".join(pieces),
        filters=_product_filters(product, metadata),
        newest=product.changed_by,
        volume=metadata.volume.bytes,
    )


def _product_filters(product: Product, metadata: Metadata) -> dict[str, tuple[str, ...]]:
    return {
        "kind": (PRODUCT,),
        "status": (product.status,),
        "theme": metadata.themes,
        "place": places_above(metadata.geography),
        "price": (metadata.pricing.model,),
        "cycle": (metadata.update_cycle,),
        "personal": ("yes" if metadata.personal_data else "no",),
        "delivery": metadata.delivery,
        "industry": tuple(dict.fromkeys(one[0] for one in metadata.industries)),
        "provider": (product.party,),
    }


def places_above(places: Iterable[str]) -> tuple[str, ...]:
    """Return places with those they lie in: a part in its country, a member state in the EU.

    >>> places_above(["CN-GD", "FR"])
    ('CN-GD', 'CN', 'FR', 'EU')
    """
    found: dict[str, None] = {}
    for place in places:
        country = place.partition("-")[0]
        found[place] = found[country] = None
        if place == "EU":
            found[EU_WIDE] = None
        if country in EU_MEMBERS:
            found["EU"] = None
    return tuple(found)


def party_documents(read: sa.Connection, *, after: int) -> Iterator[Document]:
    """Yield a document per party whose newest act has an index over `after`."""
    rows = read.execute(sa.select(PARTIES).where(PARTIES.c.changed_index > after)).all()
    for row in rows:
        names = [row.name, *json.loads(row.names).values()]
        known = read.execute(
            sa.select(IDENTIFIERS.c.identifier).where(IDENTIFIERS.c.party == row.party)
        ).scalars()
        yield Document(
            key=f"{PARTY}:{row.party}",
            id=row.admitted_index,
            title=" ".join(dict.fromkeys(names)),
            text=" ".join(known),
            filters={
                "kind": (PARTY,),
                "role": tuple(row.roles.split()),
                "place": places_above([row.country]),
            },
            newest=row.admitted_index,
        )


def newest_change(read: sa.Connection) -> int:
    """Return the index of the newest act that changed a product's or party's document, or 0."""
    products = read.execute(sa.select(sa.func.max(PRODUCTS.c.changed_by))).scalar()
    parties = read.execute(sa.select(sa.func.max(PARTIES.c.changed_index))).scalar()
    return max(products or 0, parties or 0)


class DirectoryIndex:
    """The index in one directory. Safe to use from several threads."""

    def __init__(self, directory: Path, *, patience_s: float = AHEAD_PATIENCE_S) -> None:
        """Open the index, or make an empty one where it is missing, damaged or of another format.

        `patience_s`: how long it must seem ahead of the store before it is made anew. Raises
        StorageError when the disk refuses.
        """
        self.directory = directory
        self._writing = threading.Lock()
        self.is_busy = False
        """Whether another thread or process was found writing at the last try."""
        self._index, self._upto = self._open()
        self._seen = self._stamp()
        self._patience_s = patience_s
        self._ahead_since: tuple[float, int] | None = None

    @property
    def upto(self) -> int:
        """The index in the log up to which changes are in this index."""
        return self._upto

    def _open(self) -> tuple[tantivy.Index, int]:
        mark = self._read_mark()
        if mark is not None:
            try:
                return tantivy.Index.open(str(self.directory)), mark
            except (ValueError, OSError):
                pass  # a derived index that does not open is made anew
        return self._make()

    def _make(self) -> tuple[tantivy.Index, int]:
        try:
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory.mkdir(parents=True, exist_ok=True)
            made = tantivy.Index(schema(), path=str(self.directory))
        except OSError as error:
            raise storage_error(error, self.directory) from error
        except ValueError as error:
            raise StorageError(f"search index: {error}", value=self.directory) from error
        self._write_mark(0)
        return made, 0

    def _read_mark(self) -> int | None:
        """Return up to where the index was brought, or None when it is not one of this format."""
        try:
            said = json.loads((self.directory / "upto.json").read_bytes())
        except (OSError, ValueError):
            return None
        sound = isinstance(said, dict) and said.get("format") == FORMAT
        upto = said.get("upto") if sound else None
        return upto if isinstance(upto, int) and upto >= 0 else None

    def _write_mark(self, upto: int) -> None:
        path = self.directory / "upto.json"
        beside = path.with_suffix(".new")
        try:
            # Renamed over, not flushed: after a crash an older mark only means some work again.
            beside.write_text(json.dumps({"format": FORMAT, "upto": upto}))
            beside.replace(path)
        except OSError as error:
            raise storage_error(error, self.directory) from error

    def _stamp(self) -> tuple[int, ...]:
        """Return what changes when another process has written: times of index and mark."""
        try:
            return tuple(
                (self.directory / name).stat().st_mtime_ns for name in ("meta.json", "upto.json")
            )
        except OSError:
            return ()

    def _catch_up(self) -> None:
        """Take over what another process has written."""
        stamp = self._stamp()
        if stamp != self._seen:
            self._index.reload()
            self._seen = stamp
            self._upto = self._read_mark() or self._upto

    def searcher(self) -> tantivy.Searcher:
        """Return a searcher of the newest state on the disk, whoever wrote it."""
        self._catch_up()
        return self._index.searcher()

    def refresh(self, read: sa.Connection, *, most: int = REFRESH_MAX) -> bool:
        """Bring at most about `most` changes into the index; say whether it is up to date then.

        Returns at once when another thread or process is writing. Raises StorageError.
        """
        newest = newest_change(read)
        self._catch_up()
        if newest == self._upto:
            self._ahead_since = None
            return True
        self.is_busy = not self._writing.acquire(blocking=False)
        if self.is_busy:
            return False
        try:
            if newest < self._upto and not self._is_ahead():
                self.is_busy = True
                return False
            return self._write(read, newest, most)
        finally:
            self._writing.release()

    def _is_ahead(self) -> bool:
        """Say whether the index knows acts that the store does not, and if so begin it anew.

        That is so after a restore from an older backup. It may also seem so for a moment, when
        `read` saw the store before another thread wrote; so it must stay so for a while.
        """
        now = time.monotonic()
        if self._ahead_since is None or self._ahead_since[1] != self._upto:
            self._ahead_since = (now, self._upto)
        if now - self._ahead_since[0] < self._patience_s:
            return False
        self._index, self._upto = self._make()
        self._ahead_since = None
        return True

    def rebuild(self, read: sa.Connection) -> None:
        """Make the index anew from state, all of it. Raises StorageError."""
        with self._writing:
            self._index, self._upto = self._make()
            newest = newest_change(read)
            if newest:
                self._write(read, newest, None)

    def _write(self, read: sa.Connection, newest: int, most: int | None) -> bool:
        heap = HEAP_BYTES if most is not None else REBUILD_HEAP_BYTES
        try:
            writer = self._index.writer(heap_size=heap, num_threads=1)
        except ValueError:
            self.is_busy = True  # the writer's lock is another process's: it does the work
            return False
        done, reached = 0, self._upto
        try:
            for document in party_documents(read, after=self._upto):
                put(writer, document, anew=most is None)
            for product in changed_products(read, after=self._upto, upto=newest):
                put(writer, product_document(product), anew=most is None)
                done, reached = done + 1, product.changed_by
                if most is not None and done >= most:
                    break
            else:
                reached = newest
            writer.commit()
            writer.wait_merging_threads()
        except ValueError as error:
            raise StorageError(f"search index: {error}", value=self.directory) from error
        finally:
            del writer
        self._write_mark(reached)
        self._upto = reached
        self._index.reload()
        self._seen = self._stamp()
        return reached == newest


def put(writer: tantivy.IndexWriter, document: Document, *, anew: bool = False) -> None:
    """Write a document in place of the one with its key; `anew` when there can be none."""
    if not anew:
        writer.delete_documents_by_term("key", document.key)
    made = tantivy.Document()
    made.add_text("key", document.key)
    # What stands in the title counts as if it stood there three times: no second field to ask.
    tokens = index_tokens(document.title) * TITLE_WEIGHT + index_tokens(document.text)
    made.add_text(document.filters["kind"][0], " ".join(tokens))
    for name, values in document.filters.items():
        for value in values:
            made.add_text(name, value)
    for column, names in COLUMNS.items():
        said = [
            f"{name}={value}" for name in names for value in sorted(document.filters.get(name, ()))
        ]
        made.add_text(column, SEPARATOR.join(said))
    made.add_unsigned("id", document.id)
    made.add_unsigned("newest", document.newest)
    made.add_unsigned("volume", document.volume)
    writer.add_document(made)
