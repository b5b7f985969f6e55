"""Apache Avro object container files as batches of flat columns."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

import fastavro
import polars as pl

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.avro_container import AvroBlock, Container, damaged
from entrepot.port.read.avro_schema import AvroTypes, has_unbounded_array, is_plain, shaped
from entrepot.port.read.bridges import instance
from entrepot.port.read.dataset import Column, Table
from entrepot.port.read.found import Found
from entrepot.port.read.names import unique_names
from entrepot.port.read.nested import flat_columns, flatten
from entrepot.port.read.prefetch import prefetched
from entrepot.port.read.source import Source

_REPLACED_NAME = re.compile(r"field_\d+\Z")


def open_avro(source: Source) -> tuple[Found, list[Table]]:
    """Return what an Avro file is, and its one table."""
    stream = source.stream()
    try:
        container = Container(stream, source.limits)
    finally:
        stream.close()
    schema = _polars_schema(container, source)
    originals = _original_names(container)
    leaves = [
        leaf
        for name, kind in schema.items()
        for leaf in flat_columns(kind, originals.get(name, name), source.limits)
    ]
    names, warnings = unique_names([path for path, _ in leaves], source.limits)
    columns = [
        Column(name=name, header=path, index=index, dtype=label)
        for index, (name, (path, label)) in enumerate(zip(names, leaves, strict=True))
    ]
    metadata = {"codec": container.header.codec}
    for key, content in container.header.metadata.items():
        if not key.startswith("avro."):
            metadata[f"key {key[:60]}"] = f"{len(content)} bytes"

    def frames(rows: int) -> Iterator[pl.DataFrame]:
        return prefetched(_frames(source, schema, names))

    return Found(metadata=metadata, warnings=warnings), [Table("", columns, frames)]


def _polars_schema(container: Container, source: Source) -> dict[str, pl.DataType]:
    """Return the types of the record's fields. Raises `UnreadableData` for a broken schema."""
    try:
        schema: Any = json.loads(container.header.metadata["avro.schema"])
        fastavro.parse_schema(schema)
        if has_unbounded_array(schema):
            raise UnreadableData(
                "the Avro schema has an array of values without length",
                remedy="take that field out; it can hold nothing",
            )
        kind = AvroTypes(source.limits.nesting_depth).of(schema)
    except UnreadableData:
        raise
    except RecursionError:
        raise UnreadableData(
            "the Avro schema is nested too deeply", remedy="flatten it before you send it"
        ) from None
    except Exception as error:
        raise damaged("the schema in the header") from error
    if not isinstance(kind, pl.Struct):
        return {"value": kind}
    return {field.name: instance(field.dtype) for field in kind.fields}


def _original_names(container: Container) -> dict[str, str]:
    """Return field name → column name for fields whose name Avro could not express.

    Avro names are ASCII; such columns are written as `field_N` with their name as documentation.
    """
    schema = json.loads(container.header.metadata["avro.schema"])
    fields = schema.get("fields", []) if isinstance(schema, dict) else []
    return {
        field["name"]: field["doc"]
        for field in fields
        if _REPLACED_NAME.match(field["name"]) and isinstance(field.get("doc"), str)
    }


def _frames(
    source: Source, schema: dict[str, pl.DataType], names: list[str]
) -> Iterator[pl.DataFrame]:
    stream = source.stream()
    try:
        container = Container(stream, source.limits)
        for number, block in enumerate(container.blocks(), start=1):
            series = _block_series(container, block, schema, number)
            leaves = [leaf for one in series for leaf in flatten(one, one.name)]
            yield pl.DataFrame(
                [leaf.rename(name) for name, leaf in zip(names, leaves, strict=True)]
            )
    finally:
        stream.close()


def _block_series(
    container: Container, block: AvroBlock, schema: dict[str, pl.DataType], number: int
) -> list[pl.Series]:
    """Decode one block. A damaged block makes the decoder fail in many ways; all mean the same."""
    content = container.alone(block)
    try:
        records = list(fastavro.reader(io.BytesIO(content)))
        if records and not isinstance(records[0], dict):
            records = [{"value": record} for record in records]
        return [_series(name, kind, records) for name, kind in schema.items()]
    except Exception as error:
        raise damaged(f"block {number}") from error


def _series(name: str, kind: pl.DataType, records: list[Any]) -> pl.Series:
    values = [record[name] for record in records]
    if is_plain(kind) or (kind == pl.String and _only_text(values)):
        return pl.Series(name, values, dtype=kind)
    return pl.Series(name, [shaped(value, kind) for value in values], dtype=kind)


def _only_text(values: list[Any]) -> bool:
    """Say whether no value needs to be turned into text first (a union may hold other types)."""
    return {type(value) for value in values} <= {str, type(None)}
