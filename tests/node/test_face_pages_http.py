"""Every content page over HTTP, found by following links, in both languages, under the policy."""

from __future__ import annotations

import re
import sys
from collections import deque
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from litestar.testing import TestClient

sys.path.append(str(Path(__file__).parents[1] / "registry"))
sys.path.append(str(Path(__file__).parents[1] / "kernel"))

import product_world

from entrepot.kernel.acts import SignedAct
from entrepot.node.app import make_app
from entrepot.node.face.pages_assets import asset_bytes
from entrepot.node.running import Running, open_running
from entrepot.node.settings import read_settings

ORIGIN = "http://localhost.local:8600"
PAGES_MAX = 220


class Links(HTMLParser):
    """Addresses that a page links to or loads, and what its policy would refuse."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.parts: list[str] = []
        self.refused: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in given:
            if name == "style" or name.startswith("on"):
                self.refused.append(f"<{tag} {name}>")
        if tag == "style" or (
            tag == "script" and "src" not in given and given.get("type") != "application/json"
        ):
            self.refused.append(f"<{tag}> inline")
        if given.get("id"):
            self.ids.append(str(given["id"]))
        if tag == "a" and given.get("href"):
            self.links.append(str(given["href"]))
        if tag in ("script", "img") and given.get("src"):
            self.parts.append(str(given["src"]))
        if tag == "link" and given.get("rel") in ("stylesheet", "icon") and given.get("href"):
            self.parts.append(str(given["href"]))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home = tmp_path_factory.mktemp("pages") / "home"
    site = {"relying_party.id": product_world.SITE_ID}
    settings = read_settings(
        environment={},
        given={
            "home": str(home),
            "http.public_url": ORIGIN,
            "relying_party.origins": [product_world.ORIGIN],
            **site,
        },
    )
    now = [product_world.NOW]
    with open_running(settings, clock=lambda: now[0]) as opened:
        world = product_world.founded(opened.node, now, days=10, calendar="CN")
        fill(world)
        yield opened


def fill(world: product_world.World) -> None:
    """Parties, products, rights in every state, and names that try to be markup."""
    harbour = world.admit("Harbour Data Ltd", "provider")
    hostile = world.admit('<script>alert("1")</script> & Söhne', "provider", "buyer")
    world.join(harbour, "amy", "admin", "steward")
    first = world.file(
        harbour,
        personal_data=True,
        keywords=["freight", "<b>roads</b>"],
        fields=[{"name": "</td><td>", "type": "text", "meaning": "a field"}],
        inspection={"sha256": product_world.HASH, "persons": 3, "sensitivity": "personal"},
        quality={"sha256": product_world.HASH, "measures": {"completeness": "99 %"}},
    )
    second = world.file(hostile, title={"zh": "患者分布"}, description={"zh": "按区。"})
    held = world.registered(harbour, first, "hold", transferable=True, sublicence=True)
    terms = {
        "scope": ["any"],
        "territory": ["CN"],
        "term": {"from": "2026-10-01", "until": "2030-01-01"},
    }
    licence = {"source": held, "to": hostile.id, "right": "process", **terms}
    world.done(harbour, "license-right", licence)
    noticed = world.right(hostile, second, "hold", evidence=["ee" * 32])
    grounds = {"code": "prior-right", "sentence": "It is <i>ours</i>."}
    world.done(harbour, "object-to-right", {"right": noticed, "grounds": grounds})
    released = {
        "product": first,
        "version": "2026-10",
        "sha256": "aa" * 32,
        "bytes": 1_000,
        "rows": 10,
    }
    world.done(harbour, "release-product", released)
    world.done(hostile, "withdraw-product", {"product": second, "reason": "<u>sold</u>"})
    world.send(harbour, "close-notice", {"right": 10**6})


@pytest.fixture(scope="module")
def client(running: Running) -> Iterator[TestClient]:
    with TestClient(make_app(running), base_url=ORIGIN) as made:
        yield made


def read(client: TestClient, address: str) -> tuple[Links, str]:
    answer = client.get(address, follow_redirects=True)
    assert answer.status_code == 200, (address, answer.status_code, answer.text[:600])
    found = Links()
    if "html" in answer.headers["content-type"]:
        found.feed(answer.text)
        return found, answer.text
    return found, ""


CONTENT = ("/port", "/directory", "/law", "/log", "/verify")
START = ("/", "/law/ask?from=CN&to=DE", "/law/changes", "/law/atlas")


@pytest.mark.slow
@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_link_leads_somewhere_and_no_page_breaks_the_policy(
    client: TestClient, language: str
) -> None:
    seen: set[str] = set()
    shapes: dict[str, int] = {}
    waiting = deque(f"{path}{'&' if '?' in path else '?'}lang={language}" for path in START)
    parts: set[str] = set()
    while waiting and len(seen) < PAGES_MAX:
        address = waiting.popleft()
        if address in seen:
            continue
        seen.add(address)
        found, text = read(client, address)
        assert found.refused == [], address
        assert len(found.ids) == len(set(found.ids)), (address, sorted(found.ids))
        for bad in ("<script>alert", "<b>roads", "</td><td>a field", "<i>ours", "<u>sold"):
            assert bad not in text, address
        parts.update(part for part in found.parts)
        for link in found.links:
            target = urlsplit(urljoin(address, link))
            if target.netloc or "theme=" in target.query or "lang=" in target.query:
                continue
            path = target.path + (f"?{target.query}" if target.query else "")
            # A few of each shape are enough: /log/entries/1, /log/entries/2 …
            shape = re.sub(r"\d+|lei:\w+|(?<=/law/)[\w-]+", "#", path)
            shapes[shape] = shapes.get(shape, 0) + 1
            if shapes[shape] <= 3 and (path == "/" or path.startswith(CONTENT)):
                waiting.append(path)
    assert {urlsplit(address).path for address in seen} >= {"/", *CONTENT, "/law/ask"}
    assert len(seen) > 40
    for part in parts:
        path = urlsplit(part).path
        assert path.removeprefix("/face/") in asset_bytes() or path.startswith("/law/atlas/"), part


def test_downloads_are_what_they_say(client: TestClient, running: Running) -> None:
    number = next(
        index
        for index in range(running.node.log.size)
        if b"file-product" in running.node.log.tree().entry(index)[:40]
    )
    linked = client.get(f"/directory/products/{number}/product.jsonld")
    assert linked.headers["content-type"].startswith("application/ld+json")
    assert linked.json()["@type"] == "dcat:Dataset" or "@graph" in linked.json()
    turtle = client.get(f"/directory/products/{number}/product.ttl")
    assert "a dcat:Dataset" in turtle.text
    entry = client.get(f"/log/entries/{number}/entry.cbor")
    assert entry.content == running.node.log.tree().entry(number)
    receipt = client.get(f"/log/entries/{number}/receipt.cbor").content
    assert receipt == running.node.log.receipt(number)
    assert client.get("/log/keys.txt").text == running.node.signer.keys.text()
    assert SignedAct(running.node.act_at(number)).unverified_body["metadata"]


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/log/entries/99999999", 404),
        ("/log/entries/-1", 422),
        ("/log/entries/x", 422),
        ("/directory/products/99999", 404),
        ("/directory/products/1;drop", 404),
        ("/directory/parties/nobody", 404),
        ("/law/no-such-book", 404),
        ("/law/ask?from=CN&to=NOWHERE", 422),
        ("/law/ask?from=CN&to=DE&a.exporter.ciio=maybe&a.data.class=%00", 422),
        ("/port/AAAAAAAAAAAAAAAAAAAAAA", 404),
        ("/port/..%2f..%2fetc", 404),
        ("/directory?q=" + "a" * 5_000, 200),
        ("/directory?theme=" + "x" * 300 + "&theme=y&sort=nothing&offset=-5", 200),
        ("/log/entries?kind=<script>&since=yesterday&before=99999999999999999999", 200),
        ("/law?search=%F0%9F%A6%84&day=not-a-day&evidence=Z", 200),
        ("/law/changes?since=2030-01-01&until=2020-01-01", 200),
    ],
)
def test_odd_addresses_get_an_answer_and_never_a_defect(
    client: TestClient, address: str, status: int
) -> None:
    answer = client.get(address, follow_redirects=False)
    assert answer.status_code == status, answer.text[:800]
    assert "<script>&" not in answer.text


def test_filters_of_the_log_find_what_they_say(client: TestClient, running: Running) -> None:
    refused = client.get("/log/entries?outcome=refused").text
    rows = re.findall(r'href="/log/entries/(\d+)"', refused)
    assert rows == [str(running.node.log.size - 1)]
    filed = client.get("/log/entries?kind=file-product").text
    assert len(re.findall(r'<td class="amount"><a href="/log/entries/\d+"', filed)) == 2
    none = client.get("/log/entries?since=2031-01-01&lang=en").text
    assert "No entry fits." in none


def test_the_home_page_counts_what_the_log_proves(client: TestClient, running: Running) -> None:
    text = client.get("/?lang=en").text
    figures = re.findall(r'<span class="figure">([\d\u202f]+)</span>([^<]+)', text)
    found = {words: int(number.replace("\u202f", "")) for number, words in figures}
    assert found == {
        "data products": 1,
        "parties": 3,
        "registered rights": 2,
        "certificates": found["certificates"],
        "entries of the log": running.node.log.size,
    }


def test_uploads_need_their_own_page(client: TestClient) -> None:
    forged = client.post("/port/upload?name=a.csv", content=b"a,b\n1,2\n")
    assert forged.status_code == 403
    elsewhere = client.post("/port", data={"csrf": "x"}, headers={"origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    checked = client.post("/verify/checkpoint", json={"checkpoint": "", "keys": ""})
    assert checked.status_code == 403
