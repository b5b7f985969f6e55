"""The contract by which an institution plugs into the sequencer: its kinds of acts and its tables.

The kernel knows no institution. An institution says, per kind of act, four things; the sequencer
calls them in this order, inside one transaction of one writer:

    shape(body)            step 2  body map -> typed value; InvalidInput if malformed. No I/O.
    facts(read, request)   step 3  every read the decision relies on; the connection only reads.
    decide(request, facts) step 4  pure (no clock, no randomness, no I/O): the Decision.
    apply(write, record)   step 6  fold one record into the institution's own tables. Must succeed.

`facts` and the body are personal or commercial data: they are kept in the store as *evidence*,
committed to in the log with a salt, and can be erased. Effects are kept for good, because state
is rebuilt from them, so effects hold pseudonyms, hashes and counts only. `apply` therefore sees the
record (index, kind, act id, issuer, time, outcome, effects) and nothing of the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, MetaData

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import Decision, Effect, Outcome
from entrepot.kernel.errors import Conflict, InvalidInput
from entrepot.kernel.keys import Kid

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
    """

    name: str
    shape: Callable[[dict[object, object]], Body]
    facts: Callable[[Connection, Request[Body]], Facts]
    decide: Callable[[Request[Body], Facts], Decision]
    apply: Callable[[Connection, Record], None] = apply_nothing
    public: bool = False


@dataclass(frozen=True, slots=True)
class Institution:
    """A named set of kinds, with the tables that only their `apply` writes.

    Every table needs a primary key; `fsck` rebuilds all of them from the records and compares.
    """

    name: str
    kinds: tuple[ActKind[Any], ...]
    tables: MetaData = field(default_factory=MetaData)


def kinds_by_name(institutions: tuple[Institution, ...]) -> dict[str, ActKind[Any]]:
    """Return kind name -> kind; Conflict when two institutions claim one name."""
    kinds: dict[str, ActKind[Any]] = {}
    for institution in institutions:
        for table in institution.tables.sorted_tables:
            if not table.primary_key.columns:
                raise InvalidInput("a state table needs a primary key", value=table.name)
        for kind in institution.kinds:
            if kind.name in kinds or kind.name == "genesis":
                raise Conflict("two kinds of act have one name", value=kind.name)
            kinds[kind.name] = kind
    return kinds
