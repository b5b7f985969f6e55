"""Plans carried out over batches: persons selected, classes suppressed, counts aggregated."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.kernel.errors import InvalidInput
from entrepot.port.risk import measure
from entrepot.port.transform.model import (
    AddNoise,
    Aggregate,
    BlankRareValues,
    DropColumns,
    Generalise,
    MaskCells,
    Method,
    SelectPersons,
    SuppressSmallClasses,
    Tokenise,
    Transform,
    TransformPlan,
    describe,
    technique,
    touched,
)
from entrepot.port.transform.stream import prepare, stream
from entrepot.port.transform.tokens import TokenKey, ephemeral_key

KEY = TokenKey("test", bytes(range(32)))


def batches_of(frame: pl.DataFrame, rows: int = 100) -> Callable[[], Iterable[pl.DataFrame]]:
    return lambda: frame.iter_slices(rows)


def run(frame: pl.DataFrame, *transforms: Transform, key: TokenKey = KEY) -> pl.DataFrame:
    batches = batches_of(frame)
    return pl.concat(stream(prepare(TransformPlan(list(transforms)), batches, key), batches))


@pytest.fixture
def people() -> pl.DataFrame:
    rng = np.random.default_rng(11)
    rows = 1_000
    return pl.DataFrame(
        {
            "id": [f"p{i // 2:04d}" for i in range(rows)],
            "born": [f"{1950 + int(x)}-03-0{1 + int(x) % 9}" for x in rng.integers(0, 50, rows)],
            "city": [f"city {int(x)}" for x in rng.zipf(1.6, rows) % 40],
            "amount": rng.integers(0, 1000, rows),
        }
    )


def test_an_empty_plan_changes_nothing(people: pl.DataFrame) -> None:
    assert run(people).equals(people)


def test_persons_are_selected_whole_and_exactly(people: pl.DataFrame) -> None:
    kept = run(people, SelectPersons(["id"], 123))
    assert kept["id"].n_unique() == 123
    assert kept.height == 246  # both rows of every person
    other = run(people, SelectPersons(["id"], 123), key=TokenKey("other", b"\x01" * 32))
    assert set(other["id"]) != set(kept["id"])


def test_selecting_more_persons_than_there_are_keeps_all(people: pl.DataFrame) -> None:
    assert run(people, SelectPersons(["id"], 5_000)).equals(people)


def test_rows_without_a_name_are_nobodys_and_left_out(people: pl.DataFrame) -> None:
    holes = people.with_columns(
        pl.when(pl.int_range(pl.len()) < 10).then(None).otherwise(pl.col("id")).alias("id")
    )
    assert run(holes, SelectPersons(["id"], 5_000)).height == 990


def test_without_person_columns_every_row_is_one(people: pl.DataFrame) -> None:
    same = pl.concat([people.head(1)] * 300)
    kept = run(same, SelectPersons([], 77))
    assert kept.height == 77
    assert kept.columns == people.columns


def test_small_classes_go_and_the_rest_has_k(people: pl.DataFrame) -> None:
    plan = (Generalise("born", Method.YEARS, width=10), SuppressSmallClasses(["born", "city"], 5))
    kept = run(people, *plan)
    sizes = kept.group_by("born", "city").len()["len"]
    assert 0 < kept.height < people.height
    assert sizes.min() >= 5  # type: ignore[operator]
    report = measure([kept], ["born", "city"], [])
    assert report is not None and report.k >= 5


def test_a_class_is_counted_in_persons_not_in_visits() -> None:
    frame = pl.DataFrame({"id": ["a"] * 20 + list("bcdefghijkl"), "city": ["x"] * 20 + ["y"] * 11})
    by_rows = run(frame, SuppressSmallClasses(["city"], 11))
    by_persons = run(frame, SuppressSmallClasses(["city"], 11, ["id"]))
    assert by_rows["city"].unique().sort().to_list() == ["x", "y"]
    assert by_persons["city"].unique().to_list() == ["y"]


def test_rare_values_are_blanked_and_rows_kept(people: pl.DataFrame) -> None:
    kept = run(people, BlankRareValues("city", 30))
    assert kept.height == people.height
    counts = kept["city"].drop_nulls().value_counts()["count"]
    assert kept["city"].null_count() > 0
    assert counts.min() >= 30  # type: ignore[operator]


def test_aggregation_publishes_no_cell_under_the_minimum(people: pl.DataFrame) -> None:
    cells = run(people, Aggregate(["city"], 11, ["id"]))
    assert cells.columns == ["city", "count"]
    assert cells["count"].min() >= 11  # type: ignore[operator]
    truth = people.group_by("city").agg(pl.col("id").n_unique().alias("persons"))
    joined = cells.join(truth, on="city")
    assert (joined["count"] == joined["persons"]).all()


def test_one_small_cell_takes_another_with_it() -> None:
    frame = pl.DataFrame({"city": ["a"] * 3 + ["b"] * 20 + ["c"] * 40})
    assert run(frame, Aggregate(["city"], 11))["city"].to_list() == ["c"]


def test_tokens_join_inside_a_domain_and_not_across_recipients(people: pl.DataFrame) -> None:
    first = run(people, Tokenise("id", "person"))
    second = run(people, Tokenise("id", "person"), key=ephemeral_key())
    assert first["id"].n_unique() == people["id"].n_unique()
    assert not set(first["id"]) & set(second["id"])
    assert not set(first["id"]) & set(run(people, Tokenise("id", "account"))["id"])


def test_a_missing_column_and_a_misplaced_aggregation_are_named(people: pl.DataFrame) -> None:
    with pytest.raises(InvalidInput, match="not in the table"):
        run(people, DropColumns(["nothing"]))
    with pytest.raises(InvalidInput, match="not in the table"):
        run(people, DropColumns(["id"]), SelectPersons(["id"], 3))
    with pytest.raises(InvalidInput, match="last"):
        run(people, Aggregate(["city"], 11), DropColumns(["city"]))
    with pytest.raises(InvalidInput, match="at least one person"):
        run(people, SelectPersons(["id"], 0))


def test_a_table_of_which_nothing_is_left_keeps_its_header(people: pl.DataFrame) -> None:
    kept = run(people.head(5), SuppressSmallClasses(["city"], 100))
    assert kept.height == 0
    assert kept.columns == people.columns


ALL: list[Transform] = [
    DropColumns(["a"]),
    MaskCells("a", 1),
    Generalise("a", Method.YEAR),
    Tokenise("a", "d"),
    SuppressSmallClasses(["a"], 5),
    BlankRareValues("a", 5),
    SelectPersons(["a"], 5),
    AddNoise("a", 1.0),
    Aggregate(["a"], 5),
]


@pytest.mark.parametrize("transform", ALL, ids=lambda t: type(t).__name__)
def test_every_transform_says_what_it_is(transform: Transform) -> None:
    assert describe(transform).lower().startswith(technique(transform).value)
    assert "`a`" in describe(transform) or isinstance(transform, SelectPersons)
    assert touched(transform) == ["a"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 99)), min_size=1, max_size=80),
    st.sampled_from(
        [
            Generalise("n", Method.BAND, width=10),
            Generalise("n", Method.ALL),
            MaskCells("n", keep_first=1),
            BlankRareValues("n", 3),
            DropColumns(["n"]),
        ]
    ),
)
def test_masking_is_monotone_in_uniqueness(
    cells: list[tuple[int, int]], transform: Transform
) -> None:
    """Coarser cells never split a class: classes do not grow in number, k does not fall."""
    frame = pl.DataFrame({"g": [str(g) for g, _ in cells], "n": [f"{n:02d}" for _, n in cells]})
    after = run(frame, transform)
    assert after.height == frame.height
    over = [name for name in ("g", "n") if name in after.columns]
    before_risk, after_risk = measure([frame], ["g", "n"], []), measure([after], over, [])
    assert before_risk is not None and after_risk is not None
    assert after_risk.classes <= before_risk.classes
    assert after_risk.k >= before_risk.k
    assert after_risk.uniques <= before_risk.uniques
    assert after_risk.average_risk <= before_risk.average_risk + 1e-12
