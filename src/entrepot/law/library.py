"""The library: vocabulary, jurisdictions and rulebooks, loaded, checked and ready to be bound.

Loading reads files and never executes them. `Library.load` refuses a folder with any fault;
`read_library` leaves faulty rulebooks out and reports them, for commands that must name everything.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from datetime import date
from difflib import get_close_matches
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

from entrepot.kernel.errors import InvalidInput, InvalidLaw, NotFound
from entrepot.law import ir
from entrepot.law.assess import BoundLaw
from entrepot.law.bind import BoundContent, RegimeOfDay, bind_content, bind_regime
from entrepot.law.compiled import Content, Contradiction, DerivedFact, Regime
from entrepot.law.compiler import check_regime_ids, compile_books
from entrepot.law.factset import FactSet, read_facts
from entrepot.law.jurisdictions import Jurisdictions
from entrepot.law.kleene import compile_test
from entrepot.law.model import Flow, RulebookRef
from entrepot.law.rulebook import Dated, Rulebook, SensitivityText, read_rulebook
from entrepot.law.segments import Segments, segments_of
from entrepot.law.vocabulary import Vocabulary
from entrepot.law.vocabularyfiles import (
    Profile,
    read_contradictions,
    read_derivations,
    read_profiles,
    read_vocabulary,
)

BOOKS_MAX = 5_000
WORDS = "facts-and-jurisdictions"
"""Id under which the vocabulary is named among the law relied on."""
BINDINGS_KEPT_MAX = 2_000


class Library:
    """All law that is loaded."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        content: Content,
        derivations: tuple[DerivedFact, ...],
        contradictions: tuple[Contradiction, ...],
        root: Path,
    ) -> None:
        """Hold checked parts; use `Library.load` or `read_library`."""
        self.vocabulary = vocabulary
        self.jurisdictions: Jurisdictions = vocabulary.jurisdictions
        self.content = content
        self.derivations = derivations
        self.contradictions = tuple(
            (compile_test(entry.condition), entry) for entry in contradictions
        )
        self.root = root
        self._words = _words(root)
        self._days, self._known_days = _boundaries(content, self.jurisdictions)
        self._bindings: dict[tuple[str, str, int, int], BoundContent] = {}
        self._facts_read: dict[str, frozenset[str]] = {}
        self._segments: dict[str, Segments] = {}
        self._regimes_of_day: dict[tuple[str, int, int], RegimeOfDay | None] = {}

    @classmethod
    def load(cls, root: Path | str | None = None) -> Library:
        """Load the laws under `root` (default: those of the package).

        Raises `InvalidLaw` naming file, line and reason when any file is malformed.
        """
        library, faults = read_library(root)
        for fault in faults.values():
            raise fault
        return library

    # -- facts -----------------------------------------------------------------------------------

    def facts(self, mapping: Mapping[str, object]) -> FactSet:
        """Read facts from a nested or dotted mapping.

        Raises `InvalidInput` for unknown facts, wrong values and contradictory facts.
        """
        facts = read_facts(self.vocabulary, mapping)
        self.check_contradictions(facts.values)
        return facts

    def check_contradictions(self, values: Mapping[str, object]) -> None:
        """Raise `InvalidInput` when `values` make a stated contradiction definitely true."""
        for test, entry in self.contradictions:
            if test(values):  # type: ignore[arg-type]
                names = ir.facts_of(entry.condition)
                raise InvalidInput(
                    f"contradictory facts: {entry.says}",
                    value=", ".join(f"{name} = {values.get(name)}" for name in names),
                    remedy="correct one of them",
                )

    def profile(self, name: str) -> dict[str, object]:
        """Return the declared facts of profile `name` (laws/profiles/<name>.yaml), by dotted
        name."""
        profiles = self.profiles
        return profiles[name].facts if name in profiles else _no("profile", name, profiles)

    @cached_property
    def profiles(self) -> dict[str, Profile]:
        """All profiles by name."""
        return read_profiles(self.root, self.vocabulary)

    # -- binding ---------------------------------------------------------------------------------

    def flow(
        self, origin: str, destination: str, as_of: date, known_at: date | None = None
    ) -> Flow:
        """Return a flow with canonical codes; `known_at` defaults to `as_of`.

        Raises `InvalidInput` for an unknown jurisdiction.
        """
        return Flow(
            self.jurisdictions.canonical(origin),
            self.jurisdictions.canonical(destination),
            as_of,
            known_at or as_of,
        )

    def bind(self, flow: Flow) -> BoundLaw:
        """Return the law that speaks to `flow`, ready to assess facts.

        Cheap when the same pair of jurisdictions was bound for a day without a change of law
        between. Raises `InvalidInput` for an unknown jurisdiction.
        """
        flow = self.flow(flow.origin, flow.destination, flow.as_of, flow.known_at)
        key = (
            flow.origin,
            flow.destination,
            bisect_right(self._days, flow.as_of),
            bisect_right(self._known_days, flow.known_at),
        )
        bound = self._bindings.get(key)
        if bound is None:
            if len(self._bindings) >= BINDINGS_KEPT_MAX:
                self._bindings.clear()
            bound = self._bindings[key] = bind_content(self, flow)
        return BoundLaw(self, flow, bound)

    def segments(self, regime: str) -> Segments:
        """Return the stretches of days in which a regime does not change."""
        found = self._segments.get(regime)
        if found is None:
            found = self._segments[regime] = segments_of(self, self.regime(regime))
        return found

    def regime_on(self, regime: str, as_of: date, known_at: date) -> RegimeOfDay | None:
        """Return one regime as it stands on a day for every flow; None when it never engages.

        Cheap when it was asked for before on a day of the same stretch.
        """
        segments = self.segments(regime)
        key = (regime, segments.number(as_of, known_at), bisect_right(segments.known, known_at))
        if key not in self._regimes_of_day:
            if len(self._regimes_of_day) >= BINDINGS_KEPT_MAX:
                self._regimes_of_day.clear()
            bound = bind_regime(self, self.regime(regime), as_of, known_at)
            self._regimes_of_day[key] = bound
        return self._regimes_of_day[key]

    # -- looking up ------------------------------------------------------------------------------

    @property
    def rulebooks(self) -> tuple[Rulebook, ...]:
        """All rulebooks, sorted by id."""
        return tuple(book for _, book in sorted(self.content.books.items()))

    def regime(self, name: str) -> Regime:
        """Return a regime by id. Raises `InvalidInput` with the known ids."""
        return check_regime_ids(self.content, name)

    def turning_days(self, regimes: Iterable[str]) -> list[date]:
        """Return the days on which a rule, value or entry of `regimes` begins or ends, in order."""
        wanted = set(regimes)
        books = {
            name: book for name, book in self.content.books.items() if book.front.regime in wanted
        }
        return _boundaries(Content(books=books), self.jurisdictions)[0]

    def facts_read(self, regime: str) -> frozenset[str]:
        """Return the facts that a regime reads on any day, directly or through a list.

        Raises `InvalidInput` for an unknown regime.
        """
        found = self._facts_read.get(regime)
        if found is None:
            found = self._facts_read[regime] = _facts_read(self.content, self.regime(regime))
        return found

    def hashes(self) -> dict[str, str]:
        """Return id → SHA-256 of everything that can stand among the law relied on."""
        known = {book.id: book.sha256 for book in self.rulebooks}
        return known | {self.words.id: self.words.sha256}

    @property
    def words(self) -> RulebookRef:
        """The facts, contradictions and jurisdictions that every answer rests on, as one hash.

        They decide as much as a rulebook does, so they are named wherever rulebooks are.
        """
        return self._words

    def reference(self, book_id: str) -> RulebookRef:
        """Return id, title and hash of a rulebook."""
        book = self.content.books[book_id]
        return RulebookRef(book.id, book.front.title, book.sha256)

    def part(self, name: str) -> tuple[Rulebook, Dated | None]:
        """Return the rulebook and block called `name`; the block is None for a rulebook itself.

        Raises `NotFound` with the nearest ids.
        """
        if name in self.content.books:
            return self.content.books[name], None
        for book in self.rulebooks:
            for part in book.parts():
                if part.id == name:
                    return book, part
            for listed in book.lists:
                for entry in (*listed.entries, *listed.sensitivity):
                    if entry.id == name:
                        return book, entry
        return _no("rulebook, rule, value or list", name, self._ids())

    def _ids(self) -> list[str]:
        return [*self.content.books] + [part.id for book in self.rulebooks for part in book.parts()]

    def sensitivity(self, regime: str, as_of: date, known_at: date) -> dict[str, str]:
        """Return inspection category → the regime's own class, as its lists stand on `as_of`.

        Where several entries name a category the first in file order counts. Raises `InvalidInput`
        for an unknown regime.
        """
        return {
            row.block.category: row.block.group
            for row in reversed(self._sensitive(regime, as_of, known_at))
        }

    def counts_as(self, regime: str, as_of: date, known_at: date) -> dict[str, str]:
        """Return inspection category → the integer fact that counts its distinct persons."""
        return {
            row.block.category: row.block.counts_as
            for row in reversed(self._sensitive(regime, as_of, known_at))
            if row.block.counts_as
        }

    def _sensitive(self, regime: str, as_of: date, known_at: date) -> list[SensitivityText]:
        check_regime_ids(self.content, regime)
        return [
            row
            for _, (text, rows) in sorted(self.content.sensitivity.items())
            for row in rows
            if self.content.books[text.citation.rulebook].front.regime == regime
            and row.interval.holds(as_of, known_at)
        ]


def _words(root: Path) -> RulebookRef:
    digest = hashlib.sha256()
    for path in [root / "jurisdictions.yaml", *sorted((root / "facts").glob("*.yaml"))]:
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return RulebookRef(WORDS, "Facts, contradictions and jurisdictions", digest.hexdigest())


def _no(what: str, name: str, known: object) -> NoReturn:
    close = get_close_matches(name, list(known), n=3, cutoff=0.5)  # type: ignore[call-overload]
    raise NotFound(
        f"no {what} of this name",
        value=name,
        remedy=f"did you mean {', '.join(close)}?" if close else "see `entrepot law list`",
    )


def laws_folder(root: Path | str | None = None) -> Path:
    """Return the folder of laws asked for: `root`, or that of the package."""
    return Path(str(files("entrepot") / "laws")) if root is None else Path(root)


def read_library(root: Path | str | None = None) -> tuple[Library, dict[str, InvalidLaw]]:
    """Load what can be loaded; return it and, by file, the fault of every rulebook left out.

    Raises `InvalidLaw` when the jurisdictions themselves are malformed, and
    `NotFound` when `root` is not a folder of laws.
    """
    folder = laws_folder(root)
    if not (folder / "jurisdictions.yaml").is_file():
        raise NotFound(
            "not a folder of laws",
            value=folder,
            remedy="it must hold jurisdictions.yaml and facts/",
        )
    jurisdictions = Jurisdictions.read(folder / "jurisdictions.yaml", file="jurisdictions.yaml")
    vocabulary, faults = read_vocabulary(folder, jurisdictions)
    books: list[Rulebook] = []
    paths = sorted(folder.glob("*/*.md"))
    if len(paths) > BOOKS_MAX:
        raise InvalidLaw(f"more than {BOOKS_MAX} rulebooks", where=str(folder))
    for path in paths:
        name = path.relative_to(folder).as_posix()
        try:
            books.append(read_rulebook(path, file=name))
        except InvalidLaw as fault:
            faults[name] = fault
    content, more = compile_books(books, vocabulary)
    faults.update(more)
    derivations, unsound = read_derivations(vocabulary, content)
    # A derivation may fault because a rulebook did, so the rulebook's fault is named first.
    contradictions, broken = read_contradictions(folder, vocabulary)
    for name, consequence in {**unsound, **broken}.items():
        faults.setdefault(name, consequence)
    return Library(vocabulary, content, derivations, contradictions, folder), faults


def _facts_read(content: Content, regime: Regime) -> frozenset[str]:
    nodes: list[ir.Node] = [node for _, node in regime.engages]
    duties = [*regime.duties, *(duty for rule in regime.rules for duty in rule.duties)]
    nodes += [rule.condition for rule in regime.rules]
    nodes += [node for duty in duties for node in (duty.when, duty.done, duty.fails)]
    lists = {part.id for node in nodes for part in ir.walk(node) if isinstance(part, ir.Listed)}
    nodes += [entry.condition for name in lists for entry in content.lists[name].entries]
    days = {duty.due.fact for duty in duties if duty.due.fact}
    return frozenset(fact for node in nodes for fact in ir.facts_of(node)) | days


def _boundaries(content: Content, jurisdictions: Jurisdictions) -> tuple[list[date], list[date]]:
    """Return the days on which law changes, and those on which knowledge of it does."""
    law: set[date | None] = set()
    known: set[date | None] = set()
    for book in content.books.values():
        parts: list[Dated] = [*book.parts()]
        for listed in book.lists:
            parts += [*listed.entries, *listed.sensitivity]
        for part in parts:
            law |= {part.interval.start, part.interval.until}
            known |= {part.interval.known_from, part.interval.until_known}
        for value in book.values:
            for row in value.block.values:
                law |= {row.start, row.until}
                known |= {row.known_from}
    for group in jurisdictions.groups.values():
        for member in group.dated:
            law |= {member.start, member.until}
    return sorted(day for day in law if day), sorted(day for day in known if day)
