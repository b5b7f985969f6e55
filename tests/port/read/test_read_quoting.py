"""Quoted text is never cut at a delimiter, whatever the delimiter and however regular the cuts."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot.port.read import as_text, open_dataset
from entrepot.port.read.dialect import Dialect, detect_dialect
from entrepot.port.read.quoting import Quotes, count_quotes

pytestmark = pytest.mark.slow  # end to end, many times over: part of `make test`

DELIMITERS = [",", ";", "\t", "|"]
STREETS = ["High St", "Mill Lane", "Rue de l'Eau", "Am Markt", "Königsallee"]
TOWNS = ["Leeds", "York", "Lyon", "Ulm", "Düsseldorf"]

word = st.sampled_from(["alpha", "Beta", "gamma ray", "O'Brien", "delta-4", "42", "3.50", "Zoë"])
awkward = st.text(alphabet="ab ,;|\t\"'\n\r:", min_size=1, max_size=12).map(lambda s: f"x{s}y")
quoted_edges = st.sampled_from(['"all of it"', 'said "no"', '"Bob" Smith', 'a ""b"" c', '5" disk'])


@st.composite
def constant_cells(draw: st.DrawFn, rows: int) -> list[str]:
    """Cells that hold the same signs the same number of times: the trap for counting fields."""
    parts, sign = draw(st.integers(2, 5)), draw(st.sampled_from([", ", ",", "; ", ";", "|", "\t"]))
    pool = [f"{n} {street}" for n in (1, 7, 12) for street in STREETS] + TOWNS
    cells = draw(
        st.lists(
            st.lists(st.sampled_from(pool), min_size=parts, max_size=parts),
            min_size=rows,
            max_size=rows,
        )
    )
    return [sign.join(cell) for cell in cells]


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    """A header of plain names and rows, at least one of whose columns is text."""
    rows, width = draw(st.integers(2, 12)), draw(st.integers(1, 5))
    columns = [[str(1000 + at) for at in range(rows)]]
    for _ in range(width):
        cells = st.lists(st.one_of(word, awkward, quoted_edges), min_size=rows, max_size=rows)
        columns.append(draw(st.one_of(cells, constant_cells(rows))))
    if draw(st.booleans()):
        columns.reverse()
    header = [f"column_{'abcdefgh'[at]}" for at in range(len(columns))]
    return [header, *map(list, zip(*columns, strict=True))]


def written(rows: list[list[str]], delimiter: str, quoting: int, quote: str = '"') -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, quoting=quoting, quotechar=quote).writerows(rows)  # type: ignore[arg-type]
    return out.getvalue()


def read_back(path: Path) -> list[list[str | None]]:
    with open_dataset(path) as dataset:
        header: list[str | None] = [column.header for column in dataset.columns]
        return [header] + [
            list(row)
            for frame in dataset.batches()
            for row in frame.select([as_text(series) for series in frame]).rows()
        ]


def detected(text: str) -> Dialect:
    return detect_dialect(text, complete=True)


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["minimal", "all"])
@pytest.mark.parametrize("delimiter", DELIMITERS, ids=["comma", "semicolon", "tab", "bar"])
@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=tables())
def test_what_a_csv_writer_wrote_is_read_back(
    tmp_path: Path, delimiter: str, quoting: int, rows: list[list[str]]
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(written(rows, delimiter, quoting).encode())
    assert read_back(path) == rows


@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL], ids=["minimal", "all"])
@pytest.mark.parametrize("delimiter", DELIMITERS, ids=["comma", "semicolon", "tab", "bar"])
@pytest.mark.parametrize("signs", range(1, 9))
def test_a_constant_number_of_delimiters_in_quotes(
    tmp_path: Path, delimiter: str, quoting: int, signs: int
) -> None:
    rows = [["name", "address", "joined"]] + [
        [
            f"Hall{delimiter} {TOWNS[at % 5]}",
            f"{delimiter} ".join([f"{at} High St", *["Leeds"] * signs]),
            f"2024-01-{at:02}",
        ]
        for at in range(1, 25)
    ]
    path = tmp_path / "t.csv"
    path.write_bytes(written(rows, delimiter, quoting).encode())
    assert read_back(path) == rows


def test_one_column_of_quoted_addresses(tmp_path: Path) -> None:
    rows = [["address"], *([f"{at} High St, Leeds, LS1"] for at in range(1, 9))]
    path = tmp_path / "t.csv"
    path.write_text(written(rows, ",", csv.QUOTE_MINIMAL))
    assert read_back(path) == rows


@pytest.mark.parametrize("delimiter", DELIMITERS, ids=["comma", "semicolon", "tab", "bar"])
def test_single_quotes_around_a_constant_number_of_delimiters(
    tmp_path: Path, delimiter: str
) -> None:
    rows = [["id", "name", "address"]] + [
        [str(at), f"O'Hara{delimiter} {TOWNS[at % 5]}", f"{at} High St{delimiter} Leeds"]
        for at in range(1, 25)
    ]
    path = tmp_path / "t.csv"
    path.write_bytes(written(rows, delimiter, csv.QUOTE_MINIMAL, "'").encode())
    assert read_back(path) == rows


def test_backslash_escapes_around_a_constant_number_of_delimiters() -> None:
    rows = "".join(f'{at},"the \\"Old\\" Mill, Leeds, LS{at}",x\n' for at in range(20))
    dialect = detected("id,place,c\n" + rows)
    assert (dialect.quote, dialect.escape, dialect.fields) == ('"', "\\", 3)


def test_a_quote_cut_off_by_the_end_of_the_sample_still_counts() -> None:
    text = "id,address\n" + "".join(f'{at},"{at} High St, Leeds, LS1"\n' for at in range(50))
    for cut in range(len(text) - 40, len(text)):
        dialect = detect_dialect(text[:cut], complete=False)
        assert (dialect.quote, dialect.header) == ('"', ["id", "address"])


def test_apostrophes_are_no_quotes() -> None:
    rows = "".join(f"{at}\t'tis the {at}th\tO'Neil\n" for at in range(9))
    assert detected(f"id\tnote\tname\n{rows}").quote == '"'
    text = "id,note\n1,'tis\n2,it's\n3,'quoted'\n4,x\n5,y\n6,z\n"
    assert detected(text).quote == '"'


def test_unquoted_text_with_another_delimiter_in_it() -> None:
    rows = "".join(f"Hall, Tom {at};{at} High St, Leeds, LS1, UK, Europe;x\n" for at in range(9))
    dialect = detected(f"name;address;c\n{rows}")
    assert (dialect.delimiter, dialect.header) == (";", ["name", "address", "c"])


@pytest.mark.parametrize(
    ("text", "quote", "escape", "skip", "found"),
    [
        ('a,"b, c",d\n', '"', "", False, Quotes(1, 1)),
        ('"a","b"\r\n"c","d"', '"', "", False, Quotes(4, 0)),
        ('a,"say ""x"""\n', '"', "", False, Quotes(1, 1)),
        ('a,""\n"",b\n', '"', "", False, Quotes(2, 0)),
        ('a,5" disk\n', '"', "", False, None),
        ('a,"b"c\n', '"', "", False, None),
        ('a,"b\n', '"', "", False, None),
        ('a, "b, c"\n', '"', "", False, None),
        ('a, "b, c"\n', '"', "", True, Quotes(1, 1)),
        ('a,"b\\"c"\n', '"', "", False, None),
        ('a,"b\\"c"\n', '"', "\\", False, Quotes(1, 1)),
        ("a,'it''s'\n", "'", "", False, Quotes(1, 1)),
        ("a,b\nc,d\n", '"', "", False, Quotes(0, 0)),
    ],
)
def test_grammar_of_quotes(
    text: str, quote: str, escape: str, skip: bool, found: Quotes | None
) -> None:
    assert count_quotes(text, ",", quote, escape, skip_spaces=skip, complete=True) == found


def test_a_stray_quote_is_not_taken_for_a_long_open_text() -> None:
    text = '1,"a"\n2,"never closed\n' + "3,b\n" * 100
    assert count_quotes(text, ",", '"', "", skip_spaces=False, complete=False) is None
