"""COSE receipts (RFC 9942): verified by us byte by byte, and by scitt-cose, a foreign verifier."""

import cbor2
import pytest
import scitt_cose
from scitt_cose.merkle import verify_consistency as foreign_consistency

from entrepot.kernel.acts import ActId, sign_act
from entrepot.kernel.cose import assemble, parse_sign1
from entrepot.kernel.encoding import encode
from entrepot.kernel.errors import InvalidInput, VerificationError
from entrepot.kernel.keys import key_from_seed
from entrepot.kernel.merkle import consistency_path, inclusion_path, root_of
from entrepot.kernel.receipt import VDP, issue_receipt, sign_tree, verify_receipt
from entrepot.kernel.tiles import Edge, TileTree

KEY = key_from_seed(b"\x01" * 32)
ORIGIN = "log.example/one"
SIZE = 1000
ENTRIES = [b"entry %d" % i for i in range(SIZE)]
EDGE, FILES = Edge().append(ENTRIES)
TREE = TileTree(SIZE, FILES.get)


def receipt(index: int, size: int = SIZE) -> bytes:
    tree = (
        TileTree(size, FILES.get)
        if size == SIZE
        else TileTree(size, Edge().append(ENTRIES[:size])[1].get)
    )
    signed = sign_tree(KEY, ORIGIN, size, root_of(size, tree.node_at))
    return issue_receipt(signed, index, inclusion_path(index, size, tree.node_at))


@pytest.mark.parametrize("index", [0, 1, 255, 256, 511, 999])
def test_scitt_cose_accepts_our_receipts_and_no_forged_ones(index: int) -> None:
    pem = KEY.public.pem()
    found = scitt_cose.verify_receipt(
        receipt(index), leaf_entry_hex=ENTRIES[index].hex(), log_public_key_pem=pem
    )
    assert found.ok, found.errors
    forged = scitt_cose.verify_receipt(
        receipt(index), leaf_entry_hex=b"forged".hex(), log_public_key_pem=pem
    )
    assert not forged.ok
    other = key_from_seed(b"\x02" * 32).public.pem()
    wrong_key = scitt_cose.verify_receipt(
        receipt(index), leaf_entry_hex=ENTRIES[index].hex(), log_public_key_pem=other
    )
    assert not wrong_key.ok


@pytest.mark.parametrize(("old", "new"), [(1, 1000), (256, 1000), (700, 1000), (999, 1000)])
def test_scitt_cose_accepts_our_consistency_proofs(old: int, new: int) -> None:
    path = [item.hex() for item in consistency_path(old, new, TREE.node_at)]
    roots = [root_of(n, TREE.node_at) for n in (old, new)]
    assert foreign_consistency(roots[0].hex(), roots[1].hex(), old, new, path)
    assert not foreign_consistency(roots[1].hex(), roots[1].hex(), old, new, path)


def test_scitt_cose_reads_our_acts_as_signed_statements() -> None:
    act = sign_act(KEY, "clear-shipment", {"n": 1}, issued_at=5, act_id=ActId(b"\x05" * 16))
    found = scitt_cose.parse_signed_statement(act, public_key_pem=KEY.public.pem())
    assert found["signature_verified"] is True
    assert found["issuer"].startswith("urn:ietf:params:oauth:ckt:sha-256:")
    assert found["subject"] == "clear-shipment"
    changed = act[:-1] + bytes([act[-1] ^ 1])
    bad = scitt_cose.parse_signed_statement(changed, public_key_pem=KEY.public.pem())
    assert bad["signature_verified"] is False


def test_our_receipts_verify_and_name_their_place() -> None:
    found = verify_receipt(receipt(257), ENTRIES[257], KEY.public, origin=ORIGIN)
    assert (found.index, found.size, found.root) == (257, SIZE, EDGE.root)
    with pytest.raises(VerificationError, match="another log"):
        verify_receipt(receipt(257), ENTRIES[257], KEY.public, origin="log.example/two")
    with pytest.raises(VerificationError):
        verify_receipt(receipt(257), ENTRIES[258], KEY.public)
    with pytest.raises(VerificationError):
        verify_receipt(receipt(257), ENTRIES[257], key_from_seed(b"\x02" * 32).public)


def test_every_changed_byte_of_a_receipt_is_rejected() -> None:
    whole = receipt(257)
    for at in range(len(whole)):
        for flip in (1, 0x20, 0x80):
            changed = whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
            with pytest.raises(VerificationError):
                verify_receipt(changed, ENTRIES[257], KEY.public)


def test_the_tree_size_is_signed_too() -> None:
    """RFC 9942 alone would accept size 7 for index 5 of size 8: path and root are the same."""
    message = parse_sign1(receipt(5, 8), unprotected_allowed=(VDP,))
    [proof] = message.unprotected[VDP][-1]  # type: ignore[index]
    size, index, path = cbor2.loads(proof)
    assert (size, index) == (8, 5)
    moved = {VDP: {-1: [encode([7, index, path])]}}
    forged = assemble(message.protected_bytes, moved, None, message.signature)
    foreign = scitt_cose.verify_receipt(
        forged, leaf_entry_hex=ENTRIES[5].hex(), log_public_key_pem=KEY.public.pem()
    )
    assert foreign.ok, "the general rule does not notice"
    with pytest.raises(VerificationError, match="tree size"):
        verify_receipt(forged, ENTRIES[5], KEY.public)


def test_no_receipt_at_size_one_and_none_with_attached_payload() -> None:
    with pytest.raises(InvalidInput):
        sign_tree(KEY, ORIGIN, 1, EDGE.root)
    message = parse_sign1(receipt(5), unprotected_allowed=(VDP,))
    attached = assemble(
        message.protected_bytes, {VDP: message.unprotected[VDP]}, EDGE.root, message.signature
    )
    with pytest.raises(VerificationError, match="detached"):
        verify_receipt(attached, ENTRIES[5], KEY.public)


@pytest.mark.parametrize(
    "proofs",
    [
        {},
        {-2: []},
        {-1: []},
        {-1: [b""]},
        {-1: ["x"]},
        {-1: 5},
        {-1: [encode([8, 5])]},
        {-1: [encode([8, 5, []])]},
        {-1: [encode([8, True, [b"\x00" * 32]])]},
        {-1: [encode([8, 5, ["x"]])]},
        {-1: [encode([8, 5, 3])]},
        {-1: [b"", b""]},
    ],
)
def test_malformed_proofs_are_rejected(proofs: object) -> None:
    message = parse_sign1(receipt(5), unprotected_allowed=(VDP,))
    bad = assemble(message.protected_bytes, {VDP: proofs}, None, message.signature)
    with pytest.raises(VerificationError):
        verify_receipt(bad, ENTRIES[5], KEY.public)
