"""Reading forms: texts as people type them, with what is missing or wrong told field by field."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from litestar.datastructures import FormMultiDict

from entrepot.kernel.errors import InvalidInput

TEXT_CHARS_MAX = 10_000


def text_of(form: FormMultiDict, field: str, *, chars_max: int = TEXT_CHARS_MAX) -> str:
    """Return a field's text: NFC, line ends as \\n, no blanks around it; "" when absent.

    Raises InvalidInput when it is longer than any field of ours takes.
    """
    given = form.get(field)
    if not isinstance(given, str):
        return ""
    if len(given) > chars_max:
        raise InvalidInput(f"the field {field} is too long", value=f"{len(given):,} characters")
    return unicodedata.normalize("NFC", given.replace("\r\n", "\n").replace("\r", "\n")).strip()


def texts_of(form: FormMultiDict, field: str, *, most: int = 100) -> list[str]:
    """Return every value of a field that may stand several times, empty ones left out."""
    found = [one.strip() for one in form.getall(field, []) if isinstance(one, str)]
    if len(found) > most:
        raise InvalidInput(f"the field {field} has too many values", value=len(found))
    return [one for one in found if one]


def lines_of(form: FormMultiDict, field: str) -> list[str]:
    """Return the lines, or comma-separated parts, of a field, without blanks and empty ones."""
    parts = text_of(form, field).replace(",", "\n").replace("，", "\n").replace("、", "\n")
    return [part.strip() for part in parts.split("\n") if part.strip()]


def whole_of(form: FormMultiDict, field: str) -> int | None:
    """Return a whole number, with or without grouping blanks; None when empty or none."""
    text = "".join(text_of(form, field).split()).replace("\u202f", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def given_values(form: FormMultiDict) -> Mapping[str, Any]:
    """Return what was typed, by field, so that a form with a problem comes back filled in."""
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


def whole_text(text: str) -> int | None:
    """Return a whole number written in decimal, or None."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None
