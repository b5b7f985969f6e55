"""Several processes on one store: one writes, the others follow and stand ready.

A process takes a `Seat`. Its node serves every read, whatever its role; acts raise NotLeader where
it follows. `tend`, called about twice a second, keeps the role true: a follower catches up with
what is published and takes over when the writer is gone; a writer that lost its session follows.

Taking over is opening: the log recovers (what was sequenced is published), state is brought to this
program's shape, and only then is an act accepted. What the last writer acknowledged was committed
before, so it is there; what it did not acknowledge is there or not, and the same act sent again
gets its one answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final

from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.errors import NotFound, StorageError
from entrepot.kernel.home import (
    Blueprint,
    Node,
    default_home,
    lead_node,
    make_home,
    node_of,
    own_keys,
    store_at,
    system_clock,
)
from entrepot.kernel.institution import Institution, kinds_by_name
from entrepot.kernel.log import Log
from entrepot.kernel.places import NOT_SET, Places, follow_places
from entrepot.kernel.rebuilding import bring_state_up, is_current
from entrepot.kernel.store import Store, StoreBusy

BEGINNING_S: Final = 10.0
"""How long a process waits for another one that is just making the store."""
_RETRY_S: Final = 0.1


class Seat:
    """A node that writes or follows, whichever the store's lock allows."""

    def __init__(self, plan: Blueprint, node: Node) -> None:
        """Bind the node; `plan` is what it becomes when it leads."""
        self.node = node
        self._plan = plan

    @property
    def leads(self) -> bool:
        """Whether this process was the writer when it last asked; `tend` asks."""
        return self.node.store.leads

    def tend(self) -> bool:
        """Keep the role true; return whether this process leads now.

        Raises StorageError when the database cannot be asked, or when store and log contradict
        each other: then this process follows, and the next call tries again.
        """
        if self.node.store.held():
            return True
        if self.try_promote():
            return True
        self.node.log.refresh()
        return False

    def try_promote(self) -> bool:
        """Take over if nobody writes; return whether this process leads now. Raises StorageError.

        No act is decided meanwhile: those that come wait for the end of the recovery.
        """
        node = self.node
        with node.sequencer.pausing():
            if node.store.held():
                return True
            if not node.store.promote():
                return False
            try:
                node.log.recover()
                bring_state_up(node.store, node.log.tree(), self._plan.institutions)
            except BaseException:
                node.store.step_down()
                raise
        return True

    def close(self) -> None:
        """Close the node; where it led, another process may take over at once."""
        self.node.close()

    def __enter__(self) -> Seat:
        """Return the seat itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the node."""
        self.close()


def take_seat(  # noqa: PLR0913 - the settings of `open_node`
    home: Path | None = None,
    *,
    institutions: tuple[Institution, ...] = (),
    store: str = "",
    advertised_url: str = "",
    may_lead: bool = True,
    passphrase: bytes | None = None,
    relying_party: RelyingParty | None = None,
    clock: Callable[[], int] = system_clock,
    places: Places = NOT_SET,
) -> Seat:
    """Open a node as the writer of its store, or as a follower when another process writes.

    With `may_lead` False it follows in any case until `try_promote`. Arguments and errors are those
    of `open_node`; NotFound when there is nothing to follow yet.
    """
    home = default_home() if home is None else home
    plan = Blueprint(home, institutions, passphrase, relying_party, clock, places=places)
    kinds_by_name(institutions)
    make_home(home)
    where = store_at(home, store)
    deadline = time.monotonic() + BEGINNING_S
    while True:
        try:
            return Seat(plan, _open(plan, where, advertised_url, may_lead=may_lead))
        except _NotReady as error:
            if time.monotonic() > deadline:
                raise error.reason from error
        time.sleep(_RETRY_S)


def open_follower(
    home: Path | None = None,
    *,
    institutions: tuple[Institution, ...] = (),
    store: str = "",
    passphrase: bytes | None = None,
    clock: Callable[[], int] = system_clock,
) -> Node:
    """Open a node that only reads beside the writer: for commands. NotFound, StorageError."""
    home = default_home() if home is None else home
    where = store_at(home, store)
    plan = Blueprint(home, institutions, passphrase, clock=clock)
    try:
        return _follow(plan, where, "")
    except _NotReady as error:
        raise error.reason from error


class _NotReady(Exception):
    """The store is just being made by another process; `reason` is what is missing."""

    def __init__(self, reason: StorageError | NotFound) -> None:
        super().__init__(reason.what)
        self.reason = reason


def _open(plan: Blueprint, where: Path | str, advertised_url: str, *, may_lead: bool) -> Node:
    if may_lead:
        try:
            store = Store.open(where, create=True, advertised_url=advertised_url)
        except StoreBusy:
            return _follow(plan, where, advertised_url)
        try:
            return lead_node(plan, store)
        except BaseException:
            store.close()
            raise
    return _follow(plan, where, advertised_url)


def _follow(plan: Blueprint, where: Path | str, advertised_url: str) -> Node:
    """Open a follower. Raises _NotReady while there is no store or no first checkpoint yet."""
    try:
        store = Store.open(where, writer=False, advertised_url=advertised_url)
    except NotFound as error:
        raise _NotReady(error) from error
    try:
        if store.is_empty():
            raise _NotReady(NotFound("the log of this store has not begun", value=store.where))
        signer, party = own_keys(plan.home, plan.passphrase, is_new=False)
        with store.reading() as read:
            log_files, bodies = follow_places(read, plan.home)
            stale = [item.name for item in plan.institutions if not is_current(read, item)]
        if stale:
            raise _NotReady(_other_shape(stale))
        try:
            log = Log.follow(log_files, store, signer, clock=plan.clock)
        except StorageError as error:
            raise _NotReady(error) from error
        log.bodies = bodies
        return node_of(plan, store, log, party)
    except BaseException:
        store.close()
        raise


def _other_shape(names: list[str]) -> StorageError:
    return StorageError(
        "the writer keeps state in another shape than this program reads",
        value=", ".join(names),
        remedy="run the same version everywhere; the writer rebuilds state when it starts",
    )
