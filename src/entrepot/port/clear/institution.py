"""The port as an institution: how its kinds of act plug into the sequencer."""

from __future__ import annotations

from functools import cache

import sqlalchemy as sa

from entrepot.kernel.decisions import Decision
from entrepot.kernel.institution import ActKind, Facts, Institution, Request
from entrepot.law.library import Library
from entrepot.port.change import updates
from entrepot.port.change.tables import apply_law
from entrepot.port.clear import rules
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import KIND, Certificate
from entrepot.port.clear.state import TABLES, apply


def port_institution(library: Library | None = None) -> Institution:
    """Return the port under one library of law (default: the one that is shipped, read on use)."""

    def law() -> Library:
        return library if library is not None else _shipped()

    def facts(read: sa.Connection, request: Request[Certificate]) -> Facts:
        # Reading law from files belongs to this step; deciding only looks at what is loaded.
        return rules.facts(read, request, law())

    def decide(request: Request[Certificate], relied: Facts) -> Decision:
        return rules.decide(request, relied, law())

    def decide_law(request: Request[updates.LawUpdate], relied: Facts) -> Decision:
        return updates.decide(request, relied, law())

    kinds = (
        ActKind(KIND, shape, facts, decide, apply),
        ActKind(updates.KIND, updates.shape, updates.facts, decide_law, apply_law, public=True),
    )
    return Institution("port", kinds, TABLES)


@cache
def _shipped() -> Library:
    return Library.load()


PORT = port_institution()
"""The port under the shipped law."""
