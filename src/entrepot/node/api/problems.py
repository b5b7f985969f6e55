"""Errors over HTTP: one table from the kernel's errors to statuses, one shape (RFC 9457).

A refusal by law is no error: it is an answer with its reasons and citations (`api.acts`).
"""

from __future__ import annotations

import http
import logging
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException

from entrepot.kernel.errors import (
    Conflict,
    Error,
    InvalidInput,
    NotFound,
    StorageError,
    UnreadableData,
    VerificationError,
    visible,
)
from entrepot.kernel.store import NotLeader
from entrepot.node.intake import Busy, Defect

PROBLEM_TYPE: Final = "application/problem+json"
RETRY_AFTER_S: Final = 1


class TooLarge(InvalidInput):
    """A body, a header or a number of acts is over the limit."""

    code = "too-large"


class TooSlow(InvalidInput):
    """The body did not arrive in the time a client has."""

    code = "too-slow"


class TooMany(InvalidInput):
    """More requests than this key or address may make; `retry_after_s` says when again."""

    code = "too-many"

    def __init__(self, what: str, *, value: object = None, retry_after_s: int = 1) -> None:
        """Keep the seconds after which it may be tried again."""
        super().__init__(what, value=value, remedy=f"try again after {retry_after_s} s")
        self.retry_after_s = retry_after_s


class WrongMediaType(InvalidInput):
    """The body is of a media type that this resource does not take."""

    code = "wrong-media-type"


class NotAllowed(Error):
    """Whoever asks did not say who they are; nothing of what lies behind is told."""

    code = "not-allowed"
    exit_code = 5


STATUS: Final[tuple[tuple[type[Error], int], ...]] = (
    (Busy, 503),
    (Defect, 500),
    (TooLarge, 413),
    (TooSlow, 408),
    (TooMany, 429),
    (WrongMediaType, 415),
    (NotAllowed, 401),
    (UnreadableData, 422),
    (InvalidInput, 422),
    (VerificationError, 403),
    (NotFound, 404),
    (Conflict, 409),
    (NotLeader, 503),
    (StorageError, 503),
)
"""Class of error → HTTP status; the first that fits. A signature that does not hold is 403."""


def status_of(error: Error) -> int:
    """Return the HTTP status of an error; 500 for a class outside the table."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def problem_of(error: Error, *, instance: str = "") -> dict[str, object]:
    """Return the RFC 9457 object of an error, with its status."""
    problem = {**error.as_problem(), "status": status_of(error)}
    if instance:
        problem["instance"] = instance
    return problem


def headers_of(error: Error) -> dict[str, str]:
    """Return what goes with an error: when to come again, how to say who one is."""
    if isinstance(error, TooMany):
        return {"Retry-After": str(error.retry_after_s)}
    if isinstance(error, StorageError):
        return {"Retry-After": str(RETRY_AFTER_S)}
    if isinstance(error, NotAllowed):
        return {"WWW-Authenticate": 'Signature realm="entrepot"'}
    return {}


def answer_error(request: Request[Any, Any, Any], error: Error) -> Response[bytes]:
    """Exception handler: one of our own errors.

    What only the leader can do is sent there (307, the same method and body) when it is known.
    """
    if isinstance(error, NotLeader) and error.leader_url:
        problem = {**problem_of(error, instance=_path_of(request)), "status": 307}
        target = f"{error.leader_url.rstrip('/')}{_path_of(request)}"
        query = request.url.query
        return _respond(problem, {"Location": f"{target}?{query}" if query else target})
    return _respond(problem_of(error, instance=_path_of(request)), headers_of(error))


def answer_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Exception handler: what the framework refuses (no such path, wrong method, bad parameter)."""
    status = error.status_code if 400 <= error.status_code <= 599 else 500
    title = visible(str(error.detail)) if status < 500 else http.HTTPStatus(status).phrase
    problem: dict[str, object] = {
        "type": f"urn:entrepot:error:http-{status}",
        "title": title,
        "status": status,
        "instance": _path_of(request),
    }
    extra = getattr(error, "extra", None)
    if status < 500 and isinstance(extra, list):
        problem["parameters"] = [
            {"name": item.get("key", ""), "message": visible(str(item.get("message", "")))}
            for item in extra
            if isinstance(item, dict)
        ]
    return _respond(
        problem, {k: v for k, v in (error.headers or {}).items() if k != "content-type"}
    )


def answer_defect(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Exception handler: our own mistake. Its kind and place go to the log, its text nowhere."""
    logging.getLogger("entrepot.http").error(
        "defect", exc_info=error, extra={"route": request.scope.get("path_template", "")}
    )
    return _respond(
        {
            "type": "urn:entrepot:error:defect",
            "title": "the node failed at this request",
            "status": 500,
            "instance": _path_of(request),
            "remedy": "this is ours, not yours; the operator's logs say where",
        },
        {},
    )


def _path_of(request: Request[Any, Any, Any]) -> str:
    """Return the path asked for as a URI reference (RFC 9457 section 3.1.5), percent-encoded.

    What a stranger put into it (line ends, bidirectional controls) steers no header and no screen.
    """
    return quote(str(request.scope["path"]), safe="/:@!$&'()*+,;=~", errors="replace")


def _respond(problem: dict[str, object], headers: dict[str, str]) -> Response[bytes]:
    content = msgspec.json.encode(problem)
    return Response(
        content,
        status_code=int(str(problem["status"])),
        media_type=PROBLEM_TYPE,
        headers={"Cache-Control": "no-store", **headers},
    )


HANDLERS: Final[dict[int | type[Exception], Any]] = {
    Error: answer_error,
    HTTPException: answer_http,
    Exception: answer_defect,
}
"""For `Litestar(exception_handlers=…)`."""
