"""Counts over the rows of a whole inspected file."""

from pathlib import Path

import pytest

from entrepot.port import inspect as inspection
from entrepot.port.inspect import inspect_dataset


def _customers(path: Path) -> Path:
    """100 rows: 97 addresses, 3 rows without one, one row twice."""
    rows = [f"person{i}@example.com,Ada{i},{20 + i % 50}" for i in range(96)]
    rows += [rows[0]] + [f",Ada{i},{30 + i % 5}" for i in (200, 201, 202)]
    path.write_text("email,first_name,age\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_row_without_a_key_is_counted_once(tmp_path: Path) -> None:
    table = inspect_dataset(_customers(tmp_path / "c.csv"), sensitivities={}).table
    assert table.persons == 96 + 3
    assert "; 3 rows without it count as one person each" in table.persons_method


def test_duplicates_are_counted_up_to_the_limit_and_said_beyond(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _customers(tmp_path / "c.csv")
    assert inspect_dataset(path, sensitivities={}).table.duplicates == 1
    many = tmp_path / "many.csv"
    lines = "\n".join(f"u{i}@example.com,{i}" for i in range(40_000))
    many.write_text(f"email,n\n{lines}\n", encoding="utf-8")
    monkeypatch.setattr(inspection, "DUPLICATE_ROWS_MAX", 20_000)
    table = inspect_dataset(many, sensitivities={}).table
    assert table.duplicates == 0
    assert any("duplicate rows were not counted: more than 20,000" in q for q in table.quality)
