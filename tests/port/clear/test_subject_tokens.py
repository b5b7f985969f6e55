"""Identifiers become tokens: a real CMAC, one spelling, and no link without the key."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from cryptography.hazmat.primitives.ciphers import algorithms
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.law.sketches import Exact, Sketch
from entrepot.port.clear.columnmac import ColumnMac
from entrepot.port.clear.subjecttokens import (
    Mark,
    Scheme,
    TokenGatherer,
    scheme_of,
    spelt_alike,
)
from entrepot.port.generate import CustomerTable
from entrepot.port.inspect import inspect_dataset
from entrepot.port.model import Category

RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
TEXT = st.text(max_size=70)


def reference(key: bytes, text: str) -> int:
    mac = CMAC(algorithms.AES(key))
    mac.update(text.encode())
    return int.from_bytes(mac.finalize()[:8], "big")


def test_the_vector_of_rfc_4493() -> None:
    """Section 4, example 1 (the empty message); the others are not text."""
    assert ColumnMac(RFC_4493_KEY).tokens(pl.Series([""])).tolist() == [0xBB1D6929E9593728]


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32), st.lists(TEXT, min_size=1, max_size=40))
def test_a_column_gives_what_a_loop_over_cmac_gives(key: bytes, texts: list[str]) -> None:
    texts = [text.encode(errors="ignore").decode() for text in texts]
    found = ColumnMac(key).tokens(pl.Series(texts))
    assert found.tolist() == [reference(key, text) for text in texts]


def test_every_length_and_a_slice_of_a_column() -> None:
    key = bytes(range(32))
    texts = ["x" * size for size in range(200)] * 400
    expected = [reference(key, "x" * size) for size in range(200)]
    found = ColumnMac(key).tokens(pl.Series(texts)[123:70_123])
    assert found.tolist() == [expected[len(text)] for text in texts[123:70_123]]


@given(st.sets(TEXT, min_size=1, max_size=30))
def test_no_token_is_equal_under_two_keys(texts: set[str]) -> None:
    column = pl.Series([text.encode(errors="ignore").decode() for text in sorted(texts)])
    one, other = ColumnMac(b"1" * 32).tokens(column), ColumnMac(b"2" * 32).tokens(column)
    assert not set(one.tolist()) & set(other.tolist())
    assert len(set(one.tolist())) == column.n_unique()


def test_secrets_are_never_shown() -> None:
    secret = b"\x01\x02 a secret of thirty-two bytes!!!"
    for shown in (repr(ColumnMac(secret[:32])), repr(Mark("f", 2026, secret, 10))):
        assert "secret" not in shown and "\\x01" not in shown


@pytest.mark.parametrize(
    ("category", "one", "other", "alike"),
    [
        (Category.NATIONAL_ID, "11010519491231002x", "110105 19491231 002X", True),
        (Category.NATIONAL_ID, "１１０１０５", "110105", True),
        (Category.EMAIL, " Anna@Example.org", "anna@example.org ", True),
        (Category.EMAIL, "an.na@example.org", "anna@example.org", False),
        (Category.PHONE, "+49 30 1234-567", "+49301234567", True),
        (Category.NONE, "a-1", "A1", False),
        (Category.NONE, " a-1 ", "a-1", True),
    ],
)
def test_only_what_an_identifier_ignores_is_folded(
    category: Category, one: str, other: str, alike: bool
) -> None:
    left, right = spelt_alike(pl.Series([one, other]), category).to_list()
    assert (left == right) is alike


def gathered(frame: pl.DataFrame, scheme: Scheme, source: str = "s", **more: object) -> set[int]:
    mark = Mark("f", 2026, b"k" * 32, 1_000_000, **more)  # type: ignore[arg-type]
    gatherer = TokenGatherer(scheme, source, [mark])
    for part in gatherer.marked([frame[:3], frame[3:]]):
        plain = gatherer.taken(part)
        assert plain.columns == frame.columns
    sketch: Sketch = gatherer.gathered()[0][1]
    assert isinstance(sketch, Exact)
    return set(sketch.tokens.tolist())


FRAME = pl.DataFrame(
    {
        "id": ["1", "2", "2", None, "", "3"],
        "illness": ["x", None, "", "y", None, "z"],
    }
)
BY_ID = Scheme(["id"], "register crm record-id")


def test_persons_count_once_and_rows_without_identifier_each() -> None:
    assert len(gathered(FRAME, BY_ID)) == 3 + 2
    # The same rows of the same table are the same persons; of another table they are others.
    assert gathered(FRAME, BY_ID) == gathered(FRAME, BY_ID)
    other = gathered(FRAME, BY_ID, "another table")
    assert len(other & gathered(FRAME, BY_ID)) == 3


def test_without_any_identifier_every_row_is_a_person() -> None:
    assert len(gathered(FRAME, Scheme([], "table s"))) == 6


def test_only_filled_cells_put_a_person_into_a_class() -> None:
    ill = gathered(FRAME, BY_ID, columns=["illness"])
    assert len(ill) == 3 and ill < gathered(FRAME, BY_ID)


def test_facts_years_and_namespaces_never_share_a_token() -> None:
    sets = []
    for fact, year, namespace in (("f", 1, "a"), ("g", 1, "a"), ("f", 1, "b")):
        mark = Mark(fact, year, b"k" * 32, 1_000)
        gatherer = TokenGatherer(Scheme(["id"], namespace), "s", [mark])
        for part in gatherer.marked([FRAME[:3]]):
            gatherer.taken(part)
        sketch = gatherer.gathered()[0][1]
        assert isinstance(sketch, Exact) and len(sketch.tokens) == 2
        sets.append(set(sketch.tokens.tolist()))
    assert not sets[0] & sets[1] and not sets[0] & sets[2]


def test_rows_that_a_way_leaves_out_are_not_counted_and_masked_ones_are() -> None:
    gatherer = TokenGatherer(BY_ID, "s", [Mark("f", 2026, b"k" * 32, 1_000)])
    for part in gatherer.marked([FRAME]):
        masked = part.with_columns(pl.lit("*").alias("id")).filter(pl.col("illness") == "x")
        assert gatherer.taken(masked)["id"].to_list() == ["*"]
    sketch = gatherer.gathered()[0][1]
    assert isinstance(sketch, Exact) and len(sketch.tokens) == 1
    assert not gatherer.met_unmarked
    gatherer.taken(pl.DataFrame({"city": ["Berlin"], "count": [12]}))
    assert gatherer.met_unmarked


def test_past_its_limit_a_set_becomes_a_sketch() -> None:
    frame = pl.DataFrame({"id": np.arange(5_000).astype(str)})
    gatherer = TokenGatherer(BY_ID, "s", [Mark("f", 2026, b"k" * 32, 4_999)])
    for part in gatherer.marked(frame.iter_slices(700)):
        gatherer.taken(part)
    sketch = gatherer.gathered()[0][1]
    assert not isinstance(sketch, Exact) and sketch.at_least == 5_000


@pytest.mark.parametrize(
    ("kept", "namespace"),
    [
        (["id_number", "city"], "national-id cn-resident-id"),
        (["email", "full_name"], "email"),
        (["customer_id", "full_name"], "register crm record-id"),
    ],
)
def test_what_tells_persons_apart_in_other_tables_too(
    tmp_path: Path, kept: list[str], namespace: str
) -> None:
    frame = pl.concat(CustomerTable(rows=600, chinese_share=1.0, sensitive_share=1.0).batches())
    path = tmp_path / "table.csv"
    frame.select(kept).drop_nulls().write_csv(path)
    inspection = inspect_dataset(path, sensitivities={}, country_names={})
    assert scheme_of(inspection, " CRM ").namespace == namespace
    alone = scheme_of(inspection).namespace
    is_own = namespace.startswith("register")
    assert alone == (f"table {inspection.file.sha256}" if is_own else namespace)


def test_numbers_of_two_tables_are_never_taken_for_one_person(tmp_path: Path) -> None:
    """Customer 17 of one company is not customer 17 of another."""
    schemes = []
    for name, first in (("a.csv", "Anna"), ("b.csv", "Berta")):
        with (tmp_path / name).open("w", newline="") as handle:
            writer = csv.writer(handle)
            writer.writerow(["customer_id", "first_name", "last_name"])
            writer.writerows([number, first, "Muster"] for number in range(300))
        inspection = inspect_dataset(tmp_path / name, sensitivities={}, country_names={})
        schemes.append(scheme_of(inspection))
    assert schemes[0].namespace != schemes[1].namespace
