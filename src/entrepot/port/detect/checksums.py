"""Check-digit systems over whole columns of digits: each takes a digit matrix, returns a mask.

Sources: ISO/IEC 7812-1 annex B (Luhn), ISO/IEC 7064:2003 (mod 11-2, mod 11-10, mod 97-10),
Verhoeff 1969 (dihedral group D5). The national rules that use them are in `identifiers/`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entrepot.port.detect.matrix import Digits, Mask

_DIHEDRAL = np.array(
    [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ]
)
_SHIFT_97 = np.array([10] * 10 + [100] * 26, np.int32)
_PERMUTATION_1 = np.array([1, 5, 7, 6, 2, 8, 3, 0, 9, 4])


def weighted(digits: Digits, weights: Sequence[int]) -> Digits:
    """Return the weighted sum of the first `len(weights)` digits of each row."""
    # single precision is exact here: digits are under 36 and the sums far under 2**24
    columns = digits[:, : len(weights)].astype(np.float32)
    return np.asarray((columns @ np.array(weights, np.float32)).astype(np.int32))


def luhn(digits: Digits) -> Mask:
    """Return where a right-aligned row passes Luhn; rows of zeros alone do not count as a pass."""
    width = digits.shape[1]
    singles = weighted(digits, [1 + (width - 1 - place) % 2 for place in range(width)])
    total = singles - 9 * (digits[:, -2::-2] > 4).sum(axis=1)  # a doubled digit above 9 loses 9
    good: Mask = (total % 10 == 0) & digits.any(axis=1)
    return good


def verhoeff(digits: Digits) -> Mask:
    """Return where a row passes Verhoeff's dihedral check (chance 10 %)."""
    permutation = np.arange(10)
    check = np.zeros(len(digits), np.int64)
    for position in range(digits.shape[1]):
        check = _DIHEDRAL[check, permutation[digits[:, -1 - position]]]
        permutation = _PERMUTATION_1[permutation]
    good: Mask = check == 0
    return good


def mod_11_10(digits: Digits) -> Mask:
    """Return where a row passes ISO 7064 mod 11-10 (chance 10 %)."""
    product = np.full(len(digits), 10, np.int64)
    for position in range(digits.shape[1] - 1):
        total = (digits[:, position] + product) % 10
        product = np.where(total == 0, 10, total) * 2 % 11
    good: Mask = (11 - product) % 10 == digits[:, -1]
    return good


def mod_97(values: Digits) -> Digits:
    """Return each row's remainder mod 97, letters (10-35) counting as two digits; -1 if invalid."""
    letters = values > 9
    if (
        len(values)
        and (letters.any(axis=0) == letters[0]).all()
        and letters.all(axis=0).sum() == letters[0].sum()
    ):  # letters stand at the same places
        shifts = [100 if letter else 10 for letter in letters[0]]
        weights = [1]
        for shift in reversed(shifts[1:]):
            weights.insert(0, weights[0] * shift % 97)
        remainder = weighted(values, weights) % 97
        bad = values.min() < 0 and values.min(axis=1, initial=0) < 0
        return np.where(bad, -1, remainder)
    remainder = np.zeros(len(values), np.int32)
    for position in range(values.shape[1]):
        column = np.ascontiguousarray(values[:, position])
        remainder = (remainder * _SHIFT_97[column] + column) % 97
    return np.where(values.min(axis=1, initial=0) < 0, -1, remainder)


def number(digits: Digits) -> Digits:
    """Return each row (at most 18 digits) as an integer."""
    width = digits.shape[1]
    if width <= 15:  # exact in double precision
        powers = 10.0 ** np.arange(width - 1, -1, -1)
        return np.asarray((digits.astype(np.float64) @ powers).astype(np.int64))
    value = np.zeros(len(digits), np.int64)
    for position in range(digits.shape[1]):
        value = value * 10 + digits[:, position]
    return value
