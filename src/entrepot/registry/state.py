"""What is so: parties, keys, members, recoveries, certificates. The only writer of those tables.

State is the fold of the effects of granted acts (and of applications referred to a registrar, which
have no effects: an application is a row with its key and day, its content stays evidence). Each
effect has one function here. `apply` folds a whole record and passes over effects it does not know,
so kinds of other files whose decisions carry certificates call it beside their own apply.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Outcome
from entrepot.kernel.institution import Record
from entrepot.kernel.keys import Algorithm, PublicKey
from entrepot.registry.acts import APPLY
from entrepot.registry.tables import (
    APPLICATIONS,
    CERTIFICATES,
    FOUNDING,
    HISTORY,
    IDENTIFIERS,
    KEYS,
    MEMBERS,
    PARTIES,
    PARTY_ROLES,
    PROPOSALS,
    RECOVERIES,
)

Values = Mapping[str, object]

FOUNDED: Final = "registry-founded"
APPLICATION_DECIDED: Final = "application-decided"
PARTY_ADMITTED: Final = "party-admitted"
PARTY_UPDATED: Final = "party-updated"
KEY_ADDED: Final = "key-added"
KEY_REVOKED: Final = "key-revoked"
MEMBER_ADMITTED: Final = "member-admitted"
MEMBER_CHANGED: Final = "member-changed"
MEMBER_REMOVED: Final = "member-removed"
RECOVERY_OPENED: Final = "recovery-opened"
RECOVERY_CLOSED: Final = "recovery-closed"
DECISION_PROPOSED: Final = "decision-proposed"
DECISION_CONFIRMED: Final = "decision-confirmed"
CERTIFICATE_ISSUED: Final = "certificate-issued"
CERTIFICATE_REVOKED: Final = "certificate-revoked"


def apply(write: sa.Connection, record: Record) -> None:
    """Fold one record into the tables (step 6)."""
    if record.kind == APPLY and record.outcome is Outcome.REFERRED:
        row = {"index": record.index, "kid": record.issuer, "filed_at": record.decided_at}
        write.execute(APPLICATIONS.insert().values(state="open", **row))
    touched: set[str] = set()
    for effect in record.effects:
        fold = _FOLDS.get(effect.name)
        if fold is not None:
            fold(write, record, effect.values)
            touched |= {str(effect.values[key]) for key in _ABOUT if effect.values.get(key)}
    for party in sorted(touched):
        remember(write, party, record.index, record.kind)


_ABOUT: Final = ("party", "subject", "operator")


def remember(write: sa.Connection, party: str, index: int, kind: str) -> None:
    """Note that the act at `index` is about a party."""
    known = sa.select(HISTORY.c.index).where(HISTORY.c.party == party, HISTORY.c.index == index)
    if write.execute(known).one_or_none() is None:
        write.execute(HISTORY.insert().values(party=party, index=index, kind=kind))


def packed(names: Mapping[str, str]) -> str:
    """Return a map of names as JSON text with its keys in order."""
    return msgspec.json.encode(dict(sorted(names.items()))).decode()


def _words(value: object) -> str:
    return " ".join(str(item) for item in value) if isinstance(value, list | tuple) else ""


def _founded(write: sa.Connection, record: Record, values: Values) -> None:
    columns = (
        "operator", "notice_days", "notice_calendar", "decision_days", "decision_calendar",
        "recovery_days",
    )  # fmt: skip
    row = {name: values[name] for name in columns}
    row |= {"languages": _words(values["languages"]), "four_eyes": _words(values["four_eyes"])}
    write.execute(FOUNDING.insert().values(index=record.index, founded_at=record.decided_at, **row))


def _application_decided(write: sa.Connection, record: Record, values: Values) -> None:
    write.execute(
        APPLICATIONS.update()
        .where(APPLICATIONS.c.index == values["application"])
        .values(
            state=values["outcome"],
            decided_index=record.index,
            decided_at=record.decided_at,
            decided_by=values["by"],
        )
    )
    if values.get("party"):
        remember(write, str(values["party"]), _whole(values["application"]), APPLY)


def _party_admitted(write: sa.Connection, record: Record, values: Values) -> None:
    party = str(values["party"])
    names = values["names"]
    row = {
        "party": party,
        "name": values["name"],
        "names": packed(names if isinstance(names, dict) else {}),
        "country": values["country"],
        "roles": _words(values["roles"]),
        "admitted_at": record.decided_at,
        "admitted_index": record.index,
        "changed_index": record.index,
    }
    write.execute(PARTIES.insert().values(**row))
    _set_roles(write, party, str(row["roles"]))
    given = values["identifiers"]
    for identifier in given if isinstance(given, list | tuple) else ():
        write.execute(
            IDENTIFIERS.insert().values(identifier=identifier, party=party, index=record.index)
        )


def _party_updated(write: sa.Connection, record: Record, values: Values) -> None:
    party, names, roles = str(values["party"]), values["names"], _words(values["roles"])
    write.execute(
        PARTIES.update()
        .where(PARTIES.c.party == party)
        .values(
            name=values["name"],
            names=packed(names if isinstance(names, dict) else {}),
            roles=roles,
            changed_index=record.index,
        )
    )
    _set_roles(write, party, roles)


def _set_roles(write: sa.Connection, party: str, roles: str) -> None:
    write.execute(PARTY_ROLES.delete().where(PARTY_ROLES.c.party == party))
    for role in roles.split():
        write.execute(PARTY_ROLES.insert().values(role=role, party=party))


def _key_added(write: sa.Connection, record: Record, values: Values) -> None:
    key = _public_key(values)
    write.execute(
        KEYS.insert().values(
            kid=key.kid,
            party=values["party"],
            algorithm=int(key.algorithm),
            raw=key.raw,
            purpose=values["purpose"],
            added_index=record.index,
            added_at=record.decided_at,
            revoked_for="",
        )
    )


def _key_revoked(write: sa.Connection, record: Record, values: Values) -> None:
    write.execute(
        KEYS.update()
        .where(KEYS.c.kid == values["kid"], KEYS.c.revoked_index.is_(None))
        .values(
            revoked_index=record.index,
            revoked_at=record.decided_at,
            revoked_for=values["reason"],
        )
    )


def _member_admitted(write: sa.Connection, record: Record, values: Values) -> None:
    key = _public_key(values)
    write.execute(
        MEMBERS.insert().values(
            kid=key.kid,
            party=values["party"],
            algorithm=int(key.algorithm),
            raw=key.raw,
            duties=_words(values["duties"]),
            admitted_index=record.index,
            admitted_at=record.decided_at,
        )
    )


def _member_changed(write: sa.Connection, _record: Record, values: Values) -> None:
    changed = MEMBERS.update().where(MEMBERS.c.kid == values["kid"])
    write.execute(changed.values(duties=_words(values["duties"])))


def _member_removed(write: sa.Connection, record: Record, values: Values) -> None:
    removed = MEMBERS.update().where(MEMBERS.c.kid == values["kid"])
    write.execute(removed.values(removed_index=record.index, removed_at=record.decided_at))


def _recovery_opened(write: sa.Connection, record: Record, values: Values) -> None:
    key = _public_key(values)
    write.execute(
        RECOVERIES.insert().values(
            index=record.index,
            party=values["party"],
            kid=key.kid,
            raw=key.raw,
            state="waiting",
            opened_at=record.decided_at,
            ripe_at=values["ripe_at"],
            opened_by=values["by"],
        )
    )


def _recovery_closed(write: sa.Connection, record: Record, values: Values) -> None:
    closed = RECOVERIES.update().where(RECOVERIES.c.index == values["recovery"])
    write.execute(closed.values(state=values["state"], closed_index=record.index))


def _decision_proposed(write: sa.Connection, record: Record, values: Values) -> None:
    write.execute(
        PROPOSALS.insert().values(
            index=record.index,
            kind=record.kind,
            digest=values["digest"],
            proposed_by=values["by"],
        )
    )


def _decision_confirmed(write: sa.Connection, record: Record, values: Values) -> None:
    confirmed = PROPOSALS.update().where(PROPOSALS.c.index == values["proposal"])
    write.execute(confirmed.values(confirmed_index=record.index))


def _certificate_issued(write: sa.Connection, record: Record, values: Values) -> None:
    last = write.execute(sa.select(sa.func.max(CERTIFICATES.c.status_index))).scalar()
    write.execute(
        CERTIFICATES.insert().values(
            index=record.index,
            kind=values["kind"],
            subject=values["subject"],
            product=values["product"],
            right=values["right"],
            valid_from=values["from"],
            valid_until=values["until"],
            issued_at=record.decided_at,
            issued_by=values["by"],
            status_index=0 if last is None else int(last) + 1,
            revoked_for="",
        )
    )


def _certificate_revoked(write: sa.Connection, record: Record, values: Values) -> None:
    write.execute(
        CERTIFICATES.update()
        .where(
            CERTIFICATES.c.index == values["certificate"], CERTIFICATES.c.revoked_index.is_(None)
        )
        .values(
            revoked_index=record.index,
            revoked_at=record.decided_at,
            revoked_for=values["reason"],
        )
    )


def _public_key(values: Values) -> PublicKey:
    raw = values["raw"]
    if not isinstance(raw, bytes):
        raise TypeError("raw of a key is bytes")
    return PublicKey(Algorithm(_whole(values["alg"])), raw)


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise TypeError("expected a whole number")
    return value


_FOLDS: Final[dict[str, Callable[[sa.Connection, Record, Values], None]]] = {
    FOUNDED: _founded,
    APPLICATION_DECIDED: _application_decided,
    PARTY_ADMITTED: _party_admitted,
    PARTY_UPDATED: _party_updated,
    KEY_ADDED: _key_added,
    KEY_REVOKED: _key_revoked,
    MEMBER_ADMITTED: _member_admitted,
    MEMBER_CHANGED: _member_changed,
    MEMBER_REMOVED: _member_removed,
    RECOVERY_OPENED: _recovery_opened,
    RECOVERY_CLOSED: _recovery_closed,
    DECISION_PROPOSED: _decision_proposed,
    DECISION_CONFIRMED: _decision_confirmed,
    CERTIFICATE_ISSUED: _certificate_issued,
    CERTIFICATE_REVOKED: _certificate_revoked,
}
