"""The whole interface held to its own OpenAPI document, by schemathesis, over a demo node.

Every check and every phase of the tool; `schemathesis.toml` says where the interface differs from
its expectations on purpose. Longer: `ENTREPOT_API_EXAMPLES=500`; other cases: `ENTREPOT_API_SEED`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from served import free_port

HERE = Path(__file__).resolve().parent
PROGRAMS = Path(sys.executable).parent
EXAMPLES = int(os.environ.get("ENTREPOT_API_EXAMPLES", "8"))
SEED = int(os.environ.get("ENTREPOT_API_SEED", "4"))


@contextmanager
def demo_node(home: Path) -> Iterator[str]:
    """`entrepot serve --demo` as a process; yields its URL."""
    port = free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ENTREPOT_")}
    command = [PROGRAMS / "entrepot", "serve", "--demo", "--home", home, "--port", str(port)]
    node = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{url}/readyz").status_code == 200:
                    break
            assert node.poll() is None, "the demo ended"
            assert time.monotonic() < deadline, "the demo did not start"
            time.sleep(0.1)
        yield url
    finally:
        node.send_signal(signal.SIGTERM)
        assert node.wait(30) == 0


def run(url: str, folder: Path, *, examples: int, seed: int) -> tuple[int, str, dict[str, Any]]:
    """Run schemathesis; return its exit status, what it printed, and its report."""
    report = folder / "report.json"
    command = [
        PROGRAMS / "schemathesis",
        f"--config-file={HERE / 'schemathesis.toml'}",
        "run",
        f"{url}/openapi.json",
        "--phases=examples,coverage,fuzzing,stateful",
        f"--max-examples={examples}",
        f"--seed={seed}",
        "--generation-database=none",
        "--continue-on-failure",
        "--warnings=off",
        "--no-color",
        "--report=json",
        f"--report-json-path={report}",
    ]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "api_hooks",
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "default",
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr, json.loads(report.read_text())


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with demo_node(tmp_path_factory.mktemp("demo") / "home") as url:
        yield url


@pytest.mark.slow
def test_the_interface_is_what_its_document_says(node: str, tmp_path: Path) -> None:
    status, said, report = run(node, tmp_path, examples=EXAMPLES, seed=SEED)
    cases, operations = report["test_cases"], report["operations"]
    print(f"{cases['generated']:,} cases, {operations['tested']} operations, seed {SEED}")
    assert (status, report["failures"], report["errors"]) == (0, [], []), said[-20_000:]
    assert report["complete"] is True
    assert operations["tested"] == operations["total"] >= 38
    assert cases["generated"] > 800
    assert {name for name, phase in report["phases"].items() if phase["status"] == "success"} >= {
        "coverage",
        "fuzzing",
        "stateful",
    }


def known(url: str) -> dict[str, dict[str, object]]:
    """What exists on the node, as the parameters that name it."""

    def first(path: str, *names: str) -> object:
        value = httpx.get(url + path).json()
        for name in names:
            value = value[name]
        return value[0]

    listed = first("/registry/products", "products")
    right = first("/registry/rights?status=registered", "rights")
    certificate = first("/registry/certificates")
    assert isinstance(listed, dict)
    product = listed["product"]
    assert isinstance(right, dict)
    assert isinstance(certificate, dict)
    act = {"index": "1"}
    return {
        "/acts/{index}": act,
        "/acts/{index}/entry": act,
        "/acts/{index}/receipt": act,
        "/acts/{index}/proof": act,
        "/acts/{index}/opening": act,
        "/log/proof/{index}": act,
        "/log/tile/{name}": {"name": "entries/000.p/2"},
        "/entries/{locator}": {"locator": "1"},
        "/registry/products/{number}": {"number": str(product["id"])},
        "/registry/rights/{number}": {"number": str(right["id"])},
        "/registry/parties/{party}": {"party": product["party"]},
        "/did/{party}/did.json": {"party": product["party"]},
        "/registry/certificates/{number}": {"number": str(certificate["index"])},
        "/status/bitstring/{number}": {"number": "0"},
        "/status/tokens/{number}": {"number": "0"},
        "/credentials/types/{kind}": {"kind": certificate["kind"]},
    }


NOTHING_THERE = {
    "/log/policy": "the demo names no witnesses",
    "/witness/vkeys": "the demo is no witness",
    "/witness/{origin_digest}/checkpoint": "the demo is no witness",
    "/log/tile/{name}": "a partial tile goes when a fuller one comes",
    "/.well-known/scitt-keys/{kid_value}": "asked for by its kid in tests/node/test_scitt.py",
}


@pytest.mark.slow
def test_what_exists_is_answered_in_every_form_that_the_document_names(node: str) -> None:
    document = httpx.get(f"{node}/openapi.json").json()
    schema = schemathesis.openapi.from_url(f"{node}/openapi.json")
    names = known(node)
    asked = 0
    for path, operations in document["paths"].items():
        if "get" not in operations or path in NOTHING_THERE:
            continue
        for form in operations["get"]["responses"]["200"]["content"]:
            case = schema[path]["GET"].Case(path_parameters=names.get(path, {}))
            response = case.call(headers={"Accept": form})
            assert response.status_code == 200, (path, form, response.content[:300])
            given = response.headers["content-type"][0].partition(";")[0]
            assert given == form, (path, form)
            case.validate_response(response)
            asked += 1
    assert asked >= 35
