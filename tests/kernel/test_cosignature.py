"""Cosignatures: both types, the specification's own bytes, and every changed byte."""

import pytest

from entrepot.kernel.checkpoint import (
    Checkpoint,
    LogSigner,
    cosigned_bytes,
    read_checkpoint,
    verify_checkpoint,
)
from entrepot.kernel.cosignature import (
    Cosigner,
    cosignature_message,
    cosigner_keys,
    log_time,
    open_checkpoint,
    open_own_checkpoint,
    verified_signatures,
    with_cosignatures,
)
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.kernel.note import (
    ED25519_COSIGNATURE_TYPE,
    ED25519_TYPE,
    NoteSignature,
    VerifierKey,
    format_note,
    parse_note,
    parse_signature_lines,
    parse_vkey,
    sign_note,
)

AT = 1_790_000_000


def ml_dsa(seed: int):  # type: ignore[no-untyped-def]
    return key_from_seed(bytes([seed]) * 32, Algorithm.ML_DSA_44)


def cosigner(seed: int, name: str = "") -> Cosigner:
    return Cosigner(
        name or f"witness.example/{seed}", key_from_seed(bytes([seed]) * 32), ml_dsa(seed + 100)
    )


LOG = LogSigner("log.example/one", key_from_seed(b"\x01" * 32), ml_dsa(2))
HEAD = Checkpoint("log.example/one", 1234, b"\x07" * 32)
NOTE = LOG.sign(HEAD, AT)
SEEN = read_checkpoint(NOTE)


def test_the_messages_are_those_of_the_specification() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    assert cosignature_message(text, 1679315147) == (
        b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\n"
        b"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )
    message = cosigned_bytes(Checkpoint("o", 258, b"\x09" * 32), "w", 3)
    assert message == (
        b"subtree/v1\n\0" + b"\x01w" + bytes(7) + b"\x03" + b"\x01o" + bytes(8)
        + bytes(6) + b"\x01\x02" + b"\x09" * 32
    )  # fmt: skip
    for at in (0, -1, 1 << 63):
        with pytest.raises(InvalidInput):
            cosignature_message(text, at)


def test_sixteen_cosigners_of_both_types_are_carried_and_verified() -> None:
    witnesses = [cosigner(seed) for seed in range(10, 26)]
    lines = [line for witness in witnesses for line in witness.cosign(SEEN, AT + 5)]
    whole = with_cosignatures(SEEN, lines)
    assert len(whole.note.signatures) == 34
    keys = [key for witness in witnesses for key in witness.verifiers()]
    found = verified_signatures(whole, keys)
    assert [item.at for item in found] == [AT + 5] * 32
    assert open_own_checkpoint(whole.raw, LOG.keys).checkpoint == HEAD
    assert with_cosignatures(whole, lines).raw == whole.raw  # each key once
    with pytest.raises(VerificationError, match="exactly the two"):
        verify_checkpoint(whole.raw, LOG.keys)
    with pytest.raises(InvalidInput, match="too many"):
        with_cosignatures(whole, [NoteSignature("x", bytes([i] * 4), b"s") for i in range(31)])


def test_every_changed_byte_of_a_cosignature_is_noticed() -> None:
    witness = cosigner(10)
    for line, key in zip(witness.cosign(SEEN, AT), witness.verifiers(), strict=True):
        step = 1 if key.type == ED25519_COSIGNATURE_TYPE else 97
        for at in range(0, len(line.signature), step):
            changed = bytearray(line.signature)
            changed[at] ^= 1
            bad = with_cosignatures(SEEN, [NoteSignature(line.name, line.key_id, bytes(changed))])
            with pytest.raises(VerificationError):
                verified_signatures(bad, [key])
        for short in (b"\0" * 7, b"\0" * 8, line.signature[:-1], line.signature + b"\0"):
            bad = with_cosignatures(SEEN, [NoteSignature(line.name, line.key_id, short)])
            with pytest.raises(VerificationError):
                verified_signatures(bad, [key])


def test_a_cosignature_of_another_tree_name_or_origin_does_not_hold() -> None:
    witness = cosigner(10)
    for other in (
        Checkpoint("log.example/one", 1235, b"\x07" * 32),
        Checkpoint("log.example/one", 1234, b"\x08" * 32),
        Checkpoint("log.example/two", 1234, b"\x07" * 32),
    ):
        seen = read_checkpoint(format_note(other.text(), SEEN.note.signatures))
        for line, key in zip(witness.cosign(SEEN, AT), witness.verifiers(), strict=True):
            with pytest.raises(VerificationError):
                verified_signatures(with_cosignatures(seen, [line]), [key])
    renamed = cosigner(10, "witness.example/other")
    line = witness.cosign(SEEN, AT)[1]
    key = renamed.verifiers()[1]
    moved = with_cosignatures(SEEN, [NoteSignature(key.name, key.key_id, line.signature)])
    with pytest.raises(VerificationError):
        verified_signatures(moved, [key])


def test_unknown_lines_are_ignored_and_later_times_are_refused() -> None:
    witness, stranger = cosigner(10), cosigner(11)
    whole = with_cosignatures(SEEN, [*stranger.cosign(SEEN, AT), *witness.cosign(SEEN, AT + 60)])
    assert len(verified_signatures(whole, witness.verifiers())) == 2
    assert verified_signatures(SEEN, witness.verifiers()) == ()
    assert verified_signatures(whole, witness.verifiers(), latest=AT + 60)
    with pytest.raises(VerificationError, match="future"):
        verified_signatures(whole, witness.verifiers(), latest=AT + 59)


def test_time_zero_is_refused() -> None:
    witness = cosigner(10)
    line = witness.cosign(SEEN, AT)[0]
    for at in (bytes(8), b"\xff" * 8):
        bad = NoteSignature(line.name, line.key_id, at + line.signature[8:])
        with pytest.raises(VerificationError, match="no time"):
            verified_signatures(with_cosignatures(SEEN, [bad]), witness.verifiers())


def test_a_log_whose_name_is_too_long_for_ml_dsa_is_not_cosigned_by_it() -> None:
    text = Checkpoint("o" * 256, 1, bytes(32)).text()
    seen = read_checkpoint(format_note(text, [sign_note(text, "o" * 256, LOG.ed25519)]))
    key = cosigner(10).verifiers()[1]
    line = NoteSignature(key.name, key.key_id, AT.to_bytes(8, "big") + bytes(2420))
    with pytest.raises(VerificationError, match="255 bytes"):
        verified_signatures(with_cosignatures(seen, [line]), [key])


def test_extension_lines_are_covered_by_ed25519_and_never_empty() -> None:
    text = HEAD.text() + "extension one\nextension two\n"
    note = format_note(text, [sign_note(text, LOG.origin, LOG.ed25519)])
    seen = open_checkpoint(note, LOG.keys.verifiers())
    assert seen.checkpoint == HEAD
    witness = cosigner(10)
    lines = witness.cosign(seen, AT)
    stripped = with_cosignatures(SEEN, lines[:1])
    with pytest.raises(VerificationError):
        verified_signatures(stripped, witness.verifiers())
    assert verified_signatures(with_cosignatures(SEEN, lines[1:]), witness.verifiers())
    for bad in (HEAD.text() + "\nx\n", HEAD.text() + "x\n\ny\n"):
        with pytest.raises(InvalidInput, match="empty"):
            read_checkpoint(format_note(bad, SEEN.note.signatures))


def test_no_log_speaks_for_another() -> None:
    other = LogSigner("log.example/two", key_from_seed(b"\x03" * 32), ml_dsa(4))
    forged = format_note(HEAD.text(), [sign_note(HEAD.text(), other.origin, other.ed25519)])
    keys = [*LOG.keys.verifiers(), *other.keys.verifiers()]
    with pytest.raises(VerificationError, match="known key of this log"):
        open_checkpoint(forged, keys)
    assert open_checkpoint(NOTE, keys).checkpoint == HEAD
    # A log whose key is named otherwise is taken only where its keys are given for the origin.
    assert open_checkpoint(forged, other.keys.verifiers(), origin=HEAD.origin)
    with pytest.raises(VerificationError, match="another log"):
        open_checkpoint(NOTE, LOG.keys.verifiers(), origin="log.example/two")
    with pytest.raises(VerificationError, match="both signatures"):
        open_own_checkpoint(format_note(HEAD.text(), SEEN.note.signatures[:1]), LOG.keys)
    with pytest.raises(VerificationError, match="not"):
        open_own_checkpoint(b"nothing", LOG.keys)


def test_the_logs_own_time_is_read_from_its_cosignature() -> None:
    assert log_time(SEEN, LOG.keys.verifiers()) == AT
    plain = read_checkpoint(format_note(HEAD.text(), SEEN.note.signatures[:1]))
    assert log_time(plain, LOG.keys.verifiers()) is None


def test_keys_of_cosigners_have_their_own_types() -> None:
    witness = cosigner(10)
    for key in witness.verifiers():
        assert parse_vkey(key.vkey()) == key
    assert cosigner_keys(witness.verifiers()) == witness.verifiers()
    with pytest.raises(InvalidInput, match="04 or 06"):
        cosigner_keys([VerifierKey("a", ED25519_TYPE, witness.ed25519.public)])
    with pytest.raises(InvalidInput, match="255"):
        cosigner(10, "w" * 256)
    for name in ("a b", "a\x01b", "a\ud800", ""):
        with pytest.raises(InvalidInput):
            Cosigner(name, witness.ed25519, witness.ml_dsa).verifiers()
    with pytest.raises(InvalidInput, match="too long"):
        parse_vkey("a" * 4097)


def test_lines_that_stand_alone_are_parsed() -> None:
    witness = cosigner(10)
    lines = witness.cosign(SEEN, AT)
    raw = "".join(line.line() for line in lines).encode()
    assert parse_signature_lines(raw) == lines
    assert parse_note(b"x\n\n" + raw).signatures == lines
    for bad in (b"", b"x\n", raw + b"x", raw + b"\n" + raw[:-1]):
        with pytest.raises(InvalidInput):
            parse_signature_lines(bad)
