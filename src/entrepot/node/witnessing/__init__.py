"""The network of logs: this node as a witness of others, and others as witnesses of this node."""

from __future__ import annotations

from typing import Any, Final

from entrepot.node.witnessing import routes
from entrepot.node.witnessing.background import feed

ROUTES: Final[list[Any]] = [*routes.ROUTES]
BACKGROUND: Final = (feed,)
