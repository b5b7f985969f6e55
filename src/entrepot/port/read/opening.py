"""Open a dataset: find out what it is, hand it to the reader of that format, report on the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from entrepot.port.model import FileReport
from entrepot.port.read.avro import open_avro
from entrepot.port.read.dataset import Dataset, Progress, Table
from entrepot.port.read.delimited import open_delimited
from entrepot.port.read.found import Found
from entrepot.port.read.jsonlines import open_jsonlines
from entrepot.port.read.limits import DEFAULT_LIMITS, Limits
from entrepot.port.read.parquet import open_parquet
from entrepot.port.read.sniff import extension_agrees, sniff_format
from entrepot.port.read.source import Source
from entrepot.port.read.workbook import open_workbook

_OPENERS: dict[str, Callable[[Source], tuple[Found, list[Table]]]] = {
    "csv": open_delimited,
    "jsonl": open_jsonlines,
    "parquet": open_parquet,
    "avro": open_avro,
    "xlsx": open_workbook,
}


def open_dataset(
    path: Path, *, limits: Limits = DEFAULT_LIMITS, on_progress: Progress | None = None
) -> Dataset:
    """Open the file at `path` as whatever its content shows it to be.

    The extension is not believed; where it disagrees, the report says so. `on_progress` is called
    during every pass over a sequential format. Raises `NotFound` for a missing file and
    `UnreadableData` (what, value, remedy) for everything that is no readable dataset.
    """
    source = Source(Path(path), limits, on_progress)
    try:
        kind = sniff_format(source)
        found, tables = _OPENERS[kind](source)
    except BaseException:
        source.close()
        raise

    def report() -> FileReport:
        return _report(source, kind, found)

    return Dataset(tables, report, source.close)


def _report(source: Source, kind: str, found: Found) -> FileReport:
    name = source.path.name
    agrees = extension_agrees(name, kind, source.compression)
    warnings = list(found.warnings)
    if source.text_warning:
        warnings.append(source.text_warning)
    if not agrees:
        shown = kind if source.compression == "none" else f"{kind} in {source.compression}"
        warnings.insert(0, f"the file name {name} disagrees with the content, which is {shown}")
    return FileReport(
        name=name,
        size_bytes=source.size_bytes,
        sha256=source.sha256(),
        format=kind,
        compression=source.compression,
        encoding=source.text_encoding or found.encoding,
        dialect=found.dialect,
        extension_agrees=agrees,
        parts=found.parts,
        metadata=found.metadata,
        warnings=warnings,
    )
