"""Jurisdictions (ISO 3166-1 alpha-2 and `EU`) and groups with dated membership.

Content: laws/jurisdictions.yaml. A code says where a rule is made or data lies, nothing about
status.
"""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from pathlib import Path

import msgspec

from entrepot.kernel.errors import InvalidInput, InvalidLaw
from entrepot.law.shapes import shape
from entrepot.law.yamlsource import read_text, read_yaml


class DatedMember(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from"}
):
    """A member of a group from a day (inclusive) until a day (exclusive)."""

    code: str
    start: date | None = None
    until: date | None = None

    def holds(self, day: date) -> bool:
        """Say whether it is a member on `day`."""
        return (self.start is None or self.start <= day) and (
            self.until is None or day < self.until
        )


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A named set of jurisdictions: permanent members and dated ones."""

    title: str
    source: str
    members: list[str]
    dated: list[DatedMember] = []

    def on(self, day: date) -> frozenset[str]:
        """Return the members on `day`."""
        return frozenset(self.members) | {member.code for member in self.dated if member.holds(day)}


class JurisdictionTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What laws/jurisdictions.yaml holds."""

    aliases: dict[str, str]
    groups: dict[str, Group]
    codes: dict[str, tuple[str, str]]


class Jurisdictions:
    """All known codes with English and Chinese names, aliases and groups."""

    def __init__(self, table: JurisdictionTable) -> None:
        """Index `table`; read one with `Jurisdictions.read`."""
        self.aliases = table.aliases
        self.groups = table.groups
        self.names = table.codes
        self._members: dict[tuple[str, date], frozenset[str]] = {}

    @classmethod
    def read(cls, path: Path, *, file: str = "") -> Jurisdictions:
        """Read a jurisdictions file. Raises `InvalidLaw` when it is malformed."""
        name = file or path.name
        text, _ = read_text(path, file=name)
        source = read_yaml(text, file=name)
        table = shape(source, JurisdictionTable)
        for group, entry in table.groups.items():
            for code in [*entry.members, *(member.code for member in entry.dated)]:
                if code not in table.codes:
                    raise InvalidLaw(
                        "a group names an unknown jurisdiction",
                        where=source.where(("groups", group)),
                        value=code,
                    )
        return cls(table)

    def canonical(self, text: str) -> str:
        """Return the code for `text` (a code in any case, an alias or a name).

        Raises `InvalidInput` with the nearest names when there is none.
        """
        code = text.strip().upper()
        code = self.aliases.get(code, code)
        if code in self.names:
            return code
        wanted = text.strip().casefold()
        by_name = {
            spelt: code
            for code, names in self.names.items()
            for name in names
            for spelt in (name.casefold(), name.casefold().partition(" (")[0])
        }
        if wanted in by_name:
            return by_name[wanted]
        close = get_close_matches(wanted, by_name, n=3, cutoff=0.6)
        near = [f"{by_name[name]} ({self.names[by_name[name]][0]})" for name in close]
        raise InvalidInput(
            "unknown jurisdiction",
            value=text,
            remedy=f"did you mean {', '.join(near)}?"
            if near
            else "use an ISO 3166-1 alpha-2 code such as CN, DE or US",
        )

    def name(self, code: str, *, chinese: bool = False) -> str:
        """Return the name of `code`, or the code itself when it has none."""
        names = self.names.get(code)
        return names[1 if chinese else 0] if names else code

    def members(self, group: str, day: date) -> frozenset[str]:
        """Return the members of `group` on `day`; `group` must exist."""
        key = (group, day)
        found = self._members.get(key)
        if found is None:
            found = self._members[key] = self.groups[group].on(day)
        return found
