"""The commands of an operator: backup, restore, replay, fsck, on a home with a founded registry."""

import json
import shutil
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "registry"))

from product_world import world

from entrepot.kernel.home import read_log_keys
from entrepot.node.cli import main


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the home `h` of a registry with a provider, a product and a right."""
    folder = tmp_path_factory.mktemp("operator")
    with world(folder / "h") as registry:
        provider = registry.admit("Roads", "provider")
        product = registry.file(provider)
        registry.registered(provider, product)
        with registry.node.store.writing_local() as write:
            write.exec_driver_sql("CREATE TABLE local_witness_key (kid BLOB PRIMARY KEY)")
            write.exec_driver_sql("INSERT INTO local_witness_key VALUES (x'00')")
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str]:
    capsys.readouterr()
    with pytest.raises(SystemExit) as caught:
        main([str(item) for item in arguments])
    printed = capsys.readouterr()
    return int(caught.value.code or 0), printed.out + printed.err


def run_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code, printed = run(capsys, *arguments, "--json")
    return code, json.loads(printed)


def local_names(home: Path) -> set[str]:
    connection = sqlite3.connect(home / "store.sqlite")
    rows = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'local_%'").fetchall()
    connection.close()
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def test_a_home_is_backed_up_restored_and_proven(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home, out, new = made / "h", tmp_path / "backup", tmp_path / "new"
    (home / "witness.policy").write_bytes(b"quorum none\n")
    code, printed = run(capsys, "backup", out, "--home", home, "--with-keys")
    assert code == 0 and "private keys are inside" in printed
    (tmp_path / "log.keys").write_text(read_log_keys(home).text())
    code, view = run_json(
        capsys, "restore", out, "--home", new, "--log-keys", tmp_path / "log.keys"
    )
    assert code == 0 and view["report"]["has_keys"]
    assert view["report"]["left_out"] == ["local_witness_key"]
    assert "local_witness_key" not in local_names(new)
    assert (new / "witness.policy").read_bytes() == b"quorum none\n"
    code, view = run_json(capsys, "fsck", "--home", new)
    assert code == 0 and view["ok"], view
    code, replayed = run_json(capsys, "replay", "--home", new)
    assert code == 0 and replayed["report"]["equal"]
    code, original = run_json(capsys, "replay", "--home", home)
    assert original["report"]["tables"] == replayed["report"]["tables"]
    rows = {state["table"]: state["rows"] for state in original["report"]["tables"]}
    assert rows["registry_products"] == rows["registry_rights"] == 1
    assert replayed["peak_memory_bytes"] > 1 << 20 and replayed["elapsed_s"] >= 0


def test_a_move_keeps_the_memory_of_the_witness(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, new = tmp_path / "backup", tmp_path / "new"
    assert run(capsys, "backup", out, "--home", made / "h")[0] == 0
    code, printed = run(capsys, "restore", out, "--home", new, "--moved")
    assert code == 0 and "put the private keys into keys/" in printed
    assert "local_witness_key" in local_names(new)


def test_moving_to_postgresql_is_backup_and_restore(
    made: Path, tmp_path: Path, postgres_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, new = tmp_path / "backup", tmp_path / "new"
    assert run(capsys, "backup", out, "--home", made / "h", "--with-keys")[0] == 0
    assert run(capsys, "restore", out, "--home", new, "--store", postgres_url)[0] == 0
    code, view = run_json(capsys, "fsck", "--home", new, "--store", postgres_url)
    assert code == 0 and view["ok"], view
    code, there = run_json(capsys, "replay", "--home", new, "--store", postgres_url)
    assert code == 0
    code, here = run_json(capsys, "replay", "--home", made / "h")
    assert there["report"]["tables"] == here["report"]["tables"]


def test_exit_codes_and_words_of_what_cannot_be_done(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = made / "h"
    assert run(capsys, "backup", tmp_path / "b", "--home", tmp_path / "absent")[0] == 6
    assert run(capsys, "restore", tmp_path, "--home", tmp_path / "new")[0] == 6
    assert run(capsys, "backup", tmp_path / "b", "--home", home)[0] == 0
    code, printed = run(capsys, "backup", tmp_path / "b", "--home", home)
    assert code == 7 and "place of the backup" in printed
    code, printed = run(capsys, "restore", tmp_path / "b", "--home", home)
    assert code == 7 and "name a new folder" in printed
    record = tmp_path / "b" / "records.zst"
    record.write_bytes(record.read_bytes()[:-1] + b"?")
    code, printed = run(capsys, "restore", tmp_path / "b", "--home", tmp_path / "new")
    assert code == 5 and "was changed" in printed


def test_replay_says_which_table_differs(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(made / "h", tmp_path / "h")
    connection = sqlite3.connect(tmp_path / "h" / "store.sqlite")
    assert connection.execute("DELETE FROM registry_rights").rowcount == 1
    connection.commit()
    connection.close()
    code, printed = run(capsys, "replay", "--home", tmp_path / "h")
    assert code == 1
    different = [line.split()[0] for line in printed.splitlines() if "DIFFERENT" in line]
    assert different == ["registry_rights"] and "state differs from the log" in printed
    code, view = run_json(capsys, "fsck", "--home", tmp_path / "h")
    assert code == 1 and view["failed"] == ["state"]
