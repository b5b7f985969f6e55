"""Progress on long work: a bar on standard error, only where a person is watching."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from entrepot.node.screen import Screen


def is_watched() -> bool:
    """Say whether standard error is a terminal."""
    return sys.stderr.isatty()


@contextmanager
def reading_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callable (bytes done, bytes in all) that moves a bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
    )
    with _bar(title, *columns) as move:
        yield move


@contextmanager
def counting_bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a callable (items done, items in all) that moves a bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with _bar(title, *columns) as move:
        yield move


@contextmanager
def steps_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Yield a callable (name of the step, items done, items in all) that moves one bar per step."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Screen(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not is_watched()) as progress:
        tasks: dict[str, TaskID] = {}

        def move(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = progress.add_task(step, total=None)
            progress.update(tasks[step], completed=done, total=total or None)

        yield move


@contextmanager
def _bar(title: str, *columns: object) -> Iterator[Callable[[int, int], None]]:
    console = Screen(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not is_watched()) as progress:  # type: ignore[arg-type]
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
