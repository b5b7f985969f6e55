"""`entrepot clear FILE --out DIR`: carry out a way; write data, certificate, proof and report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import RenderableType
from rich.text import Text

from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.home import default_home, open_node
from entrepot.law.library import Library
from entrepot.node.commands.plan import planned
from entrepot.node.declaring import declared_facts
from entrepot.node.goods import shipment_of
from entrepot.node.layout import Indented
from entrepot.node.progress import is_watched, reading_bar
from entrepot.node.screen import Screen
from entrepot.node.shipping import (
    K_MAX,
    Counters,
    asked,
    print_json,
    shipping_options,
)
from entrepot.port.clear.acts import check_parties
from entrepot.port.clear.clearing import Cleared, Order, RefusedClearance, clear
from entrepot.port.clear.institution import port_institution
from entrepot.port.clear.recipients import party_id
from entrepot.port.clear.record import Parties
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.planner import as_is_way
from entrepot.port.risk import K_WANTED


class ClearView(msgspec.Struct, frozen=True):
    """What `clear --json` prints."""

    granted: bool
    id: str
    way: str
    outcome: str
    status: str
    log_index: int
    folder: str
    reasons: list[dict[str, str]]
    rows: int
    persons: int
    valid_until: str


@click.command("clear")
@click.argument("file", type=click.Path(path_type=Path))
@shipping_options
@click.option("--out", type=click.Path(path_type=Path), required=True, help="New folder to write.")
@click.option("--recipient", required=True, help="Who receives the data.")
@click.option("--purpose", required=True, help="What for, as it will stand in the certificate.")
@click.option("--exporter", default="the party of this node", help="Who sends it.")
@click.option(
    "--way", "wanted_way", default=None, help="Number or kind of the way in the plan; 0 = as is."
)
@click.option(
    "--k",
    type=click.IntRange(2, K_MAX),
    default=K_WANTED,
    show_default=True,
    help="Smallest group.",
)
@click.option(
    "--evidence",
    multiple=True,
    help="What shows that a duty is met, DUTY-OR-FACT=TEXT; repeatable.",
)
@click.option(
    "--recipient-id",
    default="",
    help="Its identifier, lei:… or uscc:…; another spelling of the name then starts no new count.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(file: Path, wanted_way: str | None, k: int, as_json: bool, **options: Any) -> int:
    """Clear FILE: refuse with reasons (exit 1), or write a folder that proves itself.

    The way must be open: every duty due before the transfer declared as met, every finding given
    with author, reasons and date in the facts file.
    """
    order = asked(options)
    library = Library.load()
    declared = declared_facts(library, order.facts_file, order.facts, order.profile)
    kinds = library.vocabulary["transfer.purpose"].values
    if options["purpose"] in kinds:
        declared.setdefault("transfer.purpose", options["purpose"])
    home = order.home or default_home()
    parties = Parties(
        options["exporter"],
        options["recipient"],
        options["purpose"],
        party_id(options["recipient_id"]),
    )
    check_parties(parties)
    counters = Counters(home, order.as_of, parties, order.register)
    goods = shipment_of(file, library, order.flow(library), declared, counters)
    plan, source = planned(goods, file, k)
    way = _chosen(plan, wanted_way) or as_is_way(goods)
    wanted = Order(
        goods=goods,
        plan=plan,
        way=way,
        source=source,
        parties=parties,
        out=options["out"],
        evidence=dict(_pair(text) for text in options["evidence"]),
        register=order.register,
    )
    console = Screen(stderr=True, highlight=False)
    with (
        open_node(home, institutions=(port_institution(library, home=home),)) as node,
        reading_bar(f"clearing {file.name}") as progress,
    ):
        source.watched(progress)
        result = clear(
            wanted,
            node,
            on_step=(lambda step: console.print(f"[dim]{step} …[/dim]")) if is_watched() else None,
        )
    if as_json:
        print_json(_view(result, way))
    else:
        Screen(highlight=False).print(_rendered(result, way))
    return 0 if isinstance(result, Cleared) else 1


def _chosen(plan: Plan, wanted: str | None) -> Way | None:
    """Return the way of a number or kind, by default the first; None for 0 or an empty plan.

    Numbers shift when facts change; the kind of a way does not.
    """
    if wanted == "0" or (wanted is None and not plan.ways):
        return None
    for way in plan.ways:
        if wanted in (None, str(way.number), way.kind):
            return way
    ways = ", ".join(f"{way.number} {way.kind}" for way in plan.ways)
    raise InvalidInput(
        "the plan has no such way", value=wanted, remedy=f"it has: {ways or 'none'}, or 0 as it is"
    )


def _pair(text: str) -> tuple[str, str]:
    name, separator, says = text.partition("=")
    if not separator or not says.strip():
        raise InvalidInput("evidence is given as DUTY-OR-FACT=TEXT", value=text)
    return name.strip(), says.strip()


def _view(result: Cleared | RefusedClearance, way: Way) -> ClearView:
    if isinstance(result, Cleared):
        record = result.record
        return ClearView(
            granted=True,
            id=record.id,
            way=way.title,
            outcome=record.assessment.outcome,
            status=record.assessment.status,
            log_index=result.index,
            folder=str(result.folder),
            reasons=[],
            rows=record.rows_after,
            persons=record.persons_after,
            valid_until=record.validity.valid_until.isoformat(),
        )
    return ClearView(
        granted=False,
        id=result.id,
        way=way.title,
        outcome=result.assessment.outcome,
        status=result.assessment.status,
        log_index=result.index,
        folder="",
        reasons=[msgspec.to_builtins(reason) for reason in result.reasons],
        rows=0,
        persons=0,
        valid_until="",
    )


def _rendered(result: Cleared | RefusedClearance, way: Way) -> RenderableType:
    text = Text()
    if isinstance(result, Cleared):
        record = result.record
        text.append("Cleared ", style="bold green")
        text.append(f"{record.id}  {way.title}\n")
        text.append(f"  {record.rows_after:,} rows, {record.persons_after:,} persons")
        if record.risk_after is not None:
            text.append(f", k = {record.risk_after.k:,}")
        if record.risk_before is not None:
            text.append(f" (before: k = {record.risk_before.k:,})")
        validity = record.validity
        text.append(f"\n  valid until {validity.valid_until}: {validity.because}\n")
        text.append(f"  entry {result.index} of {record.log_origin}\n", style="dim")
        text.append(f"  written to {result.folder}\n", style="bold")
        text.append(f"  read {result.folder / 'report.html'}\n", style="dim")
        text.append(f"  check it with: entrepot verify {result.folder}", style="dim")
        return Indented(text, hang=4)
    text.append("Refused ", style="bold red")
    text.append(f"{result.id}  {way.title}\n")
    for reason in result.reasons:
        text.append(f"  {reason.code}  ", style="cyan")
        text.append(f"{reason.sentence} ")
        text.append(f"({reason.citation})\n", style="dim")
    text.append(f"  the refusal is entry {result.index} of the log", style="dim")
    return Indented(text, hang=4)
