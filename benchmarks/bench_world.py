"""The world's law: the atlas, a million flows between any two places, and the next question.

    .venv/bin/python benchmarks/bench_world.py

Beside the scalar back end on the same flows, and beside NumPy and Polars in which the law of one
country was written out by hand.
"""

from __future__ import annotations

import random
import statistics
import time
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.law import OUTCOMES, Library
from entrepot.law.atlas import atlas_table, make_atlas
from entrepot.law.columnar import assess_flows
from entrepot.law.inquiry import Inquiry
from entrepot.node.atlas.page import render
from entrepot.node.atlas.payload import payload
from measure import Figure, as_json, seconds
from random_flows import flows

DAY = date(2026, 11, 22)
FIRST, LAST = date(2015, 1, 1), date(2028, 12, 31)
PROFILE = "retail-customers"
FLOWS = 1_000_000
UNKNOWN_SHARE = 0.1
CHECKED = 400
SCALAR = 1_000

ATLAS = "atlas of one day, all pairs"
MANY = "random two-sided flows, all rulebooks"
ONE = "flows out of the Philippines"
ASK = "`law ask`, one step"


def atlas(library: Library) -> list[Figure]:
    """All pairs of jurisdictions under one profile, then every day of fourteen years."""
    facts = library.facts(library.profile(PROFILE)).values
    fresh = time.perf_counter()
    table = atlas_table(library, facts, as_of=DAY)
    fresh = time.perf_counter() - fresh
    spent = seconds(lambda: atlas_table(library, facts, as_of=DAY))
    chance = random.Random(1)
    some = [table.row(at, named=True) for at in chance.sample(range(table.height), SCALAR)]
    started = time.perf_counter()
    answers = [
        library.bind(library.flow(row["from"], row["to"], DAY)).decide(facts).outcome
        for row in some
    ]
    scalar = SCALAR / (time.perf_counter() - started)
    wrong = sum(row["outcome"] != answer for row, answer in zip(some, answers, strict=True))
    return [
        Figure(
            ATLAS,
            table.height / fresh,
            "pairs/s",
            f"{table.height:,} pairs in {fresh:.3f} s the first time (law bound to the day), "
            f"{spent} again; status and the outcome of each role too",
            wrong=wrong,
            goal="under 1 s",
            met=fresh < 1,
        ),
        Figure(
            "the scalar back end, pair by pair",
            scalar,
            "pairs/s",
            f"{SCALAR:,} of the pairs, each bound and decided with proof",
            kind="peer",
            against=ATLAS,
        ),
        _whole(library, facts),
    ]


def _whole(library: Library, facts: dict[str, object]) -> Figure:
    started = time.perf_counter()
    made = make_atlas(library, facts, first=FIRST, last=LAST, today=DAY)
    page = render(payload(library, made, profile=PROFILE, about=""))
    spent = time.perf_counter() - started
    return Figure(
        "atlas page, every day of change from 2015 to 2028",
        spent,
        "s",
        f"{len(made.days)} days, {len(made.verdicts):,} different verdicts in words, "
        f"{len(page) / 1e6:.2f} million characters",
    )


def many(library: Library) -> list[Figure]:
    """Flows between any two places with law of their own, on any day, with random facts."""
    frame = flows(library, FLOWS, seed=1, unknown_share=UNKNOWN_SHARE)
    started = time.perf_counter()
    table = assess_flows(library, frame)
    first = time.perf_counter() - started
    spent = seconds(lambda: assess_flows(library, frame), rounds=3)
    rows = random.Random(2).sample(range(FLOWS), CHECKED)
    plain = frame[rows]
    started = time.perf_counter()
    answers = [_decided(library, row) for row in plain.iter_rows(named=True)]
    scalar = CHECKED / (time.perf_counter() - started)
    wrong = sum(
        found != answer
        for found, answer in zip(table["outcome"].gather(rows), answers, strict=True)
    )
    return [
        Figure(
            MANY,
            FLOWS / spent.wall,
            "flows/s",
            f"{FLOWS:,} flows of {frame.width - 3} facts in {spent}; {first:.1f} s the first time; "
            f"outcome, strictest and rule",
            wrong=wrong,
            goal=f"{FLOWS:,} in 5 s",
            met=spent.wall < 5,
        ),
        Figure(
            "the scalar back end, flow by flow",
            scalar,
            "flows/s",
            f"{CHECKED} of the flows, each bound and decided with proof",
            kind="peer",
            against=MANY,
        ),
    ]


def _decided(library: Library, row: dict[str, object]) -> str:
    facts = {
        name: frozenset(value) if isinstance(value, list) else value
        for name, value in row.items()
        if value is not None and not name.startswith("flow.")
    }
    flow = library.flow(row["flow.from"], row["flow.to"], row["flow.as_of"])
    return library.bind(flow).decide(facts).outcome


# -- one country by hand ---------------------------------------------------------------------------


def philippines(library: Library) -> list[Figure]:
    """The Data Privacy Act of 2012 as the rulebook has it, and written out by hand."""
    frame = _philippine_flows(library)
    spent = seconds(lambda: assess_flows(library, frame, as_of=DAY))
    found = assess_flows(library, frame, as_of=DAY)["outcome"].to_physical().to_numpy()
    by_numpy = seconds(lambda: _numpy(frame))
    by_polars = seconds(lambda: _polars(frame))
    wrong = int((found != _numpy(frame)).sum() + (found != _polars(frame)).sum())
    return [
        Figure(
            ONE,
            FLOWS / spent.wall,
            "flows/s",
            f"{FLOWS:,} rows in {spent}; outcome, strictest and rule, unknown facts allowed for",
            wrong=wrong,
        ),
        Figure(
            "the same rules by hand in NumPy",
            FLOWS / by_numpy.wall,
            "flows/s",
            "outcome only, every fact known",
            kind="limit",
            against=ONE,
        ),
        Figure(
            "the same rules by hand in Polars",
            FLOWS / by_polars.wall,
            "flows/s",
            "outcome only, every fact known",
            kind="limit",
            against=ONE,
        ),
    ]


_READ = (
    "data.personal",
    "data.form",
    "data.origin",
    "data.sensitive",
    "exporter.kind",
    "recipient.kind",
    "transfer.purpose",
)
_PUBLIC = ("state_organ", "public_body")
_DEMAND = ("foreign_authority", "authority_request")


def _philippine_flows(library: Library) -> pl.DataFrame:
    rng = np.random.default_rng(7)
    columns = {"flow.from": _repeated(library, "PH"), "flow.to": _repeated(library, "VN")}
    for name in _READ:
        values = list(library.vocabulary[name].values) or [True, False]
        kind = pl.Enum(values) if isinstance(values[0], str) else pl.Boolean
        drawn = rng.integers(0, len(values), FLOWS)
        columns[name] = pl.Series(values, dtype=kind).gather(drawn)
    return pl.DataFrame(columns)


def _repeated(library: Library, code: str) -> pl.Series:
    codes = list(library.jurisdictions.names)
    return pl.Series([code], dtype=pl.Enum(codes)).new_from_index(0, FLOWS)


def _numpy(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Return positions in `OUTCOMES` by the rules of laws/ph, for facts that are all known."""
    codes = {name: frame[name].to_physical().to_numpy() for name in _READ[1:] if name not in _BOOLS}
    at = {name: list(frame[name].dtype.categories) for name in codes}

    def is_(name: str, *words: str) -> NDArray[np.bool_]:
        found = codes[name] == at[name].index(words[0])
        for word in words[1:]:
            found |= codes[name] == at[name].index(word)
        return found

    free = ~frame["data.personal"].to_numpy() | is_("data.origin", "foreign_only")
    public = is_("exporter.kind", *_PUBLIC) & frame["data.sensitive"].to_numpy()
    demand = is_("recipient.kind", _DEMAND[0]) | is_("transfer.purpose", _DEMAND[1])
    outcome = np.where(public, OUTCOMES.index("AUTHORITY_APPROVAL"), OUTCOMES.index("FREE"))
    outcome[demand] = OUTCOMES.index("NEEDS_HUMAN")
    outcome[free] = OUTCOMES.index("FREE")
    return outcome


_BOOLS = ("data.personal", "data.sensitive")


def _polars(frame: pl.DataFrame) -> NDArray[np.int64]:
    """Return the same with Polars."""
    free = ~pl.col("data.personal") | (pl.col("data.origin") == "foreign_only")
    public = pl.col("exporter.kind").is_in(_PUBLIC) & pl.col("data.sensitive")
    demand = (pl.col("recipient.kind") == _DEMAND[0]) | (pl.col("transfer.purpose") == _DEMAND[1])
    outcome = (
        pl.when(free)
        .then(OUTCOMES.index("FREE"))
        .when(demand)
        .then(OUTCOMES.index("NEEDS_HUMAN"))
        .when(public)
        .then(OUTCOMES.index("AUTHORITY_APPROVAL"))
        .otherwise(OUTCOMES.index("FREE"))
    )
    return frame.lazy().select(outcome.alias("outcome")).collect()["outcome"].to_numpy()


# -- questions -------------------------------------------------------------------------------------


def ask(library: Library) -> list[Figure]:
    """Interviews of several pairs, every step timed."""
    told = library.facts(library.profile(PROFILE))
    usual = library.facts(library.profile("ordinary-company")).values
    steps: list[float] = []
    counts: list[str] = []
    for origin, destination in (("CN", "DE"), ("DE", "US"), ("US", "CN"), ("KR", "FR")):
        bound = library.bind(library.flow(origin, destination, DAY))
        inquiry = Inquiry(bound, usual=usual)
        known: dict[str, object] = {}
        skipped: set[str] = set()
        asked = 0
        while True:
            facts = library.facts(known)
            started = time.perf_counter()
            question = inquiry.next(facts, skipped=frozenset(skipped))
            steps.append(1_000 * (time.perf_counter() - started))
            if question is None:
                break
            asked += 1
            answer = told[question.fact]
            known |= {} if answer is None else {question.fact: answer}
            skipped |= {question.fact} if answer is None else set()
        read = sum(not name.startswith("flow.") for name in bound.content.facts_read)
        counts.append(f"{origin}→{destination} {asked} questions of {read} facts")
    return [
        Figure(
            ASK,
            statistics.median(steps),
            "ms",
            f"slowest of {len(steps)} steps {max(steps):.0f} ms; {', '.join(counts)}",
            goal="100 ms",
            met=max(steps) < 100,
        )
    ]


if __name__ == "__main__":
    loaded = Library.load()
    print(as_json([*atlas(loaded), *many(loaded), *philippines(loaded), *ask(loaded)]))
