"""The law engine: one toy law in every engine, then the real assessment from China to Germany.

    python benchmarks/bench_law.py

A decision with proof is what `BoundLaw.decide` returns: the joined outcome; for every side its
regime, role and outcome, the rules that decide (each with its article and source), every rule
examined with its result (true, false, unknown, defeated, closed), the duties that come with the
route; and every fact read with its value. Facts are given as a mapping of typed values. It does
not contain due days, questions to ask or what would change the answer (`assess`, `explain`).
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent / "toy"))

from reference import CODES, FLAGS, decide, decide_columns, fact_sets

import entrepot
from entrepot.law import OUTCOMES, BoundLaw, Library
from measure import PEERS, ROOT, WORK, Figure, as_json, failed_peer, peer, seconds
from random_facts import FactTable, facts_read, random_facts

DAY = date(2026, 11, 21)
TOY_ROWS = 40_000
TOY_COLUMNS = 4_000_000
REAL_ROWS = 20_000
REAL_COLUMNS = 1_000_000
UNKNOWN_SHARE = 0.1
CHECKED = 5_000
"""Sets of facts on which the two back ends are compared, besides the toy law."""


def toy_law() -> BoundLaw:
    """Load the toy law from a folder of laws of its own, and bind it."""
    root = WORK / "toy-laws"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(ROOT / "benchmarks" / "toy" / "laws", root)
    packaged = Path(str(entrepot.__file__)).parent / "laws"
    shutil.copy(packaged / "jurisdictions.yaml", root)
    library = Library.load(root)
    return library.bind(library.flow("CN", "DE", date(2024, 4, 1)))


TOY = "toy law, one at a time, with proof"
TOY_MANY = "toy law, columnar"


@dataclass(frozen=True)
class Rate:
    """Calls per second of the clock, and per second of processor time."""

    wall: float
    processor: float

    def __str__(self) -> str:
        return f"{self.processor:,.0f} per second of processor time"


def rate(work: Callable[[dict[str, object]], object], rows: list[dict[str, object]]) -> Rate:
    """Time `work`, each call on another row; the first half only warms up.

    The second half is timed in twenty parts, each on rows not seen before; the fastest part counts,
    for the peers too.
    """
    half = len(rows) // 2
    for row in rows[:half]:
        work(row)
    walls, processors = [], []
    step = half // 20
    for part in (rows[start : start + step] for start in range(half, half + 20 * step, step)):
        started, before = time.perf_counter(), time.process_time()
        for row in part:
            work(row)
        walls.append(len(part) / (time.perf_counter() - started))
        processors.append(len(part) / (time.process_time() - before))
    return Rate(max(walls), max(processors))


def toy() -> list[Figure]:
    """The toy law: ours one at a time and by column, the limits, and the peers."""
    bound = toy_law()
    columns = fact_sets(TOY_COLUMNS)
    names = [*FLAGS, "persons"]
    lists = {name: columns[name][:TOY_ROWS].tolist() for name in names}
    plain = [{name: lists[name][i] for name in names} for i in range(TOY_ROWS)]
    rows = [{f"toy.{name}": value for name, value in row.items()} for row in plain]
    one = rate(bound.decide, rows)
    wrong = sum(
        bound.decide(row).outcome != decide(bare) for row, bare in zip(rows, plain, strict=True)
    )
    figures = [
        Figure(
            TOY,
            one.wall,
            "decisions/s",
            f"{one}; {TOY_ROWS:,} sets of facts",
            wrong=wrong,
            goal="200,000/s",
            met=one.wall >= 200_000,
        ),
        Figure(
            "toy law, written by hand in Python",
            rate(decide, plain).wall,
            "decisions/s",
            "one function of nested ifs, outcome only",
            kind="limit",
            against=TOY,
        ),
    ]
    frame = pl.DataFrame({f"toy.{name}": values for name, values in columns.items()})
    expected = decide_columns(columns)
    answers = bound.columns(frame)["outcome"].cast(pl.String)
    code_of = dict(zip(CODES, range(len(CODES)), strict=True))
    given = answers.replace_strict(code_of, return_dtype=pl.Int8).to_numpy()
    spent = seconds(lambda: bound.columns(frame), rounds=9)
    reference = seconds(lambda: decide_columns(columns), rounds=9)
    figures += [
        Figure(
            TOY_MANY,
            TOY_COLUMNS / spent.wall,
            "decisions/s",
            f"{TOY_COLUMNS:,} rows in {spent}; outcome, strictest possible outcome and rule",
            wrong=int((given != expected).sum()),
            goal="30 million/s",
            met=TOY_COLUMNS / spent.wall >= 30e6,
        ),
        Figure(
            "toy law, written by hand in NumPy",
            TOY_COLUMNS / reference.wall,
            "decisions/s",
            f"{TOY_COLUMNS:,} rows in {reference}, outcome only",
            kind="limit",
            against=TOY_MANY,
        ),
    ]
    return figures + peers()


def peers() -> list[Figure]:
    """Cedar, Rego and OpenFisca on the toy law."""
    result = peer(PEERS, "law_engines.py")
    if "error" in result:
        return [failed_peer("Cedar, Rego, OpenFisca", result["error"], TOY)]
    return [_peer_figure(found) for found in result["results"]]


def _peer_figure(found: dict[str, Any]) -> Figure:
    against = TOY_MANY if "columns" in found["name"] else TOY
    if "error" in found:
        return failed_peer(found["name"], found["error"], against)
    return Figure(
        f"toy law, {found['name']}",
        found["rate"],
        "decisions/s",
        f"version {found['version']}",
        kind="peer",
        against=against,
        wrong=found["wrong"],
    )


def real() -> list[Figure]:
    """The assessment of both sides from China to Germany over random facts."""
    library = Library.load()
    bound = library.bind(library.flow("CN", "DE", DAY))
    usual = dict(library.facts(library.profile("ordinary-company")).values)
    figures: list[Figure] = []
    for label, fixed in (("every fact random", None), ("an ordinary company", usual)):
        table = random_facts(bound, REAL_ROWS, seed=7, unknown_share=UNKNOWN_SHARE, fixed=fixed)
        one = rate(bound.decide, table.rows)
        figures.append(
            Figure(
                f"China to Germany, {label}, with proof",
                one.wall,
                "decisions/s",
                f"{one}; {_what(bound, table)}",
                wrong=_disagreements(bound, table),
                goal="10,000/s",
                met=one.wall >= 10_000,
            )
        )
        frame = random_facts(
            bound, REAL_COLUMNS, seed=8, unknown_share=UNKNOWN_SHARE, fixed=fixed, by_row=False
        ).frame
        spent = seconds(lambda frame=frame: bound.columns(frame), rounds=5)
        figures.append(
            Figure(
                f"China to Germany, {label}, columnar",
                REAL_COLUMNS / spent.wall,
                "decisions/s",
                f"{REAL_COLUMNS:,} rows × {frame.width} facts in {spent}",
                goal="1 million/s",
                met=REAL_COLUMNS / spent.wall >= 1e6,
            )
        )
    return figures


def _what(bound: BoundLaw, table: FactTable) -> str:
    """Say what was decided: how many facts, regimes, rules, and how varied the answers are."""
    decisions = [bound.decide(row) for row in table.rows[:CHECKED]]
    rules = sum(
        len(option.track.rules)
        for regime in bound.content.regimes
        for option in regime.options
        if option.track is not None
    )
    outcomes = {decision.outcome for decision in decisions}
    deciding = {rule for decision in decisions for rule in decision.rules}
    examined = statistics.mean(sum(len(v.examined) for _, _, v in d.verdicts) for d in decisions)
    assert outcomes <= set(OUTCOMES)
    return (
        f"{len(facts_read(bound))} facts, {100 * UNKNOWN_SHARE:.0f} % unknown; "
        f"{len(bound.content.regimes)} regimes, {rules} rules of the day; on average "
        f"{examined:.0f} rules examined; {len(outcomes)} outcomes by {len(deciding)} deciding rules"
    )


def _disagreements(bound: BoundLaw, table: FactTable) -> int:
    """Return on how many sets of facts the two back ends give different outcomes."""
    outcomes = bound.columns(table.frame.head(CHECKED))["outcome"].cast(pl.String).to_list()
    return int(
        np.sum(
            [
                bound.decide(row).outcome != outcome
                for row, outcome in zip(table.rows, outcomes, strict=False)
            ]
        )
    )


if __name__ == "__main__":
    WORK.mkdir(exist_ok=True)
    print(as_json(toy() + real()))
