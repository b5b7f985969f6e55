"""Loading the law: from the rulebooks, from the cache, and a whole command of each.

    python benchmarks/bench_loading.py

Beside it stand the least that such work costs: the same YAML through PyYAML's own loaders, without
a check of anything, and the same values through `pickle`, which may run code.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import tempfile
import time
from pathlib import Path

import yaml

from entrepot.law import Library
from entrepot.law.hashes import law_files
from entrepot.law.keeping import packed_library
from entrepot.law.markdown import take_apart
from entrepot.node.lawcache import SWITCH, open_library
from measure import ROOT, Figure, Spent, as_json, seconds

COLD = "all rulebooks, read and checked"
KEPT = "all rulebooks, from the cache"
COMMAND = "`entrepot assess` from China to Germany, from the cache"
ROUNDS = 7
ASSESS = ("assess", "--from", "CN", "--to", "DE", "--profile", "ordinary-company")


def documents(root: Path) -> list[str]:
    """Return every piece of YAML in the laws: front matter, blocks, facts, jurisdictions."""
    texts: list[str] = []
    for name, content in law_files(root).items():
        text = content.decode("utf-8-sig")
        if name.endswith(".md"):
            document = take_apart(text, name)
            texts += [document.front, *(block.text for block in document.blocks)]
        else:
            texts.append(text)
    return texts


def of(name: str, spent: Spent, note: str, **more: object) -> Figure:
    """A figure in milliseconds of the clock."""
    note = f"{1_000 * spent.processor:.0f} ms of processor time; {note}"
    return Figure(name, 1_000 * spent.wall, "ms", note, **more)  # type: ignore[arg-type]


def loading(library: Library) -> list[Figure]:
    """Cold and from the cache, with their limits."""
    content = library.content
    texts = documents(library.root)
    size = sum(map(len, law_files(library.root).values())) / 1e6
    what = f"{len(content.books)} rulebooks, {len(content.rules)} rules, {size:.1f} MB of files"
    cold = seconds(Library.load)
    kept = seconds(open_library)
    wrong = int(packed_library(open_library()) != packed_library(Library.load()))
    pickled = pickle.dumps(content)
    pure = seconds(lambda: [yaml.load(text, yaml.SafeLoader) for text in texts], rounds=1)
    return [
        of(COLD, cold, what, goal="1 s", met=cold.wall < 1),
        of(
            "the same YAML, `yaml.CSafeLoader`",
            seconds(lambda: [yaml.load(text, yaml.CSafeLoader) for text in texts]),
            "values only: no lines, shapes, conditions or checks",
            kind="limit",
            against=COLD,
        ),
        of("the same YAML, `yaml.safe_load`", pure, "pure Python", kind="limit", against=COLD),
        of(
            KEPT,
            kept,
            f"every file hashed; {len(packed_library(library)) / 1e6:.1f} MB kept",
            goal="50 ms",
            met=kept.wall <= 0.05,
            wrong=wrong,
        ),
        of(
            "reading the same files",
            seconds(lambda: law_files(library.root)),
            "what the cache does before it knows its own name",
            kind="limit",
            against=KEPT,
        ),
        of(
            "the same content, `pickle.loads`",
            seconds(lambda: pickle.loads(pickled)),
            f"{len(pickled) / 1e6:.1f} MB; without vocabulary, files and hashes; may run code",
            kind="limit",
            against=KEPT,
        ),
    ]


def waited(*arguments: str, cache: bool) -> float:
    """Run a whole command in a process of its own; return the seconds of the clock."""
    program = ROOT / ".venv" / "bin" / arguments[0]
    environment = os.environ | ({} if cache else {SWITCH: "off"})
    started = time.perf_counter()
    subprocess.run(
        [str(program), *arguments[1:]], env=environment, stdout=subprocess.DEVNULL, check=True
    )
    return time.perf_counter() - started


def commands() -> list[Figure]:
    """One question to the law, as its user waits for it; the three take turns, the best counts."""
    bare = ("python", "-c", "import click, msgspec, rich.console")
    rounds = [
        (
            waited("entrepot", *ASSESS, cache=True),
            waited("entrepot", *ASSESS, cache=False),
            waited(*bare, cache=True),
        )
        for _ in range(ROUNDS)
    ]
    kept, cold, imports = (1_000 * min(times) for times in zip(*rounds, strict=True))
    return [
        Figure(COMMAND, kept, "ms", "the whole process, imports included"),
        Figure("the same, without the cache", cold, "ms", "ENTREPOT_CACHE=off"),
        Figure(
            "Python, click, msgspec and rich imported",
            imports,
            "ms",
            "a process that does nothing more",
            kind="limit",
            against=COMMAND,
        ),
    ]


def main() -> None:
    """Measure with a cache of this run's own and print everything as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        os.environ.pop(SWITCH, None)
        print(as_json([*loading(Library.load()), *commands()]))


if __name__ == "__main__":
    main()
