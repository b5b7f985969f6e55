"""From a file to the shipment that a command asks about: inspected, declared, counted.

Apart from `entrepot.node.shipping`, so that a question without a file does not pay for Polars.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import click

from entrepot.law.library import Library
from entrepot.law.model import Flow
from entrepot.node.counting import filled, open_books
from entrepot.node.progress import reading_bar
from entrepot.node.shipping import Counters
from entrepot.port.inspect import inspect_under
from entrepot.port.model import Inspection
from entrepot.port.plan.reductions import AS_IS
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import Shipment, shipment


def inspected(path: Path, library: Library, flow: Flow) -> Inspection:
    """Inspect a file under the lists of the flow's day, with a bar where somebody watches."""
    with reading_bar(f"inspecting {path.name}") as progress:
        return inspect_under(
            library, path, as_of=flow.as_of, known_at=flow.known_at, progress=progress
        )


def shipment_of(
    path: Path,
    library: Library,
    flow: Flow,
    declared: Mapping[str, object],
    counters: Counters | None = None,
) -> Shipment:
    """Inspect a file, join what it shows with what was declared and what the counters know.

    What a reader must hear of the counters goes to standard error.
    """
    goods = shipment(inspected(path, library, flow), library, flow, declared)
    if counters is None:
        return goods
    with open_books(counters.home, counters.today) as books:
        batches = TableSource(path).batches
        found = filled(goods, books, counters.parties, batches, counters.register)
    for note in found.notes:
        click.echo(f"note: {note}", err=True)
    return found.goods


def facts_of(
    path: Path,
    library: Library,
    flow: Flow,
    declared: Mapping[str, object],
    counters: Counters | None = None,
) -> dict[str, object]:
    """Return the facts of a file as it is, joined with what was declared and counted."""
    return dict(shipment_of(path, library, flow, declared, counters).facts_in(AS_IS))
