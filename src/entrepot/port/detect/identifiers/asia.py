"""Personal and business numbers of China, Hong Kong, Taiwan, Japan, Korea, Singapore, India.

Sources: GB 11643-1999 (resident id), GB 32100-2015 (unified social credit code), Japan Order 85 of
2014 (individual number) and the National Tax Agency's corporate number rule, Korea's RRN and
business number rules, UIDAI (Aadhaar, Verhoeff), India's Rule 114 (PAN) and GST rules.
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
)

Values = pl.Series | NDArray[np.generic] | list[str]

CN_PROVINCES = (
    *range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55),
    *range(61, 66), 71, 81, 82, 83,
)  # fmt: skip
"""First two digits of a division code (GB/T 2260), with 81-83 of residence permits."""
_CN_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CN_CHECK = np.frombuffer(b"10X98765432", np.uint8)
_USCC_ALPHABET = b"0123456789ABCDEFGHJKLMNPQRTUWXY"
_TW_LETTERS = dict(zip("ABCDEFGHJKLMNPQRSTUVXYWZIO", range(10, 36), strict=True))


def _ymd(digits: Digits, start: int) -> Mask:
    year = checksums.number(digits[:, start : start + 4])
    month = checksums.number(digits[:, start + 4 : start + 6])
    return dates_plausible(year, month, checksums.number(digits[:, start + 6 : start + 8]))


def validate_cn_resident_id(values: Values) -> Mask:
    """Return which are 18-digit resident ids: province, birth date, ISO 7064 mod 11-2 digit."""
    text = compact(as_series(values))
    raw, fits = matrix(text, 18)
    body = raw[:, :17] - np.uint8(48)
    if body.size and body.max() > 9:
        fits &= (body <= 9).all(axis=1)
        body[~fits] = 0
    check = _CN_CHECK[checksums.weighted(body, _CN_WEIGHTS) % 11]
    province = np.isin(checksums.number(body[:, :2]), CN_PROVINCES)
    good: Mask = fits & (raw[:, 17] == check) & province & _ymd(body, 6)
    return good


def validate_cn_resident_id_15(values: Values) -> Mask:
    """Return which look like 15-digit resident ids of before 1999 (no check digit exists)."""
    digits, good = digit_matrix(compact(as_series(values)), 15)
    year = 1900 + checksums.number(digits[:, 6:8])
    born = dates_plausible(
        year, checksums.number(digits[:, 8:10]), checksums.number(digits[:, 10:12])
    )
    mask: Mask = good & born & np.isin(checksums.number(digits[:, :2]), CN_PROVINCES)
    return mask


def validate_cn_uscc(values: Values) -> Mask:
    """Return which are unified social credit codes (organisations): mod 31 over 30 characters."""
    table = np.full(256, -1, np.int64)
    table[np.frombuffer(_USCC_ALPHABET, np.uint8)] = np.arange(31)
    raw, good = matrix(compact(as_series(values)), 18)
    codes = table[raw]
    good &= (codes >= 0).all(axis=1)
    weights = [pow(3, i, 31) for i in range(17)]
    expected = (31 - checksums.weighted(np.where(good[:, None], codes, 0), weights) % 31) % 31
    mask: Mask = good & (codes[:, 17] == expected)
    return mask


def validate_hk_id(values: Values) -> Mask:
    """Return which are Hong Kong identity card numbers, `A123456(3)` in any punctuation."""
    text = compact(as_series(values))
    text = pl.select(
        pl.when(text.str.len_bytes() == 8).then(pl.lit(" ") + text).otherwise(text)
    ).to_series()
    raw, good = matrix(text, 9)
    codes = alnum_values(raw)
    first = np.where(raw[:, 0] == 32, 36, codes[:, 0])
    letters = (codes[:, 1] >= 10) & ((raw[:, 0] == 32) | (codes[:, 0] >= 10))
    digits = codes[:, 2:8]
    good &= letters & ((digits >= 0) & (digits <= 9)).all(axis=1)
    good &= (codes[:, 8] >= 0) & (codes[:, 8] <= 10)
    everything = np.column_stack([first, codes[:, 1:]])
    mask: Mask = good & (checksums.weighted(everything, (9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0)
    return mask


def validate_tw_id(values: Values) -> Mask:
    """Return which are Taiwan identity or resident certificate numbers (old and new form)."""
    table = np.full(256, -1, np.int64)
    for letter, code in _TW_LETTERS.items():
        table[ord(letter)] = code
    raw, good = matrix(compact(as_series(values)), 10)
    first = table[raw[:, 0]]
    second_letter = table[raw[:, 1]]
    second = np.where(second_letter >= 0, second_letter % 10, raw[:, 1].astype(np.int32) - 48)
    digits = raw[:, 2:].astype(np.int32) - 48
    good &= (first >= 0) & ((digits >= 0) & (digits <= 9)).all(axis=1)
    good &= np.isin(raw[:, 1], np.frombuffer(b"1289ABCD", np.uint8))
    total = first // 10 + first % 10 * 9 + second * 8
    total = total + checksums.weighted(digits, (7, 6, 5, 4, 3, 2, 1, 1))
    mask: Mask = good & (total % 10 == 0)
    return mask


def validate_jp_my_number(values: Values) -> Mask:
    """Return which are Japanese individual numbers (12 digits, mod 11)."""
    digits, good = digit_matrix(compact(as_series(values)), 12)
    remainder = checksums.weighted(digits, (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    expected = np.where(remainder <= 1, 0, 11 - remainder)
    mask: Mask = good & (digits[:, 11] == expected) & digits.any(axis=1)
    return mask


def validate_jp_corporate_number(values: Values) -> Mask:
    """Return which are Japanese corporate numbers (13 digits, leading mod 9 digit)."""
    digits, good = digit_matrix(compact(as_series(values)), 13)
    total = checksums.weighted(digits[:, 1:], (2, 1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1))
    mask: Mask = good & (digits[:, 0] == 9 - total % 9)
    return mask


def validate_kr_rrn(values: Values) -> Mask:
    """Return which are Korean resident (or foreigner) registration numbers with a check digit."""
    digits, good = digit_matrix(compact(as_series(values)), 13)
    total = checksums.weighted(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    foreign = (digits[:, 6] >= 5) & (digits[:, 6] <= 8)
    expected = np.where(foreign, (13 - total % 11) % 10, (11 - total % 11) % 10)
    century = np.select(
        [np.isin(digits[:, 6], (9, 0)), np.isin(digits[:, 6], (3, 4, 7, 8))], [1800, 2000], 1900
    )
    year = century + checksums.number(digits[:, :2])
    born = dates_plausible(year, checksums.number(digits[:, 2:4]), checksums.number(digits[:, 4:6]))
    mask: Mask = good & (digits[:, 12] == expected) & born
    return mask


def validate_kr_business_number(values: Values) -> Mask:
    """Return which are Korean business registration numbers (10 digits)."""
    digits, good = digit_matrix(compact(as_series(values)), 10)
    total = checksums.weighted(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + digits[:, 8] * 5 // 10
    mask: Mask = good & (digits[:, 9] == (10 - total % 10) % 10) & digits.any(axis=1)
    return mask


def validate_sg_nric(values: Values) -> Mask:
    """Return which are Singapore NRIC or FIN numbers (S, T, F, G, M series)."""
    raw, good = matrix(compact(as_series(values)), 9)
    digits = raw[:, 1:8].astype(np.int32) - 48
    good &= ((digits >= 0) & (digits <= 9)).all(axis=1)
    total = checksums.weighted(np.where(good[:, None], digits, 0), (2, 7, 6, 5, 4, 3, 2))
    mask = np.zeros(len(raw), np.bool_)
    series = (("S", 0, "JZIHGFEDCBA"), ("T", 4, "JZIHGFEDCBA"), ("F", 0, "XWUTRQPNMLK"),
              ("G", 4, "XWUTRQPNMLK"), ("M", 3, "XWUTRQPNJLK"))  # fmt: skip
    for letter, offset, letters in series:
        expected = np.frombuffer(letters.encode(), np.uint8)[(total + offset) % 11]
        mask |= good & (raw[:, 0] == ord(letter)) & (raw[:, 8] == expected)
    return mask


def validate_in_aadhaar(values: Values) -> Mask:
    """Return which are Aadhaar numbers (12 digits, first 2-9, Verhoeff)."""
    digits, good = digit_matrix(compact(as_series(values)), 12)
    mask: Mask = good & (digits[:, 0] >= 2) & checksums.verhoeff(digits)
    return mask


def validate_in_pan(values: Values) -> Mask:
    """Return which have the form of an Indian permanent account number of a person (4th is P)."""
    text = compact(as_series(values))
    return text.str.contains(r"^[A-Z]{3}P[A-Z][0-9]{4}[A-Z]$").to_numpy().copy()


def validate_in_gstin(values: Values) -> Mask:
    """Return which are Indian GST numbers (15 characters, mod 36 check)."""
    text = compact(as_series(values))
    shape = text.str.contains(r"^[0-3][0-9][A-Z]{5}[0-9]{4}[A-Z][0-9A-Z]Z[0-9A-Z]$").to_numpy()
    raw, good = matrix(text, 15)
    codes = np.maximum(alnum_values(raw), 0)
    product = codes[:, :14] * np.array([1, 2] * 7)
    total = (product // 36 + product % 36).sum(axis=1)
    mask: Mask = good & shape & ((36 - total % 36) % 36 == codes[:, 14])
    return mask


def validate_th_id(values: Values) -> Mask:
    """Return which are Thai citizen numbers (13 digits, mod 11)."""
    digits, good = digit_matrix(compact(as_series(values)), 13)
    total = checksums.weighted(digits, tuple(range(13, 1, -1)))
    mask: Mask = good & (digits[:, 0] >= 1) & ((11 - total % 11) % 10 == digits[:, 12])
    return mask
