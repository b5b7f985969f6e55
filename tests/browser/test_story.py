"""The whole story in a browser: apply, admit, file, object, decide, clear, verify offline."""

from __future__ import annotations

import re
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from browsing import Someone, Stand, lei
from click.testing import CliRunner
from test_desks import apply, decide, lodge

from entrepot.kernel.checkpoint import parse_log_keys, verify_tlog_proof
from entrepot.kernel.errors import VerificationError
from entrepot.node.commands.credential import command as credential_command
from entrepot.node.commands.verify import command as verify_command
from entrepot.registry import rightviews, views

pytestmark = pytest.mark.slow

COAST = lei("984500COASTWEATHER")
RIVER = lei("984500RIVERLOGIS00")


def join(
    stand: Stand, operator: Someone, person: Someone, number: str, name: str, *roles: str
) -> None:
    """Have an organisation apply, be admitted, and sign in."""
    apply(person, stand, number, name=name, roles=roles)
    lodge(person)
    decide(operator, stand, "admit")
    person.goto(f"{stand.url}/sign-in")
    person.press("Sign in with a passkey")
    assert person.page.url == f"{stand.url}/desk"


def file_product(person: Someone, stand: Stand) -> int:
    page = person.page
    person.goto(f"{stand.url}/desk/products/new")
    page.locator("#title_en").fill("Hourly harbour weather")
    page.locator("#title_zh").fill("港口逐时天气")
    page.locator("#description_en").fill("Wind, waves and visibility of forty harbours, hourly.")
    page.locator("input[name=themes][value=ENVI]").check()
    page.locator("#geography").fill("DE\nNL")
    page.locator("#bytes").fill("48000000")
    page.locator("#rows").fill("350 400")
    page.locator("#source_statement").fill("Measured by our own stations under the weather law.")
    page.locator("input[name=personal_data][value=no]").check()
    page.locator("#amount").fill("1200.50")
    page.locator("#licence").fill("CC-BY-4.0")
    person.press("Review before signing")
    assert "Hourly harbour weather" in page.locator(".signing").inner_text()
    person.press("Sign with your passkey")
    assert person.heading() == "Filing of a product: granted"
    return index_of(person)


def file_right(person: Someone, stand: Stand, product: int) -> int:
    person.goto(f"{stand.url}/desk/rights/new?product={product}")
    person.page.locator("input[name=right][value=hold]").check()
    person.page.locator("#exclusive").check()
    document = {"name": "law.pdf", "mimeType": "application/pdf", "buffer": b"the weather law"}
    person.page.locator("#evidence-files").set_input_files(document)
    person.page.wait_for_function("document.getElementById('evidence').value.length === 64")
    person.press("Review before signing")
    person.press("Sign with your passkey")
    assert person.heading() == "Filing of a right: granted", person.page.inner_text("main")
    assert "Any party can object" in person.page.locator("#remedy + ul").inner_text()
    return index_of(person)


def index_of(person: Someone) -> int:
    found = re.search(r"/decisions/(\d+)", person.page.url)
    assert found is not None
    return int(found.group(1))


def test_from_application_to_offline_proof(
    stand: Stand, operator: Someone, someone: Callable[..., Someone], tmp_path: Path
) -> None:
    coast, river = someone(), someone()
    join(stand, operator, coast, COAST, "Coast Weather", "provider")
    join(stand, operator, river, RIVER, "River Logistics", "buyer")

    product = file_product(coast, stand)
    right = file_right(coast, stand, product)

    # Somebody objects within the notice.
    river.goto(f"{stand.url}/rights/{right}")
    river.follow("Object to this right")
    river.page.locator("#code").select_option("prior-right")
    river.page.locator("#sentence").fill("The stations in the river ports are ours by contract.")
    river.press("Review before signing")
    river.press("Sign with your passkey")
    assert river.heading() == "Objection to a right: granted"
    objection = index_of(river)

    # It is decided with reasons, by a person.
    operator.goto(f"{stand.url}/desk")
    operator.follow(re.compile(rf"^Objection {objection}"))
    operator.page.locator("input[name=outcome][value=dismiss]").check()
    operator.page.locator("#reason_code").select_option("prior-right-not-shown")
    operator.page.locator("#reason_citation").fill("NDA Measures on data property, art 12")
    operator.page.locator("#reason_sentence").fill("The contract that was named was not shown.")
    operator.press("Review before signing")
    operator.press("Sign with your passkey")
    assert operator.heading() == "Decision on an objection: granted"
    said = operator.page.locator("main").inner_text()
    assert "The contract that was named was not shown." in said
    assert "decider of objections" in said

    # The notice ends; the node itself closes it, and the certificate is there.
    stand.clock.move_days(12)
    certificate = registered(stand, right)
    coast.goto(f"{stand.url}/sign-in?next=/port")
    coast.press("Sign in with a passkey")

    # A shipment is cleared at the port.
    shipment = clear(coast, tmp_path)

    # A stranger takes what the node hands out.
    stranger = someone()
    links = stranger.page.get_by_role("link")
    stranger.goto(f"{stand.url}/certificates/{certificate}")
    assert "valid today" in stranger.page.locator(".outcome").inner_text()
    credential = stranger.download(links.filter(has_text="Verifiable Credential"), tmp_path)
    stranger.goto(f"{stand.url}/decisions/{objection}")
    proof = stranger.download(links.filter(has_text="Proof as text"), tmp_path)
    entry = httpx.get(f"{stand.url}/acts/{objection}/entry").content
    log_keys = tmp_path / "log.keys"
    log_keys.write_bytes(httpx.get(f"{stand.url}/log/keys").content)

    # The node is gone; everything still verifies.
    stand.halt()
    verify_offline(shipment, credential, log_keys)
    index, _checkpoint = verify_tlog_proof(
        proof.read_bytes(), entry, parse_log_keys(log_keys.read_text())
    )
    assert index == objection
    with pytest.raises(VerificationError):
        verify_tlog_proof(proof.read_bytes(), entry + b"x", parse_log_keys(log_keys.read_text()))


def registered(stand: Stand, right: int) -> int:
    """Wait until the node's duties have registered a right; return its certificate's number."""
    for _ in range(200):
        with stand.running.node.store.reading() as read:
            if rightviews.get_right(read, right).status == "registered":
                (certificate,) = views.certificates_of(read, right=right)
                return certificate.index
        time.sleep(0.1)
    raise AssertionError("the notice was not closed")


def clear(person: Someone, folder: Path) -> Path:
    """Take a table through the port and return the unpacked folder of its clearance."""
    page = person.page
    page.locator("#table").set_input_files(
        {"name": "harbour.csv", "mimeType": "text/csv", "buffer": weather().encode()}
    )
    page.locator("#upload button").click()
    page.get_by_role("link", name="Next: may it leave?").click(timeout=60_000)
    page.wait_for_url("**/route")
    page.locator("#origin").select_option("DE")
    page.locator("#destination").select_option("SG")
    page.locator("main form button").first.click()
    for _question in range(4):
        page.wait_for_url("**/answer")
        if "nothing is left to do" in page.inner_text("main"):
            break
        page.locator(".question input[value=false]").check()
        person.press("Answer")
    person.follow("Next: find the lawful ways")
    page.locator("li.way a.button").first.click(timeout=60_000)
    page.locator("#recipient").fill("Straits Marine Research")
    page.locator("#purpose").select_option(label="scientific research")
    person.press("Save and judge again")
    page.get_by_role("button", name="Prepare the clearance").click(timeout=60_000)
    page.get_by_role("button", name="Read and sign").click(timeout=60_000)
    page.wait_for_url("**/approve/*")
    assert "Straits Marine Research" in page.locator(".signing").inner_text()
    person.press("Sign with your passkey")
    assert person.heading() == "Clearance of a shipment: granted"
    person.follow("Continue")
    assert person.heading() == "Cleared"
    packed = person.download(page.get_by_role("link", name="Download the folder (zip)"), folder)
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder / "cleared")
    return next(path.parent for path in (folder / "cleared").rglob("certificate.*"))


def weather() -> str:
    lines = ["station,time,wind_m_s,wave_m,visibility_m"]
    for i in range(2_000):
        hour = f"2026-11-{1 + i // 24 % 28:02d}T{i % 24:02d}:00Z"
        lines.append(f"ST{i % 40:03d},{hour},{3 + i % 17}.{i % 10},{i % 5}.{i % 7},{1000 + i * 7}")
    return "\n".join(lines) + "\n"


def verify_offline(shipment: Path, credential: Path, log_keys: Path) -> None:
    """Verify a cleared folder and a credential as their receivers do, with the log's keys."""
    runner = CliRunner()
    options = ["--key", str(log_keys)]
    shown = runner.invoke(verify_command, [str(shipment), *options], standalone_mode=False)
    assert shown.exception is None and shown.return_value == 0, shown.output
    shown = runner.invoke(
        credential_command,
        ["verify", str(credential), "--log-keys", str(log_keys)],
        standalone_mode=False,
    )
    assert shown.exception is None and shown.return_value == 0, shown.output
    table = next(path for path in shipment.rglob("*.csv"))
    table.write_text(table.read_text().replace("ST001", "ST999", 1))
    changed = runner.invoke(verify_command, [str(shipment), *options], standalone_mode=False)
    assert changed.exception is not None or changed.return_value != 0
