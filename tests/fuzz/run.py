"""Fuzz every decoder for a while: `python tests/fuzz/run.py --seconds 600 --seed 1`.

Prints per decoder how many inputs were tried and how many accepted; ends with 1 at the first input
that makes one fail with an error that is not ours.
"""

from __future__ import annotations

import argparse
import random
import sys
import time

from decoders import DECODERS
from mutating import mutate
from test_decoders import try_one


def main() -> int:
    """Fuzz in turns until the time is up."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--seconds", type=float, default=60)
    options.add_argument("--seed", type=int, default=0)
    asked = options.parse_args()
    tried = dict.fromkeys((decoder.name for decoder in DECODERS), 0)
    accepted = dict(tried)
    randoms = {decoder.name: random.Random(f"{asked.seed} {decoder.name}") for decoder in DECODERS}
    end = time.monotonic() + asked.seconds
    while time.monotonic() < end:
        for decoder in DECODERS:
            for _ in range(200):
                tried[decoder.name] += 1
                content = mutate(randoms[decoder.name], decoder.seeds)
                accepted[decoder.name] += try_one(decoder, content)
    for name, count in tried.items():
        print(f"{count:>10,} tried  {accepted[name]:>8,} accepted  {name}")
    print(f"{sum(tried.values()):>10,} inputs, {len(tried)} decoders, every refusal one of ours")
    return 0


if __name__ == "__main__":
    sys.exit(main())
