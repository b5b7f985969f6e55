"""Notes, checkpoints and text proofs: exactly two signatures, and no byte that does not count."""

import pytest

from entrepot.kernel.checkpoint import (
    Checkpoint,
    LogSigner,
    checkpoint_time,
    cosigned_bytes,
    format_tlog_proof,
    parse_checkpoint,
    parse_log_keys,
    verify_checkpoint,
    verify_tlog_proof,
)
from entrepot.kernel.errors import Error, InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.kernel.merkle import inclusion_path
from entrepot.kernel.note import (
    NoteSignature,
    VerifierKey,
    format_note,
    parse_note,
    parse_vkey,
    sign_note,
    verify_note,
)
from entrepot.kernel.tiles import Edge, TileTree

ED = key_from_seed(b"\x01" * 32)
ML = key_from_seed(b"\x02" * 32, Algorithm.ML_DSA_44)
SIGNER = LogSigner("log.example/one", ED, ML)
HEAD = Checkpoint("log.example/one", 1234, b"\x07" * 32)
NOTE = SIGNER.sign(HEAD, 1_790_000_000)


def test_a_checkpoint_carries_both_signatures_and_its_time() -> None:
    assert verify_checkpoint(NOTE, SIGNER.keys) == HEAD
    assert NOTE.startswith(b"log.example/one\n1234\n")
    assert NOTE.count("— log.example/one ".encode()) == 2
    assert checkpoint_time(NOTE) == 1_790_000_000
    verify_note(NOTE, SIGNER.keys.verifiers())


def test_every_changed_byte_is_rejected() -> None:
    for at in range(len(NOTE)):
        changed = NOTE[:at] + bytes([NOTE[at] ^ 1]) + NOTE[at + 1 :]
        with pytest.raises(VerificationError):
            verify_checkpoint(changed, SIGNER.keys)
    for bad in (NOTE[:-1], NOTE + b"\n", NOTE + NOTE, b"", b"\xff"):
        with pytest.raises(VerificationError):
            verify_checkpoint(bad, SIGNER.keys)


def test_missing_further_or_swapped_signatures_are_rejected() -> None:
    note = parse_note(NOTE)
    first, second = note.signatures
    for lines in ([first], [second], [second, first], [first, first], [first, second, second]):
        with pytest.raises(VerificationError, match="exactly"):
            verify_checkpoint(format_note(note.text, lines), SIGNER.keys)
    other = LogSigner("log.example/one", ED, key_from_seed(b"\x03" * 32, Algorithm.ML_DSA_44))
    with pytest.raises(VerificationError):
        verify_checkpoint(NOTE, other.keys)
    elsewhere = LogSigner("log.example/two", ED, ML)
    with pytest.raises(VerificationError, match="another log"):
        verify_checkpoint(NOTE, elsewhere.keys)
    with pytest.raises(InvalidInput, match="another log"):
        elsewhere.sign(HEAD, 1)


def test_a_cosignature_of_the_log_says_when_and_names_fit_a_byte() -> None:
    note = parse_note(NOTE)
    plain, timed = note.signatures
    for at in (bytes(8), b"\xff" * 8):
        bad = NoteSignature(timed.name, timed.key_id, at + timed.signature[8:])
        with pytest.raises(VerificationError, match="no time"):
            verify_checkpoint(format_note(note.text, [plain, bad]), SIGNER.keys)
    for origin, name in (("o" * 256, "n"), ("o", "n" * 256)):
        with pytest.raises(InvalidInput, match="255 bytes"):
            cosigned_bytes(Checkpoint(origin, 1, bytes(32)), name, 1)


@pytest.mark.parametrize(
    "text",
    [
        "o\n01\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "o\n-1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "o\n1\nBwcHBwcH\n",
        "o\n1\nnot base64\n",
        "o\n9223372036854775808\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n",
        "o\n1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\nextension\n",
        "o\n1\n",
    ],
)
def test_checkpoint_texts_have_one_form(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_checkpoint(text)


def test_keys_come_back_from_their_text() -> None:
    text = SIGNER.keys.text()
    assert parse_log_keys(text) == SIGNER.keys
    first, second = text.splitlines()
    for bad in (first, f"{second}\n{first}\n", f"{first}\n{first}\n", text + "\n", text[:-2]):
        with pytest.raises(InvalidInput):
            parse_log_keys(bad)
    for at in range(len(text)):
        changed = text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :]
        try:
            assert parse_log_keys(changed) != SIGNER.keys
        except InvalidInput:
            continue


@pytest.mark.parametrize(
    "vkey",
    ["", "name", "name+00000000", "name+00000000+", "name+00000000+BQ==", "na me+00000000+AQ=="],
)
def test_vkeys_have_one_form(vkey: str) -> None:
    with pytest.raises(InvalidInput):
        parse_vkey(vkey)


def test_key_names_and_types_are_held_to_the_specification() -> None:
    for name in ("", "a b", "a+b", "a\u2003b"):
        with pytest.raises(InvalidInput):
            VerifierKey(name, 1, ED.public)
    with pytest.raises(InvalidInput):
        VerifierKey("a", 6, ED.public)
    with pytest.raises(InvalidInput):
        LogSigner("a", ED, ED)


def test_notes_follow_the_rules_for_unknown_and_failing_keys() -> None:
    text = "hello\n\nworld\n"
    stranger = key_from_seed(b"\x09" * 32)
    note = format_note(text, [sign_note(text, "a", ED), sign_note(text, "b", stranger)])
    known = VerifierKey("a", 1, ED.public)
    assert verify_note(note, [known]).text == text  # split at the last empty line
    with pytest.raises(VerificationError, match="no signature"):
        verify_note(note, [VerifierKey("c", 1, ED.public)])
    forged = format_note(text, [sign_note("other\n", "a", ED), sign_note(text, "b", stranger)])
    with pytest.raises(VerificationError):
        verify_note(forged, [known, VerifierKey("b", 1, stranger.public)])
    for bad in (b"no signature\n", b"a\n\n", b"a\x01\n\n" + note, b"a\n\nx y\n", b"x" * 1_000_001):
        with pytest.raises(InvalidInput):
            parse_note(bad)
    with pytest.raises(InvalidInput, match="too many"):
        parse_note(format_note(text, [sign_note(text, "a", ED)] * 65))
    with pytest.raises(InvalidInput, match="short"):
        parse_note("a\n\n— a AAAA\n".encode())


def test_text_proofs_stand_alone_and_every_byte_counts() -> None:
    entries = [b"e%d" % i for i in range(300)]
    edge, files = Edge().append(entries)
    note = SIGNER.sign(Checkpoint(SIGNER.origin, 300, edge.root), 1_790_000_000)
    tree = TileTree(300, files.get)
    proof = format_tlog_proof(257, inclusion_path(257, 300, tree.node_at), note)
    assert proof.startswith(b"c2sp.org/tlog-proof@v1\nindex 257\n")
    index, checkpoint = verify_tlog_proof(proof, entries[257], SIGNER.keys)
    assert (index, checkpoint.size) == (257, 300)
    with pytest.raises(VerificationError):
        verify_tlog_proof(proof, entries[256], SIGNER.keys)
    for at in range(0, len(proof) - len(note) + 40):
        changed = proof[:at] + bytes([proof[at] ^ 1]) + proof[at + 1 :]
        with pytest.raises(Error):
            verify_tlog_proof(changed, entries[257], SIGNER.keys)
    extra = proof.replace(b"index", b"extra AAAA\nindex", 1)
    with pytest.raises(VerificationError):
        verify_tlog_proof(extra, entries[257], SIGNER.keys)
