"""The text form of a column: what a detector reads, whatever type the file stored.

The form loses nothing that the type holds and adds nothing it does not: integers stored as floats
come without `.0`, dates and times in ISO 8601, decimals with their stored scale, bytes as UTF-8
where they are that and else as hexadecimal digits.
"""

from __future__ import annotations

import polars as pl

from entrepot.port.read.bridges import instance
from entrepot.port.read.dataset import LIST_SEPARATOR

_INTEGER_BOUND = float(2**63)


def as_text(series: pl.Series) -> pl.Series:
    """Return `series` as `polars.String` of the same height and name; nulls stay null.

    Lists are joined with `LIST_SEPARATOR` (see `as_values`), structs become JSON. A datetime series
    whose times are all midnight is shown as dates (spreadsheets know no other kind of date).
    """
    kind = series.dtype
    if kind == pl.String:
        return series
    if kind.is_float():
        return _float_text(series)
    if kind == pl.Binary:
        return _binary_text(series)
    if isinstance(kind, pl.Datetime):
        return _datetime_text(series)
    if isinstance(kind, pl.Duration):
        return series.dt.to_string("iso")
    if isinstance(kind, pl.Map):
        return _list_text(series.map.entries())
    if isinstance(kind, pl.List | pl.Array):
        return _list_text(series)
    if isinstance(kind, pl.Struct):
        return series.struct.json_encode()
    return series.cast(pl.String)


def as_values(series: pl.Series) -> pl.Series:
    """Return the single values of `series` as text: every list element by itself, nulls dropped.

    The result is not aligned with the rows; it is for columns whose name holds `[]`.
    """
    text = as_text(series).drop_nulls()
    if not text.str.contains(LIST_SEPARATOR, literal=True).any():
        return text
    return text.str.split(LIST_SEPARATOR).explode()


def dtype_label(kind: pl.DataType) -> str:
    """Return the label of a Polars type as `Column.dtype` shows it (`integer`, `decimal(10,2)`)."""
    if isinstance(kind, pl.List | pl.Array):
        return f"list<{dtype_label(instance(kind.inner))}>"
    if isinstance(kind, pl.Decimal):
        return f"decimal({kind.precision},{kind.scale})"
    if kind.is_integer():
        return "integer"
    if kind.is_float():
        return "float"
    names = {
        pl.String: "text",
        pl.Categorical: "text",
        pl.Enum: "text",
        pl.Boolean: "boolean",
        pl.Date: "date",
        pl.Time: "time",
        pl.Datetime: "datetime",
        pl.Duration: "duration",
        pl.Binary: "binary",
        pl.Null: "null",
    }
    return names.get(kind.base_type(), str(kind).lower())


def _float_text(series: pl.Series) -> pl.Series:
    """Write whole numbers below 2^63 as integers, others in the shortest form that reads back."""
    whole = series.is_finite() & (series == series.floor()) & (series.abs() < _INTEGER_BOUND)
    if whole.all():
        return series.cast(pl.Int64).cast(pl.String)
    integers = pl.select(pl.when(whole).then(series).otherwise(None)).to_series()
    text = integers.cast(pl.Int64).cast(pl.String)
    return text.fill_null(series.cast(pl.String)).rename(series.name)


def _binary_text(series: pl.Series) -> pl.Series:
    """Decode bytes as UTF-8, each cell by itself; a cell that is not UTF-8 becomes hexadecimal."""
    try:
        return series.cast(pl.String)
    except pl.exceptions.ComputeError:
        cells = [None if cell is None else _bytes_text(cell) for cell in series]
        return pl.Series(series.name, cells, dtype=pl.String)


def _bytes_text(cell: bytes) -> str:
    try:
        return cell.decode()
    except UnicodeDecodeError:
        return cell.hex()


def _datetime_text(series: pl.Series) -> pl.Series:
    """Write ISO 8601 with `T` and the zone's offset; only the date if all times are midnight."""
    if (series.dt.time().drop_nulls() == pl.Series([0], dtype=pl.Time).item()).all():
        return series.dt.date().cast(pl.String)
    zone = isinstance(series.dtype, pl.Datetime) and series.dtype.time_zone is not None
    return series.dt.strftime("%Y-%m-%dT%H:%M:%S%.f%:z" if zone else "%Y-%m-%dT%H:%M:%S%.f")


def _list_text(series: pl.Series) -> pl.Series:
    """Join the elements of each list, nested lists flattened; an empty list is null."""
    lists = series.arr.to_list() if isinstance(series.dtype, pl.Array) else series
    rows = pl.DataFrame({"row": pl.arange(lists.len(), eager=True), "value": lists})
    rows = rows.explode("value").drop_nulls("value")
    while isinstance(rows.schema["value"], pl.List | pl.Array):
        rows = rows.explode("value").drop_nulls("value")
    rows = rows.with_columns(as_text(rows["value"]).alias("value"))
    joined = rows.group_by("row", maintain_order=True).agg(pl.col("value").str.join(LIST_SEPARATOR))
    every = pl.DataFrame({"row": pl.arange(lists.len(), eager=True)})
    return every.join(joined, on="row", how="left", maintain_order="left")["value"].rename(
        series.name
    )
