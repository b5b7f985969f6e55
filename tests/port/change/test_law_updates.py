"""The law on record: written before clearances, once, whole, and checked against each of them."""

from __future__ import annotations

import dataclasses
import shutil
from datetime import date
from pathlib import Path

import msgspec
import pytest
import twenty_clearances as twenty

from entrepot import __version__
from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Decision, Granted, Refused
from entrepot.kernel.errors import Conflict, InvalidInput
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import ActKind, Facts, Institution, Request
from entrepot.kernel.record import Entry, decode_entry, decode_evidence, decode_ruling
from entrepot.law.library import Library
from entrepot.port.change import updates
from entrepot.port.change.audit import law_check
from entrepot.port.change.tables import law_on_record
from entrepot.port.change.updates import UpdateCode, differences, hashes, record_law
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import Certificate, as_body, clearance_id
from entrepot.port.clear.institution import PORT, port_institution

NOW = twenty.noon(date(2025, 11, 7))


def clock() -> int:
    return NOW


@pytest.fixture(scope="module")
def law() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def older(law: Library, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The law with one rulebook reworded and one not yet written."""
    root = tmp_path_factory.mktemp("older") / "laws"
    shutil.copytree(law.root, root)
    book = root / "cn" / "cn-cac-answers.md"
    book.write_text(book.read_text() + "\nA remark that was struck later.\n")
    (root / "eu" / "uk-bridge.md").unlink()
    return Library.load(root)


def opened(home: Path, library: Library, **more: object) -> Node:
    institution = port_institution(library, home=home)
    return open_node(home, institutions=(institution,), clock=clock, **more)  # type: ignore[arg-type]


def recorded(node: Node) -> dict[str, bytes]:
    with node.store.reading() as read:
        return law_on_record(read)


def test_the_first_record_is_the_whole_law_and_a_second_writes_nothing(
    law: Library, tmp_path: Path
) -> None:
    with opened(tmp_path, law) as node:
        written = record_law(node, law, clock=clock)
        assert recorded(node) == hashes(law)
        assert len(written) == -(-len(hashes(law)) // updates.CHANGES_MAX)
        assert record_law(node, law, clock=clock) == []
    checks = [*audit(tmp_path, (PORT,)), law_check(tmp_path, 9)]
    assert all(check.passed for check in checks), checks


def test_anybody_reads_the_change_in_the_log_alone(
    law: Library, older: Library, tmp_path: Path
) -> None:
    with opened(tmp_path, older) as node:
        record_law(node, older, clock=clock)
    with opened(tmp_path, law) as node:
        (index,) = record_law(node, law, clock=clock)
        entry = decode_entry(node.log.tree().entry(index))
    assert isinstance(entry, Entry) and entry.kind == "update-law"
    assert entry.evidence[0] == entry.ruling[0] == 1, "published whole, not as a commitment"
    ruling = decode_ruling(entry.ruling[1])
    assert isinstance(ruling.decision, Granted)
    changes = ruling.decision.effects[0].values["changes"]
    now = hashes(law)
    names = {"cn-cac-answers", *(law.content.books.keys() - older.content.books.keys())}
    assert changes == {name: now[name] for name in names}
    assert decode_evidence(entry.evidence[1]).act


def test_a_rulebook_that_is_gone_is_struck_from_the_record(
    law: Library, older: Library, tmp_path: Path
) -> None:
    gone = law.content.books.keys() - older.content.books.keys()
    with opened(tmp_path, law) as node:
        record_law(node, law, clock=clock)
        assert gone <= recorded(node).keys()
    with opened(tmp_path, older) as node:
        record_law(node, older, clock=clock)
        assert not gone & recorded(node).keys()
        assert differences(recorded(node), older) == {}


def test_an_update_that_is_cut_short_is_finished_later(
    law: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every act is one transaction; the power fails between and inside the acts."""
    monkeypatch.setattr(updates, "CHANGES_MAX", 10)

    class PowerCut(Exception):
        pass

    for step in ("facts-loaded", "applied", "staged", "committed", "published"):
        home = tmp_path / step
        passed = [0]

        def crash(name: str, step: str = step, passed: list[int] = passed) -> None:
            passed[0] += name == step
            if passed[0] == 3:
                raise PowerCut(name)

        node = opened(home, law, crash=crash)
        with pytest.raises(PowerCut):
            record_law(node, law, clock=clock)
        node.store.close()  # only the lock is given back; nothing is flushed
        with opened(home, law) as again:
            before = recorded(again)
            assert len(before) in (10, 20, 30) and before.items() <= hashes(law).items()
            record_law(again, law, clock=clock)
            assert recorded(again) == hashes(law)
        checks = [*audit(home, (PORT,)), law_check(home, 9)]
        assert all(check.passed for check in checks), (step, checks)


def submitted(node: Node, changes: dict[str, dict[str, bytes]]) -> Decision:
    body = {"format": 1, "entrepot": __version__, "changes": changes}
    act = sign_act(node.party, updates.KIND, body, issued_at=NOW, act_id=new_act_id())
    return node.sequencer.submit(act).decision


def test_an_update_from_another_record_or_to_another_law_is_refused(
    law: Library, tmp_path: Path
) -> None:
    digest = hashes(law)["cn-pipl"]
    other = bytes(32)
    with opened(tmp_path, law) as node:
        for changes, code in (
            ({"cn-pipl": {"old": other, "new": digest}}, UpdateCode.OLD_DIFFERS),
            ({"cn-pipl": {"old": b"", "new": other}}, UpdateCode.NOT_LOADED),
            ({"no-such-book": {"old": b"", "new": other}}, UpdateCode.NOT_LOADED),
        ):
            decision = submitted(node, changes)
            assert isinstance(decision, Refused)
            assert [reason.code for reason in decision.reasons] == [code]
        assert recorded(node) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cn-pipl": {"old": b"", "new": b""}},
        {"cn-pipl": {"old": b"short", "new": bytes(32)}},
        {"": {"old": b"", "new": bytes(32)}},
        {"x" * 81: {"old": b"", "new": bytes(32)}},
        {"cn-pipl": {"old": b""}},
        {f"book-{n}": {"old": b"", "new": bytes(32)} for n in range(151)},
    ],
)
def test_a_malformed_update_is_no_act(
    changes: dict[str, dict[str, bytes]], law: Library, tmp_path: Path
) -> None:
    with opened(tmp_path, law) as node, pytest.raises(InvalidInput):
        submitted(node, changes)


def test_a_full_act_with_the_longest_ids_still_fits_an_entry(law: Library) -> None:
    """150 ids of 80 characters, three times each with their hashes, in 65,535 bytes."""
    from entrepot.kernel.encoding import encode

    names = [f"{'x' * 76}{n:04}" for n in range(updates.CHANGES_MAX)]
    body = {name: {"old": bytes(32), "new": bytes(32)} for name in names}
    facts = {"recorded": {name: bytes(32) for name in names}}
    effects = {name: bytes(32) for name in names}
    size = sum(len(encode(part)) for part in (body, facts, effects))
    assert size + 2_000 < 65_535


def test_a_node_opened_with_another_law_does_not_take_it(
    law: Library, older: Library, tmp_path: Path
) -> None:
    with opened(tmp_path, law) as node, pytest.raises(Conflict, match="does not take this law"):
        record_law(node, older, clock=clock)


# -- clearances ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(law: Library, older: Library, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that cleared once under the older law and once under the new one."""
    home = tmp_path_factory.mktemp("made") / "home"
    wanted = twenty.TWENTY[15]
    twenty.cleared(older, wanted, home, 1)
    twenty.cleared(law, dataclasses.replace(wanted, recipient="Zweite GmbH"), home, 2)
    return home


def test_each_clearance_stands_after_the_law_it_relies_on(
    made: Path, law: Library, older: Library
) -> None:
    with opened(made, law) as node:
        kinds = []
        for index in range(1, node.log.size):
            entry = decode_entry(node.log.tree().entry(index))
            kinds.append(entry.kind)
    first = -(-len(hashes(older)) // updates.CHANGES_MAX)
    assert kinds == ["update-law"] * first + ["clear-shipment", "update-law", "clear-shipment"]
    check = law_check(made, 9)
    assert check.passed, check
    assert check.detail.startswith("2 clearances under the law on record")


def _forger(law: Library) -> Institution:
    """A node that looks away where the law of a clearance is not the one on record."""
    real = next(kind for kind in PORT.kinds if kind.name == "clear-shipment")

    def grant(request: Request[Certificate], relied: Facts) -> Decision:
        honest = {name: law.hashes()[name] for name in request.body.law}
        body = msgspec.structs.replace(request.body, law=honest)
        believed = Facts({**relied.values, "law_on_record": honest}, relied.law)
        return real.decide(dataclasses.replace(request, body=body), believed)

    kinds = [kind for kind in PORT.kinds if kind is not real]
    forged = ActKind(real.name, real.shape, real.facts, grant, real.apply)
    return Institution("port", (forged, *kinds), PORT.tables)


def certificate_of(home: Path, law: Library, index: int) -> Certificate:
    with opened(home, law) as node:
        from entrepot.kernel.acts import SignedAct

        return shape(SignedAct(node.act_at(index)).unverified_body)


def test_fsck_finds_a_clearance_under_a_law_that_was_never_recorded(
    made: Path, law: Library, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(made, home)
    with opened(home, law) as node:
        last = node.log.size - 1
    real = certificate_of(home, law, last)
    act_id = new_act_id()
    body = as_body(real) | {
        "id": clearance_id(act_id),
        "law": {**real.law, "cn-pipl": "ab" * 32},
    }
    with open_node(home, institutions=(_forger(law),), clock=clock) as node:
        act = sign_act(node.party, "clear-shipment", body, issued_at=NOW, act_id=act_id)
        assert isinstance(node.sequencer.submit(act).decision, Granted)
    check = law_check(home, 9)
    assert check.passed is False
    assert "another version of a rulebook" in check.detail and "cn-pipl" in check.detail


def test_an_honest_node_refuses_a_law_that_is_not_on_record(
    made: Path, law: Library, tmp_path: Path
) -> None:
    with opened(made, law) as node:
        last = node.log.size - 1
    real = certificate_of(made, law, last)
    act_id = new_act_id()
    body = as_body(real) | {"id": clearance_id(act_id)}
    with opened(tmp_path / "fresh", law) as node:
        act = sign_act(node.party, "clear-shipment", body, issued_at=NOW, act_id=act_id)
        decision = node.sequencer.submit(act).decision
    assert isinstance(decision, Refused)
    assert any("no record of this version" in reason.sentence for reason in decision.reasons)


def test_clearances_older_than_the_first_record_are_counted_apart(
    made: Path, law: Library, tmp_path: Path
) -> None:
    with opened(made, law) as node:
        last = node.log.size - 1
    real = certificate_of(made, law, last)
    act_id = new_act_id()
    body = as_body(real) | {"id": clearance_id(act_id)}
    with open_node(tmp_path, institutions=(_forger(law),), clock=clock) as node:
        act = sign_act(node.party, "clear-shipment", body, issued_at=NOW, act_id=act_id)
        assert isinstance(node.sequencer.submit(act).decision, Granted)
    check = law_check(tmp_path, 9)
    assert check.passed and "1 clearances are older than the first record" in check.detail
