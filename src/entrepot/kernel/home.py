"""A node's home on a disk: its keys, store and log, opened together.

keys/operator.pem          Ed25519: signs checkpoints and receipts of this log
keys/operator-ml-dsa.pem   ML-DSA-44: cosigns checkpoints
keys/party.pem             Ed25519: signs the acts of the party that runs this node
keys/*.pub                 public halves; every Ed25519 one here may submit acts
store.sqlite, store.lock   the store and its writer's lock
log/                       checkpoint and tiles (C2SP tlog-tiles), static files
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from entrepot.kernel import files
from entrepot.kernel.approval import RelyingParty
from entrepot.kernel.checkpoint import LogKeys, LogSigner
from entrepot.kernel.clock import WatchedClock
from entrepot.kernel.errors import NotFound, StorageError
from entrepot.kernel.export import write_export
from entrepot.kernel.institution import Institution, kinds_by_name
from entrepot.kernel.keyring import key_ring
from entrepot.kernel.keys import (
    Algorithm,
    Kid,
    PrivateKey,
    PublicKey,
    create_key_file,
    load_key,
    load_public_key,
)
from entrepot.kernel.log import CrashPoint, Log, no_crash
from entrepot.kernel.places import NOT_SET, Places, open_places
from entrepot.kernel.rebuilding import bring_state_up
from entrepot.kernel.record import GENESIS, decode_evidence, decode_ruling, encode_own_entry
from entrepot.kernel.sequencer import Sequencer
from entrepot.kernel.store import Store

OPERATOR, OPERATOR_ML_DSA, PARTY = "operator", "operator-ml-dsa", "party"
_OWN_KEYS: Final = {
    OPERATOR: Algorithm.ED25519,
    OPERATOR_ML_DSA: Algorithm.ML_DSA_44,
    PARTY: Algorithm.ED25519,
}


def default_home() -> Path:
    """Return $ENTREPOT_HOME, or $XDG_DATA_HOME/entrepot, or ~/.local/share/entrepot."""
    chosen = os.environ.get("ENTREPOT_HOME")
    if chosen:
        return Path(chosen)
    shared = os.environ.get("XDG_DATA_HOME")
    return (Path(shared) if shared else Path.home() / ".local" / "share") / "entrepot"


_CLOCK: Final = WatchedClock()


def system_clock() -> int:
    """Return POSIX seconds of the machine's clock. Raises StorageError when it leapt ahead."""
    return _CLOCK()


@dataclass(frozen=True, slots=True)
class Node:
    """An open home. Close it, or use it as a context; one process at a time."""

    home: Path
    signer: LogSigner
    party: PrivateKey
    keys: dict[Kid, PublicKey]
    store: Store
    log: Log
    sequencer: Sequencer

    def export(self, index: int, folder: Path, *, with_opening: bool = True) -> None:
        """Write the proof folder of one act (see `export`); with its evidence unless told not to.

        Raises NotFound (no act there, evidence erased, issuer's key gone), Conflict, StorageError.
        """
        opening = self.sequencer.opening(index)
        issuer = self.keys.get(decode_ruling(opening.ruling.content).issuer)
        if with_opening and issuer is None:
            raise NotFound("public key of the issuer is not here any more", value=index)
        write_export(
            self.log, index, folder, opening=opening if with_opening else None, issuer=issuer
        )

    def act_at(self, index: int) -> bytes:
        """Return the signed bytes of the act at `index`; NotFound when none or erased."""
        evidence = self.sequencer.opening(index).evidence
        if evidence is None:
            raise NotFound("evidence of this act was erased", value=index)
        return decode_evidence(evidence.content).act

    def close(self) -> None:
        """Close log and store, and give the writer's lock back."""
        try:
            self.log.close()
        finally:
            self.store.close()

    def __enter__(self) -> Node:
        """Return the node itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the node."""
        self.close()


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What a node is made of, beside its store; a follower keeps it for the day it leads."""

    home: Path
    institutions: tuple[Institution, ...] = ()
    passphrase: bytes | None = None
    relying_party: RelyingParty | None = None
    clock: Callable[[], int] = system_clock
    crash: CrashPoint = no_crash
    places: Places = NOT_SET


def open_node(  # noqa: PLR0913 - each is a setting of the node, all but the home by keyword
    home: Path | None = None,
    *,
    institutions: tuple[Institution, ...] = (),
    store: str = "",
    advertised_url: str = "",
    passphrase: bytes | None = None,
    relying_party: RelyingParty | None = None,
    clock: Callable[[], int] = system_clock,
    crash: CrashPoint = no_crash,
    places: Places = NOT_SET,
) -> Node:
    """Open a home, making it with fresh keys on first use, and recover from any crash.

    `store` is the URL of the database (`postgresql://…`); empty for `store.sqlite` in the home.
    `advertised_url` is where this node answers; followers send those who submit acts there.
    `relying_party` is the site where persons approve acts with passkeys (`kernel.approval`).
    `places` says where the log's files and large bodies lie (`kernel.places`).

    Raises StoreBusy (another process writes: see `following`), StorageError (full or read-only
    disk, no server, damage, restored old backup), InvalidInput (keys readable by others, wrong
    passphrase, a store's URL that cannot be read).
    """
    home = default_home() if home is None else home
    plan = Blueprint(home, institutions, passphrase, relying_party, clock, crash, places)
    kinds_by_name(institutions)  # refuses institutions that contradict each other, before any file
    make_home(home)
    opened = Store.open(store_at(home, store), create=True, advertised_url=advertised_url)
    try:
        return lead_node(plan, opened)
    except BaseException:
        opened.close()
        raise


def store_at(home: Path, setting: str) -> Path | str:
    """Return where the store of a home is: the setting, or else a file in the home."""
    return setting or home / "store.sqlite"


def lead_node(plan: Blueprint, store: Store) -> Node:
    """Return the node that writes to `store`, recovered; this process must be its writer."""
    signer, party = own_keys(plan.home, plan.passphrase, is_new=store.is_empty())

    def genesis() -> bytes:
        return encode_own_entry(GENESIS, plan.clock(), signer.keys.text().splitlines())

    log_files, bodies = open_places(store, plan.home, plan.places)
    log = Log.open(log_files, store, signer, clock=plan.clock, genesis=genesis, crash=plan.crash)
    log.bodies = bodies
    bring_state_up(store, log.tree(), plan.institutions)
    return node_of(plan, store, log, party)


def node_of(plan: Blueprint, store: Store, log: Log, party: PrivateKey) -> Node:
    """Bind store and log to a node that takes the acts of the plan's institutions."""
    keys = party_keys(plan.home)
    sequencer = Sequencer(
        log,
        kinds=kinds_by_name(plan.institutions),
        keys=key_ring(keys, plan.institutions),
        site=plan.relying_party,
    )
    return Node(plan.home, log.signer, party, keys, store, log, sequencer)


def log_origin(ed25519: PublicKey) -> str:
    """Return the origin of a log, made from its first key's thumbprint.

    `.invalid` never resolves (RFC 6761): a node without a public name does not pretend to one.
    """
    return f"node-{ed25519.kid.hex()[:16]}.entrepot.invalid/log"


def log_keys(ed25519: PublicKey, ml_dsa: PublicKey) -> LogKeys:
    """Return the public identity of the log that these two keys sign."""
    return LogKeys(log_origin(ed25519), ed25519, ml_dsa)


def read_log_keys(home: Path) -> LogKeys:
    """Return the public identity of a home's log; errors as `load_public_key`."""
    keys = home / "keys"
    return log_keys(
        load_public_key(keys / f"{OPERATOR}.pub"), load_public_key(keys / f"{OPERATOR_ML_DSA}.pub")
    )


def party_keys(home: Path) -> dict[Kid, PublicKey]:
    """Return the Ed25519 public keys of a home, by thumbprint: whose acts are accepted."""
    found = {}
    for path in sorted((home / "keys").glob("*.pub")):
        key = load_public_key(path)
        if key.algorithm is Algorithm.ED25519:
            found[key.kid] = key
    return found


def write_public_key(home: Path, name: str, key: PublicKey) -> None:
    """Write `keys/NAME.pub` if it is not there. Raises StorageError."""
    try:
        files.create_durable(home / "keys" / f"{name}.pub", key.pem())
    except FileExistsError:
        return


def make_home(home: Path) -> None:
    """Make the folders of a home where they are missing. Raises StorageError."""
    try:
        files.make_directories(home / "keys")
        files.make_directories(home / "log")
        (home / "keys").chmod(0o700)
    except OSError as error:
        raise files.storage_error(error, error.filename or home) from error


def own_keys(home: Path, passphrase: bytes | None, *, is_new: bool) -> tuple[LogSigner, PrivateKey]:
    """Return the signer of the log and the party's key, made where the log does not exist yet.

    Raises StorageError when one is missing, InvalidInput when one cannot be opened.
    """
    own = _load_keys(home, passphrase, is_new=is_new)
    origin = log_origin(own[OPERATOR].public)
    return LogSigner(origin, own[OPERATOR], own[OPERATOR_ML_DSA]), own[PARTY]


def _load_keys(home: Path, passphrase: bytes | None, *, is_new: bool) -> dict[str, PrivateKey]:
    own = {}
    for name, algorithm in _OWN_KEYS.items():
        path = home / "keys" / f"{name}.pem"
        if path.exists():
            own[name] = load_key(path, passphrase=passphrase)
        elif name == PARTY and not is_new and path.with_suffix(".pub").exists():
            raise StorageError(
                "the private key of this party is missing",
                value=path,
                remedy="restore it from a backup; or rename party.pub and go on with a new key",
            )
        elif is_new or name == PARTY:
            own[name] = create_key_file(path, algorithm, passphrase=passphrase)
        else:
            raise StorageError(
                "the key of this log is missing",
                value=path,
                remedy="restore it from a backup; another key cannot continue this log",
            )
        write_public_key(home, name, own[name].public)
    return own
