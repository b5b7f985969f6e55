"""Keys of a party's programs: add with proof of possession, revoke, stop a recovery."""

from __future__ import annotations

import base64
import binascii
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError
from entrepot.kernel.keys import Algorithm, public_key_from_pem
from entrepot.node.face.approving import check_act
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import given_values, text_of
from entrepot.node.face.language import t
from entrepot.node.face.pages_approve import ask_approval
from entrepot.node.face.pages_desk import desk_page
from entrepot.node.face.people import Person, require_duty, require_person
from entrepot.node.face.rulings import parse_index
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import views
from entrepot.registry.acts import (
    ADD_KEY,
    CANCEL_RECOVERY,
    REVOKE_KEY,
    ed25519_key,
    possession_message,
)

Shown = Response[str] | Redirect
BACK: Final = "/desk/keys"
REVOCATIONS: Final = ("rotated", "compromised", "lost", "ceased")


@get("/desk/keys", sync_to_thread=True)
def show_keys(request: AnyRequest) -> Response[str]:
    """List the party's keys and waiting recoveries."""
    return _keys_page(request, require_person(request), {}, {})


@post("/desk/keys/add", sync_to_thread=True, status_code=200)
def add_key(request: AnyRequest) -> Shown:
    """Prepare a new key with its proof of possession and have it signed."""
    person = require_duty(request, "admin")
    language, form = visitor_of(request).language, form_of(request)
    problems: dict[str, str] = {}
    raw, proof = b"", b""
    try:
        raw = read_key(text_of(form, "key"))
    except InvalidInput:
        problems["key"] = t(language, "keys.need.key")
    try:
        proof = read_bytes(text_of(form, "proof"), size_bytes=64)
        if raw:
            ed25519_key(raw).verify(proof, possession_message(person.party))
    except (InvalidInput, VerificationError):
        problems["proof"] = t(language, "keys.need.proof")
    if problems:
        return _keys_page(request, person, dict(given_values(form)), problems)
    body: dict[str, Any] = {"party": person.party, "key": raw, "proof": proof, "purpose": "acts"}
    check_act(surroundings_of(request), ADD_KEY, body)
    says = [(t(language, "keys.thumbprint"), ed25519_key(raw).kid.hex())]
    title = t(language, "keys.title.add")
    return ask_approval(request, ADD_KEY, body, title=title, says=says, back=BACK)


@post("/desk/keys/{kid:str}/revoke", sync_to_thread=True, status_code=200)
def revoke_key(request: AnyRequest, kid: FromPath[str]) -> Shown:
    """Prepare the revocation of a key and have it signed."""
    person = require_duty(request, "admin")
    around, language = surroundings_of(request), visitor_of(request).language
    with around.store.reading() as read:
        own = {one.kid for one in views.keys_of(read, person.party, active_only=True)}
    if kid not in own:
        raise NotFound("the party has no such active key", value=kid[:16])
    reason = text_of(form_of(request), "reason")
    body = {
        "party": person.party,
        "kid": bytes.fromhex(kid),
        "reason": reason if reason in REVOCATIONS else "rotated",
    }
    says = [
        (t(language, "keys.thumbprint"), kid),
        (t(language, "products.reason"), t(language, f"keys.reason.{body['reason']}")),
    ]
    title = t(language, "keys.title.revoke")
    return ask_approval(request, REVOKE_KEY, body, title=title, says=says, back=BACK)


@post("/desk/keys/recoveries/{number:str}/stop", sync_to_thread=True, status_code=200)
def stop_recovery(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare stopping a waiting recovery of the own party and have it signed."""
    person = require_duty(request, "admin")
    language, index = visitor_of(request).language, parse_index(number)
    with surroundings_of(request).store.reading() as read:
        waiting = {one.index for one in views.recoveries(read, party=person.party)}
    if index not in waiting:
        raise NotFound("no recovery of this number waits for the party", value=index)
    return ask_approval(
        request,
        CANCEL_RECOVERY,
        {"recovery": index},
        title=t(language, "keys.title.stop"),
        says=[(t(language, "keys.recovery"), str(index))],
        back=BACK,
    )


def read_key(text: str) -> bytes:
    """Return an Ed25519 public key: PEM, 64 hexadecimal digits or base64. Raises InvalidInput."""
    if "BEGIN" in text:
        key = public_key_from_pem(text.encode())
        if key.algorithm is not Algorithm.ED25519:
            raise InvalidInput("not an Ed25519 key")
        return key.raw
    return read_bytes(text, size_bytes=32)


def read_bytes(text: str, *, size_bytes: int) -> bytes:
    """Return bytes of a known size in hexadecimal, base64 or base64url. Raises InvalidInput."""
    packed = "".join(text.split())
    found = b""
    try:
        if len(packed) == 2 * size_bytes:
            found = bytes.fromhex(packed)
        else:
            padded = packed.rstrip("=") + "=" * (-len(packed.rstrip("=")) % 4)
            plain = padded.replace("-", "+").replace("_", "/")
            found = base64.b64decode(plain, validate=True)
    except (ValueError, binascii.Error) as error:
        raise InvalidInput("neither hexadecimal nor base64", value=text[:20]) from error
    if len(found) != size_bytes:
        raise InvalidInput(f"not {size_bytes} bytes", value=len(found))
    return found


def _keys_page(
    request: AnyRequest, person: Person, given: dict[str, Any], problems: dict[str, str]
) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    with around.store.reading() as read:
        keys = views.keys_of(read, person.party)
        recoveries = views.recoveries(read, party=person.party)
    return desk_page(
        request,
        person,
        "keys.html",
        status=422 if problems else 200,
        keys=keys,
        recoveries=recoveries,
        message=possession_message(person.party).hex(),
        reasons=[(one, t(language, f"keys.reason.{one}")) for one in REVOCATIONS],
        is_admin=person.has("admin"),
        given=given,
        problems=problems,
    )


ROUTES: Final[list[ControllerRouterHandler]] = [show_keys, add_key, revoke_key, stop_recovery]
