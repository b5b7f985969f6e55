"""What a header means beside others, in short tables and in short spellings; values invented."""

from __future__ import annotations

import random

import polars as pl
import pytest

from entrepot.port.detect import ColumnScanner
from entrepot.port.detect.identifiers import finance
from entrepot.port.model import Category, ColumnReport, Verdict

C = Category
ROWS = 60
GIVEN = ["Anna", "Peter", "Maria", "Jonas", "Lukas", "Eva", "Paul", "Julia", "Karin", "Stefan"]
FAMILY = ["Schmidt", "Weber", "Becker", "Wagner", "Koch", "Klein", "Wolf", "Neumann", "Braun"]


def scan(columns: dict[str, list[str]]) -> dict[str, ColumnReport]:
    frame = pl.DataFrame(columns)
    scanner = ColumnScanner(frame.columns, ["str"] * frame.width)
    scanner.feed(frame)
    return {report.name: report for report in scanner.finish()}


def categories(columns: dict[str, list[str]]) -> dict[str, Category]:
    return {name: report.category for name, report in scan(columns).items()}


def drawn(*values: str) -> list[str]:
    r = random.Random(len(values))
    return [r.choice(values) for _ in range(ROWS)]


def numbers(low: int, high: int, prefix: str = "") -> list[str]:
    r = random.Random(low)
    return [f"{prefix}{r.randrange(low, high)}" for _ in range(ROWS)]


def amounts() -> list[str]:
    r = random.Random(8)
    return [f"{r.uniform(10, 900):.2f}" for _ in range(ROWS)]


def people() -> list[str]:
    r = random.Random(9)
    return [f"{r.choice(GIVEN)} {r.choice(FAMILY)}" for _ in range(ROWS)]


def plates() -> list[str]:
    r = random.Random(10)
    letters = "ABCDEFGHJKLMN"
    return [
        f"{r.choice(letters)}{r.choice(letters)}{r.randrange(51, 73)} "
        f"{''.join(r.choices(letters, k=3))}"
        for _ in range(ROWS)
    ]


def polish_account(r: random.Random) -> str:
    body = "10901014" + f"{r.randrange(10**16):016d}"
    return f"{98 - int(body + '252100') % 97:02d}{body}"


# ---------------------------------------------------------------- tables of one to three rows


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("name", ["Mary Jones", "Peter Smith"]),
        ("Name", ["Anna Müller"]),
        ("Nombre", ["José García"]),
        ("Nom", ["Jeanne Dupont"]),
        ("姓名", ["王小明"]),
        ("Name", ["Zorbla Quixley", "Vantra Olmeck"]),
    ],
)
def test_a_bare_name_over_few_rows_is_at_least_possible(header: str, values: list[str]) -> None:
    found = scan({header: values, "notes": ["likes tea", "has moved"][: len(values)]})[header]
    assert found.category is C.PERSON_NAME
    assert found.verdict in (Verdict.POSSIBLE, Verdict.FOUND)


@pytest.mark.parametrize(
    "columns",
    [
        {"name": ["Folding Chair", "Garden Table"], "price": ["10.50", "20.10"]},
        {"name": ["New York"]},
        {"name": ["Sales Marketing", "red"]},
        {"name": ["Quillon Bau GmbH"]},
        {"name": ["Chicago", "Boston"], "population": ["2700000", "650000"]},
        {"product name": ["Folding Chair"]},
    ],
)
def test_a_bare_name_over_few_rows_of_other_things(columns: dict[str, list[str]]) -> None:
    assert C.PERSON_NAME not in categories(columns).values()


# ---------------------------------------------------------------- short spellings


def test_amounts_abbreviated_in_claims_and_elsewhere() -> None:
    claims = ("billed_amt", "allowed_amt", "paid_amt")
    found = categories(
        {
            **{name: amounts() for name in claims},
            "dx_code": drawn("E11.9", "I10.0", "J45.2"),
            "member_id": numbers(10**8, 10**9),
        }
    )
    assert {found[name] for name in claims} == {C.HEALTH_FINANCE}
    bought = categories({"order_no": numbers(10**5, 10**6), "paid_amt": amounts()})
    assert bought["paid_amt"] is C.NONE


@pytest.mark.parametrize("header", ["loyalty_no", "ff_no", "frequent_flyer_no", "病歷號"])
def test_numbers_of_travellers_and_patients(header: str) -> None:
    assert categories({header: numbers(10**6, 10**7)})[header] is C.RECORD_ID


def test_plates_of_vehicles_by_short_headers() -> None:
    for header in ("vrm", "registration", "reg_plate"):
        assert categories({header: plates()})[header] is C.DEVICE_ID
    assert categories({"sku": plates(), "plan": plates()}) == {"sku": C.NONE, "plan": C.NONE}
    assert categories({"registration": drawn("open", "closed", "late")})["registration"] is C.NONE


def test_polish_accounts_without_a_country() -> None:
    r = random.Random(12)
    plain = [polish_account(r) for _ in range(ROWS)]
    spaced = [f"{v[:2]} " + " ".join(v[i : i + 4] for i in range(2, 26, 4)) for v in plain]
    assert finance.validate_pl_nrb(plain + spaced).all()
    wrong = [v[:-1] + str((int(v[-1]) + 1) % 10) for v in plain]
    assert not finance.validate_pl_nrb(wrong).any()
    found = categories({"Nr rachunku": plain, "numer rachunku": spaced})
    assert set(found.values()) == {C.FINANCE_ACCOUNT}


def test_names_as_airlines_write_them() -> None:
    names = [f"{p.split()[1].upper()}/{p.split()[0].upper()} MR" for p in people()]
    assert set(categories({"pax": names, "passenger_name": names}).values()) == {C.PERSON_NAME}


# ---------------------------------------------------------------- the columns beside


def variant_calls() -> dict[str, list[str]]:
    return {
        "chrom": drawn("1", "2", "X", "17"),
        "ref": drawn("A", "C", "GT"),
        "alt": drawn("A", "T", "TTG"),
        "gt": drawn("0/1", "1/1", "0/0"),
    }


def test_the_columns_of_a_variant_need_one_that_names_it() -> None:
    beside = categories({"rsid": numbers(10**3, 10**7, "rs"), **variant_calls()})
    assert set(beside.values()) == {C.GENETIC}
    alone = categories({"ref": drawn("A17", "B22"), "alt": drawn("left", "right")})
    assert set(alone.values()) == {C.NONE}


def test_a_ward_of_patients_and_a_ward_of_voters() -> None:
    ward = drawn("Cardiology", "Oncology", "Ward North", "Paediatrics")
    number = numbers(10**5, 10**6)
    assert categories({"patient_id": number, "ward": ward})["ward"] is C.HEALTH
    assert categories({"病歷號": number, "就診科別": drawn("內科", "外科", "骨科")})[
        "就診科別"
    ] is C.HEALTH  # fmt: skip
    assert categories({"voter_id": number, "ward": ward})["ward"] is not C.HEALTH


def insurance() -> dict[str, list[str]]:
    return {
        "insurer": drawn("Borealis Mutual", "Harbour Motor", "Quillon Direct"),
        "premium": amounts(),
        "policy_no": numbers(10**6, 10**7, "P"),
    }


def test_the_insurance_of_a_car_and_of_a_patient() -> None:
    car = categories({"driver_name": people(), **insurance(), "vrm": plates()})
    assert car["insurer"] is C.ORGANISATION
    assert car["premium"] is car["policy_no"] is C.NONE
    care = categories(
        {"patient_id": numbers(10**5, 10**6), **insurance(), "diagnosis": drawn("asthma", "angina")}
    )
    assert {care[n] for n in ("insurer", "premium", "policy_no")} == {C.HEALTH_FINANCE}


def test_titles_of_works_and_of_posts() -> None:
    titles = drawn("The Nurse", "Captain of Rain", "The Engineer", "A Teacher of Salt")
    for beside in ("author", "director"):
        columns = {"title": titles, beside: people(), "year": numbers(1950, 2020)}
        assert categories(columns)["title"] is C.NONE
    staff = {"name": people(), "title": drawn("Nurse", "Engineer", "Teacher"), "salary": amounts()}
    assert categories(staff)["title"] is C.OCCUPATION
    led = {"employee": people(), "title": staff["title"], "director": people()}
    assert categories({**led, "year": numbers(2001, 2020)})["title"] is C.OCCUPATION
