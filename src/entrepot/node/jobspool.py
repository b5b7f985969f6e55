"""The pool that runs the steps of jobs: few at once, told how far they are, stopped when asked.

A step is either a worker process (`run_worker`) or a call in a thread of this process, where the
writer must be at hand (a clearance). What a step raises as an `Error` its own callable handles.
"""

from __future__ import annotations

import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from entrepot.kernel.errors import InvalidInput
from entrepot.node.jobs import Failure
from entrepot.node.jobswork import Order

AT_ONCE: Final = 2
WAITING_MAX: Final = 16
STEP_MAX_SECONDS: Final = 1_200
_KEPT_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR", "ENTREPOT_CACHE")
"""What a worker inherits; never a password of the node."""
LOG: Final = logging.getLogger("entrepot.jobs")


@dataclass(slots=True)
class Activity:
    """A step under way: how far it is, and the process that runs it."""

    name: str
    done: int = 0
    total: int = 0
    says: str = ""
    """Name of the part of the step, in the words of the port."""
    stopped: threading.Event = field(default_factory=threading.Event)
    process: subprocess.Popen[bytes] | None = None

    @property
    def share(self) -> float:
        """How much is done, 0 to 1; 0 while nobody knows."""
        return min(1.0, self.done / self.total) if self.total else 0.0

    def stop(self) -> None:
        """End the step."""
        self.stopped.set()
        if self.process is not None and self.process.poll() is None:
            self.process.kill()


class Pool:
    """Runs steps in `AT_ONCE` threads, which start with the first step and end with the process."""

    def __init__(self) -> None:
        """Start nothing yet."""
        self._waiting: queue.Queue[tuple[str, Activity, Callable[[Activity], None]]] = queue.Queue(
            WAITING_MAX
        )
        self._under_way: dict[str, Activity] = {}
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self, key: str, name: str, work: Callable[[Activity], None]) -> Activity:
        """Queue a step of a job, unless one is under way. Raises InvalidInput when all is full."""
        with self._lock:
            if key in self._under_way:
                return self._under_way[key]
            activity = Activity(name)
            try:
                self._waiting.put_nowait((key, activity, work))
            except queue.Full:
                raise InvalidInput(
                    "too much is being worked on here", remedy="try again in a few minutes"
                ) from None
            self._under_way[key] = activity
            while len(self._threads) < AT_ONCE:
                thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._threads.append(thread)
                thread.start()
            return activity

    def activity(self, key: str) -> Activity | None:
        """Return the step of a job that is under way or waits, or None."""
        return self._under_way.get(key)

    def stop(self, key: str) -> None:
        """End the step of a job, if there is one."""
        activity = self._under_way.get(key)
        if activity is not None:
            activity.stop()

    def _run(self) -> None:
        while True:
            key, activity, work = self._waiting.get()
            try:
                if not activity.stopped.is_set():
                    work(activity)
            except Exception:
                # The thread serves the next job; this one's stage says that nothing came of it.
                LOG.exception("a step of a job failed", extra={"step": activity.name})
            finally:
                with self._lock:
                    self._under_way.pop(key, None)


def run_worker(activity: Activity, step: str, folder: Path, order: Order) -> Failure | None:
    """Run one step in a worker process and return why it failed, or None.

    `activity` hears of progress and may stop it.
    """
    (folder / "order.json").write_bytes(msgspec.json.encode(order))
    (folder / "failure.json").unlink(missing_ok=True)
    environment = {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ}
    process = subprocess.Popen(  # noqa: S603 - our own module, no shell
        [sys.executable, "-m", "entrepot.node.jobswork", step, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
    )
    activity.process = process
    overdue = threading.Timer(STEP_MAX_SECONDS, process.kill)
    overdue.daemon = True
    overdue.start()
    drained = threading.Thread(target=_drain, args=(process,), daemon=True)
    drained.start()
    try:
        with process:
            _follow(process, activity)
            code = process.wait()
    finally:
        overdue.cancel()
    if code == 0:
        return None
    return _failure(folder, activity, code)


def _follow(process: subprocess.Popen[bytes], activity: Activity) -> None:
    """Read `done total` lines until the worker closes its output."""
    if process.stdout is None:
        raise TypeError("the worker's output is a pipe")
    for line in process.stdout:
        parts = line.split()
        if len(parts) == 2 and all(part.isdigit() for part in parts):
            activity.done, activity.total = int(parts[0]), int(parts[1])


def _drain(process: subprocess.Popen[bytes]) -> None:
    """Read what the worker complains of, so that it never waits for us; the tail is logged."""
    if process.stderr is not None:
        tail = b""
        while piece := process.stderr.read(4_096):
            tail = (tail + piece)[-4_096:]
        if tail:
            last = tail.decode("utf-8", "replace").strip().rpartition("\n")[2]
            # Only the kind of the error: its text could quote the table.
            LOG.warning("a worker failed", extra={"error": last.partition(":")[0][:80]})


def _failure(folder: Path, activity: Activity, code: int) -> Failure:
    if activity.stopped.is_set():
        return Failure("this step was stopped")
    try:
        return msgspec.json.decode((folder / "failure.json").read_bytes(), type=Failure)
    except (OSError, msgspec.DecodeError, msgspec.ValidationError):
        what = "needed more memory or time than it may" if code < 0 else "broke off"
        return Failure(
            f"reading the file {what}",
            remedy="try `entrepot inspect` on your own machine, which has no such limit",
        )
