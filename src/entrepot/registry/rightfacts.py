"""What decisions about rights rely on, as plain values: step 3 of every act about a right.

The facts are published with the act, so a stranger can decide it again from the log alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.institution import Facts, Request
from entrepot.registry.officers import as_facts, officer_facts
from entrepot.registry.principals import principal_of
from entrepot.registry.productviews import find_product
from entrepot.registry.rightacts import (
    CancelRight,
    ChangeRight,
    CloseNotice,
    DecideObjection,
    Extent,
    FileRight,
    LicenseRight,
    ObjectToRight,
    TransferRight,
)
from entrepot.registry.rightextent import extent_within
from entrepot.registry.rightstate import OPEN
from entrepot.registry.rightviews import (
    DERIVED_MAX,
    Grant,
    chain_of,
    find_objection,
    find_right,
    holdings_in,
    live_derived,
    meeting_rights,
    objections_to,
)
from entrepot.registry.tables import CERTIFICATES, FOUNDING, PARTIES

LISTED_MAX: Final = 20
"""Most rights or objections in the way that facts name; one is enough to refuse."""


def who(read: sa.Connection, request: Request[Any]) -> dict[str, object]:
    """Return who asks: party ("" for nobody), roles, duties, whether a person."""
    principal = principal_of(read, request)
    if principal is None:
        return {"party": "", "roles": [], "duties": [], "person": False}
    return {
        "party": principal.party,
        "roles": sorted(principal.roles),
        "duties": sorted(principal.duties),
        "person": principal.is_person,
    }


def founding(read: sa.Connection) -> dict[str, object]:
    """Return the periods the registry was founded with, or days of -1 before its founding."""
    row = read.execute(
        sa.select(
            FOUNDING.c.notice_days,
            FOUNDING.c.notice_calendar,
            FOUNDING.c.decision_days,
            FOUNDING.c.decision_calendar,
        )
    ).one_or_none()
    notice = [-1, ""] if row is None else [row.notice_days, row.notice_calendar]
    decision = [-1, ""] if row is None else [row.decision_days, row.decision_calendar]
    return {"notice": notice, "decision": decision}


def grant_facts(grant: Grant | None) -> dict[str, object] | None:
    """Return what rules ask about a right, or None."""
    if grant is None:
        return None
    return {
        "id": grant.id,
        "product": grant.product,
        "right": grant.right,
        "holder": grant.holder,
        "status": grant.status,
        "scope": list(grant.extent.scope),
        "territory": list(grant.extent.territory),
        "from": grant.extent.term.start,
        "until": grant.extent.term.until,
        "exclusive": grant.exclusive,
        "transferable": grant.transferable,
        "sublicence": grant.sublicence,
        "source": grant.source,
        "noticed_at": grant.noticed_at,
        "closes_at": grant.closes_at,
    }


def _standing(grants: Iterable[Grant]) -> list[dict[str, object]]:
    """Return rights in the way: number, holder, state, end of notice, whether exclusive."""
    return [
        {
            "id": one.id,
            "holder": one.holder,
            "status": one.status,
            "closes_at": one.closes_at,
            "exclusive": one.exclusive,
        }
        for one in list(grants)[:LISTED_MAX]
    ]


def in_the_way(
    met: Iterable[Grant], *, holder: str, exclusive: bool, chain: Iterable[int]
) -> list[Grant]:
    """Return the rights that exclude a new one: another's, either exclusive, not of its chain.

    Out of its own chain a right comes with its holder's will, so that does not stand in its way.
    """
    exempt = set(chain)
    return [
        one
        for one in met
        if one.holder != holder and (one.exclusive or exclusive) and one.id not in exempt
    ]


def party_exists(read: sa.Connection, party: str) -> bool:
    """Say whether a party of this id is admitted."""
    found = read.execute(sa.select(PARTIES.c.party).where(PARTIES.c.party == party))
    return found.one_or_none() is not None


def facts_of_right(read: sa.Connection, request: Request[FileRight]) -> Facts:
    """Read the product, the source with its chain, and what meets the right in the same data."""
    body, now = request.body, request.decided_at
    product = find_product(read, body.product)
    source = None if body.source is None else find_right(read, body.source)
    met = meeting_rights(read, body.product, body.right, body.extent, now=now)
    chain = [] if source is None else [source.id, *(one.id for one in chain_of(read, source))]
    first = chain[-1] if chain else None
    derived = [] if first is None else live_derived(read, first)
    held = holdings_in(read, body.product, now=now)
    processed = meeting_rights(read, body.product, "process", body.extent, now=now)
    own_processing = [one for one in processed if one.holder == body.holder]
    return Facts(
        {
            **who(read, request),
            **founding(read),
            "product": "" if product is None else product.status,
            "source": grant_facts(source),
            "links": len(chain),
            "derived": sum(one.holder == body.holder for one in derived),
            "conflicts": _standing(
                in_the_way(met, holder=body.holder, exclusive=body.exclusive, chain=chain)
            ),
            "duplicates": [
                one.id
                for one in met
                if one.holder == body.holder and extent_within(body.extent, one.extent)
            ][:LISTED_MAX],
            "holdings": _standing(held),
            "processing": any(extent_within(body.extent, one.extent) for one in own_processing),
        }
    )


def facts_of_license(read: sa.Connection, request: Request[LicenseRight]) -> Facts:
    """Read the licensed right with its chain, the recipient, and what the licence would meet."""
    body, now = request.body, request.decided_at
    source = find_right(read, body.source)
    conflicts: list[Grant] = []
    chain: list[int] = []
    if source is not None:
        met = meeting_rights(read, source.product, body.right, body.extent, now=now)
        chain = [source.id, *(one.id for one in chain_of(read, source))]
        conflicts = in_the_way(met, holder=body.to, exclusive=body.exclusive, chain=chain)
    return Facts(
        {
            **who(read, request),
            "source": grant_facts(source),
            "links": len(chain),
            "recipient": party_exists(read, body.to),
            "conflicts": _standing(conflicts),
        }
    )


def facts_of_transfer(read: sa.Connection, request: Request[TransferRight]) -> Facts:
    """Read the right, the recipient, and what the right would meet in new hands."""
    body = request.body
    found = find_right(read, body.right)
    conflicts: list[Grant] = []
    if found is not None:
        conflicts = _conflicts_of(read, found, found.extent, body.to, now=request.decided_at)
    return Facts(
        {
            **who(read, request),
            "right": grant_facts(found),
            "recipient": party_exists(read, body.to),
            "conflicts": _standing(conflicts),
            "certificates": certificates_of(read, [body.right]),
        }
    )


def facts_of_change(read: sa.Connection, request: Request[ChangeRight]) -> Facts:
    """Read the right, its source, what rests on it, and what its new extent would meet."""
    body = request.body
    found = find_right(read, body.right)
    values: dict[str, object] = {
        **who(read, request),
        **founding(read),
        "right": grant_facts(found),
    }
    values |= {"source": None, "conflicts": [], "outside": []}
    if found is None:
        return Facts(values)
    extent = changed_extent(body, found)
    exclusive = found.exclusive if body.exclusive is None else body.exclusive
    source = None if found.source is None else find_right(read, found.source)
    values["source"] = grant_facts(source)
    met = _meeting_others(read, found, extent, now=request.decided_at)
    values["conflicts"] = _standing(
        one for one in met if one.holder != found.holder and (one.exclusive or exclusive)
    )
    derived = [one for one in live_derived(read, found.id) if one.source == found.id]
    outside = [
        one.id
        for one in derived
        if not extent_within(one.extent, extent) or (one.exclusive and not exclusive)
    ]
    values["outside"] = outside[:LISTED_MAX]
    return Facts(values)


def changed_extent(body: ChangeRight, found: Grant) -> Extent:
    """Return the extent a right would have after a change."""
    return Extent(
        found.extent.scope if body.scope is None else body.scope,
        found.extent.territory if body.territory is None else body.territory,
        found.extent.term if body.term is None else body.term,
    )


def _meeting_others(read: sa.Connection, grant: Grant, extent: Extent, *, now: int) -> list[Grant]:
    """Return what an existing right meets, without itself, its sources and what rests on it."""
    own = {grant.id, *(one.id for one in chain_of(read, grant))}
    own |= {one.id for one in live_derived(read, grant.id)}
    met = meeting_rights(read, grant.product, grant.right, extent, now=now)
    return [one for one in met if one.id not in own]


def _conflicts_of(
    read: sa.Connection, grant: Grant, extent: Extent, holder: str, *, now: int
) -> list[Grant]:
    met = _meeting_others(read, grant, extent, now=now)
    return [one for one in met if one.holder != holder and (one.exclusive or grant.exclusive)]


def facts_of_cancel(read: sa.Connection, request: Request[CancelRight]) -> Facts:
    """Read the right and what rests on it, of its holder and of others."""
    found = find_right(read, request.body.right)
    derived = [] if found is None else live_derived(read, found.id)
    holder = "" if found is None else found.holder
    own = [one.id for one in derived if one.holder == holder]
    others = [one.id for one in derived if one.holder != holder]
    return Facts(
        {
            **who(read, request),
            "right": grant_facts(found),
            "own": own,
            "others": others[:LISTED_MAX],
            # What others hold stops the act, so only own certificates can fall with it.
            "certificates": certificates_of(read, [request.body.right, *own[:DERIVED_MAX]]),
        }
    )


def facts_of_close(read: sa.Connection, request: Request[CloseNotice]) -> Facts:
    """Read the right, its source and whether an objection is open. Who asks does not matter."""
    found = find_right(read, request.body.right)
    source = None if found is None or found.source is None else find_right(read, found.source)
    disputes = [] if found is None else objections_to(read, found.id)
    return Facts(
        {
            "right": grant_facts(found),
            "source": grant_facts(source),
            "open": [one.id for one in disputes if one.status == OPEN][:LISTED_MAX],
        }
    )


def facts_of_objection(read: sa.Connection, request: Request[ObjectToRight]) -> Facts:
    """Read the right and whether this party objects already."""
    found = find_right(read, request.body.right)
    values = who(read, request)
    disputes = [] if found is None else objections_to(read, found.id)
    mine = [one.id for one in disputes if one.party == values["party"]]
    return Facts({**values, **founding(read), "right": grant_facts(found), "objections": mine})


def facts_of_decision(read: sa.Connection, request: Request[DecideObjection]) -> Facts:
    """Read the objection, its right, what else is open against it and what rests on it."""
    found = find_objection(read, request.body.objection)
    grant = None if found is None else find_right(read, found.right)
    disputes = [] if grant is None else objections_to(read, grant.id)
    derived = [] if grant is None else live_derived(read, grant.id)
    return Facts(
        {
            **who(read, request),
            "officer": as_facts(officer_facts(read, request)),
            "operator": read.execute(sa.select(FOUNDING.c.operator)).scalar_one_or_none() or "",
            "objector": "" if found is None else found.party,
            "state": "" if found is None else found.status,
            "right": grant_facts(grant),
            "open": [one.id for one in disputes if one.status == OPEN][:LISTED_MAX],
            "derived": [one.id for one in derived],
        }
    )


def certificates_of(read: sa.Connection, rights: list[int]) -> list[list[object]]:
    """Return number and subject of the certificates of registration in force for rights."""
    rows = read.execute(
        sa.select(CERTIFICATES.c.index.label("number"), CERTIFICATES.c.subject)
        .where(CERTIFICATES.c.right.in_(rights), CERTIFICATES.c.revoked_index.is_(None))
        .order_by(CERTIFICATES.c.index)
    )
    return [[row.number, row.subject] for row in rows]
