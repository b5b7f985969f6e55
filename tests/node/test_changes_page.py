"""The page on law that changes: its commands run as they stand there, its codes are all there."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from test_documents import CHECKOUT, blocks, follow

from entrepot.port.change.referrals import ChangeCode
from entrepot.port.change.updates import UpdateCode

PAGE = "docs/laws/changes.md"


@pytest.mark.slow
def test_the_page_leads_through_a_change_of_law(tmp_path: Path) -> None:
    (tmp_path / "tests/node").mkdir(parents=True)
    shutil.copy(CHECKOUT / "tests/node/twenty_clearances.py", tmp_path / "tests/node")
    steps = [step for step in blocks(PAGE) if step[0] == "bash"]
    shown = follow(tmp_path, steps)
    assert len(shown) == 9
    spring, new_year, twenty, eve, march, january, record, decided, fsck = shown
    assert "CN      loosened" in spring and "CN-P-5.4" in spring
    assert "CN-CSL-37 → CN-CSL-39  2026-01-01  same" in new_year
    assert twenty.count("clr-") == 20
    assert "0 affected" in eve
    assert "exit 1" in march and "CN-P-8" in march
    assert "exit 1" in january and "since 2026-01-01" in january
    assert "exit 1" in record and "referred by entry" in record
    assert "is upheld by A. Counsel" in decided
    assert "20 clearances under the law on record" in fsck and "all checks passed" in fsck


def test_every_code_has_its_heading() -> None:
    text = (CHECKOUT / PAGE).read_text()
    for code in [*UpdateCode, *ChangeCode]:
        assert f"### {code.value}\n" in text
