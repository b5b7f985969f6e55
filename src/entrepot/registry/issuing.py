"""The registry's issuing key: `keys/registry.pem`, which signs credentials and status lists only.

It is a key of its own, and not the log's (which signs trees and outlives every rotation) nor the
party's (which signs acts): a credential in a foreign wallet must not hang on either. The log says
which key it is: an `add-key` act of the operator with purpose `issuing`, public, so that a
credential can carry that entry as proof. The secret stays in its file and in this process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.decisions import Granted
from entrepot.kernel.errors import Conflict
from entrepot.kernel.home import Node
from entrepot.kernel.keys import PrivateKey, create_key_file, load_key
from entrepot.registry.acts import ADD_KEY, AddKey, plain, possession_message
from entrepot.registry.views import founding, key_of

KEY_NAME: Final = "registry"


def load_issuing_key(home: Path, *, passphrase: bytes | None = None) -> PrivateKey:
    """Return the issuing key of a home, made on first use.

    Raises InvalidInput (readable by others, wrong passphrase), StorageError.
    """
    path = home / "keys" / f"{KEY_NAME}.pem"
    if not path.exists():
        # No .pub beside it: public halves in that folder are keys whose acts are accepted.
        return create_key_file(path, passphrase=passphrase)
    return load_key(path, passphrase=passphrase)


def held_issuing_key(home: Path, *, passphrase: bytes | None = None) -> PrivateKey | None:
    """Return the issuing key of a home, or None where there is none: a follower makes none."""
    if not (home / "keys" / f"{KEY_NAME}.pem").exists():
        return None
    return load_issuing_key(home, passphrase=passphrase)


def enrol_issuing_key(node: Node, key: PrivateKey, *, issued_at: int) -> int:
    """Make the log say that `key` issues credentials; return the index of the act that does.

    Does nothing when it says so already. Raises Conflict when the registry is not founded, the key
    was revoked, or the act is refused; errors of the sequencer as `submit`.
    """
    with node.store.reading() as read:
        terms, known = founding(read), key_of(read, key.kid)
    if terms is None:
        raise Conflict("the registry is not founded yet", remedy="found it first")
    if known is not None:
        if not known.is_active or known.purpose != "issuing":
            raise Conflict(
                "this key cannot issue credentials any more",
                value=known.kid,
                remedy=f"move keys/{KEY_NAME}.pem away; a new key is made and enrolled",
            )
        return known.added_index
    proof = key.sign(possession_message(terms.operator, "issuing"))
    body = plain(AddKey(terms.operator, key.public.raw, proof, "issuing"))
    act = sign_act(node.party, ADD_KEY, body, issued_at=issued_at, act_id=new_act_id())
    answer = node.sequencer.submit(act)
    if not isinstance(answer.decision, Granted):
        raise Conflict("the issuing key was refused", value=answer.decision.reasons[0].sentence)
    return answer.index
