"""Frames as the bytes of a format: one encoder per format, all streaming."""

from __future__ import annotations

import codecs
import gzip
import io
import re
from typing import Any, Protocol, cast

import fastavro.write
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import zstandard

from entrepot.kernel.errors import InvalidInput
from entrepot.port.read.bridges import arrow_file
from entrepot.port.read.form import Form
from entrepot.port.read.text import as_text
from entrepot.port.read.western import encode_western
from entrepot.port.read.xlsx_writing import SheetWriter


class Sink(Protocol):
    """Where bytes go."""

    def write(self, content: bytes, /) -> int:
        """Append `content`."""

    def flush(self) -> None:
        """Hand on what is buffered."""

    def tell(self) -> int:
        """Return the bytes written so far."""


class Encoder(Protocol):
    """Turns frames into bytes."""

    def write(self, frame: pl.DataFrame) -> None:
        """Append a frame."""

    def finish(self) -> None:
        """Write what stands at the end of the format."""

    def discard(self) -> None:
        """Release what the format's library holds; the sink no longer keeps what it is given."""


def open_encoder(sink: Sink, form: Form) -> Encoder:
    """Return the encoder of a form. Raises `InvalidInput` for one that is not known."""
    form.checked()
    packed = _Packed(sink, form.compression)
    inner: Encoder
    if form.format == "csv":
        inner = _CsvEncoder(packed, form)
    elif form.format == "jsonl":
        inner = _JsonEncoder(packed, form)
    elif form.format == "parquet":
        inner = _ParquetEncoder(packed)
    elif form.format == "avro":
        inner = _AvroEncoder(packed)
    else:
        inner = SheetWriter(packed)
    return _Checked(inner, packed)


class _Checked:
    """An encoder that holds every frame to the columns of the first."""

    def __init__(self, inner: Encoder, packed: _Packed) -> None:
        self._inner = inner
        self._packed = packed
        self._schema: pl.Schema | None = None

    def write(self, frame: pl.DataFrame) -> None:
        if self._schema is None:
            self._schema = frame.schema
        elif frame.schema != self._schema:
            raise InvalidInput(
                "a batch has other columns or types than the first one",
                value=", ".join(sorted(set(frame.columns) ^ set(self._schema)))[:100] or "types",
                remedy="give every batch the same columns, in the same order and type",
            )
        self._inner.write(frame)

    def finish(self) -> None:
        if self._schema is None:
            raise InvalidInput(
                "no batch was written, so the columns are unknown",
                remedy="write one batch, which may have no rows",
            )
        self._inner.finish()
        self._packed.finish()

    def discard(self) -> None:
        self._inner.discard()
        self._packed.finish()


class _Packed:
    """A sink that compresses on the way; `gzip` without time stamp, so that runs are equal."""

    def __init__(self, sink: Sink, compression: str) -> None:
        self._sink = sink
        self._size = 0
        self.closed = False
        self._stream: Any = None
        if compression == "gzip":
            self._stream = gzip.GzipFile(
                filename="",
                mode="wb",
                compresslevel=6,
                fileobj=cast(Any, sink),
                mtime=0,
            )
        elif compression == "zstd":
            packer = zstandard.ZstdCompressor(level=3, write_checksum=True)
            self._stream = packer.stream_writer(cast(Any, sink), closefd=False)

    def write(self, content: bytes, /) -> int:
        (self._stream or self._sink).write(content)
        self._size += len(content)
        return len(content)

    def flush(self) -> None:
        """Leave buffers alone: a flush inside a compressed stream only makes it larger."""

    def tell(self) -> int:
        return self._size

    def seekable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True

    def finish(self) -> None:
        if self._stream is not None:
            self._stream.close()


class _Encoded:
    """UTF-8 bytes in, the encoding of the form out; the mark comes first."""

    def __init__(self, sink: Sink, form: Form) -> None:
        self._sink = sink
        self._name = form.encoding
        codec = {"big5": "cp950", "shift_jis": "cp932", "euc-kr": "cp949"}.get(
            self._name, self._name
        )
        self._codec = codecs.lookup(codec)
        if form.mark:
            mark = "\ufeff".encode(self._codec.name)
            self._sink.write(mark)

    def write(self, content: bytes) -> None:
        if self._codec.name == "utf-8":
            self._sink.write(content)
            return
        try:
            self._sink.write(self._encoded(content.decode()))
        except UnicodeEncodeError as error:
            raise InvalidInput(
                f"the data hold a character that {self._name} does not have",
                value=f"U+{ord(error.object[error.start]):04X}",
                remedy="write the file as UTF-8",
            ) from None

    def _encoded(self, text: str) -> bytes:
        if self._codec.name == "cp1252":
            return encode_western(text)
        return self._codec.encode(text, "strict")[0]


class _CsvEncoder:
    def __init__(self, sink: Sink, form: Form) -> None:
        self._out = _Encoded(sink, form)
        self._form = form
        self._header = form.header

    def write(self, frame: pl.DataFrame) -> None:
        text = frame.select([as_text(series) for series in frame])
        buffer = io.BytesIO()
        text.write_csv(
            buffer,
            include_header=self._header,
            separator=self._form.delimiter,
            quote_char=self._form.quote,
            line_terminator=self._form.line_ending,
        )
        self._header = False
        self._out.write(buffer.getvalue())

    def finish(self) -> None:
        pass

    def discard(self) -> None:
        pass


_JSON_NATIVE = (pl.String, pl.Boolean, pl.List, pl.Struct, pl.Null)


class _JsonEncoder:
    def __init__(self, sink: Sink, form: Form) -> None:
        self._out = _Encoded(sink, form)

    def write(self, frame: pl.DataFrame) -> None:
        if not frame.height:
            return
        buffer = io.BytesIO()
        frame.select([_json_ready(series) for series in frame]).write_ndjson(buffer)
        self._out.write(buffer.getvalue())

    def finish(self) -> None:
        pass

    def discard(self) -> None:
        pass


def _json_ready(series: pl.Series) -> pl.Series:
    """Return numbers, truth values, text and nested data as they are, the rest as text."""
    kind = series.dtype
    if kind.is_integer() or kind.is_float() or isinstance(kind, _JSON_NATIVE):
        return series
    return as_text(series)


class _ParquetEncoder:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._writer: pa.parquet.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = pa.parquet.ParquetWriter(
                arrow_file(self._sink, "w"),
                table.schema,
                compression="zstd",
                write_page_checksum=True,
            )
        if frame.height:
            self._writer.write_table(table)

    def finish(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def discard(self) -> None:
        self.finish()


_AVRO_TYPES: dict[type[pl.DataType], Any] = {
    pl.Boolean: "boolean",
    pl.Int8: "int",
    pl.Int16: "int",
    pl.Int32: "int",
    pl.Int64: "long",
    pl.UInt8: "int",
    pl.UInt16: "int",
    pl.UInt32: "long",
    pl.Float32: "float",
    pl.Float64: "double",
    pl.Binary: "bytes",
    pl.Date: {"type": "int", "logicalType": "date"},
    pl.Time: {"type": "long", "logicalType": "time-micros"},
}
_AVRO_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class _AvroEncoder:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._writer: Any = None
        self._names: list[str] = []

    def write(self, frame: pl.DataFrame) -> None:
        if self._writer is None:
            schema, self._names = _avro_schema(frame.schema)
            self._writer = fastavro.write.Writer(cast(Any, self._sink), schema, codec="deflate")
        columns = [_avro_ready(series).to_list() for series in frame]
        for values in zip(*columns, strict=True):
            self._writer.write(dict(zip(self._names, values, strict=True)))

    def finish(self) -> None:
        self._writer.flush()

    def discard(self) -> None:
        pass


def _avro_type(kind: pl.DataType) -> Any:
    if isinstance(kind, pl.Datetime):
        local = "" if kind.time_zone else "local-"
        return {"type": "long", "logicalType": f"{local}timestamp-micros"}
    if isinstance(kind, pl.Decimal):
        return {
            "type": "bytes",
            "logicalType": "decimal",
            "precision": kind.precision or 38,
            "scale": kind.scale,
        }
    return _AVRO_TYPES.get(kind.base_type(), "string")


def _avro_schema(schema: pl.Schema) -> tuple[dict[str, Any], list[str]]:
    """Return the record schema and its field names: Avro allows only ASCII letters, digits and
    underscores, so other names become `field_N` and stay in the field's documentation."""
    fields, names = [], []
    for number, (column, kind) in enumerate(schema.items(), start=1):
        name = column if _AVRO_NAME.match(column) else f"field_{number}"
        field = {"name": name, "type": ["null", _avro_type(kind)], "default": None}
        if name != column:
            field["doc"] = column
        fields.append(field)
        names.append(name)
    return {"type": "record", "name": "row", "fields": fields}, names


def _avro_ready(series: pl.Series) -> pl.Series:
    return as_text(series) if _avro_type(series.dtype) == "string" else series
