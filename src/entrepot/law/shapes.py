"""From YAML values to frozen structs of a fixed shape, with errors that name file and line."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import Annotated, TypeVar, get_args, get_origin

import msgspec

from entrepot.kernel.errors import InvalidLaw
from entrepot.law.yamlsource import Path_, Sourced

T = TypeVar("T")

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")
_UNKNOWN_FIELD = re.compile(r"unknown field `([^`]*)`")
_KEYS_OF = re.compile(r"`\$(.*)`$")


def shape(source: Sourced, kind: type[T], *, value: object = msgspec.UNSET, at: Path_ = ()) -> T:
    """Convert the part of `source` at path `at` to `kind`; unknown keys are refused.

    `value` replaces the part's own value when the caller has taken something out of it. Raises
    `InvalidLaw`.
    """
    part: object = value
    if value is msgspec.UNSET:
        part = source.value
        for step in at:
            part = part[step]  # type: ignore[index]
    try:
        return msgspec.convert(part, type=kind, strict=True)
    except msgspec.ValidationError as error:
        raise _explain(error, source, kind, at) from None


def _explain(
    error: msgspec.ValidationError, source: Sourced, kind: object, at: Path_
) -> InvalidLaw:
    message = str(error)
    text, _, tail = message.partition(" - at ")
    path = at + _path_of(tail)
    text = text.replace("Object", "the block").replace("`object`", "a mapping")
    remedy = ""
    if unknown := _UNKNOWN_FIELD.search(text):
        path = (*path, unknown[1])
        fields = [field.encode_name for field in _fields_at(kind, _path_of(tail))]
        close = get_close_matches(unknown[1], fields, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"known keys: {', '.join(fields)}"
        text = f"unknown key `{unknown[1]}`"
    elif tail:
        text = f"{text} at `{'.'.join(str(step) for step in path)}`"
    return InvalidLaw(text, where=source.where(path), remedy=remedy)


def _fields(kind: object) -> tuple[msgspec.structs.FieldInfo, ...]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return msgspec.structs.fields(kind)
    return ()


def _fields_at(kind: object, path: Path_) -> tuple[msgspec.structs.FieldInfo, ...]:
    """Return the fields of the struct that stands at `path` inside a value of type `kind`."""
    for step in path:
        if isinstance(step, str) and (fields := _fields(kind)):
            kind = next((field.type for field in fields if field.encode_name == step), None)
        else:
            kind = (get_args(kind) or (None,))[-1]
        while get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
    return _fields(kind)


def _path_of(tail: str) -> Path_:
    found = _KEYS_OF.search(tail)
    if not found:
        return ()
    steps: list[str | int] = []
    for step in _STEP.finditer(found[1]):
        if step[2] == "...":
            break
        steps.append(int(step[2]) if step[2] else step[1])
    return tuple(steps)
