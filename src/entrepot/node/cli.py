"""The command line: `entrepot COMMAND`. Each command lives in `entrepot.node.commands.<name>`.

Commands are imported only when used (`entrepot.node.lazygroup`).
Every `entrepot.kernel.errors.Error` ends here: text on standard error, or an RFC 9457 object on
standard output when the command was given `--json`; the exit code is the error's own.
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

import click
import msgspec

from entrepot import __version__
from entrepot.kernel.errors import Error, InvalidInput, StorageError
from entrepot.node.lazygroup import LazyGroup

DEFECT = 70
"""Exit code of a defect in the program itself (EX_SOFTWARE of sysexits.h)."""

COMMANDS: dict[str, str] = {
    "inspect": "what is in a dataset, whose, and how sensitive",
    "assess": "may it leave, by which route, with which duties",
    "plan": "the lawful ways, ranked, with what each one costs",
    "clear": "carry out a plan; write data, certificate, receipt and report",
    "serve": "run a node: acts over HTTP, the public log, the registry, the web face",
    "verify": "check a cleared folder offline, step by step",
    "recheck": "which stored clearances a change of law touches, and what to do",
    "law": "list, show and check the rulebooks and their facts",
    "atlas": "who may send what to whom, on any day, as a page or a table",
    "demo": "the whole port on a real and a generated table",
    "generate": "make a structurally valid table of invented persons",
    "counters": "distinct persons cleared per legal window, and the thresholds near",
    "found": "found the registry of a node, invite its first administrator",
    "act": "sign acts, send them to a node, show what came of them",
    "node": "how a running node is: role, log, queue, readiness",
    "counts": "the registry in numbers, counted from the public log and compared",
    "credential": "verify and present certificates of a registry as credentials",
    "monitor": "follow a log from outside; keep the proof when it misbehaves",
    "witness": "cosign other logs; see who cosigned this one",
    "fsck": "prove that log and state of a store are whole and equal",
    "replay": "rebuild all state from the log and compare, table by table",
    "backup": "copy a home, also while a node writes it, into verified files",
    "restore": "make a home from a backup, on either database, verified",
    "keys": "make and show keys (never the private half)",
}


@click.group(
    cls=LazyGroup,
    modules={name: (f"entrepot.node.commands.{name}", says) for name, says in COMMANDS.items()},
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="entrepot")
def cli() -> None:
    """Move data across borders lawfully and provably."""


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with the documented code (docs/reference/exit-codes.md)."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = cli.main(args=arguments, prog_name="entrepot", standalone_mode=False)
        sys.stdout.flush()
    except Error as error:
        sys.exit(report(error, as_json="--json" in arguments))
    except click.ClickException as error:
        if "--json" in arguments:
            sys.exit(report(_misused(error), as_json=True))
        error.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # The reader went away (`| head`); point standard output elsewhere so that exit is quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        wrapped = StorageError(
            f"{error.strerror or error}", value=error.filename, remedy="check the path and the disk"
        )
        sys.exit(report(wrapped, as_json="--json" in arguments))
    except Exception as error:  # noqa: BLE001 - the last frame: say it is our fault, then stop
        sys.exit(defect(error, as_json="--json" in arguments))
    sys.exit(code if isinstance(code, int) else 0)


def _misused(error: click.ClickException) -> InvalidInput:
    """Return a mistake in options or arguments as one of our own errors."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    where = context.command_path if context is not None else "entrepot"
    return InvalidInput(error.format_message().rstrip("."), remedy=f"see {where} --help")


def defect(error: Exception, *, as_json: bool = False) -> int:
    """Own up to a defect: what broke and where, without a screen of frames; return its code."""
    if os.environ.get("ENTREPOT_DEBUG"):
        traceback.print_exception(error)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    what = f"{type(error).__name__} in {where}"
    remedy = "this is ours, not yours; run again with ENTREPOT_DEBUG=1 and report what it prints"
    if as_json:
        problem: dict[str, object] = {
            "type": "urn:entrepot:error:defect",
            "title": f"defect: {what}",
            "exit_code": DEFECT,
            "remedy": remedy,
        }
        _print_problem(problem)
    # The text of a foreign error may quote the data: its kind and place are enough to find it.
    click.echo(f"defect: {what}\n  → {remedy}", err=True)
    return DEFECT


def _print_problem(problem: dict[str, object]) -> None:
    """Print a problem object on standard output, or on standard error when that refuses."""
    text = msgspec.json.format(msgspec.json.encode(problem), indent=2).decode()
    try:
        click.echo(text)
    except OSError:
        # Full or closed: nothing more goes there, not even what Python would flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        click.echo(text, err=True)


def report(error: Error, *, as_json: bool) -> int:
    """Show one error and return its exit code."""
    if as_json:
        _print_problem(error.as_problem())
    else:
        click.echo(f"error: {error}", err=True)
    return error.exit_code
