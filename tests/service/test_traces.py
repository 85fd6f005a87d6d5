"""OpenTelemetry traces, taken by a collector (OTLP over HTTP): a request, its stages and its work in threads."""

from __future__ import annotations

import gzip
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.testclient import TestClient

from tests.patience import LONG, until
from tests.service.colours import ColourLibrary, picture
from vasari.api.service.app import create_app
from vasari.api.service.runtime.tracing import span
from vasari.api.service.server import free_port
from vasari.api.service.settings import ServiceSettings
from vasari.retrieval.errors import UsageError
from vasari.retrieval.version import __version__

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNRECORDED = PARENT[:-2] + "00"


@dataclass
class Collector:
    """Takes spans, and keeps them."""

    url: str = ""
    resource: dict[str, Any] = field(default_factory=dict)
    spans: list[Any] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            self.resource = _values(resource.resource.attributes)
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]

    def named(self, name: str) -> Any:
        [found] = [span for span in self.spans if span.name == name]
        return found

    def below(self, parent: Any) -> list[str]:
        """Names of the spans right below one, in their order."""
        children = [span for span in self.spans if span.parent_span_id == parent.span_id]
        return [span.name for span in sorted(children, key=lambda span: span.start_time_unix_nano)]


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A collector that listens, as any does that takes OTLP over HTTP."""
    taken = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.take(gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    taken.url = f"http://127.0.0.1:{server.server_port}"
    yield taken
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def library(coloured: tuple[Path, Path, dict[str, int]], tmp_path: Path) -> ColourLibrary:
    shutil.copytree(coloured[0], tmp_path / "library")
    return ColourLibrary.open(tmp_path / "library")


@contextmanager
def serving(library: ColourLibrary, **settings: Any) -> Iterator[TestClient]:
    """A service; at its end all spans were sent."""
    app = create_app(lambda: library, ServiceSettings(preload="none", rate_per_second=0, **settings))
    with TestClient(
        app,
        base_url="http://127.0.0.1:7600",
        client=("127.0.0.1", 50000),
        raise_server_exceptions=False,
    ) as client:
        yield client


def test_a_search_is_a_span_with_its_stages_below(
    library: ColourLibrary, collector: Collector, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller's trace goes on; a stage's work lies below it; the log names the trace; what was asked stays here."""
    caplog.set_level(logging.INFO, logger="vasari.access")
    with serving(library, traces=collector.url) as client:
        headers = {"traceparent": PARENT}
        answer = client.post("/v1/search?x=secret", json={"query": "secret words"}, headers=headers)
        assert answer.status_code == 200
        assert client.get("/livez").status_code == 200
    [record] = [one for one in caplog.records if "/v1/search" in one.getMessage()]
    assert record.facts["trace"] == PARENT.split("-")[1]  # type: ignore[attr-defined]
    request = collector.named("POST /v1/search")
    assert request.trace_id.hex() == PARENT.split("-")[1]
    assert request.parent_span_id.hex() == PARENT.split("-")[2]
    facts = _values(request.attributes)
    assert facts["http.route"] == "/v1/search"
    assert facts["http.response.status_code"] == 200
    assert facts["vasari.request_id"] == answer.headers["x-request-id"]
    assert collector.below(request)[-4:] == ["library.Library.space", "understand", "embed", "engine.search"]
    assert collector.below(collector.named("embed")) == ["batch text"]
    work = collector.named("engine.search")
    assert _values(work.attributes) == {"vasari.pool": "threads"}
    assert [event.name for event in work.events] == ["a thread begins"]
    stages = collector.below(work)
    assert {"open", "candidates", "hydrate"} <= set(stages)
    for one in collector.spans:
        assert one.start_time_unix_nano <= one.end_time_unix_nano
        assert "secret" not in str(one)
    assert not any("livez" in one.name for one in collector.spans)
    assert collector.resource["service.name"] == "vasari"


def test_whose_caller_records_nothing_is_not_recorded(library: ColourLibrary, collector: Collector) -> None:
    """A caller's decision counts, whatever share is traced; without one the share does."""
    with serving(library, traces=collector.url, traces_share=0.0) as client:
        for headers in ({"traceparent": UNRECORDED}, {}, {"traceparent": "00-zz-01"}):
            assert client.get("/v1/items", headers=headers).status_code == 200
        assert client.get("/v1/items", headers={"traceparent": PARENT}).status_code == 200
    assert [one.trace_id.hex() for one in collector.spans if one.name.startswith("GET")] == [
        PARENT.split("-")[1]
    ]


def test_failures_are_errors_of_spans(library: ColourLibrary, collector: Collector) -> None:
    """What the service fails at is an error, what the caller did wrong is none; neither shows words of theirs."""
    with serving(library, traces=collector.url) as client:
        files = {"image": ("secret.png", picture("red")[:40], "image/png")}
        assert client.post("/v1/items", files=files).status_code == 422
        library.model.poison = "secret"
        assert client.post("/v1/search", json={"query": "secret"}).status_code == 500
    request = collector.named("POST /v1/items")
    assert request.status.code == 0
    assert _values(request.attributes)["http.response.status_code"] == 422
    failed = collector.named("POST /v1/search")
    assert (failed.status.code, _values(failed.attributes)["error.type"]) == (2, "500")
    assert _values(collector.named("batch text").attributes)["error.type"] == "RuntimeError"
    assert "secret" not in str(collector.spans)


def test_a_collector_that_is_away_costs_no_answer(library: ColourLibrary) -> None:
    """Requests are answered, and the service stops, whether spans arrive or not."""
    with serving(library, traces=f"http://127.0.0.1:{free_port('127.0.0.1', 0)}") as client:
        assert client.get("/v1/items").status_code == 200


def test_outside_of_a_request_nothing_is_traced() -> None:
    """Jobs and commands run the same code, and have no spans."""
    with span("anything", inputs=1):
        pass


@pytest.mark.parametrize("address", ["localhost:4318", "ftp://a", "http://", "http://a:99999", ""])
def test_a_wrong_address_is_refused_in_words(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no address of a collector is said before anything listens; empty is none."""
    monkeypatch.setenv("VASARI_TRACES", address)
    if not address:
        assert ServiceSettings().traces is None
        return
    with pytest.raises(
        UsageError, match=r"VASARI_TRACES is .*, which is no address such as http://127.0.0.1:4318"
    ):
        ServiceSettings()


def test_the_command_of_the_guide_sends_traces(
    coloured: tuple[Path, Path, dict[str, int]], collector: Collector, tmp_path: Path
) -> None:
    """What docs/operations.md shows, at other ports; the last spans arrive when the process is told to stop."""
    guide = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
    [line] = re.findall(r"^VASARI_TRACES=http://127.0.0.1:4318 (vasari serve)$", guide, re.MULTILINE)
    shutil.copytree(coloured[0], tmp_path / "library")
    port = free_port("127.0.0.1", 0)
    environment = os.environ | {"VASARI_TRACES": collector.url, "VASARI_LIBRARY": str(tmp_path / "library")}
    command = [Path(sys.executable).with_name("vasari"), *line.split()[1:], "--port", str(port)]
    with subprocess.Popen(
        command, env=environment | {"VASARI_PRELOAD": "none"}, stderr=subprocess.DEVNULL
    ) as service:
        try:
            until(lambda: _answers(f"http://127.0.0.1:{port}/v1/items") or service.poll() is not None)
        finally:
            service.send_signal(signal.SIGTERM)
        assert service.wait() in (0, -signal.SIGTERM)
    assert collector.named("GET /v1/items").kind == 2  # of a server
    assert collector.resource["service.version"] == __version__


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=LONG).status_code == 200
    except httpx.TransportError:
        return False
