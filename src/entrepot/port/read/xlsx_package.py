"""The package around a workbook: its parts, read as streams of XML events with every door shut.

Office Open XML is a zip of XML parts (ECMA-376). Parts are parsed as they are decompressed; a
document type declaration, the root of every entity attack, is refused, as are parts that expand
like bombs, encrypted members and damaged ones.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable
from types import TracebackType
from typing import IO, Self
from xml.parsers import expat

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.limits import Limits

_CHUNK_BYTES = 256 * 1024
StartHandler = Callable[[str, dict[str, str]], None]
EndHandler = Callable[[str], None]
TextHandler = Callable[[str], None]


class Package:
    """An opened workbook package."""

    def __init__(self, file: IO[bytes], limits: Limits) -> None:
        """Read the directory of the zip. Raises `UnreadableData` if it is damaged."""
        self._limits = limits
        self._file = file
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            file.close()
            raise damaged("its directory", str(error)) from None
        self.names = set(self._zip.namelist())

    def parse(self, name: str, start: StartHandler, end: EndHandler, text: TextHandler) -> None:
        """Parse one part, calling the handlers with element names free of namespace prefixes."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.buffer_size = 65_536

        def first(tag: str, attributes: dict[str, str]) -> None:
            """Look at the root: only if it has a prefix must names be stripped (slower)."""
            if ":" in tag:
                parser.StartElementHandler = lambda name, found: start(_local(name), found)
                parser.EndElementHandler = lambda name: end(_local(name))
            else:
                parser.StartElementHandler = start
                parser.EndElementHandler = end
            start(_local(tag), attributes)

        parser.StartElementHandler = first
        parser.CharacterDataHandler = text
        parser.StartDoctypeDeclHandler = _refuse_doctype
        try:
            with self._open(name) as part:
                while chunk := part.read(_CHUNK_BYTES):
                    parser.Parse(chunk, False)
                parser.Parse(b"", True)
        except expat.ExpatError as error:
            raise damaged(f"{name}, line {error.lineno}", expat.ErrorString(error.code)) from None
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            NotImplementedError,
            UnicodeDecodeError,
        ) as error:
            raise damaged(name, str(error)) from None

    def _open(self, name: str) -> IO[bytes]:
        try:
            member = self._zip.getinfo(name)
        except KeyError:
            raise damaged(name, "the part is missing") from None
        if member.flag_bits & 1:
            raise UnreadableData(
                "the workbook is encrypted", value=name, remedy="remove its password first"
            )
        limits = self._limits
        packed = max(member.compress_size, 1)
        too_steep = member.file_size / packed > limits.expansion_ratio
        if (member.file_size > limits.expansion_free_bytes and too_steep) or (
            member.file_size > limits.workbook_part_bytes
        ):
            raise UnreadableData(
                f"the part {name} of the workbook expands like a decompression bomb",
                value=f"{member.file_size} bytes out of {member.compress_size}",
                remedy="save the workbook again as CSV if you trust it",
            )
        try:
            return self._zip.open(member)
        except (zipfile.BadZipFile, RuntimeError, OSError, NotImplementedError) as error:
            raise damaged(name, str(error)) from None

    def __enter__(self) -> Self:
        """Return the package itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the zip and its file."""
        self._zip.close()
        self._file.close()


def damaged(part: str, reason: str) -> UnreadableData:
    """Return the error for a workbook part that cannot be read."""
    return UnreadableData(
        f"the workbook is truncated or damaged in {part}",
        value=reason,
        remedy="fetch the file again, or save it again in the spreadsheet program",
    )


def _local(tag: str) -> str:
    return tag.rpartition(":")[2] if ":" in tag else tag


def _refuse_doctype(*_: object) -> None:
    raise UnreadableData(
        "the workbook holds a document type declaration, which no spreadsheet program writes",
        remedy="do not open it elsewhere either: it is likely an attack on XML readers",
    )


def ignore_end(_: str) -> None:
    """Ignore the end of an element."""


def ignore_text(_: str) -> None:
    """Ignore character data."""
