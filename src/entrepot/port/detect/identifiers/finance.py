"""Account, card and entity identifiers: IBAN, payment cards, BIC, routing numbers, LEI, wallets.

Sources: ISO 13616 registry (IBAN lengths), ISO/IEC 7812 (cards), ISO 9362 (BIC), ABA key to routing
numbers, ISO 17442 (LEI), GS1 general specifications (GTIN), ISO 6166 (ISIN).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect import checksums
from entrepot.port.detect.matrix import (
    Mask,
    alnum_values,
    as_series,
    compact,
    digit_matrix,
    matrix,
    right_aligned,
)

Values = pl.Series | NDArray[np.generic] | list[str]

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BI": 27, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DJ": 27,
    "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FK": 18, "FO": 18, "FR": 27,
    "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22,
    "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32,
    "LI": 21, "LT": 20, "LU": 20, "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MN": 20, "MR": 27, "MT": 31, "MU": 30, "NI": 28, "NL": 18, "NO": 15, "OM": 23, "PK": 24,
    "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "RU": 33, "SA": 24, "SC": 31,
    "SD": 18, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "SO": 23, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20, "YE": 30,
}  # fmt: skip
"""Length of an IBAN by country."""

_BIN = (
    r"^(4[0-9]{12}([0-9]{3}){0,2}|5[1-5][0-9]{14}|2(22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)"
    r"[0-9]{12}|3[47][0-9]{13}|3(0[0-59]|6|8|9)[0-9]{11,16}|6(011|4[4-9]|5)[0-9]{12,15}"
    r"|35(2[89]|[3-8][0-9])[0-9]{12,15}|62[0-9]{14,17}|(5018|5020|5038|56|57|58|6[37])[0-9]{10,15}"
    r"|220[0-4][0-9]{12}|60[0-9]{14}|81[0-9]{14}|65[0-9]{14}|50[67][0-9]{13}|9792[0-9]{12})$"
)


def validate_iban(values: Values) -> Mask:
    """Return which are IBANs: country length of the registry and mod 97 equal to 1."""
    text = compact(as_series(values))
    result = np.zeros(len(text), np.bool_)
    country = text.str.slice(0, 2)
    shape = text.str.contains(r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$")
    lengths = text.str.len_bytes()
    for code in country.filter(shape).unique().to_list():
        length = IBAN_LENGTHS.get(code)
        if length is None:
            continue
        rows = (shape & (country == code) & (lengths == length)).to_numpy()
        if not rows.any():
            continue
        raw, _ = matrix(text if rows.all() else text.filter(pl.Series(rows)), length)
        result[rows] = checksums.mod_97(alnum_values(np.roll(raw, -4, axis=1))) == 1
    return result


def validate_iban_checksum(values: Values) -> Mask:
    """Return which have the form of an IBAN and pass mod 97, of whatever country and length."""
    text = compact(as_series(values))
    shape = text.str.contains(r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$")
    result = np.zeros(len(text), np.bool_)
    lengths = text.str.len_bytes()
    for length in lengths.filter(shape).unique().to_list():
        rows = (shape & (lengths == length)).to_numpy()
        raw, _ = matrix(text.filter(pl.Series(rows)), length)
        result[rows] = checksums.mod_97(alnum_values(np.roll(raw, -4, axis=1))) == 1
    return result


def validate_pl_nrb(values: Values) -> Mask:
    """Return which are Polish account numbers (NRB): 26 digits, mod 97 with `PL` put before.

    Source: Narodowy Bank Polski, order 7/2017 on the numbering of bank accounts; ISO 13616.
    """
    text = compact(as_series(values))
    shape = text.str.contains(r"^[0-9]{26}$")
    mask: Mask = shape.to_numpy() & validate_iban("PL" + text)
    return mask


def validate_card(values: Values) -> Mask:
    """Return which are payment card numbers: an issuer's range and length, and Luhn."""
    text = compact(as_series(values))
    digits, good = right_aligned(text, 19)
    mask: Mask = good & text.str.contains(_BIN).to_numpy() & checksums.luhn(digits)
    return mask


def validate_aba_routing(values: Values) -> Mask:
    """Return which are US routing numbers (9 digits, Federal Reserve prefix, 3-7-1 check)."""
    digits, good = digit_matrix(compact(as_series(values)), 9)
    prefix = checksums.number(digits[:, :2])
    district = (prefix <= 12) | ((prefix >= 21) & (prefix <= 32)) | (prefix == 80)
    district |= (prefix >= 61) & (prefix <= 72)
    total = checksums.weighted(digits, (3, 7, 1, 3, 7, 1, 3, 7, 1))
    mask: Mask = good & district & (total % 10 == 0) & (total > 0)
    return mask


def validate_lei(values: Values) -> Mask:
    """Return which are legal entity identifiers (20 characters, mod 97 equal to 1)."""
    text = compact(as_series(values))
    raw, good = matrix(text, 20)
    shape = text.str.contains(r"^[A-Z0-9]{18}[0-9]{2}$").to_numpy()
    mask: Mask = good & shape & (checksums.mod_97(alnum_values(raw)) == 1)
    return mask


def validate_gtin(values: Values) -> Mask:
    """Return which are EAN-8/EAN-13/ISBN-13/GTIN-14 product numbers (mod 10 with weight 3)."""
    text = compact(as_series(values))
    digits, good = right_aligned(text, 14)
    total = checksums.weighted(digits, (3, 1) * 7)
    length = text.str.len_bytes().is_in([8, 12, 13, 14]).to_numpy()
    mask: Mask = good & length & (total % 10 == 0) & (total > 0)
    return mask


def validate_isin(values: Values) -> Mask:
    """Return which are ISIN security numbers (12 characters, Luhn over expanded letters)."""
    text = compact(as_series(values))
    shape = text.str.contains(r"^[A-Z]{2}[A-Z0-9]{9}[0-9]$").to_numpy()
    raw, good = matrix(text, 12)
    codes = np.maximum(alnum_values(raw), 0)
    total = np.zeros(len(codes), np.int64)
    double = np.zeros(len(codes), np.bool_)
    for position in range(11, -1, -1):
        value = codes[:, position]
        for digit, present in ((value % 10, value >= 0), (value // 10, value > 9)):
            product = np.where(double, digit * 2, digit)
            total += np.where(present, product // 10 + product % 10, 0)
            double = np.where(present, ~double, double)
    mask: Mask = good & shape & (total % 10 == 0)
    return mask
