"""The page docs/reference/conformance.md: what a run found, and what no foreign client checks."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from findings import Finding

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "conformance.md"
FRAME = Path(__file__).with_name("page.md")
"""The page without its rows."""


def write_page(
    findings: Sequence[Finding], skipped: Sequence[tuple[str, str]], *, size: int, seconds: float
) -> None:
    """Write the page with the figures of this run; what was skipped is said on it."""
    day = datetime.datetime.now(datetime.UTC).date().isoformat()
    rows = [
        f"| {item.client} | {item.version} | {item.checked} | {item.held} | {item.rejected} |\n"
        for item in findings
    ]
    missed = [f"| {name} | - | skipped: {why} | - | - |\n" for name, why in skipped]
    told = {"size": size, "day": day, "seconds": seconds, "step": max(1, size // 100)}
    frame = FRAME.read_text(encoding="utf-8")
    PAGE.write_text(frame.format(rows="".join(rows + missed), **told), encoding="utf-8")
