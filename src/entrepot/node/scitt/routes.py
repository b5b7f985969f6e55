"""SCRAPI (draft-ietf-scitt-scrapi-11): register a statement, get its receipt, get the keys.

An act of this node's own kinds is a Signed Statement as well: sent here it is decided like at
`/acts`, and its receipt is over the log's entry about it. A statement of others is a leaf itself.
Registration is finished before the answer, so there is no 303 and no 302.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any, Final

from litestar import Request, Response, Router, get, post
from litestar.params import FromPath

from entrepot.kernel.acts import ACT_MAX_BYTES, SignedAct
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import Error, InvalidInput
from entrepot.kernel.statement import parse_statement
from entrepot.node.api.acts import COSE, read_body
from entrepot.node.api.buckets import Buckets
from entrepot.node.api.problems import TooMany, WrongMediaType
from entrepot.node.api.reads import from_log
from entrepot.node.running import Running
from entrepot.node.scitt.concise import CONCISE_HANDLERS, InvalidLocator, NoSuchKey
from entrepot.node.scitt.keyset import CBOR_TYPE, cose_key, find_key, key_set
from entrepot.node.scitt.registering import (
    POLICY,
    POLICY_PATH,
    UNPROTECTED_IGNORED,
    register,
)

KEYS_MAX_AGE_S: Final = 3_600
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,18}")


@post("/entries", tags=["scitt"], summary="Register a Signed Statement", status_code=201,
      request_max_body_size=None)  # fmt: skip
async def post_entry(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Register one Signed Statement (application/cose): 201 with its receipt and a Location.

    The same bytes again: 201 with a receipt of the newest tree for the same place.
    """
    running: Running = request.app.state.running
    media_type = (request.headers.get("content-type") or "").split(";")[0].strip().lower()
    if media_type != COSE:
        raise WrongMediaType("a statement is application/cose", value=media_type or "none")
    body = await read_body(request, ACT_MAX_BYTES)
    limits: Buckets | None = request.app.state.get("key_buckets")
    key = _unverified_key(body)
    _hold_back(limits, key)
    index, receipt = await _register(running, body)
    if limits is not None and key:
        limits.take(key, 1, time.monotonic())
    return _receipt(running, index, receipt, status=201)


async def _register(running: Running, body: bytes) -> tuple[int, bytes]:
    """Return index and receipt of an act or a statement."""
    if _is_act(body):
        outcome = (await running.intake.submit([body]))[0]
        if isinstance(outcome, Error):
            raise outcome
        return outcome.index, outcome.receipt
    done = await asyncio.to_thread(register, running, body)
    return done.index, done.receipt


def _is_act(body: bytes) -> bool:
    try:
        SignedAct(body)
    except InvalidInput:
        return False
    return True


def _unverified_key(body: bytes) -> bytes:
    """Return the key id that a statement is verified under later; empty when it is none.

    Read as verification reads it: a mark looked for in the bytes could be a decoy under another
    label, by which one key would be counted against another's limit.
    """
    try:
        return bytes(parse_statement(body, unprotected_allowed=UNPROTECTED_IGNORED).kid)
    except InvalidInput:
        return bytes(SignedAct(body).unverified_kid) if _is_act(body) else b""


def _hold_back(limits: Buckets | None, key: bytes) -> None:
    wait_s = limits.wait_s(key, time.monotonic()) if limits is not None and key else 0
    if wait_s:
        raise TooMany(
            "more statements than one key may send", value=key.hex(), retry_after_s=wait_s
        )


@get("/entries/{locator:str}", tags=["scitt"], summary="A fresh receipt")
async def get_entry_receipt(
    request: Request[Any, Any, Any], locator: FromPath[str]
) -> Response[bytes]:
    """Answer the receipt of an entry in the newest tree; the locator is its index in the log."""
    running: Running = request.app.state.running
    if not _INDEX.fullmatch(locator):
        raise InvalidLocator("a locator is the index of an entry", value=locator)
    index = int(locator)
    receipt = await from_log(request, lambda log: log.receipt(index))
    return _receipt(running, index, receipt, status=200)


def _receipt(running: Running, index: int, receipt: bytes, *, status: int) -> Response[bytes]:
    headers = {"Location": f"{running.url}/entries/{index}", "Cache-Control": "no-store"}
    return Response(receipt, status_code=status, media_type=COSE, headers=headers)


@get("/.well-known/scitt-keys", tags=["scitt"], summary="Keys of receipts", sync_to_thread=False)
def get_key_set(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Answer the keys under which receipts of this log hold (COSE Key Set)."""
    return _cbor(key_set(_keys(request)))


@get(
    "/.well-known/scitt-keys/{kid_value:str}",
    tags=["scitt"],
    summary="One key of receipts",
    sync_to_thread=False,
)
def get_one_key(request: Request[Any, Any, Any], kid_value: FromPath[str]) -> Response[bytes]:
    """Answer one COSE key by its kid in base64url without padding."""
    key = find_key(_keys(request), kid_value)
    if key is None:
        raise NoSuchKey("no key could be found for this kid value", value=kid_value)
    return _cbor(encode(cose_key(key)))


def _keys(request: Request[Any, Any, Any]) -> tuple[Any, ...]:
    """Return the keys of receipts. A log has one for life: another one cannot continue it."""
    running: Running = request.app.state.running
    return (running.node.signer.ed25519.public,)


def _cbor(content: bytes) -> Response[bytes]:
    headers = {"Cache-Control": f"public, max-age={KEYS_MAX_AGE_S}"}
    return Response(content, media_type=CBOR_TYPE, headers=headers)


@get(POLICY_PATH, tags=["scitt"], summary="The registration policy", sync_to_thread=False)
def get_policy() -> Response[bytes]:
    """Answer the registration policy, whose hash is registered in the log itself."""
    headers = {"Content-Type": "text/plain; charset=utf-8"}
    return Response(POLICY, headers=headers)


ROUTES: Final[list[Any]] = [
    Router(
        "/",
        route_handlers=[post_entry, get_entry_receipt, get_key_set, get_one_key, get_policy],
        exception_handlers=CONCISE_HANDLERS,
    )
]
