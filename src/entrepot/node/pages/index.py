"""The index of rulebooks by jurisdiction, and the table of what is covered and how surely.

A rule is *pending* while it never commenced or begins after the day on which it was last compared
with its source, and *doubtful* when its mark is m or ?. Both depend on the rulebooks alone, so the
pages are the same on every day.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from entrepot.law import ir
from entrepot.law.compiler import NO_REGIME
from entrepot.law.library import Library
from entrepot.law.outcomes import CLASSES, PRECONDITIONED
from entrepot.law.rulebook import Dated, DutyText, Interval, Rulebook, RuleText
from entrepot.node.pages.markdown import MARKS, code, interval, page, plain, table

TREATIES = "treaties"
_DOUBTFUL: frozenset[str] = frozenset({"m", "?"})
_STOPS = {
    "NEEDS_HUMAN": "a person decides",
    "CONFLICT": "a person decides",
    "NEEDS_FACT": "waits for facts",
    "PROHIBITED": "the outcome stops the transfer",
}
"""Outcomes that are themselves the caution: nothing leaves on them."""

MADE = "<!-- written by `entrepot law pages`; renew with `make pages` -->"
"""Stands in the index, so that a later run knows the folder for its own."""


def place_of(book: Rulebook) -> str:
    """Return the code of a rulebook's jurisdiction, or `treaties` for one that decides nothing."""
    return TREATIES if book.front.regime == NO_REGIME else book.front.jurisdiction


def shelves(library: Library) -> list[tuple[str, str, list[Rulebook]]]:
    """Return (code, name, rulebooks) by the name of the place; treaties stand last."""
    found: dict[str, list[Rulebook]] = {}
    for book in sorted(library.rulebooks, key=lambda book: (book.front.start is None, book.id)):
        found.setdefault(place_of(book), []).append(book)
    named = [(library.jurisdictions.name(code), code) for code in found if code != TREATIES]
    rows = [(code, name, found[code]) for name, code in sorted(named)]
    return [*rows, *([(TREATIES, "Treaties", found[TREATIES])] if TREATIES in found else [])]


def index_page(library: Library) -> str:
    """Return the page that lists every rulebook by jurisdiction."""
    books = library.rulebooks
    rules = sum(len(book.rules) for book in books)
    places = len({place_of(book) for book in books} - {TREATIES})
    lines = [
        "# Rulebooks",
        "",
        MADE,
        "",
        f"{len(books)} rulebooks of {places} jurisdictions and of treaties, {rules} rules; "
        "one page each. [What is covered, and how surely](coverage.md)",
        "",
        "Evidence: " + ", ".join(f"{mark} {meaning}" for mark, meaning in MARKS.items()) + ".",
    ]
    for place, name, shelf in shelves(library):
        lines += ["", f"## {plain(name)}" + ("" if place == TREATIES else f" ({place})"), ""]
        lines += [_entry(book) for book in shelf]
    return page(lines)


def _entry(book: Rulebook) -> str:
    front = book.front
    days = Interval(front.start, front.until, front.start or front.verified_on)
    words = [front.authority, interval(days), *_sizes(book), f"evidence {front.evidence}"]
    return f"- [{plain(front.title)}]({book.file}): {', '.join(words)}"


def _sizes(book: Rulebook) -> list[str]:
    """Return how many blocks of each kind a rulebook has: rules alone, or what it has instead."""
    entries = sum(len(row.entries) + len(row.sensitivity) for row in book.lists)
    kinds = [
        (len(book.rules), "rule", "rules"),
        (len(book.duties), "duty", "duties"),
        (entries, "list entry", "list entries"),
        (len(book.values), "number", "numbers"),
        (len(book.interpretations), "reading", "readings"),
        (len(book.commitments), "commitment", "commitments"),
    ]
    shown = kinds[:1] if book.rules else kinds
    return [f"{count} {one if count == 1 else many}" for count, one, many in shown if count]


# -- coverage --------------------------------------------------------------------------------------


def coverage_page(library: Library, cases: Mapping[str, int]) -> str:
    """Return the page of what is covered; `cases` is file of a rulebook → cases beside it."""
    rows = [
        _covered(place, name, shelf, sum(cases.get(book.file, 0) for book in shelf))
        for place, name, shelf in shelves(library)
    ]
    guarded = _guarded(library)
    head = ("jurisdiction", "rules", *CLASSES, *MARKS, "cases", "last verified")
    doubtful = ("rule", "law", "article", "outcome", "why it is here", "what guards it")
    return page(
        [
            "# What is covered",
            "",
            MADE,
            "",
            "[All rulebooks](README.md). Rules by class, in order of precedence, by evidence "
            f"({', '.join(f'{mark} {meaning}' for mark, meaning in MARKS.items())}), cases beside "
            "the rulebooks, and the days on which rules were last compared with their source.",
            "",
            *table(head, [*rows, _sum(rows)]),
            "",
            "## Pending or doubtful",
            "",
            f"{len(guarded)} rules that are not yet law, or stand on memory (m) or in doubt (?). "
            "Pending law decides nothing before its day; a rule that never commenced decides "
            "nothing at all. An answer that rests on a rule marked m or ? says so in its notes. "
            "Beside that, a duty that a named person fulfils, or the outcome itself, guards it.",
            "",
            *_unsure(library),
            "",
            *table(doubtful, guarded),
        ]
    )


def _covered(place: str, name: str, shelf: Iterable[Rulebook], cases: int) -> tuple[str, ...]:
    books = list(shelf)
    rules = [rule for book in books for rule in book.rules]
    classes = Counter[str](rule.block.klass for rule in rules)
    marks = Counter[str](rule.citation.evidence for rule in rules)
    days = sorted({part.citation.verified_on for book in books for part in book.parts()})
    span = f"{days[0]}" if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    return (
        plain(name) + ("" if place == TREATIES else f" ({place})"),
        str(len(rules)),
        *(_count(classes[klass]) for klass in CLASSES),
        *(_count(marks[mark]) for mark in MARKS),
        str(cases),
        span,
    )


def _count(number: int) -> str:
    return str(number) if number else ""


def _sum(rows: list[tuple[str, ...]]) -> tuple[str, ...]:
    numbers = [str(sum(int(row[at] or 0) for row in rows)) for at in range(1, len(rows[0]) - 1)]
    return ("**all**", *numbers, "")


def _unsure(library: Library) -> list[str]:
    """Say how many parts other than rules stand on memory or in doubt."""
    counts: Counter[str] = Counter()
    for book in library.rulebooks:
        for word, parts in (
            ("duties that hold on any route", book.duties),
            ("numbers", book.values),
            ("readings", book.interpretations),
            ("commitments", book.commitments),
            (
                "entries of lists",
                [e for row in book.lists for e in (*row.entries, *row.sensitivity)],
            ),
        ):
            counts[word] += sum(part.citation.evidence in _DOUBTFUL for part in parts)
    said = ", ".join(f"{number} {word}" for word, number in counts.items() if number)
    return [f"Marked m or ? besides: {said}."] if said else []


def _guarded(library: Library) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for _, _, shelf in shelves(library):
        for book in shelf:
            for rule in book.rules:
                why = _why(rule)
                if why:
                    rows.append(
                        (
                            f"[{code(rule.id)}]({book.file})",
                            f"{place_of(book)}, {plain(book.front.title)}",
                            plain(rule.citation.article),
                            code(rule.block.outcome),
                            why,
                            guard_of(library, rule),
                        )
                    )
    return rows


def _why(rule: RuleText) -> str:
    days, mark = rule.interval, rule.citation.evidence
    reasons = []
    if days.start is None:
        reasons.append("never commenced")
    elif days.start > rule.citation.verified_on:
        reasons.append(f"pending, from {days.start}")
    if mark in _DOUBTFUL:
        reasons.append(f"{mark}, {MARKS[mark]}")
    return "; ".join(reasons)


def guard_of(library: Library, rule: RuleText) -> str:
    """Say what keeps a rule from being relied on unread: a human duty, its outcome, a finding.

    Looked for in this order: duties of the rule that a named person fulfils, an outcome on which
    nothing leaves, duties of the regime for a person, findings that the condition reads, duties
    without which the outcome is never `open`.
    """
    if rule.interval.start is None:
        return "it is not law"
    if rule.interval.start > rule.citation.verified_on:
        return "its day"
    own = [duty.code for duty in rule.block.duties if duty.human]
    if own:
        return "duty " + ", ".join(code(name) for name in own)
    if rule.block.outcome in _STOPS:
        return _STOPS[rule.block.outcome]
    around = [code(duty.id) for duty in _human_duties(library, rule)]
    if around:
        return "duty " + ", ".join(around)
    known = library.vocabulary
    read = ir.facts_of(library.content.rules[rule.id].condition)
    findings = [code(name) for name in read if name in known and known[name].source == "finding"]
    if findings:
        return "finding " + ", ".join(findings)
    if rule.block.outcome in PRECONDITIONED and rule.block.duties:
        return "must be met: " + ", ".join(code(duty.code) for duty in rule.block.duties)
    return "the note of the answer"


def _human_duties(library: Library, rule: RuleText) -> list[DutyText]:
    regime = library.content.books[rule.citation.rulebook].front.regime
    return [
        duty
        for book in library.rulebooks
        if book.front.regime == regime
        for duty in book.duties
        if duty.block.human
        and rule.block.outcome not in duty.block.not_for
        and set(duty.block.roles) & set(rule.block.roles)
        and _meet(duty, rule)
    ]


def _meet(one: Dated, other: Dated) -> bool:
    """Say whether two parts are law on some common day."""
    first, second = one.interval, other.interval
    if first.start is None or second.start is None:
        return False
    return (second.until is None or first.start < second.until) and (
        first.until is None or second.start < first.until
    )
