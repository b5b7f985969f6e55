"""The witness's memory on PostgreSQL: several processes answer, one history comes of it."""

import threading
from pathlib import Path

import pytest
from witness_logs import AT, History, log_signer, watched_file

from entrepot.kernel.checkpoint import read_checkpoint
from entrepot.kernel.errors import StorageError
from entrepot.kernel.store import Store
from entrepot.node.witnessing import identity, memory
from entrepot.node.witnessing.desk import Desk, open_desk
from entrepot.node.witnessing.paces import Paces

LOG = log_signer(1)
ONE = History(LOG, "one", 60, shared=8)
TWO = History(LOG, "two", 60, shared=8)


@pytest.mark.slow
def test_leader_and_followers_share_one_memory(tmp_path: Path, postgres_url: str) -> None:
    (tmp_path / "witness.logs").write_bytes(watched_file(LOG))
    identity.make_cosigner(tmp_path)
    stores = [Store.open(postgres_url, create=True)]
    stores += [Store.open(postgres_url, writer=False) for _ in range(3)]
    try:
        desks = [opened(tmp_path, store) for store in stores]
        assert desks[1].add_checkpoint(ONE.request(0, 3))[0].status == 200  # a follower cosigns
        race_from(desks, 3)
        found = memory.remembered(stores[2], LOG.origin)
        assert found is not None
        size = found[0].size
        won, lost = (ONE, TWO) if found[0].root == ONE.roots[size] else (TWO, ONE)
        for desk in desks:
            assert desk.add_checkpoint(lost.request(size, size))[0].status == 422
            assert desk.add_checkpoint(lost.request(3, 30))[0].body == f"{size}\n".encode()
            assert desk.add_checkpoint(won.request(size, size))[0].status == 200
        memory.keep_cosigned(stores[3], LOG.origin, 9, b"nine")
        memory.keep_cosigned(stores[0], LOG.origin, 5, b"five")
        assert memory.cosigned(stores[1], LOG.origin) == b"nine"
    finally:
        for store in reversed(stores):
            store.close()
    # Another home with the same keys and an empty database does not begin anew.
    empty = Store.open(tmp_path / "store.sqlite", create=True)
    with pytest.raises(StorageError, match="second history"):
        opened(tmp_path, empty)
    empty.close()


def opened(home: Path, store: Store) -> Desk:
    desk = open_desk(store, home, clock=lambda: AT)
    object.__setattr__(desk, "paces", Paces(1e6, 1e6))
    return desk


def race_from(desks: list[Desk], old: int) -> None:
    """Send both histories from one size through all processes at once: one request wins."""
    start = threading.Barrier(len(desks))
    answers: list[tuple[int, bytes]] = []

    def ask(desk: Desk, mine: list[bytes]) -> None:
        start.wait()
        for body in mine:
            answer = desk.add_checkpoint(body)[0]
            answers.append((answer.status, answer.body))

    requests = [side.request(old, old + n) for n in range(6, 26) for side in (ONE, TWO)]
    threads = [
        threading.Thread(target=ask, args=(desk, requests[i :: len(desks)]))
        for i, desk in enumerate(desks)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(requests)
    cosigned = [body for status, body in answers if status == 200]
    assert len(cosigned) == 1
    found = memory.remembered(desks[0].store, LOG.origin)
    assert found is not None
    checkpoint = read_checkpoint(found[1]).checkpoint
    assert checkpoint.root in (ONE.roots[checkpoint.size], TWO.roots[checkpoint.size])
    sizes = {body for status, body in answers if status == 409}
    assert sizes == {f"{checkpoint.size}\n".encode()}
