"""`entrepot plan FILE --from CN --to DE`: the lawful ways, ranked, with what each one costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from entrepot.kernel.errors import InvalidInput
from entrepot.law.outcomes import LAYERS
from entrepot.node.declaring import declared_facts
from entrepot.node.goods import shipment_of
from entrepot.node.lawcache import open_library
from entrepot.node.options import laws_option
from entrepot.node.plans import rendered_plan
from entrepot.node.progress import reading_bar
from entrepot.node.screen import Screen
from entrepot.node.shipping import (
    K_MAX,
    asked,
    counters_of,
    print_json,
    shipping_options,
)
from entrepot.port.plan.model import Plan
from entrepot.port.plan.planner import Options, make_plan
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import Shipment
from entrepot.port.risk import K_WANTED


@click.command("plan")
@click.argument("file", type=click.Path(path_type=Path))
@shipping_options
@laws_option
@click.option(
    "--k",
    type=click.IntRange(2, K_MAX),
    default=K_WANTED,
    show_default=True,
    help="Smallest group.",
)
@click.option(
    "--order",
    default=",".join(LAYERS),
    show_default=True,
    help="Which layer of law comes first in the ranking.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the whole plan as JSON.")
def command(
    file: Path, laws: Path | None, k: int, order: str, as_json: bool, **options: Any
) -> int:
    """Search the lawful ways for FILE and rank them.

    Exit 1 when there is none; the plan then says why, and what would help.
    """
    layers = tuple(layer.strip() for layer in order.split(","))
    if sorted(layers) != sorted(LAYERS):
        raise InvalidInput("not an order of all layers", value=order, remedy=", ".join(LAYERS))
    wanted = asked(options)
    library = open_library(laws)
    declared = declared_facts(library, wanted.facts_file, wanted.facts, wanted.profile)
    counters = counters_of(wanted, declared)
    goods = shipment_of(file, library, wanted.flow(library), declared, counters)
    plan, _source = planned(goods, file, k, layers)
    if as_json:
        print_json(plan)
    else:
        Screen(highlight=False).print(rendered_plan(plan, library))
    return 0 if plan.ways else 1


def planned(
    goods: Shipment, file: Path, k: int, order: tuple[str, ...] = LAYERS
) -> tuple[Plan, TableSource]:
    """Make a plan of an inspected file, with a bar where somebody watches."""
    with reading_bar(f"planning {file.name}") as progress:
        source = TableSource(file, progress=progress)
        options = Options(k=k, minimum_cell=k, order=order)
        return make_plan(goods, source=source, options=options), source
