"""Draw the documents' pictures from real output: `.venv/bin/python tools/pictures.py [NAME …]`.

Terminals are SVG without outside fonts or links, so they show offline too; the atlas is
photographed in headless Chromium (`apt-get install chromium`). Without names, all are drawn.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
ENTREPOT = Path(sys.executable).parent / "entrepot"
WIDTH = 116


def main(names: list[str]) -> None:
    """Draw the pictures called `names`, or all of them."""
    known = [*(name for name, _, _ in PLANNED), *ATLAS]
    unknown = sorted(set(names) - set(known))
    if unknown:
        sys.exit(f"no picture called {', '.join(unknown)}; one of {', '.join(known)}")
    PICTURES.mkdir(parents=True, exist_ok=True)
    wanted = set(names or known)
    if wanted & {name for name, _, _ in PLANNED}:
        draw_terminals(wanted)
    if wanted & set(ATLAS):
        photograph_atlas(wanted)


def draw_terminals(wanted: set[str]) -> None:
    """Run every command in an empty home and draw what those of `wanted` print."""
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
            if name in wanted:
                draw(name, shown, lines)


def photograph_atlas(wanted: set[str]) -> None:
    """Write the atlas of the retail customers and photograph the views of `wanted`."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.exit("no chromium on the path (apt-get install chromium)")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page_file = Path(folder) / "atlas.html"
        subprocess.run([str(ENTREPOT), "atlas", "-o", str(page_file)], check=True)
        browser = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-sync"],
        )
        for name in (name for name in ATLAS if name in wanted):
            address, part = ATLAS[name]
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(f"{page_file.as_uri()}#{address}")
            page.wait_for_function("document.getElementById('day').textContent !== ''")
            file = PICTURES / f"{name}.png"
            page.locator(part).screenshot(path=file) if part else page.screenshot(path=file)
            print(f"docs/pictures/{name}.png: {file.stat().st_size // 1024} kB")
            page.close()
        browser.close()


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

ATLAS = {
    "atlas-en": ("from=CN&to=DE", ""),
    "atlas-zh": ("from=CN&to=DE&lang=zh", ""),
    "atlas-cell": ("from=KR&to=FR", "#pair"),
    "atlas-2015": ("day=2015-01-01", ""),
}
"""Name of a picture of the atlas → the view in its address; a part of the page, or all."""

if __name__ == "__main__":
    main(sys.argv[1:])
