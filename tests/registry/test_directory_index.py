"""The index: bounded writing, rebuilding, damage, two processes, and what search promises."""

from __future__ import annotations

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from product_world import metadata, world

from entrepot.kernel.errors import InvalidInput
from entrepot.registry.directoryindex import (
    DirectoryIndex,
    newest_change,
    places_above,
    product_document,
    put,
)
from entrepot.registry.directoryquery import Directory, Question
from entrepot.registry.productacts import Metadata, check_metadata, convert
from entrepot.registry.productviews import Product
from entrepot.registry.tokens import QUERY_TOKENS_MAX, fold, index_tokens, query_tokens


def described(number: int, **changes: object) -> Product:
    made = check_metadata(convert(metadata(**changes), Metadata))  # type: ignore[arg-type]
    return Product(number, f"lei:{number:020d}", "active", number, number, number, 1, made)


def filled(folder: Path, *products: Product) -> Directory:
    index = DirectoryIndex(folder)
    writer = index._index.writer(heap_size=15_000_000, num_threads=1)
    for product in products:
        put(writer, product_document(product))
    writer.commit()
    writer.wait_merging_threads()
    return Directory(DirectoryIndex(folder))


def found(directory: Directory, text: str = "", **filters: str) -> list[int]:
    chosen = {name: (value,) for name, value in filters.items()}
    return directory.search(Question(text=text, filters=chosen, limit=100)).ids


def test_the_title_comes_before_the_text(tmp_path: Path) -> None:
    body = {"en": "A table of harbour dues, water depths and pilots in many other words."}
    directory = filled(
        tmp_path / "i",
        described(1, title={"en": "Ships"}, description=body),
        described(2, title={"en": "Harbour"}, description={"en": "Ships and pilots."}),
    )
    assert found(directory, "harbour") == [2, 1]
    assert found(directory, "ships") == [1, 2]
    assert found(directory, "harbour water") == [1]


def test_chinese_is_found_by_any_two_neighbours_and_by_one(tmp_path: Path) -> None:
    title = {"zh": "新能源汽车充电桩"}
    directory = filled(tmp_path / "i", described(1, title=title, description={"zh": "城市。"}))
    for text in ("新能源", "汽车", "充电", "车充", "桩", "充电桩 新能源", "城市"):
        assert found(directory, text) == [1], text
    for text in ("能汽", "飞机", "桩充"):
        assert found(directory, text) == [], text


def test_filters_are_alternatives_inside_and_all_between(tmp_path: Path) -> None:
    directory = filled(
        tmp_path / "i",
        described(1, themes=["TRAN"], geography=["FR"]),
        described(2, themes=["HEAL"], geography=["EU"]),
        described(3, themes=["HEAL"], geography=["CN-GD"]),
    )
    either = Question(filters={"theme": ("TRAN", "HEAL"), "place": ("FR",)})
    assert sorted(directory.search(either).ids) == [1, 2]
    assert found(directory, theme="HEAL", place="CN") == [3]
    assert found(directory, place="EU") == [2, 1]
    counts = dict(directory.search(Question()).facets["place"])
    assert counts == {"FR": 1, "EU": 2, "CN-GD": 1, "CN": 1}


def test_facets_are_exact_beyond_the_combinations_that_are_counted_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose = random.Random(7)
    themes = ["AGRI", "ECON", "EDUC", "ENER", "ENVI", "GOVE", "HEAL", "TRAN"]
    products = [
        described(number, themes=choose.sample(themes, 1 + number % 4)) for number in range(1, 120)
    ]
    directory = filled(tmp_path / "i", *products)
    together = directory.search(Question())
    monkeypatch.setattr("entrepot.registry.directoryquery.COMBINATIONS_MAX", 3)
    directory._counted.clear()
    apart = directory.search(Question())
    truth: dict[str, int] = {}
    for product in products:
        for theme in product.metadata.themes:
            truth[theme] = truth.get(theme, 0) + 1
    assert dict(together.facets["theme"]) == dict(apart.facets["theme"]) == truth
    assert together.total == apart.total == len(products)


def test_pages_do_not_overlap(tmp_path: Path) -> None:
    directory = filled(tmp_path / "i", *(described(number) for number in range(1, 60)))
    pages = [
        directory.search(Question(sort="newest", offset=offset, limit=10)).ids
        for offset in range(0, 60, 10)
    ]
    assert [one for page in pages for one in page] == list(range(59, 0, -1))


@pytest.mark.parametrize(
    "question",
    [
        Question(kind="person"),
        Question(sort="title"),
        Question(limit=0),
        Question(limit=101),
        Question(offset=-1),
        Question(offset=10_001),
        Question(filters={"kind": ("party",)}),
        Question(filters={"text": ("x",)}),
        Question(filters={"theme": ("x",) * 21}),
        Question(filters={"theme": ("x" * 81,)}),
        Question(filters={"theme": ("\ud800",)}),
    ],
)
def test_questions_out_of_bounds_are_refused(tmp_path: Path, question: Question) -> None:
    with pytest.raises(InvalidInput):
        filled(tmp_path / "i").search(question)


@given(st.text(max_size=400))
def test_any_text_is_cut_into_bounded_tokens_that_its_own_document_has(text: str) -> None:
    asked = query_tokens(text)
    assert len(asked) <= QUERY_TOKENS_MAX
    assert set(query_tokens(text[:100])) <= set(index_tokens(text[:100]))
    assert all(token and not set(token) & set(' \t\n"()[]:*~^') for token in asked)


def test_folding_unifies_what_people_type() -> None:
    assert fold("ＡＢＣ") == fold("abc") == "abc"
    assert fold("Café ÅNGSTRÖM Straße") == "cafe angstrom strasse"
    assert fold("Ёлка") == "елка"
    assert index_tokens("ガス") == ["ガ", "ガス", "ス"]
    assert index_tokens("snake_case-name") == ["snake", "case", "name"]


def test_places_lie_in_larger_ones() -> None:
    assert places_above(["CN-GD", "FR"]) == ("CN-GD", "CN", "FR", "EU")


def test_the_index_follows_state_in_bounded_steps(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        acme = made.admit("Acme", "provider")
        products = [made.file(acme) for _ in range(7)]
        index = DirectoryIndex(tmp_path / "i")
        steps = 0
        with made.node.store.reading() as read:
            while not index.refresh(read, most=3):
                steps += 1
            assert index.upto == newest_change(read)
        assert steps == 2
        directory = Directory(index)
        assert directory.search(Question()).ids == products[::-1]
        body = {"product": products[0], "metadata": metadata(themes=["HEAL"])}
        made.done(acme, "revise-product", body)
        with made.node.store.reading() as read:
            assert index.refresh(read)
        assert found(directory, theme="HEAL") == [products[0]]
        assert directory.search(Question()).total == 7
        with made.node.store.reading() as read:
            index.rebuild(read)
        assert Directory(index).search(Question()).total == 7


def test_what_is_lost_damaged_or_ahead_is_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "i"
    with world(tmp_path / "home") as made:
        acme = made.admit("Acme", "provider")
        made.file(acme)
        for harm in ("lost", "meta", "format", "ahead"):
            if harm == "lost":
                for path in folder.iterdir() if folder.exists() else ():
                    path.unlink()
            elif harm == "meta":
                (folder / "meta.json").write_text("{")
            elif harm == "format":
                (folder / "upto.json").write_text(json.dumps({"format": 0, "upto": 3}))
            else:
                (folder / "upto.json").write_text(json.dumps({"format": 2, "upto": 10**9}))
            index = DirectoryIndex(folder, patience_s=0)
            with made.node.store.reading() as read:
                assert index.refresh(read), harm
            assert Directory(index).search(Question()).total == 1, harm


def test_a_reader_with_an_older_view_of_the_store_destroys_nothing(tmp_path: Path) -> None:
    with world(tmp_path / "home") as made:
        acme = made.admit("Acme", "provider")
        made.file(acme)
        index = DirectoryIndex(tmp_path / "i")
        with made.node.store.reading() as older:
            assert newest_change(older)
            made.file(acme)
            with made.node.store.reading() as read:
                assert index.refresh(read)
            upto = index.upto
            assert not index.refresh(older)
        assert index.upto == upto
        assert Directory(index).search(Question()).total == 2


def test_a_second_process_only_reads_and_sees_what_the_first_wrote(tmp_path: Path) -> None:
    with world(tmp_path / "home") as made:
        acme = made.admit("Acme", "provider")
        writing, reading = DirectoryIndex(tmp_path / "i"), DirectoryIndex(tmp_path / "i")
        made.file(acme)
        held = writing._index.writer(heap_size=15_000_000, num_threads=1)
        with made.node.store.reading() as read:
            assert not reading.refresh(read)
        held.rollback()
        del held
        with made.node.store.reading() as read:
            assert writing.refresh(read)
        assert Directory(reading).search(Question()).total == 1
        assert reading.upto == writing.upto


def test_many_threads_search_while_one_writes(tmp_path: Path) -> None:
    with world(tmp_path / "home") as made:
        acme = made.admit("Acme", "provider")
        index = DirectoryIndex(tmp_path / "i")
        directory = Directory(index)
        done = threading.Event()

        def ask() -> int:
            asked = 0
            while not done.is_set():
                answer = directory.search(Question(text="freight"))
                assert answer.total == dict(answer.facets.get("status", {})).get("active", 0)
                asked += 1
            return asked

        with ThreadPoolExecutor(3) as pool:
            readers = [pool.submit(ask) for _ in range(3)]
            for _ in range(12):
                made.file(acme)
                with made.node.store.reading() as read:
                    index.refresh(read)
            done.set()
            assert all(reader.result() > 0 for reader in readers)
        with made.node.store.reading() as read:
            assert index.refresh(read)
        assert directory.search(Question()).total == 12
