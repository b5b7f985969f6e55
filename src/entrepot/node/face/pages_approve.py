"""The page on which a person reads what they are about to sign, and signs it with their passkey.

Other pages call `ask_approval(request, kind, body, …)`; it keeps the act in the node and sends the
browser here. After the signature the browser is shown the decision (`/decisions/<index>`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.decisions import Granted
from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.errors import Error
from entrepot.kernel.keys import Algorithm, Kid, PublicKey
from entrepot.node.face.approving import (
    Draft,
    Pending,
    challenge_of,
    drop_pending,
    find_pending,
    keep_pending,
    submit_approved,
)
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import text_of
from entrepot.node.face.invitations import forget_enrolment
from entrepot.node.face.passkeys import (
    approval_of,
    credential_id_of,
    forget_passkey,
    read_assertion,
)
from entrepot.node.face.people import Person, require_person
from entrepot.node.face.plainly import in_plain_text
from entrepot.node.face.rendering import page
from entrepot.node.face.sessions import end_all_sessions
from entrepot.node.face.surroundings import Surroundings, surroundings_of
from entrepot.node.face.visitors import AnyRequest
from entrepot.registry.acts import ADMIT_MEMBER, REMOVE_MEMBER

Shown = Response[str] | Redirect


def ask_approval(
    request: AnyRequest,
    kind: str,
    body: Mapping[str, Any],
    *,
    title: str,
    says: Sequence[tuple[str, str]],
    back: str,
) -> Redirect:
    """Keep an act until its person approves it, and send the browser to the page that asks.

    `title` says in one sentence what the act does, `says` are pairs of label and words, both in the
    reader's language; `back` is the path to go on to afterwards. Raises SignInNeeded, and
    InvalidInput when the body has not the shape of its kind: catch it and show it on the form.
    """
    person = require_person(request)
    id_ = keep_pending(surroundings_of(request), person, Draft(kind, body, title, says, back))
    return Redirect(f"/approve/{id_}", status_code=303)


@get("/approve/{id_:str}", sync_to_thread=True)
def show_approval(request: AnyRequest, id_: FromPath[str]) -> Response[str]:
    """Show what waits for this person's signature."""
    person = require_person(request)
    pending = find_pending(surroundings_of(request), person, id_)
    return _approval_page(request, person, pending)


@post("/approve/{id_:str}", status_code=200)
async def approve(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Submit what was signed and go to its decision."""
    person = require_person(request)
    around = surroundings_of(request)
    pending = find_pending(around, person, id_)
    try:
        assertion = read_assertion(text_of(form_of(request), "response", chars_max=20_000))
        answer = await submit_approved(around, pending, approval_of(assertion, person.kid))
    except Error as error:
        return _approval_page(request, person, pending, problem=error)
    if isinstance(answer.decision, Granted):
        _tidy_up(around, pending)
    query = urlencode({"next": pending.back}, quote_via=quote)
    return Redirect(f"/decisions/{answer.index}?{query}", status_code=303)


def _tidy_up(around: Surroundings, pending: Pending) -> None:
    """Drop what was kept beside the log for an act that is done: enrolments, names, sessions."""
    if pending.kind == REMOVE_MEMBER:
        kid = Kid(pending.body["kid"])
        end_all_sessions(around.store, kid)
        drop_pending(around, kid)
        forget_passkey(around.store, kid)
    if pending.kind == ADMIT_MEMBER:
        key = PublicKey(Algorithm(pending.body["alg"]), pending.body["credential"])
        forget_enrolment(around.store, key.kid)


def _approval_page(
    request: AnyRequest, person: Person, pending: Pending, *, problem: Error | None = None
) -> Response[str]:
    around = surroundings_of(request)
    challenge = challenge_of(around, pending)
    known = credential_id_of(around.store, person.kid)
    options = {
        "challenge": to_base64url(challenge),
        "rpId": around.site.id,
        "timeout": 300_000,
        "allow": [] if known is None else [to_base64url(known)],
    }
    return page(
        request,
        "approve.html",
        status=200 if problem is None else 422,
        pending=pending,
        until=pending.waits_until,
        options=msgspec.json.encode(options).decode(),
        digest_hex=challenge.hex(),
        exact=in_plain_text(pending.body),
        problem="" if problem is None else f"{problem.what}. {problem.remedy}".strip(),
    )


ROUTES: Final[list[ControllerRouterHandler]] = [show_approval, approve]
