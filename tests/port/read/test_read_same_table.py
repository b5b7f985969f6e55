"""The same table in every format, encoding and compression reads as the same cells."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
from collections.abc import Callable
from pathlib import Path

import fastavro
import openpyxl
import polars as pl
import pytest
import zstandard
from reading_tables import BY_ENCODING, DE, MIXED, ZH_HANS, csv_text, frame_of

from entrepot.port.read import as_text, open_dataset

Pack = Callable[[bytes], bytes]


def zstd_frames(content: bytes) -> bytes:
    """Two Zstandard frames with a skippable frame between them."""
    half = len(content) // 2
    skippable = b"\x50\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"
    return zstandard.compress(content[:half]) + skippable + zstandard.compress(content[half:])


def gzip_members(content: bytes) -> bytes:
    half = len(content) // 2
    return gzip.compress(content[:half]) + gzip.compress(content[half:])


PACKS: dict[str, tuple[str, Pack]] = {
    "": ("none", bytes),
    ".gz": ("gzip", gzip.compress),
    ".GZ": ("gzip", gzip_members),
    ".zst": ("zstd", zstandard.compress),
    ".zstd": ("zstd", zstd_frames),
}


def read_text(path: Path, rows: int = 131_072) -> pl.DataFrame:
    with open_dataset(path) as dataset:
        frames = list(dataset.batches(rows))
        assert [column.name for column in dataset.columns] == frames[0].columns
        again = list(dataset.batches(rows))
        assert pl.concat(frames).equals(pl.concat(again))
    frame = pl.concat(frames)
    return frame.select([as_text(series) for series in frame])


@pytest.mark.parametrize("suffix", PACKS)
@pytest.mark.parametrize("codec", BY_ENCODING)
def test_csv_in_every_encoding_and_compression(tmp_path: Path, codec: str, suffix: str) -> None:
    table = BY_ENCODING[codec]
    compression, pack = PACKS[suffix]
    path = tmp_path / f"t.csv{suffix}"
    path.write_bytes(pack(csv_text(table).encode(codec)))
    assert read_text(path).equals(frame_of(table))
    with open_dataset(path) as dataset:
        assert dataset.file.compression == compression
        assert dataset.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
        assert dataset.file.extension_agrees


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", "^", "\x1f", "§"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_in_every_dialect(tmp_path: Path, delimiter: str, end: str) -> None:
    table = {name: [cell.replace("\n", " ") for cell in cells] for name, cells in DE.items()}
    path = tmp_path / "t.csv"
    path.write_text(csv_text(table, delimiter=delimiter, end=end), encoding="utf-8", newline="")
    got = read_text(path)
    expected = frame_of(table)
    if delimiter == "§":  # the slow reader cannot tell "" from nothing
        expected = expected.select(pl.all().replace({"": None}))
    assert got.equals(expected)


def jsonl(table: dict[str, list[str]]) -> bytes:
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()


def json_array(table: dict[str, list[str]]) -> bytes:
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return json.dumps(rows, ensure_ascii=True, indent=2).encode()


def json_concatenated(table: dict[str, list[str]]) -> bytes:
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)]
    return "".join(json.dumps(row, ensure_ascii=False, indent=1) for row in rows).encode()


def parquet(table: dict[str, list[str]]) -> bytes:
    buffer = io.BytesIO()
    frame_of(table).write_parquet(buffer)
    return buffer.getvalue()


def avro(codec: str) -> Callable[[dict[str, list[str]]], bytes]:
    def write(table: dict[str, list[str]]) -> bytes:
        names = [f"field_{at}" for at in range(1, len(table) + 1)]
        fields = [
            {"name": name, "doc": column, "type": ["null", "string"]}
            for name, column in zip(names, table, strict=True)
        ]
        rows = [dict(zip(names, row, strict=True)) for row in zip(*table.values(), strict=True)]
        buffer = io.BytesIO()
        schema = {"type": "record", "name": "row", "fields": fields}
        fastavro.writer(buffer, schema, rows, codec=codec, sync_interval=200)
        return buffer.getvalue()

    return write


def avro_zstandard(table: dict[str, list[str]]) -> bytes:
    """An Avro file whose blocks are compressed with Zstandard, rewritten from a plain one."""
    plain = avro("null")(table)
    head, marker = plain[: plain.index(b"avro.codec")], plain[-16:]
    start = plain.index(marker) + 16
    out = (
        head + b"avro.codec" + b"\x12zstandard" + plain[plain.index(b"null", len(head)) + 4 : start]
    )
    while start < len(plain):
        count, size = plain[start] >> 1, 0
        assert plain[start] < 0x80
        shift, start = 0, start + 1
        while True:
            byte = plain[start]
            size |= (byte & 0x7F) << shift
            shift, start = shift + 7, start + 1
            if byte < 0x80:
                break
        size >>= 1
        packed = zstandard.compress(plain[start : start + size])
        out += bytes([count << 1]) + varint(len(packed)) + packed + marker
        start += size + 16
    return out


def varint(value: int) -> bytes:
    value <<= 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def xlsx(table: dict[str, list[str]]) -> bytes:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(list(table))
    for row in zip(*table.values(), strict=True):
        sheet.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


WRITERS: dict[str, tuple[str, Callable[[dict[str, list[str]]], bytes]]] = {
    "jsonl": ("t.jsonl", jsonl),
    "json array": ("t.json", json_array),
    "json concatenated": ("t.json", json_concatenated),
    "parquet": ("t.parquet", parquet),
    "avro null": ("t.avro", avro("null")),
    "avro deflate": ("t.avro", avro("deflate")),
    "avro snappy": ("t.avro", avro("snappy")),
    "avro bzip2": ("t.avro", avro("bzip2")),
    "avro xz": ("t.avro", avro("xz")),
    "avro zstandard": ("t.avro", avro_zstandard),
    "xlsx": ("t.xlsx", xlsx),
}


@pytest.mark.parametrize("suffix", PACKS)
@pytest.mark.parametrize("kind", WRITERS)
def test_every_other_format_and_compression(tmp_path: Path, kind: str, suffix: str) -> None:
    name, write = WRITERS[kind]
    table = {key: [cell or " " for cell in cells] for key, cells in MIXED.items()}
    path = tmp_path / f"{name}{suffix}"
    path.write_bytes(PACKS[suffix][1](write(table)))
    assert read_text(path).equals(frame_of(table))
    with open_dataset(path) as dataset:
        report = dataset.file
    assert report.extension_agrees
    assert report.format == kind.split()[0].replace("json", "jsonl").replace("jsonll", "jsonl")
    assert report.compression == PACKS[suffix][0]


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "avro null", "xlsx", "csv"])
def test_the_extension_is_not_believed(tmp_path: Path, kind: str) -> None:
    table = {key: [cell or " " for cell in cells] for key, cells in ZH_HANS.items()}
    content = csv_text(table).encode() if kind == "csv" else WRITERS[kind][1](table)
    path = tmp_path / "table.pdf.gz"
    path.write_bytes(content)
    assert read_text(path).equals(frame_of(table))
    with open_dataset(path) as dataset:
        report = dataset.file
    assert not report.extension_agrees
    assert "disagrees with the content" in report.warnings[0]


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_unread_compressions_are_named(tmp_path: Path, pack: Pack) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(pack(csv_text(DE).encode()))
    with pytest.raises(Exception, match=r"bzip2|xz") as raised:
        open_dataset(path)
    assert type(raised.value).__name__ == "UnreadableData"


def test_batches_have_the_height_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    frame_of(DE, repeat=1000).write_csv(path)
    with open_dataset(path) as dataset:
        heights = [frame.height for frame in dataset.batches(700)]
        assert max(heights) <= 700 and sum(heights) == 6000
        seen: list[tuple[int, int]] = []
    with open_dataset(path, on_progress=lambda done, total: seen.append((done, total))) as dataset:
        assert sum(frame.height for frame in dataset.batches()) == 6000
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)


def test_ascii_head_and_late_accent(tmp_path: Path) -> None:
    """A million plain rows do not decide the encoding of the one that is not plain."""
    path = tmp_path / "t.csv"
    body = b"id,name\r\n" + b"1,plain\r\n" * 300_000
    path.write_bytes(body + "2,Jürgen Müller\r\n3,Käthe Groß\r\n".encode("latin-1"))
    with open_dataset(path) as dataset:
        last = list(dataset.batches())[-1]
    assert last["name"].to_list()[-2:] == ["Jürgen Müller", "Käthe Groß"]


def test_empty_and_null_are_kept_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b,c\n1,,""\n')
    assert read_text(path).rows() == [("1", None, "")]


def test_header_only_is_a_table_without_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("name,mail,age\n")
    with open_dataset(path) as dataset:
        assert [column.name for column in dataset.columns] == ["name", "mail", "age"]
        assert list(dataset.batches()) == []
        assert dataset.file.dialect["header"] == "yes"
