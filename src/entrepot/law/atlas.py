"""The atlas: for one set of facts, what every jurisdiction demands of data going to every other, on
every day on which that changed.

The law of each regime is evaluated once per stretch of days over all pairs of places, by the
columnar back end; pairs for which every condition comes out alike share one verdict, which the
scalar back end then words. What a pair must do is the join of its sides, so the atlas keeps the
sides and not the pairs: 64,000 pairs on two hundred days are some hundred kilobytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.kernel.errors import InvalidInput
from entrepot.law import ir
from entrepot.law.bind import RegimeOfDay
from entrepot.law.blocs import bloc_order
from entrepot.law.columnar import Answers, ColumnSide, flow_sides, flow_table, regime_sides
from entrepot.law.judge import BoundDuty, BoundRule, Verdict
from entrepot.law.kleene import Facts, compile_test, unknown_facts
from entrepot.law.model import Scalar
from entrepot.law.outcomes import OUTCOME_RANK, OUTCOMES
from entrepot.law.planes import Plane
from entrepot.law.vocabulary import spell

if TYPE_CHECKING:
    from entrepot.law.library import Library

Matrix = NDArray[np.int32]
"""Verdict per pair, shape (places, places), from by to; -1 where a regime is not engaged."""

DAYS_MAX = 20_000
_NEEDS_HUMAN = OUTCOME_RANK["NEEDS_HUMAN"]


class AtlasRule(msgspec.Struct, frozen=True):
    """A rule as an atlas shows it."""

    id: str
    article: str
    says: str
    book: str
    evidence: str
    layer: str
    entries: list[str]


class AtlasDuty(msgspec.Struct, frozen=True):
    """A duty as an atlas shows it; `state` is met, open, failed or possible."""

    id: str
    code: str
    article: str
    says: str
    book: str
    due: str
    before: bool
    state: str


class AtlasVerdict(msgspec.Struct, frozen=True):
    """What one regime says of the pairs that share it."""

    outcome: str
    could_be: list[str]
    rules: list[AtlasRule]
    duties: list[AtlasDuty]
    missing: list[str]
    """Facts that would have to be known, where the outcome is NEEDS_FACT."""
    reason: str
    """What the default says, where no rule decides."""


class AtlasBook(msgspec.Struct, frozen=True):
    """The rulebook that a verdict cites."""

    title: str
    source: str
    jurisdiction: str
    verified_on: date


class AtlasRegime(msgspec.Struct, frozen=True):
    """A regime that speaks somewhere in the atlas."""

    id: str
    jurisdiction: str
    title: str


@dataclass(frozen=True, slots=True, eq=False)
class AtlasStretch:
    """From `start` until the next stretch of the same side, nothing changes."""

    start: date
    cells: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class AtlasSide:
    """One regime in one role over all days."""

    regime: str
    role: str
    stretches: list[AtlasStretch]

    def on(self, day: date) -> Matrix:
        """Return the verdicts of the stretch in which `day` lies."""
        return next(s.cells for s in reversed(self.stretches) if s.start <= day)


@dataclass(slots=True, eq=False)
class Atlas:
    """Everything that the page, the tables and the tests read."""

    places: list[str]
    """Codes, in the order in which alike neighbours stand together."""
    first: date
    last: date
    today: date
    facts: dict[str, str]
    verdicts: list[AtlasVerdict] = field(default_factory=list)
    sides: list[AtlasSide] = field(default_factory=list)
    books: dict[str, AtlasBook] = field(default_factory=dict)
    regimes: dict[str, AtlasRegime] = field(default_factory=dict)

    @property
    def days(self) -> list[date]:
        """The first day and every day on which some cell changes, in order."""
        return sorted({self.first} | {s.start for side in self.sides for s in side.stretches})

    def changes(self) -> dict[date, list[str]]:
        """Return day → the regimes that change some cell on it."""
        found: dict[date, dict[str, None]] = {}
        for side in self.sides:
            for stretch in side.stretches[1:]:
                found.setdefault(stretch.start, {})[side.regime] = None
        return {day: list(found[day]) for day in sorted(found)}

    def outcomes(self, day: date) -> NDArray[np.int8]:
        """Return the joined outcome per pair on a day, shape (places, places), as positions in
        `OUTCOMES`."""
        ranks = np.array([OUTCOME_RANK[v.outcome] for v in self.verdicts] + [-1], np.int8)
        size = len(self.places)
        joined = np.full((size, size), -1, np.int8)
        exported = np.zeros((size, size), np.bool_)
        for side in self.sides:
            cells = side.on(day)
            joined = np.maximum(joined, ranks[cells])
            if side.role == "export":
                exported |= cells >= 0
        uncovered = ~exported & (joined < _NEEDS_HUMAN)
        joined[uncovered] = _NEEDS_HUMAN
        return joined


def make_atlas(
    library: Library,
    facts: Mapping[str, Scalar],
    *,
    first: date,
    last: date,
    today: date,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Atlas:
    """Return the atlas of `facts` from `first` to `last`, both included.

    Law is read as it was known on each day; of days after `today` as far as it is published.
    `progress` hears how many of how many regimes are done. Raises `InvalidInput` when the days are
    in the wrong order or lie too far apart.
    """
    if last < first or (last - first).days > DAYS_MAX:
        raise InvalidInput(
            f"an atlas needs a first and a last day in order, at most {DAYS_MAX} days apart",
            value=f"{first} to {last}",
        )
    library.check_contradictions(facts)
    given = {name: spell(value) for name, value in sorted(facts.items())}
    atlas = Atlas(list(library.jurisdictions.names), first, last, today, given)
    maker = _Maker(library, atlas, facts)
    names = list(library.content.regimes)
    for done, name in enumerate(names):
        progress(done, len(names))
        maker.add(name)
    progress(len(names), len(names))
    order = bloc_order(atlas.outcomes(min(max(today, first), last)))
    return _ordered(atlas, order)


def atlas_table(
    library: Library, facts: Mapping[str, Scalar], *, as_of: date, known_at: date | None = None
) -> pl.DataFrame:
    """Return all pairs of jurisdictions on one day, one row each.

    Columns: `from`, `to`, `outcome`, `strictest`, `rule`, `article`, `status`; then the outcome by
    role: `export`, `import`, `origin`, `party` (null where no regime speaks in it).
    """
    places = list(library.jurisdictions.names)
    frame = pairs(places)
    table = flow_table(library, frame, as_of=as_of, facts=facts)
    joined = Answers(frame.height, status=True)
    roles = {role: np.full(frame.height, -1, np.int8) for role in _ROLES}
    for side in flow_sides(library, table, known_at=known_at, status=True):
        joined.add(side, side.rows)
        at = slice(None) if side.rows is None else side.rows
        roles[side.role][at] = np.maximum(roles[side.role][at], side.ranks())
    articles = {
        rule.id: rule.text.citation.article
        for regime in library.content.regimes.values()
        for rule in regime.rules
    }
    answers = joined.frame()
    kind = pl.Enum(OUTCOMES)
    return pl.DataFrame(
        [
            frame["flow.from"].alias("from"),
            frame["flow.to"].alias("to"),
            *answers.select("outcome", "strictest", "rule").get_columns(),
            answers["rule"].cast(pl.String).replace(articles).alias("article"),
            answers["status"],
            *(
                pl.Series(role, ranks)
                .set(pl.Series(ranks < 0), None)
                .cast(pl.UInt8)
                .cat.to(kind)
                .alias(role)
                for role, ranks in roles.items()
            ),
        ]
    ).filter(pl.col("from") != pl.col("to"))


_ROLES = ("export", "import", "origin", "party")


def pairs(places: Sequence[str]) -> pl.DataFrame:
    """Return every pair of places: `flow.from` by `flow.to`, row by row."""
    codes = pl.Series(list(places), dtype=pl.Enum(list(places)))
    size = len(places)
    here = np.arange(size)
    return pl.DataFrame(
        {
            "flow.from": codes.gather(np.repeat(here, size)),
            "flow.to": codes.gather(np.tile(here, size)),
        }
    )


class _Maker:
    """Adds regimes to an atlas; equal verdicts are kept once."""

    def __init__(self, library: Library, atlas: Atlas, facts: Mapping[str, Scalar]) -> None:
        self.library = library
        self.atlas = atlas
        self.facts = facts
        self.size = len(atlas.places)
        self.diagonal = np.arange(self.size) * (self.size + 1)
        self.pairs = pairs(atlas.places)
        self.numbers: dict[bytes, int] = {}

    def add(self, name: str) -> None:
        """Add one regime: a side per role that it takes somewhere."""
        atlas = self.atlas
        turns = self.library.segments(name).known
        starts = [atlas.first, *(day for day in turns if atlas.first < day <= atlas.last)]
        by_role: dict[str, list[AtlasStretch]] = {}
        for number, day in enumerate(starts):
            found = self.on(name, day)
            for role in [*by_role, *(role for role in found if role not in by_role)]:
                stretches = by_role.setdefault(role, [])
                if number and not stretches:
                    stretches.append(AtlasStretch(starts[0], self.empty()))
                cells = found.get(role, self.empty())
                if not stretches or not np.array_equal(stretches[-1].cells, cells):
                    stretches.append(AtlasStretch(day, cells))
        block = self.library.regime(name).text.block
        for role, stretches in by_role.items():
            atlas.sides.append(AtlasSide(name, role, stretches))
            atlas.regimes[name] = AtlasRegime(name, block.jurisdiction, block.title)

    def empty(self) -> Matrix:
        return np.full((self.size, self.size), -1, np.int32)

    def on(self, name: str, day: date) -> dict[str, Matrix]:
        """Return role → verdict per pair on one day."""
        bound = self.library.regime_on(name, day, day)
        if bound is None:
            return {}
        table = flow_table(self.library, self.pairs, as_of=day, facts=self.facts)
        found: dict[str, Matrix] = {}
        for side in regime_sides(self.library, bound, table):
            rows = np.arange(table.rows) if side.rows is None else side.rows
            cells = found.setdefault(side.role, self.empty()).reshape(-1)
            for chosen, number in self.verdicts(bound, side, rows, day):
                cells[chosen] = number
            cells[self.diagonal] = -1
        return {role: cells for role, cells in found.items() if (cells >= 0).any()}

    def verdicts(
        self, bound: RegimeOfDay, side: ColumnSide, rows: NDArray[np.intp], day: date
    ) -> Iterator[tuple[NDArray[np.intp], int]]:
        """Yield (pairs that share a verdict, its number)."""
        kinds = _kinds(side)
        _, firsts, kind = np.unique(kinds, return_index=True, return_inverse=True)
        for number, first in enumerate(firsts):
            values = self.values(bound, int(rows[first]), day)
            yield rows[kind == number], self.number(self.worded(side, values))

    def values(self, bound: RegimeOfDay, row: int, day: date) -> Facts:
        """Return all facts of one pair, derived ones too."""
        values: dict[str, Scalar] = dict(self.facts)
        values["flow.as_of"] = day
        values["flow.from"] = self.atlas.places[row // self.size]
        values["flow.to"] = self.atlas.places[row % self.size]
        return bound.prepare(values)

    def number(self, verdict: AtlasVerdict) -> int:
        key = msgspec.json.encode(verdict)
        if key not in self.numbers:
            self.numbers[key] = len(self.atlas.verdicts)
            self.atlas.verdicts.append(verdict)
        return self.numbers[key]

    def worded(self, side: ColumnSide, values: Facts) -> AtlasVerdict:
        """Return the verdict of one pair in words."""
        verdict = side.track.judge(values)
        default = self.library.regime(side.regime).text.block.default
        asks = verdict.outcome == "NEEDS_FACT"
        missing = dict.fromkeys(
            fact for rule in verdict.matters for fact in unknown_facts(rule.node, values)
        )
        return AtlasVerdict(
            outcome=verdict.outcome,
            could_be=list(verdict.could_be),
            rules=[self.rule(rule, values) for rule in verdict.hits],
            duties=list(self.duties(verdict, values)),
            missing=list(missing) if asks else [],
            reason=f"{default.says} ({default.article})" if verdict.default else "",
        )

    def rule(self, rule: BoundRule, values: Facts) -> AtlasRule:
        citation, block = rule.rule.text.citation, rule.rule.text.block
        self.cite(citation.rulebook)
        return AtlasRule(
            id=rule.rule.id,
            article=citation.article,
            says=block.says,
            book=citation.rulebook,
            evidence=citation.evidence,
            layer=block.layer,
            entries=_entries(rule.node, values),
        )

    def duties(self, verdict: Verdict, values: Facts) -> Iterator[AtlasDuty]:
        for bound in verdict.duties:
            arises = bound.when(values)
            if arises is False:
                continue
            duty = bound.duty
            self.cite(duty.citation.rulebook)
            yield AtlasDuty(
                id=duty.id,
                code=duty.code,
                article=duty.citation.article,
                says=duty.says,
                book=duty.citation.rulebook,
                due=duty.due.text,
                before=duty.due.before_transfer,
                state=_state(bound, values, sure=arises is True),
            )

    def cite(self, book_id: str) -> None:
        if book_id not in self.atlas.books:
            front = self.library.content.books[book_id].front
            self.atlas.books[book_id] = AtlasBook(
                front.title, front.source, front.jurisdiction, front.verified_on
            )


def _state(bound: BoundDuty, values: Facts, *, sure: bool) -> str:
    if bound.fails(values):
        return "failed"
    if bound.done(values):
        return "met"
    return "open" if sure else "possible"


def _entries(node: ir.Node, values: Facts) -> list[str]:
    """Return the list entries that apply to one pair."""
    return [
        entry
        for part in ir.walk(node)
        if isinstance(part, ir.Entries)
        for entry, condition in part.entries
        if compile_test(condition)(values)
    ]


def _kinds(side: ColumnSide) -> NDArray[np.void]:
    """Return, per pair, all that its verdict can depend on, shape (pairs,)."""
    nodes = [node for rule in side.track.rules for node in (rule.node, rule.closed_node)]
    nodes += [part for duty in side.track.all_duties for part in duty.nodes]
    nodes += [condition for node in nodes for condition in _conditions(node)]
    planes: list[Plane] = []
    for node in nodes:
        planes += side.reader.truth(node)
    varying = [side.mask(plane) for plane in planes if not isinstance(plane, bool)]
    count = side.judged if side.among is None else len(side.among)
    if not varying:
        return np.zeros(count, "V1")
    packed = np.packbits(np.stack(varying, axis=1), axis=1)
    return np.ascontiguousarray(packed).view(f"V{packed.shape[1]}").reshape(-1)


def _conditions(node: ir.Node) -> Iterator[ir.Node]:
    for part in ir.walk(node):
        if isinstance(part, ir.Entries):
            yield from (condition for _, condition in part.entries)


def _ordered(atlas: Atlas, order: NDArray[np.intp]) -> Atlas:
    atlas.places = [atlas.places[place] for place in order]
    atlas.sides = [
        AtlasSide(
            side.regime,
            side.role,
            [AtlasStretch(s.start, s.cells[np.ix_(order, order)]) for s in side.stretches],
        )
        for side in atlas.sides
    ]
    return atlas
