"""What a node says reaches a terminal as text, never as commands to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hostile_node import hostile, saying
from test_hostile_nodes import ACT, ANSWER

from entrepot.node.commands.act import command as act_command
from entrepot.node.commands.node import command as node_command

STEERING = "\x1b[2J\x1b]0;owned\x07\u202ereversed\u2066"
SHOWN = ("\x1b", "\x07", "\u202e", "\u2066")


def plain(text: str) -> bool:
    return not any(sign in text for sign in SHOWN)


@pytest.mark.parametrize("status", ["201 Created", "422 No", "500 Oh"])
def test_answers_to_acts_are_shown_as_text(tmp_path: Path, status: str) -> None:
    reason = {"code": STEERING, "citation": STEERING, "sentence": STEERING}
    said = {
        **ANSWER,
        "outcome": STEERING,
        "to": STEERING,
        "reasons": [reason],
        "title": STEERING,
        "value": STEERING,
        "remedy": STEERING,
    }
    file = tmp_path / "act.cose"
    file.write_bytes(ACT)
    with hostile(saying(json.dumps(said).encode(), status=status)) as node:
        done = CliRunner().invoke(act_command, ["send", str(file), "--url", node.url])
    assert plain(done.output), done.output
    assert plain(str(done.exception))


def test_what_a_node_says_of_itself_is_shown_as_text() -> None:
    said = {"ready": True, STEERING: STEERING, "failed": [STEERING, 1, None, {}], "deep": {"a": []}}
    with hostile(saying(json.dumps(said).encode())) as node:
        done = CliRunner().invoke(node_command, ["status", "--url", node.url])
    assert plain(done.output), done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_entries_are_shown_as_text() -> None:
    said = {
        "index": 1,
        "tree_size": 2,
        "kind": STEERING,
        "at": 0,
        "entry": "",
        "outcome": STEERING,
        "reasons": [{"code": STEERING, "citation": STEERING, "sentence": STEERING}],
    }
    with hostile(saying(json.dumps(said).encode())) as node:
        done = CliRunner().invoke(act_command, ["show", "1", "--url", node.url])
        assert done.output and plain(done.output), done.output
        done = CliRunner().invoke(act_command, ["show", "1", "--url", node.url, "--json"])
        assert json.loads(done.output)["kind"] == STEERING, "JSON is for programs, and is exact"
        assert "\x1b" not in done.output
