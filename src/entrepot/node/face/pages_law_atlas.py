"""The atlas under the strict policy: the page of `entrepot atlas`, its parts fetched from here.

The atlas is computed once per day, profile and version of the law, in a worker, and kept below
`HOME/cache`; until it is there the page waits.
"""

from __future__ import annotations

import hashlib
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.response import File
from litestar.types import ControllerRouterHandler
from markupsafe import Markup

from entrepot.kernel import files as diskfiles
from entrepot.kernel.errors import NotFound
from entrepot.node.face.pages_law import library_of
from entrepot.node.face.porters import desk_behind
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest
from entrepot.node.jobspool import Activity, run_worker
from entrepot.node.jobswork import Order

FIRST_DAY: Final = date(2015, 1, 1)
LAST_DAY: Final = date(2028, 12, 31)
PROFILE: Final = "retail-customers"
KEPT_MAX: Final = 8
_PARTS: Final = {"page.css": "text/css; charset=utf-8", "page.js": "text/javascript; charset=utf-8"}

Shown = Response[Any] | File


@get("/law/atlas", sync_to_thread=True)
def show_atlas(request: AnyRequest) -> Shown:
    """Show the atlas: who may send what to whom, on any day."""
    library = library_of(request)
    profile = _profile(request)
    _made(request, profile)
    return page(
        request,
        "law/atlas.html",
        profile=profile,
        profiles=sorted(library.profiles.items()),
        body=Markup(_part("page.html")),  # noqa: S704 - a file of ours
    )


@get("/law/atlas/parts/{name:str}", sync_to_thread=False)
def show_part(request: AnyRequest, name: FromPath[str]) -> Response[str]:
    """Return style or script of the atlas."""
    if name not in _PARTS:
        raise NotFound("the atlas has no such part", value=name)
    headers = {"cache-control": "public, max-age=300, must-revalidate"}
    return Response(_part(name), media_type=_PARTS[name], headers=headers)


@get("/law/atlas.json", sync_to_thread=True)
def show_atlas_data(request: AnyRequest) -> Shown:
    """Return what the page draws; 202 while it is being computed."""
    made = _made(request, _profile(request))
    if made is None:
        return Response({"state": "computing"}, status_code=202, headers={"retry-after": "1"})
    return File(made, media_type="application/json", content_disposition_type="inline")


def _profile(request: AnyRequest) -> str:
    wanted = request.query_params.get("profile", PROFILE)
    return wanted if wanted in library_of(request).profiles else PROFILE


def _made(request: AnyRequest, profile: str) -> Path | None:
    """Return the file of today's atlas, or None after having it computed."""
    desk = desk_behind(request)
    today = desk.today().isoformat()
    state = repr((sorted(library_of(request).hashes().items()), profile, today))
    name = hashlib.sha256(state.encode()).hexdigest()[:24]
    folder = desk.running.home / "cache"
    target = folder / f"atlas-{name}.json"
    if target.is_file():
        return target
    diskfiles.make_directories(folder)

    def work(activity: Activity) -> None:
        room = folder / f"making-{name}"
        diskfiles.make_directories(room)
        order = Order(
            table=profile, as_of=today, first=FIRST_DAY.isoformat(), last=LAST_DAY.isoformat()
        )
        if run_worker(activity, "atlas", room, order) is None:
            (room / "atlas.json").replace(target)
            _forget_old(folder)

    desk.pool.start(f"atlas {name}", "atlas", work)
    return None


def _forget_old(folder: Path) -> None:
    kept = sorted(folder.glob("atlas-*.json"), key=lambda path: -path.stat().st_mtime)
    for path in kept[KEPT_MAX:]:
        path.unlink(missing_ok=True)


def _part(name: str) -> str:
    return (files("entrepot") / "node" / "atlas" / name).read_text(encoding="utf-8")


ROUTES: Final[list[ControllerRouterHandler]] = [show_atlas, show_part, show_atlas_data]
