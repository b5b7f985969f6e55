"""The intake: many requests, one writer. Whatever waits goes into one batch (group commit).

A request hands over a parcel of signed acts and waits. A thread takes the parcels that wait, in the
order in which they came, and carries them through `Sequencer.submit_batch`; the next batch is as
large as what arrived meanwhile, and a second thread verifies its signatures while the first one
writes. Acts of different requests have no order but the log's. An answer is given only after the
sequencer's, which is after its flushes. The queue is bounded by acts: beyond it the node says at
once that it is busy.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeAlias

from entrepot.kernel.errors import Error, StorageError
from entrepot.kernel.sequencer import Answer

Outcome: TypeAlias = Answer | Error
Deliver: TypeAlias = Callable[[list[Outcome]], None]

CLOSE_WAIT_S: Final = 60.0
THREADS: Final = 2
"""While one batch is decided and flushed, the signatures of the next one are verified."""


class Busy(StorageError):
    """More acts wait than the queue holds, or the node is stopping; nothing of it was taken."""

    code = "busy"


class Defect(Error):
    """The program itself failed at this act; nothing of it was recorded."""

    exit_code = 70
    code = "defect"


class Submits(Protocol):
    """What the intake needs of a sequencer."""

    def submit_batch(self, acts: Sequence[bytes]) -> list[Outcome]:
        """Carry acts through the six steps; see `entrepot.kernel.sequencer`."""
        ...


@dataclass(slots=True)
class Tally:
    """What the intake has done since it began; read by the metrics, written by its own threads."""

    batches: int = 0
    acts: int = 0
    defects: int = 0
    busy: int = 0
    largest_batch: int = 0


@dataclass(slots=True)
class _Parcel:
    """The acts of one request and the one who waits for their outcomes."""

    acts: Sequence[bytes]
    deliver: Deliver


@dataclass(slots=True)
class Intake:
    """The queue before one sequencer. `start` it once; `close` finishes what was taken."""

    sequencer: Submits
    queue_max_acts: int = 16_384
    batch_max_acts: int = 4_096
    linger_s: float = 0.0
    on_batch: Callable[[Sequence[bytes], Sequence[Outcome], float], None] | None = None
    """Told of every batch: acts, outcomes, seconds; from two threads. For metrics, may not fail."""
    on_defect: Callable[[Exception], None] | None = None
    tally: Tally = field(default_factory=Tally)
    _waiting: deque[_Parcel] = field(default_factory=deque)
    _depth: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closing: bool = False
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> Intake:
        """Start the threads that drain the queue; returns itself."""
        for number in range(THREADS):
            thread = threading.Thread(target=self._drain, name=f"intake-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)
        return self

    @property
    def depth(self) -> int:
        """How many acts wait."""
        return self._depth

    def put(self, acts: Sequence[bytes], deliver: Deliver) -> None:
        """Queue acts; `deliver` is called from the intake's thread with one outcome per act.

        Raises Busy when they do not fit or the intake is closing: then nothing was taken.
        """
        if not acts:
            deliver([])
            return
        with self._changed:
            if self._closing:
                raise Busy("the node is stopping", remedy="send the same bytes again shortly")
            if self._depth and self._depth + len(acts) > self.queue_max_acts:
                self.tally.busy += 1
                raise Busy(
                    "more acts wait than this node holds",
                    value=f"{self._depth:,} acts",
                    remedy="send the same bytes again after Retry-After seconds",
                )
            self._waiting.append(_Parcel(acts, deliver))
            self._depth += len(acts)
            self._changed.notify()

    async def submit(self, acts: Sequence[bytes]) -> list[Outcome]:
        """Queue acts and wait for their outcomes, in order. Raises Busy.

        A caller that goes away does not take its acts back: they are decided all the same, and
        the same bytes again get the same answer.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Outcome]] = loop.create_future()

        def deliver(outcomes: list[Outcome]) -> None:
            loop.call_soon_threadsafe(_resolve, future, outcomes)

        self.put(acts, deliver)
        return await future

    def submit_now(self, acts: Sequence[bytes]) -> list[Outcome]:
        """Queue acts from another thread and wait for their outcomes. Raises Busy."""
        done = threading.Event()
        outcomes: list[Outcome] = []

        def deliver(found: list[Outcome]) -> None:
            outcomes.extend(found)
            done.set()

        self.put(acts, deliver)
        done.wait()
        return outcomes

    def close(self, wait_s: float = CLOSE_WAIT_S) -> None:
        """Take nothing more, finish what was taken, end the thread. StorageError if it cannot."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            raise StorageError(
                "acts under way did not finish in time", value=f"{self._depth:,} wait"
            )

    def _drain(self) -> None:
        while True:
            parcels = self._take()
            if not parcels:
                return
            outcomes = self._carry([act for parcel in parcels for act in parcel.acts])
            start = 0
            for parcel in parcels:
                end = start + len(parcel.acts)
                parcel.deliver(outcomes[start:end])
                start = end

    def _take(self) -> list[_Parcel]:
        """Wait for work; return the parcels of the next batch, or none when closed and empty.

        Both threads may wake for one parcel: the one who comes too late waits again.
        """
        while True:
            with self._changed:
                while not self._waiting:
                    if self._closing:
                        return []
                    self._changed.wait()
            if self.linger_s:
                time.sleep(self.linger_s)
            if taken := self._gather():
                return taken

    def _gather(self) -> list[_Parcel]:
        """Return what waits, at most a batch (but a larger parcel whole)."""
        taken: list[_Parcel] = []
        total = 0
        with self._changed:
            while self._waiting:
                size = len(self._waiting[0].acts)
                if taken and total + size > self.batch_max_acts:
                    break
                taken.append(self._waiting.popleft())
                total += size
            self._depth -= total
        return taken

    def _carry(self, acts: list[bytes]) -> list[Outcome]:
        """Return one outcome per act, in batches of at most `batch_max_acts`."""
        outcomes: list[Outcome] = []
        for first in range(0, len(acts), self.batch_max_acts):
            batch = acts[first : first + self.batch_max_acts]
            began = time.perf_counter()
            found = self._submit(batch)
            with self._changed:
                self.tally.batches += 1
                self.tally.acts += len(batch)
                self.tally.largest_batch = max(self.tally.largest_batch, len(batch))
            if self.on_batch is not None:
                self.on_batch(batch, found, time.perf_counter() - began)
            outcomes += found
        return outcomes

    def _submit(self, batch: list[bytes]) -> list[Outcome]:
        """Submit a batch; what concerns all of it becomes the outcome of each act.

        A defect in a rule takes back the whole transaction, so each act is tried alone: one act
        that our own code cannot bear must not stop those of others.
        """
        try:
            return self.sequencer.submit_batch(batch)
        except Error as error:
            return [error] * len(batch)
        except Exception as defect:  # noqa: BLE001 - rolled back, told, and answered as ours
            if self.on_defect is not None:
                self.on_defect(defect)
            if len(batch) > 1:
                return [outcome for act in batch for outcome in self._submit([act])]
            self.tally.defects += 1
            return [
                Defect(
                    "the node failed at this act, and recorded nothing of it",
                    value=type(defect).__name__,
                    remedy="this is ours, not yours; the operator's logs say where",
                )
            ]


def _resolve(future: asyncio.Future[list[Outcome]], outcomes: list[Outcome]) -> None:
    if not future.done():
        future.set_result(outcomes)
