"""The independent re-check of a home (`entrepot fsck`): log and state are whole, and equal.

Everything is derived again from the entries alone and compared with what is stored: leaves, tiles,
root, checkpoint, records, signatures, and state rebuilt by replay. It repairs nothing and signs
nothing, reads one snapshot and may run beside the node that writes. Memory does not grow with the
log but by 8 bytes an act.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.audit_log import RootStack, TileCheck
from entrepot.kernel.audit_records import (
    ActIds,
    KeyFinder,
    PortionCheck,
    erased_index,
    in_order,
    orphans,
    positions_of,
)
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, verify_checkpoint
from entrepot.kernel.errors import Error, NotFound, StorageError, VerificationError
from entrepot.kernel.home import party_keys, read_log_keys
from entrepot.kernel.institution import Institution, kinds_by_name
from entrepot.kernel.keyring import known_key_ring
from entrepot.kernel.merkle import EMPTY_ROOT
from entrepot.kernel.record import GENESIS, OwnEntry, decode_entry
from entrepot.kernel.replay import OnProgress, compare, no_progress, rebuild, scratch_store
from entrepot.kernel.snapshot import Snapshot, open_snapshot
from entrepot.kernel.store import RECORDS, TREE

_IDENTITY: Final = (RECORDS.c.index, RECORDS.c.issuer, RECORDS.c.act_id)


class Check(msgspec.Struct, frozen=True):
    """One numbered check: `passed` is None when it could not run because an earlier one failed."""

    number: int
    name: str
    passed: bool | None
    detail: str


@dataclass(slots=True)
class _Audit:
    """What the checks share; each fills in what the next ones need."""

    snapshot: Snapshot
    institutions: tuple[Institution, ...]
    on_progress: OnProgress
    keys: LogKeys | None = None
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint("", 0, EMPTY_ROOT))
    stack: RootStack = field(default_factory=RootStack)
    erased: set[int] = field(default_factory=set)
    act_ids: ActIds = field(default_factory=ActIds)

    @property
    def size(self) -> int:
        """Number of published and pending entries."""
        return self.checkpoint.size + len(self.snapshot.pending)


def audit(
    home: Path,
    institutions: tuple[Institution, ...] = (),
    *,
    store: str = "",
    on_progress: OnProgress = no_progress,
) -> list[Check]:
    """Run the eight checks over a home and return them all, in order.

    `store` is the URL of the home's store when it is not in the home. Raises NotFound when there is
    no home; everything else that is wrong is a check that failed.
    """
    return _checks(_STEPS, home, institutions, store, on_progress)


def audit_records(
    home: Path,
    institutions: tuple[Institution, ...] = (),
    *,
    store: str = "",
    on_progress: OnProgress = no_progress,
) -> list[Check]:
    """Run the checks before state only: for a restore, which makes state from the records."""
    return _checks(_STEPS[:-1], home, institutions, store, on_progress)


def _checks(
    all_steps: Sequence[tuple[str, Callable[[_Audit], str]]],
    home: Path,
    institutions: tuple[Institution, ...],
    store: str,
    on_progress: OnProgress,
) -> list[Check]:
    with ExitStack() as opened:
        try:
            snapshot = opened.enter_context(open_snapshot(home, store))
        except (StorageError, NotFound) as error:
            if isinstance(error, NotFound) and not _is_there(home, store):
                raise
            steps: list[tuple[str, Callable[[], str]]] = [("store", partial(_raise, error))]
            return _run(steps + [(name, str) for name, _ in all_steps[1:]])
        shared = _Audit(snapshot, institutions, on_progress)
        return _run([(name, partial(step, shared)) for name, step in all_steps])


def _is_there(home: Path, store: str) -> bool:
    return bool(store) or (home / "store.sqlite").is_file()


def _run(steps: Sequence[tuple[str, Callable[[], str]]]) -> list[Check]:
    """Run steps in order until one fails; those after it are reported as not run."""
    checks: list[Check] = []
    for number, (name, step) in enumerate(steps, start=1):
        if checks and checks[-1].passed is not True:
            checks.append(Check(number, name, None, "not run"))
            continue
        try:
            checks.append(Check(number, name, True, step()))
        except Error as error:
            detail = error.what if error.value is None else f"{error.what}: {error.value}"
            checks.append(Check(number, name, False, detail))
    return checks


def _raise(error: Error) -> str:
    raise error


def _check_store(shared: _Audit) -> str:
    faults = shared.snapshot.store.integrity_faults()
    if faults:
        raise VerificationError("database is damaged", value="; ".join(faults[:3]))
    return "database is sound, schema known"


def _check_checkpoint(shared: _Audit) -> str:
    snapshot = shared.snapshot
    shared.keys = read_log_keys(snapshot.home)
    if snapshot.note is None:
        raise VerificationError("the log has no checkpoint")
    shared.checkpoint = verify_checkpoint(snapshot.note, shared.keys)
    return f"{shared.checkpoint.size:,} entries under {shared.checkpoint.origin}, both signatures"


def _bundles(shared: _Audit, what: str) -> Iterator[list[bytes]]:
    """Yield the published bundles and show how far it is."""
    size, done = shared.checkpoint.size, 0
    for entries in shared.snapshot.bundles(size):
        yield entries
        done += len(entries)
        shared.on_progress(what, done, size)


def _check_entries(shared: _Audit) -> str:
    first: list[bytes] = []
    for entries in _bundles(shared, "entries"):
        first = first or entries[:1]
        _take(shared, entries)
    if shared.stack.root != shared.checkpoint.root:
        raise VerificationError("entries do not hash to the root of the checkpoint")
    genesis = decode_entry(first[0]) if first else None
    expected = [] if shared.keys is None else shared.keys.text().splitlines()
    if not isinstance(genesis, OwnEntry) or (genesis.kind, genesis.subject) != (GENESIS, expected):
        raise VerificationError("the first entry is not the genesis of this log")
    return f"{shared.checkpoint.size:,} entries hash to the root of the checkpoint"


def _take(shared: _Audit, entries: list[bytes]) -> None:
    """Hash entries into the root, and note which evidence they say was erased."""
    shared.stack.add(entries)
    shared.erased.update(index for index in map(erased_index, entries) if index is not None)


def _check_tiles(shared: _Audit) -> str:
    """Compare every file of the log with what the entries say it must be."""
    snapshot, size = shared.snapshot, shared.checkpoint.size
    names = list(snapshot.files.names())
    check = TileCheck(snapshot.files, size, names, reach=_reach(shared))
    for entries in _bundles(shared, "tiles"):
        check.add(entries)
    check.finish()
    return f"{check.compared:,} tiles and bundles equal what the entries give"


def _reach(shared: _Audit) -> int:
    """Return how far the log is sequenced by now: a node that writes meanwhile goes on."""
    with shared.snapshot.store.reading() as read:
        size = read.execute(sa.select(TREE.c.size)).scalar_one_or_none()
    return max(int(size or 0), shared.checkpoint.size)


def _check_journal(shared: _Audit) -> str:
    """Extend the published entries by the journal; size and root must be the store's."""
    snapshot, published = shared.snapshot, shared.checkpoint.size
    if snapshot.sequenced is None:
        raise VerificationError(
            "the store is empty, the published log is not: it was lost or replaced",
            value=f"{published:,} entries",
        )
    _require_journal_continues(snapshot, published)
    pending = snapshot.pending_after(published)
    for at in range(0, len(pending), 256):
        _take(shared, pending[at : at + 256])
    size, root = snapshot.sequenced
    if shared.stack.size != size or shared.stack.root != root:
        raise VerificationError(
            "store and log do not hold the same tree",
            value=f"store {size:,}, log {shared.stack.size:,} entries",
        )
    snapshot.pending = pending
    if pending:
        return f"{len(pending):,} entries are sequenced and will be published at the next start"
    return "store and published log hold the same tree"


def _require_journal_continues(snapshot: Snapshot, published: int) -> None:
    """Each row begins where the one before it ended, and repeats what is published."""
    expected: int | None = None
    for first, entries in snapshot.journal():
        if first > published if expected is None else first != expected:
            raise VerificationError("journal does not continue the published log", value=first)
        expected = first + len(entries)
        if entries[: max(0, published - first)] != _published(snapshot, first, entries, published):
            raise VerificationError("journal does not continue the published log", value=first)


def _published(
    snapshot: Snapshot, first: int, entries: Sequence[bytes], published: int
) -> list[bytes]:
    """Return the published entries that a journal row repeats."""
    until = min(published, first + len(entries))
    if first >= until:
        return []
    return snapshot.entries_between(published, first, until)


def _check_records(shared: _Audit) -> str:
    """Every act's entry has its record, both parts open it, and what is missing was erased."""
    snapshot = shared.snapshot
    _require_no_record_outside(shared)
    keys = KeyFinder(
        snapshot.store,
        known_key_ring(party_keys(snapshot.home), _present(shared)),
        kinds_by_name(shared.institutions),
    )
    erased, origin = frozenset(shared.erased), shared.checkpoint.origin
    check = PortionCheck(snapshot.bodies, keys, erased, shared.size, origin)
    done = 0
    for marks in in_order(check, snapshot.portions(shared.checkpoint.size)):
        for mark in marks:
            shared.act_ids.add(mark)
        done += len(marks)
        shared.on_progress("records", done, shared.size)
    left = _orphans(shared)
    said = f"{len(shared.act_ids):,} acts, each recorded once and signed"
    note = f"; note: {left:,} stored bodies that no record names" if left else ""
    return f"{said}; {len(shared.erased):,} erased{note}"


def _present(shared: _Audit) -> tuple[Institution, ...]:
    """Return the institutions whose tables are in the store; others know no keys."""
    existing = set(sa.inspect(shared.snapshot.read).get_table_names())
    return tuple(item for item in shared.institutions if existing.issuperset(item.tables.tables))


def _require_no_record_outside(shared: _Audit) -> None:
    outside = sa.or_(RECORDS.c.index < 0, RECORDS.c.index >= shared.size)
    query = sa.select(sa.func.min(RECORDS.c.index)).where(outside)
    index = shared.snapshot.read.execute(query).scalar()
    if index is not None:
        raise VerificationError("record has no entry in the log", value=index)


def _orphans(shared: _Audit) -> int:
    """Return how many bodies outside the store no record names."""
    snapshot = shared.snapshot
    if not snapshot.bodies.where:
        return 0
    query = sa.select(RECORDS.c.evidence_at).where(RECORDS.c.evidence_at.is_not(None))
    named = {bytes.fromhex(name) for name in snapshot.read.execute(query).scalars()}
    return orphans(snapshot.bodies, named)


def _check_once(shared: _Audit) -> str:
    repeated = shared.act_ids.repeated()
    if repeated:
        positions_of(repeated, shared.snapshot.portions(shared.checkpoint.size, _IDENTITY))
    return f"{len(shared.act_ids):,} act ids, none twice"


def _check_state(shared: _Audit) -> str:
    """Rebuild every institution's tables from the records in a temporary store and compare."""
    with scratch_store() as target:
        rebuild(
            shared.snapshot,
            shared.checkpoint.size,
            shared.institutions,
            target,
            shared.on_progress,
        )
        with target.reading() as rebuilt:
            states = compare(shared.institutions, shared.snapshot.read, rebuilt)
    for state in states:
        if state.rows != state.rebuilt_rows:
            raise VerificationError(
                "state has other rows than the records give",
                value=f"{state.table}: {state.rows:,}, not {state.rebuilt_rows:,}",
            )
        if not state.is_equal:
            raise VerificationError("state differs from the records", value=state.table)
    rows = sum(state.rows for state in states)
    return f"{rows:,} rows in {len(states)} tables equal the replay of the records"


_STEPS: tuple[tuple[str, Callable[[_Audit], str]], ...] = (
    ("store", _check_store),
    ("checkpoint", _check_checkpoint),
    ("entries", _check_entries),
    ("tiles", _check_tiles),
    ("journal", _check_journal),
    ("records", _check_records),
    ("once", _check_once),
    ("state", _check_state),
)
