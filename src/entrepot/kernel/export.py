"""Proof folders: everything a stranger needs to check one entry of the log, offline, from files.

    log.keys        the log's two vkey lines
    checkpoint      signed note over the tree (C2SP tlog-checkpoint)
    tile/...        the tiles above the entry and the right edge; the bundle with the entry
    receipt.cbor    COSE receipt (RFC 9942) in the tree of that checkpoint
    opening.cbor    optional: evidence and ruling with their salts, and the issuer's public key

Every byte of every file is checked: changing, adding or removing any makes `verify_export` fail.
The folder proves its content under the keys it carries; whoever knows the log's keys passes them.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from entrepot.kernel import files
from entrepot.kernel.acts import VerifiedAct, verify_act
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, parse_log_keys, verify_checkpoint
from entrepot.kernel.encoding import decode_map, encode
from entrepot.kernel.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    StorageError,
    VerificationError,
)
from entrepot.kernel.keys import Algorithm, PublicKey
from entrepot.kernel.log import Log
from entrepot.kernel.logfiles import read_file
from entrepot.kernel.receipt import claimed_position, verify_receipt
from entrepot.kernel.record import (
    Entry,
    Ruling,
    Sealed,
    decode_entry,
    decode_evidence,
    decode_ruling,
    open_sealed,
)
from entrepot.kernel.sequencer import Opening
from entrepot.kernel.tiles import WIDTH, Tile, TileTree, covering_tiles, prove_from_tiles, tile_at

KEYS_FILE, CHECKPOINT_FILE = "log.keys", "checkpoint"
RECEIPT_FILE, OPENING_FILE = "receipt.cbor", "opening.cbor"
OPENING_MAX_BYTES: Final = 4 << 20


@dataclass(frozen=True, slots=True)
class OpenedAct:
    """What an opening shows of an entry: the verified act, the facts relied on, the ruling."""

    act: VerifiedAct
    facts: dict[str, object]
    ruling: Ruling


@dataclass(frozen=True, slots=True)
class ProvenEntry:
    """An entry proven to be in a log: where, under which checkpoint and keys, and what it says."""

    index: int
    entry_bytes: bytes
    entry: Entry
    checkpoint: Checkpoint
    keys: LogKeys
    opened: OpenedAct | None


def write_export(
    log: Log, index: int, folder: Path, *, opening: Opening | None, issuer: PublicKey | None
) -> None:
    """Write the proof folder of one entry under the published checkpoint.

    With `opening` and `issuer` the folder also shows evidence and ruling. Raises Conflict when the
    folder exists and is not empty, NotFound when the evidence was erased, StorageError.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict("folder is not empty", value=folder, remedy="name a new folder")
    published = log.published
    contents = {
        KEYS_FILE: log.signer.keys.text().encode(),
        CHECKPOINT_FILE: published.note,
        RECEIPT_FILE: log.receipt(index, published.size),
        **_tile_files(published.tree, index),
    }
    if opening is not None and issuer is not None:
        contents[OPENING_FILE] = encode_opening(opening, issuer)
    try:
        for name, content in contents.items():
            files.make_directories((folder / name).parent)
            files.create_durable(folder / name, content)
    except (OSError, StorageError) as error:
        shutil.rmtree(folder, ignore_errors=True)  # half a proof proves nothing
        if isinstance(error, OSError):
            raise files.storage_error(error, folder) from error
        raise


def encode_opening(opening: Opening, issuer: PublicKey) -> bytes:
    """Return the bytes of an opening file; NotFound when the evidence was erased."""
    if opening.evidence is None:
        raise NotFound("evidence of this act was erased", remedy="export without the opening")
    evidence, ruling = opening.evidence, opening.ruling
    return encode(
        {
            1: [evidence.salt, evidence.content],
            2: [ruling.salt, ruling.content],
            3: issuer.raw,
        }
    )


def _tile_files(tree: TileTree, index: int) -> dict[str, bytes]:
    """Return path -> content of the covering tiles and the bundle, exactly as wide as the tree."""
    found = {}
    for tile in _tiles_of(index, tree.size):
        if tile.level < 0:
            found[tile.path] = tree.bundle_bytes(tile.number)
        else:
            found[tile.path] = b"".join(tree.tile_hashes(tile))
    return found


def _tiles_of(index: int, size: int) -> list[Tile]:
    return [*covering_tiles(index, size), tile_at(-1, index // WIDTH, size)]


def verify_export(folder: Path, keys: LogKeys | None = None) -> ProvenEntry:
    """Verify a proof folder, from its files alone, and return what it proves.

    (1) the keys are well-formed, and the expected ones if `keys` is given; (2) both signatures of
    the checkpoint hold; (3) the receipt has the checkpoint's size; (4) tiles and bundle hash to its
    root, byte by byte; (5) the receipt proves the same entry under the same root; (6) no other
    file is there; (7) an opening opens both commitments, and its act is signed by the issuer.
    Raises VerificationError naming the file, NotFound when there is no folder.
    """
    if not folder.is_dir():
        raise NotFound("there is no proof folder here", value=folder)
    try:
        return _verify_steps(folder, keys)
    except InvalidInput as error:
        raise VerificationError(f"proof folder: {error.what}", value=error.value) from error


def _verify_steps(folder: Path, expected: LogKeys | None) -> ProvenEntry:
    keys = parse_log_keys(_text(_need(folder, KEYS_FILE)))  # 1
    if expected is not None and keys != expected:
        raise VerificationError("log.keys: these are not the keys of the log", value=keys.origin)
    checkpoint = verify_checkpoint(_need(folder, CHECKPOINT_FILE), keys)  # 2
    receipt = _need(folder, RECEIPT_FILE)
    index = _unverified_index(receipt, checkpoint)  # 3
    entry = prove_from_tiles(
        index, checkpoint.size, checkpoint.root, lambda name: read_file(folder, name)
    )  # 4
    proven = verify_receipt(receipt, entry, keys.ed25519, origin=keys.origin)  # 5
    if (proven.size, proven.root) != (checkpoint.size, checkpoint.root):
        raise VerificationError("receipt.cbor: not a receipt in the tree of the checkpoint")
    opening = read_file(folder, OPENING_FILE)
    wanted = {KEYS_FILE, CHECKPOINT_FILE, RECEIPT_FILE}
    wanted |= {tile.path for tile in _tiles_of(index, checkpoint.size)}
    wanted |= set() if opening is None else {OPENING_FILE}
    _require_exactly(folder, wanted)  # 6
    decoded = decode_entry(entry)
    if not isinstance(decoded, Entry):
        raise VerificationError("the entry is not that of an act", value=decoded.kind)
    opened = None if opening is None else _open(opening, decoded)  # 7
    return ProvenEntry(index, entry, decoded, checkpoint, keys, opened)


def _unverified_index(receipt: bytes, checkpoint: Checkpoint) -> int:
    """Return the index a receipt claims, after comparing its size with the checkpoint's."""
    size, index = claimed_position(receipt)
    if size != checkpoint.size:
        raise VerificationError(
            "receipt.cbor: not for the tree of the checkpoint", value=f"{size}, {checkpoint.size}"
        )
    return index


def _open(opening: bytes, entry: Entry) -> OpenedAct:
    """Step 7: both parts open their commitments; the act is signed and is this entry's."""
    parts = decode_map(opening, size_max=OPENING_MAX_BYTES)
    if set(parts) != {1, 2, 3} or not isinstance(parts[3], bytes):
        raise InvalidInput("opening.cbor has not its three parts")
    evidence = decode_evidence(open_sealed(entry.evidence, _sealed(parts[1]), name="evidence"))
    ruling = decode_ruling(open_sealed(entry.ruling, _sealed(parts[2]), name="ruling"))
    act = verify_act(evidence.act, PublicKey(Algorithm.ED25519, parts[3]))
    if (act.kind, act.act_id, act.issuer) != (entry.kind, entry.act_id, ruling.issuer):
        raise VerificationError("opening.cbor: act and entry are not of each other")
    if ruling.decision.outcome is not entry.outcome:
        raise VerificationError("opening.cbor: ruling and entry disagree on the outcome")
    return OpenedAct(act, evidence.facts, ruling)


def _sealed(part: object) -> Sealed:
    if (
        not isinstance(part, list)
        or len(part) != 2
        or not all(isinstance(item, bytes) for item in part)
    ):
        raise InvalidInput("opening.cbor: a part is a salt and a content")
    return Sealed(part[1], part[0])


def _need(folder: Path, name: str) -> bytes:
    content = read_file(folder, name)
    if content is None:
        raise VerificationError("file is missing from the proof folder", value=name)
    return content


def _text(content: bytes) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise InvalidInput("log.keys is not plain text") from None


def _require_exactly(folder: Path, wanted: set[str]) -> None:
    """Refuse files nobody checks, and links out of the folder."""
    found = set()
    for path in folder.rglob("*"):
        if path.is_symlink():
            raise VerificationError("proof folder holds a link", value=path.name)
        if not path.is_dir():
            found.add(path.relative_to(folder).as_posix())
    if found != wanted:
        odd = sorted(found ^ wanted)[0]
        raise VerificationError("proof folder has not exactly its files", value=odd)
