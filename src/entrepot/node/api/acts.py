"""Acts over HTTP: one signed act or a sequence of them in, one answer for each out.

`POST /acts` is idempotent by the act's own id: the same bytes again give the same answer, so a
client that lost an answer sends them again. A refusal by law is an answer (201, outcome `refused`,
reasons with citations); only what is no valid act, or what the node cannot do now, is an error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import RequestBody
from litestar.openapi.spec.media_type import OpenAPIMediaType
from litestar.openapi.spec.operation import Operation
from litestar.openapi.spec.schema import Schema

from entrepot.kernel.acts import ACT_MAX_BYTES
from entrepot.kernel.decisions import Effect, Granted, Reason, Referred
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import Error, StorageError, VerificationError
from entrepot.kernel.sequencer import Answer
from entrepot.node.api.buckets import Buckets
from entrepot.node.api.negotiation import preferred
from entrepot.node.api.problems import TooLarge, TooMany, WrongMediaType, problem_of
from entrepot.node.api.sequence import split_sequence
from entrepot.node.running import Running

COSE: Final = "application/cose"
CBOR_SEQUENCE: Final = "application/cbor-seq"
CBOR: Final = "application/cbor"
JSON: Final = "application/json"
OUTCOMES: Final = ("granted", "refused", "referred")
_KID_MARK: Final = b"\x04\x58\x20"
"""Label 4 and the head of 32 bytes: where the protected header of an act names its key."""


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """An RFC 9457 problem object, as every error of this node."""

    type: str
    title: str
    status: int
    instance: str = ""
    value: str = ""
    remedy: str = ""
    exit_code: int = 0


class ActAnswer(msgspec.Struct, frozen=True):
    """What the node answers to one act, after it is durable and published.

    `entry` is the log entry at `index`, `receipt` its COSE receipt (RFC 9942) in the tree of
    `tree_size`; both base64 in JSON, bytes in CBOR. `to` names who decides a referred act.
    """

    index: int
    tree_size: int
    outcome: str
    to: str
    reasons: tuple[Reason, ...]
    effects: tuple[Effect, ...]
    entry: bytes
    receipt: bytes
    repeated: bool


@dataclass
class _Takes(Operation):
    """The request body of POST /acts in the OpenAPI document: bytes of two media types."""

    def __post_init__(self) -> None:
        binary = Schema(content_media_type=COSE)
        self.request_body = RequestBody(
            content={
                COSE: OpenAPIMediaType(schema=binary),
                CBOR_SEQUENCE: OpenAPIMediaType(schema=binary),
            },
            description="One COSE_Sign1 act, or an RFC 8742 sequence of them.",
            required=True,
        )


def _answers(description: str) -> ResponseSpec:
    return ResponseSpec(ActAnswer, description=description, generate_examples=False)


def _problem(description: str) -> ResponseSpec:
    return ResponseSpec(
        Problem,
        description=description,
        generate_examples=False,
        media_type="application/problem+json",
    )


@post(
    "/acts",
    status_code=201,
    tags=["acts"],
    summary="Submit signed acts",
    operation_class=_Takes,
    request_max_body_size=None,
    responses={
        200: _answers("The act was answered before, or a list of answers to a sequence."),
        201: _answers("A new act: decided, logged, applied. A refusal by law is here too."),
        403: _problem("The signature does not hold, or the key is not accepted."),
        408: _problem("The body did not arrive in time."),
        409: _problem("The act id was used for other bytes."),
        413: _problem("Body, act or number of acts over the limit."),
        415: _problem("Neither application/cose nor application/cbor-seq."),
        422: _problem("Not an act, or a body of the wrong shape."),
        429: _problem("More than this key or address may send; see Retry-After."),
        503: _problem("Too many acts wait, or storage refuses; send the same bytes again."),
    },
)
async def post_acts(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Submit one act (application/cose) or a sequence (application/cbor-seq, RFC 8742).

    One act: 201 with its answer, or 200 when the same bytes were answered before. A sequence: 200
    and a list with an answer or a problem object in the place of each act.
    """
    running: Running = request.app.state.running
    many = _is_sequence(request.headers.get("content-type"))
    acts = await _read_acts(request, running, many=many)
    limits: Buckets = request.app.state.key_buckets
    keys = [_unverified_key(act) for act in acts]
    _hold_back(limits, keys)
    outcomes = await running.intake.submit(acts)
    _count(request, limits, keys, outcomes)
    first = outcomes[0]
    if isinstance(first, StorageError) and all(item is first for item in outcomes):
        raise first  # nothing of this request was taken: not a matter of one act
    if many:
        return _answer_many(request, outcomes)
    if isinstance(first, Error):
        raise first
    return _answer_one(request, first)


def _is_sequence(content_type: str | None) -> bool:
    name = (content_type or "").split(";")[0].strip().lower()
    if name not in (COSE, CBOR_SEQUENCE):
        raise WrongMediaType(
            "acts are COSE_Sign1 messages",
            value=name or "no Content-Type",
            remedy=f"send {COSE} (one act) or {CBOR_SEQUENCE} (many)",
        )
    return name == CBOR_SEQUENCE


async def _read_acts(
    request: Request[Any, Any, Any], running: Running, *, many: bool
) -> list[bytes]:
    """Return the acts of the body. Raises TooLarge, TooSlow (from the stream), InvalidInput."""
    http = running.settings.http
    limit = http.acts_body_max_bytes if many else min(ACT_MAX_BYTES, http.acts_body_max_bytes)
    body = await read_body(request, limit)
    if not many:
        return [body]
    return split_sequence(body, items_max=http.acts_max_per_request, item_max_bytes=ACT_MAX_BYTES)


async def read_body(request: Request[Any, Any, Any], max_bytes: int) -> bytes:
    """Return the body of a request. Raises TooLarge as soon as it is over `max_bytes`."""
    announced = request.headers.get("content-length", "")
    too_large = TooLarge("the body is over the limit", value=f"{max_bytes:,} bytes at most")
    if announced.isdecimal() and len(announced) < 19 and int(announced) > max_bytes:
        raise too_large
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > max_bytes:
            raise too_large
        pieces.append(piece)
    return b"".join(pieces)


def _unverified_key(act: bytes) -> bytes:
    """Return the key id that stands in the header of an act, unverified; empty when none does."""
    at = act.find(_KID_MARK, 0, 64)
    return act[at + 3 : at + 35] if at >= 0 else b""


def _hold_back(limits: Buckets, keys: Sequence[bytes]) -> None:
    now = time.monotonic()
    for key in set(keys):
        wait_s = limits.wait_s(key, now) if key else 0
        if wait_s:
            raise TooMany("more acts than one key may send", value=key.hex(), retry_after_s=wait_s)


def _count(
    request: Request[Any, Any, Any],
    limits: Buckets,
    keys: Sequence[bytes],
    outcomes: Sequence[Answer | Error],
) -> None:
    """Count what was verified against its key, and what was not against the sender's address."""
    now = time.monotonic()
    counts: dict[bytes, int] = {}
    unverified = 0
    for key, outcome in zip(keys, outcomes, strict=True):
        if isinstance(outcome, Answer):
            counts[key] = counts.get(key, 0) + 1
        elif isinstance(outcome, VerificationError):
            unverified += 1
    for key, count in counts.items():
        limits.take(key, count, now)
    address = request.scope.get("entrepot_address")
    if address is not None:
        request.app.state.address_buckets.take(address, unverified, now)


def answer_of(answer: Answer) -> ActAnswer:
    """Return the view of a sequencer's answer."""
    decision = answer.decision
    return ActAnswer(
        answer.index,
        answer.tree_size,
        OUTCOMES[decision.outcome],
        decision.to if isinstance(decision, Referred) else "",
        () if isinstance(decision, Granted) else decision.reasons,
        decision.effects if isinstance(decision, Granted) else (),
        answer.entry,
        answer.receipt,
        answer.repeated,
    )


def _answer_one(request: Request[Any, Any, Any], answer: Answer) -> Response[bytes]:
    media_type = preferred(request.headers.get("accept"), (JSON, CBOR))
    view = answer_of(answer)
    content = msgspec.json.encode(view) if media_type == JSON else _cbor(view)
    return Response(
        content,
        status_code=200 if answer.repeated else 201,
        media_type=media_type,
        headers={"Location": f"/acts/{answer.index}", "Cache-Control": "no-store"},
    )


def _answer_many(
    request: Request[Any, Any, Any], outcomes: Sequence[Answer | Error]
) -> Response[bytes]:
    media_type = preferred(request.headers.get("accept"), (JSON, CBOR_SEQUENCE))
    views = [problem_of(item) if isinstance(item, Error) else answer_of(item) for item in outcomes]
    if media_type == JSON:
        content = msgspec.json.encode(views)
    else:
        content = b"".join(_cbor(view) for view in views)
    headers = {"Cache-Control": "no-store"}
    return Response(content, status_code=200, media_type=media_type, headers=headers)


def _cbor(view: object) -> bytes:
    return encode(msgspec.to_builtins(view, builtin_types=(bytes,)))


ROUTES: Final = [post_acts]
