"""The contract by which an institution plugs into the sequencer: its kinds of acts and its tables.

The kernel knows no institution. An institution says, per kind of act, four things; the sequencer
calls them in this order, inside one transaction of one writer:

    shape(body)            step 2  body map -> typed value; InvalidInput if malformed. No I/O.
    facts(read, request)   step 3  every read the decision relies on; the connection only reads.
    decide(request, facts) step 4  pure (no clock, no randomness, no I/O): the Decision.
    apply(write, record)   step 6  fold one record into the institution's own tables. Must succeed.

Of the parties it knows: `keys` says whose acts are accepted now, `known_keys` whose ever were (for
those who check again), `rekeys` names the kinds after which that may have changed. What falls due
by time alone is no queue but a view, `due`; the node submits it, and the rule grants it because the
day has come, whoever sends it.

`facts` and the body are personal or commercial data: they are kept in the store as *evidence*,
committed to in the log with a salt, and can be erased. Effects are kept for good, because state
is rebuilt from them, so effects hold pseudonyms, hashes and counts only. `apply` therefore sees the
record (index, kind, act id, issuer, time, outcome, effects) and nothing of the evidence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

from sqlalchemy import Connection, MetaData

from entrepot.kernel.acts import ACT_ID_BYTES, ActId
from entrepot.kernel.decisions import Decision, Effect, Outcome
from entrepot.kernel.errors import Conflict, InvalidInput
from entrepot.kernel.keys import Kid, PublicKey

Body = TypeVar("Body")


@dataclass(frozen=True, slots=True)
class Request(Generic[Body]):
    """A verified, well-shaped act on its way to a decision. Times are POSIX seconds."""

    kind: str
    act_id: ActId
    issuer: Kid
    issued_at: int
    body: Body
    decided_at: int
    """The sequencer's clock, read once per act; the only clock a rule may use."""
    approved_by: Kid | None = None
    """The credential of the person whose passkey approved this very act (`kernel.approval`)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a decision relied on: plain values, and the hashes of the law that was applied.

    `values` holds text, integers, booleans, bytes, null, lists and maps with text keys (no floats).
    An unknown fact is stated as unknown by the institution's own value, never left out.
    """

    values: dict[str, object]
    law: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What `apply` may see of one entry of the log."""

    index: int
    kind: str
    act_id: ActId
    issuer: Kid
    decided_at: int
    outcome: Outcome
    effects: tuple[Effect, ...]


def apply_nothing(_write: Connection, _record: Record) -> None:
    """Apply of a kind that keeps no state of its own."""


@dataclass(frozen=True, slots=True)
class ActKind(Generic[Body]):
    """One kind of act: its name (`clear-shipment`) and the four functions of the contract.

    `public=True` publishes evidence and effects whole in the log; they can then never be erased.
    `enrols` is for kinds that a key not known here may sign, such as an application: it returns the
    key that the body carries, and the act is verified with it when the thumbprint is its key id.

    `facts_of_run` and `apply_run` do the same for many acts of this kind in a row with one question
    and one write. Only for kinds whose facts do not depend on what acts of the kind itself do.
    """

    name: str
    shape: Callable[[dict[object, object]], Body]
    facts: Callable[[Connection, Request[Body]], Facts]
    decide: Callable[[Request[Body], Facts], Decision]
    apply: Callable[[Connection, Record], None] = apply_nothing
    public: bool = False
    enrols: Callable[[dict[object, object]], PublicKey | None] | None = None
    facts_of_run: Callable[[Connection, Sequence[Request[Body]]], Sequence[Facts]] | None = None
    apply_run: Callable[[Connection, Sequence[Record]], None] | None = None


@dataclass(frozen=True, slots=True)
class DueAct:
    """An act that time alone asks for: the end of a notice period, an expiry.

    `key` tells it from every other one of its kind; `due_at` in POSIX seconds.
    """

    kind: str
    body: dict[str, object]
    key: str
    due_at: int

    @property
    def act_id(self) -> ActId:
        """The id it is submitted under, always the same, so that it is carried out once."""
        digest = hashlib.sha256(f"due\0{self.kind}\0{self.key}".encode()).digest()
        return ActId(digest[:ACT_ID_BYTES])


KeyLookup = Callable[[Connection, Kid], PublicKey | None]
"""Finds the key of a thumbprint in an institution's tables, or None."""


@dataclass(frozen=True, slots=True)
class Institution:
    """A named set of kinds, with the tables that only their `apply` writes.

    Every table needs a primary key; `fsck` rebuilds all of them from the records and compares.
    Tables of nodes that are nobody's record are named `local_…` and belong to no institution.
    """

    name: str
    kinds: tuple[ActKind[Any], ...]
    tables: MetaData = field(default_factory=MetaData)
    keys: KeyLookup | None = None
    known_keys: KeyLookup | None = None
    rekeys: frozenset[str] = frozenset()
    due: Callable[[Connection, int], Sequence[DueAct]] | None = None


RESERVED_KINDS: Final = frozenset({"genesis", "erasure", "statement"})
"""Kinds of entries that are no acts (`kernel.record`)."""
LOCAL_PREFIX: Final = "local_"


def kinds_by_name(institutions: tuple[Institution, ...]) -> dict[str, ActKind[Any]]:
    """Return kind name -> kind; Conflict when two institutions claim one name."""
    kinds: dict[str, ActKind[Any]] = {}
    for institution in institutions:
        for table in institution.tables.sorted_tables:
            if not table.primary_key.columns:
                raise InvalidInput("a state table needs a primary key", value=table.name)
            if table.name.startswith(LOCAL_PREFIX):
                raise InvalidInput("a local table is no state of an institution", value=table.name)
        for kind in institution.kinds:
            if kind.name in kinds or kind.name in RESERVED_KINDS:
                raise Conflict("two kinds of act have one name", value=kind.name)
            kinds[kind.name] = kind
    return kinds
