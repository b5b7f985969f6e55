"""Folders made to deceive, to hang or to fill the memory of whoever verifies them."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import clearing_stage as stage
import msgspec
import pytest
import sqlalchemy as sa

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Decision, Granted
from entrepot.kernel.home import open_node
from entrepot.kernel.institution import ActKind, Facts, Institution, Request
from entrepot.law import Library
from entrepot.port.clear import rules
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import KIND, Certificate, as_body, clearance_id
from entrepot.port.clear.clearing import Cleared
from entrepot.port.clear.state import TABLES, apply
from entrepot.port.verify.verifying import verify

SPARSE_BYTES = 1 << 40


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    facts = {**stage.DECLARED, **stage.MET, "cn.year.prior_persons": 0}
    table = stage.customers(folder, rows=200)
    done = stage.cleared(table, folder / "out", folder / "home", declared=facts)
    assert isinstance(done, Cleared), done
    return folder


@pytest.fixture
def copy(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "out", tmp_path / "copy"))


def stopped_at(folder: Path) -> str:
    failed = verify(folder).failed
    assert failed is not None
    return failed.name


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("certificate.cose", "certificate"),
        ("data/customers.csv", "files"),
        ("proof/checkpoint", "folder"),
        ("proof/opening.cbor", "folder"),
    ],
)
def test_a_sparse_file_of_a_terabyte_costs_nothing(copy: Path, name: str, step: str) -> None:
    with (copy / name).open("r+b") as handle:
        handle.truncate(SPARSE_BYTES)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert stopped_at(copy) == step
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 64 << 10  # KiB


def test_a_folder_where_a_tile_belongs_fails_a_step(copy: Path) -> None:
    for tile in sorted((copy / "proof" / "tile" / "0").rglob("*")):
        if tile.is_file():
            tile.unlink()
            tile.mkdir()
            (tile / "x").write_bytes(b"x")
    assert stopped_at(copy) == "tiles"


def _nested(folder: Path) -> None:
    here = os.getcwd()
    os.chdir(folder)
    try:
        for _level in range(40):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)


def _crowded(folder: Path) -> None:
    for number in range(10_001):
        (folder / "data" / f"d{number}").mkdir()


@pytest.mark.parametrize(
    "harm",
    [
        _nested,
        _crowded,
        lambda folder: (folder / "empty").mkdir(),
        lambda folder: os.mkfifo(folder / "data" / "pipe"),
        lambda folder: (folder / "data" / "loop").symlink_to(folder),
    ],
)
def test_trees_without_end_and_odd_entries_stop_at_the_folder(
    copy: Path, harm: Callable[[Path], None]
) -> None:
    harm(copy)
    assert stopped_at(copy) == "folder"


def _grants_everything(_request: Request[Certificate], _facts: Facts) -> Decision:
    return Granted(())


def _forger() -> Institution:
    """A node of which the owner took the law out; everything else is as it should be."""

    def facts(read: sa.Connection, request: Request[Certificate]) -> Facts:
        return rules.facts(read, request, stage.library())

    return Institution("port", (ActKind(KIND, shape, facts, _grants_everything, apply),), TABLES)


def test_a_clearance_that_the_law_does_not_give_is_found_out(made: Path, copy: Path) -> None:
    real = verify(made / "out", library=stage.library())
    assert real.holds and real.certificate is not None
    assert "same answer" in next(step.detail for step in real.steps if step.name == "law")
    act_id = new_act_id()
    facts = {**real.certificate.engine_facts, "data.class": "core"}
    forged = msgspec.structs.replace(real.certificate, id=clearance_id(act_id), engine_facts=facts)
    with open_node(made / "forger", institutions=(_forger(),), clock=lambda: stage.NOON) as node:
        act = sign_act(node.party, KIND, as_body(forged), issued_at=stage.NOON, act_id=act_id)
        answer = node.sequencer.submit(act)
        shutil.rmtree(copy / "proof")
        node.export(answer.index, copy / "proof")
    (copy / "certificate.cose").write_bytes(act)
    assert verify(copy).holds  # whole and consistent; without the law no more can be said
    found = verify(copy, library=stage.library())
    assert found.failed is not None and found.failed.name == "law"
    assert "another answer" in found.failed.detail


def test_law_that_was_changed_within_its_release_is_refused(made: Path, tmp_path: Path) -> None:
    root = tmp_path / "laws"
    shutil.copytree(stage.library().root, root)
    real = verify(made / "out", library=Library.load(root))
    assert real.holds and real.certificate is not None
    (relied,) = [name for name in real.certificate.law if name == "cn-provisions-2024"]
    book = root / stage.library().content.books[relied].file
    book.write_text(book.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    found = verify(made / "out", library=Library.load(root))
    assert found.failed is not None and found.failed.name == "law"
    assert "hash mismatch" in found.failed.detail and relied in found.failed.detail
