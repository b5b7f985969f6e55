"""Policies: the specification's grammar line by line, and who makes a quorum."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.checkpoint import Checkpoint, LogSigner, read_checkpoint
from entrepot.kernel.cosignature import Cosigner, with_cosignatures
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.kernel.policy import (
    LINES_EACH_MAX,
    Policy,
    format_policy,
    parse_policy,
    verify_under_policy,
)

AT = 1_790_000_000


def witness(seed: int) -> Cosigner:
    return Cosigner(
        f"witness.example/{seed}",
        key_from_seed(bytes([seed]) * 32),
        key_from_seed(bytes([seed]) * 32, Algorithm.ML_DSA_44),
    )


LOG = LogSigner(
    "log.example/one",
    key_from_seed(b"\x01" * 32),
    key_from_seed(b"\x02" * 32, Algorithm.ML_DSA_44),
)
OTHER_LOG = LogSigner("log.example/two", key_from_seed(b"\x03" * 32), LOG.ml_dsa)
SEEN = read_checkpoint(LOG.sign(Checkpoint(LOG.origin, 5, b"\x07" * 32), AT))
W = [witness(seed) for seed in range(10, 16)]
KEYS = [item.verifiers()[0] for item in W]
LOG_LINE = f"log {LOG.keys.verifiers()[0].vkey()} https://log.example/one\n"
X_AND_Y = (
    "# two groups, as the example of the specification\n"
    + LOG_LINE
    + "".join(f"witness X{i} {KEYS[i].vkey()}\n" for i in range(3))
    + "group X-witnesses 2 X0 X1 X2\n\n"
    + "".join(f"\twitness  Y{i}\t{KEYS[3 + i].vkey()} https://w.example/{i} \t\n" for i in range(3))
    + "group Y-witnesses any Y0 Y1 Y2\n"
    + "group X-and-Y all X-witnesses Y-witnesses\n"
    + "  # indented comment \u4e2d\u6587\n"
    + "quorum X-and-Y\n"
).encode()


def test_the_example_of_the_specification() -> None:
    policy = parse_policy(X_AND_Y)
    assert [known.url for known in policy.witnesses[3:]] == [
        f"https://w.example/{i}" for i in range(3)
    ]
    for held, enough in (
        ((0, 1, 3), True), ((1, 2, 5), True), ((0, 1, 2, 3, 4, 5), True),
        ((0, 3, 4, 5), False), ((0, 1, 2), False), ((), False),
    ):  # fmt: skip
        assert policy.accepts([KEYS[i] for i in held]) is enough
    assert parse_policy(format_policy(policy)) == policy
    assert policy.log_keys(LOG.origin) == (LOG.keys.verifiers()[0],)
    assert policy.log_keys("log.example/none") == ()


@pytest.mark.parametrize(
    ("lines", "number", "what"),
    [
        ("logs x\n", 1, "begins with"),
        ("log\n", 1, "a log line is"),
        (LOG_LINE + LOG_LINE, 2, "listed twice"),
        (f"log {KEYS[0].vkey()}\n", 1, "type 01 or 06"),
        (f"witness a {LOG.keys.verifiers()[0].vkey()}\n", 1, "type 04 or 06"),
        ("witness a b c d\n", 1, "a witness line is"),
        ("witness a nonsense\n", 1, "name.keyid.key"),
        (f"witness none {KEYS[0].vkey()}\n", 1, "taken"),
        (f"witness a {KEYS[0].vkey()}\nwitness a {KEYS[1].vkey()}\n", 2, "defined already"),
        (f"witness a {KEYS[0].vkey()}\nwitness b {KEYS[0].vkey()}\n", 2, "listed twice"),
        (f"witness a {KEYS[0].vkey()}\ngroup a any a\n", 2, "defined already"),
        (f"witness a {KEYS[0].vkey()}\ngroup g any\n", 2, "a group line is"),
        (f"witness a {KEYS[0].vkey()}\ngroup g 0 a\n", 2, "threshold"),
        (f"witness a {KEYS[0].vkey()}\ngroup g 2 a\n", 2, "threshold"),
        (f"witness a {KEYS[0].vkey()}\ngroup g 01 a\n", 2, "threshold"),
        (f"witness a {KEYS[0].vkey()}\ngroup g -1 a\n", 2, "threshold"),
        (f"witness a {KEYS[0].vkey()}\ngroup g some a\n", 2, "threshold"),
        (f"witness a {KEYS[0].vkey()}\ngroup g any a a\n", 2, "already"),
        (f"witness a {KEYS[0].vkey()}\ngroup g any a\ngroup h any a\n", 3, "already"),
        ("group g any later\n", 1, "not defined"),
        ("group g any g\n", 1, "not defined"),
        ("group g any none\n", 1, "none cannot"),
        ("quorum none\nquorum none\n", 2, "already"),
        ("quorum\n", 1, "a quorum line is"),
        ("quorum later\n", 1, "not defined"),
        ("# ok\nquorum none\r\n", 2, "character"),
        ("# bell \x07\n", 1, "character"),
        ("# delete \x7f\n", 1, "character"),
    ],
)
def test_every_mistake_names_its_line(lines: str, number: int, what: str) -> None:
    with pytest.raises(InvalidInput, match=f"line {number}: .*{what}"):
        parse_policy(lines.encode())


def test_a_vkey_that_is_no_text() -> None:
    with pytest.raises(InvalidInput, match="line 1: the vkey is not UTF-8"):
        parse_policy(b"log \xff\n")


def test_the_file_as_a_whole() -> None:
    with pytest.raises(InvalidInput, match="no quorum"):
        parse_policy(b"")
    with pytest.raises(InvalidInput, match="newline"):
        parse_policy(b"quorum none")
    with pytest.raises(InvalidInput, match="large"):
        parse_policy(b"#" * (1 << 20) + b"\nquorum none\n")
    assert parse_policy(b"quorum none\n") == Policy((), (), (), b"none")
    many = "".join(f"witness w{i} {witness_key(i)}\n" for i in range(LINES_EACH_MAX + 1))
    with pytest.raises(InvalidInput, match="more than 256 witnesses"):
        parse_policy((many + "quorum none\n").encode())


def witness_key(number: int) -> str:
    seed = number.to_bytes(32, "big")
    return Cosigner("w", key_from_seed(seed), W[0].ml_dsa).verifiers()[0].vkey()


def test_names_are_octets() -> None:
    lines = b"witness \xe2\x84\xaa " + KEYS[0].vkey().encode() + b"\n"
    policy = parse_policy(lines + b"witness K " + KEYS[1].vkey().encode() + b"\nquorum K\n")
    assert not policy.accepts([KEYS[0]])
    assert policy.accepts([KEYS[1]])
    lone = parse_policy(b"witness \xff " + KEYS[0].vkey().encode() + b"\nquorum \xff\n")
    assert lone.accepts([KEYS[0]])


def test_a_checkpoint_needs_a_known_log_and_the_quorum() -> None:
    policy = parse_policy(X_AND_Y)
    lines = [W[i].cosign(SEEN, AT)[0] for i in (0, 2, 4)]
    whole = with_cosignatures(SEEN, lines)
    verdict = verify_under_policy(whole.raw, policy)
    assert [found.key for found in verdict.cosignatures] == [KEYS[i] for i in (0, 2, 4)]
    with pytest.raises(VerificationError, match="quorum"):
        verify_under_policy(with_cosignatures(SEEN, lines[:2]).raw, policy)
    with pytest.raises(VerificationError, match="known key"):
        foreign = OTHER_LOG.sign(Checkpoint(OTHER_LOG.origin, 5, b"\x07" * 32), AT)
        verify_under_policy(foreign, policy)
    nobody = parse_policy(b"quorum none\n")
    with pytest.raises(VerificationError, match="known key"):
        verify_under_policy(SEEN.raw, nobody)
    assert verify_under_policy(SEEN.raw, nobody, log=LOG.keys.verifiers()).cosignatures == ()


def test_the_same_cosignature_twice_counts_once() -> None:
    policy = parse_policy(X_AND_Y)
    line, other = W[0].cosign(SEEN, AT)[0], W[3].cosign(SEEN, AT)[0]
    raw = SEEN.raw + (line.line() * 2 + other.line()).encode()
    with pytest.raises(VerificationError, match="2 of 6"):
        verify_under_policy(raw, policy)


_PIECES = st.sampled_from(
    [b"log", b"witness", b"group", b"quorum", b"none", b"any", b"all", b"1", b"2", b" ", b"\t",
     b"\n", b"#", b"a", b"b", b"\xff", b"+", KEYS[0].vkey().encode(), KEYS[1].vkey().encode(),
     LOG.keys.verifiers()[0].vkey().encode(), b"x+00000000+AAAA", b"\x00"]
)  # fmt: skip


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.one_of(st.binary(max_size=300), st.lists(_PIECES, max_size=40).map(b" ".join)))
def test_any_octets_parse_or_are_refused(content: bytes) -> None:
    try:
        policy = parse_policy(content)
    except InvalidInput:
        return
    assert parse_policy(format_policy(policy)) == policy
    policy.accepts(KEYS)
