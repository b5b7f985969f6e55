"""The page of a real clearance: complete, self-contained, silent about cells, safe to open."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from clearing_stage import DECLARED, FOUND, MET, cleared

from entrepot.port.clear.clearing import Cleared
from entrepot.port.generate import CustomerTable
from entrepot.port.report import render
from entrepot.port.report.page import _SECTIONS

ROWS = 400
HOSTILE_NAME = "full_name<img src=x onerror=alert(1)>"
HOSTILE_CITY = 'city" onmouseover="alert(2)'
HOSTILE_RECIPIENT = "<script>alert(3)</script> & 'Sons' \"GmbH\""
RENAMED = {"full_name": HOSTILE_NAME, "city": HOSTILE_CITY}
ELEMENTS = set(
    "html head meta title style body p h1 h2 h3 b div table thead tbody tr th td ul li code nav a "
    "i section span figure figcaption svg g rect text line circle path".split()
)


class Page(HTMLParser):
    """What a browser would see: elements, attributes, text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        self.text = " ".join(self.words)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "customers.csv"
    table = pl.concat(CustomerTable(rows=ROWS).batches()).rename(RENAMED)
    table.write_csv(path)
    return path


@pytest.fixture(scope="module")
def clearance(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Cleared:
    folder = tmp_path_factory.mktemp("cleared")
    result = cleared(
        source,
        folder / "out",
        folder / "home",
        kind="without-sensitive",
        declared={**DECLARED, **MET, **FOUND},
        recipient=HOSTILE_RECIPIENT,
    )
    assert isinstance(result, Cleared)
    return result


@pytest.fixture(scope="module")
def page(clearance: Cleared) -> Page:
    return Page(render(clearance.record))


def test_the_same_record_gives_the_bytes_that_were_delivered(clearance: Cleared) -> None:
    first = render(clearance.record)
    assert first == render(clearance.record)
    assert (clearance.folder / "report.html").read_bytes() == first.encode()


def test_nothing_is_loaded_and_nothing_runs(page: Page, clearance: Cleared) -> None:
    assert set(page.elements) <= ELEMENTS
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in ("src", "srcset", "data", "action", "style", "background"), (tag, name)
        if "href" in name:
            assert value.startswith("#"), value
    style = render(clearance.record).partition("<style>")[2].partition("</style>")[0]
    assert style
    assert not re.search(r"url\(|@import|expression", style)
    policy = [value for _, name, value in page.attributes if "default-src" in value]
    assert policy == [
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    ]


def test_every_section_is_there_and_says_something(clearance: Cleared) -> None:
    shown = render(clearance.record)
    for name, title, _ in _SECTIONS:
        assert shown.count(f'<section id="{name}">') == 1
        body = shown.partition(f'<section id="{name}">')[2].partition("</section>")[0]
        assert title in body
        assert len(Page(body).text) > len(title) + 20, f"{name} is empty"


def test_the_page_answers_what_counsel_asks(page: Page, clearance: Cleared) -> None:
    record = clearance.record
    for said in (
        record.id,
        f"{ROWS:,} persons",
        "Example Trading Co",
        "CN-P-5.4",
        "art 5(1)(4)",
        "PIA 2026-11",
        str(record.validity.valid_until),
        record.log_key,
        *(file.sha256 for file in record.files),
        *(book.sha256 for book in record.assessment.law),
        *(duty.says for duty in record.duties),
    ):
        assert said in page.text, said


def test_strangers_text_stays_text(page: Page, clearance: Cleared) -> None:
    shown = render(clearance.record)
    for hostile in (HOSTILE_NAME, HOSTILE_CITY, HOSTILE_RECIPIENT):
        assert hostile in page.text
    assert "<img" not in shown
    assert "<script" not in shown
    assert 'onmouseover="' not in shown


def test_no_cell_of_the_data_is_on_the_page(page: Page, source: Path) -> None:
    table = pl.read_csv(source, infer_schema_length=0)
    for name in table.columns:
        if name in ("gender", "country", "orders", "last_order_on"):
            continue  # codes, small numbers and days that stand on every such page
        for cell in table[name].drop_nulls().unique():
            if len(cell) < 2:
                continue
            found = re.search(rf"(?<![\w.,]){re.escape(cell)}(?![\w.,])", page.text)
            assert found is None, f"a cell of {name} is on the page"
