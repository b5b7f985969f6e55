"""Shipments of the demo: small tables cleared by the real port, some of them refused their way.

Inspected, assessed under the law of today, carried out and logged like any other; what is cleared
lies in the home under `demo/`. The port's readers take seconds to load, so this is done after the
node has begun to answer.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple

from entrepot.kernel.errors import Conflict
from entrepot.law.library import Library
from entrepot.node.running import Running
from entrepot.port.clear.clearing import Cleared, Order, clear
from entrepot.port.clear.record import Parties
from entrepot.port.inspect import inspect_under
from entrepot.port.plan.planner import as_is_way, make_plan
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import shipment
from entrepot.registry.deadlines import day_of

ROWS: Final = 60


class Shipment(NamedTuple):
    """A shipment of the demo: its name, the way it goes, what is declared, who receives it."""

    name: str
    origin: str
    destination: str
    facts: dict[str, Any]
    recipient: str
    has_persons: bool


_EU: Final = {
    "basis.legal": "contract",
    "data.sensitive": False,
    "eu.persons.special": 0,
    "eu.notice.given": True,
    "exporter.role": "controller",
    "recipient.role": "processor",
    "eu.processor_contract.in_force": True,
}
SHIPMENTS: Final = (
    Shipment("vessel-orders", "DE", "CH", _EU, "Alpine Cargo Desk (invented)", True),
    Shipment(
        "sensor-readings",
        "CN",
        "DE",
        {"data.personal": False, "transfer.purpose": "trade"},
        "Baltic Port Statistics (invented)",
        False,
    ),
)


def clear_shipments(running: Running) -> list[int]:
    """Clear the demo's shipments today; return the indices of their entries in the log.

    Raises Conflict when the law refuses one: the law has changed, and the demo must too.
    """
    folder = running.home / "demo"
    folder.mkdir(exist_ok=True)
    library = running.library()
    return [_clear(running, library, folder, one) for one in SHIPMENTS]


def _clear(running: Running, library: Library, folder: Path, one: Shipment) -> int:
    path = folder / f"{one.name}.csv"
    path.write_text(_table(has_persons=one.has_persons))
    flow = library.flow(one.origin, one.destination, today(running))
    found = inspect_under(library, path, as_of=flow.as_of, known_at=flow.known_at)
    declared = {
        **library.profile("ordinary-company"),
        "transfer.kind": "send",
        "transfer.onward": False,
        **one.facts,
    }
    goods = shipment(found, library, flow, declared)
    order = Order(
        goods=goods,
        plan=make_plan(goods),
        way=as_is_way(goods),
        source=TableSource(path),
        parties=Parties("Northern Freight Telemetry (invented)", one.recipient, "statistics"),
        out=folder / one.name,
    )
    result = clear(order, running.node, clock=running.clock)
    if not isinstance(result, Cleared):
        said = result.reasons[0].sentence if result.reasons else result.assessment.outcome
        raise Conflict("a shipment of the demo was not cleared", value=f"{one.name}: {said}")
    return result.index


def today(running: Running) -> date:
    """Return the day of the node's clock, UTC."""
    return day_of(running.clock())


def _table(*, has_persons: bool) -> str:
    """Return a small table: orders of invented persons, or readings that concern nobody."""
    if has_persons:
        head = "customer_id,email,amount_minor"
        rows = [f"C{n:05},person{n}@example.org,{1_000 + 7 * n}" for n in range(ROWS)]
    else:
        head = "sensor,pressure_bar"
        rows = [f"S{n % 7},{1 + n / 100:.2f}" for n in range(ROWS)]
    return "\n".join([head, *rows]) + "\n"
