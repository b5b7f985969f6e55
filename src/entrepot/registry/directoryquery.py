"""Questions to the directory: words, filters, order, page; and the facets of what was found.

A question is built from terms. What a user types is cut into tokens (`tokens.query_tokens`), each
of which must occur; nothing of it is syntax, so no text can fail, widen the search or cost more
than its 32 tokens. Filters are exact values from closed lists where there is one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec
import tantivy

from entrepot.kernel.errors import InvalidInput
from entrepot.registry.directoryindex import (
    COLUMNS,
    EU_WIDE,
    FILTERS,
    PARTY,
    PRODUCT,
    SEPARATOR,
    SORTS,
    DirectoryIndex,
    schema,
)
from entrepot.registry.productvocabulary import EU_MEMBERS
from entrepot.registry.tokens import query_tokens

LIMIT_MAX: Final = 100
OFFSET_MAX: Final = 10_000
"""Nobody reads further; whoever wants all takes the catalogue, page by page."""
VALUES_MAX: Final = 20
VALUE_CHARS_MAX: Final = 80
VALUES_TOLD: Final = 5_000
"""More values than any filter that is counted can have."""
RELEVANCE: Final = "relevance"

COUNTED: Final[dict[str, tuple[str, ...]]] = {
    PRODUCT: ("marks", "cycles", "themes", "places", "industries"),
    PARTY: ("roles", "places"),
}
"""Which columns are counted per kind; every document has a value in the first: it counts all."""
COMBINATIONS_MAX: Final = 2_000
"""Most values of a column that are counted; beyond, its filters are counted one by one."""

_SCHEMA: Final = schema()
_CACHED_MAX: Final = 512


Facets = dict[str, list[tuple[str, int]]]
"""Filter -> its values with the number of documents that have each, most frequent first."""


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
    facets: Facets
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
        if any("\ud800" <= letter <= "\udfff" for value in values for letter in value):
            raise InvalidInput("a value of a filter is not Unicode", value=name)
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
        self._counted: dict[bytes, tuple[Facets, int]] = {}
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
    ) -> tuple[Facets, int]:
        """Return counts per facet and the total; remembered until the index changes."""
        state = (searcher.num_docs, self.index.upto)
        if state != self._counted_in or len(self._counted) >= _CACHED_MAX:
            self._counted, self._counted_in = {}, state
        names = COUNTED[question.kind] if question.facets else COUNTED[question.kind][:1]
        key = msgspec.json.encode(
            [
                state,
                question.kind,
                query_tokens(question.text),
                sorted(question.filters.items()),
                names,
            ]
        )
        known = self._counted.get(key)
        if known is None:
            known = self._counted[key] = count(searcher, query, question.kind, names)
        return known


def count(
    searcher: tantivy.Searcher, query: tantivy.Query, kind: str, columns: Sequence[str]
) -> tuple[Facets, int]:
    """Return exact counts per filter and value, most frequent first, and the number of documents.

    `columns` begin with the first of the kind.
    """
    found: dict[str, Counter[str]] = {}
    total = 0
    told = _terms(searcher, query, columns, COMBINATIONS_MAX)
    for column in columns:
        buckets, beyond = told[column]
        if column == COUNTED[kind][0]:
            total = sum(number for _text, number in buckets) + beyond
        if beyond:
            for name, (values, _) in _terms(searcher, query, COLUMNS[column], VALUES_TOLD).items():
                found[name] = Counter(dict(values))
            continue
        for text, number in buckets:
            for pair in text.split(SEPARATOR) if text else ():
                name, _, value = pair.partition("=")
                found.setdefault(name, Counter())[value] += number
    found.get("place", Counter()).pop(EU_WIDE, None)
    return {name: counts.most_common() for name, counts in found.items()}, total


def _terms(
    searcher: tantivy.Searcher, query: tantivy.Query, names: Sequence[str], most: int
) -> dict[str, tuple[list[tuple[str, int]], int]]:
    """Return per field its values with their counts, and how many documents have others."""
    asked = {name: {"terms": {"field": name, "size": most}} for name in names}
    told = searcher.aggregate(query, asked)
    return {
        name: (
            [(one["key"], one["doc_count"]) for one in told[name]["buckets"]],
            told[name]["sum_other_doc_count"],
        )
        for name in names
    }
