"""`entrepot law list | show | facts | check`: what law is loaded, what it says, whether it
holds."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import msgspec
from rich.markup import escape
from rich.text import Text

from entrepot.kernel.errors import Error, InvalidLaw
from entrepot.law.blocks import RuleBlock
from entrepot.law.compiler import NO_REGIME
from entrepot.law.hashes import file_hashes
from entrepot.law.library import Library
from entrepot.law.rulebook import (
    CommitmentText,
    Dated,
    DutyText,
    EntryText,
    InterpretationText,
    ListText,
    RegimeText,
    Rulebook,
    RuleText,
    SensitivityText,
    ValuesText,
)
from entrepot.law.vocabulary import FactSpec
from entrepot.node.lawcache import open_sound_part
from entrepot.node.layout import Indented
from entrepot.node.lazygroup import LazyGroup
from entrepot.node.options import DATE, laws_option
from entrepot.node.screen import Screen

_FAILURES_SHOWN_MAX = 100
_WIDE = 120
_LABEL = 10
"""Columns of the word before what a block says (`class     band`)."""
_EVIDENCE = {
    "R": "official text read",
    "r": "secondary source read",
    "m": "from memory, not re-read",
    "?": "doubtful, check before use",
}

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


PARTS: dict[str, str] = {
    "ask": "ask only what the answer hangs on, the most telling question first",
    "check": "run cases in both back ends, measure what they cover",
    "diff": "say what changed between two days or two folders, and what it does",
    "pages": "write the law as Markdown: a page per rulebook, and what is covered",
    "request": "say what each law says to the demand of a foreign authority",
}
"""Commands with a module of their own (`entrepot.node.commands.law<name>`)."""


@click.group(
    "law",
    cls=LazyGroup,
    modules={name: (f"entrepot.node.commands.law{name}", says) for name, says in PARTS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
def command() -> None:
    """List, show, check and compare the rulebooks and their facts."""


def print_json(value: object) -> None:
    """Print `value` as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def span(part: Dated) -> str:
    """Return an interval as text."""
    interval = part.interval
    if interval.start is None:
        return "never commenced"
    return f"{interval.start} to {interval.until or 'today'}"


# -- list ------------------------------------------------------------------------------------------


@command.command("list", short_help="list every rulebook, with the fault of one that does not load")
@click.option("--as-of", type=DATE, default=None, help="Only what is in force on this day.")
@laws_option
@_json
def list_rulebooks(as_of: date | None, laws: Path | None, as_json: bool) -> None:
    """List every rulebook; one that does not load is named with its fault."""
    library, faults = open_sound_part(laws)
    books = [book for book in library.rulebooks if _in_force(book, as_of)]
    if as_json:
        rows = [_summary(book) for book in books]
        listed: dict[str, object] = {"rulebooks": rows, "profiles": sorted(library.profiles)}
        listed["files"] = file_hashes(library.root)
        print_json({**listed, "faults": {f: str(e) for f, e in faults.items()}})
        return
    console = Screen(highlight=False)
    for regime in dict.fromkeys(book.front.regime for book in books):
        title = "treaties that decide nothing" if regime == NO_REGIME else regime
        console.print(Text(title, style="bold"))
        for book in books:
            if book.front.regime == regime:
                console.print(_line(book, wide=console.width >= _WIDE))
    marks = " · ".join(f"{mark} {meaning}" for mark, meaning in _EVIDENCE.items())
    console.print(Indented(Text(marks, style="dim")))
    names = ", ".join(sorted(library.profiles)) or "none"
    console.print(f"profiles: {names}; `entrepot law show ID` shows any of these", style="dim")
    rules = sum(len(book.rules) for book in books)
    console.print(f"{len(books)} rulebooks, {rules} rules, {len(faults)} that do not load")
    for fault in faults.values():
        click.echo(f"error: {fault}", err=True)


def _line(book: Rulebook, *, wide: bool) -> Indented:
    """Return a rulebook on one line, or on two where the title does not fit beside the rest."""
    front = book.front
    days = f"{front.start or 'never'} – {front.until or ''}"
    size = f"{len(book.rules):>3} rules  "
    if book.commitments and not book.rules:
        size = f"{len(book.commitments):>3} promises  "
    text = Text(f"  {book.id:<28}{days:<24}{size}{front.evidence}")
    text.append("  " if wide else "\n      ")
    text.append(front.title, style="dim")
    return Indented(text, hang=66 if wide else 0)


def _in_force(book: Rulebook, as_of: date | None) -> bool:
    return as_of is None or any(part.interval.holds(as_of, date.max) for part in book.parts())


def _summary(book: Rulebook) -> dict[str, object]:
    front = book.front
    return {
        "id": book.id,
        "regime": front.regime,
        "jurisdiction": front.jurisdiction,
        "title": front.title,
        "title_original": front.title_original,
        "issuer": front.issuer,
        "authority": front.authority,
        "source": front.source,
        "from": front.start,
        "until": front.until,
        "known_from": front.known_from,
        "verified_on": front.verified_on,
        "evidence": front.evidence,
        "file": book.file,
        "sha256": book.sha256,
        "rules": [rule.id for rule in book.rules],
        "duties": [duty.id for duty in book.duties],
        "values": [value.id for value in book.values],
        "lists": [listed.id for listed in book.lists],
        "commitments": [promise.id for promise in book.commitments],
    }


# -- show ------------------------------------------------------------------------------------------


@command.command("show", short_help="show a rulebook, rule, duty, value, list, fact or profile")
@click.argument("name", metavar="ID")
@laws_option
@_json
def show(name: str, laws: Path | None, as_json: bool) -> None:
    """Show a rulebook, regime, rule, duty, value, list, entry, commitment, fact or profile."""
    library, faults = open_sound_part(laws)
    if name in library.vocabulary:
        spec = library.vocabulary[name]
        print_json(spec) if as_json else print_fact(spec)
        return
    if name in library.profiles:
        facts = library.profiles[name].facts
        print_json(facts) if as_json else print_profile(name, facts)
        return
    try:
        book, part = library.part(name)
    except Error:
        _raise_fault(name, faults)
        raise
    if as_json:
        print_json(_summary(book) if part is None else _as_plain(part))
    elif part is None:
        print_rulebook(book)
    else:
        print_part(library, book, part)


def _raise_fault(name: str, faults: dict[str, InvalidLaw]) -> None:
    """Raise the fault of the file that `name` may stand in, if the name fits the file."""
    for file, fault in faults.items():
        if name in (file, Path(file).stem):
            raise fault


def _as_plain(part: Dated) -> dict[str, object]:
    found: dict[str, object] = {
        "id": part.id,
        "where": part.where,
        "heading": part.heading,
        "from": part.interval.start,
        "until": part.interval.until,
        "known_from": part.interval.known_from,
        "citation": part.citation,
    }
    block = getattr(part, "block", None)
    if block is not None:
        found["block"] = msgspec.to_builtins(block)
    if isinstance(part, ListText):
        found["entries"] = [_as_plain(entry) for entry in (*part.entries, *part.sensitivity)]
    return found


def print_rulebook(book: Rulebook) -> None:
    """Print a rulebook as the document it is, headed by its front matter."""
    console = Screen()
    front = book.front
    title = f" ({front.title_original})" if front.title_original else ""
    console.print(f"[bold]{escape(front.title)}[/bold]{escape(title)}")
    console.print(f"{escape(front.issuer)}, {front.authority}: {escape(front.source)}")
    console.print(
        f"in force {front.start or 'never'} to {front.until or 'today'}; regime {front.regime}"
    )
    console.print(
        f"verified {front.verified_on}, evidence {front.evidence}: {_EVIDENCE[front.evidence]}"
    )
    console.print(f"{book.file}  sha256 {book.sha256}\n")
    body = book.text.split("\n---\n", 1)[-1]
    # Imported when used: it brings a parser and every colour scheme of code.
    from rich.markdown import Markdown

    console.print(Markdown(body))


def print_part(library: Library, book: Rulebook, part: Dated) -> None:
    """Print one block with its text, citation, dates and evidence."""
    console = Screen()
    cited = part.citation
    console.print(
        f"[bold]{escape(part.id)}[/bold]  {escape(book.front.title)}, {escape(cited.article)}"
    )
    if part.heading:
        console.print(f"[dim]{escape(part.heading)}[/dim]")
    for line in _lines(part):
        console.print(Indented(Text(line), hang=_LABEL if line[_LABEL - 1 : _LABEL] == " " else 2))
    lines = [
        f"in force  {span(part)}, known from {part.interval.known_from}",
        f"source    {cited.source}, {cited.article}; verified {cited.verified_on}, "
        f"evidence {cited.evidence}: {_EVIDENCE[cited.evidence]}",
        f"where     {book.file.rpartition('/')[0]}/{Path(part.where).name}  sha256 {book.sha256}",
    ]
    for note in library.content.interpretations.values():
        if part.id in note.block.reads:
            lines.append(f"read by   {note.id} ({span(note)}): {note.block.says}")
    console.print(Indented(Text("\n".join(lines)), hang=_LABEL))


def _lines(part: Dated) -> list[str]:
    """Return what a block says, line by line."""
    match part:
        case RuleText():
            return _rule_lines(part.block)
        case DutyText():
            duty = part.block
            return [
                duty.says,
                f"duty      {duty.code}, due {duty.due}, layer {duty.layer}",
                f"when      {_condition(duty.when)}",
            ]
        case ValuesText():
            values = part.block
            rows = [
                f"  {row.start} to {row.until or '…'}  {row.value:,} {values.unit}"
                for row in values.values
            ]
            return [values.says, *rows]
        case ListText():
            entries = [f"  {e.id}  {e.block.title}  ({span(e)})" for e in part.entries]
            rows = [
                f"  {r.block.category} → {r.block.group}  ({r.citation.article}; {span(r)})"
                for r in part.sensitivity
            ]
            return [part.title or f"list of kind {part.kind}", *entries, *rows]
        case EntryText():
            return [part.block.title, f"when      {_condition(part.block.when)}", part.block.says]
        case SensitivityText():
            return [f"{part.block.category} is {part.block.group}", part.block.says]
        case InterpretationText():
            return [part.block.says, f"reads     {', '.join(part.block.reads)}"]
        case CommitmentText():
            promise = part.block
            lines = [promise.says, f"between   {_condition(promise.between)}"]
            if promise.exception:
                lines.append(f"except    {promise.exception}")
            return [*lines, "effect    binds states; decides nothing and clears nothing"]
        case RegimeText():
            default = part.block.default
            engages = [f"{role:<10}{_condition(when)}" for role, when in part.block.engages.items()]
            return [
                part.block.title,
                *engages,
                f"default   {default.outcome}: {default.says} ({default.article})",
            ]
        case _:
            return []


def _rule_lines(block: RuleBlock) -> list[str]:
    lines = [
        block.says,
        f"class     {block.klass}, layer {block.layer}, roles {', '.join(block.roles)}",
        f"outcome   {block.outcome}",
        f"when      {_condition(block.when)}",
    ]
    if block.unless is not False:
        lines.append(f"unless    {_condition(block.unless)}")
    if block.demand:
        lines.append(f"demand    {block.demand} the answer to a foreign authority")
    if block.defeats:
        lines.append(f"defeats   {', '.join(block.defeats)}")
    lines += [f"duty      {duty.code} ({duty.due}): {duty.says}" for duty in block.duties]
    return lines


def _condition(text: str | bool) -> str:
    return str(text).lower() if isinstance(text, bool) else " ".join(text.split())


# -- facts -----------------------------------------------------------------------------------------


@command.command("facts", short_help="list the facts: name, type, values, source, question")
@click.option("--regime", default=None, help="Only the facts that this regime reads.")
@laws_option
@_json
def facts(regime: str | None, laws: Path | None, as_json: bool) -> None:
    """List the facts: name, type, values, source, question."""
    library, faults = open_sound_part(laws)
    specs = list(library.vocabulary)
    if regime is not None:
        specs = [spec for spec in specs if spec.name in library.facts_read(regime)]
    if as_json:
        print_json(specs)
        return
    console = Screen(highlight=False)
    for spec in specs:
        kind = f"{spec.type} of {spec.unit}" if spec.unit else spec.type
        text = Text(spec.name, style="bold")
        text.append(f"  {kind}, {spec.source}", style="not bold dim")
        text.append(f"\n  {spec.question or spec.about}", style="not bold")
        if spec.values:
            text.append(f"\n  {', '.join(spec.values)}", style="not bold dim")
        console.print(Indented(text))
    console.print(f"{len(specs)} facts; `entrepot law show FACT` says more")
    for fault in faults.values():
        click.echo(f"error: {fault}", err=True)


def print_fact(spec: FactSpec) -> None:
    """Print one fact of the vocabulary."""
    console = Screen()
    unit = f" of {spec.unit}" if spec.unit else ""
    console.print(f"[bold]{spec.name}[/bold]  {spec.type}{unit}, source: {spec.source}")
    console.print(escape(spec.about))
    if spec.question:
        console.print(f"asked as  {escape(spec.question)}")
    for member, meaning in spec.values.items():
        console.print(f"  {member:<22}{escape(meaning)}")
    for row in spec.derive:
        value = _condition(row.value) if isinstance(row.value, (str, bool)) else str(row.value)
        console.print(f"derived   {escape(value)} when {escape(_condition(row.when))}")
    if spec.cite:
        console.print(f"source    {escape(spec.cite)}")
    console.print(f"where     {spec.file}:{spec.line}")


def print_profile(name: str, facts: dict[str, object]) -> None:
    """Print a profile: the facts that whoever names it declares."""
    console = Screen(highlight=False)
    console.print(Text(f"{name}  a profile; who names it declares", style="bold"))
    for fact, value in facts.items():
        shown = _condition(value) if isinstance(value, (str, bool)) else value
        console.print(f"  {fact} = {shown}", markup=False)


# -- check -----------------------------------------------------------------------------------------
