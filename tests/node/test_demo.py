"""The main job of the README, run through the installed command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ENTREPOT = Path(sys.executable).with_name("entrepot")
CHECKOUT = Path(__file__).resolve().parents[2]
WIDE = 200
"""Columns, so that no table cell wraps."""


def run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ENTREPOT), *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": str(WIDE), "HOME": str(cwd / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run("demo", "--rows", 3_000, "--out", "shown", cwd=folder)


def route_on(day: str, shown: str) -> str:
    """Return the first word of the route beside a day in the table of routes."""
    found = re.search(rf"^ *{day} +([A-Z_]+)", shown, re.MULTILINE)
    assert found, f"no route for {day}"
    return found[1]


@pytest.mark.slow
def test_the_demo_runs_to_its_end(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = demo
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""
    assert "Anonymous? no: 7,800 of 14,938 rows" in result.stdout
    assert (folder / "shown" / "clearance" / "report.html").stat().st_size > 10_000
    # Nothing of it lands in the reader's own home.
    assert not (folder / "home").exists()


@pytest.mark.slow
def test_three_days_of_law_give_three_routes(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    shown = demo[1].stdout.partition("(b)")[2]
    assert route_on("2023-06-01", shown) == "SECURITY_ASSESSMENT"
    assert route_on("2024-04-01", shown) == "CONTRACT_FILING"
    # The third day is the reader's own; its route stands after the two others.
    routes = re.findall(r"^ *(\d{4}-\d\d-\d\d) +([A-Z_]+)", shown, re.MULTILINE)
    assert [day for day, _ in routes][:2] == ["2023-06-01", "2024-04-01"]
    assert len(routes) == 3
    assert routes[2][1] == "EXEMPT"
    for article in ("Order 11", "art 4(3)", "Order 16", "art 8", "2024 Provisions art 6"):
        assert article in shown


@pytest.mark.slow
def test_every_step_of_the_verification_is_shown_as_ok(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, result = demo
    steps = re.findall(r"^ +(\d+) (ok|FAILED|note) +(\S.*?):", result.stdout, re.MULTILINE)
    assert [int(number) for number, outcome, _ in steps if outcome == "ok"] == list(range(1, 11))
    assert not [name for _, outcome, name in steps if outcome == "FAILED"]
    # The folder also holds for a stranger who runs the command.
    assert run("verify", folder / "shown" / "clearance", cwd=folder).returncode == 0


@pytest.mark.slow
def test_the_demo_never_overwrites(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, _ = demo
    again = run("demo", "--rows", 10, "--out", "shown", cwd=folder)
    assert again.returncode == 7
    assert "the folder exists" in again.stderr
    assert run("demo", "--rows", 0, "--out", "other", cwd=folder).returncode == 2
    assert not (folder / "other").exists()


def test_the_examples_that_the_demo_reads_are_named_in_their_index() -> None:
    index = (CHECKOUT / "examples" / "README.md").read_text()
    for path in (CHECKOUT / "examples").iterdir():
        assert path.name == "README.md" or f"`{path.name}`" in index
