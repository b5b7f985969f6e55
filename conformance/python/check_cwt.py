"""Hold acts, receipts and SCRAPI against `cwt`, a COSE library of others.

    python check_cwt.py SUBJECT.json    prints one JSON object per check; exit 1 when one fails

Runs in an environment of its own that has nothing of this project. What RFC 9942 and RFC 9162 ask
beyond COSE (the root from the path) is written here by the words of the standards.
"""

import hashlib
import importlib.metadata
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import cbor2
from cwt import COSE, COSEKey
from cwt.exceptions import CWTError

VERSION = importlib.metadata.version("cwt")
VDP, INCLUSION = 396, -1
KTY, KID, ALG, CRV, X, D = 1, 2, 3, -1, -2, -4
CONTENT = b"a bill of materials"
COSE_TYPE = "application/cose"


def report(checked, held, rejected):
    """Print one finding."""
    line = {"client": "cwt", "version": VERSION, "checked": checked}
    print(json.dumps({**line, "held": held, "rejected": rejected}))


def ed25519(raw, kid=None, *, secret=None):
    """Return a COSE key from raw bytes."""
    fields = {KTY: 1, ALG: -8, CRV: 6, X: raw}
    fields |= {KID: kid} if kid else {}
    fields |= {D: secret} if secret else {}
    return COSEKey.new(fields)


def root_of(entry, proof):
    """Return the root that a path of RFC 9162 section 2.1.3.2 leads to from an entry."""
    size, index, path = cbor2.loads(proof)
    found = hashlib.sha256(b"\0" + entry).digest()
    at, last = index, size - 1
    for item in path:
        if at & 1 or at == last:
            found = hashlib.sha256(b"\1" + item + found).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + item).digest()
        at, last = at >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return found


def accepts(message, key, detached=None):
    """Say whether the library accepts a signature."""
    try:
        COSE.new().decode(message, key, detached_payload=detached)
    except (CWTError, ValueError):  # the library raises both for what it does not accept
        return False
    return True


def receipt_holds(receipt, entry, key):
    """Say whether a receipt of RFC 9942 is for this entry."""
    unprotected = cbor2.loads(receipt).value[1]
    return accepts(receipt, key, root_of(entry, unprotected[VDP][INCLUSION][0]))


def changed(raw, at=-1):
    """Return the bytes with one bit changed."""
    found = bytearray(raw)
    found[at] ^= 1
    return bytes(found)


def check_acts(acts):
    """Acts are COSE_Sign1 messages of their issuers."""
    held = rejected = 0
    for act, raw, kid in acts:
        message, key = bytes.fromhex(act), ed25519(bytes.fromhex(raw), bytes.fromhex(kid))
        held += accepts(message, key)
        payload_at = len(message) - 64 - 10
        rejected += not accepts(changed(message), key)
        rejected += not accepts(changed(message, payload_at), key)
    assert (held, rejected) == (len(acts), 2 * len(acts)), (held, rejected)
    report("acts: signatures (COSE_Sign1, RFC 9052)", held, rejected)


def check_receipts(receipts, key):
    """Receipts are signatures over the root that the path leads to."""
    held = rejected = 0
    for receipt, entry in receipts:
        raw, leaf = bytes.fromhex(receipt), bytes.fromhex(entry)
        held += receipt_holds(raw, leaf, key)
        rejected += not receipt_holds(raw, leaf + b"\0", key)
        rejected += not receipt_holds(changed(raw, -5), leaf, key)
    assert (held, rejected) == (len(receipts), 2 * len(receipts)), (held, rejected)
    report("receipts: signature over the recomputed root (RFC 9942)", held, rejected)


def statement(party, *, digest, subject="product"):
    """Sign a statement with a hash envelope (RFC 9943)."""
    kid = bytes.fromhex(party["kid"])
    key = ed25519(bytes.fromhex(party["x"]), kid, secret=bytes.fromhex(party["d"]))
    claims = {1: party["issuer"], 2: subject, 6: int(time.time())}
    protected = {1: -8, 4: kid, 15: claims, 258: -16, 259: "text/plain"}
    return COSE.new().encode_and_sign(digest, key, protected=protected, unprotected={})


def asked(url, body=None):
    """Return status, content type, location and body of an answer."""
    headers = {"Content-Type": COSE_TYPE} if body else {}
    request = urllib.request.Request(url, data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            kind, place = answer.headers["Content-Type"], answer.headers["Location"]
            return answer.status, kind, place, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], None, error.read()


def check_scrapi(subject, key):
    """Register a statement of ours at /entries; return statement and receipt, both hex."""
    url, party = subject["url"], subject["party"]
    raw = statement(party, digest=hashlib.sha256(CONTENT).digest())
    status, kind, place, receipt = asked(url + "entries", raw)
    assert (status, kind) == (201, COSE_TYPE), (status, kind, receipt)
    assert receipt_holds(receipt, raw, key)
    assert not receipt_holds(receipt, changed(raw), key)
    again = asked(place)
    assert again[0] == 200 and receipt_holds(again[3], raw, key)
    repeated = asked(url + "entries", raw)
    assert repeated[0] == 201 and repeated[2] == place
    rejected = 1 + refused_statements(url, party, raw)
    report("SCRAPI: statement to /entries, receipt, locator, published keys", 3, rejected)
    return [raw.hex(), receipt.hex()]


def refused_statements(url, party, raw):
    """Send what must not be registered; return how many were refused in SCRAPI's words."""
    digest = hashlib.sha256(b"another").digest()
    tag = cbor2.loads(raw)
    head, _, payload, signature = tag.value
    wrong = (
        changed(raw),
        cbor2.dumps(cbor2.CBORTag(18, [head, {}, None, signature])),
        statement({**party, "issuer": "https://another.example"}, digest=digest),
        statement({**party, "kid": "00" * 32}, digest=digest),
        raw[:-1],
        cbor2.dumps(cbor2.CBORTag(18, [cbor2.dumps({1: -35}), {}, payload, signature])),
    )
    for message in wrong:
        status, kind, _, body = asked(url + "entries", message)
        assert 400 <= status < 500, (status, body)
        assert kind == "application/concise-problem-details+cbor", kind
        assert set(cbor2.loads(body)) == {-1, -2}, body
    return len(wrong)


def main():
    """Run the checks; leave what was registered for another verifier beside the subject."""
    path = Path(sys.argv[1])
    subject = json.loads(path.read_text())
    (published,) = cbor2.loads(asked(subject["url"] + ".well-known/scitt-keys")[3])
    assert published[X].hex() == subject["log_key"], "the key is the one that was pinned"
    key = ed25519(published[X], published[KID])
    check_acts(subject["acts"])
    check_receipts(subject["receipts"], key)
    registered = check_scrapi(subject, key)
    path.with_name("registered.json").write_text(json.dumps(registered))


if __name__ == "__main__":
    main()
