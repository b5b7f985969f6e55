"""The log as people read it: its newest checkpoint, its growth, its entries.

The files themselves stand below `/log/checkpoint` and `/log/tile/`; these pages explain them. What
a page asserts about the log the reader's own browser checks again (`assets/verify_*.js`).
"""

from __future__ import annotations

import datetime
from typing import Final

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from entrepot.kernel.errors import InvalidInput, NotFound
from entrepot.kernel.home import Node
from entrepot.node.face.logpicture import growth
from entrepot.node.face.logview import OUTCOMES, Wanted, course_of, head_of, listed, observe
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.verifywords import words_of_verification
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.node.running import Running
from entrepot.node.witnessing.background import alarm_of, policy_to_show, standings

NEWEST: Final = 8
PER_PAGE: Final = 50
_DAY_SECONDS: Final = 86_400


def node_of(request: AnyRequest) -> Node:
    """Return the open node behind a request."""
    node: Node = surroundings_of(request).running.node
    return node


@get("/log", sync_to_thread=True)
def show_log(request: AnyRequest) -> Response[str]:
    """Show the newest checkpoint, who signed it, how the log grew, and the newest entries."""
    running: Running = surroundings_of(request).running
    node = running.node
    diary = observe(running)
    head = head_of(running)
    tree = node.log.tree()
    own = {key.key_id.hex(): key.type for key in node.signer.keys.verifiers()}
    return page(
        request,
        "log/log.html",
        head=head,
        note=head.raw.decode(),
        own=own,
        keys=node.signer.keys.text(),
        growth=growth(diary, course_of(tree)),
        diary=diary[::-1],
        node_url=running.url,
        witnesses=standings(running),
        alarm=alarm_of(running),
        policy=_policy(running),
        newest=listed(tree, Wanted(), before=None, count=NEWEST).lines,
        words=words_of_verification(visitor_of(request).language),
    )


def _policy(running: Running) -> str:
    """Return the policy under which checkpoints are shown, as its file; "" without one."""
    try:
        return policy_to_show(running).decode("utf-8", "replace")
    except NotFound:
        return ""


@get("/log/entries", sync_to_thread=True)
def show_entries(request: AnyRequest) -> Response[str]:
    """List entries, newest first, by kind, outcome and days."""
    query = request.query_params
    errors: dict[str, str] = {}
    wanted = Wanted(
        kind=query.get("kind", "").strip()[:64],
        outcome=query.get("outcome", "") if query.get("outcome", "") in OUTCOMES else "",
        since=_day(query.get("since", ""), "since", errors),
        until=_day(query.get("until", ""), "until", errors, after=True),
    )
    tree = node_of(request).log.tree()
    before = query.get("before", "")
    found = listed(tree, wanted, before=int(before) if before.isdecimal() else None, count=PER_PAGE)
    return page(
        request,
        "log/entries.html",
        found=found,
        size=tree.size,
        outcomes=list(OUTCOMES),
        given={name: query.get(name, "")[:64] for name in ("kind", "outcome", "since", "until")},
        errors=errors,
        kinds=sorted({line.kind for line in found.lines}),
    )


def _day(text: str, name: str, errors: dict[str, str], *, after: bool = False) -> int | None:
    """Return a day as POSIX seconds of its beginning (or its end); None when none was given."""
    if not text.strip():
        return None
    try:
        day = datetime.date.fromisoformat(text.strip())
    except ValueError:
        errors[name] = text
        return None
    start = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
    return int(start.timestamp()) + (_DAY_SECONDS if after else 0)


def index_of(text: str) -> int:
    """Return the index in an address. Raises InvalidInput."""
    if not text.isdecimal() or len(text) > 15:
        raise InvalidInput("an entry is named by its index", value=text)
    return int(text)


ROUTES: Final[list[ControllerRouterHandler]] = [show_log, show_entries]
