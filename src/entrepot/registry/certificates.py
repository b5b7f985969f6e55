"""What is allowed for certificates: issued and revoked by a registrar, or following from a right.

A certificate is a row of state whose number is the index of the act that made it; as a credential
it is rendered on request (`credentials`). Certificates of registration are issued by no registrar:
the act that closes the notice of a right carries `registration_certificate_effect`, and the act
that ends the right carries `revocation_effect`; the state folds both.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.decisions import Decision, Effect, Reason, Refused
from entrepot.kernel.institution import Facts, Request
from entrepot.registry import state
from entrepot.registry.acts import Issue, Revoke
from entrepot.registry.codes import Code
from entrepot.registry.deadlines import day_of
from entrepot.registry.judging import REGISTRAR, plain_reasons
from entrepot.registry.officers import (
    OfficerFacts,
    as_facts,
    carried,
    officer_facts,
    officer_reasons,
)
from entrepot.registry.productviews import find_product
from entrepot.registry.tables import CERTIFICATES, PARTIES
from entrepot.registry.words import reason

REGISTRATION: Final = "registration"
TERM_MAX_DAYS: Final = 3 * 366
"""Three years, the validity of Chinese data registrations (institutions.md G, [rem])."""
BACKDATED_MAX_DAYS: Final = 1
"""Time zones: a term may begin on the day before the node's."""
ROLES_NEEDED: Final = {
    "provider": ("provider",),
    "trading": ("provider", "broker", "third-party-service", "buyer"),
    "cross-border": ("provider", "broker", "buyer"),
}
"""Which roles a party needs, one of them, for a certificate of each kind."""


class IssueFacts(msgspec.Struct, frozen=True):
    """Who certifies, and what the subject is."""

    officer: OfficerFacts
    roles: tuple[str, ...] | None
    """None: there is no such party."""
    has_product: bool


def facts_of_issuing(read: sa.Connection, request: Request[Issue]) -> Facts:
    """Read the subject and its product (step 3)."""
    body = request.body
    query = sa.select(PARTIES.c.roles).where(PARTIES.c.party == body.subject)
    roles = read.execute(query).scalar_one_or_none()
    product = None if body.product is None else find_product(read, body.product)
    found = IssueFacts(
        officer_facts(read, request),
        None if roles is None else tuple(roles.split()),
        product is not None and product.party == body.subject,
    )
    return Facts(as_facts(found))


def decide_issuing(request: Request[Issue], relied: Facts) -> Decision:
    """Issue a certificate for a party with the role it is about (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, IssueFacts)
    reasons = officer_reasons(facts.officer, REGISTRAR, [body.subject])
    needed = ROLES_NEEDED[body.kind]
    if facts.roles is None:
        reasons.append(reason(Code.NO_PARTY, party=body.subject))
    elif not set(needed) & set(facts.roles):
        reasons.append(reason(Code.ROLE_MISSING, kind=body.kind, roles=", ".join(needed)))
    if body.product is not None and not facts.has_product:
        reasons.append(reason(Code.NO_PRODUCT, party=body.subject, product=body.product))
    reasons += judge_term(body.term.begin, body.term.until, day_of(request.decided_at))
    principal = facts.officer.principal
    if reasons or principal is None:
        return Refused(tuple(reasons))
    issued = certificate_effect(
        body.kind,
        body.subject,
        about=(body.product, None),
        term=(body.term.begin, body.term.until),
        by=principal.kid,
    )
    return carried(facts.officer, [issued])


def judge_term(begin: str, until: str, today: date) -> list[Reason]:
    """Return a reason unless a term is of days that exist, in order, not past and not too long."""
    try:
        first, last = date.fromisoformat(begin), date.fromisoformat(until)
    except ValueError:
        return [reason(Code.TERM, begin=begin[:20], end=until[:20], why="a day does not exist")]
    why = ""
    if (first.isoformat(), last.isoformat()) != (begin, until):
        why = "days are written as 2026-11-22"
    elif last < first:
        why = "it ends before it begins"
    elif first < today - timedelta(days=BACKDATED_MAX_DAYS):
        why = "it begins in the past"
    elif (last - first).days > TERM_MAX_DAYS:
        why = "it is longer than three years"
    return [reason(Code.TERM, begin=begin, end=until, why=why)] if why else []


class RevokeFacts(msgspec.Struct, frozen=True):
    """Who revokes, and the certificate as it stands."""

    officer: OfficerFacts
    subject: str | None
    """None: no certificate there."""
    revoked_index: int | None


def facts_of_ending(read: sa.Connection, request: Request[Revoke]) -> Facts:
    """Read the certificate (step 3)."""
    query = sa.select(CERTIFICATES.c.subject, CERTIFICATES.c.revoked_index)
    row = read.execute(query.where(CERTIFICATES.c.index == request.body.certificate)).one_or_none()
    found = RevokeFacts(
        officer_facts(read, request),
        None if row is None else row.subject,
        None if row is None else row.revoked_index,
    )
    return Facts(as_facts(found))


def decide_ending(request: Request[Revoke], relied: Facts) -> Decision:
    """Revoke a certificate with a reason; its bit changes with the next checkpoint (step 4)."""
    body = request.body
    facts = msgspec.convert(relied.values, RevokeFacts)
    causes = [] if facts.subject is None else [facts.subject]
    reasons = officer_reasons(facts.officer, REGISTRAR, causes)
    if facts.subject is None:
        reasons.append(reason(Code.NO_CERTIFICATE, index=body.certificate))
    elif facts.revoked_index is not None:
        reasons.append(reason(Code.CERTIFICATE_REVOKED, index=facts.revoked_index))
    if reasons:
        return Refused(tuple(reasons))
    ended = revocation_effect(body.certificate, body.reason.code, subject=facts.subject or "")
    values = {**ended.values, "reasons": plain_reasons([body.reason])}
    return carried(facts.officer, [Effect(ended.name, values)])


def certificate_effect(
    kind: str,
    subject: str,
    *,
    about: tuple[int | None, int | None],
    term: tuple[str, str],
    by: bytes | None,
) -> Effect:
    """Return the effect that issues a certificate; one per act, since its number is the act's.

    `about` is product and right, `term` the first and last day, `by` the officer's credential.
    """
    values: dict[str, object] = {
        "kind": kind,
        "subject": subject,
        "product": about[0],
        "right": about[1],
        "from": term[0],
        "until": term[1],
        "by": by,
    }
    return Effect(state.CERTIFICATE_ISSUED, values)


def registration_certificate_effect(
    subject: str, *, product: int, right: int, term: tuple[str, str]
) -> Effect:
    """Return the effect by which a registered right gets its certificate of registration.

    `subject` is the holder's party id, `right` the right's id, `term` the right's days (ISO 8601).
    The kind that carries it must have `entrepot.registry.state.apply` among its applies.
    """
    return certificate_effect(REGISTRATION, subject, about=(product, right), term=term, by=None)


def revocation_effect(certificate: int, why: str, *, subject: str) -> Effect:
    """Return the effect that revokes a certificate; `why` is a stable code (`right-cancelled`)."""
    values: dict[str, object] = {"certificate": certificate, "reason": why, "subject": subject}
    return Effect(state.CERTIFICATE_REVOKED, values)
