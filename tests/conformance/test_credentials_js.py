"""Foreign JavaScript libraries verify our credentials: jose, @sd-jwt, @digitalbazaar, jsonld.

They are not shipped. `npm install` in a copy of `credentials_js/`, then name that folder in
CONFORMANCE_CREDENTIALS_JS; without it the test is skipped and says so.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "registry"))

from registry_toy import NORTH, Clock, found_and_admit, granted, party_key

from entrepot.registry import acts, sdjwt
from entrepot.registry.acts import ReasonGiven, Term
from entrepot.registry.credentials import (
    CONTEXT_PATH,
    context_document,
    credential_source,
    sd_jwt_vc,
    vc_jwt,
)
from entrepot.registry.deadlines import day_of
from entrepot.registry.issuing import enrol_issuing_key, load_issuing_key
from entrepot.registry.jws import jwk
from entrepot.registry.statuslists import bitstring_list, status_snapshot, token_list, token_uri

URL = "https://node.example"
FOLDER = Path(__file__).parent / "credentials_js"
MODULES = "CONFORMANCE_CREDENTIALS_JS"


def given(home: Path, now: int) -> dict[str, object]:
    """A valid and a revoked certificate in both forms, the lists, and the keys to judge them."""
    toy = found_and_admit(home, clock=Clock(now))
    node = toy.node
    key = load_issuing_key(home)
    enrol_issuing_key(node, key, issued_at=now)
    term = Term(day_of(now).isoformat(), day_of(now + 86_400 * 300).isoformat())
    made: dict[str, object] = {}
    indices = {
        name: granted(
            toy.approve(toy.registrar, acts.ISSUE, acts.Issue("trading", NORTH, term))
        ).index
        for name in ("valid", "revoked")
    }
    reason = ReasonGiven("error", "Rules of the registry, 12", "Issued in error.")
    granted(toy.approve(toy.registrar, acts.REVOKE, acts.Revoke(indices["revoked"], reason)))
    for name, index in indices.items():
        source = credential_source(node, index, key.public)
        made[f"{name}_vc"] = vc_jwt(source, key, URL, now=now)
        made[f"{name}_shown"] = sdjwt.present(
            sd_jwt_vc(source, key, URL, now=now, entropy=os.urandom),
            ["name", "country"],
            holder=party_key("North"),
            audience="https://buyer.example",
            nonce="n-1",
            at=now,
        )
    snapshot = toy.read(status_snapshot, node.log)
    node.close()
    return made | {
        "bitstring": bitstring_list(key, URL, snapshot, now=now),
        "tokens": token_list(key, URL, snapshot, now=now),
        "token_uri": token_uri(URL, 0),
        "jwk": jwk(key.public),
        "context": context_document(),
        "context_url": URL + CONTEXT_PATH,
    }


def test_javascript_libraries_verify_credentials_and_lists(tmp_path: Path) -> None:
    node = shutil.which("node")
    modules = os.environ.get(MODULES, "")
    if node is None or not (Path(modules) / "node_modules" / "jose").is_dir():
        pytest.skip(f"no node, or {MODULES} names no folder with the libraries installed")
    shutil.copy(FOLDER / "check.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to((Path(modules) / "node_modules").resolve())
    (tmp_path / "given.json").write_text(json.dumps(given(tmp_path / "home", int(time.time()))))
    ran = subprocess.run(
        [node, "check.mjs", "given.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2_000:]
    found = json.loads(ran.stdout)
    assert found.pop("jsonld valid_vc") > 30 and found.pop("jsonld bitstring") > 10
    assert found == {
        "jose valid_vc": "vc+jwt",
        "jose revoked_vc": "vc+jwt",
        "jose bitstring": "vc+jwt",
        "jose tokens": "statuslist+jwt",
        "sd-jwt valid": "North DE false",
        "sd-jwt revoked": "status 1",
        "bitstring valid_vc": False,
        "bitstring revoked_vc": True,
    }
