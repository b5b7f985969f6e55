"""The atlas in a real browser: the slider moves, a cell opens its reasons, both languages."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner
from playwright.sync_api import Browser, Page, sync_playwright

from entrepot.law import OUTCOMES, Library
from entrepot.law.atlas import atlas_table, make_atlas
from entrepot.law.model import Scalar
from entrepot.node.cli import cli

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
TODAY = date(2026, 11, 22)
PROFILE = "retail-customers"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)"),
]


@dataclass
class Opened:
    """A page with all that it said and asked for."""

    page: Page
    said: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def facts(library: Library) -> dict[str, Scalar]:
    return dict(library.facts(library.profile(PROFILE)).values)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("atlas") / "atlas.html"
    result = CliRunner().invoke(cli, ["atlas", "--as-of", str(TODAY), "-o", str(path)])
    assert result.exit_code == 0, result.output
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"],
        )
        yield found
        found.close()


@pytest.fixture
def opened(browser: Browser, written: Path) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(written.as_uri())
    yield Opened(page, said, asked)
    page.close()


def open_pair(page: Page, origin: str, destination: str) -> str:
    page.select_option("#sender", origin)
    page.select_option("#recipient", destination)
    return page.inner_text("#answer")


def test_the_page_opens_on_the_law_of_the_day_and_asks_the_network_for_nothing(
    opened: Opened, written: Path
) -> None:
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith("data:")] == [written.as_uri()]
    assert opened.page.inner_text("h1") == "Who may send what to whom"
    assert "today" in opened.page.inner_text("#span")


def test_the_slider_moves_through_the_days_of_change(opened: Opened) -> None:
    page = opened.page
    assert "sensitive" in open_pair(page, "CN", "DE")
    seen: dict[str, str] = {}
    page.focus("#slider")
    page.keyboard.press("Home")
    assert page.inner_text("#day") == "2015-01-01"
    before = page.evaluate("document.getElementById('cells').toDataURL()")
    for _ in range(400):
        seen[page.inner_text("#day")] = page.inner_text("#answer .outcome >> nth=0")
        if not page.is_enabled("#after"):
            break
        page.keyboard.press("ArrowRight")
    assert list(seen) == sorted(seen) and len(seen) > 40
    assert page.evaluate("document.getElementById('cells').toDataURL()") != before
    assert seen["2023-06-01"] != seen["2024-03-22"], "the Provisions of 22 March 2024"
    assert seen["2024-03-22"].strip() == "exempt"


def test_a_click_on_a_cell_opens_its_reasons_with_articles(opened: Opened) -> None:
    page = opened.page
    open_pair(page, "KR", "FR")
    cursor = page.evaluate(
        "(() => { const c = document.getElementById('cursor').getBoundingClientRect();"
        " return [c.x + c.width / 2, c.y + c.height / 2]; })()"
    )
    page.select_option("#sender", "")
    assert page.inner_text("#answer").strip() == ""
    page.mouse.click(*cursor)
    text = page.inner_text("#answer")
    assert "Korea" in text and "France" in text
    assert "art 28-8" in text and "verified 2026" in text
    page.keyboard.press("ArrowDown")
    moved = page.inner_text("#answer h2")
    assert moved.endswith("→ France") and not moved.startswith("South Korea")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowRight")
    moved = page.inner_text("#answer h2")
    assert moved.startswith("South Korea →") and not moved.endswith("France")


def test_the_page_speaks_chinese(opened: Opened) -> None:
    page = opened.page
    open_pair(page, "CN", "DE")
    page.click("#language")
    assert page.inner_text("h1") == "谁可以向谁发送什么数据"
    assert page.inner_text("#answer h2") == "中国大陆 → 德国"
    assert page.get_attribute("html", "lang") == "zh"
    assert "发送方法律" in page.inner_text("#answer")


def test_the_browser_joins_sides_as_the_engine_does(
    opened: Opened, library: Library, facts: dict[str, Scalar]
) -> None:
    page = opened.page
    chance = random.Random(3)
    names = page.evaluate("JSON.parse(document.getElementById('data').textContent).outcomes")
    assert names == list(OUTCOMES)
    days = page.evaluate("JSON.parse(document.getElementById('data').textContent).days")
    for text in chance.sample(days, 4):
        page.evaluate(f"location.hash = 'day={text}'; location.reload()")
        page.wait_for_function(f"document.getElementById('day').textContent === '{text}'")
        table = atlas_table(library, facts, as_of=date.fromisoformat(text))
        some = table.filter(pl.col("export").is_not_null()).sample(25, seed=chance.randrange(99))
        for origin, destination, outcome in some.select("from", "to", "outcome").iter_rows():
            open_pair(page, origin, destination)
            shown = page.evaluate("document.querySelector('#answer .swatch').style.background")
            words = page.inner_text("#answer .outcome >> nth=0").strip()
            assert (shown, words) == colour_and_words(page, outcome), (text, origin, destination)


def colour_and_words(page: Page, outcome: str) -> tuple[str, str]:
    """Read the page's own table of outcomes out of its source."""
    source = page.content()
    line = next(
        part
        for part in source.splitlines()
        if part.strip().startswith((f"{outcome}:", f'"{outcome}":'))
    )
    words, _, colour = json.loads(line[line.index("[") : line.rindex("]") + 1])
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})", words


def test_the_atlas_of_all_days_is_the_table_of_each_day(
    library: Library, facts: dict[str, Scalar]
) -> None:
    atlas = make_atlas(library, facts, first=date(2021, 1, 1), last=date(2027, 12, 31), today=TODAY)
    place = {code: at for at, code in enumerate(atlas.places)}
    for day in (date(2021, 10, 31), date(2023, 9, 15), date(2024, 3, 22), TODAY):
        joined = atlas.outcomes(day)
        for origin, destination, outcome in (
            atlas_table(library, facts, as_of=day).select("from", "to", "outcome").iter_rows()
        ):
            found = OUTCOMES[joined[place[origin], place[destination]]]
            assert found == outcome, (day, origin, destination)
