"""What the tests of plan, clear and verify stand on: a real table, the real law, a real node."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import polars as pl

from entrepot.kernel.home import Node, open_node
from entrepot.law.library import Library
from entrepot.port.clear.clearing import Cleared, Order, RefusedClearance, clear
from entrepot.port.clear.institution import port_institution
from entrepot.port.clear.record import Parties
from entrepot.port.facts import country_names, sensitivities
from entrepot.port.generate import CustomerTable
from entrepot.port.inspect import inspect_dataset
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.planner import as_is_way, make_plan
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import Shipment, shipment

TODAY = date(2026, 11, 21)
NOON = int(datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp())
ROWS = 2_000

DECLARED: dict[str, object] = {
    "cn.year.prior_persons": 99_000,
    "cn.year.prior_sensitive": 0,
    "transfer.purpose": "analytics",
    "basis.legal": "contract",
}
MET: dict[str, object] = {
    "cn.notice.given": True,
    "cn.notice.sensitive": True,
    "cn.impact.done": True,
}
FOUND: dict[str, object] = {
    "anonymity.confirmed": {
        "value": True,
        "by": "A. Counsel",
        "reasons": "k of at least 11 measured, recipient holds no other table",
        "on": "2026-11-20",
        "expires": "2027-06-30",
    }
}
US_BROKERAGE: dict[str, object] = {
    "us.about_us_persons": True,
    "us.transaction": "brokerage",
    "us.access": True,
    "us.excluded": "none",
    "us.government_related": False,
    "us.data_broker": False,
    "us.prior.identifiers": 100_000,
    "us.prior.geolocation": 0,
    "us.prior.health": 0,
    "us.prior.financial": 0,
    "us.presumed_covered": True,
    "transfer.purpose": "sale",
}


@cache
def library() -> Library:
    return Library.load()


def customers(folder: Path, rows: int = ROWS) -> Path:
    path = folder / "customers.csv"
    pl.concat(CustomerTable(rows=rows).batches()).write_csv(path)
    return path


_GOODS: dict[str, Shipment] = {}
_PLANS: dict[str, tuple[Plan, TableSource]] = {}
"""Inspections and plans of the same file and facts are made once: they are values."""


def goods_of(
    path: Path,
    declared: dict[str, object],
    *,
    origin: str = "CN",
    destination: str = "DE",
    day: date = TODAY,
) -> Shipment:
    law = library()
    key = f"{path} {sorted(declared.items())} {origin} {destination} {day}"
    if key in _GOODS:
        return _GOODS[key]
    inspection = inspect_dataset(
        path, sensitivities=sensitivities(law, day, day), country_names=country_names(law)
    )
    facts = {**law.profile("ordinary-company"), **declared}
    _GOODS[key] = shipment(inspection, law, law.flow(origin, destination, day), facts)
    return _GOODS[key]


def planned(goods: Shipment, path: Path) -> tuple[Plan, TableSource]:
    key = f"{path} {goods.flow} {sorted(goods.declared.items())}"
    if key not in _PLANS:
        source = TableSource(path)
        _PLANS[key] = (make_plan(goods, source=source), source)
    return _PLANS[key]


def way_of(plan: Plan, kind: str) -> Way:
    return next(way for way in plan.ways if way.kind == kind)


def node_at(home: Path, clock: int = NOON) -> Node:
    return open_node(
        home, institutions=(port_institution(library(), home=home),), clock=lambda: clock
    )


def cleared(
    path: Path,
    out: Path,
    home: Path,
    *,
    kind: str = "without-sensitive",
    declared: dict[str, object] | None = None,
    recipient: str = "Beispiel GmbH",
    clock: int = NOON,
) -> Cleared | RefusedClearance:
    facts = {**DECLARED, **MET, **FOUND} if declared is None else declared
    goods = goods_of(path, facts)
    plan, source = planned(goods, path)
    way = as_is_way(goods) if kind == "0" else way_of(plan, kind)
    parties = Parties("Example Trading Co", recipient, "analytics")
    order = Order(goods, plan, way, source, parties, out, {"cn.impact.done": "PIA 2026-11"})
    with node_at(home, clock) as node:
        return clear(order, node, clock=lambda: clock)
