"""The lawful ways of a table: searched in a worker, ranked, each with its law and its price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from litestar.types import ControllerRouterHandler

from entrepot.node.face.pages_port_assess import place_names
from entrepot.node.face.porters import desk_behind, job_context, own_job
from entrepot.node.face.porting import way_key
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest
from entrepot.port.plan.model import Plan, Way

_WIDTH, _HEIGHT = 640, 250
_LEFT, _TOP, _FLOOR = 46, 34, 200

Shown = Response[Any]


@dataclass(frozen=True, slots=True)
class WayDot:
    """A way in the picture: where it stands, and what it costs."""

    way: Way
    x: float
    y: float
    duties: int
    loss_percent: int


@get("/port/{id_:str}/plan", sync_to_thread=True)
def show_plan(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Show the ways, or have them searched."""
    job, desk = own_job(request, id_), desk_behind(request)
    if job.stage in ("received", "inspecting"):
        return Redirect(f"/port/{job.id}", status_code=303)
    if job.route is None:
        return Redirect(f"/port/{job.id}/route", status_code=303)
    if job.stage == "inspected" and job.failure is None:
        job = desk.plan(job)
    if job.stage in ("inspected", "planning"):
        return page(request, "port/working.html", **job_context(request, job, step="plan"))
    plan = desk.planned(job)
    name = place_names(request)
    return page(
        request,
        "port/plan.html",
        **job_context(
            request,
            job,
            plan=plan,
            ends=(name(plan.flow.origin), name(plan.flow.destination)),
            dots=way_dots(plan),
            way_key=way_key,
            width=_WIDTH,
            height=_HEIGHT,
            left=_LEFT,
            floor=_FLOOR,
        ),
    )


@post("/port/{id_:str}/plan", status_code=200, sync_to_thread=True)
def plan_again(request: AnyRequest, id_: FromPath[str]) -> Shown:
    """Search the ways again, with the facts of now."""
    job = own_job(request, id_)
    if job.stage in ("inspected", "planned", "refused", "prepared"):
        desk_behind(request).plan(job)
    return Redirect(f"/port/{job.id}/plan", status_code=303)


def way_dots(plan: Plan) -> list[WayDot]:
    """Return the ways as dots: to the right by information lost, upwards by duties and findings."""
    most = max([1, *(_duties(way) for way in plan.ways)])
    return [
        WayDot(
            way,
            x=round(_LEFT + 20 + way.loss.loss * (_WIDTH - _LEFT - 60), 1),
            y=round(_FLOOR - 12 - _duties(way) / most * (_FLOOR - _TOP - 20), 1),
            duties=_duties(way),
            loss_percent=round(100 * way.loss.loss),
        )
        for way in plan.ways
    ]


def _duties(way: Way) -> int:
    return way.burden.before + way.burden.later + way.burden.findings


ROUTES: Final[list[ControllerRouterHandler]] = [show_plan, plan_again]
