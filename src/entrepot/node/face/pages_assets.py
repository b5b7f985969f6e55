"""The face's own files: style, script, mark. Fixed names in the package, nothing from elsewhere."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import Final

from litestar import Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from entrepot.node.face.visitors import AnyRequest

_TYPES: Final = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_MAX_AGE: Final = "public, max-age=300, must-revalidate"


@lru_cache(maxsize=1)
def asset_bytes() -> dict[str, tuple[bytes, str, str]]:
    """Return name -> (content, media type, entity tag) of every asset a page may load."""
    found: dict[str, tuple[bytes, str, str]] = {}
    for resource in files(__package__).joinpath("assets").iterdir():
        suffix = "." + resource.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = resource.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            found[resource.name] = (content, _TYPES[suffix], tag)
    return found


@get("/face/{name:str}", sync_to_thread=False)
def show_asset(request: AnyRequest, name: FromPath[str]) -> Response[bytes]:
    """Return one asset, or 304 when the browser has it (RFC 9110 13.1.2)."""
    known = asset_bytes().get(name)
    if known is None:
        raise NotFoundException("there is no such file")
    content, media_type, tag = known
    headers = {"etag": tag, "cache-control": _MAX_AGE}
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=304, headers=headers, media_type=media_type)
    return Response(content, headers=headers, media_type=media_type)


ROUTES: Final[list[ControllerRouterHandler]] = [show_asset]
