"""Sets of tokens: the laws of a union, bounds that hold, bytes that cannot be changed unseen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.errors import Error, InvalidInput, VerificationError
from entrepot.law import sketches
from entrepot.law.sketches import (
    DOUBT,
    RELATIVE_ERROR,
    Count,
    Dense,
    Exact,
    Sketch,
    as_dense,
    collisions_at_most,
    compact,
    count,
    decode,
    encode,
    exact,
    union,
)

TOKENS = st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 30), max_size=60)


def of(values: list[int]) -> Exact:
    return exact(np.array(values, np.uint64))


def random_set(seed: int, size: int) -> Exact:
    return exact(np.random.default_rng(seed).integers(0, 2**64, size, dtype=np.uint64))


def same(left: Sketch, right: Sketch) -> bool:
    if isinstance(left, Exact) and isinstance(right, Exact):
        return left.tokens.tolist() == right.tokens.tolist()
    if isinstance(left, Dense) and isinstance(right, Dense):
        return left.at_least == right.at_least and bool((left.registers == right.registers).all())
    return False


@given(TOKENS, TOKENS, TOKENS, st.booleans())
def test_union_is_commutative_associative_and_idempotent(
    a: list[int], b: list[int], c: list[int], dense: bool
) -> None:
    one, two, three = of(a), of(b), of(c)
    mixed: list[Sketch] = [as_dense(one) if dense else one, two, three]
    whole = union(mixed)
    assert same(whole, union(reversed(mixed)))
    assert same(whole, union([whole, whole])) and same(whole, union([whole, mixed[0]]))
    for other in (union([union(mixed[:2]), mixed[2]]), union([mixed[0], union(mixed[1:])])):
        assert (as_dense(whole).registers == as_dense(other).registers).all()
        # What is certain may depend on the grouping of sketches; it never exceeds the truth.
        assert count(other).least <= len({*a, *b, *c})
    if not dense:
        assert same(whole, union([union(mixed[:2]), mixed[2]]))
        assert count(whole) == Count(len({*a, *b, *c}), len({*a, *b, *c}), len({*a, *b, *c}))


@given(TOKENS, TOKENS)
def test_registers_of_a_union_are_the_union_of_registers(a: list[int], b: list[int]) -> None:
    joined = as_dense(union([of(a), of(b)]))
    merged = union([as_dense(of(a)), as_dense(of(b))])
    assert isinstance(merged, Dense)
    assert (joined.registers == merged.registers).all()
    assert merged.at_least <= joined.at_least


@given(TOKENS, st.booleans())
def test_what_is_written_is_what_is_read(values: list[int], dense: bool) -> None:
    sketch: Sketch = as_dense(of(values)) if dense else of(values)
    assert same(decode(encode(sketch)), sketch)


@pytest.mark.parametrize("size", [1, 255, 256, 65_535, 65_536, 300_000])
def test_every_width_of_gap_is_read_back(size: int) -> None:
    sketch = random_set(size, size)
    stored = encode(sketch)
    assert same(decode(stored), sketch)
    if size > 60_000:
        # The least any code can take is log2(e·2^64/n) bits a token.
        assert len(stored) * 8 / size < math.log2(math.e * 2**64 / size) + 1.1


@pytest.mark.parametrize("dense", [False, True])
def test_no_bytes_break_the_reader(dense: bool) -> None:
    """The hash in the log finds every change; what is read all the same is a set or an error."""
    sketch: Sketch = as_dense(random_set(1, 3_000)) if dense else random_set(1, 3_000)
    stored = encode(sketch)
    rng = np.random.default_rng(7)
    refused = 0
    for _ in range(300):
        changed = bytearray(stored)
        changed[int(rng.integers(len(changed)))] ^= 1 << int(rng.integers(8))
        try:
            found = decode(bytes(changed))
        except Error:
            refused += 1
        else:
            assert count(found).least <= count(found).most
    assert refused
    for end in (0, 5, 20, len(stored) // 2, len(stored) - 1):
        with pytest.raises((VerificationError, InvalidInput)):
            decode(stored[:end])
    with pytest.raises(InvalidInput, match="larger"):
        decode(encode(random_set(2, 50)), tokens_max=49)


def test_the_estimate_is_as_good_as_stated_over_seven_decades() -> None:
    for size in (10, 1_000, 20_000, 65_536, 200_000, 1_000_000):
        errors = [
            count(Dense(as_dense(random_set(seed, size)).registers, 0)).estimate / size - 1
            for seed in range(12)
        ]
        assert abs(float(np.mean(errors))) < 2 * RELATIVE_ERROR
        assert max(map(abs, errors)) < 5 * RELATIVE_ERROR


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60_000), st.integers(0, 2**32), st.integers(1, 60_000))
def test_the_truth_lies_within_the_bounds(size: int, seed: int, kept: int) -> None:
    truth = random_set(seed, size)
    found = count(compact(truth, kept))
    assert found.least <= len(truth.tokens) <= found.most
    # A threshold that the truth has reached is never above what law reads.
    for threshold in (len(truth.tokens), len(truth.tokens) - 1):
        assert found.most >= threshold


def test_a_dense_count_says_when_a_threshold_is_near() -> None:
    found = count(as_dense(random_set(3, 100_000)))
    assert found.least >= 100_000 and not found.is_exact
    assert found.is_near(found.most) and not found.is_near(100_000)
    assert not count(random_set(3, 100)).is_near(100)


def test_hidden_collisions_are_bounded() -> None:
    assert [collisions_at_most(n) for n in (0, 1, 1_000_000, 6_000_000)] == [0, 0, 0, 0]
    bound = collisions_at_most(2**30)
    mean = 2.0**60 / 2**65
    tail = 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(bound + 1))
    assert bound >= 1 and tail <= DOUBT


def test_more_tokens_than_memory_allows_become_a_sketch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sketches, "TOKENS_MAX", 1_000)
    parts = [random_set(seed, 400) for seed in range(10)]
    found = count(union(parts))
    assert found.least <= 4_000 <= found.most and found.least > 400
    assert count(union([parts[0]] * 20)) == Count(400, 400, 400)


def test_the_empty_set_is_nobody() -> None:
    assert count(union([])) == Count(0, 0, 0)
    assert count(Dense(np.zeros(sketches.REGISTERS, np.uint8), 0)) == Count(0, 0, 0)
