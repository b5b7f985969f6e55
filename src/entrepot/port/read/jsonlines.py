"""JSON Lines, JSON arrays and concatenated JSON as batches of flat columns.

The fields of JSON objects are known only at the end of the file: a field may first occur in the
last line. So opening reads everything once to gather every path and its type, and each pass over
the batches reads with that schema. Polars parses both times; objects become columns by `nested`.
A field that holds values of several types is read as text, with a warning.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import msgspec
import polars as pl

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.dataset import Column, Table
from entrepot.port.read.found import Found
from entrepot.port.read.json_records import Block, json_blocks, syntax_error, too_long
from entrepot.port.read.json_schema import (
    json_type,
    merge_types,
    schema_of_type,
    without_nulls,
)
from entrepot.port.read.limits import Limits
from entrepot.port.read.names import check_columns, unique_names
from entrepot.port.read.nested import flat_columns, flatten
from entrepot.port.read.prefetch import prefetched
from entrepot.port.read.source import Source
from entrepot.port.read.transcode import Utf8Stream, find_undecodable

_POLARS_FAULTS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def open_jsonlines(source: Source) -> tuple[Found, list[Table]]:
    """Return what a JSON file is, and its one table. Reads the file once for its fields."""
    schema, rows, mixed = _gather(source)
    leaves = [
        leaf for name, kind in schema.items() for leaf in flat_columns(kind, name, source.limits)
    ]
    names, warnings = unique_names([path for path, _ in leaves], source.limits)
    columns = [
        Column(name=name, header=path, index=index, dtype=label)
        for index, (name, (path, label)) in enumerate(zip(names, leaves, strict=True))
    ]
    warnings += [f"the field {path} holds values of several types; read as text" for path in mixed]
    stream = Utf8Stream(source)
    stream.close()

    def frames(rows: int) -> Iterator[pl.DataFrame]:
        return prefetched(_frames(source, schema, names))

    found = Found(encoding=stream.encoding.name, warnings=warnings)
    return found, [Table("", columns, frames, rows_estimate=rows)]


def _gather(source: Source) -> tuple[pl.Schema, int, list[str]]:
    """Return the schema of all objects, their number, and the paths of mixed type."""
    merged: pl.DataType = pl.Struct([])
    mixed: dict[str, None] = {}
    rows = 0
    for block in json_blocks(source):
        _check_lines(block, source.limits)
        kind, count = _block_type(block, source, mixed)
        merged = merge_types(merged, kind, "", mixed)
        rows += count
        check_columns(len(schema_of_type(merged)), source.limits)
    return schema_of_type(without_nulls(merged)), rows, list(mixed)


def _block_type(block: Block, source: Source, mixed: dict[str, None]) -> tuple[pl.DataType, int]:
    """Return the type and number of the objects of a block: quickly, else exactly."""
    try:
        frame = pl.read_ndjson(io.BytesIO(block.lines), infer_schema_length=None)
    except _POLARS_FAULTS:
        return _exact_type(block, source, mixed)
    return pl.Struct(frame.schema), frame.height


def _exact_type(block: Block, source: Source, mixed: dict[str, None]) -> tuple[pl.DataType, int]:
    """Return the type of a block from its values one by one; raise for the first bad line."""
    decoder = msgspec.json.Decoder()
    merged: pl.DataType = pl.Struct([])
    count = 0
    for number, line in enumerate(block.lines.split(b"\n"), start=block.first_line):
        if not line.strip():
            continue
        try:
            value = decoder.decode(line)
        except UnicodeDecodeError:
            raise find_undecodable(source) or syntax_error(number, "not UTF-8") from None
        except msgspec.DecodeError as error:
            raise syntax_error(number, str(error)) from None
        if not isinstance(value, dict):
            raise UnreadableData(
                f"line {number} is not a JSON object",
                value=type(value).__name__,
                remedy="give one object with named fields per line",
            )
        merged = merge_types(merged, json_type(value, "", mixed), "", mixed)
        count += 1
    return merged, count


def _check_lines(block: Block, limits: Limits) -> None:
    """Refuse records that are too long, or nested so deeply that a recursive parser would fall."""
    limit = limits.nesting_depth
    for number, line in enumerate(block.lines.split(b"\n"), start=block.first_line):
        if len(line) > limits.cell_bytes:
            raise too_long(number, limits.cell_bytes)
        if line.count(b"{") + line.count(b"[") > limit and _depth(line) > limit:
            raise UnreadableData(
                f"the object at line {number} is nested deeper than {limit} levels",
                remedy="flatten it, or store the inner part as text",
            )


def _depth(line: bytes) -> int:
    """Return how deep brackets nest in a line, strings left out."""
    depth = deepest = 0
    in_string = escaped = False
    for byte in line:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:
                escaped = True
            elif byte == 0x22:
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"{[":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"}]":
            depth -= 1
    return deepest


def _frames(source: Source, schema: pl.Schema, names: list[str]) -> Iterator[pl.DataFrame]:
    for block in json_blocks(source):
        if not names or not block.lines.strip():
            continue
        try:
            frame = pl.read_ndjson(io.BytesIO(block.lines), schema=schema)
        except _POLARS_FAULTS as error:
            _exact_type(block, source, {})
            raise UnreadableData(
                f"the objects from line {block.first_line} on do not fit the fields found before",
                remedy="read a file that nobody is writing to",
            ) from error
        leaves = [leaf for series in frame for leaf in flatten(series, series.name)]
        yield pl.DataFrame([leaf.rename(name) for name, leaf in zip(names, leaves, strict=True)])
