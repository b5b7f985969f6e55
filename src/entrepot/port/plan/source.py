"""The table a plan is made for: read as often as needed, from memory where it fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from entrepot.kernel.errors import UnreadableData
from entrepot.port.read import DEFAULT_LIMITS, Limits, Progress, open_dataset

HELD_BYTES_MAX = 256 * 1024 * 1024
"""Tables up to this size stay in memory between passes; larger ones are read again each time."""


class TableSource:
    """One file that holds one table; `batches` may be called as often as wanted."""

    def __init__(
        self, path: Path, *, limits: Limits = DEFAULT_LIMITS, progress: Progress | None = None
    ) -> None:
        """Remember the file; it is opened at each pass. `progress` hears of every pass."""
        self.path = path
        self._limits, self._progress = limits, progress
        self._held: list[pl.DataFrame] | None = None
        self._sha256 = ""

    def expect(self, sha256: str) -> None:
        """From now on yield only the very file that was inspected, by its SHA-256.

        What is decided about one file must not be carried out on another that took its place.
        """
        if sha256 != self._sha256:
            self._sha256, self._held = sha256, None

    def watched(self, progress: Progress) -> None:
        """Tell another progress callable of the passes to come."""
        self._progress = progress

    def batches(self) -> Iterator[pl.DataFrame]:
        """Yield the table's batches from the first row.

        Raises `InvalidInput` for a workbook of several sheets, `UnreadableData` as the reader does,
        and at the end of the pass when the file is not the expected one.
        """
        if self._held is not None:
            yield from self._held
            return
        held: list[pl.DataFrame] | None = []
        size = 0
        with open_dataset(self.path, limits=self._limits, on_progress=self._progress) as dataset:
            for frame in dataset.batches():
                if held is not None:
                    size += int(frame.estimated_size())
                    held = [*held, frame] if size <= HELD_BYTES_MAX else None
                yield frame
            if self._sha256 and dataset.file.sha256 != self._sha256:
                raise UnreadableData(
                    "the file was changed after it was inspected",
                    value=self.path.name,
                    remedy="run the command again on a file that nobody writes to",
                )
        self._held = held
