"""Nested data as flat columns: one column per leaf, aligned with the rows of the table.

An object's field becomes `a.b`. A list becomes one cell per row that holds its elements as text,
joined with `LIST_SEPARATOR`; its column is called `a[]`, and a field of the objects in a list
`a[].b`. So the rows stay the rows, which counting persons needs, and no element is left out.
A map is a list of objects with `key` and `value`.
"""

from __future__ import annotations

import polars as pl

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.bridges import instance
from entrepot.port.read.dataset import LIST_SEPARATOR
from entrepot.port.read.limits import Limits
from entrepot.port.read.text import as_text, dtype_label


def flatten(series: pl.Series, name: str) -> list[pl.Series]:
    """Return the leaves of `series` as flat series of the same height, named by their paths."""
    kind = series.dtype
    if isinstance(kind, pl.Struct):
        leaves: list[pl.Series] = []
        for field in kind.fields:
            leaves += flatten(series.struct.field(field.name), f"{name}.{field.name}")
        return leaves
    if isinstance(kind, pl.Array):
        return flatten(series.arr.to_list(), name)
    if isinstance(kind, pl.Map):
        return flatten(series.map.entries(), name)
    if isinstance(kind, pl.List):
        return _flatten_list(series, name)
    if isinstance(kind, pl.Categorical | pl.Enum):
        return [series.cast(pl.String).rename(name)]
    return [series.rename(name)]


def flat_columns(kind: pl.DataType, name: str, limits: Limits) -> list[tuple[str, str]]:
    """Return (path, dtype label) of each leaf of a type, in the order `flatten` gives them.

    Raises `UnreadableData` if it is nested deeper than the limit.
    """
    return _leaves(kind, name, limits.nesting_depth, limits.nesting_depth)


def _leaves(kind: pl.DataType, name: str, depth: int, limit: int) -> list[tuple[str, str]]:
    if depth == 0:
        raise UnreadableData(
            f"the data are nested deeper than {limit} levels",
            value=name[:80],
            remedy="flatten them, or store the inner part as text",
        )
    if isinstance(kind, pl.Struct):
        return [
            leaf
            for field in kind.fields
            for leaf in _leaves(instance(field.dtype), f"{name}.{field.name}", depth - 1, limit)
        ]
    if isinstance(kind, pl.Map):
        kind = pl.List(pl.Struct({"key": kind.key, "value": kind.value}))
    if isinstance(kind, pl.List | pl.Array):
        inner = _leaves(instance(kind.inner), f"{name}[]", depth - 1, limit)
        return [(path, f"list<{label.removeprefix('list<').rstrip('>')}>") for path, label in inner]
    return [(name, dtype_label(kind))]


def _flatten_list(series: pl.Series, name: str) -> list[pl.Series]:
    """Flatten the elements of all lists together, then join what belongs to one row again."""
    every = pl.DataFrame({"row": pl.arange(series.len(), eager=True)})
    elements = every.with_columns(series.alias("value")).explode("value")
    leaves = []
    for leaf in flatten(elements["value"], f"{name}[]"):
        joined = (
            pl.DataFrame({"row": elements["row"], "text": as_text(leaf)})
            .drop_nulls("text")
            .group_by("row", maintain_order=True)
            .agg(pl.col("text").str.join(LIST_SEPARATOR))
        )
        aligned = every.join(joined, on="row", how="left", maintain_order="left")
        leaves.append(aligned["text"].rename(leaf.name))
    return leaves
