"""The witness over HTTP and in its store: every status, what is remembered, races and crashes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from litestar import Litestar
from litestar.datastructures import State
from litestar.testing import TestClient
from witness_logs import AT, History, log_signer, watched_file

from entrepot.kernel.checkpoint import read_checkpoint
from entrepot.kernel.cosignature import verified_signatures, with_cosignatures
from entrepot.kernel.errors import Conflict, NotFound, StorageError
from entrepot.kernel.note import parse_signature_lines, parse_vkey
from entrepot.kernel.policy import KnownLog
from entrepot.kernel.store import Store
from entrepot.kernel.witness import origin_hash
from entrepot.node.api.problems import HANDLERS
from entrepot.node.running import Running, open_running
from entrepot.node.settings import read_settings
from entrepot.node.witnessing import ROUTES, identity, memory
from entrepot.node.witnessing.desk import Desk, open_desk
from entrepot.node.witnessing.paces import Paces
from entrepot.node.witnessing.watched import (
    WatchedLogs,
    add_watched,
    read_watched,
    remove_watched,
)

LOG, OTHER = log_signer(1), log_signer(2)
ONE = History(LOG, "one", 40, shared=8)
TWO = History(LOG, "two", 40, shared=8)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "witness.logs").write_bytes(watched_file(LOG))
    identity.make_cosigner(tmp_path)
    return tmp_path


def witness_app(running: Running) -> Litestar:
    """The witness's own routes over a real node, without the other parts."""
    return Litestar(
        route_handlers=ROUTES, exception_handlers=HANDLERS, state=State({"running": running})
    )


@pytest.fixture
def client(home: Path) -> Iterator[TestClient]:  # type: ignore[type-arg]
    settings = read_settings(environment={}, given={"home": str(home)})
    with (
        open_running(settings, institutions=(), clock=lambda: AT) as running,
        TestClient(witness_app(running)) as found,
    ):
        yield found


def post(client: TestClient, body: bytes) -> tuple[int, bytes, str]:  # type: ignore[type-arg]
    answer = client.post("/witness/add-checkpoint", content=body)
    return answer.status_code, answer.content, answer.headers["content-type"]


def test_the_whole_conversation(client: TestClient, home: Path) -> None:  # type: ignore[type-arg]
    digest = origin_hash(LOG.origin)
    assert client.get(f"/witness/{digest}/checkpoint").status_code == 404
    status, body, _ = post(client, ONE.request(0, 5))
    assert status == 200
    keys = [parse_vkey(line) for line in client.get("/witness/vkeys").text.splitlines()]
    seen = with_cosignatures(read_checkpoint(ONE.note(5)), parse_signature_lines(body))
    assert [found.at for found in verified_signatures(seen, keys)] == [AT, AT]
    assert post(client, ONE.request(0, 9)) == (409, b"5\n", "text/x.tlog.size")
    assert post(client, ONE.request(5, 9))[0] == 200
    assert post(client, ONE.request(9, 9))[0] == 200
    assert post(client, TWO.request(9, 20))[0] == 422
    assert post(client, TWO.request(9, 9))[0] == 422
    assert post(client, b"old 9\n")[0] == 400
    assert post(client, ONE.request(9, 12).replace(b"old 9", b"old 13"))[0] == 400
    assert post(client, History(OTHER, "x", 3).request(0, 3))[0] == 404
    forged = History(log_signer(3, LOG.origin), "one", 12, shared=8)
    assert post(client, forged.request(9, 12))[0] == 403
    assert client.post("/witness/add-checkpoint", content=b"x" * (1 << 19)).status_code == 413
    assert client.get("/witness/add-checkpoint").status_code == 405
    note = client.get(f"/witness/{digest}/checkpoint")
    assert note.headers["content-type"] == "text/plain; charset=utf-8"
    published = read_checkpoint(note.content)
    assert published.checkpoint.size == 9
    assert len(verified_signatures(published, [*LOG.keys.verifiers(), *keys])) == 4
    assert client.get(f"/witness/{digest.upper()}/checkpoint").status_code == 404


def test_a_log_added_while_the_node_runs_is_cosigned(
    client: TestClient,  # type: ignore[type-arg]
    home: Path,
) -> None:
    other = History(OTHER, "x", 3)
    assert post(client, other.request(0, 3))[0] == 404
    add_watched(home / "witness.logs", [KnownLog(key) for key in OTHER.keys.verifiers()])
    assert post(client, other.request(0, 3))[0] == 200
    remove_watched(home / "witness.logs", OTHER.origin)
    assert post(client, other.request(3, 3))[0] == 404


def test_a_node_without_keys_is_no_witness(tmp_path: Path) -> None:
    settings = read_settings(environment={}, given={"home": str(tmp_path)})
    with (
        open_running(settings, institutions=(), clock=lambda: AT) as running,
        TestClient(witness_app(running)) as client,
    ):
        assert client.get("/witness/vkeys").status_code == 404
        assert post(client, ONE.request(0, 5))[0] == 404


def opened(home: Path, store: Store) -> Desk:
    return open_desk(store, home, clock=lambda: AT)


def test_memory_survives_and_keys_without_memory_are_refused(home: Path) -> None:
    path = home / "store.sqlite"
    store = Store.open(path, create=True)
    assert opened(home, store).add_checkpoint(ONE.request(0, 7))[0].status == 200
    assert not identity.is_fresh(home)
    store.close()
    again = Store.open(path)
    desk = opened(home, again)
    assert desk.add_checkpoint(TWO.request(0, 20))[0].body == b"7\n"
    assert desk.add_checkpoint(ONE.request(7, 8))[0].status == 200
    again.close()
    for file in home.glob("store.sqlite*"):
        file.unlink()
    lost = Store.open(path, create=True)
    with pytest.raises(StorageError, match="second history"):
        opened(home, lost)
    for name in ("witness.pem", "witness-ml-dsa.pem"):
        (home / "keys" / name).unlink()
    with pytest.raises(NotFound):
        opened(home, lost)
    identity.make_cosigner(home)
    assert opened(home, lost).add_checkpoint(ONE.request(0, 7))[0].status == 200
    lost.close()


def test_of_many_requests_at_once_each_size_is_cosigned_once_and_none_goes_back(
    home: Path,
) -> None:
    """The race of the specification: A (3 to 5) and B (3 to 9) checked against the same state."""
    store = Store.open(home / "store.sqlite", create=True)
    desk = opened(home, store)
    object.__setattr__(desk, "paces", Paces(1e6, 1e6))
    assert desk.add_checkpoint(ONE.request(0, 3))[0].status == 200
    requests = [ONE.request(3, new) for new in range(3, 40)]
    answers: list[tuple[int, bytes]] = []
    start = threading.Barrier(8)

    def ask(mine: list[bytes]) -> None:
        start.wait()
        for body in mine:
            answer = desk.add_checkpoint(body)[0]
            answers.append((answer.status, answer.body))

    threads = [threading.Thread(target=ask, args=(requests[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == len(requests)
    assert {status for status, _ in answers} <= {200, 409}
    found = memory.remembered(store, LOG.origin)
    assert found is not None
    final = found[0].size
    assert final > 3
    said = {int(body) for status, body in answers if status == 409}
    assert said == {final}  # after the first growth nobody saw another size
    assert read_checkpoint(found[1]).checkpoint.root == ONE.roots[final]
    store.close()


def test_a_state_written_meanwhile_is_never_overwritten(home: Path) -> None:
    store = Store.open(home / "store.sqlite", create=True)
    desk = opened(home, store)
    desk.add_checkpoint(ONE.request(0, 3))
    first = memory.remembered(store, LOG.origin)
    assert first is not None
    stale = first[0]
    desk.add_checkpoint(ONE.request(3, 9))
    values = {"size": 5, "root": ONE.roots[5], "at": AT, "note": b"x"}
    assert memory._replace(store, LOG.origin, stale, values) is False
    assert memory._replace(store, LOG.origin, None, values) is False
    kept = memory.remembered(store, LOG.origin)
    assert kept is not None
    assert kept[0].size == 9
    store.close()


def test_when_the_database_refuses_nothing_is_cosigned(home: Path) -> None:
    store = Store.open(home / "store.sqlite", create=True)
    desk = opened(home, store)
    with store.writing() as write:
        write.execute(
            sa.text(
                "CREATE TRIGGER no BEFORE INSERT ON local_witness "
                "BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END"
            )
        )
    with pytest.raises(StorageError):
        desk.add_checkpoint(ONE.request(0, 3))
    assert memory.remembered(store, LOG.origin) is None
    store.close()


def test_no_log_asks_without_end(home: Path) -> None:
    store = Store.open(home / "store.sqlite", create=True)
    desk = opened(home, store)
    object.__setattr__(desk, "paces", Paces(0.5, 2))
    desk.add_checkpoint(ONE.request(0, 3))
    desk.add_checkpoint(ONE.request(3, 4))
    answer, wait_s = desk.add_checkpoint(ONE.request(4, 5))
    assert (answer.status, wait_s) == (429, 2)
    # What is not signed by the log takes no token from it.
    stranger = History(log_signer(3, LOG.origin), "one", 12)
    assert desk.add_checkpoint(stranger.request(4, 5))[0].status == 403
    store.close()


def test_buckets_fill_again() -> None:
    paces = Paces(2.0, 2.0)
    assert [paces.wait_s("a", 0.0) for _ in range(3)] == [0.0, 0.0, 0.5]
    assert paces.wait_s("b", 0.0) == 0.0
    assert paces.wait_s("a", 0.5) == 0.0
    assert paces.wait_s("a", 0.5) == 0.5


def test_our_newest_cosigned_checkpoint_never_goes_back(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "store.sqlite", create=True)
    assert memory.cosigned(store, LOG.origin) is None
    for size, note in ((5, b"five"), (9, b"nine"), (7, b"seven"), (9, b"nine more")):
        memory.keep_cosigned(store, LOG.origin, size, note)
    assert memory.cosigned(store, LOG.origin) == b"nine more"
    store.close()


def test_the_list_of_watched_logs(tmp_path: Path) -> None:
    path = tmp_path / "witness.logs"
    assert read_watched(path) == ()
    assert WatchedLogs(path).all() == {}
    keys = [KnownLog(key, "https://log.example") for key in LOG.keys.verifiers()]
    add_watched(path, keys)
    assert read_watched(path) == tuple(keys)
    assert WatchedLogs(path).all()[LOG.origin].keys == LOG.keys.verifiers()
    with pytest.raises(Conflict, match="already"):
        add_watched(path, keys[:1])
    with pytest.raises(NotFound):
        remove_watched(path, OTHER.origin)
    remove_watched(path, LOG.origin)
    assert read_watched(path) == ()
