"""One page for one rulebook: its front matter, its headings and prose, and every block in words.

The order is the rulebook's own (docs/laws/rulebooks.md). What only the engine reads, when a duty
counts as met and when its failure closes a route, is left to `entrepot law show ID`.
"""

from __future__ import annotations

from collections.abc import Iterator

from entrepot.law.blocks import DutyBlock, RuleDutyBlock, ValuesBlock
from entrepot.law.compiler import NO_REGIME
from entrepot.law.jurisdictions import Jurisdictions
from entrepot.law.markdown import take_apart
from entrepot.law.rulebook import (
    CommitmentText,
    Dated,
    DutyText,
    InterpretationText,
    Interval,
    ListText,
    RegimeText,
    Rulebook,
    RuleText,
    ValuesText,
)
from entrepot.node.pages.markdown import (
    MARKS,
    code,
    condition,
    demoted,
    interval,
    page,
    plain,
    table,
)

LINKS = "[All rulebooks](../README.md) · [what is covered](../coverage.md)"
"""Stands on every page of a rulebook."""


def book_page(book: Rulebook, jurisdictions: Jurisdictions) -> str:
    """Return the page of a rulebook."""
    front = book.front
    original = [f"*{plain(front.title_original)}*", ""] if front.title_original else []
    head = [f"# {plain(front.title)}", "", *original, *_head(book, jurisdictions)]
    return page([*head, "", LINKS, "", *_body(book)])


def _head(book: Rulebook, jurisdictions: Jurisdictions) -> list[str]:
    front = book.front
    known = front.known_from or front.start or front.verified_on
    regime = "" if front.regime == NO_REGIME else f" in regime {code(front.regime)}"
    place = f"{plain(jurisdictions.name(front.jurisdiction))} ({front.jurisdiction})"
    if front.regime == NO_REGIME:
        place = "between states; binds them, decides nothing"
    rows = [
        ("jurisdiction", place),
        ("issuer", plain(front.issuer)),
        ("authority", front.authority),
        ("source", plain(front.source)),
        ("in force", interval(Interval(front.start, front.until, front.start or known))),
        ("known from", str(known)),
        ("verified on", str(front.verified_on)),
        ("evidence", f"{front.evidence}, {MARKS[front.evidence]}"),
        ("rulebook", f"{code(front.id)}{regime}"),
    ]
    if front.notes:
        rows.append(("notes", plain(front.notes)))
    return table(("", ""), rows)


def _body(book: Rulebook) -> Iterator[str]:
    """Yield prose and blocks in the order of the rulebook."""
    lines = book.text.split("\n")
    document = take_apart(book.text, book.file)
    parts: dict[str, Iterator[Dated]] = {
        "regime": iter(book.regimes),
        "rule": iter(book.rules),
        "duty": iter(book.duties),
        "values": iter(book.values),
        "list": iter(book.lists),
        "interpretation": iter(book.interpretations),
        "commitment": iter(book.commitments),
    }
    reached = document.front.count("\n") + 3
    for block in document.blocks:
        yield from demoted(lines[reached : block.line - 2])
        yield ""
        yield from _part(next(parts[block.kind]))
        yield ""
        reached = block.line + block.text.count("\n") + 1
    yield from demoted(lines[reached:])


def _part(part: Dated) -> list[str]:
    match part:
        case RegimeText():
            return _regime(part)
        case RuleText():
            return _rule(part)
        case DutyText():
            extra = [*_holds(part.block), f"- due {_due(part.block)}"]
            return [
                _title("Duty", part, code(part.block.code)),
                "",
                plain(part.block.says),
                "",
                *extra,
            ]
        case ValuesText():
            return _values(part)
        case ListText():
            return _list(part)
        case InterpretationText():
            reads = ", ".join(code(name) for name in part.block.reads)
            return [_title("Reading", part, f"of {reads}"), "", plain(part.block.says)]
        case CommitmentText():
            return _commitment(part)
        case _:
            raise AssertionError(f"no words for {type(part).__name__}")


def _title(kind: str, part: Dated, *more: str) -> str:
    """Return the first line of a block: what it is, where it stands in law, how sure, when."""
    cited = part.citation
    words = [f"**{kind} {code(part.id)}**", *more, plain(cited.article), interval(part.interval)]
    return " · ".join(word for word in [*words, f"evidence {cited.evidence}"] if word)


def _regime(part: RegimeText) -> list[str]:
    default = part.block.default
    speaks = [f"- {role} when {condition(when)}" for role, when in part.block.engages.items()]
    return [
        _title("Regime", part),
        "",
        f"{plain(part.block.title)}. It speaks to a flow in the role of",
        "",
        *speaks,
        "",
        f"When no rule decides: **{code(default.outcome)}**. {plain(default.says)}",
    ]


def _rule(part: RuleText) -> list[str]:
    block = part.block
    lines = [_title("Rule", part, f"**{code(block.outcome)}**", f"class {block.klass}"), ""]
    lines += [plain(block.says), "", f"- when {condition(block.when)}"]
    if block.unless is not False:
        lines.append(f"- unless {condition(block.unless)}")
    if block.roles != ["export"]:
        lines.append(f"- in the role of {', '.join(block.roles)}")
    if block.demand:
        lines.append(f"- {block.demand} the answer to a foreign authority")
    if block.defeats:
        lines.append(f"- defeats {', '.join(code(name) for name in block.defeats)}")
    for duty in block.duties:
        cited = f" ({plain(duty.article)})" if duty.article else ""
        where = "".join(f", {line[2:]}" for line in _holds(duty) if not line.startswith("- in "))
        lines.append(f"- duty {code(duty.code)}, {_due(duty)}{where}: {plain(duty.says)}{cited}")
    return lines


def _due(duty: RuleDutyBlock | DutyBlock) -> str:
    return plain(duty.due) + (", by a named person" if duty.human else "")


def _holds(duty: RuleDutyBlock | DutyBlock) -> list[str]:
    """Return the conditions of a duty, as items of a list."""
    lines = [] if duty.when is True else [f"- when {condition(duty.when)}"]
    if duty.unless is not False:
        lines.append(f"- unless {condition(duty.unless)}")
    if isinstance(duty, DutyBlock):
        if duty.roles != ["export"]:
            lines.append(f"- in the role of {', '.join(duty.roles)}")
        if duty.not_for:
            lines.append(f"- not under {', '.join(code(name) for name in duty.not_for)}")
    return lines


def _values(part: ValuesText) -> list[str]:
    block: ValuesBlock = part.block
    rows = [
        (
            f"{row.start}" + (f" until {row.until}" if row.until else " on"),
            f"{row.value:,} {block.unit}".rstrip(),
            plain(row.article or block.article) + (f": {plain(row.says)}" if row.says else ""),
        )
        for row in block.values
    ]
    head = [_title("Value", part), "", plain(block.says), ""]
    return [*head, *table(("from", "value", "article"), rows)]


def _list(part: ListText) -> list[str]:
    lines = [_title("List", part), "", *([plain(part.title), ""] if part.title else [])]
    if part.sensitivity:
        rows = [
            (
                plain(row.block.category) + (f"/{row.block.subtype}" if row.block.subtype else ""),
                plain(row.block.group) + (f": {plain(row.block.says)}" if row.block.says else ""),
                code(row.block.counts_as) if row.block.counts_as else "",
                *_cited(row),
            )
            for row in part.sensitivity
        ]
        return [
            *lines,
            *table(("category", "class", "persons counted as", "article", "in force", ""), rows),
        ]
    rows = [
        (
            code(entry.id),
            plain(entry.block.title) + (f": {plain(entry.block.says)}" if entry.block.says else ""),
            condition(entry.block.when),
            *_cited(entry),
        )
        for entry in part.entries
    ]
    return [*lines, *table(("entry", "what", "when", "article", "in force", ""), rows)]


def _cited(part: Dated) -> tuple[str, str, str]:
    return plain(part.citation.article), interval(part.interval), part.citation.evidence


def _commitment(part: CommitmentText) -> list[str]:
    block = part.block
    lines = [_title("Commitment", part), "", plain(block.says), ""]
    lines.append(f"- between states for which {condition(block.between)}")
    if block.exception:
        lines.append(f"- except: {plain(block.exception)}")
    return lines
