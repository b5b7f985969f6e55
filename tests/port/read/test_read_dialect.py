"""The layout of delimited text is found from its content."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.port.model import FileReport
from entrepot.port.read import as_text, open_dataset


def reading(
    tmp_path: Path, text: str
) -> tuple[list[str], list[tuple[str | None, ...]], FileReport]:
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    with open_dataset(path) as dataset:
        names = [column.name for column in dataset.columns]
        rows = [
            row
            for frame in dataset.batches()
            for row in frame.select([as_text(series) for series in frame]).rows()
        ]
        return names, rows, dataset.file


CASES: list[tuple[str, str, list[str], list[tuple[str | None, ...]]]] = [
    (
        "decimal commas",
        "name;amount;rate\nA;1,5;2,25\nB;2,5;3,50\n",
        ["name", "amount", "rate"],
        [("A", "1,5", "2,25"), ("B", "2,5", "3,50")],
    ),
    (
        "times do not make a colon table",
        "id,at\n1,12:30:05\n2,13:31:06\n3,14:32:07\n",
        ["id", "at"],
        [("1", "12:30:05"), ("2", "13:31:06"), ("3", "14:32:07")],
    ),
    (
        "single quotes",
        "a,b\n'x, y','it''s'\n'z','w'\n",
        ["a", "b"],
        [("x, y", "it's"), ("z", "w")],
    ),
    (
        "backslash escapes",
        'a,b,c\n1,"say \\"hi, you\\"",x\n2,"plain",y\n3,"q\\"q",z\n',
        ["a", "b", "c"],
        [("1", 'say "hi, you"', "x"), ("2", "plain", "y"), ("3", 'q"q', "z")],
    ),
    (
        "blanks before quotes",
        'a, b, c\n1, "x, y", z\n2, "u, v", w\n',
        ["a", "b", "c"],
        [("1", "x, y", "z"), ("2", "u, v", "w")],
    ),
    (
        "comment lines above",
        "# exported 2024\n# by the office\nid|name\n1|A\n2|B\n",
        ["id", "name"],
        [("1", "A"), ("2", "B")],
    ),
    (
        "a commented header",
        "#id\tname\tcity\n1\tA\tX\n2\tB\tY\n",
        ["#id", "name", "city"],
        [("1", "A", "X"), ("2", "B", "Y")],
    ),
    (
        "a title above",
        "Customer list\n\nid,name,city\n1,A,X\n2,B,Y\n3,C,Z\n",
        ["id", "name", "city"],
        [("1", "A", "X"), ("2", "B", "Y"), ("3", "C", "Z")],
    ),
    (
        "a title above two columns",
        "Customer list\n\nid,name\n1,A\n2,B\n3,C\n",
        ["id", "name"],
        [("1", "A"), ("2", "B"), ("3", "C")],
    ),
    (
        "a padded title and an empty line above",
        "Customer list,,\n\nid,name,city\n1,A,X\n2,B,Y\n",
        ["id", "name", "city"],
        [("1", "A", "X"), ("2", "B", "Y")],
    ),
    (
        "a padded title and a padded empty line above",
        "Customer list;;\r\n;;\r\nname;city;land\r\nA;X;U\r\nB;Y;V\r\n",
        ["name", "city", "land"],
        [("A", "X", "U"), ("B", "Y", "V")],
    ),
    (
        "a padded title right above, and numbers under the header",
        "Customer list,,\nid,name,city\n1,A,X\n2,B,Y\n",
        ["id", "name", "city"],
        [("1", "A", "X"), ("2", "B", "Y")],
    ),
    (
        "a padded title block of several lines",
        '"List, all",,,\nExported,2024-01-01,,\n,,,\nid,name,,mail\n1,A,X,a@b.org\n2,B,Y,c@d.org\n',
        ["id", "name", "col_3", "mail"],
        [("1", "A", "X", "a@b.org"), ("2", "B", "Y", "c@d.org")],
    ),
    (
        "a padded title over two columns",
        "Customer list,\n,\nid,name\n1,A\n2,B\n",
        ["id", "name"],
        [("1", "A"), ("2", "B")],
    ),
    (
        "padded empty lines above",
        ",,\n,,\nid,name,city\n1,A,X\n2,B,Y\n",
        ["id", "name", "city"],
        [("1", "A", "X"), ("2", "B", "Y")],
    ),
    (
        "a header of one name is no title",
        "name,,\nBob,London,UK\nAl,Paris,FR\n",
        ["name", "col_2", "col_3"],
        [("Bob", "London", "UK"), ("Al", "Paris", "FR")],
    ),
    (
        "a sparse first row is no title",
        "1,,\n2,a,b\n3,c,d\n",
        ["col_1", "col_2", "col_3"],
        [("1", None, None), ("2", "a", "b"), ("3", "c", "d")],
    ),
    (
        "Excel's separator hint",
        "sep=;\nid;name\n1;A\n2;B\n",
        ["id", "name"],
        [("1", "A"), ("2", "B")],
    ),
    (
        "no header",
        "1,2024-01-01,a@b.org\n2,2024-01-02,c@d.org\n",
        ["col_1", "col_2", "col_3"],
        [("1", "2024-01-01", "a@b.org"), ("2", "2024-01-02", "c@d.org")],
    ),
    (
        "row names without a header (write.table)",
        "name\tcity\nr1\tA\tX\nr2\tB\tY\nr3\tC\tZ\n",
        ["col_1", "name", "city"],
        [("r1", "A", "X"), ("r2", "B", "Y"), ("r3", "C", "Z")],
    ),
    (
        "repeated and empty headers",
        "id,,id,id_2,\n1,2,3,4,5\n6,7,8,9,0\n",
        ["id", "col_2", "id_3", "id_2", "col_5"],
        [("1", "2", "3", "4", "5"), ("6", "7", "8", "9", "0")],
    ),
    (
        "one column of prose",
        "comment\nI like it, really\nfine\nnot, so, good\nok\n",
        ["comment"],
        [("I like it, really",), ("fine",), ("not, so, good",), ("ok",)],
    ),
    (
        "one column of names",
        "name\nDoe, Jane\nRoe, Richard\nPoe, Anna\n",
        ["name"],
        [("Doe, Jane",), ("Roe, Richard",), ("Poe, Anna",)],
    ),
    (
        "one column with nothing in places",
        "mail\na@b.org\n\nc@d.org\n",
        ["mail"],
        [("a@b.org",), (None,), ("c@d.org",)],
    ),
    (
        "inches are not quotes",
        'id\tsize\tnote\n1\t5" disk\tx\n2\t3" disk\ty\n3\t8"\tz\n',
        ["id", "size", "note"],
        [("1", '5" disk', "x"), ("2", '3" disk', "y"), ("3", '8"', "z")],
    ),
    (
        "no line end at the end",
        "a,b\n1,2",
        ["a", "b"],
        [("1", "2")],
    ),
    (
        "Chinese header and values",
        "姓名，手机\n王伟，13800000000\n李娜，13900000000\n",
        ["姓名", "手机"],
        [("王伟", "13800000000"), ("李娜", "13900000000")],
    ),
]


@pytest.mark.parametrize(("label", "text", "names", "rows"), CASES, ids=[case[0] for case in CASES])
def test_layouts(
    tmp_path: Path, label: str, text: str, names: list[str], rows: list[tuple[str | None, ...]]
) -> None:
    got_names, got_rows, _ = reading(tmp_path, text)
    assert (got_names, got_rows) == (names, rows)


def test_the_report_says_what_was_assumed(tmp_path: Path) -> None:
    _, _, report = reading(tmp_path, "# a\n# b\r\n1;2;3\r\n4;5;6\r\n")
    assert report.dialect == {
        "delimiter": ";",
        "quote": '"',
        "escape": "doubled quote",
        "header": "no",
        "preamble_records": "2",
        "line_ending": "crlf",
    }
    assert report.warnings == [
        "no header row; columns called col_N by position",
        "2 records before the table left out (comment or title)",
    ]


def test_a_header_of_years_above_numbers_is_still_a_guess_that_is_stated(tmp_path: Path) -> None:
    names, rows, report = reading(tmp_path, "country,2019,2020\nDE,1.5,2.5\nFR,3.5,4.5\n")
    assert len(rows) + (report.dialect["header"] == "yes") == 3
    assert len(names) == 3


def test_quoted_fields_over_many_lines_and_blocks(tmp_path: Path) -> None:
    cell = "line\n" * 20_000 + 'a "quoted" end'
    doubled = cell.replace('"', '""')
    text = "id,note,x\n" + "".join(f'{at},"{doubled}",y\n' for at in range(60))
    _, rows, _ = reading(tmp_path, text)
    assert len(rows) == 60 and all(row[1] == cell for row in rows)


@pytest.mark.parametrize("text", ["Name\nAnna Müller\n", "when\n10:30\n11:45\n", "Ort\nBad Ems\n"])
def test_a_word_break_in_a_short_column_is_no_delimiter(tmp_path: Path, text: str) -> None:
    names, rows, _ = reading(tmp_path, text)
    assert names == [text.split("\n")[0]]
    assert rows == [(cell,) for cell in text.split("\n")[1:-1]]
