"""The desks over HTTP: every form of a party and of the operator, filled, signed and decided."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from face_people import DUTIES, OPERATOR, Device, Stand, Tab, b64, founded

from entrepot.kernel.keys import key_from_seed
from entrepot.node.api.credentials import enrol_if_leading
from entrepot.registry import productviews, rightviews, views
from entrepot.registry.acts import possession_message

COAST, RIVER = "984500COASTWEATHER91", "984500RIVERLOGIS0010"
REASON = {
    "reason_code": "identity-shown",
    "reason_sentence": "The extract of the register was compared with the number.",
}
PRODUCT = {
    "title_en": "Hourly harbour weather", "title_zh": "港口逐时天气",
    "description_en": "Wind and waves of forty harbours.", "themes": "ENVI",
    "keywords": "wind, waves", "geography": "DE\nnl", "languages": "en",
    "period_from": "2020-01-01", "update_cycle": "HOURLY", "bytes": "48 000 000", "rows": "350400",
    "fields": "station | text | code of the harbour\nwind | number | m/s",
    "source_method": "own-operation", "source_statement": "Measured by our own stations.",
    "personal_data": "no", "quality_sha256": "ab" * 32, "quality_measures": "completeness = 99 %",
    "sample_sha256": "cd" * 32, "sample_media_type": "text/csv", "delivery": "file",
    "pricing_model": "fixed", "amount": "1,200.50", "currency": "EUR", "licence": "CC-BY-4.0",
    "limits_en": "No resale of single stations.",
}  # fmt: skip


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    yield from founded(tmp_path, [])


def index_of(tab: Tab) -> int:
    found = re.search(r"/decisions/(\d+)", tab.path)
    assert found is not None, f"{tab.path}: {tab.text}"
    return int(found.group(1))


def granted(tab: Tab, device: Device) -> int:
    """Sign what is prepared; the decision must grant it."""
    assert tab.path.startswith("/approve/"), tab.text
    tab.approve(device)
    assert ": granted</h1>" in tab.text, tab.text
    return index_of(tab)


def join(stand: Stand, operator: tuple[Tab, Device], number: str, role: str) -> tuple[Tab, Device]:
    """Have an organisation apply and be admitted, and sign its first administrator in."""
    tab, device = stand.tab(), stand.device()
    answers = {
        "name": f"Organisation {number[6:12]}", "country": "DE", "scheme": "lei",
        "number": number, "roles": role, "contact": "data@organisation.example",
        "statement": "We measure.\nThat is all.", "evidence": "ef" * 32,
    }  # fmt: skip
    tab.get("/apply").post("/apply", answers)
    assert "Check your answers" in tab.text
    last = {**answers, "person": "First", "at": tab.hidden("at")}
    tab.post("/apply/lodge", {**last, "response": device.register(tab.options())})
    assert tab.path.startswith("/applications/"), tab.text
    reference = re.search(r"/decisions/(\d+)\?link=", tab.text)
    assert reference is not None
    desk, key = operator
    desk.get("/desk/applications").get(f"/desk/applications/{reference.group(1)}")
    assert "data@organisation.example" in desk.text and "form and check digit hold" in desk.text
    desk.post(
        f"/desk/applications/{reference.group(1)}", {"outcome": "admit", "roles": role, **REASON}
    )
    granted(desk, key)
    tab.sign_in(device)
    assert tab.path == "/desk"
    return tab, device


def test_products_are_filed_revised_and_withdrawn(stand: Stand) -> None:
    tab, key = join(stand, stand.joined(), COAST, "provider")
    tab.get("/desk/products/new").post("/desk/products/new", {**PRODUCT, "bytes": "many"})
    assert tab.status == 422 and 'href="#bytes"' in tab.text
    assert 'value="Hourly harbour weather"' in tab.text
    tab.post("/desk/products/new", {**PRODUCT, "geography": "XX"})
    assert tab.status == 422 and 'href="#product-form"' in tab.text
    tab.post("/desk/products/new", {**PRODUCT, "amount": "cheap"})
    assert tab.status == 422 and 'href="#amount"' in tab.text
    product = granted(tab.post("/desk/products/new", PRODUCT), key)
    with stand.running.node.store.reading() as read:
        metadata = productviews.get_product(read, product).metadata
    assert metadata.pricing.amount_minor == 120_050 and metadata.pricing.currency == "EUR"
    assert metadata.geography == ("DE", "NL") and metadata.volume.bytes == 48_000_000
    assert metadata.fields[1].name == "wind" and metadata.quality is not None

    tab.get(f"/desk/products/{product}/revise")
    typed = {**PRODUCT, "title_en": "Harbour weather, hourly", "pricing_model": "free"}
    granted(tab.post(f"/desk/products/{product}/revise", typed), key)
    with stand.running.node.store.reading() as read:
        again = productviews.get_product(read, product)
    assert again.revision == 2 and again.metadata.pricing.model == "free"
    tab.get(f"/desk/products/{product}")
    assert "Harbour weather, hourly" in tab.text
    granted(tab.post(f"/desk/products/{product}/withdraw", {"reason": "Superseded."}), key)
    assert "withdrawn" in tab.get("/desk/products").text


@pytest.mark.slow
def test_rights_are_licensed_transferred_and_given_up(stand: Stand) -> None:
    operator = stand.joined()
    coast, key = join(stand, operator, COAST, "provider")
    river, other = join(stand, operator, RIVER, "buyer")
    product = granted(coast.get("/desk/products/new").post("/desk/products/new", PRODUCT), key)
    form = {
        "product": str(product), "right": "hold", "scope": "any", "territory": "WORLD",
        "from": "2026-01-01", "exclusive": "yes", "transferable": "yes", "sublicence": "yes",
    }  # fmt: skip
    coast.get(f"/desk/rights/new?product={product}").post("/desk/rights/new", form)
    assert coast.status == 422 and 'href="#evidence"' in coast.text
    right = granted(coast.post("/desk/rights/new", {**form, "evidence": "ab" * 32}), key)
    assert "Any party can object" in coast.text

    river.get(f"/rights/{right}/object")
    river.post(f"/rights/{right}/object", {"code": "prior-right", "sentence": "Mine."})
    assert river.status == 422 and 'href="#sentence"' in river.text
    river.post(
        f"/rights/{right}/object",
        {"code": "prior-right", "sentence": "The stations in the river are ours."},
    )
    objection = granted(river, other)
    desk, decider = operator
    desk.get(f"/desk/objections/{objection}")
    assert "The stations in the river are ours." in desk.text
    ruling = {**REASON, "reason_code": "prior-right-not-shown", "outcome": "dismiss"}
    granted(desk.post(f"/desk/objections/{objection}", ruling), decider)

    stand.clock[0] += 40 * 86_400
    with stand.running.node.store.reading() as read:
        closes = rightviews.due_rights(read, stand.running.clock())
    assert [act.body for act in closes] == [{"right": right}]
    stand.submit(closes[0].kind, closes[0].body)
    coast.sign_in(key)
    coast.get(f"/rights/{right}/license")
    licence = {**form, "right": "process", "to": f"lei:{RIVER}", "from": "2027-01-04"}
    licence |= {"exclusive": "", "scope": "route-planning"}
    granted(coast.post(f"/rights/{right}/license", licence), key)
    coast.get(f"/rights/{right}").post(f"/rights/{right}/transfer", {"to": "lei:nobody"})
    assert coast.status == 422 and "No party has this identifier" in coast.text
    granted(coast.post(f"/rights/{right}/transfer", {"to": f"lei:{RIVER}"}), key)
    river.sign_in(other)
    river.get(f"/rights/{right}").post(f"/rights/{right}/cancel", {"reason": "No use for it."})
    granted(river, other)
    assert "given up" in stand.tab().get(f"/rights/{right}").text
    assert (
        coast.get(f"/rights/{right}").post(f"/rights/{right}/cancel", {"reason": "x"}).status == 403
    )


def test_certificates_are_issued_taken_and_revoked(stand: Stand) -> None:
    desk, key = stand.joined()
    enrol_if_leading(stand.running)
    join(stand, (desk, key), COAST, "provider")
    desk.get("/desk/certificates/issue")
    form = {
        "kind": "provider", "subject": f"lei:{COAST}", "from": desk.hidden_date("from"),
        "until": desk.hidden_date("until"), **REASON, "reason_code": "requirements-met",
    }  # fmt: skip
    desk.post("/desk/certificates/issue", {**form, "subject": "lei:nobody"})
    assert desk.status == 422 and 'href="#subject"' in desk.text
    certificate = granted(desk.post("/desk/certificates/issue", form), key)
    stranger = stand.tab().get(f"/certificates/{certificate}")
    assert "valid today" in stranger.text
    token = stranger.get(f"/certificates/{certificate}/credential.jwt").text
    assert token.count(".") == 2
    assert "~" in stranger.get(f"/certificates/{certificate}/credential.sd-jwt").text
    desk.get(f"/certificates/{certificate}")
    ending = {**REASON, "reason_code": "requirements-ceased"}
    granted(desk.post(f"/certificates/{certificate}/revoke", ending), key)
    assert "revoked" in stranger.get(f"/certificates/{certificate}").text
    assert stranger.get("/certificates/999999").status == 404


@pytest.mark.parametrize("spelling", ["hex", "base64url", "pem"])
def test_keys_are_added_with_proof_and_revoked(stand: Stand, spelling: str) -> None:
    tab, device = join(stand, stand.joined(), COAST, "provider")
    key = key_from_seed(bytes(range(32)))
    proof = key.sign(possession_message(f"lei:{COAST}"))
    shown = {
        "hex": key.public.raw.hex(),
        "base64url": b64(key.public.raw),
        "pem": key.public.pem().decode(),
    }[spelling]
    tab.get("/desk/keys")
    assert possession_message(f"lei:{COAST}").hex() in tab.text
    wrong = key.sign(possession_message(OPERATOR))
    tab.post("/desk/keys/add", {"key": shown, "proof": wrong.hex()})
    assert tab.status == 422 and 'href="#proof"' in tab.text
    tab.post("/desk/keys/add", {"key": "nonsense", "proof": proof.hex()})
    assert tab.status == 422 and 'href="#key"' in tab.text
    granted(tab.post("/desk/keys/add", {"key": shown, "proof": proof.hex()}), device)
    with stand.running.node.store.reading() as read:
        (added,) = views.keys_of(read, f"lei:{COAST}")
    assert added.kid == key.kid.hex()
    tab.get("/desk/keys").post(f"/desk/keys/{added.kid}/revoke", {"reason": "compromised"})
    granted(tab, device)
    assert "revoked" in tab.get("/desk/keys").text


def test_every_page_of_the_desk_speaks_chinese(stand: Stand) -> None:
    tab, _key = stand.joined()
    pages = (
        "/desk", "/desk/applications", "/desk/objections", "/desk/certificates",
        "/desk/certificates/issue", "/desk/rights", "/desk/members", "/desk/keys", "/desk/acts",
    )  # fmt: skip
    assert set(DUTIES) == {"admin", "steward", "registrar", "decider"}
    for path in pages:
        tab.get(f"{path}?lang=zh")
        assert tab.status == 200 and 'lang="zh-Hans"' in tab.text, path
        heading = re.search(r"<h1>(.*?)</h1>", tab.text)
        assert heading is not None and re.search(r"[\u4e00-\u9fff]", heading.group(1)), path
