"""`entrepot generate`: make a structurally valid table of invented persons."""

from __future__ import annotations

from pathlib import Path

import click

from entrepot.kernel.errors import Conflict, NotFound
from entrepot.port.generate import CustomerTable


@click.command("generate")
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--rows", default=200_000, show_default=True, help="Persons in the table.")
@click.option(
    "--chinese-share",
    default=0.6,
    show_default=True,
    help="Share of Chinese persons; the rest are German.",
)
@click.option(
    "--sensitive-share",
    default=0.04,
    show_default=True,
    help="Share of persons with sensitive cells.",
)
@click.option(
    "--seed", default=20261121, show_default=True, help="The same seed makes the same table."
)
def command(out: Path, rows: int, chinese_share: float, sensitive_share: float, seed: int) -> None:
    """Write a CSV of invented customers to OUT, with valid check digits. Never overwrites."""
    if out.exists():
        raise Conflict(
            "the file exists already", value=out, remedy="name another, or remove it first"
        )
    if not out.parent.is_dir():
        raise NotFound("no such folder", value=out.parent, remedy="make it first")
    write_customers(CustomerTable(rows, chinese_share, sensitive_share, seed), out)
    click.echo(f"{out}: {rows:,} invented customers", err=True)


def write_customers(table: CustomerTable, out: Path) -> None:
    """Write `table` as UTF-8 CSV to `out`, whole or not at all."""
    part = out.with_name(out.name + ".part")
    try:
        with part.open("wb") as stream:
            for number, frame in enumerate(table.batches()):
                frame.write_csv(stream, include_header=number == 0)
            if table.rows == 0:
                stream.write(b"customer_id\n")
        part.rename(out)
    finally:
        part.unlink(missing_ok=True)
