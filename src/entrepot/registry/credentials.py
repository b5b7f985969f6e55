"""Certificates as verifiable credentials, rendered from state and log on request.

Two forms of one certificate: a W3C Verifiable Credential 2.0 secured as JWT (VC-JOSE-COSE,
`vc+jwt`), and an SD-JWT VC (draft-ietf-oauth-sd-jwt-vc, `dc+sd-jwt`) that discloses by choice. Both
are bound to the party's key (`cnf`), name their bit in the status lists, and can carry the log's
proof of the issuing act, so that a stranger needs the log's public keys and nothing else
(`credentialcheck`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from entrepot.kernel.errors import NotFound
from entrepot.kernel.home import Node
from entrepot.kernel.keys import PrivateKey, PublicKey
from entrepot.registry import sdjwt
from entrepot.registry.deadlines import over_at
from entrepot.registry.did import node_did, party_did, public_key
from entrepot.registry.jws import jwk, key_name, sign_token
from entrepot.registry.logproof import LogProof, log_proof
from entrepot.registry.statuslists import bitstring_uri, list_of, token_uri
from entrepot.registry.views import (
    CertificateView,
    PartyView,
    certificate,
    find_party,
    founding,
    key_of,
    keys_of,
)

VC_TYPE, SD_JWT_TYPE = "vc+jwt", "dc+sd-jwt"
TYPES: Final = {
    "provider": "ProviderCertificate",
    "trading": "TradingCertificate",
    "cross-border": "CrossBorderCertificate",
    "registration": "RegistrationCertificate",
}
"""Kind of certificate -> type of credential."""
CONTEXT_PATH: Final = "/contexts/registry-v1.jsonld"
_OWN: Final = "https://entrepot.invalid/registry#"


@dataclass(frozen=True, slots=True)
class CredentialSource:
    """All that a credential of one certificate says, read from state and log."""

    certificate: CertificateView
    subject: PartyView
    operator: PartyView
    holder: PublicKey | None
    """The party's newest active key; None when it has none, then nothing is bound."""
    issued: LogProof | None = None
    issuing_key: LogProof | None = None


def credential_source(
    node: Node, index: int, issuing: PublicKey, *, with_proof: bool = True
) -> CredentialSource:
    """Read what the credential of certificate `index` says; `issuing` is the key that will sign.

    Raises NotFound when there is no such certificate, or the log does not know the key.
    """
    with node.store.reading() as read:
        found, terms = certificate(read, index), founding(read)
        if found is None or terms is None:
            raise NotFound("there is no certificate of this number", value=index)
        subject, operator = find_party(read, found.subject), find_party(read, terms.operator)
        keys = keys_of(read, found.subject, purpose="acts", active_only=True)
        enrolled = key_of(read, issuing.kid)
    if subject is None or operator is None:
        raise NotFound("the party of the certificate is not registered", value=found.subject)
    if enrolled is None or enrolled.purpose != "issuing":
        raise NotFound("the log does not know this issuing key", remedy="enrol it first")
    return CredentialSource(
        found,
        subject,
        operator,
        public_key(keys[-1]) if keys else None,
        log_proof(node.log, index) if with_proof else None,
        log_proof(node.log, enrolled.added_index) if with_proof else None,
    )


def vc_jwt(source: CredentialSource, key: PrivateKey, url: str, *, now: int) -> str:
    """Return the certificate as a W3C VC 2.0 in a JWT; `now` in POSIX seconds."""
    found, did = source.certificate, node_did(url)
    number, place = list_of(found.status_index)
    subject: dict[str, Any] = {
        "id": party_did(url, found.subject),
        **_subject_claims(source),
        "certificate": _certificate_claims(found),
    }
    payload: dict[str, Any] = {
        "@context": ["https://www.w3.org/ns/credentials/v2", url + CONTEXT_PATH],
        "id": f"{url}/registry/certificates/{found.index}",
        "type": ["VerifiableCredential", TYPES[found.kind]],
        "issuer": {"id": did, "name": source.operator.name, "party": source.operator.party},
        "validFrom": f"{found.valid_from}T00:00:00Z",
        "validUntil": f"{found.valid_until}T23:59:59Z",
        "credentialSubject": subject,
        "credentialStatus": {
            "id": f"{bitstring_uri(url, number)}#{place}",
            "type": "BitstringStatusListEntry",
            "statusPurpose": "revocation",
            "statusListIndex": str(place),
            "statusListCredential": bitstring_uri(url, number),
        },
        "iat": now,
    }
    if source.holder is not None:
        payload["cnf"] = {"jwk": jwk(source.holder)}
    if source.issued is not None and source.issuing_key is not None:
        payload["evidence"] = [{"type": "TransparencyLogProof", **_proofs(source)}]
    header = {"typ": VC_TYPE, "cty": "vc", "kid": f"{did}#{key_name(key.public)}"}
    return sign_token(key, header, payload)


def sd_jwt_vc(
    source: CredentialSource,
    key: PrivateKey,
    url: str,
    *,
    now: int,
    entropy: Callable[[int], bytes],
) -> str:
    """Return the certificate as an SD-JWT VC with all disclosures.

    Kind, number, term, key and status stand open; who it is, the product, the right and the proof
    of the log are disclosed by the holder's choice.
    """
    found = source.certificate
    number, place = list_of(found.status_index)
    open_claims: dict[str, Any] = {
        "iss": url,
        "vct": vct(url, found.kind),
        "iat": now,
        "nbf": over_at(date.fromisoformat(found.valid_from)) - 86_400,
        "exp": over_at(date.fromisoformat(found.valid_until)),
        "status": {"status_list": {"idx": place, "uri": token_uri(url, number)}},
    }
    if source.holder is not None:
        open_claims["cnf"] = {"jwk": jwk(source.holder)}
    hidden = {
        "sub": party_did(url, found.subject),
        **_subject_claims(source),
        "certificate": _certificate_claims(found),
    }
    if source.issued is not None and source.issuing_key is not None:
        hidden["log_proof"] = _proofs(source)
    header = {"typ": SD_JWT_TYPE, "kid": key_name(key.public)}
    return sdjwt.issue(key, header, open_claims, hidden, entropy=entropy)


def vct(url: str, kind: str) -> str:
    """Return the type of an SD-JWT VC, which is where its metadata is served."""
    return f"{url}/credentials/types/{kind}"


def type_metadata(url: str, kind: str) -> dict[str, Any]:
    """Return the SD-JWT VC Type Metadata of a kind, in English and Chinese."""
    names = {
        "provider": ("Provider certificate", "数据提供方证书"),
        "trading": ("Trading certificate", "数据交易证书"),
        "cross-border": ("Cross-border certificate", "数据跨境证书"),
        "registration": ("Certificate of registration", "数据产权登记证书"),
    }
    if kind not in names:
        raise NotFound("there is no certificate of this kind", value=kind)
    english, chinese = names[kind]
    hidden = ("sub", "party", "name", "country", "identifiers", "certificate", "log_proof")
    return {
        "vct": vct(url, kind),
        "name": english,
        "display": [{"locale": "en", "name": english}, {"locale": "zh", "name": chinese}],
        "claims": [{"path": [claim], "sd": "always"} for claim in hidden],
    }


def context_document() -> dict[str, Any]:
    """Return the JSON-LD context of our own terms, served at `CONTEXT_PATH`.

    `iat`, `exp` and `cnf` are terms of the W3C context, which may not be defined again.
    """
    plain_terms = (
        "party", "country", "identifiers", "certificate", "kind", "product", "right", "number",
        "begin", "until", "log", "origin", "treeSize", "root", "logIndex", "entry", "receipt",
        "issuingKey", "issued", "TransparencyLogProof",
        *TYPES.values(),
    )  # fmt: skip
    terms: dict[str, Any] = {term: _OWN + term for term in plain_terms}
    return {"@context": {"@protected": True, **terms}}


def _subject_claims(source: CredentialSource) -> dict[str, Any]:
    subject = source.subject
    return {
        "party": subject.party,
        "name": subject.name,
        "country": subject.country,
        "identifiers": list(subject.identifiers),
    }


def _certificate_claims(found: CertificateView) -> dict[str, Any]:
    claims: dict[str, Any] = {
        "number": found.index,
        "kind": found.kind,
        "begin": found.valid_from,
        "until": found.valid_until,
    }
    about = {"product": found.product, "right": found.right}
    return claims | {name: value for name, value in about.items() if value is not None}


def _proofs(source: CredentialSource) -> dict[str, Any]:
    issued, issuing_key = source.issued, source.issuing_key
    if issued is None or issuing_key is None:
        raise TypeError("the proofs of a credential come together")
    return {"issued": issued.plain(), "issuingKey": issuing_key.plain()}
