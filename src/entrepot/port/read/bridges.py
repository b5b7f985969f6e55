"""Three narrow passages between typed code and the loosely typed Arrow and Polars bindings."""

from __future__ import annotations

from typing import Any, cast

import polars as pl
import pyarrow as pa


def arrow_file(stream: object, mode: str) -> pa.PythonFile:
    """Let Arrow read from (`mode` "r") or write to ("w") any object with `read` or `write`."""
    return pa.PythonFile(cast(Any, stream), mode=cast(Any, mode))


def frame_from(table: Any) -> pl.DataFrame:
    """Return an Arrow table as a Polars frame, without copying where the layouts agree."""
    return cast(pl.DataFrame, pl.from_arrow(table))


def instance(kind: object) -> pl.DataType:
    """Return a Polars type given either as a class (`pl.String`) or as an instance."""
    return kind if isinstance(kind, pl.DataType) else cast(type[pl.DataType], kind)()
