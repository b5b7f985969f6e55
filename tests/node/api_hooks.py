"""What schemathesis sends where a schema only says "bytes": acts, good, bent and broken.

Loaded by the tool itself (`SCHEMATHESIS_HOOKS`); `tests/node/test_schemathesis.py` runs it. The
strategies draw from Hypothesis alone, so a seed repeats a run; the time of acts is the system's.
"""

from __future__ import annotations

import hashlib
import string
import time
from typing import Any

import schemathesis
from hypothesis import strategies as st

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.encoding import encode
from entrepot.kernel.keys import key_from_seed

COSE, CBOR_SEQUENCE = "application/cose", "application/cbor-seq"


@schemathesis.serializer(COSE, CBOR_SEQUENCE)
def as_they_are(_context: schemathesis.SerializationContext, value: Any) -> bytes | None:
    return value if isinstance(value, bytes) else encode(value)


def lei(number: int) -> str:
    body = f"9845{number:014d}"
    value = int("".join(str(string.digits.find(c)) for c in body) + "00")
    return f"{body}{98 - value % 97:02d}"


def application(number: int) -> dict[str, Any]:
    key = key_from_seed(hashlib.sha256(number.to_bytes(8, "big")).digest())
    return {
        "name": f"Invented {number}",
        "identifiers": [{"scheme": "lei", "value": lei(number)}],
        "country": "CN",
        "roles": ["provider"],
        "key": key.public.raw,
    }


@st.composite
def acts(draw: st.DrawFn) -> bytes:
    """A well-formed, signed act: an application, or one of a key that nobody knows."""
    number = draw(st.integers(0, 10**9))
    key = key_from_seed(hashlib.sha256(number.to_bytes(8, "big")).digest())
    kind = draw(st.sampled_from(["apply-for-membership"] * 3 + ["file-product", "no-such-kind"]))
    body = application(number)
    if draw(st.booleans()):
        name = draw(st.sampled_from([*body, "unknown"]))
        body[name] = draw(PLAIN)
    return sign_act(
        key,
        kind,
        body,
        issued_at=int(time.time()) + draw(st.sampled_from([0, -10, -(10**8), 10**6])),
        act_id=ActId(draw(st.binary(min_size=16, max_size=16))),
    )


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.text(max_size=30)
    | st.binary(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
).filter(lambda value: "\\ud" not in repr(value) and "\\x00" not in repr(value))


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """An act with some of its bytes changed, taken out, doubled or cut off."""
    content = bytearray(draw(acts()))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(content) - 1))
        how = draw(st.integers(0, 3))
        if how == 0:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif how == 1:
            del content[at : at + draw(st.integers(1, 9))]
        elif how == 2:
            content[at:at] = content[at : at + 40]
        else:
            del content[at + 1 :]
        if not content:
            break
    return bytes(content)


ANY = acts() | bent() | st.binary(max_size=200) | PLAIN.map(encode)
schemathesis.openapi.media_type(COSE, ANY)
schemathesis.openapi.media_type(
    CBOR_SEQUENCE, st.lists(ANY, max_size=5).map(b"".join) | st.binary(max_size=200)
)
