"""`entrepot verify DIR`: check a cleared folder offline, step by step."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
from rich.text import Text

from entrepot.law.library import Library
from entrepot.node.layout import Indented
from entrepot.node.options import DATE
from entrepot.node.screen import Screen
from entrepot.node.shipping import print_json
from entrepot.port.verify.verifying import StepResult, trusted_key, verify

EXIT_FAILED = 5
"""That of `VerificationError`: a signature, hash, proof or certificate does not hold."""
_MARKS = {"ok": ("✓", "green"), "failed": ("✗", "bold red"), "note": ("·", "dim")}


@click.command("verify")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    help="A key you trust: the exporter's party.pub, or the log.keys of its log.",
)
@click.option("--as-of", type=DATE, default=None, help="Day on which it is relied on (today).")
@click.option("--json", "as_json", is_flag=True, help="Print the steps as JSON.")
def command(folder: Path, key: Path | None, as_of: date | None, as_json: bool) -> int:
    """Verify the cleared FOLDER from its files alone; exit 5 when a step fails, naming it."""
    day = as_of or date.today()  # noqa: DTZ011 - the reader's own calendar day
    found = verify(
        folder,
        trusted=trusted_key(key) if key is not None else None,
        as_of=day,
        library=Library.load(),
    )
    if as_json:
        print_json(
            {
                "holds": found.holds,
                "current": found.is_current(day),
                "steps": found.steps,
                "certificate": found.certificate,
            }
        )
        return 0 if found.holds else EXIT_FAILED
    console = Screen(highlight=False)
    for step in found.steps:
        console.print(_line(step))
    failed = found.failed
    if failed is not None:
        console.print(
            Text(f"Verification failed at step {failed.number}, {failed.name}.", style="bold red")
        )
        return EXIT_FAILED
    if not found.is_current(day):
        text = f"The folder is whole, but the clearance is not valid on {day}: do not rely on it."
        console.print(Text(text, style="bold yellow"))
        return 0
    known = "" if key is not None else " Pass --key to know also whose it is."
    console.print(Text(f"Everything holds.{known}", style="bold green"))
    return 0


def _line(step: StepResult) -> Indented:
    mark, style = _MARKS[step.result]
    text = Text(f"{step.number:>2}. " if step.result != "note" else "    ")
    text.append(f"{mark} ", style=style)
    text.append(f"{step.name:<12}", style="bold")
    text.append(step.detail, style=style if step.result == "failed" else "")
    return Indented(text, hang=18)
