"""How products and rights plug into the sequencer: their kinds of acts, and what falls due.

All are public: a register of rights that not everybody can read gives no notice. Rights and their
certificates are folded by two functions that each pass over the effects of the other.
"""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.decisions import Outcome
from entrepot.kernel.institution import ActKind, Record
from entrepot.registry import productacts, productrules, rightacts, rightfacts, rightrules
from entrepot.registry import rightcontest as contest
from entrepot.registry import state as registry_state
from entrepot.registry.productstate import FILED, apply_product, apply_release, apply_releases
from entrepot.registry.rightcertificate import with_own_right
from entrepot.registry.rightstate import apply_right
from entrepot.registry.rightviews import due_rights

_ABOUT: Final = ("party", "holder", "to")


def _remember(write: sa.Connection, record: Record) -> None:
    """Note the act in the history of the parties that its effects name."""
    named = {
        str(effect.values[key])
        for effect in record.effects
        for key in _ABOUT
        if effect.values.get(key)
    }
    for party in sorted(named):
        registry_state.remember(write, party, record.index, record.kind)


def _apply_right(write: sa.Connection, record: Record) -> None:
    """Fold rights, then the certificates that come with them."""
    if record.outcome is not Outcome.GRANTED:
        return
    apply_right(write, record)
    registry_state.apply(write, with_own_right(record))
    _remember(write, record)


def _apply_product(write: sa.Connection, record: Record) -> None:
    apply_product(write, record)
    if any(effect.name == FILED for effect in record.effects):
        _remember(write, record)


PRODUCT_KINDS: Final[tuple[ActKind[Any], ...]] = (
    ActKind(
        productacts.FILE,
        productacts.shape_file,
        productrules.facts_of_filing,
        productrules.decide_filing,
        _apply_product,
        public=True,
    ),
    ActKind(
        productacts.REVISE,
        productacts.shape_revise,
        productrules.facts_of_revision,
        productrules.decide_revision,
        _apply_product,
        public=True,
    ),
    ActKind(
        productacts.RELEASE,
        productacts.shape_release,
        productrules.facts_of_release,
        productrules.decide_release,
        apply_release,
        public=True,
        facts_of_run=productrules.facts_of_releases,
        apply_run=apply_releases,
    ),
    ActKind(
        productacts.WITHDRAW,
        productacts.shape_withdraw,
        productrules.facts_of_withdrawal,
        productrules.decide_withdrawal,
        _apply_product,
        public=True,
    ),
    ActKind(
        rightacts.FILE_RIGHT,
        rightacts.shape_file_right,
        rightfacts.facts_of_right,
        rightrules.decide_right,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.OBJECT,
        rightacts.shape_object,
        rightfacts.facts_of_objection,
        contest.decide_objection_filed,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.DECIDE,
        rightacts.shape_decide,
        rightfacts.facts_of_decision,
        contest.decide_ruling,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.CLOSE,
        rightacts.shape_close,
        rightfacts.facts_of_close,
        contest.decide_close,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.TRANSFER,
        rightacts.shape_transfer,
        rightfacts.facts_of_transfer,
        rightrules.decide_transfer,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.LICENSE,
        rightacts.shape_license,
        rightfacts.facts_of_license,
        rightrules.decide_license,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.CHANGE,
        rightacts.shape_change,
        rightfacts.facts_of_change,
        rightrules.decide_change,
        _apply_right,
        public=True,
    ),
    ActKind(
        rightacts.CANCEL,
        rightacts.shape_cancel,
        rightfacts.facts_of_cancel,
        rightrules.decide_cancel,
        _apply_right,
        public=True,
    ),
)
"""The kinds of acts about products and rights."""

__all__ = ["PRODUCT_KINDS", "due_rights"]
