"""Signing in and out, and joining by invitation. Only a passkey opens a session; there is no word.

A failed try is counted against the address it came from. The session's secret is new at every
sign-in, whatever the browser held before.
"""

from __future__ import annotations

import secrets
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.acts import new_act_id
from entrepot.kernel.approval import verify_approval
from entrepot.kernel.decisions import Granted
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.errors import Error, InvalidInput, VerificationError
from entrepot.kernel.keys import Kid
from entrepot.node.face.addresses import safe_path
from entrepot.node.face.approving import drop_pending, submit_own
from entrepot.node.face.ceremonies import check_challenge, make_challenge
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import text_of
from entrepot.node.face.invitations import (
    Enrolment,
    admission_of,
    find_invitation,
    forget_enrolment,
    use_invitation,
)
from entrepot.node.face.language import t
from entrepot.node.face.parties import name_of_party, node_name
from entrepot.node.face.passkeys import (
    NAME_CHARS_MAX,
    Assertion,
    NewPasskey,
    approval_of,
    creation_options,
    from_base64url,
    keep_passkey,
    kid_of_credential,
    read_assertion,
    read_registration,
)
from entrepot.node.face.people import member_keys, principal_behind
from entrepot.node.face.rendering import page
from entrepot.node.face.sessions import (
    LIFETIME_SECONDS,
    end_all_sessions,
    end_session,
    start_session,
)
from entrepot.node.face.surroundings import Surroundings, front_address, surroundings_of
from entrepot.node.face.tries import count_try
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry.acts import ADMIT_MEMBER
from entrepot.registry.views import active_key

SIGN_IN, JOIN = "sign-in", "join"
MEMBERS_TRIED_MAX: Final = 2_000
"""Keys tried for a passkey of which nothing is kept: a fifth of a second."""

Shown = Response[str] | Redirect


@get("/sign-in", sync_to_thread=True)
def show_sign_in(request: AnyRequest) -> Shown:
    """Show the way in; who is signed in already goes on."""
    goes_to = safe_path(request.query_params.get("next"))
    front = front_address(request)
    if front:
        return Redirect(front, status_code=303)
    if visitor_of(request).session is not None:
        return Redirect(goes_to, status_code=303)
    return _sign_in_page(request, goes_to)


@post("/sign-in", sync_to_thread=True, status_code=200)
def sign_in(request: AnyRequest) -> Shown:
    """Check an assertion over our challenge and begin a session."""
    form = form_of(request)
    goes_to = safe_path(text_of(form, "next"))
    around, visitor = surroundings_of(request), visitor_of(request)
    count_try(request, SIGN_IN)
    try:
        kid, party = _who_asserts(request, around)
    except Error as error:
        words = "sign-in.not-known" if isinstance(error, _NotKnown) else "sign-in.failed"
        return _sign_in_page(request, goes_to, problem=t(visitor.language, words), status=403)
    if visitor.session is not None and visitor.secret is not None:
        end_session(around.store, visitor.secret)
    secret = start_session(around.store, kid, party, now=around.now())
    visitor.take_secret(secret, lifetime_s=LIFETIME_SECONDS)
    return Redirect(goes_to, status_code=303)


@post("/sign-out", sync_to_thread=True, status_code=303)
def sign_out(request: AnyRequest) -> Redirect:
    """End this session, or with `everywhere` all of this person's."""
    around, visitor = surroundings_of(request), visitor_of(request)
    if visitor.session is not None and visitor.secret is not None:
        if text_of(form_of(request), "everywhere"):
            end_all_sessions(around.store, visitor.session.credential)
            drop_pending(around, visitor.session.credential)
        else:
            end_session(around.store, visitor.secret)
    visitor.forget_secret()
    return Redirect("/", status_code=303)


@get("/join", sync_to_thread=True)
def show_join(request: AnyRequest) -> Shown:
    """Show the page that takes an invitation from the part of its link that servers never see."""
    front = front_address(request)
    if front:
        return Redirect(front, status_code=303)
    return page(request, "join_open.html")


@post("/join", sync_to_thread=True, status_code=200)
def open_invitation(request: AnyRequest) -> Response[str]:
    """Show what one is invited to, and the form that registers a passkey."""
    count_try(request, SIGN_IN)
    return _join_page(request, text_of(form_of(request), "token"))


@post("/join/register", status_code=200)
async def register(request: AnyRequest) -> Shown:
    """Register a passkey by invitation; the very first member is admitted and signed in."""
    form = form_of(request)
    around, visitor = surroundings_of(request), visitor_of(request)
    token, name = text_of(form, "token"), text_of(form, "name")
    if not name or len(name) > NAME_CHARS_MAX:
        words = t(visitor.language, "sign-in.name-needed")
        return _join_page(request, token, problem=words)
    challenge = check_challenge(
        around.store, visitor, f"{JOIN}\0{token}", at=_whole(form.get("at")), now=around.now()
    )
    new = read_registration(text_of(form, "response", chars_max=20_000), challenge, around.site)
    invitation = use_invitation(around.store, token, new, name, now=around.now())
    enrolment = Enrolment(new.key, invitation.party, invitation.duties, around.now())
    if not invitation.first:
        return page(request, "join_done.html", code=short_code(new.key.kid))
    await _admit_first(around, enrolment)
    secret = start_session(around.store, new.key.kid, invitation.party, now=around.now())
    visitor.take_secret(secret, lifetime_s=LIFETIME_SECONDS)
    return Redirect("/desk", status_code=303)


def short_code(kid: Kid) -> str:
    """Return the first 64 bits of a thumbprint in groups, to compare by voice: `4f0a-91c2-…`.

    Sixty-four, because whoever steals an invitation can make keys until the code is alike.
    """
    text = kid.hex()
    return "-".join(text[first : first + 4] for first in range(0, 16, 4))


class _NotKnown(VerificationError):
    """The passkey is nobody's here."""


async def _admit_first(around: Surroundings, enrolment: Enrolment) -> None:
    """Have the node's own key admit the operator's first member. Raises VerificationError."""
    answer = await submit_own(
        around, ADMIT_MEMBER, admission_of(enrolment), issued_at=around.now(), act_id=new_act_id()
    )
    if not isinstance(answer.decision, Granted):
        reasons = getattr(answer.decision, "reasons", ())
        raise VerificationError(
            "the registry did not admit the passkey",
            value=" ".join(reason.sentence for reason in reasons),
        )
    forget_enrolment(around.store, enrolment.key.kid)


def _who_asserts(request: AnyRequest, around: Surroundings) -> tuple[Kid, str]:
    """Return the credential and party that an assertion proves. Raises Error when it does not."""
    form = form_of(request)
    assertion = read_assertion(text_of(form, "response", chars_max=20_000))
    at = _whole(form.get("at"))
    challenge = check_challenge(around.store, visitor_of(request), SIGN_IN, at=at, now=around.now())
    kid = kid_of_credential(around.store, from_base64url(assertion.credential_id))
    if kid is None:
        kid = _find_again(around, assertion, challenge)
    with around.store.reading() as read:
        key = active_key(read, kid)
    principal = principal_behind(around, kid)
    if key is None or principal is None:
        raise _NotKnown("no member has this passkey now")
    verify_approval(approval_of(assertion, kid), challenge, key, around.site)
    return kid, principal.party


def _find_again(around: Surroundings, assertion: Assertion, challenge: bytes) -> Kid:
    """Return whose key made an assertion when nothing is kept of its passkey beside the log.

    The local tables may be lost without losing a right, so the members' keys are tried. Raises
    _NotKnown when none of them fits.
    """
    for key in member_keys(around, most=MEMBERS_TRIED_MAX):
        try:
            verify_approval(approval_of(assertion, key.kid), challenge, key, around.site)
        except VerificationError:
            continue
        again = NewPasskey(key, from_base64url(assertion.credential_id))
        keep_passkey(around.store, again, "", now=around.now())
        return key.kid
    raise _NotKnown("no member has this passkey")


def _sign_in_page(
    request: AnyRequest, goes_to: str, *, problem: str = "", status: int = 200
) -> Response[str]:
    around, visitor = surroundings_of(request), visitor_of(request)
    challenge, at = make_challenge(around.store, visitor, SIGN_IN, now=around.now())
    options = {
        "challenge": to_base64url(challenge),
        "rpId": around.site.id,
        "timeout": 300_000,
        "allow": [],
    }
    return page(
        request,
        "sign_in.html",
        status=status,
        options=msgspec.json.encode(options).decode(),
        at=at,
        next=goes_to,
        problem=problem,
    )


def _join_page(
    request: AnyRequest, token: str, *, problem: str = "", name: str = ""
) -> Response[str]:
    around, visitor = surroundings_of(request), visitor_of(request)
    invitation = find_invitation(around.store, token, now=around.now())
    purpose = f"{JOIN}\0{token}"
    challenge, at = make_challenge(around.store, visitor, purpose, now=around.now())
    return page(
        request,
        "join.html",
        invitation=invitation,
        party_name=name_of_party(around, invitation.party, visitor.language),
        token=token,
        at=at,
        name=name,
        problem=problem,
        options=creation_options(
            around.site,
            challenge,
            user_handle=secrets.token_bytes(32),
            name=invitation.party,
            site_name=node_name(around, visitor.language),
        ),
    )


def _whole(given: Any) -> int:
    """Return a whole number of a form. Raises InvalidInput."""
    if isinstance(given, str) and given.isascii() and given.isdecimal() and len(given) < 16:
        return int(given)
    raise InvalidInput("not a time", value=given)


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_sign_in,
    sign_in,
    sign_out,
    show_join,
    open_invitation,
    register,
]
