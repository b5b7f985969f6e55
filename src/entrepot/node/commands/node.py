"""`entrepot node`: how a running node is, asked over HTTP."""

from __future__ import annotations

import click

from entrepot.client import Client
from entrepot.kernel.encoding import to_json
from entrepot.kernel.errors import visible


@click.group(name="node", help="How a running node is.")
def command() -> None:
    """Ask a running node."""


@command.command(name="status", help="Role, size of the log, queue, disk; exit 1 when not ready.")
@click.option("--url", default="http://127.0.0.1:8600", show_default=True, help="The node.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(url: str, as_json: bool) -> int:
    """Print what the node says of itself; exit 0 when it is ready, 1 when it is not."""
    with Client(url) as client:
        found = client.status()
    if as_json:
        click.echo(to_json(found))
    else:
        for name, value in found.items():
            shown = ", ".join(map(str, value)) or "nothing" if isinstance(value, list) else value
            click.echo(visible(f"{name:<18} {shown}"))
    return 0 if found.get("ready") is True else 1
