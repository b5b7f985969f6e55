"""`entrepot demo`: the whole port on two tables, one real and one generated.

(a) Real hotel bookings, Portugal to the United States and to China: is this anonymous, and by which
route may it leave? (b) 200,000 invented customers, China to Germany, under the law of three
days, then planned, cleared and verified offline. Everything is written under one folder.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import nullcontext
from datetime import date, timedelta
from pathlib import Path

import click
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from entrepot.kernel.errors import Conflict, NotFound, VerificationError
from entrepot.kernel.home import open_node
from entrepot.law import Library
from entrepot.law.model import Assessment, Citation
from entrepot.law.yamlsource import read_text, read_yaml
from entrepot.node.commands.generate import write_customers
from entrepot.node.commands.inspect import inspect_with_law, rendered
from entrepot.node.layout import Indented
from entrepot.node.progress import is_watched
from entrepot.node.screen import Screen
from entrepot.port.clear.clearing import Cleared, Order, clear
from entrepot.port.clear.institution import port_institution
from entrepot.port.clear.record import Parties
from entrepot.port.facts import flat
from entrepot.port.generate import CustomerTable
from entrepot.port.model import Inspection
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.planner import make_plan
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import Shipment, shipment
from entrepot.port.plan.words import title_of
from entrepot.port.verify.verifying import verify

EXAMPLES = Path(__file__).resolve().parents[4] / "examples"
ROWS_MAX = 100_000_000
PAST_DAYS = (date(2023, 6, 1), date(2024, 4, 1))


@click.command("demo")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="A new folder for everything the demo writes (demo-out, or demo-out-2, …).",
)
@click.option(
    "--rows",
    type=click.IntRange(1, ROWS_MAX),
    default=200_000,
    show_default=True,
    help="Customers in the generated table.",
)
def command(out: Path | None, rows: int) -> None:
    """Show the whole port at work on a real and on a generated table."""
    folder = _new_folder(out)
    demo = Demo(folder, rows)
    demo.bookings()
    demo.customers()
    demo.closing()


class Demo:
    """One run of the demo: its folder, its law, its console."""

    def __init__(self, folder: Path, rows: int) -> None:
        """Load the law once; `folder` exists and is empty."""
        self.folder = folder
        self.rows = rows
        self.today = date.today()  # noqa: DTZ011 - the law of the reader's own day
        self.console = Screen(highlight=False)
        self.library = Library.load()

    def bookings(self) -> None:
        """(a) Real bookings: is this anonymous, and by which route may they leave?"""
        table = EXAMPLES / "hotel_bookings.csv"
        self.heading("a", "14,938 real hotel bookings, Portugal to the United States and to China")
        self.say("Their authors removed the names. Is this anonymous?")
        inspection = inspect_with_law(table, self.library, self.today)
        self.console.print(rendered(inspection, brief=True))
        declared = self.declared("bookings.facts.yaml")
        routes = _routes_table("to")
        for destination in ("US", "CN"):
            goods = self.goods(inspection, "PT", destination, self.today, declared)
            assessment = self.assessed(goods)
            _add_route(routes, self.library.jurisdictions.name(destination), assessment)
        self.console.print(routes)
        goods = self.goods(inspection, "PT", "US", self.today, declared)
        plan = self.planned(goods, table)
        self.say("The ways to send them to the United States, each checked by the engine:")
        self.console.print(_ways_table(plan))

    def customers(self) -> None:
        """(b) Generated customers: three days, three routes; then plan, clear, verify."""
        table = self.folder / "customers.csv"
        self.heading("b", f"{self.rows:,} invented customers, China to Germany, on three days")
        with self.console.status("generating") if is_watched() else nullcontext():
            write_customers(CustomerTable(rows=self.rows), table)
        declared = self.declared("customers.facts.yaml")
        self.refresh_finding(declared)
        routes = _routes_table("under the law of")
        inspection = None
        for day in (*PAST_DAYS, self.today):
            inspection = inspect_with_law(table, self.library, day)
            goods = self.goods(inspection, "CN", "DE", day, declared)
            _add_route(routes, str(day), self.assessed(goods))
        if inspection is None:
            return
        self.console.print(rendered(inspection, brief=True))
        self.console.print(routes)
        plan = self.planned(goods, table)
        self.say(f"The lawful ways on {self.today}, each checked by the engine:")
        self.console.print(_ways_table(plan))
        self.cleared(table, inspection, declared)

    def cleared(self, table: Path, inspection: Inspection, declared: dict[str, object]) -> None:
        """Do what is due before the transfer, clear the table as it is, verify the folder."""
        done = self.read("customers.done.yaml")
        goods = self.goods(
            inspection, "CN", "DE", self.today, declared | flat(done["facts"], self.library)
        )
        plan = self.planned(goods, table)
        way = next((way for way in plan.ways if way.kind == "as-is" and way.status == "open"), None)
        if way is None:
            raise NotFound(
                "no way of the demo is open", remedy="this is a defect; please report it"
            )
        target = self.folder / "clearance"
        order = Order(
            goods=goods,
            plan=plan,
            way=way,
            source=TableSource(table),
            parties=Parties(
                "Example Retail (Beijing) Ltd", "Example Retail GmbH", "customer analytics"
            ),
            out=target,
            evidence=done["evidence"],
        )
        self.say(
            "Once notice, consent and impact assessment are declared as done, "
            f"“{way.title}” is open. Clearing:"
        )
        home = self.folder / "home"
        with open_node(home, institutions=(port_institution(self.library, home=home),)) as node:
            answer = clear(order, node)
        if not isinstance(answer, Cleared):
            reasons = "; ".join(reason.sentence for reason in answer.reasons)
            raise Conflict("the demo's clearance was refused", value=reasons)
        for entry in sorted(p for p in target.rglob("*") if p.is_file()):
            size = entry.stat().st_size
            self.console.print(f"  {entry.relative_to(self.folder)}  {size:,} bytes", style="dim")
        self.say("Verifying the folder offline, from its files alone:")
        result = verify(target)
        marks = {"ok": ("ok    ", "green"), "failed": ("FAILED", "red"), "note": ("note  ", "dim")}
        for step in result.steps:
            mark = Text.assemble(f"  {step.number:>2} ", marks[step.result])
            self.console.print(Indented(mark.append(f" {step.name}: {step.detail}"), hang=10))
        if result.failed is not None:
            raise VerificationError(
                "the demo's clearance does not verify", value=result.failed.name
            )

    def closing(self) -> None:
        """Say where everything is and what to try next."""
        report = self.folder / "clearance" / "report.html"
        self.console.print(Rule(style="dim"))
        self.say(f"The report that counsel reads: {report}")
        name = _typed_name()
        self.say(f"Your own file: {name} inspect FILE, then {name} assess FILE --from … --to …")

    def goods(
        self, inspection: Inspection, origin: str, to: str, day: date, facts: dict[str, object]
    ) -> Shipment:
        """Return the shipment of an inspected table on a day, with declared facts."""
        flow = self.library.flow(origin, to, as_of=day, known_at=self.today)
        return shipment(inspection, self.library, flow, facts)

    def assessed(self, goods: Shipment) -> Assessment:
        """Return the engine's answer for a shipment as it is."""
        facts = self.library.facts({**goods.inspected, **goods.declared})
        return self.library.bind(goods.flow).assess(facts)

    def planned(self, goods: Shipment, table: Path) -> Plan:
        """Return the plan of a shipment, showing each step while somebody watches."""
        if not is_watched():
            return make_plan(goods, source=TableSource(table))
        with self.console.status("planning") as status:
            return make_plan(
                goods,
                source=TableSource(table),
                on_step=lambda step: status.update(f"planning: {step}"),
            )

    def declared(self, name: str) -> dict[str, object]:
        """Return the declared facts of an example, by dotted name."""
        return flat(self.read(name), self.library)

    def read(self, name: str) -> dict[str, dict[str, str]]:
        """Read one of the example files."""
        path = EXAMPLES / name
        if not path.exists():
            raise NotFound("the example is not here", value=path, remedy="run from a checkout")
        text, _ = read_text(path, file=name)
        content: dict[str, dict[str, str]] = read_yaml(text, file=name).value
        return content

    def refresh_finding(self, declared: dict[str, object]) -> None:
        """Date the invented finding by the reader's calendar, so that it has not expired."""
        finding = declared.get("cn.ftz.position")
        if isinstance(finding, dict):
            finding["on"] = self.today - timedelta(days=19)
            finding["expires"] = self.today + timedelta(days=346)
        declared["transfer.date"] = self.today + timedelta(days=9)

    def heading(self, letter: str, text: str) -> None:
        """Show the heading of a part."""
        self.console.print()
        self.console.print(Rule(f"[bold]({letter}) {text}[/]", align="left"))

    def say(self, text: str) -> None:
        """Show one line of narration."""
        self.console.print(Text(f"\n{text}", style="bold"))


def _typed_name() -> str:
    """Return what to type to run this command here: its name, or its path where it is not found."""
    return "entrepot" if shutil.which("entrepot") else os.path.relpath(sys.argv[0])


def _routes_table(first: str) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 1, 0))
    for name in (first, "route", "because", "before the transfer"):
        table.add_column(name, vertical="top")
    return table


def _add_route(table: Table, label: str, assessment: Assessment) -> None:
    side = next((s for s in assessment.sides if s.outcome == assessment.outcome), None)
    because = Text()
    for rule in side.rules if side else []:
        because.append(_cited(rule.citation), style="bold")
        because.append(f" {rule.says} ")
    due = [d for d in assessment.duties if d.before_transfer and d.state in ("open", "possible")]
    duties = dict.fromkeys(f"{d.code.replace('_', ' ')} ({d.citation.article})" for d in due)
    meaning = title_of(assessment.outcome)
    table.add_row(
        Text(label, style="bold"),
        Text("\n".join((assessment.outcome.replace("|", "|\n"), meaning))),
        because,
        "\n".join(duties) or "nothing",
    )


def _cited(citation: Citation) -> str:
    """Name the article, with its instrument where the article does not."""
    named = citation.article if citation.article[:3] != "art" else ""
    return f"{named or f'{citation.source}, {citation.article}'} [{citation.evidence}]:"


_WAY_WIDTH = 24


def _ways_table(plan: Plan) -> Table:
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    for name in ("", "way", "route", "status", "lost", "before", "later", "k"):
        width = _WAY_WIDTH if name == "way" else None
        right = name in ("lost", "k")
        table.add_column(
            name, justify="right" if right else "left", min_width=width, overflow="fold"
        )
    for way in plan.ways:
        table.add_row(*_way_cells(way))
    return table


def _way_cells(way: Way) -> list[str]:
    return [
        str(way.number),
        way.title,
        way.outcome,
        way.status,
        f"{way.loss.loss:.0%}",
        f"{way.burden.before + way.burden.findings} to do",
        f"{way.burden.later} duties",
        str(way.risk.k) if way.risk else "",
    ]


def _new_folder(out: Path | None) -> Path:
    if out is not None:
        if out.exists():
            raise Conflict("the folder exists", value=out, remedy="name a new one")
        out.mkdir(parents=True)
        return out
    for number in range(1, 1_000):
        folder = Path("demo-out" if number == 1 else f"demo-out-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return folder
    raise Conflict("demo-out to demo-out-999 exist", remedy="remove some, or give --out")
