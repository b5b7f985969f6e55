"""Whether the process lives (`/healthz`) and whether it should be asked (`/readyz`)."""

from __future__ import annotations

import shutil
import time
from typing import Any, Final

import msgspec
from litestar import Request, Response, get

from entrepot.node.api.describing import described
from entrepot.node.running import Running

METRICS_TYPE: Final = "text/plain; version=0.0.4"
_DOCUMENT: Final = "openapi_document"
NO_STORE: Final = {"Cache-Control": "no-store"}


class Health(msgspec.Struct, frozen=True):
    """The process answers. `status` is `ok`."""

    status: str
    uptime_s: int


class Readiness(msgspec.Struct, frozen=True):
    """Whether the node can serve, and what of it cannot. `role` is `leader` or `follower`."""

    ready: bool
    role: str
    tree_size: int
    queue_depth_acts: int
    disk_free_bytes: int
    failed: list[str]


@get("/healthz", tags=["operating"], sync_to_thread=False, summary="Is the process alive")
def healthz(request: Request[Any, Any, Any]) -> Response[Health]:
    """Answer while the process lives; says nothing of the disk or the database."""
    running: Running = request.app.state.running
    return Response(Health("ok", int(time.time() - running.started_at)), headers=NO_STORE)


@get("/readyz", tags=["operating"], sync_to_thread=True, summary="Can the node be asked")
def readyz(request: Request[Any, Any, Any]) -> Response[Readiness]:
    """Answer 200 when acts can be taken and reads answered, else 503 with what fails."""
    state = request.app.state
    found = readiness(state.running, has_alarm=state.alarm(state.running) is not None)
    return Response(found, status_code=200 if found.ready else 503, headers=NO_STORE)


def readiness(running: Running, *, has_alarm: bool = False) -> Readiness:
    """Check disk, queue and role of a running node; `has_alarm` when it may not sign any more."""
    failed = []
    free = shutil.disk_usage(running.home).free
    if free < running.settings.ready.disk_free_min_bytes:
        failed.append("disk")
    if running.intake.depth >= running.settings.intake.queue_max_acts:
        failed.append("queue")
    idle_s = time.time() - running.observed.last_batch_at
    if running.intake.depth and idle_s > running.settings.ready.stall_max_s:
        failed.append("writer")
    if has_alarm:
        failed.append("alarm")
    role = "leader" if running.leads else "follower"
    return Readiness(not failed, role, running.node.log.size, running.intake.depth, free, failed)


@get(
    "/openapi.json",
    include_in_schema=False,
    sync_to_thread=True,
)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer the OpenAPI 3.1 document of every route of this node."""
    state = request.app.state
    content: bytes | None = state.get(_DOCUMENT)
    if content is None:
        content = msgspec.json.encode(described(request.app.openapi_schema.to_schema()))
        state[_DOCUMENT] = content  # a third of a second to make, and always the same
    return Response(
        content,
        media_type="application/json",
        headers={"Cache-Control": "public, max-age=300"},
    )


@get("/metrics", include_in_schema=False, sync_to_thread=True)
def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer the metrics of this process in Prometheus' text format."""
    running: Running = request.app.state.running
    return Response(running.observed.text(), media_type=METRICS_TYPE, headers=NO_STORE)


ROUTES: Final = [healthz, readyz, metrics, openapi]
