"""Clear a shipment: refuse with reasons, or deliver a folder that proves itself.

Steps: (1) the engine is asked on the facts after the way; a shipment that is not open is refused,
and the refusal is logged; (2) the data is written beside the target under a hidden name, measured
as it streams, and inspected again; (3) report and certificate are made; (4) the certificate is
signed as a `clear-shipment` act and submitted; (5) the proof that it was logged is added; (6) the
folder gets its name in one rename. Until (6) nothing is visible; on failure nothing is left.

`clear` walks all six with the node's own key. Where a person signs, `prepare` walks (1) to (3) and
leaves the folder hidden, whoever approves has the act submitted, and `publish` walks (5) and (6).
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec

from entrepot import __version__
from entrepot.kernel import files
from entrepot.kernel.acts import ActId, new_act_id, sign_act
from entrepot.kernel.decisions import Granted, Reason
from entrepot.kernel.errors import Conflict, InvalidInput
from entrepot.kernel.home import Node, system_clock
from entrepot.kernel.record import decode_ruling
from entrepot.law.factset import FactSet
from entrepot.law.model import Assessment
from entrepot.port.change.updates import record_law
from entrepot.port.clear.acts import check_parties, check_register
from entrepot.port.clear.certificate import (
    KIND,
    Counts,
    SignedPiece,
    as_body,
    certificate,
    clearance_id,
    without_floats,
)
from entrepot.port.clear.codes import Code
from entrepot.port.clear.counting import Counting
from entrepot.port.clear.delivery import Delivery, deliver
from entrepot.port.clear.pieces import PieceFolder
from entrepot.port.clear.record import (
    ClearanceRecord,
    DataFile,
    Evidence,
    FactRelied,
    Finding,
    Parties,
)
from entrepot.port.clear.rules import not_open, shipment_counts, unexplained, unsigned_findings
from entrepot.port.clear.validity import triggers, validity
from entrepot.port.clear.views import named_pieces
from entrepot.port.facts import GivenFact, given_facts, plain_value
from entrepot.port.plan.model import Plan, Way
from entrepot.port.plan.source import TableSource
from entrepot.port.plan.states import DataState, Shipment
from entrepot.port.report import render
from entrepot.port.transform.durable import sync_folder
from entrepot.port.transform.model import Tokenise
from entrepot.port.transform.tokens import TokenKey, TokenKeys, ephemeral_key

CERTIFICATE_FILE = "certificate.cose"
INSPECTION_FILE, PLAN_FILE, REPORT_FILE = "inspection.json", "plan.json", "report.html"
PROOF_FOLDER, DATA_FOLDER = "proof", "data"

Step = Callable[[str], None]


class Order(msgspec.Struct, frozen=True):
    """What is to be cleared: a shipment on one way of its plan, for whom, into which folder."""

    goods: Shipment
    plan: Plan
    way: Way
    source: TableSource
    parties: Parties
    out: Path
    evidence: dict[str, str] = {}
    """Fact or duty → what shows that it is met ("filing no. 2026-0117")."""
    register: str = ""
    """Whose numbers tell the persons apart, where several tables use them (`scheme_of`)."""

    @property
    def state(self) -> DataState:
        """The state of the data that the way leads to."""
        form = self.way.facts.get("data.form", "")
        return DataState(
            self.way.kind, self.way.title, self.way.transforms.transforms, str(form or "")
        )


class Cleared(msgspec.Struct, frozen=True):
    """A granted clearance: its folder, its record, and its place in the log."""

    folder: Path
    record: ClearanceRecord
    index: int


class RefusedClearance(msgspec.Struct, frozen=True):
    """A refusal: why, and where in the log it stands."""

    id: str
    reasons: list[Reason]
    assessment: Assessment
    index: int


class Prepared(msgspec.Struct, frozen=True):
    """A clearance that waits to be signed: what the act says, and where its files lie hidden.

    Act id, time of issue (POSIX s) and body are fixed: report and certificate name them.
    """

    act_id: bytes
    issued_at: int
    body: dict[str, object]
    record: ClearanceRecord
    folder: Path


class Declined(msgspec.Struct, frozen=True):
    """Why nothing was prepared; nothing of it is in the log."""

    reasons: list[Reason]
    assessment: Assessment


def clear(
    order: Order,
    node: Node,
    *,
    clock: Callable[[], int] = system_clock,
    on_step: Step | None = None,
) -> Cleared | RefusedClearance:
    """Clear an order in an open node that knows the port (`port_institution`).

    Raises `Conflict` when the target exists, `UnreadableData` when the source does not hold,
    `StorageError` when the disk refuses; then nothing is left behind. A refusal is a value.
    """
    return _begun(order, node, clock, on_step).run()


def prepare(
    order: Order,
    node: Node,
    *,
    clock: Callable[[], int] = system_clock,
    on_step: Step | None = None,
) -> Prepared | Declined:
    """Write an order's files and its act, unsigned; nothing is logged but the law it stands on.

    The caller has the act signed and submitted, then calls `publish`, or `discard`. Raises what
    `clear` raises; then nothing is left behind.
    """
    return _begun(order, node, clock, on_step).prepared()


def publish(node: Node, index: int, prepared: Path, out: Path) -> None:
    """Put certificate and proof of the granted act at `index` beside its files; name the folder.

    `prepared` is the folder of a `Prepared`, `out` on the same file system. Raises Conflict when
    the act was not granted or the target exists, NotFound, StorageError.
    """
    decision = decode_ruling(node.sequencer.opening(index).ruling.content).decision
    if not isinstance(decision, Granted):
        raise Conflict("this clearance was not granted", value=index, remedy="read its reasons")
    try:
        # What a crash has left half written of an earlier try.
        (prepared / CERTIFICATE_FILE).unlink(missing_ok=True)
        shutil.rmtree(prepared / PROOF_FOLDER, ignore_errors=True)
        files.create_durable(prepared / CERTIFICATE_FILE, node.act_at(index))
        node.export(index, prepared / PROOF_FOLDER)
        sync_folder(prepared)
        if out.exists():
            raise Conflict(
                "the target of a clearance exists", value=out, remedy="name a new folder"
            )
        prepared.rename(out)
        sync_folder(out.parent)
    except OSError as error:
        raise files.storage_error(error, out) from error


def discard(prepared: Path) -> None:
    """Delete the files of a clearance that nobody signed."""
    shutil.rmtree(prepared, ignore_errors=True)


def _begun(order: Order, node: Node, clock: Callable[[], int], on_step: Step | None) -> _Clearing:
    if order.out.exists() or order.out.is_symlink():
        raise Conflict(
            "the target of a clearance exists", value=order.out, remedy="name a new folder"
        )
    check_parties(order.parties)
    check_register(order.register)
    record_law(node, order.goods.library, clock=clock)
    return _Clearing(order, node, clock, on_step or (lambda _name: None))


class _Clearing:
    """What the steps of one clearance share."""

    def __init__(self, order: Order, node: Node, clock: Callable[[], int], on_step: Step) -> None:
        self.order, self.node, self.on_step = order, node, on_step
        self.now = clock()
        self.today = datetime.fromtimestamp(self.now, tz=UTC).date()
        goods = order.goods
        order.source.expect(goods.inspection.file.sha256)
        self.library, self.flow = goods.library, goods.flow
        self.bound = self.library.bind(self.flow)
        self.mapping: dict[str, object] = {
            **goods.facts_in(order.state),
            **order.way.choices,
            "recipient.name": order.parties.recipient,
        }
        self.facts: FactSet = self.library.facts(self.mapping)
        self.assessment = self.bound.assess(self.facts)
        self.check_evidence()
        self.findings = findings_of(self.facts)
        self.against = goods.against(order.state, self.mapping)
        self.validity = validity(self.library, self.flow, self.assessment, self.facts)
        self.act_id: ActId = new_act_id()
        self.counts = shipment_counts(self.bound, self.facts, self.assessment)
        self.folder = PieceFolder(node.home)

    def run(self) -> Cleared | RefusedClearance:
        found = self.prepared()
        if isinstance(found, Declined):
            return self.refused(found)
        try:
            self.on_step("logging")
            answer = self.node.sequencer.submit(self.signed(found.body))
            if not isinstance(answer.decision, Granted):
                reasons = list(answer.decision.reasons)
                return RefusedClearance(found.record.id, reasons, self.assessment, answer.index)
            publish(self.node, answer.index, found.folder, self.order.out)
        except OSError as error:
            raise files.storage_error(error, self.order.out) from error
        finally:
            # After the rename there is nothing here any more.
            discard(found.folder)
        return Cleared(self.order.out, found.record, answer.index)

    def prepared(self) -> Prepared | Declined:
        self.tidy_counters()
        self.on_step("asking the law")
        if reasons := self.refusals():
            return Declined(reasons, self.assessment)
        partial = self.order.out.with_name(
            f".{self.order.out.name}.{self.act_id.hex()[:12]}.partial"
        )
        found: Prepared | Declined | None = None
        try:
            files.make_directories(partial / DATA_FOLDER)
            found = self.delivered(partial)
        except OSError as error:
            raise files.storage_error(error, self.order.out) from error
        finally:
            if not isinstance(found, Prepared):
                discard(partial)
        return found

    def tidy_counters(self) -> None:
        """Destroy the keys of years that are over, and pieces that no record names."""
        self.folder.destroy_ended(self.today)
        with self.node.store.reading() as read:
            self.folder.sweep(named_pieces(read))

    def check_evidence(self) -> None:
        """Refuse evidence that belongs nowhere: a misspelt name would be lost in silence."""
        duties = {*self.library.content.duties, *(duty.id for duty in self.assessment.duties)}
        for name in self.order.evidence:
            if name not in self.library.vocabulary and name not in duties:
                raise InvalidInput(
                    "evidence is for no duty and no fact",
                    value=name,
                    remedy="`entrepot law facts` lists every fact; the plan names the duties",
                )

    def refusals(self) -> list[Reason]:
        return [
            *not_open(self.assessment),
            *unsigned_findings(self.assessment, self.facts, self.library),
            *unexplained(self.against, self.facts, self.today),
        ]

    def delivered(self, partial: Path) -> Prepared | Declined:
        self.on_step("writing the data")
        counting = Counting(
            self.order.goods,
            self.order.state,
            self.counts,
            self.folder,
            today=self.today,
            register=self.order.register,
        )
        delivery = deliver(
            self.order.goods,
            self.order.state,
            self.order.source,
            partial / DATA_FOLDER,
            self.key(),
            counting.gatherer,
        )
        if delivery.worse:
            cite = "WP29 Opinion 05/2014; ISO/IEC 27559"
            worse = [Reason(Code.WORSE_THAN_PLANNED, cite, text) for text in delivery.worse]
            return Declined(worse, self.assessment)
        self.on_step("writing report and certificate")
        record = self.record(delivery)
        listed = list(record.files)
        documents = {
            INSPECTION_FILE: (msgspec.json.encode(record.inspection), "application/json"),
            PLAN_FILE: (msgspec.json.encode(record.plan), "application/json"),
            REPORT_FILE: (render(record).encode(), "text/html"),
        }
        for name, (content, media) in documents.items():
            files.create_durable(partial / name, content)
            listed.append(described(name, content, media))
        body = self.body(record, listed, counting.pieces())
        return Prepared(self.act_id, self.now, body, record, partial)

    def refused(self, declined: Declined) -> RefusedClearance:
        """Log the request without files; the node refuses it with its own reasons."""
        self.on_step("logging the refusal")
        record = self.record(None)
        answer = self.node.sequencer.submit(self.signed(self.body(record, [], [])))
        if isinstance(answer.decision, Granted):
            raise InvalidInput("a request without data was granted", value=record.id)
        law = [reason for reason in answer.decision.reasons if reason.code != Code.NO_FILES]
        # What the law says of it the node has found again; what the files showed only we know.
        own = [reason for reason in declined.reasons if reason.code == Code.WORSE_THAN_PLANNED]
        return RefusedClearance(record.id, [*own, *law], self.assessment, answer.index)

    def key(self) -> TokenKey:
        keys = TokenKeys(self.node.home / "tokens")
        keys.destroy_expired(self.today)
        if not any(isinstance(t, Tokenise) for t in self.order.way.transforms.transforms):
            return ephemeral_key()
        return keys.for_recipient(
            self.order.parties.recipient,
            self.order.parties.purpose,
            made_on=self.today,
            until=self.validity.valid_until,
        )

    def body(
        self, record: ClearanceRecord, listed: list[DataFile], pieces: list[SignedPiece]
    ) -> dict[str, object]:
        counts = Counts(
            self.counts.counted, self.counts.exempt, pieces, self.order.register if pieces else ""
        )
        return as_body(certificate(record, listed, signed_facts(self.mapping), counts))

    def signed(self, body: dict[str, object]) -> bytes:
        return sign_act(self.node.party, KIND, body, issued_at=self.now, act_id=self.act_id)

    def record(self, delivery: Delivery | None) -> ClearanceRecord:
        """Return the complete record; without a delivery that of a request that was refused."""
        goods, way = self.order.goods, self.order.way
        table = goods.inspection.table
        return ClearanceRecord(
            id=clearance_id(self.act_id),
            cleared_at=datetime.fromtimestamp(self.now, tz=UTC),
            parties=self.order.parties,
            inspection=goods.inspection,
            plan=self.order.plan,
            way=way,
            assessment=self.assessment,
            facts=self.relied(),
            findings=self.findings,
            evidence=self.evidence(),
            duties=self.assessment.duties,
            risk_before=table.risk,
            risk_after=delivery.risk if delivery else None,
            loss=delivery.loss if delivery else way.loss,
            rows_before=goods.inspection.rows,
            rows_after=delivery.rows if delivery else 0,
            persons_after=delivery.persons if delivery else 0,
            files=delivery.files if delivery else [],
            validity=self.validity,
            triggers=triggers(self.bound, self.assessment, self.facts, self.findings),
            log_origin=self.node.signer.origin,
            log_key=self.node.signer.keys.text(),
            exporter_key=self.node.party.kid.hex(),
            entrepot=__version__,
            against=self.against,
        )

    def relied(self) -> list[FactRelied]:
        goods = self.order.goods
        given = given_facts(
            goods.inspected, goods.declared, self.library, file=goods.inspection.file.name
        )
        found = []
        for name, value in self.read_facts(given).items():
            known = given.get(name)
            if name in self.order.way.choices:
                source, by = "choice", f"election of way {self.order.way.number}"
            elif name in self.assessment.derived:
                source, by = "derived", self.assessment.derived[name]
            elif name in self.order.way.facts:
                source, by = "inspection", "after the transforms of the way"
            elif known is not None:
                source, by = known.source, known.by
                if known.against:
                    by += f" (the inspection found {known.against})"
            else:
                source, by = "flow", "the shipment itself"
            found.append(FactRelied(name, value, source, by))
        return found

    def read_facts(self, given: Mapping[str, GivenFact]) -> dict[str, str]:
        """Return the facts the answer stands on, and those from which they were derived."""
        found = dict(self.assessment.facts)
        texts = " ".join(self.assessment.derived.values())
        for name, value in self.facts.as_text().items():
            if name in given and name not in found and f" {name} = " in texts:
                found[name] = value
        return found

    def evidence(self) -> list[Evidence]:
        """Return, for every duty that counts as met, what was declared to meet it."""
        found: list[Evidence] = []
        used: set[str] = set()
        for duty in self.assessment.duties:
            if duty.state != "met":
                continue
            told = self.order.evidence.get(duty.id, "")
            used |= {duty.id, *duty.done_when.split()}
            for name, text in self.order.evidence.items():
                if name in duty.done_when.split():
                    told = told or text
            declared = f"declared: {duty.done_when}" if duty.done_when else "declared"
            says = f"{told} ({declared})" if told else declared
            found.append(Evidence(duty.id, says, self.order.parties.exporter, self.today))
        # What shows something that no duty asks for here is still on record, under its own name.
        found += [
            Evidence(name, text, self.order.parties.exporter, self.today)
            for name, text in self.order.evidence.items()
            if name not in used
        ]
        return found


def findings_of(facts: FactSet) -> list[Finding]:
    """Return the findings of a set of facts that name their author."""
    found = []
    for name, finding in sorted(facts.findings.items()):
        value = facts[name]
        if value is not None and finding.on is not None:
            found.append(
                Finding(
                    name,
                    str(plain_value(value)),
                    finding.by,
                    finding.reasons,
                    finding.on,
                    finding.expires,
                )
            )
    return found


def signed_facts(mapping: Mapping[str, object]) -> dict[str, object]:
    """Return facts as they are signed: days as text, no floats, unknown ones left out."""
    found: dict[str, object] = {}
    for name, value in sorted(mapping.items()):
        if value is None or value == "unknown":
            continue
        if isinstance(value, Mapping):
            kept = {key: _plain(part) for key, part in value.items() if part is not None}
            found[name] = kept
        else:
            found[name] = _plain(value)
    return found


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else without_floats(plain_value(value))


def described(name: str, content: bytes, media_type: str) -> DataFile:
    """Return the entry of a finished document."""
    return DataFile(name, len(content), hashlib.sha256(content).hexdigest(), media_type)
