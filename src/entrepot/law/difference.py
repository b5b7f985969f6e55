"""What changed between two states of the law: which parts began, ended, were replaced or reworded.

A state is a library, a day and what could be known then. Compared are regimes, rules, duties,
numbers, entries of lists, members of groups, commitments and interpretations. What a change means
for transfers is judged by asking the engine (`entrepot.law.effects`), never from the wording.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law import ir
from entrepot.law.library import WORDS, Library
from entrepot.law.model import Citation
from entrepot.law.rulebook import Dated, Interval, Rulebook, ValuesText

OVERLAP_MIN = 0.5
"""How alike two rules must be (0 to 1) for one to count as the successor of the other."""
SAYS_MAX = 240


@dataclass(frozen=True, slots=True)
class LawAt:
    """The law of one day: what a library holds in force, as far as `known_at` could know."""

    library: Library
    as_of: date
    known_at: date


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the law in force: a rule, number, entry, duty, member of a group …"""

    kind: str
    id: str
    regime: str
    jurisdiction: str
    group: str
    """What it stands in: class of a rule, list of an entry, code of a duty, unit of a number."""
    says: str
    citation: Citation
    interval: Interval
    content: object
    """What is compared between two versions of a library: the block, or the number."""

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, id and jurisdiction: what makes it the same part on two days."""
        return self.kind, self.id, self.jurisdiction


class Version(msgspec.Struct, frozen=True):
    """One side of a change: what it says, since and until when, where it stands."""

    id: str
    says: str
    since: date | None
    until: date | None
    citation: Citation


class Delta(msgspec.Struct, frozen=True):
    """One change: what kind of part, what became of it, when, and both versions."""

    kind: str
    """regime, rule, duty, value, entry, member, commitment or interpretation."""
    change: str
    """began, ended, replaced, changed (a number), reworded (another text of the same part), or
    passed (began and ended between the two days)."""
    regime: str
    jurisdiction: str
    group: str
    on: date | None
    """The day of the change; None where the texts of two libraries differ without a date."""
    before: Version | None
    after: Version | None

    @property
    def id(self) -> str:
        """The id of the part, of the newer one where one replaced another."""
        side = self.after or self.before
        return side.id if side is not None else ""

    @property
    def citation(self) -> Citation | None:
        """Where the change stands: the newer text, or the one that ended."""
        side = self.after or self.before
        return side.citation if side is not None else None


def parts_in_force(law: LawAt) -> dict[tuple[str, str, str], Part]:
    """Return every part of the law in force, by its key."""
    return {
        part.key: part
        for part in _parts(law)
        if part.interval.holds(law.as_of, law.known_at) and part.interval.start is not None
    }


def deltas(before: LawAt, after: LawAt) -> list[Delta]:
    """Return what changed from `before` to `after`, ordered by jurisdiction, kind, day and id.

    Raises `InvalidInput` when `after` is the earlier day.
    """
    if after.as_of < before.as_of:
        raise InvalidInput(
            "the first day lies after the second",
            value=f"{before.as_of} to {after.as_of}",
            remedy="name the earlier day first",
        )
    old, new = parts_in_force(before), parts_in_force(after)
    ended = [part for key, part in old.items() if key not in new]
    began = [part for key, part in new.items() if key not in old]
    pairs = _successors(before, after, ended, began)
    found = [_delta("replaced", a, b, after) for a, b in pairs]
    taken = {part.key for pair in pairs for part in pair}
    found += [_delta("ended", part, None, after) for part in ended if part.key not in taken]
    found += [_delta("began", None, part, after) for part in began if part.key not in taken]
    for key in old.keys() & new.keys():
        a, b = old[key], new[key]
        if a.content != b.content:
            found.append(_delta("changed" if a.kind == "value" else "reworded", a, b, after))
    found += _passed(before, after)
    return sorted(found, key=_order)


def _order(delta: Delta) -> tuple[str, int, date, str]:
    return delta.jurisdiction, _KINDS.index(delta.kind), delta.on or date.min, delta.id


_KINDS = (
    "regime",
    "rule",
    "value",
    "entry",
    "member",
    "duty",
    "commitment",
    "interpretation",
)
"""In the order in which a reader wants them."""


# -- parts -----------------------------------------------------------------------------------------


def _parts(law: LawAt) -> Iterator[Part]:
    for book in law.library.rulebooks:
        for dated in book.parts():
            if isinstance(dated, ValuesText):
                yield from _number(book, dated, law)
            elif dated in book.lists:
                continue
            else:
                part = _part(book, dated, type(dated).__name__.removesuffix("Text").lower())
                yield part if part.kind != "regime" else _lasting(part, law.library)
        for listed in book.lists:
            for entry in (*listed.entries, *listed.sensitivity):
                yield replace(_part(book, entry, "entry"), group=listed.id)
    yield from _members(law)


def _part(book: Rulebook, dated: Dated, kind: str) -> Part:
    block = getattr(dated, "block", None)
    own = getattr(block, "jurisdiction", "") or book.front.jurisdiction
    group = getattr(block, "klass", "") or getattr(block, "code", "")
    return Part(
        kind=kind,
        id=dated.id,
        regime=dated.id if kind == "regime" else book.front.regime,
        jurisdiction=own,
        group=group,
        says=_says(block),
        citation=dated.citation,
        interval=dated.interval,
        content=block,
    )


def _lasting(regime: Part, library: Library) -> Part:
    """Return a regime with the days of its rules: it goes on where its first rulebook ends."""
    rules = [rule.text.interval for rule in library.content.regimes[regime.id].rules]
    spans = [span for span in (regime.interval, *rules) if span.start is not None]
    if not spans:
        return regime
    ends = [span.until for span in spans]
    interval = Interval(
        min(span.start for span in spans if span.start is not None),
        None if None in ends else max(end for end in ends if end is not None),
        min(span.known_from for span in spans),
    )
    return replace(regime, interval=interval)


def _says(block: object) -> str:
    default = getattr(block, "default", None)
    said = getattr(default, "says", "") or getattr(block, "title", "") or getattr(block, "says", "")
    if not said:
        said = f"{getattr(block, 'category', '')} is {getattr(block, 'group', '')}"
    outcome = getattr(default, "outcome", "") or getattr(block, "outcome", "")
    text = f"{outcome}: {said}" if outcome else str(said)
    return text if len(text) <= SAYS_MAX else text[: SAYS_MAX - 1] + "…"


def _number(book: Rulebook, text: ValuesText, law: LawAt) -> Iterator[Part]:
    """Yield the number of the day as a part whose content is the number itself."""
    block = text.block
    for row in reversed(block.values):
        known = row.known_from or text.interval.known_from
        if known > law.known_at or row.start > law.as_of:
            continue
        unit = f" {block.unit}" if block.unit else ""
        yield Part(
            kind="value",
            id=text.id,
            regime=book.front.regime,
            jurisdiction=book.front.jurisdiction,
            group=block.unit,
            says=f"{row.value:,}{unit}: {row.says or block.says}",
            citation=msgspec.structs.replace(
                text.citation, article=row.article or text.citation.article
            ),
            interval=Interval(row.start, row.until, known),
            content=row.value,
        )
        return


def _members(law: LawAt) -> Iterator[Part]:
    """Yield the members of groups, once for each jurisdiction whose law reads the group.

    A group that no rule reads stands with the member itself.
    """
    places = law.library.jurisdictions
    readers = readers_of_groups(law.library)
    for name, group in places.groups.items():
        dated = {member.code: member for member in group.dated if member.holds(law.as_of)}
        for code in sorted(group.on(law.as_of)):
            member = dated.get(code)
            start = member.start if member is not None else None
            end = member.until if member is not None else None
            for place in sorted(readers.get(name, {code})):
                yield Part(
                    kind="member",
                    id=f"{name}/{code}",
                    regime="",
                    jurisdiction=place,
                    group=name,
                    says=f"{places.name(code)} is in: {group.title}",
                    citation=Citation(WORDS, group.source, "jurisdictions.yaml", "r", date.min),
                    interval=Interval(start or date.min, end, date.min),
                    content=None,
                )


def readers_of_groups(library: Library) -> dict[str, set[str]]:
    """Return group → jurisdictions of the regimes whose rules, duties or lists read it."""
    content = library.content
    found: dict[str, set[str]] = {}
    for regime in content.regimes.values():
        duties = [*regime.duties, *(duty for rule in regime.rules for duty in rule.duties)]
        nodes = [rule.condition for rule in regime.rules] + [node for _, node in regime.engages]
        nodes += [node for duty in duties for node in (duty.when, duty.done, duty.fails)]
        named = {part.id for node in nodes for part in ir.walk(node) if isinstance(part, ir.Listed)}
        nodes += [entry.condition for name in named for entry in content.lists[name].entries]
        for node in nodes:
            for part in ir.walk(node):
                if isinstance(part, ir.In | ir.Has):
                    for group in part.groups:
                        found.setdefault(group, set()).add(regime.text.block.jurisdiction)
    return found


# -- pairing ---------------------------------------------------------------------------------------


def _successors(
    before: LawAt, after: LawAt, ended: list[Part], began: list[Part]
) -> list[tuple[Part, Part]]:
    """Pair what ended with what took its place, the most alike first, each part once."""
    scored = []
    for old in ended:
        for new in began:
            if (old.kind, old.regime) != (new.kind, new.regime) or not _adjoin(old, new, before):
                continue
            score = _overlap(before, after, old, new)
            if score >= OVERLAP_MIN:
                scored.append((-score, old.id, new.id, old, new))
    pairs, taken = [], set()
    for _, _, _, old, new in sorted(scored, key=lambda row: row[:3]):
        if old.key not in taken and new.key not in taken:
            taken |= {old.key, new.key}
            pairs.append((old, new))
    return pairs


def _adjoin(old: Part, new: Part, before: LawAt) -> bool:
    """Whether the one ends on the day the other begins; undated changes of a text always do."""
    end = old.interval.until
    if end is None or end <= before.as_of:
        return True
    return end == new.interval.start


def _overlap(before: LawAt, after: LawAt, old: Part, new: Part) -> float:
    match old.kind:
        case "rule":
            if old.group != new.group:
                return 0.0
            return _alike_rules(before, after, old, new)
        case "duty":
            words = _jaccard({*old.says.split()}, {*new.says.split()})
            return 0.5 + 0.5 * words if old.group == new.group else 0.0
        case "entry":
            return _alike_entries(old, new)
        case "interpretation":
            return float(bool({*_reads(old)} & {*_reads(new)}))
        case _:
            return 0.0


def _alike_rules(before: LawAt, after: LawAt, old: Part, new: Part) -> float:
    """Return how alike two rules of one class are: what they read and what they demand."""
    first = before.library.content.rules[old.id]
    second = after.library.content.rules[new.id]
    if not first.roles & second.roles:
        return 0.0
    read = _jaccard(_names(first.condition), _names(second.condition))
    same = first.text.block.outcome == second.text.block.outcome
    return 0.5 * same + 0.5 * read if read else 0.0


def _names(node: ir.Node) -> set[str]:
    """Return what a condition reads: facts, and what they count (`persons` in any window).

    Numbers and lists have other names each time, so they say nothing of likeness.
    """
    facts = set(ir.facts_of(node))
    return facts | {name.rpartition(".")[2] for name in facts} or {"always"}


def _alike_entries(old: Part, new: Part) -> float:
    category = getattr(old.content, "category", None)
    if category is not None or getattr(new.content, "category", None) is not None:
        return float(category == getattr(new.content, "category", None))
    if old.group != new.group:
        return 0.0
    same = getattr(old.content, "when", None) == getattr(new.content, "when", None)
    return 1.0 if same else _jaccard({*old.says.split()}, {*new.says.split()})


def _reads(part: Part) -> Iterable[str]:
    return getattr(part.content, "reads", ())


def _jaccard(first: set[str], second: set[str]) -> float:
    return len(first & second) / len(first | second) if first | second else 0.0


# -- changes ---------------------------------------------------------------------------------------


def _delta(change: str, old: Part | None, new: Part | None, after: LawAt) -> Delta:
    part = new or old
    if part is None:
        raise ValueError("a change has at least one side")
    day = new.interval.start if new is not None else old.interval.until if old else None
    if change == "reworded" or day is None or day > after.as_of or day == date.min:
        day = None
    return Delta(
        kind=part.kind,
        change=change,
        regime=part.regime,
        jurisdiction=part.jurisdiction,
        group=part.group,
        on=day,
        before=_version(old),
        after=_version(new),
    )


def _version(part: Part | None) -> Version | None:
    if part is None:
        return None
    start = part.interval.start
    return Version(
        part.id,
        part.says,
        None if start == date.min else start,
        part.interval.until,
        part.citation,
    )


def _passed(before: LawAt, after: LawAt) -> list[Delta]:
    """Return what began and ended between the two days, so that neither of them shows it."""
    found = []
    for part in _parts(after):
        start, end = part.interval.start, part.interval.known_end(after.known_at)
        if start is None or end is None or part.interval.known_from > after.known_at:
            continue
        if before.as_of < start and end <= after.as_of:
            found.append(_delta("passed", None, part, after))
    return found
