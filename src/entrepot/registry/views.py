"""What may be known of parties, keys, members, applications and certificates. Reads only.

The one door for siblings and for the node. Everything here is public record, except where a
function takes the principal who asks: the content of an application (with its contact) is evidence,
shown to registrars alone.
"""

from __future__ import annotations

from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.approval import take_approval
from entrepot.kernel.record import decode_evidence
from entrepot.kernel.store import RECORDS
from entrepot.registry.applications import read_application
from entrepot.registry.deadlines import last_day
from entrepot.registry.principals import (
    Principal,
    active_key,
    known_key,
    member_principal,
    principal_of,
)
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
from entrepot.registry.viewforms import (
    ApplicationContent,
    ApplicationView,
    CertificateView,
    FoundingView,
    HistoryItem,
    KeyView,
    MemberView,
    PartyPage,
    PartyView,
    ProposalView,
    RecoveryView,
)

__all__ = [
    "ApplicationContent",
    "ApplicationView",
    "CertificateView",
    "FoundingView",
    "HistoryItem",
    "KeyView",
    "MemberView",
    "PartyPage",
    "PartyView",
    "Principal",
    "ProposalView",
    "RecoveryView",
    "active_key",
    "application",
    "application_content",
    "applications",
    "certificate",
    "certificates",
    "certificates_of",
    "find_party",
    "founding",
    "history_of",
    "key_of",
    "keys_of",
    "known_key",
    "member_principal",
    "members_of",
    "parties",
    "principal_of",
    "proposals",
    "proposed_body",
    "recoveries",
]

PAGE_MAX: Final = 200
"""Most rows of one page."""


def founding(read: sa.Connection) -> FoundingView | None:
    """Return the terms of the registry, or None before it is founded."""
    row = read.execute(sa.select(FOUNDING)).mappings().one_or_none()
    if row is None:
        return None
    split = {name: tuple(row[name].split()) for name in ("languages", "four_eyes")}
    return msgspec.convert(_columns(row) | split, FoundingView)


def find_party(read: sa.Connection, party: str) -> PartyView | None:
    """Return a party by its id, or by any other of its identifiers; None when there is none."""
    query = sa.select(PARTIES).where(PARTIES.c.party == party)
    rows = _party_views(read, query)
    if rows:
        return rows[0]
    owner = sa.select(IDENTIFIERS.c.party).where(IDENTIFIERS.c.identifier == party)
    rows = _party_views(read, sa.select(PARTIES).where(PARTIES.c.party.in_(owner)))
    return rows[0] if rows else None


def parties(
    read: sa.Connection,
    *,
    role: str = "",
    country: str = "",
    text: str = "",
    offset: int = 0,
    limit: int = 50,
) -> PartyPage:
    """Return a page of parties, filtered by role, country and a part of a name or identifier."""
    query = sa.select(PARTIES)
    if role:
        having = sa.select(PARTY_ROLES.c.party).where(PARTY_ROLES.c.role == role)
        query = query.where(PARTIES.c.party.in_(having))
    if country:
        query = query.where(PARTIES.c.country == country)
    if text:
        part = f"%{_escaped(text.lower())}%"
        named = sa.select(IDENTIFIERS.c.party).where(
            sa.func.lower(IDENTIFIERS.c.identifier).like(part, escape="\\")
        )
        query = query.where(
            sa.or_(
                sa.func.lower(PARTIES.c.name).like(part, escape="\\"),
                sa.func.lower(PARTIES.c.names).like(part, escape="\\"),
                PARTIES.c.party.in_(named),
            )
        )
    total = read.execute(sa.select(sa.func.count()).select_from(query.subquery())).scalar_one()
    ordered = query.order_by(PARTIES.c.name, PARTIES.c.party)
    page = ordered.offset(max(0, offset)).limit(_page(limit))
    return PartyPage(total, max(0, offset), tuple(_party_views(read, page)))


def _party_views(read: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[PartyView]:
    rows = read.execute(query).mappings().all()
    ids = [row["party"] for row in rows]
    held: dict[str, list[str]] = {}
    named = sa.select(IDENTIFIERS.c.party, IDENTIFIERS.c.identifier).where(
        IDENTIFIERS.c.party.in_(ids)
    )
    for party, identifier in read.execute(named.order_by(IDENTIFIERS.c.identifier)):
        held.setdefault(party, []).append(identifier)
    return [
        PartyView(
            row["party"],
            row["name"],
            msgspec.json.decode(row["names"], type=dict[str, str]),
            row["country"],
            tuple(row["roles"].split()),
            tuple(held.get(row["party"], ())),
            row["admitted_at"],
            row["admitted_index"],
            row["changed_index"],
        )
        for row in rows
    ]


def applications(
    read: sa.Connection, *, state: str = "open", kid: bytes | None = None, limit: int = 50
) -> tuple[ApplicationView, ...]:
    """Return applications, oldest first: of one state ("" for all), of one key if given."""
    query = sa.select(APPLICATIONS).order_by(APPLICATIONS.c.index).limit(_page(limit))
    if state:
        query = query.where(APPLICATIONS.c.state == state)
    if kid is not None:
        query = query.where(APPLICATIONS.c.kid == kid)
    terms = founding(read)
    return tuple(_application(row, terms) for row in read.execute(query).mappings())


def application(read: sa.Connection, index: int) -> ApplicationView | None:
    """Return the application at `index`, or None."""
    query = sa.select(APPLICATIONS).where(APPLICATIONS.c.index == index)
    row = read.execute(query).mappings().one_or_none()
    return None if row is None else _application(row, founding(read))


def _application(row: sa.RowMapping, terms: FoundingView | None) -> ApplicationView:
    days, calendar = (0, "") if terms is None else (terms.decision_days, terms.decision_calendar)
    return ApplicationView(
        row["index"],
        row["state"],
        row["filed_at"],
        last_day(row["filed_at"], days, calendar).isoformat(),
        row["decided_index"],
        row["decided_at"],
        (row["decided_by"] or b"").hex(),
        row["kid"].hex(),
    )


def application_content(
    read: sa.Connection, index: int, asking: Principal
) -> ApplicationContent | None:
    """Return what an applicant wrote, to a registrar; None to anybody else, or when erased."""
    if not asking.is_officer("registrar") or application(read, index) is None:
        return None
    found = read_application(read, index)
    if found is None:
        return None
    return ApplicationContent(
        found.name,
        found.names,
        tuple(f"{item.scheme}:{item.value}" for item in found.identifiers),
        found.country,
        tuple(found.roles),
        found.contact,
        found.statement,
        tuple(found.evidence),
        bool(found.key),
        found.admin is not None,
    )


def keys_of(
    read: sa.Connection, party: str, *, purpose: str = "", active_only: bool = False
) -> tuple[KeyView, ...]:
    """Return the keys of a party in the order they came, the revoked ones too unless asked."""
    query = sa.select(KEYS).where(KEYS.c.party == party)
    if purpose:
        query = query.where(KEYS.c.purpose == purpose)
    if active_only:
        query = query.where(KEYS.c.revoked_index.is_(None))
    rows = read.execute(query.order_by(KEYS.c.added_index, KEYS.c.kid)).mappings()
    return tuple(_key(row) for row in rows)


def key_of(read: sa.Connection, kid: bytes) -> KeyView | None:
    """Return a program's key by its thumbprint, active or revoked, or None."""
    row = read.execute(sa.select(KEYS).where(KEYS.c.kid == kid)).mappings().one_or_none()
    return None if row is None else _key(row)


def _key(row: sa.RowMapping) -> KeyView:
    return msgspec.convert(_columns(row) | {"kid": row["kid"].hex()}, KeyView)


def members_of(
    read: sa.Connection, party: str, *, active_only: bool = True
) -> tuple[MemberView, ...]:
    """Return the credentials of the persons who act for a party, in the order they came."""
    query = sa.select(MEMBERS).where(MEMBERS.c.party == party)
    if active_only:
        query = query.where(MEMBERS.c.removed_index.is_(None))
    rows = read.execute(query.order_by(MEMBERS.c.admitted_index, MEMBERS.c.kid)).mappings()
    return tuple(
        MemberView(
            row["kid"].hex(),
            row["party"],
            tuple(row["duties"].split()),
            row["admitted_index"],
            row["admitted_at"],
            row["removed_index"],
            row["removed_at"],
        )
        for row in rows
    )


def recoveries(
    read: sa.Connection, *, party: str = "", state: str = "waiting"
) -> tuple[RecoveryView, ...]:
    """Return recoveries of one state ("" for all), of one party if given, oldest first."""
    query = sa.select(RECOVERIES).order_by(RECOVERIES.c.index)
    if party:
        query = query.where(RECOVERIES.c.party == party)
    if state:
        query = query.where(RECOVERIES.c.state == state)
    rows = read.execute(query).mappings()
    return tuple(
        msgspec.convert(_columns(row) | {"kid": row["kid"].hex()}, RecoveryView) for row in rows
    )


def party_of_member(read: sa.Connection, kid: bytes) -> str:
    """Return the party for which a credential acts, or acted until it was removed; "" for none."""
    query = sa.select(MEMBERS.c.party).where(MEMBERS.c.kid == kid)
    return read.execute(query).scalar_one_or_none() or ""


def proposals(read: sa.Connection) -> tuple[ProposalView, ...]:
    """Return the decisions that wait for a second officer, oldest first.

    What a member proposed who was removed since waits no more: it must be proposed anew.
    """
    query = (
        sa.select(PROPOSALS)
        .join(MEMBERS, MEMBERS.c.kid == PROPOSALS.c.proposed_by)
        .where(PROPOSALS.c.confirmed_index.is_(None), MEMBERS.c.removed_index.is_(None))
    )
    rows = read.execute(query.order_by(PROPOSALS.c.index)).mappings()
    return tuple(ProposalView(row["index"], row["kind"], row["proposed_by"].hex()) for row in rows)


def proposed_body(read: sa.Connection, index: int) -> dict[str, object] | None:
    """Return the body that a second officer approves to carry out the proposal at `index`.

    It is the public body of the first officer's act without its approval; None when there is no
    open proposal there.
    """
    query = (
        sa.select(RECORDS.c.evidence)
        .join(PROPOSALS, PROPOSALS.c.index == RECORDS.c.index)
        .where(PROPOSALS.c.index == index, PROPOSALS.c.confirmed_index.is_(None))
    )
    evidence = read.execute(query).scalar_one_or_none()
    if evidence is None:
        return None
    body, _ = take_approval(SignedAct(decode_evidence(evidence).act).unverified_body)
    return {str(name): value for name, value in body.items()}


def certificate(read: sa.Connection, index: int) -> CertificateView | None:
    """Return the certificate of this number, or None."""
    query = sa.select(CERTIFICATES).where(CERTIFICATES.c.index == index)
    row = read.execute(query).mappings().one_or_none()
    return None if row is None else _certificate(row)


def certificates_of(
    read: sa.Connection, *, party: str = "", product: int | None = None, right: int | None = None
) -> tuple[CertificateView, ...]:
    """Return the newest certificates of a party, product or right, at most `PAGE_MAX`."""
    query = sa.select(CERTIFICATES).order_by(CERTIFICATES.c.index.desc()).limit(PAGE_MAX)
    for column, value in (
        (CERTIFICATES.c.subject, party or None),
        (CERTIFICATES.c.product, product),
        (CERTIFICATES.c.right, right),
    ):
        if value is not None:
            query = query.where(column == value)
    return tuple(_certificate(row) for row in read.execute(query).mappings())


def certificates(
    read: sa.Connection, *, kind: str = "", offset: int = 0, limit: int = 50
) -> tuple[CertificateView, ...]:
    """Return a page of all certificates, newest first, of one kind if given."""
    query = sa.select(CERTIFICATES).order_by(CERTIFICATES.c.index.desc())
    if kind:
        query = query.where(CERTIFICATES.c.kind == kind)
    page = query.offset(max(0, offset)).limit(_page(limit))
    return tuple(_certificate(row) for row in read.execute(page).mappings())


def _certificate(row: sa.RowMapping) -> CertificateView:
    by = (row["issued_by"] or b"").hex()
    return msgspec.convert(_columns(row) | {"issued_by": by}, CertificateView)


def history_of(
    read: sa.Connection, party: str, *, offset: int = 0, limit: int = 50
) -> tuple[HistoryItem, ...]:
    """Return the acts of the log about a party, newest first."""
    query = sa.select(HISTORY.c.index, HISTORY.c.kind).where(HISTORY.c.party == party)
    page = query.order_by(HISTORY.c.index.desc()).offset(max(0, offset)).limit(_page(limit))
    return tuple(HistoryItem(index, kind) for index, kind in read.execute(page))


def _columns(row: sa.RowMapping) -> dict[str, object]:
    """Return a row under plain names; those of reserved words are another type of text."""
    return {str(name): value for name, value in row.items()}


def _page(limit: int) -> int:
    return min(max(1, limit), PAGE_MAX)


def _escaped(text: str) -> str:
    """Take the meaning from the wildcards of LIKE."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
