"""`entrepot law pages FOLDER`: a Markdown page per rulebook, an index, and what is covered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import click

from entrepot.kernel.errors import Conflict
from entrepot.law.cases import find_cases
from entrepot.law.library import Library
from entrepot.node.lawcache import open_library
from entrepot.node.options import laws_option
from entrepot.node.pages.book import LINKS, book_page
from entrepot.node.pages.index import MADE, coverage_page, index_page

INDEX = "README.md"
COVERAGE = "coverage.md"
CASES = ".cases.yaml"


@click.command("pages")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@laws_option
def command(folder: Path, laws: Path | None) -> None:
    """Write the law as Markdown: a page per rulebook, an index, a table of coverage.

    The same law gives the same bytes. Pages of rulebooks that are gone are removed; a folder that
    holds any other file is refused.
    """
    written = pages(open_library(laws))
    for path in _gone(folder, written):
        path.unlink()
    for name, text in written.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    click.echo(f"{len(written)} pages in {folder}")


def pages(library: Library) -> dict[str, str]:
    """Return relative path → text of every page of the law of `library`."""
    written = {book.file: book_page(book, library.jurisdictions) for book in library.rulebooks}
    written[INDEX] = index_page(library)
    written[COVERAGE] = coverage_page(library, count_cases(library))
    return dict(sorted(written.items()))


def count_cases(library: Library) -> Counter[str]:
    """Return file of a rulebook → cases in the file beside it.

    A case file that stands beside no rulebook of its name counts for the first in its folder.
    Raises `InvalidLaw` when a case file is malformed.
    """
    books = [book.file for book in library.rulebooks]
    counts: Counter[str] = Counter()
    for path in sorted(library.root.glob(f"*/*{CASES}")):
        file = path.relative_to(library.root)
        own = file.as_posix().removesuffix(CASES) + ".md"
        near = (name for name in sorted(books) if Path(name).parent == file.parent)
        counts[own if own in books else next(near, own)] += len(find_cases(path))
    return counts


def _gone(folder: Path, written: dict[str, str]) -> list[Path]:
    """Return pages of an earlier run that are not written now.

    Raises `Conflict` naming a file that no earlier run can have written.
    """
    old = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    for path in old:
        name = path.relative_to(folder).as_posix()
        mark = MADE if name in (INDEX, COVERAGE) else LINKS
        if path.suffix != ".md" or mark not in path.read_text(encoding="utf-8", errors="replace"):
            raise Conflict(
                "the folder holds a file that is no page of law",
                value=path,
                remedy="name a new or empty folder",
            )
    return [path for path in old if path.relative_to(folder).as_posix() not in written]
