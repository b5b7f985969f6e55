"""Run every benchmark in a process of its own, print the table and write docs/benchmarks.md.

    make bench                                     everything but the 10 GB file, some minutes
    python3 benchmarks/run.py --only law log       some of them; the page is left as it is
    python3 benchmarks/run.py --large 10           with a 10 GB file (made in benchmarks/.work,
                                                   then deleted); its figures are kept in
                                                   benchmarks/large.json for later pages
    python3 benchmarks/run.py --million            a million products and a million acts (an hour);
                                                   figures are kept in benchmarks/million.json

The peers live in environments of their own (benchmarks/.venv, .venv-profiler), made here from
their lock files. A peer that cannot be installed or does not run is named and the rest goes on.
Exit code 1 when one of our own benchmarks did not run or gave a wrong answer; a goal that is
missed is shown, and is no failure. Ctrl-C stops the running benchmark and leaves the page alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
WORK = HERE / ".work"
PAGE = ROOT / "docs" / "benchmarks.md"
RESULTS = WORK / "results.json"
LARGE = HERE / "large.json"
MILLION = HERE / "million.json"
COUNTED = ("directory", "replay")
"""Benchmarks whose size `--million` raises."""
OWN_PYTHON = ROOT / ".venv" / "bin" / "python"
INSTALL_TIMEOUT_S = 900
RUN_TIMEOUT_S = 300
RUN_TIMEOUT_LARGE_S = 3600

PEER_ENVIRONMENTS = {
    ".venv": ("requirements.lock", "Cedar, OPA's Rego, OpenFisca, Presidio, DataSketches"),
    ".venv-profiler": ("requirements-profiler.lock", "DataProfiler"),
}


@dataclass(frozen=True)
class Bench:
    """One benchmark: its script, and what stands on the page about it."""

    name: str
    title: str
    arguments: tuple[str, ...]
    means: str
    does_not: str

    @property
    def command(self) -> str:
        """The command that repeats it."""
        return " ".join([".venv/bin/python", f"benchmarks/bench_{self.name}.py", *self.arguments])


def benches(large_gb: float, *, million: bool = False) -> list[Bench]:
    """Return the benchmarks; with `large_gb` the inspection also takes a file of that size.

    `million` asks for a directory of a million products and a log of a million acts.
    """
    size = f"{large_gb:g}"
    many = "1000000" if million else "100000"
    return [
        Bench(
            "inspect",
            "Inspection",
            ("--large", size),
            "Every cell of the file is read, hashed and searched; persons, their jurisdictions, "
            "duplicates and re-identification risk are counted over all rows. Throughput is bytes "
            "of the cells really looked at per second: for a peer given 1,000 rows, the bytes of "
            "those rows. “Wrong” counts columns whose category is not the one the table was made "
            "with.",
            "It says nothing about other tables: long prose costs more per byte than numbers do, "
            "many columns more than few. Presidio runs without its name recognition, which needs a "
            "model from the network and would make it slower; DataProfiler labels characters with "
            "a neural network. They answer a narrower question, so a ratio to them is one of cost, "
            "not of quality.",
        ),
        Bench(
            "law",
            "Law engine",
            (),
            "The toy law has 22 facts and about 20 conditions in the spirit of 28 CFR 202 and GDPR "
            "arts 45-49, the same in each engine (`benchmarks/toy`). “With proof” is what "
            "`BoundLaw.decide` returns: the outcome; per side its regime, role, outcome, deciding "
            "rules with their articles, every rule examined with its result, and duties; every "
            "fact read with its value. “Columnar” gives outcome, strictest possible outcome and "
            "deciding rule for each row of a table. “China to Germany” is the packaged law of both "
            "sides and the American rules that may follow the data, over random sets of all facts "
            "its conditions read (numbers around every threshold, 10 % unknown). “Wrong” counts "
            "answers that differ from the reference in plain Python, and for the real law, where "
            "the two back ends disagree.",
            "A decision here holds no due days, no questions and nothing about what would change "
            "it (`assess` and `explain` cost more). Cedar answers permit or forbid only; no peer "
            "gives reasons in these calls, knows unknown facts or dated law. Facts are typed "
            "values in memory: reading them from YAML is not counted, for nobody.",
        ),
        Bench(
            "world",
            "The world's law",
            (),
            "An atlas judges every pair of jurisdictions under one set of facts; the random flows "
            "go between any two places with law of their own, on any day from 2015 to 2028, with "
            "random values of every fact that some rulebook reads (numbers around every threshold, "
            "10 % unknown). “By hand” is the Data Privacy Act of the Philippines, seven facts, "
            "written out as one NumPy or Polars expression. A step of `law ask` draws 4,096 "
            "completions of what is unknown, judges them all and picks the most telling question. "
            "“Wrong” counts answers that differ from the scalar back end, or from the code by "
            "hand.",
            "By hand, facts are taken as known and nothing but the outcome comes out; the engine "
            "also tells what is unknown, which rule decided and what it could come to. Making the "
            "random table is not counted; turning its columns into numbers is.",
        ),
        Bench(
            "loading",
            "Loading the law",
            (),
            "“Read and checked” is `Library.load`: every rulebook and fact file of the package is "
            "read, its conditions compiled and everything checked against everything else. “From "
            "the cache” hashes every one of these files and the engine, checks the keyed hash of "
            "what was kept, and makes the same library of it. “Wrong” says whether the two differ "
            "in anything. The commands are whole processes.",
            "PyYAML's loaders give values without line numbers and check nothing; `pickle` makes "
            "the same values and would run whatever code its bytes name. Files are in the "
            "system's cache for all of them.",
        ),
        Bench(
            "counters",
            "Counters of distinct persons",
            (),
            "Ten windows of 1 to 10 million persons, each counted from three shipments that "
            "overlap, against the known truth. Persons are texts of 18 digits; a token is the "
            "first half of an AES-CMAC under a key of 256 bits, computed for a whole column at "
            "once. Law reads sets of tokens, exact up to 1.25 times the largest threshold "
            "that any rule compares with; the sketch is only for what lies above. “Wrong” counts "
            "windows whose truth is not within the stated bounds, and crossings judged wrongly.",
            "DataSketches hashes whole numbers without a key, so its rate is that of a weaker "
            "promise; its error is that of another draw of the same kind of sketch. Reading a file "
            "and spelling identifiers alike are not counted.",
        ),
        Bench(
            "log",
            "Log",
            ("--json", "--seconds", "15"),
            "A durable append is everything `Log.append` does for a batch of 1,000 entries of 330 "
            "bytes: journal commit with full synchronisation, tiles and bundles written and "
            "flushed, a checkpoint signed and renamed into place. The limit hashes the same "
            "entries into a tree and calls fsync once.",
            "The disk decides much of it: compare rows of one run, not runs of two machines. "
            "pymerkle runs with its own default settings and signs nothing. “Acts” adds what the "
            "sequencer does for each: signature check, decision, state. Tessera counts an entry "
            "when its index is durable; tiles and checkpoint follow, which ours have by then.",
        ),
        Bench(
            "node",
            "Node over HTTP",
            ("--figures",),
            "A node in a process of its own takes `release-product` acts of the registry over "
            "HTTP, in batches of 1,000 over four connections, from a generator on the same two "
            "cores that signed them beforehand. Each is checked in full: signature, shape, law, "
            "durable log, state; every answer carries entry and receipt. One act alone is set "
            "beside one fsync on the same disk; proofs and tiles beside Granian's static files.",
            "The disk acknowledges quickly here, and no network lies between: latency elsewhere is "
            "that of your disk and wire. Tessera publishes about 10,000 entries a second for its "
            "POSIX driver on NVMe with seven cores, without deciding anything about an entry.",
        ),
        Bench(
            "directory",
            "Directory",
            ("--products", many, "--folder", f"benchmarks/.work/directory-{many}"),
            "Questions of 17 kinds (words in English and Chinese, filters, facets, sorting, deep "
            "pages) against an index of generated products, one thread, facet cache off.",
            "The peers answer total and one facet only, over fewer products.",
        ),
        Bench(
            "replay",
            "Replay and fsck",
            ("--acts", many, "--json"),
            "`entrepot replay` rebuilds all state from log and rulings in a fresh database and "
            "compares table by table; `entrepot fsck` derives everything again from the entries "
            "and verifies every signature. “Wrong” counts tables that differ and checks that fail.",
            "The limit hashes every entry and verifies every signature, and does nothing else.",
        ),
    ]


def install_peers() -> list[str]:
    """Make the environments of the peers; return a sentence for each that could not be made."""
    missing = []
    for folder, (lock, what) in PEER_ENVIRONMENTS.items():
        command = [
            sys.executable, str(ROOT / "tools" / "bootstrap.py"),
            "--environment", f"benchmarks/{folder}", f"benchmarks/{lock}",
        ]  # fmt: skip
        code, out, err = run(command, INSTALL_TIMEOUT_S)
        if code:
            last = (
                [line for line in (err or out).splitlines() if line.strip()] or [f"exit {code}"]
            )[-1]
            missing.append(f"{what}: could not be installed ({last.strip()[:160]})")
    return missing


def run(command: list[str], timeout_s: float) -> tuple[int, str, str]:
    """Run a command in a process group of its own, ended whole on time-out or Ctrl-C."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
    ) as process:
        try:
            out, err = process.communicate(timeout=timeout_s)
        except (KeyboardInterrupt, subprocess.TimeoutExpired) as stop:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if isinstance(stop, KeyboardInterrupt):
                raise
            return -1, "", f"not finished after {timeout_s:.0f} s"
        return process.returncode, out, err


def measure(bench: Bench, timeout_s: float) -> dict[str, Any]:
    """Run one benchmark; return its rows, or the reason why there are none."""
    started = time.perf_counter()
    command = [sys.executable, str(HERE / f"bench_{bench.name}.py"), *bench.arguments]
    code, out, err = run(command, timeout_s)
    spent = time.perf_counter() - started
    try:
        rows = [row_of(item) for item in json.loads(out[out.index("[") :])]
    except ValueError:
        reason = ([line for line in err.splitlines() if line.strip()] or [f"exit {code}"])[-1]
        reason = reason.replace(f"{ROOT}/", "")[:300]
        return {"bench": bench.name, "error": reason, "rows": [], "seconds": spent}
    return {"bench": bench.name, "error": "", "rows": rows, "seconds": spent}


def row_of(item: dict[str, Any]) -> dict[str, Any]:
    """Bring a row of any benchmark to one form.

    The log's rows carry `ratio_to`: of our append to a peer or the limit, or to its goal.
    """
    if "ratio_to" not in item:
        return item | {"error": item["error"].replace(f"{ROOT}/", "")}
    ratios: dict[str, float] = item["ratio_to"]
    row = {
        "name": item["name"], "value": item["value"], "unit": item["unit"], "note": "",
        "kind": "ours", "against": "", "wrong": None, "goal": "", "met": None, "error": "",
    }  # fmt: skip
    if "goal" in ratios:
        row |= {"goal": "100,000/s", "met": ratios["goal"] >= 1}
    if "ours" in ratios:
        row |= {
            "kind": "limit" if item["name"].startswith("bare") else "peer",
            "against": "durable appends, batches of 1,000",
        }
    return row


def amount(row: dict[str, Any]) -> str:
    """Write a value with as many digits as it deserves."""
    value = float(row["value"])
    if row["error"]:
        return "–"
    digits = 0 if value >= 100 else 1 if value >= 10 else 3
    return f"{value:,.{digits}f} {row['unit']}"


def ratio(row: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    """Write our figure over this one, for limits and peers."""
    ours = next((r for r in rows if r["name"] == row["against"]), None)
    if ours is None or row["error"] or ours["error"] or not row["value"]:
        return ""
    times = ours["value"] / row["value"]
    return f"{times:,.0f} ×" if times >= 10 else f"{times:.2f} ×"


def remark(row: dict[str, Any]) -> str:
    """Write the note, the errors and the wrong answers of a row."""
    parts = [f"did not run: {row['error']}"] if row["error"] else [row["note"]]
    if row["wrong"] is not None:
        parts.append(f"{row['wrong']} wrong")
    return "; ".join(part for part in parts if part)


def goal(row: dict[str, Any]) -> str:
    """Write the goal and whether it was met."""
    if not row["goal"]:
        return ""
    return f"{row['goal']} {'✓' if row['met'] else '✗ missed'}"


def failures(results: list[dict[str, Any]]) -> list[str]:
    """Return what failed of ours: benchmarks without rows, rows without a value, wrong answers."""
    found = [f"{r['bench']}: {r['error']}" for r in results if r["error"]]
    for row in (row for result in results for row in result["rows"] if row["kind"] == "ours"):
        if row["error"]:
            found.append(f"{row['name']}: {row['error']}")
        elif row["wrong"]:
            found.append(f"{row['name']}: {row['wrong']} answers differ from the reference")
    return found


def show(results: list[dict[str, Any]], missing: list[str]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Entrepot beside its limits and peers", title_justify="left")
    for name, justify in [("", "left"), ("value", "right"), ("ours ÷ this", "right"),
                          ("goal", "left"), ("", "left")]:  # fmt: skip
        table.add_column(name, justify=justify)
    styles = {"ours": "bold", "limit": "cyan", "peer": "dim"}
    for result in results:
        rows = result["rows"]
        for row in rows:
            table.add_row(
                row["name"], amount(row), ratio(row, rows), goal(row), remark(row),
                style=styles[row["kind"]],
            )  # fmt: skip
        table.add_section()
    console = Console() if sys.stdout.isatty() else Console(width=160)
    console.print(table)
    for line in [*missing, *(f"FAILED {line}" for line in failures(results))]:
        console.print(line, style="red")


def machine() -> dict[str, str]:
    """Describe the machine by processor, cores and memory, and nothing else."""
    model = "processor of unknown model"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return {
        "processor": f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB of memory",
        "load": f"{load:.1f}",
        "versions": f"Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in ("polars", "numpy", "cryptography")),
        "day": time.strftime("%Y-%m-%d"),
    }


def page(results: list[dict[str, Any]], chosen: list[Bench], missing: list[str]) -> str:
    """Return docs/benchmarks.md."""
    where = machine()
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`; do not edit. Ours, the limit (the least such work can cost) and "
        "other programs run on the same machine, one after the other, in the same run.",
        "",
        f"- {where['day']}; {where['processor']}; {where['versions']}",
        f"- Load average when the run ended: {where['load']} (a quiet machine has about 1 here). "
        "Wall time on a busy machine says too little of ours; processor time, given where it was "
        "measured, and ratios of one run hold better. Goals are judged by wall time.",
        "- Best of five to nine rounds for ours and the limits (what else runs on a machine only "
        "adds); one round for peers that take seconds, medians of rounds in turn for the log.",
        "- “Ours ÷ this” divides our figure by that of the row.",
        "",
    ]
    lines += [f"- **not measured:** {line}" for line in missing] + ([""] if missing else [])
    by_name = {result["bench"]: result for result in results}
    for bench in chosen:
        result = by_name[bench.name]
        lines += [f"## {bench.title}", "", f"`{bench.command}` ({result['seconds']:.0f} s)", ""]
        if result["error"]:
            lines += [f"**Did not run:** {result['error']}", ""]
            continue
        lines += table_lines(result["rows"])
        lines += [
            "",
            f"*What it means.* {bench.means}",
            "",
            f"*What it does not.* {bench.does_not}",
        ]
        if bench.name == "inspect":
            lines += kept_large(result["rows"])
        lines += kept_million(result["rows"], bench.name)
        lines.append("")
    lines += [
        "The stages of an inspection and what limits it now: "
        "[inspection profile](internals/inspection-profile.md).",
        "",
    ]
    return "\n".join(lines)


def table_lines(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows as a Markdown table; peers and limits stand below what they are set against."""
    lines = ["| | | value | ours ÷ this | goal | |", "|---|---|--:|--:|---|---|"]
    for row in rows:
        name = f"**{row['name']}**" if row["kind"] == "ours" else row["name"]
        kind = "" if row["kind"] == "ours" else row["kind"]
        cells = [name, kind, amount(row), ratio(row, rows), goal(row), remark(row)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return lines


def kept_large(shown: list[dict[str, Any]]) -> list[str]:
    """Return the figures of the last run with a large file, unless `shown` already has them."""
    if not LARGE.exists():
        return []
    kept = json.loads(LARGE.read_text(encoding="utf-8"))
    if {row["name"] for row in kept["rows"]} <= {row["name"] for row in shown}:
        return []
    return [
        "",
        f"A large file, `python3 benchmarks/run.py --large {kept['gb']:g}`, measured on "
        f"{kept['day']} ({kept['processor']}, load {kept['load']}):",
        "",
        *table_lines(kept["rows"]),
    ]


def kept_million(shown: list[dict[str, Any]], name: str) -> list[str]:
    """Return the figures of the last run with a million, unless `shown` has them."""
    if name not in COUNTED or not MILLION.exists():
        return []
    kept = json.loads(MILLION.read_text(encoding="utf-8"))
    rows = kept["rows"].get(name, [])
    if not rows or {row["name"] for row in rows} <= {row["name"] for row in shown}:
        return []
    return [
        "",
        f"A million, `python3 benchmarks/run.py --million`, measured on {kept['day']} "
        f"({kept['processor']}, load {kept['load']}):",
        "",
        *table_lines(rows),
    ]


def keep_million(results: list[dict[str, Any]]) -> None:
    """Keep the figures of a million products and a million acts."""
    where = machine()
    rows = {item["bench"]: item["rows"] for item in results if item["bench"] in COUNTED}
    kept = {key: where[key] for key in ("day", "processor", "load")} | {"rows": rows}
    MILLION.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def keep_large(results: list[dict[str, Any]], gb: float) -> None:
    """Keep the figures of a large file and delete the file."""
    rows = [
        row
        for result in results
        for row in result["rows"]
        if " GB file" in row["name"] and not row["error"]
    ]
    if rows:
        where = machine()
        kept = {"gb": gb, "day": where["day"], "processor": where["processor"],
                "load": where["load"], "rows": rows}  # fmt: skip
        LARGE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    for path in WORK.glob(f"people-{int(gb * 1000)}MB.*"):
        path.unlink()


def main() -> int:
    """Run what was asked for; see the top of the file."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    names = [bench.name for bench in benches(1.0)]
    reader.add_argument("--only", nargs="+", choices=names)
    reader.add_argument("--million", action="store_true", help="a million products, a million acts")
    reader.add_argument("--large", type=float, default=1.0, metavar="GB")
    asked = reader.parse_args()
    every = benches(asked.large, million=asked.million)
    chosen = [bench for bench in every if not asked.only or bench.name in asked.only]
    WORK.mkdir(exist_ok=True)
    results: list[dict[str, Any]] = []
    missing: list[str] = []
    try:
        missing = install_peers()
        for bench in chosen:
            print(f"· {bench.command}", file=sys.stderr, flush=True)
            is_long = asked.large > 1 or asked.million
            limit_s = RUN_TIMEOUT_LARGE_S if is_long else RUN_TIMEOUT_S
            results.append(measure(bench, limit_s))
    except KeyboardInterrupt:
        if results:
            show(results, missing)
        print("stopped; docs/benchmarks.md is as it was", file=sys.stderr)
        return 130
    RESULTS.write_text(json.dumps(results, indent=1), encoding="utf-8")
    if asked.large > 1:
        keep_large(results, asked.large)
    if asked.million:
        keep_million(results)
    show(results, missing)
    if chosen == every:
        PAGE.write_text(page(results, chosen, missing), encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")
    return 1 if failures(results) else 0


if __name__ == "__main__":
    if Path(sys.prefix) != OWN_PYTHON.parent.parent and OWN_PYTHON.exists():
        os.execv(OWN_PYTHON, [str(OWN_PYTHON), *sys.argv])  # where the project is installed
    sys.exit(main())
