"""`entrepot law list | show | facts | check`: what law is loaded, what it says, whether it holds."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.table import Table

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.cases import CaseResult, explain_failure, find_cases, run_case
from entrepot.law.library import Library, read_library

_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_LAWS = click.option(
    "--laws",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="Folder of laws to use instead of the packaged one.",
)
_SHOWN_FAILURES_MAX = 200


@click.group("law")
def command() -> None:
    """List, show and check the rulebooks and their facts."""


def print_json(value: object) -> None:
    """Print `value` as indented JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


@command.command("check")
@click.option("--cases", "cases_path", type=click.Path(path_type=Path), default=None,
              help="A case file or a folder of them; default: the cases beside the rulebooks.")
@_LAWS
@_JSON
def check(cases_path: Path | None, laws: Path | None, as_json: bool) -> None:
    """Run cases in both back ends; the last line is `N passed, N failed`."""
    library, faults = read_library(laws)
    results = [run_case(library, case) for case in find_cases(cases_path or library.root)]
    failed = [result for result in results if not result.passed]
    for fault in faults.values():
        click.echo(f"error: {fault}", err=True)
    for result in failed[:_SHOWN_FAILURES_MAX]:
        print_failure(result)
    click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed or faults else 0)


def print_failure(result: CaseResult) -> None:
    """Print one failed case: what was expected, what came, and why."""
    click.echo(f"FAILED {result.case.text.name}  ({result.case.where})")
    for problem in result.problems:
        click.echo(f"  {problem}")
    for line in explain_failure(result):
        click.echo(f"    {line}")
