"""Certificates: the public page of one with its credentials, the desks' lists, issue, revoke."""

from __future__ import annotations

import os
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.node.face.approving import check_act
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import given_values, text_of, whole_of
from entrepot.node.face.language import t
from entrepot.node.face.pages_approve import ask_approval
from entrepot.node.face.pages_desk import desk_page
from entrepot.node.face.parties import name_of_party
from entrepot.node.face.people import Person, person_of, require_officer, require_person
from entrepot.node.face.reasoning import CERTIFICATE_CODES, options_of, read_reason
from entrepot.node.face.rendering import page
from entrepot.node.face.rulings import parse_index
from entrepot.node.face.surroundings import Surroundings, surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import views
from entrepot.registry.acts import CERTIFICATE_KINDS, ISSUE, REVOKE
from entrepot.registry.credentials import (
    SD_JWT_TYPE,
    VC_TYPE,
    credential_source,
    sd_jwt_vc,
    vc_jwt,
)
from entrepot.registry.deadlines import day_of, last_day
from entrepot.registry.issuing import held_issuing_key

Shown = Response[str] | Redirect
BACK: Final = "/desk/certificates"
YEAR_DAYS: Final = 365
TONES: Final = {"valid": "good", "revoked": "bad", "expired": "plain", "not-yet": "note"}


@get("/certificates/{number:str}", sync_to_thread=True)
def show_certificate(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show a certificate to everybody: what it says, whether it holds today, how to verify it."""
    return _certificate_page(request, _certificate(request, number), {}, {})


@get("/certificates/{number:str}/credential.jwt", sync_to_thread=True)
def download_vc(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """Return the certificate as W3C Verifiable Credential 2.0 in a JWT."""
    return _credential(request, _certificate(request, number).index, VC_TYPE)


@get("/certificates/{number:str}/credential.sd-jwt", sync_to_thread=True)
def download_sd_jwt(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """Return the certificate as SD-JWT VC."""
    return _credential(request, _certificate(request, number).index, SD_JWT_TYPE)


@get("/desk/certificates", sync_to_thread=True)
def show_certificates(request: AnyRequest) -> Response[str]:
    """List the party's certificates; the operator's registrars see all and may issue."""
    person = require_person(request)
    around = surroundings_of(request)
    is_registrar = person.is_operator and person.has("registrar")
    with around.store.reading() as read:
        own = views.certificates_of(read, party=person.party)
        every = views.certificates(read, limit=200) if is_registrar else ()
    return desk_page(
        request,
        person,
        "certificates.html",
        own=own,
        every=every,
        is_registrar=is_registrar,
        tones=TONES,
    )


@get("/desk/certificates/issue", sync_to_thread=True)
def show_issue_form(request: AnyRequest) -> Response[str]:
    """Show the form that issues a certificate."""
    person = require_officer(request, "registrar")
    now = surroundings_of(request).now()
    given = {
        "kind": "provider",
        "from": day_of(now).isoformat(),
        "until": last_day(now, YEAR_DAYS, "").isoformat(),
    }
    return _issue_page(request, person, given, {})


@post("/desk/certificates/issue", sync_to_thread=True, status_code=200)
def issue(request: AnyRequest) -> Shown:
    """Prepare the issue of a certificate and have it signed."""
    person = require_officer(request, "registrar")
    around, language, form = (
        surroundings_of(request),
        visitor_of(request).language,
        form_of(request),
    )
    reason, problems = read_reason(form, language, CERTIFICATE_CODES, prefix="registrar")
    with around.store.reading() as read:
        subject = views.find_party(read, text_of(form, "subject"))
    if subject is None:
        problems["subject"] = t(language, "rights.need.party")
    kind = text_of(form, "kind")
    if kind not in CERTIFICATE_KINDS:
        problems["kind"] = t(language, "certificates.need-kind")
    body: dict[str, Any] = {
        "kind": kind,
        "subject": "" if subject is None else subject.party,
        "term": {"from": text_of(form, "from"), "until": text_of(form, "until")},
        "reasons": [] if reason is None else [reason],
    }
    product = whole_of(form, "product")
    if product is not None:
        body["product"] = product
    if not problems:
        problems = _refused(around, ISSUE, body)
    if problems or subject is None:
        return _issue_page(request, person, dict(given_values(form)), problems)
    says = [
        (t(language, "certificates.kind"), t(language, f"certificates.kind.{kind}")),
        (t(language, "certificates.subject"), f"{subject.name} ({subject.party})"),
        (t(language, "rights.term"), f"{body['term']['from']} – {body['term']['until']}"),
        (t(language, "reasons.sentence"), body["reasons"][0]["sentence"]),
    ]
    title = t(language, "certificates.title.issue", name=subject.name)
    return ask_approval(request, ISSUE, body, title=title, says=says, back=BACK)


@post("/certificates/{number:str}/revoke", sync_to_thread=True, status_code=200)
def revoke(request: AnyRequest, number: FromPath[str]) -> Shown:
    """Prepare the revocation of a certificate and have it signed."""
    require_officer(request, "registrar")
    language, form = visitor_of(request).language, form_of(request)
    found = _certificate(request, number)
    reason, problems = read_reason(form, language, CERTIFICATE_CODES, prefix="registrar")
    if problems or reason is None:
        return _certificate_page(request, found, dict(given_values(form)), problems)
    says = [
        (t(language, "certificates.certificate"), str(found.index)),
        (t(language, "reasons.code"), reason["code"]),
        (t(language, "reasons.sentence"), reason["sentence"]),
    ]
    return ask_approval(
        request,
        REVOKE,
        {"certificate": found.index, "reason": reason},
        title=t(language, "certificates.title.revoke", name=str(found.index)),
        says=says,
        back=BACK,
    )


def _refused(around: Surroundings, kind: str, body: dict[str, Any]) -> dict[str, str]:
    try:
        check_act(around, kind, body)
    except InvalidInput as error:
        return {"subject": str(error).replace("\n", " ")}
    return {}


def _certificate(request: AnyRequest, number: str) -> views.CertificateView:
    """Return a certificate by its number. Raises NotFound."""
    index = parse_index(number)
    with surroundings_of(request).store.reading() as read:
        found = views.certificate(read, index)
    if found is None:
        raise NotFound("there is no certificate of this number", value=index)
    return found


def _certificate_page(
    request: AnyRequest,
    found: views.CertificateView,
    given: dict[str, Any],
    problems: dict[str, str],
) -> Response[str]:
    around, language = surroundings_of(request), visitor_of(request).language
    person = person_of(request)
    status = found.status_on(day_of(around.now()).isoformat())
    may_revoke = person is not None and person.is_operator and person.has("registrar")
    return page(
        request,
        "certificate.html",
        status=422 if problems else 200,
        found=found,
        certificate_status=status,
        tone=TONES[status],
        subject=name_of_party(around, found.subject, language),
        may_revoke=may_revoke and status in ("valid", "not-yet"),
        codes=options_of(CERTIFICATE_CODES, language),
        given=given,
        problems=problems,
    )


def _issue_page(
    request: AnyRequest, person: Person, given: dict[str, Any], problems: dict[str, str]
) -> Response[str]:
    language = visitor_of(request).language
    return desk_page(
        request,
        person,
        "certificate_form.html",
        status=422 if problems else 200,
        kinds=[(kind, t(language, f"certificates.kind.{kind}")) for kind in CERTIFICATE_KINDS],
        codes=options_of(CERTIFICATE_CODES, language),
        given=given,
        problems=problems,
    )


def _credential(request: AnyRequest, index: int, wanted: str) -> Response[bytes]:
    """Sign the credential of a certificate; its content is public, so anybody may have it."""
    around = surroundings_of(request)
    running = around.running
    passphrase = running.settings.passphrase.reveal().encode() or None
    key = held_issuing_key(running.home, passphrase=passphrase)
    if key is None:
        raise NotFound("this process has no issuing key", remedy="ask the process that writes")
    source = credential_source(running.node, index, key.public)
    if wanted == VC_TYPE:
        text, name = vc_jwt(source, key, running.url, now=around.now()), f"{index}.jwt"
    else:
        text = sd_jwt_vc(source, key, running.url, now=around.now(), entropy=os.urandom)
        name = f"{index}.sd-jwt"
    headers = {"content-disposition": f'attachment; filename="certificate-{name}"'}
    return Response(text.encode(), media_type=f"application/{wanted}", headers=headers)


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_certificate,
    download_vc,
    download_sd_jwt,
    show_certificates,
    show_issue_form,
    issue,
    revoke,
]
