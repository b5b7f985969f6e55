"""Python: scitt-cose and sd-jwt from the test environment; cwt and aics-tlog in their own.

The last two want other versions than this project does, of cbor2 and of Python. pip installs them
in an environment that ends with the run; where it cannot, they are skipped.
"""

from __future__ import annotations

import base64
import importlib.metadata
import importlib.util
import json
import shutil
import subprocess
import sys
from types import ModuleType

from findings import Finding, Skipped, run_tool
from subject import HERE, HOLDER_SEED, SAMPLES, Subject, fetched
from with_javascript import AUDIENCE, DISCLOSED, NONCE, shown

from entrepot.kernel.home import Node, open_node
from entrepot.kernel.keys import kid_urn
from entrepot.node.installed import installed
from entrepot.registry.issuing import load_issuing_key
from entrepot.registry.jws import jwk

SOURCES = HERE / "python"
INSTALL_TIMEOUT_S = 120


def scitt_cose() -> ModuleType:
    """Return the library, or say that it is not there."""
    if importlib.util.find_spec("scitt_cose") is None:
        raise Skipped("the Python package scitt-cose is not installed (make dev)")
    import scitt_cose as found

    return found


def receipts_by_scitt_cose(subject: Subject) -> list[Finding]:
    """scitt-cose verifies receipts over entries, and reads our acts as Signed Statements."""
    module = scitt_cose()
    held = rejected = 0
    with open_node(subject.home, institutions=installed()) as node:
        pem = node.signer.ed25519.public.pem()
        for receipt, entry in sampled(node):
            held += verified(module, receipt, entry, pem)
            rejected += not verified(module, receipt, entry + b"\0", pem)
    if held != rejected:
        raise RuntimeError(f"scitt-cose: {held} held, {rejected} forgeries rejected")
    version = importlib.metadata.version("scitt-cose")
    return [Finding("scitt-cose", version, "receipts over entries (RFC 9942)", held, rejected)]


def verified(module: ModuleType, receipt: bytes, leaf: bytes, pem: bytes) -> bool:
    """Return scitt-cose's verdict on one receipt."""
    try:
        found = module.verify_receipt(receipt, leaf_entry_hex=leaf.hex(), log_public_key_pem=pem)
    except Exception:  # noqa: BLE001 - a foreign library may also refuse by an exception
        return False
    return bool(found.ok)


def sampled(node: Node) -> list[tuple[bytes, bytes]]:
    """Return receipts with the entries they are for, from all over the log."""
    tree = node.log.tree()
    indices = range(1, node.log.size, max(1, node.log.size // SAMPLES))
    return [(node.log.receipt(index), tree.entry(index)) for index in indices]


def credentials_by_sd_jwt(subject: Subject) -> list[Finding]:
    """sd-jwt (OpenWallet Foundation) verifies a presentation that is bound to its holder."""
    if importlib.util.find_spec("sd_jwt") is None:
        raise Skipped("the Python package sd-jwt is not installed (make dev)")
    from jwcrypto.jwk import JWK
    from sd_jwt.verifier import SDJWTVerifier

    class EdDsaVerifier(SDJWTVerifier):  # type: ignore[misc]
        """The library takes ES256 for key bindings unless told."""

        def _verify_key_binding_jwt(self, audience: str, nonce: str) -> None:
            super()._verify_key_binding_jwt(audience, nonce, sign_alg="EdDSA")

    issuer = JWK(**jwk(load_issuing_key(subject.home).public))
    compact = shown(subject, subject.certificates["valid"])

    def claims(text: str, nonce: str = NONCE) -> dict[str, object]:
        checker = EdDsaVerifier(text, lambda *_: issuer, AUDIENCE, nonce)
        return dict(checker.get_verified_payload())

    found = claims(compact)
    if not set(DISCLOSED) <= set(found) or "party" in found:
        raise RuntimeError(f"sd-jwt read other claims: {sorted(found)}")
    parts = compact.split("~")
    moved = parts[0][:-2] + ("AA" if parts[0][-2:] != "AA" else "BB")
    forgeries = [("~".join([moved, *parts[1:]]), NONCE), (compact, "n-2")]
    for text, nonce in forgeries:
        try:
            claims(text, nonce)
        except Exception:  # noqa: BLE001 - any refusal of the foreign library will do
            continue
        raise RuntimeError("sd-jwt accepts a forged presentation")
    version = importlib.metadata.version("sd-jwt")
    checked = "SD-JWT over HTTP: issuer's signature, disclosures, key binding"
    return [Finding("sd-jwt", version, checked, 1, len(forgeries))]


def environment(subject: Subject, python: str, name: str) -> str:
    """Make an environment with the pinned packages of one checker; return its interpreter."""
    folder = subject.folder / f"venv-{name}"
    interpreter = str(folder / "bin" / "python")
    wanted = str(SOURCES / f"requirements-{name}.txt")
    pip = [sys.executable, "-m", "pip", "--python", interpreter, "install", "-q", "--no-compile"]
    for command in (
        [python, "-m", "venv", "--without-pip", str(folder)],
        [*pip, "--only-binary", ":all:", "-r", wanted],
    ):
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_TIMEOUT_S
            )
        except subprocess.TimeoutExpired:
            raise Skipped(f"its packages took longer than {INSTALL_TIMEOUT_S} s to come") from None
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["no word"]
            raise Skipped(f"its packages cannot be had: {said[-1][:200]}")
    return interpreter


def by_cwt(subject: Subject) -> list[Finding]:
    """cwt verifies acts and receipts and goes through SCRAPI."""
    interpreter = environment(subject, sys.executable, "cwt")
    path = subject.folder / "cose.json"
    path.write_text(json.dumps(given_cose(subject)))
    found = run_tool([interpreter, str(SOURCES / "check_cwt.py"), str(path)])
    statement, receipt = json.loads(path.with_name("registered.json").read_text())
    return [*found, *registered_by_scitt_cose(subject, statement, receipt)]


def given_cose(subject: Subject) -> dict[str, object]:
    """Return acts, receipts as the node serves them, and a party's key for a COSE library."""
    size = int(fetched(subject.url + "log/checkpoint").split(b"\n")[1])
    receipts = []
    for index in range(1, size, max(1, size // SAMPLES)):
        place = f"{subject.url}acts/{index}"
        parts = [fetched(f"{place}/{part}").hex() for part in ("receipt", "entry")]
        receipts.append(parts)
    public = subject.holder.public
    return {
        "url": subject.url,
        "log_key": base64.b64decode(subject.vkey.split("+", 2)[2])[1:].hex(),
        "acts": [[act.hex(), key.raw.hex(), key.kid.hex()] for act, key in subject.acts],
        "receipts": receipts,
        "party": {
            "kid": public.kid.hex(),
            "x": public.raw.hex(),
            "d": HOLDER_SEED.hex(),
            "issuer": kid_urn(public.kid),
        },
    }


def registered_by_scitt_cose(subject: Subject, statement: str, receipt: str) -> list[Finding]:
    """scitt-cose verifies the receipt that POST /entries gave over the statement of another."""
    module = scitt_cose()
    raw, leaf = bytes.fromhex(receipt), bytes.fromhex(statement)
    pem = (subject.home / "keys" / "operator.pub").read_bytes()
    if not verified(module, raw, leaf, pem) or verified(module, raw, leaf + b"\0", pem):
        raise RuntimeError("scitt-cose and the receipt of POST /entries do not agree")
    version = importlib.metadata.version("scitt-cose")
    return [Finding("scitt-cose", version, "receipt of POST /entries over the statement", 1, 1)]


def by_aics_tlog(subject: Subject) -> list[Finding]:
    """aics-tlog audits the log over HTTP."""
    python = modern_python()
    interpreter = environment(subject, python, "aics")
    path = subject.folder / "aics.json"
    content = {
        "url": subject.url,
        "vkey": subject.vkey,
        "checkpoints": [item.read_text() for item in subject.checkpoints],
    }
    path.write_text(json.dumps(content))
    return run_tool([interpreter, str(SOURCES / "check_aics.py"), str(path)])


def modern_python() -> str:
    """Return a Python of 3.12 or later, or say that there is none."""
    for name in ("python3.12", "python3.13", "python3.14"):
        found = shutil.which(name)
        if found and not subprocess.run([found, "-c", ""], capture_output=True).returncode:
            return found
    raise Skipped("aics-tlog needs Python 3.12 or later on PATH")
