"""The parts of a workbook that say what the sheets mean, and what else the file carries along.

Shared strings, number formats (which make a number a date), the list of sheets with their
visibility, and everything a user of the cells does not see: document properties, comments, defined
names, external links, macros, pictures. Of those only kinds and lengths leave this module.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

import msgspec

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read.found import counted
from entrepot.port.read.xlsx_package import Package, ignore_end, ignore_text

_BUILTIN_DATES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_ELAPSED = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_LITERAL = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_DATE_TOKEN = re.compile(r"[ymdhs]|[年月日時时分秒]", re.IGNORECASE)
_PEOPLE = {"creator", "lastModifiedBy", "Manager"}
_PROPERTIES = {
    "creator": "author",
    "lastModifiedBy": "last modified by",
    "Manager": "manager",
    "Company": "company",
    "title": "title",
    "subject": "subject",
    "description": "description",
    "keywords": "keywords",
    "category": "category",
}


class Sheet(msgspec.Struct, frozen=True):
    """One entry of the sheet list. `state` is visible, hidden or veryHidden."""

    name: str
    part: str
    state: str
    is_table: bool


class Book(msgspec.Struct, frozen=True):
    """The workbook part: sheets in order, the date system, how many names are defined."""

    sheets: list[Sheet]
    epoch_1904: bool
    defined_names: int


def read_book(package: Package, sheets_max: int) -> Book:
    """Read `workbook.xml` and the relations that say where the sheets are."""
    part = next((n for n in sorted(package.names) if n.endswith("workbook.xml")), "")
    base = posixpath.dirname(part)
    targets = _relations(package, f"{base}/_rels/{posixpath.basename(part)}.rels".lstrip("/"), base)
    sheets: list[Sheet] = []
    names = 0
    epoch_1904 = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal names, epoch_1904
        if tag == "sheet":
            relation = next((v for k, v in attributes.items() if k.endswith(":id")), "")
            target, kind = targets.get(relation, ("", ""))
            state = attributes.get("state", "visible")
            is_table = kind.endswith("/worksheet")
            sheets.append(Sheet(attributes.get("name", ""), target, state, is_table))
        elif tag == "workbookPr":
            epoch_1904 = attributes.get("date1904", "0") in ("1", "true", "on")
        elif tag == "definedName":
            names += 1

    package.parse(part, start, ignore_end, ignore_text)
    if len(sheets) > sheets_max:
        raise UnreadableData(
            f"the workbook has more than {sheets_max} sheets",
            value=len(sheets),
            remedy="save the wanted sheets as their own file",
        )
    return Book(sheets, epoch_1904, names)


def _relations(package: Package, part: str, base: str) -> dict[str, tuple[str, str]]:
    """Return relation id → (part, type) of one relations part; none if the part is missing."""
    found: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship":
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else posixpath.join(base, target)
            found[attributes.get("Id", "")] = (
                posixpath.normpath(path),
                attributes.get("Type", ""),
            )

    if part in package.names:
        package.parse(part, start, ignore_end, ignore_text)
    return found


def read_shared_strings(package: Package, limit_bytes: int) -> tuple[list[str], int]:
    """Return the string table and how many phonetic guides it holds (furigana; not in the text)."""
    strings: list[str] = []
    pieces: list[str] = []
    size = phonetic = 0
    in_text = in_phonetic = False

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal in_text, in_phonetic, phonetic
        if tag == "t":
            in_text = not in_phonetic
        elif tag == "rPh":
            in_phonetic, phonetic = True, phonetic + 1

    def end(tag: str) -> None:
        nonlocal in_text, in_phonetic
        if tag == "t":
            in_text = False
        elif tag == "rPh":
            in_phonetic = False
        elif tag == "si":
            strings.append("".join(pieces))
            pieces.clear()

    def text(piece: str) -> None:
        nonlocal size
        if in_text:
            pieces.append(piece)
            size += len(piece)
            if size > limit_bytes:
                raise UnreadableData(
                    "the string table of the workbook is larger than the limit",
                    value=f"over {limit_bytes} characters",
                    remedy="save the sheets as CSV",
                )

    for part in sorted(package.names):
        if part.lower().endswith("sharedstrings.xml"):
            package.parse(part, start, end, text)
    return strings, phonetic


def read_date_styles(package: Package) -> list[bool]:
    """Return, for each cell style, whether it shows a number as a date or time."""
    formats: dict[int, bool] = {}
    styles: list[bool] = []
    in_cells = False

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal in_cells
        if tag == "numFmt":
            code = attributes.get("formatCode", "")
            formats[_number(attributes.get("numFmtId"))] = is_date_format(code)
        elif tag == "cellXfs":
            in_cells = True
        elif tag == "xf" and in_cells:
            number = _number(attributes.get("numFmtId"))
            styles.append(formats.get(number, number in _BUILTIN_DATES))

    def end(tag: str) -> None:
        nonlocal in_cells
        if tag == "cellXfs":
            in_cells = False

    for part in sorted(package.names):
        if part.endswith("styles.xml"):
            package.parse(part, start, end, ignore_text)
    return styles


def is_date_format(code: str) -> bool:
    """Say whether a number format shows a point in time (elapsed hours are a quantity)."""
    if code.lower().startswith("general") or _ELAPSED.search(code):
        return False
    return bool(_DATE_TOKEN.search(_LITERAL.sub("", code)))


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0


def read_passengers(package: Package, book: Book) -> tuple[dict[str, str], list[str]]:
    """Return (metadata, warnings) of what the workbook carries besides cells, without its text."""
    metadata = _properties(package)
    warnings = [
        f"the document properties name the {name}"
        for name in ("author", "last modified by", "manager")
        if name in metadata
    ]
    comments = [n for n in package.names if re.search(r"comments?\d*\.xml$", n, re.IGNORECASE)]
    count = size = authors = 0
    for part in sorted(comments):
        found, length, writers = _comments(package, part)
        count, size, authors = count + found, size + length, authors + writers
    if count:
        metadata["comments"] = ", ".join(
            (
                counted(count, "comment"),
                counted(size, "character"),
                counted(authors, "named author"),
            )
        )
        warnings.append(
            f"not examined: {counted(count, 'cell comment')}, whose text stands in no column"
        )
    if book.defined_names:
        metadata["defined names"] = str(book.defined_names)
    for label, test in _STOWAWAYS.items():
        if parts := [name for name in package.names if test(name)]:
            metadata[label] = str(len(parts))
            warnings.append(f"not examined: {label} ({len(parts)})")
    return metadata, warnings


_STOWAWAYS: dict[str, Callable[[str], bool]] = {
    "external links": lambda name: "externalLinks/externalLink" in name and "_rels" not in name,
    "macros": lambda name: name.endswith("vbaProject.bin"),
    "pictures": lambda name: "/media/" in name,
    "embedded files": lambda name: "/embeddings/" in name,
    "pivot caches": lambda name: "pivotCacheRecords" in name and "_rels" not in name,
    "person lists": lambda name: "/persons/person" in name,
}


def _properties(package: Package) -> dict[str, str]:
    """Return the document properties that are set: what kind each is, and its length."""
    metadata: dict[str, str] = {}
    current, pieces = "", [""]

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal current
        pieces.clear()
        current = tag = tag.rpartition(":")[2]
        if tag == "property":
            metadata["custom properties"] = str(int(metadata.get("custom properties", "0")) + 1)

    def end(tag: str) -> None:
        tag = tag.rpartition(":")[2]
        length = len("".join(pieces).strip())
        if tag == current and tag in _PROPERTIES and length:
            kind = "person-name" if tag in _PEOPLE else "text"
            kind = "organisation" if tag == "Company" else kind
            metadata[_PROPERTIES[tag]] = f"{kind}, {length} characters"

    for part in sorted(package.names):
        if part.startswith("docProps/") and part.endswith(".xml"):
            package.parse(part, start, end, pieces.append)
    return metadata


def _comments(package: Package, part: str) -> tuple[int, int, int]:
    """Return how many comments a part has, their characters, and how many authors are named."""
    count = size = authors = 0
    inside = False

    def start(tag: str, _: dict[str, str]) -> None:
        nonlocal count, authors, inside
        if tag in ("comment", "threadedComment"):
            count += 1
        elif tag == "author":
            authors += 1
        inside = tag in ("t", "text")

    def text(piece: str) -> None:
        nonlocal size
        if inside:
            size += len(piece)

    package.parse(part, start, ignore_end, text)
    return count, size, authors
