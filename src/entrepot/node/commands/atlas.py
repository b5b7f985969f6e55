"""`entrepot atlas`: who may send what to whom, as a page, or as a table of one day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import click
import polars as pl

from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.law.atlas import atlas_table, make_atlas
from entrepot.law.library import Library
from entrepot.law.model import Scalar
from entrepot.node.declaring import declared_facts
from entrepot.node.lawcache import open_library
from entrepot.node.options import DATE, laws_option
from entrepot.node.progress import counting_bar

FIRST_DAY = date(2015, 1, 1)
LAST_DAY = date(2028, 12, 31)
PROFILE = "retail-customers"


@click.command("atlas")
@click.option("--profile", default=PROFILE, show_default=True, help="Facts of every flow, by name.")
@click.option("--facts", "file", type=click.Path(path_type=Path), help="A facts file besides.")
@click.option("--fact", "options", multiple=True, metavar="NAME=VALUE", help="One fact besides.")
@click.option("--as-of", type=DATE, default="today", show_default=True, help="Day of the table.")
@click.option("--first", type=DATE, default=str(FIRST_DAY), show_default=True)
@click.option("--last", type=DATE, default=str(LAST_DAY), show_default=True)
@click.option("--lang", type=click.Choice(["en", "zh"]), default="en", show_default=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write: .html for the page; .csv, .parquet or .json for the table of --as-of.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table of --as-of as JSON.")
@laws_option
def command(  # noqa: PLR0913 - one per option
    profile: str,
    file: Path | None,
    options: tuple[str, ...],
    as_of: date,
    first: date,
    last: date,
    lang: str,
    output: Path | None,
    as_json: bool,
    laws: Path | None,
) -> None:
    """Show for one set of facts what every jurisdiction demands of data going to every other.

    The page holds every day between --first and --last on which something changed, and opens on
    --as-of; a table holds all pairs on that day. Without -o the table is summed up on the screen.
    """
    library = open_library(laws)
    declared = declared_facts(library, file, options, profile)
    facts = library.facts(declared).values
    if output is not None and output.suffix == ".html":
        about = library.profiles[profile].about
        page = _page(library, facts, (first, as_of, last), lang, (profile, about))
        _write(output, page.encode())
        click.echo(f"{output}: {len(page):,} characters; open it in a browser", err=True)
        if not as_json:
            return
    table = atlas_table(library, facts, as_of=as_of)
    if as_json:
        click.echo(table.write_json())
    elif output is not None and output.suffix != ".html":
        _write_table(output, table)
        click.echo(f"{output}: {table.height:,} pairs of jurisdictions on {as_of}", err=True)
    else:
        click.echo(_summary(table, as_of))


def _page(
    library: Library,
    facts: Mapping[str, Scalar],
    days: tuple[date, date, date],
    language: str,
    profile: tuple[str, str],
) -> str:
    from entrepot.node.atlas.page import render
    from entrepot.node.atlas.payload import payload

    first, today, last = days
    with counting_bar("laws") as move:
        atlas = make_atlas(library, facts, first=first, last=last, today=today, progress=move)
    return render(payload(library, atlas, profile=profile[0], about=profile[1]), language=language)


def _write_table(output: Path, table: pl.DataFrame) -> None:
    match output.suffix:
        case ".csv":
            _write(output, table.write_csv().encode())
        case ".json":
            _write(output, table.write_json().encode())
        case ".parquet":
            try:
                table.write_parquet(output)
            except OSError as error:
                raise StorageError(error.strerror or "cannot be written", value=output) from error
        case _:
            raise InvalidInput(
                "an atlas is written as .html, .csv, .parquet or .json", value=output.name
            )


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as error:
        raise StorageError(error.strerror or "cannot be written", value=output) from error


def _summary(table: pl.DataFrame, as_of: date) -> str:
    """Return how many pairs have which outcome, strictest last, as lines."""
    counts = table.group_by("outcome").len().sort("outcome")
    lines = [f"{count:>8,}  {outcome}" for outcome, count in counts.iter_rows()]
    head = f"{table.height:,} pairs of jurisdictions on {as_of}; -o atlas.html draws them"
    return "\n".join([head, *lines])
