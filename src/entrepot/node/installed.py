"""Every institution that this node carries, in the order in which they came to it.

The port's rules read tables with Polars and NumPy, which is most of the memory of a process that
only serves. So the port is installed here by what the sequencer must know at once (names, tables,
how effects are applied), and its rules are imported with the first act that they judge.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from entrepot.kernel.institution import (
    ActKind,
    Institution,
    Record,
    apply_nothing,
    kinds_by_name,
)
from entrepot.port.change import updates
from entrepot.port.change.tables import apply_law, apply_standing
from entrepot.port.clear.certificate import KIND
from entrepot.port.clear.state import TABLES, apply
from entrepot.registry.institution import registry_institution

REFERRAL, ORDER = "refer-clearance", "decide-clearance"
"""Kinds of `entrepot.port.change.referrals`, by name: that module reads tables."""


def installed(home: Path | None = None) -> tuple[Institution, ...]:
    """Return the institutions whose acts this node takes; `home` is where the port counts."""
    return (_port(home), registry_institution())


def _port(home: Path | None) -> Institution:
    @cache
    def kinds() -> dict[str, ActKind[Any]]:
        # Here and not at the top: see the module's own words.
        from entrepot.port.clear.institution import port_institution

        return kinds_by_name((port_institution(home=home),))

    def later(
        name: str, fold: Callable[[Connection, Record], None], *, public: bool = False
    ) -> ActKind[Any]:
        return ActKind(
            name,
            lambda body: kinds()[name].shape(body),
            lambda read, request: kinds()[name].facts(read, request),
            lambda request, facts: kinds()[name].decide(request, facts),
            fold,
            public=public,
        )

    return Institution(
        "port",
        (
            later(KIND, apply),
            later(updates.KIND, apply_law, public=True),
            later(REFERRAL, apply_nothing),
            later(ORDER, apply_standing),
        ),
        TABLES,
    )
