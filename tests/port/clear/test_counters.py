"""Counters from end to end: distinct persons over real clearances, in step with the log."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import clearing_stage as stage
import polars as pl
import pytest
from counter_killer import STEPS

from entrepot.kernel.acts import ActId, verify_act
from entrepot.kernel.audit import audit
from entrepot.kernel.decisions import Effect, Outcome
from entrepot.kernel.errors import InvalidInput, StorageError, VerificationError
from entrepot.kernel.institution import Record
from entrepot.kernel.keys import Kid
from entrepot.kernel.store import Store
from entrepot.law.counters import Bounds, bounds
from entrepot.law.sketches import exact
from entrepot.port.clear.certificate import Counts
from entrepot.port.clear.clearing import Cleared, Order, RefusedClearance, clear
from entrepot.port.clear.codes import Code
from entrepot.port.clear.counters import COUNTERS, Counter
from entrepot.port.clear.declared import Declared, read_declared
from entrepot.port.clear.institution import port_institution
from entrepot.port.clear.pieces import PieceFolder
from entrepot.port.clear.record import Parties
from entrepot.port.clear.state import SOURCES, TABLES, apply
from entrepot.port.clear.views import CounterBooks, Shipped
from entrepot.port.generate import CustomerTable
from entrepot.port.plan.planner import as_is_way

COUNTER = {counter.total: counter for counter in COUNTERS}
CONTRACT: dict[str, object] = {
    **stage.DECLARED,
    **stage.MET,
    "cn.year.prior_persons": 0,
    "transfer.purpose": "contract",
    "cn.necessity.found": {
        "value": True,
        "by": "A. Counsel",
        "reasons": "the goods go to the customer",
        "on": "2026-11-20",
    },
}


def noon(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())


@pytest.fixture(scope="module")
def people() -> pl.DataFrame:
    frame = pl.concat(CustomerTable(rows=1_200).batches())
    return frame.select("customer_id", "email", "full_name", "city")


def part(people: pl.DataFrame, path: Path, first: int, last: int, *columns: str) -> Path:
    chosen = people[first:last].select(columns or ("email", "full_name", "city"))
    chosen.write_csv(path)
    return path


def send(
    table: Path,
    home: Path,
    *,
    prior: int = 0,
    day: date = stage.TODAY,
    recipient: str = "Beispiel GmbH",
    recipient_id: str = "",
    register: str = "",
    declared: dict[str, object] | None = None,
    flow: tuple[str, str] = ("CN", "DE"),
) -> Cleared | RefusedClearance:
    """Clear a table as it is; the folder stands beside the table."""
    facts = {**stage.DECLARED, **stage.MET, "cn.year.prior_persons": prior}
    goods = stage.goods_of(
        table, facts if declared is None else declared, origin=flow[0], destination=flow[1], day=day
    )
    plan, source = stage.planned(goods, table)
    parties = Parties("Example Trading Co", recipient, "analytics", recipient_id)
    out = home.parent / f"out-{len(list(home.parent.glob('out-*')))}"
    order = Order(goods, plan, as_is_way(goods), source, parties, out, {}, register)
    with stage.node_at(home, noon(day)) as node:
        return clear(order, node, clock=lambda: noon(day))


def cleared(*arguments: object, **named: object) -> Cleared:
    done = send(*arguments, **named)  # type: ignore[arg-type]
    assert isinstance(done, Cleared), [reason.sentence for reason in done.reasons]
    return done


def counted(
    home: Path,
    fact: str = "cn.year.persons",
    day: date = stage.TODAY,
    *,
    exempt: bool = False,
    recipients: frozenset[str] | None = None,
) -> Bounds:
    counter: Counter = COUNTER[fact]
    with stage.node_at(home) as node, node.store.reading() as read:
        books = CounterBooks(read, PieceFolder(home))
        return bounds(books.pieces(counter, day, recipients, exempt=exempt))


def test_persons_of_several_tables_count_once(people: pl.DataFrame, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 600), home)
    cleared(part(people, tmp_path / "b.csv", 300, 900), home, prior=300)
    cleared(part(people, tmp_path / "c.csv", 0, 900), home, prior=0)
    truth = people[0:900]["email"].n_unique()
    assert counted(home) == Bounds(truth, truth, True)
    assert counted(home, "cn.two_years.persons").most == truth
    with stage.node_at(home) as node, node.store.reading() as read:
        shipped = Shipped("CN", stage.TODAY, "f" * 64, Parties("a", "b", "c"), Counts())
        known = CounterBooks(read, PieceFolder(home)).before(shipped)
        assert known["cn.year.prior_persons"].most == truth
        # Without the folder the tables add up, whoever is in several of them.
        assert CounterBooks(read, None).before(shipped)["cn.year.prior_persons"].most == 2_100
    checks = audit(home, (port_institution(stage.library()),))
    assert all(check.passed for check in checks)


def test_another_respelt_file_of_the_same_persons_adds_nobody(
    people: pl.DataFrame, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 500), home)
    shouting = people[0:500].with_columns(pl.col("email").str.to_uppercase())
    cleared(part(shouting, tmp_path / "b.csv", 0, 500), home)
    assert counted(home).most == people[0:500]["email"].n_unique()


def test_customer_numbers_join_tables_only_under_a_named_register(
    people: pl.DataFrame, tmp_path: Path
) -> None:
    columns = ("customer_id", "full_name", "city")
    for register, expected in (("", 1_000), ("crm", 700)):
        home = tmp_path / f"home-{register}"
        cleared(part(people, tmp_path / f"a{register}.csv", 0, 500, *columns), home,
                register=register)  # fmt: skip
        cleared(part(people, tmp_path / f"b{register}.csv", 200, 700, *columns), home,
                prior=500, register=register)  # fmt: skip
        assert counted(home).most == expected
        with stage.node_at(home) as node:
            act = verify_act(node.act_at(node.log.size - 1), node.party.public)
        assert act.body.get("register", "") == register, "who lowers a count signs for it"
    with pytest.raises(InvalidInput, match="one line"):
        send(tmp_path / "a.csv", tmp_path / "home-", register="crm\x1b[2J")


def test_a_count_below_the_counters_needs_somebody_who_answers(
    people: pl.DataFrame, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 500), home)
    other = part(people, tmp_path / "b.csv", 400, 900)
    result = send(other, home, prior=399)
    assert isinstance(result, RefusedClearance)
    assert [reason.code for reason in result.reasons] == [Code.BELOW_RECORD]
    assert "400 others" in result.reasons[0].sentence
    cleared(other, home, prior=400)
    third = part(people, tmp_path / "c.csv", 900, 1_000, "customer_id", "full_name", "city")
    signed = {
        "value": 850,
        "by": "A. Counsel",
        "reasons": "the hundred are among them under their e-mail addresses",
        "on": "2026-11-20",
    }
    facts = {**stage.DECLARED, **stage.MET, "cn.year.prior_persons": signed}
    cleared(third, home, declared=facts)


def test_exempt_persons_stand_in_their_own_column(people: pl.DataFrame, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 300), home, declared=CONTRACT)
    cleared(part(people, tmp_path / "b.csv", 100, 600), home)
    assert counted(home).most == 500
    assert counted(home, exempt=True).most == 300
    with stage.node_at(home) as node, node.store.reading() as read:
        books = CounterBooks(read, PieceFolder(home))
        # Orders 11 and 13 knew no exemption: both columns, each person once.
        both = books.counted(COUNTER["cn.two_years.persons"], stage.TODAY)
        assert bounds(both).most == 600
        assert bounds(books.counted(COUNTER["cn.year.persons"], stage.TODAY)).most == 500


def test_windows_end_with_their_year_and_keys_go_with_them(
    people: pl.DataFrame, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    folder = PieceFolder(home)
    cleared(part(people, tmp_path / "a.csv", 0, 400), home, day=date(2026, 12, 20))
    secrets = {folder.key(year, made_on=stage.TODAY).secret for year in (2026, 2027)}
    assert len(secrets) == 2
    cleared(part(people, tmp_path / "b.csv", 300, 700), home, day=date(2027, 1, 10))
    new_year = date(2027, 1, 10)
    assert counted(home, day=new_year).most == 400
    assert counted(home, "cn.two_years.persons", new_year).most == 700
    assert counted(home, day=date(2026, 12, 31)).most == 400
    # In February nothing that ends in 2026 can be asked any more.
    cleared(part(people, tmp_path / "c.csv", 600, 800), home, prior=300, day=date(2027, 2, 1))
    assert folder.key_if_any(2026) is None and not (folder.root / "2026").exists()
    assert counted(home, "cn.two_years.persons", date(2027, 2, 1)).most == 800


US: dict[str, object] = {
    **stage.US_BROKERAGE,
    **{f"us.prior.{name}": 0 for name in ("identifiers", "genomic", "omic", "biometric")},
}


@pytest.fixture(scope="module")
def americans() -> pl.DataFrame:
    table = CustomerTable(rows=1_200, chinese_share=1.0, sensitive_share=1.0)
    frame = pl.concat(table.batches()).select("id_number", "full_name", "city")
    return frame.drop_nulls().unique("id_number", maintain_order=True)


def sold(table: Path, home: Path, recipient: str, prior: int, day: date, **more: object) -> Cleared:
    facts = {**US, "us.prior.identifiers": prior}
    return cleared(
        table, home, recipient=recipient, declared=facts, flow=("US", "CN"), day=day, **more
    )


def slices(frame: pl.DataFrame, folder: Path, *ranges: tuple[int, int]) -> list[Path]:
    return [
        part(frame, folder / f"us-{first}-{last}.csv", first, last, *frame.columns)
        for first, last in ranges
    ]


def test_twelve_months_are_counted_to_the_day(americans: pl.DataFrame, tmp_path: Path) -> None:
    """What is free because it is little is counted, or the count would never rise."""
    home = tmp_path / "home"
    one, two, three = slices(americans, tmp_path, (0, 100), (50, 150), (150, 200))
    first = date(2026, 3, 10)
    sold(one, home, "Beispiel GmbH", 0, first)
    sold(two, home, "Beispiel GmbH", 50, date(2026, 12, 31))
    assert us_pieces(home, "Beispiel GmbH", date(2027, 3, 10)).most == 150
    assert us_pieces(home, "Beispiel GmbH", date(2027, 3, 11)).most == 100
    # The turn of the year falls inside the window: pieces of both years lie under one key.
    sold(three, home, "Beispiel GmbH", 150, date(2027, 2, 20))
    assert us_pieces(home, "Beispiel GmbH", date(2027, 3, 10)) == Bounds(200, 200, True)


def test_another_spelling_of_the_recipient_is_no_other(
    americans: pl.DataFrame, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    lei = "lei:XXEX00TESTNODE000128"
    tables = slices(americans, tmp_path, (0, 50), (50, 100), (100, 150), (150, 200), (200, 250))
    sold(tables[0], home, "Beispiel GmbH", 0, stage.TODAY, recipient_id=lei)
    sold(tables[1], home, "BEISPIEL  gmbh", 50, stage.TODAY)
    sold(tables[2], home, "Beispeil G.m.b.H.", 100, stage.TODAY)
    renamed = send(
        tables[3], home, recipient="Ganz Anders AG", recipient_id=lei, declared=US,
        flow=("US", "CN"),
    )  # fmt: skip
    assert isinstance(renamed, RefusedClearance)
    assert {reason.code for reason in renamed.reasons} == {Code.BELOW_RECORD}
    assert us_pieces(home, "Ganz Anders AG", stage.TODAY).most == 0
    assert us_pieces(home, "Ganz Anders AG", stage.TODAY, lei).most >= 100
    sold(tables[4], home, "Dritte AG", 0, stage.TODAY)
    assert us_pieces(home, "Dritte AG", stage.TODAY).most == 50
    # A person declares two near names distinct, and a third one of the group.
    (home / "counters" / "declared.yaml").write_text(
        "by: A. Counsel\non: 2026-11-01\nreasons: checked in the registers\n"
        "distinct: [[Beispiel GmbH, Beispeil G.m.b.H.]]\ngroups: [[Dritte AG, Beispiel GmbH]]\n"
    )
    assert us_pieces(home, "Beispiel GmbH", stage.TODAY).most == 150
    assert us_pieces(home, "Beispeil G.m.b.H.", stage.TODAY).most == 50


def us_pieces(home: Path, recipient: str, day: date, identifier: str = "") -> Bounds:
    counter = COUNTER["us.bulk.identifiers"]
    with stage.node_at(home) as node, node.store.reading() as read:
        books = CounterBooks(read, PieceFolder(home), read_declared(home / "counters", day))
        linked = books.linked(Parties("x", recipient, "y", identifier))
        return bounds(books.counted(counter, day, linked.hashes))


def test_a_piece_that_was_changed_is_found_and_a_lost_one_counts_whole(
    people: pl.DataFrame, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 500), home)
    cleared(part(people, tmp_path / "b.csv", 200, 600), home, prior=200)
    assert counted(home).most == 600
    paths = sorted((home / "counters" / "2026").iterdir())
    kept = paths[0].read_bytes()
    for place in (3, len(kept) // 2, len(kept) - 1):
        changed = bytearray(kept)
        changed[place] ^= 1
        paths[0].write_bytes(bytes(changed))
        with pytest.raises(VerificationError, match="changed after it was logged"):
            counted(home)
        with pytest.raises(VerificationError):
            send(part(people, tmp_path / "c.csv", 0, 50), home, prior=900)
    paths[0].unlink()
    assert counted(home).most == 900 and counted(home).least == 500
    assert not counted(home).exact
    paths[0].write_bytes(kept)
    assert counted(home).most == 600
    # Another key in its place: nothing compares, so everybody counts.
    (home / "counters" / "keys" / "2026.json").unlink()
    cleared(part(people, tmp_path / "d.csv", 0, 100), home, prior=600)
    assert counted(home).most == 700


def test_keys_are_secret_files_and_damage_is_said(people: pl.DataFrame, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 100), home)
    root = home / "counters"
    assert (root / "keys").stat().st_mode & 0o777 == 0o700
    files = [path for path in root.rglob("*") if path.is_file()]
    assert len(files) == 4 and {path.stat().st_mode & 0o777 for path in files} == {0o600}
    key = root / "keys" / "2026.json"
    secret = PieceFolder(home).key(2026, made_on=stage.TODAY).secret
    assert repr(secret) not in repr(PieceFolder(home).key(2026, made_on=stage.TODAY))
    everything = b"".join(p.read_bytes() for p in home.rglob("*") if p.is_file() and p != key)
    assert secret not in everything and secret.hex().encode() not in everything
    key.chmod(0o644)
    with pytest.raises(InvalidInput, match="read by others"):
        PieceFolder(home).key_if_any(2026)
    key.chmod(0o600)
    key.write_text('{"secret":"00","year":2026,"made_on":"2026-01-01"}')
    with pytest.raises(StorageError, match="damaged") as caught:
        PieceFolder(home).key_if_any(2026)
    assert caught.value.__cause__ is None


def test_no_identifier_can_be_found_in_the_counters(people: pl.DataFrame, tmp_path: Path) -> None:
    home = tmp_path / "home"
    cleared(part(people, tmp_path / "a.csv", 0, 300), home)
    stored = b"".join(p.read_bytes() for p in (home / "counters").rglob("*.piece"))
    for value in (*people["email"][:300], *people["full_name"][:300]):
        assert value.encode() not in stored


def test_what_a_refusal_or_a_crash_leaves_is_swept_and_never_counted(
    people: pl.DataFrame, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    folder = PieceFolder(home)
    cleared(part(people, tmp_path / "a.csv", 0, 300), home)
    stray = folder.write(2026, exact(people[300:600]["email"].hash().to_numpy()))
    (folder.root / "2026" / ".half.piece.new").write_bytes(b"half")
    assert counted(home).most == 300
    refused = send(part(people, tmp_path / "b.csv", 300, 500), home, prior=1)
    assert isinstance(refused, RefusedClearance)
    assert folder.read(2026, stray) is None
    cleared(part(people, tmp_path / "c.csv", 0, 100), home, prior=200)
    assert len(list((folder.root / "2026").iterdir())) == 2


@pytest.mark.slow
def test_kill_9_loses_nobody_and_counts_nobody_twice(people: pl.DataFrame, tmp_path: Path) -> None:
    """The counters follow the log: what it holds is counted once, what it does not, never."""
    home = tmp_path / "home"
    size = 40
    cleared(part(people, tmp_path / "first.csv", 0, size), home)
    expected = {*people["email"][:size]}
    for number, step in enumerate(STEPS, start=1):
        first = number * size
        table = part(people, tmp_path / f"{step}.csv", first, first + size)
        arguments = [str(table), str(home), str(tmp_path / f"out-{step}"), step]
        killer = Path(__file__).with_name("counter_killer.py")
        done = subprocess.run([sys.executable, str(killer), *arguments], check=False, timeout=120)
        assert done.returncode == -signal.SIGKILL, step
        if hashlib.sha256(table.read_bytes()).hexdigest() in _logged_tables(home):
            expected |= {*people["email"][first : first + size]}
        assert counted(home) == Bounds(len(expected), len(expected), True), step
        checks = audit(home, (port_institution(stage.library()),))
        assert all(check.passed for check in checks), step
    assert size < len(expected) < (len(STEPS) + 1) * size, "some were logged, some were not"
    # Every table is cleared again: those that were logged add nobody, the others everybody.
    for step in STEPS:
        cleared(tmp_path / f"{step}.csv", home, prior=5_000)
    assert counted(home).most == people[: (len(STEPS) + 1) * size]["email"].n_unique()


def _logged_tables(home: Path) -> set[str]:
    with stage.node_at(home) as node, node.store.reading() as read:
        return {row.source for row in read.execute(SOURCES.select())}


def test_clearances_of_an_older_log_count_by_their_numbers(tmp_path: Path) -> None:
    """Effects written before there were pieces hold a number per fact and nothing else."""
    values: dict[str, object] = {
        "recipient": "0" * 64,
        "from": "CN",
        "to": "DE",
        "on": "2026-11-01",
        "until": "2027-11-01",
        "certificate": bytes(32),
        "source": "1" * 64,
        "counts": {"cn.shipment.persons": 250},
    }
    store = Store.scratch()
    store.create_tables(TABLES)
    effect = Effect("shipment-cleared", values)
    act, issuer = ActId(bytes(16)), Kid(bytes(32))
    record = Record(1, "clear-shipment", act, issuer, stage.NOON, Outcome.GRANTED, (effect,))
    with store.writing() as write:
        apply(write, record)
    with store.reading() as read:
        books = CounterBooks(read, PieceFolder(tmp_path))
        pieces = books.pieces(COUNTER["cn.year.persons"], stage.TODAY)
        assert bounds(pieces) == Bounds(250, 250, False)
    store.close()


def test_near_names_are_said(americans: pl.DataFrame, tmp_path: Path) -> None:
    home = tmp_path / "home"
    (table,) = slices(americans, tmp_path, (0, 50))
    sold(table, home, "Beispiel GmbH", 0, stage.TODAY)
    with stage.node_at(home) as node, node.store.reading() as read:
        books = CounterBooks(read, PieceFolder(home))
        assert books.linked(Parties("x", "Beispeil AG", "y")).near == ("Beispiel GmbH",)
        assert books.linked(Parties("x", "Beispiel GmbH", "y")).near == ()


def test_what_is_declared_is_read_strictly(tmp_path: Path) -> None:
    folder = tmp_path / "counters"
    folder.mkdir()
    assert read_declared(folder, stage.TODAY) == Declared()
    path = folder / "declared.yaml"
    signed = "by: A. Counsel\non: 2026-11-01\nreasons: all leaves here\n"
    path.write_text(signed + "complete_since: 2025-01-01\nelsewhere: {cn.year.prior_persons: 5}\n")
    declared = read_declared(folder, stage.TODAY)
    assert declared.covers(date(2025, 1, 1)) and not declared.covers(date(2024, 12, 31))
    for text, says in (
        ("complete_since: 2025-01-01\n", "need by"),
        (signed.replace("2026-11-01", "2026-12-01") + "complete_since: 2025-01-01\n", "need by"),
        ("distinct: [[a, b]]\n", "need by"),
        ("elsewhere: {cn.year.persons: 5}\n", "not a counter"),
        ("elsewhere: {cn.year.prior_persons: -5}\n", "negative"),
        ("complet_since: 2025-01-01\n", "unknown field"),
        ("groups: [['lei:123']]\n", "check digits"),
        ("groups: [a\n", "not YAML"),
    ):
        path.write_text(text)
        with pytest.raises(InvalidInput, match=says):
            read_declared(folder, stage.TODAY)
