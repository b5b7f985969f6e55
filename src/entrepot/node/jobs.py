"""Tables on their way through the port of a node: one folder per job, gone when its time is over.

    HOME/jobs/<id>/job.json       where the job stands, what was declared (`Job`)
                   source/<name>  the uploaded table
                   *.json         inspection, plan; order and failure of the worker
                   out/           the cleared folder

A job belongs to the browser that made it: a cookie there has its secret, here is only the hash. It
is local work, no record: nothing of it is logged before a clearance is signed, and after
`KEPT_SECONDS` it is deleted, the table first of all. Reading a stranger's file happens in a process
of its own with limits on memory and time (`entrepot.node.jobswork`), at most `AT_ONCE` together.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
import threading
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from entrepot.kernel import files
from entrepot.kernel.errors import Error, InvalidInput, NotFound

UPLOAD_MAX_BYTES: Final = 512 << 20
"""Largest table that may be uploaded; larger ones are inspected on the exporter's own machine."""
KEPT_SECONDS: Final = 4 * 3_600
"""A job is deleted so long after it was last touched."""
JOBS_MAX: Final = 64
"""Jobs kept at once; then a new one has to wait for an old one to end."""
KEPT_BYTES_MAX: Final = 8 << 30
NAME_MAX_BYTES: Final = 180
_ID_BYTES: Final = 16
_SECRET_BYTES: Final = 32
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})

STAGES: Final = (
    "received",
    "inspecting",
    "inspected",
    "planning",
    "planned",
    "preparing",
    "prepared",
    "cleared",
    "refused",
)
"""How far a job is. The ones in -ing have work under way."""


class Failure(msgspec.Struct, frozen=True):
    """Why the last step did not succeed: the parts of an `Error`."""

    what: str
    value: str = ""
    remedy: str = ""


class Route(msgspec.Struct, frozen=True):
    """Where a table goes, and under which day's law (ISO 8601)."""

    origin: str
    destination: str
    as_of: str
    profile: str = ""


class Parties(msgspec.Struct, frozen=True):
    """Who sends to whom what for, as the certificate will say."""

    exporter: str
    recipient: str
    purpose: str
    recipient_id: str = ""


class Unsigned(msgspec.Struct, frozen=True):
    """A prepared clearance: act id in hexadecimal, time of issue, its folder's name in the job."""

    act_id: str
    issued_at: int
    folder: str


class Job(msgspec.Struct, frozen=True):
    """Where one table stands."""

    id: str
    secret_hash: str
    created_at: int
    touched_at: int
    name: str
    size_bytes: int
    stage: str = "received"
    failure: Failure | None = None
    route: Route | None = None
    declared: dict[str, Any] = {}
    """Facts declared, flat by dotted name, as the vocabulary reads them."""
    skipped: list[str] = []
    """Facts that the reader left open."""
    parties: Parties | None = None
    evidence: dict[str, str] = {}
    way: str = ""
    """Kind of the way chosen in the plan; `as-is` is always there."""
    reasons: list[dict[str, str]] = []
    """Why a clearance was declined or refused: code, citation, sentence."""
    unsigned: Unsigned | None = None
    index: int | None = None
    """Of the logged act, when it is logged."""

    @property
    def is_working(self) -> bool:
        """Whether work is under way."""
        return self.stage.endswith("ing")


class Jobs:
    """The jobs of one node. Safe to use from several threads."""

    def __init__(self, root: Path, clock: Callable[[], int]) -> None:
        """Keep jobs below `root`, which is made with the first one."""
        self.root = root
        self.clock = clock
        self._lock = threading.RLock()

    def receive(self, name: str) -> Upload:
        """Begin an upload. Raises StorageError, InvalidInput when there are too many jobs."""
        self.sweep()
        present = list(self._folders())
        if len(present) >= JOBS_MAX or self._kept_bytes() >= KEPT_BYTES_MAX:
            raise InvalidInput(
                "this node holds as many tables as it can",
                value=len(present),
                remedy="try again later, or inspect the table with `entrepot inspect` at home",
            )
        id_ = secrets.token_urlsafe(_ID_BYTES)
        folder = self.root / id_
        try:
            files.make_directories(folder / "source")
            os.chmod(folder, 0o700)
        except OSError as error:
            raise files.storage_error(error, folder) from error
        return Upload(self, id_, safe_name(name))

    def find(self, id_: str, secret: str) -> Job:
        """Return a job to the browser that holds its secret.

        Raises NotFound: none, over, or another's, which cannot be told apart from outside.
        """
        job = self._read(id_) if _is_id(id_) else None
        digest = _hash(secret)
        if job is None or not hmac.compare_digest(job.secret_hash, digest) or self._is_over(job):
            raise NotFound(
                "this table is not here",
                remedy="it was deleted when its time was over, or belongs to another browser",
            )
        return job

    def change(self, id_: str, **changes: Any) -> Job:
        """Write changed fields of a job; it counts as touched. NotFound when it is gone."""
        with self._lock:
            job = self._read(id_)
            if job is None:
                raise NotFound("this table was deleted", remedy="upload it again")
            job = msgspec.structs.replace(job, touched_at=self.clock(), **changes)
            self.write(job)
            return job

    def write(self, job: Job) -> None:
        """Write a job whole, by renaming, so that no reader sees half of it."""
        folder = self.root / job.id
        new = folder / "job.json.new"
        try:
            new.write_bytes(msgspec.json.encode(job))
            new.replace(folder / "job.json")
        except OSError as error:
            raise files.storage_error(error, folder) from error

    def delete(self, id_: str) -> None:
        """Delete a job with everything in it."""
        if _is_id(id_):
            with self._lock:
                shutil.rmtree(self.root / id_, ignore_errors=True)

    def folder(self, job: Job) -> Path:
        """Return the folder of a job."""
        return self.root / job.id

    def table(self, job: Job) -> Path:
        """Return the path of its uploaded table."""
        return self.root / job.id / "source" / job.name

    def sweep(self) -> int:
        """Delete what is over, and folders that no upload ever finished; return how many."""
        count = 0
        for folder in self._folders():
            job = self._read(folder.name)
            if job is None:
                gone = self.clock() - int(folder.stat().st_mtime) > KEPT_SECONDS
            else:
                gone = self._is_over(job)
            if gone:
                shutil.rmtree(folder, ignore_errors=True)
                count += 1
        return count

    def recover(self) -> None:
        """After a start: work that a stop cut off is over; say so instead of waiting for ever."""
        for folder in self._folders():
            job = self._read(folder.name)
            if job is not None and job.is_working:
                back = STAGES[STAGES.index(job.stage) - 1]
                failure = Failure(
                    "the node was restarted during this step", remedy="start it once more"
                )
                self.write(msgspec.structs.replace(job, stage=back, failure=failure))

    def _is_over(self, job: Job) -> bool:
        return self.clock() - job.touched_at > KEPT_SECONDS

    def _folders(self) -> Iterator[Path]:
        if self.root.is_dir():
            yield from (path for path in self.root.iterdir() if path.is_dir())

    def _kept_bytes(self) -> int:
        jobs = (self._read(folder.name) for folder in self._folders())
        return sum(job.size_bytes for job in jobs if job is not None)

    def _read(self, id_: str) -> Job | None:
        try:
            return msgspec.json.decode((self.root / id_ / "job.json").read_bytes(), type=Job)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, msgspec.DecodeError, msgspec.ValidationError):
            return None  # half written by a crash: nobody can reach it, the sweep takes it


class Upload:
    """A table on its way in: `write` pieces, then `finish` or `abandon`."""

    def __init__(self, jobs: Jobs, id_: str, name: str) -> None:
        """Open the file below the job's folder. Raises StorageError."""
        self.jobs, self.id, self.name = jobs, id_, name
        self.size_bytes = 0
        path = jobs.root / id_ / "source" / name
        try:
            self._file: BinaryIO = path.open("xb")
        except OSError as error:
            self.abandon()
            raise files.storage_error(error, path) from error

    def write(self, piece: bytes) -> None:
        """Add bytes. Raises InvalidInput beyond the limit, StorageError when the disk is full."""
        self.size_bytes += len(piece)
        if self.size_bytes > UPLOAD_MAX_BYTES:
            raise too_large(self.size_bytes)
        try:
            self._file.write(piece)
        except OSError as error:
            raise files.storage_error(error, self.name) from error

    def finish(self) -> tuple[Job, str]:
        """Close the file; return the job and its secret. Raises InvalidInput for an empty file."""
        try:
            self._file.close()
        except OSError as error:
            raise files.storage_error(error, self.name) from error
        if not self.size_bytes:
            raise InvalidInput("the file is empty", value=self.name)
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        now = self.jobs.clock()
        job = Job(self.id, _hash(secret), now, now, self.name, self.size_bytes)
        self.jobs.write(job)
        return job, secret

    def abandon(self) -> None:
        """Delete what came so far."""
        if hasattr(self, "_file"):
            self._file.close()
        self.jobs.delete(self.id)


def too_large(size_bytes: int) -> InvalidInput:
    """Return the error for a table beyond the limit."""
    return InvalidInput(
        "the table is larger than this node takes",
        value=f"{size_bytes:,} bytes",
        remedy=f"at most {UPLOAD_MAX_BYTES >> 20} MiB; at home `entrepot inspect` has no limit",
    )


def safe_name(name: str) -> str:
    """Return a file name that can neither leave its folder nor steer a screen.

    Only the last part counts; control, format and unassigned characters go (Unicode categories Cc,
    Cf, Cs, Co, Cn, Zl, Zp); the end, which says the format, is kept when it has to be cut.
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    seen = "".join(c for c in last if unicodedata.category(c) not in _UNSEEN)
    kept = " ".join(seen.split()).strip(" .")
    if not kept:
        return "table"
    while len(kept.encode()) > NAME_MAX_BYTES:
        kept = kept[: len(kept) // 2 - 1] + "…" + kept[len(kept) // 2 + 1 :]
        kept = kept.replace("……", "…")
    return kept


def failure_of(error: Error) -> Failure:
    """Return an error as it is kept with a job."""
    problem = error.as_problem()
    return Failure(
        str(problem["title"]), str(problem.get("value", "")), str(problem.get("remedy", ""))
    )


def _is_id(id_: str) -> bool:
    return len(id_) == 22 and all(c.isascii() and (c.isalnum() or c in "-_") for c in id_)


def _hash(secret: str) -> str:
    return hashlib.sha256(b"job\0" + secret.encode()).hexdigest()
