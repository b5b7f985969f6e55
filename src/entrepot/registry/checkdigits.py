"""Check digits of organisation numbers: pure functions of normalised text, one per published rule.

Each takes exactly the characters of the number, without separators, and says whether the check
holds; a text of another length or alphabet does not hold. They prove a form and no organisation.
The port has the same rules over columns of data (`port.detect`); this is the layer below it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

_USCC: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_UEN_OTHER: Final = "ABCDEFGHJKLMNPQRSTUVWX0123456789"


def _weighted(text: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(text, weights, strict=True))


def _is_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdecimal()


def iso7064_mod97_10(text: str) -> bool:
    """Say whether ISO 7064 mod 97-10 gives 1, letters as 10 to 35 (LEI: ISO 17442-1 annex A)."""
    if not re.fullmatch(r"[0-9A-Z]{2,40}", text):
        return False
    return int("".join(str(int(character, 36)) for character in text)) % 97 == 1


def uscc(text: str) -> bool:
    """Say whether a unified social credit code holds (GB 32100-2015: weights 3^i, mod 31)."""
    if len(text) != 18 or any(character not in _USCC for character in text):
        return False
    values = [_USCC.index(character) for character in text]
    total = sum(value * pow(3, place, 31) for place, value in enumerate(values[:17]))
    return values[17] == (31 - total % 31) % 31


def jp_corporate(text: str) -> bool:
    """Say whether a Japanese corporate number holds (leading digit, mod 9, weights 1 and 2)."""
    if not _is_digits(text, 13):
        return False
    total = _weighted(text[1:], (2, 1) * 6)
    return int(text[0]) == 9 - total % 9


def kr_business(text: str) -> bool:
    """Say whether a Korean business registration number holds (weights 1 3 7, mod 10)."""
    if not _is_digits(text, 10) or not text.strip("0"):
        return False
    total = _weighted(text[:9], (1, 3, 7, 1, 3, 7, 1, 3, 5)) + int(text[8]) * 5 // 10
    return int(text[9]) == (10 - total % 10) % 10


def in_gstin(text: str) -> bool:
    """Say whether the last character of a GSTIN holds (mod 36, weights 1 and 2)."""
    if not re.fullmatch(r"[0-9A-Z]{15}", text):
        return False
    total = 0
    for place, character in enumerate(text[:14]):
        product = int(character, 36) * (1 + place % 2)
        total += product // 36 + product % 36
    return int(text[14], 36) == (36 - total % 36) % 36


def br_cnpj(text: str) -> bool:
    """Say whether both digits of a CNPJ hold (mod 11); letters count as their code less 48.

    The alphanumeric form is that of Instrução Normativa RFB 2.229/2024, in use since July 2026.
    """
    if not re.fullmatch(r"[0-9A-Z]{12}[0-9]{2}", text) or not text.strip("0"):
        return False
    values = [ord(character) - 48 for character in text]
    for length in (12, 13):
        weights = [2 + (length - 1 - place) % 8 for place in range(length)]
        total = sum(value * weight for value, weight in zip(values[:length], weights, strict=True))
        if values[length] != (0 if total % 11 < 2 else 11 - total % 11):
            return False
    return True


def au_acn(text: str) -> bool:
    """Say whether an Australian company number holds (weights 8 to 1, mod 10)."""
    if not _is_digits(text, 9) or not text.strip("0"):
        return False
    return int(text[8]) == (10 - _weighted(text[:8], range(8, 0, -1)) % 10) % 10


def au_abn(text: str) -> bool:
    """Say whether an Australian business number holds (first digit less 1, mod 89)."""
    if not _is_digits(text, 11):
        return False
    weights = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)
    return text[0] != "0" and (_weighted(text, weights) - weights[0]) % 89 == 0


def no_organisation(text: str) -> bool:
    """Say whether a Norwegian organisation number holds (weights 3 2 7 6 5 4 3 2, mod 11)."""
    if not _is_digits(text, 9) or text[0] not in "89":
        return False
    check = -_weighted(text[:8], (3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return check < 10 and int(text[8]) == check


def sg_uen_company(text: str) -> bool:
    """Say whether the letter of a UEN of a local company holds (year, five digits, letter)."""
    if not re.fullmatch(r"(18|19|20)[0-9]{7}[A-Z]", text):
        return False
    total = _weighted(text[:9], (10, 8, 6, 4, 9, 7, 5, 3, 1))
    return text[9] == "ZKCMDNERGWH"[total % 11]


def sg_uen_other(text: str) -> bool:
    """Say whether the letter of a UEN of another entity holds (TyyPQnnnnX and R, S for T)."""
    if not re.fullmatch(r"[RST][0-9]{2}[A-Z]{2}[0-9]{4}[A-Z]", text):
        return False
    if any(character not in _UEN_OTHER for character in text):
        return False
    values = [_UEN_OTHER.index(character) for character in text[:9]]
    weights = (4, 3, 5, 3, 10, 2, 2, 5, 7)
    total = sum(value * weight for value, weight in zip(values, weights, strict=True))
    return text[9] == _UEN_OTHER[(total - 5) % 11]


def fr_siren(text: str) -> bool:
    """Say whether a SIREN holds (ISO/IEC 7812-1 Luhn over nine digits)."""
    if not _is_digits(text, 9) or not text.strip("0"):
        return False
    total = 0
    for place, digit in enumerate(reversed(text)):
        value = int(digit) * (1 + place % 2)
        total += value // 10 + value % 10
    return total % 10 == 0
