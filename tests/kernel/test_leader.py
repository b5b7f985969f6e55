"""Several processes on one store: one leads, others take over, and the log never forks."""

from __future__ import annotations

import fcntl
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from kernel_toy import NOW, TOY, count_act, open_toy, store_of, totals
from takeover import Faults, Worker, check_nothing_lost_or_doubled, cut_sessions, strike_often

from entrepot.kernel.errors import Error, StorageError
from entrepot.kernel.following import Seat, open_follower, take_seat
from entrepot.kernel.home import open_node
from entrepot.kernel.store import TREE, NotLeader, Store

HERE = Path(__file__).resolve().parent


def seat_of(home: Path, **settings: Any) -> Seat:
    return take_seat(home, institutions=(TOY,), store=store_of(home), clock=lambda: NOW, **settings)


@pytest.mark.usefixtures("store_url")
def test_a_follower_reads_what_is_published_and_takes_over(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with seat_of(home, advertised_url="https://a.example") as leader:
        assert leader.leads and leader.tend()
        first = leader.node.sequencer.submit(count_act(leader.node, 5))
        with seat_of(home) as follower:
            assert not follower.leads and not follower.tend() and not follower.try_promote()
            node = follower.node
            assert totals(node) == {"a": (5, 1)} and node.log.size == 2
            assert node.log.receipt(1, 2) == first.receipt
            assert node.log.tree().entry(1) == first.entry
            assert node.log.checkpoint() == leader.node.log.checkpoint()
            before = node.log.checkpoint()
            with pytest.raises(NotLeader) as caught:
                node.sequencer.submit(count_act(node, 1))
            assert caught.value.leader_url == "https://a.example"
            with pytest.raises(NotLeader):
                node.sequencer.erase(1)
            assert node.log.checkpoint() == before
            leader.node.sequencer.submit_batch([count_act(leader.node) for _ in range(300)])
            assert not follower.tend() and node.log.size == 302
            leader.close()
            assert follower.tend() and follower.leads
            again = node.sequencer.submit(node.act_at(1))
            assert (again.repeated, again.receipt) == (True, first.receipt)
            assert node.sequencer.submit(count_act(node, 2)).index == 302
            assert node.store.leader_url() == ""
    with open_toy(home) as node:
        assert totals(node) == {"a": (307, 302)} and node.log.size == 303


@pytest.mark.usefixtures("store_url")
def test_a_command_reads_beside_the_writer(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_toy(home) as node:
        answer = node.sequencer.submit(count_act(node, 5))
        url = store_of(home)
        reader = open_follower(home, institutions=(TOY,), store=url)
        assert totals(reader) == {"a": (5, 1)}
        reader.export(answer.index, tmp_path / "proof")
        reader.close()
        node.sequencer.submit(count_act(node, 5))
    with pytest.raises(Error, match="no store here"):
        open_follower(tmp_path / "absent")


@pytest.mark.usefixtures("store_url")
def test_what_was_sequenced_is_published_by_the_next_leader(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == "committed":
            raise Stop

    home, armed = tmp_path / "h", False
    node = open_toy(home, crash=stop)
    with seat_of(home) as follower:
        raw = count_act(node, 5)
        armed = True
        with pytest.raises(Stop):
            node.sequencer.submit(raw)
        armed = False
        assert not follower.tend() and follower.node.log.size == 1
        node.store.close()  # as the system does for a killed process
        assert follower.tend() and follower.node.log.size == 2
        answer = follower.node.sequencer.submit(raw)
        assert (answer.index, answer.repeated) == (1, True)


def test_a_lost_session_costs_the_leadership_and_nothing_else(
    tmp_path: Path, postgres_server: Any
) -> None:
    url = postgres_server.create_database()
    home = tmp_path / "h"
    with take_seat(home, institutions=(TOY,), store=url, clock=lambda: NOW) as seat:
        seat.node.sequencer.submit(count_act(seat.node, 1))
        cut_sessions(postgres_server, url)
        raw = count_act(seat.node, 2)
        with pytest.raises(StorageError):
            seat.node.sequencer.submit(raw)
        assert not seat.leads
        with pytest.raises(NotLeader):
            seat.node.sequencer.submit(raw)
        assert seat.tend() and seat.node.sequencer.submit(raw).index == 2
        cut_sessions(postgres_server, url)
        assert not seat.node.store.held() and not seat.leads
        assert seat.tend() and totals(seat.node) == {"a": (3, 2)}
    postgres_server.drop_database(url)


def test_who_asks_seldom_for_the_lock_asks_anew(postgres_server: Any, postgres_url: str) -> None:
    leader = Store.open(postgres_url, create=True)
    follower = Store.open(postgres_url, writer=False)
    assert not follower.promote()
    leader.close()
    cut_sessions(postgres_server, postgres_url)  # as idle_session_timeout does
    assert follower.promote() and follower.held()
    follower.close()


def test_a_leader_that_was_overtaken_cannot_append(tmp_path: Path, postgres_url: str) -> None:
    """The comparison holds even where the lock does not: the row is moved behind the leader."""
    with open_node(tmp_path / "h", institutions=(TOY,), store=postgres_url) as node:
        answer = node.sequencer.submit(count_act(node, 1))
        with psycopg.connect(postgres_url) as other:
            other.execute("UPDATE kernel_tree SET size = size + 1")
        with pytest.raises(StorageError):
            node.sequencer.submit(count_act(node, 2))
        with node.store.reading() as read:
            assert read.execute(sa.select(TREE.c.size)).scalar_one() == 3
        assert node.log.size == answer.tree_size and totals(node) == {"a": (1, 1)}


def test_a_restored_old_database_refuses_to_sign(tmp_path: Path, postgres_server: Any) -> None:
    home, url = tmp_path / "h", postgres_server.create_database()
    with open_node(home, institutions=(TOY,), store=url) as node:
        node.sequencer.submit(count_act(node))
    old = postgres_server.create_database(copy_of=url)
    with open_node(home, institutions=(TOY,), store=url) as node:
        node.sequencer.submit(count_act(node))
        published = node.log.checkpoint()
    for _ in range(2):
        with pytest.raises(StorageError, match="old backup"):
            open_node(home, institutions=(TOY,), store=old)
    assert (home / "log" / "checkpoint").read_bytes() == published
    for one in (url, old):
        postgres_server.drop_database(one)


def test_one_of_many_wins(postgres_url: str) -> None:
    Store.open(postgres_url, create=True).close()
    followers = [Store.open(postgres_url, writer=False) for _ in range(8)]
    won: list[bool] = []
    threads = [
        threading.Thread(target=lambda one=one: won.append(one.promote())) for one in followers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]
    for one in followers:
        one.close()


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        if worker.process.poll() is None:
            worker.end()


@pytest.mark.slow
@pytest.mark.usefixtures("store_url")
def test_a_killed_leader_is_followed_within_seconds(tmp_path: Path, workers: list[Worker]) -> None:
    """kill -9 of the leading process under load, five times in a row."""
    home: Path = tmp_path / "h"
    url, taken = store_of(home), []
    workers.append(Worker(home, url, "A"))
    workers[-1].wait_for("ack", 100)
    for name in "BCDEF":
        leader, follower = workers[-1], Worker(home, url, name)
        workers.append(follower)
        follower.wait_for("follows")
        time.sleep(0.3)
        killed = leader.end()
        taken.append(follower.wait_for("ack") - killed)
        follower.wait_for("ack", 100)
    workers[-1].end()
    acts = check_nothing_lost_or_doubled(home, url, workers)
    print(f"takeover after kill -9: {', '.join(f'{s:.2f}' for s in taken)} s; {acts:,} acts")
    assert max(taken) < 5


@pytest.mark.slow
def test_a_killed_server_loses_nothing(
    tmp_path: Path, own_postgres: Any, workers: list[Worker]
) -> None:
    """kill -9 of PostgreSQL under load, three times: the leader leads again, by itself."""
    own_postgres.start()
    url, home, back = own_postgres.create_database(), tmp_path / "h", []
    worker = Worker(home, url, "A")
    workers.append(worker)
    for _ in range(3):
        worker.wait_for("ack", len(worker.lines("ack")) + 200)
        own_postgres.stop(signal.SIGKILL)
        worker.wait_for("error", len(worker.lines("error")) + 1)
        own_postgres.start()
        started = time.monotonic()
        back.append(worker.wait_for("ack", len(worker.lines("ack")) + 1) - started)
    worker.end()
    acts = check_nothing_lost_or_doubled(home, url, workers)
    print(f"back after the server was: {', '.join(f'{s:.2f}' for s in back)} s; {acts:,} acts")


def stop_between_publications(pid: int, log: Path) -> None:
    """Stop a process that does not hold the lock of the log's directory just now.

    One that does keeps it until it goes on or is killed: the disk's lock cannot be taken away.
    """
    for _ in range(200):
        os.kill(pid, signal.SIGSTOP)
        tasks = list(Path(f"/proc/{pid}/task").glob("*/stat"))
        while any(task.read_text().rpartition(")")[2].split()[0] != "T" for task in tasks):
            time.sleep(0.001)  # all its threads have to stand still first
        descriptor = os.open(log, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            os.kill(pid, signal.SIGCONT)
            time.sleep(0.003)
        finally:
            os.close(descriptor)
    raise AssertionError("it holds the lock all the time")


@pytest.mark.slow
def test_a_stopped_leader_is_overtaken_and_notices(
    tmp_path: Path, postgres_url: str, workers: list[Worker]
) -> None:
    """SIGSTOP: the process lives and its sockets too; the server ends the silent session."""
    home = tmp_path / "h"
    workers += [Worker(home, postgres_url, "A")]
    workers[0].wait_for("ack", 50)
    workers += [Worker(home, postgres_url, "B")]
    workers[1].wait_for("follows")
    stop_between_publications(workers[0].process.pid, home / "log")
    stopped = time.monotonic()
    taken = workers[1].wait_for("ack", timeout_s=90) - stopped
    workers[1].wait_for("ack", 50)
    os.kill(workers[0].process.pid, signal.SIGCONT)
    workers[0].wait_for("follows", timeout_s=90)
    for worker in workers:
        worker.end()
    acts = check_nothing_lost_or_doubled(home, postgres_url, workers)
    print(f"takeover from a stopped leader: {taken:.1f} s; {acts:,} acts")


@pytest.mark.slow
def test_faults_at_random_lose_nothing(
    tmp_path: Path, own_postgres: Any, workers: list[Worker]
) -> None:
    """Twelve of them; `python tests/kernel/takeover.py --faults 100` does as many as asked."""
    own_postgres.start()
    faults = Faults(tmp_path / "h", own_postgres, own_postgres.create_database())
    faults.workers = workers
    waits = strike_often(faults, 12, seed=11)
    acts = check_nothing_lost_or_doubled(faults.home, faults.url, workers)
    print(f"waits {waits}; {acts:,} acts")
    assert max(max(seconds) for seconds in waits.values()) < 10
