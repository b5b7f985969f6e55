"""The form of a file to be written: format, compression, encoding, dialect."""

from __future__ import annotations

import codecs

import msgspec

from entrepot.kernel.errors import InvalidInput

FORMATS = ("csv", "jsonl", "parquet", "avro", "xlsx")
COMPRESSIONS = ("none", "gzip", "zstd")


class Form(msgspec.Struct, frozen=True):
    """How a file is written. `dialect` has the keys of `FileReport.dialect`; missing ones mean
    comma, doubled quotes, a header and LF."""

    format: str
    compression: str = "none"
    encoding: str = "utf-8"
    mark: bool = False
    dialect: dict[str, str] = {}

    def checked(self) -> Form:
        """Return the form itself. Raises `InvalidInput` for a name that is not known here."""
        if self.format not in FORMATS:
            raise InvalidInput(
                "not a format that is written here", value=self.format, remedy=", ".join(FORMATS)
            )
        if self.compression not in COMPRESSIONS:
            raise InvalidInput(
                "not a compression that is written here",
                value=self.compression,
                remedy=", ".join(COMPRESSIONS),
            )
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise InvalidInput("not a known encoding", value=self.encoding) from None
        return self

    @property
    def delimiter(self) -> str:
        """The delimiter; a comma in place of one beyond ASCII, which the CSV writer cannot set."""
        shown = self.dialect.get("delimiter", ",")
        delimiter = {"tab": "\t", "space": " "}.get(shown, shown)
        return delimiter if len(delimiter.encode()) == 1 else ","

    @property
    def quote(self) -> str:
        """The quote; a double quote where the original used none, since a cell may need one."""
        shown = self.dialect.get("quote", '"')
        return '"' if shown == "none" else shown

    @property
    def header(self) -> bool:
        """Whether the first row names the columns."""
        return self.dialect.get("header", "yes") == "yes"

    @property
    def line_ending(self) -> str:
        """LF or CRLF (a lone CR becomes LF)."""
        return "\r\n" if self.dialect.get("line_ending") == "crlf" else "\n"
