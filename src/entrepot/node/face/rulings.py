"""One decided act as a reader may see it: who asked, who decided, why, under which law.

Public acts are whole in the log and open to everybody. Of the others everybody sees what the log
shows (kind, time, outcome); the content opens to the party whose act it is, and to whoever holds
the private link of an application.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.approval import take_approval
from entrepot.kernel.decisions import Effect, Granted, Outcome, Reason, Referred, effects_of
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.keys import Kid
from entrepot.kernel.record import Entry, Sealed, decode_entry, decode_evidence, decode_ruling
from entrepot.node.face.people import Person
from entrepot.node.face.surroundings import Surroundings
from entrepot.registry import views
from entrepot.registry.acts import APPLY, DECIDE, ISSUE, RECOVER, REVOKE
from entrepot.registry.rightacts import DECIDE as DECIDE_OBJECTION

RULED_BY_PERSONS: Final = {
    DECIDE: "registrar",
    DECIDE_OBJECTION: "decider",
    ISSUE: "registrar",
    REVOKE: "registrar",
    RECOVER: "registrar",
}
"""Kinds in which the act itself is an officer's decision -> the office."""


@dataclass(frozen=True, slots=True)
class Content:
    """What opens to those who may see it."""

    body: Mapping[str, Any]
    facts: Mapping[str, object]
    law: tuple[str, ...]
    reasons: tuple[Reason, ...]
    effects: tuple[Effect, ...]
    referred_to: str
    issuer: Kid
    approved_by: Kid | None
    party: str
    """The party that acted; "" where no party is known by the key or credential."""
    is_erased: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """One decided act; `content` is None where this reader sees only what the log shows."""

    index: int
    kind: str
    decided_at: int
    outcome: Outcome
    is_public: bool
    content: Content | None
    office: str = ""
    """Office of the person whose decision the act is; "" where the rule alone decided."""
    follow_ups: tuple[int, ...] = field(default=())
    """Entries in which a person later decided what was referred here."""


def find_ruling(
    around: Surroundings, index: int, person: Person | None, *, has_link: bool = False
) -> Shown:
    """Return the act at `index` for a reader. NotFound when there is none, or it is no act."""
    log = around.running.node.log
    if not 0 <= index < log.size:
        raise NotFound("the log has no such entry yet", value=index)
    entry = decode_entry(log.tree().entry(index))
    if not isinstance(entry, Entry):
        raise NotFound("this entry is the log's own, not a decision", value=index)
    opening = around.running.node.sequencer.opening(index)
    is_public = entry.evidence[0] == 1 and entry.ruling[0] == 1
    content = _content(around, opening.evidence, opening.ruling)
    may_see = is_public or has_link or _may_open(person, entry.kind, content)
    return Shown(
        index,
        entry.kind,
        entry.decided_at,
        entry.outcome,
        is_public,
        content if may_see else None,
        RULED_BY_PERSONS.get(entry.kind, ""),
        _follow_ups(around, index, entry.kind),
    )


def parse_index(text: str) -> int:
    """Return the index of an entry written in decimal. Raises NotFound."""
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise NotFound("an entry of the log is named by its number", value=text)
    return int(text)


def _content(around: Surroundings, evidence: Sealed | None, sealed: Sealed) -> Content:
    ruling = decode_ruling(sealed.content)
    body: Mapping[str, Any] = {}
    facts: Mapping[str, object] = {}
    approved_by: Kid | None = None
    if evidence is not None:
        opened = decode_evidence(evidence.content)
        facts = opened.facts
        rest, approval = take_approval(SignedAct(opened.act).unverified_body)
        body = {str(key): value for key, value in rest.items()}
        approved_by = None if approval is None else approval.kid
    decision = ruling.decision
    return Content(
        body,
        facts,
        ruling.law,
        () if isinstance(decision, Granted) else decision.reasons,
        effects_of(decision),
        decision.to if isinstance(decision, Referred) else "",
        ruling.issuer,
        approved_by,
        _party_of(around, ruling.issuer, approved_by),
        is_erased=evidence is None,
    )


def _party_of(around: Surroundings, issuer: Kid, approved_by: Kid | None) -> str:
    """Return whose act it is: the approving person's party, else that of the signing key.

    The act of a person who left since stays the party's: the key that sent it is only the node's.
    """
    with around.store.reading() as read:
        if approved_by is not None:
            return views.party_of_member(read, approved_by)
        key = views.key_of(read, issuer)
    return "" if key is None else key.party


def _may_open(person: Person | None, kind: str, content: Content) -> bool:
    """Say whether a private act is this person's to read: the party's own, and of its business.

    What strangers wrote in the face's form was lodged by the node's key, and yet is for registrars.
    """
    if person is None or not content.party or person.party != content.party:
        return False
    return kind != APPLY or not person.is_operator or person.has("registrar")


def _follow_ups(around: Surroundings, index: int, kind: str) -> tuple[int, ...]:
    if kind != APPLY:
        return ()
    with around.store.reading() as read:
        found = views.application(read, index)
    if found is None or found.decided_index is None:
        return ()
    return (found.decided_index,)


def reasons_given(content: Content) -> tuple[Reason, ...]:
    """Return the reasons of a decision: those of the rule, and those a person gave in the act."""
    given = content.body.get("reasons", ())
    one = content.body.get("reason")
    listed = [*given] if isinstance(given, list | tuple) else []
    if isinstance(one, dict):
        listed.append(one)
    found = []
    for item in listed:
        if isinstance(item, dict) and {"code", "citation", "sentence"} <= set(item):
            try:
                found.append(
                    Reason(str(item["code"]), str(item["citation"]), str(item["sentence"]))
                )
            except InvalidInput:
                continue
    return (*content.reasons, *found)
