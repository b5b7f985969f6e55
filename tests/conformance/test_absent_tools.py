"""`make conformance` where foreign tools are absent: each is skipped by name, none by accident."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "conformance"))

import with_go
import with_javascript
import with_python
from findings import Finding, Skipped, parse_findings, run_tool
from holding import Run
from subject import Subject


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Subject:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("OMNIWITNESS", "OMNIWITNESS_KEYS"):
        monkeypatch.delenv(name, raising=False)
    return Subject(tmp_path, tmp_path / "home", tmp_path / "vkeys", [])


@pytest.mark.parametrize(
    ("check", "word"),
    [
        (with_go.read_our_log, "Go is not installed"),
        (with_go.be_witnessed, "Go is not installed"),
        (with_go.witness_us, "omniwitness"),
        (with_javascript.read_our_credentials, "Node.js"),
        (with_python.by_aics_tlog, r"Python 3\.12"),
    ],
)
def test_an_absent_tool_is_skipped_with_a_word(
    nothing_installed: Subject, check: Callable[[Subject], list[Finding]], word: str
) -> None:
    with pytest.raises(Skipped, match=word):
        check(nothing_installed)


def test_a_skipped_check_is_no_failure_and_a_failed_one_is(
    nothing_installed: Subject, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Run(as_json=False)
    run.hold("Go", with_go.read_our_log, nothing_installed)
    assert (len(run.skipped), run.failed) == (1, [])

    def fails(subject: Subject) -> list[Finding]:
        return run_tool([sys.executable, "-c", "import sys; sys.exit('a forgery was accepted')"])

    run.hold("Python", fails, nothing_installed)
    assert run.failed == ["Python"]
    said = capsys.readouterr().out
    assert "skipped  Go: Go is not installed" in said
    assert "FAILED   Python: a forgery was accepted" in said


def test_findings_are_the_lines_of_json() -> None:
    finding = Finding("tool", "1.0", "something", 2, 3)
    assert parse_findings(f"noise\n{finding.json()}\n") == [finding]
    assert "2 held, 3 forgeries refused" in finding.line()
