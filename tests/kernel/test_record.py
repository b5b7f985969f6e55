"""Records: the two parts, their commitments, and strict reading of everything stored."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kernel_toy import NOW, count_act, open_toy

from entrepot.kernel.acts import ActId
from entrepot.kernel.cose import parse_sign1
from entrepot.kernel.decisions import (
    Decision,
    Effect,
    Granted,
    Outcome,
    Reason,
    Referred,
    Refused,
    effects_of,
)
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError
from entrepot.kernel.export import verify_export, write_export
from entrepot.kernel.institution import Facts, Record, apply_nothing
from entrepot.kernel.keys import Kid, new_key
from entrepot.kernel.record import (
    Entry,
    OwnEntry,
    Sealed,
    commitment,
    decode_entry,
    decode_evidence,
    decode_ruling,
    encode_entry,
    encode_evidence,
    encode_own_entry,
    encode_ruling,
)
from entrepot.kernel.sequencer import Opening
from entrepot.kernel.store import Store

REASON = Reason("law.art-1", "Some Act art 1", "It is not allowed.")
ISSUER = Kid(b"\x05" * 32)
SALT = b"\x09" * 32


@pytest.mark.parametrize(
    "decision",
    [
        Granted(()),
        Granted((Effect("add", {"n": 1, "list": [1, "x", b"y", None, True]}),)),
        Refused((REASON, REASON)),
        Referred((REASON,), "the data protection officer"),
    ],
)
def test_rulings_come_back(decision: Decision) -> None:
    ruling = decode_ruling(encode_ruling(ISSUER, ["hash-1", "hash-2"], decision))
    assert (ruling.issuer, ruling.law, ruling.decision) == (
        ISSUER,
        ("hash-1", "hash-2"),
        decision,
    )
    assert effects_of(decision) == getattr(decision, "effects", ())


def test_a_decision_gives_reasons() -> None:
    for parts in (("", "c", "s"), ("c", " ", "s"), ("c", "s", "")):
        with pytest.raises(InvalidInput, match="reason needs"):
            Reason(*parts)
    with pytest.raises(InvalidInput, match="at least one"):
        Refused(())
    with pytest.raises(InvalidInput, match="at least one"):
        Referred((), "someone")
    with pytest.raises(InvalidInput, match="who must decide"):
        Referred((REASON,), " ")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {1: b"x", 2: [], 3: 0, 4: [], 5: ""},
        {1: "x", 2: [], 3: 0, 4: [], 5: "", 6: []},
        {1: b"x", 2: [], 3: 9, 4: [], 5: "", 6: []},
        {1: b"x", 2: [], 3: 1, 4: [], 5: "", 6: []},
        {1: b"x", 2: [], 3: 0, 4: [], 5: "", 6: [["name"]]},
        {1: b"x", 2: [1], 3: 0, 4: [], 5: "", 6: []},
    ],
)
def test_malformed_rulings_are_refused(content: dict[int, object]) -> None:
    with pytest.raises(InvalidInput):
        decode_ruling(encode(content))


@pytest.mark.parametrize("content", [{}, {1: "x", 2: {}}, {1: b"x", 2: 3}, {1: b"", 2: {}, 3: 0}])
def test_malformed_evidence_is_refused(content: dict[int, object]) -> None:
    with pytest.raises(InvalidInput):
        decode_evidence(encode(content))


def test_entries_come_back_and_show_no_content() -> None:
    evidence, ruling = Sealed(b"secret", SALT), Sealed(b"ruling", b"")
    entry = encode_entry(
        "a-kind", ActId(b"i" * 16), NOW, Outcome.REFUSED, evidence=evidence, ruling=ruling
    )
    found = decode_entry(entry)
    assert found == Entry(
        "a-kind", ActId(b"i" * 16), NOW, Outcome.REFUSED,
        (0, commitment(SALT, b"secret")), (1, b"ruling"),
    )  # fmt: skip
    assert b"secret" not in entry and SALT not in entry
    assert decode_entry(encode_own_entry("erasure", NOW, 7)) == OwnEntry("erasure", NOW, 7)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {1: 2},
        {1: 1, 2: "genesis", 4: "late", 8: []},
        {1: 1, 2: "erasure", 4: 5},
        {1: 1, 2: "kind", 3: b"i", 4: 5, 5: 0, 6: [0, b"x"]},
        {1: 1, 2: "kind", 3: b"i", 4: 5, 5: 7, 6: [0, b"x"], 7: [0, b"x"]},
        {1: 1, 2: "kind", 3: b"i", 4: 5, 5: 0, 6: [0, b"x"], 7: [0, b"x"], 9: 1},
        {1: 1, 2: "kind", 3: b"i", 4: 5, 5: 0, 6: [0, "x"], 7: [0, b"x"]},
    ],
)
def test_malformed_entries_are_refused(content: object) -> None:
    with pytest.raises(InvalidInput):
        decode_entry(encode(content))


def forged(tmp_path: Path, entry: bytes, opening: Opening | None) -> None:
    """Log an entry that no sequencer would write, export it, and try to verify the folder."""
    with open_toy(tmp_path / "h") as node:
        index = node.log.append([entry])
        write_export(node.log, index, tmp_path / "x", opening=opening, issuer=node.party.public)
    verify_export(tmp_path / "x")


@pytest.mark.usefixtures("store_url")
def test_an_entry_of_the_log_about_itself_proves_no_act(tmp_path: Path) -> None:
    with pytest.raises(VerificationError, match="not that of an act"):
        forged(tmp_path, encode_own_entry("erasure", NOW, 7), None)


@pytest.mark.usefixtures("store_url")
@pytest.mark.parametrize("lie", ["act id", "outcome", "none"])
def test_act_ruling_and_entry_must_be_of_each_other(tmp_path: Path, lie: str) -> None:
    with open_toy(tmp_path / "h") as node:
        raw = count_act(node, act_id=ActId(b"a" * 16))
        kid = node.party.kid
    evidence = Sealed(encode_evidence(raw, Facts({})), SALT)
    ruling = Sealed(encode_ruling(kid, [], Granted(())), SALT)
    act_id = ActId(b"b" * 16 if lie == "act id" else b"a" * 16)
    outcome = Outcome.REFUSED if lie == "outcome" else Outcome.GRANTED
    entry = encode_entry("count", act_id, NOW, outcome, evidence=evidence, ruling=ruling)
    opening = Opening(evidence, ruling, 3)
    if lie == "none":
        forged(tmp_path, entry, opening)
        return
    with pytest.raises(VerificationError, match=r"opening\.cbor"):
        forged(tmp_path, entry, opening)


@pytest.mark.usefixtures("store_url")
def test_an_opening_with_parts_of_a_wrong_form_is_refused(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        answer = node.sequencer.submit(count_act(node))
        node.export(answer.index, tmp_path / "x")
        with pytest.raises(NotFound):
            node.export(0, tmp_path / "y")
    path = tmp_path / "x" / "opening.cbor"
    for content in ({}, {1: [], 2: [], 3: b""}, {1: [b"", b"", b""], 2: [], 3: b""}, {1: 1, 2: 2}):
        path.write_bytes(encode(content))
        with pytest.raises(VerificationError):
            verify_export(tmp_path / "x")
    (tmp_path / "x" / "log.keys").write_bytes(b"\xff\n")
    with pytest.raises(VerificationError, match="plain text"):
        verify_export(tmp_path / "x")


def test_a_kind_without_state_applies_nothing() -> None:
    store = Store.scratch()
    record = Record(1, "k", ActId(b"i" * 16), new_key().kid, NOW, Outcome.GRANTED, ())
    with store.writing() as write:
        apply_nothing(write, record)
    store.close()


def test_headers_are_read_as_signed() -> None:
    with pytest.raises(InvalidInput, match="unsigned"):
        parse_sign1(b"\xd2" + encode([encode({}), {1: 1}, b"", b""]))


@given(st.binary(max_size=300), st.binary(max_size=300), st.integers(0, 2**40))
def test_an_entry_is_what_the_encoder_gives(evidence: bytes, ruling: bytes, at: int) -> None:
    parts = Sealed(evidence, b"s" * 32), Sealed(ruling, b"")
    entry = encode_entry(
        "a-kind", ActId(b"i" * 16), at, Outcome.REFUSED, evidence=parts[0], ruling=parts[1]
    )
    shown = [list(part.shown()) for part in parts]
    assert entry == encode({1: 1, 2: "a-kind", 3: b"i" * 16, 4: at, 5: 1, 6: shown[0], 7: shown[1]})
