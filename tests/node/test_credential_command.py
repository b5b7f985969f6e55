"""`entrepot credential`: files in, an answer and an exit code out."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "registry"))

from registry_toy import NORTH, Clock, found_and_admit, granted

from entrepot.kernel.errors import Error, InvalidInput, NotFound, VerificationError
from entrepot.node.commands.credential import command
from entrepot.registry import acts
from entrepot.registry.acts import ReasonGiven, Term
from entrepot.registry.credentials import credential_source, sd_jwt_vc, vc_jwt
from entrepot.registry.deadlines import day_of
from entrepot.registry.issuing import enrol_issuing_key, load_issuing_key
from entrepot.registry.statuslists import bitstring_list, status_snapshot

URL = "https://node.example"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files as a stranger has them: credentials, keys, lists before and after a revocation."""
    now = int(time.time())
    toy = found_and_admit(tmp_path / "home", clock=Clock(now))
    node = toy.node
    key = load_issuing_key(node.home)
    enrol_issuing_key(node, key, issued_at=now)
    term = Term(day_of(now).isoformat(), day_of(now + 86_400 * 300).isoformat())
    body = acts.Issue("trading", NORTH, term)
    index = granted(toy.approve(toy.registrar, acts.ISSUE, body)).index
    source = credential_source(node, index, key.public)
    files = {
        "vc": vc_jwt(source, key, URL, now=now),
        "sd": sd_jwt_vc(source, key, URL, now=now, entropy=os.urandom),
        "keys": node.signer.keys.text(),
        "issuer": key.public.pem().decode(),
    }
    proof = source.issuing_key
    for name in ("before", "after"):
        snapshot = toy.read(status_snapshot, node.log)
        files[name] = bitstring_list(key, URL, snapshot, now=now, key_proof=proof)
        if name == "before":
            reason = ReasonGiven("error", "Rules of the registry, 12", "Issued in error.")
            granted(toy.approve(toy.registrar, acts.REVOKE, acts.Revoke(index, reason)))
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    node.close()
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, arguments, standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def test_verify_says_valid_revoked_or_fails(folder: Path) -> None:
    keys = ["--log-keys", str(folder / "keys")]
    code, text = run("verify", str(folder / "vc"), *keys)
    assert code == 0 and NORTH in text and "revocation is not checked" in text
    code, text = run("verify", str(folder / "vc"), *keys, "--status-list", str(folder / "before"))
    assert code == 0 and "valid" in text
    code, text = run(
        "verify", str(folder / "vc"), *keys, "--status-list", str(folder / "after"), "--json"
    )
    assert code == 1 and json.loads(text)["status"] == "revoked"
    code, text = run("verify", str(folder / "sd"), "--issuer-key", str(folder / "issuer"))
    assert code == 0 and "alone answers" in text
    with pytest.raises(VerificationError):
        run("verify", str(folder / "vc"))
    with pytest.raises(NotFound):
        run("verify", str(folder / "none"), *keys)
    (folder / "big").write_bytes(b"x" * 600_000)
    with pytest.raises(InvalidInput):
        run("verify", str(folder / "big"), *keys)
    with pytest.raises(Error):
        run("verify", str(folder / "vc"), "--log-keys", str(folder / "vc"))


def test_present_discloses_what_is_named_and_binds_it(folder: Path) -> None:
    _, shown = run("present", str(folder / "sd"), "--show", "country")
    (folder / "shown").write_text(shown)
    code, text = run(
        "verify", str(folder / "shown"), "--issuer-key", str(folder / "issuer"), "--json"
    )
    found = json.loads(text)
    assert code == 0 and found["claims"]["country"] == "DE" and found["party"] is None
    assert "name" not in found["claims"]
    holder = folder / "north.pem"
    secret = Ed25519PrivateKey.from_private_bytes(b"North".ljust(32, b"."))
    holder.write_bytes(secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    holder.chmod(0o600)
    with pytest.raises(InvalidInput):
        run("present", str(folder / "sd"), "--key", str(holder))
    question = ["--audience", "https://buyer.example", "--nonce", "n-7"]
    _, bound = run("present", str(folder / "sd"), "--key", str(holder), *question)
    (folder / "bound").write_text(bound)
    check = ["verify", str(folder / "bound"), "--issuer-key", str(folder / "issuer")]
    assert run(*check, *question)[0] == 0
    with pytest.raises(VerificationError):
        run(*check, "--audience", "https://buyer.example", "--nonce", "n-8")
    with pytest.raises(VerificationError):
        run("verify", str(folder / "shown"), *check[2:], *question)
