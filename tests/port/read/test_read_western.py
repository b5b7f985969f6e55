"""Bytes that Windows-1252 leaves undefined are read, told of, and written back."""

from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.port.model import FileReport
from entrepot.port.read import form_of, open_dataset, write_dataset
from entrepot.port.read.western import UNDEFINED, WesternDecoder, encode_western

ROWS = "".join(f"{at},Café number {at},São Paulo,paid\n" for at in range(50)).encode("latin-1")


def copied(source: Path, target: Path) -> FileReport:
    """Copy a dataset in its own form and return the report on the original."""
    with open_dataset(source) as dataset:
        frames = list(dataset.batches())
        report = dataset.file
    with write_dataset(target, form_of(report)) as writer:
        for frame in frames:
            writer.write(frame)
    return report


def test_every_byte_has_a_character_and_back() -> None:
    every = bytes(range(256))
    text = WesternDecoder().decode(every)
    assert len(set(text)) == 256 and encode_western(text) == every
    defined = every.translate(None, UNDEFINED)
    assert WesternDecoder().decode(defined) == defined.decode("cp1252")
    assert WesternDecoder().decode(UNDEFINED) == UNDEFINED.decode("latin-1")
    with pytest.raises(UnicodeEncodeError):
        encode_western("王")


@pytest.mark.parametrize("byte", list(UNDEFINED))
def test_latin1_with_an_undefined_byte(tmp_path: Path, byte: int) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    source.write_bytes(b"id,name,city,state\n" + ROWS + b"50,Caf" + bytes([byte]) + b",x,y\n")
    report = copied(source, target)
    assert report.encoding == "latin-1"
    assert report.warnings == [
        "bytes that windows-1252 leaves undefined are kept as control characters; read as latin-1"
    ]
    assert target.read_bytes() == source.read_bytes()


def test_an_undefined_byte_among_curly_quotes_does_not_spoil_them(tmp_path: Path) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    quotes = "".join(f"{at},O’Brien – “Bob”,x,y\n" for at in range(9)).encode("cp1252")
    source.write_bytes(b"id,name,city,state\n" + quotes + b"50,Caf\x9d,x,y\n")
    report = copied(source, target)
    assert report.encoding == "windows-1252" and len(report.warnings) == 1
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize("late", [b"\x81", "’".encode("cp1252")], ids=["undefined", "quote"])
@pytest.mark.parametrize("early", ["é", ""], ids=["accent at the start", "ascii at the start"])
def test_what_stands_far_behind_the_start(tmp_path: Path, early: str, late: bytes) -> None:
    source, target = tmp_path / "a.csv", tmp_path / "b.csv"
    body = b"".join(b"%d,plain ascii text of a row,x,y\n" % at for at in range(90_000))
    assert len(body) > 2**21
    first = f"0,Caf{early},x,y\n".encode("latin-1")
    source.write_bytes(b"id,name,city,state\n" + first + body + b"1,O" + late + b"Brien,x,y\n")
    report = copied(source, target)
    assert target.read_bytes() == source.read_bytes()
    assert report.encoding in ("windows-1252", "latin-1")
    assert len(report.warnings) == (late == b"\x81")
