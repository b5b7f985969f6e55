"""`entrepot law pages`: the committed pages are those of the law; what each says is in the law."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.law.library import Library
from entrepot.node.cli import cli
from entrepot.node.commands.lawpages import pages
from entrepot.node.pages.index import guard_of
from entrepot.node.pages.markdown import condition, demoted, plain, table

ROOT = Path(__file__).resolve().parents[2]
BOOKS = ROOT / "docs" / "laws" / "books"
TOY = ROOT / "tests" / "law" / "toy"


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def made(library: Library) -> dict[str, str]:
    return pages(library)


def test_the_committed_pages_are_those_of_the_law(made: dict[str, str]) -> None:
    committed = {
        path.relative_to(BOOKS).as_posix(): path.read_text(encoding="utf-8")
        for path in BOOKS.rglob("*.md")
    }
    stale = sorted(name for name in made if committed.get(name) != made[name])
    assert not stale, f"run `make pages`: {', '.join(stale)}"
    assert sorted(committed) == sorted(made)


def test_every_block_of_the_law_stands_on_its_page(library: Library, made: dict[str, str]) -> None:
    for book in library.rulebooks:
        text = made[book.file]
        for part in book.parts():
            assert f"`{part.id}`**" in text, part.id
        for rule in book.rules:
            assert f"- when {condition(rule.block.when)}\n" in text, rule.id
            assert plain(rule.block.says) in text, rule.id
            for duty in rule.block.duties:
                assert f"- duty `{duty.code}`, {plain(duty.due)}" in text, rule.id


def test_the_prose_of_a_rulebook_is_kept_once(library: Library, made: dict[str, str]) -> None:
    for book in library.rulebooks:
        body = book.text.split("\n---\n", 1)[1]
        prose = re.sub(r"^(```+)\w*\n.*?^\1$", "", body, flags=re.M | re.S)
        wanted = [line.rstrip() for line in prose.splitlines() if line.strip()]
        lines = made[book.file].splitlines()
        for line in wanted:
            shown = f"#{line}" if line.startswith("#") else line
            if not line.startswith("|--"):
                assert lines.count(shown) == wanted.count(line), (book.file, line)


def test_the_index_and_the_sums_name_everything(library: Library, made: dict[str, str]) -> None:
    index, coverage = made["README.md"], made["coverage.md"]
    for book in library.rulebooks:
        assert f"]({book.file})" in index
    rules = sum(len(book.rules) for book in library.rulebooks)
    total = next(line for line in coverage.splitlines() if line.startswith("| **all** |"))
    cells = [int(cell) for cell in re.findall(r"\d+", total)]
    assert cells[0] == rules == sum(cells[1:12]) == sum(cells[12:16])
    uncertain = [
        rule
        for book in library.rulebooks
        for rule in book.rules
        if rule.citation.evidence in ("m", "?")
    ]
    assert uncertain
    for rule in uncertain:
        assert f"[`{rule.id}`]" in coverage
        assert guard_of(library, rule)


def test_pages_link_to_one_another_and_nowhere_else(made: dict[str, str]) -> None:
    for name, text in made.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            joined = (Path("/") / name).parent / target
            assert str(joined.resolve().relative_to("/")) in made, (name, target)


def test_a_second_run_removes_what_is_gone_and_touches_no_stranger(tmp_path: Path) -> None:
    laws, out = tmp_path / "laws", tmp_path / "out"
    shutil.copytree(TOY, laws)
    run = CliRunner()
    first = run.invoke(cli, ["law", "pages", str(out), "--laws", str(laws)])
    assert first.exit_code == 0, first.output
    before = {path: path.read_bytes() for path in out.rglob("*.md")}
    assert len(before) >= 3
    book = sorted(laws.glob("*/*.md"))[0]
    old = out / book.relative_to(laws)
    late = old.with_name("gone.md")
    late.write_bytes(old.read_bytes())
    run.invoke(cli, ["law", "pages", str(out), "--laws", str(laws)])
    assert {path: path.read_bytes() for path in out.rglob("*.md")} == before

    (out / "mine.md").write_text("# My notes\n")
    refused = run.invoke(cli, ["law", "pages", str(out), "--laws", str(laws)])
    assert refused.exit_code != 0 and "no page of law" in str(refused.exception)
    assert (out / "mine.md").read_text() == "# My notes\n"


def test_text_of_blocks_cannot_become_markup() -> None:
    assert plain("a <b> *c* [d](e) `f` \\") == r"a \<b> \*c\* \[d\](e) \`f\` " + "\\\\"
    assert condition("x == `y`") == "`` x == `y` ``"
    assert table(("a", "b"), [("`p|q`", "r")])[-1] == r"| `p\|q` | r |"
    assert demoted(["# A", "```text", "# b", "```", "## C"]) == [
        "## A",
        "```text",
        "# b",
        "```",
        "### C",
    ]
