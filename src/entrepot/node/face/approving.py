"""Acts of persons: prepared here, shown in plain words, approved with a passkey, submitted.

`prepare` keeps the act's body in the node, tied to the person's session, and sends the browser to a
page that says what will be signed. The passkey signs the challenge that the kernel makes from
exactly that body (`kernel.approval`); the browser gives back the assertion and nothing else, so it
cannot swap what was shown. The act's id is fixed when it is prepared: pressing twice acts once.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import ActId, new_act_id, sign_act
from entrepot.kernel.approval import Approval, approval_challenge, with_approval
from entrepot.kernel.encoding import decode_map, encode
from entrepot.kernel.errors import Error, InvalidInput, NotFound
from entrepot.kernel.institution import kinds_by_name
from entrepot.kernel.keys import Kid
from entrepot.kernel.sequencer import Answer
from entrepot.node.face.addresses import safe_path
from entrepot.node.face.localtables import LOCAL, ensure_tables
from entrepot.node.face.people import Person
from entrepot.node.face.surroundings import Surroundings

PENDING_SECONDS: Final = 900
"""Time to read what will be signed; then it is prepared anew."""
PENDING_PER_PERSON_MAX: Final = 50
_BODY_MAX_BYTES: Final = 256 * 1024

PENDING: Final = sa.Table(
    "local_pending_acts",
    LOCAL,
    sa.Column("id", sa.String(43), primary_key=True),
    sa.Column("credential", sa.LargeBinary, nullable=False, index=True),
    sa.Column("session", sa.LargeBinary, nullable=False, comment="hash of the session's secret"),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("act_id", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("says", sa.Text, nullable=False, comment="JSON list of [label, words]"),
    sa.Column("back", sa.String(500), nullable=False),
    sa.Column("issued_at", sa.BigInteger, comment="NULL: when it was prepared"),
    sa.Column("prepared_at", sa.BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class Pending:
    """An act that waits for its person. `says` are pairs of label and words, `back` a path."""

    id: str
    kind: str
    act_id: ActId
    issued_at: int
    waits_until: int
    body: dict[str, Any]
    title: str
    says: tuple[tuple[str, str], ...]
    back: str


def check_act(around: Surroundings, kind: str, body: Mapping[str, Any]) -> None:
    """Raise InvalidInput when a body has not the shape of its kind, before anybody signs it."""
    known = kinds_by_name(around.running.institutions)
    given: dict[object, object] = dict(body.items())
    if kind not in known:
        raise NotFound("this node does not take acts of this kind", value=kind)
    try:
        known[kind].shape(given)
    except msgspec.ValidationError as error:
        raise InvalidInput("not the body of this kind of act", value=error) from error


@dataclass(frozen=True, slots=True)
class Draft:
    """An act to be approved: kind, body, and what the person is told of it before signing.

    `act_id` and `issued_at` (POSIX s) are for acts whose body names them; else both are made here.
    """

    kind: str
    body: Mapping[str, Any]
    title: str
    says: Sequence[tuple[str, str]]
    back: str
    act_id: ActId | None = None
    issued_at: int | None = None


def keep_pending(around: Surroundings, person: Person, draft: Draft) -> str:
    """Keep an act until its person approves it, and return its id.

    Raises InvalidInput when the body has not the shape of its kind.
    """
    check_act(around, draft.kind, draft.body)
    ensure_tables(around.store)
    now = around.now()
    row = {
        "id": secrets.token_urlsafe(32),
        "credential": bytes(person.kid),
        "session": _bound(person.secret),
        "kind": draft.kind,
        "act_id": draft.act_id or new_act_id(),
        "issued_at": draft.issued_at,
        "body": encode(dict(draft.body)),
        "title": draft.title,
        "says": msgspec.json.encode([[label, text] for label, text in draft.says]).decode(),
        "back": safe_path(draft.back),
        "prepared_at": now,
    }
    mine = PENDING.c.credential == row["credential"]
    with around.store.writing() as write:
        write.execute(sa.delete(PENDING).where(PENDING.c.prepared_at <= now - PENDING_SECONDS))
        count = write.execute(sa.select(sa.func.count()).where(mine)).scalar_one()
        if count >= PENDING_PER_PERSON_MAX:
            write.execute(sa.delete(PENDING).where(mine))
        write.execute(PENDING.insert().values(row))
    return str(row["id"])


def find_pending(around: Surroundings, person: Person, id_: str) -> Pending:
    """Return a prepared act of this session. Raises NotFound: another's, expired or done."""
    ensure_tables(around.store)
    question = sa.select(PENDING).where(
        PENDING.c.id == id_,
        PENDING.c.credential == bytes(person.kid),
        PENDING.c.session == _bound(person.secret),
        PENDING.c.prepared_at > around.now() - PENDING_SECONDS,
    )
    with around.store.reading() as read:
        row = read.execute(question).one_or_none()
    if row is None:
        raise NotFound(
            "nothing waits here for your approval",
            remedy="it was done already, or too much time passed; begin again from your desk",
        )
    body = {
        str(key): value for key, value in decode_map(row.body, size_max=_BODY_MAX_BYTES).items()
    }
    says = msgspec.json.decode(row.says, type=list[tuple[str, str]])
    return Pending(
        row.id,
        row.kind,
        ActId(bytes(row.act_id)),
        row.prepared_at if row.issued_at is None else row.issued_at,
        row.prepared_at + PENDING_SECONDS,
        body,
        row.title,
        tuple(says),
        row.back,
    )


def challenge_of(around: Surroundings, pending: Pending) -> bytes:
    """Return the 32 bytes that the person's passkey signs."""
    issuer = around.running.node.party.kid
    return approval_challenge(
        pending.kind, pending.act_id, pending.issued_at, pending.body, issuer=issuer
    )


async def submit_approved(around: Surroundings, pending: Pending, approval: Approval) -> Answer:
    """Submit the act with its approval and return the answer.

    Raises the kernel's Error when the act is not taken; then it still waits and may be tried again.
    """
    body = with_approval(pending.body, approval)
    answer = await submit_own(
        around, pending.kind, body, issued_at=pending.issued_at, act_id=pending.act_id
    )
    with around.store.writing() as write:
        write.execute(sa.delete(PENDING).where(PENDING.c.id == pending.id))
    return answer


async def submit_own(
    around: Surroundings, kind: str, body: Mapping[str, Any], *, issued_at: int, act_id: ActId
) -> Answer:
    """Sign an act with the node's own key, submit it and return the answer. Raises Error."""
    signed = sign_act(around.running.node.party, kind, body, issued_at=issued_at, act_id=act_id)
    (outcome,) = await around.running.intake.submit([signed])
    if isinstance(outcome, Error):
        raise outcome
    if not isinstance(outcome, Answer):
        raise TypeError("the intake answers with an Answer or an Error")
    return outcome


def drop_pending(around: Surroundings, credential: Kid) -> None:
    """Drop what waits for a credential: its sessions ended."""
    ensure_tables(around.store)
    with around.store.writing() as write:
        write.execute(sa.delete(PENDING).where(PENDING.c.credential == bytes(credential)))


def _bound(secret: str) -> bytes:
    return hashlib.sha256(b"pending\0" + secret.encode()).digest()
