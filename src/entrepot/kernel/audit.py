"""The independent re-check of a home (`entrepot fsck`): log and state are whole, and equal.

Everything is derived again from the entries alone and compared with what is stored: leaves, tiles,
root, checkpoint, records, signatures, and state rebuilt by replay. It repairs nothing and signs
nothing. The root is computed here by another algorithm than the one the log appends with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import verify_act
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, verify_checkpoint
from entrepot.kernel.decisions import effects_of
from entrepot.kernel.errors import Error, NotFound, StorageError, VerificationError
from entrepot.kernel.home import OPERATOR, OPERATOR_ML_DSA, log_keys, party_keys
from entrepot.kernel.institution import Institution, Record, kinds_by_name
from entrepot.kernel.keys import load_public_key
from entrepot.kernel.logfiles import read_file
from entrepot.kernel.merkle import EMPTY_ROOT, leaf_hash, node_hash, perfect_root
from entrepot.kernel.record import (
    ERASURE,
    GENESIS,
    Entry,
    OwnEntry,
    Ruling,
    Sealed,
    decode_entry,
    decode_evidence,
    decode_ruling,
    open_sealed,
)
from entrepot.kernel.store import JOURNAL, KERNEL_TABLES, RECORDS, TREE, Store, StoreBusy
from entrepot.kernel.tiles import WIDTH, Tile, TileTree, decode_bundle, encode_bundle, tile_at


class Check(msgspec.Struct, frozen=True):
    """One numbered check: `passed` is None when it could not run because an earlier one failed."""

    number: int
    name: str
    passed: bool | None
    detail: str


@dataclass(slots=True)
class _Audit:
    """What the checks share; each fills in what the next ones need."""

    home: Path
    institutions: tuple[Institution, ...]
    store: Store
    keys: LogKeys | None = None
    checkpoint: Checkpoint = field(default_factory=lambda: Checkpoint("", 0, EMPTY_ROOT))
    entries: list[bytes] = field(default_factory=list)
    pending: int = 0
    acts: list[tuple[int, Entry, Ruling]] = field(default_factory=list)


def audit(home: Path, institutions: tuple[Institution, ...] = ()) -> list[Check]:
    """Run the eight checks over a home and return them all, in order.

    Raises NotFound when there is no home, StorageError when another process writes to it.
    """
    if not (home / "store.sqlite").is_file():
        raise NotFound("there is no home of Entrepot here", value=home, remedy="name it by --home")
    try:
        store = Store.open(home / "store.sqlite")
    except StoreBusy:
        raise
    except StorageError as error:
        unreadable = partial(_raise, error)
        return _run([("store", unreadable), *((name, str) for name, _ in _STEPS[1:])])
    try:
        shared = _Audit(home, institutions, store)
        return _run([(name, partial(step, shared)) for name, step in _STEPS])
    finally:
        store.close()


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
    faults = shared.store.integrity_faults()
    if faults:
        raise VerificationError("database is damaged", value="; ".join(faults[:3]))
    return "database is sound, schema known"


def _check_checkpoint(shared: _Audit) -> str:
    keys = shared.home / "keys"
    shared.keys = log_keys(
        load_public_key(keys / f"{OPERATOR}.pub"), load_public_key(keys / f"{OPERATOR_ML_DSA}.pub")
    )
    note = read_file(shared.home / "log", "checkpoint")
    if note is None:
        raise VerificationError("the log has no checkpoint")
    shared.checkpoint = verify_checkpoint(note, shared.keys)
    return f"{shared.checkpoint.size:,} entries under {shared.checkpoint.origin}, both signatures"


def _check_entries(shared: _Audit) -> str:
    size = shared.checkpoint.size
    tree = TileTree(size, _reader(shared))
    for number in range(-(-size // WIDTH)):
        shared.entries += tree.bundle_entries(number)
    if root_by_stack(shared.entries) != shared.checkpoint.root:
        raise VerificationError("entries do not hash to the root of the checkpoint")
    _require_genesis(shared)
    return f"{size:,} entries hash to the root of the checkpoint"


def _require_genesis(shared: _Audit) -> None:
    first = decode_entry(shared.entries[0]) if shared.entries else None
    expected = [] if shared.keys is None else shared.keys.text().splitlines()
    if not isinstance(first, OwnEntry) or first.kind != GENESIS or first.subject != expected:
        raise VerificationError("the first entry is not the genesis of this log")


def _check_tiles(shared: _Audit) -> str:
    """Compare every file under log/tile with what the entries say it must be."""
    size = shared.checkpoint.size
    levels = [[leaf_hash(entry) for entry in shared.entries]]
    while len(levels[-1]) >= WIDTH:
        row = levels[-1]
        full = range(0, len(row) - WIDTH + 1, WIDTH)
        levels.append([perfect_root(row[at : at + WIDTH]) for at in full])
    required = set()
    for level in range(-1, len(levels)):
        for number in range(-(-len(levels[max(level, 0)]) // WIDTH)):
            required.add(tile_at(level, number, size).path)
    root = shared.home / "log"
    found = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    found -= {"checkpoint"}
    found = {name for name in found if not name.endswith(".new")}
    if required - found:
        raise VerificationError("tile is missing", value=sorted(required - found)[0])
    for name in sorted(found):
        tile = _tile_of(name)
        expected = _expected(tile, levels, shared.entries)
        if expected is None and shared.checkpoint.size == _sequenced_size(shared):
            raise VerificationError("file lies beyond the published tree", value=name)
        if expected is not None and read_file(root, name) != expected:
            raise VerificationError("tile does not match the entries", value=name)
    return f"{len(found):,} tiles and bundles equal what the entries give"


def _tile_of(name: str) -> Tile:
    """Return the tile a path names, or raise VerificationError: paths have one spelling."""
    stem, _, width = name.partition(".p/")
    parts = stem.split("/")
    try:
        level = -1 if parts[1] == "entries" else int(parts[1])
        number = int("".join(part.removeprefix("x") for part in parts[2:]))
        tile = Tile(level, number, int(width) if width else WIDTH)
        if tile.path == name and tile.width <= WIDTH:
            return tile
    except (IndexError, ValueError):
        pass  # said below, together with paths of a wrong spelling
    raise VerificationError("stray file in the log", value=name)


def _expected(tile: Tile, levels: Sequence[list[bytes]], entries: Sequence[bytes]) -> bytes | None:
    """Return what a tile must hold, or None when it is beyond the published tree."""
    if max(tile.level, 0) >= len(levels):
        return None
    row: Sequence[bytes] = entries if tile.level < 0 else levels[tile.level]
    part = row[tile.number * WIDTH : tile.number * WIDTH + tile.width]
    if len(part) < tile.width:
        return None
    return encode_bundle(part) if tile.level < 0 else b"".join(part)


def _sequenced_size(shared: _Audit) -> int:
    with shared.store.reading() as read:
        return int(read.execute(sa.select(TREE.c.size)).scalar_one())


def _check_journal(shared: _Audit) -> str:
    """Extend the published entries by the journal; size and root must be the store's."""
    with shared.store.reading() as read:
        head = read.execute(sa.select(TREE.c.size, TREE.c.root)).one_or_none()
        if head is None:
            raise VerificationError(
                "the store is empty, the published log is not: it was lost or replaced",
                value=f"{shared.checkpoint.size:,} entries",
            )
        size, root = head
        rows = read.execute(sa.select(JOURNAL).order_by(JOURNAL.c.first)).all()
    for first, count, bundle in rows:
        entries = decode_bundle(bundle, count)
        shared_part = shared.entries[first : first + count]
        if first > len(shared.entries) or entries[: len(shared_part)] != shared_part:
            raise VerificationError("journal does not continue the published log", value=first)
        shared.entries += entries[len(shared_part) :]
    if len(shared.entries) != size or root_by_stack(shared.entries) != root:
        raise VerificationError(
            "store and log do not hold the same tree",
            value=f"store {size:,}, log {len(shared.entries):,} entries",
        )
    shared.pending = size - shared.checkpoint.size
    if shared.pending:
        return f"{shared.pending:,} entries are sequenced and will be published at the next start"
    return "store and published log hold the same tree"


def _check_records(shared: _Audit) -> str:
    """Every act's entry has its record, both parts open it, and what is missing was erased."""
    with shared.store.reading() as read:
        rows = {row[0]: row for row in read.execute(sa.select(RECORDS)).all()}
    decoded = [decode_entry(content) for content in shared.entries]
    own = [item for item in decoded if isinstance(item, OwnEntry)]
    erased = {item.subject for item in own if item.kind == ERASURE}
    keys = party_keys(shared.home)
    for index, entry in enumerate(decoded):
        if isinstance(entry, OwnEntry):
            continue
        row = rows.pop(index, None)
        if row is None:
            raise VerificationError("entry has no record in the store", value=index)
        ruling = decode_ruling(
            open_sealed(entry.ruling, Sealed(row.ruling, row.ruling_salt), name=f"ruling {index}")
        )
        if (row.issuer, row.act_id) != (ruling.issuer, entry.act_id) or not (
            index < row.tree_size <= len(shared.entries)
        ):
            raise VerificationError("record and entry disagree", value=index)
        if ruling.decision.outcome is not entry.outcome:
            raise VerificationError("ruling and entry disagree on the outcome", value=index)
        if (row.evidence is None) != (index in erased):
            raise VerificationError(
                "evidence is missing without an erasure in the log", value=index
            )
        if row.evidence is not None:
            _require_evidence(index, entry, ruling, row, keys)
        shared.acts.append((index, entry, ruling))
    if rows:
        raise VerificationError("record has no entry in the log", value=min(rows))
    return f"{len(shared.acts):,} acts, each recorded once and signed; {len(erased):,} erased"


def _require_evidence(index: int, entry: Entry, ruling: Ruling, row: Any, keys: Any) -> None:
    """The evidence opens its commitment, and its act is signed, and is this entry's."""
    content = open_sealed(
        entry.evidence, Sealed(row.evidence, row.evidence_salt), name=f"evidence {index}"
    )
    key = keys.get(ruling.issuer)
    if key is None:
        raise VerificationError("public key of an issuer is missing", value=ruling.issuer.hex())
    act = verify_act(decode_evidence(content).act, key)
    if (act.kind, act.act_id, act.digest) != (entry.kind, entry.act_id, row.digest):
        raise VerificationError("evidence is of another act", value=index)


def _check_once(shared: _Audit) -> str:
    seen: dict[tuple[bytes, bytes], int] = {}
    for index, entry, ruling in shared.acts:
        other = seen.setdefault((ruling.issuer, entry.act_id), index)
        if other != index:
            raise VerificationError("an act was applied twice", value=f"{other} and {index}")
    return f"{len(seen):,} act ids, none twice"


def _check_state(shared: _Audit) -> str:
    """Rebuild every institution's tables from the records in memory and compare."""
    kinds = kinds_by_name(shared.institutions)
    scratch = Store.scratch()
    try:
        for institution in shared.institutions:
            scratch.create_tables(institution.tables)
        with scratch.writing() as write:
            for index, entry, ruling in shared.acts:
                kind = kinds.get(entry.kind)
                if kind is None:
                    raise VerificationError("kind of act is not installed", value=entry.kind)
                kind.apply(write, _record(index, entry, ruling))
        with shared.store.reading() as stored, scratch.reading() as rebuilt:
            return _compare_tables(shared.institutions, stored, rebuilt)
    finally:
        scratch.close()


def _record(index: int, entry: Entry, ruling: Ruling) -> Record:
    return Record(
        index,
        entry.kind,
        entry.act_id,
        ruling.issuer,
        entry.decided_at,
        entry.outcome,
        effects_of(ruling.decision),
    )


def _compare_tables(
    institutions: tuple[Institution, ...], stored: sa.Connection, rebuilt: sa.Connection
) -> str:
    tables = [table for item in institutions for table in item.tables.sorted_tables]
    known = {table.name for table in tables} | set(KERNEL_TABLES.tables)
    existing = set(sa.inspect(stored).get_table_names())
    strange = existing - known
    if strange:
        raise VerificationError("table of no installed institution", value=min(strange))
    rows = 0
    for table in tables:
        query = sa.select(table).order_by(*table.primary_key.columns)
        # An institution that never opened this store has no tables in it, hence no rows.
        left = stored.execute(query).all() if table.name in existing else []
        right = rebuilt.execute(query).all()
        for found, expected in zip(left, right, strict=False):
            if tuple(found) != tuple(expected):
                raise VerificationError("state differs from the records", value=table.name)
        if len(left) != len(right):
            raise VerificationError(
                "state has other rows than the records give",
                value=f"{table.name}: {len(left):,}, not {len(right):,}",
            )
        rows += len(left)
    return f"{rows:,} rows in {len(tables)} tables equal the replay of the records"


def _reader(shared: _Audit) -> Callable[[str], bytes | None]:
    root = shared.home / "log"
    return lambda name: read_file(root, name)


def root_by_stack(entries: Sequence[bytes]) -> bytes:
    """Return the root by merging equal subtrees on a stack (RFC 9162 section 2.1.2)."""
    stack: list[bytes] = []
    for count, entry in enumerate(entries, start=1):
        stack.append(leaf_hash(entry))
        while not count & 1:
            right = stack.pop()
            stack.append(node_hash(stack.pop(), right))
            count >>= 1
    if not stack:
        return EMPTY_ROOT
    root = stack.pop()
    while stack:
        root = node_hash(stack.pop(), root)
    return root


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
