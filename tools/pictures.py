"""Draw the README's pictures from real output: `.venv/bin/python tools/pictures.py`.

Each picture is an SVG of a terminal without outside fonts or links, so it shows offline too.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
ENTREPOT = Path(sys.executable).parent / "entrepot"
WIDTH = 116


def main() -> None:
    """Run every command in an empty home and draw what it prints."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        environment = {
            **os.environ,
            "ENTREPOT_HOME": str(work / "home"),
            "FORCE_COLOR": "1",
            "COLUMNS": str(WIDTH),
            "TERM": "xterm-256color",
        }
        for name, commands, lines in PLANNED:
            shown = ""
            for command, visible in commands:
                done = subprocess.run(
                    [str(ENTREPOT), *command],
                    cwd=work,
                    env=environment,
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if visible:
                    words = " ".join(command).replace(str(ROOT) + "/", "")
                    shown += f"\x1b[1;32m$\x1b[0m entrepot {words}\n{done.stdout}"
                    shown += done.stderr if done.returncode > 1 else ""
            draw(name, shown, lines)


def draw(name: str, shown: str, lines: int) -> None:
    """Write one picture of at most `lines` lines."""
    kept = shown.splitlines()
    if len(kept) > lines:
        kept = [*kept[: lines - 1], "…"]
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w", encoding="utf-8"))
    console.print(Text.from_ansi("\n".join(kept)))
    svg = console.export_svg(title="", theme=MONOKAI, unique_id=name)
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code, monospace", "font-family: monospace")
    (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
    print(f"docs/pictures/{name}.svg: {len(kept)} lines")


FLOW = ["--from", "CN", "--to", "DE"]
CUSTOMERS = "customers.csv"
DECLARED = [
    "--profile", "ordinary-company",
    "--fact", "cn.year.prior_persons=0", "--fact", "cn.year.prior_sensitive=0",
]  # fmt: skip
PLANNED: list[tuple[str, list[tuple[list[str], bool]], int]] = [
    (
        "inspect",
        [
            (["generate", CUSTOMERS, "--rows", "200000", "--sensitive-share", "0.04"], False),
            (["inspect", CUSTOMERS], True),
        ],
        40,
    ),
    ("assess", [(["assess", CUSTOMERS, *FLOW, "--as-of", "2024-04-01", *DECLARED], True)], 60),
    ("plan", [(["plan", CUSTOMERS, *FLOW, *DECLARED], True)], 60),
]

if __name__ == "__main__":
    main()
