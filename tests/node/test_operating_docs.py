"""The pages for operators keep up: their drills run, the tests they name exist."""

from __future__ import annotations

import ast
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import click
import pytest

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Granted
from entrepot.kernel.home import open_node
from entrepot.node.cli import cli
from entrepot.registry.institution import registry_institution

ROOT = Path(__file__).resolve().parents[2]
OPERATING = ROOT / "docs" / "operating"
PAGES = sorted([*OPERATING.glob("*.md"), ROOT / "docs" / "reference" / "conformance.md"])
NOW = 1_790_000_000
GIVEN = {
    "PASSPHRASE": "invented words of a test",
    "NAME": "Harbour Data Exchange",
    "IDENTIFIER": "lei:99990000000000000184",
    "COUNTRY": "CN",
}


def block(page: str, heading: str) -> str:
    """Return the first shell block under a heading of a page."""
    text = (OPERATING / page).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1]
    found = re.search(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no shell block under {heading}"
    return found.group(1)


def run(script: str, folder: Path, **environment: str) -> str:
    """Run a block as an operator's shell does, ending at the first failure."""
    plain = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
    plain["PATH"] = f"{Path(sys.executable).parent}:{plain['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", script],
        cwd=folder,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_key_ceremony_makes_a_home_whose_keys_are_locked(tmp_path: Path) -> None:
    said = run(block("key-ceremony.md", "The ceremony"), tmp_path, **GIVEN)
    assert "all checks passed" in said
    assert len((tmp_path / "log.keys").read_text().split()) == 2
    assert len((tmp_path / "witness.vkeys").read_text().split()) == 2
    assert (tmp_path / "invitation").read_text().startswith("https://node.example.org/join#")
    for key in (tmp_path / "node" / "keys").glob("*.pem"):
        assert key.read_text().startswith("-----BEGIN ENCRYPTED PRIVATE KEY-----"), key.name
        assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.slow
def test_the_drill_of_backup_and_restore(tmp_path: Path) -> None:
    node, place = tmp_path / "node", tmp_path / "elsewhere"
    place.mkdir()
    named = ("--name", GIVEN["NAME"], "--identifier", GIVEN["IDENTIFIER"])
    words = " ".join(f"'{word}'" for word in (*named, "--country", GIVEN["COUNTRY"]))
    run(f"entrepot found --home '{node}' {words}", tmp_path)
    said = run(block("disaster.md", "The drill"), place, NODE=str(node))
    assert said.count("all checks passed") == 2
    assert "every table equals the replay" in said
    assert (place / "third" / "log" / "checkpoint").exists()
    assert not list((place / "third" / "keys").glob("*.pem"))


def test_every_test_that_the_pages_name_exists() -> None:
    named = 0
    for page in PAGES:  # the page of a run of `make conformance` too
        for path, _, name in re.findall(
            r"`(?:python )?(tests/[\w/.-]+\.py)(::(\w+))?", page.read_text(encoding="utf-8")
        ):
            file = ROOT / path
            assert file.exists(), f"{page.name}: {path}"
            named += 1
            if name:
                functions = [
                    node.name
                    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
                    if isinstance(node, ast.FunctionDef)
                ]
                assert name in functions, f"{page.name}: {path}::{name}"
    assert named > 20


def test_every_fault_has_a_test_that_holds_it() -> None:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (OPERATING / "faults.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| fault |", "| attack |"))
    ]
    assert len(rows) > 40
    for row in rows:
        assert len(row) == 5, row[0]
        assert "::" in row[2] or row[2] == "the same", row[0]


def invocations(page: Path) -> set[str]:
    """Return what a page has operators type after `entrepot`, options and all."""
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`entrepot ([^`]+)`", text)
    blocks = "\n".join(re.findall(r"^```(?:sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    typed = re.findall(r"(?:^|if |; |= ?)\s*entrepot ([^|;>#\n]+)", blocks, re.MULTILINE)
    return {" ".join(item.split()) for item in (*inline, *typed)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_that_the_pages_name_exists(page: Path) -> None:
    for typed in sorted(invocations(page)):
        command: click.Command = cli
        context = click.Context(cli)
        words = typed.split()
        while isinstance(command, click.Group) and words and re.fullmatch(r"[a-z-]+", words[0]):
            found = command.get_command(context, words.pop(0))
            assert found is not None, f"{page.name}: entrepot {typed}"
            command = found
        known = {name for option in command.params for name in option.opts}
        asked = {word.split("=")[0] for word in words if word.startswith("--")}
        assert asked <= known | {"--help"}, f"{page.name}: entrepot {typed}: {asked - known}"


def test_state_changed_by_hand_is_folded_again(tmp_path: Path) -> None:
    """The row of disaster.md about the state's tables, with the statement that stands there."""
    page = (OPERATING / "disaster.md").read_text(encoding="utf-8")
    found = re.search(r'sqlite3 HOME/store\.sqlite "([^"]+)"', page)
    assert found is not None
    with open_node(tmp_path, institutions=(registry_institution(),)) as node:
        body = {
            "name": GIVEN["NAME"],
            "names": {},
            "identifier": {"scheme": "lei", "value": GIVEN["IDENTIFIER"][4:]},
            "country": "CN",
            "key": node.party.public.raw,
        }
        act = sign_act(node.party, "found-registry", body, issued_at=NOW, act_id=new_act_id())
        assert isinstance(node.sequencer.submit(act).decision, Granted)
    changed_by_hand(tmp_path, "UPDATE registry_parties SET name = 'Forged'")
    assert failed_checks(tmp_path)[0] == "state"
    changed_by_hand(tmp_path, found.group(1))
    open_node(tmp_path, institutions=(registry_institution(),)).close()
    assert failed_checks(tmp_path) == []


def failed_checks(home: Path) -> list[str]:
    """Return what does not pass of `entrepot fsck`."""
    return [item.name for item in audit(home, (registry_institution(),)) if item.passed is False]


def changed_by_hand(home: Path, statement: str) -> None:
    """Change a store behind the node's back."""
    with closing(sqlite3.connect(home / "store.sqlite")) as database:
        assert database.execute(statement).rowcount > 0
        database.commit()
