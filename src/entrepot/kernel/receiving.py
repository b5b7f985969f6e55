"""Steps 1 and 2 of an act: whose it is, and whether it has the shape of what it asks for.

Nothing is decided, written or logged here, and no writer is needed. Signatures are verified on all
cores (libsodium lets other threads run). Whether a key is accepted is asked again by the sequencer,
inside its transaction: `require_accepted`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from entrepot.kernel.acts import SignedAct, VerifiedAct, require_meant_for, verify_act
from entrepot.kernel.approval import (
    RelyingParty,
    approval_challenge,
    take_approval,
    verify_approval,
)
from entrepot.kernel.errors import Error, InvalidInput, VerificationError
from entrepot.kernel.institution import ActKind
from entrepot.kernel.keyring import Finder, KeyRing
from entrepot.kernel.keys import Kid, PublicKey
from entrepot.kernel.store import Store

AHEAD_MAX_S: Final = 300
"""How far an act's time of issue may lie ahead of our clock: clocks differ, minutes at most."""
KEYS_REMEMBERED: Final = 50_000
"""Public keys kept in memory; a key belongs to its thumbprint for ever, so none goes stale."""
CHUNK: Final = 32
"""Acts that one thread verifies before it takes the next ones."""


@dataclass(frozen=True, slots=True)
class Received:
    """A verified, well-shaped act. `enrolled`: its key is not known here but stands in its body."""

    act: VerifiedAct
    kind: ActKind[Any]
    body: Any
    approved_by: Kid | None
    enrolled: bool


class Receiver:
    """Verifies acts before they reach the writer. Safe to use from several threads."""

    def __init__(
        self,
        store: Store,
        kinds: Mapping[str, ActKind[Any]],
        keys: KeyRing,
        *,
        origin: str,
        site: RelyingParty | None,
        crash: Callable[[str], None],
    ) -> None:
        """Bind the parts; threads start when there is a batch to verify.

        `origin` is the name of the log that acts must be meant for, if they name one.
        """
        self._origin = origin
        self._store = store
        self._kinds = kinds
        self._keys = keys
        self._site = site
        self._crash = crash
        self._remembered: dict[Kid, PublicKey] = {}
        self._threads = ThreadPoolExecutor(
            os.cpu_count() or 1, thread_name_prefix="entrepot-verify"
        )

    def receive(self, acts: Sequence[bytes]) -> list[Received | Error]:
        """Return each act verified and shaped, or the error that rejects it, in order."""
        if len(acts) <= CHUNK:
            return [self._receive(raw) for raw in acts]
        chunks = [acts[first : first + CHUNK] for first in range(0, len(acts), CHUNK)]
        parts = self._threads.map(lambda chunk: [self._receive(raw) for raw in chunk], chunks)
        return [item for part in parts for item in part]

    def _receive(self, raw: bytes) -> Received | Error:
        try:
            return self._verified(SignedAct(raw))
        except Error as error:
            return error

    def _verified(self, signed: SignedAct) -> Received:
        key, enrolled = self._key_of(signed)
        act = verify_act(signed, key)
        require_meant_for(act, self._origin)
        self._crash("verified")
        kind = self._kinds.get(act.kind)
        if kind is None:
            raise InvalidInput(
                "kind of act is not known here", value=act.kind, remedy=", ".join(self._kinds)
            )
        body, approval = take_approval(act.body)
        if approval is not None:
            person = self._find(approval.kid)
            if person is None:
                raise VerificationError(
                    "the approval is by a credential that is not known here",
                    value=approval.kid.hex(),
                )
            asked = approval_challenge(act.kind, act.act_id, act.issued_at, body, issuer=act.issuer)
            if self._site is None:
                raise VerificationError("this node has no site where persons approve acts")
            verify_approval(approval, asked, person, self._site)
        try:
            shaped = kind.shape(body)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"body of the {act.kind} act", value=error) from error
        self._crash("shaped")
        return Received(act, kind, shaped, None if approval is None else approval.kid, enrolled)

    def _key_of(self, signed: SignedAct) -> tuple[PublicKey, bool]:
        """Return the key to verify with, and whether it came from the body of the act itself."""
        key = self._find(signed.unverified_kid)
        if key is not None:
            return key, False
        kind = self._kinds.get(signed.unverified_kind)
        if kind is not None and kind.enrols is not None:
            carried = kind.enrols(signed.unverified_body)
            if carried is not None and carried.kid == signed.unverified_kid:
                return carried, True
        raise _unknown(signed.unverified_kid)

    def _find(self, kid: Kid) -> PublicKey | None:
        key = self._keys.own.get(kid) or self._remembered.get(kid)
        if key is not None or not self._keys.lookups:
            return key
        with self._store.reading() as read:
            key = self._keys.find(read, kid)
        if key is not None:
            if len(self._remembered) >= KEYS_REMEMBERED:
                self._remembered.clear()
            self._remembered[kid] = key
        return key


def require_accepted(item: Received, accepted: Finder, *, now: int) -> None:
    """Return if key, approval and time of an act hold at the moment of decision (POSIX s).

    Raises VerificationError for a key or credential not accepted any more, InvalidInput for an act
    issued in the future.
    """
    if not item.enrolled and accepted(item.act.issuer) is None:
        raise _unknown(item.act.issuer)
    if item.approved_by is not None and accepted(item.approved_by) is None:
        raise VerificationError(
            "the credential of the approval is not accepted any more", value=item.approved_by.hex()
        )
    if item.act.issued_at > now + AHEAD_MAX_S:
        raise InvalidInput(
            "act is issued in the future", value=item.act.issued_at, remedy="set the clock right"
        )


def _unknown(kid: Kid) -> VerificationError:
    return VerificationError(
        "act is signed by a key that is not accepted here",
        value=kid.hex(),
        remedy="enrol the key first, or sign with one that was not revoked",
    )
