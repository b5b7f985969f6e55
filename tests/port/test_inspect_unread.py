"""What stands in the file but in no column is listed as not examined."""

from __future__ import annotations

from pathlib import Path

from openpyxl import Workbook
from openpyxl.comments import Comment

from entrepot.port.inspect import inspect_dataset


def test_a_title_left_out_is_not_examined(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("Customers of Dr Example,,\n,,\nid,name,city\n1,A,X\n2,B,Y\n")
    found = inspect_dataset(path, sensitivities={})
    assert found.rows == 2
    assert "2 records before the table left out (comment or title)" in found.not_examined


def test_comments_in_a_workbook_are_not_examined(tmp_path: Path) -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["id", "city"])
    sheet.append([1, "X"])
    sheet["B2"].comment = Comment("moved in with a friend", "clerk")
    path = tmp_path / "t.xlsx"
    book.save(path)
    found = inspect_dataset(path, sensitivities={})
    assert [line for line in found.not_examined if line.startswith("1 cell comment")]


def test_a_plain_table_has_nothing_left_out(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,name,city\n1,A,X\n2,B,Y\n")
    found = inspect_dataset(path, sensitivities={})
    assert not [line for line in found.not_examined if "left out" in line or "comment" in line]
