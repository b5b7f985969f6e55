"""A loaded library as bytes and back, for whoever keeps it between two commands.

Only a library without faults is kept. The rulebooks' own text is not in the bytes: it is read with
the laws, whose hashes say whether the bytes still hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from entrepot.kernel.errors import InvalidInput, InvalidLaw
from entrepot.law.cells import MISFITS, pack, unpack
from entrepot.law.compiled import Content, Regime
from entrepot.law.jurisdictions import Jurisdictions, JurisdictionTable
from entrepot.law.library import Library
from entrepot.law.rulebook import Rulebook
from entrepot.law.vocabulary import FLOW_FACTS, Vocabulary
from entrepot.law.yamlsource import plain_text


def packed_library(library: Library) -> bytes:
    """Return everything that loading found out. Raises `InvalidInput` for what has no packed
    form."""
    places = library.jurisdictions
    content = library.content
    return pack(
        (
            JurisdictionTable(places.aliases, places.groups, places.names),
            tuple(spec for spec in library.vocabulary if spec.name not in FLOW_FACTS),
            library.derivations,
            tuple(entry for _, entry in library.contradictions),
            tuple(_book_parts(book) for book in content.books.values()),
            tuple(_regime_parts(regime) for regime in content.regimes.values()),
            tuple(content.rules.values()),
            tuple(content.duties.values()),
            tuple(content.values.values()),
            tuple(content.lists.values()),
            tuple(listed for listed, _ in content.sensitivity.values()),
            tuple(content.interpretations.values()),
            tuple(content.commitments.values()),
            _profiles(library),
        )
    )


def unpacked_library(packed: bytes | memoryview, root: Path, files: Mapping[str, bytes]) -> Library:
    """Return the library that was packed.

    `files` are the law files under `root` as they were then, by path relative to it. Raises
    `InvalidInput` for bytes that are no packed library of these files.
    """
    try:
        return _unpacked(unpack(packed), root, files)
    except MISFITS as error:
        raise InvalidInput("not a packed library", value=type(error).__name__) from None


def _unpacked(parts: Any, root: Path, files: Mapping[str, bytes]) -> Library:
    table, facts, derivations, contradictions, books, regimes, *indexed, profiles = parts
    rules, duties, values, lists, sensitivity, notes, commitments = indexed
    vocabulary = Vocabulary({spec.name: spec for spec in facts}, Jurisdictions(table))
    content = Content(
        regimes={parts[0]: _regime(*parts) for parts in regimes},
        rules={rule.id: rule for rule in rules},
        duties={duty.id: duty for duty in duties},
        values={text.id: text for text in values},
        lists={listed.text.id: listed for listed in lists},
        sensitivity={listed.id: (listed, listed.sensitivity) for listed in sensitivity},
        interpretations={note.id: note for note in notes},
        commitments={promise.text.id: promise for promise in commitments},
        books={parts[0].id: _book(parts, files) for parts in books},
    )
    library = Library(vocabulary, content, derivations, contradictions, root)
    if profiles is not None:
        # A cached property: filling it is what asking for it would do.
        library.profiles = profiles
    return library


def _book_parts(book: Rulebook) -> tuple[object, ...]:
    kinds = (
        book.regimes,
        book.rules,
        book.duties,
        book.values,
        book.lists,
        book.interpretations,
        book.commitments,
    )
    return (book.front, book.file, book.sha256, *(tuple(kind) for kind in kinds))


def _book(parts: tuple[Any, ...], files: Mapping[str, bytes]) -> Rulebook:
    front, file, sha256, *kinds = parts
    return Rulebook(front, file, sha256, plain_text(files[file]), *(list(kind) for kind in kinds))


def _regime_parts(regime: Regime) -> tuple[object, ...]:
    return (regime.id, regime.text, regime.engages, tuple(regime.rules), tuple(regime.duties))


def _regime(name: str, text: Any, engages: Any, rules: Any, duties: Any) -> Regime:
    return Regime(name, text, engages, list(rules), list(duties))


def _profiles(library: Library) -> object:
    """Return the profiles, or None where one is malformed: whoever asks for them hears of it."""
    try:
        return library.profiles
    except InvalidLaw:
        return None
