"""Acts about products through a real node: who may, what is kept, what stays out of the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from product_world import HASH, World, digest, metadata, world

from entrepot.kernel.errors import Error, InvalidInput
from entrepot.registry.productviews import (
    get_product,
    releases_of,
    revisions_of,
    withdrawal_of,
)


def release(product: int, version: str = "2026-09-21", **changes: Any) -> dict[str, Any]:
    return {
        "product": product,
        "version": version,
        "sha256": HASH,
        "bytes": 10,
        "rows": 2,
        **changes,
    }


def test_a_product_is_filed_revised_released_and_withdrawn(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme = made.admit("Acme Data", "provider")
        product = made.file(acme)
        made.done(
            acme, "revise-product", {"product": product, "metadata": metadata(themes=["ENVI"])}
        )
        made.done(acme, "release-product", release(product))
        made.done(acme, "withdraw-product", {"product": product, "reason": "Replaced."})
        with made.node.store.reading() as read:
            found = get_product(read, product)
            assert (found.party, found.status, found.revision) == (acme.id, "withdrawn", 2)
            assert found.metadata.themes == ("ENVI",)
            assert [one.metadata.themes for one in revisions_of(read, product)] == [
                ("ENVI",),
                ("TRAN",),
            ]
            (newest,) = revisions_of(read, product, limit=1)  # a page shows so many and no more
            assert newest.revision == 2
            assert [(one.version, one.sha256) for one in releases_of(read, product)] == [
                ("2026-09-21", HASH)
            ]
            gone = withdrawal_of(read, product)
            assert gone is not None and gone.reason == "Replaced."


def test_who_may_not_is_told_why(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, buyer = made.admit("Acme Data", "provider"), made.admit("Buyer", "buyer")
        other = made.admit("Other", "provider")
        product = made.file(acme)
        body = {"metadata": metadata()}
        assert made.refused(buyer, "file-product", body) == ["registry.product.not-provider"]
        revision = {"product": product, "metadata": metadata(themes=["ENVI"])}
        assert made.refused(other, "revise-product", revision) == ["registry.product.not-own"]
        assert made.refused(other, "release-product", release(product)) == [
            "registry.product.not-own"
        ]
        assert made.refused(buyer, "release-product", release(product)) == [
            "registry.product.not-provider"
        ]
        assert made.refused(acme, "release-product", release(999_999)) == [
            "registry.product.unknown"
        ]
        same = {"product": product, "metadata": metadata()}
        assert made.refused(acme, "revise-product", same) == ["registry.product.same-description"]
        made.done(acme, "release-product", release(product))
        assert made.refused(acme, "release-product", release(product)) == [
            "registry.product.version-taken"
        ]
        made.done(acme, "withdraw-product", {"product": product, "reason": "Ended."})
        assert made.refused(acme, "release-product", release(product, "v2")) == [
            "registry.product.withdrawn"
        ]


def test_a_person_needs_the_duty_steward(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        made.admit("Acme Data", "provider")
        made.join(made.operator, "clerk", "decider")
        body = {"metadata": metadata()}
        # The operator has not the role provider, and that comes first.
        assert made.refused(made.operator, "file-product", body, "clerk") == [
            "registry.product.not-provider"
        ]


def test_a_run_of_releases_is_decided_like_one_after_another(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme, other = made.admit("Acme Data", "provider"), made.admit("Other", "provider")
        product, second = made.file(acme), made.file(acme)
        batch = [
            made.signed(other, "release-product", release(product, "v1")),
            made.signed(acme, "release-product", release(product, "v1")),
            made.signed(acme, "release-product", release(product, "v1")),
            made.signed(acme, "release-product", release(second, "v1")),
            made.signed(acme, "release-product", release(product, "v2")),
        ]
        answers = made.node.sequencer.submit_batch(batch)
        outcomes = ["" if isinstance(one, Error) else codes(one) for one in answers]
        assert outcomes == [
            ["registry.product.not-own"],
            [],
            ["registry.product.version-taken"],
            [],
            [],
        ]


def codes(answer: Any) -> list[str]:
    return [reason.code for reason in getattr(answer.decision, "reasons", ())]


@pytest.mark.parametrize(
    "change",
    [
        {"title": {"en": "Call +86 138 0013 8000 for freight"}},
        {"keywords": ["sales@example.com"]},
        {"description": {"zh": "联系 13800138000"}},
        {"source": {"method": "collected", "statement": "From 11010519491231002X."}},
        {"title": {"en": "Two\u202elines"}},
        {"title": {}},
        {"title": {"xx": "No such language here"}},
        {"themes": []},
        {"themes": ["SPORT"]},
        {"update_cycle": "UNKNOWN"},
        {"pricing": {"model": "fixed"}},
        {"pricing": {"model": "fixed", "amount_minor": 5, "currency": "XXX"}},
        {"pricing": {"model": "free", "amount_minor": 5, "currency": "EUR"}},
        {"pricing": {"model": "fixed", "amount_minor": 5.5, "currency": "EUR"}},
        {"delivery": ["pigeon"]},
        {"licence": {"id": "not a licence"}},
        {"licence": {"id": "javascript:alert(1)"}},
        {"geography": ["Atlantis"]},
        {"industries": ["i65"]},
        {"volume": {"bytes": -1}},
        {"period": {"from": "2026-02-30"}},
        {"period": {"from": "2026-02-03", "until": "2026-02-01"}},
        {"sample": {"sha256": "abc"}},
        {"inspection": {"sha256": HASH, "persons": 3}},
        {"fields": [{"name": "a"}, {"name": "a"}]},
        {"conforms_to": ["ftp://example.org/x"]},
        {"description": {"en": "x" * 4_001}},
        {"fields": [{"name": f"field {n}", "meaning": "m" * 199} for n in range(200)]},
        {"surprise": 1},
    ],
)
def test_what_cannot_be_published_leaves_no_trace(shared: World, change: dict[str, Any]) -> None:
    size = shared.node.log.size
    with pytest.raises(InvalidInput):
        shared.send(shared.parties["Acme"], "file-product", {"metadata": metadata(**change)})
    assert shared.node.log.size == size


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with world(tmp_path_factory.mktemp("home")) as made:
        made.admit("Acme", "provider")
        yield made


def test_the_largest_description_fits_an_entry_of_the_log(shared: World) -> None:
    text = {"zh": "数" * 4_000, "en": "d" * 4_000}
    fields = [{"name": f"field {n}", "meaning": "m" * 40} for n in range(42)]
    product = shared.file(shared.parties["Acme"], description=text, fields=fields)
    entry = shared.node.log.tree().entry(product)
    assert 38_000 < len(entry) < 65_535


def test_numbers_that_are_no_telephones_are_allowed(shared: World) -> None:
    text = (
        "Sections 1 to 13800, 1,380,013,800 rows, series 2026-11-22, ISBN-like 978-3-16-148410-0."
    )
    product = shared.file(shared.parties["Acme"], description={"en": text})
    with shared.node.store.reading() as read:
        assert get_product(read, product).metadata.description == {"en": text}


def test_text_is_normalised_and_repeats_fall_away(shared: World) -> None:
    product = shared.file(
        shared.parties["Acme"],
        title={"fr": "  Re\u0301seau  "},
        keywords=["fret", "fret", "e\u0301té"],
        geography=["FR", "FR", "EU"],
        source={"method": "public", "statement": "Open.", "sha256": digest("open")},
    )
    with shared.node.store.reading() as read:
        found = get_product(read, product).metadata
    assert found.title == {"fr": "R\u00e9seau"}
    assert found.keywords == ("fret", "été")
    assert found.geography == ("FR", "EU")
