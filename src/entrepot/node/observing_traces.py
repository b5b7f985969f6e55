"""Traces (OpenTelemetry), when a setting names where they go; otherwise nothing is even imported.

A request is one span, under the trace that its `traceparent` names (W3C Trace Context). A batch of
the intake is one span with one below it for each thing that takes time: verifying, deciding and
committing; writing tiles; signing and publishing the checkpoint; making the answers. Spans are made
when the work is done, from times noted on the way, so that what is not sampled costs nothing. They
hold what log lines hold: routes, kinds of outcome and counts.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from entrepot import __version__
from entrepot.kernel.errors import Error
from entrepot.kernel.log import Log
from entrepot.kernel.sequencer import Answer
from entrepot.node.settings import Traces

STEPS: Final = {
    "committed": "decide and commit",
    "integrated": "write tiles",
    "checkpoint-signed": "sign checkpoint",
    "published": "publish checkpoint",
}
"""Points of the log's way of one append (docs/internals/log.md) → what ended there."""


class Tracing:
    """Makes spans and sends them in the background. Close it to send the last ones."""

    def __init__(self, settings: Traces, service: str) -> None:
        """Begin to send to the endpoint of the settings; `service` names this node."""
        attributes = {"service.name": service, "service.version": __version__}
        self._provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(settings.sample_ratio)),
            resource=Resource.create(attributes),
        )
        exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("entrepot")
        self._passed = threading.local()

    def watch(self, log: Log) -> None:
        """Note when the steps of an append are passed, beside whoever else is told."""
        before = log.crash

        def passed(point: str) -> None:
            before(point)
            if point in STEPS:
                self._points().append((STEPS[point], time.time_ns()))

        log.crash = passed

    def _points(self) -> list[tuple[str, int]]:
        points: list[tuple[str, int]] | None = getattr(self._passed, "points", None)
        if points is None:
            points = self._passed.points = []
        return points

    def batch(self, outcomes: Sequence[Answer | Error], seconds: float) -> None:
        """Make the span of a batch that this thread has just carried through."""
        end = time.time_ns()
        start = end - int(seconds * 1e9)
        steps = [*self._points(), ("make answers", end)]
        self._points().clear()
        rejected = sum(isinstance(item, Error) for item in outcomes)
        counts = {"entrepot.acts": len(outcomes), "entrepot.rejected": rejected}
        span = self._tracer.start_span("batch", start_time=start, attributes=counts)
        if span.is_recording():
            inside = set_span_in_context(span)
            for name, ended in steps:
                step = self._tracer.start_span(name, context=inside, start_time=start)
                step.end(ended)
                start = ended
        span.end(end)

    def request(self, name: str, status: int, seconds: float, traceparent: str) -> None:
        """Make the span of a request: `name` is method and route, never the path as asked."""
        end = time.time_ns()
        parent: Any = None
        if traceparent:
            parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        span = self._tracer.start_span(
            name,
            context=parent,
            kind=SpanKind.SERVER,
            start_time=end - int(seconds * 1e9),
            attributes={"http.response.status_code": status},
        )
        span.end(end)

    def close(self) -> None:
        """Send what waits and stop."""
        self._provider.shutdown()
