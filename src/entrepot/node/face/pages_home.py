"""The first page: what this node is, what one can do here, and its numbers with their proof."""

from __future__ import annotations

from typing import Final

from litestar import Response, get
from litestar.types import ControllerRouterHandler

from entrepot.node.api.registry import fresh_directory
from entrepot.node.face.logview import Wanted, head_of, listed
from entrepot.node.face.pages_log import node_of
from entrepot.node.face.rendering import page
from entrepot.node.face.surroundings import surroundings_of
from entrepot.node.face.visitors import AnyRequest, visitor_of
from entrepot.registry import views
from entrepot.registry.directorycounts import Counts, counts_of_state

NEWEST: Final = 6


@get("/", sync_to_thread=True)
def show_home(request: AnyRequest) -> Response[str]:
    """Show who runs this node, the four things to do here, counts, and the newest entries."""
    around, node = surroundings_of(request), node_of(request)
    directory = fresh_directory(around.running)
    with around.store.reading() as read:
        counts = counts_of_state(read, directory.index)
        terms = views.founding(read)
        operator = None if terms is None else views.find_party(read, terms.operator)
    language = visitor_of(request).language
    return page(
        request,
        "home/home.html",
        head=head_of(around.running),
        numbers=_numbers(counts, node.log.size),
        terms=terms,
        operator=operator,
        operator_name="" if operator is None else operator.names.get(language, operator.name),
        newest=listed(node.log.tree(), Wanted(), before=None, count=NEWEST).lines,
        node_url=around.running.url,
    )


def _numbers(counts: Counts | None, size: int) -> list[tuple[str, int, str]]:
    """Return what is counted: its name, the number, and where it is listed.

    Without counts (the directory is being brought up to date) only the log's own size is known.
    """
    log = ("entries", size, "/log")
    if counts is None:
        return [log]
    registered = sum(found.get("registered", 0) for found in counts.rights.values())
    issued = sum(found.get("issued", 0) for found in counts.certificates.values())
    return [
        ("products", counts.products.get("active", 0), "/directory"),
        ("parties", counts.parties, "/directory?kind=party"),
        ("rights", registered, "/directory"),
        ("certificates", issued, "/directory"),
        log,
    ]


ROUTES: Final[list[ControllerRouterHandler]] = [show_home]
