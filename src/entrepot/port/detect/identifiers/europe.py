"""Personal and business numbers of European countries, Turkey and Russia.

Sources: HMRC NIM39110 (NINO), NHS Data Dictionary (NHS number), BZSt (Steuer-ID, ISO 7064 mod
11-10), VKVV annex (German pension number), INSEE (NIR, SIREN, SIRET), Real Decreto 1553/2005 (DNI),
Decreto ministeriale 12/3/1974 (codice fiscale), BSN elfproef, PESEL act, PFR order (SNILS), FNS
order (INN).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect import checksums
from entrepot.port.detect.matrix import (
    Digits,
    Mask,
    alnum_values,
    as_series,
    compact,
    dates_plausible,
    digit_matrix,
    matrix,
    right_aligned,
)

Values = pl.Series | NDArray[np.generic] | list[str]

_DNI_LETTERS = np.frombuffer(b"TRWAGMYFPDXBNJZSQVHLCKE", np.uint8)
_CF_ODD = np.array(
    [
        1,
        0,
        5,
        7,
        9,
        13,
        15,
        17,
        19,
        21,
        1,
        0,
        5,
        7,
        9,
        13,
        15,
        17,
        19,
        21,
        2,
        4,
        18,
        20,
        11,
        3,
        6,
        8,
        12,
        14,
        16,
        10,
        22,
        25,
        24,
        23,
    ]
)
_CF_EVEN = np.array([*range(10), *range(26)])


def _digits(values: Values, width: int) -> tuple[Digits, Mask]:
    return digit_matrix(compact(as_series(values)), width)


def validate_uk_nino(values: Values) -> Mask:
    """Return which are UK national insurance numbers (allowed prefixes, suffix A-D)."""
    text = compact(as_series(values))
    shape = text.str.contains(r"^[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][0-9]{6}[A-D]$")
    return (shape & ~text.str.contains(r"^(BG|GB|NK|KN|TN|NT|ZZ)")).to_numpy().copy()


def validate_uk_nhs(values: Values) -> Mask:
    """Return which are NHS numbers (10 digits, mod 11)."""
    digits, good = _digits(values, 10)
    remainder = (11 - checksums.weighted(digits, tuple(range(10, 1, -1))) % 11) % 11
    mask: Mask = good & (remainder == digits[:, 9]) & (digits[:, 0] > 0)
    return mask


def validate_de_tax_id(values: Values) -> Mask:
    """Return which are German tax ids: 11 digits, mod 11-10, one digit twice or thrice in ten."""
    digits, good = _digits(values, 11)
    rows = np.arange(0, 10 * len(digits), 10)[:, None]
    counts = np.bincount((rows + digits[:, :10]).ravel(), minlength=rows.size * 10).reshape(-1, 10)
    repeated = ((counts == 2) | (counts == 3)).sum(axis=1)
    mask: Mask = (
        good
        & (digits[:, 0] > 0)
        & (repeated == 1)
        & (counts.max(axis=1) <= 3)
        & checksums.mod_11_10(digits)
    )
    return mask


def validate_de_id_card(values: Values) -> Mask:
    """Return which are German id card or passport numbers with their 7-3-1 check digit."""
    raw, good = matrix(compact(as_series(values)), 10)
    codes = alnum_values(raw)
    first = np.isin(raw[:, 0], np.frombuffer(b"CFGHJKLMNPRTVWXYZ", np.uint8))
    total = checksums.weighted(np.maximum(codes, 0), (7, 3, 1, 7, 3, 1, 7, 3, 1))
    mask: Mask = good & (codes >= 0).all(axis=1) & first & (total % 10 == codes[:, 9])
    return mask


def _letter_as_two_digits(raw: NDArray[np.uint8], at: int) -> tuple[Digits, Mask]:
    """Return digits with the letter at column `at` spelled as two digits (A = 01)."""
    letter = raw[:, at].astype(np.int64) - 64
    rest = np.delete(raw, at, axis=1).astype(np.int64) - 48
    good = (letter >= 1) & (letter <= 26) & ((rest >= 0) & (rest <= 9)).all(axis=1)
    pair = np.stack([letter // 10, letter % 10], axis=1)
    digits = np.hstack([rest[:, :at], pair, rest[:, at:]])
    return np.where(good[:, None], digits, 0), good


def _cross_sum(products: Digits) -> Digits:
    total: Digits = (products // 10 + products % 10).sum(axis=1)
    return total


def validate_de_pension_number(values: Values) -> Mask:
    """Return which are German pension insurance numbers (area, birth date, letter, check digit)."""
    raw, good = matrix(compact(as_series(values)), 12)
    digits, letters = _letter_as_two_digits(raw, 8)
    total = _cross_sum(digits[:, :12] * np.array((2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1)))
    month = checksums.number(digits[:, 4:6])
    mask: Mask = good & letters & (month >= 1) & (month <= 12) & (total % 10 == digits[:, 12])
    return mask


def validate_de_health_insurance_number(values: Values) -> Mask:
    """Return which are German health insurance numbers (letter, 8 digits, check digit)."""
    raw, good = matrix(compact(as_series(values)), 10)
    digits, letters = _letter_as_two_digits(raw, 0)
    total = _cross_sum(digits[:, :10] * np.array((1, 2) * 5))
    mask: Mask = good & letters & (total % 10 == digits[:, 10])
    return mask


def validate_fr_nir(values: Values) -> Mask:
    """Return which are French NIR (social security) numbers with their two-digit key."""
    text = compact(as_series(values))
    text = text.str.replace(r"^([0-9]{5})2A", "${1}19").str.replace(r"^([0-9]{5})2B", "${1}18")
    digits, good = digit_matrix(text, 15)
    key = 97 - checksums.number(digits[:, :13]) % 97
    month = checksums.number(digits[:, 3:5])
    real_month = ((month >= 1) & (month <= 12)) | ((month >= 20) & (month <= 42)) | (month >= 50)
    sex = np.isin(digits[:, 0], (1, 2, 3, 4, 7, 8))
    mask: Mask = good & sex & real_month & (checksums.number(digits[:, 13:]) == key)
    return mask


def validate_fr_siren(values: Values) -> Mask:
    """Return which are French SIREN numbers (organisations; 9 digits, Luhn)."""
    digits, good = _digits(values, 9)
    mask: Mask = good & checksums.luhn(digits)
    return mask


def validate_fr_siret(values: Values) -> Mask:
    """Return which are French SIRET numbers (establishments; 14 digits, Luhn)."""
    digits, good = _digits(values, 14)
    mask: Mask = good & checksums.luhn(digits)
    return mask


def validate_es_dni(values: Values) -> Mask:
    """Return which are Spanish DNI or NIE numbers with their letter (mod 23)."""
    text = compact(as_series(values))
    for letter, digit in (("X", "0"), ("Y", "1"), ("Z", "2")):
        text = text.str.replace(f"^{letter}", digit)
    text = text.str.zfill(9)
    raw, good = matrix(text, 9)
    digits = raw[:, :8].astype(np.int32) - 48
    good &= ((digits >= 0) & (digits <= 9)).all(axis=1)
    number = checksums.number(np.where(good[:, None], digits, 0))
    mask: Mask = good & (raw[:, 8] == _DNI_LETTERS[number % 23]) & (number > 0)
    return mask


def validate_es_cif(values: Values) -> Mask:
    """Return which are Spanish CIF numbers (organisations): letter, 7 digits, digit or letter."""
    text = compact(as_series(values))
    shape = text.str.contains(r"^[ABCDEFGHJNPQRSUVW][0-9]{7}[0-9A-J]$").to_numpy()
    raw, good = matrix(text, 9)
    digits = np.clip(raw[:, 1:8].astype(np.int32) - 48, 0, 9)
    doubled = digits[:, 0::2] * 2
    total = (doubled // 10 + doubled % 10).sum(axis=1) + digits[:, 1::2].sum(axis=1)
    check = (10 - total % 10) % 10
    letters = np.frombuffer(b"JABCDEFGHI", np.uint8)
    last = raw[:, 8]
    mask: Mask = good & shape & ((last == check + 48) | (last == letters[check]))
    return mask


def validate_it_codice_fiscale(values: Values) -> Mask:
    """Return which are Italian tax codes of persons (16 characters, mod 26)."""
    text = compact(as_series(values))
    shape = text.str.contains(
        r"^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$"
    ).to_numpy()
    raw, good = matrix(text, 16)
    codes = np.maximum(alnum_values(raw), 0)
    total = _CF_ODD[codes[:, 0:15:2]].sum(axis=1) + _CF_EVEN[codes[:, 1:15:2]].sum(axis=1)
    mask: Mask = good & shape & (raw[:, 15] == total % 26 + 65)
    return mask


def validate_it_vat(values: Values) -> Mask:
    """Return which are Italian VAT numbers (organisations; 11 digits, Luhn)."""
    digits, good = _digits(values, 11)
    mask: Mask = good & checksums.luhn(digits)
    return mask


def validate_nl_bsn(values: Values) -> Mask:
    """Return which are Dutch citizen service numbers (8-9 digits, eleven test)."""
    text = compact(as_series(values))
    digits, good = right_aligned(text, 9)
    total = checksums.weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) - digits[:, 8]
    long_enough = (text.str.len_bytes() >= 8).to_numpy()
    mask: Mask = good & long_enough & (total % 11 == 0) & (total != 0)
    return mask


def validate_pl_pesel(values: Values) -> Mask:
    """Return which are Polish PESEL numbers (birth date with century months, mod 10)."""
    digits, good = _digits(values, 11)
    month = checksums.number(digits[:, 2:4])
    century = np.select(
        [month > 80, month > 60, month > 40, month > 20], [1800, 2200, 2100, 2000], 1900
    )
    year = century + checksums.number(digits[:, :2])
    born = dates_plausible(year, month % 20, checksums.number(digits[:, 4:6]))
    total = checksums.weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    mask: Mask = good & born & (total % 10 == 0)
    return mask


def validate_pl_nip(values: Values) -> Mask:
    """Return which are Polish NIP tax numbers (10 digits, mod 11)."""
    digits, good = _digits(values, 10)
    total = checksums.weighted(digits, (6, 5, 7, 2, 3, 4, 5, 6, 7))
    mask: Mask = good & (total % 11 == digits[:, 9]) & (digits[:, 0] > 0)
    return mask


def validate_ru_snils(values: Values) -> Mask:
    """Return which are Russian pension account numbers (11 digits, mod 101)."""
    digits, good = _digits(values, 11)
    total = checksums.weighted(digits, tuple(range(9, 0, -1))) % 101 % 100
    mask: Mask = good & (checksums.number(digits[:, 9:]) == total) & digits[:, :9].any(axis=1)
    return mask


def validate_ru_inn_person(values: Values) -> Mask:
    """Return which are Russian tax numbers of persons (12 digits, two check digits)."""
    digits, good = _digits(values, 12)
    tail = (3, 5, 9, 4, 6, 8)
    one = checksums.weighted(digits, (7, 2, 4, 10, *tail)) % 11 % 10
    two = checksums.weighted(digits, (3, 7, 2, 4, 10, *tail)) % 11 % 10
    mask: Mask = good & (digits[:, 10] == one) & (digits[:, 11] == two) & digits.any(axis=1)
    return mask


def validate_ru_inn_org(values: Values) -> Mask:
    """Return which are Russian tax numbers of organisations (10 digits)."""
    digits, good = _digits(values, 10)
    total = checksums.weighted(digits, (2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    mask: Mask = good & (digits[:, 9] == total) & digits.any(axis=1)
    return mask


def validate_ch_ahv(values: Values) -> Mask:
    """Return which are Swiss social insurance numbers (756, EAN-13 digit)."""
    digits, good = _digits(values, 13)
    total = checksums.weighted(digits, (1, 3) * 6 + (1,))
    mask: Mask = good & (checksums.number(digits[:, :3]) == 756) & (total % 10 == 0)
    return mask


def validate_be_national_number(values: Values) -> Mask:
    """Return which are Belgian national numbers (11 digits, mod 97, with the 2000 rule)."""
    digits, good = _digits(values, 11)
    body = checksums.number(digits[:, :9])
    key = checksums.number(digits[:, 9:])
    month = checksums.number(digits[:, 2:4]) % 20
    match = (97 - body % 97 == key) | (97 - (body + 2_000_000_000) % 97 == key)
    mask: Mask = good & match & (month <= 12) & digits.any(axis=1)
    return mask


def validate_pt_nif(values: Values) -> Mask:
    """Return which are Portuguese NIF numbers of persons (first 1-3 or 45; mod 11)."""
    digits, good = _digits(values, 9)
    remainder = checksums.weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2)) % 11
    expected = np.where(remainder < 2, 0, 11 - remainder)
    person = np.isin(digits[:, 0], (1, 2, 3)) | (checksums.number(digits[:, :2]) == 45)
    mask: Mask = good & person & (digits[:, 8] == expected)
    return mask


def validate_tr_id(values: Values) -> Mask:
    """Return which are Turkish identity numbers (11 digits, two check digits)."""
    digits, good = _digits(values, 11)
    odd = digits[:, 0:9:2].sum(axis=1)
    even = digits[:, 1:8:2].sum(axis=1)
    ten = (odd * 7 - even) % 10 == digits[:, 9]
    eleven = digits[:, :10].sum(axis=1) % 10 == digits[:, 10]
    mask: Mask = good & (digits[:, 0] > 0) & ten & eleven
    return mask


def validate_se_personal_number(values: Values) -> Mask:
    """Return which are Swedish personal numbers (10 or 12 digits, date, Luhn)."""
    text = compact(as_series(values)).str.replace_all(r"\+", "")
    short = text.str.replace(r"^(18|19|20)([0-9]{10})$", "${2}")
    digits, good = digit_matrix(short, 10)
    month = checksums.number(digits[:, 2:4])
    day = checksums.number(digits[:, 4:6]) % 60
    date = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)
    mask: Mask = good & date & checksums.luhn(digits)
    return mask


def validate_no_birth_number(values: Values) -> Mask:
    """Return which are Norwegian birth numbers (11 digits, two mod 11 digits)."""
    digits, good = _digits(values, 11)
    one = checksums.weighted(digits, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
    two = checksums.weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    day = checksums.number(digits[:, :2]) % 40
    mask: Mask = good & one & two & (day >= 1) & (day <= 31)
    return mask


def validate_fi_hetu(values: Values) -> Mask:
    """Return which are Finnish personal identity codes (date, century sign, mod 31)."""
    text = as_series(values).str.to_uppercase()
    text = text.str.replace(r"^([0-9]{6})[-+A-FU-Y]([0-9]{3}[0-9A-Y])$", "${1}${2}")
    raw, good = matrix(text, 10)
    digits = raw[:, :9].astype(np.int32) - 48
    good &= ((digits >= 0) & (digits <= 9)).all(axis=1)
    body = checksums.number(np.where(good[:, None], digits, 0))
    check = np.frombuffer(b"0123456789ABCDEFHJKLMNPRSTUVWXY", np.uint8)[body % 31]
    mask: Mask = good & (raw[:, 9] == check)
    return mask


def validate_za_id(values: Values) -> Mask:
    """Return which are South African identity numbers (birth date, citizenship, Luhn)."""
    digits, good = _digits(values, 13)
    month = checksums.number(digits[:, 2:4])
    day = checksums.number(digits[:, 4:6])
    date = (month >= 1) & (month <= 12) & (day >= 1) & (day <= 31) & (digits[:, 10] <= 2)
    mask: Mask = good & date & checksums.luhn(digits)
    return mask
