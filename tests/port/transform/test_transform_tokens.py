"""Keys of tokens: made once, secret, told apart by recipient, destroyed in time."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from entrepot.kernel.errors import InvalidInput, StorageError
from entrepot.port.transform.tokens import TokenKey, TokenKeys

TODAY, LATER = date(2026, 11, 21), date(2027, 11, 21)


def test_a_token_is_the_truncated_hmac_of_the_value() -> None:
    """Independent vector: HMAC-SHA-256 computed with openssl for key 00..1f, domain `person`."""
    key = TokenKey("k", bytes(range(32)))
    tokens = key.tokens(pl.Series(["alice", "bob", "alice", None, " "]), "person").to_list()
    assert tokens[0] == "3nv5lwatm5lw7kgo7iq7l3wdmy"
    assert tokens[0] == tokens[2] != tokens[1]
    assert tokens[3:] == [None, None]
    assert all(len(token) == 26 for token in tokens[:3])


def test_a_key_is_made_once_and_private(tmp_path: Path) -> None:
    keys = TokenKeys(tmp_path / "tokens")
    first = keys.for_recipient("Acme GmbH", "analytics", made_on=TODAY, until=LATER)
    again = keys.for_recipient("  acme   gmbh ", "Analytics", made_on=TODAY, until=LATER)
    assert first.secret == again.secret
    for other in [("Acme GmbH", "support"), ("Beta AG", "analytics")]:
        assert keys.for_recipient(*other, made_on=TODAY, until=LATER).secret != first.secret
    files = list((tmp_path / "tokens").iterdir())
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (tmp_path / "tokens").stat().st_mode & 0o777 == 0o700
    assert first.secret.hex() not in repr(first)


def test_a_key_dies_after_its_last_day_and_not_before(tmp_path: Path) -> None:
    keys = TokenKeys(tmp_path)
    key = keys.for_recipient("Acme", "analytics", made_on=TODAY, until=LATER)
    assert keys.destroy_expired(LATER) == []
    assert keys.destroy_expired(date(2027, 11, 22)) == [key.id]
    assert list(tmp_path.iterdir()) == []
    fresh = keys.for_recipient("Acme", "analytics", made_on=LATER, until=date(2028, 1, 1))
    assert fresh.secret != key.secret


def test_a_longer_clearance_prolongs_a_key(tmp_path: Path) -> None:
    keys = TokenKeys(tmp_path)
    key = keys.for_recipient("Acme", "analytics", made_on=TODAY, until=date(2027, 1, 1))
    assert keys.for_recipient("Acme", "analytics", made_on=TODAY, until=LATER) == key
    assert keys.destroy_expired(date(2027, 6, 1)) == []


def test_an_exposed_or_damaged_key_is_refused(tmp_path: Path) -> None:
    keys = TokenKeys(tmp_path)
    keys.for_recipient("Acme", "analytics", made_on=TODAY, until=LATER)
    path = next(tmp_path.iterdir())
    path.chmod(0o644)
    with pytest.raises(InvalidInput, match="read by others"):
        keys.for_recipient("Acme", "analytics", made_on=TODAY, until=LATER)
    path.chmod(0o600)
    path.write_bytes(b'{"secret": "zz"')
    with pytest.raises(StorageError, match="damaged"):
        keys.destroy_expired(LATER)


def test_nobody_and_no_time_are_refused(tmp_path: Path) -> None:
    keys = TokenKeys(tmp_path)
    with pytest.raises(InvalidInput, match="recipient"):
        keys.for_recipient("  ", "x", made_on=TODAY, until=LATER)
    with pytest.raises(InvalidInput, match="at least a day"):
        keys.for_recipient("Acme", "x", made_on=TODAY, until=TODAY)
