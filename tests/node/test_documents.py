"""What the documents tell a newcomer to type works as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
BLOCK = re.compile(
    r"^(?P<fence>`{3,4})(?P<kind>bash|yaml|markdown)\n(?P<body>.*?)^(?P=fence)$", re.M | re.S
)
NAMED = re.compile(r"# (?:added to )?(\S+\.yaml)\n")
MENTIONED = re.compile(r"`(mylaws/\S+\.md)`")


def blocks(path: str, after: str = "") -> list[tuple[str, str, str]]:
    """Return (kind, body, text before it) of the fenced blocks of a document after a heading."""
    text = (CHECKOUT / path).read_text().partition(after)[2] if after else ""
    text = text or (CHECKOUT / path).read_text()
    return [(m["kind"], m["body"], text[: m.start()]) for m in BLOCK.finditer(text)]


def follow(folder: Path, steps: list[tuple[str, str, str]]) -> list[str]:
    """Write each named block to its file and run each command; return the outputs."""
    shown = []
    for kind, body, before in steps:
        if kind == "bash":
            shown += [run(folder, line) for line in body.replace("\\\n", "").splitlines()]
            continue
        named = NAMED.match(body)
        name = named[1] if named else MENTIONED.findall(before)[-1]
        target = folder / name
        known = target.read_text() if body.startswith("# added") else ""
        target.write_text(known + body)
    return shown


def run(folder: Path, line: str) -> str:
    """Run one line as a shell does, with the installed command first on the path."""
    if line.startswith("source "):
        return ""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("ENTREPOT", "XDG"))}
    environment |= {"PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
    result = subprocess.run(
        line, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.mark.slow
def test_the_start_page_leads_to_a_verified_clearance(tmp_path: Path) -> None:
    steps = blocks("docs/start/clear-a-table.md")
    assert len([kind for kind, _, _ in steps if kind == "bash"]) == 5
    shown = "\n".join(follow(tmp_path, steps))
    for said in ("Missing facts", "Lawful ways, best first", "Cleared clr-", "Everything holds."):
        assert said in shown
    assert (tmp_path / "cleared" / "report.html").exists()


@pytest.mark.slow
def test_a_folder_of_law_can_be_written_from_its_page_alone(tmp_path: Path) -> None:
    shutil.copytree(CHECKOUT / "src/entrepot/laws", tmp_path / "src/entrepot/laws")
    shown = follow(tmp_path, blocks("docs/laws/rulebooks.md", "## Your own folder"))
    mine, every, answer = shown[-3:]
    assert mine.endswith("2 passed, 0 failed\n")
    assert "0 rules without a granting case" in every
    assert "0 rules without a refusing case" in every
    assert "CONTRACT · conditional" in answer or "CONTRACT · open" in answer


def test_the_example_of_the_page_on_cases_passes(tmp_path: Path) -> None:
    example = next(
        body for kind, body, _ in blocks("docs/reference/cases.md") if body.startswith("defaults")
    )
    (tmp_path / "mine.cases.yaml").write_text(example)
    assert run(tmp_path, "entrepot law check --cases mine.cases.yaml") == "1 passed, 0 failed\n"


@pytest.mark.parametrize("page", ["docs/laws/requests.md", "docs/reference/assessment.md"])
def test_the_example_of_a_page_prints_what_is_shown_there(tmp_path: Path, page: str) -> None:
    text = (CHECKOUT / page).read_text()
    ((_, command, _),) = [block for block in blocks(page) if block[0] == "bash"]
    found = " ".join(re.sub(r"[│╭╮╰╯─]", " ", run(tmp_path, command)).split())
    position = 0
    for line in text.partition("```text\n")[2].partition("```")[0].splitlines():
        wanted = " ".join(line.rstrip("… ").split())
        assert wanted in found[position:], line
        position = found.index(wanted, position)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "SECURITY.md"])
def test_what_a_page_links_to_is_there(page: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", (CHECKOUT / page).read_text()):
        assert (CHECKOUT / target).exists(), target


def test_every_command_the_readme_names_exists() -> None:
    from entrepot.node.cli import COMMANDS

    named = set(re.findall(r"entrepot (?!\w+ &&)([a-z]+) ", (CHECKOUT / "README.md").read_text()))
    assert {"inspect", "assess", "plan", "clear", "verify", "law"} <= named
    assert named <= set(COMMANDS)
