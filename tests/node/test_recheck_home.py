"""Twenty stored clearances, made the real way, rechecked after changes of law."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
import twenty_clearances as twenty
from click.testing import CliRunner

from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Outcome
from entrepot.kernel.errors import InvalidInput, NotFound, VerificationError
from entrepot.kernel.record import Entry, decode_entry
from entrepot.law.library import Library
from entrepot.node.cli import cli
from entrepot.node.rechecking import (
    Report,
    Wish,
    decide,
    open_home,
    recheck_home,
    refer,
)
from entrepot.port.change.audit import law_check
from entrepot.port.change.rechecking import Rechecked, Rechecker
from entrepot.port.change.referrals import ChangeCode
from entrepot.port.clear.clearing import Cleared
from entrepot.port.clear.institution import PORT
from entrepot.port.verify.verifying import verify

pytestmark = pytest.mark.slow  # twenty tables are inspected, planned and cleared first

SPRING_2024, SPRING_2025, NEW_YEAR = date(2024, 3, 22), date(2025, 4, 8), date(2026, 1, 1)


@pytest.fixture(scope="module")
def law() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def done(law: Library, tmp_path_factory: pytest.TempPathFactory) -> list[Cleared]:
    return twenty.make(tmp_path_factory.mktemp("twenty") / "home", law)


@pytest.fixture(scope="module")
def made(done: list[Cleared]) -> Path:
    return done[0].folder.parent.with_name("home")


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy to write to."""
    shutil.copytree(made, tmp_path / "home")
    return tmp_path / "home"


def rechecked(home: Path, law: Library, day: date, known_at: date | None = None) -> Report:
    with open_home(home, law) as node:
        return recheck_home(node, Rechecker(law, day, known_at or day))


def at(report: Report, number: int) -> Rechecked:
    """Return what was found of the clearance with this number among the twenty."""
    wanted = twenty.TWENTY[number - 1]
    return next(
        item
        for item in report.found
        if (item.cleared_on, item.recipient) == (wanted.day, wanted.recipient)
    )


def command(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(cli, [str(a) for a in arguments], standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return int(result.return_value or 0), result.output


def test_all_twenty_are_whole_and_stand_under_the_law_on_record(
    done: list[Cleared], made: Path, law: Library
) -> None:
    assert len(done) == 20
    assert {twenty.TWENTY[n].origin for n in range(20)} == {"CN", "DE", "US", "VN"}
    for result in done[::6]:
        assert verify(result.folder, library=law).holds
    checks = [*audit(made, (PORT,)), law_check(made, 9)]
    assert all(check.passed for check in checks), checks
    assert checks[-1].detail.startswith("20 clearances under the law on record")


def test_after_22_march_2024(made: Path, law: Library) -> None:
    report = rechecked(made, law, SPRING_2024)
    assert (report.clearances, report.later) == (20, 10)
    assert report.affected + report.unaffected + report.lapsed == 10
    assert report.affected == 8 and all(item.origin == "CN" for item in report.found)
    exempt = at(report, 2)
    assert (exempt.outcome_before, exempt.outcome) == ("CONTRACT_FILING|CERTIFICATION", "EXEMPT")
    assert exempt.since == SPRING_2024 and "milder" in exempt.effects
    assert [(rule.id, rule.article) for rule in exempt.rules] == [("CN-P-5.4", "art 5(1)(4)")]
    assert "filing" in {duty.code for duty in exempt.duties_gone}
    assert {duty.code for duty in exempt.new_duties} == {"security_measures"}
    contract = at(report, 3)  # assessed for 150,000 persons, which now need a contract
    assert contract.effect == "conditional" and contract.outcome.startswith("CONTRACT_FILING")
    assert contract.deadline is not None and contract.deadline.on == SPRING_2024
    assert contract.rules_before["CN-O11-4.3"] == "art 4(3)"
    million = at(report, 4)
    assert million.outcome_before == million.outcome == "SECURITY_ASSESSMENT"
    assert million.effect == "new duty"
    assert report.adverse == 8 and report.decided == 0


def test_the_day_before_nothing_had_changed(made: Path, law: Library) -> None:
    report = rechecked(made, law, date(2024, 3, 21))
    assert (report.affected, report.adverse) == (0, 0)


def test_after_1_january_2026(made: Path, law: Library) -> None:
    report = rechecked(made, law, NEW_YEAR)
    foreign = at(report, 18)  # foreigners' data: free under Decree 13, a dossier under Law 91
    assert (foreign.outcome_before, foreign.outcome) == ("FREE", "DOSSIER_POST_FILING")
    assert foreign.effect == "stricter" and foreign.since == NEW_YEAR
    filing = next(duty for duty in foreign.new_duties if duty.code == "filing")
    assert filing.due_on == date(2026, 1, 10), "60 days after 11 November 2025"
    assert foreign.deadline is not None and foreign.deadline.on == filing.due_on
    certificate = at(report, 14)
    assert certificate.effect == "new duty"
    assert certificate.deadline is not None and certificate.deadline.on == date(2027, 7, 15)
    renumbered = at(report, 15)
    assert renumbered.effects == ["other rules"] and not renumbered.adverse
    assert [(rule.id, rule.article) for rule in renumbered.rules] == [("CN-CSL-39", "art 39")]
    assert renumbered.rules_before["CN-CSL-37"] == "art 37"
    swiss = twenty.TWENTY[19]
    assert (swiss.day, swiss.recipient) not in {(i.cleared_on, i.recipient) for i in report.found}


def test_a_sale_to_china_is_barred_since_8_april_2025(made: Path, law: Library) -> None:
    report = rechecked(made, law, SPRING_2025)
    sale, vendor = at(report, 11), at(report, 12)
    assert (sale.effect, sale.status, sale.outcome) == ("barred", "barred", "PROHIBITED")
    assert sale.rules[0].article == "28 CFR 202.301" and sale.since == SPRING_2025
    assert not sale.lapsed and sale.triggers == ["law-change"]
    assert (vendor.effect, vendor.outcome) == ("conditional", "RESTRICTED_SECURITY")


def test_what_had_run_out_before_the_change_is_counted_apart(made: Path, law: Library) -> None:
    # The clauses of 2023 had ended in February 2024; nothing touched them in their year.
    report = rechecked(made, law, SPRING_2024)
    assert report.lapsed == 1
    # Barred while it could be relied on: still open for a person years later.
    late = rechecked(made, law, date(2026, 6, 1))
    assert at(late, 11).lapsed and at(late, 11).adverse


def test_only_what_was_known_counts(made: Path, law: Library) -> None:
    report = rechecked(made, law, SPRING_2025, known_at=date(2024, 12, 1))
    assert not [item for item in report.found if item.outcome == "PROHIBITED"]  # 8 January 2025


def test_a_rewritten_rulebook_touches_what_relied_on_it(
    home: Path, law: Library, tmp_path: Path
) -> None:
    root = tmp_path / "rewritten"
    shutil.copytree(law.root, root)
    book = root / "cn" / "cn-provisions-2024.md"
    text = book.read_text()
    book.write_text(text.replace("value: 100_000", "value: 10_000", 1))
    other = Library.load(root)
    day = date(2025, 12, 1)
    assert 16 not in {n for n in range(1, 21) if n in _numbers(rechecked(home, law, day))}
    report = rechecked(home, other, day)
    touched = at(report, 16)  # 20,000 persons, exempt under 100,000
    assert touched.effect == "conditional" and touched.since is None
    assert "cn-provisions-2024" in touched.rewritten and touched.triggers == ["law-change"]
    assert touched.deadline is not None and "rewritten" in touched.deadline.because
    assert report.law_changed == ["cn-provisions-2024"]


def _numbers(report: Report) -> set[int]:
    found = {(item.cleared_on, item.recipient) for item in report.found}
    return {n for n, w in enumerate(twenty.TWENTY, start=1) if (w.day, w.recipient) in found}


def test_facts_that_the_vocabulary_lost_are_for_a_person(
    home: Path, law: Library, tmp_path: Path
) -> None:
    root = tmp_path / "renamed"
    shutil.copytree(law.root, root)
    for path in [*root.glob("*/*.md"), *root.glob("*/*.yaml")]:
        text = path.read_text()
        if "vn.binding_document" in text:
            path.write_text(text.replace("vn.binding_document", "vn.paper"))
    report = rechecked(home, Library.load(root), date(2025, 12, 15))
    lost = at(report, 17)
    assert lost.effect == "undecided" and lost.outcome == "NEEDS_HUMAN"
    assert any("no longer fit the vocabulary" in text for text in lost.rewritten)


# -- acts ------------------------------------------------------------------------------------------


def test_a_referral_is_written_once_and_changes_nothing(home: Path, law: Library) -> None:
    rechecker = Rechecker(law, SPRING_2025, SPRING_2025)
    with open_home(home, law) as node:
        report = recheck_home(node, rechecker)
        first = refer(node, rechecker, report)
        size = node.log.size
        assert len(first) == report.adverse > 0
        later = Rechecker(law, date(2025, 4, 9), date(2025, 4, 9))
        assert refer(node, later, recheck_home(node, later)) == first
        assert node.log.size == size, "the same answer is referred once, on whatever day"
        entries = [decode_entry(node.log.tree().entry(index)) for index in first.values()]
        again = recheck_home(node, rechecker)
    assert {entry.kind for entry in entries if isinstance(entry, Entry)} == {"refer-clearance"}
    assert {e.outcome for e in entries if isinstance(e, Entry)} == {Outcome.REFERRED}
    assert again.adverse == report.adverse, "a machine suspends nothing"
    checks = [*audit(home, (PORT,)), law_check(home, 9)]
    assert all(check.passed for check in checks), checks


def test_a_person_decides_with_name_and_reasons(home: Path, law: Library) -> None:
    with open_home(home, law) as node:
        rechecker = Rechecker(law, SPRING_2025, SPRING_2025)
        before = recheck_home(node, rechecker)
        sale, vendor = at(before, 11), at(before, 12)
        refused = decide(node, Wish(sale.id, "suspended", " ", "sold"))
        assert not isinstance(refused, int)
        assert [reason.code for reason in refused] == [ChangeCode.UNSIGNED]
        refused = decide(node, Wish(sale.id, "superseded", "A. Counsel", "cleared anew"))
        assert not isinstance(refused, int)
        assert [reason.code for reason in refused] == [ChangeCode.NO_SUCCESSOR]
        index = decide(node, Wish(sale.id, "suspended", "A. Counsel", "28 CFR 202.301"))
        assert isinstance(index, int)
        replaced = Wish(sale.id, "superseded", "A. Counsel", "a new one", successor=vendor.id)
        assert isinstance(decide(node, replaced), int)
        after = recheck_home(node, rechecker)
    assert (after.adverse, after.decided) == (before.adverse - 1, 1)
    assert at(after, 11).standing == "superseded" and not at(after, 11).adverse
    checks = [*audit(home, (PORT,)), law_check(home, 9)]
    assert all(check.passed for check in checks), checks
    with open_home(home, law) as node, pytest.raises(NotFound):
        decide(node, Wish("clr-nobody", "suspended", "A. Counsel", "why"))


def test_no_person_is_named_in_what_the_log_shows(home: Path, law: Library) -> None:
    with open_home(home, law) as node:
        report = recheck_home(node, Rechecker(law, SPRING_2025, SPRING_2025))
        index = decide(node, Wish(at(report, 11).id, "suspended", "Xaver Counsel", "sold"))
        assert isinstance(index, int)
        entry = node.log.tree().entry(index)
        ruling = node.sequencer.opening(index).ruling.content
    assert b"Xaver" not in entry and b"Xaver" not in ruling


def test_an_erased_clearance_is_counted_not_rechecked(home: Path, law: Library) -> None:
    with open_home(home, law) as node:
        index = at(recheck_home(node, Rechecker(law, SPRING_2024, SPRING_2024)), 2).index
        node.sequencer.erase(index)
        report = recheck_home(node, Rechecker(law, SPRING_2024, SPRING_2024))
    assert report.erased == 1 and report.affected == 7


def test_a_clearance_of_a_key_that_is_gone_is_not_believed(home: Path, law: Library) -> None:
    with open_home(home, law) as node:
        found = node.keys
        found.clear()
        with pytest.raises(VerificationError, match="key that is not here"):
            recheck_home(node, Rechecker(law, SPRING_2024, SPRING_2024))


# -- the command -----------------------------------------------------------------------------------


def test_the_command_lists_articles_and_deadlines_and_exits_1(home: Path) -> None:
    code, shown = command("recheck", "--home", home, "--as-of", "2025-04-08")
    assert code == 1
    for said in ("barred", "FREE → PROHIBITED", "28 CFR 202.301", "by 2025-04-08", "law-change"):
        assert said in shown, said
    code, shown = command("recheck", "--home", home, "--as-of", "2024-03-21")
    assert code == 0 and "0 affected" in shown


def test_json_record_and_decide(home: Path) -> None:
    options = ("recheck", "--home", home, "--as-of", "2025-04-08", "--json")
    code, text = command(*options, "--record")
    found = json.loads(text)
    assert code == 1 and len(found["referred"]) == found["adverse"]
    effects = Counter(item["effects"][0] for item in found["found"])
    assert effects["barred"] == 1 and effects["conditional"] >= 1
    for item in found["found"]:
        if not item["standing"] and item["effects"][0] not in ("milder", "other rules"):
            code, _ = command(
                "recheck", "--home", home, "--decide", item["id"], "--standing", "upheld",
                "--by", "A. Counsel", "--reasons", "looked at", "--json",
            )  # fmt: skip
            assert code == 0
    code, text = command(*options)
    assert code == 0 and json.loads(text)["adverse"] == 0


def test_misuse_is_said(home: Path, law: Library, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no home"):
        command("recheck", "--home", tmp_path / "nowhere")
    with pytest.raises(InvalidInput, match="law of its own release"):
        command("recheck", "--home", home, "--laws", law.root, "--record")
    with pytest.raises(InvalidInput, match="what is decided"):
        command("recheck", "--home", home, "--decide", "clr-x")


def test_clearing_again_under_new_law_goes_on_in_the_same_home(home: Path, law: Library) -> None:
    wanted = replace(twenty.TWENTY[19], day=date(2026, 2, 2), recipient="Neu SA")
    assert twenty.cleared(law, wanted, home, 21).index > 20
    assert rechecked(home, law, date(2026, 2, 3)).clearances == 21
