"""`entrepot act` and `entrepot node` against a real node process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_serve import process

from entrepot.kernel.acts import SignedAct, verify_act
from entrepot.kernel.errors import Conflict, InvalidInput, StorageError
from entrepot.kernel.keys import create_key_file
from entrepot.node.commands import act, node


def run(command: object, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, standalone_mode=False)  # type: ignore[arg-type]


def signed(home: Path, out: Path, body: dict[str, object], kind: str = "count") -> Result:
    source = out.with_suffix(".json")
    source.write_text(json.dumps(body))
    key = str(home / "keys" / "party.pem")
    return run(act.command, "sign", kind, str(source), "--key", key, "--out", str(out))


@pytest.mark.slow
def test_an_act_is_signed_sent_and_shown(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with process(home) as (_, port):
        url = f"http://127.0.0.1:{port}"
        good, bad = tmp_path / "good.act", tmp_path / "bad.act"
        assert "count, act id" in signed(home, good, {"name": "a", "amount": 1}).output
        signed(home, bad, {"name": "a", "amount": 2_000})
        first = run(act.command, "send", str(good), "--url", url)
        assert (first.output, first.return_value) == ("granted   entry 1 of 2\n", 0)
        again = run(act.command, "send", str(good), "--url", url)
        assert again.output == "granted   entry 1 of 2, answered before\n"
        refused = run(act.command, "send", str(bad), "--url", url)
        assert refused.return_value == 1
        assert "toy.full: A counter holds 1,000 at most. (Toy Act art 1)" in refused.output
        both = tmp_path / "both.acts"
        both.write_bytes(good.read_bytes() + bad.read_bytes())
        answers = json.loads(run(act.command, "send", str(both), "--url", url, "--json").output)
        assert [item["outcome"] for item in answers] == ["granted", "refused"]
        assert "kind       count" in run(act.command, "show", "1", "--url", url).output
        status = run(node.command, "status", "--url", url)
        assert status.return_value == 0
        assert "leader" in status.output
    with pytest.raises(StorageError, match="does not answer"):
        raise_of(run(node.command, "status", "--url", url))


def raise_of(result: Result) -> None:
    assert result.exception is not None
    raise result.exception


def test_an_act_may_be_signed_for_one_log_alone(tmp_path: Path) -> None:
    key, body, out = tmp_path / "keys" / "party.pem", tmp_path / "body.json", tmp_path / "x.act"
    key.parent.mkdir()
    public = create_key_file(key).public
    body.write_text("{}")
    words = ("sign", "count", str(body), "--key", str(key), "--out", str(out))
    run(act.command, *words, "--log", "node.example/log")
    assert verify_act(out.read_bytes(), public).audience == "node.example/log"


def test_a_body_may_hold_bytes_and_the_file_shows_them(tmp_path: Path) -> None:
    key = tmp_path / "keys" / "party.pem"
    key.parent.mkdir()
    public = create_key_file(key).public
    out = tmp_path / "x.act"
    result = signed(tmp_path, out, {"sha256": {"$bytes": "00ff"}, "list": [{"$bytes": ""}]})
    assert result.exception is None, result.exception
    verified = verify_act(SignedAct(out.read_bytes()), public)
    assert verified.body == {"sha256": b"\x00\xff", "list": [b""]}
    shown = json.loads(run(act.command, "show", str(out), "--json").output)
    assert shown["body"] == {"sha256": {"$bytes": "00ff"}, "list": [{"$bytes": ""}]}
    with pytest.raises(Conflict):
        raise_of(signed(tmp_path, out, {}))
    with pytest.raises(InvalidInput, match="hex digits"):
        raise_of(signed(tmp_path, tmp_path / "y.act", {"a": {"$bytes": "zz"}}))
