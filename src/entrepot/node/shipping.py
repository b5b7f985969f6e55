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
from entrepot.port.clear.record import Parties

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
    home: Path | None = None
    register: str = ""

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
            click.option(
                "--home",
                type=click.Path(path_type=Path),
                help="Folder of keys, log, store and counters (clear: ~/.local/share/entrepot).",
            ),
            click.option(
                "--register",
                default="",
                help="Whose numbers tell the persons apart, where several tables use them.",
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
        options["home"],
        options["register"],
    )


class Counters(msgspec.Struct, frozen=True):
    """Which counters a shipment is asked against, and for which recipient."""

    home: Path
    today: date
    parties: Parties | None
    register: str = ""


def counters_of(order: Asked, declared: Mapping[str, object]) -> Counters | None:
    """Return the counters a command named by `--home`; None without.

    The recipient is the one declared as `recipient.name`.
    """
    if order.home is None:
        return None
    name = declared.get("recipient.name")
    parties = Parties("", name, "") if isinstance(name, str) and name.strip() else None
    return Counters(order.home, order.as_of, parties, order.register)


def print_json(value: object) -> None:
    """Print `value` as indented JSON on standard output."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
