"""The registry as an institution: how its kinds of act plug into the sequencer.

Kinds of parties, keys, members and certificates stand here, those of products and rights come from
`productkinds`. Everything is public but an application, whose content is the applicant's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from entrepot.kernel.decisions import Decision
from entrepot.kernel.institution import ActKind, DueAct, Facts, Institution, Request
from entrepot.registry import acts, applications, certificates, members, parties, partykeys
from entrepot.registry.principals import active_key, known_key
from entrepot.registry.productkinds import PRODUCT_KINDS, due_rights
from entrepot.registry.state import apply
from entrepot.registry.tables import TABLES

REKEYS = frozenset(
    {
        acts.FOUND,
        acts.DECIDE,
        acts.ADD_KEY,
        acts.REVOKE_KEY,
        acts.CLOSE_RECOVERY,
        acts.ADMIT_MEMBER,
        acts.REMOVE_MEMBER,
    }
)
"""Kinds after which another key may be accepted, or one no more."""


def _public(
    name: str,
    form: type[acts.ActBody],
    facts: Callable[[sa.Connection, Request[Any]], Facts],
    decide: Callable[[Request[Any], Facts], Decision],
) -> ActKind[Any]:
    return ActKind(name, acts.shape_as(form), facts, decide, apply, public=True)


PARTY_KINDS: tuple[ActKind[Any], ...] = (
    _public(acts.FOUND, acts.FoundRegistry, parties.facts_of_founding, parties.decide_founding),
    ActKind(
        acts.APPLY,
        acts.shape_as(acts.Apply),
        applications.facts_of_application,
        applications.decide_application,
        apply,
        enrols=acts.enrolled_key,
    ),
    _public(acts.DECIDE, acts.Decide, applications.facts_of_decision, applications.decide_decision),
    _public(acts.UPDATE_PARTY, acts.UpdateParty, parties.facts_of_update, parties.decide_update),
    _public(acts.ADD_KEY, acts.AddKey, partykeys.facts_of_new_key, partykeys.decide_new_key),
    _public(
        acts.REVOKE_KEY, acts.RevokeKey, partykeys.facts_of_revocation, partykeys.decide_revocation
    ),
    _public(acts.RECOVER, acts.Recover, partykeys.facts_of_recovery, partykeys.decide_recovery),
    _public(
        acts.CANCEL_RECOVERY,
        acts.CancelRecovery,
        partykeys.facts_of_cancelling,
        partykeys.decide_cancelling,
    ),
    _public(
        acts.CLOSE_RECOVERY,
        acts.CloseRecovery,
        partykeys.facts_of_closing,
        partykeys.decide_closing,
    ),
    _public(
        acts.ADMIT_MEMBER, acts.AdmitMember, members.facts_of_admission, members.decide_admission
    ),
    _public(
        acts.REMOVE_MEMBER, acts.RemoveMember, members.facts_of_removal, members.decide_removal
    ),
    _public(acts.ISSUE, acts.Issue, certificates.facts_of_issuing, certificates.decide_issuing),
    _public(acts.REVOKE, acts.Revoke, certificates.facts_of_ending, certificates.decide_ending),
)
"""The kinds of parties, keys, members and certificates."""


def due(read: sa.Connection, now: int) -> Sequence[DueAct]:
    """Return what time alone asks for: recoveries that waited, notices that are over."""
    return [*partykeys.due_recoveries(read, now), *due_rights(read, now)]


def registry_institution() -> Institution:
    """Return the registry, ready to be installed in a node."""
    return Institution(
        "registry",
        (*PARTY_KINDS, *PRODUCT_KINDS),
        TABLES,
        keys=active_key,
        known_keys=known_key,
        rekeys=REKEYS,
        due=due,
    )
