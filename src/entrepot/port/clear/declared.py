"""What a person declares about the counters of a node: `counters/declared.yaml` in its home.

    by: A. Counsel                      # who answers for what stands here
    on: 2026-01-05
    reasons: Every export of the group leaves through this node.
    complete_since: 2025-01-01          # from this day on the counters hold everything
    elsewhere:                          # but for these persons, who left otherwise
      cn.year.prior_persons: 12_000
    groups:                             # recipients that are one, by name or identifier
      - [Beispiel GmbH, Beispiel France SARL, "lei:XXEX00TESTNODE000128"]
    distinct:                           # near names that are not
      - [Beispiel GmbH, Beispeil AG]

A node sees only what it cleared. While nobody declares that this is everything, its counts are a
lower bound of what may be declared with a shipment, and fill no fact.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from entrepot.kernel.errors import InvalidInput, InvalidLaw, StorageError
from entrepot.law.yamlsource import read_text, read_yaml
from entrepot.port.clear.counters import COUNTERS
from entrepot.port.clear.recipients import hashes_of

DECLARED_FILE: Final = "declared.yaml"


class Declared(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file; empty where there is none."""

    by: str = ""
    reasons: str = ""
    on: date | None = None
    complete_since: date | None = None
    elsewhere: dict[str, int] = {}
    groups: list[list[str]] = []
    distinct: list[list[str]] = []

    @property
    def digest(self) -> str:
        """SHA-256 of what is declared; "" where nothing is."""
        if self == Declared():
            return ""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()

    def covers(self, start: date) -> bool:
        """Say whether the counters are declared to hold everything since `start`."""
        return self.complete_since is not None and self.complete_since <= start

    def group_hashes(self) -> list[frozenset[str]]:
        """Return the declared groups as sets of hashes of names and identifiers."""
        return [hashes_of(names) for names in self.groups]

    def distinct_hashes(self) -> list[frozenset[str]]:
        """Return the names declared to be several, as sets of hashes."""
        return [hashes_of(names) for names in self.distinct]


def read_declared(folder: Path, today: date) -> Declared:
    """Read `declared.yaml` of a counters' folder; nothing is declared where it is missing.

    Raises `InvalidInput` for an unknown key or counter, a negative number, an identifier whose
    check digits do not hold, and for what lowers counts without author, reasons and a day that has
    come; `StorageError` when it cannot be read.
    """
    path = folder / DECLARED_FILE
    try:
        text, _raw = read_text(path)
        found = read_yaml(text, file=path.name).value
    except FileNotFoundError:
        return Declared()
    except OSError as error:
        raise StorageError(error.strerror or "unreadable", value=path) from error
    except InvalidLaw as error:
        raise InvalidInput(f"declared counters: {error.what}", value=error.value) from None
    try:
        declared = msgspec.convert({} if found is None else found, Declared)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"declared counters: {error}", value=path, remedy="see docs/laws/counters.md"
        ) from None
    _check(declared, today, path)
    return declared


def _check(declared: Declared, today: date, path: Path) -> None:
    known = {counter.prior for counter in COUNTERS}
    for name, persons in declared.elsewhere.items():
        if name not in known or persons < 0:
            raise InvalidInput(
                "declared counters: not a counter, or a negative number",
                value=f"{name}: {persons}",
                remedy="counters are: " + ", ".join(sorted(known)),
            )
    declared.group_hashes()
    declared.distinct_hashes()
    lowers = declared.complete_since is not None or declared.distinct
    signed = declared.by.strip() and declared.reasons.strip() and declared.on is not None
    if lowers and not (signed and declared.on is not None and declared.on <= today):
        raise InvalidInput(
            "declared counters: complete_since and distinct need by, reasons and on, a day that "
            "has come",
            value=path,
        )
