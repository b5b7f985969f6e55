"""fsck: passes on what is whole, and names the check that fails for every kind of damage."""

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from kernel_toy import TOY, count_act, open_toy

from entrepot.kernel.audit import Check, audit
from entrepot.kernel.audit_log import root_by_stack
from entrepot.kernel.errors import NotFound, StorageError
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import create_key_file
from entrepot.kernel.tiles import Edge
from entrepot.node.cli import main
from entrepot.node.commands.fsck import command

NAMES = ["store", "checkpoint", "entries", "tiles", "journal", "records", "once", "state"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with 330 acts of every outcome, one erased, one public, and raw entries none."""
    home = tmp_path_factory.mktemp("audit") / "h"
    with open_toy(home) as node:
        node.sequencer.submit_batch([count_act(node, 1, f"c{i % 7}") for i in range(320)])
        for amount in (2000, 13, 5):
            node.sequencer.submit(count_act(node, amount))
        node.sequencer.submit(count_act(node, 1, kind="announce"))
        node.sequencer.erase(5)
    return home


@pytest.fixture
def home(whole: Path, tmp_path: Path) -> Path:
    shutil.copytree(whole, tmp_path / "h")
    return tmp_path / "h"


def failed(checks: list[Check]) -> list[str]:
    return [check.name for check in checks if check.passed is False]


def test_a_whole_home_passes_every_check(whole: Path) -> None:
    checks = audit(whole, (TOY,))
    assert [check.name for check in checks] == NAMES
    assert [check.number for check in checks] == list(range(1, 9))
    assert all(check.passed for check in checks), checks
    assert "324 acts" in checks[5].detail and "1 erased" in checks[5].detail


def sql(statement: str, *values: object) -> Callable[[Path], None]:
    def run(home: Path) -> None:
        connection = sqlite3.connect(home / "store.sqlite")
        assert connection.execute(statement, values).rowcount != 0
        connection.commit()
        connection.close()

    return run


def flip(name: str, at: int = 50) -> Callable[[Path], None]:
    def run(home: Path) -> None:
        path = home / "log" / name
        content = path.read_bytes()
        path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])

    return run


def write(name: str, content: bytes) -> Callable[[Path], None]:
    def run(home: Path) -> None:
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return run


def remove(name: str) -> Callable[[Path], None]:
    return lambda home: (home / name).unlink()


@pytest.mark.parametrize(
    ("damage", "check"),
    [
        (write("store.sqlite", b"not a database at all" * 300), "store"),
        (sql("UPDATE kernel_meta SET value = '99'"), "store"),
        (flip("checkpoint"), "checkpoint"),
        (remove("log/checkpoint"), "checkpoint"),
        (remove("keys/operator.pub"), "checkpoint"),
        (flip("tile/entries/000"), "entries"),
        (remove("log/tile/entries/000"), "entries"),
        (flip("tile/0/000"), "tiles"),
        (flip("tile/1/000.p/1", 3), "tiles"),
        (remove("log/tile/0/000"), "tiles"),
        (write("log/tile/0/x001", b"stray"), "tiles"),
        (write("log/tile/0/0000", b"stray"), "tiles"),
        (write("log/other", b"stray"), "tiles"),
        (write("log/tile/0/007", b"x" * 8192), "tiles"),
        (sql("UPDATE kernel_tree SET root = ?", b"\0" * 32), "journal"),
        (sql("UPDATE kernel_tree SET size = size + 1"), "journal"),
        (sql('UPDATE kernel_journal SET "first" = "first" + 9'), "journal"),
        (sql('DELETE FROM kernel_records WHERE "index" = 9'), "records"),
        (sql('UPDATE kernel_records SET "index" = 999 WHERE "index" = 9'), "records"),
        (sql('UPDATE kernel_records SET act_id = ? WHERE "index" = 9', b"x" * 16), "records"),
        (sql('UPDATE kernel_records SET evidence = NULL WHERE "index" = 9'), "records"),
        (sql('UPDATE kernel_records SET evidence = ? WHERE "index" = 5', b"x"), "records"),
        (sql('UPDATE kernel_records SET evidence = ? WHERE "index" = 9', b"\xa0"), "records"),
        (sql('UPDATE kernel_records SET ruling = ? WHERE "index" = 9', b"\xa0"), "records"),
        (sql('UPDATE kernel_records SET evidence_salt = ? WHERE "index" = 9', b""), "records"),
        (sql('UPDATE kernel_records SET digest = ? WHERE "index" = 9', b"x"), "records"),
        (sql('UPDATE kernel_records SET tree_size = 9000 WHERE "index" = 9'), "records"),
        (remove("keys/party.pub"), "records"),
        (sql("UPDATE toy_counters SET total = total + 1 WHERE name = ?", "c3"), "state"),
        (sql("DELETE FROM toy_counters WHERE name = ?", "c3"), "state"),
        (sql("INSERT INTO toy_counters VALUES (?, 'new', 1, 1)", b"x"), "state"),
        (sql("CREATE TABLE strange (x)"), "state"),
    ],
)
def test_each_damage_fails_its_own_check(
    home: Path, damage: Callable[[Path], None], check: str
) -> None:
    damage(home)
    checks = audit(home, (TOY,))
    assert failed(checks) == [check], checks
    number = NAMES.index(check)
    assert [item.passed for item in checks[number + 1 :]] == [None] * (7 - number)


def test_state_of_an_institution_not_installed_is_not_called_whole(home: Path) -> None:
    assert failed(audit(home)) == ["state"]


def test_another_party_cannot_have_signed(home: Path) -> None:
    (home / "keys" / "party.pub").unlink()
    create_key_file(home / "keys" / "someone.pem")
    with open_node(home, institutions=(TOY,)) as node:
        assert len(node.keys) == 2  # party.pub was written again from the private half
    assert not failed(audit(home, (TOY,)))


def test_a_store_that_was_lost_is_named_and_no_defect(home: Path) -> None:
    (home / "store.sqlite").unlink()
    with pytest.raises(StorageError, match="old backup"):
        open_toy(home)  # leaves an empty store behind
    checks = audit(home, (TOY,))
    assert failed(checks) == ["journal"] and "the store is empty" in checks[4].detail


def test_entries_waiting_for_publication_are_reported_and_sound(tmp_path: Path) -> None:
    class Stop(BaseException):
        pass

    def stop(name: str) -> None:
        if armed and name == "committed":
            raise Stop

    armed = False
    with open_toy(tmp_path / "h", crash=stop) as node:
        node.sequencer.submit(count_act(node))
        armed = True
        with pytest.raises(Stop):
            node.sequencer.submit(count_act(node))
    checks = audit(tmp_path / "h", (TOY,))
    assert not failed(checks) and "1 entries are sequenced" in checks[4].detail
    open_toy(tmp_path / "h").close()
    assert "same tree" in audit(tmp_path / "h", (TOY,))[4].detail


def test_a_home_in_use_is_checked_beside_its_writer(home: Path) -> None:
    with open_toy(home) as node:
        assert not failed(audit(home, (TOY,)))
        node.sequencer.submit_batch([count_act(node) for _ in range(300)])
        assert not failed(audit(home, (TOY,)))


def test_a_home_that_is_written_all_the_time_passes(home: Path) -> None:
    """Acts, publications, flushes and dropped partial tiles go on while the checks run."""
    ended = threading.Event()

    def write(node: Node) -> None:
        while not ended.is_set():
            node.sequencer.submit_batch([count_act(node, 0) for _ in range(70)])

    with open_toy(home) as node:
        writer = threading.Thread(target=write, args=(node,))
        writer.start()
        try:
            seen = [audit(home, (TOY,)) for _ in range(4)]
        finally:
            ended.set()
            writer.join()
        size = node.log.size
    assert [failed(checks) for checks in seen] == [[]] * 4, seen
    assert size > 4 * 70  # it was written while each of the four ran


def test_an_absent_home_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        audit(tmp_path / "absent", (TOY,))


def test_the_root_by_stack_is_another_algorithm_with_the_same_result() -> None:
    for size in (0, 1, 2, 3, 255, 256, 257, 1000):
        entries = [b"%d" % i for i in range(size)]
        edge = Edge().append(entries)[0] if entries else Edge()
        assert root_by_stack(entries) == edge.root


def test_the_command_prints_numbered_checks(tmp_path: Path) -> None:
    open_node(tmp_path / "h").close()
    run = CliRunner().invoke(command, ["--home", str(tmp_path / "h")], standalone_mode=False)
    assert run.return_value == 0
    lines = run.output.splitlines()
    assert [line.split()[1] for line in lines[:9]] == [*NAMES, "law"]
    assert lines[9] == "all checks passed"
    flip("checkpoint")(tmp_path / "h")
    run = CliRunner().invoke(
        command, ["--home", str(tmp_path / "h"), "--json"], standalone_mode=False
    )
    view = json.loads(run.output)
    assert (run.return_value, view["ok"], view["failed"]) == (1, False, ["checkpoint"])
    assert [check["passed"] for check in view["checks"]] == [True, False] + [None] * 7


def test_the_exit_codes_are_the_documented_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_node(tmp_path / "h").close()
    for arguments, code in [
        (["fsck", "--home", str(tmp_path / "h")], 0),
        (["fsck", "--home", str(tmp_path / "absent")], 6),
        (["keys", "list", "--home", str(tmp_path / "h")], 0),
        (["keys", "show", "operator-ml-dsa", "--home", str(tmp_path / "h"), "--json"], 0),
        (["keys", "show", "nobody", "--home", str(tmp_path / "h")], 6),
        (["keys", "new", "alice", "--home", str(tmp_path / "h")], 0),
        (["keys", "new", "alice", "--home", str(tmp_path / "h")], 7),
        (["keys", "new", "../alice", "--home", str(tmp_path / "h")], 2),
    ]:
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == code, arguments
    printed = capsys.readouterr()
    assert "PRIVATE" not in printed.out + printed.err
    assert "vkey" in printed.out and "operator" in printed.out
    assert (tmp_path / "h" / "keys" / "alice.pem").stat().st_mode & 0o777 == 0o600
