"""Native types, nested data, workbooks with several sheets, and their text form."""

# ruff: noqa: DTZ001 - most formats store times without a zone

from __future__ import annotations

import datetime as dt
import io
import uuid
import zipfile
from decimal import Decimal
from pathlib import Path

import fastavro
import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest
from openpyxl.comments import Comment
from openpyxl.workbook.defined_name import DefinedName

from entrepot.kernel.errors import InvalidInput
from entrepot.port.read import as_text, as_values, open_dataset
from entrepot.port.read.xlsx_parts import is_date_format
from entrepot.port.read.xlsx_sheet import column_of, serial_text


def text_of(path: Path) -> dict[str, list[str | None]]:
    with open_dataset(path) as dataset:
        frame = pl.concat(list(dataset.batches()))
    return {series.name: as_text(series).to_list() for series in frame}


def dtypes_of(path: Path) -> dict[str, str]:
    with open_dataset(path) as dataset:
        return {column.name: column.dtype for column in dataset.columns}


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1.0, 4111111111111111.0, None], pl.Float64, ["1", "4111111111111111", None]),
        ([1.5, 5.70611e12, 1e300], pl.Float64, ["1.5", "5706110000000", "1e+300"]),
        ([True, None], pl.Boolean, ["true", None]),
        ([dt.date(1980, 2, 29)], pl.Date, ["1980-02-29"]),
        ([dt.datetime(1980, 2, 29), None], pl.Datetime, ["1980-02-29", None]),
        ([dt.datetime(1980, 2, 29, 1, 2, 3)], pl.Datetime, ["1980-02-29T01:02:03"]),
        ([dt.time(3, 4, 5)], pl.Time, ["03:04:05"]),
        ([dt.timedelta(days=1, hours=2)], pl.Duration, ["P1DT2H"]),
        ([Decimal("1.10")], pl.Decimal(10, 2), ["1.10"]),
        (["Jürgen".encode(), b"\xff\x00"], pl.Binary, ["Jürgen", "ff00"]),
        ([["a", "b"], [], None, [None, "c"]], pl.List(pl.String), ["a\x1fb", None, None, "c"]),
        ([None, None], pl.Null, [None, None]),
        ([123456789012345678901234567890], pl.Int128, ["123456789012345678901234567890"]),
    ],
)
def test_text_form_loses_nothing(
    values: list[object], dtype: pl.DataType, expected: object
) -> None:
    series = pl.Series("x", values, dtype=dtype)
    text = as_text(series)
    assert (text.name, text.dtype, text.to_list()) == ("x", pl.String, expected)


def test_zone_offsets_are_kept() -> None:
    series = pl.Series("x", [dt.datetime(2024, 1, 1, 3)]).dt.replace_time_zone("Asia/Shanghai")
    assert as_text(series).to_list() == ["2024-01-01T03:00:00+08:00"]


def test_values_of_a_list_column_can_be_taken_apart() -> None:
    series = pl.Series("x[]", ["a@b.org\x1fc@d.org", None, "e@f.org"])
    assert as_values(series).to_list() == ["a@b.org", "c@d.org", "e@f.org"]


NESTED = [
    {
        "id": 1,
        "who": {"name": "A", "mails": ["a@b.org", "c@d.org"]},
        "kin": [{"n": "x"}, {"n": "y"}],
    },
    {"id": 2, "who": {"name": "B", "mails": []}, "kin": []},
    {"id": 3, "who": None, "kin": [{"n": "z"}]},
]
FLAT = {
    "id": ["1", "2", "3"],
    "who.name": ["A", "B", None],
    "who.mails[]": ["a@b.org\x1fc@d.org", None, None],
    "kin[].n": ["x\x1fy", None, "z"],
}


def test_nested_json(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    pl.DataFrame(NESTED).write_ndjson(path)
    assert text_of(path) == FLAT
    assert dtypes_of(path) == {
        "id": "integer",
        "who.name": "text",
        "who.mails[]": "list<text>",
        "kin[].n": "list<text>",
    }


def test_nested_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame(NESTED).write_parquet(path)
    assert text_of(path) == FLAT


def test_nested_avro(tmp_path: Path) -> None:
    path = tmp_path / "t.avro"
    mails = {"type": "array", "items": "string"}
    fields = [{"name": "name", "type": "string"}, {"name": "mails", "type": mails}]
    who = {"type": "record", "name": "Who", "namespace": "x.y", "fields": fields}
    kin = {"type": "record", "name": "Kin", "fields": [{"name": "n", "type": "string"}]}
    schema = {
        "type": "record",
        "name": "Row",
        "fields": [
            {"name": "id", "type": "int"},
            {"name": "who", "type": ["null", who]},
            {"name": "kin", "type": {"type": "array", "items": kin}},
        ],
    }
    with path.open("wb") as file:
        fastavro.writer(file, schema, NESTED)
    assert text_of(path) == FLAT


def test_avro_types(tmp_path: Path) -> None:
    path = tmp_path / "t.avro"
    identifier = uuid.UUID("12345678-1234-5678-1234-567812345678")
    logical = {
        "d": ({"type": "int", "logicalType": "date"}, dt.date(1980, 1, 2), "1980-01-02"),
        "n": (
            {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2},
            Decimal("1.10"),
            "1.10",
        ),
        "u": ({"type": "string", "logicalType": "uuid"}, identifier, str(identifier)),
        "t": (
            {"type": "long", "logicalType": "timestamp-millis"},
            dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
            "2024-01-02T03:04:05+00:00",
        ),
        "m": ({"type": "map", "values": "int"}, {"k": 1}, None),
        "e": ({"type": "enum", "name": "E", "symbols": ["A", "B"]}, "B", "B"),
        "f": ({"type": "fixed", "name": "F", "size": 2}, b"\xff\xfe", "fffe"),
        "x": (["null", "string", "boolean"], True, "true"),
        "l": ("long", 2**62, str(2**62)),
    }
    fields = [{"name": name, "type": kind} for name, (kind, _, _) in logical.items()]
    schema = {"type": "record", "name": "R", "fields": fields}
    with path.open("wb") as file:
        fastavro.writer(file, schema, [{name: value for name, (_, value, _) in logical.items()}])
    expected: dict[str, list[str | None]] = {
        name: [text] for name, (_, _, text) in logical.items() if name != "m"
    }
    assert text_of(path) == expected | {"m[].key": ["k"], "m[].value": ["1"]}


def test_recursive_avro_schema_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.avro"
    fields = [{"name": "next", "type": ["null", "R"]}]
    schema = {"type": "record", "name": "R", "fields": fields}
    with path.open("wb") as file:
        fastavro.writer(file, schema, [{"next": {"next": None}}])
    with pytest.raises(InvalidInput, match="recursive or nested deeper"):
        open_dataset(path)


def test_parquet_types(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    table = pa.table(
        {
            "dict": pa.array(["a", "b"]).dictionary_encode(),
            "dec": pa.array([Decimal("1.10"), None], pa.decimal128(20, 2)),
            "wide": pa.array([Decimal("1.10"), None], pa.decimal256(60, 2)),
            "ns": pa.array([0, 1], pa.timestamp("ns", "UTC")),
            "time": pa.array([dt.time(1, 2), None], pa.time64("us")),
            "bin": pa.array([b"abc", b"\xff"]),
            "map": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int32())),
            "none": pa.nulls(2),
            "ids": pa.array([4111111111111111, 2**62]),
        }
    )
    pa.parquet.write_table(table, path, row_group_size=1)
    assert text_of(path) == {
        "dict": ["a", "b"],
        "dec": ["1.10", None],
        "wide": ["1.10", None],
        "ns": ["1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00.000000001+00:00"],
        "time": ["01:02:00", None],
        "bin": ["abc", "ff"],
        "map[].key": ["k", None],
        "map[].value": ["1", None],
        "none": [None, None],
        "ids": ["4111111111111111", str(2**62)],
    }
    with open_dataset(path) as dataset:
        assert dataset.rows_estimate == 2
        assert dataset.file.metadata["row groups"] == "2"


def workbook() -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "People"
    sheet.append(["Customers of the year"])
    sheet.append(["name", "born", "card", "amount", "seen", "vip", "mixed"])
    for at in range(300):
        seen = dt.datetime(2024, 1, 1, 3, 4, at % 60)
        born = dt.date(1980, 1, 1) + dt.timedelta(days=at)
        mixed = "x" if at % 2 else at
        sheet.append(
            [f"Müller {at}", born, 4111111111110000 + at, at * 1.5, seen, at % 2 == 1, mixed]
        )
    sheet["A3"].comment = Comment("call him at home", "Bob")
    sheet.column_dimensions["C"].hidden = True
    sheet.row_dimensions[5].hidden = True
    secret = book.create_sheet("Secret")
    secret.sheet_state = "veryHidden"
    secret["B3"], secret["C3"] = "salary", "who"
    secret["B4"], secret["D4"] = 1000, "note"
    book.create_sheet("Empty")
    book.properties.creator = "Anna Example"
    book.defined_names["total"] = DefinedName("total", attr_text="People!$D$3")
    return book


def test_workbook_sheets_hidden_parts_and_properties(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    workbook().save(path)
    with open_dataset(path) as dataset:
        people, secret = dataset.tables
        report = dataset.file
        assert dataset.rows_estimate == 301
        with pytest.raises(InvalidInput, match="several sheets"):
            next(dataset.batches())
        frames = list(people.batches(100))
        assert sum(frame.height for frame in frames) == 300
        assert max(frame.height for frame in frames) <= 100
        hidden = next(secret.batches())
    assert report.parts == ["People", "Secret (very hidden)", "Empty (no cells)"]
    assert report.metadata["author"] == "person-name, 12 characters"
    assert report.metadata["comments"].startswith("1 comment, 16 characters")
    assert report.metadata["defined names"] == "1"
    joined = " | ".join(report.warnings)
    for part in (
        "1 hidden sheet, read like the others",
        "name the author",
        "1 cell comment,",
        "1 hidden row in sheet People",
        "1 hidden column in sheet People",
        "1 row above the table in sheet People",
    ):
        assert part in joined
    assert "Anna" not in str(report) and "call him" not in str(report)
    assert {column.header: column.dtype for column in people.columns} == {
        "name": "text",
        "born": "date",
        "card": "integer",
        "amount": "float",
        "seen": "datetime",
        "vip": "boolean",
        "mixed": "text",
    }
    assert [column.hidden for column in people.columns] == [False, False, True] + [False] * 4
    assert people.columns[0].name == "People!name"
    first = frames[0].row(1, named=True)
    assert first["People!born"] == dt.date(1980, 1, 2)
    assert first["People!card"] == 4111111111110001
    assert first["People!mixed"] == "x"
    assert all(column.hidden for column in secret.columns)
    assert [column.header for column in secret.columns] == ["", "salary", "who", ""]
    assert hidden.rows() == [(None, 1000, None, "note")]


def test_a_workbook_without_cells_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    openpyxl.Workbook().save(path)
    with pytest.raises(InvalidInput, match="no sheet of the workbook holds a cell"):
        open_dataset(path)


def test_a_single_sheet_has_plain_names(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["id", "name"])
    book.active.append([1, "A"])
    path = tmp_path / "t.xlsx"
    book.save(path)
    assert text_of(path) == {"id": ["1"], "name": ["A"]}


MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


CORE = (
    '<coreProperties xmlns:dc="http://purl.org/dc/elements/1.1/">'
    "<dc:creator>Anna Example</dc:creator></coreProperties>"
)


def handmade_workbook(sheet: str, strings: str, *, date1904: bool = False) -> bytes:
    """A workbook with a string table and prefixed element names, as other programs write them."""
    parts = {
        "xl/workbook.xml": f'<x:workbook xmlns:x="{MAIN}" xmlns:r="{OFFICE}">'
        f'<x:workbookPr date1904="{date1904:d}"/><x:sheets>'
        '<x:sheet name="S" sheetId="1" r:id="r1"/></x:sheets></x:workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships><Relationship Id="r1" '
        f'Type="{OFFICE}/worksheet" Target="/xl/worksheets/sheet1.xml"/></Relationships>',
        "docProps/core.xml": CORE,
        "xl/styles.xml": f'<x:styleSheet xmlns:x="{MAIN}"><x:cellXfs><x:xf numFmtId="0"/>'
        '<x:xf numFmtId="14"/></x:cellXfs></x:styleSheet>',
        "xl/sharedStrings.xml": f'<x:sst xmlns:x="{MAIN}">{strings}</x:sst>',
        "xl/worksheets/sheet1.xml": f'<x:worksheet xmlns:x="{MAIN}"><x:sheetData>{sheet}'
        "</x:sheetData></x:worksheet>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return buffer.getvalue()


STRINGS = (
    "<x:si><x:t>name</x:t></x:si><x:si><x:t>born</x:t></x:si><x:si><x:t>note</x:t></x:si>"
    "<x:si><x:r><x:t>佐</x:t></x:r><x:r><x:t xml:space='preserve'>藤 </x:t></x:r>"
    "<x:rPh sb='0' eb='2'><x:t>サトウ</x:t></x:rPh></x:si>"
)
SHEET = (
    '<x:row r="1"><x:c r="A1" t="s"><x:v>0</x:v></x:c><x:c r="B1" t="s"><x:v>1</x:v></x:c>'
    '<x:c r="C1" t="s"><x:v>2</x:v></x:c></x:row>'
    '<x:row r="3"><x:c r="A3" t="s"><x:v>3</x:v></x:c><x:c r="B3" s="1"><x:v>29221</x:v></x:c>'
    '<x:c r="C3" t="e"><x:v>#N/A</x:v></x:c></x:row>'
    '<x:row r="4"><x:c r="B4" s="1"><x:v>29222</x:v></x:c>'
    '<x:c r="D4" t="str"><x:f>A1</x:f><x:v>formula</x:v></x:c></x:row>'
)


@pytest.mark.parametrize(
    ("date1904", "born"),
    [(False, ["1980-01-01", "1980-01-02"]), (True, ["1984-01-02", "1984-01-03"])],
)
def test_string_table_rich_text_gaps_and_date_system(
    tmp_path: Path, date1904: bool, born: list[str]
) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(handmade_workbook(SHEET, STRINGS, date1904=date1904))
    assert text_of(path) == {
        "name": ["佐藤 ", None],
        "born": born,
        "note": ["#N/A", None],
        "col_4": [None, "formula"],
    }
    with open_dataset(path) as dataset:
        assert "not examined: 1 phonetic guide of names or words" in dataset.file.warnings
        assert dataset.file.metadata["author"] == "person-name, 12 characters"


@pytest.mark.parametrize(
    "cell",
    [
        '<x:c r="A1" t="s"><x:v>99</x:v></x:c>',
        '<x:c r="A1"><x:v>twelve</x:v></x:c>',
        '<x:c r="ZZZZ1"><x:v>1</x:v></x:c>',
        '<x:c r="A1"><x:v>1</x:v>',
    ],
)
def test_cells_that_contradict_themselves_are_damage(tmp_path: Path, cell: str) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(handmade_workbook(f'<x:row r="1">{cell}</x:row>', STRINGS))
    with pytest.raises(InvalidInput, match=r"damaged in xl/worksheets/sheet1\.xml"):
        open_dataset(path)


@pytest.mark.parametrize(
    ("code", "is_date"),
    [
        ("yyyy-mm-dd", True),
        ("d. mmm yy", True),
        ("[$-409]h:mm AM/PM", True),
        ("yyyy年m月d日", True),
        ("General", False),
        ("0.00", False),
        ('#,##0 "days"', False),
        ("[h]:mm:ss", False),
        ("[Red]0", False),
        ("@", False),
    ],
)
def test_date_formats(code: str, is_date: bool) -> None:
    assert is_date_format(code) is is_date


def test_date_serials_and_references() -> None:
    epoch = dt.datetime(1899, 12, 30)
    assert serial_text(29221.0, epoch) == ("1980-01-01", "d")
    assert serial_text(1.0, epoch) == ("1900-01-01", "d")
    assert serial_text(61.0, epoch) == ("1900-03-01", "d")
    assert serial_text(29221.5, epoch) == ("1980-01-01T12:00:00", "t")
    assert serial_text(0.75, epoch) == ("18:00:00", "h")
    assert serial_text(-3.0, epoch) == ("-3", "i")
    assert serial_text(1e9, epoch) == ("1000000000", "i")
    assert [column_of(ref) for ref in ("A1", "Z9", "AA10", "XFD1")] == [0, 25, 26, 16383]
    with pytest.raises(ValueError, match="XFE1"):
        column_of("XFE1")
