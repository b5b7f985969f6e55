"""Every fault of a file is an error that names it; none quotes a cell."""

from __future__ import annotations

import gzip
import io
import os
import resource
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet
import pytest
import zstandard
from reading_tables import DE, ZH_HANS, csv_text, frame_of

from entrepot.kernel.errors import InvalidInput, NotFound, UnreadableData
from entrepot.port.read import DEFAULT_LIMITS, Limits, open_dataset


def read_all(path: Path, limits: Limits = DEFAULT_LIMITS) -> int:
    with open_dataset(path, limits=limits) as dataset:
        return sum(frame.height for table in dataset.tables for frame in table.batches())


def fault(tmp_path: Path, content: bytes, limits: Limits = DEFAULT_LIMITS) -> UnreadableData:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(UnreadableData) as raised:
        read_all(path, limits)
    assert raised.value.what and raised.value.remedy
    return raised.value


def test_missing_directory_and_permission(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        open_dataset(tmp_path / "none.csv")
    with pytest.raises(UnreadableData, match="directory"):
        open_dataset(tmp_path)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(UnreadableData, match="not a regular file"):
        open_dataset(fifo)
    if os.geteuid() != 0:
        path = tmp_path / "t.csv"
        path.write_text("a,b\n")
        path.chmod(0)
        with pytest.raises(UnreadableData, match="no permission"):
            open_dataset(path)


def test_empty_and_blank(tmp_path: Path) -> None:
    assert "the file is empty" in fault(tmp_path, b"").what
    assert "only blanks" in fault(tmp_path, b" \n\n \r\n").what
    assert "gzip file holds nothing" in fault(tmp_path, gzip.compress(b"")).what
    assert "only blanks" in fault(tmp_path, "\ufeff".encode("utf-16-le")).what


def test_ragged_rows_name_row_line_and_counts(tmp_path: Path) -> None:
    rows = "".join(f"{at},x,y\n" for at in range(5000))
    error = fault(tmp_path, f"a,b,c\n{rows}1,2\n{rows}".encode())
    assert "row 5001 (line 5002) has 2 fields where 3 are expected" in error.what
    error = fault(tmp_path, f"a,b,c\n{rows}1,2,3,4\n".encode())
    assert "row 5001 (line 5002) has 4 fields" in error.what
    error = fault(tmp_path, b'a,b,c\n1,"two\nlines",3\n1,2\n3,4,5\n6,7,8\n')
    assert "row 2 (line 4) has 2 fields" in error.what


def test_unclosed_quote(tmp_path: Path) -> None:
    rows = "".join(f"{at},x,y\n" for at in range(20_000))
    error = fault(tmp_path, f'a,b,c\n1,2,3\n{rows}5,"open,6\n{rows}'.encode())
    assert "a quote opened in row 20002 (line 20003) is never closed" in error.what
    assert "open" not in str(error).replace("opened", "")


def test_unclosed_quote_in_a_large_file_stays_bounded(tmp_path: Path) -> None:
    rows = b"12345,some text,more text\n" * 100_000
    error = fault(
        tmp_path, b"a,b,c\n" + rows + b'1,"open,2\n' + rows * 8, Limits(cell_bytes=1 << 20)
    )
    assert "quote opened in row 100001" in error.what


def test_undecodable_byte_names_offset_and_encoding(tmp_path: Path) -> None:
    good = csv_text(ZH_HANS).encode() * 2000
    error = fault(tmp_path, b"\xef\xbb\xbf" + good + b"a,b,\xff,d\r\n")
    assert f"not valid utf-8 with mark at byte {3 + len(good) + 4}" in error.what
    assert error.value == "ff"
    good = csv_text(ZH_HANS).encode("gb18030") * 5000
    error = fault(tmp_path, good + b"a,b,\xff,d\r\n")
    assert f"not valid gb18030 at byte {len(good) + 4}" in error.what
    good = csv_text(ZH_HANS).encode("utf-16-le") * 9000
    error = fault(tmp_path, b"\xff\xfe" + good + b"a")
    assert f"not valid utf-16-le with mark at byte {2 + len(good)}" in error.what


def test_binary_and_foreign_files_are_named(tmp_path: Path) -> None:
    assert "binary" in fault(tmp_path, os.urandom(5000)).what
    assert "PDF" in fault(tmp_path, b"%PDF-1.7\n%xx").what
    assert "SQLite" in fault(tmp_path, b"SQLite format 3\0" + bytes(100)).what
    assert "XML or HTML" in fault(tmp_path, b"<?xml version='1.0'?><a/>").what
    assert "compressed twice" in fault(tmp_path, gzip.compress(gzip.compress(b"a,b\n"))).what
    ole = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    assert "old binary workbook" in fault(tmp_path, ole).what
    encrypted = ole + "EncryptedPackage".encode("utf-16-le")
    assert "encrypted with a password" in fault(tmp_path, encrypted).what
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "a,b\n1,2\n")
    assert "zip archive of 1 file," in fault(tmp_path, buffer.getvalue()).what
    assert "tar archive" in fault(tmp_path, b"a" * 257 + b"ustar" + bytes(300)).what


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_truncated_compression(tmp_path: Path, pack: object) -> None:
    packed = pack(os.urandom(300_000).hex().encode() + b"\n")  # type: ignore[operator]
    assert "truncated" in fault(tmp_path, packed[: len(packed) // 2]).what
    assert "truncated" in fault(tmp_path, packed[:-3]).what
    text = pack(csv_text(DE).encode())  # type: ignore[operator]
    assert "followed by" in fault(tmp_path, text + b"garbage").what


def test_truncated_containers(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    frame_of(DE, repeat=100).write_parquet(buffer)
    assert "Parquet file is truncated" in fault(tmp_path, buffer.getvalue()[:-20]).what
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    buffer = io.BytesIO()
    book.save(buffer)
    assert "truncated or damaged" in fault(tmp_path, buffer.getvalue()[:-40]).what
    assert "Avro file is truncated in the header" in fault(tmp_path, b"Obj\x01\x02").what


def test_compression_bombs(tmp_path: Path) -> None:
    zeros = b"a,b\n" + b"0,0\n" * 4_000_000
    for pack in (gzip.compress, zstandard.compress):
        error = fault(tmp_path, pack(zeros), Limits(expansion_free_bytes=1 << 20))
        assert "bomb" in error.what and "500 to 1" in str(error.value)
    error = fault(tmp_path, gzip.compress(b"a,b\n1,2\n" * 1000), Limits(decompressed_bytes=1000))
    assert "larger than the limit" in error.what


def test_wide_tables(tmp_path: Path) -> None:
    wide = ",".join(f"c{at}" for at in range(100_000))
    row = ",".join("1" for _ in range(100_000))
    error = fault(tmp_path, f"{wide}\n{row}\n".encode())
    assert "more than 20000 columns" in error.what and error.value == 100_000
    error = fault(tmp_path, f"{row}\n{row}\n".encode())
    assert "more than 20000 columns" in error.what
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{at}" for at in range(20_000)) + "\n" + "1," * 19_999 + "1\n")
    assert read_all(path) == 1


def test_a_huge_cell_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    with path.open("wb") as file:
        file.write(b"id,note,end\n1,short,x\n2,")
        for _ in range(400):
            file.write(b"x" * 1_000_000)
        file.write(b",y\n")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableData, match=r"longer than the limit|larger than the limit"):
        read_all(path)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 300 * 1024
    path.write_bytes(b"id,note,end\n1,short,x\n2," + b"x" * 20_000_000 + b",y\n3,z,z\n")
    with pytest.raises(UnreadableData, match="limit of 16777216 bytes") as raised:
        read_all(path)
    assert "row 2, column note" in str(raised.value) or "line 2" in str(raised.value)
    path.write_bytes(b"id,note,end\n1,short,x\n2," + b"x" * 9_000_000 + b",y\n3,z,z\n")
    assert read_all(path) == 3


def test_long_header(tmp_path: Path) -> None:
    assert "name of column 2" in fault(tmp_path, b"a," + b"x" * 2000 + b"\n1,2\n3,4\n").what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('{"a":1}\n{"a":2\n{"a":3}\n', "not valid JSON at or after line 2"),
        ('{"a":1}\n{"a":2}\n{"a":', "not valid JSON at or after line 3"),
        ('{"a":1}\n[1,2]\n', "line 2 is not a JSON object"),
        ('[{"a":1},{"a":2}', "array is not closed"),
        ('[{"a":1}\n{"a":2}]', "comma is missing"),
        ('[{"a":1}] x', "more text after the end"),
        ('{\n"a":1,\n"b":}\n', "not valid JSON at or after line"),
        ('{"a":1}\n' + '{"a":' * 1000 + "1" + "}" * 1000 + "\n", "nested deeper than 32"),
        ("[" + '{"a":[' * 500 + "]}" * 500 + "]", "nested"),
    ],
)
def test_json_faults_name_the_line(tmp_path: Path, text: str, what: str) -> None:
    assert what in fault(tmp_path, text.encode()).what


def test_json_record_over_the_limit(tmp_path: Path) -> None:
    content = b'{"a":1}\n{"a":"' + b"x" * 3_000_000 + b'"}\n{"a":2}\n'
    error = fault(tmp_path, content, Limits(cell_bytes=1 << 20))
    assert "record at line 2 is longer than the limit" in error.what


def test_fields_of_mixed_type_are_text(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"a":1,"b":[1]}\n{"a":{"c":2},"b":"x"}\n{"a":true,"late":1}\n')
    with open_dataset(path) as dataset:
        rows = [row for frame in dataset.batches() for row in frame.rows()]
        assert dataset.file.warnings == [
            "the field a holds values of several types; read as text",
            "the field b holds values of several types; read as text",
        ]
    assert rows == [("1", "[1]", None), ('{"c": 2}', "x", None), ("true", None, 1)]


def test_xml_entities_are_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    buffer = io.BytesIO()
    book.save(buffer)
    bomb = io.BytesIO()
    with zipfile.ZipFile(buffer) as old, zipfile.ZipFile(bomb, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                content = b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + content.split(b"?>", 1)[-1]
            new.writestr(name, content)
    assert "document type declaration" in fault(tmp_path, bomb.getvalue()).what


def test_workbook_part_that_expands_like_a_bomb(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<workbook>" + b" " * 100_000_000 + b"</workbook>")
    assert "decompression bomb" in fault(tmp_path, buffer.getvalue()).what


def test_a_file_that_changes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(DE) * 10)
    with open_dataset(path) as dataset:
        path.write_text("a,b,c,d\n1,2,3,4\n")
        with pytest.raises(UnreadableData, match="changed while it was being read"):
            list(dataset.batches())


def test_a_corrupt_page_checksum_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    table = frame_of(DE, repeat=100).to_arrow()
    pa.parquet.write_table(table, buffer, write_page_checksum=True, compression="none")
    content = bytearray(buffer.getvalue())
    content[content.index("Königsallee".encode()) + 2] ^= 0x01
    assert "does not match its checksum" in fault(tmp_path, bytes(content)).what


def test_batches_of_zero_rows_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(csv_text(DE))
    with open_dataset(path) as dataset, pytest.raises(InvalidInput, match="at least one row"):
        next(dataset.batches(0))
