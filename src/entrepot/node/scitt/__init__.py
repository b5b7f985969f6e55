"""A SCITT transparency service (RFC 9943) over this node's log, by the SCRAPI draft."""

from __future__ import annotations

from typing import Any, Final

from entrepot.node.scitt import routes

ROUTES: Final[list[Any]] = [*routes.ROUTES]
