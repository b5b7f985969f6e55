"""The toy law, and a way to write small laws for one test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.law import Library

TOY = Path(__file__).parent / "toy"


@pytest.fixture(scope="session")
def toy() -> Library:
    """The library of the toy law."""
    return Library.load(TOY)


@pytest.fixture
def law_folder(tmp_path: Path) -> Callable[..., Path]:
    """Write a folder of laws with the toy vocabulary and the given rulebook texts."""

    def write(*texts: str) -> Path:
        root = tmp_path / "laws"
        if not root.exists():
            shutil.copytree(TOY, root, ignore=shutil.ignore_patterns("zz", "derived.yaml"))
        (root / "us").mkdir(exist_ok=True)
        for number, text in enumerate(texts):
            (root / "us" / f"law-{number}.md").write_text(text, encoding="utf-8")
        return root

    return write
