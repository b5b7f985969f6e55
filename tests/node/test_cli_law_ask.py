"""`entrepot law ask`, with answers from a file, one question at a time, and on a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from entrepot.law import Library
from entrepot.node.cli import cli
from entrepot.node.commands import lawask

FLOW = ["--from", "CN", "--to", "DE", "--as-of", "2026-11-22"]


def run(*arguments: str, text: str | None = None) -> str:
    result = CliRunner().invoke(cli, ["law", "ask", *arguments], input=text)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    facts = Library.load().profile("retail-customers")
    path = tmp_path / "answers.yaml"
    path.write_text("\n".join(f"{name}: {json.dumps(value)}" for name, value in facts.items()))
    return path


def test_the_facts_file_gives_the_same_assessment(answers: Path, tmp_path: Path) -> None:
    output = tmp_path / "facts.yaml"
    told = json.loads(run(*FLOW, "--answers", str(answers), "-o", str(output), "--json"))
    assert told["next"] is None
    assert 5 < len(told["asked"]) < 20
    again = CliRunner().invoke(cli, ["assess", *FLOW, "--facts", str(output), "--json"])
    assessed = json.loads(again.output)
    for key in ("outcome", "status", "sides", "duties", "missing"):
        assert assessed[key] == told["assessment"][key]
    assert "# Does the data relate to persons?" in output.read_text()


def test_a_program_asks_one_question_at_a_time() -> None:
    first = json.loads(run(*FLOW, "--json"))
    assert first["asked"] == [] and first["next"]["fact"] == "data.class"
    assert first["next"]["because"] and first["next"]["branches"]
    second = json.loads(run(*FLOW, "--json", "--fact", "data.class=state_secret"))
    assert second["assessment"]["outcome"] != "NEEDS_FACT"


def test_a_person_is_told_why_may_leave_open_and_may_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lawask, "is_asking", lambda: True)
    text = run("--as-of", "2026-11-22", text="China\nDE\n?\nnonsense\n1\n\nstop\n")
    assert "important or core" in text and "because of CN-" in text
    assert "cannot have this value" in text
    assert "1 questions" in text or "2 questions" in text
    assert "next: " in text


def test_where_nobody_can_be_asked_the_places_must_be_given() -> None:
    result = CliRunner().invoke(cli, ["law", "ask", "--to", "DE"])
    assert result.exit_code != 0
