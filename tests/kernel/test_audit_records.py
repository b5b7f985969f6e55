"""What fsck checks of single records: approvals, keys that bodies carry, act ids that repeat."""

import hashlib
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from kernel_toy import COUNT, NOW
from software_authenticator import Passkey

from entrepot.kernel.acts import ActId, SignedAct, sign_act
from entrepot.kernel.audit_records import (
    ActIds,
    KeyFinder,
    PortionCheck,
    erased_index,
    in_order,
    mark_of,
    positions_of,
)
from entrepot.kernel.bodies import Bodies
from entrepot.kernel.decisions import Granted
from entrepot.kernel.errors import VerificationError
from entrepot.kernel.institution import ActKind, Facts
from entrepot.kernel.keyring import KeyRing
from entrepot.kernel.keys import Algorithm, PublicKey, key_from_seed
from entrepot.kernel.record import (
    Sealed,
    encode_entry,
    encode_evidence,
    encode_own_entry,
    encode_ruling,
)
from entrepot.kernel.snapshot import Portion
from entrepot.kernel.store import Store

KEY = key_from_seed(b"k" * 32)
OTHER = key_from_seed(b"o" * 32)
SALT = b"s" * 32
ORIGIN = "node.example/log"


def portion(act: bytes, *, first: int = 1) -> Portion:
    """Return the entry and record that the sequencer would write of a granted act."""
    signed = SignedAct(act)
    evidence = Sealed(encode_evidence(act, Facts({})), SALT)
    ruling = Sealed(encode_ruling(signed.unverified_kid, ("law",), Granted(())), SALT)
    claims = signed._claims
    entry = encode_entry(
        claims.kind, claims.act_id, NOW, Granted(()).outcome, evidence=evidence, ruling=ruling
    )
    row = SimpleNamespace(
        issuer=signed.unverified_kid,
        act_id=claims.act_id,
        digest=hashlib.sha256(act).digest(),
        tree_size=first + 1,
        evidence_salt=SALT,
        evidence=evidence.content,
        evidence_at=None,
        ruling_salt=SALT,
        ruling=ruling.content,
    )
    return Portion(first, [entry], {first: row})


def check_of(*known: PublicKey, kind: ActKind[Any] = COUNT, size: int = 10) -> PortionCheck:
    ring = KeyRing({key.kid: key for key in known})
    finder = KeyFinder(Store.scratch(), ring, {kind.name: kind})
    return PortionCheck(Bodies(), finder, frozenset(), size, ORIGIN)


def act(body: dict[str, object], *, act_id: bytes = b"a" * 16, audience: str = "") -> bytes:
    return sign_act(KEY, "count", body, issued_at=NOW, act_id=ActId(act_id), audience=audience)


def test_an_approval_is_verified_again() -> None:
    passkey, body = Passkey(), {"name": "a", "amount": 1}
    approved = passkey.approve("count", body, act_id=b"a" * 16, issued_at=NOW, issuer=KEY.kid)
    check = check_of(KEY.public, passkey.public)
    assert check(portion(act(approved))) == [mark_of(KEY.kid, b"a" * 16)]
    with pytest.raises(VerificationError, match="key of an issuer is missing"):
        check_of(KEY.public)(portion(act(approved)))
    with pytest.raises(VerificationError, match="another act"):
        check(portion(act({**approved, "amount": 2})))
    with pytest.raises(VerificationError, match="another act"):
        check(portion(act(approved, act_id=b"b" * 16)))
    broken = dict(approved)
    broken["approval"] = {**approved["approval"], "signature": b"0\x06\x02\x01\x01\x02\x01\x01"}  # type: ignore[dict-item]
    with pytest.raises(VerificationError):
        check(portion(act(broken)))


def test_a_key_may_stand_in_the_body_of_an_act_that_enrols() -> None:
    def enrols(body: dict[object, object]) -> PublicKey | None:
        raw = body.get("key")
        return PublicKey(Algorithm.ED25519, raw) if isinstance(raw, bytes) else None

    kind = replace(COUNT, enrols=enrols)
    check = check_of(kind=kind)
    check(portion(act({"key": KEY.public.raw})))
    check(portion(act({"name": "known from now on"}, act_id=b"c" * 16)))
    with pytest.raises(VerificationError, match="missing"):
        check_of(kind=kind)(portion(act({"key": OTHER.public.raw})))
    with pytest.raises(VerificationError, match="missing"):
        check_of(kind=COUNT)(portion(act({"key": KEY.public.raw})))


def test_a_forged_act_is_found() -> None:
    whole = portion(act({"name": "a", "amount": 1}))
    check = check_of(KEY.public)
    check(whole)
    row = whole.rows[1]
    raw = act({"name": "a", "amount": 1})
    forged = raw[:-1] + bytes([raw[-1] ^ 1])
    with pytest.raises(VerificationError, match="signature"):
        check(portion(forged))
    row.tree_size = 11
    with pytest.raises(VerificationError, match="disagree"):
        check(whole)


def test_an_act_meant_for_another_log_is_found() -> None:
    body: dict[str, object] = {"name": "a", "amount": 1}
    check = check_of(KEY.public)
    check(portion(act(body, audience=ORIGIN)))
    with pytest.raises(VerificationError, match="another log"):
        check(portion(act(body, audience="other.example/log")))


def test_act_ids_that_repeat_are_found_and_accidents_are_not() -> None:
    ids = ActIds()
    for number in range(1000):
        ids.add(mark_of(b"i" * 32, number.to_bytes(16, "big")))
    assert not ids.repeated() and len(ids) == 1000
    twice = mark_of(b"i" * 32, (7).to_bytes(16, "big"))
    ids.add(twice)
    assert ids.repeated() == {twice}
    row = SimpleNamespace(issuer=b"i" * 32, act_id=(7).to_bytes(16, "big"))
    other = SimpleNamespace(issuer=b"j" * 32, act_id=(7).to_bytes(16, "big"))
    positions_of({twice}, [Portion(0, [], {1: row, 2: other})])
    with pytest.raises(VerificationError, match="applied twice"):
        positions_of({twice}, [Portion(0, [], {1: row, 2: other}), Portion(3, [], {5: row})])


def test_only_erasures_are_read_as_erasures() -> None:
    assert erased_index(encode_own_entry("erasure", NOW, 77)) == 77
    assert erased_index(encode_own_entry("genesis", NOW, ["erasure"])) is None
    assert erased_index(portion(act({"name": "erasure"})).entries[0]) is None
    assert erased_index(b"raw bytes") is None


def test_portions_are_checked_in_order_and_the_first_fault_is_raised() -> None:
    portions = [Portion(first, [], {}) for first in range(100)]

    def work(item: Portion) -> int:
        if item.first in (40, 60):
            raise VerificationError("fault", value=item.first)
        return item.first

    assert list(in_order(work, portions[:40])) == list(range(40))
    seen = []
    with pytest.raises(VerificationError) as caught:
        for number in in_order(work, portions):
            seen.append(number)
    assert caught.value.value == 40 and seen == list(range(40))
