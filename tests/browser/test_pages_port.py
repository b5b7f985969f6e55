"""A table through the port in a browser: inspected, planned, signed, taken home, verified."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from browsing import Someone, Stand

from entrepot.port.generate import CustomerTable
from entrepot.port.verify.verifying import verify

pytestmark = pytest.mark.slow

ROWS = 600


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "customers.csv"
    pl.concat(CustomerTable(rows=ROWS).batches()).write_csv(path)
    return path


def upload(person: Someone, stand: Stand, file: Path | dict[str, Any]) -> str:
    """Upload a table, wait for its inspection, and return the address of the job."""
    person.goto(f"{stand.url}/port")
    person.page.locator("#table").set_input_files(file)
    person.page.get_by_role("button", name="Upload and inspect").click()
    person.page.wait_for_url(re.compile(r"/port/[\w-]{22}$"))
    person.page.locator(".columns-table, .notice.bad").first.wait_for()
    return str(person.page.url)


def plan(person: Someone) -> None:
    """Name the usual route, answer what is asked, and have the ways searched."""
    person.follow("Next: may it leave?")
    person.press("Assess")
    for _ in range(6):
        question = person.page.locator(".question fieldset")
        if not question.count():
            break
        if question.locator("input.short").count():
            question.locator("input.short").fill("1 000")
        else:
            question.locator("input[type=radio]").first.check()
        with person.page.expect_navigation():
            person.page.locator(".question button", has_text="Answer").click()
    assert person.page.locator(".answer .outcome").inner_text().startswith("Yes")
    person.follow("Next: find the lawful ways")
    person.page.locator(".ways").wait_for(timeout=60_000)


def test_a_table_is_cleared_and_proves_itself(
    stand: Stand, operator: Someone, table: Path, tmp_path: Path
) -> None:
    page = operator.page
    address = upload(operator, stand, table)
    assert operator.heading() == "What the table holds"
    shown = page.locator(".columns-table").inner_text()
    assert "names of persons" in shown
    assert "official identity numbers" in shown
    cells = pl.read_csv(table)["full_name"].to_list()
    assert not any(str(cell) in page.content() for cell in cells[:50])

    plan(operator)
    page.locator(".way", has_text="Only counts").get_by_role("link", name="Take this way").click()
    page.locator("#recipient").fill("Beispiel GmbH")
    page.locator("#purpose").select_option("analytics")
    operator.press("Save and judge again")
    page.get_by_role("button", name="Prepare the clearance").wait_for(timeout=60_000)
    before = stand.running.node.log.size
    operator.press("Prepare the clearance")
    page.get_by_role("button", name="Read and sign").wait_for(timeout=60_000)
    # Prepared is not logged: only the law that the decision will stand on may be new.
    assert not stand_has(stand, "clear-shipment", since=before)

    operator.press("Read and sign")
    says = page.locator("main").inner_text()
    assert "Beispiel GmbH" in says
    operator.press("Sign with your passkey")
    assert "granted" in operator.heading().lower(), page.inner_text("main")
    page.goto(f"{address}/result")
    assert operator.heading() == "Cleared"
    assert stand_has(stand, "clear-shipment", since=before)

    with page.expect_download() as caught:
        page.get_by_role("link", name="Download the folder (zip)").click()
    packed = tmp_path / "clearance.zip"
    caught.value.save_as(packed)
    with zipfile.ZipFile(packed) as opened:
        opened.extractall(tmp_path / "clearance")
    today = datetime.fromtimestamp(stand.clock(), tz=UTC).date()
    offline = verify(tmp_path / "clearance", as_of=today)
    assert offline.holds, offline.failed
    assert offline.certificate is not None
    assert offline.certificate.parties.recipient == "Beispiel GmbH"

    verified_in_the_browser(operator, stand, packed)
    tampered_is_noticed(operator, stand, packed, tmp_path)
    verified_on_the_node(operator, stand, packed)


def verified_in_the_browser(person: Someone, stand: Stand, packed: Path) -> None:
    person.goto(f"{stand.url}/verify")
    person.page.locator("#documents-files").set_input_files(packed)
    verdict = person.page.locator("[data-verdict]:not([data-verdict=waiting])")
    verdict.wait_for()
    states = {
        item.get_attribute("data-step"): item.get_attribute("data-state")
        for item in person.page.locator("[data-checks] [data-step]").all()
    }
    # Asking the law again is the one check that a browser cannot make.
    assert states.pop("law") == "unchecked"
    assert set(states.values()) == {"verified"}, states
    assert verdict.get_attribute("data-verdict") == "partly"


def tampered_is_noticed(person: Someone, stand: Stand, packed: Path, folder: Path) -> None:
    def changed(name: str, content: bytes) -> bytes:
        if name.startswith("data/"):
            return content.replace(b"1", b"2", 1) if b"1" in content else content + b"\n"
        return content

    other = folder / "tampered.zip"
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(other, "w") as sink:
        for item in source.infolist():
            sink.writestr(item, changed(item.filename, source.read(item)))
    person.goto(f"{stand.url}/verify")
    person.page.locator("#documents-files").set_input_files(other)
    verdict = person.page.locator("[data-verdict=failed]")
    verdict.wait_for()
    assert "Every file is the one that was certified" in verdict.inner_text()


def verified_on_the_node(person: Someone, stand: Stand, packed: Path) -> None:
    person.goto(f"{stand.url}/verify")
    person.page.locator("#folder").set_input_files(packed)
    person.press("Upload and check")
    said = person.page.locator("section[aria-labelledby=here-title]").inner_text()
    assert "Every step holds." in said
    assert "10. law" in said
    leftover = [p.name for p in (stand.running.home / "cache").glob("verify-*")]
    assert leftover == []


def stand_has(stand: Stand, kind: str, *, since: int) -> bool:
    log = stand.running.node.log
    tree = log.tree()
    return any(kind.encode() in tree.entry(index) for index in range(since, log.size))


def test_a_table_is_seen_by_its_own_browser_alone(
    stand: Stand, someone: Callable[..., Someone], table: Path
) -> None:
    one, other = someone(), someone()
    address = upload(one, stand, table)
    for path in ("", "/answer", "/plan", "/clear", "/inspection.json", "/result", "/cleared.zip"):
        answer = other.page.request.get(address + path)
        assert answer.status == 404, path
        assert "customers" not in answer.text()
    one.press("Delete this table now")
    assert "were deleted" in one.page.inner_text("main")
    assert one.page.request.get(address).status == 404
    assert list((stand.running.home / "jobs").iterdir()) == []


def test_hostile_names_and_contents_stay_harmless(
    stand: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    name = '..\\..\\<img src=x onerror=alert(1)>\u202e"exe.csv'
    content = 'id,<script>alert(1)</script>,"=HYPERLINK(""x"")"\n1,<b>x</b>,2\n2,</td>,3\n'
    address = upload(
        person, stand, {"name": name, "mimeType": "text/csv", "buffer": content.encode()}
    )
    html = person.page.content()
    assert "<script>alert" not in html
    assert "\u202e" not in html
    assert person.page.locator("main img").count() == 0
    assert address.startswith(stand.url)
    stored = list((stand.running.home / "jobs").rglob("source/*"))
    assert len(stored) == 1
    assert stored[0].parent.parent.parent == stand.running.home / "jobs"


def test_what_is_no_table_is_refused_with_a_reason(
    stand: Stand, someone: Callable[..., Someone]
) -> None:
    person = someone()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        made.writestr("a.txt", "no workbook")
    upload(
        person,
        stand,
        {"name": "book.xlsx", "mimeType": "application/zip", "buffer": packed.getvalue()},
    )
    notice = person.page.locator(".notice.bad")
    assert notice.count() == 1
    assert notice.inner_text().strip()
    assert person.page.get_by_role("button", name="Try again").count() == 1
