"""The log's files in an object store and in a directory: published, recovered, never taken back."""

import threading
from pathlib import Path

import pytest
from kernel_toy import NOW, TOY, count_act, open_toy, totals
from object_server import ObjectServer, object_server

from entrepot.kernel.audit import audit
from entrepot.kernel.checkpoint import Checkpoint, verify_checkpoint
from entrepot.kernel.errors import Conflict, InvalidInput, StorageError
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.log import Log
from entrepot.kernel.logfiles import CHECKPOINT, LogFiles, Overtaken, open_log_files
from entrepot.kernel.places import Places
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.record import GENESIS, encode_own_entry
from entrepot.kernel.sequencer import Answer

__all__ = ["object_server"]


def nothing(_step: str) -> None:
    """Watch nothing."""


def open_there(home: Path, place: str | None) -> Node:
    return open_node(home, institutions=(TOY,), clock=lambda: NOW, places=Places(log=place))


@pytest.fixture(params=["directory", "object-store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "directory":
        return str(tmp_path / "elsewhere")
    server: ObjectServer = request.getfixturevalue("object_server")
    return server.place("nodes/one")


def failed(home: Path) -> list[str]:
    return [f"{check.name}: {check.detail}" for check in audit(home, (TOY,)) if not check.passed]


def test_a_log_lives_where_it_was_put(tmp_path: Path, place: str) -> None:
    home = tmp_path / "h"
    with open_there(home, place) as node:
        answers = node.sequencer.submit_batch([count_act(node) for _ in range(600)])
        node.sequencer.submit(count_act(node))
    assert not list((home / "log").iterdir())
    with open_there(home, None) as node:  # the store remembers the place
        assert node.log.size == 602
        first = answers[0]
        assert isinstance(first, Answer)
        entry = node.log.tree().entry(first.index)
        verify_receipt(first.receipt, entry, node.signer.ed25519.public)
        assert node.log.receipt(first.index, first.tree_size) == first.receipt
        assert not failed(home)
    assert not failed(home)
    with pytest.raises(Conflict, match="elsewhere"):
        open_there(home, str(tmp_path / "another"))


def test_objects_have_types_and_tell_caches_what_may_change(
    tmp_path: Path, object_server: ObjectServer
) -> None:
    with open_there(tmp_path / "h", object_server.place("p")) as node:
        node.sequencer.submit_batch([count_act(node) for _ in range(300)])
    tile = object_server.headers("p/tile/0/000")
    assert tile["Content-Type"] == "application/octet-stream"
    assert "immutable" in tile["Cache-Control"]
    note = object_server.headers("p/checkpoint")
    assert note["Content-Type"] == "text/plain; charset=utf-8"
    assert note["Cache-Control"] == "no-cache"


def test_partial_tiles_go_from_the_object_store(
    tmp_path: Path, object_server: ObjectServer
) -> None:
    place = object_server.place("p")
    with open_there(tmp_path / "h", place) as node:
        for _ in range(6):
            node.log.append([b"x"] * 50)
    log_files = open_log_files(place, tmp_path)
    names = set(log_files.names())
    log_files.close()
    assert "tile/0/000" in names and not any("/0/000.p/" in name for name in names)
    assert "tile/0/001.p/45" in names


def test_a_store_that_is_away_loses_nothing(tmp_path: Path, object_server: ObjectServer) -> None:
    home, place = tmp_path / "h", object_server.place("p")
    with open_there(home, place) as node:
        before = count_act(node)
        node.sequencer.submit(before)
        object_server.stop()
        during = count_act(node, 5)
        with pytest.raises(StorageError, match="object store") as caught:
            node.sequencer.submit(during)
        assert "INVENTED" not in str(caught.value) and "secret" not in str(caught.value)
        with pytest.raises(StorageError):
            node.sequencer.submit(count_act(node))
        object_server.start_again()
        answer = node.sequencer.submit(during)
        assert answer.repeated and answer.index == 2
        assert totals(node) == {"a": (6, 2)}
    assert not failed(home)


@pytest.mark.parametrize("step", ["committed", "tile-written", "integrated", "checkpoint-signed"])
def test_what_is_sequenced_is_published_at_the_next_start(
    tmp_path: Path, object_server: ObjectServer, step: str
) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == step:
            raise Stop

    armed = False
    home, places = tmp_path / "h", Places(log=object_server.place("p"))
    with open_node(home, clock=lambda: NOW, crash=stop, places=places) as node:
        node.log.append([b"before"])
        armed = True
        with pytest.raises(Stop):
            node.log.append([b"sequenced %d" % i for i in range(300)])
        assert verify_checkpoint(node.log.checkpoint(), node.signer.keys).size == 2
    with open_node(home, clock=lambda: NOW) as node:
        assert node.log.size == 302
        assert node.log.tree().entry(301) == b"sequenced 299"


def notes(node: Node, sizes: list[int]) -> list[bytes]:
    """Return signed checkpoints of made-up trees, each size with a root of its own."""
    root = [bytes([size % 251]) * 32 for size in sizes]
    origin = node.signer.origin
    return [
        node.signer.sign(Checkpoint(origin, size, made), NOW)
        for size, made in zip(sizes, root, strict=True)
    ]


def test_a_checkpoint_never_goes_back(tmp_path: Path, place: str) -> None:
    """Two processes publish to one place: a smaller tree never replaces a larger one."""
    with open_toy(tmp_path / "keys") as node:
        five, six, seven, other = *notes(node, [5, 6, 7]), notes(node, [257])[0]
    if "://" not in place:
        Path(place).mkdir()
    first, second = open_log_files(place, tmp_path), open_log_files(place, tmp_path)
    first.replace_checkpoint(five, on_step=nothing)
    second.replace_checkpoint(seven, on_step=nothing)
    with pytest.raises(Overtaken):
        first.replace_checkpoint(six, on_step=nothing)
    assert first.read(CHECKPOINT) == seven
    first.replace_checkpoint(seven, on_step=nothing)
    forked = other.replace(b"\n257\n", b"\n7\n")
    assert forked != seven
    with pytest.raises(StorageError, match="another tree"):
        second.replace_checkpoint(forked, on_step=nothing)
    assert second.read(CHECKPOINT) == seven
    first.close()
    second.close()


def test_publishers_side_by_side_only_go_forward(tmp_path: Path, place: str) -> None:
    with open_toy(tmp_path / "keys") as node:
        made = notes(node, list(range(1, 121)))
    if "://" not in place:
        Path(place).mkdir()
    seen: list[int] = []

    def size_now(log_files: LogFiles) -> int:
        return int((log_files.read(CHECKPOINT) or b"\n0\n").split(b"\n")[1])

    def publish(mine: list[bytes]) -> None:
        log_files = open_log_files(place, tmp_path)
        for note in mine:
            try:
                log_files.replace_checkpoint(note, on_step=nothing)
            except Overtaken:
                continue
        log_files.close()

    writers = [threading.Thread(target=publish, args=(made[at::3],)) for at in range(3)]
    for writer in writers:
        writer.start()
    watcher = open_log_files(place, tmp_path)
    while any(writer.is_alive() for writer in writers):
        seen.append(size_now(watcher))
    seen.append(size_now(watcher))
    watcher.close()
    assert seen == sorted(seen)
    assert seen[-1] >= 118


def test_a_deposed_writer_is_told_so_and_reads_again(tmp_path: Path) -> None:
    """What another process published is found by `publish`, which then answers nothing."""
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.sequencer.submit(count_act(node))
        beside = Log.follow(open_log_files("", home), node.store, node.signer, clock=lambda: NOW)
        beside.recover()
        beside.append([encode_own_entry(GENESIS, NOW, ["by the other process"])])
        with pytest.raises(StorageError, match="another process"):
            node.sequencer.submit(count_act(node))
        assert node.log.size == 3
        answer = node.sequencer.submit(count_act(node))
        assert answer.index == 3
        beside.close()
    assert not failed(home)


def test_a_follower_sees_what_is_published(tmp_path: Path, place: str) -> None:
    home = tmp_path / "h"
    with open_there(home, place) as node:
        follower = Log.follow(
            open_log_files(place, home), node.store, node.signer, clock=lambda: NOW
        )
        assert follower.size == 1
        node.sequencer.submit_batch([count_act(node) for _ in range(300)])
        assert follower.size == 1
        follower.refresh()
        assert (follower.size, follower.root) == (node.log.size, node.log.root)
        assert follower.receipt(7) == node.log.receipt(7)
        follower.files.close()


@pytest.mark.parametrize(
    "setting", ["gs://bucket/x", "s3://", "s3://key:secret@bucket/x", "s3://bucket/x?token=1"]
)
def test_odd_places_are_refused_without_showing_secrets(tmp_path: Path, setting: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_log_files(setting, tmp_path)
    assert "secret" not in str(caught.value) and "token" not in str(caught.value)


def test_log_files_and_bodies_need_two_places(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="two places"):
        open_node(tmp_path / "h", places=Places(log="s3://b/x", bodies="s3://b/x/bodies"))


def test_drafts_of_a_crash_are_removed_and_never_counted(tmp_path: Path) -> None:
    home = tmp_path / "h"
    with open_toy(home) as node:
        node.sequencer.submit(count_act(node))
    (home / "log" / "checkpoint.0badc0de.new").write_bytes(b"half a che")
    assert not failed(home)
    open_toy(home).close()
    assert not (home / "log" / "checkpoint.0badc0de.new").exists()
