"""Persons are told apart by the strongest filled identifier; doubt counts more, never fewer."""

from pathlib import Path

import msgspec
import polars as pl

from entrepot.port.inspect import inspect_dataset
from entrepot.port.model import Category, ColumnReport, Verdict
from entrepot.port.residence import ALPHA3, CALLING_CODES, ResidenceCounter
from entrepot.port.subjects import (
    PersonCounter,
    PersonKey,
    is_about_persons,
    person_key,
    quasi_identifiers,
)


def column(
    name: str,
    category: Category,
    *,
    index: int = 0,
    nulls: int = 0,
    distinct: int = 50,
    subtype: str = "",
    verdict: Verdict = Verdict.FOUND,
) -> ColumnReport:
    return ColumnReport(
        name=name,
        index=index,
        dtype="text",
        category=category,
        subtype=subtype,
        verdict=verdict,
        confidence=0.9,
        bound="",
        lanes=[],
        runner_up=None,
        sensitivity={},
        cells=100,
        nulls=nulls,
        distinct=distinct,
        examples=[],
    )


def test_the_strongest_filled_identifier_is_the_key() -> None:
    mail = column("mail", Category.EMAIL)
    sparse_id = column("id_card", Category.NATIONAL_ID, nulls=40)
    full_id = column("id_card", Category.NATIONAL_ID, nulls=2)
    assert person_key([mail, sparse_id]).columns == ["mail"]
    assert person_key([mail, full_id]).columns == ["id_card"]
    names = [column("name", Category.PERSON_NAME), column("born", Category.DATE_OF_BIRTH)]
    assert person_key(names).columns == ["name", "born"]
    assert person_key([column("age", Category.AGE)]).columns == []


def test_persons_are_distinct_keys_and_each_row_without_one() -> None:
    key = PersonKey(["id"], "distinct values of id")
    counter = PersonCounter(key, {("cn", "sensitive"): ["note"], ("eu", "special"): ["note"]})
    frame = pl.DataFrame(
        {
            "id": ["a", "a", "b", None, None, "", "c"],
            "note": ["x", None, "", "x", None, None, "y"],
        }
    )
    counter.feed(frame.head(4))
    counter.feed(frame.tail(3))
    assert counter.persons() == 6  # a, b, c and three rows without an id
    assert "3 rows without it" in counter.method
    assert {(s.regime, s.persons) for s in counter.subjects()} == {("cn", 3), ("eu", 3)}


def test_without_a_key_every_row_is_a_person() -> None:
    counter = PersonCounter(PersonKey([], "rows"), {})
    for _ in range(3):
        counter.feed(pl.DataFrame({"x": [1, 1]}))
    assert counter.persons() == 6


def test_a_table_is_about_persons_by_category_or_by_the_word_for_one() -> None:
    assert is_about_persons([column("x", Category.AGE)])
    assert is_about_persons([column("is_repeated_guest", Category.NONE)])
    assert not is_about_persons(
        [column("sku", Category.NONE), column("name", Category.ORGANISATION)]
    )


def test_plain_columns_join_when_few_quasi_identifiers_are_known() -> None:
    found = quasi_identifiers(
        [
            column("guest_country", Category.NONE, index=1, distinct=60),
            column("price", Category.NONE, index=2, distinct=9_000),
            column("nights", Category.NONE, index=3, distinct=20),
        ]
    )
    assert found == ["guest_country", "nights"]


def test_a_table_that_names_nobody_is_measured_over_all_that_tells() -> None:
    traits = [
        column("age", Category.AGE, index=0),
        column("gender", Category.GENDER, index=1, distinct=2),
        column("city", Category.ADDRESS, index=2),
        column("arrived_on", Category.DATE, index=3, distinct=300),
        column("room", Category.NONE, index=4, distinct=9),
    ]
    assert quasi_identifiers(traits) == ["age", "gender", "city", "arrived_on", "room"]
    named = [*traits, column("mail", Category.EMAIL, index=5)]
    assert quasi_identifiers(named) == ["age", "gender", "city"]


def test_residence_reads_country_then_identifier_then_calling_code() -> None:
    columns = [
        column("Land", Category.ADDRESS, distinct=3),
        column("id", Category.NATIONAL_ID, subtype="cn-resident-id"),
        column("tel", Category.PHONE),
    ]
    counter = ResidenceCounter(columns, {"deutschland": "DE"})
    frame = pl.DataFrame(
        {
            "Land": ["Deutschland", "PRT", None, None, None],
            "id": [None, None, "x", None, None],
            "tel": ["+86138", None, None, "+4930123", "0304"],
        }
    )
    counter.feed(frame, pl.Series([1, 2, 3, 4, 5], dtype=pl.UInt64))
    assert {r.jurisdiction: r.persons for r in counter.report(5)} == {"DE": 2, "PT": 1, "CN": 1}


def test_the_code_tables_are_whole() -> None:
    assert len(ALPHA3) > 200
    assert all(len(a) == 3 and len(b) == 2 for a, b in ALPHA3.items())
    assert len(set(ALPHA3.values())) == len(ALPHA3)
    assert CALLING_CODES["86"] == "CN"
    assert CALLING_CODES["43"] == "AT"
    assert len(CALLING_CODES) > 70


def test_the_key_of_persons_goes_before_the_key_of_events() -> None:
    event = column("Id", Category.RECORD_ID, distinct=100)
    patient = column("PATIENT", Category.RECORD_ID, distinct=40)
    assert person_key([event, patient]).columns == ["PATIENT"]


def test_a_key_of_somebody_else_or_a_destroyed_one_is_not_taken() -> None:
    names = column("name", Category.PERSON_NAME, distinct=90)
    agent = column("committee_id", Category.RECORD_ID, distinct=7)
    assert person_key([names, agent]).columns == []
    spoilt = msgspec.structs.replace(
        column("id_card", Category.NATIONAL_ID), defects=["stored as float: last digits destroyed"]
    )
    staff = column("工号", Category.RECORD_ID)
    assert person_key([spoilt, staff]).columns == ["工号"]
    browser = column("agent", Category.DEVICE_ID, subtype="user-agent", distinct=5)
    address = column("ip", Category.IP, distinct=80)
    assert person_key([browser, address]).columns == ["ip"]


def test_contact_columns_of_organisations_are_not_about_persons() -> None:
    contact = [column("phone", Category.PHONE), column("address", Category.ADDRESS)]
    assert is_about_persons(contact)
    assert not is_about_persons([*contact, column("company", Category.ORGANISATION)])


def test_rows_that_count_groups_are_an_aggregate(tmp_path: Path) -> None:
    lines = ["age_group,gender,count"]
    lines += [f"{age}-{age + 9},{sex},{age * 7}" for age in range(20, 80, 10) for sex in "MF"]
    path = tmp_path / "counts.csv"
    path.write_text("\n".join(lines) + "\n")
    table = inspect_dataset(path, sensitivities={}).table
    assert table.persons == 0
    assert table.anonymous.startswith("aggregate only: every row counts a group in count")
    assert "140" in table.anonymous
