"""Certificates, credentials, status lists and DID documents over HTTP.

All of it is public record. A certificate is JSON by default, and a credential when the reader asks
for `application/vc+jwt` or `application/dc+sd-jwt`. Status lists are signed when asked for, at most
once per tree and half minute. `keep_enrolled` sees to it that the leader has an issuing key which
the log knows.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from typing import Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, FromQuery

from entrepot.kernel.errors import Error, NotFound
from entrepot.kernel.keys import PrivateKey
from entrepot.node.api.negotiation import preferred
from entrepot.node.api.registry import whole
from entrepot.node.running import Running
from entrepot.registry import views
from entrepot.registry.credentials import (
    SD_JWT_TYPE,
    VC_TYPE,
    context_document,
    credential_source,
    sd_jwt_vc,
    type_metadata,
    vc_jwt,
)
from entrepot.registry.deadlines import day_of
from entrepot.registry.did import issuer_metadata, node_document, party_document
from entrepot.registry.issuing import enrol_issuing_key, held_issuing_key, load_issuing_key
from entrepot.registry.logproof import LogProof, log_proof
from entrepot.registry.statuslists import (
    TOKEN_TYPE,
    TTL_S,
    bitstring_list,
    list_of,
    status_snapshot,
    token_list,
)

LOG: Final = logging.getLogger("entrepot.credentials")
JSON, VC, SD_JWT = "application/json", f"application/{VC_TYPE}", f"application/{SD_JWT_TYPE}"
FRESH: Final = {"Cache-Control": "public, max-age=2", "Vary": "Accept"}
LISTED: Final = {"Cache-Control": f"public, max-age={TTL_S // 10}"}
SIGNED_AGAIN_S: Final = 30
"""A list that nothing changed is signed anew after this long."""
ENROL_EVERY_S: Final = 5.0
_OPEN: Final = {"Access-Control-Allow-Origin": "*"}
"""DID documents and contexts are read by programs in other sites' pages."""


class CertificateShown(msgspec.Struct, frozen=True):
    """A certificate, what it is today, and where its credential and status are."""

    certificate: views.CertificateView
    status: str
    credential_types: tuple[str, ...]
    status_lists: tuple[str, ...]


@get(
    "/registry/certificates",
    tags=["registry"],
    sync_to_thread=True,
    summary="Certificates, newest first",
)
def get_certificates(
    request: Request[Any, Any, Any],
    kind: FromQuery[str] = "",
    offset: FromQuery[int] = 0,
    limit: FromQuery[int] = 50,
) -> Response[list[views.CertificateView]]:
    """Return a page of certificates, of one kind if asked."""
    with _running(request).node.store.reading() as read:
        found = views.certificates(read, kind=kind, offset=min(offset, 1 << 40), limit=limit)
    return Response(list(found), headers=FRESH)


@get(
    "/registry/certificates/{number:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="One certificate, as JSON or as verifiable credential",
)
def get_certificate(
    request: Request[Any, Any, Any], number: FromPath[str], proof: FromQuery[bool] = True
) -> Response[Any]:
    """Return a certificate, or its credential: `application/vc+jwt`, `application/dc+sd-jwt`.

    With `proof=false` the credential leaves the log's proof out, and needs the issuer's key.
    """
    running, index = _running(request), whole(number)
    wanted = preferred(request.headers.get("accept"), (JSON, VC, SD_JWT))
    if wanted == JSON:
        return Response(_shown(running, index), headers=FRESH)
    key = _issuing_key(running)
    source = credential_source(running.node, index, key.public, with_proof=proof)
    now = running.clock()
    if wanted == VC:
        text = vc_jwt(source, key, running.url, now=now)
    else:
        text = sd_jwt_vc(source, key, running.url, now=now, entropy=os.urandom)
    return Response(text.encode(), media_type=wanted, headers=FRESH)


def _shown(running: Running, index: int) -> CertificateShown:
    with running.node.store.reading() as read:
        found = views.certificate(read, index)
    if found is None:
        raise NotFound("there is no certificate of this number", value=index)
    number, _ = list_of(found.status_index)
    lists = (f"/status/bitstring/{number}", f"/status/tokens/{number}")
    today = day_of(running.clock()).isoformat()
    return CertificateShown(
        found, found.status_on(today), (VC, SD_JWT), tuple(running.url + path for path in lists)
    )


@get(
    "/status/bitstring/{number:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="Bitstring Status List (W3C)",
)
def get_bitstring(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[bytes]:
    """Return the status list credential of the newest published tree, as JWT."""
    text = LISTS.text(_running(request), whole(number), "bitstring")
    return Response(text.encode(), media_type=VC, headers=LISTED)


@get(
    "/status/tokens/{number:str}",
    tags=["registry"],
    sync_to_thread=True,
    summary="Token Status List (IETF)",
)
def get_tokens(request: Request[Any, Any, Any], number: FromPath[str]) -> Response[bytes]:
    """Return the token status list of the newest published tree, as JWT."""
    text = LISTS.text(_running(request), whole(number), "tokens")
    return Response(text.encode(), media_type=f"application/{TOKEN_TYPE}", headers=LISTED)


class _Lists:
    """The last signed list of each shape and number, per home."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, str, int], tuple[int, int, str]] = {}

    def text(self, running: Running, number: int, shape: str) -> str:
        """Return a list that is of the newest tree and signed in the last half minute."""
        now, size = running.clock(), running.node.log.size
        name = (str(running.home), shape, number)
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None and kept[0] == size and 0 <= now - kept[1] < SIGNED_AGAIN_S:
            return kept[2]
        text, made_for = self._sign(running, number, shape, now)
        with self._lock:
            self._kept[name] = (made_for, now, text)
        return text

    @staticmethod
    def _sign(running: Running, number: int, shape: str, now: int) -> tuple[str, int]:
        key = _issuing_key(running)
        node = running.node
        with node.store.reading() as read:
            snapshot = status_snapshot(read, node.log, number)
            known = views.key_of(read, key.kid)
        proof: LogProof | None = None
        if known is not None:
            proof = log_proof(node.log, known.added_index)
        sign: Callable[..., str] = bitstring_list if shape == "bitstring" else token_list
        return sign(key, running.url, snapshot, now=now, key_proof=proof), snapshot.tree_size


LISTS: Final = _Lists()


@get("/.well-known/did.json", tags=["registry"], sync_to_thread=True, summary="The node's DID")
def get_node_did(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Return the DID document of the node: keys of the operator, of credentials and of the log."""
    running = _running(request)
    with running.node.store.reading() as read:
        terms = views.founding(read)
        operator = None if terms is None else views.find_party(read, terms.operator)
        keys = () if operator is None else views.keys_of(read, operator.party)
    if operator is None:
        raise NotFound("the registry of this node is not founded yet")
    log_key = running.node.signer.keys.ed25519
    document = node_document(running.url, operator, keys, log_key)
    return Response(document, media_type="application/did+json", headers={**LISTED, **_OPEN})


@get("/did/{party:str}/did.json", tags=["registry"], sync_to_thread=True, summary="A party's DID")
def get_party_did(
    request: Request[Any, Any, Any], party: FromPath[str]
) -> Response[dict[str, Any]]:
    """Return the DID document of a party, named by its id."""
    running = _running(request)
    with running.node.store.reading() as read:
        found = views.find_party(read, party)
        keys = () if found is None else views.keys_of(read, found.party)
    if found is None or found.party != party:
        raise NotFound("there is no party of this id", value=party)
    document = party_document(running.url, found, keys)
    return Response(document, media_type="application/did+json", headers={**LISTED, **_OPEN})


@get(
    "/.well-known/jwt-vc-issuer",
    tags=["registry"],
    sync_to_thread=True,
    summary="Keys that issue credentials",
)
def get_issuer(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """Return the JWT VC Issuer Metadata with the active issuing keys as JWKS."""
    running = _running(request)
    with running.node.store.reading() as read:
        terms = views.founding(read)
        keys = () if terms is None else views.keys_of(read, terms.operator)
    return Response(issuer_metadata(running.url, keys), headers={**LISTED, **_OPEN})


@get(
    "/credentials/types/{kind:str}",
    tags=["registry"],
    sync_to_thread=False,
    summary="What a type of credential is",
)
def get_type(request: Request[Any, Any, Any], kind: FromPath[str]) -> Response[dict[str, Any]]:
    """Return the SD-JWT VC Type Metadata of a kind of certificate."""
    found = type_metadata(_running(request).url, kind)
    return Response(found, headers={**LISTED, **_OPEN})


@get(
    "/contexts/registry-v1.jsonld",
    tags=["registry"],
    sync_to_thread=False,
    summary="JSON-LD context of the credentials",
)
def get_context() -> Response[dict[str, Any]]:
    """Return the JSON-LD context of our own terms; it never changes under this address."""
    headers = {"Cache-Control": "public, max-age=86400", **_OPEN}
    return Response(context_document(), media_type="application/ld+json", headers=headers)


async def keep_enrolled(running: Running) -> None:
    """Let the log know this leader's issuing key as soon as the registry is founded."""
    while True:
        try:
            await asyncio.to_thread(enrol_if_leading, running)
        except Error as error:
            LOG.warning("issuing key not enrolled", extra={"code": error.code})
        await asyncio.sleep(ENROL_EVERY_S)


def enrol_if_leading(running: Running) -> bool:
    """Enrol the issuing key when this process writes and there is a registry; say if it is so."""
    if not running.leads:
        return False
    with running.node.store.reading() as read:
        if views.founding(read) is None:
            return False
    passphrase = running.settings.passphrase.reveal().encode() or None
    key = load_issuing_key(running.home, passphrase=passphrase)
    enrol_issuing_key(running.node, key, issued_at=running.clock())
    return True


def _issuing_key(running: Running) -> PrivateKey:
    passphrase = running.settings.passphrase.reveal().encode() or None
    key = held_issuing_key(running.home, passphrase=passphrase)
    if key is None:
        raise NotFound(
            "this process has no issuing key",
            remedy="ask the process that writes, or found the registry first",
        )
    return key


def _running(request: Request[Any, Any, Any]) -> Running:
    running: Running = request.app.state.running
    return running


ROUTES_CREDENTIALS: Final[list[Any]] = [
    get_certificates,
    get_certificate,
    get_bitstring,
    get_tokens,
    get_node_did,
    get_party_did,
    get_issuer,
    get_type,
    get_context,
]
BACKGROUND: Final = [keep_enrolled]
