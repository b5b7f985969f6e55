"""Every decoder that reads what strangers send, with valid samples to begin from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from entrepot.client.signatures import parse_signature
from entrepot.kernel.acts import ActId, SignedAct, sign_act
from entrepot.kernel.approval import Approval, take_approval, verify_approval
from entrepot.kernel.checkpoint import (
    Checkpoint,
    LogSigner,
    format_tlog_proof,
    parse_checkpoint,
    parse_log_keys,
    read_checkpoint,
    verify_checkpoint,
    verify_tlog_proof,
)
from entrepot.kernel.cose import parse_sign1
from entrepot.kernel.decisions import Effect, Granted, Outcome, Reason, Refused
from entrepot.kernel.encoding import decode, decode_map, encode, from_base64
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.institution import Facts
from entrepot.kernel.keys import Algorithm, key_from_seed, public_key_from_pem
from entrepot.kernel.merkle import inclusion_path, root_of
from entrepot.kernel.note import parse_note, parse_vkey
from entrepot.kernel.policy import parse_policy
from entrepot.kernel.receipt import claimed_position, issue_receipt, sign_tree, verify_receipt
from entrepot.kernel.record import (
    Sealed,
    decode_entry,
    decode_evidence,
    decode_ruling,
    encode_entry,
    encode_evidence,
    encode_own_entry,
    encode_ruling,
)
from entrepot.kernel.tiles import Edge, TileTree, decode_bundle, encode_bundle
from entrepot.kernel.witness import format_add_checkpoint, parse_add_checkpoint
from entrepot.node.api.sequence import split_sequence
from entrepot.registry.identifiers import parse_identifier, parse_text
from entrepot.registry.jws import from_base64url, json_part, key_of_jwk, parse_token, sign_token
from entrepot.registry.sdjwt import parse as parse_sd_jwt

ORIGIN = "fuzz.example/log"
KEY = key_from_seed(b"k" * 32)
SIGNER = LogSigner(ORIGIN, KEY, key_from_seed(b"m" * 32, Algorithm.ML_DSA_44))
ENTRIES = [b"entry %d" % number for number in range(300)]
_EDGE, _FILES = Edge().append(ENTRIES)
TREE = TileTree(len(ENTRIES), _FILES.get)
ROOT = root_of(TREE.size, TREE.node_at)
CHECKPOINT = SIGNER.sign(Checkpoint(ORIGIN, TREE.size, ROOT), 1_790_000_000)
PATH = inclusion_path(7, TREE.size, TREE.node_at)
RECEIPT = issue_receipt(sign_tree(KEY, ORIGIN, TREE.size, ROOT), 7, PATH)
BODY: dict[str, object] = {"a": 1, "list": [b"x" * 32, "text", None, True], "map": {"k": -5}}
ACT = sign_act(KEY, "announce", BODY, issued_at=1_790_000_000, act_id=ActId(b"i" * 16))
RULING = encode_ruling(KEY.kid, ("law",), Granted((Effect("e", BODY),)))
REFUSAL = encode_ruling(KEY.kid, (), Refused((Reason("code", "art 1", "No."),)))
EVIDENCE = encode_evidence(ACT, Facts({"known": True}))
ENTRY = encode_entry(
    "announce",
    ActId(b"i" * 16),
    5,
    Outcome.GRANTED,
    evidence=Sealed(EVIDENCE, b"s" * 32),
    ruling=Sealed(RULING, b""),
)
VKEYS = SIGNER.keys.text()
TOKEN = sign_token(KEY, {"typ": "JWT"}, {"iss": "did:web:example", "iat": 1})
APPROVAL = Approval(
    KEY.kid, b"\x05" * 37, b'{"type":"webauthn.get","challenge":"","origin":""}', b"s"
)
_FIRST, _SECOND = VKEYS.splitlines()
POLICY = f"log {_FIRST}\nwitness w {_SECOND} https://w.example\ngroup g 1 w\nquorum g\n"


@dataclass(frozen=True)
class Decoder:
    """A decoder under test: it may return, or raise one of our own errors, and nothing else."""

    name: str
    decode: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    exact: bool = False
    """It verifies: no byte may change, so only a sample itself may be accepted."""


def text(call: Callable[[str], object]) -> Callable[[bytes], object]:
    """Return a decoder of text as one of bytes; bytes that are no text never reach it."""
    return lambda raw: call(raw.decode("utf-8", errors="replace"))


def _approve(raw: bytes) -> object:
    _, approval = take_approval(decode_map(raw))
    if approval is not None:
        verify_approval(approval, b"c" * 32, KEY.public, None)
    return approval


def _client_data(raw: bytes) -> None:
    verify_approval(Approval(KEY.kid, b"\x05" * 37, raw, b"s" * 64), b"c" * 32, KEY.public, None)


def _jwk(raw: bytes) -> object:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return key_of_jwk(value)


def _signature(raw: bytes) -> object:
    head, _, tail = raw.decode("latin-1").partition("\n")
    return parse_signature(head, tail)


def _identifier(raw: bytes) -> object:
    scheme, _, value = raw.decode("utf-8", errors="replace").partition(":")
    return parse_identifier(scheme, value)


DECODERS: tuple[Decoder, ...] = (
    Decoder("CBOR", decode, (encode(BODY), ENTRY, RULING, EVIDENCE)),
    Decoder("base64", text(from_base64), (b"AAECAw==", b"")),
    Decoder("COSE_Sign1", parse_sign1, (ACT, RECEIPT)),
    Decoder("act", SignedAct, (ACT,)),
    Decoder("act: body", lambda raw: SignedAct(raw).unverified_body, (ACT,)),
    Decoder("approval", _approve, (encode({"approval": APPROVAL.plain(), "a": 1}),)),
    Decoder("approval: client data", _client_data, (APPROVAL.client_data,)),
    Decoder("entry", decode_entry, (ENTRY, encode_own_entry("erasure", 5, 7))),
    Decoder("ruling", decode_ruling, (RULING, REFUSAL)),
    Decoder("evidence", decode_evidence, (EVIDENCE,)),
    Decoder(
        "receipt", lambda raw: verify_receipt(raw, ENTRIES[7], KEY.public), (RECEIPT,), exact=True
    ),
    Decoder("receipt: position", claimed_position, (RECEIPT,)),
    Decoder("note", parse_note, (CHECKPOINT,)),
    Decoder(
        "checkpoint", lambda raw: verify_checkpoint(raw, SIGNER.keys), (CHECKPOINT,), exact=True
    ),
    Decoder("checkpoint of a stranger", read_checkpoint, (CHECKPOINT,)),
    Decoder("checkpoint text", text(parse_checkpoint), (CHECKPOINT.split(b"\n\n")[0] + b"\n",)),
    Decoder(
        "text proof",
        lambda raw: verify_tlog_proof(raw, ENTRIES[7], SIGNER.keys),
        (format_tlog_proof(7, PATH, CHECKPOINT),),
        exact=True,
    ),
    Decoder("vkey", text(parse_vkey), tuple(line.encode() for line in VKEYS.splitlines())),
    Decoder("log keys", text(parse_log_keys), (VKEYS.encode(),)),
    Decoder("public key", public_key_from_pem, (KEY.public.pem(),)),
    Decoder("policy", parse_policy, (POLICY.encode(),)),
    Decoder("add-checkpoint", parse_add_checkpoint, (format_add_checkpoint(7, PATH, CHECKPOINT),)),
    Decoder("bundle", lambda raw: decode_bundle(raw, 3), (encode_bundle(ENTRIES[:3]),)),
    Decoder(
        "sequence of acts",
        lambda raw: split_sequence(raw, items_max=64, item_max_bytes=10_000),
        (ACT + ACT, ACT),
    ),
    Decoder(
        "request signature",
        _signature,
        (
            b'sig1=("@method" "@target-uri");created=1790000000;keyid="ab";alg="ed25519"\n'
            b"sig1=:AAECAw==:",
        ),
    ),
    Decoder("JSON web token", text(parse_token), (TOKEN.encode(),)),
    Decoder("token part", text(json_part), (TOKEN.split(".")[1].encode(),)),
    Decoder("base64url", text(from_base64url), (b"AAECAw", b"")),
    Decoder("JSON web key", _jwk, (b'{"kty":"OKP","crv":"Ed25519","x":"AAEC"}',)),
    Decoder("SD-JWT", text(parse_sd_jwt), (TOKEN.encode() + b"~WyJzIiwibiIsMV0~",)),
    Decoder("identifier", _identifier, (b"lei:529900T8BM49AURSDO55", b"uscc:91110000600037341L")),
    Decoder("identifier text", text(parse_text), (b"lei:529900T8BM49AURSDO55",)),
)


def refusals() -> tuple[type[Exception], ...]:
    """Return the errors by which a decoder may refuse."""
    from entrepot.kernel.errors import Error

    assert issubclass(InvalidInput, Error)
    return (Error,)


def shape_refusals() -> tuple[type[Exception], ...]:
    """Return the errors by which the shape of an act may refuse; the kernel knows both."""
    return (*refusals(), msgspec.ValidationError)
