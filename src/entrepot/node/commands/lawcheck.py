"""`entrepot law check`: does the law load, do its cases hold, and would they notice a slip?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from entrepot.kernel.errors import InvalidLaw, VerificationError
from entrepot.law.cases import CaseResult, explain_failure, find_cases, run_case
from entrepot.law.coverage import Coverage, measure_coverage
from entrepot.law.hashes import differences, read_hashes
from entrepot.law.library import Library, read_library
from entrepot.law.mutation.trial import Gap, Score, score_regimes
from entrepot.law.reach import unreachable_rules
from entrepot.node.options import laws_option
from entrepot.node.progress import counting_bar
from entrepot.node.shipping import print_json

_FAILURES_SHOWN_MAX = 100
_GAPS_SHOWN_MAX = 200


@click.command("check")
@click.option(
    "--cases",
    "cases_path",
    type=click.Path(path_type=Path),
    default=None,
    help="A case file or a folder of them; default: the cases beside the rulebooks.",
)
@click.option(
    "--hashes",
    "hashes_path",
    type=click.Path(path_type=Path),
    default=None,
    help="Recorded hashes (`law list --json`): exit 5 naming every file that is not as recorded.",
)
@laws_option
@click.option(
    "--mutants",
    is_flag=True,
    help="Miswrite every rule, many times over, and count which slips some case notices.",
)
@click.option(
    "--regime",
    "only",
    multiple=True,
    help="Only the mutants of this regime; repeatable, implies --mutants.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    cases_path: Path | None,
    hashes_path: Path | None,
    laws: Path | None,
    mutants: bool,
    only: tuple[str, ...],
    as_json: bool,
) -> None:
    """Run cases in both back ends; the last line is `N passed, N failed`.

    Rulebooks that do not load and rules that nothing can reach are named with file and line.
    """
    # Imported here: only this command needs Polars.
    from entrepot.law.columncheck import compare_back_ends

    library, faults = read_library(laws)
    if hashes_path is not None:
        _compare_hashes(library, hashes_path)
    faults |= {fault.where: fault for fault in unreachable_rules(library)}
    results = [run_case(library, case) for case in find_cases(cases_path or library.root)]
    compare_back_ends(library, results)
    coverage = measure_coverage(library, results) if cases_path is None else None
    failed = [result for result in results if not result.passed]
    scores = _scores(library, results, only) if mutants or only else []
    if as_json:
        print_json({**_report(library, results, coverage, faults), "mutants": scores})
    else:
        for fault in faults.values():
            click.echo(f"error: {fault}", err=True)
        for result in failed[:_FAILURES_SHOWN_MAX]:
            print_failure(result)
        if len(failed) > _FAILURES_SHOWN_MAX:
            click.echo(f"… and {len(failed) - _FAILURES_SHOWN_MAX} more")
        if coverage is not None:
            print_coverage(library, coverage)
        print_scores(scores)
        click.echo(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed or faults else 0)


def _scores(library: Library, results: list[CaseResult], only: tuple[str, ...]) -> list[Score]:
    regimes = [library.regime(name).id for name in only] or list(library.content.regimes)
    with counting_bar("mutants") as move:
        return score_regimes(library, results, regimes, move)


def print_scores(scores: Sequence[Score]) -> None:
    """Print which slips no case notices, and the share of those that some case does."""
    gaps = [gap for score in scores for gap in score.gaps]
    for gap in gaps[:_GAPS_SHOWN_MAX]:
        click.echo(_gap(gap))
    if len(gaps) > _GAPS_SHOWN_MAX:
        click.echo(f"… and {len(gaps) - _GAPS_SHOWN_MAX} more")
    if len(scores) > 1:
        for score in sorted(scores, key=lambda score: score.share):
            total = score.killed + len(score.gaps)
            click.echo(f"{score.share:>7.1%}  {score.killed:>5} of {total:<5} {score.regime}")
    killed, alike = sum(s.killed for s in scores), sum(s.alike for s in scores)
    if scores:
        total = killed + len(gaps)
        click.echo(
            f"{total + alike} slips: {killed} noticed, {len(gaps)} not, {alike} that nothing tells "
            f"from the law; mutation score {killed / max(1, total):.1%}"
        )


def _gap(gap: Gap) -> str:
    facts = ", ".join(f"{name}={value}" for name, value in gap.facts.items())
    flow = f"{gap.flow.origin}→{gap.flow.destination} {gap.flow.as_of}"
    head = f"UNNOTICED {gap.mutant.of}  ({gap.mutant.where}): {gap.mutant.what}"
    return f"{head}\n    {flow}: {gap.said} → {gap.now}\n    {facts}"


def _compare_hashes(library: Library, path: Path) -> None:
    """Raise `VerificationError` naming every file of law that is not as recorded in `path`."""
    differs = differences(library, read_hashes(path))
    if differs:
        raise VerificationError(
            f"hash mismatch: {'; '.join(differs)}",
            remedy="put the recorded files back, or record the new ones after reading the change",
        )


def _report(
    library: Library,
    results: list[CaseResult],
    coverage: Coverage | None,
    faults: dict[str, InvalidLaw],
) -> dict[str, object]:
    failed = [result for result in results if not result.passed]
    return {
        "passed": len(results) - len(failed),
        "failed": len(failed),
        "rulebooks": len(library.rulebooks),
        "coverage": coverage,
        "faults": {file: str(fault) for file, fault in faults.items()},
        "failures": [
            {
                "name": result.case.text.name,
                "where": result.case.where,
                "problems": result.problems,
                "why": explain_failure(result),
            }
            for result in failed
        ],
    }


def print_failure(result: CaseResult) -> None:
    """Print one failed case: what was expected, what came, and why."""
    click.echo(f"FAILED {result.case.text.name}  ({result.case.where})")
    for problem in result.problems:
        click.echo(f"  {problem}")
    for line in explain_failure(result):
        click.echo(f"    {line}")


def print_coverage(library: Library, coverage: Coverage) -> None:
    """Print how many rules there are and which ones no case decides, or none refuses."""
    click.echo(f"{len(library.rulebooks)} rulebooks, {coverage.rules} rules, both back ends")
    places = {regime.text.block.jurisdiction for regime in library.content.regimes.values()}
    click.echo(f"{len(places)} jurisdictions: {', '.join(sorted(places))}")
    if coverage.never_commenced:
        click.echo(f"never commenced: {', '.join(coverage.never_commenced)}")
    for what, names in (
        ("granting", coverage.without_granting),
        ("refusing", coverage.without_refusing),
    ):
        listed = f": {', '.join(names)}" if names else ""
        click.echo(f"{len(names)} rules without a {what} case{listed}")
