"""Jobs of the port: who may see them, how long they live, what workers may do, what zips hold."""

from __future__ import annotations

import os
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.kernel.errors import InvalidInput, NotFound, UnreadableData
from entrepot.node import jobs, jobspool, jobszip
from entrepot.node.jobs import KEPT_SECONDS, NAME_MAX_BYTES, Jobs, safe_name
from entrepot.node.jobspool import Activity, Pool, run_worker
from entrepot.node.jobswork import Order

CSV = b"name,age\nAda,36\nAlan,41\n"


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000

    def __call__(self) -> int:
        return self.now


def received(kept: Jobs, name: str = "people.csv", content: bytes = CSV) -> tuple[jobs.Job, str]:
    upload = kept.receive(name)
    upload.write(content)
    return upload.finish()


def test_a_job_opens_to_its_secret_alone(tmp_path: Path) -> None:
    kept = Jobs(tmp_path / "jobs", Clock())
    job, secret = received(kept)
    assert kept.find(job.id, secret) == job
    assert kept.table(job).read_bytes() == CSV
    assert secret not in (kept.folder(job) / "job.json").read_text()
    for id_, key in ((job.id, ""), (job.id, secret[:-1] + "A"), ("A" * 22, secret), ("..", secret)):
        with pytest.raises(NotFound):
            kept.find(id_, key)
    assert (kept.folder(job).stat().st_mode & 0o077) == 0


def test_a_job_is_deleted_when_its_time_is_over(tmp_path: Path) -> None:
    clock = Clock()
    kept = Jobs(tmp_path / "jobs", clock)
    job, secret = received(kept)
    clock.now += KEPT_SECONDS
    touched = kept.change(job.id, stage="inspected")
    clock.now += KEPT_SECONDS
    assert kept.find(job.id, secret) == touched
    assert kept.sweep() == 0
    clock.now += 1
    with pytest.raises(NotFound):
        kept.find(job.id, secret)
    assert kept.sweep() == 1
    assert list(kept.root.iterdir()) == []
    with pytest.raises(NotFound):
        kept.change(job.id, stage="inspected")


def test_what_a_stop_cut_off_goes_back_one_step(tmp_path: Path) -> None:
    kept = Jobs(tmp_path / "jobs", Clock())
    job, secret = received(kept)
    for stage, back in (
        ("inspecting", "received"),
        ("planning", "inspected"),
        ("preparing", "planned"),
    ):
        kept.change(job.id, stage=stage)
        kept.recover()
        found = kept.find(job.id, secret)
        assert found.stage == back
        assert found.failure is not None
    kept.change(job.id, stage="prepared", failure=None)
    kept.recover()
    assert kept.find(job.id, secret).stage == "prepared"


def test_uploads_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Jobs(tmp_path / "jobs", Clock())
    monkeypatch.setattr(jobs, "UPLOAD_MAX_BYTES", 100)
    upload = kept.receive("large.csv")
    upload.write(b"x" * 100)
    with pytest.raises(InvalidInput, match="larger than this node takes"):
        upload.write(b"x")
    upload.abandon()
    with pytest.raises(InvalidInput, match="empty"):
        kept.receive("empty.csv").finish()
    monkeypatch.setattr(jobs, "JOBS_MAX", len(list(kept.root.iterdir())))
    with pytest.raises(InvalidInput, match="as many tables as it can"):
        kept.receive("one-more.csv")


@given(st.text(max_size=400))
def test_names_stay_in_their_folder_and_off_the_screen(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert len(safe.encode()) <= NAME_MAX_BYTES + 8
    assert "/" not in safe
    assert "\\" not in safe
    assert safe not in (".", "..")
    assert not safe.startswith(".")
    assert safe.isprintable()
    assert safe_name(safe) == safe


def test_names_keep_what_says_the_format() -> None:
    assert safe_name("C:\\data\\customers.csv") == "customers.csv"
    assert safe_name("../../etc/客户.parquet") == "客户.parquet"
    assert safe_name("a" * 500 + ".csv.gz").endswith(".csv.gz")
    assert safe_name("\u202egnp.csv") == "gnp.csv"
    assert safe_name("\0") == "table"


@pytest.mark.slow
def test_a_worker_inspects_and_leaves_only_its_result(tmp_path: Path) -> None:
    table = tmp_path / "people.csv"
    table.write_bytes(CSV)
    activity = Activity("inspect")
    order = Order(table=str(table), as_of="2026-11-21")
    assert run_worker(activity, "inspect", tmp_path, order) is None
    assert (tmp_path / "inspection.json").is_file()
    assert (activity.done, activity.total) == (len(CSV), len(CSV))


@pytest.mark.slow
def test_a_worker_says_what_is_wrong_with_a_file(tmp_path: Path) -> None:
    table = tmp_path / "book.xlsx"
    with zipfile.ZipFile(table, "w") as packed:
        packed.writestr("a.txt", "no workbook")
    order = Order(table=str(table), as_of="2026-11-21")
    failure = run_worker(Activity("inspect"), "inspect", tmp_path, order)
    assert failure is not None
    assert failure.what
    assert not (tmp_path / "inspection.json").exists()


@pytest.mark.slow
def test_a_worker_that_breaks_off_is_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobspool, "STEP_MAX_SECONDS", 0.05)
    table = tmp_path / "people.csv"
    table.write_bytes(CSV)
    failure = run_worker(
        Activity("inspect"), "inspect", tmp_path, Order(table=str(table), as_of="2026-11-21")
    )
    assert failure is not None
    assert "memory or time" in failure.what


def test_a_worker_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENTREPOT_STORE_URL", "postgresql://u:secret@h/d")
    monkeypatch.setenv("ENTREPOT_PASSPHRASE", "secret")
    kept = {name for name in os.environ if name in jobspool._KEPT_ENVIRONMENT}
    assert not {"ENTREPOT_STORE_URL", "ENTREPOT_PASSPHRASE"} & kept


def test_the_pool_is_bounded_and_each_job_has_one_step_at_a_time() -> None:
    pool, release = Pool(), []

    def wait(activity: Activity) -> None:
        while not release and not activity.stopped.is_set():
            time.sleep(0.005)

    first = pool.start("a", "inspect", wait)
    assert pool.start("a", "inspect", wait) is first
    started = [pool.start(f"j{n}", "inspect", wait) for n in range(jobspool.AT_ONCE - 1)]
    deadline = time.monotonic() + 5
    while pool._waiting.qsize() and time.monotonic() < deadline:
        time.sleep(0.005)
    for n in range(jobspool.WAITING_MAX):
        started.append(pool.start(f"w{n}", "inspect", wait))
    with pytest.raises(InvalidInput, match="too much"):
        pool.start("one more", "inspect", wait)
    release.append(True)
    while pool._under_way and time.monotonic() < deadline:
        time.sleep(0.005)
    assert pool.activity("a") is None


def test_a_defect_in_a_step_does_not_stop_the_pool() -> None:
    pool, done = Pool(), []

    def broken(_activity: Activity) -> None:
        raise RuntimeError("ours")

    for n in range(jobspool.AT_ONCE + 1):
        pool.start(f"b{n}", "inspect", broken)
    pool.start("good", "inspect", lambda _activity: done.append(True))
    deadline = time.monotonic() + 5
    while not done and time.monotonic() < deadline:
        time.sleep(0.005)
    assert done == [True]


# -- zip files -------------------------------------------------------------------------------------


def test_a_folder_comes_back_as_it_was_packed(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    (folder / "proof" / "tile").mkdir(parents=True)
    (folder / "certificate.cose").write_bytes(bytes(range(256)))
    (folder / "proof" / "tile" / "客户").write_bytes(b"x" * 100_000)
    jobszip.pack(folder, tmp_path / "one.zip")
    jobszip.pack(folder, tmp_path / "two.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    jobszip.unpack(tmp_path / "one.zip", tmp_path / "back")
    for name in ("certificate.cose", "proof/tile/客户"):
        assert (tmp_path / "back" / name).read_bytes() == (folder / name).read_bytes()


def test_the_one_folder_around_everything_is_left_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr("clearance/certificate.cose", "c")
        packed.writestr("clearance/data/t.csv", "d")
    jobszip.unpack(tmp_path / "a.zip", tmp_path / "back")
    assert (tmp_path / "back" / "certificate.cose").read_text() == "c"
    assert (tmp_path / "back" / "data" / "t.csv").read_text() == "d"


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a/../../b", "a\\..\\b", "./../x", "a/./../../b"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as packed:
        packed.writestr(name, "x")
        packed.writestr("other", "y")
    with pytest.raises(UnreadableData):
        jobszip.unpack(tmp_path / "a.zip", tmp_path / "back")
    assert not (tmp_path / "up").exists()


def test_links_bombs_and_other_bytes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = zipfile.ZipInfo("link")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as packed:
        packed.writestr(link, "/etc/passwd")
    with pytest.raises(UnreadableData, match="link"):
        jobszip.unpack(tmp_path / "link.zip", tmp_path / "back")

    monkeypatch.setattr(jobszip, "UNPACKED_MAX_BYTES", 1_000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("zeros", bytes(1_001))
    with pytest.raises(InvalidInput, match="too large"):
        jobszip.unpack(tmp_path / "bomb.zip", tmp_path / "back")

    # A directory that says less than the file gives.
    lying = bytearray((tmp_path / "bomb.zip").read_bytes())
    place = lying.index(b"PK\x01\x02") + 24
    lying[place : place + 4] = (10).to_bytes(4, "little")
    (tmp_path / "lying.zip").write_bytes(lying)
    with pytest.raises(UnreadableData):
        jobszip.unpack(tmp_path / "lying.zip", tmp_path / "back")

    (tmp_path / "none.zip").write_bytes(b"PK not really")
    with pytest.raises(UnreadableData):
        jobszip.unpack(tmp_path / "none.zip", tmp_path / "back")
