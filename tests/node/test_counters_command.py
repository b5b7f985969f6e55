"""Counters as a user meets them: facts filled from what was cleared, windows on the screen."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from entrepot.kernel.errors import NotFound
from entrepot.law.library import Library
from entrepot.node.cli import cli
from entrepot.node.counting import BY, filled, open_books
from entrepot.port.clear.record import Parties
from entrepot.port.generate import CustomerTable
from entrepot.port.inspect import inspect_under
from entrepot.port.plan.reductions import AS_IS
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import DataState, Shipment, shipment
from entrepot.port.transform.model import DropColumns, SelectPersons

TODAY = datetime.now(tz=UTC).date()
FACTS = """
transfer.purpose: analytics
basis.legal: contract
cn.notice.given: true
cn.notice.sensitive: true
cn.impact.done: true
"""
DECLARED = f"""
by: A. Counsel
on: {TODAY}
reasons: everything leaves here
complete_since: {TODAY.year - 1}-01-01
elsewhere: {{cn.year.prior_persons: 7}}
"""
ROUTE = ["--from", "CN", "--to", "DE", "--profile", "ordinary-company", "--as-of", str(TODAY)]


class Desk:
    """A home, three tables that share persons, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.home = folder, folder / "home"
        self.facts = folder / "facts.yaml"
        self.facts.write_text(FACTS)
        people = pl.concat(CustomerTable(rows=900).batches()).select("email", "full_name", "city")
        for name, first, last in (("a", 0, 400), ("b", 200, 600), ("c", 500, 900)):
            people[first:last].write_csv(folder / f"{name}.csv")

    def run(self, command: str, *arguments: object) -> Result:
        given = [command, *map(str, arguments), "--home", str(self.home)]
        result = CliRunner().invoke(cli, given, standalone_mode=False)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def clear(self, name: str, *more: object) -> Result:
        return self.run(
            "clear", self.folder / f"{name}.csv", *ROUTE, "--facts", self.facts, "--recipient",
            "Beispiel GmbH", "--purpose", "analytics", "--way", "0", "--out",
            self.folder / f"out-{name}", *more,
        )  # fmt: skip

    def declare(self, text: str = DECLARED) -> None:
        (self.home / "counters").mkdir(parents=True, exist_ok=True)
        (self.home / "counters" / "declared.yaml").write_text(text)

    def windows(self) -> dict[str, dict[str, object]]:
        shown = json.loads(self.run("counters", "--json").stdout)
        return {window["fact"]: window for window in shown["windows"]}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.mark.slow
def test_facts_come_from_the_counters_once_somebody_says_they_are_complete(desk: Desk) -> None:
    unknown = desk.clear("a")
    assert unknown.return_value == 1 and "facts are missing" in unknown.stdout
    desk.declare()
    assert desk.clear("a").return_value == 0, "seven left elsewhere, nobody here"
    assert desk.clear("b").return_value == 0
    windows = desk.windows()
    assert windows["cn.year.persons"]["persons_most"] == 600
    assert windows["cn.two_years.persons"]["persons_most"] == 600
    assert windows["cn.year.persons"]["shipments"] == 2
    assert windows["cn.year.persons"]["exact"] and windows["cn.year.persons"]["complete"]
    table = desk.folder / "c.csv"
    shown = desk.run("assess", table, *ROUTE, "--facts", desk.facts, "--no-ask", "--json")
    facts = json.loads(shown.stdout)["facts"]
    assert facts["cn.year.persons"] == str(900 + 7), "400 in the table, 500 others, 7 elsewhere"
    assert BY in (desk.folder / "out-b" / "report.html").read_text()
    text = desk.run("counters").stdout
    assert "cn.year.persons" in text and "600" in text and "100,000" in text


@pytest.mark.slow
def test_without_that_declaration_the_reader_hears_what_was_counted(desk: Desk) -> None:
    desk.declare()
    assert desk.clear("a").return_value == 0
    (desk.home / "counters" / "declared.yaml").unlink()
    result = desk.clear("b")
    assert result.return_value == 1
    assert "cleared 200 other persons since" in result.stderr
    shown = desk.run("counters").stdout
    assert "declared.yaml" in shown
    # A smaller number than the node's own is refused, the same number is not.
    refused = desk.clear("b", "--fact", "cn.year.prior_persons=199", "--fact",
                         "cn.year.prior_sensitive=0")  # fmt: skip
    assert refused.return_value == 1 and "port.below-record" in refused.stdout
    granted = desk.clear("b", "--fact", "cn.year.prior_persons=200", "--fact",
                         "cn.year.prior_sensitive=0")  # fmt: skip
    assert granted.return_value == 0


def test_a_home_where_nothing_was_cleared_is_said_so(desk: Desk) -> None:
    with pytest.raises(NotFound, match="nothing was ever cleared"):
        desk.run("counters")


@pytest.fixture
def goods(desk: Desk) -> Callable[[str], Shipment]:
    library = Library.load()

    def of(name: str) -> Shipment:
        flow = library.flow("CN", "DE", TODAY, TODAY)
        path = desk.folder / f"{name}.csv"
        inspection = inspect_under(library, path, as_of=TODAY, known_at=TODAY)
        return shipment(inspection, library, flow, {})

    return of


def test_who_is_left_out_by_a_way_counts_as_sent_before(
    desk: Desk, goods: Callable[[str], Shipment]
) -> None:
    """200 of a's 400 are in b; of ten persons chosen from b nobody knows yet which."""
    desk.declare()
    assert desk.clear("a").return_value == 0
    with open_books(desk.home, TODAY) as books:
        source = TableSource(desk.folder / "b.csv")
        found = filled(goods("b"), books, Parties("a", "b", "c"), source.batches, "").goods
    known = found.facts_in(AS_IS)["cn.year.prior_persons"]
    assert known == {"value": 200 + 7, "by": BY}
    fewer = DataState("fewer", "", [SelectPersons(columns=["email"], persons=10)])
    assert found.facts_in(fewer)["cn.year.prior_persons"] == {"value": 400 + 7, "by": BY}
    narrower = DataState("narrower", "", [DropColumns(["city"])])
    assert found.facts_in(narrower)["cn.year.prior_persons"] == known


def test_what_somebody_declared_is_left_alone(desk: Desk, goods: Callable[[str], Shipment]) -> None:
    desk.declare()
    assert desk.clear("a").return_value == 0
    declared = shipment(
        goods("b").inspection, goods("b").library, goods("b").flow, {"cn.year.persons": 5_000}
    )
    with open_books(desk.home, TODAY) as books:
        source = TableSource(desk.folder / "b.csv")
        found = filled(declared, books, None, source.batches, "").goods
    assert "cn.year.prior_persons" not in found.declared
    assert found.declared["cn.year.prior_sensitive"] == {"value": 0, "by": BY}
