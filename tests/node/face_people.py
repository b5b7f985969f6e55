"""People without a browser: a node, a tab that keeps cookies and forms, a device with a passkey."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from litestar.testing import TestClient

from entrepot.kernel.acts import new_act_id, sign_act
from entrepot.kernel.home import system_clock
from entrepot.kernel.keys import Algorithm, Kid, PublicKey
from entrepot.kernel.sequencer import Answer
from entrepot.node.api.buckets import Buckets
from entrepot.node.app import make_app
from entrepot.node.face.invitations import make_invitation
from entrepot.node.face.tries import LIMITS
from entrepot.node.running import Running, open_running
from entrepot.node.settings import read_settings


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """An authenticator in software with one passkey; what it says can be bent to test refusals."""

    origin: str
    site: str
    secret: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )
    credential_id: bytes = field(default_factory=lambda: os.urandom(32))
    flags: int = 0x05

    @property
    def point(self) -> bytes:
        numbers = self.secret.public_key().public_numbers()
        return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")

    @property
    def kid(self) -> Kid:
        return PublicKey(Algorithm.ES256, self.point).kid

    def _client_data(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _header(self, flags: int) -> bytes:
        return hashlib.sha256(self.site.encode()).digest() + bytes([flags]) + bytes(4)

    def register(self, options: dict[str, Any], **bent: Any) -> str:
        """Answer a creation (WebAuthn 6.5.4, attestation `none`)."""
        point = self.point
        key = {1: 2, 3: bent.get("alg", -7), -1: 1, -2: point[1:33], -3: point[33:]}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self._header(self.flags | 0x40) + attested + cbor2.dumps(key)
        challenge = bent.get("challenge", options["challenge"])
        response = {
            "clientDataJSON": b64(self._client_data("webauthn.create", challenge)),
            "attestationObject": b64(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})),
        }
        return json.dumps(
            {
                "id": b64(self.credential_id),
                "rawId": b64(self.credential_id),
                "type": "public-key",
                "response": response,
                "clientExtensionResults": {},
            }
        )

    def sign(self, options: dict[str, Any], **bent: Any) -> str:
        """Answer a request for an assertion (WebAuthn 6.3.3)."""
        challenge = bent.get("challenge", options["challenge"])
        client_data = self._client_data(bent.get("type", "webauthn.get"), challenge)
        header = self._header(self.flags)
        signed = header + hashlib.sha256(client_data).digest()
        return json.dumps(
            {
                "credentialId": b64(self.credential_id),
                "authenticatorData": b64(header),
                "clientData": b64(client_data),
                "signature": b64(self.secret.sign(signed, ec.ECDSA(SHA256()))),
            }
        )


@dataclass
class Tab:
    """One browser: cookies, the page that is open, its forms."""

    client: TestClient[Any]
    origin: str
    cookies: dict[str, str] = field(default_factory=dict)
    text: str = ""
    status: int = 0
    path: str = ""

    def get(self, path: str) -> Tab:
        return self._keep(path, self.client.get(path, headers=self._headers(), **_STAY))

    def post(self, path: str, fields: dict[str, Any] | None = None, **bent: str) -> Tab:
        """Send a form as the open page would: its token, its origin."""
        given = {"csrf": self.token(), **(fields or {})}
        headers = {**self._headers(), "origin": self.origin, "sec-fetch-site": "same-origin"}
        return self._keep(
            path, self.client.post(path, data=given, headers={**headers, **bent}, **_STAY)
        )

    def _headers(self) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"cookie": cookies, "accept": "text/html"}

    def _keep(self, path: str, answer: httpx.Response) -> Tab:
        for header in answer.headers.get_list("set-cookie"):
            name, _, rest = header.partition("=")
            value = rest.partition(";")[0]
            if "Max-Age=0" in header:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value
        self.client.cookies.clear()
        if answer.status_code == 303:
            return self.get(answer.headers["location"])
        self.text, self.status, self.path = answer.text, answer.status_code, path
        return self

    def token(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{128})"', self.text)
        return found.group(1) if found else "0" * 128

    def hidden(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found is not None, f"{name} is not on {self.path}"
        return html.unescape(found.group(1))

    def hidden_date(self, name: str) -> str:
        """Return the day that a date field is filled in with."""
        found = re.search(rf'name="{name}" type="date" value="([0-9-]+)"', self.text)
        assert found is not None, f"{name} is not on {self.path}"
        return found.group(1)

    def options(self) -> dict[str, Any]:
        found = re.search(r'data-options="([^"]*)"', self.text)
        assert found is not None, f"no passkey is asked for on {self.path}: {self.text[:2000]}"
        read: dict[str, Any] = json.loads(html.unescape(found.group(1)))
        return read

    def sign_in(self, device: Device, **bent: Any) -> Tab:
        self.get("/sign-in")
        return self.post(
            "/sign-in",
            {"at": self.hidden("at"), "response": device.sign(self.options(), **bent)},
        )

    def join(self, token: str, device: Device, name: str = "Night desk", **bent: Any) -> Tab:
        self.get("/join")
        self.post("/join", {"token": token})
        if self.status != 200:
            return self
        fields = {
            "token": token,
            "name": name,
            "at": self.hidden("at"),
            "response": device.register(self.options(), **bent),
        }
        return self.post("/join/register", fields)

    def approve(self, device: Device) -> Tab:
        """Sign what is prepared on the page that is open."""
        return self.post(self.path, {"response": device.sign(self.options())})


_STAY: dict[str, Any] = {"follow_redirects": False}


ORIGIN = "http://exchange.localhost:8600"
SITE = "exchange.localhost"
OPERATOR = "lei:984500ENTREPOTOPER85"
DUTIES = ("admin", "steward", "registrar", "decider")


@dataclass
class Stand:
    running: Running
    client: TestClient[Any]
    clock: list[int]

    def tab(self) -> Tab:
        return Tab(self.client, ORIGIN)

    def device(self, **bent: Any) -> Device:
        return Device(**{"origin": ORIGIN, "site": SITE, **bent})

    def invite(self, *duties: str, first: bool = False) -> str:
        store = self.running.node.store
        return make_invitation(store, OPERATOR, duties, now=self.running.clock(), first=first)

    def submit(self, kind: str, body: dict[str, Any]) -> Answer:
        """Submit an act signed by the node's own key."""
        running = self.running
        act = sign_act(
            running.node.party, kind, body, issued_at=running.clock(), act_id=new_act_id()
        )
        (answer,) = running.intake.submit_now([act])
        assert isinstance(answer, Answer), answer
        return answer

    def joined(self) -> tuple[Tab, Device]:
        """Seat the operator's first member, signed in."""
        tab, device = self.tab(), self.device()
        tab.join(self.invite(*DUTIES, first=True), device, "Harbour master")
        assert tab.path == "/desk", tab.text
        return tab, device

    @property
    def size(self) -> int:
        return self.running.node.log.size


def founded(tmp_path: Path, four_eyes: list[str]) -> Iterator[Stand]:
    shift = [0]
    settings_ = read_settings(
        environment={}, given={"home": str(tmp_path / "home"), "http.public_url": ORIGIN}
    )
    with open_running(settings_, clock=lambda: system_clock() + shift[0]) as running:
        body = {
            "name": "Harbour Exchange",
            "identifier": {"scheme": "lei", "value": OPERATOR[4:]},
            "country": "SG",
            "key": running.node.party.public.raw,
            "four_eyes": four_eyes,
        }
        act = sign_act(
            running.node.party,
            "found-registry",
            body,
            issued_at=running.clock(),
            act_id=new_act_id(),
        )
        (answer,) = running.intake.submit_now([act])
        assert isinstance(answer, Answer)
        with TestClient(make_app(running), base_url=ORIGIN) as client:
            client.app.state["face_tries"] = {what: Buckets(0, 1) for what in LIMITS}
            yield Stand(running, client, shift)
