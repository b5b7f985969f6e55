"""Invented identifiers with right check digits, recognisable as nobody's."""

from __future__ import annotations

from typing import Final

_LEI_PREFIX: Final = "9999"
"""No local operating unit of the LEI system has this prefix (ISO 17442, section 4)."""
_USCC_HEAD: Final = "91310000"
_USCC_ALPHABET: Final = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def invented_lei(number: int) -> str:
    """Return a LEI with right check digits (ISO 17442, ISO/IEC 7064 MOD 97-10)."""
    body = f"{_LEI_PREFIX}{number:014d}"
    digits = "".join(str(int(character, 36)) for character in f"{body}00")
    return f"{body}{98 - int(digits) % 97:02d}"


def invented_uscc(number: int) -> str:
    """Return a unified social credit code of an enterprise with a right check (GB 32100-2015)."""
    body = f"{_USCC_HEAD}{number:09d}"
    total = sum(_USCC_ALPHABET.index(one) * pow(3, place, 31) for place, one in enumerate(body))
    return body + _USCC_ALPHABET[(31 - total % 31) % 31]
