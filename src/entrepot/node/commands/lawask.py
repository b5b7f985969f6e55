"""`entrepot law ask`: from nothing to an answer by few questions, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Group
from rich.text import Text

from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.law.inquiry import Branch, Inquiry, Question
from entrepot.law.library import Library
from entrepot.law.model import Assessment
from entrepot.node.answers import rendered
from entrepot.node.declaring import chosen_value, declared_facts, is_asking
from entrepot.node.lawcache import open_library
from entrepot.node.layout import Indented
from entrepot.node.options import DATE, laws_option
from entrepot.node.screen import Screen

USUAL = "ordinary-company"
QUESTIONS_MAX = 200
BRANCHES_SHOWN_MAX = 8
OUTCOMES_SHOWN_MAX = 3
_WHOLE = 0.995


class Asked(msgspec.Struct, frozen=True):
    """One question and the answer it got; None when it was left open."""

    question: Question
    answer: object


class Transcript(msgspec.Struct, frozen=True):
    """What `--json` prints: the questions asked, the next one if any, facts and assessment."""

    asked: list[Asked]
    next: Question | None
    facts: dict[str, object]
    assessment: Assessment


@click.command("ask")
@click.option("--from", "origin", help="Jurisdiction it leaves (CN); asked for when absent.")
@click.option("--to", "destination", help="Jurisdiction that gets it (DE); asked for when absent.")
@click.option("--as-of", type=DATE, default="today", help="Day whose law applies (today).")
@click.option("--facts", "file", type=click.Path(path_type=Path), help="What is known already.")
@click.option("--fact", "options", multiple=True, help="One known fact, NAME=VALUE; repeatable.")
@click.option("--profile", help="A named set of known facts.")
@click.option(
    "--usual",
    default=USUAL,
    show_default=True,
    help="A profile whose values are likely, not known: it orders the questions.",
)
@click.option(
    "--answers",
    type=click.Path(path_type=Path),
    help="Answer from this facts file instead of asking.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the facts file here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print questions, facts and assessment.")
@laws_option
def command(  # noqa: PLR0913 - one parameter for each option of the command line
    origin: str | None,
    destination: str | None,
    as_of: date,
    file: Path | None,
    options: tuple[str, ...],
    profile: str | None,
    usual: str,
    answers: Path | None,
    output: Path | None,
    as_json: bool,
    laws: Path | None,
) -> None:
    """Ask only what the answer hangs on, the most telling question first.

    With --answers nobody is asked. With --json and no --answers, or where nobody can be asked, the
    next question is printed; give its answer with --fact and call again. The end is the same
    assessment as `assess` gives for the facts, and the facts file.
    """
    library = open_library(laws)
    console = Screen(highlight=False)
    known = declared_facts(library, file, options, profile)
    flow = library.flow(_place(origin, "from"), _place(destination, "to"), as_of)
    bound = library.bind(flow)
    inquiry = Inquiry(bound, usual=library.facts(library.profile(usual)).values)
    record: list[Asked] = []
    if answers is not None:
        told = declared_facts(library, answers, (), None)
        upcoming = _go(library, inquiry, known, record, lambda q, known: told.get(q.fact))
    elif is_asking() and not as_json:
        upcoming = _go(library, inquiry, known, record, _Prompt(console, library))
    else:
        upcoming = inquiry.next(library.facts(known))
    assessment = bound.explain(library.facts(known))
    if output is not None:
        _write(output, known, record)
    if as_json:
        transcript = Transcript(record, upcoming, dict(known), assessment)
        click.echo(msgspec.json.format(msgspec.json.encode(transcript), indent=2).decode())
        return
    if answers is not None:
        console.print(Group(*(_line(number, one) for number, one in enumerate(record, start=1))))
    console.print(rendered(assessment, library, []))
    console.print(_closing(library, bound.content.facts_read, record, upcoming), style="dim")


def _go(
    library: Library,
    inquiry: Inquiry,
    known: dict[str, object],
    record: list[Asked],
    answer: Callable[[Question, Mapping[str, object]], object],
) -> Question | None:
    """Ask until nothing is open or the reader stops; return the question that was left open."""
    skipped: set[str] = set()
    for _ in range(QUESTIONS_MAX):
        question = inquiry.next(library.facts(known), skipped=frozenset(skipped))
        if question is None:
            return None
        try:
            value = answer(question, known)
        except StopAsking:
            return question
        record.append(Asked(question, value))
        if value is None:
            skipped.add(question.fact)
        else:
            known[question.fact] = value
    return None


class StopAsking(Exception):
    """The reader has had enough."""


class _Prompt:
    """Asks on the terminal until an answer fits; an empty one leaves the question open."""

    def __init__(self, console: Screen, library: Library) -> None:
        self.console = console
        self.library = library

    def __call__(self, question: Question, known: Mapping[str, object]) -> object:
        self.console.print(_asked(question))
        while True:
            text = str(
                click.prompt(
                    "  answer (? explains, empty leaves it open, stop ends)",
                    default="",
                    show_default=False,
                )
            ).strip()
            if text == "stop":
                raise StopAsking
            if text == "?":
                self.console.print(_explained(question))
                continue
            if not text:
                return None
            value = chosen_value(question.answers, text)
            if question.source == "finding":
                value = _finding(value)
            try:
                self.library.facts({**known, question.fact: value})
            except InvalidInput as error:
                self.console.print(f"  [red]{error}[/red]")
                continue
            return value


def _finding(value: object) -> dict[str, object]:
    """Ask who found it and why: a finding without either is nobody's."""
    return {
        "value": value,
        "by": str(click.prompt("  found by (name and office)")),
        "reasons": str(click.prompt("  reasons")),
    }


def _place(given: str | None, which: str) -> str:
    if given:
        return given
    if not is_asking():
        raise InvalidInput(f"--{which} is needed where nobody can be asked")
    return str(click.prompt(f"{which.capitalize()} which jurisdiction (code or name)"))


# -- what is shown ---------------------------------------------------------------------------------


def _asked(question: Question) -> Group:
    share = f"settles {question.bits:.2f} of {question.open_bits:.2f} bits"
    head = Text(f"\n{question.question}", style="bold")
    head.append(f"  {question.fact} · {share}", style="dim")
    lines = [head]
    for number, option in enumerate(question.answers, start=1):
        branch = next((b for b in question.branches if b.answer == option), None)
        lines.append(Text(f"  {number}. {option}"))
        if branch is not None:
            lines[-1].append(f"  {branch.meaning}" if branch.meaning else "", style="dim")
            lines[-1].append(f"  → {_likely(branch)}", style="cyan")
    if not question.answers:
        for branch in question.branches[:BRANCHES_SHOWN_MAX]:
            unit = f" {question.unit}" if question.unit else ""
            lines.append(Text(f"  {branch.answer}{unit}  → {_likely(branch)}", style="cyan"))
    if question.because:
        lines.append(Text(f"  because of {question.because}", style="dim"))
    return Group(*lines)


def _likely(branch: Branch) -> str:
    """Return what would follow: the outcome alone, or the likeliest ones."""
    first = next(iter(branch.outcomes))
    if branch.outcomes[first] >= _WHOLE:
        return first
    names = list(branch.outcomes)
    more = " …" if len(names) > OUTCOMES_SHOWN_MAX else ""
    return " or ".join(names[:OUTCOMES_SHOWN_MAX]) + more


def _explained(question: Question) -> Indented:
    parts = [question.about]
    if question.unit:
        parts.append(f"Unit: {question.unit}.")
    if question.cite:
        parts.append(f"Source: {question.cite}.")
    return Indented(Text(" ".join(parts)))


def _line(number: int, asked: Asked) -> Text:
    answer = "left open" if asked.answer is None else _spelled(asked.answer)
    text = Text(f"{number:>3}. {asked.question.question} ")
    text.append(answer, style="bold")
    text.append(f"  {asked.question.fact}", style="dim")
    return text


def _closing(
    library: Library, read: frozenset[str], record: list[Asked], upcoming: Question | None
) -> str:
    every = sum(library.vocabulary[name].source != "flow" for name in read)
    said = f"{len(record)} questions; the law of this flow reads {every} facts"
    return f"{said}; next: {upcoming.question} ({upcoming.fact})" if upcoming else said


# -- the facts file --------------------------------------------------------------------------------


def _write(output: Path, known: Mapping[str, object], record: list[Asked]) -> None:
    """Write a facts file that `--facts` reads; each asked fact under its question."""
    questions = {asked.question.fact: asked.question.question for asked in record}
    lines = []
    for name, value in known.items():
        if name in questions:
            lines.append(f"# {questions[name]}")
        lines.append(f"{name}: {_spelled(value)}")
    try:
        output.write_text("\n".join(lines) + "\n" if lines else "{}\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(error.strerror or "cannot be written", value=output) from error


def _spelled(value: Any) -> str:
    """Return a value as YAML on one line (JSON is YAML)."""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        value = sorted(value)
    return json.dumps(value, ensure_ascii=False, default=str)
