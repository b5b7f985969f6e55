"""The sequencer: six steps, refusals logged, idempotent, erasable, one writer."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from kernel_toy import (
    COUNT,
    COUNTERS,
    NOW,
    TOY,
    Count,
    audit_toy,
    count_act,
    open_toy,
    shape,
    store_of,
    totals,
)

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Effect, Granted, Outcome, Referred, Refused
from entrepot.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
)
from entrepot.kernel.home import Node, open_node
from entrepot.kernel.institution import ActKind, Facts, Institution, Request, kinds_by_name
from entrepot.kernel.keys import new_key
from entrepot.kernel.receipt import verify_receipt
from entrepot.kernel.receiving import AHEAD_MAX_S
from entrepot.kernel.record import (
    Entry,
    Sealed,
    decode_entry,
    decode_evidence,
    decode_ruling,
    open_sealed,
)
from entrepot.kernel.sequencer import Answer

pytestmark = pytest.mark.usefixtures("store_url")


def open_with(home: Path, other: Institution) -> Node:
    return open_node(home, institutions=(TOY, other), store=store_of(home), clock=lambda: NOW)


def test_a_granted_act_is_logged_applied_and_receipted(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        raw = count_act(node, 5)
        answer = node.sequencer.submit(raw)
        assert answer.decision == Granted((Effect("add", {"name": "a", "amount": 5}),))
        assert (answer.index, answer.tree_size, answer.repeated) == (1, 2, False)
        assert totals(node) == {"a": (5, 1)}
        proven = verify_receipt(answer.receipt, answer.entry, node.signer.ed25519.public)
        assert (proven.index, proven.root) == (1, node.log.root)
        entry = decode_entry(answer.entry)
        assert isinstance(entry, Entry)
        assert (entry.kind, entry.outcome, entry.decided_at) == ("count", Outcome.GRANTED, NOW)
        opening = node.sequencer.opening(1)
        assert opening.evidence is not None
        evidence = decode_evidence(open_sealed(entry.evidence, opening.evidence, name="evidence"))
        assert (evidence.act, evidence.facts) == (raw, {"total": 0, "name": "a"})
        ruling = decode_ruling(open_sealed(entry.ruling, opening.ruling, name="ruling"))
        assert (ruling.issuer, ruling.law) == (node.party.kid, ("toy-law-1",))
        assert ruling.decision == answer.decision
        assert raw not in answer.entry and b"total" not in answer.entry


def test_refusals_and_referrals_are_logged_with_reasons_and_change_nothing(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        refused = node.sequencer.submit(count_act(node, 2000))
        referred = node.sequencer.submit(count_act(node, 13))
        assert isinstance(refused.decision, Refused) and isinstance(referred.decision, Referred)
        assert refused.decision.reasons[0].code == "toy.full"
        assert referred.decision.to == "registrar"
        assert totals(node) == {} and node.log.size == 3
        outcomes = [decode_entry(node.log.tree().entry(i)) for i in (1, 2)]
        assert [getattr(item, "outcome", None) for item in outcomes] == [
            Outcome.REFUSED,
            Outcome.REFERRED,
        ]
    assert all(check.passed for check in audit_toy(tmp_path / "h"))


def test_the_same_bytes_give_the_same_answer_also_after_a_restart(tmp_path: Path) -> None:
    first: list[Answer] = []
    with open_toy(tmp_path / "h") as node:
        acts = [count_act(node, amount) for amount in (1, 2000, 13, 2)]
        results = node.sequencer.submit_batch([*acts, acts[0]])
        first = [item for item in results if isinstance(item, Answer)]
        assert [item.repeated for item in first] == [False] * 4 + [True]
        node.sequencer.submit(count_act(node, 7))
    with open_toy(tmp_path / "h") as node:
        for raw, earlier in zip(acts, first, strict=False):
            again = node.sequencer.submit(raw)
            assert again.repeated
            for name in ("index", "tree_size", "decision", "entry", "receipt"):
                assert getattr(again, name) == getattr(earlier, name)
        assert node.log.size == 6 and totals(node) == {"a": (10, 3)}


def test_other_bytes_under_the_same_id_are_a_conflict(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        act_id = new_act_id()
        node.sequencer.submit(count_act(node, 1, act_id=act_id))
        with pytest.raises(Conflict, match="act id"):
            node.sequencer.submit(count_act(node, 2, act_id=act_id))
        fresh = new_act_id()
        pair = [count_act(node, 1, act_id=fresh), count_act(node, 2, act_id=fresh)]
        results = node.sequencer.submit_batch(pair)
        assert isinstance(results[0], Answer) and isinstance(results[1], Conflict)
        assert totals(node) == {"a": (2, 2)} and node.log.size == 3


def test_an_act_id_belongs_to_its_issuer(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        other = new_key()
        node.keys[other.kid] = other.public
        act_id = new_act_id()
        body = {"name": "a", "amount": 1}
        node.sequencer.submit(count_act(node, 1, act_id=act_id))
        squatted = sign_act(other, "count", body, issued_at=NOW, act_id=act_id)
        assert node.sequencer.submit(squatted).index == 2


def test_rejected_acts_are_not_logged(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        good = count_act(node)
        stranger = new_key()
        cases: list[tuple[bytes, type[Exception]]] = [
            (b"", InvalidInput),
            (good[:-1] + bytes([good[-1] ^ 1]), VerificationError),
            (sign_act(stranger, "count", {}, issued_at=NOW, act_id=new_act_id()),
             VerificationError),
            (count_act(node, kind="unheard-of"), InvalidInput),
            (sign_act(node.party, "count", {"name": 1}, issued_at=NOW, act_id=new_act_id()),
             InvalidInput),
            (sign_act(node.party, "count", {"name": "a", "amount": 1},
                      issued_at=NOW + AHEAD_MAX_S + 1, act_id=new_act_id()), InvalidInput),
        ]  # fmt: skip
        for raw, error in cases:
            with pytest.raises(error):
                node.sequencer.submit(raw)
        results = node.sequencer.submit_batch([raw for raw, _ in cases] + [good])
        assert [type(item) for item in results] == [error for _, error in cases] + [Answer]
        assert node.log.size == 2


def test_an_act_meant_for_another_log_is_not_taken(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        body = {"name": "a", "amount": 5}
        here, there = (
            sign_act(
                node.party, "count", body, issued_at=NOW, act_id=new_act_id(), audience=audience
            )
            for audience in (node.signer.origin, "other.example/log")
        )
        with pytest.raises(VerificationError, match="another log"):
            node.sequencer.submit(there)
        assert node.log.size == 1
        node.sequencer.submit(here)
        assert totals(node) == {"a": (5, 1)}
        audit_toy(node.home)


def test_each_act_of_a_batch_sees_the_one_before(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        results = node.sequencer.submit_batch([count_act(node, 300) for _ in range(5)])
        granted = [isinstance(item, Answer) and isinstance(item.decision, Granted)
                   for item in results]  # fmt: skip
        assert granted == [True, True, True, False, False]
        assert totals(node) == {"a": (900, 3)}


def test_threads_share_one_writer(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        acts = [count_act(node) for _ in range(24)]
        indexes: list[int] = []

        def run(mine: list[bytes]) -> None:
            indexes.extend(node.sequencer.submit(raw).index for raw in mine)

        threads = [threading.Thread(target=run, args=(acts[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(indexes) == list(range(1, 25)) and totals(node) == {"a": (24, 24)}


def test_a_second_process_gets_a_clear_error_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from entrepot.kernel.home import open_node\n"
        "open_node(Path(sys.argv[1]), store=sys.argv[2])"
    )
    with open_toy(tmp_path / "h"):
        run = subprocess.run(
            [sys.executable, "-c", program, str(tmp_path / "h"), store_of(tmp_path / "h")],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert "another process is writing" in run.stderr
        with pytest.raises(StorageError, match="another process"):
            open_toy(tmp_path / "h")
    open_toy(tmp_path / "h").close()


def test_erasure_destroys_the_evidence_and_leaves_every_proof(tmp_path: Path) -> None:
    home = tmp_path / "h"
    secret = "Zhāng-the-invented-person"
    with open_toy(home) as node:
        raw = count_act(node, 1, secret)
        answer = node.sequencer.submit(raw)
        kept = node.sequencer.submit(count_act(node, 1, "kept"))
        assert node.sequencer.erase(answer.index) == 3
        for path in home.glob("store.sqlite*"):  # what PostgreSQL keeps: docs/operating/storage.md
            assert raw not in path.read_bytes()
        with pytest.raises(Conflict, match="erased already"):
            node.sequencer.erase(answer.index)
        with pytest.raises(NotFound):
            node.sequencer.erase(0)
        with pytest.raises(NotFound, match="erased"):
            node.export(answer.index, tmp_path / "x")
        with pytest.raises(NotFound, match="erased"):
            node.act_at(answer.index)
        node.export(answer.index, tmp_path / "x", with_opening=False)
        again = node.sequencer.submit(raw)
        assert (again.repeated, again.receipt) == (True, answer.receipt)
        verify_receipt(node.log.receipt(answer.index), answer.entry, node.signer.ed25519.public)
        assert node.act_at(kept.index)
        assert totals(node)[secret] == (1, 1)  # effects stay: they must hold no personal data
    assert all(check.passed for check in audit_toy(home))


def test_a_public_act_is_logged_whole_and_cannot_be_erased(tmp_path: Path) -> None:
    with open_toy(tmp_path / "h") as node:
        raw = count_act(node, 1, "told to all", kind="announce")
        answer = node.sequencer.submit(raw)
        assert raw in answer.entry
        with pytest.raises(Conflict, match="public"):
            node.sequencer.erase(answer.index)
        long = count_act(node, 1, "x" * 70_000, kind="announce")
        with pytest.raises(InvalidInput, match="65,535"):
            node.sequencer.submit(long)
        node.export(answer.index, tmp_path / "x")
    assert all(check.passed for check in audit_toy(tmp_path / "h"))


@pytest.mark.parametrize("way", ["insert", "text", "driver", "with"])
def test_facts_may_only_read(tmp_path: Path, way: str) -> None:
    def writes(read: sa.Connection, request: Request[Count]) -> Facts:
        insert = COUNTERS.insert().values(issuer=b"x", name="x", total=1, acts=1)
        statements = {
            "insert": insert,
            "text": sa.text("DELETE FROM toy_counters"),
            "with": sa.select(insert.returning(COUNTERS.c.total).cte("sneaked")),
        }
        if way == "driver":
            read.exec_driver_sql("DELETE FROM toy_counters")
        else:
            read.execute(statements[way])
        return Facts({})

    bad = Institution("bad", (ActKind("sneak", shape, writes, COUNT.decide),))
    with open_with(tmp_path / "h", bad) as node:
        with pytest.raises(
            StorageError,
            match="syntax" if way == "with" and not store_of(node.home) else "readonly",
        ):
            node.sequencer.submit(count_act(node, kind="sneak"))
        assert node.sequencer.submit(count_act(node)).index == 1 and totals(node) == {"a": (1, 1)}


def test_facts_and_effects_are_plain_values(tmp_path: Path) -> None:
    def floats(_read: sa.Connection, _request: Request[Count]) -> Facts:
        return Facts({"total": 0, "risk": 0.5})

    bad = Institution("bad", (ActKind("vague", shape, floats, COUNT.decide),))
    with open_with(tmp_path / "h", bad) as node:
        with pytest.raises(InvalidInput, match="signed or hashed"):
            node.sequencer.submit(count_act(node, kind="vague"))
        assert node.log.size == 1


def test_a_failing_apply_changes_nothing(tmp_path: Path) -> None:
    def fails(write: sa.Connection, _record: object) -> None:
        row = {"issuer": b"x", "name": "half", "total": 1, "acts": 1}
        write.execute(COUNTERS.insert().values(row))
        raise ZeroDivisionError

    bad = Institution("bad", (ActKind("broken", shape, COUNT.facts, COUNT.decide, fails),))
    with open_with(tmp_path / "h", bad) as node:
        with pytest.raises(ZeroDivisionError):
            node.sequencer.submit_batch([count_act(node), count_act(node, kind="broken")])
        assert (node.log.size, node.log.sequenced_size, totals(node)) == (1, 1, {})
        assert node.sequencer.submit(count_act(node)).index == 1


def test_institutions_do_not_share_names_or_lack_keys() -> None:
    with pytest.raises(Conflict):
        kinds_by_name((TOY, TOY))
    with pytest.raises(Conflict):
        kinds_by_name((Institution("x", (ActKind("genesis", shape, COUNT.facts, COUNT.decide),)),))
    tables = sa.MetaData()
    sa.Table("keyless", tables, sa.Column("x", sa.Integer))
    with pytest.raises(InvalidInput, match="primary key"):
        kinds_by_name((Institution("x", (), tables),))


@pytest.mark.parametrize("part", ["evidence", "ruling"])
def test_a_commitment_opens_to_one_content(tmp_path: Path, part: str) -> None:
    with open_toy(tmp_path / "h") as node:
        answer = node.sequencer.submit(count_act(node))
        entry = decode_entry(answer.entry)
        sealed = getattr(node.sequencer.opening(answer.index), part)
        shown = getattr(entry, part)
        assert open_sealed(shown, sealed, name=part) == sealed.content
        for bad in (
            Sealed(sealed.content + b"\0", sealed.salt),
            Sealed(sealed.content, bytes(32)),
            Sealed(sealed.content, b""),
        ):
            with pytest.raises(VerificationError):
                open_sealed(shown, bad, name=part)
