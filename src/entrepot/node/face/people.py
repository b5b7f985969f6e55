"""Who the person behind a session is, and what they may see: read from state at every request."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from entrepot.kernel.keys import Kid, PublicKey
from entrepot.node.face.failures import NotYours, SignInNeeded
from entrepot.node.face.passkeys import forget_passkey, passkeys_kept_before
from entrepot.node.face.sessions import Session, end_all_sessions
from entrepot.node.face.surroundings import Surroundings, surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import views
from entrepot.registry.views import Principal, member_principal

UNCLAIMED_SECONDS: Final = 90 * 86_400
"""Longer than most decisions take; who is admitted later is found again by the key."""


@dataclass(frozen=True, slots=True)
class Person:
    """A member of a party who is signed in. Duties and roles are those of this moment."""

    session: Session
    secret: str
    principal: Principal

    @property
    def party(self) -> str:
        """The party the person acts for."""
        return self.principal.party

    @property
    def kid(self) -> Kid:
        """Thumbprint of the person's credential."""
        return Kid(self.principal.kid)

    @property
    def is_operator(self) -> bool:
        """Whether the person acts for the operator of this node."""
        return "operator" in self.principal.roles

    def has(self, *duties: str) -> bool:
        """Say whether the person has one of these duties."""
        return any(duty in self.principal.duties for duty in duties)


def principal_behind(around: Surroundings, kid: Kid) -> Principal | None:
    """Return the member whose credential this is, or None when there is none now."""
    with around.store.reading() as read:
        return member_principal(read, kid)


def member_keys(around: Surroundings, *, most: int) -> Iterator[PublicKey]:
    """Yield the keys of active members, party by party, at most `most`."""
    offset = count = 0
    with around.store.reading() as read:
        while found := views.parties(read, offset=offset, limit=views.PAGE_MAX).parties:
            offset += len(found)
            for member in (one for party in found for one in views.members_of(read, party.party)):
                key = views.active_key(read, Kid(bytes.fromhex(member.kid)))
                if key is not None:
                    yield key
                count += 1
                if count >= most:
                    return


def sweep_passkeys(around: Surroundings) -> None:
    """Drop names and ids of passkeys that became nobody's: of refused and forgotten applicants."""
    for kid in passkeys_kept_before(around.store, around.now() - UNCLAIMED_SECONDS):
        if principal_behind(around, kid) is None:
            forget_passkey(around.store, kid)


def person_of(request: AnyRequest) -> Person | None:
    """Return who is signed in, or None. A member removed meanwhile is signed out everywhere."""
    visitor = visitor_of(request)
    if visitor.session is None or visitor.secret is None:
        return None
    around = surroundings_of(request)
    principal = principal_behind(around, visitor.session.credential)
    if principal is None or principal.party != visitor.session.party:
        end_all_sessions(around.store, visitor.session.credential)
        visitor.forget_secret()
        return None
    return Person(visitor.session, visitor.secret, principal)


def require_person(request: AnyRequest) -> Person:
    """Return who is signed in. Raises SignInNeeded."""
    person = person_of(request)
    if person is None:
        raise SignInNeeded("please sign in")
    return person


def require_duty(request: AnyRequest, *duties: str) -> Person:
    """Return who is signed in and has one of `duties`. Raises SignInNeeded, NotYours."""
    person = require_person(request)
    if not person.has(*duties):
        raise NotYours(
            "this page takes a duty that you do not have",
            value=", ".join(duties),
            remedy="ask an administrator of your organisation",
        )
    return person


def may_decide_objections(person: Person) -> bool:
    """Say whether a person may decide objections at all; the rule says in which cause.

    A decider of the operator; and an administrator of a regulator, who stands in where the operator
    itself is a side.
    """
    stands_in = "regulator" in person.principal.roles and person.has("admin")
    return stands_in or (person.is_operator and person.has("decider"))


def require_decider(request: AnyRequest) -> Person:
    """Return who is signed in and may decide objections. Raises SignInNeeded, NotYours."""
    person = require_person(request)
    if not may_decide_objections(person):
        raise NotYours("this page is for those who decide objections")
    return person


def require_officer(request: AnyRequest, *duties: str) -> Person:
    """Return who is signed in, acts for the operator and has one of `duties`."""
    person = require_duty(request, *duties)
    if not person.is_operator:
        raise NotYours("this page is for members of the operator")
    return person
