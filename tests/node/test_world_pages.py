"""The pages on the world's law: their commands run as they stand there and print what is shown."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from test_documents import CHECKOUT, run

from entrepot.law.library import Library
from entrepot.node.cli import COMMANDS, LazyGroup, cli
from entrepot.node.pages.index import TREATIES, place_of

STEP = re.compile(r"^```(bash|text)\n(.*?)^```$", re.M | re.S)
COMMANDS_PAGE = "docs/reference/commands.md"
ADDED = ("atlas", "recheck", "counters", "law")
"""Commands whose every option the page of commands explains."""


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


def flat(text: str) -> str:
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "atlas.md", "ask.md"])
def test_a_page_prints_what_it_shows(tmp_path: Path, page: str) -> None:
    found, steps = "", STEP.findall((CHECKOUT / "docs/laws" / page).read_text())
    assert any(kind == "text" for kind, _ in steps)
    for kind, body in steps:
        if kind == "bash":
            found = flat("\n".join(run(tmp_path, line) for line in body.splitlines()))
            continue
        position = 0
        for line in body.splitlines():
            for part in line.split("…"):
                wanted = flat(part)
                assert wanted in found[position:], line
                position = found.index(wanted, position)


@pytest.mark.slow
def test_the_table_of_questions_is_true(tmp_path: Path) -> None:
    text = (CHECKOUT / "docs/laws/ask.md").read_text()
    rows = re.findall(r"^\| (\w\w) → (\w\w) \| ([\w-]+) \| (\d+) \| (\d+) \|$", text, re.M)
    assert len(rows) >= 8
    for origin, destination, profile, questions, read in rows:
        run(tmp_path, f"entrepot law show {profile} --json > told.json")
        shown = run(
            tmp_path,
            f"entrepot law ask --from {origin} --to {destination} --as-of 2026-11-22"
            " --answers told.json",
        )
        wanted = f"{questions} questions; the law of this flow reads {read} facts"
        assert shown.splitlines()[-1] == wanted, (origin, destination, profile)


def test_the_start_page_of_law_names_every_place(library: Library) -> None:
    text = (CHECKOUT / "docs/laws/README.md").read_text().partition("## Whose law")[2]
    named = set(re.findall(r"`([A-Z]{2}(?:-[A-Z]+)?)`", text.partition("\n## ")[0]))
    assert named == {place_of(book) for book in library.rulebooks} - {TREATIES}


def test_the_readme_counts_what_is_loaded(library: Library) -> None:
    text = " ".join((CHECKOUT / "README.md").read_text().split())
    books, rules, places = (
        len(library.rulebooks),
        sum(len(book.rules) for book in library.rulebooks),
        len({place_of(book) for book in library.rulebooks} - {TREATIES}),
    )
    assert f"{books} rulebooks with {rules} rules of {places} jurisdictions" in text


def test_the_architecture_names_every_part_of_the_engine() -> None:
    text = (CHECKOUT / "ARCHITECTURE.md").read_text().partition("## The parts of `law/`")[2]
    named = set(re.findall(r"`(\w+)/?`", text.partition("\n## ")[0]))
    folder = CHECKOUT / "src/entrepot/law"
    parts = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    parts |= {path.parent.name for path in folder.glob("*/__init__.py")}
    assert named - {"law"} == parts


def commands(name: str) -> dict[str, click.Command]:
    group = cli
    assert isinstance(group, LazyGroup)
    context = click.Context(group)
    found = group.get_command(context, name)
    assert found is not None
    if isinstance(found, click.Group):
        inner = {sub: found.get_command(context, sub) for sub in found.list_commands(context)}
        return {f"{name} {sub}": command for sub, command in inner.items() if command is not None}
    return {name: found}


def test_the_page_of_commands_explains_every_option() -> None:
    text = (CHECKOUT / COMMANDS_PAGE).read_text()
    for name in COMMANDS:
        assert f"`entrepot {name}" in text, name
    sections = dict(re.findall(r"^## `entrepot ([\w ]+?)`.*?\n(.*?)(?=^## |\Z)", text, re.M | re.S))
    for name in ADDED:
        for full, command in commands(name).items():
            assert full in sections, full
            for option in command.params:
                if isinstance(option, click.Option):
                    assert f"`{option.opts[-1]}" in sections[full], (full, option.opts)
