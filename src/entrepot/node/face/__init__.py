"""The face: the node as people see it, server-rendered HTML in English and Chinese.

Every page module of this package is named `pages_*.py` and gives a list `ROUTES`; all of them stand
under one router, which finds out who asks (`visitors`), refuses forged requests (`csrf`) and sets
the headers that keep a page from being framed or made to run foreign script (`headers`).
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Final

from litestar import Router
from litestar.types import ControllerRouterHandler

from entrepot.node.face.csrf import refuse_forgery
from entrepot.node.face.failures import EXCEPTION_HANDLERS
from entrepot.node.face.porting import tend
from entrepot.node.face.visitors import VisitorMiddleware


def _page_handlers() -> list[ControllerRouterHandler]:
    handlers: list[ControllerRouterHandler] = []
    for module in pkgutil.iter_modules(__path__):
        if module.name.startswith("pages_"):
            handlers += importlib.import_module(f"{__name__}.{module.name}").ROUTES
    return handlers


ROUTES: Final[list[ControllerRouterHandler]] = [
    Router(
        path="/",
        route_handlers=_page_handlers(),
        middleware=[VisitorMiddleware()],
        before_request=refuse_forgery,
        exception_handlers=EXCEPTION_HANDLERS,
        include_in_schema=False,
    )
]
BACKGROUND: Final = (tend,)
