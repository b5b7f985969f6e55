"""Tokens of the condition language (docs/laws/rulebooks.md, "Conditions")."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.model import Scalar

EXPRESSION_CHARS_MAX = 4_000

_TOKEN = re.compile(
    r"""(?P<space>\s+)
      | (?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}(?![0-9A-Za-z_-]))
      | (?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?![0-9A-Za-z_.]))
      | (?P<place>[A-Z]{2}-[A-Z0-9]{1,4}(?![0-9A-Za-z_.-]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*)
      | (?P<code>[0-9][A-Za-z0-9_]*)
      | (?P<text>"[^"\n]*")
      | (?P<op>==|!=|<=|>=|<|>|\(|\)|,|\+|-)
    """,
    re.VERBOSE | re.ASCII,
)
_KEYWORDS = frozenset({"and", "or", "not", "in", "has", "is", "any", "all", "empty"})


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind (name, word, keyword, literal, op, end), text, value and column."""

    kind: str
    text: str
    column: int
    value: Scalar | None = None


def tokenize(text: str, where: str) -> list[Token]:
    """Split `text` into tokens, the last of kind `end`. Raises `InvalidLaw` at `where`."""
    if len(text) > EXPRESSION_CHARS_MAX:
        raise InvalidLaw(f"a condition longer than {EXPRESSION_CHARS_MAX} characters", where=where)
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if not found:
            raise InvalidLaw(
                f"unexpected character in a condition, column {position + 1}",
                where=where,
                value=text[position],
            )
        if found.lastgroup != "space":
            tokens.append(_token(found, where))
        position = found.end()
    tokens.append(Token("end", "end of condition", len(text)))
    return tokens


def _token(found: re.Match[str], where: str) -> Token:
    text, column = found[0], found.start() + 1
    match found.lastgroup:
        case "date":
            try:
                return Token("literal", text, column, date.fromisoformat(text))
            except ValueError:
                raise InvalidLaw("not a day of the calendar", where=where, value=text) from None
        case "number":
            clean = text.replace("_", "")
            if len(clean) > 18:
                raise InvalidLaw("a number of more than 18 digits", where=where, value=text)
            return Token("literal", text, column, float(clean) if "." in clean else int(clean))
        case "text":
            return Token("literal", text, column, text[1:-1])
        case "op":
            return Token("op", text, column)
        case _:
            if text in _KEYWORDS:
                return Token("keyword", text, column)
            return Token("name" if "." in text else "word", text, column)
