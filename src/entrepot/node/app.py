"""The application: routes of every part of the node, one error shape, one OpenAPI 3.1 document.

`make_app(running)` wires what is installed; it opens nothing and starts nothing. A part of the node
is a package with `ROUTES` (Litestar handlers or routers) and, when it works in the background,
`BACKGROUND` (coroutine functions that take the running node and end when they are cancelled).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Final, TypeAlias

from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import License

from entrepot import __version__
from entrepot.node import callbacks, duties
from entrepot.node.api.buckets import Buckets
from entrepot.node.api.front import Front, Seen
from entrepot.node.api.problems import HANDLERS
from entrepot.node.api.signatures import Nonces
from entrepot.node.api.tiles import send_tile
from entrepot.node.running import Running
from entrepot.node.witnessing.background import alarm_of, checkpoint_to_show, standings

PARTS: Final = (
    "entrepot.node.api",
    "entrepot.node.face",
    "entrepot.node.witnessing",
    "entrepot.node.scitt",
)
"""Packages of the node with routes, in the order in which they are asked."""

LOG: Final = logging.getLogger("entrepot.http")

Background: TypeAlias = Callable[[Running], Coroutine[Any, Any, None]]


def make_app(running: Running, parts: Sequence[str] = PARTS) -> Litestar:
    """Return the application over a running node; handlers find it as `app.state.running`.

    `parts` are the packages of the node that it serves.
    """
    routes = [route for part in _imported(parts) for route in getattr(part, "ROUTES", ())]
    http, limits = running.settings.http, running.settings.limits
    addresses = Buckets(limits.requests_per_s_per_address, limits.requests_burst_per_address)
    state = {
        "running": running,
        "observed": running.observed,
        "checkpoint": checkpoint_to_show,
        "alarm": alarm_of,
        "nonces": Nonces(),
        "key_buckets": Buckets(limits.acts_per_s_per_key, limits.acts_burst_per_key),
        "address_buckets": addresses,
    }
    app = Litestar(
        route_handlers=routes,
        exception_handlers=HANDLERS,
        state=State(state),
        openapi_config=_description(running),
        request_max_body_size=running.settings.http.body_max_bytes,
        logging_config=None,
        debug=False,
    )
    running.observed.gauge(
        "entrepot_witness_lag_seconds",
        "Since the newest checkpoint waits for its slowest witness.",
        lambda: max((one.lag_s for one in standings(running)), default=0.0),
    )
    running.observed.gauge(
        "entrepot_leader", "1 when this process writes.", lambda: float(running.leads)
    )
    tiles = partial(send_tile, running.node.log)
    app.asgi_handler = Front(app.asgi_handler, http, limits, addresses, tiles, _seen_by(running))
    return app


def _seen_by(running: Running) -> Callable[[Seen], None]:
    """Return what counts and logs a request when it is done."""

    def seen(request: Seen) -> None:
        running.observed.request(request.method, request.route, request.status, request.seconds)
        if running.tracing is not None:
            name = f"{request.method} {request.route}".strip()
            running.tracing.request(name, request.status, request.seconds, request.traceparent)
        LOG.info(
            "request",
            extra={
                "request_id": request.request_id,
                "method": request.method,
                "route": request.route,
                "status": request.status,
                "ms": round(request.seconds * 1000, 2),
            },
        )

    return seen


def background(parts: Sequence[str] = PARTS) -> list[Background]:
    """Return what the parts of the node do in the background, the node's own work first."""
    return [
        *duties.BACKGROUND,
        *callbacks.BACKGROUND,
        *(task for part in _imported(parts) for task in getattr(part, "BACKGROUND", ())),
    ]


def _imported(parts: Sequence[str]) -> list[Any]:
    return [import_module(name) for name in parts if find_spec(name) is not None]


def _description(running: Running) -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Entrepot node",
        version=__version__,
        description=(
            "Signed acts in, receipts and cited decisions out; a public log of both. "
            "Errors are RFC 9457 problem objects."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        path="/openapi",
        render_plugins=[JsonRenderPlugin(path="/json")],
        use_handler_docstrings=True,
    )
