"""What a person sees when something cannot be done: what happened, which value, what to do now."""

from __future__ import annotations

from typing import Any, Final

from litestar import Response
from litestar.exceptions import HTTPException, PermissionDeniedException

from entrepot.kernel.errors import (
    Conflict,
    Error,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
    shorten,
)
from entrepot.node.face.rendering import page
from entrepot.node.face.visitors import AnyRequest

_STATUS: Final[tuple[tuple[type[Error], int], ...]] = (
    (NotFound, 404),
    (Conflict, 409),
    (VerificationError, 403),
    (StorageError, 503),
    (InvalidInput, 422),
)


def status_of(error: Error) -> int:
    """Return the HTTP status of an error of the kernel's tree."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def show_error(request: AnyRequest, error: Error) -> Response[str]:
    """Answer with the error as a page."""
    return page(
        request,
        "failure.html",
        status=status_of(error),
        what=error.what,
        value="" if error.value is None else shorten(error.value),
        remedy=error.remedy,
        status_code=status_of(error),
        forged=False,
    )


def show_http_exception(request: AnyRequest, exception: HTTPException) -> Response[str]:
    """Answer with the framework's own refusal (no such page, forged form) as a page."""
    return page(
        request,
        "failure.html",
        status=exception.status_code,
        what=exception.detail,
        value="",
        remedy="",
        status_code=exception.status_code,
        forged=isinstance(exception, PermissionDeniedException),
    )


EXCEPTION_HANDLERS: Final[dict[Any, Any]] = {Error: show_error, HTTPException: show_http_exception}
