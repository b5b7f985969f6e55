"""`entrepot witness`: keys, watched logs, and what the witnesses of a node have seen."""

import json
import stat
import sys
from pathlib import Path

import pytest
from served import served_node
from witness_logs import History, log_signer

from entrepot.kernel.errors import Conflict, InvalidInput, NotFound
from entrepot.kernel.home import open_node
from entrepot.kernel.note import parse_vkey
from entrepot.kernel.witness import format_add_checkpoint, parse_add_checkpoint
from entrepot.node.commands.witness import command
from entrepot.node.witnessing import ROUTES
from entrepot.node.witnessing.desk import open_desk

sys.path.insert(0, str(Path(__file__).parents[1] / "kernel"))
from kernel_toy import TOY, count_act

LOG = log_signer(1)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[object, str]:
    code = command.main([str(item) for item in arguments], standalone_mode=False)
    return code, capsys.readouterr().out


def test_keys_are_made_once_and_only_the_public_half_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NotFound, match="no witness"):
        run(capsys, "show", "--home", tmp_path)
    _, first = run(capsys, "init", "--home", tmp_path)
    assert run(capsys, "init", "--home", tmp_path)[1] == first
    assert run(capsys, "show", "--home", tmp_path)[1] == first
    keys = [parse_vkey(line) for line in first.splitlines()]
    assert [key.type for key in keys] == [4, 6]
    shown = json.loads(run(capsys, "show", "--home", tmp_path, "--json")[1])
    assert shown["name"] == keys[0].name
    for name in ("witness.pem", "witness-ml-dsa.pem"):
        assert stat.S_IMODE((tmp_path / "keys" / name).stat().st_mode) == 0o600
    assert not list((tmp_path / "keys").glob("witness*.pub"))  # such a key might submit acts


def test_logs_are_added_listed_and_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(capsys, "init", "--home", tmp_path)
    keys = tmp_path / "log.keys"
    keys.write_text(LOG.keys.text())
    assert "no log is watched" in run(capsys, "list", "--home", tmp_path)[1]
    run(capsys, "add", "--keys", keys, "--url", "https://log.example", "--home", tmp_path)
    with pytest.raises(Conflict):
        run(capsys, "add", "--keys", keys, "--home", tmp_path)
    other = log_signer(2).keys.verifiers()[0].vkey()
    with pytest.raises(InvalidInput, match="one log"):
        run(capsys, "add", other, "--keys", keys, "--home", tmp_path)
    with pytest.raises(InvalidInput, match="one log"):
        run(capsys, "add", "--home", tmp_path)
    run(capsys, "add", other, "--home", tmp_path)
    listed = json.loads(run(capsys, "list", "--home", tmp_path, "--json")[1])
    assert [(view["origin"], view["keys"], view["size"]) for view in listed] == [
        ("log.example/1", 2, None),
        ("log.example/2", 1, None),
    ]
    with open_node(tmp_path) as node:
        desk = open_desk(node.store, tmp_path, clock=lambda: 1_790_000_000)
        body = History(LOG, "one", 5).request(0, 5)
        assert parse_add_checkpoint(body).old == 0
        assert desk.add_checkpoint(body)[0].status == 200
        # Read beside the node that writes the store.
        listed = json.loads(run(capsys, "list", "--home", tmp_path, "--json")[1])
    assert (listed[0]["size"], listed[0]["at"]) == (5, 1_790_000_000)
    assert "5 entries" in run(capsys, "list", "--home", tmp_path)[1]
    run(capsys, "remove", "log.example/1", "--home", tmp_path)
    with pytest.raises(NotFound):
        run(capsys, "remove", "log.example/1", "--home", tmp_path)


def test_asking_the_witnesses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    with open_node(home, institutions=(TOY,)) as node:
        node.sequencer.submit(count_act(node))
        (tmp_path / "log.keys").write_text(node.signer.keys.text())
        with pytest.raises(NotFound, match="no policy"):
            run(capsys, "ask", "--home", home)
        vkey = run(capsys, "init", "--home", other)[1].splitlines()[0]
        run(capsys, "add", "--keys", tmp_path / "log.keys", "--home", other)
        with served_node(other, ROUTES) as witness:
            policy = f"witness w {vkey} {witness.url}/witness\nquorum w\n"
            (home / "witness.policy").write_text(policy)
            asked = run(capsys, "ask", "--home", home, "--json")
            assert asked[0] == 0
            assert [view["said"] for view in json.loads(asked[1])] == ["nothing"]
            desk = open_desk(witness.node.store, other, clock=lambda: 1_790_000_000)
            body = format_add_checkpoint(0, [], node.log.checkpoint())
            assert desk.add_checkpoint(body)[0].status == 200
            assert "ours" in run(capsys, "ask", "--home", home)[1]
        code, out = run(capsys, "ask", "--home", home)
        assert code == 0
        assert "does not answer" in out
