"""Counters of distinct persons: ten windows of 1 to 10 million, against the truth.

    python benchmarks/bench_counters.py

Each window is counted from three shipments that overlap; the truth is known because persons are
numbered. Every person is a text of 18 digits that becomes a token by AES-CMAC, as in a clearance.
The thresholds are read off the packaged law, and each crossing is tried one person below, at and
one above, with shipments that overlap.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence

import numpy as np
import polars as pl

from entrepot.law.counters import Piece, bounds, limit
from entrepot.law.library import Library
from entrepot.law.sketches import (
    RELATIVE_ERROR,
    Dense,
    Exact,
    Tokens,
    as_dense,
    compact,
    count,
    decode,
    encode,
    exact,
    union,
)
from entrepot.port.clear.columnmac import ColumnMac
from measure import PEERS, Figure, as_json, failed_peer, peer, seconds

KEY = bytes(range(32))
WINDOWS = 10
MILLION = 1_000_000
LOOP = 200_000
"""Persons of the loop that hashes one at a time."""
CROSSED = (10_000, 100_000, 1_000_000)
TOKENS = "identifiers to tokens (AES-CMAC over a column)"
UNION = "distinct persons of a window, from its pieces"
SKETCHED = "worst error of ten windows as sketches"
STORED = "a sketch of 10 million persons, stored"

Ranges = list[tuple[int, int]]


def shipments(persons: int) -> Ranges:
    """Return three shipments that overlap and together hold `persons`."""
    third = persons // 3
    return [(0, 2 * third), (third, persons - third // 2), (third * 2, persons)]


def identifiers(first: int, last: int) -> pl.Series:
    """Return the identifiers of numbered persons."""
    numbers = pl.int_range(first, last, eager=True)
    return numbers.cast(pl.String).str.zfill(18)


def pieces_of(tokens: Tokens, ranges: Ranges) -> list[Exact]:
    """Return the pieces of a window, out of the tokens of all numbered persons."""
    return [exact(tokens[first:last]) for first, last in ranges]


def hashing(mac: ColumnMac) -> list[Figure]:
    """Time the tokens of a million persons, and the same one at a time."""
    column = identifiers(0, MILLION)
    spent = seconds(lambda: mac.tokens(column), rounds=5)
    single = [text.encode() for text in column[:LOOP].to_list()]

    def loop() -> list[bytes]:
        return [hashlib.blake2b(text, key=KEY, digest_size=8).digest() for text in single]

    one_by_one = seconds(loop, rounds=3)
    return [
        Figure(
            TOKENS,
            MILLION / spent.wall,
            "persons/s",
            f"a million texts of 18 digits in {spent}",
            goal="1,000,000/s",
            met=MILLION / spent.wall >= MILLION,
        ),
        Figure(
            "keyed BLAKE2b, one call per person",
            LOOP / one_by_one.wall,
            "persons/s",
            "hashlib in a loop, texts already bytes, tokens left as a list",
            kind="limit",
            against=TOKENS,
        ),
    ]


def windows(tokens: Tokens, kept: int) -> tuple[list[Figure], Dense]:
    """Count ten windows exactly and as sketches; return the figures and the largest sketch."""
    wrong, spent, persons, errors, missed = 0, 0.0, 0, [], 0
    largest = Dense(np.zeros(0, np.uint8), 0)
    stored = 0
    for number in range(1, WINDOWS + 1):
        truth = number * MILLION
        pieces = [
            decode(encode(compact(piece, kept))) for piece in pieces_of(tokens, shipments(truth))
        ]
        started = time.perf_counter()
        whole = union(pieces)
        found = count(whole)
        spent += time.perf_counter() - started
        persons += sum(last - first for first, last in shipments(truth))
        wrong += not (found.estimate == truth == found.least and truth <= found.most <= truth + 1)
        largest = as_dense(whole)
        alone = count(Dense(largest.registers, 0))
        errors.append(alone.estimate / truth - 1)
        missed += not alone.least <= truth <= alone.most
        stored = max(stored, len(encode(whole)))
    worst = max(map(abs, errors))
    figures = [
        Figure(
            UNION,
            persons / spent,
            "persons/s",
            f"ten windows of 1 to 10 million, three pieces each, exact; {stored / 1e6:.0f} MB for "
            "10 million",
            wrong=wrong,
        ),
        Figure(
            SKETCHED,
            100 * worst,
            "%",
            f"standard error {RELATIVE_ERROR:.2%}; errors "
            + ", ".join(f"{100 * error:+.2f}" for error in errors),
            wrong=missed,
            goal="within 5 standard errors",
            met=worst <= 5 * RELATIVE_ERROR,
        ),
    ]
    return figures, largest


def crossings(tokens: Tokens, kept: int) -> Figure:
    """Try every threshold one below, at and above it, exactly and with a sketch in between."""
    wrong = tried = 0
    for threshold in CROSSED:
        for truth in (threshold - 1, threshold, threshold + 1):
            parts = pieces_of(tokens, shipments(truth))
            for pieces in (parts, [compact(part, kept) for part in parts]):
                counted = [
                    Piece(0, f"table {number}", sketch, "key", "ids")
                    for number, sketch in enumerate(pieces)
                ]
                tried += 1
                wrong += (bounds(counted).most >= threshold) != (truth >= threshold)
            # A sketch that is too small for the law never hides a crossing either.
            early: Sequence[object] = [as_dense(part) for part in parts]
            sketched = count(union(early))  # type: ignore[arg-type]
            tried += 1
            wrong += truth >= threshold > sketched.most
    return Figure(
        "threshold crossings judged",
        tried,
        "cases",
        "one person below, at and above 10,000, 100,000 and 1,000,000; by tokens never early",
        wrong=wrong,
    )


def peers(ours: Dense) -> list[Figure]:
    """Apache DataSketches over the same windows."""
    size = len(encode(ours))
    figures = [Figure(STORED, size / 1_000, "kB", "2^16 registers, zstandard")]
    # Without the overlaps, which cost a call per person only time.
    asked = json.dumps([[(0, number * MILLION)] for number in range(1, WINDOWS + 1)])
    answer = peer(PEERS, "sketches.py", asked, timeout_s=200)
    name = "Apache DataSketches HLL, 2^16 registers"
    if answer["error"]:
        return [*figures, failed_peer(name, answer["error"], SKETCHED)]
    return [
        *figures,
        Figure(
            f"{name}: size",
            answer["bytes"] / 1_000,
            "kB",
            "compact form, 8 bits a register",
            kind="peer",
            against=STORED,
        ),
        Figure(
            f"{name}: worst error",
            100 * answer["worst"],
            "%",
            "the same ten windows",
            kind="peer",
            against=SKETCHED,
        ),
        Figure(
            f"{name}: updates",
            answer["rate"],
            "persons/s",
            "one call per person, whole numbers, its own hash without a key",
            kind="peer",
            against=TOKENS,
        ),
    ]


def main() -> None:
    """Measure everything and print it as JSON."""
    mac = ColumnMac(KEY)
    kept = limit(Library.load(), ["cn.year.persons"])
    figures = hashing(mac)
    tokens = mac.tokens(identifiers(0, WINDOWS * MILLION))
    counted, largest = windows(tokens, kept)
    figures += counted
    figures.append(crossings(tokens, kept))
    figures += peers(largest)
    print(as_json(figures))


if __name__ == "__main__":
    main()
