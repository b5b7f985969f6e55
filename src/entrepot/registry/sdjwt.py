"""Selective disclosure for JWTs (RFC 9901), flat objects, with key binding.

`issue` makes an SD-JWT whose chosen claims stand as salted hashes beside the token; `present` keeps
some disclosures and may add a key-binding token of the holder; `verify_disclosures` gives the
claims back after holding every disclosure to exactly one hash. Nested and array disclosures are not
issued here and are refused on reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entrepot.kernel.encoding import to_base64url
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import PrivateKey
from entrepot.registry.jws import (
    TOKEN_MAX_BYTES,
    UnverifiedToken,
    from_base64url,
    is_moment,
    key_of_jwk,
    parse_token,
    sign_token,
)

SALT_BYTES: Final = 16
"""128 bits (RFC 9901 section 9.3)."""
KEY_BINDING: Final = "kb+jwt"
BINDING_AGE_MAX_S: Final = 600
"""How long after its making a presentation is taken, and how far ahead clocks may be."""
_RESERVED: Final = frozenset({"iss", "nbf", "exp", "cnf", "vct", "status", "_sd", "_sd_alg", "..."})
"""Claims that are never hidden (SD-JWT VC 3.2.2.2, RFC 9901 4.2.1)."""


@dataclass(frozen=True, slots=True)
class UnverifiedSdJwt:
    """The parts of an SD-JWT as somebody sent it; nothing of it is verified."""

    token: UnverifiedToken
    disclosures: tuple[str, ...]
    binding: UnverifiedToken | None
    bound_text: str
    """What the key-binding token hashes: token and disclosures with their tildes."""


def issue(
    key: PrivateKey,
    header: Mapping[str, Any],
    open_claims: Mapping[str, Any],
    hidden_claims: Mapping[str, Any],
    *,
    entropy: Callable[[int], bytes],
) -> str:
    """Return an SD-JWT with all its disclosures: `token~disclosure~…~`.

    Raises InvalidInput when a claim is to be hidden that must stand open.
    """
    reserved = _RESERVED & hidden_claims.keys()
    if reserved or open_claims.keys() & hidden_claims.keys():
        raise InvalidInput("these claims are not hidden", value=", ".join(sorted(reserved)))
    disclosures = [
        to_base64url(msgspec.json.encode([to_base64url(entropy(SALT_BYTES)), name, value]))
        for name, value in hidden_claims.items()
    ]
    # Sorted, so that the order says nothing about which hash is which claim (RFC 9901 4.2.4.1).
    hashes = sorted(_digest(disclosure) for disclosure in disclosures)
    token = sign_token(key, header, {**open_claims, "_sd_alg": "sha-256", "_sd": hashes})
    return "~".join([token, *disclosures, ""])


def present(
    sd_jwt: str,
    names: Iterable[str],
    *,
    holder: PrivateKey | None = None,
    audience: str = "",
    nonce: str = "",
    at: int = 0,
) -> str:
    """Return a presentation that discloses only `names`, bound to the holder's key when given."""
    read = parse(sd_jwt)
    wanted = set(names)
    kept = [text for text in read.disclosures if _read_disclosure(text)[0] in wanted]
    shown = "~".join([sd_jwt.split("~", 1)[0], *kept, ""])
    if holder is None:
        return shown
    said = {"iat": at, "aud": audience, "nonce": nonce, "sd_hash": _digest(shown)}
    return shown + sign_token(holder, {"typ": KEY_BINDING}, said)


def parse(text: str) -> UnverifiedSdJwt:
    """Return the parts of an SD-JWT, unverified. Raises VerificationError."""
    parts = text.split("~")
    if len(parts) < 2 or len(text) > TOKEN_MAX_BYTES:
        raise VerificationError("not an SD-JWT: it ends with a tilde or a key binding")
    token, *disclosures, last = parts
    bound = text[: len(text) - len(last)]
    binding = parse_token(last) if last else None
    return UnverifiedSdJwt(parse_token(token), tuple(disclosures), binding, bound)


def verify_disclosures(read: UnverifiedSdJwt) -> dict[str, Any]:
    """Return the claims of a token whose signature holds, with what is disclosed put in its place.

    Every disclosure has its hash in `_sd` exactly once, no claim comes twice, nothing is nested
    (RFC 9901 section 7.1). Raises VerificationError.
    """
    claims = dict(read.token.payload)
    hashes = claims.pop("_sd", [])
    if claims.pop("_sd_alg", "sha-256") != "sha-256":
        raise VerificationError("the hashes of the SD-JWT are not SHA-256")
    if not isinstance(hashes, list) or len(set(map(str, hashes))) != len(hashes):
        raise VerificationError("a hash stands twice in the SD-JWT")
    left = set(map(str, hashes))
    for text in read.disclosures:
        digest = _digest(text)
        if digest not in left:
            raise VerificationError("a disclosure has no hash in the token, or comes twice")
        left.remove(digest)
        name, value = _read_disclosure(text)
        if name in claims or name in _RESERVED:
            raise VerificationError("a disclosure repeats a claim of the token", value=name)
        claims[name] = value
    if _nested(claims.values()):
        raise VerificationError("nested selective disclosure is not read here")
    return claims


def verify_binding(
    read: UnverifiedSdJwt, claims: Mapping[str, Any], *, audience: str, nonce: str, now: int
) -> None:
    """Return if the holder's key signed this very presentation (RFC 9901 section 7.3).

    Raises VerificationError: no binding, another key, audience, nonce or presentation, too old.
    """
    if read.binding is None:
        raise VerificationError("the presentation is not bound to its holder")
    confirmation = claims.get("cnf")
    key = key_of_jwk(confirmation.get("jwk") if isinstance(confirmation, dict) else None)
    if read.binding.header.get("typ") != KEY_BINDING:
        raise VerificationError("not a key binding", value=read.binding.header.get("typ"))
    read.binding.verify(key)
    said = read.binding.payload
    if (said.get("aud"), said.get("nonce")) != (audience, nonce):
        raise VerificationError("the presentation was made for another reader or question")
    if said.get("sd_hash") != _digest(read.bound_text):
        raise VerificationError("the key binding is of another presentation")
    at = said.get("iat")
    if not is_moment(at) or abs(now - at) > BINDING_AGE_MAX_S:
        raise VerificationError("the presentation is too old, or from the future", value=at)


def _read_disclosure(text: str) -> tuple[str, Any]:
    try:
        found = msgspec.json.decode(from_base64url(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise VerificationError("a disclosure is no JSON", value=error) from error
    if (
        not isinstance(found, list)
        or len(found) != 3
        or not all(isinstance(part, str) for part in found[:2])
    ):
        raise VerificationError("a disclosure is salt, name and value")
    return found[1], found[2]


def _nested(values: Iterable[object]) -> bool:
    """Say whether a value holds hashes or placeholders of its own."""
    left: list[object] = list(values)
    while left:
        value = left.pop()
        if isinstance(value, dict):
            if "_sd" in value or "..." in value:
                return True
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def _digest(text: str) -> str:
    return to_base64url(hashlib.sha256(text.encode("ascii", "replace")).digest())
