"""Counts by state and counts from the log alone: equal, on the command line too, or it is said."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from product_world import REASON, World, digest, metadata, world

from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.log import Log
from entrepot.node.commands.counts import command
from entrepot.registry.directorycounts import (
    Counts,
    Tally,
    counts_from_entries,
    counts_of_state,
)
from entrepot.registry.directoryindex import DirectoryIndex

sys.path.append(str(Path(__file__).parents[1] / "node"))

from served import served_files


def entries(log: Log) -> Iterator[bytes]:
    tree = log.tree()
    for number in range(-(-tree.size // 256)):
        yield from tree.bundle_entries(number)


def by_state(made: World, home: Path) -> Counts:
    index = DirectoryIndex(home / "index" / "counts")
    with made.node.store.reading() as read:
        assert index.refresh(read, most=10_000)
        counts = counts_of_state(read, index)
    assert counts is not None
    return counts


def a_busy_year(made: World) -> None:
    """Let one of everything happen, over several months."""
    acme, beta = made.admit("Acme", "provider"), made.admit("Beta", "provider", "buyer")
    first, second = made.file(acme, personal_data=True), made.file(beta, geography=["FR", "SG"])
    made.file(beta, pricing={"model": "free"}, update_cycle="NEVER", themes=["HEAL", "SOCI"])
    made.done(beta, "revise-product", {"product": second, "metadata": metadata(themes=["ENER"])})
    for version in ("v1", "v2"):
        body = {"product": first, "version": version, "sha256": digest(version)}
        made.done(acme, "release-product", {**body, "bytes": 5, "rows": 1})
    hold = made.registered(acme, first, transferable=True)
    process = made.right(acme, first, "process", source=hold)
    grounds = {"code": "mine", "sentence": "We collected it."}
    raised = made.done(beta, "object-to-right", {"right": process, "grounds": grounds})
    made.done(beta, "object-to-right", {"right": made.right(acme, second), "grounds": grounds})
    ruling = {"objection": raised, "outcome": "uphold", "reasons": [REASON]}
    made.done(made.operator, "decide-objection", ruling, "registrar")
    licence = {
        "source": hold,
        "to": beta.id,
        "right": "process",
        "scope": ["research"],
        "territory": ["CN"],
        "term": {"from": "2026-10-01"},
    }
    made.refused(acme, "license-right", licence)
    licence["term"] = {"from": "2026-10-01", "until": "2027-01-01"}
    made.done(acme, "license-right", licence)
    made.done(acme, "transfer-right", {"right": hold, "to": beta.id})
    made.pass_days(60)
    made.done(acme, "withdraw-product", {"product": first, "reason": "Ended."})


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "sqlite":
        yield ""
        return
    server = request.getfixturevalue("postgres_server")
    url = server.create_database()
    yield url
    server.drop_database(url)


def test_state_and_log_come_to_the_same_numbers(tmp_path: Path, store: str) -> None:
    with world(tmp_path, store=store) as made:
        a_busy_year(made)
        state, proven = by_state(made, tmp_path), counts_from_entries(entries(made.node.log))
    assert state.differences(proven) == []
    assert proven.products == {"active": 2, "withdrawn": 1}
    assert proven.rights == {
        "hold": {"registered": 1, "contested": 1},
        "process": {"refused": 1, "registered": 1},
    }
    assert proven.objections == {"upheld": 1, "open": 1}
    assert proven.certificates == {"registration": {"issued": 2, "revoked": 1}}
    assert (proven.revisions, proven.releases, proven.parties) == (1, 2, 3)
    assert proven.facets["personal"] == {"no": 2}
    assert sorted(proven.months) == ["2026-09", "2026-10", "2026-12"]


def test_earlier_trees_have_earlier_numbers(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        a_busy_year(made)
        everything = list(entries(made.node.log))
    tally, before = Tally(), -1
    for entry in everything:
        tally.add(entry)
        counts = tally.counts()
        assert counts == counts_from_entries(everything[: tally.size])
        assert sum(counts.products.values()) >= before
        before = sum(counts.products.values())
    with pytest.raises(InvalidInput):
        counts_from_entries([*everything, b"no entry"])


def test_counts_wait_for_the_index(tmp_path: Path) -> None:
    with world(tmp_path) as made:
        index = DirectoryIndex(tmp_path / "index" / "counts")
        with made.node.store.reading() as read:
            assert counts_of_state(read, index) is None
            assert index.refresh(read)
            assert counts_of_state(read, index) is not None


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The public files of a node, and what it states."""
    home = tmp_path_factory.mktemp("home")
    with world(home) as made:
        a_busy_year(made)
        state = by_state(made, home)
        keys = made.node.signer.keys.text().encode()
    files = {
        f"log/{path.relative_to(home / 'log').as_posix()}": path.read_bytes()
        for path in (home / "log").rglob("*")
        if path.is_file()
    }
    files["log/keys"] = keys
    files["registry/counts"] = msgspec.json.encode({"counts": state})
    return {"home": home, "files": files}


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, list(arguments), standalone_mode=False)


def test_the_command_confirms_what_the_node_states(
    published: dict[str, Any], tmp_path: Path
) -> None:
    pinned = tmp_path / "log.keys"
    pinned.write_bytes(published["files"]["log/keys"])
    with served_files(published["files"].get) as url:
        answer = run("--url", url, "--verify", "--keys", str(pinned))
        assert answer.exception is None and answer.return_value == 0, answer.exception
        assert "the node states the same numbers" in answer.output
        as_json = run("--url", url, "--json")
    assert json.loads(as_json.output)["counts"]["products"] == {"active": 2, "withdrawn": 1}
    local = run("--home", str(published["home"]), "--json")
    assert json.loads(local.output)["counts"] == json.loads(as_json.output)["counts"]


def test_a_node_that_states_more_than_happened_is_caught(published: dict[str, Any]) -> None:
    stated = json.loads(published["files"]["registry/counts"])
    stated["counts"]["products"]["active"] += 100
    stated["counts"]["months"]["2026-09"]["products filed"] += 100
    boasting = {**published["files"], "registry/counts": json.dumps(stated).encode()}
    with served_files(boasting.get) as url:
        answer = run("--url", url, "--verify")
    assert answer.return_value == 1
    assert "products.active: 102 and 2" in answer.output
    assert "months.2026-09.products filed: 103 and 3" in answer.output


def test_a_changed_entry_is_caught(published: dict[str, Any]) -> None:
    files = {
        name: content.replace(b"TRAN", b"ENVI") if name.startswith("log/tile/entries") else content
        for name, content in published["files"].items()
    }
    with served_files(files.get) as url:
        answer = run("--url", url)
    assert isinstance(answer.exception, VerificationError)


def test_counts_for_a_longer_log_than_the_published_one_are_refused(
    published: dict[str, Any],
) -> None:
    stated = json.loads(published["files"]["registry/counts"])
    stated["counts"]["tree_size"] += 1_000
    files = {**published["files"], "registry/counts": json.dumps(stated).encode()}
    with served_files(files.get) as url:
        answer = run("--url", url, "--verify")
    assert isinstance(answer.exception, VerificationError)
