"""Questions to the directory: words, filters, order, page; and the facets of what was found.

A question is built from terms. What a user types is cut into tokens (`tokens.query_tokens`), each
of which must occur; nothing of it is syntax, so no text can fail, widen the search or cost more
than its 32 tokens. Filters are exact values from closed lists where there is one.
"""

from __future__ import annotations

from typing import Final

import msgspec
import tantivy

from entrepot.kernel.errors import InvalidInput
from entrepot.registry.directoryindex import EU_WIDE, FILTERS, SORTS, DirectoryIndex, schema
from entrepot.registry.productvocabulary import EU_MEMBERS
from entrepot.registry.tokens import query_tokens

LIMIT_MAX: Final = 100
OFFSET_MAX: Final = 10_000
"""Nobody reads further; whoever wants all takes the catalogue, page by page."""
VALUES_MAX: Final = 20
VALUE_CHARS_MAX: Final = 80
FACET_VALUES_MAX: Final = 60
RELEVANCE: Final = "relevance"

COUNTED: Final[dict[str, tuple[str, ...]]] = {
    "product": (
        "status",
        "theme",
        "place",
        "price",
        "cycle",
        "personal",
        "delivery",
        "industry",
    ),
    "party": ("role", "place"),
}
"""Which filters are counted as facets, per kind."""

_SCHEMA: Final = schema()
_CACHED_MAX: Final = 512


class Question(msgspec.Struct, frozen=True):
    """What is asked. Values of one filter are alternatives; filters must all hold."""

    kind: str = "product"
    text: str = ""
    filters: dict[str, tuple[str, ...]] = {}
    sort: str = RELEVANCE
    offset: int = 0
    limit: int = 20
    facets: bool = True


class Found(msgspec.Struct, frozen=True):
    """What was found: how many in all, the ids of this page, and counts per facet and value.

    `upto` is the index in the log up to which the answer knows changes.
    """

    total: int
    ids: list[int]
    facets: dict[str, list[tuple[str, int]]]
    upto: int


def check(question: Question) -> Question:
    """Return the question if it is within bounds. Raises InvalidInput."""
    if question.kind not in COUNTED:
        raise InvalidInput("a directory has products and parties", value=question.kind)
    if question.sort not in (RELEVANCE, *SORTS):
        raise InvalidInput(
            "not an order of the directory", value=question.sort, remedy="relevance, newest, volume"
        )
    if not 1 <= question.limit <= LIMIT_MAX:
        raise InvalidInput(f"a page has 1 to {LIMIT_MAX} results", value=question.limit)
    if not 0 <= question.offset <= OFFSET_MAX:
        raise InvalidInput(
            f"a search goes {OFFSET_MAX:,} results deep",
            value=question.offset,
            remedy="narrow it, or read the catalogue",
        )
    for name, values in question.filters.items():
        if name not in FILTERS or name == "kind":
            raise InvalidInput("not a filter of the directory", value=name)
        if len(values) > VALUES_MAX or any(len(value) > VALUE_CHARS_MAX for value in values):
            raise InvalidInput("too many or too long values of a filter", value=name)
    return question


def query_of(question: Question) -> tantivy.Query:
    """Return the question as a tree of terms: every token, and every filter.

    Tokens of products and parties are in fields of their own, so a word says the kind. One word
    without filters is one term, for which tantivy skips what cannot come first.
    """
    parts = [
        tantivy.Query.term_query(_SCHEMA, question.kind, token, "freq")
        for token in query_tokens(question.text)
    ]
    if not parts:
        parts.append(_exact("kind", (question.kind,)))
    for name, values in sorted(question.filters.items()):
        if values:
            parts.append(_exact(name, _around(name, values)))
    if len(parts) == 1:
        return parts[0]
    return tantivy.Query.boolean_query([(tantivy.Occur.Must, part) for part in parts])


def _exact(name: str, values: tuple[str, ...]) -> tantivy.Query:
    """One of several values, without a part in the score."""
    if len(values) == 1:
        one = tantivy.Query.term_query(_SCHEMA, name, values[0], "basic")
        return tantivy.Query.const_score_query(one, 0.0)
    return tantivy.Query.const_score_query(
        tantivy.Query.term_set_query(_SCHEMA, name, list(values)), 0.0
    )


def _around(name: str, values: tuple[str, ...]) -> tuple[str, ...]:
    """Whoever asks for a member state also wants what covers the whole Union."""
    if name == "place" and any(value.partition("-")[0] in EU_MEMBERS for value in values):
        return (*values, EU_WIDE)
    return values


class Directory:
    """Answers questions from an index. Safe to use from several threads."""

    def __init__(self, index: DirectoryIndex) -> None:
        """Answer from `index`; facets of the state it has are remembered."""
        self.index = index
        self._counted: dict[bytes, tuple[dict[str, list[tuple[str, int]]], int]] = {}
        self._counted_in: tuple[int, int] = (-1, -1)

    def search(self, question: Question) -> Found:
        """Return what answers the question. Raises InvalidInput when it is out of bounds."""
        check(question)
        searcher = self.index.searcher()
        query = query_of(question)
        facets, total = self._counts(searcher, query, question)
        ordered = question.sort if question.sort != RELEVANCE else None
        if ordered is None and not query_tokens(question.text):
            ordered = "newest"  # without words nothing is more relevant than the newest
        hits = searcher.search(
            query,
            limit=question.limit,
            count=False,
            offset=question.offset,
            order_by_field=ordered,
        )
        places = [place for _score, place in hits.hits]
        ids = [int(one) for one in searcher.fast_field_values("id", places) if one is not None]
        return Found(total, ids, facets if question.facets else {}, self.index.upto)

    def _counts(
        self, searcher: tantivy.Searcher, query: tantivy.Query, question: Question
    ) -> tuple[dict[str, list[tuple[str, int]]], int]:
        """Return counts per facet and the total; remembered until the index changes.

        The total is counted by the kind of document, which every one has exactly once.
        """
        state = (searcher.num_docs, self.index.upto)
        if state != self._counted_in or len(self._counted) >= _CACHED_MAX:
            self._counted, self._counted_in = {}, state
        names = COUNTED[question.kind] if question.facets else ()
        key = msgspec.json.encode(
            [question.kind, query_tokens(question.text), sorted(question.filters.items()), names]
        )
        known = self._counted.get(key)
        if known is None:
            asked = {
                name: {"terms": {"field": name, "size": FACET_VALUES_MAX}}
                for name in (*names, "kind")
            }
            buckets = searcher.aggregate(query, asked)
            counts = {
                name: [(one["key"], one["doc_count"]) for one in buckets[name]["buckets"]]
                for name in asked
            }
            total = sum(count for _kind, count in counts.pop("kind"))
            for listed in counts.values():
                listed[:] = [one for one in listed if one[0] != EU_WIDE]
            known = self._counted[key] = (counts, total)
        return known
