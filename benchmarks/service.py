"""Requests a second of the service, beside a plain loop on the same machine, model and items.

    python -m benchmarks.service [--items 100000] [--seconds 10]

Every query is another one, so no cache helps. Clients keep their connections. The service runs twice: with its text
tower in float32, and in 8 bits (`VASARI_TEXT_PRECISION=int8`); vectors, items and the exact search are the same. Wall
times depend on what else the machine does; `cpu ms` is the processor time of the server a request, which hardly does.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import io
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.cache import cache_folder, random_model
from benchmarks.measuring import finish

CONCURRENCY = (1, 8, 32)
_WORDS = """
red blue green old small wooden boat house lighthouse harbour mountain beach dog cat horse car
tree street night morning sunset rain snow fog people children woman man standing running
sitting on under beside near a the with two three many large bright dark empty crowded
""".split()  # noqa: SIM905 (nobody reads a list of fifty quoted words)


@dataclass(frozen=True, slots=True)
class Figures:
    """One server, one kind of query, one number of clients."""

    server: str
    query: str
    clients: int
    requests_per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    cpu_ms: float
    failed: int


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test."""

    name: str
    port: int
    path: str
    pid: int
    text_body: Callable[[str], object]
    image_body: Callable[[str], object]


def texts(seed: int) -> Iterator[str]:
    """Queries of four to ten words, never the same twice."""
    drawn = random.Random(seed)
    while True:
        yield " ".join(drawn.choices(_WORDS, k=drawn.randint(4, 10))) + f" {drawn.randrange(10**6)}"


def pictures(seed: int) -> Iterator[str]:
    """Base64 of JPEG photos of 640 × 480 pixels, each with another byte at its end (decoders stop before it)."""
    drawn = np.random.default_rng(seed)
    smooth = Image.fromarray(drawn.integers(0, 255, (24, 32, 3), dtype=np.uint8)).resize((640, 480))
    buffer = io.BytesIO()
    smooth.save(buffer, "JPEG", quality=88)
    while True:
        yield base64.b64encode(buffer.getvalue() + drawn.bytes(8)).decode()


def prepare(items: int) -> tuple[Path, Path, Path]:
    """Model, library and plain files of the items; made once."""
    model = random_model("ViT-B-32")
    folder = cache_folder(f"service-{items}")
    library, plain = folder / "library", folder / "plain"
    if not (plain / "uris.txt").is_file():
        command = [sys.executable, "-m", "benchmarks.filled_library", library, "--items", str(items)]
        more = ["--model", model, "--photos", "/photos", "--also", plain]
        subprocess.run([*map(str, command), *map(str, more)], check=True)
    return model, library, plain


@contextmanager
def started(command: list[str], port: int, probe: str, **environment: str) -> Iterator[int]:
    """Run a server until the block ends; its process id."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit(f"cannot start {' '.join(command)}")
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
                connection.request("GET", probe)
                connection.getresponse().read()
                break
            except OSError:
                time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        process.wait(90)


def measure(server: Server, query: str, clients: int, seconds: float) -> Figures:
    """Ask with so many clients at once for so long."""
    taken: list[float] = []
    failed = [0]
    end = time.perf_counter() + seconds

    def ask(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
        queries = (texts if query == "text" else pictures)(hash((clients, number, seconds)) % 2**32)
        body_of = server.text_body if query == "text" else server.image_body
        while time.perf_counter() < end:
            body = json.dumps(body_of(next(queries)))
            began = time.perf_counter()
            connection.request("POST", server.path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            content = answer.read()
            found = json.loads(content) if answer.status == 200 else {}
            if len(found.get("hits", ())) != 10:
                failed[0] += 1
            taken.append(time.perf_counter() - began)

    before, began = _cpu_seconds(server.pid), time.perf_counter()
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent, cpu = time.perf_counter() - began, _cpu_seconds(server.pid) - before
    p50, p95, p99 = (1000 * float(np.quantile(taken, share)) for share in (0.5, 0.95, 0.99))
    return Figures(
        server.name, query, clients, len(taken) / spent, p50, p95, p99, 1000 * cpu / len(taken), failed[0]
    )


def _cpu_seconds(pid: int) -> float:
    """Processor time of a process so far (Linux); both servers are one process."""
    facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(facts[11]) + int(facts[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def run(items: int, seconds: float) -> list[Figures]:
    """All figures of both servers, one server at a time."""
    model, library, plain = prepare(items)
    figures: list[Figures] = []
    for precision in ("float32", "int8"):
        port = _free_port()
        settings = {
            "VASARI_LIBRARY": str(library),
            "VASARI_PORT": str(port),
            "VASARI_PRELOAD": "all",
            "VASARI_RATE_PER_SECOND": "0",
            "VASARI_OFFLINE": "1",
            "VASARI_LOG_LEVEL": "WARNING",
            "VASARI_TEXT_PRECISION": precision,
        }
        vasari = str(Path(sys.executable).with_name("vasari"))
        with started([vasari, "serve"], port, "/readyz", **settings) as pid:
            ours = Server(
                f"vasari {precision}",
                port,
                "/v1/search",
                pid,
                lambda text: {"terms": [{"text": text}]},
                lambda image: {"terms": [{"image": image}]},
            )
            # Only texts have an 8-bit form; pictures are embedded alike in both.
            figures += _all(ours, seconds, ("text", "image") if precision == "float32" else ("text",))
    port = _free_port()
    command = [sys.executable, "-m", "benchmarks.peers.plain_loop", str(model), str(plain), str(port)]
    with started(command, port, "/") as pid:
        peer = Server(
            "plain loop", port, "/search", pid, lambda text: {"text": text}, lambda image: {"image": image}
        )
        figures += _all(peer, seconds, ("text", "image"))
    return figures


def _all(server: Server, seconds: float, queries: Sequence[str]) -> list[Figures]:
    found = []
    for query in queries:
        measure(server, query, max(CONCURRENCY), min(seconds, 5))  # warm: threads started, connections open
        for clients in CONCURRENCY:
            found.append(measure(server, query, clients, seconds))
            print(_line(found[-1]), flush=True)
    return found


def _line(row: Figures) -> str:
    return (
        f"{row.server:14} {row.query:6} {row.clients:7} {row.requests_per_second:10.1f} {row.p50_ms:9.1f}"
        f" {row.p95_ms:9.1f} {row.p99_ms:9.1f} {row.cpu_ms:9.1f} {row.failed:7}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    print(
        "server         query  clients requests/s    p50 ms    p95 ms    p99 ms    cpu ms  failed", flush=True
    )
    figures = run(arguments.items, arguments.seconds)
    rate = {(row.server, row.query, row.clients): row.requests_per_second for row in figures}
    plain = rate["plain loop", "text", 32]
    ratios = {name: rate[f"vasari {name}", "text", 32] / plain for name in ("float32", "int8")}
    for name, ratio in ratios.items():
        print(f"text throughput at 32 clients, query texts in {name}: {ratio:.1f} times the plain loop's")
    finish(
        "service",
        items=arguments.items,
        figures=[asdict(row) for row in figures],
        text_ratio_at_32={name: round(ratio, 2) for name, ratio in ratios.items()},
    )


if __name__ == "__main__":
    main()
