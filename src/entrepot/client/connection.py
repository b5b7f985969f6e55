"""`Client`: submit signed acts to a node, read the log, verify offline.

    client = Client("https://node.example.org", log_keys=keys)
    answer = client.submit(sign_act(key, "file-product", body, issued_at=now, act_id=new_act_id()))
    client.wait_for_witnessed(answer.tree_size)

Acts are idempotent by their id, so whatever goes wrong on the way, the same bytes are sent again
until they are answered or the patience given is used up. With `log_keys` every answer is verified
before it is returned; without, nothing the node says is proven.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final

import httpx
import msgspec

from entrepot.client.answers import (
    ActAnswer,
    EntryView,
    NodeError,
    Unreachable,
    answer_or_error,
    error_of,
)
from entrepot.client.signatures import sign_request
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, parse_log_keys, verify_checkpoint
from entrepot.kernel.errors import Error, InvalidInput
from entrepot.kernel.keys import PrivateKey

COSE: Final = "application/cose"
CBOR_SEQUENCE: Final = "application/cbor-seq"
CHUNK_ACTS, CHUNK_BYTES = 1_024, 4 << 20
"""Acts of one request, and their bytes: both below what a node takes by default."""
PATIENCE_S: Final = 60.0
PAUSE_S, PAUSE_MAX_S = 0.05, 5.0
REDIRECTS_MAX: Final = 3
AGAIN: Final = frozenset({429, 502, 503, 504})
"""Statuses after which the same bytes are sent again."""


class Client:
    """A connection to one node. Close it, or use it as a context. Safe to share by threads."""

    def __init__(
        self,
        url: str,
        *,
        key: PrivateKey | None = None,
        log_keys: LogKeys | None = None,
        patience_s: float = PATIENCE_S,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Talk to the node at `url`. `key` signs reads of what only its party may see.

        `patience_s` bounds how long one call goes on trying.
        """
        if not url.startswith(("http://", "https://")):
            raise InvalidInput("a node is reached over http or https", value=url)
        self.url = url.rstrip("/")
        self.log_keys = log_keys
        self.patience_s = patience_s
        self._key = key
        self._http = httpx.Client(timeout=httpx.Timeout(30.0, connect=5.0), transport=transport)

    def submit(self, act: bytes) -> ActAnswer:
        """Submit one signed act and return its answer, verified when log keys are pinned.

        A refusal by law is an answer. Raises InvalidInput, VerificationError, Conflict as the node
        says, Unreachable when it did not answer in time.
        """
        response = self._send("POST", "/acts", content=act, content_type=COSE)
        answer = msgspec.json.decode(response.content, type=ActAnswer)
        self._verify(act, answer)
        return answer

    def submit_many(self, acts: Sequence[bytes]) -> list[ActAnswer | Error]:
        """Submit acts in their order, in chunks; one answer or error in the place of each.

        Raises what concerns all of a chunk (Unreachable, a node that takes no acts); chunks before
        it were answered, and sending everything again gives their answers again.
        """
        outcomes: list[ActAnswer | Error] = []
        for chunk in chunks_of(acts):
            body = b"".join(chunk)
            response = self._send("POST", "/acts", content=body, content_type=CBOR_SEQUENCE)
            items = msgspec.json.decode(response.content, type=list[dict[str, Any]])
            if len(items) != len(chunk):
                raise NodeError("the node did not answer every act", status=response.status_code)
            for act, item in zip(chunk, items, strict=True):
                outcome = answer_or_error(item)
                if isinstance(outcome, ActAnswer):
                    self._verify(act, outcome)
                outcomes.append(outcome)
        return outcomes

    def get(self, index: int) -> EntryView:
        """Return what everybody may read of an entry. Raises NotFound."""
        response = self._send("GET", f"/acts/{index}")
        return msgspec.json.decode(response.content, type=EntryView)

    def entry(self, index: int) -> bytes:
        """Return the bytes of an entry. Raises NotFound."""
        return self._send("GET", f"/acts/{index}/entry").content

    def receipt(self, index: int, tree_size: int | None = None) -> bytes:
        """Return the COSE receipt of an entry, in the newest tree unless one is named."""
        query = "" if tree_size is None else f"?size={tree_size}"
        return self._send("GET", f"/acts/{index}/receipt{query}").content

    def proof(self, index: int) -> bytes:
        """Return the C2SP tlog-proof of an entry."""
        return self._send("GET", f"/acts/{index}/proof").content

    def opening(self, index: int) -> bytes:
        """Return what opens an entry of this key's own party. NotFound when it is another's."""
        return self._send("GET", f"/acts/{index}/opening").content

    def checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint, verified. Raises InvalidInput without pinned keys."""
        return verify_checkpoint(self.checkpoint_note(), self._pinned())

    def checkpoint_note(self) -> bytes:
        """Return the newest checkpoint as its signed note, unverified."""
        return self._send("GET", "/log/checkpoint").content

    def unverified_log_keys(self) -> LogKeys:
        """Return the keys the node says its log has: to be compared with a trusted copy."""
        return parse_log_keys(self._send("GET", "/log/keys").text)

    def wait_for_witnessed(
        self,
        tree_size: int,
        satisfied: Callable[[bytes], object] | None = None,
        *,
        wait_s: float = 60.0,
        every_s: float = 1.0,
    ) -> Checkpoint:
        """Wait until the served checkpoint covers `tree_size`, and return it verified.

        `satisfied` holds the note to a policy of witnesses and raises VerificationError when it
        does not (`entrepot.kernel.policy`). Raises Unreachable after `wait_s`.
        """
        keys, deadline = self._pinned(), time.monotonic() + wait_s
        while True:
            note = self.checkpoint_note()
            found = verify_checkpoint(note, keys)
            if found.size >= tree_size:
                if satisfied is not None:
                    satisfied(note)
                return found
            if time.monotonic() + every_s > deadline:
                raise Unreachable(
                    "no witnessed checkpoint covers the entry yet",
                    value=f"{found.size:,} of {tree_size:,}",
                    remedy="wait longer; the receipt itself is valid meanwhile",
                )
            time.sleep(every_s)

    def status(self) -> dict[str, Any]:
        """Return what `/readyz` says, ready or not. Raises Unreachable, NodeError."""
        try:
            response = self._http.get(f"{self.url}/readyz")
        except httpx.TransportError as error:
            raise Unreachable(
                "the node does not answer",
                value=f"{self.url}: {type(error).__name__}",
                remedy="check that it runs, and the URL",
            ) from None
        if response.status_code not in (200, 503):
            raise NodeError("this is no node", status=response.status_code, value=self.url)
        return msgspec.json.decode(response.content, type=dict[str, Any])

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        """Return the client itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def _verify(self, act: bytes, answer: ActAnswer) -> None:
        if self.log_keys is not None:
            answer.verify(act, self.log_keys)

    def _pinned(self) -> LogKeys:
        if self.log_keys is None:
            raise InvalidInput("no keys of the log are pinned", remedy="pass log_keys")
        return self.log_keys

    def _send(
        self, method: str, path: str, *, content: bytes | None = None, content_type: str = ""
    ) -> httpx.Response:
        """Send until it is answered or patience ends; the same bytes every time."""
        deadline = time.monotonic() + self.patience_s
        pause_s, last = PAUSE_S, "no answer"
        while True:
            wait_s = pause_s
            try:
                response = self._once(method, path, content, content_type)
            except httpx.TransportError as error:
                last = type(error).__name__
            else:
                if response.status_code not in AGAIN:
                    return _accepted(response)
                last = f"status {response.status_code}"
                wait_s = _retry_after_s(response, pause_s)
            if time.monotonic() + wait_s > deadline:
                raise Unreachable(
                    "the node did not answer in time",
                    value=f"{self.url}: {last}",
                    remedy="send the same bytes again later; the answer will be the same",
                )
            time.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, hides nothing
            pause_s = min(PAUSE_MAX_S, pause_s * 2)

    def _once(
        self, method: str, path: str, content: bytes | None, content_type: str
    ) -> httpx.Response:
        """Send once, following a follower's redirect to its leader (307)."""
        target = f"{self.url}{path}"
        for _ in range(REDIRECTS_MAX):
            headers = {"Content-Type": content_type} if content is not None else {}
            if self._key is not None and content is None:
                headers |= sign_request(self._key, method, target, created=int(time.time()))
            response = self._http.request(method, target, content=content, headers=headers)
            if response.status_code != 307 or "location" not in response.headers:
                return response
            target = str(response.url.join(response.headers["location"]))
        return response


def chunks_of(acts: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield the acts in chunks that one request may carry."""
    chunk: list[bytes] = []
    size = 0
    for act in acts:
        if chunk and (len(chunk) == CHUNK_ACTS or size + len(act) > CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(act)
        size += len(act)
    if chunk:
        yield chunk


def _retry_after_s(response: httpx.Response, default_s: float) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else default_s


def _accepted(response: httpx.Response) -> httpx.Response:
    """Return a response of success, or raise the error it tells of."""
    if response.is_success:
        return response
    try:
        problem = msgspec.json.decode(response.content, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        problem = {}
    raise error_of(problem, response.status_code)
