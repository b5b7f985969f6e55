"""Zip files of cleared folders: written as they are sent, unpacked without trusting their names.

Written with the standard library's zipfile, names in UTF-8, times fixed: equal folders give equal
files. Unpacked strictly: plain relative names, no links, bounded sizes and counts, and never more
bytes than the directory of the file claims (APPNOTE 6.3.10; Zip Slip, zip bombs).
"""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Final

from entrepot.kernel import files
from entrepot.kernel.errors import InvalidInput, NotFound, UnreadableData

ENTRIES_MAX: Final = 2_000
UNPACKED_MAX_BYTES: Final = 2 << 30
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_PIECE_BYTES: Final = 1 << 20
_LINK: Final = 0o120000


def pack(folder: Path, target: Path) -> None:
    """Write every file below `folder` into the zip file `target`. Raises NotFound, StorageError."""
    if not folder.is_dir():
        raise NotFound("there is no cleared folder here", value=folder.name)
    new = target.with_name(target.name + ".new")
    try:
        with zipfile.ZipFile(new, "w", zipfile.ZIP_DEFLATED, strict_timestamps=True) as packed:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                item = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
                item.compress_type = zipfile.ZIP_DEFLATED
                item.external_attr = 0o100644 << 16
                with path.open("rb") as source, packed.open(item, "w", force_zip64=True) as sink:
                    while piece := source.read(_PIECE_BYTES):
                        sink.write(piece)
        new.replace(target)
    except OSError as error:
        raise files.storage_error(error, target) from error


def unpack(source: Path, folder: Path) -> None:
    """Unpack a zip file into a new folder; a single folder around everything is left out.

    Raises UnreadableData for anything that is no plain zip of plain files, InvalidInput beyond the
    limits, StorageError.
    """
    try:
        with zipfile.ZipFile(source) as packed:
            items = [item for item in packed.infolist() if not item.is_dir()]
            if len(items) > ENTRIES_MAX or sum(i.file_size for i in items) > UNPACKED_MAX_BYTES:
                raise InvalidInput("the zip file is too large to be a cleared folder")
            names = _names(items)
            for item, name in zip(items, names, strict=True):
                _copy(packed, item, folder / name)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        # RuntimeError is what zipfile says of an encrypted member.
        raise UnreadableData("not a zip file that can be read", value=error) from error
    except OSError as error:
        raise files.storage_error(error, folder) from error


def _names(items: list[zipfile.ZipInfo]) -> list[str]:
    """Return a safe relative name for every member, without the one folder around all."""
    for item in items:
        parts = PurePosixPath(item.filename).parts
        odd = item.filename.startswith("/") or "\\" in item.filename or "\0" in item.filename
        if odd or not parts or any(part in ("..", ".") for part in parts):
            raise UnreadableData("a name in the zip file leaves the folder", value=item.filename)
        if (item.external_attr >> 16) & 0o170000 == _LINK:
            raise UnreadableData("the zip file holds a link", value=item.filename)
    names = [PurePosixPath(item.filename) for item in items]
    if len({str(name) for name in names}) != len(names):
        raise UnreadableData("two files of the zip file have one name")
    around = {name.parts[0] for name in names}
    if len(around) == 1 and all(len(name.parts) > 1 for name in names):
        names = [PurePosixPath(*name.parts[1:]) for name in names]
    return [str(name) for name in names]


def _copy(packed: zipfile.ZipFile, item: zipfile.ZipInfo, target: Path) -> None:
    files.make_directories(target.parent)
    left = item.file_size
    with packed.open(item) as source, target.open("xb") as sink:
        while piece := source.read(_PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise UnreadableData(
                    "a file in the zip is larger than it says", value=item.filename
                )
            sink.write(piece)
