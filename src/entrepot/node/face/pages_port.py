"""The port's door: upload a table, see how far it is, read what it holds, delete it."""

from __future__ import annotations

from typing import Any, Final

import anyio.to_thread
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import Error, InvalidInput, shorten
from entrepot.node.api.problems import status_of
from entrepot.node.face.csrf import form_of
from entrepot.node.face.porters import (
    desk_behind,
    forget,
    job_context,
    own_job,
    own_jobs,
    remember,
)
from entrepot.node.face.rendering import page
from entrepot.node.face.reportview import inspection_view
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.node.jobs import KEPT_SECONDS, UPLOAD_MAX_BYTES, Job, Upload, too_large

_BODY_MAX_BYTES: Final = UPLOAD_MAX_BYTES + (1 << 20)
_PIECE_BYTES: Final = 1 << 20

Shown = Response[Any]


@get("/port", sync_to_thread=True)
def show_port(request: AnyRequest) -> Shown:
    """Show the upload form, what happens to a table, and the tables of this browser."""
    return _door(request)


def _door(request: AnyRequest, error: Error | None = None) -> Response[str]:
    return page(
        request,
        "port/port.html",
        status=200 if error is None else status_of(error),
        jobs=own_jobs(request),
        size_max=UPLOAD_MAX_BYTES >> 20,
        kept_seconds=KEPT_SECONDS,
        hours=KEPT_SECONDS // 3_600,
        problem="" if error is None else f"{error.what}. {error.remedy}".strip(),
        value="" if error is None or error.value is None else shorten(error.value),
    )


@post("/port", status_code=200, request_max_body_size=_BODY_MAX_BYTES)
async def upload_form(request: AnyRequest) -> Shown:
    """Take a table from the form, in browsers without script."""
    given = form_of(request).get("table")
    if not isinstance(given, UploadFile) or not given.filename:
        return _door(request, InvalidInput("no file was chosen", remedy="choose a table"))
    try:
        upload = await anyio.to_thread.run_sync(desk_behind(request).jobs.receive, given.filename)
    except Error as error:
        return _door(request, error)
    try:
        while piece := await given.read(_PIECE_BYTES):
            await anyio.to_thread.run_sync(upload.write, piece)
    except Error as error:
        upload.abandon()
        return _door(request, error)
    job = await anyio.to_thread.run_sync(_begin, request, upload)
    return Redirect(f"/port/{job.id}", status_code=303)


@post("/port/upload", status_code=201, request_max_body_size=_BODY_MAX_BYTES)
async def upload_stream(request: AnyRequest) -> Response[dict[str, str]]:
    """Take a table as the body of the request, piece by piece; answers where it is to be seen."""
    claimed = request.headers.get("content-length", "")
    if claimed.isdecimal() and int(claimed) > UPLOAD_MAX_BYTES:
        raise too_large(int(claimed))
    name = request.query_params.get("name", "")
    upload = await anyio.to_thread.run_sync(desk_behind(request).jobs.receive, name)
    kept = bytearray()
    done = False
    try:
        async for piece in request.stream():
            kept += piece
            if len(kept) >= _PIECE_BYTES:
                await anyio.to_thread.run_sync(upload.write, bytes(kept))
                kept.clear()
        await anyio.to_thread.run_sync(upload.write, bytes(kept))
        job = await anyio.to_thread.run_sync(_begin, request, upload)
        done = True
    finally:
        if not done:
            upload.abandon()
    return Response({"location": f"/port/{job.id}"}, status_code=201)


def _begin(request: AnyRequest, upload: Upload) -> Job:
    """Finish an upload and have it inspected."""
    job, secret = upload.finish()
    remember(visitor_of(request), job, secret)
    return desk_behind(request).inspect(job)


@get("/port/{id_:str}", sync_to_thread=True)
def show_table(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Show what the inspection found, or how far it is."""
    job = own_job(request, id_)
    desk = desk_behind(request)
    if job.stage in ("received", "inspecting"):
        return page(request, "port/working.html", **job_context(request, job, step="inspect"))
    view = inspection_view(desk.inspection(job))
    return page(request, "port/inspection.html", **job_context(request, job, **view))


@get("/port/{id_:str}/progress", sync_to_thread=True)
def show_progress(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Return the part of a page that says how far a step is; when it is over, have it reloaded."""
    job = own_job(request, id_)
    if not job.is_working:
        return Response("", headers={"hx-refresh": "true"}, media_type="text/html")
    step = {"inspecting": "inspect", "planning": "plan", "preparing": "prepare"}[job.stage]
    return page(request, "port/progress.html", **job_context(request, job, step=step))


@get("/port/{id_:str}/inspection.json", sync_to_thread=True)
def download_inspection(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Return the whole inspection, as `entrepot inspect --json` prints it."""
    job = own_job(request, id_)
    content = (desk_behind(request).jobs.folder(job) / "inspection.json").read_bytes()
    headers = {"content-disposition": 'attachment; filename="inspection.json"'}
    return Response(content, media_type="application/json", headers=headers)


@post("/port/{id_:str}/again", status_code=200, sync_to_thread=True)
def inspect_again(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Inspect once more after a failure."""
    job = own_job(request, id_)
    if job.stage == "received":
        desk_behind(request).inspect(job)
    return Redirect(f"/port/{job.id}", status_code=303)


@post("/port/{id_:str}/stop", status_code=200, sync_to_thread=True)
def stop_step(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Stop the step that is under way."""
    job = own_job(request, id_)
    desk_behind(request).stop(job)
    back = {"planning": "/answer", "preparing": "/clear"}.get(job.stage, "")
    return Redirect(f"/port/{job.id}{back}", status_code=303)


@post("/port/{id_:str}/delete", status_code=200, sync_to_thread=True)
def delete_table(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Delete the table and all that was made from it."""
    job = own_job(request, id_)
    desk_behind(request).delete(job)
    forget(visitor_of(request), job.id)
    return Redirect("/port?deleted=1", status_code=303)


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_port,
    upload_form,
    upload_stream,
    show_table,
    show_progress,
    download_inspection,
    inspect_again,
    stop_step,
    delete_table,
]
