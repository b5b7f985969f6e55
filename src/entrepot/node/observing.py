"""What an operator sees of a node: numbers (Prometheus), one log line per request, traces.

Labels are kinds of acts, outcomes, routes and codes of errors: few, and nobody's. Neither numbers
nor lines hold an address, a key, a body, a query or the text of a foreign exception.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

from entrepot.kernel.errors import Error, StorageError
from entrepot.kernel.sequencer import Answer
from entrepot.node.intake import Intake

LATENCIES_S: Final = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
SIZES: Final = (1, 4, 16, 64, 256, 1_024, 4_096)
OUTCOMES: Final = ("granted", "refused", "referred")
_KIND_AT: Final = 4
"""Where the kind stands in an entry: map head, 1: 1, 2: text (`kernel.record`)."""

Reading = Callable[[], float]


class Observed:
    """The metrics of one running node. Safe to use from several threads."""

    def __init__(self, intake: Intake, tree_size: Callable[[], int]) -> None:
        """Make the metrics and begin to listen to the intake."""
        self.registry = CollectorRegistry()
        self.last_batch_at = time.time()
        self.on_batch: Callable[[Sequence[Answer | Error], float], None] | None = None
        self.gauges: dict[str, tuple[str, Reading]] = {}
        self._acts = Counter(
            "entrepot_acts", "Acts answered.", ("kind", "outcome"), registry=self.registry
        )
        self._rejected = Counter(
            "entrepot_acts_rejected",
            "Acts that were no valid acts, by code of the error.",
            ("code",),
            registry=self.registry,
        )
        self._repeated = Counter(
            "entrepot_acts_repeated", "Acts answered a second time.", registry=self.registry
        )
        self._batch_s = Histogram(
            "entrepot_batch_seconds",
            "From taking a batch to its answers, flushed and published.",
            buckets=LATENCIES_S,
            registry=self.registry,
        )
        self._batch_acts = Histogram(
            "entrepot_batch_acts", "Acts in a batch.", buckets=SIZES, registry=self.registry
        )
        self._storage = Counter(
            "entrepot_storage_errors", "Batches that storage refused.", registry=self.registry
        )
        self._requests = Counter(
            "entrepot_http_requests",
            "Requests answered.",
            ("method", "route", "status"),
            registry=self.registry,
        )
        self._request_s = Histogram(
            "entrepot_http_request_seconds",
            "From the first byte to the last one of the answer.",
            ("route",),
            buckets=LATENCIES_S,
            registry=self.registry,
        )
        self.gauge("entrepot_queue_acts", "Acts that wait.", lambda: intake.depth)
        self.gauge("entrepot_tree_size", "Entries under the published checkpoint.", tree_size)
        self.gauge(
            "entrepot_checkpoint_age_seconds",
            "Since this process last published.",
            lambda: time.time() - self.last_batch_at,
        )
        self.gauge("entrepot_defects", "Acts our own code failed at.", lambda: intake.tally.defects)
        self.gauge("entrepot_busy", "Requests turned away, queue full.", lambda: intake.tally.busy)
        self.registry.register(_Gauges(self.gauges))
        ProcessCollector(namespace="entrepot", registry=self.registry)
        intake.on_batch = self.batch

    def gauge(self, name: str, says: str, reading: Reading) -> None:
        """Add a gauge that is read when it is asked for (a part's own: witness lag, cursors)."""
        self.gauges[name] = (says, reading)

    def batch(
        self, _acts: Sequence[bytes], outcomes: Sequence[Answer | Error], seconds: float
    ) -> None:
        """Count one batch of the intake."""
        if self.on_batch is not None:
            self.on_batch(outcomes, seconds)
        self._batch_s.observe(seconds)
        self._batch_acts.observe(len(outcomes))
        counts: dict[tuple[str, str], int] = {}
        refused: StorageError | None = None
        for outcome in outcomes:
            if isinstance(outcome, Error):
                self._rejected.labels(outcome.code).inc()
                refused = outcome if isinstance(outcome, StorageError) else refused
            elif outcome.repeated:
                self._repeated.inc()
            else:
                name = (kind_of_entry(outcome.entry), OUTCOMES[outcome.decision.outcome])
                counts[name] = counts.get(name, 0) + 1
        for (kind, word), count in counts.items():
            self._acts.labels(kind, word).inc(count)
        if refused is not None:
            self._storage.inc()
        else:
            self.last_batch_at = time.time()

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request; `route` is the path as it is routed, never as it was asked."""
        self._requests.labels(method, route or "none", str(status)).inc()
        self._request_s.labels(route or "none").observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format 0.0.4."""
        return generate_latest(self.registry)


class _Gauges(Collector):
    """Gauges whose value is asked for when Prometheus asks."""

    def __init__(self, gauges: dict[str, tuple[str, Reading]]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        """Give every gauge its value of now."""
        for name, (says, reading) in list(self._gauges.items()):
            yield GaugeMetricFamily(name, says, value=float(reading()))


def kind_of_entry(entry: bytes) -> str:
    """Return the kind that an entry of our own log names, without decoding the rest of it."""
    head = entry[_KIND_AT]
    if head < 0x78:
        return entry[_KIND_AT + 1 : _KIND_AT + 1 + (head & 0x1F)].decode()
    return entry[_KIND_AT + 2 : _KIND_AT + 2 + entry[_KIND_AT + 1]].decode()
