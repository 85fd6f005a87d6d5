"""OpenTelemetry traces: a span for each request, and below it one for each stage of a search and each piece of work.

Off unless VASARI_TRACES names a collector: then spans are sent there in batches, over OTLP/HTTP. A span tells how long
something took and which code did it, never what was asked for: no words, no query strings, no file names of callers. A
caller's `traceparent` (W3C Trace Context) makes the request a part of its trace, and decides whether it is recorded.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from importlib import import_module
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import Scope

from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.errors import MissingExtraError
from vasari.retrieval.search.stage_timer import StageTimer
from vasari.retrieval.version import __version__

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

_SENT_WITHIN = 5.0  # seconds that a collector has to take a batch
_UNTRACED = frozenset({"/livez", "/readyz", "/metrics"})  # asked every few seconds, by machines
_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)  # of a request that is recorded


def require_opentelemetry() -> None:
    """Raise MissingExtraError without the packages that make and send spans."""
    needed = {
        "opentelemetry.sdk.trace": "opentelemetry-sdk",
        "opentelemetry.exporter.otlp.proto.http.trace_exporter": "opentelemetry-exporter-otlp-proto-http",
    }
    for module, package in needed.items():
        try:
            import_module(module)
        except ImportError:
            raise MissingExtraError(package, "otel") from None


class Tracing:
    """Where the spans of this process go."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("vasari", __version__)

    @classmethod
    def open(cls, settings: ServiceSettings) -> Tracing | None:
        """As the settings say, None without a collector; MissingExtraError without its packages."""
        if settings.traces is None:
            return None
        require_opentelemetry()
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

        here = {
            "service.name": "vasari",
            "service.version": __version__,
            "service.instance.id": f"{socket.gethostname()}-{os.getpid()}",
        }
        provider = TracerProvider(
            # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come last, and count.
            resource=Resource.create(here).merge(OTELResourceDetector().detect()),
            sampler=ParentBased(TraceIdRatioBased(settings.traces_share)),
            shutdown_on_exit=False,
        )
        exporter = OTLPSpanExporter(f"{settings.traces.rstrip('/')}/v1/traces", timeout=_SENT_WITHIN)
        provider.add_span_processor(BatchSpanProcessor(exporter))
        return cls(provider)

    def close(self) -> None:
        """Send what was not sent; a collector that is away is waited for no longer than a batch takes."""
        self._provider.force_flush(int(_SENT_WITHIN * 1000))
        self._provider.shutdown()

    @contextmanager
    def request(self, scope: Scope, request_id: str) -> Iterator[RequestSpan | None]:
        """The span of a request, current while it is answered; None for one that is not recorded."""
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        if scope["path"] in _UNTRACED:
            yield None
            return
        carrier = {name: value for name, value in Headers(scope=scope).items() if name.startswith("trace")}
        parent = TraceContextTextMapPropagator().extract(carrier)
        with self._tracer.start_as_current_span(
            scope["method"],
            parent,
            SpanKind.SERVER,
            _facts(scope, request_id),
            record_exception=False,
            set_status_on_exception=False,
        ) as recorded:
            if not recorded.is_recording():
                yield None
                return
            token = _tracer.set(self._tracer)
            try:
                yield RequestSpan(recorded)
            finally:
                _tracer.reset(token)


class RequestSpan:
    """The span of a request that is being answered."""

    def __init__(self, recorded: Any) -> None:
        self._span = recorded

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits, for the log."""
        return f"{self._span.get_span_context().trace_id:032x}"

    def answered(self, method: str, route: str, status: int) -> None:
        """Name the span by what was asked for, and note how it ended; 5xx are errors."""
        from opentelemetry.trace import StatusCode

        self._span.update_name(f"{method} {route}")
        self._span.set_attribute("http.route", route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)


def _facts(scope: Scope, request_id: str) -> dict[str, str | int]:
    """Attributes by OpenTelemetry's semantic conventions for HTTP, without what the caller looks for."""
    facts: dict[str, str | int] = {
        "http.request.method": scope["method"],
        "url.scheme": scope["scheme"],
        "network.protocol.version": scope["http_version"],
        "vasari.request_id": request_id,
    }
    if scope.get("client"):
        facts["client.address"] = scope["client"][0]
    if scope.get("server"):
        facts["server.address"], facts["server.port"] = scope["server"]
    return facts


@contextmanager
def span(name: str, **facts: str | int) -> Iterator[None]:
    """A span below the current one, while its block runs; nothing outside of a request that is recorded."""
    tracer = _tracer.get()
    if tracer is None:
        yield
        return
    with tracer.start_as_current_span(
        name, attributes=facts, record_exception=False, set_status_on_exception=False
    ) as recorded:
        try:
            yield
        except BaseException as error:  # its words may be the caller's
            recorded.set_attribute("error.type", type(error).__qualname__)
            raise


def mark(name: str) -> None:
    """Note a moment in the current span: an event."""
    if _tracer.get() is not None:
        from opentelemetry.trace import get_current_span

        get_current_span().add_event(name)


class TracedStages(StageTimer):
    """Times of a search's stages, each a span too."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """As `StageTimer.stage`."""
        with span(name), super().stage(name):
            yield
