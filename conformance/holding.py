"""Holds a subject against one foreign client after the other, and says what came of each."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from dataclasses import dataclass, field

from findings import Finding, Skipped
from subject import Subject

Check = Callable[[Subject], list[Finding]]
FAILURES = (RuntimeError, AssertionError, subprocess.SubprocessError, urllib.error.URLError)


@dataclass
class Run:
    """What has been found so far."""

    as_json: bool
    findings: list[Finding] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def hold(self, name: str, check: Check, subject: Subject) -> None:
        """Run one check and say what came of it."""
        began = time.monotonic()
        try:
            found = check(subject)
        except Skipped as reason:
            self.skipped.append((name, str(reason)))
            print(f"skipped  {name}: {reason}", file=sys.stderr if self.as_json else sys.stdout)
        except FAILURES as error:
            self.failed.append(name)
            print(f"FAILED   {name}: {error}", file=sys.stderr if self.as_json else sys.stdout)
        else:
            self.findings += found
            for item in found:
                print(item.json() if self.as_json else f"ok       {item.line()}", flush=True)
            if not self.as_json:
                print(f"         {time.monotonic() - began:.1f} s")
