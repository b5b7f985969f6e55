"""Small logs in memory for tests of witnesses: histories, checkpoints of any size, requests."""

from __future__ import annotations

from entrepot.kernel.checkpoint import Checkpoint, LogSigner
from entrepot.kernel.keys import Algorithm, key_from_seed
from entrepot.kernel.merkle import EMPTY_ROOT, consistency_path
from entrepot.kernel.policy import KnownLog, Policy, format_policy
from entrepot.kernel.tiles import Edge, TileTree
from entrepot.kernel.witness import format_add_checkpoint

AT = 1_790_000_000


def log_signer(seed: int, origin: str = "") -> LogSigner:
    return LogSigner(
        origin or f"log.example/{seed}",
        key_from_seed(bytes([seed]) * 32),
        key_from_seed(bytes([seed]) * 32, Algorithm.ML_DSA_44),
    )


class History:
    """One history of a log: entries, tiles, and the checkpoint of any size it ever had."""

    def __init__(self, signer: LogSigner, name: str, count: int, *, shared: int = 0) -> None:
        self.signer = signer
        self.files: dict[str, bytes] = {}
        self.roots = [EMPTY_ROOT]
        self.entries: list[bytes] = []
        self.edge = Edge()
        for index in range(count):
            side = "both" if index < shared else name
            self.append(b"%s %d" % (side.encode(), index))

    def append(self, entry: bytes) -> None:
        self.edge, changed = self.edge.append([entry])
        self.files.update(changed)
        self.roots.append(self.edge.root)
        self.entries.append(entry)

    def note(self, size: int, at: int = AT) -> bytes:
        return self.signer.sign(Checkpoint(self.signer.origin, size, self.roots[size]), at)

    def proof(self, old: int, new: int) -> list[bytes]:
        return consistency_path(old, new, TileTree(new, self.files.get).node_at)

    def request(self, old: int, new: int) -> bytes:
        return format_add_checkpoint(old, self.proof(old, new), self.note(new))


def watched_file(*signers: LogSigner) -> bytes:
    known = tuple(KnownLog(key) for signer in signers for key in signer.keys.verifiers())
    return format_policy(Policy(known, (), (), b"none")).removesuffix(b"quorum none\n")
