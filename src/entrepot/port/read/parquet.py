"""Apache Parquet, through Arrow: streamed page by page, checksums verified, damage reported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.dataset import Column, Table
from entrepot.port.read.found import Found
from entrepot.port.read.limits import MIB
from entrepot.port.read.names import unique_names
from entrepot.port.read.nested import flat_columns, flatten
from entrepot.port.read.prefetch import prefetched
from entrepot.port.read.source import Source

_THRIFT_BYTES = 100 * MIB
"""Largest string or list in the footer; twenty thousand columns in a thousand row groups fit."""
_BATCH_BYTES = 32 * MIB
_BUFFER_BYTES = 1 * MIB


def open_parquet(source: Source) -> tuple[Found, list[Table]]:
    """Return what a Parquet file is, and its one table."""
    with _opened(source) as file:
        metadata = file.metadata
        _check_expansion(source, metadata)
        layout = _to_frame(file.schema_arrow.empty_table())
    leaves = [
        (path, label, name)
        for name, kind in layout.schema.items()
        for path, label in flat_columns(kind, name, source.limits)
    ]
    names, warnings = unique_names([path for path, _, _ in leaves], source.limits)
    columns = [
        Column(name=name, header=path, index=index, dtype=label)
        for index, (name, (path, label, _)) in enumerate(zip(names, leaves, strict=True))
    ]
    found = Found(metadata=_properties(metadata), warnings=warnings)

    def frames(rows: int) -> Iterator[pl.DataFrame]:
        return prefetched(_frames(source, names, rows))

    return found, [Table("", columns, frames, rows_estimate=metadata.num_rows)]


@contextmanager
def _opened(source: Source) -> Iterator[pa.parquet.ParquetFile]:
    """Open the file for one pass and close it after."""
    with source.seekable() as handle:
        try:
            file = pa.parquet.ParquetFile(
                handle,
                buffer_size=_BUFFER_BYTES,
                thrift_string_size_limit=_THRIFT_BYTES,
                thrift_container_size_limit=_THRIFT_BYTES,
                page_checksum_verification=True,
            )
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise _damaged(str(error), "footer") from None
        try:
            yield file
        except UnicodeDecodeError as error:
            raise _damaged(str(error), "a name in the footer") from None


def _frames(source: Source, names: list[str], rows: int) -> Iterator[pl.DataFrame]:
    with _opened(source) as file:
        done, total = 0, max(file.metadata.num_rows, 1)
        rows = max(1, min(rows, _BATCH_BYTES // max(_bytes_per_row(file.metadata), 1)))
        try:
            for batch in file.iter_batches(batch_size=rows):
                frame = _to_frame(pa.Table.from_batches([batch]))
                leaves = [leaf for series in frame for leaf in flatten(series, series.name)]
                yield pl.DataFrame(
                    [leaf.rename(name) for name, leaf in zip(names, leaves, strict=True)]
                )
                done += batch.num_rows
                if source.on_progress is not None:
                    source.on_progress(source.size_bytes * done // total, source.size_bytes)
        except (pa.ArrowException, OSError) as error:
            raise _damaged(str(error), f"data after row {done}") from None
    source.check_unchanged()


def _bytes_per_row(metadata: pa.parquet.FileMetaData) -> int:
    groups = range(metadata.num_row_groups)
    size = sum(metadata.row_group(index).total_byte_size for index in groups)
    return size // max(metadata.num_rows, 1)


def _to_frame(table: pa.Table) -> pl.DataFrame:
    """Convert to Polars; types it lacks become text (wide decimals) or their storage (UUIDs)."""
    columns = []
    for field, column in zip(table.schema, table.columns, strict=True):
        kind = field.type
        if isinstance(kind, pa.BaseExtensionType):
            column = _storage(column, kind)
        elif pa.types.is_decimal256(kind):
            column = column.cast(pa.string())
        try:
            series = pl.from_arrow(column)
        except (pl.exceptions.PolarsError, pa.ArrowException, ValueError, TypeError) as error:
            raise UnreadableData(
                f"the column {field.name} has a type that is not read here",
                value=str(kind),
                remedy="convert that column to text or leave it out",
            ) from error
        columns.append(cast(pl.Series, series).rename(field.name))
    return pl.DataFrame(columns)


def _storage(column: Any, kind: pa.BaseExtensionType) -> Any:
    """Return a column of an extension type as the plain type that it is stored in."""
    chunks = [chunk.storage for chunk in column.chunks]
    return pa.chunked_array(chunks, type=cast(Any, kind.storage_type))


def _check_expansion(source: Source, metadata: pa.parquet.FileMetaData) -> None:
    """Refuse column chunks that say they decompress like a bomb."""
    limits = source.limits
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            plain, packed = chunk.total_uncompressed_size, max(chunk.total_compressed_size, 1)
            if plain > limits.expansion_free_bytes and plain / packed > limits.expansion_ratio:
                raise UnreadableData(
                    f"column {chunk.path_in_schema} expands like a decompression bomb",
                    value=f"{plain} bytes out of {packed}",
                    remedy="write the file again with ordinary compression if you trust it",
                )


def _properties(metadata: pa.parquet.FileMetaData) -> dict[str, str]:
    """Return the key-value metadata by key and length only: writers store values there."""
    shown = {"rows": str(metadata.num_rows), "row groups": str(metadata.num_row_groups)}
    for key, text in (metadata.metadata or {}).items():
        shown[f"key {key.decode('utf-8', 'replace')[:60]}"] = f"{len(text)} bytes"
    return shown


def _damaged(reason: str, where: str) -> UnreadableData:
    what = "the Parquet file is truncated or damaged"
    lowered = reason.lower()
    if "encrypt" in lowered:
        return UnreadableData("the Parquet file is encrypted", remedy="decrypt it first")
    if "checksum" in lowered or "crc" in lowered:
        what = "a page of the Parquet file does not match its checksum"
    return UnreadableData(what, value=where, remedy="fetch or write the file again")
