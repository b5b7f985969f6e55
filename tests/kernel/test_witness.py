"""The witness as a pure state machine: every answer of C2SP tlog-witness, and any bytes at all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.checkpoint import Checkpoint, LogSigner, read_checkpoint
from entrepot.kernel.cosignature import Cosigner, verified_signatures, with_cosignatures
from entrepot.kernel.errors import InvalidInput
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.kernel.merkle import EMPTY_ROOT, consistency_path
from entrepot.kernel.note import (
    NoteSignature,
    format_note,
    parse_note,
    parse_signature_lines,
    sign_note,
)
from entrepot.kernel.tiles import Edge, TileTree
from entrepot.kernel.witness import (
    NOTHING,
    SIZE_TYPE,
    AddCheckpoint,
    Remembered,
    WatchedLog,
    WitnessAnswer,
    authenticate,
    check_growth,
    cosign,
    format_add_checkpoint,
    malformed,
    origin_hash,
    parse_add_checkpoint,
)

AT = 1_790_000_000
LOG = LogSigner(
    "log.example/one",
    key_from_seed(b"\x01" * 32),
    key_from_seed(b"\x02" * 32, Algorithm.ML_DSA_44),
)
WATCHED = WatchedLog(LOG.origin, LOG.keys.verifiers())
COSIGNER = Cosigner(
    "witness.example/w",
    key_from_seed(b"\x08" * 32),
    key_from_seed(b"\x09" * 32, Algorithm.ML_DSA_44),
)


class History:
    """A log in memory: entries, tiles, checkpoints of any size."""

    def __init__(self, name: str, count: int) -> None:
        self.files: dict[str, bytes] = {}
        self.roots = [EMPTY_ROOT]
        edge = Edge()
        for index in range(count):
            edge, changed = edge.append([b"%s %d" % (name.encode(), min(index, 9)) * 2])
            self.files.update(changed)
            self.roots.append(edge.root)

    def note(self, size: int) -> bytes:
        return LOG.sign(Checkpoint(LOG.origin, size, self.roots[size]), AT)

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_path(old, new, TileTree(new, self.files.get).node_at)

    def request(self, old: int, new: int) -> AddCheckpoint:
        return parse_add_checkpoint(
            format_add_checkpoint(old, self.proof(old, new), self.note(new))
        )


ONE, TWO = History("one", 40), History("two", 40)


def judge(request: AddCheckpoint, last: Remembered, now: int = AT) -> tuple[int, Remembered]:
    signatures = authenticate(request, WATCHED)
    if isinstance(signatures, WitnessAnswer):
        return signatures.status, last
    refusal = check_growth(request, last)
    if refusal is not None:
        return refusal.status, last
    done = cosign(request, signatures, COSIGNER, last=last, now=now)
    return done.answer.status, done.remembered


def test_growth_is_cosigned_with_both_keys() -> None:
    last = NOTHING
    for old, new in ((0, 1), (1, 1), (1, 7), (7, 8), (8, 40), (40, 40)):
        request = ONE.request(old, new)
        signatures = authenticate(request, WATCHED)
        assert not isinstance(signatures, WitnessAnswer)
        assert check_growth(request, last) is None
        done = cosign(request, signatures, COSIGNER, last=last, now=AT)
        last = done.remembered
        assert last == Remembered(new, ONE.roots[new], AT)
        lines = parse_signature_lines(done.answer.body)
        whole = with_cosignatures(request.seen, lines)
        assert len(verified_signatures(whole, COSIGNER.verifiers())) == 2
        # The note for monitors: the log's signatures that were verified, and ours.
        published = read_checkpoint(done.note)
        keys = [*LOG.keys.verifiers(), *COSIGNER.verifiers()]
        assert len(verified_signatures(published, keys)) == 4 == len(published.note.signatures)


def test_404_for_a_log_not_watched() -> None:
    answer = authenticate(ONE.request(0, 3), None)
    assert isinstance(answer, WitnessAnswer)
    assert answer.status == 404
    other = WatchedLog("log.example/two", WATCHED.keys)
    answer = authenticate(ONE.request(0, 3), other)
    assert isinstance(answer, WitnessAnswer)
    assert answer.status == 404


def test_403_without_a_signature_of_the_log_or_with_a_failing_one() -> None:
    text = ONE.request(0, 3).seen.note.text
    stranger = key_from_seed(b"\x05" * 32)
    good = sign_note(text, LOG.origin, LOG.ed25519)
    failing = NoteSignature(good.name, good.key_id, bytes(64))
    for lines in (
        [sign_note(text, LOG.origin, stranger)],
        [failing],
        [good, failing],
        [failing, good],
    ):
        body = format_add_checkpoint(0, [], format_note(text, lines))
        assert judge(parse_add_checkpoint(body), NOTHING)[0] == 403
    body = format_add_checkpoint(0, [], format_note(text, [sign_note(text, "x", stranger), good]))
    assert judge(parse_add_checkpoint(body), NOTHING)[0] == 200


def test_400_when_old_is_larger_than_the_checkpoint() -> None:
    body = format_add_checkpoint(9, [], ONE.note(8))
    assert judge(parse_add_checkpoint(body), Remembered(9, ONE.roots[9], AT))[0] == 400


def test_409_says_the_size_last_cosigned() -> None:
    last = Remembered(8, ONE.roots[8], AT)
    for old in (0, 7, 9):
        answer = check_growth(ONE.request(old, 20), last)
        assert answer == WitnessAnswer(409, b"8\n", SIZE_TYPE)
    assert check_growth(ONE.request(3, 20), NOTHING) == WitnessAnswer(409, b"0\n", SIZE_TYPE)


def test_422_for_what_does_not_follow() -> None:
    last = Remembered(8, ONE.roots[8], AT)
    proof = ONE.proof(8, 20)
    forged = [proof[0], bytes(32), *proof[2:]]
    for body in (
        format_add_checkpoint(8, TWO.proof(8, 20), TWO.note(20)),  # another history
        format_add_checkpoint(8, proof, TWO.note(20)),
        format_add_checkpoint(8, [], TWO.note(8)),  # equal sizes, other root
        format_add_checkpoint(8, forged, ONE.note(20)),
        format_add_checkpoint(8, proof[:-1], ONE.note(20)),
        format_add_checkpoint(8, [*proof, bytes(32)], ONE.note(20)),
        format_add_checkpoint(8, [], ONE.note(20)),
        format_add_checkpoint(8, [bytes(32)], ONE.note(8)),  # equal sizes need no proof
    ):
        request = parse_add_checkpoint(body)
        answer = check_growth(request, last)
        assert answer is not None
        assert answer.status == 422, body
    first = parse_add_checkpoint(format_add_checkpoint(0, [bytes(32)], ONE.note(3)))
    refused = check_growth(first, NOTHING)
    assert refused is not None
    assert refused.status == 422


def test_the_empty_tree_has_one_root() -> None:
    assert judge(ONE.request(0, 0), NOTHING) == (200, Remembered(0, EMPTY_ROOT, AT))
    wrong = LOG.sign(Checkpoint(LOG.origin, 0, bytes(32)), AT)
    request = parse_add_checkpoint(format_add_checkpoint(0, [], wrong))
    assert judge(request, NOTHING)[0] == 422


def test_time_never_runs_backwards() -> None:
    _, first = judge(ONE.request(0, 3), NOTHING, now=AT + 100)
    _, second = judge(ONE.request(3, 5), first, now=AT)
    assert second.at == AT + 100


def test_the_origin_hash_is_lower_case_hex() -> None:
    assert origin_hash("example.com/behind-the-sofa") == (
        "5fd2dc0beb4ce54da5050cf6d5c75248b023abad441c3cecde3976fbe9da4fe4"
    )


GOOD = format_add_checkpoint(8, ONE.proof(8, 20), ONE.note(20))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 8\n",
        GOOD.replace(b"old 8", b"old 08"),
        GOOD.replace(b"old 8", b"old -8"),
        GOOD.replace(b"old 8", b"old +8"),
        GOOD.replace(b"old 8", b"old  8"),
        GOOD.replace(b"old 8", b"Old 8"),
        GOOD.replace(b"old 8", b"old 9223372036854775808"),
        GOOD.replace(b"old 8", b"old \xd9\xa8"),
        GOOD.replace(b"old 8\n", b"old 8\r\n"),
        GOOD.replace(b"old 8\n", b"old 8\nAAAA\n"),
        GOOD.replace(b"old 8\n", b"old 8\n\xff\n"),
        format_add_checkpoint(8, [bytes(32)] * 64, ONE.note(20)),
        GOOD[:-1],
        GOOD + b"x" * (1 << 18),
    ],
)
def test_400_for_what_cannot_be_read(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_add_checkpoint(body)
    assert malformed(refused.value).status == 400


def test_sixty_three_proof_lines_are_read() -> None:
    request = parse_add_checkpoint(format_add_checkpoint(8, [bytes(32)] * 63, ONE.note(20)))
    assert len(request.proof) == 63
    assert request.old == 8


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_any_bytes_are_read_or_refused_and_never_cosigned_wrongly(data: st.DataObject) -> None:
    """Mutations of a good request: what is not refused is exactly what the log signed."""
    body = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        kind = data.draw(st.sampled_from(["flip", "cut", "insert", "swap"]))
        if kind == "flip":
            body[at] ^= data.draw(st.integers(1, 255))
        elif kind == "cut":
            del body[at : at + data.draw(st.integers(1, 80))]
        elif kind == "insert":
            body[at:at] = data.draw(st.binary(max_size=8))
        else:
            body = body[at:] + body[:at]
        if not body:
            body = bytearray(b"\n")
    try:
        request = parse_add_checkpoint(bytes(body))
    except InvalidInput:
        return
    status, last = judge(request, Remembered(8, ONE.roots[8], AT))
    if status == 200:
        assert last.root == ONE.roots[20]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=400), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_note_or_refused(raw: bytes) -> None:
    for whole in (raw, b"old 1\n\n" + raw, raw + "\n\n— a AAAAAAAA\n".encode()):
        for parse in (parse_note, parse_add_checkpoint, read_checkpoint, parse_signature_lines):
            try:
                parse(whole)
            except InvalidInput:
                continue
