"""The node's HTTP interface for programs: acts, proofs, the log, the registry's reads."""

from __future__ import annotations

from typing import Any, Final

from entrepot.node.api import acts, health, reads

ROUTES: Final[list[Any]] = [*acts.ROUTES, *reads.ROUTES, *health.ROUTES]
