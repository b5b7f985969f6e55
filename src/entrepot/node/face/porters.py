"""Who may see a table at the port: the browser that brought it, by a cookie for each job.

The cookie is made with the job, so that nobody can plant one beforehand, and outlives signing in.
Over https its name has the prefix `__Host-` (RFC 6265bis 4.1.3.2).
"""

from __future__ import annotations

from typing import Any, Final

from entrepot.kernel.errors import Error
from entrepot.node.face.porting import Desk, desk_of
from entrepot.node.face.visitors import AnyRequest, Visitor, visitor_of
from entrepot.node.jobs import KEPT_SECONDS, Job

_SHOWN_MAX: Final = 12


def desk_behind(request: AnyRequest) -> Desk:
    """Return the port of the node behind a request."""
    return desk_of(request.app.state)


def own_job(request: AnyRequest, id_: str) -> Job:
    """Return a job of this browser. Raises NotFound."""
    secret = request.cookies.get(_cookie(visitor_of(request), id_), "")
    return desk_behind(request).jobs.find(id_, secret)


def own_jobs(request: AnyRequest) -> list[Job]:
    """Return the jobs of this browser, newest first; cookies of jobs that are over go."""
    visitor, jobs = visitor_of(request), desk_behind(request).jobs
    prefix = _cookie(visitor, "")
    found: list[Job] = []
    for name, secret in list(request.cookies.items()):
        if not name.startswith(prefix):
            continue
        try:
            found.append(jobs.find(name.removeprefix(prefix), secret))
        except Error:
            forget(visitor, name.removeprefix(prefix))
    return sorted(found, key=lambda job: -job.created_at)[:_SHOWN_MAX]


def remember(visitor: Visitor, job: Job, secret: str) -> None:
    """Give this browser the secret of its new job."""
    _set(visitor, f"{_cookie(visitor, job.id)}={secret}; Max-Age={KEPT_SECONDS}")


def forget(visitor: Visitor, id_: str) -> None:
    """Take the secret of a job back."""
    _set(visitor, f"{_cookie(visitor, id_)}=; Max-Age=0")


def job_context(request: AnyRequest, job: Job, **more: Any) -> dict[str, Any]:
    """Return what every page of a job shows."""
    desk = desk_behind(request)
    return {
        "job": job,
        "activity": desk.pool.activity(job.id),
        "ends_at": job.touched_at + KEPT_SECONDS,
        **more,
    }


def _cookie(visitor: Visitor, id_: str) -> str:
    return f"{'__Host-' if visitor.secure else ''}table-{id_}"


def _set(visitor: Visitor, cookie: str) -> None:
    secure = "; Secure" if visitor.secure else ""
    visitor.cookies.append(f"{cookie}; Path=/; HttpOnly; SameSite=Lax{secure}")
