"""What an operator sees: metrics, log lines, traces, health; and nobody's data in any of them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from typing import ClassVar

import pytest
from node_toy import COSE, count_act, served
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from entrepot.kernel.errors import InvalidInput
from entrepot.node.api.health import readiness
from entrepot.node.installed import installed
from entrepot.node.observing_logs import begin_logging
from entrepot.node.settings import Logs
from entrepot.port.clear.institution import PORT

HEAVY = ("polars", "numpy", "pyarrow", "fastavro", "holidays", "obstore", "psycopg")
MORE = ("opentelemetry.sdk", "alembic", "cramjam")


def value_of(text: str, name: str) -> float:
    (line,) = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return float(line.split()[-1])


def test_metrics_count_acts_requests_and_the_tree(tmp_path: Path) -> None:
    with served(tmp_path) as (running, client):
        client.post("/acts", content=count_act(running.node), headers=COSE)
        act = count_act(running.node, 2_000)
        for _ in range(2):
            client.post("/acts", content=act, headers=COSE)
        client.post("/acts", content=b"junk", headers=COSE)
        client.get("/acts/1?token=hunter2")
        client.get("/nowhere/hunter2")
        answer = client.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        text = answer.text
        assert value_of(text, 'entrepot_acts_total{kind="count",outcome="granted"}') == 1
        assert value_of(text, 'entrepot_acts_total{kind="count",outcome="refused"}') == 1
        assert value_of(text, "entrepot_acts_repeated_total") == 1
        assert value_of(text, 'entrepot_acts_rejected_total{code="invalid-input"}') == 1
        assert value_of(text, "entrepot_tree_size") == 3
        assert value_of(text, "entrepot_queue_acts") == 0
        assert value_of(text, "entrepot_leader") == 1
        assert value_of(text, "entrepot_batch_seconds_count") == 4
        assert value_of(text, "entrepot_process_resident_memory_bytes") > 1e6
        route = 'method="GET",route="/acts/{index}",status="200"'
        assert value_of(text, "entrepot_http_requests_total{" + route + "}") == 1
        assert "hunter2" not in text
        assert running.node.party.kid.hex() not in text


def test_a_log_line_names_the_route_and_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = logging.getLogger().handlers[:]
    stream = StringIO()
    begin_logging(Logs(), stream)
    monkeypatch.delenv("ENTREPOT_DEBUG", raising=False)
    try:
        with served(tmp_path) as (running, client):
            client.get("/acts/0?token=hunter2", headers={"X-Request-Id": "id-1"})
            monkeypatch.setattr(running.node.log, "tree", lambda: 1 / 0)
            broken = client.get("/acts/0?token=hunter2")
            assert broken.status_code == 500
            assert "ZeroDivision" not in broken.text
    finally:
        logging.getLogger().handlers = before
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    first = next(line for line in lines if line.get("request_id") == "id-1")
    assert (first["method"], first["route"], first["status"]) == ("GET", "/acts/{index}", 200)
    (defect,) = [line for line in lines if line["message"] == "defect"]
    assert defect["error"] == "ZeroDivisionError"
    assert any(frame.startswith("reads.py:") for frame in defect["frames"])
    assert "division" not in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_text_lines_and_unknown_levels() -> None:
    before = logging.getLogger().handlers[:]
    stream = StringIO()
    try:
        begin_logging(Logs(form="text", level="warning"), stream)
        logging.getLogger("entrepot.x").info("quiet")
        logging.getLogger("entrepot.x").warning("loud\x1b[31m", extra={"status": 5, "secret": 1})
        with pytest.raises(InvalidInput):
            begin_logging(Logs(level="loud"))
    finally:
        logging.getLogger().handlers = before
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("warning entrepot.x loud\ufffd[31m status=5")


def test_ready_says_what_fails(tmp_path: Path) -> None:
    with served(tmp_path, ready__disk_free_min_bytes=1_000_000_000) as (running, client):
        assert client.get("/healthz").json()["status"] == "ok"
        found = client.get("/readyz").json()
        assert (found["ready"], found["role"], found["tree_size"]) == (True, "leader", 1)
        assert readiness(running, has_alarm=True).failed == ["alarm"]
    with served(tmp_path, ready__disk_free_min_bytes=1_000_000_000) as (running, client):
        running.intake._depth = running.settings.intake.queue_max_acts
        running.observed.last_batch_at -= 100
        answer = client.get("/readyz")
        running.intake._depth = 0
        assert (answer.status_code, answer.json()["failed"]) == (503, ["queue", "writer"])


class _Collector(BaseHTTPRequestHandler):
    requests: ClassVar[list[bytes]] = []

    def do_POST(self) -> None:
        self.requests.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        return


def test_traces_show_the_steps_of_a_batch_when_an_endpoint_is_set(tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), _Collector)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    endpoint = f"http://127.0.0.1:{server.server_port}/v1/traces"
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    try:
        with served(tmp_path, traces__otlp_endpoint=endpoint, traces__sample_ratio=1.0) as (
            running,
            client,
        ):
            headers = {**COSE, "traceparent": parent}
            client.post("/acts", content=count_act(running.node), headers=headers)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    spans = [
        span
        for body in _Collector.requests
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    batch = next(span for span in spans if span.name == "batch")
    steps = [span.name for span in spans if span.parent_span_id == batch.span_id]
    assert sorted(steps) == sorted(
        [
            "decide and commit",
            "write tiles",
            "sign checkpoint",
            "publish checkpoint",
            "make answers",
        ]
    )
    request = next(span for span in spans if span.name == "POST /acts")
    assert request.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"


PROGRAM = """
import sys
from pathlib import Path
from entrepot.node.app import make_app
from entrepot.node.running import open_running
from entrepot.node.settings import read_settings
settings = read_settings(environment={}, given={"home": sys.argv[1]})
with open_running(settings) as running:
    make_app(running)
    print(*(name for name in sys.argv[2].split(",") if name in sys.modules))
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    print(pages * 4096 // 2**20)
"""


def test_a_node_at_rest_has_loaded_nothing_it_does_not_use(tmp_path: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), ",".join((*HEAVY, *MORE))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    loaded, resident_mib = done.stdout.splitlines()
    assert loaded.split() == []
    assert int(resident_mib) < 150


def test_the_port_as_installed_is_the_port(tmp_path: Path) -> None:
    port = installed(tmp_path)[0]
    assert port.tables is PORT.tables
    for kind, real in zip(port.kinds, PORT.kinds, strict=True):
        assert (kind.name, kind.public, kind.apply) == (real.name, real.public, real.apply)
