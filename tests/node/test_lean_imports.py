"""What a command imports: nobody waits for a library that the answer does not use."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from entrepot.node.cli import COMMANDS
from entrepot.node.commands.law import PARTS
from entrepot.node.lawcache import open_library

HEAVY = ("polars", "numpy", "sqlalchemy", "pyarrow", "fastavro", "holidays", "yaml")
QUESTION = ["--from", "CN", "--to", "DE", "--profile", "ordinary-company"]
PROGRAM = """
import sys
from entrepot.node.cli import main
try:
    main(sys.argv[2:])
except SystemExit as done:
    assert done.code == 0, done.code
print(*(name for name in sys.argv[1].split(",") if name in sys.modules), file=sys.stderr)
"""


def imported(*arguments: str) -> set[str]:
    """The heavy libraries that a command has imported when it is done."""
    command = [sys.executable, "-c", PROGRAM, ",".join(HEAVY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["law", "--help"],
        ["law", "list"],
        ["law", "facts"],
        ["law", "show", "exporter.ciio"],
        ["law", "request", "--help"],
        ["law", "diff", "--help"],
        ["assess", *QUESTION],
        ["assess", "--json", *QUESTION],
    ],
    ids=" ".join,
)
def test_questions_to_the_law_import_nothing_heavy(arguments: list[str]) -> None:
    open_library()  # the first time reads YAML
    assert imported(*arguments) == set()


def test_what_needs_a_table_still_has_it() -> None:
    assert {"polars", "numpy"} <= imported("plan", "--help")


def test_every_command_named_is_a_module() -> None:
    for name in COMMANDS:
        assert find_spec(f"entrepot.node.commands.{name}"), name
    for name in PARTS:
        assert find_spec(f"entrepot.node.commands.law{name}"), name
