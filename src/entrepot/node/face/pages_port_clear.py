"""The clearance: duties confirmed, parties named, files prepared, signed by a person, taken home.

Preparing writes everything and logs nothing. What is then signed is exactly the certificate that
lies beside the files; the person approves it with a passkey on the page of `pages_approve`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict
from litestar.params import FromPath
from litestar.response import File, Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.acts import ActId
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.law.vocabulary import FactSpec, Vocabulary
from entrepot.node.face.approving import PENDING_SECONDS, Draft, keep_pending
from entrepot.node.face.csrf import form_of
from entrepot.node.face.forms import text_of
from entrepot.node.face.language import has_words, t
from entrepot.node.face.pages_port_assess import place_names
from entrepot.node.face.people import Person, person_of, require_duty
from entrepot.node.face.porters import desk_behind, job_context, own_job
from entrepot.node.face.porting import Desk, read_answer, way_key
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.node.jobs import Job, Parties
from entrepot.port.clear.certificate import KIND
from entrepot.port.plan.model import Remaining, Way
from entrepot.registry.views import find_party

STEWARDS: Final = ("steward", "admin")
"""Duties of those who clear for their party."""

_READING_SECONDS: Final = 180
"""Time that must be left to read before a prepared clearance is sent to be signed."""

Shown = Response[Any] | File


def exporter_name(request: AnyRequest, person: Person) -> str:
    """Return the registered name of a person's party, with its identifier."""
    with surroundings_of(request).store.reading() as read:
        party = find_party(read, person.party)
    return person.party if party is None else f"{party.name} ({person.party})"


@get("/port/{id_:str}/clear", sync_to_thread=True)
def show_clear(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Show what stands between the chosen way and its clearance."""
    job, desk = own_job(request, id_), desk_behind(request)
    if job.stage == "prepared":
        job = desk.settle(job)
    if job.stage in ("cleared", "refused"):
        return Redirect(f"/port/{job.id}/result", status_code=303)
    if job.stage in ("preparing", "planning"):
        step = "prepare" if job.stage == "preparing" else "plan"
        return page(request, "port/working.html", **job_context(request, job, step=step))
    if job.stage == "prepared":
        return _ready_page(request, job)
    if job.stage != "planned":
        return Redirect(f"/port/{job.id}/plan", status_code=303)
    chosen = request.query_params.get("way", "")[:200]
    if chosen and chosen != job.way:
        job = desk.jobs.change(job.id, way=chosen, reasons=[])
    return _clear_page(request, job, {})


def _clear_page(
    request: AnyRequest, job: Job, errors: Mapping[str, str], given: Mapping[str, str] | None = None
) -> Response[str]:
    desk = desk_behind(request)
    library = desk.running.library()
    plan = desk.planned(job)
    way = desk.way(plan, job.way or (way_key(plan.ways[0]) if plan.ways else ""))
    person = person_of(request)
    kept = job.parties
    name = place_names(request)
    return page(
        request,
        "port/clear.html",
        status=422 if errors else 200,
        **job_context(
            request,
            job,
            way=way,
            key=way_key(way),
            ends=(name(plan.flow.origin), name(plan.flow.destination)),
            todo=_todo(way, library.vocabulary),
            other=[item for item in way.remaining if _blocks(item) and not item.fact],
            person=person,
            may_clear=person is not None and person.has(*STEWARDS),
            exporter=exporter_name(request, person) if person is not None else "",
            purposes=sorted(library.vocabulary["transfer.purpose"].values.items()),
            given={
                "recipient": kept.recipient if kept else "",
                "recipient_id": kept.recipient_id if kept else "",
                "purpose": job.declared.get("transfer.purpose", ""),
                **(given or {}),
            },
            errors=dict(errors),
            today=desk.today(),
        ),
    )


def _blocks(item: Remaining) -> bool:
    return item.when == "before transfer"


def _todo(way: Way, vocabulary: Vocabulary) -> list[tuple[FactSpec, list[Remaining]]]:
    """Return what has to be declared as done before the transfer, by the fact that says so."""
    found: dict[str, list[Remaining]] = {}
    for item in way.remaining:
        if _blocks(item):
            for fact in item.fact.split():
                if fact in vocabulary:
                    found.setdefault(fact, []).append(item)
    return [(vocabulary[fact], items) for fact, items in found.items()]


@post("/port/{id_:str}/clear", status_code=200, sync_to_thread=True)
def take_clear(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Keep what was confirmed; then judge again, or prepare when the way is open."""
    job, desk, form = own_job(request, id_), desk_behind(request), form_of(request)
    person = require_duty(request, *STEWARDS)
    if job.stage != "planned":
        return Redirect(f"/port/{job.id}/clear", status_code=303)
    given = {name: text_of(form, name) for name in ("recipient", "recipient_id", "purpose")}
    try:
        changes = _confirmed(desk, job, form)
        parties = _parties(desk, exporter_name(request, person), given)
    except InvalidInput as error:
        field = "recipient_id" if "dentifier" in error.what else "recipient"
        return _clear_page(request, job, {field: f"{error.what}: {error.value}"}, given)
    declared = {**job.declared, **changes["declared"], "transfer.purpose": given["purpose"]}
    changed = declared != job.declared or parties != job.parties
    job = desk.jobs.change(
        job.id, declared=declared, evidence=changes["evidence"], parties=parties, reasons=[]
    )
    if changed:
        desk.plan(job)  # the way is judged again, on what is now known
    elif desk.way(desk.planned(job), job.way).status == "open":
        desk.prepare(job)
    return Redirect(f"/port/{job.id}/clear", status_code=303)


def _confirmed(desk: Desk, job: Job, form: FormMultiDict) -> dict[str, dict[str, Any]]:
    """Return the facts that the form declares as done, and what shows it."""
    library, today = desk.running.library(), desk.today().isoformat()
    declared: dict[str, Any] = {}
    evidence = dict(job.evidence)
    way = desk.way(desk.planned(job), job.way)
    for spec, _items in _todo(way, library.vocabulary):
        given = {
            key: [text_of(form, f"fact:{spec.name}:{key}")]
            for key in ("value", "by", "reasons", "expires")
        }
        value = read_answer(library, spec.name, given, today)
        if value is not None:
            library.facts({**declared, spec.name: value})
            declared[spec.name] = value
        shown = text_of(form, f"shown:{spec.name}", chars_max=1_000)
        if shown:
            evidence[spec.name] = shown
    return {"declared": declared, "evidence": evidence}


def _parties(desk: Desk, exporter: str, given: Mapping[str, str]) -> Parties:
    """Return the named parties after the checks of the certificate. Raises InvalidInput."""
    # The port's own checks load Polars, which a node at rest does without.
    from entrepot.port.clear.acts import check_parties
    from entrepot.port.clear.recipients import party_id
    from entrepot.port.clear.record import Parties as Named

    purposes = desk.running.library().vocabulary["transfer.purpose"].values
    if given["purpose"] not in purposes:
        raise InvalidInput("choose a purpose", value=given["purpose"])
    recipient_id = party_id(given["recipient_id"])
    purpose = purposes[given["purpose"]] or given["purpose"]
    check_parties(Named(exporter, given["recipient"], purpose, recipient_id))
    return Parties(exporter, given["recipient"], purpose, recipient_id)


def _ready_page(request: AnyRequest, job: Job) -> Response[str]:
    desk = desk_behind(request)
    return page(
        request,
        "port/ready.html",
        **job_context(
            request,
            job,
            certificate=desk.act(job).plain(),
            clearance=desk.act(job).id,
            person=person_of(request),
        ),
    )


@get("/port/{id_:str}/report.html", sync_to_thread=True)
def show_report(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Return the report of a prepared or cleared shipment; it brings its own strict policy."""
    job, desk = own_job(request, id_), desk_behind(request)
    folder = desk.out(job)
    if job.unsigned is not None:
        folder = desk.jobs.folder(job) / job.unsigned.folder
    try:
        content = (folder / "report.html").read_bytes()
    except OSError:
        raise NotFound("there is no report yet", remedy="prepare the clearance first") from None
    # The report's own head allows its inline style and nothing else.
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    return Response(content, media_type="text/html", headers={"content-security-policy": policy})


@post("/port/{id_:str}/sign", status_code=200, sync_to_thread=True)
def ask_signature(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Send the person to the page on which the prepared act is approved."""
    job, desk = own_job(request, id_), desk_behind(request)
    person = require_duty(request, *STEWARDS)
    if job.stage != "prepared" or job.unsigned is None or job.parties is None:
        return Redirect(f"/port/{job.id}/clear", status_code=303)
    if not job.parties.exporter.endswith(f"({person.party})"):
        raise InvalidInput(
            "this clearance was prepared for another organisation",
            value=job.parties.exporter,
            remedy="withdraw it and prepare it again",
        )
    if desk.running.clock() - job.unsigned.issued_at > PENDING_SECONDS - _READING_SECONDS:
        desk.prepare(job)  # what was prepared is too old to be signed; the same is made anew
        return Redirect(f"/port/{job.id}/clear", status_code=303)
    language = visitor_of(request).language
    body = desk.act(job).plain()
    name = place_names(request)
    title = t(
        language,
        "port.clear.signs",
        rows=body["rows_after"],
        origin=name(body["flow"]["from"]),
        destination=name(body["flow"]["to"]),
        recipient=job.parties.recipient,
    )
    says = [
        (t(language, "port.clear.certificate"), str(body["id"])),
        (t(language, "port.clear.exporter"), job.parties.exporter),
        (t(language, "port.clear.recipient"), job.parties.recipient),
        (t(language, "port.clear.purpose"), job.parties.purpose),
        (t(language, "port.plan.way"), str(body["way"])),
        (t(language, "port.plan.route"), _outcome(language, str(body["outcome"]))),
        (t(language, "port.found.persons"), str(body["persons_after"])),
        (t(language, "port.clear.valid"), str(body["validity"]["valid_until"])),
    ]
    # The certificate names its own act: id and time of issue were fixed when it was written.
    draft = Draft(
        KIND,
        body,
        title,
        says,
        f"/port/{job.id}/result",
        ActId(bytes.fromhex(job.unsigned.act_id)),
        job.unsigned.issued_at,
    )
    pending = keep_pending(surroundings_of(request), person, draft)
    return Redirect(f"/approve/{pending}", status_code=303)


def _outcome(language: str, code: str) -> str:
    key = f"port.outcome.{code}"
    return f"{t(language, key)} ({code})" if has_words(key) else code


@post("/port/{id_:str}/withdraw", status_code=200, sync_to_thread=True)
def withdraw(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Take a prepared clearance back before anybody signed it."""
    job, desk = own_job(request, id_), desk_behind(request)
    job = desk.settle(job)
    if job.stage in ("prepared", "refused"):
        desk.withdraw(job)
    return Redirect(f"/port/{job.id}/clear", status_code=303)


@get("/port/{id_:str}/result", sync_to_thread=True)
def show_result(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Show what became of the clearance, and hand out its folder."""
    job, desk = own_job(request, id_), desk_behind(request)
    job = desk.settle(job)
    if job.stage not in ("cleared", "refused"):
        return Redirect(f"/port/{job.id}/clear", status_code=303)
    return page(
        request,
        "port/result.html",
        **job_context(
            request,
            job,
            certificate=desk.act(job).plain(),
            clearance=desk.act(job).id,
        ),
    )


@get("/port/{id_:str}/cleared.zip", sync_to_thread=True)
def download_folder(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Return the cleared folder as a zip file."""
    job, desk = own_job(request, id_), desk_behind(request)
    if job.stage != "cleared":
        raise NotFound("nothing is cleared yet", remedy="sign the clearance first")
    name = f"{desk.act(job).id}.zip"
    return File(
        desk.packed(job),
        filename=name,
        media_type="application/zip",
        content_disposition_type="attachment",
    )


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_clear,
    take_clear,
    show_report,
    ask_signature,
    withdraw,
    show_result,
    download_folder,
]
