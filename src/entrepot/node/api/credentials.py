"""Certificates as credentials, status lists, and the documents by which others verify them.

Signed on request with the issuing key of the home; nothing is stored. A credential carries the
log's proof of its certificate, so that it can be checked without asking this node again.
"""

from __future__ import annotations

import os
from typing import Any, Final

from litestar import Request, Response, get
from litestar.params import FromPath

from entrepot.kernel.errors import NotFound
from entrepot.kernel.keys import PrivateKey
from entrepot.node.api.negotiation import preferred
from entrepot.node.api.registry import JSON, whole
from entrepot.node.running import Running
from entrepot.registry import views
from entrepot.registry.credentials import (
    CONTEXT_PATH,
    context_document,
    credential_source,
    sd_jwt_vc,
    type_metadata,
    vc_jwt,
)
from entrepot.registry.did import issuer_metadata, node_document, party_document
from entrepot.registry.issuing import enrol_issuing_key, load_issuing_key
from entrepot.registry.logproof import LogProof, log_proof
from entrepot.registry.statuslists import (
    TTL_S,
    Snapshot,
    bitstring_list,
    status_snapshot,
    token_list,
)

VC_JWT, SD_JWT = "application/vc+jwt", "application/dc+sd-jwt"
STATUS_JWT: Final = "application/statuslist+jwt"
JSON_LD: Final = "application/ld+json"
DID_JSON: Final = "application/did+json"
UNSTORED: Final = {"Cache-Control": "no-store", "Vary": "Accept"}
LISTED: Final = {"Cache-Control": f"public, max-age={TTL_S // 5}", "Vary": "Accept"}
FIXED: Final = {"Cache-Control": "public, max-age=3600"}


def _running(request: Request[Any, Any, Any]) -> Running:
    running: Running = request.app.state.running
    return running


def issuing_key(running: Running) -> PrivateKey:
    """Return the key that signs credentials; the log is told of it on first use.

    Raises NotFound where this process cannot tell it (a follower whose leader has not).
    """
    key = load_issuing_key(
        running.home, passphrase=running.settings.passphrase.reveal().encode() or None
    )
    with running.node.store.reading() as read:
        known = views.key_of(read, key.kid)
    if known is None:
        if not running.leads:
            raise NotFound("the log does not know the issuing key yet", remedy="ask the leader")
        enrol_issuing_key(running.node, key, issued_at=running.clock())
    return key


@get(
    ["/registry/certificates/{number:str}", "/certificates/{number:str}"],
    tags=["registry"],
    sync_to_thread=True,
    summary="One certificate",
)
def get_certificate(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[Any]:
    """Return a certificate as JSON, as a W3C credential (vc+jwt) or as an SD-JWT VC."""
    running = _running(request)
    index = whole(number)
    form = preferred(request.headers.get("accept"), (JSON, VC_JWT, SD_JWT))
    with running.node.store.reading() as read:
        found = views.certificate(read, index)
    if found is None:
        raise NotFound("there is no certificate of this number", value=index)
    if form == JSON:
        return Response(found, headers=UNSTORED)
    key = issuing_key(running)
    source = credential_source(running.node, index, key.public)
    now = running.clock()
    if form == VC_JWT:
        text = vc_jwt(source, key, running.url, now=now)
    else:
        text = sd_jwt_vc(source, key, running.url, now=now, entropy=os.urandom)
    return Response(text.encode(), media_type=form, headers=UNSTORED)


@get(
    ["/registry/status/{number:str}", "/status/bitstring/{number:str}"],
    tags=["registry"],
    sync_to_thread=True,
    summary="A status list (W3C)",
)
def get_bitstring(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[bytes]:
    """Return a Bitstring Status List credential (vc+jwt) for the newest published tree."""
    running = _running(request)
    key, url, snapshot = _listing(running, whole(number))
    proof = _key_proof(running, key)
    text = bitstring_list(key, url, snapshot, now=running.clock(), key_proof=proof)
    return Response(text.encode(), media_type=VC_JWT, headers=LISTED)


@get(
    "/status/tokens/{number:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="A status list (IETF)",
)
def get_tokens(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[bytes]:
    """Return a Token Status List (statuslist+jwt) for the newest published tree."""
    running = _running(request)
    key, url, snapshot = _listing(running, whole(number))
    proof = _key_proof(running, key)
    text = token_list(key, url, snapshot, now=running.clock(), key_proof=proof)
    return Response(text.encode(), media_type=STATUS_JWT, headers=LISTED)


def _listing(running: Running, number: int) -> tuple[PrivateKey, str, Snapshot]:
    """Return key, address and snapshot of a list."""
    key = issuing_key(running)
    with running.node.store.reading() as read:
        snapshot = status_snapshot(read, running.node.log, number)
    return key, running.url, snapshot


def _key_proof(running: Running, key: PrivateKey) -> LogProof | None:
    """Return the log's proof of the issuing key, or None while its entry is not published."""
    with running.node.store.reading() as read:
        known = views.key_of(read, key.kid)
    if known is None or known.added_index >= running.node.log.size:
        return None
    return log_proof(running.node.log, known.added_index)


@get("/.well-known/did.json", tags=["registry"], sync_to_thread=True, summary="The node's DID")
def get_node_did(request: Request[Any, Any, Any]) -> Response[Any]:
    """Return the did:web document of the node: keys of its operator, of credentials, of the log."""
    running = _running(request)
    with running.node.store.reading() as read:
        terms = views.founding(read)
        operator = None if terms is None else views.find_party(read, terms.operator)
        if operator is None:
            raise NotFound("the registry is not founded yet")
        keys = views.keys_of(read, operator.party)
    document = node_document(running.url, operator, keys, running.node.signer.keys.ed25519)
    return Response(document, media_type=DID_JSON, headers=LISTED)


@get(
    "/did/{party:str}/did.json",
    tags=["registry"],
    sync_to_thread=True,
    summary="A party's DID",
)
def get_party_did(request: Request[Any, Any, Any], party: FromPath[str]) -> Response[Any]:
    """Return the did:web document of a party: its keys for acts."""
    running = _running(request)
    with running.node.store.reading() as read:
        found = views.find_party(read, party)
        if found is None:
            raise NotFound("there is no party of this identifier", value=party)
        keys = views.keys_of(read, found.party)
    document = party_document(running.url, found, keys)
    return Response(document, media_type=DID_JSON, headers=LISTED)


@get(
    "/.well-known/jwt-vc-issuer",
    tags=["registry"],
    sync_to_thread=True,
    summary="Keys of SD-JWT credentials",
)
def get_issuer(request: Request[Any, Any, Any]) -> Response[Any]:
    """Return the JWT VC Issuer Metadata: the keys that sign credentials now."""
    running = _running(request)
    with running.node.store.reading() as read:
        terms = views.founding(read)
        keys = () if terms is None else views.keys_of(read, terms.operator)
    return Response(issuer_metadata(running.url, keys), headers=LISTED)


@get(CONTEXT_PATH, tags=["registry"], summary="The JSON-LD context of credentials")
async def get_context() -> Response[Any]:
    """Return the context of our own terms in credentials."""
    return Response(context_document(), media_type=JSON_LD, headers=FIXED)


@get("/credentials/types/{kind:str}", tags=["registry"], summary="A type of SD-JWT credentials")
async def get_type(request: Request[Any, Any, Any], kind: FromPath[str]) -> Response[Any]:
    """Return the SD-JWT VC Type Metadata of a kind of certificate."""
    return Response(type_metadata(_running(request).url, kind), headers=FIXED)


ROUTES_CREDENTIALS: Final[list[Any]] = [
    get_certificate,
    get_bitstring,
    get_tokens,
    get_node_did,
    get_party_did,
    get_issuer,
    get_context,
    get_type,
]
