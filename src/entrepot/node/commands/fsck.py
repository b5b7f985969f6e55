"""`entrepot fsck`: prove that log and state of a home are whole and equal, in numbered checks."""

from __future__ import annotations

from pathlib import Path

import click

from entrepot.kernel.audit import Check, audit
from entrepot.kernel.encoding import to_json
from entrepot.kernel.home import default_home
from entrepot.kernel.institution import Institution
from entrepot.port.change.audit import NAME as LAW_CHECK
from entrepot.port.change.audit import law_check
from entrepot.port.clear.institution import PORT

INSTITUTIONS: tuple[Institution, ...] = (PORT,)
"""Every installed institution: those whose state can be rebuilt and compared."""


@click.command(name="fsck", help="Prove that log and state of a store are whole and equal.")
@click.option("--home", type=click.Path(path_type=Path), help="Home to check.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(home: Path | None, as_json: bool) -> int:
    """Run every check; exit 0 when all pass, 1 when one fails (its name is printed)."""
    where = default_home() if home is None else home
    checks = audit(where, INSTITUTIONS)
    number = len(checks) + 1
    sound = all(check.passed for check in checks)
    checks.append(law_check(where, number) if sound else Check(number, LAW_CHECK, None, "not run"))
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
