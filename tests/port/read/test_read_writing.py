"""A dataset written in any form reads back as what was written; nothing half-written stays."""

# ruff: noqa: DTZ001 - most formats store times without a zone

from __future__ import annotations

import datetime as dt
import hashlib
import os
import stat
from decimal import Decimal
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from reading_tables import BY_ENCODING, frame_of

from entrepot.kernel.errors import Conflict, InvalidInput, StorageError
from entrepot.port.read import Form, as_text, form_of, open_dataset, write_dataset

FRAME = pl.DataFrame(
    {
        "姓名": ['王伟, "x"', None, "", "a\nb"],
        "count": [1, None, 2**60, -4],
        "ratio": [1.5, 2.0, None, 1e300],
        "born": [dt.date(1980, 1, 2), dt.date(1850, 1, 1), None, dt.date(2024, 2, 29)],
        "seen": [dt.datetime(2024, 1, 1, 2, 3, 4, 5000), None, dt.datetime(2024, 1, 1), None],
        "vip": [True, None, False, True],
        "price": [Decimal("1.10"), None, Decimal("0.00"), Decimal("-3.25")],
        "raw": [b"abc", None, b"\xff\x00", b""],
    }
)
SUFFIXES = {"none": "", "gzip": ".gz", "zstd": ".zst"}


def text_rows(frame: pl.DataFrame) -> list[tuple[str | None, ...]]:
    return frame.select([as_text(series) for series in frame]).rows()


@pytest.mark.parametrize("compression", SUFFIXES)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "avro", "xlsx"])
def test_every_form_reads_back(tmp_path: Path, kind: str, compression: str) -> None:
    path = tmp_path / f"t.{kind}{SUFFIXES[compression]}"
    with write_dataset(path, Form(kind, compression)) as writer:
        writer.write(FRAME)
        writer.write(FRAME.clear())
        writer.write(FRAME)
    assert writer.written.rows == 8
    assert writer.written.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert os.listdir(tmp_path) == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with open_dataset(path) as dataset:
        got = pl.concat(list(dataset.batches()))
        assert (dataset.file.format, dataset.file.compression) == (kind, compression)
        assert dataset.file.extension_agrees
    assert got.columns == FRAME.columns
    assert text_rows(got) == text_rows(pl.concat([FRAME, FRAME]))


@pytest.mark.parametrize(
    "codec",
    ["utf-8-sig", "utf-16", "utf-16-be", "gb18030", "big5", "shift_jis", "cp949", "latin-1"],
)
def test_the_form_of_a_file_is_kept(tmp_path: Path, codec: str) -> None:
    source = tmp_path / "in.csv"
    frame = frame_of(BY_ENCODING.get(codec, BY_ENCODING["utf-8"]))
    text = frame.write_csv(separator=";", line_terminator="\r\n")
    source.write_bytes(text.encode(codec))
    target = tmp_path / "out.csv"
    with open_dataset(source) as dataset:
        frames = list(dataset.batches())
        with write_dataset(target, form_of(dataset.file)) as writer:
            for one in frames:
                writer.write(one)
        with open_dataset(target) as copy:
            assert copy.file.encoding == dataset.file.encoding
            assert copy.file.dialect == dataset.file.dialect
            assert pl.concat(list(copy.batches())).equals(pl.concat(frames))


def test_a_file_without_header_stays_so(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_text("1,2024-01-01\n2,2024-01-02\n")
    with open_dataset(source) as dataset:
        with write_dataset(tmp_path / "out.csv", form_of(dataset.file)) as writer:
            for frame in dataset.batches():
                writer.write(frame)
    assert (tmp_path / "out.csv").read_text() == source.read_text()


def test_runs_are_equal(tmp_path: Path) -> None:
    for kind in ("csv", "jsonl", "parquet", "xlsx"):
        for compression in SUFFIXES:
            for name in ("a", "b"):
                with write_dataset(
                    tmp_path / f"{name}.{kind}.{compression}", Form(kind, compression)
                ) as out:
                    out.write(FRAME)
            first = (tmp_path / f"a.{kind}.{compression}").read_bytes()
            assert first == (tmp_path / f"b.{kind}.{compression}").read_bytes()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        write_dataset(path, Form("csv"))
    path.unlink()
    writer = write_dataset(path, Form("csv"))
    writer.write(FRAME)
    path.write_text("mine")
    with pytest.raises(Conflict, match="exists already"):
        writer.commit()
    assert path.read_text() == "mine" and os.listdir(tmp_path) == ["t.csv"]


def test_failures_leave_nothing(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_dataset(tmp_path / "none" / "t.csv", Form("csv"))
    with pytest.raises(InvalidInput, match="not a format"):
        write_dataset(tmp_path / "t.pdf", Form("pdf"))
    with pytest.raises(InvalidInput, match="not a compression"):
        write_dataset(tmp_path / "t.csv", Form("csv", "lzma"))
    with pytest.raises(InvalidInput, match="character that latin-1 does not have"):
        with write_dataset(tmp_path / "t.csv", Form("csv", encoding="latin-1")) as writer:
            writer.write(FRAME)
    with pytest.raises(InvalidInput, match="other columns"):
        with write_dataset(tmp_path / "t.csv", Form("csv")) as writer:
            writer.write(FRAME)
            writer.write(FRAME.drop("vip"))
    with pytest.raises(InvalidInput, match="no batch was written"):
        with write_dataset(tmp_path / "t.csv", Form("csv")):
            pass
    with pytest.raises(ZeroDivisionError):
        with write_dataset(tmp_path / "t.parquet", Form("parquet")) as writer:
            writer.write(FRAME)
            raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_a_storage_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_open = os.open

    def open_full(path: object, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".part"):
            real_close = real_open(path, flags, mode)  # type: ignore[arg-type]
            os.close(real_close)
            return real_open("/dev/full", os.O_WRONLY)
        return real_open(path, flags, mode)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", open_full)
    big = pl.DataFrame({"a": ["x" * 1000] * 2000})
    for kind in ("csv", "jsonl", "parquet", "avro", "xlsx"):
        with pytest.raises(StorageError, match="No space left"):
            with write_dataset(tmp_path / f"t.{kind}", Form(kind)) as writer:
                for _ in range(5):
                    writer.write(big)
    assert os.listdir(tmp_path) == []


def test_the_workbook_opens_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    with write_dataset(path, Form("xlsx")) as writer:
        writer.write(FRAME)
    rows = list(openpyxl.load_workbook(path).active.iter_rows(values_only=True))
    assert rows[0] == tuple(FRAME.columns)
    assert rows[1][:4] == ('王伟, "x"', 1, 1.5, dt.datetime(1980, 1, 2))
    assert rows[3][1] == str(2**60)
    with pytest.raises(InvalidInput, match="larger than a workbook"):
        with write_dataset(tmp_path / "u.xlsx", Form("xlsx")) as writer:
            writer.write(pl.DataFrame({"a": ["x" * 40_000]}))
