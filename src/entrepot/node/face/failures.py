"""What a person sees when something cannot be done: what happened, which value, what to do now."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Response
from litestar.exceptions import HTTPException, PermissionDeniedException
from litestar.response import Redirect

from entrepot.kernel.errors import Error, shorten
from entrepot.node.api.problems import NotAllowed, headers_of
from entrepot.node.api.problems import status_of as status_of
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest

Shown = Response[str] | Redirect


class SignInNeeded(NotAllowed):
    """Nobody is signed in, or the session has ended; the browser is sent to sign in."""


class NotYours(NotAllowed):
    """The person is signed in, but has not the duty that this page takes."""


def show_error(request: AnyRequest, error: Error) -> Shown:
    """Answer with the error as a page; who has to sign in is sent there and back."""
    if isinstance(error, SignInNeeded):
        back = request.url.path if request.method == "GET" else "/desk"
        return Redirect(f"/sign-in?{urlencode({'next': back})}", status_code=303)
    status = 403 if isinstance(error, NotYours) else status_of(error)
    shown = page(
        request,
        "failure.html",
        status=status,
        what=error.what,
        value="" if error.value is None else shorten(error.value),
        remedy=error.remedy,
        status_code=status,
        forged=False,
    )
    shown.headers.update(headers_of(error))
    return shown


def show_http_exception(request: AnyRequest, exception: HTTPException) -> Shown:
    """Answer with the framework's own refusal (no such page, forged form) as a page."""
    status = exception.status_code if 400 <= exception.status_code <= 599 else 500
    return page(
        request,
        "failure.html",
        status=status,
        what=exception.detail if status < 500 else "",
        value="",
        remedy="",
        status_code=status,
        forged=isinstance(exception, PermissionDeniedException),
    )


def show_defect(request: AnyRequest, defect: Exception) -> Shown:
    """Answer our own mistake; its kind and place go to the log, its text nowhere."""
    logging.getLogger("entrepot.http").error(
        "defect", exc_info=defect, extra={"route": request.scope.get("path_template", "")}
    )
    return page(
        request,
        "failure.html",
        status=500,
        what="",
        value="",
        remedy="",
        status_code=500,
        forged=False,
    )


EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {
    Error: show_error,
    HTTPException: show_http_exception,
    Exception: show_defect,
}
