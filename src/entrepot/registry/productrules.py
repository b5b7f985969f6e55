"""What is allowed with products: who may file, revise, release and withdraw. Pure but for `facts`.

A provider's program signs with the party's key; a person acts with a passkey and the duty steward
(or admin). The one who described a product is the one who changes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Granted, Reason, Refused
from entrepot.kernel.institution import Facts, Request
from entrepot.registry.principals import principal_of
from entrepot.registry.productacts import (
    FileProduct,
    Metadata,
    ReleaseProduct,
    ReviseProduct,
    WithdrawProduct,
)
from entrepot.registry.productcodes import Code, reason
from entrepot.registry.productstate import (
    ACTIVE,
    PRODUCTS,
    RELEASES,
    filed_effect,
    plain,
    released_effect,
    revised_effect,
    withdrawn_effect,
)
from entrepot.registry.productviews import Product, find_product
from entrepot.registry.rightviews import colliding_holdings
from entrepot.registry.tables import KEYS, PARTY_ROLES

PROVIDER: Final = "provider"
_STEWARDS: Final = frozenset({"steward", "admin"})


def actor(read: sa.Connection, request: Request[Any]) -> dict[str, object]:
    """Return who asks, as plain facts: party ("" for nobody), whether provider and steward.

    A program with the party's key counts as steward: the party answers for its key.
    """
    principal = principal_of(read, request)
    if principal is None:
        return {"party": "", "provider": False, "steward": False}
    steward = not principal.is_person or bool(_STEWARDS & set(principal.duties))
    return {
        "party": principal.party,
        "provider": PROVIDER in principal.roles,
        "steward": steward,
    }


def _who(values: dict[str, object]) -> list[Reason]:
    """Return why the one who asks may not act for a provider, in order of precedence."""
    if not values["party"]:
        return [reason(Code.NOT_A_PARTY, "The signer acts for no party of this registry.")]
    if not values["provider"]:
        return [reason(Code.NOT_PROVIDER, "The party does not have the role provider.")]
    if not values["steward"]:
        return [reason(Code.NOT_STEWARD, "The person does not have the duty steward.")]
    return []


def facts_of_filing(read: sa.Connection, request: Request[FileProduct]) -> Facts:
    """Read who files."""
    return Facts(actor(read, request))


def decide_filing(request: Request[FileProduct], relied: Facts) -> Decision:
    """Grant to a provider; the description was checked when the act was read."""
    wrong = _who(relied.values)
    if wrong:
        return Refused(tuple(wrong))
    return Granted((filed_effect(str(relied.values["party"]), request.body.metadata),))


def _own(values: dict[str, object]) -> list[Reason]:
    """Return why the one who asks may not change this product, in order of precedence."""
    if not values["owner"]:
        return [reason(Code.NO_PRODUCT, "There is no product of this number.")]
    wrong = _who(values)
    if wrong:
        return wrong
    if values["owner"] != values["party"]:
        return [reason(Code.NOT_OWN_PRODUCT, "The product is described by another party.")]
    if values["status"] != ACTIVE:
        return [reason(Code.WITHDRAWN, "The product is withdrawn; file it anew to offer it again.")]
    return []


def _product_facts(found: Product | None) -> dict[str, object]:
    if found is None:
        return {"owner": "", "status": ""}
    return {"owner": found.party, "status": found.status}


def facts_of_revision(read: sa.Connection, request: Request[ReviseProduct]) -> Facts:
    """Read who revises, what the description says now, and whose data the new one would name."""
    body = request.body
    found = find_product(read, body.product)
    values = {**actor(read, request), **_product_facts(found)}
    values["revision"] = 0 if found is None else found.revision
    values["same"] = found is not None and plain(found.metadata) == plain(body.metadata)
    values["colliding"] = (
        [] if found is None else colliding_holdings(read, found.id, hashes_of(body.metadata))
    )
    return Facts(values)


def hashes_of(metadata: Metadata) -> tuple[str, ...]:
    """Return the hashes that say which data a description is about: inspection, sample, source."""
    named = (
        metadata.inspection.sha256 if metadata.inspection else "",
        metadata.sample.sha256 if metadata.sample else "",
        metadata.source.sha256,
    )
    return tuple(one for one in named if one)


def decide_revision(request: Request[ReviseProduct], relied: Facts) -> Decision:
    """Grant to the provider, unless nothing changes or the data is exclusively another's."""
    values: dict[str, Any] = relied.values
    wrong = _own(values)
    if not wrong and values["same"]:
        wrong = [reason(Code.SAME_DESCRIPTION, "This is the description that stands already.")]
    if not wrong and values["colliding"]:
        listed = ", ".join(str(one) for one in values["colliding"][:5])
        says = f"The data now named is held exclusively by another: right {listed}."
        wrong = [reason(Code.HELD_BY_ANOTHER, says)]
    if wrong:
        return Refused(tuple(wrong))
    body = request.body
    return Granted((revised_effect(body.product, values["revision"] + 1, body.metadata),))


_OWNERS: Final = sa.select(PRODUCTS.c.id, PRODUCTS.c.party, PRODUCTS.c.status).where(
    PRODUCTS.c.id.in_(sa.bindparam("products", expanding=True))
)
_SIGNERS: Final = (
    sa.select(KEYS.c.kid, KEYS.c.party, PARTY_ROLES.c.role)
    .select_from(
        KEYS.outerjoin(
            PARTY_ROLES,
            sa.and_(PARTY_ROLES.c.party == KEYS.c.party, PARTY_ROLES.c.role == PROVIDER),
        )
    )
    .where(
        KEYS.c.kid.in_(sa.bindparam("kids", expanding=True)),
        KEYS.c.revoked_index.is_(None),
        KEYS.c.purpose == "acts",
    )
)
_TAKEN: Final = sa.select(RELEASES.c.product, RELEASES.c.version).where(
    sa.tuple_(RELEASES.c.product, RELEASES.c.version).in_(sa.bindparam("named", expanding=True))
)


def facts_of_release(read: sa.Connection, request: Request[ReleaseProduct]) -> Facts:
    """Read whose product it is, who signs, and whether the version exists."""
    return facts_of_releases(read, [request])[0]


def facts_of_releases(
    read: sa.Connection, requests: Sequence[Request[ReleaseProduct]]
) -> list[Facts]:
    """Read what a run of releases relies on: three questions, however many they are.

    A version that an earlier release of the run takes is taken for the later ones, exactly as if
    each had been decided before the next was read.
    """
    bodies = [request.body for request in requests]
    owners = {
        row[0]: (row[1], row[2])
        for row in read.execute(_OWNERS, {"products": list({body.product for body in bodies})})
    }
    signers = {
        row[0]: (row[1], row[2] is not None)
        for row in read.execute(_SIGNERS, {"kids": list({one.issuer for one in requests})})
    }
    named = {(body.product, body.version) for body in bodies}
    taken = {tuple(row) for row in read.execute(_TAKEN, {"named": list(named)})}
    found = []
    for request, body in zip(requests, bodies, strict=True):
        party, provider = signers.get(request.issuer, ("", False))
        owner, status = owners.get(body.product, ("", ""))
        values: dict[str, object] = {
            "party": party,
            "provider": provider,
            "steward": True,
            "owner": owner,
            "status": status,
            "taken": (body.product, body.version) in taken,
        }
        if request.approved_by is not None:
            values.update(actor(read, request))
        facts = Facts(values)
        if not _release_wrong(body, values):
            taken.add((body.product, body.version))
        found.append(facts)
    return found


def _release_wrong(body: ReleaseProduct, values: dict[str, object]) -> list[Reason]:
    wrong = _own(values)
    if not wrong and values["taken"]:
        says = f"Version {body.version} of this product was released already."
        wrong = [reason(Code.VERSION_TAKEN, says)]
    return wrong


def decide_release(request: Request[ReleaseProduct], relied: Facts) -> Decision:
    """Grant to the provider of an active product, once per version."""
    wrong = _release_wrong(request.body, relied.values)
    return Refused(tuple(wrong)) if wrong else Granted((released_effect(request.body),))


def facts_of_withdrawal(read: sa.Connection, request: Request[WithdrawProduct]) -> Facts:
    """Read who withdraws which product."""
    found = find_product(read, request.body.product)
    return Facts({**actor(read, request), **_product_facts(found)})


def decide_withdrawal(request: Request[WithdrawProduct], relied: Facts) -> Decision:
    """Grant to the provider. Rights in the product stay as they are."""
    wrong = _own(relied.values)
    if wrong:
        return Refused(tuple(wrong))
    return Granted((withdrawn_effect(request.body.product, request.body.reason),))
