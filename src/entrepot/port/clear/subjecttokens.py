"""From rows to tokens: which identifier stands for a person, how it is spelt, who keeps it.

The identifier is the one by which the inspection counts persons (`entrepot.port.subjects`). Some
identifiers mean the same person in every table (an identity number, an e-mail address, a number
in E.164, a device, an IBAN); all others, customer numbers above all, mean one only inside their
own register. Two tables share persons by such a number only where somebody names the register;
else each table's numbers are its own, and its persons count as new ones: too many, never too few.

Tokens are made before any transform and travel with their rows as extra columns, so whoever is
left out by the way is not counted, and whoever is masked is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.law.sketches import EMPTY, Exact, Sketch, compact, exact, union
from entrepot.port.clear.columnmac import ColumnMac
from entrepot.port.model import Category, ColumnReport, Inspection, Verdict
from entrepot.port.read.text import as_text
from entrepot.port.subjects import is_about_persons, person_key

_SHARED_SUBTYPES: Final = {
    Category.EMAIL: None,
    Category.NATIONAL_ID: None,
    Category.PHONE: frozenset({"phone-e164"}),
    Category.DEVICE_ID: frozenset({"imei", "mac"}),
    Category.RECORD_ID: frozenset({"uuid"}),
    Category.FINANCE_ACCOUNT: frozenset({"iban"}),
}
"""Categories, and of some the forms, that name one person whatever table they stand in."""
_SEPARATORS: Final = r"[\s\-./:()\u2010-\u2015]"
_BETWEEN: Final = "\x1f"
"""Unit separator: between the parts of a key of several columns."""
_MARK: Final = "entrepot counter"
_PENDING_MAX: Final = 1 << 20


class Scheme(msgspec.Struct, frozen=True):
    """How the persons of a table are told apart, here and in other tables."""

    columns: list[str]
    """Together they identify a person; none: every row is one person."""
    namespace: str
    """Tokens of two tables compare when this text is the same."""
    category: Category = Category.NONE
    """How the cells are spelt alike; NONE where only blanks around them are taken off."""


class Mark(msgspec.Struct, frozen=True):
    """One counting fact under one key: who of a table counts, and with which secret."""

    fact: str
    year: int
    """Of the window's end; names the key."""
    secret: bytes
    limit: int
    """Tokens kept exactly."""
    columns: list[str] | None = None
    """A row counts where any of these is filled; None: every row."""

    def __repr__(self) -> str:
        """Never show the secret."""
        return f"Mark({self.fact}, {self.year})"


def scheme_of(inspection: Inspection, register: str = "") -> Scheme:
    """Return how persons are told apart; `register` names whose numbers the table uses.

    The register is a declaration: one number in it is one person, in every table that names it.
    """
    own = f"table {inspection.file.sha256}"
    if not is_about_persons(inspection.columns):
        return Scheme([], own)
    names = person_key(inspection.columns).columns
    if len(names) == 1:
        column = next(c for c in inspection.columns if c.name == names[0])
        if _is_shared(column):
            form = column.subtype if column.category != Category.EMAIL else ""
            return Scheme(names, f"{column.category} {form}".strip(), column.category)
        if register.strip():
            return Scheme(names, f"register {_folded(register)} {column.category}")
    return Scheme(names, own)


def _is_shared(column: ColumnReport) -> bool:
    forms = _SHARED_SUBTYPES.get(column.category, frozenset())
    if column.verdict != Verdict.FOUND:
        return False
    if forms is None:
        return column.category == Category.EMAIL or bool(column.subtype)
    return column.subtype in forms


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def namespace_tag(namespace: str) -> str:
    """Return the short hash under which a namespace stands in the log."""
    return hashlib.sha256(b"entrepot namespace v1\x00" + namespace.encode()).hexdigest()[:16]


def spelt_alike(cells: pl.Series, category: Category) -> pl.Series:
    """Return identifiers in the one spelling that is hashed: width, case and separators folded.

    Only where the rules of the identifier itself say that they do not matter; a customer number
    "a-1" is another than "A1". Blanks around a cell never matter.
    """
    text = cells.str.strip_chars()
    if category == Category.EMAIL:
        return text.str.normalize("NFKC").str.to_lowercase()
    if category in _SHARED_SUBTYPES:
        return text.str.normalize("NFKC").str.replace_all(_SEPARATORS, "").str.to_uppercase()
    return text


class TokenGatherer:
    """Puts marks on the rows of one table and gathers the tokens of those that are delivered."""

    def __init__(self, scheme: Scheme, source: str, marks: Iterable[Mark]) -> None:
        """`source` is the SHA-256 of the table: rows without identifier are its own."""
        self._scheme = scheme
        self._marks = list(marks)
        rows = f"rows of {source}"
        self._named = [ColumnMac(_subkey(m, scheme.namespace)) for m in self._marks]
        self._unnamed = [ColumnMac(_subkey(m, rows)) for m in self._marks]
        self._sets = [_Growing(mark.limit) for mark in self._marks]
        self.met_unmarked = False
        """Whether rows were delivered that are no single rows of the source: groups of them."""

    def marked(self, frames: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Yield the source's frames with a column of tokens per mark; null where one is out."""
        start = 0
        for frame in frames:
            yield self._marked(frame, start)
            start += frame.height

    def _marked(self, frame: pl.DataFrame, start: int) -> pl.DataFrame:
        if not self._marks:
            return frame
        texts, known = self._identifiers(frame)
        rows = np.arange(start, start + frame.height)[~known]
        numbers = pl.Series(rows).cast(pl.String)
        columns = []
        for number, mark in enumerate(self._marks):
            tokens = np.empty(frame.height, np.uint64)
            tokens[known] = self._named[number].tokens(texts)
            tokens[~known] = self._unnamed[number].tokens(numbers)
            series = pl.Series(f"{_MARK} {number}", tokens)
            columns.append(_where_filled(frame, series, mark.columns))
        return frame.with_columns(columns)

    def _identifiers(self, frame: pl.DataFrame) -> tuple[pl.Series, NDArray[np.bool_]]:
        """Return the spelt-alike identifiers of the rows that have one, and which rows have."""
        names = self._scheme.columns
        if not names or frame.is_empty():
            return pl.Series([], dtype=pl.String), np.zeros(frame.height, np.bool_)
        parts = [spelt_alike(as_text(frame[name]), self._scheme.category) for name in names]
        filled = pl.DataFrame(parts).select(
            pl.all_horizontal((pl.all().str.len_bytes() > 0).fill_null(value=False))
        )
        known = filled.to_series().to_numpy()
        joined = pl.DataFrame(parts).select(pl.concat_str(pl.all(), separator=_BETWEEN))
        return joined.to_series().filter(filled.to_series()), known

    def taken(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Gather the tokens of a frame that is delivered; return it without its marks."""
        present = [name for name in frame.columns if name.startswith(_MARK)]
        self.met_unmarked = self.met_unmarked or (len(present) < len(self._marks))
        for name in present:
            tokens = frame[name].drop_nulls().to_numpy()
            self._sets[int(name.removeprefix(_MARK))].add(tokens)
        return frame.drop(present)

    def gathered(self) -> list[tuple[Mark, Sketch]]:
        """Return what each mark has gathered."""
        return [(m, grown.sketch()) for m, grown in zip(self._marks, self._sets, strict=True)]


class _Growing:
    """A set that takes tokens batch by batch."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: Sketch = EMPTY
        self._pending: list[NDArray[np.uint64]] = []

    def add(self, tokens: NDArray[np.uint64]) -> None:
        self._pending.append(tokens)
        if sum(map(len, self._pending)) > max(_PENDING_MAX, _size(self._held)):
            self.sketch()

    def sketch(self) -> Sketch:
        fresh = exact(np.concatenate(self._pending)) if self._pending else EMPTY
        self._pending = []
        self._held = compact(union([self._held, fresh]), self._limit)
        return self._held


def _size(sketch: Sketch) -> int:
    return len(sketch.tokens) if isinstance(sketch, Exact) else 0


def _subkey(mark: Mark, namespace: str) -> bytes:
    """Return the key of one fact and namespace under a window's secret (HMAC-SHA-256)."""
    said = f"entrepot counter v1\x00{mark.fact}\x00{namespace}".encode()
    return hmac.digest(mark.secret, said, "sha256")


def _where_filled(frame: pl.DataFrame, tokens: pl.Series, columns: list[str] | None) -> pl.Series:
    if columns is None:
        return tokens
    filled = frame.select(
        pl.any_horizontal(
            (as_text(frame[name]).str.len_bytes() > 0).fill_null(value=False).alias(name)
            for name in columns
            if name in frame.columns
        )
    ).to_series()
    return pl.select(pl.when(filled).then(tokens)).to_series().rename(tokens.name)


def counted_columns(
    inspection: Inspection, counts_as: Mapping[str, Mapping[str, str]]
) -> dict[str, list[str]]:
    """Return counting fact → columns whose filled cells put a person in it.

    `counts_as` maps a regime to class → fact; `inspection` is that of the data as it will leave.
    """
    found: dict[str, list[str]] = {}
    for subject in inspection.table.subjects:
        fact = counts_as.get(subject.regime, {}).get(subject.klass)
        if fact is not None:
            known = found.setdefault(fact, [])
            known += [name for name in subject.columns if name not in known]
    return found
