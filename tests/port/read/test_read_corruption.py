"""Damaged copies of every format are read or refused by name: no traceback, no hang.

Mutations are seeded. A flip inside text gives another text, which is read; what must not happen is
an exception outside the error tree, or a container that is cut short and read as if it were whole.
"""

from __future__ import annotations

import datetime as dt
import gzip
import io
import random
import time
from pathlib import Path

import polars as pl
import pytest
import zstandard
from reading_tables import BY_ENCODING, MIXED, csv_text
from test_read_same_table import avro, avro_zstandard, json_array, jsonl, parquet, xlsx

from entrepot.kernel.errors import Error
from entrepot.port.read import open_dataset

pytestmark = pytest.mark.slow  # end to end, many times over: part of `make test`

SLOWEST_S = 5.0


def typed_parquet(_: dict[str, list[str]]) -> bytes:
    buffer = io.BytesIO()
    pl.DataFrame(
        {
            "id": range(200),
            "born": [dt.date(1980, 1, 1) + dt.timedelta(days=at) for at in range(200)],
            "tags": [["a", "b"], []] * 100,
            "at": [{"x": 1.5, "y": None}, {"x": 2.5, "y": "z"}] * 100,
        }
    ).write_parquet(buffer, row_group_size=64)
    return buffer.getvalue()


def table_bytes(kind: str) -> bytes:
    table = {name: [cell or " " for cell in cells] * 8 for name, cells in MIXED.items()}
    if kind.startswith("csv "):
        codec = kind.removeprefix("csv ")
        return (csv_text(BY_ENCODING[codec]) * 3).encode(codec)
    if kind == "csv.gz":
        return gzip.compress(csv_text(table).encode())
    if kind == "csv.zst":
        return zstandard.ZstdCompressor(write_checksum=True).compress(csv_text(table).encode())
    if kind == "parquet.gz":
        return gzip.compress(parquet(table))
    if kind.startswith("avro "):
        return avro(kind.removeprefix("avro "))(table)
    writers = {
        "jsonl": jsonl,
        "json": json_array,
        "parquet": parquet,
        "parquet typed": typed_parquet,
        "zstandard avro": avro_zstandard,
        "xlsx": xlsx,
    }
    return writers[kind](table)


KINDS = [
    "csv utf-8",
    "csv utf-16",
    "csv gb18030",
    "csv big5",
    "csv shift_jis",
    "csv latin-1",
    "csv.gz",
    "csv.zst",
    "jsonl",
    "json",
    "parquet",
    "parquet typed",
    "parquet.gz",
    "avro null",
    "avro deflate",
    "avro snappy",
    "zstandard avro",
    "xlsx",
]
SELF_CHECKING = {"csv.gz", "csv.zst", "parquet.gz", "avro deflate", "avro snappy", "xlsx"}


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Flip, overwrite, insert, delete or cut: one to three of these."""
    damaged = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(max(len(damaged), 1))
        kind = chance.randrange(6)
        if not damaged:
            break
        if kind <= 1:
            damaged[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            damaged[at] = chance.choice([0, 0xFF, 0x7F, 0x80, 0x22, 0x0A])
        elif kind == 3:
            damaged[at:at] = chance.randbytes(chance.randint(1, 8))
        elif kind == 4:
            del damaged[at : at + chance.randint(1, 16)]
        else:
            del damaged[at:]
    return bytes(damaged)


def outcome(path: Path) -> tuple[int | None, Error | None]:
    """Return the rows read, or the error."""
    try:
        with open_dataset(path) as dataset:
            return sum(frame.height for table in dataset.tables for frame in table.batches()), None
    except Error as error:
        return None, error


def mutate_and_read(path: Path, kind: str, seed: str, count: int) -> None:
    content = table_bytes(kind)
    chance = random.Random(f"{seed} {kind}")
    path.write_bytes(content)
    rows, error = outcome(path)
    assert error is None and rows
    refused = 0
    for _ in range(count):
        path.write_bytes(mutated(content, chance))
        started = time.monotonic()
        _, error = outcome(path)
        assert time.monotonic() - started < SLOWEST_S
        if error is not None:
            refused += 1
            assert error.what and len(str(error)) < 1000
    assert refused > (count // 2 if kind in SELF_CHECKING else 0)


@pytest.mark.parametrize("kind", KINDS)
def test_mutations(tmp_path: Path, kind: str) -> None:
    mutate_and_read(tmp_path / "t.bin", kind, "few", 30)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_mutations(tmp_path: Path, kind: str) -> None:
    mutate_and_read(tmp_path / "t.bin", kind, "many", 300)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {kind for kind in KINDS if "csv " in kind}))
def test_every_truncation_of_a_container_is_refused(tmp_path: Path, kind: str) -> None:
    content = table_bytes(kind)
    path = tmp_path / "t.bin"
    path.write_bytes(content)
    whole, _ = outcome(path)
    chance = random.Random(f"truncation {kind}")
    cuts = {chance.randrange(1, len(content)) for _ in range(60)} | {len(content) - 1}
    for cut in sorted(cuts):
        path.write_bytes(content[:cut])
        rows, error = outcome(path)
        if kind == "jsonl" or kind.startswith("avro") or kind == "zstandard avro":
            # Cut exactly between two records or blocks, these formats cannot know.
            assert error is not None or (rows is not None and whole is not None and rows <= whole)
        else:
            assert error is not None, cut
