"""The content pages in both languages and themes, held to what a machine can tell of access."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from accessible import faults_of, keyboard_stops
from browsing import Someone, Stand
from test_pages_port import plan, upload

from entrepot.port.generate import CustomerTable

pytestmark = pytest.mark.slow

PAGES = (
    "/", "/law", "/law?search=consent&day=2024-01-01", "/law/cn-provisions-2024?cases=1",
    "/law/changes?since=2024-01-01&until=2024-03-31", "/law/ask", "/law/ask?from=CN&to=DE",
    "/log", "/log/entries?outcome=granted", "/log/entries/0", "/log/entries/1", "/verify",
    "/directory", "/directory?kind=party", "/port",
)  # fmt: skip
LOOKS = [(language, theme) for language in ("en", "zh") for theme in ("light", "dark")]


def examine(person: Someone, url: str) -> list[str]:
    wrong = []
    for language, theme in LOOKS:
        joint = "&" if "?" in url else "?"
        person.goto(f"{url}{joint}lang={language}&theme={theme}")
        wrong += [f"{url} {language} {theme}: {fault}" for fault in faults_of(person.page)]
    return wrong


def test_the_content_pages(stand: Stand, someone: Callable[..., Someone]) -> None:
    person = someone()
    assert [fault for path in PAGES for fault in examine(person, stand.url + path)] == []


def test_the_pages_of_a_table(stand: Stand, operator: Someone, tmp_path: Path) -> None:
    table = tmp_path / "customers.csv"
    pl.concat(CustomerTable(rows=400).batches()).write_csv(table)
    address = upload(operator, stand, table)
    plan(operator)
    wrong = [
        fault
        for path in ("", "/route", "/answer", "/plan", "/clear?way=aggregated")
        for fault in examine(operator, address + path)
    ]
    assert wrong == []


def test_everything_is_reached_by_keyboard(stand: Stand, someone: Callable[..., Someone]) -> None:
    person = someone()
    for path in ("/port", "/law/ask?from=CN&to=DE", "/directory", "/verify", "/log/entries/1"):
        person.goto(f"{stand.url}{path}")
        stops = keyboard_stops(person.page)
        operable = person.page.locator("main a:visible, main button:visible, main summary:visible")
        assert stops >= operable.count(), path


@pytest.mark.parametrize("width", [360, 1200])
def test_nothing_hangs_over_the_edge(
    stand: Stand, someone: Callable[..., Someone], width: int
) -> None:
    person = someone(viewport={"width": width, "height": 800})
    for path in PAGES:
        person.goto(f"{stand.url}{path}")
        over = person.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert over <= 1, (path, over)
