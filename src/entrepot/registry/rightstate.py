"""What is so about rights: grants, objections, the course of each. The only writer of its tables.

A right is named by the index of the act that made it. It is never deleted: what ended keeps its
row, its reasons and its place in the chain of sources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from entrepot.kernel.decisions import Effect, Outcome
from entrepot.kernel.institution import Record
from entrepot.registry.rightacts import (
    DecideObjection,
    Extent,
    FileRight,
    LicenseRight,
    ObjectToRight,
)
from entrepot.registry.tables import TABLES

NOTICE, CONTESTED, REGISTERED = "notice", "contested", "registered"
REFUSED, CANCELLED, LAPSED = "refused", "cancelled", "lapsed"
"""The states of a right. `lapsed`: its source fell. That a term is over is seen by its days."""
LIVE: Final = (NOTICE, CONTESTED, REGISTERED)
"""States in which a right stands in the way of others."""
OPEN, UPHELD, DISMISSED, MOOT = "open", "upheld", "dismissed", "moot"
"""The states of an objection. `moot`: the right ended otherwise before it was decided."""

FIRST, LICENCE, TRANSFERRED = "first", "licence", "transfer"
CHANGED, CORRECTED, CANCEL, OBJECTION = "change", "correction", "cancel", "objection"
RULING, REGISTRATION = "ruling", "registration"
"""What may happen to a right: the six types of registration, correction, ruling, registration."""

RIGHT_FILED, RIGHT_LICENSED, RIGHT_REGISTERED = "right-filed", "right-licensed", "right-registered"
RIGHT_TRANSFERRED, RIGHT_CHANGED, RIGHTS_ENDED = (
    "right-transferred",
    "right-changed",
    "rights-ended",
)
OBJECTION_FILED, OBJECTION_DECIDED = "objection-filed", "objection-decided"

GRANTS: Final = sa.Table(
    "registry_rights",
    TABLES,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("product", sa.BigInteger, nullable=False, index=True),
    sa.Column("right", sa.String(8), nullable=False),
    sa.Column("holder", sa.String(80), nullable=False, index=True),
    sa.Column("type", sa.String(8), nullable=False, comment="first or licence"),
    sa.Column("status", sa.String(12), nullable=False),
    sa.Column("scope", sa.String(1300), nullable=False),
    sa.Column("territory", sa.String(400), nullable=False),
    sa.Column("from_day", sa.String(10), nullable=False),
    sa.Column("until_day", sa.String(10), nullable=False, comment='"" for open'),
    sa.Column("exclusive", sa.Boolean, nullable=False),
    sa.Column("transferable", sa.Boolean, nullable=False),
    sa.Column("sublicence", sa.Boolean, nullable=False),
    sa.Column("source", sa.BigInteger, index=True),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("noticed_at", sa.BigInteger, nullable=False, comment="begin of the notice"),
    sa.Column("closes_at", sa.BigInteger, nullable=False, comment="end of the notice"),
    sa.Column("registered_index", sa.BigInteger),
    sa.Column("registered_at", sa.BigInteger),
    sa.Column("ended_index", sa.BigInteger),
    sa.Column("ended_at", sa.BigInteger),
    sa.Index("registry_rights_notice", "status", "closes_at"),
)
"""One row per right. Scope and territory are space separated."""

EVIDENCE: Final = sa.Table(
    "registry_right_evidence",
    TABLES,
    sa.Column("right", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sha256", sa.String(64), primary_key=True),
)
"""Hashes of the documents that a right rests on."""

OBJECTIONS: Final = sa.Table(
    "registry_objections",
    TABLES,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("right", sa.BigInteger, nullable=False, index=True),
    sa.Column("party", sa.String(80), nullable=False, index=True),
    sa.Column("code", sa.String(80), nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False, comment="hashes, space separated"),
    sa.Column("filed_at", sa.BigInteger, nullable=False),
    sa.Column("decide_by", sa.BigInteger, nullable=False),
    sa.Column("status", sa.String(10), nullable=False, index=True),
    sa.Column("decided_index", sa.BigInteger),
    sa.Column("decided_at", sa.BigInteger),
    sa.Column("reasons", sa.Text, nullable=False, comment="JSON list of [code, citation, text]"),
)
"""Objections by the index of the act that raised them, with what was decided and why."""

COURSE: Final = sa.Table(
    "registry_right_course",
    TABLES,
    sa.Column("right", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(12), nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False),
    sa.Column("said", sa.Text, nullable=False, comment="to whom, or why; may be empty"),
)
"""Everything that ever happened to a right, in the order of the log."""


def grant_values(
    asked: FileRight | LicenseRight, *, product: int, holder: str, closes_at: int
) -> dict[str, object]:
    """Return the values of an effect that makes a right; `closes_at` 0 registers it at once."""
    flags = (asked.exclusive, asked.transferable, asked.sublicence)
    return {
        "product": product,
        "right": asked.right,
        "holder": holder,
        **extent_values(asked.extent, flags),
        "source": asked.source,
        "evidence": list(asked.evidence),
        "closes_at": closes_at,
    }


def extent_values(extent: Extent, flags: tuple[bool, bool, bool]) -> dict[str, object]:
    """Return an extent and its three flags as plain values."""
    return {
        "scope": list(extent.scope),
        "territory": list(extent.territory),
        "from": extent.term.start,
        "until": extent.term.until,
        "exclusive": flags[0],
        "transferable": flags[1],
        "sublicence": flags[2],
    }


def objection_effect(body: ObjectToRight, party: str, decide_by: int) -> Effect:
    """Return the effect of an objection; `decide_by` in POSIX seconds."""
    return Effect(
        OBJECTION_FILED,
        {
            "right": body.right,
            "party": party,
            "code": body.grounds.code,
            "sentence": body.grounds.sentence,
            "evidence": list(body.evidence),
            "decide_by": decide_by,
        },
    )


def ruling_effect(body: DecideObjection, right: int, status: str, closes_at: int) -> Effect:
    """Return the effect of a ruling: the state of the right after it, and the end of its notice."""
    return Effect(
        OBJECTION_DECIDED,
        {
            "objection": body.objection,
            "right": right,
            "outcome": body.outcome,
            "reasons": [[one.code, one.citation, one.sentence] for one in body.reasons],
            "status": status,
            "closes_at": closes_at,
        },
    )


def ended_effect(rights: Sequence[int], status: str, why: str) -> Effect:
    """Return the effect by which rights end together: cancelled or lapsed."""
    return Effect(RIGHTS_ENDED, {"rights": list(rights), "status": status, "reason": why})


def apply_right(write: sa.Connection, record: Record) -> None:
    """Fold any act about rights into the tables."""
    if record.outcome is not Outcome.GRANTED:
        return
    for effect in record.effects:
        fold = _FOLDS.get(effect.name)
        if fold is not None:
            fold(write, record, effect.values)


def _apply_made(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    """A right is filed (and in notice) or licensed (and registered at once)."""
    registered = values["closes_at"] == 0
    row = {
        "id": record.index,
        "product": values["product"],
        "right": values["right"],
        "holder": values["holder"],
        "type": LICENCE if registered else FIRST,
        "status": REGISTERED if registered else NOTICE,
        **_extent_row(values),
        "source": values["source"],
        "filed_at": record.decided_at,
        "noticed_at": record.decided_at,
        "closes_at": values["closes_at"],
        "registered_index": record.index if registered else None,
        "registered_at": record.decided_at if registered else None,
        "ended_index": None,
        "ended_at": None,
    }
    write.execute(GRANTS.insert(), row)
    for digest in values["evidence"]:
        write.execute(EVIDENCE.insert(), {"right": record.index, "sha256": digest})
    _note(write, record, record.index, LICENCE if registered else FIRST, values["holder"])


def _extent_row(values: Mapping[str, Any]) -> dict[str, object]:
    return {
        "scope": " ".join(values["scope"]),
        "territory": " ".join(values["territory"]),
        "from_day": values["from"],
        "until_day": values["until"],
        "exclusive": values["exclusive"],
        "transferable": values["transferable"],
        "sublicence": values["sublicence"],
    }


def _apply_registered(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    change = {
        "status": REGISTERED,
        "registered_index": record.index,
        "registered_at": record.decided_at,
    }
    _change(write, values["right"], change)
    _note(write, record, values["right"], REGISTRATION, "")


def _apply_transferred(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    _change(write, values["right"], {"holder": values["to"]})
    _note(write, record, values["right"], TRANSFERRED, values["to"])


def _apply_changed(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    change = _extent_row(values)
    if values["closes_at"]:
        change |= {"noticed_at": record.decided_at, "closes_at": values["closes_at"]}
    _change(write, values["right"], change)
    _note(write, record, values["right"], values["what"], _said(values["reasons"]))


def _apply_ended(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    what = CANCEL if values["status"] == CANCELLED else LAPSED
    for right in values["rights"]:
        _end(write, record, right, values["status"])
        _note(write, record, right, what, values["reason"])


def _apply_objection(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    row = {
        "id": record.index,
        "right": values["right"],
        "party": values["party"],
        "code": values["code"],
        "sentence": values["sentence"],
        "evidence": " ".join(values["evidence"]),
        "filed_at": record.decided_at,
        "decide_by": values["decide_by"],
        "status": OPEN,
        "decided_index": None,
        "decided_at": None,
        "reasons": "[]",
    }
    write.execute(OBJECTIONS.insert(), row)
    _change(write, values["right"], {"status": CONTESTED})
    _note(write, record, values["right"], OBJECTION, values["party"])


def _apply_ruling(write: sa.Connection, record: Record, values: Mapping[str, Any]) -> None:
    upheld = values["outcome"] == "uphold"
    decided = {
        "status": UPHELD if upheld else DISMISSED,
        "decided_index": record.index,
        "decided_at": record.decided_at,
        "reasons": json.dumps(values["reasons"], ensure_ascii=False),
    }
    write.execute(OBJECTIONS.update().where(OBJECTIONS.c.id == values["objection"]).values(decided))
    right = values["right"]
    if upheld:
        _end(write, record, right, REFUSED)
    else:
        _change(write, right, {"status": values["status"], "closes_at": values["closes_at"]})
    _note(write, record, right, RULING, _said(values["reasons"]))


def _end(write: sa.Connection, record: Record, right: int, status: str) -> None:
    """End a right; objections still open against it have nothing left to decide."""
    pending = sa.and_(OBJECTIONS.c.right == right, OBJECTIONS.c.status == OPEN)
    write.execute(OBJECTIONS.update().where(pending).values(status=MOOT))
    change = {"status": status, "ended_index": record.index, "ended_at": record.decided_at}
    _change(write, right, change)


def _change(write: sa.Connection, right: int, values: Mapping[str, object]) -> None:
    write.execute(GRANTS.update().where(GRANTS.c.id == right).values(dict(values)))


def _note(write: sa.Connection, record: Record, right: int, what: str, said: str) -> None:
    row = {
        "right": right,
        "index": record.index,
        "what": what,
        "at": record.decided_at,
        "said": said,
    }
    write.execute(COURSE.insert(), row)


def _said(reasons: Sequence[Sequence[str]]) -> str:
    return "\n".join(sentence for _code, _citation, sentence in reasons)


_FOLDS: Final = {
    RIGHT_FILED: _apply_made,
    RIGHT_LICENSED: _apply_made,
    RIGHT_REGISTERED: _apply_registered,
    RIGHT_TRANSFERRED: _apply_transferred,
    RIGHT_CHANGED: _apply_changed,
    RIGHTS_ENDED: _apply_ended,
    OBJECTION_FILED: _apply_objection,
    OBJECTION_DECIDED: _apply_ruling,
}
