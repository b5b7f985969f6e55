"""Acts that somebody else made, or made badly: replayed, swapped, borrowed, too large, too deep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cbor2
import httpx
import pytest
from strangers import NOW, STRANGER, Party, Passkey, Scene, scene

from entrepot.kernel.acts import ACT_MAX_BYTES, ActId, new_act_id, sign_act
from entrepot.kernel.approval import with_approval
from entrepot.kernel.cose import signed_bytes
from entrepot.kernel.keys import PrivateKey, key_from_seed, kid_urn
from entrepot.kernel.statement import sign_statement
from entrepot.registry.acts import possession_message

pytestmark = pytest.mark.slow

COSE, MANY = "application/cose", "application/cbor-seq"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    limits = {"limits.acts_per_s_per_key": 10_000, "limits.acts_burst_per_key": 50_000}
    with scene(tmp_path_factory.mktemp("acts") / "home", **limits) as found:
        yield found


def send(stage: Scene, content: bytes, media_type: str = COSE, **fields: str) -> httpx.Response:
    return httpx.post(
        f"{stage.url}/acts", content=content, headers={"Content-Type": media_type, **fields}
    )


def outcome(stage: Scene, act: bytes) -> tuple[int, str]:
    """Status, and the outcome or the code of the error."""
    answer = send(stage, act)
    said = answer.json()
    return answer.status_code, said.get("outcome") or said["type"].rpartition(":")[2]


def act(
    stage: Scene, key: PrivateKey, kind: str, body: dict[str, Any], *, at: int | None = None
) -> bytes:
    issued_at = stage.world.now if at is None else at
    return sign_act(key, kind, body, issued_at=issued_at, act_id=new_act_id())


def withdraw(stage: Scene) -> dict[str, Any]:
    return {"product": stage.product, "reason": "It is over."}


def test_replays_give_the_first_answer_and_change_nothing(stage: Scene) -> None:
    product = stage.world.file(stage.vendor)
    release = {"product": product, "version": "1", "sha256": "ab" * 32, "bytes": 1, "rows": 1}
    first = act(stage, stage.vendor.key, "release-product", release)
    answers = [send(stage, first) for _ in range(3)]
    assert [one.status_code for one in answers] == [201, 200, 200]
    size = stage.size
    together = send(stage, first * 50, MANY).json()
    assert {one["index"] for one in together} == {answers[0].json()["index"]}
    assert all(one["repeated"] for one in together)
    assert stage.size == size


def test_acts_that_depend_on_each_other_are_decided_in_the_order_given(stage: Scene) -> None:
    products = [stage.world.file(stage.vendor) for _ in range(2)]
    for product, wanted in zip(
        products, (["granted", "refused"], ["granted", "granted"]), strict=True
    ):
        end = act(stage, stage.vendor.key, "withdraw-product", {"product": product, "reason": "x"})
        body = {"product": product, "version": "1", "sha256": "cd" * 32, "bytes": 1, "rows": 1}
        release = act(stage, stage.vendor.key, "release-product", body)
        order = [end, release] if wanted[1] == "refused" else [release, end]
        assert [one["outcome"] for one in send(stage, b"".join(order), MANY).json()] == wanted


STOLEN: dict[str, dict[str, Any]] = {
    "withdraw-product": {"product": "{product}", "reason": "Mine now."},
    "update-party": {"party": "{vendor}", "name": "Renamed by a rival"},
    "revoke-key": {"party": "{vendor}", "kid": "{key}"},
    "add-key": {"party": "{vendor}", "key": STRANGER.public.raw, "proof": "{proof}"},
    "admit-member": {"party": "{vendor}", "credential": Passkey().public.raw, "duties": ["admin"]},
    "remove-member": {"party": "{vendor}", "kid": "{person}"},
    "decide-application": {"application": "{application}", "outcome": "admit", "roles": ["buyer"]},
    "recover-party": {
        "party": "{vendor}",
        "key": STRANGER.public.raw,
        "proof": "{proof}",
        "reasons": [{"code": "own.lost", "citation": "Rules", "sentence": "They lost it."}],
    },
    "file-right": {
        "product": "{product}",
        "right": "hold",
        "holder": "{vendor}",
        "scope": ["any"],
        "territory": ["WORLD"],
        "term": {"from": "2026-01-01", "until": "2036-12-31"},
        "evidence": ["ab" * 32],
    },
    "release-product": {
        "product": "{product}",
        "version": "stolen",
        "sha256": "ab" * 32,
        "bytes": 1,
        "rows": 1,
    },
    "issue-certificate": {
        "kind": "provider",
        "subject": "{vendor}",
        "term": {"from": "2026-10-01", "until": "2027-09-30"},
    },
    "found-registry": {
        "name": "Another",
        "identifier": {"scheme": "lei", "value": "984500ENTREPOTOPER85"},
        "country": "CN",
        "key": STRANGER.public.raw,
    },
}


def filled(stage: Scene, body: dict[str, Any]) -> dict[str, Any]:
    names: dict[str, object] = {
        "{proof}": STRANGER.sign(possession_message(stage.vendor.id)),
        "{product}": stage.product,
        "{vendor}": stage.vendor.id,
        "{key}": bytes(stage.vendor.key.kid),
        "{person}": bytes(stage.vendor.people["admin"].kid),
        "{application}": stage.application,
    }
    return {
        name: names.get(value, value) if isinstance(value, str) else value
        for name, value in body.items()
    }


@pytest.mark.parametrize("kind", STOLEN)
def test_acts_over_what_is_anothers_are_refused(stage: Scene, kind: str) -> None:
    body = filled(stage, STOLEN[kind])
    assert outcome(stage, act(stage, stage.rival.key, kind, body)) == (201, "refused")
    by_person = stage.world.signed(stage.rival, kind, body, "admin")
    assert outcome(stage, by_person) == (201, "refused")
    status, said = outcome(stage, act(stage, STRANGER, kind, body))
    assert (status, said) == (403, "verification")
    # Nor does it help to say that it is the vendor who signs.
    mine, theirs = stage.rival.key.kid, stage.vendor.key.kid
    forged = act(stage, stage.rival.key, kind, body).replace(mine, theirs)
    assert outcome(stage, forged)[0] == 422, "issuer and key id do not agree"
    forged = forged.replace(kid_urn(mine).encode(), kid_urn(theirs).encode())
    assert outcome(stage, forged) == (403, "verification")
    assert httpx.get(f"{stage.url}/registry/products/{stage.product}").json()["withdrawal"] is None


def approved(stage: Scene, person: Passkey, **other: Any) -> dict[str, Any]:
    """Body, kind, id and time of an act that a person of the vendor approves."""
    made: dict[str, Any] = {
        "kind": "withdraw-product",
        "body": withdraw(stage),
        "act_id": new_act_id(),
        "issued_at": stage.world.now,
        "issuer": stage.running.node.party.kid,
        **other,
    }
    body = person.approve(
        made["kind"],
        made["body"],
        act_id=made["act_id"],
        issued_at=made["issued_at"],
        issuer=made["issuer"],
    )
    return {**made, "body": body}


def signed(key: PrivateKey, made: dict[str, Any], **other: Any) -> bytes:
    made = {**made, **other}
    return sign_act(
        key, made["kind"], made["body"], issued_at=made["issued_at"], act_id=made["act_id"]
    )


def test_an_approval_is_for_one_act_only(stage: Scene) -> None:
    """As an operator could try who holds the node's key and somebody's assertion."""
    node, person = stage.running.node.party, stage.vendor.people["admin"]
    other = stage.world.file(stage.vendor)
    made = approved(stage, person)
    approval = made["body"]["approval"]
    bent = [
        signed(node, made, act_id=new_act_id()),
        signed(node, made, issued_at=made["issued_at"] - 1),
        signed(node, made, kind="revise-product"),
        signed(node, made, body={**made["body"], "product": other}),
        signed(node, made, body={**made["body"], "reason": "It is over!"}),
        signed(stage.vendor.key, made),
        signed(stage.rival.key, made),
        signed(node, made, body={**withdraw(stage), "approval": {**approval, "extra": 1}}),
        signed(node, made, body={**withdraw(stage), "approval": None}),
        signed(node, made, body={**withdraw(stage), "approval": [approval]}),
        signed(node, made, body=withdraw(stage)),
    ]
    for number, one in enumerate(bent):
        status, said = outcome(stage, one)
        assert (status, said) in (
            (403, "verification"),
            (422, "invalid-input"),
            (201, "refused"),
        ), number
    elsewhere = [
        Passkey(secret=person.secret, origin="https://evil.example"),
        Passkey(secret=person.secret, site="evil.example"),
        Passkey(secret=person.secret, flags=0x01),
        Passkey(secret=person.secret, flags=0x04),
        Passkey(),
    ]
    for passkey in elsewhere:
        status, said = outcome(stage, signed(node, approved(stage, passkey)))
        assert (status, said) in ((403, "verification"), (201, "refused"))
    swapped = approved(stage, stage.rival.people["admin"])
    status, said = outcome(stage, signed(node, swapped))
    assert (status, said) == (201, "refused"), "a rival's own signature is theirs, and no more"
    creating = person.assertion(b"\x00" * 32, type_="webauthn.create")
    wrong_type = {**made, "body": with_approval(withdraw(stage), creating)}
    assert outcome(stage, signed(node, wrong_type))[0] == 403
    shown = httpx.get(f"{stage.url}/registry/products/{stage.product}").json()
    assert shown["withdrawal"] is None


@pytest.mark.parametrize(("ahead_s", "status"), [(10**9, 422), (3_600, 422), (2**62, 422)])
def test_acts_of_the_future_are_not_taken(stage: Scene, ahead_s: int, status: int) -> None:
    size = stage.size
    late = act(stage, stage.vendor.key, "withdraw-product", withdraw(stage), at=NOW + ahead_s)
    assert outcome(stage, late) == (status, "invalid-input")
    assert stage.size == size


@pytest.mark.parametrize("number", [-1, -(2**63), 2**53, 2**63 - 1])
def test_gigantic_and_negative_numbers_are_refused_or_invalid(stage: Scene, number: int) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "withdraw-product": {"product": number, "reason": "x"},
        "close-notice": {"right": number},
        "object-to-right": {"right": number, "grounds": {"code": "a.b", "sentence": "x"}},
        "cancel-right": {"right": number, "reason": "x"},
        "release-product": {
            "product": stage.product,
            "version": "9",
            "sha256": "ab" * 32,
            "bytes": number,
            "rows": number,
        },
    }
    for kind, body in bodies.items():
        status, said = outcome(stage, act(stage, stage.vendor.key, kind, body))
        granted = kind == "release-product" and 0 <= number < 2**63
        assert (status, said) in ((201, "refused"), (422, "invalid-input")) or granted, kind
    assert httpx.get(f"{stage.url}/readyz").json()["ready"] is True


TEXTS = ["\x00", "a\x00b", "\u202eevil", "\u2066x\u2069", "\x1b[2J", "\ufeff", "x" * 100_000, " "]


@pytest.mark.parametrize("text", TEXTS)
def test_odd_text_is_refused_or_invalid_and_on_no_page_as_it_came(stage: Scene, text: str) -> None:
    # What the encoder refuses to write, a stranger writes by hand.
    marked = "M" * max(1, len(text.encode()))
    body = {"party": stage.vendor.id, "name": marked}
    whole = act(stage, stage.vendor.key, "update-party", body)
    by_hand = whole.replace(marked.encode(), text.encode())
    assert outcome(stage, by_hand)[0] in (403, 422)
    if "\x00" not in text:
        signed_ = act(stage, stage.vendor.key, "update-party", {**body, "name": text})
        status, said = outcome(stage, signed_)
        assert (status, said) in ((201, "refused"), (422, "invalid-input"), (413, "too-large"))
    page = httpx.get(f"{stage.url}/directory/parties/{stage.vendor.id}")
    assert page.status_code == 200
    assert text == " " or text not in page.text


def padded(stage: Scene, size: int) -> bytes:
    """A signed act of exactly this many bytes."""
    body = {**withdraw(stage), "reason": ""}
    empty = len(act(stage, stage.vendor.key, "withdraw-product", body))
    for guess in range(size - empty - 12, size - empty + 1):
        made = act(
            stage, stage.vendor.key, "withdraw-product", {**body, "reason": "x" * max(0, guess)}
        )
        if len(made) == size:
            return made
    raise AssertionError("no act has this size")


def test_an_act_of_256_kib_is_read_and_one_byte_more_is_not(stage: Scene) -> None:
    size = stage.size
    largest = padded(stage, ACT_MAX_BYTES)
    status, said = outcome(stage, largest)
    assert (status, said) in ((422, "invalid-input"), (201, "refused"))
    assert send(stage, largest + b"\x00").status_code == 413
    assert send(stage, largest * 3, MANY).status_code == 200
    assert send(stage, b"\x00" * (9 << 20), MANY).status_code == 413
    assert stage.size <= size + 4


def test_no_more_acts_than_the_limit_in_one_request(stage: Scene) -> None:
    size = stage.size
    one = act(stage, STRANGER, "withdraw-product", withdraw(stage))
    over = send(stage, one * 4_097, MANY)
    assert (over.status_code, over.json()["type"]) == (413, "urn:entrepot:error:too-large")
    most = send(stage, one * 4_096, MANY)
    assert most.status_code == 200
    assert {item["status"] for item in most.json()} == {403}
    assert stage.size == size


DEEP: dict[str, bytes] = {
    "arrays": b"\x81" * 100_000 + b"\x00",
    "maps": b"\xa1\x00" * 100_000 + b"\x00",
    "tags": b"\xc1" * 100_000 + b"\x00",
    "claims a gigabyte": b"\x5a\x40\x00\x00\x00" + b"x" * 100,
    "claims 2^64 items": b"\x9b" + b"\xff" * 8,
    "indefinite": b"\x9f" * 1_000,
    "many values": b"\x99\xff\xff" + b"\x80" * 65_535,
    "more values": b"\x9a\x00\x03\xff\xf0" + b"\x00" * 0x3FFF0,
}


@pytest.mark.parametrize("media_type", [COSE, MANY])
@pytest.mark.parametrize("shape", DEEP)
def test_deep_and_vast_cbor_is_refused_at_once(stage: Scene, shape: str, media_type: str) -> None:
    answer = send(stage, DEEP[shape], media_type)
    found = answer.json()
    if isinstance(found, list):
        assert {one["status"] for one in found} == {422}
    else:
        assert answer.status_code in (413, 422)
    assert answer.elapsed.total_seconds() < 2


def test_nesting_inside_a_signed_body_is_bounded_too(stage: Scene) -> None:
    flat = act(stage, stage.vendor.key, "withdraw-product", {"product": 1, "reason": "MMMMMMMM"})
    deep = flat.replace(b"\x68MMMMMMMM", b"\x81" * 8 + b"\x00")
    assert outcome(stage, deep)[0] in (403, 422)


def test_one_key_is_one_party(stage: Scene) -> None:
    """An application that carries another party's key, or names its identifier, is no way in."""
    for key, identifier in (
        (stage.vendor.key, stage.vendor.id),
        (key_from_seed(b"\x31" * 32), stage.vendor.id),
    ):
        body = {
            "name": "Vendor",
            "identifiers": [{"scheme": "lei", "value": identifier.partition(":")[2]}],
            "country": "CN",
            "roles": ["provider"],
            "key": key.public.raw,
        }
        status, said = outcome(stage, act(stage, key, "apply-for-membership", body))
        assert (status, said) in ((201, "refused"), (403, "verification"), (409, "conflict"))
    stolen = {
        "name": "Vendor",
        "identifiers": [{"scheme": "lei", "value": stage.vendor.id.partition(":")[2]}],
        "country": "CN",
        "roles": ["provider"],
        "key": stage.vendor.key.public.raw,
    }
    # Signed by a key other than the one it carries: possession is not shown.
    status, said = outcome(stage, act(stage, STRANGER, "apply-for-membership", stolen))
    assert (status, said) in ((403, "verification"), (422, "invalid-input"))


def test_an_act_id_of_another_party_cannot_be_taken_to_learn_of_it(stage: Scene) -> None:
    """The same id by another key is a conflict or its own act, and tells nothing of the first."""
    act_id = ActId(b"\x99" * 16)
    mine = sign_act(
        stage.vendor.key,
        "update-party",
        {"party": stage.vendor.id, "name": "Vendor"},
        issued_at=stage.world.now,
        act_id=act_id,
    )
    assert send(stage, mine).status_code == 201
    theirs = sign_act(
        stage.rival.key,
        "update-party",
        {"party": stage.rival.id, "name": "Rival"},
        issued_at=stage.world.now,
        act_id=act_id,
    )
    answer = send(stage, theirs)
    assert answer.status_code in (201, 409)
    assert stage.vendor.id not in answer.text


def test_a_person_speaks_for_their_own_party_only(stage: Scene) -> None:
    newcomer = Party("Nobody", "lei:none", STRANGER, {"admin": Passkey()})
    made = stage.world.signed(newcomer, "withdraw-product", withdraw(stage), "admin")
    assert outcome(stage, made)[0] in (201, 403)
    shown = httpx.get(f"{stage.url}/registry/products/{stage.product}").json()
    assert shown["withdrawal"] is None


def test_a_statement_counts_against_the_key_that_signed_it(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """A decoy of another's key id, under a label that nobody reads, neither saves nor charges."""
    limits = {"limits.acts_per_s_per_key": 0.01, "limits.acts_burst_per_key": 3}
    with scene(tmp_path_factory.mktemp("decoy") / "home", **limits) as limited:
        rival, vendor = limited.rival, limited.vendor

        def register(key: PrivateKey, issuer: str, number: int, decoy: bytes = b"") -> int:
            raw = sign_statement(
                key,
                b"content %d" % number,
                issuer=issuer,
                subject="s",
                content_type="text/plain",
                issued_at=limited.world.now,
            )
            protected_bytes, unprotected, payload, _ = cbor2.loads(raw).value
            header = {**({0: b"\x04\x58\x20" + decoy} if decoy else {})}
            header |= cbor2.loads(protected_bytes)
            protected_bytes = cbor2.dumps(header, canonical=True)
            signature = key.sign(signed_bytes(protected_bytes, payload))
            message = [protected_bytes, unprotected, payload, signature]
            return httpx.post(
                f"{limited.url}/entries",
                content=cbor2.dumps(cbor2.CBORTag(18, message)),
                headers={"Content-Type": COSE},
            ).status_code

        found = [register(rival.key, rival.id, number, vendor.key.kid) for number in range(5)]
        assert found == [201, 201, 201, 429, 429]
        assert [register(vendor.key, vendor.id, number) for number in range(5, 8)] == [201] * 3
