"""Prometheus metrics, read at /metrics.

Counters and histograms are kept by the process; with several workers prometheus-client adds them up through files
in PROMETHEUS_MULTIPROC_DIR, which `vasari serve` sets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


class Metrics:
    """All figures of one service."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self.requests = Counter(
            "vasari_requests", "Requests answered.", ["method", "route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "vasari_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=registry
        )
        self.stage_seconds = Histogram(
            "vasari_stage_seconds",
            "Time of a search's stage.",
            ["stage"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.batch_size = Histogram(
            "vasari_batch_size", "Inputs a model call.", ["model"], buckets=_SIZES, registry=registry
        )
        self.batch_seconds = Histogram(
            "vasari_batch_seconds", "Time of a model call.", ["model"], buckets=_SECONDS, registry=registry
        )
        self.cache = Counter(
            "vasari_embedding_cache", "Look-ups of cached embeddings.", ["outcome"], registry=registry
        )
        self.queue_depth = Gauge(
            "vasari_queue_depth", "Inputs waiting.", ["queue"], registry=registry, multiprocess_mode="livesum"
        )
        self.index_rows = Gauge(
            "vasari_index_rows",
            "Live vectors.",
            ["space", "modality"],
            registry=registry,
            multiprocess_mode="max",
        )
        self.index_generation = Gauge(
            "vasari_index_generation",
            "Number of the active generation, 0 without one.",
            ["space", "modality"],
            registry=registry,
            multiprocess_mode="max",
        )

    def batch(self, name: str, size: int, seconds: float) -> None:
        """Note one call of a model."""
        self.batch_size.labels(name).observe(size)
        self.batch_seconds.labels(name).observe(seconds)

    def stages(self, stages_ms: Mapping[str, float]) -> None:
        """Note the stages of one search."""
        for stage, milliseconds in stages_ms.items():
            self.stage_seconds.labels(stage).observe(milliseconds / 1000)

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """Note one request; `route` is the pattern, not the address: its values are few."""
        self.requests.labels(method, route, str(status)).inc()
        self.request_seconds.labels(route).observe(seconds)

    def text(self) -> bytes:
        """All figures in Prometheus' text format, of all worker processes."""
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:  # prometheus-client's own switch
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
