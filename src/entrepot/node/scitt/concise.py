"""Errors as SCRAPI wants them: concise problem details in CBOR (RFC 9290)."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response
from litestar.exceptions import HTTPException

from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import Error, InvalidInput, NotFound, VerificationError, visible
from entrepot.kernel.statement import Malformed, PayloadMissing, UnsupportedAlgorithm
from entrepot.node.api.problems import headers_of, status_of

CONCISE_TYPE: Final = "application/concise-problem-details+cbor"
TITLE, DETAIL = -1, -2
"""Labels of RFC 9290 section 2."""


class InvalidLocator(InvalidInput):
    """What stands after /entries/ is no locator of this service."""

    code = "invalid-locator"


class NoSuchKey(NotFound):
    """No key of this log has this kid."""

    code = "no-such-key"


_TITLES: Final[tuple[tuple[type[Error], int, str], ...]] = (
    (UnsupportedAlgorithm, 400, "Bad Signature Algorithm"),
    (PayloadMissing, 400, "Payload Missing"),
    (Malformed, 400, "Malformed request"),
    (InvalidLocator, 400, "Invalid locator"),
    (VerificationError, 400, "Rejected"),
    (NoSuchKey, 404, "No such key"),
    (NotFound, 404, "Not Found"),
)
_BY_STATUS: Final = {
    404: "Not Found",
    408: "Malformed request",
    409: "Rejected",
    413: "Malformed request",
    415: "Malformed request",
    422: "Rejected",
    429: "Too Many Requests",
}


def answer_concisely(_request: Request[Any, Any, Any], error: Error) -> Response[bytes]:
    """Exception handler: one of our own errors, with the titles of SCRAPI where it has one."""
    for kind, status, title in _TITLES:
        if isinstance(error, kind):
            return concise(status, title, _detail(error))
    status = status_of(error)
    title = _BY_STATUS.get(status, "Unavailable" if status >= 500 else "Rejected")
    # SCRAPI knows 400 for what the client can mend; 422 is our word for the same.
    return concise(400 if status == 422 else status, title, _detail(error), headers_of(error))


def answer_framework(_request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    """Exception handler: what the framework refuses."""
    status = error.status_code
    title = _BY_STATUS.get(status, "Malformed request")
    return concise(status, title, visible(str(error.detail)))


def concise(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None
) -> Response[bytes]:
    """Return a concise problem details object."""
    return Response(
        encode({TITLE: title, DETAIL: detail}),
        status_code=status,
        media_type=CONCISE_TYPE,
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


def _detail(error: Error) -> str:
    return " ".join(str(error).split())


CONCISE_HANDLERS: Final[dict[int | type[Exception], Any]] = {
    Error: answer_concisely,
    HTTPException: answer_framework,
}
"""For the routes of SCRAPI; what they do not catch is answered like everywhere."""
