"""Facts of one case: typed values with their provenance, read from a mapping or from YAML.

A finding may be a bare value or `{value, by, reasons, on, expires}`; who found it and why is kept
for the record. Unknown facts are simply absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.law.model import Flow, Scalar
from entrepot.law.vocabulary import Vocabulary, spell

FACTS_MAX = 2_000
_FINDING_KEYS = frozenset({"value", "by", "reasons", "on", "expires"})


class Finding(msgspec.Struct, frozen=True):
    """Who found a fact, why, when, and until when the finding may be relied on."""

    by: str = ""
    reasons: str = ""
    on: date | None = None
    expires: date | None = None


class FactSet:
    """Known facts by dotted name, with the provenance of findings."""

    __slots__ = ("_values", "findings", "vocabulary")

    def __init__(
        self,
        vocabulary: Vocabulary,
        values: dict[str, Scalar],
        findings: dict[str, Finding] | None = None,
    ) -> None:
        """Hold already typed `values`; build one from outside input with `read_facts`."""
        self.vocabulary = vocabulary
        self._values = values
        self.findings = findings or {}

    @property
    def values(self) -> Mapping[str, Scalar]:
        """All given facts, whatever the day."""
        return self._values

    def __getitem__(self, name: str) -> Scalar | None:
        """Return the value of a fact, or `None` when unknown."""
        return self._values.get(name)

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __len__(self) -> int:
        return len(self._values)

    def under(self, flow: Flow) -> dict[str, Scalar]:
        """Return a new dictionary of the facts that hold for `flow`.

        A finding that has expired on its day, or was made after what could be known, is unknown.
        """
        values = dict(self._values)
        for name, finding in self.findings.items():
            expired = finding.expires is not None and finding.expires < flow.as_of
            if expired or (finding.on is not None and finding.on > flow.known_at):
                values.pop(name, None)
        return values

    def with_values(self, changes: Mapping[str, object]) -> FactSet:
        """Return a copy with `changes` applied; `None` makes a fact unknown.

        Raises `InvalidInput` as `read_facts` does.
        """
        values = dict(self._values)
        findings = dict(self.findings)
        for name, value in changes.items():
            findings.pop(name, None)
            if value is None:
                values.pop(self.vocabulary[name].name, None)
            else:
                values[name] = self.vocabulary.typed(name, value)
        return FactSet(self.vocabulary, values, findings)

    def as_text(self) -> dict[str, str]:
        """Return all facts as text, sorted by name."""
        return {name: spell(value) for name, value in sorted(self._values.items())}


def read_facts(vocabulary: Vocabulary, mapping: Mapping[str, object]) -> FactSet:
    """Read facts from a nested or dotted `mapping`.

    `null` and the text `unknown` mean unknown. Raises `InvalidInput` for an unknown fact (with the
    nearest names), a value of the wrong type, or the same fact given twice.
    """
    values: dict[str, Scalar] = {}
    findings: dict[str, Finding] = {}
    for name, value in _flatten(vocabulary, mapping):
        if name in values:
            raise InvalidInput("the same fact given twice", value=name)
        if isinstance(value, Mapping):
            finding, value = _finding(vocabulary, name, value)
            findings[name] = finding
        if value is None or value == "unknown":
            findings.pop(name, None)
            continue
        values[name] = vocabulary.typed(name, value)
    return FactSet(vocabulary, values, findings)


def _flatten(vocabulary: Vocabulary, mapping: Mapping[str, object]) -> list[tuple[str, object]]:
    flat: list[tuple[str, object]] = []
    open_: list[tuple[str, Mapping[str, object]]] = [("", mapping)]
    while open_:
        prefix, part = open_.pop()
        for key, value in part.items():
            if not isinstance(key, str):
                raise InvalidInput("a fact's name must be a text", value=key)
            name = f"{prefix}.{key}" if prefix else key
            if isinstance(value, Mapping) and name not in vocabulary:
                if len(name) > 200:
                    raise InvalidInput("facts nested too deep", value=name)
                open_.append((name, value))
                continue
            vocabulary[name]  # raises for an unknown fact
            flat.append((name, value))
            if len(flat) > FACTS_MAX:
                raise InvalidInput(f"more than {FACTS_MAX} facts")
    return flat


def _finding(
    vocabulary: Vocabulary, name: str, value: Mapping[str, object]
) -> tuple[Finding, object]:
    if unknown := set(value) - _FINDING_KEYS:
        raise InvalidInput(
            f"fact {name} has an unknown key",
            value=sorted(map(str, unknown))[0],
            remedy="a finding is {value, by, reasons, on, expires}",
        )
    if "value" not in value:
        raise InvalidInput(f"fact {name} has no value", remedy="add `value:`")
    try:
        finding = msgspec.convert(
            {key: part for key, part in value.items() if key != "value" and part is not None},
            type=Finding,
        )
    except msgspec.ValidationError as error:
        raise InvalidInput(f"fact {name}: {error}", value=dict(value)) from None
    if vocabulary[name].source not in ("finding", "declared", "counter", "inspection"):
        raise InvalidInput("a choice takes a bare value", value=name)
    return finding, value["value"]
