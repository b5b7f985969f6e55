"""What format a file is in, by its content: magic numbers first, then the shape of the text.

Names of formats that are recognised but not read are given in the error, so that the reader of the
message knows what he has (an old workbook, an encrypted one, a database) and what to do with it.
"""

from __future__ import annotations

import zipfile
from typing import IO

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.encoding import detect_encoding
from entrepot.port.read.found import counted
from entrepot.port.read.source import HEAD_BYTES, Source
from entrepot.port.read.transcode import Utf8Stream

_FOREIGN = (
    (b"%PDF-", "a PDF document", "export the table as CSV"),
    (b"SQLite format 3\0", "an SQLite database", "export the table as CSV"),
    (b"BZh", "a bzip2 archive", "decompress it, or use gzip or zstd"),
    (b"\xfd7zXZ\0", "an xz archive", "decompress it, or use gzip or zstd"),
    (b"\x04\x22\x4d\x18", "an LZ4 frame", "decompress it, or use gzip or zstd"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it and name one file"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it and name one file"),
    (b"ORC", "an ORC file", "convert it to Parquet"),
    (b"ARROW1", "an Arrow IPC (Feather) file", "convert it to Parquet"),
    (b"\x89HDF\r\n", "an HDF5 file", "export the table as Parquet"),
    (b"\x89PNG", "a PNG image", "name a table"),
    (b"\xff\xd8\xff", "a JPEG image", "name a table"),
    (b"GIF8", "a GIF image", "name a table"),
    (b"\x7fELF", "a program", "name a table"),
    (b"MZ\x90", "a program", "name a table"),
    (b"\x1f\x8b\x08", "compressed twice", "decompress it once"),
    (b"\x28\xb5\x2f\xfd", "compressed twice", "decompress it once"),
)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_CONTROLS = bytes(sorted(set(range(32)) - {1, 9, 10, 12, 13, 27, 31}))
_CONTROL_SHARE_MAX = 0.02
_SUFFIX_FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".psv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".avro": "avro",
    ".xlsx": "xlsx",
    ".xlsm": "xlsx",
    ".xls": "xls",
    ".pdf": "pdf",
    ".zip": "zip",
}
_SUFFIX_COMPRESSIONS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".zstd": "zstd"}


def sniff_format(source: Source) -> str:
    """Return `csv`, `jsonl`, `parquet`, `avro` or `xlsx`. Raises `UnreadableData` for the rest."""
    if source.size_bytes == 0:
        raise UnreadableData(
            "the file is empty", value=source.path.name, remedy="check how it was exported"
        )
    head = source.head()
    if not head:
        raise UnreadableData(
            f"the {source.compression} file holds nothing",
            value=source.path.name,
            remedy="check how it was exported",
        )
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"Obj\x01"):
        return "avro"
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_format(source.seekable())
    _refuse_foreign(head)
    return _text_format(source, head)


def extension_agrees(name: str, kind: str, compression: str) -> bool:
    """Say whether a file name claims nothing else than what the content is."""
    suffixes = [f".{part}" for part in name.lower().split(".")[1:]]
    claimed_compression = _SUFFIX_COMPRESSIONS.get(suffixes[-1]) if suffixes else None
    if claimed_compression is not None:
        suffixes.pop()
    if (claimed_compression or "none") != compression:
        return False
    claimed = _SUFFIX_FORMATS.get(suffixes[-1]) if suffixes else None
    return claimed is None or claimed == kind


def _zip_format(file: IO[bytes]) -> str:
    try:
        with file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, NotImplementedError) as error:
        raise UnreadableData(
            "the workbook or zip archive is truncated or damaged",
            value=str(error),
            remedy="fetch or save the file again",
        ) from None
    names = {member.filename for member in members}
    if "xl/workbook.xml" in names or any(name.endswith("/workbook.xml") for name in names):
        return "xlsx"
    if any(member.flag_bits & 1 for member in members):
        what, remedy = "an encrypted zip archive", "unpack it with its password"
    elif "xl/workbook.bin" in names:
        what, remedy = "a binary workbook (XLSB)", "save it as XLSX or CSV"
    elif "word/document.xml" in names or "ppt/presentation.xml" in names:
        what, remedy = "a text document or presentation", "export its table as CSV"
    elif "content.xml" in names:
        what, remedy = "an OpenDocument file", "save it as XLSX or CSV"
    else:
        what, remedy = (
            f"a zip archive of {counted(len(members), 'file')}",
            "unpack it and name one file",
        )
    raise UnreadableData(f"the file is {what}, not a dataset", remedy=remedy)


def _refuse_foreign(head: bytes) -> None:
    for magic, what, remedy in _FOREIGN:
        if head.startswith(magic):
            raise UnreadableData(f"the file is {what}, not a dataset read here", remedy=remedy)
    if head.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in head:
            what, remedy = "a workbook encrypted with a password", "remove the password first"
        else:
            what, remedy = "an old binary workbook or document (OLE)", "save it as XLSX or CSV"
        raise UnreadableData(f"the file is {what}", remedy=remedy)
    if head[257:262] == b"ustar":
        raise UnreadableData("the file is a tar archive", remedy="unpack it and name one file")


def _text_format(source: Source, head: bytes) -> str:
    """Tell JSON from delimited text, and text from anything else."""
    encoding = detect_encoding(head, complete=len(head) < HEAD_BYTES)
    if not encoding.codec.startswith("utf-") and _is_binary(head):
        raise _binary(head)
    stream = Utf8Stream(source)
    try:
        sample = stream.read(HEAD_BYTES)
    finally:
        stream.close()
    if _is_binary(sample):
        raise _binary(head)
    start = sample.lstrip()[:200]
    if not start:
        raise UnreadableData("the file holds only blanks", remedy="check how it was exported")
    if start.startswith(b"{") or (start[:1] == b"[" and start[1:].lstrip()[:1] in (b"{", b"]")):
        return "jsonl"
    if start.startswith((b"<?xml", b"<!DOCTYPE", b"<html", b"<HTML", b"<table")):
        raise UnreadableData(
            "the file is XML or HTML, not a dataset read here", remedy="export its table as CSV"
        )
    return "csv"


def _is_binary(sample: bytes) -> bool:
    """Say whether a sample has more control characters than text ever does."""
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls > _CONTROL_SHARE_MAX * len(sample)


def _binary(head: bytes) -> UnreadableData:
    return UnreadableData(
        "the file is binary and in no format read here",
        value=f"starts with bytes {head[:8].hex(' ')}",
        remedy="save it as CSV, JSONL, Parquet, Avro or XLSX",
    )
