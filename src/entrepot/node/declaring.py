"""Declared facts from files, options, profiles and, on a terminal, from answers to questions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from rich.console import Console

from entrepot.kernel.errors import InvalidInput, InvalidLaw, NotFound, StorageError
from entrepot.law import ir
from entrepot.law.assess import BoundLaw
from entrepot.law.factset import FactSet
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Missing
from entrepot.law.vocabulary import FactSpec, Vocabulary
from entrepot.law.yamlsource import read_text, read_yaml
from entrepot.port.facts import flat

QUESTIONS_MAX = 60


def declared_facts(
    library: Library, file: Path | None, options: Sequence[str], profile: str | None
) -> dict[str, object]:
    """Return declared facts by dotted name: profile first, then the file, then single options.

    Raises `NotFound` for a missing file or profile, `InvalidInput` for anything that is no facts
    file, an unknown fact, or an option that is not NAME=VALUE.
    """
    facts: dict[str, object] = dict(library.profile(profile)) if profile else {}
    if file is not None:
        facts.update(flat(_read(file), library))
    for option in options:
        name, separator, text = option.partition("=")
        if not separator:
            raise InvalidInput(
                "a fact is given as NAME=VALUE", value=option, remedy="--fact exporter.ciio=false"
            )
        facts[name.strip()] = scalar(text.strip())
    library.facts(facts)  # unknown names and wrong values are said now, not after the inspection
    return facts


def scalar(text: str) -> object:
    """Return the value that a text on the command line or at a prompt means (YAML subset)."""
    try:
        return read_yaml(text, file="value").value
    except InvalidLaw:
        return text


def is_asking() -> bool:
    """Say whether there is somebody to ask: both ends of the conversation are a terminal."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def questions(bound: BoundLaw, assessment: Assessment, facts: FactSet) -> list[Missing]:
    """Return what to ask next, most useful first.

    After the facts that decide the route come those that decide whether a duty that is due before
    the transfer arises at all: while they are unknown the duty stands in the way.
    """
    vocabulary = bound.library.vocabulary
    values = bound.prepare(facts)
    asked = [_simplest(item, vocabulary, values) for item in assessment.missing]
    asked = list({item.fact: item for item in asked}.values())
    known = {item.fact for item in asked}
    for duty in assessment.duties:
        compiled = bound.library.content.duties.get(duty.id)
        if duty.state != "possible" or not duty.before_transfer or compiled is None:
            continue
        for name in ir.facts_of(compiled.when):
            spec = vocabulary[name]
            if name in known or name in facts or name in assessment.derived:
                continue
            if spec.source in ("flow", "choice"):
                continue
            known.add(name)
            because = f"{duty.id}: {duty.says}"
            asked.append(Missing(name, spec.question, spec.source, 0.0, because, _answers(spec)))
    return asked


def _simplest(item: Missing, vocabulary: Vocabulary, values: Mapping[str, object]) -> Missing:
    """Ask for the unknown part of a sum of which the other parts are known.

    Who has a table at hand knows what went before more easily than what both come to.
    """
    for derivation in vocabulary[item.fact].derive:
        parts = derivation.value.split(" + ") if isinstance(derivation.value, str) else []
        unknown = [name for name in parts if name in vocabulary and name not in values]
        if len(parts) > 1 and len(unknown) == 1:
            spec = vocabulary[unknown[0]]
            return Missing(
                spec.name, spec.question, spec.source, item.usefulness, item.because, _answers(spec)
            )
    return item


def ask(
    console: Console,
    library: Library,
    facts: dict[str, object],
    pending: Callable[[Mapping[str, object]], list[Missing]],
) -> dict[str, object]:
    """Ask for missing facts until none is left, or the reader stops; return the enlarged facts.

    An empty answer skips a question, `?` explains it, `stop` ends. Values are checked at once.
    """
    known, skipped = dict(facts), set[str]()
    for _ in range(QUESTIONS_MAX):
        open_ = [item for item in pending(known) if item.fact not in skipped]
        if not open_:
            break
        item = open_[0]
        spec = library.vocabulary[item.fact]
        console.print(f"\n[bold]{spec.question or spec.about}[/bold]  [dim]{item.fact}[/dim]")
        for number, option in enumerate(item.answers, start=1):
            console.print(f"  {number}. {_option(spec, option)}")
        answer = click.prompt(
            "  answer (? explains, empty skips, stop ends)", default="", show_default=False
        )
        text = str(answer).strip()
        if text == "stop":
            break
        if text == "?":
            _explain(console, spec, item)
            continue
        if not text:
            skipped.add(item.fact)
            continue
        value = chosen_value(item.answers, text)
        try:
            library.facts({**known, item.fact: value})
        except InvalidInput as error:
            console.print(f"  [red]{error}[/red]")
            continue
        known[item.fact] = value
    return known


def _read(file: Path) -> Mapping[str, object]:
    try:
        text, _raw = read_text(file)
        found = read_yaml(text, file=file.name).value
    except FileNotFoundError:
        raise NotFound("facts file does not exist", value=file) from None
    except OSError as error:
        raise StorageError(error.strerror or "unreadable", value=file) from error
    except InvalidLaw as error:
        raise InvalidInput(f"facts file: {error.what}", value=error.value) from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise InvalidInput(
            "a facts file is a mapping of facts", value=file, remedy="exporter.ciio: false"
        )
    inner = found.get("facts")
    return inner if isinstance(inner, dict) and len(found) == 1 else found


def chosen_value(answers: Sequence[str], text: str) -> object:
    """Return the value of an answer: the number of an option, yes or no, or the value itself."""
    if answers:
        if text.isdigit() and 1 <= int(text) <= len(answers):
            return scalar(answers[int(text) - 1])
        if list(answers) == ["true", "false"] and text.lower() in ("y", "yes", "n", "no"):
            return text.lower().startswith("y")
    if "," in text and not text.startswith("["):
        parts = [part.strip() for part in text.split(",")]
        if all(part.isdigit() for part in parts):
            return int("".join(parts))  # 1,000 is a number
        return parts
    return scalar(text)


def _explain(console: Console, spec: FactSpec, item: Missing) -> None:
    console.print(f"  {spec.about}")
    if spec.unit:
        console.print(f"  Unit: {spec.unit}. Expected: {spec.expected}.")
    if spec.cite:
        console.print(f"  Source: {spec.cite}")
    if item.because:
        console.print(f"  It matters because of {item.because}")


def _option(spec: FactSpec, option: str) -> str:
    meaning = spec.values.get(option, "")
    return f"{option}  [dim]{meaning}[/dim]" if meaning else option


def _answers(spec: FactSpec) -> list[str]:
    return ["true", "false"] if spec.type == "bool" else list(spec.values)
