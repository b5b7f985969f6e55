"""Make a home with twenty clearances on the days on which they could be given.

    python tests/node/twenty_clearances.py HOME

Every one takes the real way: a small table is inspected, the law of its day is asked, the way is
carried out, and the folder is written and logged; only the clock is set. The delivered folders lie
in HOME-delivered. The parties are invented.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from entrepot.kernel.home import open_node
from entrepot.law.library import Library
from entrepot.port.clear.clearing import Cleared, Order, clear
from entrepot.port.clear.institution import port_institution
from entrepot.port.clear.record import Parties
from entrepot.port.inspect import inspect_under
from entrepot.port.plan.model import Plan
from entrepot.port.plan.planner import as_is_way, make_plan
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import Shipment, shipment

PERSONS = 40
EXPORTER = "Example Trading Co"

Facts = dict[str, object]


def found(value: object, on: date) -> Facts:
    """Return a finding as a facts file writes it."""
    return {"value": value, "by": "A. Counsel", "reasons": "assessed in writing", "on": on}


CN: Facts = {
    "basis.legal": "contract",
    "transfer.purpose": "analytics",
    "exporter.persons_held": 500_000,
    "cn.two_years.sensitive": 0,
    "cn.year.sensitive": 0,
    "cn.notice.given": True,
    "cn.impact.done": True,
}
CN_CONTRACT: Facts = {**CN, "cn.contract.in_force": True, "cn.contract.filed": True}
CN_ASSESSED: Facts = {**CN, "cn.assessment.passed": True}
US: Facts = {"transfer.purpose": "analytics", "us.data_broker": False, "us.program_in_place": True}
EU: Facts = {
    "basis.legal": "contract",
    "data.sensitive": False,
    "eu.persons.special": 0,
    "eu.notice.given": True,
    "exporter.role": "controller",
    "recipient.role": "processor",
    "eu.processor_contract.in_force": True,
}
VN: Facts = {
    "vn.lawful": True,
    "vn.class_checked": found(True, date(2025, 10, 6)),
    "vn.service_checked": found(True, date(2025, 10, 6)),
    "vn.binding_document": True,
    "pia.done": True,
}


def counted(persons: int, *, this_year: int | None = None) -> Facts:
    """Say how many persons went out over the two windows that Chinese law has used."""
    return {
        "cn.two_years.persons": persons,
        "cn.year.persons": persons if this_year is None else this_year,
    }


@dataclass(frozen=True)
class Wanted:
    """One clearance: when, from where to where, what is declared, which table."""

    day: date
    origin: str
    destination: str
    recipient: str
    facts: Facts
    table: str = "orders"
    unset: tuple[str, ...] = field(default=())


TWENTY = (
    Wanted(date(2023, 3, 1), "DE", "IN", "Udaharan Services", {
        **EU, "eu.instrument": "scc", "eu.scc.set": "scc_2021_914", "eu.scc.module": "two",
        "eu.scc.signed": True, "eu.tia.result": found("adequate", date(2023, 2, 1)),
    }),
    Wanted(date(2023, 6, 1), "CN", "DE", "Beispiel GmbH", CN_CONTRACT | counted(3_000)),
    Wanted(date(2023, 6, 2), "CN", "DE", "Muster AG", CN_ASSESSED | counted(150_000)),
    Wanted(date(2023, 9, 4), "CN", "DE", "Beispiel GmbH", CN_ASSESSED | counted(1_200_000)),
    Wanted(date(2023, 9, 5), "CN", "DE", "Messwerte GmbH", {
        "data.personal": False, "transfer.purpose": "trade",
    }, "readings"),
    Wanted(date(2023, 10, 9), "CN", "DE", "Konzern SE", CN_CONTRACT | counted(60_000)),
    Wanted(date(2023, 11, 6), "CN", "DE", "Muster AG", {
        **CN_ASSESSED, **counted(110_000, this_year=60_000),
    }),
    Wanted(date(2024, 1, 8), "CN", "DE", "Betreiber GmbH", {
        **CN_ASSESSED, **counted(2_000), "exporter.ciio": True,
    }),
    Wanted(date(2024, 2, 5), "CN", "DE", "Beispiel GmbH", {
        **CN_ASSESSED, **counted(900_000), "exporter.persons_held": 1_500_000,
    }),
    Wanted(date(2024, 3, 4), "DE", "CH", "Esempio SA", EU),
    Wanted(date(2024, 7, 1), "US", "CN", "Shili Analytics", {
        **US, "us.transaction": "brokerage", "us.covered_person": True, "us.bulk.health": 20_000,
        "us.categories": ["health"],
    }),
    Wanted(date(2024, 7, 2), "US", "CN", "Shili Cloud", {
        **US, "us.transaction": "vendor", "us.covered_person": True, "us.bulk.health": 20_000,
        "us.categories": ["health"],
    }),
    Wanted(date(2024, 7, 3), "US", "DE", "Beispiel GmbH", {
        **US, "us.transaction": "vendor", "us.covered_person": False,
    }),
    Wanted(date(2025, 11, 5), "CN", "DE", "Konzern SE", {
        **CN, **counted(250_000), "cn.certificate.held": True,
        "cn.certificate.expires_on": date(2028, 1, 15), "recipient.kind": "affiliate",
    }),
    Wanted(date(2025, 11, 6), "CN", "DE", "Betreiber GmbH", {
        **CN_ASSESSED, **counted(2_000), "exporter.ciio": True,
    }),
    Wanted(date(2025, 11, 7), "CN", "DE", "Beispiel GmbH", CN | counted(20_000)),
    Wanted(date(2025, 11, 10), "VN", "SG", "Contoh Pte", VN),
    Wanted(date(2025, 11, 11), "VN", "SG", "Contoh Pte", {**VN, "data.origin": "foreign_only"}),
    Wanted(date(2025, 12, 1), "VN", "SG", "Contoh Cloud", {
        **VN, "localised.copy": True, "vn.service_users": True,
    }),
    Wanted(date(2025, 12, 2), "DE", "CH", "Esempio SA", EU),
)  # fmt: skip
"""In the order of their days, as the log has them."""


def noon(day: date) -> int:
    """Return the POSIX seconds of noon, UTC."""
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())


def table(folder: Path, kind: str, number: int) -> Path:
    """Write a small table: orders of invented persons, or readings that concern nobody."""
    path = folder / f"{kind}-{number}.csv"
    if kind == "readings":
        lines = ["sensor,pressure_bar", *(f"S{n % 7},{1 + n / 100:.2f}" for n in range(PERSONS))]
    else:
        lines = ["customer_id,email,amount_minor"]
        lines += [
            f"C{number:02}{n:04},person{number}.{n}@example.org,{100 + 7 * n}"
            for n in range(PERSONS)
        ]
    path.write_text("\n".join(lines) + "\n")
    return path


def goods_of(library: Library, wanted: Wanted, path: Path) -> Shipment:
    """Inspect a table under the law of the day and join what is declared."""
    flow = library.flow(wanted.origin, wanted.destination, wanted.day)
    found = inspect_under(library, path, as_of=flow.as_of, known_at=flow.known_at)
    profile = library.profile("ordinary-company")
    facts = {**profile, "transfer.kind": "send", "transfer.onward": False, **wanted.facts}
    return shipment(found, library, flow, facts)


def cleared(library: Library, wanted: Wanted, home: Path, number: int) -> Cleared:
    """Clear one shipment as it is, in a home whose clock shows noon of its day."""
    out = home.with_name(f"{home.name}-delivered") / f"{number:02}"
    with tempfile.TemporaryDirectory() as folder:
        path = table(Path(folder), wanted.table, number)
        goods = goods_of(library, wanted, path)
        source = TableSource(path)
        plan: Plan = make_plan(goods)
        parties = Parties(EXPORTER, wanted.recipient, "analytics")
        order = Order(goods, plan, as_is_way(goods), source, parties, out)
        clock = noon(wanted.day)
        institution = port_institution(library, home=home)
        with open_node(home, institutions=(institution,), clock=lambda: clock) as node:
            result = clear(order, node, clock=lambda: clock)
    if not isinstance(result, Cleared):
        raise SystemExit(f"{number}: {result.assessment.outcome} {result.reasons}")
    return result


def make(home: Path, library: Library, wanted: tuple[Wanted, ...] = TWENTY) -> list[Cleared]:
    """Clear all of `wanted` in one home, in order."""
    return [cleared(library, each, home, number) for number, each in enumerate(wanted, start=1)]


if __name__ == "__main__":
    for number, done in enumerate(make(Path(sys.argv[1]), Library.load()), start=1):
        record = done.record
        flow = record.plan.flow
        print(f"{number:>2}  {flow.as_of}  {flow.origin} → {flow.destination}  {record.id}  "
              f"{record.assessment.outcome}, until {record.validity.valid_until}")  # fmt: skip
