"""Talking to a witness (C2SP tlog-witness, the client's side): asynchronous, bounded, distrustful.

What a witness answers is a stranger's: its size is capped, its signatures are verified under the
key of the policy, and nothing it merely claims counts against our own log. Only a checkpoint that
our own keys signed does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import httpx

from entrepot.kernel.checkpoint import SignedCheckpoint
from entrepot.kernel.cosignature import (
    VerifiedSignature,
    open_checkpoint,
    verified_signatures,
    with_cosignatures,
)
from entrepot.kernel.errors import Error, InvalidInput, StorageError, VerificationError
from entrepot.kernel.merkle import SIZE_MAX
from entrepot.kernel.note import VerifierKey, parse_signature_lines
from entrepot.kernel.policy import Policy
from entrepot.kernel.witness import SIZE_TYPE, format_add_checkpoint, origin_hash

ANSWER_MAX_BYTES: Final = 1 << 18
TIMEOUT_S: Final = 10.0
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")


class Unreachable(StorageError):
    """A witness or log did not answer, or not with what the protocol asks; it may later."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Asked:
    """One witness to ask: its submission prefix, its keys in the policy, a name to show."""

    url: str
    keys: tuple[VerifierKey, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Behind:
    """Answer 409: the witness last cosigned this size; ask again with a proof from there."""

    size: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """Answer 4xx otherwise: status and the first words of the body."""

    status: int
    said: str


def witnesses_of(policy: Policy) -> tuple[Asked, ...]:
    """Return the witnesses of a policy that have a URL; two keys at one URL are one witness."""
    by_url: dict[str, list[VerifierKey]] = {}
    for witness in policy.witnesses:
        if witness.url:
            by_url.setdefault(witness.url.rstrip("/"), []).append(witness.key)
    for url in by_url:
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidInput("URL of a witness is not http or https", value=url)
    return tuple(Asked(url, tuple(keys), keys[0].name) for url, keys in by_url.items())


def witness_client() -> httpx.AsyncClient:
    """Return a client for all witnesses: keep-alive, no redirects, one timeout for all steps."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(TIMEOUT_S),
        follow_redirects=False,
        limits=httpx.Limits(max_connections=300, max_keepalive_connections=100),
        headers={"User-Agent": "entrepot"},
    )


async def ask_to_cosign(
    client: httpx.AsyncClient,
    asked: Asked,
    seen: SignedCheckpoint,
    *,
    old: int,
    proof: Sequence[bytes],
) -> tuple[VerifiedSignature, ...] | Behind | Rejected:
    """Send one add-checkpoint request; return verified cosignatures, or what the witness wants.

    Raises Unreachable (no answer, 5xx, 429, too large), VerificationError (a cosignature under the
    policy's key does not hold, or none is under it).
    """
    body = format_add_checkpoint(old, proof, seen.raw)
    status, media_type, answer = await _send(client, "POST", f"{asked.url}/add-checkpoint", body)
    if status == 200:
        return _cosignatures(seen, asked, answer)
    if status == 409 and media_type.split(";")[0].strip() == SIZE_TYPE:
        size = _SIZE.fullmatch(answer)
        if size is not None and int(size[1]) <= SIZE_MAX:
            return Behind(int(size[1]))
    if status == 429 or status >= 500 or status < 400:
        raise Unreachable(f"witness answered {status}", value=asked.url)
    return Rejected(status, answer[:200].decode("utf-8", "replace").strip())


def _cosignatures(
    seen: SignedCheckpoint, asked: Asked, answer: bytes
) -> tuple[VerifiedSignature, ...]:
    try:
        known = {(key.name, key.key_id) for key in asked.keys}
        lines = [
            line for line in parse_signature_lines(answer) if (line.name, line.key_id) in known
        ]
        found = verified_signatures(with_cosignatures(seen, lines), asked.keys)
    except InvalidInput as error:
        raise VerificationError(f"witness: {error.what}", value=asked.url) from error
    if not found:
        raise VerificationError(
            "witness did not cosign with a key of the policy",
            value=asked.url,
            remedy="compare its keys with those in the policy",
        )
    return found


async def ask_for_latest(
    client: httpx.AsyncClient, asked: Asked, origin: str, log: Sequence[VerifierKey]
) -> SignedCheckpoint | None:
    """Return the newest checkpoint of a log that a witness serves, or None when it has none.

    The log's own signature is verified. Raises Unreachable, VerificationError.
    """
    url = f"{asked.url}/{origin_hash(origin)}/checkpoint"
    status, _media_type, answer = await _send(client, "GET", url)
    if status == 404:
        return None
    if status != 200:
        raise Unreachable(f"witness answered {status}", value=url)
    return open_checkpoint(answer, log, origin=origin)


async def _send(
    client: httpx.AsyncClient, method: str, url: str, body: bytes | None = None
) -> tuple[int, str, bytes]:
    """Return status, media type and body of one exchange; Unreachable when there is none."""
    try:
        async with client.stream(method, url, content=body) as answer:
            content = b""
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > ANSWER_MAX_BYTES:
                    raise Unreachable("answer of the witness is too large", value=url)
            return answer.status_code, answer.headers.get("content-type", ""), content
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Unreachable(f"witness does not answer: {type(error).__name__}", value=url) from error


def said(error: Error) -> str:
    """Return an error in one line, for a list of witnesses."""
    return f"{error.what}" + (f" ({error.value})" if error.value is not None else "")
