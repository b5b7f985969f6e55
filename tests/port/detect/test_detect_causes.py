"""One test per cause of a wrong reading that was found on foreign tables; all values invented."""

from __future__ import annotations

import random
from collections.abc import Callable

import corpus
import polars as pl
import pytest

from entrepot.port.detect import ColumnScanner
from entrepot.port.detect.headers import read_header
from entrepot.port.model import Category, ColumnReport

C = Category
GIVEN = ["Anna", "Peter", "Maria", "Jonas", "Lukas", "Eva", "Paul", "Julia", "Karin", "Stefan"]
FAMILY = ["Schmidt", "Weber", "Becker", "Wagner", "Koch", "Klein", "Wolf", "Neumann", "Braun"]
Make = Callable[[random.Random], object]


def pick(*values: str) -> Make:
    return lambda r: r.choice(values)


def person(r: random.Random) -> str:
    return f"{r.choice(GIVEN)} {r.choice(FAMILY)}"


def birth(r: random.Random) -> str:
    return corpus.day(r, 1945, 2004).isoformat()


def uuid(r: random.Random) -> str:
    text = f"{r.getrandbits(128):032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def dotted(r: random.Random) -> str:
    return ".".join(str(r.randrange(1, 224 if part == 0 else 255)) for part in range(4))


def street(r: random.Random) -> str:
    return f"{r.randrange(1, 300)} {r.choice(['Elm', 'Oak', 'Hill', 'Mill'])} Street"


def scan(columns: dict[str, Make], rows: int = 240, seed: int = 11) -> dict[str, ColumnReport]:
    r = random.Random(seed)
    frame = pl.DataFrame(
        {name: [str(make(r)) for _ in range(rows)] for name, make in columns.items()}
    )
    scanner = ColumnScanner(frame.columns, ["str"] * frame.width)
    scanner.feed(frame)
    return {report.name: report for report in scanner.finish()}


def categories(columns: dict[str, Make], rows: int = 240) -> dict[str, Category]:
    return {name: report.category for name, report in scan(columns, rows).items()}


PERSONS: dict[str, Make] = {"name": person, "date of birth": birth}


# ---------------------------------------------------------------- numbers that look like others


def test_numbers_beside_addresses_are_addresses_only_when_spread_alike() -> None:
    found = categories(
        {
            "src_ip": dotted,
            "dst_num": lambda r: r.randrange(2**24, 223 * 2**24),
            "shipment": lambda r: 2_104_000_000 + r.randrange(90_000),
            "logged": lambda r: 1_688_000_000 + r.randrange(40_000_000),
        },
        400,
    )
    assert found["dst_num"] is C.IP
    assert found["shipment"] is not C.IP
    assert found["logged"] is not C.IP


def test_the_number_of_a_thing_is_no_social_security_number() -> None:
    def number(r: random.Random) -> str:
        return f"{r.randrange(101, 660)}-{r.randrange(10, 99)}-{r.randrange(1000, 9999)}"

    found = categories({"order no": number, "ssn": number, "f3": number})
    assert found == {"order no": C.NONE, "ssn": C.NATIONAL_ID, "f3": C.NATIONAL_ID}


def test_small_codes_under_a_bare_role_word_are_no_keys() -> None:
    found = categories({
        "agent": lambda r: r.randrange(1, 400), "passengers": lambda r: r.randrange(1, 6),
        "customer id": lambda r: r.randrange(100, 400),
    })  # fmt: skip
    assert found == {"agent": C.NONE, "passengers": C.NONE, "customer id": C.RECORD_ID}


def test_a_masked_card_is_no_masked_resident_number() -> None:
    found = categories({
        "card": lambda r: f"621{'*' * 12}{r.randrange(1000, 9999)}",
        "证件": lambda r: f"330{'*' * 11}{r.randrange(1000, 9999)}",
    })  # fmt: skip
    assert found["card"] is C.FINANCE_ACCOUNT
    assert found["证件"] is C.NATIONAL_ID


def test_hyphenated_numbers_are_telephones_by_their_length() -> None:
    found = categories({
        "USUBJID": lambda r: f"01-70{r.randrange(1, 9)}-{r.randrange(1000, 1400)}",
        "f3": lambda r: f"03-{r.randrange(1000, 9999)}-{r.randrange(1000, 9999)}",
        "station": lambda r: f"0{r.randrange(10000, 99999)}-{r.randrange(10000, 99999)}",
    })  # fmt: skip
    assert found["USUBJID"] is C.RECORD_ID
    assert found["f3"] is C.PHONE
    assert found["station"] is C.NONE


def test_letters_that_abbreviate_chinese_words_and_others() -> None:
    found = categories({
        "X2B": lambda r: r.randrange(0, 6), "CS": lambda r: r.randrange(0, 90),
        "private": lambda r: r.randrange(10**5, 10**6), "visit": pick("BASELINE", "FOLLOWUP"),
        "shade": lambda r: f"#{r.getrandbits(32):08X}",
    })  # fmt: skip
    assert set(found.values()) == {C.NONE}
    chinese = categories({"xm": pick("王芳", "李伟", "张敏"), "xb": pick("男", "女")})
    assert chinese == {"xm": C.PERSON_NAME, "xb": C.GENDER}


# ---------------------------------------------------------------- dates and keys


@pytest.mark.parametrize(
    ("header", "make"),
    [
        ("start_dt", lambda r: r.randrange(36000, 45500)),
        ("离职日期", lambda r: r.randrange(40000, 45500)),
        ("filing_date", lambda r: corpus.day(r, 2015, 2024).strftime("%m%d%Y")),
        ("first registration", lambda r: f"{r.randrange(1, 13):02d}/{r.randrange(2001, 2024)}"),
        ("customer since", lambda r: f"{r.randrange(1, 13):02d}.{r.randrange(2001, 2024)}"),
        ("last_seen", lambda r: 1_650_000_000_000 + r.randrange(10**10)),
    ],
)
def test_dates_in_unusual_notations_under_a_clear_header(header: str, make: Make) -> None:
    assert categories({header: make, "amount": lambda r: r.uniform(1, 9)})[header] is C.DATE


def test_numbers_in_the_range_of_serial_dates_are_dates_only_by_their_header() -> None:
    assert categories({"mileage": lambda r: r.randrange(30000, 45000)})["mileage"] is C.NONE


def test_who_wrote_a_row_is_a_key_or_a_person_but_no_date() -> None:
    found = categories({"created_by": uuid, "approved_by": person, "updated_at": birth})
    assert found["created_by"] is C.RECORD_ID
    assert found["approved_by"] is C.PERSON_NAME
    assert read_header("modified_by").weight(C.DATE) == 0


def test_the_key_of_an_address_is_no_address() -> None:
    found = categories({**PERSONS, "address_id": uuid, "address": street})
    assert found["address_id"] is not C.ADDRESS
    assert found["address"] is C.ADDRESS
    assert read_header("zip_code").top is C.ADDRESS


# ---------------------------------------------------------------- whose address


def test_an_address_in_a_register_of_firms_is_theirs() -> None:
    found = categories(
        {
            "vat number": lambda r: f"DE{r.randrange(10**8, 10**9)}",
            "company": lambda r: f"{r.choice(FAMILY)} {r.randrange(99)} {r.choice(['GmbH', 'AG'])}",
            "street": street,
            "phone": lambda r: f"+49 30 {r.randrange(10**6, 10**7)}",
            "director": person,
            "director date of birth": birth,
        }
    )
    assert found["street"] is C.ORG_ADDRESS
    assert found["phone"] is C.ORG_PHONE
    assert found["director"] is C.PERSON_NAME


def test_an_agency_that_handles_a_case_does_not_own_its_address() -> None:
    agency = pick("Department of Parks", "Department of Health", "City Fire Department")
    found = categories({"agency": agency, "incident address": street, "opened": birth})
    assert found["agency"] is C.ORGANISATION
    assert found["incident address"] in (C.ADDRESS, C.LOCATION)


# ---------------------------------------------------------------- health


def test_health_notes_partly_filled() -> None:
    allergy = pick("Hausstauballergie", "Zöliakie", "Migräne", "", "", "", "")
    assert categories({**PERSONS, "health_note": allergy})["health_note"] is C.HEALTH
    status = pick("healthy", "degraded", "down")
    assert categories({"server": uuid, "server health": status})["server health"] is C.NONE


def test_bare_codes_beside_diagnoses_of_patients_are_medical() -> None:
    diagnoses = pick("Acute bronchitis", "Type 2 diabetes", "Essential hypertension", "Migraine")
    found = categories({
        "PATIENT": uuid, "CODE": lambda r: r.randrange(10**6, 10**9), "DESCRIPTION": diagnoses,
    })  # fmt: skip
    assert found["CODE"] is C.HEALTH
    assert found["DESCRIPTION"] is C.HEALTH
    goods = categories({"CODE": lambda r: r.randrange(10**6, 10**9), "DESCRIPTION": pick("Hammer")})
    assert goods["CODE"] is not C.HEALTH


def test_a_sample_number_beside_genes_stands_for_a_person() -> None:
    samples: dict[str, Make] = {
        "specimen id": lambda r: f"P{r.randrange(1000, 9999)}",
        "rsid": lambda r: f"rs{r.randrange(10**5, 10**7)}",
    }
    assert categories(samples)["specimen id"] is C.RECORD_ID
    ore = {"specimen id": samples["specimen id"], "grain mm": lambda r: r.uniform(0.1, 4)}
    assert categories(ore)["specimen id"] is C.NONE


# ---------------------------------------------------------------- names


def test_names_with_a_rank_before_or_a_number_after() -> None:
    found = categories({
        "f1": lambda r: f"DS {person(r)}",
        "name": lambda r: " ".join(f"{part}{r.randrange(999)}" for part in person(r).split()),
    })  # fmt: skip
    assert found == {"f1": C.PERSON_NAME, "name": C.PERSON_NAME}


def test_words_that_are_also_names_or_places() -> None:
    found = categories({
        "Lack": pick("schwarz", "weiß", "braun", "grau", "silber"),
        "state": pick("open", "closed", "on hold"),
        "race": pick("Half marathon", "10 km run", "Relay race"),
        "industry group": pick("Energy Services", "Bank Holdings", "Media Networks"),
        "account_age": lambda r: r.randrange(0, 30),
    })  # fmt: skip
    assert set(found.values()) == {C.NONE}
    kept = categories({**PERSONS, "race": pick("White", "Black", "Asian")})
    assert kept["race"] is C.ETHNICITY


def test_bands_in_thousands_without_a_header_beside_persons() -> None:
    bands = pick("<=40K", "40K-80K", ">80K")
    found = categories({
        "column_1": pick("Male", "Female"), "column_2": pick("Divorced", "Married", "Widowed"),
        "column_3": bands,
    })  # fmt: skip
    assert found["column_3"] is C.INCOME
    assert categories({"column_1": bands, "column_2": uuid})["column_1"] is C.NONE


def test_figures_about_groups_are_no_attributes_of_a_person() -> None:
    found = categories({
        "kids_rural": lambda r: f"{r.random():.6f}", "male": lambda r: r.randrange(5000),
        "lean": lambda r: f"{r.choice('DR')}+{r.uniform(1, 30):.1f}",
        "entrant": lambda r: f"{r.randrange(10, 30)}_{r.choice(GIVEN).upper()}_{r.choice('ABC')}",
        "schooling": pick("Some college", "College degree or more", "High school or less"),
    })  # fmt: skip
    assert set(found.values()) == {C.NONE}
    assert categories({**PERSONS, "kids": pick("0", "1", "2")})["kids"] is C.FAMILY_STATUS


# ---------------------------------------------------------------- money and short forms


@pytest.mark.parametrize(
    ("header", "make", "category"),
    [
        ("salary", lambda r: f"£{r.randrange(20, 90)},{r.randrange(100, 999)}", C.INCOME),
        ("Bruttogehalt", lambda r: f"{r.randrange(2, 9)}.{r.randrange(100, 999)},00 €", C.INCOME),
        ("Last 4 SSN", lambda r: r.randrange(1000, 9999), C.NATIONAL_ID),
        ("Marit. Status", pick("M", "S", "D", "W"), C.FAMILY_STATUS),
        ("email_md5", lambda r: f"{r.getrandbits(128):032x}", C.EMAIL),
        ("phone hash", lambda r: f"{r.getrandbits(256):064x}", C.PHONE),
    ],
)
def test_amounts_with_a_sign_digests_and_short_forms(
    header: str, make: Make, category: Category
) -> None:
    assert categories({**PERSONS, header: make})[header] is category


# ---------------------------------------------------------------- prose


def test_a_street_inside_a_report_does_not_make_it_an_address() -> None:
    found = scan(
        {
            "text3": lambda r: (
                f"Caller said that a van left {street(r)} after midnight, born {birth(r)}"
            ),
            "place": street,
        }
    )
    assert found["text3"].category is C.FREE_TEXT
    assert found["text3"].contains["address"] == 240
    assert found["text3"].contains["date-of-birth"] == 240
    assert found["place"].category in (C.ADDRESS, C.LOCATION)


def test_labels_and_titles_are_no_prose() -> None:
    found = categories({
        "item": pick(*(f"Folding chair with cushion for garden no. {n}" for n in range(40))),
        "book": pick(*(f"The Keeper of the {n}th Lighthouse and His Daughter" for n in range(40))),
        "品名": pick(*(f"便携式不锈钢保温水杯大容量{n}毫升" for n in range(40))),
    })  # fmt: skip
    assert C.FREE_TEXT not in found.values()


def test_a_few_repeated_answers_are_no_free_text() -> None:
    answers = pick(
        "Yes, because it was easy to use", "No, they were not there when I called", "Not asked"
    )
    assert categories({"q7": answers})["q7"] is C.NONE


@pytest.mark.parametrize(
    ("category", "text"),
    [
        (C.PHONE, "Kundin bittet um Rückruf unter 0171 {d4} {d3} am Abend"),
        (C.PHONE, "please ring 07{d3} {d3}{d3} when it is ready"),
        (C.PHONE, "Merci de rappeler le 06 {d2} {d2} {d2} {d2} avant midi"),
        (C.PHONE, "Cliente pide que le llamen al 6{d2} {d3} {d3} mañana"),
        (C.PHONE, "客户的新号码是139{d4}{d4}，请记录在系统里"),
        (C.PHONE, "折り返しは080-{d4}-{d4}までお願いします"),
        (C.PHONE, "변경된 번호는 010-{d4}-{d4}입니다 확인 부탁드립니다"),
        (C.NATIONAL_ID, "办理人的身份证号是{cn}，已经核对过了"),
        (C.PERSON_NAME, "请在明天上午联系陈晓东先生确认配送时间"),
        (C.PERSON_NAME, "本日の担当は高橋様に変更となりましたのでご連絡ください"),
        (C.ADDRESS, "包裹已经改寄到南京市玄武区中山路{d3}号，请通知司机"),
        (C.IP, "login refused from 203.0.113.{d2} because it was blocked"),
    ],
)
def test_what_prose_of_many_languages_holds(category: Category, text: str) -> None:
    def make(r: random.Random) -> str:
        return text.format(
            d2=r.randrange(10, 99), d3=r.randrange(100, 999), d4=r.randrange(1000, 9999),
            cn=corpus.cn_id(r),
        ) + " " * r.randrange(2) + f" #{r.randrange(99)}"  # fmt: skip

    assert scan({"c7": make})["c7"].contains.get(category.value, 0) >= 230


@pytest.mark.parametrize(
    ("category", "text"),
    [
        (C.IP, "error in Browser/118.0.5993.{d2} after the update to version 3.1.4.{d2}"),
        (C.PHONE, "event {uuid} was repeated by the queue and then it failed"),
        (C.PERSON_NAME, "the pipe at {d3} Sunset Dr. Elmwood was closed on Dr. Mason Road"),
        (C.PERSON_NAME, "この製品の仕様は前のモデルと同様ですのでご安心ください{d3}"),
        (C.PERSON_NAME, "고객님께서 주문하신 상품이 오늘 도착할 예정입니다 {d3}"),
        (C.PHONE, "parcel {d3} of 12 was left with items worth 1.234.567 on 2021-03-04"),
    ],
)
def test_what_prose_only_seems_to_hold(category: Category, text: str) -> None:
    def make(r: random.Random) -> str:
        return text.format(d2=r.randrange(10, 99), d3=r.randrange(100, 999), uuid=uuid(r))

    assert category.value not in scan({"c7": make})["c7"].contains


def test_an_identifier_is_not_reported_again_as_what_it_resembles() -> None:
    def number(r: random.Random) -> str:
        while True:
            body = "4" + corpus.digits(r, 8)
            check = 11 - sum(int(d) * w for d, w in zip(body, range(10, 1, -1), strict=True)) % 11
            if check != 10:
                text = body + str(check % 11)
                return f"{text[:3]} {text[3:6]} {text[6:]}"

    found = scan({"nhs number": number})["nhs number"]
    assert found.category is C.NATIONAL_ID
    assert "phone" not in found.contains
