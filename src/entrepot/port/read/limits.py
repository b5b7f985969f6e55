"""Bounds on what a dataset may cost to read, each with the reason for its size.

A reader meets files made by strangers. Every bound below turns an attack on memory or time (zip
bomb, entity bomb, one cell of a gigabyte, a row of a hundred thousand columns) into an
`UnreadableData` that names the bound. Callers who trust a file may pass a wider `Limits`.
"""

from __future__ import annotations

import msgspec

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


class Limits(msgspec.Struct, frozen=True):
    """What one dataset may cost. Sizes in bytes, counts as counts."""

    expansion_ratio: int = 500
    """Decompressed bytes per compressed byte. Real tables reach 5 to 50, logs 100 to 200; DEFLATE
    ends at 1,032, and a bomb must come near its end to be worth sending."""
    expansion_free_bytes: int = 64 * MIB
    """Output below this size is harmless whatever its ratio (a small, very regular table)."""
    decompressed_bytes: int = 1024 * GIB
    """Absolute end of a decompressed stream: 1 TiB, hours of reading."""
    columns: int = 20_000
    """A spreadsheet ends at 16,384 columns; wider tables are nearly always a wrong delimiter."""
    cell_bytes: int = 16 * MIB
    """One cell, and one whole record of a text format. Free text of 16 MiB is six Bibles; the
    readers hold at most a few records of this size at a time."""
    header_bytes: int = 1 * KIB
    """One column name in UTF-8. Longer ones are data taken for a header."""
    nesting_depth: int = 32
    """Levels of objects and lists in JSON, Avro and Parquet."""
    block_bytes: int = 256 * MIB
    """One Avro block before or after decompression; writers use 16 KB to 64 MB."""
    sheets: int = 1_000
    """Sheets of one workbook."""
    workbook_part_bytes: int = 8 * GIB
    """One decompressed part of a workbook; it is streamed, so this bounds time, not memory."""
    shared_strings_bytes: int = 512 * MIB
    """The string table of a workbook, which has to be held in memory."""


DEFAULT_LIMITS = Limits()
"""The limits used when a caller states none."""
