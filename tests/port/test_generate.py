"""The generated table is reproducible, structurally valid, and sensitive as often as asked."""

import polars as pl
import pytest

from entrepot.kernel.errors import InvalidInput
from entrepot.port.generate import CustomerTable


@pytest.fixture(scope="module")
def table() -> pl.DataFrame:
    return pl.concat(CustomerTable(rows=6_000, sensitive_share=0.5, seed=7).batches())


def luhn_holds(digits: str) -> bool:
    total = 0
    for position, character in enumerate(reversed(digits)):
        value = int(character) * (2 if position % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def resident_id_holds(number: str) -> bool:
    total = sum(int(c) * (2 ** (17 - i) % 11) for i, c in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17]


def tax_id_holds(number: str) -> bool:
    product = 10
    for character in number[:10]:
        total = (int(character) + product) % 10 or 10
        product = 2 * total % 11
    counts = sorted(number[:10].count(d) for d in set(number[:10]))
    return (11 - product) % 10 == int(number[10]) and counts[-1] == 2 and counts[-2] == 1


def iban_holds(iban: str) -> bool:
    moved = iban[4:] + iban[:4]
    return len(iban) == 22 and int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def test_the_same_seed_gives_the_same_table(table: pl.DataFrame) -> None:
    again = pl.concat(CustomerTable(rows=6_000, sensitive_share=0.5, seed=7).batches())
    other = pl.concat(CustomerTable(rows=6_000, sensitive_share=0.5, seed=8).batches())
    assert table.equals(again)
    assert not table.equals(other)


def test_every_identifier_passes_its_own_check(table: pl.DataFrame) -> None:
    ids = table.filter(pl.col("id_number").is_not_null())
    chinese = ids.filter(country="CN")
    german = ids.filter(country="DE")
    assert len(chinese) > 300
    assert len(german) > 300
    assert all(map(resident_id_holds, chinese["id_number"]))
    assert all(map(tax_id_holds, german["id_number"]))
    accounts = table.filter(pl.col("refund_account").is_not_null())
    assert all(map(luhn_holds, accounts.filter(country="CN")["refund_account"]))
    assert all(map(iban_holds, accounts.filter(country="DE")["refund_account"]))


def test_the_resident_id_agrees_with_birth_date_and_gender(table: pl.DataFrame) -> None:
    chinese = table.filter(pl.col("id_number").is_not_null(), country="CN")
    for number, born, gender in chinese.select("id_number", "birth_date", "gender").iter_rows():
        assert number[6:14] == born.replace("-", "")
        assert (int(number[16]) % 2 == 0) == (gender == "F")


def test_sensitive_cells_are_as_frequent_as_asked(table: pl.DataFrame) -> None:
    sensitive = table.select(
        pl.any_horizontal(pl.col("id_number", "refund_account", "health_note").is_not_null())
    ).to_series()
    assert abs(sensitive.mean() - 0.5) < 0.03
    assert table["customer_id"].n_unique() == len(table)


@pytest.mark.parametrize("wrong", [{"rows": -1}, {"chinese_share": 1.5}, {"sensitive_share": -0.1}])
def test_impossible_sizes_and_shares_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        CustomerTable(**wrong)  # type: ignore[arg-type]
