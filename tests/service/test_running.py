"""A service under load, told to stop, with several workers, and with callers that leave or hurry."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.patience import LONG, until
from tests.service.colours import picture
from tests.service.conftest import Live, Serve, Served

pytestmark = pytest.mark.long

SECONDS = float(os.environ.get("VASARI_LOAD_SECONDS", "1"))
NEW_ONES = httpx.Limits(max_keepalive_connections=0)
# Reading the machine's certificates takes 0.1 s a client.
UNCERTIFIED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
CLIENTS = int(os.environ.get("VASARI_LOAD_CLIENTS", "8"))


def test_a_deadline_is_kept(served: Served) -> None:
    """A caller that allows little time gets 504 in time, and the service goes on."""
    served.library.model.gate.clear()
    response = served.client.post("/v1/search", json={"query": "slow"}, headers={"X-Deadline-Ms": "150"})
    assert (response.status_code, response.json()["type"]) == (504, "urn:vasari:problem:deadline")
    served.library.model.gate.set()
    assert served.client.post("/v1/search", json={"query": "red"}).status_code == 200


def test_overload_is_told_at_once(serve: Serve) -> None:
    """With the queue full, one more request is answered 429 with Retry-After, and is not kept waiting."""
    served = serve(waiting=4, batch_size=1)
    served.library.model.gate.clear()
    statuses: list[int] = []

    def ask(number: int) -> None:
        statuses.append(served.client.post("/v1/search", json={"query": f"words {number}"}).status_code)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(5)]
    threads[0].start()
    assert served.library.model.entered.wait(60)  # the first is with the model, so four fit into the queue
    for thread in threads[1:]:
        thread.start()
    until(lambda: served.service.depths.get("text", 0) == 4)
    refused = served.client.post("/v1/search", json={"query": "one more"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) >= 1
    served.library.model.gate.set()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 5


def test_nothing_is_computed_for_a_caller_that_left(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    """A request whose connection was closed while it waited never reaches the model."""
    caplog.set_level(logging.INFO, logger="vasari.access")
    live.library.model.gate.clear()
    body = json.dumps({"query": "left"}).encode()
    head = b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += b"Content-Length: %d\r\n\r\n" % len(body)
    with httpx.Client(base_url=live.url, timeout=LONG) as client:
        first = threading.Thread(target=lambda: client.post("/v1/search", json={"query": "first"}))
        first.start()
        assert live.library.model.entered.wait(60)
        with socket.create_connection(live.address) as leaver:
            leaver.sendall(head + body)
            until(lambda: live.service.depths["text"] == 1)
        until(lambda: any(" 499 " in record.getMessage() for record in caplog.records))
        live.library.model.gate.set()
        first.join()
        assert client.post("/v1/search", json={"query": "last"}).status_code == 200
    assert live.library.model.text_batches == [1, 1]


def test_a_caller_that_leaves_amid_its_body_is_no_fault_of_the_service(
    live: Live, caplog: pytest.LogCaptureFixture
) -> None:
    """It is noted as gone, not as an error inside."""
    caplog.set_level(logging.INFO, logger="vasari.access")
    with socket.create_connection(live.address) as leaver:
        leaver.sendall(b"POST /v1/search HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{")
    until(lambda: caplog.records)
    assert [" 499 " in record.getMessage() for record in caplog.records] == [True]


def test_health_tells_what_is_wrong(served: Served) -> None:
    """Ready while everything works; not ready, with the part named, when the model fails."""
    answer = served.client.get("/readyz")
    assert answer.status_code == 200
    assert set(answer.json()["checks"]) == {"database", "index", "model", "workers"}
    served.service.jobs.close()
    broken = served.client.get("/readyz")
    assert broken.status_code == 503
    assert broken.json()["checks"]["workers"] == {"ok": False}
    assert served.client.get("/livez").json() == {"status": "alive"}


def test_metrics_count_what_happened(served: Served) -> None:
    """Requests by route, stages, batches, cache and index rows are there for Prometheus."""
    for _ in range(2):
        served.client.post("/v1/search", json={"query": "red"})
    text = served.client.get("/metrics").text
    for line in (
        'vasari_requests_total{method="POST",route="/v1/search",status="200"} 2.0',
        'vasari_batch_size_count{model="text"} 1.0',
        'vasari_embedding_cache_total{outcome="hit"} 1.0',
        'vasari_index_rows{modality="image",space="colours"} 8.0',
        'vasari_stage_seconds_count{stage="embed"} 2.0',
        'vasari_queue_depth{queue="threads"} 0.0',
    ):
        assert line in text, line


@contextmanager
def process(root: Path, log: Path, **environment: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A service in its own processes, and its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    variables = {
        **os.environ,
        "VASARI_LIBRARY": str(root),
        "VASARI_PORT": str(port),
        "VASARI_PRELOAD": "none",
        "VASARI_RATE_PER_SECOND": "0",
        "VASARI_DEADLINE_MS": str(1000 * LONG),
        # A caller on a busy machine may need more than half a second to ask over the connection that it just made.
        "VASARI_TEST_LAST_LOOK": str(LONG),
        **environment,
    }
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "tests.service.standalone"],
            env=variables,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_alive(url, running, log)
            yield running, url
        finally:
            if running.poll() is None:
                os.killpg(running.pid, signal.SIGKILL)  # workers too
            running.wait()


def _wait_until_alive(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    with httpx.Client(verify=UNCERTIFIED) as client:

        def answers() -> bool:
            assert running.poll() is None, log.read_text()
            try:
                return client.get(f"{url}/livez").status_code == 200
            except httpx.TransportError:
                return False

        until(answers, 0.1)


def _begun(log: Path, count: int) -> list[int]:
    """The processes that serve or did, in the order in which they were ready, once there are `count`."""

    def begun() -> list[int]:
        return [
            entry["process"] for entry in _entries(log) if entry["message"] == "Application startup complete."
        ]

    until(lambda: len(begun()) >= count, 0.05)
    return begun()


def _entries(log: Path) -> list[dict[str, Any]]:
    """The lines that the service has logged whole."""
    lines = log.read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]


def _searches(log: Path) -> list[dict[str, Any]]:
    return [entry for entry in _entries(log) if entry.get("path") == "/v1/search"]


def _ended(client: httpx.Client, job: int) -> dict[str, Any]:
    """The job once it has ended."""

    def state() -> dict[str, Any]:
        told: dict[str, Any] = client.get(f"/v1/jobs/{job}").json()
        return told

    until(lambda: state()["state"] != "running", 0.1)
    return state()


class Crowd:
    """Clients that search without pause, each on new connections, and check every answer."""

    def __init__(self, url: str, ids: dict[str, int]) -> None:
        self.url = url
        self.ids = ids
        self.deleted: set[int] = set()
        self.wrong: list[str] = []
        self.answered = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        colours = ["red", "green", "blue", "white", "violet"]
        turn = number
        with httpx.Client(timeout=LONG, limits=NEW_ONES, verify=UNCERTIFIED) as client:
            self._go_on(client, colours, turn)

    def _go_on(self, client: httpx.Client, colours: list[str], turn: int) -> None:
        while not self._stop.is_set():
            turn += 1
            colour = colours[turn % len(colours)]
            gone = set(self.deleted)
            try:
                answer = client.post(f"{self.url}/v1/search", json={"query": f"{colour} {turn}", "limit": 5})
            except httpx.ConnectError:
                return  # not accepted any more
            except httpx.TransportError as error:  # a connection that was made is not cut
                self.wrong.append(repr(error))
                return
            with self._lock:
                self.answered += 1
            if answer.status_code != 200:
                self.wrong.append(f"{answer.status_code}: {answer.text}")
                continue
            hits = [hit["id"] for hit in answer.json()["hits"]]
            if hits[0] != self.ids[colour]:
                self.wrong.append(f"{colour}: {hits}")
            if gone & set(hits):
                self.wrong.append(f"deleted items came back: {gone & set(hits)}")


@pytest.mark.parametrize("workers", [1, 2])
def test_load_while_indexing_and_a_stop(
    coloured: tuple[Path, Path, dict[str, int]], tmp_path: Path, workers: int
) -> None:
    """A worker that is killed is replaced.

    Under load, a job indexes, an index is switched and items are deleted: no error, no wrong and no deleted item.

    Then SIGTERM: every request that the service accepted is answered.
    """
    root, photos = tmp_path / "library", tmp_path / "photos"
    shutil.copytree(coloured[0], root)
    photos.mkdir()
    for shade in range(40):
        (photos / f"{shade}.png").write_bytes(picture((shade + 60, shade + 60, shade + 60), side=8))
    log = tmp_path / "log"
    with process(root, log, VASARI_WORKERS=str(workers), VASARI_ROOTS=json.dumps([str(photos)])) as (
        running,
        url,
    ):
        if workers > 1:
            os.kill(_begun(log, workers)[0], signal.SIGKILL)
            _begun(log, workers + 1)  # another took its place
        with (
            Crowd(url, coloured[2]) as crowd,
            # An open connection would hold up the stop.
            httpx.Client(base_url=url, timeout=LONG, limits=NEW_ONES) as client,
        ):
            for body in (
                {"kind": "index", "paths": [str(photos)]},
                {"kind": "rebuild", "index_kind": "flat"},
            ):
                job = client.post("/v1/jobs", json=body).json()["id"]
                state = _ended(client, job)
                assert state["state"] == "done", state
            for colour in ("orange", "black"):
                number = coloured[2][colour]
                assert client.delete(f"/v1/items/{number}").status_code == 204
                crowd.deleted.add(number)
                time.sleep(SECONDS / 2)
            until(lambda: crowd.wrong or len({line["process"] for line in _searches(log)}) == workers, 0.1)
            until(lambda: crowd.wrong or crowd.answered > CLIENTS)
            running.send_signal(signal.SIGTERM)
            running.wait(LONG)
        assert crowd.wrong == []
        assert {line["status"] for line in _searches(log)} == {200}
        assert len(_searches(log)) == crowd.answered
