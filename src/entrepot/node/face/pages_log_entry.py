"""One entry of the log: what it says, and the proofs that it is there, for the browser to check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from litestar import Response, get
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from entrepot.kernel.acts import SignedAct
from entrepot.kernel.approval import take_approval
from entrepot.kernel.decisions import Effect, Granted, Reason, effects_of
from entrepot.kernel.errors import NotFound
from entrepot.kernel.home import Node
from entrepot.kernel.record import Entry, OwnEntry, decode_evidence, decode_ruling
from entrepot.node.face.logview import entry_at, line_of
from entrepot.node.face.pages_log import index_of, node_of
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.verifywords import words_of_verification
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.node.witnessing.background import witnessed_proof

_WHOLE: Final = 1
_OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Opened:
    """What a public entry shows whole: the request, and the ruling with its law and reasons."""

    issuer: str
    body: dict[str, Any]
    approved_by: str
    facts: dict[str, object]
    law: tuple[str, ...]
    reasons: tuple[Reason, ...]
    effects: tuple[Effect, ...]


def opened_of(entry: Entry) -> Opened | None:
    """Return what a public entry shows; None where evidence or ruling are commitments only."""
    if entry.evidence[0] != _WHOLE or entry.ruling[0] != _WHOLE:
        return None
    evidence = decode_evidence(entry.evidence[1])
    ruling = decode_ruling(entry.ruling[1])
    body, approval = take_approval(SignedAct(evidence.act).unverified_body)
    return Opened(
        issuer=ruling.issuer.hex(),
        body={str(key): value for key, value in body.items()},
        approved_by="" if approval is None else approval.kid.hex(),
        facts=evidence.facts,
        law=ruling.law,
        reasons=() if isinstance(ruling.decision, Granted) else ruling.decision.reasons,
        effects=effects_of(ruling.decision),
    )


def _found(request: AnyRequest, text: str) -> tuple[Node, int, bytes, Entry | OwnEntry]:
    node, index = node_of(request), index_of(text)
    if index >= node.log.size:
        raise NotFound("the log has no such entry yet", value=index, remedy="see /log/entries")
    return node, index, *entry_at(node, index)


@get("/log/entries/{number:str}", sync_to_thread=True)
def show_entry(request: AnyRequest, number: FromPath[str]) -> Response[str]:
    """Show one entry with its proofs."""
    node, index, content, entry = _found(request, number)
    tree = node.log.tree()
    return page(
        request,
        "log/entry.html",
        index=index,
        line=line_of(index, content),
        entry=entry if isinstance(entry, Entry) else None,
        own=entry if isinstance(entry, OwnEntry) else None,
        opened=opened_of(entry) if isinstance(entry, Entry) else None,
        content=content,
        size=tree.size,
        has_receipt=tree.size > 1,
        keys=node.signer.keys.text(),
        words=words_of_verification(visitor_of(request).language),
    )


@get("/log/entries/{number:str}/entry.cbor", sync_to_thread=True)
def download_entry(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """Return the exact bytes of an entry: the leaf of the tree."""
    _node, index, content, _entry = _found(request, number)
    return _attachment(content, f"entry-{index}.cbor", "application/cbor")


@get("/log/entries/{number:str}/receipt.cbor", sync_to_thread=True)
def download_receipt(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """Return the COSE receipt (RFC 9942) of an entry in the newest tree."""
    node, index, _content, _entry = _found(request, number)
    return _attachment(node.log.receipt(index), f"entry-{index}.receipt.cbor", "application/cose")


@get("/log/entries/{number:str}/proof.tlog-proof", sync_to_thread=True)
def download_proof(request: AnyRequest, number: FromPath[str]) -> Response[bytes]:
    """Return the text proof (C2SP tlog-proof) of an entry under the checkpoint that is shown."""
    index = index_of(number)
    proof = witnessed_proof(surroundings_of(request).running, index)
    return _attachment(proof, f"entry-{index}.tlog-proof", "text/plain")


@get("/log/keys.txt", sync_to_thread=True)
def download_keys(request: AnyRequest) -> Response[bytes]:
    """Return the log's two verifier keys (C2SP vkeys), as `log.keys` has them."""
    return _attachment(node_of(request).signer.keys.text().encode(), "log.keys", "text/plain")


def _attachment(content: bytes, name: str, media_type: str) -> Response[bytes]:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=media_type or _OCTETS, headers=headers)


ROUTES: Final[list[ControllerRouterHandler]] = [
    show_entry,
    download_entry,
    download_receipt,
    download_proof,
    download_keys,
]
