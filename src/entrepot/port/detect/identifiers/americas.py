"""Personal and business numbers of the United States, Canada, Brazil, Mexico, Chile, Argentina.

Sources: SSA randomisation rules (no 000, 666, 9xx areas), IRS Publication 1915 (ITIN), CMS (NPI,
MBI), Receita Federal (CPF, CNPJ), RENAPO (CURP).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect import checksums
from entrepot.port.detect.matrix import Digits, Mask, as_series, compact, digit_matrix, matrix

Values = pl.Series | NDArray[np.generic] | list[str]

_SSN_NEVER = (78051120, 219099999, 123456789)
"""Numbers printed in advertisements or counted up, never a person's."""


def validate_us_ssn(values: Values) -> Mask:
    """Return which can be US social security numbers (structure only; there is no check digit)."""
    digits, good = digit_matrix(compact(as_series(values)), 9)
    area = checksums.number(digits[:, :3])
    group = checksums.number(digits[:, 3:5])
    serial = checksums.number(digits[:, 5:])
    allowed = (area > 0) & (area != 666) & (area < 900) & (group > 0) & (serial > 0)
    mask: Mask = good & allowed & ~np.isin(checksums.number(digits), _SSN_NEVER)
    return mask


def validate_us_itin(values: Values) -> Mask:
    """Return which can be US taxpayer numbers (9xx; groups 50-65, 70-88, 90-92, 94-99)."""
    digits, good = digit_matrix(compact(as_series(values)), 9)
    group = checksums.number(digits[:, 3:5])
    allowed = ((group >= 50) & (group <= 65)) | ((group >= 70) & (group <= 99))
    mask: Mask = good & (digits[:, 0] == 9) & allowed & ~np.isin(group, (89, 93))
    return mask


def validate_us_npi(values: Values) -> Mask:
    """Return which are US provider numbers: 10 digits, first 1 or 2, Luhn under prefix 80840."""
    digits, good = digit_matrix(compact(as_series(values)), 10)
    prefix = np.tile(np.array([8, 0, 8, 4, 0]), (len(digits), 1))
    passes = checksums.luhn(np.hstack([prefix, digits]))
    mask: Mask = good & np.isin(digits[:, 0], (1, 2)) & passes
    return mask


def validate_us_mbi(values: Values) -> Mask:
    """Return which have the form of a Medicare beneficiary identifier (11 characters)."""
    letter = "[AC-HJKMNP-RT-Y]"
    either = "[0-9AC-HJKMNP-RT-Y]"
    text = compact(as_series(values))
    pattern = f"^[1-9]{letter}{either}[0-9]{letter}{either}[0-9]{letter}{{2}}[0-9]{{2}}$"
    return text.str.contains(pattern).to_numpy().copy()


def validate_ca_sin(values: Values) -> Mask:
    """Return which are Canadian social insurance numbers (9 digits, Luhn, first not 8)."""
    digits, good = digit_matrix(compact(as_series(values)), 9)
    mask: Mask = good & (digits[:, 0] != 8) & checksums.luhn(digits)
    return mask


def _two_checks(digits: Digits, first: tuple[int, ...], second: tuple[int, ...]) -> Mask:
    one = checksums.weighted(digits, first) % 11
    two = checksums.weighted(digits, second) % 11
    expected_one = np.where(one < 2, 0, 11 - one)
    expected_two = np.where(two < 2, 0, 11 - two)
    mask: Mask = (digits[:, -2] == expected_one) & (digits[:, -1] == expected_two)
    return mask


def validate_br_cpf(values: Values) -> Mask:
    """Return which are Brazilian CPF numbers (11 digits, two mod 11 digits, not all alike)."""
    digits, good = digit_matrix(compact(as_series(values)), 11)
    varied = (digits != digits[:, :1]).any(axis=1)
    first = tuple(range(10, 1, -1))
    mask: Mask = good & varied & _two_checks(digits, first, (11, *first))
    return mask


def validate_br_cnpj(values: Values) -> Mask:
    """Return which are Brazilian CNPJ numbers (14 digits, organisations)."""
    digits, good = digit_matrix(compact(as_series(values)), 14)
    first = (5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
    mask: Mask = good & digits.any(axis=1) & _two_checks(digits, first, (6, *first))
    return mask


def validate_mx_curp(values: Values) -> Mask:
    """Return which have the form of a Mexican CURP (name letters, birth date, sex, state)."""
    pattern = (
        r"^[A-Z][AEIOUX][A-Z]{2}[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])"
        r"[HMX](AS|B[CS]|C[CLMSH]|D[FG]|G[TR]|HG|JC|M[CNS]|N[ETL]|OC|PL|Q[TR]|S[PLR]|T[CSL]|VZ|YN|ZS)"
        r"[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z][0-9]$"
    )
    return compact(as_series(values)).str.contains(pattern).to_numpy().copy()


def validate_mx_rfc(values: Values) -> Mask:
    """Return which have the form of a person's Mexican RFC (4 letters, date, homoclave)."""
    pattern = r"^[A-ZÑ&]{4}[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])[0-9A-Z]{2}[0-9A]$"
    return compact(as_series(values)).str.contains(pattern).to_numpy().copy()


def validate_cl_rut(values: Values) -> Mask:
    """Return which are Chilean RUT numbers (7-8 digits and a mod 11 character)."""
    text = compact(as_series(values)).str.zfill(9)
    raw, good = matrix(text, 9)
    digits = raw[:, :8].astype(np.int32) - 48
    good &= ((digits >= 0) & (digits <= 9)).all(axis=1)
    total = checksums.weighted(np.where(good[:, None], digits, 0), (3, 2, 7, 6, 5, 4, 3, 2))
    check = np.frombuffer(b"0K987654321", np.uint8)[total % 11]
    mask: Mask = good & (raw[:, 8] == check) & (total > 0)
    return mask


def validate_ar_cuit(values: Values) -> Mask:
    """Return which are Argentine CUIT/CUIL numbers of persons (20, 23, 24, 27; mod 11)."""
    digits, good = digit_matrix(compact(as_series(values)), 11)
    total = checksums.weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2))
    person = np.isin(checksums.number(digits[:, :2]), (20, 23, 24, 27))
    mask: Mask = good & person & ((11 - total % 11) % 11 == digits[:, 10])
    return mask
