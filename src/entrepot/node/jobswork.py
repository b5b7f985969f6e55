"""The worker that reads a stranger's file: one process per step, with limits, and nothing to lose.

    python -m entrepot.node.jobswork inspect|plan|verify|atlas FOLDER

It reads `order.json` in FOLDER, prints `done total` lines, and leaves its result beside the order
(or `failure.json` with what, value, remedy). It has no keys, no store and no network address of the
node; when its parent goes away (end of standard input) it ends at once.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

import msgspec

from entrepot.kernel.errors import Error
from entrepot.node.jobs import Route, failure_of

MEMORY_MAX_BYTES: Final = 6 << 30
"""Address space of a worker; Arrow reserves far more of it than it uses."""
CPU_MAX_SECONDS: Final = 900
FILES_MAX_BYTES: Final = 4 << 30
_TELL_EVERY_SECONDS: Final = 0.2


class Order(msgspec.Struct, frozen=True):
    """What a worker is to do; which fields matter depends on the step."""

    table: str = ""
    as_of: str = ""
    route: Route | None = None
    declared: dict[str, Any] = {}
    first: str = ""
    last: str = ""


def main(arguments: list[str]) -> int:
    """Carry out one step; 0 when its result is written, 1 when the failure is."""
    step, folder = arguments[0], Path(arguments[1])
    _limit()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    order = msgspec.json.decode((folder / "order.json").read_bytes(), type=Order)
    try:
        _STEPS[step](folder, order, _Teller())
    except Error as error:
        (folder / "failure.json").write_bytes(msgspec.json.encode(failure_of(error)))
        return 1
    return 0


def _limit() -> None:
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_MAX_BYTES),
        (resource.RLIMIT_CPU, CPU_MAX_SECONDS),
        (resource.RLIMIT_FSIZE, FILES_MAX_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        _soft, hard = resource.getrlimit(kind)
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (allowed, hard))
    os.nice(5)


def _end_with_parent() -> None:
    """End when standard input does: nobody waits for the result any more."""
    while os.read(0, 4_096):  # unbuffered: a thread inside the buffer's lock would block our end
        pass
    os._exit(1)


class _Teller:
    """Prints progress, a few times a second."""

    def __init__(self) -> None:
        self.told_at = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.told_at >= _TELL_EVERY_SECONDS or done == total:
            self.told_at = now
            print(done, total, flush=True)  # noqa: T201 - the way to the parent


def _inspect(folder: Path, order: Order, tell: Callable[[int, int], None]) -> None:
    from entrepot.node.lawcache import open_library
    from entrepot.port.inspect import inspect_under

    found = inspect_under(
        open_library(), Path(order.table), as_of=date.fromisoformat(order.as_of), progress=tell
    )
    _leave(folder / "inspection.json", found)


def _plan(folder: Path, order: Order, tell: Callable[[int, int], None]) -> None:
    from entrepot.node.lawcache import open_library
    from entrepot.port.model import Inspection
    from entrepot.port.plan.planner import make_plan
    from entrepot.port.plan.source import TableSource
    from entrepot.port.plan.states import shipment

    if order.route is None:
        raise ValueError("a plan needs a route")
    library = open_library()
    inspection = msgspec.json.decode((folder / "inspection.json").read_bytes(), type=Inspection)
    day = date.fromisoformat(order.route.as_of)
    flow = library.flow(order.route.origin, order.route.destination, day)
    goods = shipment(inspection, library, flow, order.declared)
    source = TableSource(Path(order.table), progress=tell)
    source.expect(inspection.file.sha256)
    _leave(folder / "plan.json", make_plan(goods, source=source))


def _verify(folder: Path, _order: Order, _tell: Callable[[int, int], None]) -> None:
    from entrepot.node.jobszip import unpack
    from entrepot.node.lawcache import open_library
    from entrepot.port.verify.verifying import verify

    unpack(folder / "clearance.zip", folder / "clearance")
    today = date.today()  # noqa: DTZ011 - the reader's own calendar day
    found = verify(folder / "clearance", as_of=today, library=open_library())
    _leave(folder / "verification.json", found)


def _atlas(folder: Path, order: Order, tell: Callable[[int, int], None]) -> None:
    from entrepot.law.atlas import make_atlas
    from entrepot.node.atlas.payload import payload
    from entrepot.node.lawcache import open_library

    library = open_library()
    profile = order.table
    facts = library.facts(library.profile(profile)).values
    atlas = make_atlas(
        library,
        facts,
        first=date.fromisoformat(order.first),
        last=date.fromisoformat(order.last),
        today=date.fromisoformat(order.as_of),
        progress=tell,
    )
    about = library.profiles[profile].about
    _leave(folder / "atlas.json", payload(library, atlas, profile=profile, about=about))


def _leave(path: Path, result: object) -> None:
    new = path.with_name(path.name + ".new")
    new.write_bytes(msgspec.json.encode(result))
    new.replace(path)


_STEPS: Final[Mapping[str, Callable[[Path, Order, Callable[[int, int], None]], None]]] = {
    "inspect": _inspect,
    "plan": _plan,
    "verify": _verify,
    "atlas": _atlas,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
