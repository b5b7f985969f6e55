"""Apache DataSketches over the same persons: `sketches.py WINDOWS_JSON`, one JSON object out.

The argument is a list of windows, each a list of [first, last) ranges of persons; every window is
one HLL sketch of 2^16 registers fed the identifiers' 64-bit numbers.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
from datasketches import hll_sketch, tgt_hll_type

PRECISION = 16


def distinct(ranges: list[list[int]]) -> int:
    count = end = 0
    for first, last in sorted(ranges):
        count += max(0, last - max(first, end))
        end = max(end, last)
    return count


def main() -> None:
    errors, size, persons, spent = [], 0, 0, 0.0
    for ranges in json.loads(sys.argv[1]):
        numbers = [np.arange(first, last).tolist() for first, last in ranges]
        started = time.perf_counter()
        sketch = hll_sketch(PRECISION, tgt_hll_type.HLL_8)
        update = sketch.update
        for part in numbers:
            for number in part:
                update(number)
        spent += time.perf_counter() - started
        persons += sum(map(len, numbers))
        errors.append(abs(sketch.get_estimate() / distinct(ranges) - 1))
        size = max(size, len(sketch.serialize_compact()))
    print(json.dumps({"error": "", "rate": persons / spent, "worst": max(errors), "bytes": size}))


if __name__ == "__main__":
    main()
