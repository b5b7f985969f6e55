"""Addresses that nothing answers: a page for people, a problem object for programs."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from entrepot.node.api.negotiation import preferred
from entrepot.node.api.problems import PROBLEM_TYPE, answer_http
from entrepot.node.face.failures import show_http_exception
from entrepot.node.face.visitors import AnyRequest

_HTML: Final = "text/html"


@get("/{rest:path}", sync_to_thread=True)
def show_missing(request: AnyRequest, rest: FromPath[str]) -> Response[Any]:
    """Say that there is no such page, in the form that the reader asks for."""
    missing = NotFoundException("Not Found")
    if preferred(request.headers.get("accept"), (PROBLEM_TYPE, _HTML)) == _HTML:
        return show_http_exception(request, missing)
    return answer_http(request, missing)


ROUTES: Final[list[ControllerRouterHandler]] = [show_missing]
