"""A rulebook as the engine holds it: dated blocks with citations, conditions still as text.

Read with `read_rulebook`; checked across rulebooks and compiled by `entrepot.law.compiler`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TypeAlias, TypeVar

from msgspec import UNSET, UnsetType

from entrepot.kernel.errors import InvalidLaw
from entrepot.law import blocks
from entrepot.law.markdown import Block, take_apart
from entrepot.law.model import Citation
from entrepot.law.outcomes import OUTCOME_RANK
from entrepot.law.shapes import shape
from entrepot.law.yamlsource import Path_, Sourced, read_text, read_yaml

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Interval:
    """When something is law, and when that could be known.

    `start` inclusive, `None` = never commenced; `until` exclusive, `None` = open. With
    `until_known` absent the end was known from the beginning.
    """

    start: date | None
    until: date | None
    known_from: date
    until_known: date | None = None

    def known_end(self, known_at: date) -> date | None:
        """Return the end as it was known on `known_at`."""
        unheard = self.until_known is not None and self.until_known > known_at
        return None if unheard else self.until

    def holds(self, as_of: date, known_at: date) -> bool:
        """Say whether it is law on `as_of`, as far as `known_at` could know."""
        if self.start is None or self.start > as_of or self.known_from > known_at:
            return False
        end = self.known_end(known_at)
        return end is None or as_of < end

    @property
    def empty(self) -> bool:
        """Whether no day lies in it although it has commenced."""
        return self.start is not None and self.until is not None and self.until <= self.start


@dataclass(frozen=True, slots=True)
class Dated:
    """What every block has: where it stands, when it holds, what it cites."""

    id: str
    interval: Interval
    citation: Citation
    where: str
    heading: str
    lines: dict[str, int]
    """Key of the block, or dotted path into it (`duties.0.when`), → line of its value."""

    def at(self, *keys: str) -> str:
        """Return `file:line` of the first of `keys` that the block has, else of the block."""
        for key in keys:
            if key in self.lines:
                return f"{self.where.rpartition(':')[0]}:{self.lines[key]}"
        return self.where


@dataclass(frozen=True, slots=True)
class RegimeText(Dated):
    """A regime block."""

    block: blocks.RegimeBlock


@dataclass(frozen=True, slots=True)
class RuleText(Dated):
    """A rule block."""

    block: blocks.RuleBlock


@dataclass(frozen=True, slots=True)
class DutyText(Dated):
    """A duty block."""

    block: blocks.DutyBlock


@dataclass(frozen=True, slots=True)
class ValuesText(Dated):
    """A values block."""

    block: blocks.ValuesBlock


@dataclass(frozen=True, slots=True)
class EntryText(Dated):
    """An entry of a scope list; `lines` are resolved already."""

    block: blocks.ScopeEntry


@dataclass(frozen=True, slots=True)
class SensitivityText(Dated):
    """An entry of a sensitivity list."""

    block: blocks.SensitivityEntry


@dataclass(frozen=True, slots=True)
class ListText(Dated):
    """A list block of either kind."""

    kind: str
    title: str
    entries: tuple[EntryText, ...]
    sensitivity: tuple[SensitivityText, ...]


@dataclass(frozen=True, slots=True)
class InterpretationText(Dated):
    """An interpretation block."""

    block: blocks.InterpretationBlock


@dataclass(frozen=True, slots=True)
class CommitmentText(Dated):
    """A commitment block."""

    block: blocks.CommitmentBlock


@dataclass(slots=True)
class Rulebook:
    """One legal instrument."""

    front: blocks.FrontMatter
    file: str
    sha256: str
    text: str
    regimes: list[RegimeText] = field(default_factory=list)
    rules: list[RuleText] = field(default_factory=list)
    duties: list[DutyText] = field(default_factory=list)
    values: list[ValuesText] = field(default_factory=list)
    lists: list[ListText] = field(default_factory=list)
    interpretations: list[InterpretationText] = field(default_factory=list)
    commitments: list[CommitmentText] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The rulebook's id."""
        return self.front.id

    def parts(self) -> list[Dated]:
        """Return every block, in the order of kinds."""
        return [
            *self.regimes,
            *self.rules,
            *self.duties,
            *self.values,
            *self.lists,
            *self.interpretations,
            *self.commitments,
        ]


def read_rulebook(path: Path, *, file: str) -> Rulebook:
    """Read one rulebook. Raises `InvalidLaw` with file and line for anything malformed."""
    text, content = read_text(path, file=file)
    document = take_apart(text, file)
    head = read_yaml(document.front, file=file, offset=1)
    front = shape(head, blocks.FrontMatter)
    book = Rulebook(front, file, hashlib.sha256(content).hexdigest(), text)
    reader = _Reader(book, head)
    for block in document.blocks:
        reader.take(block)
    return book


class _Reader:
    """Adds blocks to a rulebook, resolving dates and citations against its front matter."""

    def __init__(self, book: Rulebook, head: Sourced) -> None:
        self.book = book
        self.front = book.front
        self.interval = Interval(
            self.front.start,
            self.front.until,
            self.front.known_from or self.front.start or self.front.verified_on,
            self.front.until_known,
        )
        self.check_interval(self.interval, head.where(("until",)))

    def take(self, block: Block) -> None:
        """Read one block of any kind."""
        source = read_yaml(block.text, file=self.book.file, offset=block.line - 1)
        if not isinstance(source.value, dict):
            raise InvalidLaw(f"a {block.kind} block must be a mapping", where=self.at(block))
        match block.kind:
            case "regime":
                self.regime(source, block)
            case "rule":
                self.rule(source, block)
            case "duty":
                self.duty(source, block)
            case "values":
                read = shape(source, blocks.ValuesBlock)
                self.book.values.append(
                    ValuesText(*self.dated(read, read.id, read.article, source, block), read)
                )
            case "list":
                self.list(source, block)
            case "commitment":
                promise = shape(source, blocks.CommitmentBlock)
                self.book.commitments.append(
                    CommitmentText(
                        *self.dated(promise, promise.id, promise.article, source, block), promise
                    )
                )
            case _:
                note = shape(source, blocks.InterpretationBlock)
                self.book.interpretations.append(
                    InterpretationText(
                        *self.dated(note, note.id, note.article, source, block), note
                    )
                )

    def at(self, block: Block) -> str:
        return f"{self.book.file}:{block.line}"

    def regime(self, source: Sourced, block: Block) -> None:
        read = shape(source, blocks.RegimeBlock)
        self.outcome(read.default.outcome, source, ("default", "outcome"))
        self.book.regimes.append(
            RegimeText(*self.dated(read, read.id, read.default.article, source, block), read)
        )

    def rule(self, source: Sourced, block: Block) -> None:
        read = shape(source, blocks.RuleBlock)
        self.outcome(read.outcome, source, ("outcome",))
        codes = [duty.code for duty in read.duties]
        if len(set(codes)) < len(codes):
            raise InvalidLaw(
                "the same duty code twice in one rule", where=source.where(("duties",))
            )
        self.book.rules.append(
            RuleText(*self.dated(read, read.id, read.article, source, block), read)
        )

    def duty(self, source: Sourced, block: Block) -> None:
        read = shape(source, blocks.DutyBlock)
        for number, outcome in enumerate(read.not_for):
            self.outcome(outcome, source, ("not_for", number))
        self.book.duties.append(
            DutyText(*self.dated(read, read.id, read.article, source, block), read)
        )

    def list(self, source: Sourced, block: Block) -> None:
        entries: list[EntryText] = []
        sensitivity: list[SensitivityText] = []
        if source.value.get("kind") == "sensitivity":
            table = shape(source, blocks.SensitivityList)
            outer = self.dated(table, table.id, table.article, source, block)
            for number, row in enumerate(table.entries):
                name = f"{table.id}/{row.category}" + (f"/{row.subtype}" if row.subtype else "")
                sensitivity.append(
                    SensitivityText(
                        *self.dated(
                            row,
                            name,
                            row.article or table.article,
                            source,
                            block,
                            outer=outer,
                            path=("entries", number),
                        ),
                        row,
                    )
                )
            title, kind = table.title, "sensitivity"
        else:
            scope = shape(source, blocks.ScopeList)
            outer = self.dated(scope, scope.id, scope.article, source, block)
            for number, entry in enumerate(scope.entries):
                entries.append(
                    EntryText(
                        *self.dated(
                            entry,
                            entry.id,
                            entry.article or scope.article,
                            source,
                            block,
                            outer=outer,
                            path=("entries", number),
                        ),
                        entry,
                    )
                )
            title, kind = scope.title, "scope"
        self.book.lists.append(ListText(*outer, kind, title, tuple(entries), tuple(sensitivity)))

    def outcome(self, name: str, source: Sourced, path: Path_) -> None:
        if name not in OUTCOME_RANK:
            raise InvalidLaw(
                "not an outcome",
                where=source.where(path),
                value=name,
                remedy=f"one of {', '.join(OUTCOME_RANK)}",
            )

    def dated(  # noqa: PLR0913 - one row of six columns, built from four independent sources
        self,
        read: blocks.Dated,
        name: str,
        article: str,
        source: Sourced,
        block: Block,
        *,
        outer: _Row | None = None,
        path: Path_ = (),
    ) -> _Row:
        """Return id, interval, citation, `file:line` and heading of a block or entry."""
        ground = outer[1] if outer else self.interval
        start = _or(read.start, ground.start)
        known = _or(read.known_from, None)
        if known is None:
            # A block with a day of its own could be known from that day; otherwise with its book.
            known = start if isinstance(read.start, date) and start else ground.known_from
            known = max(known, ground.known_from) if outer is None else known
        interval = Interval(
            start, _or(read.until, ground.until), known, _or(read.until_known, ground.until_known)
        )
        where = source.where((*path, "until")) if read.until is not UNSET else source.where(path)
        self.check_interval(interval, where)
        cited = outer[2] if outer else None
        citation = Citation(
            rulebook=self.front.id,
            article=article,
            source=self.front.source,
            evidence=_or(read.evidence, cited.evidence if cited else self.front.evidence),
            verified_on=_or(
                read.verified_on, cited.verified_on if cited else self.front.verified_on
            ),
        )
        lines = _lines_below(source.lines, path)
        return name, interval, citation, source.where(path), block.heading, lines

    def check_interval(self, interval: Interval, where: str) -> None:
        if interval.empty:
            raise InvalidLaw(
                "never in force: `until` is not after `from`",
                where=where,
                value=f"{interval.start} to {interval.until}",
            )


def _lines_below(lines: dict[Path_, int], path: Path_) -> dict[str, int]:
    """Return dotted path → line of everything below `path`."""
    depth = len(path)
    if not depth:
        return {".".join(map(str, here)): line for here, line in lines.items() if here}
    return {
        ".".join(map(str, here[depth:])): line
        for here, line in lines.items()
        if len(here) > depth and here[:depth] == path
    }


_Row: TypeAlias = tuple[str, Interval, Citation, str, str, dict[str, int]]


def _or(given: T | UnsetType, otherwise: T) -> T:
    return otherwise if isinstance(given, UnsetType) else given
