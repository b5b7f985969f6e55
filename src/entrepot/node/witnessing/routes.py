"""HTTP of the witness (C2SP tlog-witness): both of its prefixes are /witness."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final

from litestar import Request, Response, get, post
from litestar.params import FromPath

from entrepot.kernel.errors import NotFound
from entrepot.kernel.witness import NOTE_TYPE, REQUEST_MAX_BYTES, WitnessAnswer
from entrepot.node.running import Running
from entrepot.node.witnessing.background import (
    WitnessStanding,
    policy_to_show,
    standings,
    witnessed_proof,
)
from entrepot.node.witnessing.desk import Desk, open_desk

MONITORING_MAX_AGE_S: Final = 5
_DESK: Final = "witness_desk"
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def desk_of(request: Request[Any, Any, Any]) -> Desk:
    """Return the desk of the node that serves this request. Raises NotFound, StorageError."""
    state = request.app.state
    desk: Desk | None = state.get(_DESK)
    if desk is None:
        running: Running = state.running
        settings = running.settings
        desk = open_desk(
            running.node.store,
            running.home,
            clock=running.clock,
            watched_file=settings.witnessing.witness_logs_file,
            passphrase=settings.passphrase.reveal().encode() or None,
        )
        state[_DESK] = desk
    return desk


@post(
    "/witness/add-checkpoint",
    tags=["witness"],
    summary="Ask this witness to cosign a checkpoint",
    request_max_body_size=REQUEST_MAX_BYTES,
    status_code=200,
)
async def add_checkpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Cosign a checkpoint that follows the last one: 200, or 400, 403, 404, 409, 422, 429."""
    body = await request.body()
    answer, retry_after_s = await asyncio.to_thread(_answer, request, body)
    # As a header: Litestar adds a charset to every text type it is given, and C2SP names the type.
    headers = {"Cache-Control": "no-store", "Content-Type": answer.media_type}
    if retry_after_s:
        headers["Retry-After"] = str(retry_after_s)
    return Response(answer.body, status_code=answer.status, headers=headers)


def _answer(request: Request[Any, Any, Any], body: bytes) -> tuple[WitnessAnswer, int]:
    return desk_of(request).add_checkpoint(body)


@get(
    "/witness/{origin_digest:str}/checkpoint",
    tags=["witness"],
    summary="The newest checkpoint this witness cosigned for a log",
    sync_to_thread=True,
)
def latest_checkpoint(
    request: Request[Any, Any, Any], origin_digest: FromPath[str]
) -> Response[bytes]:
    """Answer the note with the log's signatures and ours; 404 when there is none."""
    note = desk_of(request).latest(origin_digest)
    headers = {"Cache-Control": f"max-age={MONITORING_MAX_AGE_S}", "Content-Type": NOTE_TYPE}
    return Response(note, headers=headers)


@get("/witness/vkeys", tags=["witness"], summary="The keys of this witness", sync_to_thread=True)
def witness_vkeys(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer the two vkey lines of this witness; 404 when the node is none.

    Convenience, not trust: whoever relies on a witness gets its keys from its operator.
    """
    try:
        text = desk_of(request).vkeys()
    except NotFound as error:
        raise NotFound("this node is no witness") from error
    return Response(text.encode(), headers={"Content-Type": NOTE_TYPE})


@get("/log/proof/{index:str}", tags=["log"], summary="Proof of an entry, with cosignatures")
async def witnessed_entry_proof(
    request: Request[Any, Any, Any], index: FromPath[str]
) -> Response[bytes]:
    """Answer the C2SP tlog-proof of an entry under the checkpoint that this node shows.

    Self-contained: the entry, this text and a policy are enough to verify it offline.
    """
    if not _INDEX.fullmatch(index):
        raise NotFound("an index is a whole number", value=index)
    running: Running = request.app.state.running
    proof = await asyncio.to_thread(witnessed_proof, running, int(index))
    return Response(proof, headers={"Cache-Control": "no-store", "Content-Type": NOTE_TYPE})


@get("/log/policy", tags=["log"], summary="The node's policy of witnesses", sync_to_thread=True)
def get_log_policy(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer the C2SP tlog-policy under which this node shows checkpoints; 404 without one."""
    policy = policy_to_show(request.app.state.running)
    return Response(policy, headers={"Cache-Control": "no-store", "Content-Type": NOTE_TYPE})


@get("/log/witnesses", tags=["log"], summary="Who cosigns this log", sync_to_thread=True)
def get_log_witnesses(request: Request[Any, Any, Any]) -> Response[list[WitnessStanding]]:
    """Answer for each witness what it has cosigned, and for how long it has been behind."""
    return Response(standings(request.app.state.running), headers={"Cache-Control": "no-store"})


ROUTES: Final[list[Any]] = [
    add_checkpoint,
    witness_vkeys,
    latest_checkpoint,
    witnessed_entry_proof,
    get_log_policy,
    get_log_witnesses,
]
