"""Verification of cleared folders: every byte of every file matters."""

from __future__ import annotations

import random
import shutil
from datetime import date
from pathlib import Path

import clearing_stage as stage
import pytest

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.port.clear.clearing import Cleared
from entrepot.port.verify.verifying import Trusted, trusted_key, verify

SEED = 20261121
BELOW = {**stage.DECLARED, **stage.MET}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify")
    table = stage.customers(folder, rows=200)
    facts = {**BELOW, "cn.year.prior_persons": 0}
    for name in ("other", "out"):  # two clearances: the tree has siblings, and another folder
        done = stage.cleared(
            table, folder / name, folder / "home", kind="without-sensitive", declared=facts
        )
        assert isinstance(done, Cleared), done
    return folder


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def failed_step(folder: Path) -> str:
    failed = verify(folder).failed
    assert failed is not None
    return failed.name


@pytest.fixture
def copy(place: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place / "out", tmp_path / "copy"))


def test_a_whole_folder_holds_and_says_so_in_ten_steps(place: Path) -> None:
    found = verify(place / "out", as_of=stage.TODAY, library=stage.library())
    assert found.holds and found.certificate is not None
    assert [step.number for step in found.steps if step.result == "ok"] == list(range(1, 11))
    notes = [step.detail for step in found.steps if step.result == "note"]
    assert any("valid until" in note for note in notes)
    assert any("ones loaded here" in note for note in notes)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("data/customers.csv", "files"),
        ("report.html", "files"),
        ("inspection.json", "files"),
        ("plan.json", "files"),
        ("certificate.cose", "certificate"),
        ("proof/log.keys", "log keys"),
        ("proof/checkpoint", "checkpoint"),
        ("proof/receipt.cbor", "receipt"),
    ],
)
def test_one_flipped_byte_fails_the_step_of_its_file(copy: Path, name: str, step: str) -> None:
    path = copy / name
    content = bytearray(path.read_bytes())
    content[-2] ^= 0x01
    path.write_bytes(bytes(content))
    assert failed_step(copy) == step


def test_a_flipped_byte_in_a_tile_or_bundle_fails_there(copy: Path) -> None:
    for path in files_of(copy / "proof" / "tile"):
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 0x80]))
        assert failed_step(copy) == "tiles", path
        path.write_bytes(whole)
    assert verify(copy).holds


def test_added_removed_linked_and_swapped_files_are_found(copy: Path) -> None:
    (copy / "data" / "more.csv").write_text("x")
    assert failed_step(copy) == "files"
    (copy / "data" / "more.csv").unlink()
    (copy / "proof" / "more").write_text("x")
    assert failed_step(copy) == "opening"
    (copy / "proof" / "more").unlink()
    (copy / "plan.json").rename(copy / "plan.old")
    assert failed_step(copy) == "files"
    (copy / "plan.old").rename(copy / "plan.json")
    assert verify(copy).holds
    (copy / "link").symlink_to(copy / "plan.json")
    assert failed_step(copy) == "folder"
    (copy / "link").unlink()
    (copy / "proof" / "receipt.cbor").unlink()
    assert failed_step(copy) == "folder"


def test_the_proof_of_another_clearance_does_not_fit(copy: Path, place: Path) -> None:
    shutil.rmtree(copy / "proof")
    shutil.copytree(place / "other" / "proof", copy / "proof")
    assert failed_step(copy) == "opening"
    shutil.copy(place / "other" / "certificate.cose", copy / "certificate.cose")
    assert failed_step(copy) == "files"


def test_trusted_keys_are_compared(place: Path, tmp_path: Path) -> None:
    home = place / "home" / "keys"
    assert verify(place / "out", trusted=trusted_key(home / "party.pub")).holds
    wrong = verify(place / "out", trusted=trusted_key(home / "operator.pub"))
    assert wrong.failed is not None and wrong.failed.name == "certificate"
    log = trusted_key(place / "out" / "proof" / "log.keys")
    assert verify(place / "out", trusted=log).holds
    other = stage.node_at(tmp_path / "other-home")
    keys = other.signer.keys
    other.close()
    strange = verify(place / "out", trusted=Trusted(log=keys))
    assert strange.failed is not None and strange.failed.name == "log keys"
    (tmp_path / "junk").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match="neither"):
        trusted_key(tmp_path / "junk")
    with pytest.raises(NotFound):
        trusted_key(tmp_path / "absent")
    with pytest.raises(NotFound):
        verify(tmp_path / "absent")


def test_an_expired_clearance_is_whole_and_not_current(place: Path) -> None:
    found = verify(place / "out")
    assert found.certificate is not None
    until = found.certificate.validity.valid_until
    assert found.is_current(stage.TODAY) and found.is_current(until)
    assert not found.is_current(until.replace(year=until.year + 1))
    assert not found.is_current(date(2020, 1, 1))


def test_an_expired_clearance_is_noted(place: Path) -> None:
    found = verify(place / "out", as_of=date(2030, 1, 1))
    assert found.holds
    assert any("expired" in step.detail for step in found.steps if step.result == "note")
    early = verify(place / "out", as_of=date(2020, 1, 1))
    assert any("not valid before" in step.detail for step in early.steps)


def mutated(rng: random.Random, whole: bytes) -> bytes:
    """Flip, truncate, insert, delete, double or swap a piece; always different from `whole`."""
    content = bytearray(whole)
    at = rng.randrange(len(content))
    kind = rng.randrange(6)
    if kind == 0:
        content[at] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del content[at:]
    elif kind == 2:
        content[at:at] = rng.randbytes(rng.randrange(1, 5))
    elif kind == 3:
        del content[at : at + rng.randrange(1, 9)]
    elif kind == 4:
        content[at:at] = content[at : at + rng.randrange(1, 17)]
    else:
        content[at : at + 4] = rng.randbytes(len(content[at : at + 4]))
    return bytes(content) if bytes(content) != whole else whole + b"\x00"


def accepted(folder: Path, rounds: int, seed: int) -> list[str]:
    """Return what was accepted of `rounds` random mutations of single files, or swaps of two."""
    rng = random.Random(seed)
    paths = files_of(folder)
    small = [path for path in paths if path.stat().st_size < 20_000]
    wrong = []
    for number in range(rounds):
        # Nine in ten into the small files, which hold what is hard to get right.
        path = rng.choice(small if rng.random() < 0.9 else paths)
        whole = path.read_bytes()
        other = rng.choice(paths)
        swap = rng.random() < 0.05 and other.read_bytes() != whole
        try:
            path.write_bytes(other.read_bytes() if swap else mutated(rng, whole))
            if verify(folder).holds:
                wrong.append(f"round {number}: {path.name}")
        finally:
            path.write_bytes(whole)
    assert verify(folder).holds
    return wrong


def test_300_random_mutations_none_accepted(copy: Path) -> None:
    assert accepted(copy, 300, SEED) == []


@pytest.mark.slow
def test_10_000_random_mutations_none_accepted(copy: Path) -> None:
    assert accepted(copy, 10_000, SEED + 1) == []


def test_every_single_byte_of_the_small_files_matters(copy: Path) -> None:
    for name in ("proof/checkpoint", "proof/receipt.cbor"):
        path = copy / name
        whole = path.read_bytes()
        for at in range(0, len(whole), 19):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x20]) + whole[at + 1 :])
            assert not verify(copy).holds, (name, at)
        path.write_bytes(whole)
    assert verify(copy).holds


def test_a_receipt_that_cannot_be_read_is_the_receipts_fault(copy: Path) -> None:
    path = copy / "proof" / "receipt.cbor"
    whole = path.read_bytes()
    for position in (0, 5, len(whole) // 2, len(whole) - 1):
        content = bytearray(whole)
        content[position] ^= 1
        path.write_bytes(bytes(content))
        failed = verify(copy).failed
        assert failed is not None
        assert (failed.number, failed.name) == (8, "receipt"), position
