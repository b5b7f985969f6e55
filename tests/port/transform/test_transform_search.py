"""The search for k-anonymity, the hierarchies it walks, and the measure of what is lost."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from entrepot.kernel.errors import InvalidInput
from entrepot.port.model import Category, ColumnReport, Verdict
from entrepot.port.transform import loss
from entrepot.port.transform.hierarchy import hierarchy
from entrepot.port.transform.kanonymity import Lattice
from entrepot.port.transform.model import (
    DropColumns,
    Generalise,
    Method,
    SuppressSmallClasses,
    Tokenise,
    TransformPlan,
)
from entrepot.port.transform.stream import prepare, stream
from entrepot.port.transform.tokens import ephemeral_key


def report(name: str, category: Category, dtype: str = "text") -> ColumnReport:
    return ColumnReport(
        name, 0, dtype, category, "", Verdict.FOUND, 1.0, "", [], None, {}, 0, 0, 0, []
    )


@pytest.fixture(scope="module")
def people() -> dict[str, pl.Series]:
    rng = np.random.default_rng(3)
    rows = 20_000
    first = date(1940, 1, 1)
    born = [(first + timedelta(int(x))).isoformat() for x in rng.integers(0, 65 * 365, rows)]
    return {
        "born": pl.Series("born", born),
        "gender": pl.Series("gender", rng.choice(["F", "M"], rows)),
        "city": pl.Series("city", [f"town {int(x)}" for x in rng.zipf(1.5, rows) % 200]),
        "post": pl.Series("post", [f"{int(x):05d}" for x in rng.integers(10_000, 99_999, rows)]),
    }


CATEGORIES = {
    "born": Category.DATE_OF_BIRTH,
    "gender": Category.GENDER,
    "city": Category.LOCATION,
    "post": Category.ADDRESS,
}


def lattice(people: dict[str, pl.Series], persons: pl.Series | None = None) -> Lattice:
    levels = {
        name: hierarchy(report(name, CATEGORIES[name]), cells, common_min=50)
        for name, cells in people.items()
    }
    return Lattice(people, levels, persons)


def methods(category: Category, cells: list[str], dtype: str = "text") -> list[Method]:
    column = report("c", category, dtype)
    return [step.method for step in hierarchy(column, pl.Series(cells), common_min=2)]


def test_hierarchies_follow_what_the_cells_are() -> None:
    assert methods(Category.DATE_OF_BIRTH, ["1984-05-13", "1990-01-01"]) == [
        Method.MONTH,
        Method.YEAR,
        Method.YEARS,
        Method.YEARS,
        Method.YEARS,
        Method.ALL,
    ]
    assert Method.MONTH not in methods(Category.DATE_OF_BIRTH, ["01/02/1984", "03/04/1990"])
    assert methods(Category.NONE, ["PRT", "DEU", "CHN"]) == [Method.REGION, Method.ALL]
    assert methods(Category.AGE, [str(n) for n in range(18, 80)])[0] == Method.BAND
    assert methods(Category.LOCATION, ["48.13,11.57"] * 3) == [Method.GRID] * 3 + [Method.ALL]
    assert methods(Category.ADDRESS, [f"{n}" for n in range(10_000, 10_100)])[0] == Method.PREFIX
    assert methods(Category.OCCUPATION, ["nurse"] * 9 + ["astronaut"]) == [
        Method.GROUP,
        Method.ALL,
    ]
    assert methods(Category.GENDER, []) == [Method.ALL]


def test_the_search_reaches_k_and_keeps_most_rows(people: dict[str, pl.Series]) -> None:
    found = lattice(people).search(11)
    assert found.suppressed_share <= 0.05
    assert 0 < found.loss < 1
    frame = pl.DataFrame(people)
    plan = TransformPlan([*found.steps, SuppressSmallClasses(list(people), 11)])
    out = pl.concat(stream(prepare(plan, lambda: [frame], ephemeral_key()), lambda: [frame]))
    sizes = out.group_by(list(people)).len()["len"]
    assert sizes.min() >= 11  # type: ignore[operator]
    assert out.height / frame.height == pytest.approx(1 - found.suppressed_share, abs=1e-9)


def test_a_larger_k_never_costs_less(people: dict[str, pl.Series]) -> None:
    walk = lattice(people)
    assert walk.search(3).loss <= walk.search(50).loss


def test_visits_of_one_person_do_not_make_a_crowd(people: dict[str, pl.Series]) -> None:
    rows = len(people["born"])
    few = pl.Series([i % 20 for i in range(rows)])
    bottom = dict.fromkeys(people, 0) | {"born": 6, "post": lattice(people).top("post")}
    bottom["city"] = lattice(people).top("city")
    assert lattice(people).suppressed_share(bottom, 30) == 0
    assert lattice(people, few).suppressed_share(bottom, 30) == 1


def test_nonsense_is_refused(people: dict[str, pl.Series]) -> None:
    with pytest.raises(InvalidInput):
        Lattice({}, {})
    with pytest.raises(InvalidInput):
        lattice(people).search(1)


def test_loss_is_nothing_for_nothing_and_all_for_all() -> None:
    frame = pl.DataFrame({"a": ["x", "y", "z", "w"], "b": ["1", "2", "3", "4"]})
    none = loss.measure(TransformPlan(), frame, frame, rows_kept=1.0)
    assert none.loss == 0
    dropped = TransformPlan([DropColumns(["a"])])
    half = loss.measure(dropped, frame, frame.drop("a"), rows_kept=1.0)
    assert half.loss == 0.5
    assert [column.loss for column in half.columns] == [1.0, 0.0]
    weighted = loss.measure(dropped, frame, frame.drop("a"), rows_kept=1.0, weights={"a": 0.0})
    assert weighted.loss == 0
    assert loss.measure(TransformPlan(), frame, frame.head(2), rows_kept=0.5).loss == 0.5


def test_coarser_cells_lose_their_share_of_entropy_and_tokens_half() -> None:
    frame = pl.DataFrame({"a": ["1980-01-01", "1980-02-01", "1981-01-01", "1981-02-01"]})
    plan = TransformPlan([Generalise("a", Method.YEAR)])
    after = pl.DataFrame({"a": ["1980", "1980", "1981", "1981"]})
    assert loss.measure(plan, frame, after, rows_kept=1.0).loss == 0.5
    tokens = pl.DataFrame({"a": ["q", "r", "s", "t"]})
    tokenised = TransformPlan([Tokenise("a", "d")])
    assert loss.measure(tokenised, frame, tokens, rows_kept=1.0).loss == loss.TOKEN_LOSS
