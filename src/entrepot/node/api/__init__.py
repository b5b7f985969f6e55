"""The node's HTTP interface for programs: acts, proofs, the log, the registry's reads."""

from __future__ import annotations

from typing import Any, Final

from entrepot.node.api import acts, credentials, health, reads, registry

ROUTES: Final[list[Any]] = [
    *acts.ROUTES,
    *reads.ROUTES,
    *registry.ROUTES_REGISTRY,
    *credentials.ROUTES_CREDENTIALS,
    *health.ROUTES,
]
BACKGROUND: Final[list[Any]] = [*credentials.BACKGROUND, registry.keep_indexed]
