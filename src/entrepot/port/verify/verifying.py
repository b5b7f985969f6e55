"""Check a cleared folder offline, from its files alone, in numbered steps.

     1 folder        regular files only, the required ones present
     2 certificate   COSE_Sign1 signature under the exporter's key
     3 content       the certificate is well-formed and in its one form
     4 files         every listed file has its size and hash; nothing is there that is not listed
     5 log keys      well-formed; the expected ones when a key was given
     6 checkpoint    both signatures of the log hold
     7 tiles         every byte of tiles and entry bundle hashes to the checkpoint's root
     8 receipt       proves the same entry in the same tree (RFC 9942)
     9 opening       opens the entry's commitments; its act is this certificate, and it was granted
    10 law           the hashes the log recorded are those the certificate names; where the same
                     rulebooks are loaded here, they give the certified answer on its facts
    11 validity      notes, not failures: day of expiry, other versions of rulebooks

A step that fails ends the walk. Every byte of every file in the folder is covered by a signature
or a hash that is compared. Who holds the keys is not known here: without `trusted` the steps prove
that the folder is whole and consistent, not who made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Final

import msgspec

from entrepot import __version__
from entrepot.kernel.acts import VerifiedAct, verify_act
from entrepot.kernel.checkpoint import Checkpoint, LogKeys, parse_log_keys, verify_checkpoint
from entrepot.kernel.decisions import Granted
from entrepot.kernel.encoding import decode_map
from entrepot.kernel.errors import Error, InvalidInput, NotFound, StorageError, VerificationError
from entrepot.kernel.export import (
    CHECKPOINT_FILE,
    KEYS_FILE,
    OPENING_FILE,
    OPENING_MAX_BYTES,
    RECEIPT_FILE,
    verify_export,
)
from entrepot.kernel.keys import Algorithm, PublicKey, public_key_from_pem
from entrepot.kernel.receipt import claimed_position, verify_receipt
from entrepot.kernel.tiles import prove_from_tiles
from entrepot.law.library import Library
from entrepot.port.clear.acts import shape
from entrepot.port.clear.certificate import KIND, Certificate, clearance_id
from entrepot.port.clear.clearing import CERTIFICATE_FILE, PROOF_FOLDER
from entrepot.port.clear.rules import asked_again
from entrepot.port.verify.folder import content_of, sizes

CERTIFICATE_MAX_BYTES: Final = 1 << 20
KEY_MAX_BYTES: Final = 1 << 16
PROOF_MAX_BYTES: Final = 17 << 20
"""An entry bundle holds at most 256 entries of 65,535 bytes with their lengths: 16.8 MB."""
_CHUNK_BYTES: Final = 1 << 20


class StepResult(msgspec.Struct, frozen=True):
    """One step: its number and name, `ok`, `failed` or `note`, and what was seen."""

    number: int
    name: str
    result: str
    detail: str


class Trusted(msgspec.Struct, frozen=True):
    """Keys that the verifier knows from elsewhere; empty ones are not compared."""

    exporter: PublicKey | None = None
    log: LogKeys | None = None


class Verification(msgspec.Struct, frozen=True):
    """The steps walked, in order, and the certificate when they all hold."""

    steps: list[StepResult]
    certificate: Certificate | None

    @property
    def failed(self) -> StepResult | None:
        """The step that failed, if any."""
        return next((step for step in self.steps if step.result == "failed"), None)

    def is_current(self, day: date) -> bool:
        """Whether the clearance may be relied on on a day: it holds, and the day is within it."""
        if not self.holds or self.certificate is None:
            return False
        validity = self.certificate.validity
        return validity.valid_from <= day <= validity.valid_until

    @property
    def holds(self) -> bool:
        """Whether every step held (notes do not count)."""
        return self.failed is None


def verify(
    folder: Path,
    *,
    trusted: Trusted | None = None,
    as_of: date | None = None,
    library: Library | None = None,
) -> Verification:
    """Verify a cleared folder. Raises `NotFound` when there is none; failures are results.

    `as_of` and `library` add notes on expiry and on rulebooks that have changed since.
    """
    if not folder.is_dir():
        raise NotFound("there is no cleared folder here", value=folder)
    return _Walk(folder, trusted or Trusted(), as_of, library).walk()


class _Walk:
    """The steps, each filling in what the next ones need."""

    def __init__(
        self, folder: Path, trusted: Trusted, as_of: date | None, library: Library | None
    ) -> None:
        self.folder, self.proof = folder, folder / PROOF_FOLDER
        self.trusted, self.as_of, self.library = trusted, as_of, library
        self.steps: list[StepResult] = []
        self.sizes: dict[str, int] = {}
        self.raw = b""
        self.act: VerifiedAct
        self.certificate: Certificate
        self.keys: LogKeys
        self.checkpoint: Checkpoint
        self.receipt = self.entry = b""
        self.reading_receipt = False
        self.logged_law: tuple[str, ...] = ()

    def walk(self) -> Verification:
        steps: list[tuple[str, Callable[[], str]]] = [
            ("folder", self.folder_step),
            ("certificate", self.certificate_step),
            ("content", self.content_step),
            ("files", self.files_step),
            ("log keys", self.keys_step),
            ("checkpoint", self.checkpoint_step),
            ("tiles", self.tiles_step),
            ("receipt", self.receipt_step),
            ("opening", self.opening_step),
            ("law", self.law_step),
        ]
        for number, (name, step) in enumerate(steps, start=1):
            try:
                detail = step()
            except StorageError:
                raise
            except Error as error:
                if self.reading_receipt:
                    number, name = (
                        [step_name for step_name, _ in steps].index("receipt") + 1,
                        "receipt",
                    )
                self.steps.append(StepResult(number, name, "failed", _told(error)))
                return Verification(self.steps, None)
            self.steps.append(StepResult(number, name, "ok", detail))
        for note in self.notes():
            self.steps.append(StepResult(len(steps) + 1, "validity", "note", note))
        return Verification(self.steps, self.certificate)

    def folder_step(self) -> str:
        self.sizes = sizes(self.folder)
        for name, size in self.sizes.items():
            if name.startswith(f"{PROOF_FOLDER}/") and size > PROOF_MAX_BYTES:
                raise VerificationError("a proof file is too large to be one", value=name)
        needed = [
            CERTIFICATE_FILE,
            *(f"{PROOF_FOLDER}/{name}" for name in (KEYS_FILE, CHECKPOINT_FILE, RECEIPT_FILE)),
            f"{PROOF_FOLDER}/{OPENING_FILE}",
        ]
        for name in needed:
            if name not in self.sizes:
                raise VerificationError("a file is missing", value=name)
        return f"{len(self.sizes)} files, no links"

    def certificate_step(self) -> str:
        self.raw = self.need(CERTIFICATE_FILE, CERTIFICATE_MAX_BYTES)
        opening = decode_map(
            self.need(f"{PROOF_FOLDER}/{OPENING_FILE}", OPENING_MAX_BYTES),
            size_max=OPENING_MAX_BYTES,
        )
        raw_key = opening.get(3)
        if not isinstance(raw_key, bytes):
            raise VerificationError("the exporter's public key is missing from the opening")
        key = PublicKey(Algorithm.ED25519, raw_key)
        if self.trusted.exporter is not None and self.trusted.exporter != key:
            raise VerificationError(
                "the certificate is signed by another key than the one expected",
                value=key.kid.hex(),
            )
        self.act = verify_act(self.raw, key)
        known = "the expected key" if self.trusted.exporter else "the key in the folder"
        return f"signature holds under {known} {key.kid.hex()[:16]}…"

    def content_step(self) -> str:
        if self.act.kind != KIND:
            raise VerificationError("the act is no clearance", value=self.act.kind)
        self.certificate = shape(self.act.body)
        if self.certificate.id != clearance_id(self.act.act_id):
            raise VerificationError(
                "the certificate has another id than its act", value=self.certificate.id
            )
        parties = self.certificate.parties
        return f"{self.certificate.id}: {parties.exporter} to {parties.recipient}"

    def files_step(self) -> str:
        listed = {file.name: file for file in self.certificate.files}
        own = {name for name in self.sizes if not name.startswith(f"{PROOF_FOLDER}/")}
        odd = sorted(own ^ {*listed, CERTIFICATE_FILE})
        if odd:
            what = "a file is missing" if odd[0] in listed else "a file is not in the certificate"
            raise VerificationError(what, value=odd[0])
        size = 0
        for name, file in sorted(listed.items()):
            found_size = self.sizes[name]
            if found_size != file.size_bytes:
                raise VerificationError(
                    "a file has another size than the certificate says",
                    value=f"{name}: {found_size:,}, not {file.size_bytes:,} bytes",
                )
            found_hash = hashed(self.folder / name)
            if found_hash != file.sha256:
                raise VerificationError(
                    "a file was changed: its SHA-256 is not the one in the certificate", value=name
                )
            size += found_size
        return f"{len(listed)} files, {size:,} bytes, all hashes as certified"

    def keys_step(self) -> str:
        try:
            text = self.need(f"{PROOF_FOLDER}/{KEYS_FILE}").decode("ascii")
        except UnicodeDecodeError:
            raise VerificationError("the log's keys are not plain text", value=KEYS_FILE) from None
        self.keys = parse_log_keys(text)
        if self.trusted.log is not None and self.trusted.log != self.keys:
            raise VerificationError(
                "these are not the keys of the log that is expected", value=self.keys.origin
            )
        known = "as expected" if self.trusted.log else "those in the folder"
        return f"{self.keys.origin}, {known}"

    def checkpoint_step(self) -> str:
        self.checkpoint = verify_checkpoint(
            self.need(f"{PROOF_FOLDER}/{CHECKPOINT_FILE}"), self.keys
        )
        return f"tree of {self.checkpoint.size:,} entries, Ed25519 and ML-DSA-44 signatures hold"

    def tiles_step(self) -> str:
        self.receipt = self.need(f"{PROOF_FOLDER}/{RECEIPT_FILE}")
        self.reading_receipt = True  # a fault in here is the receipt's, not the tiles'
        _size, index = claimed_position(self.receipt)
        self.reading_receipt = False
        self.entry = prove_from_tiles(
            index,
            self.checkpoint.size,
            self.checkpoint.root,
            lambda name: content_of(self.proof / name, PROOF_MAX_BYTES),
        )
        return f"entry {index:,} is in the tree, every tile hashes to the root"

    def receipt_step(self) -> str:
        proven = verify_receipt(
            self.receipt, self.entry, self.keys.ed25519, origin=self.keys.origin
        )
        if (proven.size, proven.root) != (self.checkpoint.size, self.checkpoint.root):
            raise VerificationError("the receipt is for another tree than the checkpoint")
        return f"inclusion proven at index {proven.index:,}"

    def opening_step(self) -> str:
        # The whole proof folder once more by the kernel's own verifier: nothing else may be in it.
        proven = verify_export(self.proof, self.keys)
        if proven.opened is None:
            raise VerificationError("the log entry is not opened", value=OPENING_FILE)
        if proven.opened.act.raw != self.raw:
            raise VerificationError(
                "the logged act is not this certificate", value=proven.opened.act.act_id.hex()
            )
        if not isinstance(proven.opened.ruling.decision, Granted):
            raise VerificationError(
                "the log records that this clearance was not granted",
                value=proven.entry.outcome.name,
            )
        self.logged_law = proven.opened.ruling.law
        return "the logged act is this certificate, and it was granted"

    def law_step(self) -> str:
        if tuple(sorted(self.certificate.law.values())) != tuple(self.logged_law):
            raise VerificationError("the log records other rulebooks than the certificate names")
        seen = f"{len(self.certificate.law)} rulebooks, hashes as logged"
        if self.library is None:
            return seen
        if changed := self.changed_law(self.library):
            if self.certificate.entrepot == __version__:
                # One release has one law: here somebody changed it, after clearing or before.
                raise VerificationError(
                    "hash mismatch: rulebooks loaded here are not those of this release that were "
                    "logged",
                    value=", ".join(changed),
                )
            return seen
        differs = asked_again(self.certificate, self.library)
        if not differs:
            return f"{seen}; asked again, they give the same answer"
        if self.certificate.entrepot == __version__:
            raise VerificationError(
                "the law, asked again on the certified facts, gives another answer",
                value=" ".join(differs),
            )
        return f"{seen}; this version gives another answer: {' '.join(differs)}"

    def notes(self) -> list[str]:
        found = []
        validity = self.certificate.validity
        if self.as_of is not None:
            if self.as_of > validity.valid_until:
                found.append(
                    f"expired on {validity.valid_until} ({validity.because}); ask again before "
                    "relying on it"
                )
            elif self.as_of < validity.valid_from:
                found.append(f"not valid before {validity.valid_from}")
            else:
                found.append(f"valid until {validity.valid_until} ({validity.because})")
        if self.library is not None:
            changed = self.changed_law(self.library)
            found.append(
                f"other versions of rulebooks are loaded here: {', '.join(changed)}"
                if changed
                else "the rulebooks relied on are the ones loaded here"
            )
        return found

    def changed_law(self, library: Library) -> list[str]:
        known = library.hashes()
        return sorted(
            name for name, digest in self.certificate.law.items() if known.get(name) != digest
        )

    def need(self, name: str, size_max: int = OPENING_MAX_BYTES) -> bytes:
        content = content_of(self.folder / name, size_max)
        if content is None:
            raise VerificationError("a file is missing", value=name)
        return content


def hashed(path: Path) -> str:
    """Return the SHA-256 of a file, read in pieces, in hexadecimal. Raises `StorageError`."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as handle:
            while piece := handle.read(_CHUNK_BYTES):
                digest.update(piece)
    except OSError as error:
        raise StorageError(error.strerror or "unreadable", value=path) from error
    return digest.hexdigest()


def trusted_key(path: Path) -> Trusted:
    """Read a key the verifier trusts: an exporter's PEM, or the two vkey lines of a log.

    Raises `NotFound`, or `InvalidInput` when it is neither.
    """
    try:
        content = content_of(path.resolve(), KEY_MAX_BYTES)
    except VerificationError as error:
        raise InvalidInput(f"key: {error.what}", value=path) from None
    if content is None:
        raise NotFound("key file does not exist", value=path)
    if b"BEGIN PUBLIC KEY" in content:
        return Trusted(exporter=public_key_from_pem(content, where=str(path)))
    try:
        return Trusted(log=parse_log_keys(content.decode("ascii")))
    except UnicodeDecodeError:
        raise InvalidInput(
            "neither a public key in PEM nor the keys of a log",
            value=path,
            remedy="give keys/party.pub of the exporter, or log.keys of its log",
        ) from None


def _told(error: Error) -> str:
    return str(error).replace("\n", " ")
