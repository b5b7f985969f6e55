"""`entrepot fsck`: prove that log and state of a home are whole and equal, in numbered checks."""

from __future__ import annotations

from pathlib import Path

import click

from entrepot.kernel.audit import Check, audit
from entrepot.kernel.encoding import to_json
from entrepot.kernel.home import default_home
from entrepot.node.homeoptions import home_option, json_option, store_option
from entrepot.node.installed import installed
from entrepot.node.progress import steps_bar
from entrepot.port.change.audit import NAME as LAW_CHECK
from entrepot.port.change.audit import law_check


@click.command(name="fsck", help="Prove that log and state of a store are whole and equal.")
@home_option
@store_option
@json_option
def command(home: Path | None, store: str, as_json: bool) -> int:
    """Run every check, also beside a running node; exit 0 when all pass, 1 when one fails."""
    where = default_home() if home is None else home
    with steps_bar() as on_progress:
        checks = audit(where, installed(), store=store, on_progress=on_progress)
    number = len(checks) + 1
    if all(check.passed for check in checks):
        checks.append(law_check(where, number, store=store))
    else:
        checks.append(Check(number, LAW_CHECK, None, "not run"))
    failed = [check.name for check in checks if check.passed is False]
    if as_json:
        view = {"home": str(where), "ok": not failed, "failed": failed, "checks": checks}
        click.echo(to_json(view))
    else:
        for check in checks:
            click.echo(_line(check))
        click.echo(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def _line(check: Check) -> str:
    mark = {True: "pass", False: "FAIL", None: "----"}[check.passed]
    return f"{check.number}. {check.name:<11} {mark}  {check.detail}"
