"""`refer-clearance` and `decide-clearance`: the machine refers, a named person decides.

A referral says that the law answers otherwise for a cleared shipment. The node asks the law itself
before it takes one, and a referral changes nothing: the clearance stands until a named person
suspends, supersedes or upholds it, with reasons, in an act of their own. Who decided and why is
evidence, kept in the store and erasable; the effect holds the index, the word and the day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Final, Literal, TypeVar

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import Decision, Granted, Reason, Referred, Refused
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.institution import Facts, Request
from entrepot.kernel.keys import Kid
from entrepot.kernel.store import RECORDS
from entrepot.law.library import Library
from entrepot.port.change.authority import may_speak
from entrepot.port.change.rechecking import ADVERSE, Rechecked, Rechecker
from entrepot.port.change.stored import clearance_at
from entrepot.port.change.tables import standing_decided

REFER: Final = "refer-clearance"
DECIDE: Final = "decide-clearance"
FORMAT: Final = 1
TEXT_MAX: Final = 2_000
REASONS_MAX: Final = 24
DAYS_AHEAD_MAX: Final = 1
"""A day of decision may lie this far ahead of the node's clock: time zones."""
TO: Final = "the person who answers for exports at this node"
_OWN_RULE: Final = "Clearances and changes of law (docs/laws/changes.md)"

_Form = TypeVar("_Form")


class ChangeCode(StrEnum):
    """Codes of referral and refusal; one heading each in docs/laws/changes.md."""

    AFFECTED = "change.affected"
    """The law answers otherwise for a cleared shipment."""
    NOT_AFFECTED = "change.not-affected"
    """The node asked the law itself, and finds nothing that a person must decide."""
    ANSWER_DIFFERS = "change.answer-differs"
    """The node asked the law itself, and got another answer than the referral states."""
    NO_CLEARANCE = "change.no-clearance"
    """There is no granted clearance of this id at this entry, or its evidence was erased."""
    UNSIGNED = "change.unsigned"
    """A decision lacks its author or reasons, or its day has not come."""
    NO_SUCCESSOR = "change.no-successor"
    """What supersedes a clearance must be a later clearance of this node."""
    NOT_YOURS = "change.not-yours"
    """Of a clearance only its exporter speaks, and the operator of the node."""


class Referral(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a `refer-clearance` act: which clearance, and what the law says of it now."""

    format: int
    clearance: str
    index: int
    as_of: str
    known_at: str
    effect: str
    outcome: str
    status: str
    rules: list[str]
    duties: list[str]
    deadline: str


class Ordered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a `decide-clearance` act: what a named person decides, and why."""

    format: int
    clearance: str
    index: int
    standing: Literal["suspended", "superseded", "upheld"]
    by: str
    reasons: str
    on: str
    successor: int = 0
    """Index of the clearance that takes the place of a superseded one; 0 otherwise."""


# -- referral --------------------------------------------------------------------------------------


def referral(found: Rechecked, rechecker: Rechecker) -> dict[str, object]:
    """Return the body of the act that refers a rechecked clearance to a person."""
    return {
        "format": FORMAT,
        "clearance": found.id,
        "index": found.index,
        "as_of": rechecker.as_of.isoformat(),
        "known_at": rechecker.known_at.isoformat(),
        **_answer(found),
        "deadline": found.deadline.on.isoformat() if found.deadline else "",
    }


def referral_id(found: Rechecked) -> ActId:
    """Return the act id of a referral: the same answer about a clearance is referred once."""
    plain = encode({"clearance": found.id, **_answer(found)})
    return ActId(hashlib.sha256(b"entrepot referral v1\x00" + plain).digest()[:16])


def referred_at(read: sa.Connection, issuer: Kid, found: Rechecked) -> int | None:
    """Return the index of the referral of this very answer, or None when there is none yet."""
    query = sa.select(RECORDS.c.index).where(
        RECORDS.c.issuer == issuer, RECORDS.c.act_id == referral_id(found)
    )
    row = read.execute(query).one_or_none()
    return None if row is None else int(row[0])


def _answer(found: Rechecked) -> dict[str, object]:
    return {
        "effect": found.effect,
        "outcome": found.outcome,
        "status": found.status,
        "rules": sorted(rule.id for rule in found.rules),
        "duties": sorted({duty.id for duty in found.new_duties}),
    }


def shape_referral(body: Mapping[object, object]) -> Referral:
    """Return the referral in a body after checking its form (step 2). Raises `InvalidInput`."""
    read = _read(body, Referral, "not a referral of a clearance")
    for day in (read.as_of, read.known_at):
        _day(day)
    if read.effect not in ADVERSE:
        raise InvalidInput("only what a person must decide is referred", value=read.effect)
    return read


def facts_of_referral(read: sa.Connection, request: Request[Referral], library: Library) -> Facts:
    """Ask the law about the stored clearance (step 3): the node believes no referral unasked.

    For a stranger it is not asked: the answer would tell him of another's shipment.
    """
    body = request.body
    if not may_speak(read, request, body.index):
        return Facts({"answer": None, "reasons": [], "may": False})
    try:
        stored = clearance_at(read, body.index)
    except NotFound:
        return Facts({"answer": None, "reasons": []})
    if stored.certificate is None or stored.certificate.id != body.clearance:
        return Facts({"answer": None, "reasons": []})
    rechecker = Rechecker(library, _day(body.as_of), _day(body.known_at))
    found = rechecker.recheck(stored)
    reasons = [
        [f"law.{rule.id}", f"{rule.source}, {rule.article}", rule.says] for rule in found.rules
    ]
    reasons += [
        [f"duty.{duty.id}", duty.article or duty.id, duty.says] for duty in found.new_duties
    ]
    answer = {**_answer(found), "adverse": found.affected and found.effect in ADVERSE}
    return Facts({"answer": answer, "reasons": reasons}, tuple(sorted(found.law.values())))


def decide_referral(request: Request[Referral], relied: Facts) -> Decision:
    """Refer to a person when the node finds the same (step 4)."""
    body, answer = request.body, relied.values["answer"]
    if not relied.values.get("may", True):
        return Refused((_not_yours(body.clearance),))
    if not isinstance(answer, dict):
        says = f"There is no clearance {body.clearance} at entry {body.index}."
        return Refused((Reason(ChangeCode.NO_CLEARANCE, _OWN_RULE, says),))
    if not answer["adverse"]:
        says = f"The law of {body.as_of} asks for nothing that {body.clearance} does not have."
        return Refused((Reason(ChangeCode.NOT_AFFECTED, _OWN_RULE, says),))
    stated = {
        "effect": body.effect,
        "outcome": body.outcome,
        "status": body.status,
        "rules": body.rules,
        "duties": body.duties,
    }
    if any(answer[name] != value for name, value in stated.items()):
        says = f"Asked again, the law says {answer['outcome']}, {answer['status']}."
        return Refused((Reason(ChangeCode.ANSWER_DIFFERS, _OWN_RULE, says),))
    says = f"{body.clearance}: {body.effect}; the law of {body.as_of} says {body.outcome}."
    reasons = [Reason(ChangeCode.AFFECTED, _OWN_RULE, says)]
    given = relied.values["reasons"]
    for code, citation, sentence in given if isinstance(given, list) else []:
        reasons.append(Reason(code, citation, sentence))
    return Referred(tuple(reasons[:REASONS_MAX]), TO)


# -- decision --------------------------------------------------------------------------------------


def shape_order(body: Mapping[object, object]) -> Ordered:
    """Return the decision in a body after checking its form (step 2). Raises `InvalidInput`."""
    read = _read(body, Ordered, "not a decision on a clearance")
    _day(read.on)
    for text in (read.by, read.reasons):
        if len(text) > TEXT_MAX:
            raise InvalidInput("author and reasons have at most 2,000 characters", value=text)
    return read


def facts_of_order(read: sa.Connection, request: Request[Ordered]) -> Facts:
    """Read whether the clearance, and what takes its place, exist, and whose it is (step 3)."""
    body = request.body
    return Facts(
        {
            "clearance": _id_at(read, body.index),
            "successor": _id_at(read, body.successor) if body.successor else "",
            "may": may_speak(read, request, body.index),
        }
    )


def decide_order(request: Request[Ordered], relied: Facts) -> Decision:
    """Take down what a named person decides of a clearance (step 4)."""
    body = request.body
    if not relied.values.get("may", True):
        return Refused((_not_yours(body.clearance),))
    today = datetime.fromtimestamp(request.decided_at, tz=UTC).date()
    reasons = []
    if relied.values["clearance"] != body.clearance:
        says = f"There is no clearance {body.clearance} at entry {body.index}."
        reasons.append(Reason(ChangeCode.NO_CLEARANCE, _OWN_RULE, says))
    if not (body.by.strip() and body.reasons.strip()):
        says = "A decision on a clearance needs its author and reasons."
        reasons.append(Reason(ChangeCode.UNSIGNED, _OWN_RULE, says))
    if _day(body.on) > today + timedelta(days=DAYS_AHEAD_MAX):
        says = f"The day of the decision, {body.on}, has not come."
        reasons.append(Reason(ChangeCode.UNSIGNED, _OWN_RULE, says))
    later = body.successor > body.index and bool(relied.values["successor"])
    if (body.standing == "superseded") != later:
        says = "A superseded clearance, and no other, names the later clearance in its place."
        reasons.append(Reason(ChangeCode.NO_SUCCESSOR, _OWN_RULE, says))
    if reasons:
        return Refused(tuple(reasons))
    return Granted((standing_decided(body.index, body.standing, body.on),))


def _not_yours(clearance: str) -> Reason:
    says = f"Of {clearance} only its exporter speaks, and the operator of this node."
    return Reason(ChangeCode.NOT_YOURS, _OWN_RULE, says)


def _id_at(read: sa.Connection, index: int) -> str:
    try:
        stored = clearance_at(read, index)
    except NotFound:
        return ""
    return stored.certificate.id if stored.certificate is not None else ""


# -- forms -----------------------------------------------------------------------------------------


def _read(body: Mapping[object, object], form: type[_Form], what: str) -> _Form:
    try:
        read = msgspec.convert(dict(body), form)
    except msgspec.ValidationError as error:
        raise InvalidInput(what, value=error) from None
    if getattr(read, "format", None) != FORMAT:
        raise InvalidInput(f"{what}: another format", value=getattr(read, "format", None))
    return read


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("not a day of the calendar", value=text) from None
