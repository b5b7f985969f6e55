"""The whole story in a browser: apply, admit, file, object, decide, clear, verify offline."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from test_desks import apply, decide, lodge

from conftest import Someone, Stand, lei
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
    stand: Stand, operator: Someone, someone: Callable[..., Someone]
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
    stand.submit_due()
    with stand.running.node.store.reading() as read:
        assert rightviews.get_right(read, right).status == "registered"
        (certificate,) = views.certificates_of(read, right=right)
    stranger = someone()
    stranger.goto(f"{stand.url}/certificates/{certificate.index}")
    assert "valid today" in stranger.page.locator(".outcome").inner_text()
