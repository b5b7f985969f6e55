"""Another spelling of a recipient starts no new count; two recipients stay two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.kernel.errors import InvalidInput
from entrepot.port.clear.recipients import (
    Known,
    are_near,
    hashes_of,
    id_hash,
    linked,
    party_id,
    recipient_hash,
)

LEI = "lei:XXEX00TESTNODE000128"
USCC = "uscc:91110000MA00EXAMP5"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Beispiel GmbH", "BEISPIEL  G.m.b.H."),
        ("Beispiel GmbH", "B\u0435ispiel GmbH"),  # a Cyrillic letter
        ("Beispiel GmbH", "Beispeil GmbH"),
        ("Beispiel GmbH", "Beispiell AG"),
        ("Bei-Spiel GmbH", "Beispiel GmbH"),
        ("Müller & Co KG", "Mueller und Co"),
        ("Example Trading Company Limited", "The Example Trading Co., Ltd."),
        ("Trading Example Ltd", "Example Trading Ltd"),
        ("北京示例有限公司", "北京示例股份有限公司"),
        ("株式会社サンプル", "サンプル"),
        ("Łódź Sp. z o.o.", "Lodz"),
    ],
)
def test_spellings_of_one_name_are_near(one: str, other: str) -> None:
    assert are_near(one, other) and are_near(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Beispiel GmbH", "Andere AG"),
        ("Fund 1", "Fund 2"),
        ("Example Fund 11 Ltd", "Example Fund 12 Ltd"),
        ("AB Co", "AC Co"),
        ("Nordbank", "Südbank"),
    ],
)
def test_two_names_are_two(one: str, other: str) -> None:
    assert not are_near(one, other)


@given(st.text(min_size=1, max_size=30), st.text(max_size=30))
def test_nearness_has_no_direction_and_holds_for_oneself(one: str, other: str) -> None:
    assert are_near(one, one)
    assert are_near(one, other) == are_near(other, one)


def test_identifiers_are_checked_and_spelt_one_way() -> None:
    assert party_id("") == "" and party_id(" LEI : XXEX 00TEST node000128") == LEI
    assert party_id(USCC) == USCC
    for wrong in ("XXEX00TESTNODE000128", "duns:123456789", "lei:XXEX00TESTNODE000129", "lei:"):
        with pytest.raises(InvalidInput):
            party_id(wrong)


def known(name: str, identifier: str = "") -> Known:
    return Known(recipient_hash(name), id_hash(identifier), name)


def test_links_by_name_identifier_group_and_nearness() -> None:
    everybody = [
        known("Beispiel GmbH", LEI),
        known("Neuer Name GmbH", LEI),
        known("Beispeil AG"),
        known("Tochter SARL"),
        known("Andere AG"),
    ]
    groups = [hashes_of([LEI, "Tochter SARL"])]
    found = linked("Beispiel GmbH", "", everybody, groups=groups)
    assert found.hashes == {k.hash for k in everybody if k.name != "Andere AG"}
    assert found.near == ("Beispeil AG",)
    told_apart = [hashes_of(["Beispiel GmbH", "Beispeil AG"])]
    found = linked("Beispiel GmbH", "", everybody, groups=groups, distinct=told_apart)
    assert recipient_hash("Beispeil AG") not in found.hashes and found.near == ()


def test_two_identifiers_tell_near_names_apart_and_erased_names_link_by_identifier() -> None:
    found = linked("Beispiel GmbH", USCC, [known("Beispeil GmbH", LEI)])
    assert found.hashes == {recipient_hash("Beispiel GmbH")} and found.near == ()
    erased = Known("0" * 64, id_hash(LEI), "")
    assert erased.hash in linked("Irgendwer", LEI, [erased]).hashes
