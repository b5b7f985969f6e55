"""Options of every command that reads a whole home: which one, and where its store is."""

from __future__ import annotations

from pathlib import Path

import click

home_option = click.option("--home", type=click.Path(path_type=Path), help="Home of the node.")
store_option = click.option(
    "--store",
    default="",
    envvar="ENTREPOT_STORE_URL",
    metavar="URL",
    help="Store of the home when it is a PostgreSQL database (password: PGPASSWORD).",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
