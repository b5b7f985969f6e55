# ruff: noqa: E501 (tables of vectors: one case per line)
"""Validators against published test numbers, wrong digits, and slow scalar reference versions."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from entrepot.port.detect import checksums
from entrepot.port.detect.identifiers import americas, asia, devices, europe, finance
from entrepot.port.detect.matrix import Mask, digit_matrix, right_aligned

Validator = Callable[[list[str]], Mask]

# Published specimen numbers (standards, ministries, test suites); none is a real person's.
VECTORS: list[tuple[Validator, list[str], list[str]]] = [
    (asia.validate_cn_resident_id, ["11010519491231002X", "110105 19491231 002x"],
     ["110105194912310021", "11010519491331002X", "99010519491231002X", "1101051949123100", "x"]),
    (asia.validate_cn_resident_id_15, ["130503670401001"], ["130503671301001", "13050367040100"]),
    (asia.validate_cn_uscc, ["91350100M000100Y43"], ["91350100M000100Y44", "91350100I000100Y43"]),
    (asia.validate_hk_id, ["G123456(A)", "A123456(3)", "AB987654(3)"], ["A123456(4)", "1123456(3)"]),
    (asia.validate_tw_id, ["A123456789", "A800000014"], ["A123456788", "A323456789", "a"]),
    (asia.validate_jp_my_number, ["123456789018"], ["123456789012", "000000000000", "12345678901"]),
    (asia.validate_jp_corporate_number, ["7000012050002"], ["8000012050002"]),
    (asia.validate_kr_rrn, ["900101-1234568"], ["900101-1234567", "901301-1234568"]),
    (asia.validate_kr_business_number, ["220-81-62517"], ["220-81-62518", "0000000000"]),
    (asia.validate_sg_nric, ["S1234567D", "F1234567N", "T1234567J", "G1234567X"], ["S1234567E", "A1234567D"]),
    (asia.validate_in_aadhaar, ["2345 6789 0124"], ["2345 6789 0125", "1345 6789 0124"]),
    (asia.validate_in_pan, ["ABCPE1234F"], ["ABCCE1234F", "ABCPE123F"]),
    (asia.validate_in_gstin, ["27AAPFU0939F1ZV"], ["27AAPFU0939F1ZW", "97AAPFU0939F1ZV"]),
    (asia.validate_th_id, ["1-1037-02071-81-1"], ["1-1037-02071-81-2"]),
    (americas.validate_us_ssn, ["212-09-9999", "665010001"], ["666-12-3456", "900-12-3456", "000-12-3456", "123-00-4567", "123-45-0000", "078-05-1120"]),
    (americas.validate_us_itin, ["912-70-1234", "999-94-0001"], ["912-49-1234", "912-89-1234", "812-70-1234"]),
    (americas.validate_us_npi, ["1234567893"], ["1234567890", "3234567893"]),
    (americas.validate_us_mbi, ["1EG4-TE5-MK73", "1EG4TE5MK73"], ["0EG4TE5MK73", "1SG4TE5MK73"]),
    (americas.validate_ca_sin, ["046 454 286", "130692544"], ["046 454 287", "830692544"]),
    (americas.validate_br_cpf, ["111.444.777-35"], ["111.444.777-36", "111.111.111-11"]),
    (americas.validate_br_cnpj, ["11.222.333/0001-81"], ["11.222.333/0001-80"]),
    (americas.validate_mx_curp, ["HEGG560427MVZRRL04"], ["HEGG561327MVZRRL04", "HEGG560427KVZRRL04"]),
    (americas.validate_cl_rut, ["12.345.678-5", "11.111.111-1"], ["12.345.678-6"]),
    (americas.validate_ar_cuit, ["20-12345678-6"], ["20-12345678-5", "30-12345678-6"]),
    (europe.validate_uk_nino, ["AB123456C", "JG 10 37 59 A"], ["BG123456C", "AB123456E", "QQ123456C", "AO123456C"]),
    (europe.validate_uk_nhs, ["943 476 5919"], ["943 476 5918", "943476591"]),
    (europe.validate_de_tax_id, ["86095742719", "65929970489"], ["86095742710", "06095742719", "11111111111"]),
    (europe.validate_de_id_card, ["T220001293", "L01X00T471"], ["T220001294"]),
    (europe.validate_de_pension_number, ["15070649C103"], ["15070649C104", "15079949C103"]),
    (europe.validate_de_health_insurance_number, ["A123456780"], ["A123456781", "1123456780"]),
    (europe.validate_fr_nir, ["2 55 08 14 168 025 38"], ["255081416802539", "955081416802538"]),
    (europe.validate_fr_siren, ["732829320"], ["732829321"]),
    (europe.validate_fr_siret, ["73282932000074"], ["73282932000075"]),
    (europe.validate_es_dni, ["12345678Z", "X1234567L", "12345678-z"], ["12345678A", "W1234567L"]),
    (europe.validate_es_cif, ["A58818501"], ["A58818502", "I58818501"]),
    (europe.validate_it_codice_fiscale, ["RSSMRA85T10A562S"], ["RSSMRA85T10A562T", "RSSMRA85Z10A562S"]),
    (europe.validate_nl_bsn, ["111222333"], ["111222334", "000000000", "1112223"]),
    (europe.validate_pl_pesel, ["44051401359"], ["44051401358", "44133201359"]),
    (europe.validate_ru_snils, ["112-233-445 95"], ["112-233-445 96"]),
    (europe.validate_ru_inn_person, ["500100732259"], ["500100732258"]),
    (europe.validate_ru_inn_org, ["7830002293"], ["7830002294"]),
    (europe.validate_ch_ahv, ["756.9217.0769.85"], ["756.9217.0769.86", "757.9217.0769.85"]),
    (europe.validate_be_national_number, ["85.07.30-033 28"], ["85.07.30-033 29"]),
    (europe.validate_pt_nif, ["123456789"], ["123456788", "523456789"]),
    (europe.validate_tr_id, ["10000000146"], ["10000000147", "00000000146"]),
    (europe.validate_se_personal_number, ["811218-9876", "198112189876"], ["811218-9875", "811318-9876"]),
    (europe.validate_no_birth_number, ["11077941012"], ["11077941013"]),
    (europe.validate_fi_hetu, ["131052-308T", "131052+308t"], ["131052-308U"]),
    (europe.validate_za_id, ["8001015009087"], ["8001015009088", "8013015009087"]),
    (finance.validate_iban, ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NO9386011117947"],
     ["DE89370400440532013001", "DE8937040044053201300", "XX82WEST12345698765432", "GB82WEST1234569876543"]),
    (finance.validate_card, ["4111 1111 1111 1111", "378282246310005", "5555555555554444", "6011111111111117"],
     ["4111111111111112", "1234567812345670", "0000000000000000", "411111111111111"]),
    (finance.validate_aba_routing, ["021000021", "011401533"], ["021000022", "991000021"]),
    (finance.validate_lei, ["5493001KJTIIGC8Y1R12", "529900T8BM49AURSDO55"], ["5493001KJTIIGC8Y1R13"]),
    (finance.validate_isin, ["US0378331005", "DE0005810055"], ["US0378331006"]),
    (finance.validate_gtin, ["4006381333931", "9783161484100", "96385074"], ["4006381333932", "123"]),
    (devices.validate_imei, ["49-015420-323751-8", "356938035643809"], ["490154203237519", "700154203237518"]),
    (devices.validate_vin, ["1M8GDM9AXKP042788"], ["1M8GDM9A1KP042788", "1M8GDM9AXKP04278I"]),
    (devices.validate_ipv6, ["::1", "2001:db8::1/64", "fe80::1%eth0", "::ffff:192.0.2.1", "1:2:3:4:5:6:7:8", "::"],
     ["a:b", "1:2:3", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", ":::", "08:00:2b:01:02:03"]),
    (devices.validate_mrz, ["L898902C36UTO7408122F1204159ZE184226B<<<<<10",
                            "I<UTOD231458907<<<<<<<<<<<<<<<7408122F1204159UTO<<<<<<<<<<<6ERIKSSON<<ANNA<MARIA<<<<<<<<<<"],
     ["L898902C37UTO7408122F1204159ZE184226B<<<<<10", "HELLO WORLD"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("validate", "valid", "invalid"), VECTORS, ids=lambda v: getattr(v, "__name__", None)
)
def test_specimen_numbers(validate: Validator, valid: list[str], invalid: list[str]) -> None:
    assert validate(valid).tolist() == [True] * len(valid)
    assert validate(invalid).tolist() == [False] * len(invalid)
    mixed = [*valid, *invalid, "", "§§§", "12", "文字列"]
    assert validate(mixed).tolist() == [True] * len(valid) + [False] * (len(invalid) + 4)
    assert validate([]).tolist() == []


CHECKED = [
    (asia.validate_cn_resident_id, "11010519491231002X"), (asia.validate_in_aadhaar, "234567890124"),
    (americas.validate_br_cpf, "11144477735"), (europe.validate_de_tax_id, "86095742719"),
    (europe.validate_it_codice_fiscale, "RSSMRA85T10A562S"), (finance.validate_iban, "DE89370400440532013000"),
    (finance.validate_card, "4111111111111111"), (europe.validate_es_dni, "12345678Z"),
    (asia.validate_jp_my_number, "123456789018"), (finance.validate_lei, "5493001KJTIIGC8Y1R12"),
]  # fmt: skip


@pytest.mark.parametrize(("validate", "good"), CHECKED, ids=lambda v: getattr(v, "__name__", None))
def test_one_wrong_digit_is_caught(validate: Validator, good: str) -> None:
    changed = [
        good[:i] + digit + good[i + 1 :]
        for i in range(len(good))
        for digit in "0123456789"
        if good[i].isdigit() and digit != good[i]
    ]
    assert validate([good]).all()
    # every system here catches all single errors, but for a mod 11 digit folded to 0 (My Number)
    allowed = 0.05 if validate is asia.validate_jp_my_number else 0.0
    assert validate(changed).mean() <= allowed


def slow_luhn(text: str) -> bool:
    total = 0
    for index, char in enumerate(reversed(text)):
        digit = int(char)
        if index % 2:
            digit = digit * 2 - 9 if digit > 4 else digit * 2
        total += digit
    return total % 10 == 0 and int(text) != 0


def slow_mod_11_10(text: str) -> bool:
    product = 10
    for char in text[:-1]:
        total = (int(char) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(text[-1])


def slow_verhoeff(text: str) -> bool:
    def multiply(a: int, b: int) -> int:  # the dihedral group of order ten, from its definition
        if a < 5:
            return (a + b) % 5 if b < 5 else (a + b - 5) % 5 + 5
        return (a - 5 - b) % 5 + 5 if b < 5 else (a - b) % 5

    first = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4]
    check = 0
    for index, char in enumerate(reversed(text)):
        digit = int(char)
        for _ in range(index % 8):
            digit = first[digit]
        check = multiply(check, digit)
    return check == 0


@pytest.mark.parametrize(
    ("slow", "fast", "width"),
    [(slow_luhn, checksums.luhn, 16), (slow_mod_11_10, checksums.mod_11_10, 11), (slow_verhoeff, checksums.verhoeff, 12)],
    ids=["luhn", "mod-11-10", "verhoeff"],
)  # fmt: skip
def test_checksums_equal_their_slow_version(
    slow: Callable[[str], bool], fast: Callable[..., Mask], width: int
) -> None:
    r = random.Random(3)
    texts = ["".join(r.choice("0123456789") for _ in range(width)) for _ in range(4000)]
    digits, good = digit_matrix(pl.Series(texts), width)
    assert good.all()
    expected = np.array([slow(t) for t in texts])
    assert 0.05 < expected.mean() < 0.15
    assert (fast(digits) == expected).all()


def test_mod_97_equals_big_integers() -> None:
    r = random.Random(5)
    texts = [
        "".join(r.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(20))
        for _ in range(2000)
    ]
    values = np.array([[int(c, 36) for c in t] for t in texts], np.int32)
    expected = [int("".join(str(int(c, 36)) for c in t)) % 97 for t in texts]
    assert checksums.mod_97(values).tolist() == expected


def test_right_alignment_keeps_short_numbers_and_refuses_text() -> None:
    digits, good = right_aligned(pl.Series(["12", "abc", "", "12345678901234567890"]), 19)
    assert good.tolist() == [True, False, False, False]
    assert digits[0, -2:].tolist() == [1, 2]
