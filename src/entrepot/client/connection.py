"""`Client`: submit signed acts to a node, read the log, verify offline.

    client = Client("https://node.example.org", log_keys=keys)
    answer = client.submit(sign_act(key, "file-product", body, issued_at=now, act_id=new_act_id()))
    client.wait_for_witnessed(answer.tree_size)

Acts are idempotent by their id, so whatever goes wrong on the way, the same bytes are sent again
until they are answered or the patience given is used up. With `log_keys` every answer about acts,
entries and checkpoints is verified before it is returned; without, nothing the node says is proven.

A node is a stranger: whatever it answers, a call ends in a value or an error of
`entrepot.kernel.errors`, within `patience_s` + 30 s and bounded memory. Only acts are sent on to a
leader that a follower names, and never from https to http; signed reads go to `url` alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from entrepot.client.answers import (
    ActAnswer,
    EntryView,
    NodeError,
    Unreachable,
    answer_or_error,
    error_of,
    verify_entry,
)
from entrepot.client.exchange import STEP_S, Exchanges, NoExchange, Received
from entrepot.client.signatures import sign_request
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, parse_log_keys
from entrepot.kernel.cosignature import open_own_checkpoint
from entrepot.kernel.errors import Error, InvalidInput
from entrepot.kernel.keys import PrivateKey

COSE: Final = "application/cose"
CBOR_SEQUENCE: Final = "application/cbor-seq"
CHUNK_ACTS, CHUNK_BYTES = 1_024, 4 << 20
"""Acts of one request, and their bytes: both below what a node takes by default."""
PATIENCE_S: Final = 60.0
PAUSE_S, PAUSE_MAX_S = 0.05, 5.0
REDIRECTS_MAX: Final = 3
READ_MAX_BYTES: Final = 8 << 20
"""Of an entry, an opening or a proof: an act has 256 KiB, its facts and ruling not many times it.
"""
ANSWER_MAX_BYTES, ANSWER_PER_ACT_BYTES, ANSWER_PER_BYTE = 1 << 20, 1 << 15, 4
"""Of the answer to acts: in all, besides for each act, and for each byte sent (entry in base64)."""
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
        self._exchanges = Exchanges(transport)

    def submit(self, act: bytes) -> ActAnswer:
        """Submit one signed act and return its answer, verified when log keys are pinned.

        A refusal by law is an answer. Raises InvalidInput, VerificationError, Conflict as the node
        says, Unreachable when it did not answer in time.
        """
        response = self._send_acts([act], COSE)
        answer = response.decoded(ActAnswer)
        self._verify(act, answer)
        return answer

    def submit_many(self, acts: Sequence[bytes]) -> list[ActAnswer | Error]:
        """Submit acts in their order, in chunks; one answer or error in the place of each.

        Raises what concerns all of a chunk (Unreachable, a node that takes no acts, an answer that
        does not verify: a node that lies once is not believed on); chunks before it were answered,
        and sending everything again gives their answers again.
        """
        outcomes: list[ActAnswer | Error] = []
        for chunk in chunks_of(acts):
            response = self._send_acts(chunk, CBOR_SEQUENCE)
            items = response.decoded(list[dict[str, Any]])
            if len(items) != len(chunk):
                raise NodeError("the node did not answer every act", status=response.status)
            for act, item in zip(chunk, items, strict=True):
                outcome = answer_or_error(item)
                if isinstance(outcome, ActAnswer):
                    self._verify(act, outcome)
                outcomes.append(outcome)
        return outcomes

    def get(self, index: int) -> EntryView:
        """Return what everybody may read of an entry. Raises NotFound."""
        view = self._send("GET", f"/acts/{index}").decoded(EntryView)
        if self.log_keys is not None:
            verify_entry(view.entry, self._receipt(index), index, self.log_keys)
            view.verify()
        return view

    def entry(self, index: int) -> bytes:
        """Return the bytes of an entry. Raises NotFound."""
        content = self._send("GET", f"/acts/{index}/entry").content
        if self.log_keys is not None:
            verify_entry(content, self._receipt(index), index, self.log_keys)
        return content

    def receipt(self, index: int, tree_size: int | None = None) -> bytes:
        """Return the COSE receipt of an entry, in the newest tree unless one is named."""
        found = self._receipt(index, tree_size)
        if self.log_keys is not None:
            content = self._send("GET", f"/acts/{index}/entry").content
            verify_entry(content, found, index, self.log_keys, tree_size=tree_size)
        return found

    def _receipt(self, index: int, tree_size: int | None = None) -> bytes:
        query = "" if tree_size is None else f"?size={tree_size}"
        return self._send("GET", f"/acts/{index}/receipt{query}").content

    def proof(self, index: int) -> bytes:
        """Return the C2SP tlog-proof of an entry: verified by whoever holds the entry and keys."""
        return self._send("GET", f"/acts/{index}/proof").content

    def opening(self, index: int) -> bytes:
        """Return what opens an entry of this key's own party. NotFound when it is another's.

        It proves itself against the entry (`entrepot.kernel.export.verify_export`).
        """
        return self._send("GET", f"/acts/{index}/opening").content

    def checkpoint(self) -> Checkpoint:
        """Return the newest checkpoint, verified, with cosignatures of witnesses or without.

        Raises InvalidInput without pinned keys, VerificationError.
        """
        return open_own_checkpoint(self.checkpoint_note(), self._pinned()).checkpoint

    def checkpoint_note(self) -> bytes:
        """Return the newest checkpoint as its signed note, unverified."""
        return self._send("GET", "/log/checkpoint").content

    def unverified_log_keys(self) -> LogKeys:
        """Return the keys the node says its log has: to be compared with a trusted copy."""
        return parse_log_keys(self._send("GET", "/log/keys").text())

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
            found = open_own_checkpoint(note, keys).checkpoint
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
            response = self._exchange("GET", f"{self.url}/readyz", STEP_S)
        except NoExchange as error:
            raise Unreachable(
                "the node does not answer",
                value=f"{self.url}: {error}",
                remedy="check that it runs, and the URL",
            ) from None
        if response.status not in (200, 503):
            raise NodeError("this is no node", status=response.status, value=self.url)
        return response.decoded(dict[str, Any])

    def close(self) -> None:
        """Close the connections."""
        self._exchanges.close()

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

    def _send_acts(self, acts: Sequence[bytes], media_type: str) -> Received:
        body = b"".join(acts)
        most = ANSWER_MAX_BYTES + ANSWER_PER_ACT_BYTES * len(acts) + ANSWER_PER_BYTE * len(body)
        return self._send("POST", "/acts", body=body, media_type=media_type, answer_max_bytes=most)

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        media_type: str = "",
        answer_max_bytes: int = READ_MAX_BYTES,
    ) -> Received:
        """Send until it is answered or patience ends; the same bytes every time."""
        deadline = time.monotonic() + self.patience_s
        pause_s, last = PAUSE_S, "no answer"
        while True:
            wait_s = pause_s
            left_s = max(STEP_S, deadline - time.monotonic())
            try:
                if body is None:
                    target = f"{self.url}{path}"
                    response = self._exchange(
                        method, target, left_s, answer_max_bytes=answer_max_bytes
                    )
                else:
                    response = self._to_leader(path, body, media_type, left_s, answer_max_bytes)
            except NoExchange as error:
                last = str(error)
            else:
                if response.status not in AGAIN:
                    return _accepted(response)
                last = f"status {response.status}"
                wait_s = _retry_after_s(response, pause_s)
            if time.monotonic() + wait_s > deadline:
                raise Unreachable(
                    "the node did not answer in time",
                    value=f"{self.url}: {last}",
                    remedy="send the same bytes again later; the answer will be the same",
                )
            time.sleep(wait_s * random.uniform(0.5, 1.0))  # noqa: S311 - spreads, hides nothing
            pause_s = min(PAUSE_MAX_S, pause_s * 2)

    def _to_leader(
        self, path: str, body: bytes, media_type: str, left_s: float, answer_max_bytes: int
    ) -> Received:
        """Post once, following a follower's redirect to its leader (307)."""
        target = f"{self.url}{path}"
        ends = time.monotonic() + left_s
        for _ in range(REDIRECTS_MAX):
            response = self._exchange(
                "POST",
                target,
                ends - time.monotonic(),
                body=body,
                headers={"Content-Type": media_type},
                answer_max_bytes=answer_max_bytes,
            )
            if response.status != 307:
                return response
            target = _leader(target, response)
        raise NodeError("the node sends in circles", status=307, value=target)

    def _exchange(
        self,
        method: str,
        target: str,
        left_s: float,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        answer_max_bytes: int = READ_MAX_BYTES,
    ) -> Received:
        """Send once. Reads are signed when there is a key."""
        fields = headers or {}
        if self._key is not None and body is None:
            fields = sign_request(self._key, method, target, created=int(time.time()))
        return self._exchanges.send(
            method,
            target,
            deadline=time.monotonic() + left_s,
            body=body,
            headers=fields,
            answer_max_bytes=answer_max_bytes,
        )


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


def _leader(target: str, response: Received) -> str:
    """Return where a 307 sends acts: to the same path of a node, not from https to http.

    Raises NodeError for any other place, so that a node cannot have us post wherever it likes.
    """
    location = response.headers.get("location", "")
    try:
        leader = urlsplit(urljoin(target, location))
        is_node = (
            leader.scheme in ("http", "https")
            and not (target.startswith("https:") and leader.scheme != "https")
            and leader.username is None
            and bool(leader.hostname)
            and leader.port != 0
            and leader.path.endswith("/acts")
            and not (leader.query or leader.fragment)
        )
    except ValueError:
        is_node = False
    if not is_node:
        raise NodeError("the node sends acts where no node is", status=307, value=location)
    return leader.geturl()


def _retry_after_s(response: Received, default_s: float) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdecimal() and len(text) < 6 else default_s


def _accepted(response: Received) -> Received:
    """Return a response of success, or raise the error it tells of."""
    if response.is_success:
        return response
    try:
        problem = response.decoded(dict[str, Any])
    except NodeError:
        problem = {}
    raise error_of(problem, response.status)
