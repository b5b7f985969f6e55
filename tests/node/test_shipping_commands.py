"""The commands assess, plan, clear and verify, as a user runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner, Result

from entrepot.kernel.audit import audit
from entrepot.kernel.errors import Conflict, InvalidInput, NotFound
from entrepot.kernel.home import open_node
from entrepot.law.library import Library
from entrepot.node.cli import cli
from entrepot.node.declaring import declared_facts, scalar
from entrepot.port.clear.codes import Code
from entrepot.port.clear.institution import PORT
from entrepot.port.generate import CustomerTable

pytestmark = pytest.mark.slow  # end to end, many times over: part of `make test`

FACTS = """
cn.year.prior_persons: 0
cn.year.prior_sensitive: 0
transfer.purpose: analytics
basis:
  legal: contract
"""
MET = "cn.notice.given: true\ncn.impact.done: true\n"
ROUTE = ["--from", "CN", "--to", "DE", "--profile", "ordinary-company"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("commands") / "customers.csv"
    pl.concat(CustomerTable(rows=1_500).batches()).write_csv(path)
    return path


@pytest.fixture
def facts(tmp_path: Path) -> Path:
    path = tmp_path / "facts.yaml"
    path.write_text(FACTS + MET)
    return path


def run(*arguments: object, given: str = "") -> Result:
    result = CliRunner().invoke(
        cli, [str(argument) for argument in arguments], input=given, standalone_mode=False
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_assess_answers_with_rules_articles_and_missing_facts(table: Path) -> None:
    result = run("assess", table, *ROUTE)
    assert result.return_value is None
    for words in ("CN-P-5.4", "art 5(1)(4)", "Missing facts", "cn.year.prior_persons", "Duties"):
        assert words in result.output
    # The sum is asked for by its unknown part.
    assert "--fact cn.year.persons=" not in result.output


def test_assess_json_is_the_whole_assessment(table: Path, facts: Path) -> None:
    found = json.loads(run("assess", table, *ROUTE, "--facts", facts, "--json").output)
    assert found["outcome"] == "CONTRACT_FILING|CERTIFICATION"
    assert found["status"] == "conditional"
    assert found["changes"] and found["law"]


def test_one_facts_file_serves_every_command(table: Path, tmp_path: Path) -> None:
    """A finding on what will be sent does not contradict a table that still names persons."""
    path = tmp_path / "all.yaml"
    finding = "{value: true, by: A. Counsel, reasons: measured, on: 2026-11-20}"
    path.write_text(f"{FACTS}{MET}anonymity.confirmed: {finding}\n")
    found = json.loads(run("assess", table, *ROUTE, "--facts", path, "--json").output)
    assert found["outcome"] == "CONTRACT_FILING|CERTIFICATION"
    plan = json.loads(run("plan", table, *ROUTE, "--facts", path, "--json").output)
    assert next(w for w in plan["ways"] if w["kind"] == "anonymised")["status"] == "open"


def test_assess_without_a_file_takes_declarations() -> None:
    declared = ["--fact", "persons.total=5000", "--fact", "data.sensitive=false"]
    more = ["--fact", "cn.year.prior_persons=0", "--fact", "transfer.purpose=analytics"]
    more += ["--fact", "cn.year.prior_sensitive=0"]
    found = json.loads(run("assess", *ROUTE, *declared, *more, "--json").output)
    assert found["outcome"] == "EXEMPT"


def test_assess_asks_the_most_useful_question_first(table: Path) -> None:
    answers = "?\n0\nnonsense\nanalytics\nstop\n"
    declared = ["--fact", "cn.year.prior_persons=0", "--fact", "basis.legal=contract"]
    result = run("assess", table, *ROUTE, *declared, "--ask", given=answers)
    assert "exempt flows left out?" in result.output  # the question about earlier exports
    assert "Unit: persons" in result.output  # the explanation
    assert "cannot have this value" in result.output  # nonsense is refused at once
    assert "CONTRACT_FILING|CERTIFICATION · conditional" in result.output


def test_plan_prints_ways_and_what_does_not_help(table: Path, facts: Path) -> None:
    result = run("plan", table, *ROUTE, "--facts", facts)
    assert result.return_value == 0
    for words in ("Lawful ways, best first", "without-sensitive", "k = ", "What does not help"):
        assert words in result.output
    found = json.loads(run("plan", table, *ROUTE, "--facts", facts, "--json").output)
    assert {way["kind"] for way in found["ways"]} >= {"as-is", "without-sensitive", "anonymised"}


def test_another_order_of_layers_ranks_as_the_plan_foretold(table: Path, facts: Path) -> None:
    facts.write_text(FACTS)  # with nothing done yet the ways differ in what each layer demands
    plan = json.loads(run("plan", table, *ROUTE, "--facts", facts, "--json").output)
    assert plan["order"] == ["rights", "trade", "sovereignty"]
    titles = {way["number"]: way["title"] for way in plan["ways"]}
    assert plan["other_orders"]
    for order, numbers in plan["other_orders"].items():
        option = order.replace(" > ", ",")
        other = run("plan", table, *ROUTE, "--facts", facts, "--order", option, "--json")
        ranked = [way["title"] for way in json.loads(other.output)["ways"]]
        assert ranked == [titles[number] for number in numbers]
        break
    with pytest.raises(InvalidInput, match="order"):
        run("plan", table, *ROUTE, "--order", "trade,trade,trade")


def test_plan_without_a_way_exits_1(table: Path) -> None:
    route = ["--from", "CN", "--to", "DE", "--fact", "data.class=state_secret"]
    assert run("plan", table, *route).return_value == 1


def clearing(table: Path, facts: Path, tmp_path: Path, *more: object) -> Result:
    return run(
        "clear",
        table,
        *ROUTE,
        "--facts",
        facts,
        "--recipient",
        "Beispiel GmbH",
        "--purpose",
        "analytics",
        "--home",
        tmp_path / "home",
        "--out",
        tmp_path / "out",
        *more,
    )


@pytest.mark.slow
def test_clear_and_verify_and_notice_one_byte(table: Path, facts: Path, tmp_path: Path) -> None:
    result = clearing(table, facts, tmp_path, "--way", "without-sensitive")
    assert result.return_value == 0, result.output
    assert "Cleared" in result.output
    whole = run("verify", tmp_path / "out")
    assert whole.return_value == 0 and "Everything holds" in whole.output
    key = tmp_path / "home" / "keys" / "party.pub"
    assert run("verify", tmp_path / "out", "--key", key).return_value == 0
    data = tmp_path / "out" / "data" / "customers.csv"
    data.write_bytes(data.read_bytes().replace(b"C000000001", b"C000000007", 1))
    broken = run("verify", tmp_path / "out")
    assert broken.return_value == 5
    assert "step 4, files" in broken.output
    found = json.loads(run("verify", tmp_path / "out", "--json").output)
    assert found["holds"] is False
    with pytest.raises(Conflict):
        clearing(table, facts, tmp_path, "--way", "without-sensitive")


@pytest.mark.slow
def test_a_file_size_limit_of_the_system_leaves_nothing(tmp_path: Path, facts: Path) -> None:
    """A real failure of the disk, in a process of its own: the limit is under the data's size."""
    table = tmp_path / "in" / "customers.csv"
    table.parent.mkdir()
    pl.concat(CustomerTable(rows=20_000).batches()).write_csv(table)
    home, out = tmp_path / "home", tmp_path / "out"
    with open_node(home, institutions=(PORT,)):
        pass
    arguments = [*ROUTE, "--facts", str(facts), "--way", "without-sensitive"]
    arguments += ["--recipient", "Acme", "--purpose", "analytics", "--out", str(out)]
    code = (
        "import resource, sys; from entrepot.node.cli import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000)); main(sys.argv[1:])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "clear", str(table), *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 8, done.stderr
    assert "error:" in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["facts.yaml", "home", "in"]
    checks = audit(home, (PORT,))
    assert all(check.passed for check in checks)


def test_clear_refuses_with_reasons_and_exit_1(table: Path, facts: Path, tmp_path: Path) -> None:
    result = clearing(table, facts, tmp_path, "--way", "as-is", "--json")
    assert result.return_value == 1
    found = json.loads(result.output)
    assert found["granted"] is False
    assert any(reason["code"] == "duty.CN-P-8/contract" for reason in found["reasons"])
    assert not (tmp_path / "out").exists()
    shown = clearing(table, facts, tmp_path, "--way", "0")
    assert shown.return_value == 1 and "Refused" in shown.output


def test_a_way_that_is_not_there_is_named(table: Path, facts: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such way") as raised:
        clearing(table, facts, tmp_path, "--way", "teleport")
    assert "without-sensitive" in str(raised.value)
    with pytest.raises(InvalidInput, match="evidence"):
        clearing(table, facts, tmp_path, "--evidence", "nothing")


@pytest.mark.parametrize(
    ("option", "error"),
    [
        (["--fact", "exporter.ciio"], "NAME=VALUE"),
        (["--fact", "exporter.cio=true"], "unknown fact"),
        (["--fact", "exporter.ciio=maybe"], "cannot have this value"),
        (["--fact", "persons.total=-1"], "cannot have this value"),
    ],
)
def test_wrong_facts_are_said_at_once(option: list[str], error: str) -> None:
    with pytest.raises(InvalidInput, match=error):
        run("assess", *ROUTE, *option)


def test_unknown_places_profiles_and_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput):
        run("assess", "--from", "CN", "--to", "ATLANTIS")
    with pytest.raises(NotFound):
        run("assess", "--from", "CN", "--to", "DE", "--profile", "nobody")
    with pytest.raises(NotFound):
        run("assess", *ROUTE, "--facts", tmp_path / "absent.yaml")
    with pytest.raises(NotFound):
        run("assess", tmp_path / "absent.csv", *ROUTE)
    with pytest.raises(NotFound):
        run("verify", tmp_path / "absent")


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [1\n", "a: &x 1\nb: *x\n", "just words"])
def test_a_file_that_is_no_facts_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "facts.yaml"
    path.write_text(text)
    with pytest.raises(InvalidInput):
        declared_facts(Library.load(), path, (), None)


def test_options_beat_the_file_and_the_file_the_profile(tmp_path: Path) -> None:
    library = Library.load()
    path = tmp_path / "facts.yaml"
    path.write_text("facts:\n  exporter.ciio: true\n  exporter:\n    kind: association\n")
    found = declared_facts(library, path, ["exporter.ciio=false"], "ordinary-company")
    assert found["exporter.ciio"] is False
    assert found["exporter.kind"] == "association"
    assert found["data.class"] == "general"
    assert (
        scalar("1_000") == 1_000
        and scalar("[a, b]") == ["a", "b"]
        and scalar("a: b: c") == ("a: b: c")
    )


def test_every_code_of_refusal_has_its_heading() -> None:
    text = (Path(__file__).parents[2] / "docs" / "reference" / "certificate.md").read_text()
    for code in Code:
        assert f"### {code.value}\n" in text


def _alone(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "entrepot", *[str(argument) for argument in arguments]],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("assess", "--from", "CN", "--json"),
        ("clear", "--json"),
        ("assess", "--from", "CN", "--to", "DE", "--as-of", "2024-02-30", "--json"),
        ("plan", "x.csv", *ROUTE, "--k", "9" * 30, "--json"),
        ("law", "show", "--nonsense", "--json"),
    ],
)
def test_a_misused_option_is_one_problem_object_with_json(arguments: tuple[str, ...]) -> None:
    done = _alone(*arguments)
    problem = json.loads(done.stdout)
    assert done.returncode == problem["exit_code"] == 2
    assert problem["type"] == "urn:entrepot:error:invalid-input" and problem["title"]


@pytest.mark.slow
def test_what_strangers_wrote_cannot_steer_the_screen(tmp_path: Path, facts: Path) -> None:
    table = tmp_path / "evil.csv"
    rows = [f"C{n:05d},n{n}@example.org,{n % 3},v" for n in range(60)]
    table.write_text("id,email,\x1b[2J\x1b[31mred,\u202egnp.exe\n" + "\n".join(rows) + "\n")
    for arguments in (("inspect", table), ("plan", table, *ROUTE, "--facts", facts)):
        done = _alone(*arguments)
        assert done.returncode in (0, 1), done.stderr
        assert "\x1b" not in done.stdout + done.stderr
        assert "\u202e" not in done.stdout + done.stderr
        assert "\ufffd[2J" in done.stdout
    missing = _alone("inspect", tmp_path / "no\x1b[31m.csv")
    assert missing.returncode == 6 and "\x1b" not in missing.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_standard_output_is_a_storage_error(table: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "entrepot", "inspect", str(table), "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == 8
    assert json.loads(done.stderr)["type"] == "urn:entrepot:error:storage"
