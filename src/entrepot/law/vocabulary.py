"""The one vocabulary of facts: name, type, unit, source, meaning, question, derivations.

Content: laws/facts/*.yaml, described in docs/laws/rulebooks.md under "Facts". The facts of a flow
itself (`flow.from`, `flow.to`, `flow.as_of`) are built in and always known.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime
from difflib import get_close_matches
from typing import Any, Literal

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law.jurisdictions import Jurisdictions
from entrepot.law.model import Scalar

FactType = Literal[
    "bool", "int", "number", "enum", "set", "date", "text", "jurisdiction", "jurisdictions"
]
FactSource = Literal["inspection", "declared", "counter", "finding", "choice", "flow"]

TEXT_CHARS_MAX = 2_000
NUMBER_MAX = 10**15
FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2199, 12, 31)
"""Days outside are slips of the pen, and due days counted from them could leave the calendar."""
_EXPECTED: dict[str, str] = {
    "bool": "true or false",
    "int": "a whole number, zero or more",
    "number": "a number, zero or more",
    "date": "a day, YYYY-MM-DD, from 1900 to 2199",
    "text": "a text",
    "jurisdiction": "a jurisdiction code such as CN",
    "jurisdictions": "a list of jurisdiction codes such as [CN, DE]",
}


class Derivation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value that a fact takes while nobody gave one and `when` is definitely true.

    For numbers a text value is an expression: a fact, a dated value or a sum of such.
    """

    value: Any
    when: str | bool = True


class FactDefinition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One fact as the vocabulary defines it, without its name."""

    type: FactType
    source: FactSource
    about: str
    question: str = ""
    unit: str = ""
    values: dict[str, str] = {}
    cite: str = ""
    derive: list[Derivation] = []


class FactSpec(msgspec.Struct, frozen=True):
    """One fact of the vocabulary."""

    name: str
    type: FactType
    source: FactSource
    about: str
    question: str
    unit: str
    values: dict[str, str]
    cite: str
    derive: tuple[Derivation, ...]
    file: str
    line: int

    @property
    def unchosen(self) -> Scalar | None:
        """What unknown means for a choice ("not chosen"); `None` for every other fact."""
        if self.source != "choice":
            return None
        match self.type:
            case "bool":
                return False
            case "enum":
                return "none"
            case "set" | "jurisdictions":
                return frozenset()
            case _:
                return None

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.type == "enum":
            return f"one of {', '.join(self.values)}"
        if self.type == "set":
            return f"a list out of {', '.join(self.values)}"
        return _EXPECTED[self.type]


FLOW_FACTS: dict[str, FactSpec] = {
    name: FactSpec(name, kind, "flow", about, "", "", {}, "", (), "built in", 0)  # type: ignore[arg-type]
    for name, kind, about in (
        ("flow.from", "jurisdiction", "The jurisdiction that the data leaves."),
        ("flow.to", "jurisdiction", "The jurisdiction that receives the data."),
        ("flow.as_of", "date", "The day whose law is asked for."),
    )
}


class Vocabulary:
    """All facts by name."""

    def __init__(self, facts: dict[str, FactSpec], jurisdictions: Jurisdictions) -> None:
        """Hold `facts` beside the built-in facts of the flow."""
        self.facts = {**FLOW_FACTS, **facts}
        self.jurisdictions = jurisdictions

    def __getitem__(self, name: str) -> FactSpec:
        """Return one fact. Raises `InvalidInput` with the nearest names for an unknown one."""
        found = self.facts.get(name)
        if found is None:
            raise InvalidInput("unknown fact", value=name, remedy=self.nearest(name))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self.facts

    def __iter__(self) -> Iterator[FactSpec]:
        return iter(self.facts.values())

    def __len__(self) -> int:
        return len(self.facts)

    def nearest(self, name: str) -> str:
        """Return a remedy that names the facts closest to `name`."""
        close = get_close_matches(name, self.facts, n=3, cutoff=0.6)
        if close:
            return f"did you mean {', '.join(close)}?"
        return "`entrepot law facts` lists every fact"

    def typed(self, name: str, value: object) -> Scalar:
        """Return `value` as the type of fact `name`.

        Raises `InvalidInput` naming the fact, the value and what is expected.
        """
        spec = self[name]
        if spec.source == "flow":
            raise InvalidInput("facts of the flow are given as from, to and as_of", value=name)
        typed = self._convert(spec, value)
        if typed is None:
            raise InvalidInput(
                f"fact {name} cannot have this value",
                value=_shown(value),
                remedy=self._hint(spec, value),
            )
        return typed

    def _hint(self, spec: FactSpec, value: object) -> str:
        words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
        for word in words:
            if isinstance(word, str) and word not in spec.values:
                if close := get_close_matches(word, spec.values, n=1):
                    return f"did you mean {close[0]}? (expected {spec.expected})"
        return f"expected {spec.expected}"

    def _convert(self, spec: FactSpec, value: object) -> Scalar | None:
        match spec.type:
            case "bool":
                return value if isinstance(value, bool) else None
            case "int" | "number":
                return _number(value, whole=spec.type == "int")
            case "enum":
                return value if isinstance(value, str) and value in spec.values else None
            case "date":
                day = _day(value)
                return day if day is not None and FIRST_DAY <= day <= LAST_DAY else None
            case "text":
                return value if isinstance(value, str) and len(value) <= TEXT_CHARS_MAX else None
            case "jurisdiction":
                return self.jurisdictions.canonical(value) if isinstance(value, str) else None
        words = _words(value)
        if words is None:
            return None
        if spec.type == "jurisdictions":
            return frozenset(self.jurisdictions.canonical(word) for word in words)
        return frozenset(words) if all(word in spec.values for word in words) else None


def _number(value: object, *, whole: bool) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if not 0 <= value <= NUMBER_MAX:  # also false for NaN
        return None
    if whole and isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value


def _day(value: object) -> date | None:
    if isinstance(value, date):
        # A time of day would not compare with days.
        return None if isinstance(value, datetime) else value
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else None
    except ValueError:
        return None


def _words(value: object) -> list[str] | None:
    if isinstance(value, str):
        return [value]
    if isinstance(value, (list, tuple, set, frozenset)):
        words = [word for word in value if isinstance(word, str)]
        return words if len(words) == len(value) else None
    return None


def _shown(value: object) -> str:
    return "true" if value is True else "false" if value is False else repr(value)


def spell(value: Scalar | None) -> str:
    """Return a value as text the way rulebooks and cases write it; `unknown` for `None`."""
    match value:
        case None:
            return "unknown"
        case bool():
            return "true" if value else "false"
        case frozenset():
            return f"[{', '.join(sorted(value))}]"
        case int():
            return f"{value:,}".replace(",", "_") if value >= 10_000 else str(value)
        case _:
            return str(value)
