"""The OpenAPI document: what the types of handlers cannot say is said here, in one place.

Media types of answers that are no JSON or of several forms, bodies that are bytes, bounds of
parameters, and that every operation may answer a problem. `tests/node/test_schemathesis.py` holds
the whole document to what the node really answers.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from entrepot.kernel.witness import SIZE_TYPE
from entrepot.node.api.acts import CBOR, COSE, JSON, Problem
from entrepot.node.api.problems import PROBLEM_TYPE
from entrepot.node.api.registry import CATALOGUE_MAX, NUMBER_MAX, RIGHTS_MAX, STATES
from entrepot.registry.directoryindex import SORTS
from entrepot.registry.directoryquery import (
    LIMIT_MAX,
    OFFSET_MAX,
    RELEVANCE,
    VALUE_CHARS_MAX,
    VALUES_MAX,
)

TEXT: Final = "text/plain"
CONCISE_TYPE: Final = "application/concise-problem-details+cbor"
_JSON_LD, _TURTLE = "application/ld+json", "text/turtle"
_DID, _VC, _SD_JWT = "application/did+json", "application/vc+jwt", "application/dc+sd-jwt"

FORMS: Final[dict[str, tuple[str, ...]]] = {
    "/acts": (JSON, CBOR, "application/cbor-seq"),
    "/acts/{index}/entry": (CBOR,),
    "/acts/{index}/receipt": (COSE,),
    "/acts/{index}/proof": (TEXT,),
    "/acts/{index}/opening": (CBOR,),
    "/log/checkpoint": (TEXT,),
    "/log/keys": (TEXT,),
    "/log/proof/{index}": (TEXT,),
    "/log/policy": (TEXT,),
    "/log/tile/{name}": ("application/octet-stream",),
    "/registry/products/{number}": (JSON, _JSON_LD, _TURTLE),
    "/registry/catalog": (_JSON_LD, _TURTLE),
    "/registry/certificates/{number}": (JSON, _VC, _SD_JWT),
    "/status/bitstring/{number}": (_VC,),
    "/status/tokens/{number}": ("application/statuslist+jwt",),
    "/.well-known/did.json": (_DID,),
    "/did/{party}/did.json": (_DID,),
    "/contexts/registry-v1.jsonld": (_JSON_LD,),
    "/witness/add-checkpoint": (TEXT,),
    "/witness/vkeys": (TEXT,),
    "/witness/{origin_digest}/checkpoint": (TEXT,),
    "/entries": (COSE,),
    "/entries/{locator}": (COSE,),
    "/.well-known/scitt-keys": (CBOR,),
    "/.well-known/scitt-keys/{kid_value}": (CBOR,),
    "/scitt/policy": (TEXT,),
}
"""Path → media types of its answers, the one that is sent unasked first; JSON where not named."""

BODIES: Final[dict[str, tuple[str, str]]] = {
    "/entries": (COSE, "One Signed Statement: COSE_Sign1 (RFC 9943), or an act."),
    "/witness/add-checkpoint": (TEXT, "An add-checkpoint request (C2SP tlog-witness)."),
}

_SEARCHED: Final[dict[str, dict[str, Any]]] = {
    "sort": {"enum": [RELEVANCE, *SORTS]},
    "limit": {"minimum": 1, "maximum": LIMIT_MAX},
    "offset": {"minimum": 0, "maximum": OFFSET_MAX},
    "*": {"maxItems": VALUES_MAX, "items": {"type": "string", "maxLength": VALUE_CHARS_MAX}},
}
_NUMBER: Final = {"pattern": "^(0|[1-9][0-9]{0,17})$"}
_NUMBERED: Final[dict[str, dict[str, Any]]] = {
    "index": _NUMBER,
    "number": _NUMBER,
    "size": _NUMBER,
}
BOUNDS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "/registry/products": _SEARCHED,
    "/registry/parties": _SEARCHED,
    "/registry/rights": {
        "status": {"enum": ["", *STATES]},
        "after": {"minimum": 0, "maximum": NUMBER_MAX},
        "limit": {"minimum": 1, "maximum": RIGHTS_MAX},
    },
    "/acts/{index}": _NUMBERED,
    "/acts/{index}/entry": _NUMBERED,
    "/acts/{index}/receipt": _NUMBERED,
    "/acts/{index}/proof": _NUMBERED,
    "/acts/{index}/opening": _NUMBERED,
    "/log/proof/{index}": _NUMBERED,
    "/registry/products/{number}": _NUMBERED,
    "/registry/rights/{number}": _NUMBERED,
    "/registry/certificates/{number}": _NUMBERED,
    "/status/bitstring/{number}": _NUMBERED,
    "/status/tokens/{number}": _NUMBERED,
    "/entries/{locator}": {"locator": {"pattern": "^(0|[1-9][0-9]{0,18})$"}},
    "/registry/catalog": {
        "after": {"minimum": 0, "maximum": NUMBER_MAX},
        "limit": {"minimum": 1, "maximum": CATALOGUE_MAX},
    },
}
"""Path → parameter (`*`: every list) → what its schema has besides its type."""


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document of the framework, completed."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = msgspec.json.schema_components([Problem])[1]["Problem"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(path, operation)
    return document


_ONE_ACT: Final = {"$ref": "#/components/schemas/ActAnswer"}
_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_ACTS: Final = {"anyOf": [_ONE_ACT, {"type": "array", "items": {"anyOf": [_ONE_ACT, _PROBLEM]}}]}
"""The answer to one act, or to a sequence: an answer or a problem in the place of each."""


def _complete(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    # What the framework says of a wrong parameter is not what this node answers.
    responses.pop("400", None)
    responses.setdefault("default", _problem(path, operation.get("tags", ())))
    for status, response in responses.items():
        if status.startswith("2") and path in FORMS:
            known = response.get("content", {}).get(JSON, {})
            if (path, status) == ("/acts", "200"):
                known = {"schema": _ACTS}
            response["content"] = {
                form: known if form == JSON else {"schema": {}} for form in FORMS[path]
            }
    if path in BODIES:
        form, says = BODIES[path]
        content = {form: {"schema": {"contentMediaType": form}}}
        operation["requestBody"] = {"description": says, "required": True, "content": content}
    bounds = BOUNDS.get(path, {})
    for parameter in operation.get("parameters", ()):
        schema = _without_null(parameter["schema"])
        every = bounds.get("*", {}) if schema.get("type") == "array" else {}
        parameter["schema"] = {**schema, **every, **bounds.get(parameter["name"], {})}


def _problem(path: str, tags: list[str]) -> dict[str, Any]:
    """Return the answer to whatever is wrong. Witness and SCRAPI have their own words for it."""
    content: dict[str, Any] = {PROBLEM_TYPE: {"schema": _PROBLEM}}
    if "scitt" in tags:
        content[CONCISE_TYPE] = {"schema": {}}
    if path == "/witness/add-checkpoint":
        content |= {TEXT: {"schema": {}}, SIZE_TYPE: {"schema": {}}}
    return {"description": "A problem; its status says which", "content": content}


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an optional parameter: an address cannot say null, it leaves out."""
    kinds = [one for one in schema.get("oneOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "oneOf"}, **kinds[0]}
