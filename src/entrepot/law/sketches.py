"""Distinct counts of keyed 64-bit tokens: exact while they matter, a sketch when certainly above.

A set of tokens is `Exact` (sorted, distinct) until a limit that lies above every threshold of the
laws that read it; only then it becomes `Dense`, a HyperLogLog of 2^16 registers with a certain
lower bound kept beside it. Both unite with both, whatever the order, and with themselves to
nothing new. No hashing here: a token is a pseudo-random function of a person under a key that this
module never sees, so a sketch says nothing of anybody once the key is gone.

Sources: Flajolet, Fusy, Gandouet, Meunier 2007 (HyperLogLog, relative error 1.04/sqrt(m)); Heule,
Nunkesser, Hall 2013 (64-bit hashes); Ertl 2017, arXiv:1702.01284, algorithm 6 (the improved raw
estimator: no bias tables and no switch to linear counting).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import zstandard
from numpy.typing import NDArray

from entrepot.kernel.errors import InvalidInput, VerificationError

Tokens: TypeAlias = NDArray[np.uint64]
Registers: TypeAlias = NDArray[np.uint8]

PRECISION: Final = 16
"""Bits of a token that choose a register."""
REGISTERS: Final = 1 << PRECISION
RELATIVE_ERROR: Final = 1.04 / math.sqrt(REGISTERS)
"""Standard error of a dense count: 0.41 %."""
DEVIATIONS: Final = 5
"""Standard errors between a dense estimate and the bounds given with it (2.9e-7 a side)."""
DOUBT: Final = 1e-6
"""Chance with which an exact count may be too small by more than its stated bound."""
TOKENS_MAX: Final = 1 << 26
"""Tokens held at once while sets are united (512 MiB); beyond it the union becomes dense."""

_RANK_BITS: Final = 64 - PRECISION
_RANK_MAX: Final = _RANK_BITS + 1
_EXACT, _DENSE = b"entrepot tokens 1\n", b"entrepot registers 1\n"


@dataclass(frozen=True, slots=True)
class Exact:
    """A set of tokens itself: ascending, each once."""

    tokens: Tokens


@dataclass(frozen=True, slots=True)
class Dense:
    """A HyperLogLog of a set, and how many distinct tokens it holds for certain."""

    registers: Registers
    at_least: int


Sketch: TypeAlias = Exact | Dense
EMPTY: Final = Exact(np.empty(0, np.uint64))


@dataclass(frozen=True, slots=True)
class Count:
    """How many persons a set stands for: certainly `least`, surely not over `most`.

    `most` fails with a chance of at most `DOUBT`; it is the number that law reads. Where a
    threshold lies above `least` and not above `most`, the count is near it (`is_near`).
    """

    least: int
    estimate: int
    most: int

    @property
    def is_exact(self) -> bool:
        """Whether the three agree."""
        return self.least == self.most

    def is_near(self, threshold: int) -> bool:
        """Whether the bounds do not say on which side of `threshold` the truth lies."""
        return self.least < threshold <= self.most


def exact(tokens: Tokens) -> Exact:
    """Return the set of `tokens`, given in any order and any number of times."""
    return Exact(_distinct(np.sort(tokens.astype(np.uint64, copy=False))))


def _distinct(ordered: Tokens) -> Tokens:
    if len(ordered) < 2:
        return ordered
    starts = np.ones(len(ordered), np.bool_)
    np.not_equal(ordered[1:], ordered[:-1], out=starts[1:])
    return ordered if starts.all() else ordered[starts]


def union(sketches: Iterable[Sketch]) -> Sketch:
    """Return the union: exact while every part is exact and it fits `TOKENS_MAX`, else dense."""
    pending: list[Tokens] = []
    held = 0
    dense: Dense | None = None
    for sketch in sketches:
        if isinstance(sketch, Dense):
            dense = sketch if dense is None else _merged(dense, sketch)
            continue
        pending.append(sketch.tokens)
        held += len(sketch.tokens)
        if held > TOKENS_MAX:
            pending = [_united(pending)]
            held = len(pending[0])
            if held > TOKENS_MAX // 2:
                much = as_dense(Exact(pending[0]))
                dense = much if dense is None else _merged(dense, much)
                pending, held = [], 0
    tokens = _united(pending)
    if dense is None:
        return Exact(tokens)
    return _merged(dense, as_dense(Exact(tokens))) if len(tokens) else dense


def _united(parts: Sequence[Tokens]) -> Tokens:
    if not parts:
        return EMPTY.tokens
    if len(parts) == 1:
        return parts[0]
    return _distinct(np.sort(np.concatenate(parts)))


def _merged(left: Dense, right: Dense) -> Dense:
    registers = np.maximum(left.registers, right.registers)
    return Dense(registers, max(left.at_least, right.at_least))


def compact(sketch: Sketch, limit: int) -> Sketch:
    """Return what is kept: the tokens up to `limit` of them, a dense sketch beyond."""
    if isinstance(sketch, Exact) and len(sketch.tokens) > limit:
        return as_dense(sketch)
    return sketch


def as_dense(sketch: Sketch) -> Dense:
    """Return the registers of a set; the number of its tokens stays as a certain lower bound."""
    if isinstance(sketch, Dense):
        return sketch
    tokens = sketch.tokens
    registers = np.zeros(REGISTERS, np.uint8)
    if len(tokens):
        places = (tokens >> np.uint64(_RANK_BITS)).astype(np.int64)
        rest = (tokens & np.uint64((1 << _RANK_BITS) - 1)).astype(np.float64)
        # Exact: 48 bits fit a double, whose exponent is the number of bits of the rest.
        ranks = (_RANK_MAX - np.frexp(rest)[1]).astype(np.uint8)
        starts = np.flatnonzero(np.diff(places, prepend=-1))
        registers[places[starts]] = np.maximum.reduceat(ranks, starts)
    return Dense(registers, len(tokens))


def count(sketch: Sketch) -> Count:
    """Return how many persons a sketch stands for, with its bounds."""
    if isinstance(sketch, Exact):
        found = len(sketch.tokens)
        return Count(found, found, found + collisions_at_most(found))
    estimate = _estimate(sketch.registers)
    spread = DEVIATIONS * RELATIVE_ERROR
    least = max(sketch.at_least, math.floor(estimate / (1 + spread)))
    most = max(least, math.ceil(estimate / (1 - spread)))
    return Count(least, max(least, min(most, round(estimate))), most)


def collisions_at_most(tokens: int) -> int:
    """Return how many persons may hide behind another's token, with a doubt of `DOUBT` at most.

    Collisions of n values of 64 bits are about Poisson with mean n²/2^65: 0 up to 6 million.
    """
    mean = tokens * tokens / 2.0**65
    chance = term = math.exp(-mean)
    hidden = 0
    while -math.expm1(-mean) > DOUBT and 1 - chance > DOUBT:
        hidden += 1
        term *= mean / hidden
        chance += term
    return hidden


def _estimate(registers: Registers) -> float:
    """Return Ertl's improved raw estimate (arXiv:1702.01284, algorithm 6)."""
    counts = np.bincount(registers, minlength=_RANK_MAX + 1).tolist()
    if counts[0] == REGISTERS:
        return 0.0
    total = REGISTERS * _tau(1 - counts[_RANK_MAX] / REGISTERS)
    for rank in range(_RANK_BITS, 0, -1):
        total = 0.5 * (total + counts[rank])
    total += REGISTERS * _sigma(counts[0] / REGISTERS)
    return REGISTERS * REGISTERS / (2 * math.log(2) * total)


def _sigma(share: float) -> float:
    if share == 1:
        return math.inf
    power, weight, total = share, 1.0, share
    while True:
        power *= power
        before, total = total, total + power * weight
        weight += weight
        if total == before:
            return total


def _tau(share: float) -> float:
    if share in (0.0, 1.0):
        return 0.0
    root, weight, total = share, 1.0, 1 - share
    while True:
        root = math.sqrt(root)
        weight *= 0.5
        before, total = total, total - (1 - root) ** 2 * weight
        if total == before:
            return total / 3


def encode(sketch: Sketch) -> bytes:
    """Return the stored form: gaps between tokens by byte planes, or registers; zstandard.

    A gap's low bytes are noise and stand as they are; what is left of it is small and compresses to
    near its entropy. 64-bit tokens of a million persons take 46 bits each.
    """
    if isinstance(sketch, Dense):
        head = _DENSE + sketch.at_least.to_bytes(8, "big")
        return head + zstandard.ZstdCompressor(level=9).compress(sketch.registers.tobytes())
    tokens = sketch.tokens
    gaps = np.diff(tokens, prepend=np.uint64(0))
    plain = max(0, (64 - max(len(tokens), 1).bit_length()) // 8)
    planes = np.ascontiguousarray(gaps.astype("<u8").view(np.uint8).reshape(-1, 8).T)
    head = _EXACT + len(tokens).to_bytes(8, "big") + bytes([plain])
    packed = zstandard.ZstdCompressor(level=3).compress(planes[plain:].tobytes())
    return head + planes[:plain].tobytes() + packed


def decode(content: bytes, *, tokens_max: int = TOKENS_MAX) -> Sketch:
    """Return the sketch of its stored form.

    Raises `VerificationError` when it was cut or changed into what no sketch is, `InvalidInput`
    when it is larger than `tokens_max`.
    """
    if content.startswith(_DENSE):
        start = len(_DENSE)
        registers = np.frombuffer(_inflated(content[start + 8 :], REGISTERS), np.uint8)
        if int(registers.max(initial=0)) > _RANK_MAX:
            raise VerificationError("a register of a counter holds what none can")
        return Dense(registers, int.from_bytes(content[start : start + 8], "big"))
    if not content.startswith(_EXACT) or len(content) < len(_EXACT) + 9:
        raise VerificationError("not a piece of a counter")
    start = len(_EXACT) + 9
    held, plain = int.from_bytes(content[start - 9 : start - 1], "big"), content[start - 1]
    if held > tokens_max or plain > 8:
        raise InvalidInput("a piece of a counter is larger than any", value=held)
    middle = start + held * plain
    if len(content) < middle:
        raise VerificationError("a piece of a counter is cut short")
    rest = _inflated(content[middle:], held * (8 - plain))
    planes = np.frombuffer(content[start:middle] + rest, np.uint8).reshape(8, held)
    gaps = np.ascontiguousarray(planes.T).view("<u8").reshape(-1)
    tokens = np.cumsum(gaps.astype(np.uint64), dtype=np.uint64)
    if held > 1 and not (tokens[1:] > tokens[:-1]).all():
        raise VerificationError("tokens of a counter are not in order")
    return Exact(tokens)


def _inflated(packed: bytes, size_bytes: int) -> bytes:
    try:
        found = zstandard.ZstdDecompressor().decompress(packed, max_output_size=size_bytes)
    except zstandard.ZstdError:
        raise VerificationError("a piece of a counter does not unpack") from None
    if len(found) != size_bytes:
        raise VerificationError("a piece of a counter is cut short", value=len(found))
    return found
