"""The page for documents: cleared folders and proofs, checked in the browser, or here on request.

The browser can do all but two checks: the post-quantum signature of the checkpoint, for which it
hands over the checkpoint alone (it is public), and asking the law again, for which the reader may
upload the folder. An uploaded folder is checked in a worker and deleted at once.
"""

from __future__ import annotations

import secrets
import shutil
import threading
from pathlib import Path
from typing import Any, Final

import anyio.to_thread
import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.types import ControllerRouterHandler

from entrepot.kernel import files
from entrepot.kernel.checkpoint import parse_log_keys
from entrepot.kernel.cosignature import open_own_checkpoint
from entrepot.kernel.errors import Error, InvalidInput
from entrepot.node.face.csrf import form_of
from entrepot.node.face.pages_log import node_of
from entrepot.node.face.porters import desk_behind
from entrepot.node.face.porting import Desk
from entrepot.node.face.rendering import page
from entrepot.node.face.verifywords import words_of_verification
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.node.jobs import UPLOAD_MAX_BYTES, Failure, failure_of, too_large
from entrepot.node.jobspool import STEP_MAX_SECONDS, Activity, run_worker
from entrepot.node.jobswork import Order

_BODY_MAX_BYTES: Final = UPLOAD_MAX_BYTES + (1 << 20)
_PIECE_BYTES: Final = 1 << 20
STEPS: Final = (
    "folder",
    "certificate",
    "files",
    "key",
    "signature",
    "inclusion",
    "receipt",
    "opening",
    "post-quantum",
    "law",
)

Shown = Response[Any]


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A checkpoint and the keys to hold it to, as texts."""

    checkpoint: str
    keys: str


class Walked(msgspec.Struct, frozen=True):
    """One step of the port's own verification, as the worker tells it."""

    number: int
    name: str
    result: str
    detail: str


class Verified(msgspec.Struct, frozen=True):
    """What of a verification a page shows."""

    steps: list[Walked]


@get("/verify", sync_to_thread=False)
def show_verify(request: AnyRequest) -> Shown:
    """Show where to drop a document."""
    return _verify_page(request)


def _verify_page(
    request: AnyRequest, *, found: Verified | None = None, failure: Failure | None = None
) -> Response[str]:
    visitor = visitor_of(request)
    return page(
        request,
        "log/verify.html",
        status=422 if failure is not None else 200,
        steps=STEPS,
        keys=node_of(request).signer.keys.text(),
        token=visitor.form_token(),
        words=words_of_verification(visitor.language),
        found=found,
        failure=failure,
        holds=found is not None and all(step.result != "failed" for step in found.steps),
    )


@post("/verify/checkpoint", status_code=200)
async def check_checkpoint(request: AnyRequest) -> Response[dict[str, object]]:
    """Say whether a checkpoint carries both signatures of the log whose keys are given."""
    try:
        asked = msgspec.json.decode(await request.body(), type=Asked)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise InvalidInput("a checkpoint and keys, as texts", value=error) from error
    return Response(await anyio.to_thread.run_sync(_checked, asked))


def _checked(asked: Asked) -> dict[str, object]:
    try:
        keys = parse_log_keys(asked.keys)
        seen = open_own_checkpoint(asked.checkpoint.encode(), keys)
    except Error as error:
        return {"holds": False, "detail": error.what}
    return {"holds": True, "detail": f"{seen.checkpoint.size}"}


@post("/verify", status_code=200, request_max_body_size=_BODY_MAX_BYTES)
async def verify_here(request: AnyRequest) -> Shown:
    """Check an uploaded zip of a cleared folder on this node, every step and the law again."""
    given = form_of(request).get("folder")
    if not isinstance(given, UploadFile) or not given.filename:
        failure = Failure("no file was chosen", remedy="choose the zip of a cleared folder")
        return _verify_page(request, failure=failure)
    desk = desk_behind(request)
    room = desk.running.home / "cache" / f"verify-{secrets.token_hex(8)}"
    try:
        await anyio.to_thread.run_sync(files.make_directories, room)
        size = 0
        with (room / "clearance.zip").open("wb") as sink:
            while piece := await given.read(_PIECE_BYTES):
                size += len(piece)
                if size > UPLOAD_MAX_BYTES:
                    raise too_large(size)
                await anyio.to_thread.run_sync(sink.write, piece)
        found = await anyio.to_thread.run_sync(_walked, desk, room)
    except Error as error:
        found = failure_of(error)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    if isinstance(found, Failure):
        return _verify_page(request, failure=found)
    return _verify_page(request, found=found)


def _walked(desk: Desk, room: Path) -> Verified | Failure:
    """Have the folder checked in the pool and wait. Raises InvalidInput when all is full."""
    done = threading.Event()
    failures: list[Failure | None] = []

    def work(activity: Activity) -> None:
        try:
            failures.append(run_worker(activity, "verify", room, Order()))
        finally:
            done.set()

    desk.pool.start(room.name, "verify", work)
    if not done.wait(STEP_MAX_SECONDS):
        desk.pool.stop(room.name)
        return Failure("the check took too long", remedy="use `entrepot verify` at home")
    failure = failures[0] if failures else Failure("the check broke off")
    if failure is not None:
        return failure
    return msgspec.json.decode((room / "verification.json").read_bytes(), type=Verified)


ROUTES: Final[list[ControllerRouterHandler]] = [show_verify, check_checkpoint, verify_here]
