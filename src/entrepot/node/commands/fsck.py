"""`entrepot fsck`: prove that log and state of a home are whole and equal, in numbered checks."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

import click

from entrepot.kernel.audit import Check, audit
from entrepot.kernel.encoding import to_json
from entrepot.kernel.home import default_home
from entrepot.kernel.institution import Institution

INSTITUTIONS = ("entrepot.port.clear.institution:PORT",)
"""Where the installed institutions are declared; read only by this command."""


@click.command(name="fsck", help="Prove that log and state of a store are whole and equal.")
@click.option("--home", type=click.Path(path_type=Path), help="Home to check.")
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
def command(home: Path | None, as_json: bool) -> int:
    """Run every check; exit 0 when all pass, 1 when one fails (its name is printed)."""
    where = default_home() if home is None else home
    checks = audit(where, installed())
    failed = [check.name for check in checks if check.passed is False]
    if as_json:
        view = {"home": str(where), "ok": not failed, "failed": failed, "checks": checks}
        click.echo(to_json(view))
    else:
        for check in checks:
            click.echo(_line(check))
        click.echo(f"failed: {', '.join(failed)}" if failed else "all checks passed")
    return 1 if failed else 0


def installed() -> tuple[Institution, ...]:
    """Return the institutions whose state this program can rebuild."""
    found = []
    for place in INSTITUTIONS:
        module, _, name = place.partition(":")
        if importlib.util.find_spec(module) is None:
            continue  # an institution that is not part of this installation has no state here
        institution = getattr(importlib.import_module(module), name)
        if not isinstance(institution, Institution):
            raise TypeError(f"{place} is not an Institution")
        found.append(institution)
    return tuple(found)


def _line(check: Check) -> str:
    mark = {True: "pass", False: "FAIL", None: "----"}[check.passed]
    return f"{check.number}. {check.name:<11} {mark}  {check.detail}"
