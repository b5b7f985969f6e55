"""The types of JSON values as Polars types, and the one type that holds two of them."""

from __future__ import annotations

import polars as pl

from entrepot.port.read.bridges import instance

_INT64_BOUND = 2**63
_INT128_BOUND = 2**127


def json_type(value: object, path: str, mixed: dict[str, None]) -> pl.DataType:
    """Return the type of one decoded value; paths that mix types inside it are added to `mixed`."""
    if value is None:
        return pl.Null()
    if isinstance(value, bool):
        return pl.Boolean()
    if isinstance(value, int):
        if -_INT64_BOUND <= value < _INT64_BOUND:
            return pl.Int64()
        return pl.Int128() if -_INT128_BOUND <= value < _INT128_BOUND else pl.String()
    if isinstance(value, float):
        return pl.Float64()
    if isinstance(value, dict):
        fields = [
            pl.Field(name, json_type(inner, _join(path, name), mixed))
            for name, inner in value.items()
        ]
        return pl.Struct(fields)
    if isinstance(value, list):
        element: pl.DataType = pl.Null()
        for inner in value:
            element = merge_types(element, json_type(inner, f"{path}[]", mixed), f"{path}[]", mixed)
        return pl.List(element)
    return pl.String()


def merge_types(
    left: pl.DataType, right: pl.DataType, path: str, mixed: dict[str, None]
) -> pl.DataType:
    """Return the narrowest type that holds both without loss: text for what nothing else holds."""
    if left == right or isinstance(right, pl.Null):
        return left
    if isinstance(left, pl.Null):
        return right
    if isinstance(left, pl.Struct) and isinstance(right, pl.Struct):
        return _merge_structs(left, right, path, mixed)
    if isinstance(left, pl.List) and isinstance(right, pl.List):
        inner = merge_types(instance(left.inner), instance(right.inner), f"{path}[]", mixed)
        return pl.List(inner)
    if left.is_integer() and right.is_integer():
        return pl.Int128()
    if left.is_numeric() and right.is_numeric() and pl.Int128() not in (left, right):
        return pl.Float64()
    mixed[path] = None
    return pl.String()


def _merge_structs(
    left: pl.Struct, right: pl.Struct, path: str, mixed: dict[str, None]
) -> pl.Struct:
    fields = {field.name: instance(field.dtype) for field in left.fields}
    for field in right.fields:
        kind = instance(field.dtype)
        known = fields.get(field.name)
        fields[field.name] = (
            kind if known is None else merge_types(known, kind, _join(path, field.name), mixed)
        )
    return pl.Struct(fields)


def without_nulls(kind: pl.DataType) -> pl.DataType:
    """Return `kind` with text in place of fields that are null throughout."""
    if isinstance(kind, pl.Null):
        return pl.String()
    if isinstance(kind, pl.List):
        return pl.List(without_nulls(instance(kind.inner)))
    if isinstance(kind, pl.Struct):
        if not kind.fields:
            return pl.String()
        return pl.Struct({f.name: without_nulls(instance(f.dtype)) for f in kind.fields})
    return kind


def schema_of_type(kind: pl.DataType) -> pl.Schema:
    """Return the fields of a struct type as a schema; an empty one if it has none."""
    if not isinstance(kind, pl.Struct):
        return pl.Schema({})
    return pl.Schema({field.name: instance(field.dtype) for field in kind.fields})


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
