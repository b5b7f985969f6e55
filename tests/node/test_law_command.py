"""`entrepot law …` as a user meets it: output, JSON, exit codes."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from entrepot.node.cli import main

TOY = Path(__file__).parent.parent / "law" / "toy"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["law", *arguments])
    captured = capsys.readouterr()
    code = stopped.value.code
    return (code if isinstance(code, int) else 0), captured.out, captured.err


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The toy law with a second rulebook that does not load."""
    root = tmp_path / "laws"
    shutil.copytree(TOY, root)
    (root / "zz" / "torn.md").write_text("---\nid: torn\n---\n")
    return root


def test_list_names_rulebooks_and_faults(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    code, out, err = run(capsys, "list", "--laws", str(broken))
    assert code == 0
    assert "toy-act" in out and "The Toy Act" in out
    assert "zz/torn.md:" in err and "missing required field" in err
    code, out, _ = run(capsys, "list", "--laws", str(broken), "--json", "--as-of", "2019-12-31")
    listed = json.loads(out)
    assert listed["rulebooks"] == [] and list(listed["faults"]) == ["zz/torn.md"]


def test_list_refuses_a_day_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "list", "--as-of", "yesterday")
    assert (code, "'yesterday' is not a date" in err) == (2, True)


def test_a_profile_is_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0 and "ordinary-company" in out.partition("profiles: ")[2]
    code, out, _ = run(capsys, "show", "ordinary-company")
    assert (code, "exporter.ciio = false" in out) == (0, True)
    code, out, _ = run(capsys, "show", "ordinary-company", "--json")
    assert json.loads(out)["exporter.kind"] == "company"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("toy-act", "Article 4: adequacy"),
        ("toy", "Nothing fits."),
        ("T-4", "read by   TOY-Q1"),
        ("T-3", "security_controls (before transfer)"),
        ("T-8", "Tell the persons."),
        ("toy.bulk", "10,000 persons"),
        ("toy.adequacy", "ADQ-CN"),
        ("ADQ-CN", "2021-01-01 to 2025-01-01"),
        ("TOY-Q1", "Listed means listed on the day."),
        ("deal.kind", "brokerage"),
        ("persons.bulk", "derived   true when persons.total > value(toy.bulk)"),
    ],
)
def test_show_renders_every_kind_of_thing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str, said: str
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    code, out, _ = run(capsys, "show", name, "--laws", str(TOY))
    assert code == 0 and said in out
    code, out, _ = run(capsys, "show", name, "--laws", str(TOY), "--json")
    assert code == 0 and json.loads(out)


def test_show_says_what_is_wrong(capsys: pytest.CaptureFixture[str], broken: Path) -> None:
    code, _, err = run(capsys, "show", "T-44", "--laws", str(broken))
    assert (code, "did you mean T-4" in err) == (6, True)
    code, _, err = run(capsys, "show", "torn", "--laws", str(broken))
    assert (code, "zz/torn.md:2" in err) == (4, True)


def test_facts_of_one_regime(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "facts", "--laws", str(TOY), "--json")
    everything = json.loads(out)
    code, out, _ = run(capsys, "facts", "--regime", "toy", "--laws", str(TOY), "--json")
    read = {fact["name"] for fact in json.loads(out)}
    assert code == 0 and len(read) < len(everything)
    assert {"recipient.listed", "deal.kind", "controls.met"} <= read and "data.sectors" not in read
    assert run(capsys, "facts", "--regime", "tyo", "--laws", str(TOY))[0] == 2


def test_check_ends_with_the_count_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, broken: Path
) -> None:
    cases = tmp_path / "mine.yaml"
    row = (
        "- {name: %s, from: US, to: CN, as_of: 2024-06-01, expect: {outcome: %s}, "
        "facts: {data.personal: false, data.government: false}}\n"
    )
    cases.write_text(row % ("free", "FREE"))
    code, out, _ = run(capsys, "check", "--cases", str(cases), "--laws", str(TOY))
    assert (code, out) == (0, "1 passed, 0 failed\n")
    cases.write_text(row % ("free", "FREE") + row % ("barred", "PROHIBITED"))
    code, out, _ = run(capsys, "check", "--cases", str(cases), "--laws", str(TOY))
    assert code == 1 and out.endswith("\n1 passed, 1 failed\n")
    assert f"FAILED barred  ({cases}:2)" in out
    assert "outcome: expected PROHIBITED, got FREE" in out and "T-1 FREE [art 1]" in out
    code, out, _ = run(capsys, "check", "--cases", str(cases), "--laws", str(broken), "--json")
    report = json.loads(out)
    assert code == 1 and (report["passed"], report["failed"]) == (1, 1)
    assert "zz/torn.md" in report["faults"]
    assert run(capsys, "check", "--cases", str(tmp_path / "none"), "--laws", str(TOY))[0] == 6


TREATY = """---
id: a-pact
regime: none
jurisdiction: US
title: A Pact
issuer: Two states
authority: treaty
source: invented for tests
from: 2021-01-01
verified_on: 2026-11-22
evidence: m
---
```commitment
id: PACT-1
article: art 1
between: flow.from == US and flow.to == CN
says: Each party shall allow toys to pass.
exception: Toys that bite.
```
"""


def test_a_commitment_is_listed_shown_and_decides_nothing(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = tmp_path / "laws"
    shutil.copytree(TOY, root)
    (root / "zz" / "pact.md").write_text(TREATY)
    laws = ("--laws", str(root))
    _, out, _ = run(capsys, "list", *laws)
    assert "treaties that decide nothing" in out and "1 promises" in out
    _, out, _ = run(capsys, "list", *laws, "--json")
    listed = {book["id"]: book["commitments"] for book in json.loads(out)["rulebooks"]}
    assert listed == {"a-pact": ["PACT-1"], "toy-act": []}
    _, out, _ = run(capsys, "show", "PACT-1", *laws)
    assert "except    Toys that bite." in out and "decides nothing" in out
    _, out, _ = run(capsys, "show", "PACT-1", *laws, "--json")
    assert json.loads(out)["block"]["between"] == "flow.from == US and flow.to == CN"


def test_assess_prints_commitments_apart(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = tmp_path / "laws"
    shutil.copytree(TOY, root)
    (root / "zz" / "pact.md").write_text(TREATY)
    order = ["assess", "--from", "US", "--to", "CN", "--as-of", "2024-01-01", "--no-ask"]
    main_arguments = [*order, "--laws", str(root)]
    with pytest.raises(SystemExit):
        main(main_arguments)
    out = capsys.readouterr().out
    assert "What the states promised each other" in out and "decides nothing" in out
    assert "except: Toys that bite." in out


def recorded(capsys: pytest.CaptureFixture[str], root: Path, path: Path) -> Path:
    _, out, _ = run(capsys, "list", "--json", "--laws", str(root))
    path.write_text(out)
    return path


def test_check_names_every_file_that_is_not_as_recorded(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root, cases = tmp_path / "laws", tmp_path / "a.cases.yaml"
    shutil.copytree(TOY, root)
    cases.write_text("- {name: a, from: US, to: CN, as_of: 2024-01-01, expect: {status: barred}}")
    hashes = recorded(capsys, root, tmp_path / "hashes.json")
    order = ("check", "--laws", str(root), "--cases", str(cases), "--hashes", str(hashes))
    assert run(capsys, *order)[0] == 0
    book = root / "zz" / "toy-act.md"
    book.write_text(book.read_text().replace("value: 1_000}", "value: 9_999}"))
    (root / "zz" / "pact.md").write_text(TREATY)
    (root / "facts" / "derived.yaml").write_text("")
    code, out, err = run(capsys, *order)
    assert (code, out) == (5, "")
    assert "hash mismatch: facts/derived.yaml has changed; zz/toy-act.md has changed;" in err
    assert "zz/pact.md is new" in err
    book.unlink()
    assert "zz/toy-act.md is gone" in run(capsys, *order)[2]


def test_check_reads_the_hashes_of_a_certificate(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root, cases = tmp_path / "laws", tmp_path / "a.cases.yaml"
    shutil.copytree(TOY, root)
    cases.write_text("- {name: a, from: US, to: CN, as_of: 2024-01-01, expect: {status: barred}}")
    book = root / "zz" / "toy-act.md"
    digest = hashlib.sha256(book.read_bytes()).hexdigest()
    hashes = tmp_path / "verified.json"
    hashes.write_text(json.dumps({"holds": True, "certificate": {"law": {"toy-act": digest}}}))
    order = ("check", "--laws", str(root), "--cases", str(cases), "--hashes", str(hashes))
    assert run(capsys, *order)[0] == 0
    book.write_text(book.read_text() + "\n")
    code, _, err = run(capsys, *order)
    assert (code, "zz/toy-act.md (toy-act) has changed" in err) == (5, True)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (None, 6, "no such file of recorded hashes"),
        ("{", 2, "not JSON"),
        ("[]", 2, "no recorded hashes"),
        ('{"a": "b"}', 2, "no recorded hashes"),
    ],
)
def test_recorded_hashes_that_are_none_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str | None, code: int, said: str
) -> None:
    path = tmp_path / "hashes.json"
    if text is not None:
        path.write_text(text)
    got, _, err = run(capsys, "check", "--laws", str(TOY), "--hashes", str(path))
    assert (got, said in err) == (code, True)


def test_check_names_an_unreachable_rule_with_file_and_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root, cases = tmp_path / "laws", tmp_path / "a.cases.yaml"
    shutil.copytree(TOY, root)
    cases.write_text("- {name: a, from: US, to: CN, as_of: 2024-01-01, expect: {status: barred}}")
    book = root / "zz" / "toy-act.md"
    text = book.read_text().replace("when: recipient.order\n", "when: data.hr and not data.hr\n")
    book.write_text(text)
    line = text.split("\n").index("when: data.hr and not data.hr") + 1
    order = ("check", "--laws", str(root), "--cases", str(cases))
    code, out, err = run(capsys, *order)
    assert code == 1 and "1 passed, 0 failed" in out
    assert f"zz/toy-act.md:{line}: unreachable rule T-2-ORDER: its condition contradicts" in err
    report = json.loads(run(capsys, *order, "--json")[1])
    assert list(report["faults"]) == [f"zz/toy-act.md:{line}"]


def test_request_hears_the_laws_and_leaves_the_conflict_to_a_person(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = [f"--fact=us.sca.{name}=true" for name in ("provider", "process", "control")]
    order = ("request", "--from", "DE", "--by", "US", "--as-of", "2026-01-15", *told)
    code, out, _ = run(capsys, *order, "--profile", "ordinary-company")
    assert code == 0
    assert "United States demands data held in Germany" in out
    assert "CONFLICT · undecided" in out
    assert out.index("orders the answer") < out.index("forbids the answer")
    code, out, _ = run(capsys, *order, "--profile", "ordinary-company", "--party", "CN", "--json")
    answer = json.loads(out)
    assert (code, answer["outcome"], answer["demand"]["parties"]) == (0, "CONFLICT", ["CN"])
    assert {law["regime"]: law["stance"] for law in answer["laws"]}["cn-transfer"] == "allows if"


def test_request_of_the_own_authority_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "request", "--from", "DE", "--by", "Germany")
    assert (code, "no foreign demand" in err) == (2, True)
