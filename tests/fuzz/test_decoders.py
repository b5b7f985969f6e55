"""No input makes a decoder fail with anything but one of our own errors.

`python tests/fuzz/run.py --seconds 600` does the same for longer.
"""

from __future__ import annotations

import random

import pytest
from decoders import DECODERS, Decoder, refusals
from mutating import mutate

ROUNDS = 1_500


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.name)
def test_decoders_refuse_by_errors_of_ours(decoder: Decoder) -> None:
    rng = random.Random(decoder.name)
    for _ in range(ROUNDS):
        try_one(decoder, mutate(rng, decoder.seeds))


def try_one(decoder: Decoder, content: bytes) -> bool:
    """Return whether the input was accepted; fail on any error that is not ours."""
    try:
        decoder.decode(content)
    except refusals():
        return False
    except Exception as error:
        error.add_note(f"{decoder.name}: {content!r}")
        raise
    assert not decoder.exact or content in decoder.seeds, (decoder.name, content)
    return True
