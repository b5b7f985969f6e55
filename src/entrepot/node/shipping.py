"""What `assess`, `plan` and `clear` share: their options, and the way from a file to a shipment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from entrepot.law.library import Library
from entrepot.law.model import Flow
from entrepot.node.options import DATE
from entrepot.node.progress import reading_bar
from entrepot.port.inspect import inspect_under
from entrepot.port.model import Inspection
from entrepot.port.plan.states import Shipment, shipment

K_MAX = 1_000_000
"""Largest smallest group that may be asked for."""

Command = TypeVar("Command", bound=Callable[..., Any])


class Asked(msgspec.Struct, frozen=True):
    """The options that every one of these commands takes."""

    origin: str
    destination: str
    facts_file: Path | None
    facts: tuple[str, ...]
    profile: str | None
    as_of: date
    known_at: date | None

    def flow(self, library: Library) -> Flow:
        """Return the flow asked about. Raises `InvalidInput` for an unknown jurisdiction."""
        return library.flow(self.origin, self.destination, self.as_of, self.known_at)


def shipping_options(command: Command) -> Command:
    """Add the options of `Asked` to a command."""
    for option in reversed(
        (
            click.option("--from", "origin", required=True, help="Jurisdiction it leaves (CN)."),
            click.option(
                "--to",
                "destination",
                required=True,
                help="Jurisdiction that gets it (DE).",
            ),
            click.option(
                "--facts",
                "facts_file",
                type=click.Path(path_type=Path),
                help="YAML file of declared facts and findings.",
            ),
            click.option(
                "--fact", "facts", multiple=True, help="A declared fact, NAME=VALUE; repeatable."
            ),
            click.option(
                "--profile",
                help="A named set of declared facts; `entrepot law list`.",
            ),
            click.option("--as-of", type=DATE, default=None, help="Day whose law applies (today)."),
            click.option(
                "--known-at", type=DATE, default=None, help="Only what was known on this day."
            ),
        )
    ):
        command = option(command)
    return command


def asked(options: Mapping[str, Any]) -> Asked:
    """Return the shared options out of a command's parameters."""
    return Asked(
        options["origin"],
        options["destination"],
        options["facts_file"],
        tuple(options["facts"]),
        options["profile"],
        options["as_of"] or date.today(),  # noqa: DTZ011 - the reader's own calendar day
        options["known_at"],
    )


def inspected(path: Path, library: Library, flow: Flow) -> Inspection:
    """Inspect a file under the lists of the flow's day, with a bar where somebody watches."""
    with reading_bar(f"inspecting {path.name}") as progress:
        return inspect_under(
            library, path, as_of=flow.as_of, known_at=flow.known_at, progress=progress
        )


def shipment_of(
    path: Path, library: Library, flow: Flow, declared: Mapping[str, object]
) -> Shipment:
    """Inspect a file and join what it shows with what was declared."""
    return shipment(inspected(path, library, flow), library, flow, declared)


def print_json(value: object) -> None:
    """Print `value` as indented JSON on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
