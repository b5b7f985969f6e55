"""A process of a node for the tests of takeover: takes a seat, tends it, submits while it leads.

    python seat_worker.py HOME STORE_URL NAME

Prints one line for everything that happened, at once: `leads`, `follows SIZE`, `try HEX`,
`ack HEX INDEX SIZE ROOT`, `error TEXT`. Acts come from its own counter, so that each is another.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from kernel_toy import NOW, TOY, count_act

from entrepot.kernel.acts import ActId
from entrepot.kernel.errors import Error, StorageError
from entrepot.kernel.following import Seat, take_seat
from entrepot.kernel.sequencer import Answer

TEND_S = 0.5
"""As the node does it."""
BATCH = 20


def say(*words: object) -> None:
    print(*words, flush=True)


def submit_some(seat: Seat, name: str, count: int) -> int:
    """Submit one batch, sending the same acts again until they are answered or another leads."""
    digits = 16 - len(name)
    ids = [ActId(f"{name}{count + i:0{digits}d}".encode()) for i in range(BATCH)]
    acts = [count_act(seat.node, 1, f"c{count % 7}{name}", act_id=act_id) for act_id in ids]
    say("try", *(act_id.decode() for act_id in ids))
    try:
        answers = seat.node.sequencer.submit_batch(acts)
    except StorageError as error:
        say("error", error.what)
        return count
    for act_id, answer in zip(ids, answers, strict=True):
        if isinstance(answer, Error):
            raise answer
        assert isinstance(answer, Answer)
        say("ack", act_id.decode(), answer.index, answer.tree_size, seat.node.log.root.hex())
    return count + BATCH


def main() -> None:
    home, url, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    count, led, tended = 0, None, 0.0
    with take_seat(home, institutions=(TOY,), store=url, clock=lambda: NOW) as seat:
        while True:
            if time.monotonic() - tended > TEND_S or not seat.leads:
                try:
                    leads = seat.tend()
                except StorageError as error:
                    say("error", error.what)
                    leads = False
                tended = time.monotonic()
                if leads != led:
                    say("leads" if leads else f"follows {seat.node.log.size}")
                led = leads
            if seat.leads:
                count = submit_some(seat, name, count)
            else:
                time.sleep(TEND_S)


if __name__ == "__main__":
    main()
