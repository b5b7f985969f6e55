"""Members of a party: invite, admit, change duties, remove. Names stay here, keys in the log.

An administrator invites with a link; the colleague registers a passkey; the administrator compares
the short code and admits that very key with an act. So the one who held the link is not enough.
"""

from __future__ import annotations

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.keys import Kid
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import texts_of
from entrepot.node.face.invitations import (
    admission_of,
    enrolments_of,
    forget_enrolment,
    invitation_link,
    make_invitation,
)
from entrepot.node.face.language import t
from entrepot.node.face.pages_approve import ask_approval
from entrepot.node.face.pages_desk import desk_page
from entrepot.node.face.pages_signin import short_code
from entrepot.node.face.passkeys import forget_passkey, names_of
from entrepot.node.face.people import Person, require_duty, require_person
from entrepot.node.face.surroundings import front_origin, surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import views
from entrepot.registry.acts import ADMIT_MEMBER, DUTIES, REMOVE_MEMBER

Shown = Response[str] | Redirect
BACK: Final = "/desk/members"
_OFFICES: Final = ("registrar", "decider")


@get("/desk/members", sync_to_thread=True)
def show_members(request: AnyRequest) -> Response[str]:
    """List members, and passkeys that wait to be admitted."""
    return _members_page(request, require_person(request), "", "")


@post("/desk/members/invite", sync_to_thread=True, status_code=200)
def invite(request: AnyRequest) -> Response[str]:
    """Make an invitation and show its link once."""
    person = require_duty(request, "admin")
    around, language = surroundings_of(request), visitor_of(request).language
    chosen = [duty for duty in texts_of(form_of(request), "duties") if duty in duties_for(person)]
    if not chosen:
        return _members_page(request, person, "", t(language, "members.need-duties"))
    token = make_invitation(around.store, person.party, chosen, now=around.now())
    return _members_page(
        request, person, invitation_link(front_origin(around.running.settings), token), ""
    )


@post("/desk/members/{kid:str}/admit", sync_to_thread=True, status_code=200)
def admit(request: AnyRequest, kid: FromPath[str]) -> Shown:
    """Prepare the admission of a registered passkey and have it signed."""
    person = require_duty(request, "admin")
    around, language = surroundings_of(request), visitor_of(request).language
    waiting = {one.key.kid.hex(): one for one in enrolments_of(around.store, person.party)}
    if kid not in waiting:
        raise NotFound("no passkey of this thumbprint waits here", value=kid[:16])
    enrolment = waiting[kid]
    name = names_of(around.store, [enrolment.key.kid]).get(enrolment.key.kid, kid[:16])
    says = [
        (t(language, "members.code"), short_code(enrolment.key.kid)),
        (t(language, "members.thumbprint"), kid),
        (t(language, "members.duties"), _duty_words(enrolment.duties, language)),
        (t(language, "members.name"), t(language, "members.name-local", name=name)),
    ]
    title = t(language, "members.title.admit", name=name)
    body = admission_of(enrolment)
    return ask_approval(request, ADMIT_MEMBER, body, title=title, says=says, back=BACK)


@post("/desk/members/{kid:str}/turn-away", sync_to_thread=True, status_code=303)
def turn_away(request: AnyRequest, kid: FromPath[str]) -> Redirect:
    """Drop a registered passkey that nobody admitted."""
    person = require_duty(request, "admin")
    around = surroundings_of(request)
    for one in enrolments_of(around.store, person.party):
        if one.key.kid.hex() == kid:
            forget_enrolment(around.store, one.key.kid)
            forget_passkey(around.store, one.key.kid)
    return Redirect(BACK, status_code=303)


@post("/desk/members/{kid:str}/duties", sync_to_thread=True, status_code=200)
def change_duties(request: AnyRequest, kid: FromPath[str]) -> Shown:
    """Prepare a change of a colleague's duties and have it signed."""
    person = require_duty(request, "admin")
    around, language = surroundings_of(request), visitor_of(request).language
    member = _member(request, person, kid)
    chosen = [duty for duty in texts_of(form_of(request), "duties") if duty in duties_for(person)]
    if not chosen:
        return _members_page(request, person, "", t(language, "members.need-duties"))
    with around.store.reading() as read:
        key = views.active_key(read, Kid(bytes.fromhex(member.kid)))
    if key is None:
        raise NotFound("the member was removed meanwhile")
    name = names_of(around.store, [key.kid]).get(key.kid, kid[:16])
    body = {
        "party": person.party,
        "credential": key.raw,
        "alg": int(key.algorithm),
        "duties": chosen,
    }
    says = [
        (t(language, "members.thumbprint"), kid),
        (t(language, "members.duties"), _duty_words(chosen, language)),
    ]
    title = t(language, "members.title.duties", name=name)
    return ask_approval(request, ADMIT_MEMBER, body, title=title, says=says, back=BACK)


@post("/desk/members/{kid:str}/remove", sync_to_thread=True, status_code=200)
def remove(request: AnyRequest, kid: FromPath[str]) -> Shown:
    """Prepare the removal of a member (or of oneself) and have it signed."""
    person = require_person(request)
    if not person.has("admin") and person.kid.hex() != kid:
        person = require_duty(request, "admin")
    around, language = surroundings_of(request), visitor_of(request).language
    member = _member(request, person, kid)
    raw = Kid(bytes.fromhex(member.kid))
    name = names_of(around.store, [raw]).get(raw, kid[:16])
    return ask_approval(
        request,
        REMOVE_MEMBER,
        {"party": person.party, "kid": raw},
        title=t(language, "members.title.remove", name=name),
        says=[
            (t(language, "members.thumbprint"), kid),
            (t(language, "members.for-good"), t(language, "members.for-good-says")),
        ],
        back=BACK,
    )


def duties_for(person: Person) -> list[str]:
    """Return the duties that a member of this person's party can have."""
    return [duty for duty in DUTIES if person.is_operator or duty not in _OFFICES]


def _members_page(request: AnyRequest, person: Person, link: str, problem: str) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    with around.store.reading() as read:
        members = views.members_of(read, person.party, active_only=False)
    waiting = enrolments_of(around.store, person.party)
    kids = [Kid(bytes.fromhex(one.kid)) for one in members] + [one.key.kid for one in waiting]
    names = {kid.hex(): name for kid, name in names_of(around.store, kids).items()}
    admitted = {one.kid for one in members}
    return desk_page(
        request,
        person,
        "members.html",
        status=422 if problem else 200,
        members=[one for one in members if one.removed_index is None],
        removed=[one for one in members if one.removed_index is not None],
        waiting=[
            (one.key.kid.hex(), short_code(one.key.kid), one)
            for one in waiting
            if one.key.kid.hex() not in admitted
        ],
        names=names,
        codes={one.kid: short_code(Kid(bytes.fromhex(one.kid))) for one in members},
        duties=[(duty, f"{t(language, f'people.duty.{duty}')}: "
                       f"{t(language, f'people.duty.{duty}.hint')}")
                for duty in duties_for(person)],
        is_admin=person.has("admin"),
        link=link,
        problems={"duties": problem} if problem else {},
    )  # fmt: skip


def _member(request: AnyRequest, person: Person, kid: str) -> views.MemberView:
    """Return an active member of the person's party by thumbprint. Raises NotFound."""
    if len(kid) != 64:
        raise InvalidInput("a thumbprint has 64 hexadecimal digits", value=kid)
    with surroundings_of(request).store.reading() as read:
        found = {one.kid: one for one in views.members_of(read, person.party)}
    if kid not in found:
        raise NotFound("the party has no such member", value=kid[:16])
    return found[kid]


def _duty_words(duties: tuple[str, ...] | list[str], language: str) -> str:
    return ", ".join(t(language, f"people.duty.{duty}") for duty in duties)


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_members,
    invite,
    admit,
    turn_away,
    change_duties,
    remove,
]
