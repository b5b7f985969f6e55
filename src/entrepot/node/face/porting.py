"""The way of one table through the port, without HTTP: inspect, assess, plan, prepare, publish.

Each step reads what the one before left in the job's folder, so a page may be reloaded and a node
restarted between any two. Nothing is logged before a person approves the clearance.
"""

from __future__ import annotations

import asyncio
import datetime
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from entrepot.kernel.acts import ActId
from entrepot.kernel.decisions import Granted, Reason
from entrepot.kernel.errors import Error, InvalidInput, NotFound
from entrepot.kernel.record import decode_ruling
from entrepot.kernel.store import RECORDS
from entrepot.law.factset import FactSet
from entrepot.law.library import Library
from entrepot.law.model import Assessment, Missing
from entrepot.node.declaring import questions
from entrepot.node.face.logview import observe
from entrepot.node.jobs import Failure, Job, Jobs, Unsigned, failure_of
from entrepot.node.jobspool import Activity, Pool, run_worker
from entrepot.node.jobswork import Order
from entrepot.node.jobszip import pack
from entrepot.node.running import Running
from entrepot.port.model import Inspection
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.states import DataState, Shipment, shipment

AS_IS: Final = DataState("as-is", "as it is", [])
TEND_EVERY_SECONDS: Final = 60
LOG: Final = logging.getLogger("entrepot.port")
_DESK: Final = "port_desk"
_making: Final = threading.Lock()


@dataclass(slots=True)
class Desk:
    """The port of one running node: its jobs and the pool that works on them."""

    running: Running
    jobs: Jobs
    pool: Pool = field(default_factory=Pool)

    # -- inspect ---------------------------------------------------------------------------------

    def inspect(self, job: Job) -> Job:
        """Have the table read whole in a worker."""
        job = self.jobs.change(job.id, stage="inspecting", failure=None)
        order = Order(table=str(self.jobs.table(job)), as_of=self.today().isoformat())

        def work(activity: Activity) -> None:
            failure = run_worker(activity, "inspect", self.jobs.folder(job), order)
            stage = "received" if failure else "inspected"
            self._settle(job.id, stage=stage, failure=failure)

        self._start(job, "inspect", work, back="received")
        return job

    def inspection(self, job: Job) -> Inspection:
        """Return what the inspection found. Raises NotFound when there is none yet."""
        return msgspec.json.decode(self._content(job, "inspection.json"), type=Inspection)

    # -- assess ----------------------------------------------------------------------------------

    def goods(self, job: Job) -> Shipment:
        """Return the shipment: inspected, with route and declared facts."""
        if job.route is None:
            raise NotFound("it is not said yet where the table goes", remedy="name the route")
        library, route = self.running.library(), job.route
        flow = library.flow(
            route.origin, route.destination, datetime.date.fromisoformat(route.as_of)
        )
        return shipment(self.inspection(job), library, flow, self.declared(job))

    def declared(self, job: Job) -> dict[str, object]:
        """Return profile and declared facts of a job, the declared over the profile's."""
        library = self.running.library()
        profile = job.route.profile if job.route is not None else ""
        facts: dict[str, object] = dict(library.profile(profile)) if profile else {}
        facts.update(job.declared)
        if job.parties is not None:
            facts.setdefault("recipient.name", job.parties.recipient)
        return facts

    def assess(self, job: Job) -> tuple[Assessment, list[Missing]]:
        """Return the answer for the table as it is, and what to ask next, most useful first."""
        goods = self.goods(job)
        library = goods.library
        bound = library.bind(goods.flow)
        facts: FactSet = library.facts(goods.facts_in(AS_IS))
        assessment = bound.explain(facts)
        asked = [item for item in questions(bound, assessment, facts) if self._is_asked(job, item)]
        return assessment, asked

    def _is_asked(self, job: Job, item: Missing) -> bool:
        return item.fact not in job.skipped

    # -- plan ------------------------------------------------------------------------------------

    def plan(self, job: Job) -> Job:
        """Have the lawful ways searched in a worker."""
        if job.route is None:
            raise NotFound("it is not said yet where the table goes", remedy="name the route")
        declared = self.declared(job)
        self.running.library().facts(declared)  # what cannot be read is said now
        job = self.jobs.change(job.id, stage="planning", failure=None)
        order = Order(
            table=str(self.jobs.table(job)), route=job.route, declared=plain_facts(declared)
        )

        def work(activity: Activity) -> None:
            failure = run_worker(activity, "plan", self.jobs.folder(job), order)
            stage = "inspected" if failure else "planned"
            self._settle(job.id, stage=stage, failure=failure)

        self._start(job, "plan", work, back="inspected")
        return job

    def planned(self, job: Job) -> Plan:
        """Return the plan. Raises NotFound when there is none yet."""
        return msgspec.json.decode(self._content(job, "plan.json"), type=Plan)

    def way(self, plan: Plan, key: str) -> Way:
        """Return the way of a key; where facts have changed its route, that of the same kind.

        Raises NotFound when the plan has none such.
        """
        for way in plan.ways:
            if way_key(way) == key:
                return way
        for way in plan.ways:
            if way.kind == key.partition("/")[0]:
                return way
        raise NotFound(
            "the plan has no such way any more",
            value=key,
            remedy="facts have changed; choose another way of the plan",
        )

    # -- clear -----------------------------------------------------------------------------------

    def prepare(self, job: Job) -> Job:
        """Write data, report and certificate of the chosen way, unsigned, in a thread."""
        if job.parties is None or not job.way:
            raise NotFound("way, recipient or purpose are not named yet", remedy="name them")
        self._drop_unsigned(job)
        job = self.jobs.change(
            job.id, stage="preparing", failure=None, reasons=[], unsigned=None, index=None
        )
        self._start(job, "prepare", lambda activity: self._prepare(job, activity), back="planned")
        return job

    def _prepare(self, job: Job, activity: Activity) -> None:
        # Polars and the delivery are loaded by the first clearance, not by a node at rest.
        from entrepot.port.clear.clearing import Declined, prepare
        from entrepot.port.clear.clearing import Order as Clearance
        from entrepot.port.clear.recipients import party_id
        from entrepot.port.clear.record import Parties
        from entrepot.port.plan.source import TableSource

        def told(done: int, total: int) -> None:
            activity.done, activity.total = done, total

        def step(name: str) -> None:
            activity.says = name
            if activity.stopped.is_set():
                raise InvalidInput("this step was stopped")

        try:
            named = job.parties
            if named is None:
                raise NotFound("recipient and purpose are not named yet")
            plan = self.planned(job)
            found = prepare(
                Clearance(
                    goods=self.goods(job),
                    plan=plan,
                    way=self.way(plan, job.way),
                    source=TableSource(self.jobs.table(job), progress=told),
                    parties=Parties(
                        named.exporter, named.recipient, named.purpose, party_id(named.recipient_id)
                    ),
                    out=self.out(job),
                    evidence=job.evidence,
                ),
                self.running.node,
                clock=self.running.clock,
                on_step=step,
            )
        except Error as error:
            self._settle(job.id, stage="planned", failure=failure_of(error))
            return
        if isinstance(found, Declined):
            self._settle(job.id, stage="planned", reasons=[as_plain(r) for r in found.reasons])
            return
        (self.jobs.folder(job) / "act.json").write_bytes(
            msgspec.json.encode(Act(msgspec.msgpack.encode(found.body), found.record.id))
        )
        unsigned = Unsigned(found.act_id.hex(), found.issued_at, found.folder.name)
        self._settle(job.id, stage="prepared", unsigned=unsigned)

    def act(self, job: Job) -> Act:
        """Return body and id of the prepared clearance. Raises NotFound when there is none."""
        return msgspec.json.decode(self._content(job, "act.json"), type=Act)

    def settle(self, job: Job) -> Job:
        """Finish a prepared clearance whose act has been logged meanwhile: publish, or refuse."""
        if job.stage != "prepared" or job.unsigned is None:
            return job
        index = self.logged(ActId(bytes.fromhex(job.unsigned.act_id)))
        if index is None:
            return job
        node = self.running.node
        decision = decode_ruling(node.sequencer.opening(index).ruling.content).decision
        folder = self.jobs.folder(job) / job.unsigned.folder
        if not isinstance(decision, Granted):
            self._drop_unsigned(job)
            reasons = [as_plain(reason) for reason in decision.reasons]
            return self.jobs.change(job.id, stage="refused", reasons=reasons, index=index)
        from entrepot.port.clear.clearing import publish

        if not self.out(job).exists():
            publish(node, index, folder, self.out(job))
        return self.jobs.change(job.id, stage="cleared", index=index, unsigned=None)

    def withdraw(self, job: Job) -> Job:
        """Delete the files of a clearance that nobody signed, or that was refused."""
        self._drop_unsigned(job)
        return self.jobs.change(job.id, stage="planned", unsigned=None, reasons=[], index=None)

    def logged(self, act_id: ActId) -> int | None:
        """Return where an act of the node's own key stands in the log, or None."""
        mine = sa.and_(RECORDS.c.issuer == self.running.node.party.kid, RECORDS.c.act_id == act_id)
        with self.running.node.store.reading() as read:
            found = read.execute(sa.select(RECORDS.c.index).where(mine)).scalar_one_or_none()
        return None if found is None else int(found)

    def out(self, job: Job) -> Path:
        """Return where the cleared folder of a job lies, once there is one."""
        return self.jobs.folder(job) / "out"

    def packed(self, job: Job) -> Path:
        """Return the cleared folder as a zip file, made when first asked for."""
        target = self.jobs.folder(job) / "cleared.zip"
        if not target.is_file():
            pack(self.out(job), target)
        return target

    # -- what the steps share --------------------------------------------------------------------

    def today(self) -> datetime.date:
        """Return the node's own day, UTC."""
        return datetime.datetime.fromtimestamp(self.running.clock(), datetime.UTC).date()

    def stop(self, job: Job) -> None:
        """End the step that is under way."""
        self.pool.stop(job.id)

    def delete(self, job: Job) -> None:
        """Stop the job and delete everything of it."""
        self.pool.stop(job.id)
        self.jobs.delete(job.id)

    def _start(self, job: Job, step: str, work: Callable[[Activity], None], *, back: str) -> None:
        try:
            self.pool.start(job.id, step, work)
        except InvalidInput as error:
            self.jobs.change(job.id, stage=back, failure=failure_of(error))

    def _settle(self, id_: str, *, failure: Failure | None = None, **changes: Any) -> None:
        """Write how a step ended; a job that was deleted meanwhile stays deleted."""
        try:
            self.jobs.change(id_, failure=failure, **changes)
        except NotFound:
            self.jobs.delete(id_)

    def _drop_unsigned(self, job: Job) -> None:
        from entrepot.port.clear.clearing import discard

        if job.unsigned is not None:
            discard(self.jobs.folder(job) / job.unsigned.folder)

    def _content(self, job: Job, name: str) -> bytes:
        try:
            return (self.jobs.folder(job) / name).read_bytes()
        except OSError:
            raise NotFound("this step has not been taken yet", value=name) from None


class Act(msgspec.Struct, frozen=True):
    """The body of a prepared act (MessagePack, which keeps bytes) and the id of its clearance."""

    body: bytes
    id: str

    def plain(self) -> dict[str, Any]:
        """Return the body."""
        return msgspec.msgpack.decode(self.body, type=dict[str, Any])


def way_key(way: Way) -> str:
    """Return what names a way while numbers shift: its kind, its route, what is elected."""
    return "/".join([way.kind, way.outcome, *sorted(way.choices)])


def desk_of(state: Any) -> Desk:
    """Return the desk of an application, made when first asked for; `state` is Litestar's."""
    with _making:
        found = getattr(state, _DESK, None)
        if not isinstance(found, Desk):
            running: Running = state.running
            jobs = Jobs(running.home / "jobs", running.clock)
            jobs.recover()
            jobs.sweep()
            found = Desk(running, jobs)
            setattr(state, _DESK, found)
            threading.Thread(target=_sweep, args=(jobs,), name="sweep", daemon=True).start()
        return found


def _sweep(jobs: Jobs) -> None:
    """Delete what is over each minute, as long as the process lives."""
    while True:
        time.sleep(TEND_EVERY_SECONDS)
        try:
            jobs.sweep()
        except OSError as error:
            LOG.warning("sweeping failed", extra={"error": type(error).__name__})


async def tend(running: Running) -> None:
    """Until cancelled: delete tables whose time is over, and write the log's diary, each minute."""
    jobs = Jobs(running.home / "jobs", running.clock)
    while True:
        try:
            await asyncio.to_thread(jobs.sweep)
            await asyncio.to_thread(observe, running)
        except (Error, OSError) as error:
            LOG.warning("tending failed", extra={"error": type(error).__name__})
        await asyncio.sleep(TEND_EVERY_SECONDS)


def as_plain(reason: Reason) -> dict[str, str]:
    """Return a reason as it is kept with a job."""
    return {"code": reason.code, "citation": reason.citation, "sentence": reason.sentence}


def plain_facts(facts: dict[str, object]) -> dict[str, Any]:
    """Return facts as JSON can carry them: days as text, sets as sorted lists."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, dict):
            found[name] = plain_facts(value)
        elif isinstance(value, set | frozenset):
            found[name] = sorted(value)
        elif isinstance(value, datetime.date):
            found[name] = value.isoformat()
        else:
            found[name] = value
    return found


def read_answer(library: Library, name: str, given: dict[str, list[str]], today: str) -> object:
    """Return the value that a form gives for a fact, or None when it was left open.

    `given` are the form's fields of this fact: `value` (several for sets), and for findings `by`,
    `reasons` and `expires`. Raises InvalidInput when it does not fit the fact.
    """
    spec = library.vocabulary[name]
    values = [text.strip() for text in given.get("value", []) if text.strip()]
    if not values:
        return None
    value: object
    if spec.type in ("set", "jurisdictions"):
        parts = [part for text in values for part in text.replace(",", " ").split()]
        value = [part for part in parts if part != "none"]
    elif spec.type == "bool":
        value = values[0] == "true"
    elif spec.type in ("int", "number"):
        value = _number(values[0], whole=spec.type == "int")
    else:
        value = values[0]
    if spec.source == "finding":
        first = {key: (given.get(key) or [""])[0].strip() for key in ("by", "reasons", "expires")}
        if not first["by"] or not first["reasons"]:
            raise InvalidInput(
                "a finding needs the name of who found it, and the reasons", value=name
            )
        value = {"value": value, "on": today, **{k: v for k, v in first.items() if v}}
    library.facts({name: value})
    return value


def _number(text: str, *, whole: bool) -> int | float:
    digits = "".join(c for c in text if c not in ", \u202f\u00a0'")
    try:
        return int(digits) if whole else float(digits)
    except ValueError:
        raise InvalidInput("not a number", value=text, remedy="write digits, like 12000") from None
