"""Refusal of forged requests: an unsafe method must come from our own page and carry its token.

Two independent checks (OWASP Cross-Site Request Forgery Prevention): what the browser says about
the origin (Fetch Metadata, RFC 6454 Origin), and a token derived from the visitor's own secret.
"""

from __future__ import annotations

from typing import Final, cast

from litestar.datastructures import FormMultiDict
from litestar.exceptions import PermissionDeniedException

from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
TOKEN_FIELD: Final = "csrf"  # noqa: S105 (a name, not a secret)
TOKEN_HEADER: Final = "x-csrf-token"  # noqa: S105
_FORM_TYPES: Final = ("application/x-www-form-urlencoded", "multipart/form-data")


async def refuse_forgery(request: AnyRequest) -> None:
    """Raise PermissionDeniedException for an unsafe request that our own page did not make.

    Leaves the parsed form (empty when there is none) in `request.state.form`.
    """
    if request.method in SAFE_METHODS:
        return
    _check_origin(request)
    given = request.headers.get(TOKEN_HEADER, "")
    form: FormMultiDict = FormMultiDict([])
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() in _FORM_TYPES:
        form = await request.form()
        field = form.get(TOKEN_FIELD)
        given = given or (field if isinstance(field, str) else "")
    request.state.form = form
    if not visitor_of(request).is_own_token(given):
        raise PermissionDeniedException("the form's token is missing or belongs to another visit")


def form_of(request: AnyRequest) -> FormMultiDict:
    """Return the form of an unsafe request that passed `refuse_forgery`."""
    return cast(FormMultiDict, request.state.form)


def _check_origin(request: AnyRequest) -> None:
    """Hold Sec-Fetch-Site to same-origin and Origin to our own; one of them must be there."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is None and origin is None:
        raise PermissionDeniedException("the request does not say which page it comes from")
    if site is not None and site != "same-origin":
        raise PermissionDeniedException("the request comes from another site")
    if origin is not None and origin.lower() not in surroundings_of(request).origins:
        raise PermissionDeniedException("the request comes from another origin")
