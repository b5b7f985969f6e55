"""YAML of rulebooks and cases, read as plain values with line numbers; never as objects.

A strict subset of YAML 1.2: no anchors, aliases, tags or merge keys; `true` and `false` are the
only booleans (so that `NO` stays Norway), a day is `YYYY-MM-DD`. Duplicate keys are refused. Built
straight from parser events without recursion, under limits of size, depth and count, so a hostile
file can neither run code nor exhaust memory.
"""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entrepot.kernel.errors import InvalidLaw

if TYPE_CHECKING:
    import yaml

SOURCE_BYTES_MAX = 4_000_000
DEPTH_MAX = 24
VALUES_MAX = 250_000
SCALAR_CHARS_MAX = 20_000
DIGITS_MAX = 18

_INT = re.compile(r"[-+]?[0-9][0-9_]*\Z")
_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]{1,3})?\Z")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_WORDS: dict[str, bool | None] = {
    "true": True,
    "false": False,
    "True": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
}
_FIRST_OF_NUMBER = frozenset("+-0123456789")
_UNSET: Any = object()

Path_ = tuple[str | int, ...]


class Sourced:
    """A value read from YAML together with the line of every part of it."""

    __slots__ = ("file", "inner", "lines", "value")

    def __init__(self, value: Any, lines: dict[Path_, int], file: str) -> None:
        """Keep `value`, and `lines`: path of keys and indexes → line in `file`, counted from 1."""
        self.value = value
        self.lines = lines
        self.file = file

    def where(self, path: Path_ = ()) -> str:
        """Return `file:line` of the part at `path`, or of its nearest ancestor."""
        while path and path not in self.lines:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"


class _Open:
    """A mapping or sequence whose end has not been met yet."""

    __slots__ = ("key", "path", "value")

    def __init__(self, value: dict[str, Any] | list[Any], path: Path_) -> None:
        self.value = value
        self.path = path
        self.key: Any = _UNSET


class _Builder:
    """Builds one document from parser events."""

    __slots__ = ("documents", "file", "inner", "lines", "offset", "root", "stack")

    def __init__(self, file: str, offset: int) -> None:
        self.file = file
        self.offset = offset
        self.lines: dict[Path_, int] = {}
        self.stack: list[_Open] = []
        self.inner: _Open | None = None
        """The last of the stack."""
        self.root: Any = _UNSET
        self.documents = 0

    def fault(self, what: str, event: yaml.Event, value: object = None) -> InvalidLaw:
        return InvalidLaw(what, where=f"{self.file}:{self.line(event)}", value=value)

    def line(self, event: yaml.Event) -> int:
        mark = event.start_mark
        return (mark.line if mark is not None else 0) + 1 + self.offset

    def begin(self, event: Any, value: dict[str, Any] | list[Any]) -> None:
        """Open a mapping or sequence."""
        if event.anchor is not None or event.tag is not None:
            raise self.named(event)
        if len(self.stack) >= DEPTH_MAX:
            raise self.fault(f"nested deeper than {DEPTH_MAX} levels", event)
        self.inner = _Open(value, self.place(value, event))
        self.stack.append(self.inner)

    def end(self, _event: Any) -> None:
        """Close the innermost mapping or sequence."""
        self.stack.pop()
        self.inner = self.stack[-1] if self.stack else None

    def alias(self, event: Any) -> None:
        raise self.fault("aliases are not allowed in rulebooks; write the value out", event)

    def document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self.fault("only one YAML document is allowed here", event)

    def named(self, event: Any) -> InvalidLaw:
        """Return the fault of a value with an anchor or a tag."""
        if event.anchor is not None:
            return self.fault("anchors are not allowed in rulebooks", event, event.anchor)
        return self.fault("tags are not allowed in rulebooks", event, event.tag)

    def scalar(self, event: Any) -> None:
        """Take a key, or a value that has no parts."""
        if event.anchor is not None or event.tag is not None:
            raise self.named(event)
        text: str = event.value
        if len(text) > SCALAR_CHARS_MAX:
            raise self.fault(f"a text longer than {SCALAR_CHARS_MAX} characters", event)
        parent = self.inner
        if parent is not None and parent.key is _UNSET and type(parent.value) is dict:
            if text in parent.value:
                raise self.fault("the same key twice", event, text)
            parent.key = text
            return
        self.place(self.plain(text, event) if event.implicit[0] else text, event)

    def plain(self, text: str, event: yaml.ScalarEvent) -> Any:
        """Return what a text without quotes means."""
        if text in _WORDS:
            return _WORDS[text]
        if text == "<<":
            raise self.fault("merge keys are not allowed", event)
        # Most texts are words, and no number or day begins like one.
        return self.counted(text, event) if text[0] in _FIRST_OF_NUMBER else text

    def counted(self, text: str, event: yaml.ScalarEvent) -> Any:
        """Return a number, a day, or the text when it is neither."""
        if _INT.match(text) or _FLOAT.match(text):
            if sum(character.isdigit() for character in text) > DIGITS_MAX:
                raise self.fault(f"a number of more than {DIGITS_MAX} digits", event, text)
            clean = text.replace("_", "")
            return int(clean) if _INT.match(text) else float(clean)
        if day := _DAY.match(text):
            try:
                return date(int(day[1]), int(day[2]), int(day[3]))
            except ValueError:
                raise self.fault("not a day of the calendar", event, text) from None
        return text

    def place(self, value: Any, event: Any) -> Path_:
        """Put a value where it belongs; return its path."""
        if len(self.lines) >= VALUES_MAX:
            raise self.fault(f"more than {VALUES_MAX} values in one file", event)
        path: Path_ = ()
        parent = self.inner
        if parent is None:
            self.root = value
        elif type(parent.value) is list:
            path = (*parent.path, len(parent.value))
            parent.value.append(value)
        elif parent.key is _UNSET:
            raise self.fault("a key must be a plain text", event)
        else:
            path = (*parent.path, parent.key)
            parent.value[parent.key] = value
            parent.key = _UNSET
        self.lines[path] = event.start_mark.line + 1 + self.offset
        return path

    def build(self, parser: Any) -> None:
        """Consume all events of `parser`, most frequent kinds first."""
        import yaml

        scalar, next_event = self.scalar, parser.get_event
        while True:
            event = next_event()
            kind = type(event)
            if kind is yaml.ScalarEvent:
                scalar(event)
            elif kind is yaml.MappingStartEvent:
                self.begin(event, {})
            elif kind is yaml.SequenceStartEvent:
                self.begin(event, [])
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                self.end(event)
            elif kind is yaml.DocumentStartEvent:
                self.document(event)
            elif kind is yaml.AliasEvent:
                self.alias(event)
            elif kind is yaml.StreamEndEvent:
                return


def read_yaml(text: str, *, file: str, offset: int = 0) -> Sourced:
    """Read one YAML document from `text`.

    `offset` is the number of lines of `file` before `text`. Raises `InvalidLaw` with file and line
    for anything outside the subset described above.
    """
    # Imported when used: law from a cache is not read from YAML.
    import yaml

    # Of the loader only its parser, which makes events and no values.
    make: Any = vars(yaml.cyaml)["CParser"] if yaml.__with_libyaml__ else yaml.SafeLoader
    builder = _Builder(file, offset)
    try:
        parser = make(text)
        try:
            builder.build(parser)
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 + offset if error.problem_mark else offset + 1
        raise InvalidLaw(
            f"not YAML: {error.problem or error.context}", where=f"{file}:{line}"
        ) from None
    except (yaml.YAMLError, UnicodeError) as error:
        # A reader error has a position, not a line: a character that YAML forbids.
        raise InvalidLaw(
            f"not YAML: {str(error).splitlines()[0]}", where=f"{file}:{offset + 1}"
        ) from None
    value = None if builder.root is _UNSET else builder.root
    return Sourced(value, builder.lines, file)


def read_text(path: Path, *, file: str = "") -> tuple[str, bytes]:
    """Return a file's text and exact bytes; `InvalidLaw` when it is too large or not UTF-8."""
    name = file or str(path)
    with path.open("rb") as stream:
        content = stream.read(SOURCE_BYTES_MAX + 1)
    if len(content) > SOURCE_BYTES_MAX:
        raise InvalidLaw(f"larger than {SOURCE_BYTES_MAX} bytes", where=f"{name}:1")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InvalidLaw(
            "not UTF-8", where=f"{name}:{line}", remedy="save the file as UTF-8"
        ) from None
    return _unix(text), content


def plain_text(content: bytes) -> str:
    """Return the text of a file that `read_text` read before, from its exact bytes."""
    return _unix(content.decode("utf-8-sig"))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
