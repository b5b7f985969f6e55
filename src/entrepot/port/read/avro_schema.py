"""Avro schemas as Polars types, and Avro values in the form those types take.

Types after the Apache Avro 1.12 specification. A union of null and one type is that type; a union
of several becomes text. A map becomes a list of objects with `key` and `value`.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.bridges import instance

_PRIMITIVES: dict[str, pl.DataType] = {
    "null": pl.Null(),
    "boolean": pl.Boolean(),
    "int": pl.Int64(),
    "long": pl.Int64(),
    "float": pl.Float32(),
    "double": pl.Float64(),
    "bytes": pl.Binary(),
    "string": pl.String(),
    "enum": pl.String(),
    "fixed": pl.Binary(),
}
_LOGICAL: dict[tuple[str, str], pl.DataType] = {
    ("int", "date"): pl.Date(),
    ("int", "time-millis"): pl.Time(),
    ("long", "time-micros"): pl.Time(),
    ("long", "timestamp-millis"): pl.Datetime("us", "UTC"),
    ("long", "timestamp-micros"): pl.Datetime("us", "UTC"),
    ("long", "local-timestamp-millis"): pl.Datetime("us"),
    ("long", "local-timestamp-micros"): pl.Datetime("us"),
    ("string", "uuid"): pl.String(),
    ("fixed", "uuid"): pl.String(),
}
_PRECISION_MAX = 38

Schema = Any
"""A schema as JSON gives it: a name, a list (union) or an object."""


class AvroTypes:
    """The Polars types of one schema, its named types resolved."""

    def __init__(self, depth_max: int) -> None:
        """`depth_max` is the deepest nesting accepted; recursive types always exceed it."""
        self._named: dict[str, Schema] = {}
        self._depth_max = depth_max

    def of(self, schema: Schema, depth: int = 0, space: str = "") -> pl.DataType:
        """Return the Polars type of `schema`. Raises `UnreadableData` if it is nested too deep."""
        if depth > self._depth_max:
            raise UnreadableData(
                f"the Avro schema is recursive or nested deeper than {self._depth_max} levels",
                remedy="flatten it, or store the inner part as text",
            )
        if isinstance(schema, list):
            return self._union(schema, depth, space)
        if isinstance(schema, str):
            return self._name(schema, depth, space)
        kind = schema["type"]
        if isinstance(kind, dict | list):
            return self.of(kind, depth + 1, space)
        space = self._remember(schema, space)
        if kind in ("record", "error"):
            return pl.Struct(
                [
                    pl.Field(field["name"], self.of(field["type"], depth + 1, space))
                    for field in schema["fields"]
                ]
            )
        if kind == "array":
            return pl.List(self.of(schema["items"], depth + 1, space))
        if kind == "map":
            value = self.of(schema["values"], depth + 1, space)
            return pl.List(pl.Struct({"key": pl.String(), "value": value}))
        return self._leaf(kind, schema, depth, space)

    def _union(self, members: list[Schema], depth: int, space: str) -> pl.DataType:
        kinds = [self.of(member, depth + 1, space) for member in members if member != "null"]
        if not kinds:
            return pl.Null()
        same = all(kind == kinds[0] for kind in kinds)
        if same:
            return kinds[0]
        if all(kind in (pl.Int64(), pl.Float64(), pl.Float32()) for kind in kinds):
            return pl.Float64()
        return pl.String()

    def _name(self, name: str, depth: int, space: str) -> pl.DataType:
        if name in _PRIMITIVES:
            return _PRIMITIVES[name]
        full = name if "." in name or not space else f"{space}.{name}"
        if full not in self._named:
            full = name
        return self.of(self._named[full], depth + 1, space)

    def _remember(self, schema: dict[str, Any], space: str) -> str:
        """Keep a named type for later reference; return the namespace inside it."""
        if "name" not in schema:
            return space
        name = str(schema["name"])
        space = name.rpartition(".")[0] or str(schema.get("namespace", space) or "")
        short = name.rpartition(".")[2]
        self._named[f"{space}.{short}" if space else short] = schema
        return space

    def _leaf(self, kind: str, schema: dict[str, Any], depth: int, space: str) -> pl.DataType:
        logical = schema.get("logicalType")
        if logical == "decimal" and kind in ("bytes", "fixed"):
            precision = int(schema.get("precision", _PRECISION_MAX))
            scale = int(schema.get("scale", 0))
            return pl.Decimal(precision, scale) if precision <= _PRECISION_MAX else pl.String()
        if isinstance(logical, str) and (kind, logical) in _LOGICAL:
            return _LOGICAL[(kind, logical)]
        return self._name(kind, depth, space)


def takes_no_bytes(schema: Schema) -> bool:
    """Say whether a value of `schema` can have length zero: an array of such knows no bound."""
    if isinstance(schema, str):
        return schema == "null"
    if isinstance(schema, list):
        return False
    kind = schema.get("type")
    if kind in ("record", "error"):
        return all(takes_no_bytes(field["type"]) for field in schema["fields"])
    if kind == "fixed":
        return bool(schema.get("size") == 0)
    return takes_no_bytes(kind) if isinstance(kind, str | dict) and kind != schema else False


def has_unbounded_array(schema: Schema) -> bool:
    """Say whether somewhere in `schema` an array holds values of length zero."""
    if isinstance(schema, list):
        return any(has_unbounded_array(member) for member in schema)
    if not isinstance(schema, dict):
        return False
    kind = schema.get("type")
    if kind == "array":
        return takes_no_bytes(schema["items"]) or has_unbounded_array(schema["items"])
    if kind == "map":
        return has_unbounded_array(schema["values"])
    if kind in ("record", "error"):
        return any(has_unbounded_array(field["type"]) for field in schema["fields"])
    return has_unbounded_array(kind)


def shaped(value: Any, kind: pl.DataType) -> Any:
    """Return `value` in the form that a Polars series of `kind` takes."""
    if value is None:
        return None
    if isinstance(kind, pl.Struct) and isinstance(value, dict):
        return {
            field.name: shaped(value.get(field.name), instance(field.dtype))
            for field in kind.fields
        }
    if isinstance(kind, pl.List):
        inner = instance(kind.inner)
        if isinstance(value, dict):
            value = [{"key": key, "value": held} for key, held in value.items()]
        return [shaped(element, inner) for element in value]
    if isinstance(kind, pl.String) and not isinstance(value, str):
        return _text(value)
    return value


def is_plain(kind: pl.DataType) -> bool:
    """Say whether values of `kind` go into a series as they are."""
    return not isinstance(kind, pl.Struct | pl.List | pl.String)


def _text(value: object) -> str:
    """Write a value of a mixed union as text: objects and lists as JSON, bytes as hexadecimal."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
