"""What a foreign client found, and how foreign programs are run and asked for it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

TOOL_TIMEOUT_S = 60
COMPLAINT_MAX_CHARACTERS = 2_000


@dataclass(frozen=True)
class Finding:
    """One check by one foreign client: how often it held, how many forgeries it refused."""

    client: str
    version: str
    checked: str
    held: int
    rejected: int

    def line(self) -> str:
        """Return it for people."""
        told = f"{self.held} held, {self.rejected} forgeries refused"
        return f"{self.client} {self.version}: {self.checked}: {told}"

    def json(self) -> str:
        """Return it for programs."""
        return json.dumps(asdict(self))


class Skipped(Exception):
    """A foreign tool is not here; the text says how to get it."""


def run_tool(command: Sequence[str], *, cwd: Path | None = None) -> list[Finding]:
    """Run a foreign checker that prints one JSON object per line; RuntimeError if it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=TOOL_TIMEOUT_S)
    if done.returncode:
        said = done.stderr.strip() or done.stdout
        raise RuntimeError(said[-COMPLAINT_MAX_CHARACTERS:])
    return parse_findings(done.stdout)


def parse_findings(text: str) -> list[Finding]:
    """Read the lines that are findings."""
    return [Finding(**json.loads(line)) for line in text.splitlines() if line[:1] == "{"]
