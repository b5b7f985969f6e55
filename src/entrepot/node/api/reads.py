"""Reading the log: one act with its proofs, and the log's own files as C2SP tlog-tiles wants them.

Everything here is public but the opening of a private act (evidence and ruling with their salts),
which is for the party that signed it. To anybody else it does not exist: not found, not forbidden.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery

from entrepot.kernel.checkpoint import format_tlog_proof, read_checkpoint
from entrepot.kernel.decisions import Granted, Reason, Referred
from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError
from entrepot.kernel.export import encode_opening
from entrepot.kernel.log import Log
from entrepot.kernel.merkle import inclusion_path
from entrepot.kernel.record import Entry, OwnEntry, decode_entry, decode_ruling
from entrepot.node.api.acts import CBOR, COSE, OUTCOMES
from entrepot.node.api.signatures import reader_of
from entrepot.node.api.tiles import IMMUTABLE, TILE, local_folder
from entrepot.node.running import Running

Found = TypeVar("Found")

FRESH: Final = {"Cache-Control": "public, max-age=2"}
"""A checkpoint is replaced with every batch; caches may keep it this long."""
PRIVATE: Final = {"Cache-Control": "no-store"}
TEXT: Final = "text/plain"
BYTES: Final = "application/octet-stream"
READ_AGAIN: Final = 5
"""Times a proof is tried again when a partial tile was replaced by a fuller one meanwhile."""
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,17}")


class Shown(msgspec.Struct, frozen=True):
    """What the log shows of one part: the commitment (hex), or that it is public and its bytes."""

    public: bool
    commitment: str
    content: bytes


class EntryView(msgspec.Struct, frozen=True):
    """One entry of the log as everybody may read it.

    `reasons` and `to` are told for public kinds. `own` entries (genesis, erasure) have a `subject`.
    """

    index: int
    tree_size: int
    kind: str
    at: int
    entry: bytes
    act_id: str = ""
    outcome: str = ""
    to: str = ""
    reasons: tuple[Reason, ...] = ()
    evidence: Shown | None = None
    ruling: Shown | None = None
    subject: object = None


@get("/acts/{index:str}", tags=["acts"], summary="One entry of the log")
async def get_act(request: Request[Any, Any, Any], index: FromPath[str]) -> Response[EntryView]:
    """Return what the log shows of the act at an index; never more than everybody may read."""
    number = _index(index)
    view = await from_log(request, lambda log: _view(number, log.size, log.tree().entry(number)))
    return Response(view, headers=FRESH)


@get("/acts/{index:str}/entry", tags=["acts"], summary="Its bytes", media_type=CBOR)
async def get_entry(request: Request[Any, Any, Any], index: FromPath[str]) -> Response[bytes]:
    """Return the bytes of an entry: the leaf that receipts and proofs are about (CBOR)."""
    number = _index(index)
    content = await from_log(request, lambda log: log.tree().entry(number))
    return Response(content, media_type=CBOR, headers=IMMUTABLE)


@get("/acts/{index:str}/receipt", tags=["acts"], summary="Its receipt", media_type=COSE)
async def get_receipt(
    request: Request[Any, Any, Any], index: FromPath[str], size: FromQuery[str | None] = None
) -> Response[bytes]:
    """Return the COSE receipt (RFC 9942) of an entry in the newest tree, or in that of `size`."""
    number = _index(index)
    wanted = None if size is None else _index(size)
    content = await from_log(request, lambda log: log.receipt(number, wanted))
    return Response(content, media_type=COSE, headers=FRESH if wanted is None else IMMUTABLE)


@get("/acts/{index:str}/proof", tags=["acts"], summary="Its proof as text", media_type=TEXT)
async def get_proof(request: Request[Any, Any, Any], index: FromPath[str]) -> Response[bytes]:
    """Return the C2SP tlog-proof of an entry under the checkpoint that `/log/checkpoint` shows."""
    number = _index(index)
    show: Callable[[Running], bytes] = request.app.state.checkpoint
    running: Running = request.app.state.running

    def prove(log: Log) -> bytes:
        note = show(running)
        size = _size_of(note)
        path = inclusion_path(number, size, log.tree(size).node_at)
        return format_tlog_proof(number, path, note)

    content = await from_log(request, prove)
    return Response(content, media_type=TEXT, headers=FRESH)


@get(
    "/acts/{index:str}/opening",
    tags=["acts"],
    sync_to_thread=True,
    summary="Evidence and ruling, for the party that signed the act",
    media_type=CBOR,
)
def get_opening(request: Request[Any, Any, Any], index: FromPath[str]) -> Response[bytes]:
    """Return what opens the commitments of an entry (CBOR, as `opening.cbor` of a proof folder).

    For a private act the request is signed (RFC 9421) by a key of the issuer's party. Otherwise,
    and when the evidence was erased, there is nothing here (404).
    """
    running: Running = request.app.state.running
    reader = reader_of(request)
    number = _index(index)
    nothing = NotFound("there is nothing to open at this index for you", value=number)
    try:
        opening = running.node.sequencer.opening(number)
    except NotFound:
        raise nothing from None
    issuer = decode_ruling(opening.ruling.content).issuer
    if opening.evidence is None or (opening.ruling.salt and not running.may_open(reader, number)):
        raise nothing
    with running.node.store.reading() as read:
        key = running.known_keys.find(read, issuer)
    if key is None:
        raise nothing
    return Response(encode_opening(opening, key), media_type=CBOR, headers=PRIVATE)


@get("/log/checkpoint", tags=["log"], summary="The newest checkpoint", media_type=TEXT)
async def get_checkpoint(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the newest checkpoint that satisfies the node's policy of witnesses (a signed note).

    Without a policy, or without a quorum in it, the newest at all.
    """
    running: Running = request.app.state.running
    show: Callable[[Running], bytes] = request.app.state.checkpoint
    content = await from_log(request, lambda _log: show(running))
    return Response(content, media_type=TEXT, headers=FRESH)


@get(
    "/log/keys", tags=["log"], sync_to_thread=False, summary="The keys of the log", media_type=TEXT
)
def get_keys(request: Request[Any, Any, Any]) -> Response[str]:
    """Return the verifier keys (C2SP vkeys) of this log, one to a line. Pin them elsewhere."""
    running: Running = request.app.state.running
    return Response(running.node.signer.keys.text(), media_type=TEXT, headers=FRESH)


@get("/log/tile/{name:path}", tags=["log"], summary="A tile or entry bundle", media_type=BYTES)
async def get_tile(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return a file of the log (C2SP tlog-tiles): hashes, or the entries themselves."""
    wanted = f"tile/{name.lstrip('/')}"
    content = None
    if TILE.fullmatch(wanted):
        content = await from_log(request, lambda log: log.files.read(wanted))
    if content is None:
        raise NotFound("the log has no such file", value=wanted)
    return Response(content, media_type=BYTES, headers=IMMUTABLE)


async def from_log(request: Request[Any, Any, Any], ask: Callable[[Log], Found]) -> Found:
    """Return what `ask` reads of the log: here when its files are local, else in a thread.

    Raises NotFound when there is no such entry, VerificationError when the log is damaged.
    """
    running: Running = request.app.state.running
    log = running.node.log
    if local_folder(log) is not None:
        return _asked(log, ask)
    return await asyncio.to_thread(_asked, log, ask)


def _asked(log: Log, ask: Callable[[Log], Found]) -> Found:
    """Ask, and once more while the writer replaces the edge of the tree under the reader."""
    for left in reversed(range(READ_AGAIN)):
        size = log.size
        try:
            return ask(log)
        except InvalidInput as error:
            raise NotFound(error.what, value=error.value) from error
        except VerificationError:
            if log.size == size or not left:
                raise
    raise NotFound("the log has no such entry")


@lru_cache(maxsize=4)
def _size_of(note: bytes) -> int:
    """Return the tree size of a checkpoint; the same note stands over many proofs."""
    return read_checkpoint(note).checkpoint.size


def _index(text: str) -> int:
    if not _INDEX.fullmatch(text):
        raise NotFound("an index is a whole number", value=text)
    return int(text)


def _view(index: int, size: int, content: bytes) -> EntryView:
    entry = decode_entry(content)
    if isinstance(entry, OwnEntry):
        return EntryView(index, size, entry.kind, entry.at, content, subject=entry.subject)
    to, reasons = _public_ruling(entry)
    return EntryView(
        index,
        size,
        entry.kind,
        entry.decided_at,
        content,
        entry.act_id.hex(),
        OUTCOMES[entry.outcome],
        to,
        reasons,
        _shown(entry.evidence),
        _shown(entry.ruling),
    )


def _public_ruling(entry: Entry) -> tuple[str, tuple[Reason, ...]]:
    is_public, content = entry.ruling
    if not is_public:
        return "", ()
    decision = decode_ruling(content).decision
    if isinstance(decision, Granted):
        return "", ()
    return decision.to if isinstance(decision, Referred) else "", decision.reasons


def _shown(part: tuple[int, bytes]) -> Shown:
    is_public, content = part
    return Shown(True, "", content) if is_public else Shown(False, content.hex(), b"")


ROUTES: Final = [
    get_act,
    get_entry,
    get_receipt,
    get_proof,
    get_opening,
    get_checkpoint,
    get_keys,
    get_tile,
]
