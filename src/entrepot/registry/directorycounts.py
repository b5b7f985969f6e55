"""The counts of the registry, twice: from state, and from published log entries alone.

Nobody has to believe a number here. The acts behind it are public kinds, so their rulings stand
whole in the log: `counts_from_entries` folds them without any store and must come to the same
numbers as `counts_of_state`, which the node serves with the size of the tree they are for. The two
share the shape of the answer and no line of counting.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Outcome, effects_of
from entrepot.kernel.record import Entry, decode_entry, decode_ruling
from entrepot.kernel.store import TREE
from entrepot.registry import productstate, rightstate
from entrepot.registry import state as registry_state
from entrepot.registry.directoryindex import DirectoryIndex, newest_change, places_above
from entrepot.registry.directoryquery import Directory, Question
from entrepot.registry.tables import CERTIFICATES, PARTIES

_WHOLE: Final = 1
"""A part that an entry shows whole (`kernel.record`)."""
FACETS: Final = ("theme", "place", "price", "cycle", "personal", "delivery")
SERIES: Final = (
    "parties admitted",
    "products filed",
    "products withdrawn",
    "releases",
    "rights filed",
    "rights registered",
    "objections",
    "certificates issued",
)
"""What is counted by month."""

Numbers = dict[str, int]


class Counts(msgspec.Struct, frozen=True):
    """The registry in numbers, for the tree of `tree_size` entries.

    `facets` count active products, a place with every product in it or in a part of it. `months`
    are `YYYY-MM` by UTC; what did not happen is absent rather than 0.
    """

    tree_size: int
    parties: int
    roles: Numbers
    products: Numbers
    revisions: int
    releases: int
    rights: dict[str, Numbers]
    objections: Numbers
    certificates: dict[str, Numbers]
    facets: dict[str, Numbers]
    months: dict[str, Numbers]

    def differences(self, other: Counts) -> list[str]:
        """Return where two counts differ, in words; empty when they are equal."""
        left, right = _flat(msgspec.to_builtins(self)), _flat(msgspec.to_builtins(other))
        return [
            f"{name}: {left.get(name, 0):,} and {right.get(name, 0):,}"
            for name in sorted(left.keys() | right.keys())
            if left.get(name, 0) != right.get(name, 0)
        ]


def _flat(values: Mapping[str, Any], before: str = "") -> Numbers:
    found: Numbers = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[before + name] = value
    return found


def month_of(at_s: int) -> str:
    """Return the month of a moment in UTC, `YYYY-MM`."""
    return datetime.fromtimestamp(at_s, tz=UTC).strftime("%Y-%m")


# From the log alone.


@dataclass(slots=True)
class Tally:
    """The fold of entries into counts: feed it every entry of the log in order.

    Needs memory for what is still to change: a few hundred bytes per product, right and party.
    """

    size: int = 0
    roles: dict[str, tuple[str, ...]] = field(default_factory=dict)
    products: dict[int, dict[str, tuple[str, ...]] | None] = field(default_factory=dict)
    revisions: int = 0
    releases: int = 0
    rights: dict[int, list[str]] = field(default_factory=dict)
    objections: dict[int, list[Any]] = field(default_factory=dict)
    certificates: dict[int, list[str]] = field(default_factory=dict)
    months: dict[str, Counter[str]] = field(default_factory=dict)

    def add(self, entry: bytes) -> None:
        """Fold the next entry. Raises InvalidInput when it is no entry of a log.

        Entries of private kinds count for nothing: their rulings cannot be read, and no number
        here rests on them.
        """
        decoded = decode_entry(entry)
        index, self.size = self.size, self.size + 1
        if not isinstance(decoded, Entry) or decoded.outcome is not Outcome.GRANTED:
            return
        shown, content = decoded.ruling
        if shown != _WHOLE:
            return
        for effect in effects_of(decode_ruling(content).decision):
            fold = _FOLDS.get(effect.name)
            if fold is not None:
                fold(self, index, decoded.decided_at, effect.values)

    def note(self, at_s: int, what: str) -> None:
        """Count an event in its month."""
        self.months.setdefault(month_of(at_s), Counter())[what] += 1

    def counts(self) -> Counts:
        """Return the counts for the tree of all entries fed so far."""
        active = [known for known in self.products.values() if known is not None]
        facets = {
            name: Counter(value for known in active for value in known[name]) for name in FACETS
        }
        rights: dict[str, Counter[str]] = {}
        for right, status in self.rights.values():
            rights.setdefault(right, Counter())[status] += 1
        certificates: dict[str, Counter[str]] = {}
        for kind, status in self.certificates.values():
            certificates.setdefault(kind, Counter())[status] += 1
        return Counts(
            self.size,
            len(self.roles),
            dict(Counter(role for roles in self.roles.values() for role in roles)),
            _some(
                {
                    productstate.ACTIVE: len(active),
                    productstate.GONE: len(self.products) - len(active),
                }
            ),
            self.revisions,
            self.releases,
            {right: dict(found) for right, found in rights.items()},
            dict(Counter(status for _right, status in self.objections.values())),
            {kind: dict(found) for kind, found in certificates.items()},
            {name: dict(found) for name, found in facets.items()},
            {month: dict(found) for month, found in self.months.items()},
        )


def counts_from_entries(entries: Iterable[bytes]) -> Counts:
    """Return the counts that the first entries of a log prove, from nothing but their bytes.

    That they are the entries of a log is for the caller to check (root of its checkpoint). Raises
    InvalidInput for bytes that are no entry.
    """
    tally = Tally()
    for entry in entries:
        tally.add(entry)
    return tally.counts()


def _some(numbers: Numbers) -> Numbers:
    return {name: number for name, number in numbers.items() if number}


def _facets_of(metadata: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        "theme": tuple(metadata["themes"]),
        "place": tuple(
            one for one in places_above(metadata.get("geography", ())) if one != "EU-WIDE"
        ),
        "price": (metadata["pricing"]["model"],),
        "cycle": (metadata["update_cycle"],),
        "personal": ("yes" if metadata["personal_data"] else "no",),
        "delivery": tuple(metadata["delivery"]),
    }


def _filed(tally: Tally, index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.products[index] = _facets_of(values["metadata"])
    tally.note(at_s, "products filed")


def _revised(tally: Tally, _index: int, _at: int, values: Mapping[str, Any]) -> None:
    tally.products[values["product"]] = _facets_of(values["metadata"])
    tally.revisions += 1


def _withdrawn(tally: Tally, _index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.products[values["product"]] = None
    tally.note(at_s, "products withdrawn")


def _released(tally: Tally, _index: int, at_s: int, _values: Mapping[str, Any]) -> None:
    tally.releases += 1
    tally.note(at_s, "releases")


def _right_filed(tally: Tally, index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.rights[index] = [values["right"], "notice"]
    tally.note(at_s, "rights filed")


def _right_licensed(tally: Tally, index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.rights[index] = [values["right"], "registered"]
    tally.note(at_s, "rights filed")
    tally.note(at_s, "rights registered")


def _right_registered(tally: Tally, _index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.rights[values["right"]][1] = "registered"
    tally.note(at_s, "rights registered")


def _ended(tally: Tally, right: int, status: str) -> None:
    tally.rights[right][1] = status
    for objection in tally.objections.values():
        if objection == [right, "open"]:
            objection[1] = "moot"


def _rights_ended(tally: Tally, _index: int, _at: int, values: Mapping[str, Any]) -> None:
    for right in values["rights"]:
        _ended(tally, right, values["status"])


def _objected(tally: Tally, index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.objections[index] = [values["right"], "open"]
    tally.rights[values["right"]][1] = "contested"
    tally.note(at_s, "objections")


def _ruled(tally: Tally, _index: int, _at: int, values: Mapping[str, Any]) -> None:
    upheld = values["outcome"] == "uphold"
    tally.objections[values["objection"]][1] = "upheld" if upheld else "dismissed"
    if upheld:
        _ended(tally, values["right"], "refused")
    else:
        tally.rights[values["right"]][1] = values["status"]


def _admitted(tally: Tally, _index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.roles[values["party"]] = tuple(values["roles"])
    tally.note(at_s, "parties admitted")


def _party_updated(tally: Tally, _index: int, _at: int, values: Mapping[str, Any]) -> None:
    tally.roles[values["party"]] = tuple(values["roles"])


def _certified(tally: Tally, index: int, at_s: int, values: Mapping[str, Any]) -> None:
    tally.certificates[index] = [values["kind"], "issued"]
    tally.note(at_s, "certificates issued")


def _revoked(tally: Tally, _index: int, _at: int, values: Mapping[str, Any]) -> None:
    tally.certificates[values["certificate"]][1] = "revoked"


_FOLDS: Final[dict[str, Callable[[Tally, int, int, Mapping[str, Any]], None]]] = {
    productstate.FILED: _filed,
    productstate.REVISED: _revised,
    productstate.WITHDRAWN: _withdrawn,
    productstate.RELEASED: _released,
    rightstate.RIGHT_FILED: _right_filed,
    rightstate.RIGHT_LICENSED: _right_licensed,
    rightstate.RIGHT_REGISTERED: _right_registered,
    rightstate.RIGHTS_ENDED: _rights_ended,
    rightstate.OBJECTION_FILED: _objected,
    rightstate.OBJECTION_DECIDED: _ruled,
    registry_state.PARTY_ADMITTED: _admitted,
    registry_state.PARTY_UPDATED: _party_updated,
    registry_state.CERTIFICATE_ISSUED: _certified,
    registry_state.CERTIFICATE_REVOKED: _revoked,
}


# From state, by questions to the database and the index.


def counts_of_state(read: sa.Connection, index: DirectoryIndex) -> Counts | None:
    """Return the counts by state, or None when the index is not yet as far as the state.

    `read` must be one transaction, so that everything is for the one size of the tree.
    """
    if index.upto != newest_change(read):
        return None
    size = read.execute(sa.select(TREE.c.size)).scalar_one_or_none() or 0
    products, grants = productstate.PRODUCTS, rightstate.GRANTS
    rights: dict[str, Numbers] = {}
    for right, status, number in _grouped(read, grants.c.right, grants.c.status):
        rights.setdefault(right, {})[status] = number
    certificates: dict[str, Numbers] = {}
    is_revoked = CERTIFICATES.c.revoked_index.is_not(None)
    for kind, revoked, number in _grouped(read, CERTIFICATES.c.kind, is_revoked):
        certificates.setdefault(kind, {})["revoked" if revoked else "issued"] = number
    directory = Directory(index)
    active = Question(filters={"status": (productstate.ACTIVE,)}, limit=1)
    found = directory.search(active).facets
    roles = directory.search(Question(kind="party", limit=1)).facets.get("role", ())
    return Counts(
        size,
        _number(read, PARTIES),
        dict(roles),
        dict(_grouped(read, products.c.status)),
        _number(read, productstate.REVISIONS) - _number(read, products),
        _number(read, productstate.RELEASES),
        rights,
        dict(_grouped(read, rightstate.OBJECTIONS.c.status)),
        certificates,
        {name: dict(found.get(name, ())) for name in FACETS},
        _months(read),
    )


def _number(read: sa.Connection, table: sa.Table) -> int:
    return read.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def _grouped(read: sa.Connection, *columns: Any) -> list[Any]:
    question = sa.select(*columns, sa.func.count()).group_by(*columns)
    return [tuple(row) for row in read.execute(question)]


def _months(read: sa.Connection) -> dict[str, Numbers]:
    """Return events by month, grouped by day in the database, which all dialects can."""
    grants = rightstate.GRANTS
    asked = {
        "parties admitted": PARTIES.c.admitted_at,
        "products filed": productstate.PRODUCTS.c.filed_at,
        "products withdrawn": productstate.WITHDRAWALS.c.at,
        "releases": productstate.RELEASES.c.at,
        "rights filed": grants.c.filed_at,
        "rights registered": grants.c.registered_at,
        "objections": rightstate.OBJECTIONS.c.filed_at,
        "certificates issued": CERTIFICATES.c.issued_at,
    }
    months: dict[str, Numbers] = {}
    for what, column in asked.items():
        day = column // sa.literal_column("86400")  # no parameter: it must group by the same text
        rows = read.execute(
            sa.select(day, sa.func.count()).where(column.is_not(None)).group_by(day)
        )
        for number, events in rows:
            month = months.setdefault(month_of(int(number) * 86_400), {})
            month[what] = month.get(what, 0) + events
    return months
