"""The scanner as its caller uses it: batches, native types, sparse and late identifiers, prose."""

from __future__ import annotations

import json
import random
from datetime import date, datetime

import corpus
import msgspec
import polars as pl

from entrepot.port.detect import ColumnScanner, detectors, skipped
from entrepot.port.model import Category, ColumnReport, Verdict


def scan(
    columns: dict[str, list[object]] | pl.DataFrame, batch: int = 10**9
) -> dict[str, ColumnReport]:
    frame = columns if isinstance(columns, pl.DataFrame) else pl.DataFrame(columns, strict=False)
    scanner = ColumnScanner(frame.columns, [str(d) for d in frame.dtypes])
    for start in range(0, len(frame), batch):
        scanner.feed(frame.slice(start, batch))
    return {report.name: report for report in scanner.finish()}


def test_flags_are_nothing_personal_whatever_the_header_says() -> None:
    for values in (["0", "1"], ["true", "false"], ["Y", "N"], ["是", "否"]):
        found = scan({"email_verified": values * 50, "phone": values * 50, "password": values * 50})
        assert {r.category for r in found.values()} == {Category.NONE}


def test_repeated_browser_names_are_not_persons() -> None:
    found = scan({"name": ["Safari"] * 400 + ["Chrome"] * 300, "ua": ["Safari"] * 700})
    assert found["name"].category is not Category.PERSON_NAME
    assert found["ua"].category is Category.NONE


def test_batches_do_not_change_the_finding() -> None:
    r = random.Random(1)
    table = {
        "a": [corpus.cn_id(r) for _ in range(9000)],
        "b": [corpus.nanp(r) for _ in range(9000)],
        "c": [f"ORD-{corpus.digits(r, 8)}" for _ in range(9000)],
    }
    one, many = scan(dict(table)), scan(dict(table), batch=777)
    for name in table:
        assert one[name].category is many[name].category
        assert one[name].distinct == many[name].distinct
        assert one[name].bound == many[name].bound
    assert one["a"].subtype == "cn-resident-id"
    assert one["a"].verdict is Verdict.FOUND
    assert "100.0%" in one["a"].bound


def test_a_late_identifier_in_a_column_of_nothing_is_noticed() -> None:
    r = random.Random(2)
    values = [f"item {i} of batch {r.randint(1, 10**6)}" for i in range(30000)]
    values[29_990] = "someone@example.org"
    values[29_995] = corpus.iban_de(r)
    found = scan({"f1": values}, batch=10_000)["f1"]
    assert found.contains["email"] == 1
    assert found.contains["finance-account"] == 1


def test_prose_is_searched() -> None:
    r = random.Random(3)
    prose = [f"{r.choice(corpus.PROSE)} case {i}" for i in range(6000)]
    for i in range(0, 6000, 100):
        prose[i] += f" Call me at (212) 555-{i:04d} or mail a{i}@example.com."
    prose[7] += f" id {corpus.cn_id(r)} on file"
    prose[9] = "Mrs. Hargrove asked again."
    found = scan({"comment": prose})["comment"]
    assert found.category is Category.FREE_TEXT
    assert found.contains["email"] == 60
    assert found.contains["phone"] >= 60
    assert found.contains["national-id"] == 1


def test_native_types_are_scanned_too() -> None:
    r = random.Random(4)
    frame = pl.DataFrame(
        {
            "card": [int(corpus.card(r)) for _ in range(500)],
            "f": [float(corpus.card(r)) for _ in range(500)],
            "Birth Date": [date(1950 + i % 50, 1 + i % 12, 1 + i % 28) for i in range(500)],
            "created": [datetime(2024, 1, 1 + i % 28, 10) for i in range(500)],  # noqa: DTZ001
            "active": [i % 2 == 0 for i in range(500)],
            "tags": [["a", "b"]] * 500,
            "empty": pl.Series([None] * 500, dtype=pl.Null),
            "ip_int": [16_909_060 + i * 65_537 for i in range(500)],
        }
    )
    found = scan(frame)
    assert found["card"].category is Category.FINANCE_ACCOUNT
    assert found["card"].subtype == "card"
    assert found["Birth Date"].category is Category.DATE_OF_BIRTH
    assert found["created"].category is Category.DATE
    assert found["active"].category is Category.NONE
    assert found["empty"].nulls == 500
    assert found["ip_int"].category is Category.IP


def test_ids_destroyed_by_a_spreadsheet_are_reported() -> None:
    found = scan(
        {"id_card": ["5.70611E+12"] * 20 + ["3.10104E+17"] * 20, "zip": ["01234", "4321"] * 20}
    )
    assert any("destroyed" in defect for defect in found["id_card"].defects)


def test_checksum_separates_cards_from_order_numbers() -> None:
    r = random.Random(6)
    found = scan(
        {
            "a": [corpus.card(r) for _ in range(200)],
            "b": [corpus.digits(r, 16, "45") for _ in range(200)],
            "c": [str(10**15 + i) for i in range(200)],
        }
    )
    assert found["a"].category is Category.FINANCE_ACCOUNT
    assert found["b"].category is Category.NONE
    assert found["c"].category is Category.NONE


def test_deaths_follow_births_without_headers() -> None:
    r = random.Random(8)
    found = scan(
        {
            "c1": [corpus.full(corpus.EN_FIRST, corpus.EN_LAST)(r) for _ in range(300)],
            "c2": [str(corpus.day(r, 1890, 1950)) for _ in range(300)],
            "c3": [
                str(corpus.day(r, 1960, 2022)) if r.random() < 0.6 else None for _ in range(300)
            ],
        }
    )
    assert found["c2"].category is Category.DATE_OF_BIRTH
    assert found["c3"].category is Category.DATE_OF_DEATH


def test_columns_without_headers_are_read_from_values_and_neighbours() -> None:
    r = random.Random(10)
    cities = ["Dorrville", "Eastmark", "Hollisburg", "Kettleford", "Larchmont Bay", "Millwick",
              "Norbury Hill", "Oxgate", "Penholm", "Quarrington"]  # fmt: skip
    found = scan(
        {
            "c1": [corpus.full(corpus.DE_FIRST, corpus.DE_LAST)(r) for _ in range(300)],
            "c2": [corpus.street_de(r) for _ in range(300)],
            "c3": [r.choice(cities) for _ in range(300)],
            "c4": [r.choice(corpus.EN_LAST).lower() + corpus.digits(r, 2) for _ in range(300)],
            "c5": [f"{corpus.digits(r, 2)}aB#{corpus.digits(r, 4)}xQ!" for _ in range(300)],
            "c6": [f"{r.choice(corpus.PROSE)} ({i})." for i in range(300)],
        }
    )
    wanted = [Category.PERSON_NAME, Category.ADDRESS, Category.ADDRESS, Category.USERNAME,
              Category.CREDENTIAL, Category.FREE_TEXT]  # fmt: skip
    assert [report.category for report in found.values()] == wanted


def test_columns_may_have_any_name() -> None:
    table = {
        name: [f"ORD-{i % 5000:08d}" for i in range(20000)] for name in ("n", "v", "h", "count")
    }
    assert len(scan(table, batch=9000)) == 4


def test_reports_hold_no_cell() -> None:
    r = random.Random(9)
    table = {
        "name": [corpus.full(corpus.EN_FIRST, corpus.EN_LAST)(r) for _ in range(300)],
        "ssn": [corpus.ssn(r) for _ in range(300)],
        "住所": [corpus.address_jp(r) for _ in range(300)],
    }
    reports = list(scan(dict(table)).values())
    text = json.dumps(json.loads(msgspec.json.encode(reports)), ensure_ascii=False)
    for values in table.values():
        assert not any(str(value) in text for value in values)
    assert reports[1].examples == ["999-99-9999"]


def test_empty_tables_and_columns() -> None:
    assert ColumnScanner([], []).finish() == []
    found = scan({"email": [None, None], "x": ["", ""]})
    assert found["x"].verdict is Verdict.NOT_FOUND
    assert found["x"].bound == "no non-empty cell to examine"
    assert found["email"].nulls == 2


def test_not_found_states_its_bound() -> None:
    found = scan({"qty": [str(i % 900) for i in range(3000)]})["qty"]
    assert found.verdict is Verdict.NOT_FOUND
    assert "0.001" in found.bound


def test_the_detectors_are_listed() -> None:
    names = detectors()
    assert len(names) == len(set(names))
    assert {"cn-resident-id", "iban", "ipv6", "names", "prose"} <= set(names)
    assert skipped()
