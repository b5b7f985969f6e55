"""The port as an institution: how its kinds of act plug into the sequencer."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import sqlalchemy as sa

from entrepot.kernel.decisions import Decision
from entrepot.kernel.institution import ActKind, Facts, Institution, Request
from entrepot.law.library import Library
from entrepot.port.change import referrals, updates
from entrepot.port.change.tables import apply_law, apply_standing
from entrepot.port.clear import rules
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import KIND, Certificate
from entrepot.port.clear.pieces import PieceFolder
from entrepot.port.clear.state import TABLES, apply


def port_institution(library: Library | None = None, *, home: Path | None = None) -> Institution:
    """Return the port under one library of law (default: the one that is shipped, read on use).

    `home` is that of the node, where the counters keep their pieces; without it the persons of
    several tables add up, whoever is in several.
    """
    folder = None if home is None else PieceFolder(home)

    def law() -> Library:
        return library if library is not None else _shipped()

    def facts(read: sa.Connection, request: Request[Certificate]) -> Facts:
        # Reading law from files belongs to this step; deciding only looks at what is loaded.
        return rules.facts(read, request, law(), folder)

    def decide(request: Request[Certificate], relied: Facts) -> Decision:
        return rules.decide(request, relied, law())

    def decide_law(request: Request[updates.LawUpdate], relied: Facts) -> Decision:
        return updates.decide(request, relied, law())

    def facts_of_referral(read: sa.Connection, request: Request[referrals.Referral]) -> Facts:
        return referrals.facts_of_referral(read, request, law())

    kinds = (
        ActKind(KIND, shape, facts, decide, apply),
        ActKind(updates.KIND, updates.shape, updates.facts, decide_law, apply_law, public=True),
        ActKind(
            referrals.REFER,
            referrals.shape_referral,
            facts_of_referral,
            referrals.decide_referral,
        ),
        ActKind(
            referrals.DECIDE,
            referrals.shape_order,
            referrals.facts_of_order,
            referrals.decide_order,
            apply_standing,
        ),
    )
    return Institution("port", kinds, TABLES)


@cache
def _shipped() -> Library:
    return Library.load()


PORT = port_institution()
"""The port under the shipped law."""
