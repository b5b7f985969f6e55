"""Device, vehicle and travel-document identifiers, and network addresses.

Sources: 3GPP TS 23.003 (IMEI), ISO 3779 and 49 CFR 565.15 (VIN), ICAO Doc 9303 parts 3-6 (MRZ),
RFC 4291 and RFC 5952 (IPv6), RFC 4632 (CIDR).
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.port.detect import checksums
from entrepot.port.detect.matrix import Digits, Mask, alnum_values, as_series, compact, digit_matrix
from entrepot.port.detect.matrix import matrix as byte_matrix

Values = pl.Series | NDArray[np.generic] | list[str]

_VIN_WEIGHTS = (8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2)
_VIN_LETTERS = dict(zip("ABCDEFGHJKLMNPRSTUVWXYZ", (1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 7, 9,
                        2, 3, 4, 5, 6, 7, 8, 9), strict=True))  # fmt: skip


def validate_imei(values: Values) -> Mask:
    """Return which are IMEI numbers (15 digits, Luhn, a reporting body's first two digits)."""
    digits, good = digit_matrix(compact(as_series(values)), 15)
    body = np.isin(checksums.number(digits[:, :2]), (1, 35, 86, 99, 44, 45, 49, 50, 51, 52, 53, 54))
    mask: Mask = good & body & checksums.luhn(digits)
    return mask


def validate_vin(values: Values) -> Mask:
    """Return which are vehicle numbers with the North American check digit (17 characters)."""
    raw, good = byte_matrix(compact(as_series(values)), 17)
    table = np.full(256, -1, np.int64)
    table[48:58] = np.arange(10)
    for letter, code in _VIN_LETTERS.items():
        table[ord(letter)] = code
    codes = table[raw]
    good &= (codes >= 0).all(axis=1)
    check = np.frombuffer(b"0123456789X", np.uint8)
    total = checksums.weighted(np.maximum(codes, 0), _VIN_WEIGHTS) % 11
    mask: Mask = good & (raw[:, 8] == check[total])
    return mask


def validate_ipv6(values: Values) -> Mask:
    """Return which are IPv6 addresses in any spelling, with zone or prefix allowed."""
    text = as_series(values).str.replace(r"%[0-9A-Za-z_.]+(/|$)", "${1}")
    text = text.str.replace(r"/(12[0-8]|1[01][0-9]|[0-9]{1,2})$", "")
    octet = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
    text = text.str.replace(rf":{octet}\.{octet}\.{octet}\.{octet}$", ":0:0")
    group = "[0-9A-Fa-f]{1,4}"
    full = text.str.contains(f"^({group}:){{7}}{group}$")
    run = f"({group}(:{group})*)?"
    short = text.str.contains(f"^{run}::{run}$") & (text.str.count_matches(group) <= 7)
    return (full | short).to_numpy().copy()


def _mrz_check(codes: Digits, start: int, stop: int) -> Mask:
    weights = np.tile((7, 3, 1), 1 + (stop - start) // 3)[: stop - start]
    good: Mask = codes[:, start:stop] @ weights % 10 == codes[:, stop]
    return good


def validate_mrz(values: Values) -> Mask:
    """Return which cells hold a machine-readable zone (TD1, TD2, TD3) with right check digits.

    A cell may hold the whole zone (lines joined or separated) or one data line of it.
    """
    text = as_series(values).str.replace_all(r"[\s|]+", "").str.to_uppercase()
    result = np.zeros(len(text), np.bool_)
    layouts = (
        (88, ((44, 53), (57, 63), (65, 71))),
        (44, ((0, 9), (13, 19), (21, 27))),
        (72, ((36, 45), (49, 55), (57, 63))),
        (36, ((0, 9), (13, 19), (21, 27))),
        (90, ((5, 14), (30, 36), (38, 44))),
    )
    for width, fields in layouts:
        raw, fits = byte_matrix(text, width)
        codes = alnum_values(raw)
        codes[raw == ord("<")] = 0
        good = fits & (codes >= 0).all(axis=1) & (raw == ord("<")).any(axis=1)
        for start, stop in fields:
            good &= _mrz_check(codes, start, stop)
        result |= good
    return result
