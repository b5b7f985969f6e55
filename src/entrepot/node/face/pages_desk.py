"""The desk: what waits for this person, late first, and the way to everything they may do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from entrepot.node.face.forms import whole_text
from entrepot.node.face.pages_decision import name_of_kind
from entrepot.node.face.parties import name_of_party
from entrepot.node.face.people import Person, may_decide_objections, require_person
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import Surroundings, surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import productviews, rightviews, views
from entrepot.registry.deadlines import day_of

ACTS_PER_PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thing with a deadline on somebody's desk. `kind` has words, `day` is its last day."""

    kind: str
    number: int
    address: str
    day: str
    is_late: bool


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the desk."""

    key: str
    address: str


def tabs_of(person: Person) -> list[Tab]:
    """Return the parts of the desk that this person may open."""
    tabs = [Tab("overview", "/desk")]
    if person.is_operator and person.has("registrar"):
        tabs += [Tab("applications", "/desk/applications")]
    if may_decide_objections(person):
        tabs += [Tab("objections", "/desk/objections")]
    if "provider" in person.principal.roles:
        tabs += [Tab("products", "/desk/products")]
    tabs += [Tab("rights", "/desk/rights"), Tab("certificates", "/desk/certificates")]
    tabs += [Tab("members", "/desk/members"), Tab("keys", "/desk/keys"), Tab("acts", "/desk/acts")]
    return tabs


def desk_page(
    request: AnyRequest, person: Person, template: str, *, status: int = 200, **context: object
) -> Response[str]:
    """Render a page of the desk: like `page`, with the person, their party and their tabs."""
    around, visitor = surroundings_of(request), visitor_of(request)
    return page(
        request,
        template,
        status=status,
        person=person,
        tabs=tabs_of(person),
        party_name=name_of_party(around, person.party, visitor.language),
        today=day_of(around.now()).isoformat(),
        **context,
    )


@get("/desk", sync_to_thread=True)
def show_desk(request: AnyRequest) -> Response[str]:
    """Show what waits for this person and what their party has."""
    person = require_person(request)
    around = surroundings_of(request)
    waiting = sorted(_waiting(around, person), key=lambda one: (one.day, one.number))
    with around.store.reading() as read:
        products = productviews.products_of(read, person.party, limit=500)
        rights = rightviews.rights_of(read, person.party)
        certificates = views.certificates_of(read, party=person.party)
        members = views.members_of(read, person.party)
    return desk_page(
        request,
        person,
        "desk.html",
        waiting=waiting,
        counts={
            "products": len(products),
            "rights": sum(1 for right in rights if right.is_live),
            "certificates": len(certificates),
            "members": len(members),
        },
    )


@get("/desk/acts", sync_to_thread=True)
def show_acts(request: AnyRequest) -> Response[str]:
    """List the acts of the log that are about this person's party, newest first."""
    person = require_person(request)
    around, visitor = surroundings_of(request), visitor_of(request)
    offset = whole_text(request.query_params.get("from", "")) or 0
    with around.store.reading() as read:
        found = views.history_of(read, person.party, offset=offset, limit=ACTS_PER_PAGE + 1)
    acts = [(item.index, name_of_kind(visitor.language, item.kind)) for item in found]
    return desk_page(
        request,
        person,
        "desk_acts.html",
        acts=acts[:ACTS_PER_PAGE],
        previous=max(0, offset - ACTS_PER_PAGE) if offset else None,
        following=offset + ACTS_PER_PAGE if len(acts) > ACTS_PER_PAGE else None,
    )


def _waiting(around: Surroundings, person: Person) -> list[Waiting]:
    """Return what has a deadline and waits for this person or their party."""
    today = day_of(around.now()).isoformat()
    found: list[Waiting] = []
    with around.store.reading() as read:
        if person.is_operator and person.has("registrar"):
            for one in views.applications(read, limit=200):
                address = f"/desk/applications/{one.index}"
                late = one.decide_by < today
                found.append(Waiting("application", one.index, address, one.decide_by, late))
        if may_decide_objections(person):
            for objection in rightviews.open_objections(read):
                closes_at, folder = objection.decide_by, "/desk/objections"
                found.append(_dated("objection", objection.id, folder, closes_at, today))
        for proposal in views.proposals(read) if person.is_operator else ():
            address = f"/desk/proposals/{proposal.index}"
            found.append(Waiting("proposal", proposal.index, address, today, False))
        for recovery in views.recoveries(read, party=person.party):
            found.append(_dated("recovery", recovery.index, "/desk/keys", recovery.ripe_at, today))
        for right in rightviews.rights_of(read, person.party):
            if right.status in ("notice", "contested"):
                found.append(_dated(right.status, right.id, "/rights", right.closes_at, today))
    return found


def _dated(kind: str, number: int, folder: str, closes_at: int, today: str) -> Waiting:
    """Return what closes at a moment (the first second after its last day)."""
    day = day_of(max(0, closes_at - 1)).isoformat()
    address = folder if kind == "recovery" else f"{folder}/{number}"
    return Waiting(kind, number, address, day, kind == "objection" and day < today)


ROUTES: Final[list[ControllerRouterHandler]] = [show_desk, show_acts]
