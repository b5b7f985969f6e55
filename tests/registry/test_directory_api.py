"""The registry's reads over HTTP, in the framework's own client, on a real founded node."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.testing import TestClient
from product_world import NOW, Party, World, digest, founded, lei

from entrepot.kernel.checkpoint import read_checkpoint
from entrepot.node.api.problems import HANDLERS
from entrepot.node.api.registry import ROUTES_REGISTRY, index_step
from entrepot.node.running import open_running
from entrepot.node.settings import read_settings
from entrepot.registry.directoryquery import Question
from entrepot.registry.directoryviews import directory_of
from entrepot.registry.institution import registry_institution


class Served:
    """A node with two providers, three products and a registered right; and its client."""

    def __init__(self, made: World, client: TestClient[Litestar]) -> None:
        self.made, self.client = made, client
        self.acme: Party = made.admit("Acme Data", "provider")
        self.beta: Party = made.admit("Beta Karten", "provider", "buyer")
        self.freight = made.file(self.acme)
        self.maps = made.file(
            self.beta,
            title={"de": "Straßenkarten", "en": "Street maps"},
            description={"en": "Maps of streets in France."},
            themes=["REGI", "TRAN"],
            geography=["FR"],
            pricing={"model": "free"},
        )
        self.gone = made.file(self.beta, title={"en": "Old street list"})
        made.done(self.beta, "withdraw-product", {"product": self.gone, "reason": "Outdated."})
        release = {
            "product": self.freight,
            "version": "v1",
            "sha256": digest("v1"),
            "bytes": 10,
            "rows": 1,
        }
        made.done(self.acme, "release-product", release)
        self.right = made.registered(self.acme, self.freight)

    def get(self, path: str, accept: str = "application/json", **query: Any) -> Any:
        return self.client.get(path, params=query or None, headers={"Accept": accept})

    def found(self, **query: Any) -> list[int]:
        answer = self.get("/registry/products", **query)
        assert answer.status_code == 200, answer.text
        return [item["product"]["id"] for item in answer.json()["products"]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    time = [NOW]
    home = tmp_path_factory.mktemp("home")
    settings = read_settings(environment={}, given={"home": str(home)})
    institutions = (registry_institution(),)
    with open_running(settings, institutions=institutions, clock=lambda: time[0]) as running:
        app = Litestar(
            ROUTES_REGISTRY,
            exception_handlers=HANDLERS,
            state=State({"running": running}),
        )
        with TestClient(app) as client:
            yield Served(founded(running.node, time, days=10, calendar="CN"), client)


def test_search_finds_by_words_of_either_script_and_by_filters(served: Served) -> None:
    assert served.found(q="street") == [served.maps]
    assert served.found(q="STRASSENKARTEN") == [served.maps]
    assert served.found(q="货运流量") == []
    assert served.found(q="公路货运") == [served.freight]
    assert set(served.found()) == {served.freight, served.maps}
    assert served.found(theme="REGI") == [served.maps]
    assert set(served.found(theme=["REGI", "TRAN"])) == {served.freight, served.maps}
    assert served.found(place="CN-GD") == [served.freight]
    assert served.found(place="EU") == [served.maps]
    assert served.found(price="free", provider=served.beta.id) == [served.maps]
    assert served.found(status="withdrawn") == [served.gone]
    assert served.found(personal="yes") == []
    assert served.found(sort="newest", status="", limit=1, offset=0) == [served.gone]


def test_search_counts_facets_and_says_up_to_which_entry(served: Served) -> None:
    answer = served.get("/registry/products", q="").json()
    assert answer["total"] == 2
    facets = {name: dict(map(tuple, counts)) for name, counts in answer["facets"].items()}
    assert facets["theme"] == {"TRAN": 2, "REGI": 1}
    assert facets["place"] == {"CN": 1, "CN-GD": 1, "FR": 1, "EU": 1}
    assert facets["status"] == {"active": 2}
    assert answer["upto"] > served.freight
    assert answer["products"][0]["provider"] == {"und": "Beta Karten"}


@pytest.mark.parametrize(
    "query",
    [
        {"q": 'title:(("AND OR NOT' * 20},
        {"q": "*" * 5_000},
        {"q": "a:b^9999~ [1 TO 9} \\ \x00 \u202e"},
        {"q": "'; DROP TABLE registry_products; --"},
        {"q": "🚚🚚🚚"},
    ],
)
def test_no_text_of_a_user_is_a_query_language(served: Served, query: dict[str, str]) -> None:
    answer = served.get("/registry/products", **query)
    assert answer.status_code == 200
    assert answer.json()["total"] in (0, 2)


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 101}, {"offset": -1}, {"offset": 10_001}, {"sort": "price"}],
)
def test_what_is_out_of_bounds_is_a_problem(served: Served, query: dict[str, Any]) -> None:
    answer = served.get("/registry/products", **query)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:entrepot:error:invalid-input"


def test_a_product_as_json_json_ld_and_turtle(served: Served) -> None:
    path = f"/registry/products/{served.freight}"
    plain = served.get(path).json()
    assert plain["product"]["party"] == served.acme.id
    assert [one["version"] for one in plain["releases"]] == ["v1"]
    assert [one["id"] for one in plain["rights"]] == [served.right]
    assert [one["kind"] for one in plain["certificates"]] == ["registration"]
    linked = served.get(path, "application/ld+json")
    assert linked.headers["content-type"] == "application/ld+json"
    assert linked.json()["@type"] == "dcat:Dataset"
    turtle = served.get(path, "text/turtle;q=0.9, application/json;q=0.1")
    assert turtle.headers["content-type"].startswith("text/turtle")
    assert "公路货运每日流量" in turtle.text
    for wrong in ("999999", "x", "-1", "1" * 30):
        assert served.get(f"/registry/products/{wrong}").status_code == 404


def test_the_catalogue_is_paged(served: Served) -> None:
    first = served.get("/registry/catalog", "application/ld+json", limit=1).json()
    assert [one["dct:identifier"] for one in first["dcat:dataset"]] == [str(served.freight)]
    following = first["hydra:view"]["hydra:next"]["@id"]
    second = served.get(following.split("8600", 1)[1], "application/ld+json").json()
    assert [one["dct:identifier"] for one in second["dcat:dataset"]] == [str(served.maps)]
    assert served.get("/registry/catalog", "text/turtle").text.startswith("@prefix adms:")


def test_parties_and_rights(served: Served) -> None:
    found = served.get("/registry/parties", q="beta", role="buyer").json()
    assert [one["party"] for one in found["parties"]] == [served.beta.id]
    assert served.get("/registry/parties", q=lei(2)).json()["total"] == 1
    details = served.get(f"/registry/parties/{served.acme.id}").json()
    assert details["products"] == 1
    assert [one["id"] for one in details["rights"]] == [served.right]
    right = served.get(f"/registry/rights/{served.right}").json()
    assert right["right"]["status"] == "registered"
    assert [step["what"] for step in right["course"]] == ["first", "registration"]
    assert set(right["remedy"]) == {"en", "zh"}
    assert served.get("/registry/rights/999999").status_code == 404
    assert served.get("/registry/parties/lei:nobody").status_code == 404


def test_the_public_notice_lists_rights_by_state(served: Served) -> None:
    noticed = served.made.right(served.beta, served.maps)
    page = served.get("/registry/rights").json()
    assert [one["id"] for one in page["rights"]] == [noticed]
    assert page["names"][served.beta.id] == {"und": "Beta Karten"}
    first = served.get("/registry/rights", status="", limit=1).json()
    assert [one["id"] for one in first["rights"]] == [served.right]
    second = served.get("/registry/rights", status="", after=first["next"]).json()
    assert [one["id"] for one in second["rights"]] == [noticed] and second["next"] == 0
    assert served.get("/registry/rights", status="mine").status_code == 422
    served.made.done(served.beta, "cancel-right", {"right": noticed, "reason": "Test."})


def test_counts_come_with_a_checkpoint_that_covers_them(served: Served) -> None:
    answer = served.get("/registry/counts").json()
    counts = answer["counts"]
    assert counts["products"] == {"active": 2, "withdrawn": 1}
    assert counts["rights"]["hold"]["registered"] == 1
    assert sum(month.get("products filed", 0) for month in counts["months"].values()) == 3
    checkpoint = read_checkpoint(answer["checkpoint"].encode()).checkpoint
    assert checkpoint.size >= counts["tree_size"] > served.right
    assert json.loads(json.dumps(counts)) == counts


def test_the_background_brings_the_index_up_to_date(served: Served) -> None:
    running = served.client.app.state.running
    product = served.made.file(served.acme, title={"en": "Quokka counts"})
    assert index_step(running)
    found = directory_of(running.home).search(Question(text="quokka"))
    assert found.ids == [product]
    served.made.done(served.acme, "withdraw-product", {"product": product, "reason": "Ended."})


def test_a_new_product_is_found_at_once(served: Served) -> None:
    product = served.made.file(served.acme, title={"en": "Zebra crossings"})
    assert served.found(q="zebra") == [product]
    body = {"product": product, "reason": "Test ended."}
    served.made.done(served.acme, "withdraw-product", body)
    assert served.found(q="zebra") == []
