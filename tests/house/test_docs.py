"""The documents keep up with the program: duty codes, commands, exit codes, links, README."""

import re
from pathlib import Path

import pytest

from entrepot.kernel import errors
from entrepot.node.cli import COMMANDS, DEFECT

ROOT = Path(__file__).resolve().parents[2]
LAWS = ROOT / "src" / "entrepot" / "laws"
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "examples").glob("*.md")]
)


def test_the_glossary_has_every_duty_code_and_no_other() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    explained = set(re.findall(r"^- `([a-z_]+)`:", text.split("## Duty codes")[1], re.MULTILINE))
    used = set()
    for path in LAWS.rglob("*.md"):
        used |= set(re.findall(r"\bcode: ([a-z_]+)", path.read_text()))
    assert explained == used


def test_the_readme_names_the_main_commands() -> None:
    text = (ROOT / "README.md").read_text()
    for command in ("inspect", "assess", "plan", "clear", "verify", "law"):
        assert f"entrepot {command}" in text, command
    assert set(re.findall(r"\bentrepot ([a-z]+) ", text)) - {"it"} <= set(COMMANDS)


def test_every_exit_code_is_documented() -> None:
    text = (ROOT / "docs" / "reference" / "exit-codes.md").read_text()
    classes = [
        c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, errors.Error)
    ]
    for code in {0, 1, 130, DEFECT, *(c.exit_code for c in classes)}:
        assert re.search(rf"^\|\s*{code}\s*\|", text, re.MULTILINE), code


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text()):
        if not re.match(r"[a-z]+:", target):
            assert (page.parent / target).exists(), f"{page.name} → {target}"
