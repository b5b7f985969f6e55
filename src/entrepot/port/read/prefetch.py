"""Read the next batch on a second thread while the caller works on the current one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")

_DEPTH = 2
"""Batches held ready. Two keep both sides busy; more would only cost memory."""
_POLL_S = 0.1


class _End:
    """The end of the iteration, with the exception that ended it if one did."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yield `items` in order, produced ahead on a thread that ends with this generator.

    An exception of the producer is raised here, after the items that came before it.
    """
    ready: queue.Queue[Item | _End] = queue.Queue(maxsize=_DEPTH)
    stopped = threading.Event()

    def offer(item: Item | _End) -> None:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return

    def produce() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                offer(item)
                if stopped.is_set():
                    break
        except BaseException as raised:  # noqa: BLE001 - handed to the consumer, who raises it
            error = raised
        finally:
            close = getattr(items, "close", None)
            if close is not None:
                close()
        offer(_End(error))

    thread = threading.Thread(target=produce, name="entrepot-read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        thread.join()
