"""The check of `entrepot fsck` that every clearance stands under the law on record before it.

Runs after the kernel's own checks have found records and log equal, so that the records may be
read in place of the log.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from entrepot.kernel.acts import SignedAct, VerifiedAct, verify_act
from entrepot.kernel.audit import Check
from entrepot.kernel.decisions import Effect, effects_of
from entrepot.kernel.errors import Error, NotFound, VerificationError
from entrepot.kernel.home import party_keys
from entrepot.kernel.record import Ruling, decode_evidence, decode_ruling
from entrepot.kernel.snapshot import Snapshot, open_snapshot
from entrepot.kernel.store import RECORDS
from entrepot.port.change.authority import signing_key
from entrepot.port.change.tables import LAW_UPDATED
from entrepot.port.clear.acts import shape
from entrepot.port.clear.state import CLEARED

NAME: Final = "law"
ROWS_AT_ONCE: Final = 2_000
_NAMES: Final = (LAW_UPDATED.encode(), CLEARED.encode())


def law_check(home: Path, number: int, *, store: str = "") -> Check:
    """Return the numbered check; a failure is a value. Raises NotFound when there is no home.

    `store` is the URL of the home's store when it is not in the home.
    """
    try:
        with open_snapshot(home, store) as snapshot:
            return Check(number, NAME, True, _walk(snapshot))
    except NotFound:
        raise
    except Error as error:
        detail = error.what if error.value is None else f"{error.what}: {error.value}"
        return Check(number, NAME, False, detail)


def _walk(snapshot: Snapshot) -> str:
    """Follow the records in order, keeping the law in force; compare each clearance with it."""
    keys = party_keys(snapshot.home)
    law: dict[str, bytes] = {}
    updates = clearances = before = 0
    query = sa.select(RECORDS.c.index, RECORDS.c.ruling).order_by(RECORDS.c.index)
    rows = snapshot.read.execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    for index, content in rows:
        if not any(name in content for name in _NAMES):
            continue  # the name of an effect stands in the encoding as it is
        ruling = decode_ruling(content)
        named = {effect.name: effect for effect in effects_of(ruling.decision)}
        if LAW_UPDATED in named:
            updates += 1
            _update(law, named[LAW_UPDATED])
        if CLEARED not in named:
            continue
        if not updates:
            before += 1
            continue
        clearances += 1
        _compare(index, ruling, law)
        whole = sa.select(RECORDS).where(RECORDS.c.index == index)
        evidence = snapshot.bodies.evidence(snapshot.read.execute(whole).one())
        if evidence is not None:
            signed = SignedAct(decode_evidence(evidence.content).act)
            key = signing_key(snapshot.read, keys, ruling.issuer)
            if key is None:
                raise VerificationError("key of the exporter is missing", value=index)
            _compare_certificate(index, verify_act(signed, key), law)
    old = f"; {before:,} clearances are older than the first record of law" if before else ""
    return f"{clearances:,} clearances under the law on record, {updates:,} updates of it{old}"


def _update(law: dict[str, bytes], effect: Effect) -> None:
    changes = effect.values["changes"]
    for name, digest in changes.items() if isinstance(changes, dict) else ():
        if digest:
            law[name] = digest
        else:
            law.pop(name, None)


def _compare(index: int, ruling: Ruling, law: dict[str, bytes]) -> None:
    known = {digest.hex() for digest in law.values()}
    if not ruling.law or not set(ruling.law) <= known:
        raise VerificationError("clearance under a law that the log did not have", value=index)


def _compare_certificate(index: int, act: VerifiedAct, law: dict[str, bytes]) -> None:
    certificate = shape(act.body)
    odd = sorted(
        name for name, digest in certificate.law.items() if law.get(name, b"").hex() != digest
    )
    if odd:
        raise VerificationError(
            "clearance under another version of a rulebook than the log had",
            value=f"entry {index}, {odd[0]}",
        )
